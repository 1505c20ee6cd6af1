"""Positions from a spreadsheet: one row a position, columns as in the account file, and `mark_price`."""

import csv
from collections.abc import Mapping
from decimal import Decimal
from io import StringIO

from crossmargin.domain.account import AccountMode, PositionMode
from crossmargin.domain.documents import one_line, read_text
from crossmargin.domain.numbers import Sign, number, shown
from crossmargin.errors import InputError
from crossmargin.formats.account_file import Book
from crossmargin.formats.account_shape import PositionEntry
from crossmargin.formats.places import build_from

__all__ = ["read_positions_csv"]

COLUMNS = (*PositionEntry.__struct_fields__, "mark_price")

Row = tuple[int, dict[str, str]]
"""Line of the file, and its cells by column, empty cells left out."""


def read_positions_csv(
    path: str,
    *,
    venue: str,
    balances: Mapping[str, Decimal | str],
    account_mode: AccountMode = AccountMode.SINGLE_CURRENCY,
    position_mode: PositionMode = PositionMode.ONE_WAY,
    as_of: str | None = None,
) -> Book:
    """Read positions from a CSV file.

    The first row names the columns, in any order; an empty cell is a key that is not given. Cells are text
    until the account file's door reads them: a formula (``=1+1``) is not a number.

    Args:
        path: UTF-8 with commas; a byte order mark, CRLF and quoted cells are read as meant.
        venue: Rule set.
        balances: Realised cash by currency, without the margin of isolated positions.
        account_mode: How collateral is shared.
        position_mode: One-way or hedge.
        as_of: Day or time that picks the dated rules.

    Raises:
        InputError: ``file:line: column: problem``.
    """
    rows = _rows(read_text(path), path)
    raw: dict[str, object] = {
        "venue": venue,
        "account_mode": account_mode.value,
        "position_mode": position_mode.value,
        "balances": {currency: str(amount) for currency, amount in balances.items()},
        "positions": [{key: cell for key, cell in cells.items() if key != "mark_price"} for _, cells in rows],
        "marks": _marks(rows, path),
    }
    if as_of is not None:
        raw["as_of"] = as_of
    names = {f"positions[{index}]": f"line {line}" for index, (line, _) in enumerate(rows)}
    try:
        return build_from(raw, path, names, ())
    except InputError as error:
        raise _at_line(error) from None


def _at_line(error: InputError) -> InputError:
    """Write ``file: line 8.leverage`` as editors do: ``file:8: leverage``."""
    place, _, column = error.field.partition(".")
    if not place.startswith("line "):
        return error
    return InputError(f"{error.source}:{place.removeprefix('line ')}", column, error.problem)


def _rows(text: str, path: str) -> list[Row]:
    """Cells by column, each row with the line that it starts on; rows without any content are left out."""
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    rows: list[Row] = []
    start = 1
    try:
        for cells in reader:
            line, start = start, reader.line_num + 1
            if not any(cells):
                continue
            if header is None:
                header = _header(cells, f"{path}:{line}")
            else:
                rows.append((line, _cells(header, cells, f"{path}:{line}")))
    except csv.Error as error:
        raise InputError(f"{path}:{start}", "", f"not valid CSV: {error}") from None
    if header is None:
        raise InputError(path, "", f"empty: the first row names the columns, some of {', '.join(COLUMNS)}")
    return rows


def _header(cells: list[str], place: str) -> list[str]:
    if len(cells) == 1 and (";" in cells[0] or "\t" in cells[0]):
        raise InputError(place, "", "the cells have to be separated by commas")
    for index, name in enumerate(cells):
        if name not in COLUMNS:
            raise InputError(place, "", f"unknown column {shown(name)}: expected some of {', '.join(COLUMNS)}")
        if name in cells[:index]:
            raise InputError(place, name, "the same column stands twice")
    return cells


def _cells(header: list[str], cells: list[str], place: str) -> dict[str, str]:
    if len(cells) != len(header):
        raise InputError(place, "", f"{len(cells)} cells where the header has {len(header)}")
    return {name: cell for name, cell in zip(header, cells, strict=True) if cell}


def _marks(rows: list[Row], path: str) -> dict[str, str]:
    """Mark price of each instrument; rows of one instrument may repeat it but not change it."""
    marks: dict[str, str] = {}
    for line, cells in rows:
        cell, name = cells.get("mark_price"), cells.get("instrument", "")
        if cell is None:
            continue
        try:
            price = number(cell, Sign.POSITIVE)
        except ValueError as error:
            raise InputError(f"{path}:{line}", "mark_price", str(error)) from None
        before = marks.setdefault(name, cell)
        if price != number(before, Sign.POSITIVE):
            problem = f"{cell} contradicts {before} given for {one_line(name)} above"
            raise InputError(f"{path}:{line}", "mark_price", problem)
    return {name: price for name, price in marks.items() if name}
