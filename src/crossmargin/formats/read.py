"""One door for every file that describes an account: `read_book` picks the reader by ending and content."""

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from crossmargin.domain.documents import one_line
from crossmargin.domain.numbers import shown
from crossmargin.errors import InputError
from crossmargin.formats.account_file import Book, build_book, parse_document
from crossmargin.formats.ccxt_file import is_ccxt, read_ccxt
from crossmargin.formats.csv_file import read_positions_csv

__all__ = ["read_book"]

_ENDINGS = (".toml", ".yaml", ".yml", ".json")


def read_book(
    path: str | Path, *, venue: str | None = None, balances: Mapping[str, Decimal | str] | None = None
) -> Book:
    """Read an account from any of the forms that we know.

    Args:
        path: An account file (.toml, .yaml, .yml, .json), a .json file or a folder of saved ccxt answers, or
            a .csv file of positions.
        venue: Rule set, where the file names none.
        balances: Realised cash by currency; a .csv file has none of its own.

    Raises:
        InputError: file, field and problem in one line.
    """
    path = str(path)
    if path.lower().endswith(".csv"):
        return _csv(path, venue, balances)
    if balances is not None:
        raise InputError(path, "balances", "stand in the file itself: give them for a .csv file only")
    if os.path.isdir(path):
        return read_ccxt(path, venue=venue)
    if not path.lower().endswith(_ENDINGS):
        raise InputError(
            one_line(path),
            "",
            f"ending not known: expected {', '.join(_ENDINGS)}, .csv or a folder of saved ccxt answers",
        )
    raw = parse_document(path)
    if is_ccxt(raw) and path.lower().endswith(".json"):
        return read_ccxt(path, venue=venue)
    if venue is not None and isinstance(raw, dict) and raw.setdefault("venue", venue) != venue:
        problem = f"{shown(raw['venue'])} contradicts {shown(venue)} given beside the file"
        raise InputError(path, "venue", problem)
    return build_book(raw, path)


def _csv(path: str, venue: str | None, balances: Mapping[str, Decimal | str] | None) -> Book:
    if venue is None or balances is None:
        lacking = "venue" if venue is None else "balances"
        raise InputError(path, lacking, "a .csv file holds positions only: give it beside the file")
    return read_positions_csv(path, venue=venue, balances=balances)
