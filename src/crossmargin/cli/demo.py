"""`crossmargin demo`: a paper exchange with a day trader's book, ready to be traded on."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crossmargin.cli import screen
from crossmargin.cli.demo_fates import command as fates
from crossmargin.cli.demo_fates import day_trader
from crossmargin.errors import InputError

if TYPE_CHECKING:
    from crossmargin.server.run import Started

__all__ = ["command"]

PORT = 8080
FOLDER = "crossmargin-demo"


@click.group("demo", invoke_without_command=True)
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after this long.")
@click.option("--port", type=click.IntRange(0, 65535), help=f"Default: {PORT}, or a free one if that is taken.")
@click.option("--folder", default=FOLDER, show_default=True, metavar="FOLDER", help="Where the exchange is kept.")
@click.option("--market", default="generated:1", show_default=True, metavar="TEXT", help="Where prices come from.")
@click.pass_context
def command(ctx: click.Context, seconds: float | None, port: int | None, folder: str, market: str) -> int:
    """Run a paper exchange with a demo account that holds a day trader's book.

    10,000 USDT; long 0.5 BTC at 90,000, short 10 ETH at 3,000, long 100 SOL at 140, all cross at 10x. A second start
    goes on where the first ended; a folder that is removed begins anew. `crossmargin demo fates` tells of the same book
    in two crashes.

    Example: crossmargin demo --seconds 60
    """
    if ctx.invoked_subcommand is not None:
        return 0
    try:
        from crossmargin.server import run
    except ImportError as error:
        raise InputError("demo", "", f"{error.name} is missing: pip install 'crossmargin[serve]'") from None
    from crossmargin.market.text import open_market

    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--folder", folder, error.strerror or str(error)) from None
    options = run.Options(
        database=place / "venue.db",
        port=_free(port),
        market=market,
        demo=True,
        book=day_trader(),
        seconds=seconds,
    )
    return run.serve(open_market(market), options, welcome)


command.add_command(fates)


def _free(port: int | None) -> int:
    """The port asked for; else the usual one, or 0 (any) where somebody holds it."""
    if port is not None:
        return port
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return 0
    return PORT


def welcome(started: "Started", at: dict[str, Any]) -> None:
    """Say where it is and how to trade on it."""
    account = started.exchange.venue.assessment("demo").currencies["USDT"]
    screen.say(f"The exchange is open: {at['url']}")
    screen.say(f"  its page       {at['url']}/")
    screen.say(f"  WebSocket      {at['ws_url']}")
    for name in ("key", "secret", "passphrase", "admin_token"):
        screen.say(f"  {name.replace('_', ' '):<14} {at[name]}")
    screen.say()
    equity = screen.human(account.equity, 2)
    ratio = screen.percent(account.margin_ratio)
    screen.say(f"The demo account has {equity} USDT and three positions; its margin ratio is {ratio}.")
    screen.say("Trade on it with ccxt, unmodified:")
    screen.say()
    for line in snippet(at):
        screen.say(f"  {line}")
    screen.say()
    screen.say(f"Move a price:  crossmargin market move BTC-USDT-SWAP 80000 --url {at['url']} --admin-token TOKEN")
    screen.say("Ctrl-C ends it; what was answered is kept.")


def snippet(at: dict[str, Any]) -> list[str]:
    """Five lines of Python that trade on it."""
    urls = f'{{"api": {{"rest": "{at["url"]}", "ws": "{at["ws_url"]}"}}}}'
    return [
        "import ccxt",
        f'okx = ccxt.okx({{"apiKey": "{at["key"]}", "secret": "{at["secret"]}",',
        f'                "password": "{at["passphrase"]}", "urls": {urls}}})',
        'okx.create_order("BTC/USDT:USDT", "market", "buy", 1, params={"tdMode": "cross"})',
        'print(okx.fetch_balance()["USDT"], [p["contracts"] for p in okx.fetch_positions()])',
    ]
