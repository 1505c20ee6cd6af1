"""Several coins at once: a market move by betas, and the frontier of two coins on which the ratio is exactly 1."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.arithmetic import ONE, exact
from crossmargin.domain.instrument import Kind
from crossmargin.errors import MissingDataError
from crossmargin.margin.assess import Assessment, assess
from crossmargin.margin.crossing import Crossing
from crossmargin.margin.moved import moved
from crossmargin.margin.nearest import nearest
from crossmargin.margin.pool import Pool

__all__ = ["FrontierPoint", "MarketMove", "frontier", "market_moves", "underlyings"]


class MarketMove(Struct, frozen=True, kw_only=True):
    """The nearest common move, down and up, that brings a pool to its trigger.

    Attributes:
        pool: Name of the pool.
        down: Fraction, for example -0.153 for -15.3 %; None when no fall does it.
        up: Likewise for a rise.
        prices_down: Mark of each instrument of the pool at that fall; options stay.
        prices_up: Likewise.
    """

    pool: str
    down: Decimal | None
    up: Decimal | None
    prices_down: dict[str, Decimal]
    prices_up: dict[str, Decimal]


class FrontierPoint(Struct, frozen=True, kw_only=True):
    """One point of the frontier: the first coin moved by `move`, the second where the pool reaches its trigger.

    Attributes:
        move: Fraction by which the first coin moved.
        price: Mark of the first coin's instrument there.
        down: Mark of the second coin's instrument below its mark at which the ratio is 1, None if there is none.
        up: Likewise above.
        safe: Whether the pool is safe at the first coin's price with the second at its mark.
    """

    move: Decimal
    price: Decimal
    down: Decimal | None
    up: Decimal | None
    safe: bool


def underlyings(pool: Pool) -> tuple[str, ...]:
    """Coins whose price moves a pool, in the order of its legs.

    Source: docs/spec.md 2 B4.
    """
    return tuple(dict.fromkeys(leg.instrument.underlying for leg in pool.legs))


@exact
def market_moves(assessment: Assessment, betas: Mapping[str, Decimal]) -> tuple[MarketMove, ...]:
    """How far the market may move before each pool reaches its trigger.

    Every coin's prices become mark x (1 + beta x move).

    Args:
        assessment: The account.
        betas: Sensitivity of each coin to the market.

    Raises:
        MissingDataError: a coin of the book has no beta.

    Source: docs/spec.md 2 B4.
    """
    found = []
    for pool in (*assessment.cross.values(), *assessment.isolated.values()):
        if not pool.risk.required:
            continue
        for coin in underlyings(pool):
            if coin not in betas:
                raise MissingDataError(f"betas.{coin}: no beta given: add it under [betas]")
        down = nearest(assessment, pool, betas, up=False)
        up = nearest(assessment, pool, betas, up=True)
        found.append(
            MarketMove(
                pool=pool.name,
                down=down.move.size if down else None,
                up=up.move.size if up else None,
                prices_down=_prices(pool, betas, down),
                prices_up=_prices(pool, betas, up),
            )
        )
    return tuple(found)


@exact
def frontier(
    assessment: Assessment, currency: str, first: str, second: str, moves: Sequence[Decimal]
) -> tuple[FrontierPoint, ...]:
    """Pairs of prices of two coins at which the cross pool of a currency is exactly at its trigger.

    For every move of the first coin its instruments are set there and the second coin's price is solved exactly, the
    tiers at both prices included; the other coins stay.

    Args:
        assessment: The account.
        currency: The cross pool.
        first: Coin along the axis.
        second: Coin that is solved for.
        moves: Moves of the first coin as fractions above -1.

    Raises:
        MissingDataError: the pool does not hold both coins.

    Source: docs/spec.md 2 B4.
    """
    pool = assessment.pool_in(currency) if currency in assessment.currencies else None
    held = underlyings(pool) if pool is not None else ()
    for coin in (first, second):
        if coin not in held:
            raise MissingDataError(f"the {currency} pool holds no {coin}: choose from {', '.join(held) or 'nothing'}")
    assert pool is not None
    rules = assessment.rulebook.rules
    points = []
    for move in moves:
        there = assess(
            assessment.account,
            moved(assessment.marks, assessment.rulebook, {first: move}),
            assessment.rulebook,
        )
        here = there.pool_in(currency)
        down = nearest(there, here, {second: ONE}, up=False)
        up = nearest(there, here, {second: ONE}, up=True)
        points.append(
            FrontierPoint(
                move=move,
                price=_mark(here, first),
                down=down.move.price(_mark(here, second)) if down else None,
                up=up.move.price(_mark(here, second)) if up else None,
                safe=not rules.triggered(here.risk.available, here.risk.required),
            )
        )
    return tuple(points)


def _prices(pool: Pool, betas: Mapping[str, Decimal], found: Crossing | None) -> dict[str, Decimal]:
    if found is None:
        return {}
    return {
        leg.instrument.id: found.move.price(leg.mark, betas[leg.instrument.underlying])
        for leg in pool.legs
        if leg.instrument.kind != Kind.OPTION
    }


def _mark(pool: Pool, coin: str) -> Decimal:
    return next(leg.mark for leg in pool.legs if leg.instrument.underlying == coin)
