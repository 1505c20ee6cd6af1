"""Tier tables as ccxt answers them become a dated rulebook file."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec import Struct

from crossmargin.domain.arithmetic import plain
from crossmargin.domain.numbers import Sign, number
from crossmargin.errors import CrossMarginError, InputError
from crossmargin.rulebook.load import parse_tiers
from crossmargin.rulebook.model import Rulebook

__all__ = ["Fetched", "tier_file"]


class Fetched(Struct, frozen=True, kw_only=True):
    """Tiers of one instrument as fetched: rows (bound, maintenance rate, largest leverage)."""

    family: str
    kind: str
    rows: tuple[tuple[Decimal | None, Decimal, Decimal | None], ...]


def tier_file(answers: Mapping[str, Iterable[Mapping[str, Any]]], rulebook: Rulebook, on: date, source: str) -> str:
    """Write the text of a dated tier file.

    Args:
        answers: ccxt's ``fetch_leverage_tiers``: rows by unified symbol (maxNotional, maintenanceMarginRate,
            maxLeverage).
        rulebook: Its rules say what bounds count and whether deductions are computed.
        on: Day of the fetch, from which the tables hold.
        source: Where they were fetched.

    Raises:
        InputError: an answer that is no table; nothing is written then.
    """
    blocks = []
    for symbol, rows in answers.items():
        try:
            instrument = rulebook.instrument(symbol)
        except CrossMarginError:
            continue
        fetched = Fetched(
            family=instrument.family or instrument.id, kind=instrument.kind.value, rows=_rows(symbol, rows, source)
        )
        blocks.append(_block(fetched, on, source))
    if not blocks:
        raise InputError(source, "", f"no tiers of an instrument that {rulebook.venue} lists")
    text = "\n".join(blocks)
    parse_tiers(text, source, rulebook.rules)  # whatever would be refused later is refused now
    return text


def _rows(
    symbol: str, rows: Iterable[Mapping[str, Any]], source: str
) -> tuple[tuple[Decimal | None, Decimal, Decimal | None], ...]:
    found = []
    for index, row in enumerate(rows):
        where = f"{symbol}[{index}]"
        rate = _read(row.get("maintenanceMarginRate"), f"{where}.maintenanceMarginRate", source)
        if rate is None:
            raise InputError(source, f"{where}.maintenanceMarginRate", "missing")
        bound = _read(row.get("maxNotional"), f"{where}.maxNotional", source)
        found.append((bound, rate, _read(row.get("maxLeverage"), f"{where}.maxLeverage", source)))
    if not found:
        raise InputError(source, symbol, "an empty table")
    return tuple(found)


def _read(value: object, field: str, source: str) -> Decimal | None:
    if value is None or value == "":
        return None
    text = repr(value) if isinstance(value, float) else value
    try:
        return number(text, Sign.POSITIVE)
    except ValueError as error:
        if isinstance(text, str) and ("e+" in text or "inf" in text):
            return None  # "without bound", as venues write it
        raise InputError(source, field, str(error)) from None


def _block(fetched: Fetched, on: date, source: str) -> str:
    lines = [
        "[[tiers]]",
        f'kind = "{fetched.kind}"',
        f'families = ["{fetched.family}"]',
        f"effective_from = {on.isoformat()}",
        f'source = "{source}"',
        'columns = ["up_to", "maintenance_rate", "max_leverage"]',
        "rows = [",
    ]
    last = len(fetched.rows) - 1
    for index, (bound, rate, leverage) in enumerate(fetched.rows):
        top = "" if bound is None or (index == last and not bound) else plain(bound)
        lines.append(f'    ["{top}", "{plain(rate)}", "{plain(leverage) if leverage is not None else ""}"],')
    return "\n".join([*lines, "]", ""])
