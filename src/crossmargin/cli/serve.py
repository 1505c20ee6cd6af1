"""crossmargin serve: the paper exchange."""

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import click

from crossmargin.errors import InputError

__all__ = ["command"]


@click.command("serve")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Others than loopback need TLS.")
@click.option("--db", metavar="FILE", help="Journal; history and keys lie beside it. Without: in memory.")
@click.option("--market", default="generated", show_default=True, metavar="TEXT", help="Where prices come from.")
@click.option("--speed", type=float, default=1, help="How many times faster recorded prices are played.")
@click.option("--demo", is_flag=True, help="A demo account with money, and a key for it.")
@click.option("--book", metavar="FILE", help="Account file with positions that the demo account starts with.")
@click.option("--rate-limit", type=click.IntRange(0), default=600, show_default=True, help="Calls in two seconds.")
@click.option("--tls", is_flag=True, help="TLS with a certificate of our own, made beside the journal.")
@click.option("--tls-cert", metavar="FILE", help="Certificate chain, PEM.")
@click.option("--tls-key", metavar="FILE", help="Its private key, PEM.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A further name of this server.")
@click.option(
    "--idle", type=click.FloatRange(min=1), default=30, show_default=True, help="Seconds a WebSocket may be quiet."
)
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after this long.")
def command(**given: Any) -> int:
    """Run a paper exchange that speaks OKX v5 over HTTP and WebSocket.

    The first line of output is a JSON object: url, ws_url, key, secret, passphrase, admin_token.

    Example: crossmargin serve --port 8080 --db venue.db --market generated:7 --demo
    """
    book = given["book"]
    if book is not None and not given["demo"]:
        raise InputError("--book", book, "it is the demo account's: add --demo")
    try:
        from crossmargin.server import run
        from crossmargin.server.ws.limits import SocketLimits
    except ImportError as error:
        raise InputError("serve", "", f"{error.name} is missing: pip install 'crossmargin[serve]'") from None
    from crossmargin.formats.read import read_book
    from crossmargin.market.text import open_market

    certificate, key, authority = _path(given["tls_cert"]), _path(given["tls_key"]), None
    if given["tls"] and certificate is None:
        from crossmargin.server.tls import own_certificate

        own = own_certificate(_path(given["db"]) or Path(mkdtemp(prefix="crossmargin-")) / "venue", given["host"])
        certificate, key, authority = own.chain, own.key, own.authority
    options = run.Options(
        database=_path(given["db"]),
        host=given["host"],
        port=given["port"],
        market=given["market"],
        demo=given["demo"],
        book=None if book is None else read_book(book),
        calls=given["rate_limit"],
        certificate=certificate,
        private_key=key,
        authority=authority,
        hosts=given["allow_host"],
        sockets=SocketLimits(idle_s=given["idle"]),
        seconds=given["seconds"],
    )
    return run.serve(open_market(given["market"], given["speed"]), options, run.print_line)


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)
