"""What a person sees: tables in a terminal, plain aligned text in a pipe, one JSON object with --json."""

import json
import re
import sys
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import click

from crossmargin.domain.arithmetic import plain

__all__ = ["STATUS_EXIT", "as_json", "heading", "human", "percent", "say", "table"]

STATUS_EXIT = {"safe": 0, "warning": 2, "liquidation": 3}

_SHOWN = Context(prec=400, rounding=ROUND_HALF_EVEN)
_NUMBER = re.compile(r"-|~0|safe|warning|liquidation||-?[0-9][0-9,.]*(?: %| contracts)?")
_DUST = Decimal("1e-12")
_COLOURS = {"safe": "green", "warning": "yellow", "liquidation": "red", "refused": "red", "done": "green"}


def as_json(document: object) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=True))


def say(text: str = "") -> None:
    """Print one line of prose."""
    click.echo(text)


def heading(text: str) -> None:
    """Print a title over a table."""
    click.echo()
    click.secho(text, bold=True)


def human(value: Decimal | str | None, places: int | None = None) -> str:
    """A number for the eye: thousands apart, as many places as its size deserves; "-" where there is none.

    >>> human(Decimal("76854.27135678")), human(Decimal("0.000123456789")), human(None), human(Decimal(10000))
    ('76,854.27', '0.00012345679', '-', '10,000')
    """
    if value is None or value == "":
        return "-"
    number = Decimal(value)
    if not number:
        return "0"
    if abs(number) < _DUST:
        return "~0"
    if places is None:
        places = 2 if number.adjusted() > 1 else 4
        if number.adjusted() < 0:
            places = 7 - number.adjusted()
    shown = plain(number.quantize(Decimal(1).scaleb(-places), context=_SHOWN))
    whole, point, fraction = shown.partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-')):,}{point}{fraction}"


def percent(value: Decimal | str | None, places: int = 2) -> str:
    """A fraction as a percentage."""
    return "-" if value is None or value == "" else f"{human(Decimal(value) * 100, places)} %"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
    """Print a table: with colours on a terminal, aligned columns in a pipe. Columns of numbers stand to the right."""
    if title:
        heading(title)
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    numeric = [all(_NUMBER.fullmatch(row[i]) for row in texts) for i in range(len(columns))]
    if sys.stdout.isatty():
        _rich_table(columns, texts, numeric)
        return
    widths = [max(len(row[i]) for row in [list(columns), *texts]) for i in range(len(columns))]
    for row in [list(columns), *texts]:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, right in zip(columns, numeric, strict=True):
        shown.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
    Console().print(shown)
