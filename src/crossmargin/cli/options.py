"""Options that several verbs share, and the one way in which they read a book."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import click

from crossmargin.cli import FILE
from crossmargin.domain.arithmetic import plain
from crossmargin.domain.numbers import Sign, number
from crossmargin.errors import InputError
from crossmargin.formats.account_file import Book

__all__ = ["EVIDENCE", "amounts", "balances_option", "json_option", "load_book", "one_number", "venue_option"]

EVIDENCE = (
    "Marks: S solid, reproduced by numbers; D documented by the venue; O observed in its answers; "
    "3 third party; R recalled, not confirmed."
)
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
        if name in found:
            raise InputError(option, name, "given twice")
        found[name] = one_number(text, option, sign, name)
    return found


def one_number(text: str, option: str, sign: Sign = Sign.ANY, name: str = "") -> Decimal:
    """Read the number of an option; a percentage is refused with the fraction to write instead."""
    try:
        return number(text, sign)
    except ValueError as error:
        problem = str(error)
    if text.endswith("%"):
        try:
            fraction = plain(number(text[:-1].rstrip()).scaleb(-2))
            problem = f"percentages are written as fractions: {fraction} instead of {text}"
        except ValueError:
            pass
    raise InputError(option, name, problem)


def load_book(path: str, venue: str | None, balances: tuple[str, ...]) -> Book:
    """Read an account file, saved ccxt JSON or a CSV of positions."""
    from crossmargin.formats.read import read_book

    click.get_current_context().meta[FILE] = path
    lacking = [] if venue is not None else ["--venue NAME"]
    lacking += [] if balances else ["--balance CUR=AMOUNT"]
    if path.lower().endswith(".csv") and lacking:
        raise InputError(path, "", f"a .csv file holds positions only: add {' and '.join(lacking)}")
    return read_book(path, venue=venue, balances=amounts(balances, "--balance") or None)
