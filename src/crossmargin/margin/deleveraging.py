"""Closing a position for its owner: at which amount, who pays, how much at a time, and who stands first.

Signs: a change of position is negative when it closes a long, positive when it closes a short. A quote amount is what
the closed account receives: positive when it sells its long, negative when it pays for buying its short back.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.arithmetic import ZERO, ceil_to, exact, floor_to, quotient

__all__ = [
    "Holding",
    "LiquidationOrder",
    "bankruptcy_quote",
    "close_limits",
    "closes",
    "fillable_price",
    "first_in_queue",
    "fund_covers",
    "gap_to_mark",
    "handover_price",
    "insurance_delta",
    "left_of_budget",
    "may_deleverage",
    "may_settle_at_oracle",
    "offset",
    "value_of_fill",
]


class Holding(Struct, frozen=True):
    """Cash and signed size of one position (base units), after trades."""

    cash: Decimal
    size: Decimal


class LiquidationOrder(Struct, frozen=True):
    """An order that would close a position: size in base units, limit price."""

    size: Decimal
    limit_price: Decimal


def closes(size: Decimal, change: Decimal) -> bool:
    """Whether a change makes a position smaller without turning it: opposite sign, not larger than the position.

    Source: v4-chain liquidation checks; docs/sources.md 9.4.

    >>> closes(Decimal(2), Decimal(-1)), closes(Decimal(2), Decimal(-3)), closes(Decimal(2), Decimal(0))
    (True, False, False)
    """
    return bool(change) and (change > 0) != (size > 0) and abs(change) <= abs(size)


@exact
def bankruptcy_quote(
    available: Decimal, *, maintenance: Decimal, value_change: Decimal, maintenance_change: Decimal, step: Decimal
) -> Decimal:
    """Quote amount at which closing a part of a position leaves the account's margin used up in proportion.

        - value change - available x |maintenance change| / maintenance,      rounded up to the step

    Args:
        available: Net collateral of the account, of either sign.
        maintenance: Maintenance margin of the account, above zero.
        value_change: Change of the signed value of the position at the oracle price (negative when a long closes).
        maintenance_change: Change of the account's maintenance margin, not above zero.
        step: Quantum of the quote currency.

    Returns:
        What the closed account receives; negative when it pays.

    Source: docs/sources.md 9.4, vector dx-bankruptcy-single (dYdX v4).

    >>> bankruptcy_quote(Decimal(499), maintenance=Decimal(500), value_change=Decimal(-5000),
    ...                  maintenance_change=Decimal(-500), step=Decimal("0.000001"))
    Decimal('4501')
    """
    share = available * abs(maintenance_change)
    unit = maintenance * step
    whole_steps = quotient(floor_to(share, unit), unit)
    return ceil_to(-value_change, step) - whole_steps * step


@exact
def fillable_price(
    size: Decimal, *, oracle_price: Decimal, available: Decimal, maintenance: Decimal, position_maintenance: Decimal,
    bankruptcy_adjustment: Decimal, spread: Decimal,
) -> Decimal:  # fmt: skip
    """Limit price of the order that closes a position: away from the oracle price the nearer bankruptcy is.

        (value - weight x spread x maintenance of the position) / size
        weight = clamp(adjustment x (1 - available / maintenance), 0, 1)

    Args:
        size: Signed size in base units, not zero.
        oracle_price: Price, quote currency per unit of base.
        available: Net collateral of the account.
        maintenance: Maintenance margin of the account, above zero.
        position_maintenance: Maintenance margin of this position.
        bankruptcy_adjustment: How fast the weight grows, 1 or more.
        spread: Share of the position's maintenance margin that may be lost.

    Returns:
        Quote currency per unit of base, half-even to 28 digits: below the oracle price for a long, above for a short.

    Source: docs/sources.md 9.4, vector dx-fillable-price (dYdX v4, chain code; the documentation mistypes it).

    >>> fillable_price(Decimal("0.1"), oracle_price=Decimal(50_000), available=Decimal(0), maintenance=Decimal(500),
    ...                position_maintenance=Decimal(500), bankruptcy_adjustment=Decimal(1),
    ...                spread=Decimal("0.1"))
    Decimal('49500')
    """
    # weight x maintenance, so that only the last step divides
    weighted = min(max(bankruptcy_adjustment * (maintenance - available), ZERO), maintenance)
    value = size * oracle_price
    return quotient(
        value * maintenance - weighted * spread * position_maintenance,
        size * maintenance,
    )


@exact
def value_of_fill(change: Decimal, *, price: Decimal, step: Decimal) -> Decimal:
    """Quote amount that the closed account receives at a fill: - change x price, cut to the step towards zero.

    Source: v4-chain fill amounts; docs/sources.md 9.4.

    >>> value_of_fill(Decimal("-0.1"), price=Decimal(56_100), step=Decimal("0.000001"))
    Decimal('5610.0')
    """
    amount = floor_to(abs(change) * price, step)
    return -amount if change > 0 else amount


@exact
def insurance_delta(quote: Decimal, *, bankruptcy: Decimal, fee_rate: Decimal, step: Decimal) -> Decimal:
    """What the insurance fund gains from a liquidation fill; negative when it pays.

        left = quote - bankruptcy;     left below zero: left;     else min(fee rate x |quote|, left)

    Args:
        quote: What the closed account receives at the fill (`value_of_fill`).
        bankruptcy: What it would receive at the bankruptcy price (`bankruptcy_quote`).
        fee_rate: Largest liquidation fee, a fraction of the value filled.
        step: Quantum of the quote currency: the fee is cut to it.

    Source: docs/sources.md 9.4, vector dx-insurance-delta (dYdX v4).

    >>> insurance_delta(Decimal(5610), bankruptcy=Decimal(5100), fee_rate=Decimal("0.005"), step=Decimal("0.000001"))
    Decimal('28.050')
    """
    left = quote - bankruptcy
    return left if left < 0 else min(floor_to(fee_rate * abs(quote), step), left)


def fund_covers(balance: Decimal, *, delta: Decimal) -> bool:
    """Whether the insurance fund can pay a delta: always when it gains, else up to its whole balance.

    Source: docs/sources.md 9.4: else the account is deleveraged.

    >>> fund_covers(Decimal(10), delta=Decimal(-10)), fund_covers(Decimal(0), delta=Decimal(1))
    (True, True)
    """
    return delta >= 0 or balance + delta >= 0


def may_deleverage(available: Decimal) -> bool:
    """Whether an account is closed against others at its bankruptcy price: its net collateral is below zero.

    Source: docs/sources.md 9.4.

    >>> may_deleverage(Decimal(0))
    False
    """
    return available < 0


def may_settle_at_oracle(available: Decimal, *, closing_down: bool) -> bool:
    """Whether a position of a market that closes down is settled at the oracle price: only of a solvent account.

    Source: docs/sources.md 9.4 (final settlement).

    >>> may_settle_at_oracle(Decimal(1), closing_down=True)
    True
    """
    return closing_down and not may_deleverage(available)


@exact
def offset(closed: Holding, other: Holding, *, change: Decimal, quote: Decimal) -> tuple[Holding, Holding]:
    """Both sides after a deleveraging: one account's position closed against another's, without the book.

    Args:
        closed: The account that is closed, before.
        other: The account on the other side, before.
        change: Change of the closed position; the other side changes by the opposite.
        quote: What the closed account receives; the other side pays it.

    Raises:
        ValueError: the change does not close both positions.

    Source: docs/sources.md 9.4 (dYdX v4: bankruptcy price, no ranking, no insurance money).

    >>> sides = offset(Holding(Decimal(600), Decimal(-1)), Holding(Decimal(0), Decimal(2)), change=Decimal(1),
    ...                quote=Decimal(-590))
    >>> [(each.cash, each.size) for each in sides]
    [(Decimal('10'), Decimal('0')), (Decimal('590'), Decimal('1'))]
    """
    if not closes(closed.size, change) or not closes(other.size, -change):
        raise ValueError(f"a change of {change} does not close {closed.size} against {other.size}")
    return (
        Holding(closed.cash + quote, closed.size + change),
        Holding(other.cash - quote, other.size - change),
    )


@exact
def close_limits(value: Decimal, *, least: Decimal, portion: Decimal) -> tuple[Decimal, Decimal]:
    """Smallest and largest part of a position, in value, that one step may close.

        smallest = min(least, value)        largest = max(portion x value, smallest)

    Args:
        value: Position value, zero or more.
        least: Least value of a step.
        portion: Largest share of a step, 0 to 1.

    Source: docs/sources.md 9.4 (dYdX v4: 1,000 USDC, 10 %).

    >>> close_limits(Decimal(50_000), least=Decimal(1000), portion=Decimal("0.1"))
    (Decimal('1000'), Decimal('5000.0'))
    """
    smallest = min(least, value)
    return smallest, max(portion * value, smallest)


def left_of_budget(limit: Decimal, *, used: Decimal) -> Decimal | None:
    """What is left of a budget for one block; None when more than the budget is used already.

    Source: docs/sources.md 9.4 (dYdX v4: value and insurance loss of one account).

    >>> left_of_budget(Decimal(150), used=Decimal(100)), left_of_budget(Decimal(50), used=Decimal(100))
    (Decimal('50'), None)
    """
    return limit - used if used <= limit else None


@exact
def gap_to_mark(price: Decimal, *, mark: Decimal) -> Decimal:
    """How far a price is from the mark: |price / mark - 1|.

    Source: docs/sources.md 6.5 (Bybit).

    >>> gap_to_mark(Decimal(489), mark=Decimal(400))
    Decimal('0.2225')
    """
    return abs(quotient(price - mark, mark))


@exact
def handover_price(bankruptcy: Decimal, *, mark: Decimal, gap: Decimal) -> Decimal:
    """Price at which an isolated position is handed over: at bankruptcy, or at the mark when that is too far away.

    Args:
        bankruptcy: Bankruptcy price of the position.
        mark: Mark price, above zero.
        gap: Largest distance to the mark, a fraction of it.

    Source: docs/sources.md 6.5, vector by-adl-bankruptcy-isolated (Bybit, third-party text).

    >>> handover_price(Decimal(489), mark=Decimal(400), gap=Decimal("0.05"))
    Decimal('400')
    """
    return mark if abs(bankruptcy - mark) > gap * mark else bankruptcy


@exact
def first_in_queue(orders: Iterable[LiquidationOrder], *, oracle_price: Decimal) -> int:
    """Position (from 0) of the liquidation order that is matched first.

    The larger distance of its limit from the oracle price, then the larger value; of equals the earlier one.

    Source: v4-chain ordering of liquidations (dYdX v4); docs/sources.md 9.4.

    >>> first_in_queue([LiquidationOrder(Decimal(1), Decimal(100)), LiquidationOrder(Decimal(1), Decimal(99))],
    ...                oracle_price=Decimal(100))
    1
    """
    ranked = [(abs(each.limit_price - oracle_price), each.size * oracle_price) for each in orders]
    return ranked.index(max(ranked))
