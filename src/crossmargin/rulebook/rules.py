"""The keys by which venues differ: every number or named formula that the layers above may ask for."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from crossmargin.domain.account import AccountMode, MarginMode, PositionMode
from crossmargin.domain.numbers import NonNegative, Positive

__all__ = ["OptionRates", "Rules"]


class OptionRates(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Margin of short options, fractions of the underlying's price.

    Attributes:
        underlying_fee: Liquidation fee inside maintenance, fraction of the underlying (Bybit).
        maintenance_of: What the maintenance rate of a call counts on too: nothing, or the option's mark (the greater).
        initial_covers_maintenance: Whether initial margin is never below maintenance margin.
        premium: Price added to initial margin: the mark, or the greater of mark and average price.
        initial_floor: Least initial margin (OKX a).
        initial_start: Initial margin at the money (OKX b), reduced by the out-of-the-money distance.
        maintenance: Maintenance margin, by base currency (OKX c).
        order_floor: Least hold of a sell-to-open order.
    """

    underlying_fee: NonNegative = NonNegative(0)
    maintenance_of: Literal["underlying", "greater_of_underlying_and_mark"] = "underlying"
    initial_covers_maintenance: bool = False
    premium: Literal["mark", "greater_of_mark_and_average"] = "mark"
    initial_floor: NonNegative
    initial_start: NonNegative
    maintenance: dict[str, NonNegative]
    order_floor: NonNegative


class Rules(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One venue's rules for one account mode. Each key is documented in docs/reference/rulebook.md.

    Attributes:
        account_modes: Account modes that the file covers.
        margin_modes: Margin modes offered.
        position_modes: Position modes offered.
        pool_scope: What shares collateral: each currency for itself, or the whole account valued in USD.
        collateral_pnl: Account pools: whether unrealised PnL is discounted like the coins, or counts in full.
        borrowing: Account pools: whether what a currency owes needs margin of its own.
        initial_margin: Named formula: value / leverage, or a rate of the tier (scaled by open interest).
        requirement_step: Requirements are rounded up to this step; absent: exact.
        orders_hold: Whether resting orders hold margin at all.
        position_value_at: Price that values a position in initial and maintenance margin.
        tier_scheme: One rate for the whole position, brackets with a deduction, or a fraction of the initial margin.
        tier_unit: What tier bounds count.
        tier_bound: Whether a size equal to a bound still belongs to the lower tier.
        tier_group: What shares one tier: the family's contracts, the instrument, or each leg alone.
        isolated_tier_group: The same for isolated positions.
        tier_includes_orders: Whether live opening orders count in the tier's size (cross).
        order_price: Price of an opening order: its own, or the greatest of last x 1.0015, mark and its own for sells.
        order_fee: Fee held with an opening order.
        order_maintenance: Whether opening orders need maintenance margin too.
        open_loss: Whether an order's immediate loss against the mark is part of its cost.
        closing_fee_in_initial: Whether the closing fee is part of initial margin too.
        closing_fee: Fee added to maintenance in the ratio.
        ratio_deducts_holds: Whether order fees, isolated orders, spot and option holds leave the ratio's numerator.
        available_balance: Whether unrealised gains count in the available balance.
        admission: What a new order must find free: its hold; its hold at the worse of price and mark plus its
            immediate loss; or an account that is still initially margined after its fill (or improved by it).
        told_first: Of an order that is beyond its position cap and its margin: which of the two refuses it.
        unservable_orders: Post-only that would take, fill-or-kill without enough in the book: refused, or taken in and
            cancelled at once.
        margin_mode_switch: Whether a position may change its margin mode (after a re-evaluation) or only when flat.
        warn_at: Ratio at or below which the account is warned.
        trigger: Comparison of ratio with 1 that liquidates.
        cancels_orders_first: Whether risk control cancels opening orders before liquidation.
        default_leverage: Leverage of an instrument on which none was set.
        isolated_removal: Named formula of the margin that may be taken from an isolated position.
        withdrawal: Named formula of the largest withdrawal.
        venue_liquidation: Named formula of the venue's printed liquidation price.
        break_even: Named formula of the break-even price.
        break_even_fee_floor: Least fee rate in the break-even price.
        option: Option rates, absent where options are not covered.
    """

    account_modes: tuple[AccountMode, ...]
    margin_modes: tuple[MarginMode, ...]
    position_modes: tuple[PositionMode, ...]
    pool_scope: Literal["currency", "account"] = "currency"
    collateral_pnl: Literal["discounted", "in_full"] = "discounted"
    borrowing: Literal["margined", "free"] = "free"
    initial_margin: Literal["leverage", "rate", "rate_by_open_interest"] = "leverage"
    requirement_step: Positive | None = None
    orders_hold: bool = True
    position_value_at: Literal["mark", "entry"] = "mark"
    tier_scheme: Literal["whole", "marginal", "of_initial"] = "whole"
    tier_unit: Literal["contracts", "notional", "borrowed", "base"] = "notional"
    tier_bound: Literal["inclusive", "exclusive"] = "inclusive"
    tier_group: Literal["family", "instrument", "leg"] = "leg"
    isolated_tier_group: Literal["instrument", "leg"] = "leg"
    tier_includes_orders: bool = False
    order_price: Literal["order", "worst_for_sells"] = "order"
    order_fee: Literal["none", "taker", "open_and_close"] = "none"
    order_maintenance: bool = False
    open_loss: bool = False
    closing_fee: Literal["none", "taker_at_mark", "taker_at_bankruptcy"] = "none"
    closing_fee_in_initial: bool = False
    ratio_deducts_holds: bool = False
    available_balance: Literal["without_gains", "with_gains"] = "with_gains"
    admission: Literal["hold", "hold_and_immediate_loss", "after_fill", "after_fill_or_improving"] = "hold"
    told_first: Literal["cap", "margin"] = "cap"
    unservable_orders: Literal["refused", "cancelled"] = "refused"
    margin_mode_switch: Literal["re_evaluated", "only_flat"] = "re_evaluated"
    warn_at: Positive = Positive(3)
    trigger: Literal["<=", "<"] = "<="
    cancels_orders_first: bool = False
    default_leverage: Positive = Positive(1)
    isolated_removal: Literal["initial_margin_and_losses", "above_initial_margin", "none"] = "none"
    withdrawal: Literal["free_margin_without_gains", "over_initial", "over_initial_and_tenth"] = (
        "free_margin_without_gains"
    )
    venue_liquidation: Literal["okx", "binance", "margin_at_entry", "exact", "none"] = "none"
    break_even: Literal["round_trip", "entry_fee", "closing_fee"] = "round_trip"
    break_even_fee_floor: NonNegative = NonNegative(0)
    option: OptionRates | None = None

    def triggered(self, available: Decimal, required: Decimal) -> bool:
        """Whether the ratio available / required has reached the trigger; never where nothing is required."""
        if not required:
            return False
        return available <= required if self.trigger == "<=" else available < required
