"""Funding of a running market: a premium sample a minute, one rate a period, one settlement a period."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain import command as c
from crossmargin.domain.arithmetic import ZERO, floor_to, quotient
from crossmargin.engine.state import State
from crossmargin.prices.funding import funding_rate, weighted_premium

__all__ = ["PERIOD_MS", "FundingClock", "FundingRate", "rate_of"]

PERIOD_MS = 8 * 3_600_000
MINUTE_MS = 60_000
INTEREST = Decimal("0.0001")
BAND = Decimal("0.0005")
CAP = Decimal("0.0075")
_STEP = Decimal("0.0000000001")
_HOURS = Decimal(8)


class FundingRate(Struct, frozen=True, kw_only=True):
    """What is known of a perpetual's funding at a moment.

    Attributes:
        rate: As the next settlement would charge it if the period ended now.
        time: When the next settlement is, UTC milliseconds.
        next_time: When the one after it is.
        premium: Average premium of the period so far.
        interest: Interest of a period.
        low, high: Bounds of the rate.
    """

    rate: Decimal
    time: int
    next_time: int
    premium: Decimal
    interest: Decimal = INTEREST
    low: Decimal = -CAP
    high: Decimal = CAP


def rate_of(premium: Decimal) -> Decimal:
    """Rate of a period with an average premium: inside the bounds, ten digits after the point."""
    raw = funding_rate(premium, interest=INTEREST, band=BAND, interval=_HOURS, full_interval=_HOURS)
    return floor_to(min(CAP, max(-CAP, raw)), _STEP)


class FundingClock:
    """Knows when a perpetual settles, and at which rate.

    Args:
        instrument: The perpetual's id.
        time: When the market opened; the period that had begun by then settles first at its end.
    """

    def __init__(self, instrument: str, time: int) -> None:
        """Start without a sample."""
        self.instrument = instrument
        self._period = time // PERIOD_MS
        self._minute = -1
        self._samples: list[Decimal] = []
        self._due: tuple[int, Decimal] | None = None

    def sample(self, mark: Decimal, index: Decimal, time: int) -> None:
        """Note the premium, once a minute; the end of a period fixes the rate that it settles at."""
        period = time // PERIOD_MS
        if period > self._period:
            self._due = (period, self.current(time).rate)
            self._period, self._samples, self._minute = period, [], -1
        minute = time // MINUTE_MS
        if minute != self._minute:
            self._minute = minute
            self._samples.append(floor_to(quotient(mark - index, index), _STEP))

    def current(self, time: int) -> FundingRate:
        """The rate as it stands."""
        premium = floor_to(weighted_premium(self._samples), _STEP) if self._samples else ZERO
        following = (time // PERIOD_MS + 1) * PERIOD_MS
        return FundingRate(rate=rate_of(premium), time=following, next_time=following + PERIOD_MS, premium=premium)

    def settlement(self, view: State, time: int) -> list[c.Command]:
        """The settlement that is due and not yet made; asked for again until the engine has made it."""
        if self._due is None or not view.healthy(self.instrument):
            return []
        period, rate = self._due
        if view.periods.get(self.instrument, -1) >= period:
            self._due = None
            return []
        return [c.SettleFunding(instrument=self.instrument, rate=rate, period=period, time=time)]
