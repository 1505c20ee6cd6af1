"""What became of one book on its way through the bars: events, one reading a bar, and what was lost."""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from crossmargin.domain.account import Account
from crossmargin.domain.arithmetic import ZERO
from crossmargin.margin.pool import Status

__all__ = ["Event", "EventKind", "Fate", "Reading"]


class EventKind(StrEnum):
    """What a replay reports."""

    WARNING = "warning"
    RECOVERED = "recovered"
    WOULD_CANCEL = "would_cancel"
    WOULD_LIQUIDATE = "would_liquidate"
    MARGIN_DRAINED = "margin_drained"


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened to one pool; amounts in its currency.

    Attributes:
        time_ms: Opening time of the bar, UTC milliseconds.
        kind: What happened.
        pool: ``USDT cross``, or the id of the isolated position.
        currency: Currency of the pool.
        legs: Ids of the positions in it.
        ratio: Margin ratio at that moment, None where nothing is required.
        equity: What supported the pool at that moment.
        equity_before: The same at the close before.
        required: Maintenance margin and closing fees.
        lost: Collateral that is gone.
        deficit: What the pool lacked beyond its collateral and the venue had to cover.
        marks: Prices of the pool's instruments at that moment.
        orders: Ids of the orders that would be cancelled.
    """

    time_ms: int
    kind: EventKind
    pool: str
    currency: str
    legs: tuple[str, ...] = ()
    ratio: Decimal | None = None
    equity: Decimal = ZERO
    equity_before: Decimal | None = None
    required: Decimal = ZERO
    lost: Decimal = ZERO
    deficit: Decimal = ZERO
    marks: dict[str, Decimal] = {}
    orders: tuple[str, ...] = ()


class Reading(Struct, frozen=True):
    """One bar as it ended for a book.

    Attributes:
        equity: Whole account at the close, in the replay's unit.
        equity_low: The lowest inside the bar.
        ratio: The lowest margin ratio of any pool inside the bar, None where nothing is required.
        distance: The smallest |liquidation price - mark| / mark of any leg at the bar's worst moment.
    """

    equity: Decimal
    equity_low: Decimal
    ratio: Decimal | None
    distance: Decimal | None


class Fate(Struct, frozen=True, kw_only=True):
    """What became of one book.

    Attributes:
        mode: ``cross``, ``isolated`` or ``as written``.
        start_equity, end_equity: Whole account, in the replay's unit.
        events: In order of time.
        readings: One for each bar.
        lost: Collateral lost in liquidations, by currency.
        liquidated: Ids of the positions that were taken over.
        funding: Funding received by currency; paid = negative.
        final: The account after the last bar.
    """

    mode: str
    start_equity: Decimal
    end_equity: Decimal
    events: tuple[Event, ...]
    readings: tuple[Reading, ...]
    lost: dict[str, Decimal]
    liquidated: tuple[str, ...]
    funding: dict[str, Decimal]
    final: Account

    @property
    def lowest_ratio(self) -> Decimal | None:
        """The lowest margin ratio of any pool at any time."""
        return min((m.ratio for m in self.readings if m.ratio is not None), default=None)

    @property
    def lowest_distance(self) -> Decimal | None:
        """The smallest distance to a liquidation price at any time."""
        return min((m.distance for m in self.readings if m.distance is not None), default=None)

    @property
    def status(self) -> Status:
        """Liquidation if any pool was taken over, else warning if any was warned."""
        kinds = {event.kind for event in self.events}
        if EventKind.WOULD_LIQUIDATE in kinds:
            return Status.LIQUIDATION
        return Status.WARNING if EventKind.WARNING in kinds else Status.SAFE
