"""plan(account, marks, rulebook): the next step of risk control for one pool.

    1  cancel_orders   risk control: orders that raise used equity go before anything is sold
    2  opposite_legs   the long and the short of one contract, against each other
    3  delta_hedged    what offsets one underlying in other contracts, the set with the higher maintenance first
    4  unhedged        what is left, the cut that reduces risk most first

One step at a time: the engine carries it out and asks again. Nothing is planned for a pool above the leaving ratio.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from crossmargin.domain.account import Account, MarginMode, Position, Side
from crossmargin.domain.arithmetic import ONE, ZERO, ceil_to, exact, scaled
from crossmargin.domain.instrument import Kind
from crossmargin.domain.marks import Marks
from crossmargin.margin.assess import Assessment, assess
from crossmargin.margin.holds import HoldKind
from crossmargin.margin.legs import Leg, Requirement
from crossmargin.margin.limits import after_cut, smallest_cut
from crossmargin.margin.pool import Pool, Status
from crossmargin.rulebook.model import Rulebook

__all__ = ["Cut", "Phase", "Step", "due", "opening_orders", "plan", "pool_named", "priced", "step_of", "strained"]

Phase = Literal["cancel_orders", "opposite_legs", "delta_hedged", "unhedged"]


class Cut(Struct, frozen=True):
    """A part of one position."""

    position: Position
    contracts: Decimal


class Step(Struct, frozen=True, kw_only=True):
    """What to do next: cancel these orders, or close these parts of positions."""

    phase: Phase
    orders: tuple[str, ...] = ()
    cuts: tuple[Cut, ...] = ()


@exact
def plan(account: Account, marks: Marks, rulebook: Rulebook, pool: str) -> Step | None:
    """The next step for a pool that has reached the trigger, or None when it is safe or empty.

    Args:
        account: The account as it is now.
        marks: Prices.
        rulebook: Rules.
        pool: Name of the pool: ``USDT cross``, or the id of an isolated position.

    Source: docs/spec.md 2 D2-D4; docs/sources.md 1.5 (OKX), 4.5 (Binance).
    """
    return step_of(assess(account, marks, rulebook), pool)


def step_of(assessment: Assessment, name: str) -> Step | None:
    """As `plan`, on an assessment at hand."""
    pool = pool_named(assessment, name)
    if pool is None or not pool.positions or pool.risk.available > _leave_at(assessment) * pool.risk.required:
        return None
    orders = opening_orders(assessment, pool)
    if orders:
        return Step(phase="cancel_orders", orders=orders)
    legs = [
        (leg, need)
        for leg, need in zip(pool.legs, pool.requirements, strict=True)
        if isinstance(leg.holding, Position) and leg.instrument.kind in (Kind.PERPETUAL, Kind.FUTURE)
    ]
    return _opposite(assessment, legs) or _hedged(assessment, legs) or _unhedged(assessment, legs + _singles(pool))


def _singles(pool: Pool) -> list[tuple[Leg, Requirement]]:
    """What is closed whole and hedges nothing: spot-margin, and short options; long ones are never liquidated."""
    return [
        (leg, need)
        for leg, need in zip(pool.legs, pool.requirements, strict=True)
        if isinstance(leg.holding, Position)
        and (leg.instrument.kind == Kind.MARGIN or (leg.instrument.kind == Kind.OPTION and leg.maintenance))
    ]


def priced(pool: Pool) -> list[Leg]:
    """Positions whose price decides on a pool: long options need nothing and support nothing."""
    return [
        leg for leg in pool.positions if not (leg.instrument.kind == Kind.OPTION and _position(leg).side == Side.LONG)
    ]


def pool_named(assessment: Assessment, name: str) -> Pool | None:
    """A pool by its name."""
    for pool in (*assessment.cross.values(), *assessment.isolated.values()):
        if pool.name == name:
            return pool
    return None


def opening_orders(assessment: Assessment, pool: Pool) -> tuple[str, ...]:
    """Live orders of a pool that raise used equity; closing orders hold nothing and stay."""
    found = []
    for hold in assessment.holds:
        order = hold.order
        if not (hold.margin or hold.fee or hold.contracts):
            continue
        if pool.isolated is not None:
            position = pool.isolated
            mine = order.margin_mode == MarginMode.ISOLATED and order.instrument == position.instrument
        else:
            mine = hold.currency == pool.currency
        if mine:
            found.append(order.id)
    return tuple(found)


def strained(assessment: Assessment, pool: Pool) -> bool:
    """Whether equity no longer covers maintenance and the cost of open orders: risk control cancels them then.

    Source: docs/spec.md 2 D2; docs/sources.md 1.5 (OKX).
    """
    if not assessment.rulebook.rules.cancels_orders_first or pool.isolated is not None or not assessment.holds:
        return False
    held = [hold for hold in assessment.holds if hold.currency == pool.currency]
    cost = sum((hold.margin + hold.fee + hold.open_loss for hold in held), ZERO)
    if not cost:
        return False
    figures = assessment.currencies[pool.currency]
    needs = sum(
        (
            need.maintenance + need.fee
            for leg, need in zip(pool.legs, pool.requirements, strict=True)
            if isinstance(leg.holding, Position)
        ),
        ZERO,
    )
    isolated = sum((hold.margin + hold.fee for hold in held if hold.kind == HoldKind.ISOLATED), ZERO)
    return figures.balance + figures.floating_pnl - isolated < needs + cost - isolated


def due(pool: Pool) -> bool:
    """Whether a pool has reached the trigger."""
    return pool.status is Status.LIQUIDATION and bool(pool.positions)


_BOTH = Decimal(2)
Legs = list[tuple[Leg, Requirement]]


def _leave_at(assessment: Assessment) -> Decimal:
    return assessment.rulebook.liquidation.leave_at


def _position(leg: Leg) -> Position:
    assert isinstance(leg.holding, Position)
    return leg.holding


def _opposite(assessment: Assessment, legs: Legs) -> Step | None:
    """Long and short of one contract; several contracts in order of maintenance, the higher first."""
    pairs = []
    for leg, need in legs:
        for other, also in legs:
            same = leg.instrument.id == other.instrument.id
            if same and _position(leg).side == Side.LONG and _position(other).side == Side.SHORT:
                pairs.append((-(need.maintenance + also.maintenance), leg.instrument.id, leg, need, other, also))
    if not pairs:
        return None
    _, _, long, need, short, also = min(pairs, key=lambda each: each[:2])
    size = min(long.contracts, short.contracts)
    step = max(_tier_step(assessment, legs, long, need), _tier_step(assessment, legs, short, also))
    if need.tier and long.group is not None and long.group == short.group:
        lot = long.instrument.lot_size or size
        step = ceil_to(scaled(step, ONE, _BOTH), lot)  # both legs leave the group's size
    size = min(size, step)
    return Step(phase="opposite_legs", cuts=(Cut(_position(long), size), Cut(_position(short), size)))


def _hedged(assessment: Assessment, legs: Legs) -> Step | None:
    """The set of one underlying with the higher maintenance: its largest long and short, by equal delta."""
    sets: dict[str, Legs] = {}
    for leg, need in legs:
        sets.setdefault(leg.instrument.underlying, []).append((leg, need))
    found = []
    for underlying, members in sets.items():
        longs = [each for each in members if _position(each[0]).side == Side.LONG]
        shorts = [each for each in members if _position(each[0]).side == Side.SHORT]
        if longs and shorts:
            weight = sum((need.maintenance for _, need in members), ZERO)
            found.append((-weight, underlying, _heaviest(longs), _heaviest(shorts)))
    if not found:
        return None
    _, _, long, short = min(found, key=lambda each: each[:2])
    delta = min(_delta(leg, _tier_step(assessment, legs, leg, need)) for leg, need in (long, short))
    cuts = tuple(Cut(_position(leg), _contracts_of(leg, delta)) for leg, _ in (long, short))
    return Step(phase="delta_hedged", cuts=tuple(each for each in cuts if each.contracts))


def _heaviest(members: Legs) -> tuple[Leg, Requirement]:
    return min(members, key=lambda each: (-each[1].maintenance, each[0].instrument.id))


def _delta(leg: Leg, contracts: Decimal) -> Decimal:
    """Size in units of the underlying: base units, or for inverse contracts the coins that the face is worth."""
    if leg.instrument.inverse:
        return scaled(contracts * leg.instrument.unit, ONE, leg.mark)
    return contracts * leg.instrument.unit


def _contracts_of(leg: Leg, delta: Decimal) -> Decimal:
    """Contracts, in whole lots rounded up, that make up a delta; never more than there are."""
    per_contract = _delta(leg, ONE)
    contracts = scaled(delta, ONE, per_contract)
    lot = leg.instrument.lot_size
    return min(leg.contracts, contracts if lot is None else ceil_to(contracts, lot))


def _unhedged(assessment: Assessment, legs: Legs) -> Step | None:
    """The single cut after which what supports the pool exceeds what it needs by most."""
    if len(legs) == 1:  # nothing to choose from
        ((leg, need),) = legs
        return Step(phase="unhedged", cuts=(Cut(_position(leg), _tier_cut(assessment, legs, leg, need)),))
    best: tuple[Decimal, str, Cut] | None = None
    for leg, need in legs:
        position = _position(leg)
        contracts = _tier_cut(assessment, legs, leg, need)
        after = after_cut(assessment, position, contracts).risk
        rank = (-(after.available - after.required), position.id, Cut(position, contracts))
        if best is None or rank[:2] < best[:2]:
            best = rank
    return None if best is None else Step(phase="unhedged", cuts=(best[2],))


def _tier_step(assessment: Assessment, legs: Legs, leg: Leg, need: Requirement) -> Decimal:
    """As `_tier_cut` for a leg whose hedge goes with it: the whole of it unless steps follow the tiers."""
    if assessment.rulebook.liquidation.step_rule != "next_lower_tier":
        return leg.contracts
    return _tier_cut(assessment, legs, leg, need)


def _tier_cut(assessment: Assessment, legs: Iterable[tuple[Leg, Requirement]], leg: Leg, need: Requirement) -> Decimal:
    """How much of a position one step closes, by the rulebook's step rule; at least one lot, at most all."""
    rule = assessment.rulebook.liquidation.step_rule
    if leg.instrument.kind in (Kind.OPTION, Kind.MARGIN):
        return leg.contracts
    if rule == "smallest_cut":
        found = smallest_cut(assessment, _position(leg), _leave_at(assessment)).contracts
        return found or leg.contracts
    if rule == "whole" or leg.table is None or not need.tier:
        return leg.contracts
    bound = leg.table.tiers[need.tier - 1].up_to
    assert bound is not None
    size = leg.size if leg.group is None else sum((each.size for each, _ in legs if each.group == leg.group), ZERO)
    contracts = scaled(size - bound, leg.contracts, leg.size)
    lot = leg.instrument.lot_size
    contracts = contracts if lot is None else ceil_to(contracts, lot)
    return min(leg.contracts, contracts) or leg.contracts
