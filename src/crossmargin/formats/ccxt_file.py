"""Saved answers of ccxt become a Book: `fetch_balance`, `fetch_positions` and, if any, `fetch_open_orders`.

Where a figure can be had in several ways, this is what is taken; `Book.assumptions` lists what was.

================  =====================================================================================
cash              the venue's own (`ccxt_balance`), else total less unrealised PnL and isolated margin
mark price        ``marks`` beside the answers, else the position's, else the ticker's; never the last
other prices      the venue's text in ``info`` (a binary fraction has lost digits), else ccxt's
isolated margin   ``info`` (``margin``, ``isolatedWallet``), ``positionMargin``, or collateral - PnL
leverage          ccxt's, else position value / initial margin if whole, else the rulebook's default
contract size     the position's; where the rulebook has another, the position's replaces it
rules' date       ``as_of`` beside the answers, else the newest rules: answers carry no time of their own
================  =====================================================================================

Instruments that the rulebook does not know are defined from symbol and contract size; their tiers and fees
can be given under ``instruments``, in the account file's form. Positions of size 0 and orders that are not
open are left out.
"""

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from crossmargin.domain.arithmetic import exact
from crossmargin.domain.documents import convert, one_line, parse_json, read_text
from crossmargin.domain.numbers import shown
from crossmargin.errors import InputError
from crossmargin.formats.account_file import Book
from crossmargin.formats.ccxt_account import Assembly
from crossmargin.formats.ccxt_shape import Saved
from crossmargin.formats.places import build_from

__all__ = ["is_ccxt", "read_ccxt"]

NEEDED = ("balance", "positions")
ANSWERS = ("balance", "positions", "orders", "tickers")


def is_ccxt(raw: object) -> bool:
    """Whether a parsed document holds answers of ccxt (an account file has ``balances``, not ``balance``)."""
    return isinstance(raw, dict) and "balance" in raw


def read_ccxt(saved: str | Mapping[str, Any], *, venue: str | None = None, source: str = "ccxt") -> Book:
    """Read an account from saved answers of ccxt.

    Args:
        saved: A JSON file with the keys of `crossmargin.formats.ccxt_shape.Saved`; a folder of balance.json,
            positions.json and perhaps orders.json and tickers.json; or the pieces by key, each an answer or
            the path of a file that holds one.
        venue: Rule set, where `saved` names none.
        source: What stands for the file in messages, where there is none.

    Raises:
        InputError: file, field and problem.

    >>> position = {"symbol": "BTC/USDT:USDT", "side": "long", "contracts": 2.0, "contractSize": 0.01,
    ...             "entryPrice": 100000.0, "markPrice": 95000.5, "leverage": 10.0, "marginMode": "cross"}
    >>> wallet = {"info": {"data": [{"details": [{"ccy": "USDT", "cashBal": "500.25"}]}]}}
    >>> book = read_ccxt({"venue": "okx", "balance": wallet, "positions": [position]})
    >>> book.account.balances["USDT"], book.account.positions[0].contracts, book.marks.mark["BTC-USDT-SWAP"]
    (Decimal('500.25'), Decimal('2'), Decimal('95000.5'))
    """
    raw, sources = _pieces(saved, source)
    if venue is not None and raw.setdefault("venue", venue) != venue:
        problem = f"{shown(raw['venue'])} contradicts {shown(venue)} given beside the file"
        raise InputError(sources[""], "venue", problem)
    try:
        return _book(convert(raw, Saved, sources[""]), sources[""])
    except InputError as error:
        piece = re.split(r"[.\[]", error.field)[0]
        raise InputError(sources.get(piece, sources[""]), error.field, error.problem) from None


@exact
def _book(saved: Saved, source: str) -> Book:
    assembly = Assembly(saved, source)
    return build_from(assembly.account(), source, assembly.names, tuple(assembly.notes))


def _pieces(saved: str | Mapping[str, Any], source: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The answers by key, with numbers as written, and the file that each is from ("" for all others)."""
    if isinstance(saved, str) and os.path.isdir(saved):
        files = {name: os.path.join(saved, f"{name}.json") for name in ANSWERS}
        absent = [f"{name}.json" for name in NEEDED if not os.path.exists(files[name])]
        if absent:
            more = "; orders.json and tickers.json are read too where they are there"
            raise InputError(one_line(saved), "", f"a folder of saved ccxt answers needs {' and '.join(absent)}{more}")
        return _pieces({name: path for name, path in files.items() if os.path.exists(path)}, saved)
    if isinstance(saved, str):
        raw = parse_json(read_text(saved), saved)
        if not isinstance(raw, dict):
            raise InputError(saved, "", f"expected a table with balance and positions, found {shown(raw)}")
        return raw, {"": saved}
    raw, sources = {}, {"": source}
    for name, piece in saved.items():
        if name in ANSWERS and isinstance(piece, str):
            raw[name], sources[name] = parse_json(read_text(piece), piece), piece
        else:
            raw[name] = _as_written(piece, source, name)
    return raw, sources


def _as_written(piece: object, source: str, name: str) -> Any:  # noqa: ANN401 - any answer
    """An answer as a file would hold it: a binary fraction becomes its shortest text."""
    try:
        return parse_json(json.dumps(piece, default=str), source)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(source, name, f"cannot be written as JSON: {error}") from None
