"""Funding: when a perpetual settles and at which rate; positive rates are paid by longs to shorts."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct

from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.numbers import number
from crossmargin.errors import InputError, MissingDataError
from crossmargin.market.candles import Tape
from crossmargin.market.rows import Window, moment, rows, time_of

__all__ = ["NO_FUNDING", "Funding", "Settlement", "constant_funding", "read_funding", "recorded_funding"]

HOUR_MS = 3_600_000
CONSTANT_INTERVAL_MS = 8 * HOUR_MS
_AT_OPEN = "charged on the value at the open of its bar"


class Settlement(Struct, frozen=True):
    """One settlement: its time (UTC milliseconds) and its rate, a fraction of the position's value."""

    time_ms: int
    rate: Decimal


class Funding(Struct, frozen=True):
    """Rates that fall due in each bar of a tape, by instrument id, and what was assumed."""

    due: dict[int, dict[str, Decimal]]
    assumption: str


NO_FUNDING = Funding({}, "funding none: no funding is paid")


def constant_funding(rate: Decimal, tape: Tape) -> Funding:
    """One rate for every instrument, settled at 00:00, 08:00 and 16:00 UTC."""
    due: dict[int, dict[str, Decimal]] = {}
    for time_ms in tape.times:
        first = -(-time_ms // CONSTANT_INTERVAL_MS)
        count = -(-(time_ms + tape.step_ms) // CONSTANT_INTERVAL_MS) - first
        if count > 0:
            due[time_ms] = dict.fromkeys(tape.marks, rate * count)
    return Funding(due, f"funding {rate}: the same rate for all, at 00:00, 08:00 and 16:00 UTC, {_AT_OPEN}")


def read_funding(path: str) -> dict[str, tuple[Settlement, ...]]:
    """Read a funding file: ts_ms, funding_rate and perhaps symbol; freqtrade keeps the rate under open.

    Returns:
        Settlements by symbol; the key is "" where the file has no such column.

    Raises:
        InputError: ``file:line: problem``.
    """
    column = "open" if path.endswith(".feather") else "funding_rate"
    found: dict[str, list[Settlement]] = {}
    for row in rows(path, ("ts_ms", column), ("symbol",)):
        settlements = found.setdefault(row.cells[2], [])
        time_ms = time_of(row, row.cells[0], settlements[-1].time_ms if settlements else None)
        try:
            settlements.append(Settlement(time_ms, number(row.cells[1])))
        except ValueError as error:
            raise row.wrong(f"{column}: {error}") from None
    if not found:
        raise InputError(path, "", "no row")
    return {symbol: tuple(settlements) for symbol, settlements in found.items()}


def recorded_funding(
    settlements: Mapping[str, Iterable[Settlement]], tape: Tape, *, allow_gaps: bool = False
) -> Funding:
    """Funding as it was recorded, by instrument id.

    Raises:
        MissingDataError: settlements lack inside the tape's time (unless gaps are allowed).
    """
    due: dict[int, dict[str, Decimal]] = {}
    window = Window(tape.times[0], tape.end_ms)
    notes = ["funding as recorded", _AT_OPEN]
    for name, each in settlements.items():
        inside = [settlement for settlement in each if _floor(settlement) in window]
        gap = _gap(inside, window)
        if gap and not allow_gaps:
            raise MissingDataError(f"funding of {name}: {gap}; --allow-gaps takes what is there")
        if gap:
            notes.append(f"{name}: {gap}, nothing is charged there")
        for settlement in inside:
            bar = _bar_of(_floor(settlement), tape)
            rates = due.setdefault(bar, {})
            rates[name] = rates.get(name, ZERO) + settlement.rate
    return Funding(due, ", ".join(notes))


def _floor(settlement: Settlement) -> int:
    """Its time without the milliseconds by which venues stamp it late."""
    return settlement.time_ms // 60_000 * 60_000


def _bar_of(time_ms: int, tape: Tape) -> int:
    """Opening time of the last bar that has opened by then."""
    return tape.times[bisect_right(tape.times, time_ms) - 1]


def _gap(inside: list[Settlement], window: Window) -> str:
    """The first stretch in which a settlement lacks; "" if there is none.

    One lacks where the distance is more than one and a half times the distance before it: a venue may settle
    more often from some day on, but a longer interval can't be told from a hole.
    """
    assert window.start is not None
    assert window.end is not None
    if not inside:
        return "" if window.end - window.start < CONSTANT_INTERVAL_MS else f"no settlement in {window}"
    times = [_floor(settlement) for settlement in inside]
    distances = [later - earlier for earlier, later in pairwise(times)]
    interval = min(distances, default=CONSTANT_INTERVAL_MS)
    if times[0] - window.start >= interval:
        return f"no settlement between {moment(window.start)} and {moment(times[0])}"
    for earlier, distance in zip(times, distances, strict=False):
        if 2 * distance > 3 * interval:
            return f"no settlement between {moment(earlier)} and {moment(earlier + distance)}"
        interval = distance
    if window.end - times[-1] > interval:
        return f"no settlement between {moment(times[-1])} and {moment(window.end)}"
    return ""
