"""Candles: price bars per instrument, read with care and joined on common times into one tape."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct

from crossmargin.domain.numbers import Sign, number
from crossmargin.errors import InputError, MissingDataError
from crossmargin.market.rows import Row, Window, moment, rows, time_of

__all__ = ["Bar", "Candles", "Tape", "read_candles", "tape"]

_PRICES = ("open", "high", "low", "close")


class Bar(Struct, frozen=True):
    """Prices of one stretch of time, stamped with its opening time (UTC milliseconds)."""

    time_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class Candles(Struct, frozen=True):
    """The bars of one instrument, ascending, and the file that they came from."""

    source: str
    bars: tuple[Bar, ...]


class Tape(Struct, frozen=True, kw_only=True):
    """Bars of several instruments on common times: what an account is walked through.

    Attributes:
        times: Opening time of each bar, UTC milliseconds, ascending.
        step_ms: Length of a bar.
        marks: Mark price bars by instrument id, aligned with `times`.
        lasts: Traded price bars, likewise; None where mark and last price are one.
        assumptions: What stood in for something that nobody gave.
    """

    times: tuple[int, ...]
    step_ms: int
    marks: dict[str, tuple[Bar, ...]]
    lasts: dict[str, tuple[Bar, ...]] | None = None
    assumptions: tuple[str, ...] = ()

    @property
    def end_ms(self) -> int:
        """When the last bar closes."""
        return self.times[-1] + self.step_ms


def read_candles(path: str, window: Window) -> dict[str, Candles]:
    """Read the bars of a file that lie in a window.

    Args:
        path: .csv, .csv.gz or .feather with ts_ms (or date), open, high, low, close and perhaps symbol.
        window: Rows outside are checked for their time alone.

    Returns:
        Candles by symbol; the key is "" where the file has no such column.

    Raises:
        InputError: ``file:line: problem``; nothing inside the window is an error too.
    """
    found: dict[str, list[Bar]] = {}
    ends: dict[str, tuple[int, int]] = {}
    for row in rows(path, ("ts_ms", *_PRICES), ("symbol",)):
        symbol = row.cells[5]
        first, before = ends.get(symbol, (None, None))
        time_ms = time_of(row, row.cells[0], before)
        ends[symbol] = (time_ms if first is None else first, time_ms)
        if time_ms in window:
            found.setdefault(symbol, []).append(_bar(row, time_ms))
    if not found:
        held = " and ".join(f"{moment(first)} .. {moment(last)}" for first, last in ends.values()) or "no row"
        raise InputError(path, "", f"no bar in {window}: it holds {held}")
    return {symbol: Candles(path, tuple(bars)) for symbol, bars in found.items()}


def _bar(row: Row, time_ms: int) -> Bar:
    prices = [_price(row, name, text) for name, text in zip(_PRICES, row.cells[1:5], strict=True)]
    opened, high, low, close = prices
    if not low <= opened <= high or not low <= close <= high:
        raise row.wrong(f"low {low} <= open {opened}, close {close} <= high {high} does not hold")
    return Bar(time_ms, opened, high, low, close)


def _price(row: Row, name: str, text: str) -> Decimal:
    try:
        return number(text, Sign.POSITIVE)
    except ValueError as error:
        raise row.wrong(f"{name}: {error}") from None


def tape(
    marks: Mapping[str, Candles],
    lasts: Mapping[str, Candles] | None = None,
    *,
    window: Window | None = None,
    allow_gaps: bool = False,
    assumptions: Iterable[str] = (),
) -> Tape:
    """Join candles on their common times.

    Args:
        marks: Mark price candles by instrument id.
        lasts: Traded price candles; None when the marks stand for them.
        window: The stretch that was asked for: bars that lack at its ends are missing bars.
        allow_gaps: Walk the common bars only, and say so, where bars are missing.
        assumptions: Those of the caller.

    Raises:
        InputError, MissingDataError: no common bar, unlike steps, or (unless allowed) a missing bar.
    """
    everything = [*marks.items(), *(lasts or {}).items()]
    if not everything:
        raise MissingDataError("no candles: the account holds nothing that candles could price")
    step = _common_step(everything)
    notes = [*assumptions]
    for problem in _missing(everything, step, window or Window()):
        if not allow_gaps:
            raise MissingDataError(f"{problem}; --allow-gaps walks the common bars only")
        notes.append(f"{problem}: only common bars are walked")
    common = sorted(set.intersection(*({bar.time_ms for bar in each.bars} for _, each in everything)))
    if not common:
        names = ", ".join(dict.fromkeys(name for name, _ in everything))
        raise MissingDataError(f"no common bar of {names}")
    kept = set(common)
    cut = {name: _kept(candles, kept) for name, candles in marks.items()}
    traded = None if lasts is None else {name: _kept(candles, kept) for name, candles in lasts.items()}
    return Tape(times=tuple(common), step_ms=step, marks=cut, lasts=traded, assumptions=tuple(notes))


def _kept(candles: Candles, times: set[int]) -> tuple[Bar, ...]:
    return tuple(bar for bar in candles.bars if bar.time_ms in times)


def _common_step(everything: list[tuple[str, Candles]]) -> int:
    """The step that all candles share: the smallest distance between neighbours."""
    steps: dict[int, str] = {}
    for name, candles in everything:
        times = [bar.time_ms for bar in candles.bars]
        if len(times) > 1:
            step = min(later - earlier for earlier, later in pairwise(times))
            steps.setdefault(step, f"{name} ({candles.source})")
    if len(steps) > 1:
        told = ", ".join(f"{step // 60_000} min of {name}" for step, name in steps.items())
        raise MissingDataError(f"candles of one replay need one step: found {told}")
    return next(iter(steps), 60_000)


def _missing(everything: list[tuple[str, Candles]], step: int, window: Window) -> Iterable[str]:
    """One line for each series that lacks bars which the window, or another series, has."""
    starts = [candles.bars[0].time_ms for _, candles in everything]
    ends = [candles.bars[-1].time_ms + step for _, candles in everything]
    start = min(starts) if window.start is None else -(-window.start // step) * step
    end = max(ends) if window.end is None else window.end
    for name, candles in everything:
        expected, lacking = start, []
        for bar in candles.bars:
            if bar.time_ms > expected:
                lacking.append((expected, max(1, (bar.time_ms - expected) // step)))
            expected = bar.time_ms + step
        if expected < end:
            lacking.append((expected, -(-(end - expected) // step)))
        if lacking:
            count = sum(bars for _, bars in lacking)
            plural = "s" if count != 1 else ""
            yield f"{name} ({candles.source}) lacks {count} bar{plural}, the first at {moment(lacking[0][0])}"
