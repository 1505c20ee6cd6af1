"""Bars of one price: made from single prices as they come, kept for a while, and grouped into longer ones."""

from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.arithmetic import ZERO
from crossmargin.errors import InputError

__all__ = ["BARS", "Candle", "Series", "grouped", "joined"]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
MINUTES_KEPT = 1_500
HOURS_KEPT = 1_500
_HONG_KONG_MS = 8 * HOUR_MS
_MONDAY_MS = 4 * DAY_MS  # the epoch was a Thursday

_SHORT = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30}
_HOURS = {"1H": 1, "2H": 2, "4H": 4}
_LONG = {"6H": 6, "12H": 12, "1D": 24, "2D": 48, "3D": 72, "1W": 168}
_WEEKS = ("1W", "1Wutc")
_GRID: dict[str, tuple[int, int]] = {
    **{name: (minutes * MINUTE_MS, 0) for name, minutes in _SHORT.items()},
    **{name: (hours * HOUR_MS, 0) for name, hours in _HOURS.items()},
    **{name: (hours * HOUR_MS, -_HONG_KONG_MS) for name, hours in _LONG.items()},
    **{f"{name}utc": (hours * HOUR_MS, 0) for name, hours in _LONG.items()},
}
BARS = {name: (step, grid + _MONDAY_MS if name in _WEEKS else grid) for name, (step, grid) in _GRID.items()}
"""Length of a bar and start of its grid: long bars begin at midnight in Hong Kong, those named utc in Greenwich."""


class Candle(Struct, frozen=True, kw_only=True):
    """Prices and volume of one stretch of time.

    Attributes:
        time: When it began, UTC milliseconds.
        contracts: Traded, in contracts; nothing of an index or a mark.
        base, quote: The same in the base and in the quote currency.
        closed: Whether it is over.
    """

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    contracts: Decimal = ZERO
    base: Decimal = ZERO
    quote: Decimal = ZERO
    closed: bool = True


class Series:
    """Minute and hour bars of one price, the oldest dropped; a bar opens where the one before it closed.

    Args:
        minutes, hours: What was before, ascending.
    """

    def __init__(self, minutes: Iterable[Candle] = (), hours: Iterable[Candle] = ()) -> None:
        """Continue from what was before."""
        self.minutes: deque[Candle] = deque(minutes, MINUTES_KEPT)
        self.hours: deque[Candle] = deque(hours, HOURS_KEPT)

    def put(
        self, time: int, price: Decimal, *, contracts: Decimal = ZERO, base: Decimal = ZERO, quote: Decimal = ZERO
    ) -> None:
        """Add one price, with what was traded at it; one from before the newest bar comes too late for any."""
        if self.minutes and time < self.minutes[-1].time:
            return
        single = Candle(
            time=time, open=price, high=price, low=price, close=price,
            contracts=contracts, base=base, quote=quote, closed=False,
        )  # fmt: skip
        self.roll(time)
        for bars, step in ((self.minutes, MINUTE_MS), (self.hours, HOUR_MS)):
            start = time // step * step
            if bars and bars[-1].time >= start:
                bars[-1] = joined((bars[-1], single), bars[-1].time, closed=False)
            else:
                bars.append(joined((single,), start, closed=False))

    def roll(self, time: int) -> None:
        """Close bars that are over; where no price came, the last one stood."""
        for bars, step in ((self.minutes, MINUTE_MS), (self.hours, HOUR_MS)):
            now = time // step * step
            if not bars or bars[-1].time >= now:
                continue
            last = bars[-1]
            bars[-1] = joined((last,), last.time, closed=True)
            first = max(last.time + step, now - (bars.maxlen or 0) * step)
            for start in range(first, now + 1, step):
                bars.append(_flat(last.close, start, closed=start < now))

    def last(self) -> Decimal | None:
        """The newest price."""
        return self.minutes[-1].close if self.minutes else None


def grouped(series: Series, bar: str) -> list[Candle]:
    """Bars of a length, ascending; from minutes below an hour, else from hours.

    Raises:
        InputError: there is no such bar.
    """
    found = BARS.get(bar)
    if found is None:
        raise InputError("bar", "", f"{bar[:20]!r} is not known: choose one of {', '.join(BARS)}")
    step, grid = found
    source: Sequence[Candle] = series.minutes if step < HOUR_MS else series.hours
    if step in (MINUTE_MS, HOUR_MS):
        return list(source)
    groups: dict[int, list[Candle]] = {}
    for candle in source:
        groups.setdefault((candle.time - grid) // step * step + grid, []).append(candle)
    newest = max(groups, default=0)
    whole = list(groups)[1 if source and source[0].time not in groups else 0 :]
    return [joined(groups[start], start, closed=start < newest or _full(groups[start], start, step)) for start in whole]


def _full(bars: Sequence[Candle], start: int, step: int) -> bool:
    """Whether the newest group is complete."""
    length = HOUR_MS if step >= HOUR_MS else MINUTE_MS
    return bars[-1].closed and bars[-1].time + length >= start + step


def _flat(price: Decimal, time: int, *, closed: bool) -> Candle:
    return Candle(time=time, open=price, high=price, low=price, close=price, closed=closed)


def joined(bars: Sequence[Candle], time: int, *, closed: bool) -> Candle:
    """One bar of several that follow one another, at least one."""
    return Candle(
        time=time,
        open=bars[0].open,
        high=max(each.high for each in bars),
        low=min(each.low for each in bars),
        close=bars[-1].close,
        contracts=sum((each.contracts for each in bars), ZERO),
        base=sum((each.base for each in bars), ZERO),
        quote=sum((each.quote for each in bars), ZERO),
        closed=closed,
    )
