"""The other prices of a position: bankruptcy, break-even, and the liquidation price as the venue prints it."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.account import Position, Side
from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient
from crossmargin.domain.instrument import Kind
from crossmargin.margin.assess import Assessment
from crossmargin.margin.legs import Leg
from crossmargin.margin.liquidation_price import liquidation_price
from crossmargin.margin.nearest import nearest_zero_equity
from crossmargin.margin.pool import Pool, requirements
from crossmargin.margin.price_formulas import (
    NO_LEG,
    PriceLeg,
    break_even_with_fees,
    early_tick,
    entry_fee_break_even,
    inverse_bankruptcy_price,
    inverse_price,
    linear_bankruptcy_price,
    linear_price,
    round_trip_break_even,
    spot_margin_price,
)
from crossmargin.rulebook.tiers import Tier

__all__ = ["Price", "bankruptcy_price", "break_even_price", "printed_liquidation_price"]


class Price(Struct, frozen=True):
    """A price, or why there is none."""

    value: Decimal | None
    reason: str = ""


@exact
def bankruptcy_price(assessment: Assessment, position: Position) -> Price:
    """Mark price at which what supports the position's pool is used up, all else fixed.

    Source: docs/spec.md 2 B5; docs/sources.md 1.4 (zero-equity price).
    """
    pool = assessment.pool_of(position)
    instrument = assessment.rulebook.instrument(position.instrument)
    if instrument.kind == Kind.OPTION:
        return Price(None, "options have none")
    move = nearest_zero_equity(assessment, pool, instrument.underlying)
    if move is None:
        return Price(None, f"no price of {instrument.underlying} alone uses up the pool")
    return Price(move.price(assessment.marks.mark_of(instrument.id)))


@exact
def break_even_price(assessment: Assessment, position: Position) -> Price:
    """Price at which closing the position leaves neither profit nor loss after fees, by the rulebook's formula.

    Where the position carries no fee of its own, the opening fee is taken at the taker rate.
    Source: docs/spec.md 2 B5; docs/sources.md 1.1.2 (OKX), 4 (Binance).
    """
    instrument = assessment.rulebook.instrument(position.instrument)
    rate = instrument.taker_fee
    if instrument.kind not in (Kind.PERPETUAL, Kind.FUTURE):
        return Price(None, "break-even is defined for futures and perpetuals")
    if rate is None:
        return Price(None, f"the taker fee of {instrument.id} is not known")
    if assessment.rulebook.rules.break_even == "entry_fee":
        return Price(entry_fee_break_even(position.side, entry_price=position.entry_price, fee_rate=rate))
    if assessment.rulebook.rules.break_even == "closing_fee":
        floor = assessment.rulebook.rules.break_even_fee_floor
        return Price(
            break_even_with_fees(
                position.side,
                size=position.contracts * instrument.unit,
                entry_price=position.entry_price,
                taker_fee=max(rate, floor),
                fees_paid=ZERO,
                realized_pnl=position.realized_pnl,
                inverse=instrument.inverse,
            )
        )
    if not position.fee and not position.realized_pnl:
        return Price(round_trip_break_even(position.side, entry_price=position.entry_price, taker_fee=rate))
    price = break_even_with_fees(
        position.side,
        size=position.contracts * instrument.unit,
        entry_price=position.entry_price,
        taker_fee=rate,
        fees_paid=-position.fee - position.funding_fee,
        realized_pnl=position.realized_pnl,
        inverse=instrument.inverse,
    )
    return Price(price, "" if price else "no price recovers what was lost")


@exact
def printed_liquidation_price(assessment: Assessment, position: Position) -> Price:
    """The venue's own estimate, by the formula that the rulebook names.

    Source: docs/sources.md 1.4 (``okx``: cash only, open orders left out, none with several instruments; isolated
    positions one tick early) and 4.4 (``binance``: the bracket at the price itself, other symbols fixed).
    """
    formula = _FORMULAS.get(assessment.rulebook.rules.venue_liquidation)
    if formula is None:
        return Price(None, "this rulebook prints none")
    pool = assessment.pool_of(position)
    leg = next(each for each in pool.legs if each.holding is position)
    if leg.instrument.kind == Kind.OPTION:
        return Price(None, "options have none")
    return formula(assessment, pool, leg)


def _okx(assessment: Assessment, pool: Pool, leg: Leg) -> Price:
    if leg.instrument.kind == Kind.MARGIN:
        return _okx_spot_margin(assessment, pool, leg)
    if pool.isolated is None and len({each.instrument.id for each in pool.positions}) > 1:
        return Price(None, "several instruments share the pool: the venue prints none")
    cash = pool.fixed if pool.isolated else assessment.currencies[pool.currency].balance
    positions = pool.positions
    needed = requirements(positions)
    rates = {
        id(each): _tier(each, need.tier).maintenance_rate + each.closing_fee
        for each, need in zip(positions, needed, strict=True)
    }
    price = _price_of(cash, positions, rates, ZERO)
    if price is None:
        return Price(None, "no price above zero")
    if pool.isolated is None:
        return Price(price)
    tick = leg.instrument.tick_size
    if tick is None:
        return Price(None, f"the venue moves it by one tick, and the tick_size of {leg.instrument.id} is not known")
    return Price(price + pool.isolated.side.sign * tick)


def _okx_spot_margin(assessment: Assessment, pool: Pool, leg: Leg) -> Price:
    """The isolated estimate; in cross mode with the balance as margin, for one USDT pair alone in its pool."""
    position = leg.holding
    assert isinstance(position, Position)
    margin = pool.fixed
    if pool.isolated is None:
        margin = assessment.currencies[pool.currency].balance
        if len(pool.positions) > 1 or leg.instrument.quote != _PRINTED_QUOTE:
            return Price(None, "the venue prints none with several underlyings or outside USDT pairs")
    price = spot_margin_price(
        position.side,
        debt=position.debt,
        assets=position.assets,
        margin=margin,
        margin_in_base=leg.currency == leg.instrument.base,
        maintenance_rate=_tier(leg, pool.requirements[0].tier).maintenance_rate,
        taker_fee=leg.closing_fee,
    )
    return Price(price, "" if price else "no price above zero")


def _binance(assessment: Assessment, pool: Pool, leg: Leg) -> Price:
    """Try each bracket of the symbol's legs and keep the price whose notional falls into it."""
    same = [each for each in pool.positions if each.instrument.id == leg.instrument.id]
    others = [pair for pair in zip(pool.legs, pool.requirements, strict=True) if pair[0] not in same]
    cash = pool.fixed + sum((each.pnl - need.maintenance - need.fee for each, need in others), ZERO)
    for brackets in _combinations(same):
        rates = {id(each): tier.maintenance_rate for each, tier in zip(same, brackets, strict=True)}
        price = _price_of(cash, same, rates, sum((tier.deduction for tier in brackets), ZERO))
        if price is not None and all(_tier_at(each, price) is tier for each, tier in zip(same, brackets, strict=True)):
            return Price(price)
    return Price(None, "no price above zero")


