"""Options that several verbs share, and the one way in which they read a book."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import click

from crossmargin.domain.numbers import Sign, number
from crossmargin.errors import InputError
from crossmargin.formats.account_file import Book

__all__ = ["amounts", "balances_option", "json_option", "load_book", "venue_option"]

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")(command)


def venue_option(command: Command) -> Command:
    """Add --venue, for files that do not name their rules."""
    return click.option("--venue", help="Rulebook for files that name none (ccxt JSON, CSV).")(command)


def balances_option(command: Command) -> Command:
    """Add --balance, for files that hold only positions."""
    text = "Balance for files that hold only positions, for example USDT=10000 (repeat)."
    return click.option("--balance", "balances", multiple=True, metavar="CUR=AMOUNT", help=text)(command)


def amounts(pairs: tuple[str, ...], option: str, sign: Sign = Sign.ANY) -> dict[str, Decimal]:
    """Read NAME=NUMBER pairs."""
    found = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise InputError(option, pair, "expected NAME=NUMBER")
        try:
            found[name] = number(text, sign)
        except ValueError as error:
            raise InputError(option, name, str(error)) from None
    return found


def load_book(path: str, venue: str | None, balances: tuple[str, ...]) -> Book:
    """Read an account file, saved ccxt JSON or a CSV of positions."""
    from crossmargin.formats.read import read_book

    return read_book(path, venue=venue, balances=amounts(balances, "--balance") or None)
