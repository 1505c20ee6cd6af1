"""Cells of the page's tables: what is read, how it is marked, and what is said when it is pointed at."""

from datetime import UTC, datetime
from decimal import Decimal

from crossmargin.domain.arithmetic import plain
from crossmargin.formats.human import human, percent

__all__ = ["Cell", "amount", "moment", "money", "price", "share", "signed", "text"]

Cell = tuple[str, str, str]
"""Text, class, and the exact figure behind a rounded one (empty: none)."""


def text(value: str, kind: str = "") -> Cell:
    """Words."""
    return value, kind, ""


def amount(value: Decimal) -> Cell:
    """A number, rounded for the eye; all its digits are told on pointing at it."""
    return human(value), "number", plain(value)


def money(value: Decimal) -> Cell:
    """An amount of a currency: hundredths, more of what is below one."""
    return _money(value), "number", plain(value)


def price(value: Decimal | None, tick: Decimal | None, why: str = "") -> Cell:
    """A price with the places of its tick; where there is none, why is told on pointing at it."""
    if value is None:
        return "none", "number absent", why
    places = max(0, -int(tick.as_tuple().exponent)) if tick is not None else 2
    return f"{value:,.{places}f}", "number", plain(value)


def _money(value: Decimal) -> str:
    return f"{value:,.2f}" if abs(value) >= 1 or not value else human(value)


def signed(value: Decimal, more: str = "") -> Cell:
    """A gain or a loss, with its sign."""
    kind = "gain" if value > 0 else "loss" if value < 0 else ""
    shown = f"{'+' if value > 0 else ''}{_money(value)}"
    return f"{shown} {more}".strip(), f"number {kind}".strip(), plain(value)


def share(value: Decimal | None, absent: str = "none") -> Cell:
    """A fraction as a percentage."""
    if value is None:
        return absent, "number absent", ""
    return percent(value), "number", plain(value)


def moment(milliseconds: int) -> Cell:
    """A time of day, the whole of it on pointing at it."""
    at = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{at:%H:%M:%S}", "time", f"{at:%Y-%m-%d %H:%M:%S} UTC"
