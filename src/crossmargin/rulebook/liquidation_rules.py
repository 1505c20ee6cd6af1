"""How a venue liquidates: the optional ``[liquidation]`` table of a rulebook file."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from crossmargin.domain.numbers import NonNegative, Positive

__all__ = ["LiquidationRules"]


class LiquidationRules(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Steps, charges, bands and the ranking of auto-deleveraging. Documented in docs/engine.md.

    Attributes:
        step_rule: How much a step closes: down to the next lower tier, the least that restores `leave_at`, or all.
        leave_at: Ratio above which liquidation stops; above the trigger, so that it cannot flap.
        warning_leaves_at: Ratio above which a warning is lifted.
        penalty: What a step pays the insurance fund beside the taker fee: nothing, the maintenance rate of the tier of
            the closed size, or `penalty_rate`; never more than the account has left.
        penalty_rate: Flat rate on the value of a step.
        insurance_scope: One fund a settlement currency, or one a family of instruments.
        adl_rank: Named formula of the ranking.
        price_band: Largest distance of a trade from the mark, as a fraction of it.
        band_refuses: Which limit prices outside the band are refused: on both sides of the mark, or only those that
            are worse than the mark for whoever orders (a buy above, a sell below).
    """

    step_rule: Literal["next_lower_tier", "smallest_cut", "whole"] = "whole"
    leave_at: Positive = Positive("1.1")
    warning_leaves_at: Positive = Positive("3.3")
    penalty: Literal["none", "tier_rate", "flat"] = "none"
    penalty_rate: NonNegative = NonNegative(0)
    insurance_scope: Literal["currency", "family"] = "currency"
    adl_rank: Literal["profit_times_margin_ratio", "return_by_ratio"] = "profit_times_margin_ratio"
    price_band: Positive = Positive("0.1")
    band_refuses: Literal["both_sides", "worse_than_mark"] = "both_sides"

    def outside_band(self, price: Decimal, mark: Decimal) -> bool:
        """Whether a price is too far from the mark to trade at."""
        return abs(price - mark) > self.price_band * mark
