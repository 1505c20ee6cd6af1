"""The nearest move that brings a pool to its trigger, whatever kind of pool it is.

A pool of one currency is solved in closed form by `crossing`. In a pool of the whole account the collateral's own
price and its slices move too; between all tier bounds and slice bounds the surplus in USD is a straight line, so two
assessments of each piece give the root exactly.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec import structs

from crossmargin.domain.account import MarginMode, Position
from crossmargin.domain.arithmetic import ONE, ZERO, quotient, scaled, wide
from crossmargin.domain.instrument import Kind
from crossmargin.errors import UnsupportedError
from crossmargin.margin.account_pool import ACCOUNT_POOL
from crossmargin.margin.assess import Assessment, assess
from crossmargin.margin.crossing import Crossing, Move, crossing, is_safe, limit_of, roots_at, tier_bounds, zero_equity
from crossmargin.margin.moved import moved
from crossmargin.margin.pool import Pool, Risk
from crossmargin.rulebook.model import Rulebook

__all__ = ["nearest", "nearest_zero_equity"]

_QUARTER, _HALF = Decimal("0.25"), Decimal("0.5")
_STRAIGHT, _SAME = Decimal("1e-18"), Decimal("1e-24")


def nearest(assessment: Assessment, pool: Pool, betas: Mapping[str, Decimal], *, up: bool) -> Crossing | None:
    """Nearest common move, up or down, at which a pool's ratio reaches 1; arguments as in `crossing`.

    Source: docs/spec.md 1 "liquidation price" (ours).
    """
    if pool.isolated is not None or ACCOUNT_POOL not in assessment.cross:
        return crossing(pool, betas, assessment.rulebook.rules, up=up)
    return _account_crossing(assessment, pool, betas, _surplus, up=up) if pool.risk.required else None


def nearest_zero_equity(assessment: Assessment, pool: Pool, underlying: str) -> Move | None:
    """Nearest move of one coin at which what supports a pool is used up, None when no price does that.

    Source: docs/spec.md 2 B5.
    """
    if pool.isolated is not None or ACCOUNT_POOL not in assessment.cross:
        return zero_equity(pool, underlying)
    betas = {underlying: ONE}
    found = [_account_crossing(assessment, pool, betas, _available, up=up) for up in (False, True)]
    return min((each.move for each in found if each), key=lambda move: abs(move.size), default=None)


def _surplus(risk: Risk) -> Decimal:
    return risk.available - risk.required


def _available(risk: Risk) -> Decimal:
    return risk.available


@wide
def _account_crossing(
    assessment: Assessment, pool: Pool, betas: Mapping[str, Decimal], measure: Callable[[Risk], Decimal], *, up: bool
) -> Crossing | None:
    rules, start = assessment.rulebook.rules, measure(pool.risk)
    if not start:
        return Crossing(Move(ZERO))
    safe = is_safe(start, rules)
    furthest = limit_of(betas, up=up)
    limit = furthest.size if furthest is not None else None
    bounds = _bounds(assessment, pool, betas, limit, up=up)
    near, passed = ZERO, list[Move]()
    turn = bounds.pop(0) if bounds and not bounds[0].numerator else None  # the mark stands on a bound
    for far in [*bounds, None]:
        end = far.size if far is not None else limit
        at, per_move = _line(assessment, betas, measure, near, end, up=up)
        if turn is not None and is_safe(at, rules) != safe:
            return Crossing(turn, tuple(passed[:-1]), jump=True)
        if per_move:
            size = near - quotient(at, per_move)
            if far is not None and abs(size - far.size) <= _SAME:
                return Crossing(far, tuple(passed))
            beyond = size > near if up else size < near
            if beyond and (end is None or abs(size) < abs(end)):
                return Crossing(Move(size), tuple(passed))
        if far is not None:
            passed.append(far)
            near, turn = far.size, far
    return None


def _bounds(
    assessment: Assessment, pool: Pool, betas: Mapping[str, Decimal], limit: Decimal | None, *, up: bool
) -> list[Move]:
    """Moves in one direction at which the surplus bends or jumps, each once, nearest first; zero may be one."""
    found = {
        each.size: each
        for each in (*tier_bounds(pool, betas, None, up=up), *_kinks(assessment, pool, betas))
        if ((each.numerator > 0) is up or not each.numerator) and (limit is None or abs(each.size) < abs(limit))
    }
    return [found[size] for size in sorted(found, key=abs)]


def _line(
    assessment: Assessment,
    betas: Mapping[str, Decimal],
    measure: Callable[[Risk], Decimal],
    near: Decimal,
    end: Decimal | None,
    *,
    up: bool,
) -> tuple[Decimal, Decimal]:
    """Surplus just beyond `near` and its change per unit of move, from assessments inside the piece.

    Raises:
        UnsupportedError: the surplus is no straight line (a contract settled in a coin that moves apart from its own).
    """
    span = end - near if end is not None else (ONE if up else -ONE)
    first, middle, last = near + span * _QUARTER, near + span * _HALF, near + span * (ONE - _QUARTER)
    at_first, at_middle, at_last = (measure(_risk_at(assessment, betas, move)) for move in (first, middle, last))
    noise = _STRAIGHT * max(ONE, abs(at_first), abs(at_last))  # what quotients of 28 digits leave
    if abs(at_first + at_last - at_middle - at_middle) > noise:
        raise UnsupportedError("the account's surplus is not a straight line in this move: move one coin at a time")
    if abs(at_last - at_first) <= noise:
        return at_first, ZERO
    per_move = quotient(at_last - at_first, last - first)
    return at_first - scaled(at_last - at_first, first - near, last - first), per_move


def _risk_at(assessment: Assessment, betas: Mapping[str, Decimal], move: Decimal) -> Risk:
    before, rulebook = assessment.marks, assessment.rulebook
    marks = moved(before, rulebook, {coin: beta * move for coin, beta in betas.items()})
    options = {name: price for name, price in before.mark.items() if rulebook.instrument(name).kind == Kind.OPTION}
    if options:
        marks = structs.replace(marks, mark={**marks.mark, **options})  # as in `crossing`, option marks do not move
    return assess(assessment.account, marks, assessment.rulebook).cross[ACCOUNT_POOL].risk


def _kinks(assessment: Assessment, pool: Pool, betas: Mapping[str, Decimal]) -> list[Move]:
    """Moves at which what supports the pool changes its slope: slices of collateral, debts, losses of open orders."""
    found = []
    for currency, sheet in assessment.sheets.items():
        legs = tuple(
            structs.replace(leg, table=None, maintenance=None, closing_fee=ZERO, fixed_fee=ZERO, value_path=leg.path)
            for leg in pool.legs
            if leg.currency == currency and isinstance(leg.holding, Position)
        )
        held = sheet.figure("spot_holds")
        cash = sheet.figure("balance") - sheet.figure("interest") + sheet.figure("option_value")
        for bound in _amounts_at_bounds(currency, held, assessment.rulebook):
            found += roots_at(structs.replace(pool, legs=legs, fixed=cash - bound), betas)
    return found + _order_kinks(assessment, betas)


def _amounts_at_bounds(currency: str, spot_holds: Decimal, rulebook: Rulebook) -> list[Decimal]:
    """Amounts of a currency, PnL included, at which its value bends: slices above zero, debts below."""
    amounts = [ZERO, spot_holds]
    curve = rulebook.collateral.get(currency)
    if curve is not None and rulebook.rules.collateral_pnl == "discounted":
        amounts += curve.bounds
    loans = rulebook.tiers.get(("borrow", currency, MarginMode.CROSS))
    if loans is not None:
        amounts += [spot_holds - tier.up_to for tier in loans.tiers if tier.up_to is not None]
    return amounts


def _order_kinks(assessment: Assessment, betas: Mapping[str, Decimal]) -> list[Move]:
    """Moves that take a mark past the price of an open order whose loss counts."""
    found = []
    for hold in assessment.holds if assessment.rulebook.rules.open_loss else ():
        mark, beta = assessment.marks.mark_of(hold.instrument.id), betas.get(hold.instrument.underlying, ZERO)
        if beta and hold.order.price is not None:
            gap = hold.order.price - mark
            found.append(Move(gap if beta > 0 else -gap, mark * abs(beta)))
    return found
