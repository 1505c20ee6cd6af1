"""Liquidation prices: ours, exact, for every position of an assessed account."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.account import Position, Side
from crossmargin.domain.arithmetic import ONE, exact, quotient
from crossmargin.domain.instrument import Kind
from crossmargin.margin.assess import Assessment
from crossmargin.margin.crossing import Crossing
from crossmargin.margin.nearest import nearest
from crossmargin.margin.pool import Pool

__all__ = ["LiquidationPrice", "liquidation_price", "liquidation_prices"]

NEVER_LONG_OPTION = "a long option is never liquidated"
NO_PRICE = "no price of {underlying} alone brings the pool to its trigger"
NOTHING_REQUIRED = "the pool requires no maintenance margin"


class LiquidationPrice(Struct, frozen=True, kw_only=True):
    """Where the pool behind a position would be liquidated if only its underlying moved.

    Attributes:
        price: The nearer of down and up, None if there is neither.
        down: Price below the mark at which the ratio reaches 1.
        up: Price above the mark at which it does.
        distance: |price - mark| / mark.
        reason: Why there is none.
        crossing: How the nearer price was found.
    """

    price: Decimal | None
    down: Decimal | None = None
    up: Decimal | None = None
    distance: Decimal | None = None
    reason: str = ""
    crossing: Crossing | None = None


def liquidation_prices(assessment: Assessment) -> dict[str, LiquidationPrice]:
    """Liquidation price of every position, by position id.

    Source: see `liquidation_price`.
    """
    found: dict[tuple[int, str], tuple[Crossing | None, Crossing | None]] = {}
    prices = {}
    for position in assessment.account.positions:
        pool = assessment.pool_of(position)
        underlying = assessment.rulebook.instrument(position.instrument).underlying
        key = (id(pool), underlying)
        if key not in found:
            found[key] = _both(assessment, pool, underlying)
        prices[position.id] = _priced(assessment, position, pool, *found[key])
    return prices


def liquidation_price(assessment: Assessment, position: Position) -> LiquidationPrice:
    """Mark price at which the pool behind a position reaches its trigger, all else fixed.

    All instruments of the position's underlying in that pool move by the same factor; live orders, other legs' PnL
    and maintenance and the tier at the price itself count; option marks stay. Exact: rounded once, to 28 digits.

    Source: docs/spec.md 1 "liquidation price" (ours).
    """
    pool = assessment.pool_of(position)
    underlying = assessment.rulebook.instrument(position.instrument).underlying
    return _priced(assessment, position, pool, *_both(assessment, pool, underlying))


def _both(assessment: Assessment, pool: Pool, underlying: str) -> tuple[Crossing | None, Crossing | None]:
    betas = {underlying: ONE}
    return nearest(assessment, pool, betas, up=False), nearest(assessment, pool, betas, up=True)


@exact
def _priced(
    assessment: Assessment, position: Position, pool: Pool, down: Crossing | None, up: Crossing | None
) -> LiquidationPrice:
    instrument = assessment.rulebook.instrument(position.instrument)
    if instrument.kind == Kind.OPTION and position.side == Side.LONG:
        return LiquidationPrice(price=None, reason=NEVER_LONG_OPTION)
    if instrument.kind == Kind.OPTION:
        return LiquidationPrice(price=None, reason="option marks do not follow the underlying in this calculation")
    if not pool.risk.required:
        return LiquidationPrice(price=None, reason=NOTHING_REQUIRED)
    mark = assessment.marks.mark_of(instrument.id)
    nearest = min((each for each in (down, up) if each), key=lambda each: abs(each.move.size), default=None)
    if nearest is None:
        return LiquidationPrice(price=None, reason=NO_PRICE.format(underlying=instrument.underlying))
    price = nearest.move.price(mark)
    return LiquidationPrice(
        price=price,
        down=down.move.price(mark) if down else None,
        up=up.move.price(mark) if up else None,
        distance=quotient(abs(price - mark), mark),
        crossing=nearest,
    )
