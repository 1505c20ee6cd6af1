"""How much a posted file may hold, so that no answer takes the venue's time for long.

A liquidation price is solved for each coin over all legs, so the work grows with the square of the legs; where the
whole account is one pool, each piece between two tiers takes three assessments more, and a what-if makes two reports.
The figures are chosen so that the slowest answer takes less than 50 ms of a core.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from crossmargin.domain.account import Order, Position
from crossmargin.errors import MissingDataError
from crossmargin.formats.account_file import Book
from crossmargin.server.risk.refused import RiskError

__all__ = [
    "BODY_MAX",
    "CHANGES_MAX",
    "ENTRIES_MAX",
    "KEYS_MAX",
    "TIERS_MAX",
    "check_book",
    "check_count",
    "check_document",
]

BODY_MAX = 64 * 1024
"""Bytes of a body."""
ENTRIES_MAX = {"currency": 12, "account": 3}
"""Positions and orders together, by what shares collateral: each currency, or the whole account."""
TIERS_MAX = {"currency": 120, "account": 30}
"""Tiers of what is held and ordered, likewise; a what-if may hold half."""
CHANGES_MAX = {"currency": 5, "account": 2}
"""Changes of one what-if, likewise."""
KEYS_MAX = 40
"""Keys of any one table of the file."""


def check_document(raw: object) -> None:
    """Refuse a document that would be long to read, before it is read; what is no account file passes.

    Raises:
        RiskError: 413.
    """
    if not isinstance(raw, dict):
        return
    entries = [len(raw[name]) for name in ("positions", "orders") if isinstance(raw.get(name), list)]
    check_count("positions and orders", sum(entries), max(ENTRIES_MAX.values()))
    for table in raw.values():
        if isinstance(table, dict):
            check_count("keys in one table", len(table), KEYS_MAX)
    check_count("tiers", sum(_rows(raw)), max(TIERS_MAX.values()))


def _rows(raw: dict[str, Any]) -> Iterator[int]:
    """How many rows each list of tiers has."""
    for name in ("instruments", "collateral"):
        table = raw.get(name)
        for each in table.values() if isinstance(table, dict) else ():
            for rows in each.values() if isinstance(each, dict) else ():
                yield len(rows) if isinstance(rows, list) else 0


def check_book(book: Book, reports: int = 1) -> None:
    """Refuse an account with more in it than can be answered in time.

    Args:
        book: The account.
        reports: How many reports the answer has.

    Raises:
        RiskError: 413.
    """
    scope = book.rulebook.rules.pool_scope
    entries: list[Position | Order] = [*book.account.positions, *book.account.orders]
    check_count("positions and orders", len(entries), ENTRIES_MAX[scope])
    tables = {(each.instrument, each.margin_mode): _tiers(book, each) for each in entries}
    check_count("tiers", sum(tables.values()), TIERS_MAX[scope] // reports)


def _tiers(book: Book, entry: Position | Order) -> int:
    """How many tiers an instrument has, the rulebook's own included."""
    try:
        return len(book.rulebook.tier_table(book.rulebook.instrument(entry.instrument), entry.margin_mode).tiers)
    except MissingDataError:
        return 0


def check_count(what: str, count: int, most: int) -> None:
    """Refuse more of something than is answered here.

    Raises:
        RiskError: 413.
    """
    if count > most:
        raise RiskError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"request: {count} {what}: at most {most} are taken here")
