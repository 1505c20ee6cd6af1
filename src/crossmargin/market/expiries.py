"""When dated contracts end, at which price, and which one follows."""

from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from crossmargin.domain import command as c
from crossmargin.domain.arithmetic import ZERO, quotient
from crossmargin.engine.state import State
from crossmargin.market.listing import Line

__all__ = ["ExpiryClock", "ended", "next_quarter"]

MINUTE_MS = 60_000
SAMPLES = 60  # of the index, one a minute: the last hour
HOUR = 8
_QUARTER_MONTHS = 3
_FRIDAY = 4


def next_quarter(time: int, days: int) -> datetime:
    """The first end of a quarter (its last Friday, 08:00 UTC) that lies at least some days ahead."""
    moment = datetime.fromtimestamp(time // 1000, UTC)
    year, month = moment.year, -(-moment.month // _QUARTER_MONTHS) * _QUARTER_MONTHS
    while True:
        found = _last_friday(year, month)
        if found - moment >= timedelta(days=days):
            return found
        month += _QUARTER_MONTHS
        if month > 12:  # noqa: PLR2004 - months of a year
            year, month = year + 1, _QUARTER_MONTHS


def _last_friday(year: int, month: int) -> datetime:
    following = datetime(year + month // 12, month % 12 + 1, 1, HOUR, tzinfo=UTC)
    last = following - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - _FRIDAY) % 7)


def ended(line: Line, time: int) -> bool:
    """Whether a dated contract is over; others never are."""
    expiry = line.instrument.expiry
    return expiry is not None and time >= expiry.timestamp() * 1000


class ExpiryClock:
    """Settles one dated contract at the mean of its index over the last hour.

    Args:
        line: The contract.
    """

    def __init__(self, line: Line) -> None:
        """Start without a sample."""
        self.line = line
        self._minute = -1
        self._samples: deque[Decimal] = deque(maxlen=SAMPLES)

    def sample(self, index: Decimal, time: int) -> None:
        """Note the index, once a minute, in the contract's last hour."""
        minute = time // MINUTE_MS
        last_hour = ended(self.line, time + SAMPLES * MINUTE_MS) and not ended(self.line, time)
        if minute != self._minute and last_hour:
            self._minute = minute
            self._samples.append(index)

    def settlement(self, view: State, time: int) -> list[c.Command]:
        """The settlement that is due and not yet made; asked for again until the engine has made it."""
        name = self.line.id
        if not ended(self.line, time) or name in view.stopped or not view.healthy(name):
            return []
        samples = self._samples or deque([view.marks.index[self.line.pair]])
        mean = quotient(sum(samples, ZERO), Decimal(len(samples)))
        return [c.SettleExpiry(instrument=name, price=self.line.on_tick(float(mean)), time=time)]
