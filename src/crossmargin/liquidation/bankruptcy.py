"""Bankruptcy: each position's share of what its pool is worth, fixed once, before anything is sold.

    share_i = equity x (maintenance_i + fee_i) / sum of the same over the pool

Closed at mark less its share, every position together uses the equity up exactly: a price for each, although no market
price brings all of them there at once. Closing a fraction takes that fraction of the share (never the whole equity).
"""

from decimal import Decimal

from crossmargin.domain.account import Position, Side
from crossmargin.domain.arithmetic import ZERO, ceil_to, exact, floor_to, quotient, scaled
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.margin.legs import Leg
from crossmargin.margin.pool import Pool

__all__ = ["bankruptcy_price", "closing_value", "limit_price", "shares_of"]


@exact
def shares_of(pool: Pool, equity: Decimal) -> dict[str, Decimal]:
    """Share of the equity by position id; equal shares where nothing is required.

    Source: docs/engine.md 2.1 (dYdX: deltas in proportion to maintenance margin) and failures 1 and 2.
    """
    needs = {
        leg.holding.id: need.maintenance + need.fee
        for leg, need in zip(pool.legs, pool.requirements, strict=True)
        if isinstance(leg.holding, Position)
    }
    total = sum(needs.values(), ZERO)
    return {name: scaled(equity, need, total) if total else ZERO for name, need in needs.items()}


@exact
def bankruptcy_price(leg: Leg, share: Decimal) -> Decimal | None:
    """Price at which closing the whole position uses its share up; None where no price above zero does.

        linear   mark - s x share / (n x unit)          inverse   n x unit / (n x unit / mark + s x share)

    Source: docs/sources.md 1.4 (zero-equity price), with the share in place of the margin.
    """
    assert isinstance(leg.holding, Position)
    if leg.instrument.kind == Kind.MARGIN:
        return _bankruptcy_on_loan(leg.holding, leg, share)
    face = leg.contracts * leg.instrument.unit
    sign = leg.holding.side.sign
    if leg.instrument.inverse:
        value = quotient(face, leg.mark) + sign * share
        return quotient(face, value) if value > 0 else None
    price = leg.mark - sign * quotient(share, face)
    return price if price > 0 else None


def _bankruptcy_on_loan(position: Position, leg: Leg, share: Decimal) -> Decimal | None:
    """Whatever is not in the currency of the pool moves: the assets, or the debt.

    long, quote margin: mark - share / assets       short, base margin: assets / (assets / mark - share)
    short, quote margin: mark + share / debt        long, base margin: debt / (debt / mark + share)
    """
    sign, in_quote = position.side.sign, leg.currency == leg.instrument.quote
    moving = position.assets if (position.side == Side.LONG) is in_quote else position.debt
    if not moving:
        return None
    if in_quote:
        price = leg.mark - sign * quotient(share, moving)
        return price if price > 0 else None
    value = quotient(moving, leg.mark) + sign * share
    return quotient(moving, value) if value > 0 else None


@exact
def limit_price(instrument: Instrument, side: Side, price: Decimal | None) -> Decimal | None:
    """The bankruptcy price on the tick, on the safe side: a sale no lower, a purchase no higher.

    Source: docs/engine.md failure 2: a liquidation order without a limit.
    """
    if price is None or instrument.tick_size is None:
        return price
    step = instrument.tick_size
    return ceil_to(price, step) if side == Side.LONG else floor_to(price, step)


@exact
def closing_value(
    at_mark: Decimal, share: Decimal, part: Decimal, whole: Decimal, *, receives: bool, quantum: Decimal
) -> Decimal:
    """Value at which a part of a position is closed at its bankruptcy price.

    Args:
        at_mark: Value of the part at mark.
        share: Share of the whole position, as fixed before.
        part: Size of the part.
        whole: Size that the share was fixed for.
        receives: Whether the bankrupt side receives the value (it holds a linear long or an inverse short).
        quantum: What the value is rounded to: in favour of the bankrupt side, at most one quantum.

    Source: as `bankruptcy_price`.
    """
    lost = scaled(share, part, whole)
    value = at_mark - lost if receives else at_mark + lost
    return max(ZERO, ceil_to(value, quantum) if receives else floor_to(value, quantum))
