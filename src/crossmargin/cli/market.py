"""crossmargin market: the prices of a running, generated market."""

import click

from crossmargin.cli import screen
from crossmargin.cli.remote import ask
from crossmargin.domain.numbers import Sign, number
from crossmargin.errors import InputError

__all__ = ["command"]


@click.group("market")
def command() -> None:
    """Prices of a generated market on a running exchange."""


@command.command()
@click.argument("instrument")
@click.argument("price")
@click.option("--url", required=True, help="Address of the exchange.")
@click.option("--admin-token", "token", required=True, help="As the exchange printed it when it started.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def move(instrument: str, price: str, url: str, token: str, as_json: bool) -> None:
    """Move index, mark and last price of INSTRUMENT to PRICE at once.

    Example: crossmargin market move BTC-USDT-SWAP 85000 --url http://127.0.0.1:8080 --admin-token TOKEN
    """
    try:
        number(price, Sign.POSITIVE)
    except ValueError as error:
        raise InputError("PRICE", "", str(error)) from None
    found = ask(url, token, "market/move", {"instrument": instrument, "price": price})
    if as_json:
        screen.as_json(found)
    else:
        screen.say(f"{found['instrument']} is at {found['price']}")
