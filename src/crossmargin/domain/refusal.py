"""What a venue answers when it says no: a value with the figures, never an exception."""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from crossmargin.domain.arithmetic import plain

__all__ = ["Refusal", "RejectReason"]


class RejectReason(StrEnum):
    """Why an order or change is refused. The order of the members is the order of precedence."""

    UNKNOWN_ACCOUNT = "unknown_account"
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    DUPLICATE_ID = "duplicate_id"
    UNKNOWN_ORDER = "unknown_order"
    TRADING_STOPPED = "trading_stopped"
    PRICE_NOT_HEALTHY = "price_not_healthy"
    ORDER_INCOMPLETE = "order_incomplete"
    UNKNOWN_POSITION = "unknown_position"
    SIZE_OFF_LOT = "size_off_lot"
    SIZE_BELOW_MINIMUM = "size_below_minimum"
    PRICE_OFF_TICK = "price_off_tick"
    PRICE_OUTSIDE_BAND = "price_outside_band"
    REDUCE_ONLY_WOULD_OPEN = "reduce_only_would_open"
    MODE_NOT_OFFERED = "mode_not_offered"
    MODE_IN_USE = "mode_in_use"
    LEVERAGE_IN_USE = "leverage_in_use"
    LEVERAGE_ABOVE_TIER = "leverage_above_tier"
    POSITION_CAP = "position_cap"
    OPEN_INTEREST_CAP = "open_interest_cap"
    WOULD_TAKE = "would_take"
    NOT_FILLABLE = "not_fillable"
    MARGIN_NOT_REMOVABLE = "margin_not_removable"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    WOULD_BE_LIQUIDATED = "would_be_liquidated"


class Refusal(Struct, frozen=True, gc=False, kw_only=True):
    """A refusal with its figures.

    Attributes:
        reason: Which rule says no.
        needs: What the request needs, None where the rule has no amount.
        has: What is there.
        unit: Currency or unit of both; "x" is a leverage.
        code: The venue's own error code, where known.
        note: A half-sentence more.
    """

    reason: RejectReason
    needs: Decimal | None = None
    has: Decimal | None = None
    unit: str = ""
    code: str = ""
    note: str = ""

    def __str__(self) -> str:
        """One line: reason, figures, the venue's code."""
        text = self.reason.value.replace("_", " ")
        if self.needs is not None and self.has is not None:
            unit = self.unit if self.unit == "x" else f" {self.unit}".rstrip()
            text += f": needs {plain(self.needs)}{unit}, has {plain(self.has)}{unit}"
        if self.note:
            text += f" ({self.note})"
        return f"{text} [{self.code}]" if self.code else text