def _margin_at_entry(assessment: Assessment, pool: Pool, leg: Leg) -> Price:
    """Isolated: entry price moved by (margin - maintenance at entry) per unit, rounded to the tick, early."""
    if pool.isolated is None:
        return _exactly(assessment, pool, leg)
    position = pool.isolated
    table = leg.table
    row = table.tiers[table.index_of(leg.entry_value)] if table is not None else _NO_TIER
    room = pool.fixed - (leg.entry_value * row.maintenance_rate - row.deduction)
    size = leg.contracts * leg.instrument.unit
    if leg.instrument.inverse:
        price = inverse_bankruptcy_price(position.side, face=size, entry_price=position.entry_price, margin=room)
    else:
        price = linear_bankruptcy_price(position.side, size=size, entry_price=position.entry_price, margin=room)
    if price is None:
        return Price(None, "no price above zero")
    tick = leg.instrument.tick_size
    return Price(price if tick is None else early_tick(position.side, price=price, tick=tick))


def _exactly(assessment: Assessment, pool: Pool, leg: Leg) -> Price:
    """Venues whose printed price is the price at which the pool reaches its trigger."""
    position = leg.holding
    assert isinstance(position, Position)
    found = liquidation_price(assessment, position)
    return Price(found.price, found.reason)


def _combinations(legs: list[Leg]) -> list[tuple[Tier, ...]]:
    """Every choice of one tier for each leg (one leg, or the two of hedge mode)."""
    choices: list[tuple[Tier, ...]] = [()]
    for leg in legs:
        tiers = leg.table.tiers if leg.table is not None else (_NO_TIER,)
        choices = [(*chosen, tier) for chosen in choices for tier in tiers]
    return choices


def _tier_at(leg: Leg, price: Decimal) -> Tier:
    if leg.table is None:
        return _NO_TIER
    if leg.table.unit == "contracts":
        return leg.table.tiers[leg.table.index_of(leg.contracts)]
    size = leg.contracts * leg.instrument.unit
    if leg.instrument.inverse:
        size = quotient(size, price)
    elif leg.table.unit == "notional":
        size *= price
    return leg.table.tiers[leg.table.index_of(size)]


def _tier(leg: Leg, index: int | None) -> Tier:
    return _NO_TIER if leg.table is None or index is None else leg.table.tiers[index]


def _price_of(cash: Decimal, legs: list[Leg], rates: dict[int, Decimal], deduction: Decimal) -> Decimal | None:
    """The linear or inverse closed form for the long and the short of one instrument."""
    sides = {Side.LONG: NO_LEG, Side.SHORT: NO_LEG}
    for each in legs:
        position = each.holding
        assert isinstance(position, Position)
        size = each.contracts * each.instrument.unit
        sides[position.side] = PriceLeg(size, position.entry_price, rates[id(each)])
    formula = inverse_price if legs[0].instrument.inverse else linear_price
    return formula(cash, long=sides[Side.LONG], short=sides[Side.SHORT], deduction=deduction)


_PRINTED_QUOTE = "USDT"
_NO_TIER = Tier(maintenance_rate=ONE - ONE)
_FORMULAS = {"okx": _okx, "binance": _binance, "margin_at_entry": _margin_at_entry, "exact": _exactly}
