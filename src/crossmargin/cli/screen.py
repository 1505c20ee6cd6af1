"""What a person sees: tables in a terminal, plain aligned text in a pipe, one JSON object with --json."""

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import click

from crossmargin.formats.human import human, percent, sentence

__all__ = ["STATUS_EXIT", "as_json", "heading", "human", "percent", "say", "sentence", "table"]

STATUS_EXIT = {"safe": 0, "warning": 2, "liquidation": 3}

_NUMBER = re.compile(r"-|~0|safe|warning|liquidation||-?[0-9][0-9,.]*(?: %| contracts)?")
_GAP = "  "
_LINES_MAX = 5  # a cell that would be taller is read better in a block
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


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "", less: Sequence[str] = ()) -> None:
    """Print a table: in a terminal with colours and as wide as fits, in a pipe plain and in full.

    Columns of numbers stand to the right. Where a terminal is too narrow, cells of several words run over several
    lines, then columns are left out and named below the table, as many of `less` as it takes; where all that is not
    enough, every row becomes a block of ``label  value`` lines. No word is broken.
    """
    if title:
        heading(title)
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    colours = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if colours else 0
    for count in range(len(less) + 1):
        kept = [i for i, name in enumerate(columns) if name not in less[:count]]
        cut = [[row[i] for i in kept] for row in [columns, *texts]]
        if _printed(cut[0], cut[1:], width, colours=colours):
            if count:
                say(f"Left out in this narrow terminal: {', '.join(less[:count])}")
            return
    _blocks(columns, texts)


def _printed(columns: Sequence[str], texts: Sequence[Sequence[str]], width: int, *, colours: bool) -> bool:
    """Print a table if it fits."""
    numeric = [all(_NUMBER.fullmatch(row[i]) for row in texts) for i in range(len(columns))]
    widths = _widths(columns, texts, numeric, width)
    if widths is None:
        return False
    for number, row in enumerate([list(columns), *texts]):
        cells = [wrap(cell, size) or [""] for cell, size in zip(row, widths, strict=True)]
        for lines in zip_longest(*cells, fillvalue=""):
            shown = [
                line.rjust(size) if right else line.ljust(size)
                for line, size, right in zip(lines, widths, numeric, strict=True)
            ]
            if colours:
                shown = [_coloured(each, line, header=not number) for each, line in zip(shown, lines, strict=True)]
            click.echo(_GAP.join(shown).rstrip())
    return True


def _widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool], width: int
) -> list[int] | None:
    """Width of each column in a terminal of a width (0: no limit); None where the table does not fit."""
    natural = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    room = width - len(_GAP) * (len(columns) - 1)
    if not width or sum(natural) <= room:
        return natural
    least = []
    for i, right in enumerate(numeric):
        words = [len(word) for word in columns[i].split()]
        words += [len(row[i]) if right else _longest_word(row[i]) for row in rows]
        least.append(max(words, default=0))
    spare = room - sum(least)
    if spare < 0:
        return None
    wanted = [whole - bare for whole, bare in zip(natural, least, strict=True)]
    widths = [bare + spare * more // (sum(wanted) or 1) for bare, more in zip(least, wanted, strict=True)]
    tall = max((len(wrap(row[i], widths[i])) for row in rows for i in range(len(columns)) if row[i]), default=1)
    return widths if tall <= _LINES_MAX else None


def _longest_word(text: str) -> int:
    return max(map(len, text.split()), default=0)


def _blocks(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Each row as a block: its first cell, and below it a line for every other cell that is not empty."""
    size = max((len(name) for name in columns[1:]), default=0)
    for number, row in enumerate(rows):
        if number:
            click.echo()
        click.echo(click.style(row[0] or columns[0], bold=True))
        for name, cell in zip(columns[1:], row[1:], strict=True):
            if cell:
                click.echo(f"  {name.ljust(size)}  {_coloured(cell, cell)}")


def _coloured(padded: str, text: str, *, header: bool = False) -> str:
    if header:
        return click.style(padded, bold=True)
    colour = _COLOURS.get(text)
    return click.style(padded, fg=colour) if colour else padded


def wrap(text: str, width: int) -> list[str]:
    """Lines of whole words that fit a width; runs of spaces stay where nothing has to be wrapped."""
    if len(text) <= width:
        return [text]
    return textwrap.wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False)
