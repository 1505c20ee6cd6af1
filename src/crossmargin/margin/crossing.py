"""Where a pool's ratio reaches 1 when prices move: an exact search over the brackets, without bisection.

Let d be a common move (0.1 = +10 %) and b an underlying's beta, so that its prices become mark x (1 + b d). Between
the bounds of the tiers everything that a pool has and needs is

    surplus(d) = available - required = constant + slope x d + reciprocal / (1 + b d)

where only inverse contracts and coin-backed debts contribute the last term. So the line of moves is cut at the tier
bounds, and in each piece the equation is solved in closed form. A jump of the requirement at a bound can be the
crossing itself. One underlying alone is the case b = 1 for it and 0 for all others.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct, structs

from crossmargin.domain.arithmetic import ONE, ZERO, quotient, root, scaled, wide
from crossmargin.errors import UnsupportedError
from crossmargin.margin.legs import Leg, Path, requirement
from crossmargin.margin.pool import Pool
from crossmargin.rulebook.rules import Rules

__all__ = ["Crossing", "Move", "crossing", "is_safe", "limit_of", "roots_at", "tier_bounds", "zero_equity"]

_TWO, _FOUR = Decimal(2), Decimal(4)


class Move(Struct, frozen=True):
    """A common move as a fraction that is never rounded before it becomes a price.

    Attributes:
        numerator: Over
        denominator: which is positive.
    """

    numerator: Decimal
    denominator: Decimal = ONE

    @property
    def size(self) -> Decimal:
        """The move, half-even to 28 digits: -0.1 is a fall of 10 %."""
        return quotient(self.numerator, self.denominator)

    def price(self, mark: Decimal, beta: Decimal = ONE) -> Decimal:
        """A mark after the move, rounded once: mark x (1 + beta x move)."""
        return scaled(mark, self.denominator + beta * self.numerator, self.denominator)


class Crossing(Struct, frozen=True):
    """The nearest move in one direction at which the pool's ratio reaches 1.

    Attributes:
        move: The move itself.
        bounds: Moves at which tier bounds were passed on the way, nearest first.
        jump: Whether the requirement jumps across at a tier bound instead of meeting the available amount.
    """

    move: Move
    bounds: tuple[Move, ...] = ()
    jump: bool = False


class _Piece(Struct, frozen=True):
    """surplus(d) = constant + slope x d + reciprocal / (1 + beta x d), between two tier bounds."""

    constant: Decimal
    slope: Decimal
    reciprocal: Decimal
    square: Decimal
    beta: Decimal

    def surplus_sign(self, move: Move) -> Decimal:
        """The surplus at a move where prices are above zero, times something positive: exact, without a quotient."""
        under = move.denominator
        amount = self.constant * under + self.slope * move.numerator
        if not self.reciprocal and not self.square:
            return amount
        price = under + self.beta * move.numerator
        amount = amount * price * price + self.reciprocal * under * under * price
        return amount + self.square * under * under * under

    def roots(self) -> list[Move]:
        """Every move at which the surplus is zero (a surplus that is zero everywhere has none)."""
        if self.square:
            return self._roots_of_square()
        if not self.reciprocal:
            return [_move(-self.constant, self.slope)] if self.slope else []
        square = self.slope * self.beta
        linear = self.constant * self.beta + self.slope
        rest = self.constant + self.reciprocal
        if not square:
            return [_move(-rest, linear)] if linear else []
        return _quadratic(square, linear, rest)

    def _roots_of_square(self) -> list[Move]:
        """Constant + reciprocal / f + square / f^2 = 0 over f = 1 + beta x move; no direct term may stand beside it."""
        if self.slope:
            raise UnsupportedError(
                "a requirement that grows with the square of 1 / price stands beside linear contracts"
            )
        found = []
        for each in _quadratic(self.constant, self.reciprocal, self.square):
            found.append(_move(each.numerator - each.denominator, each.denominator * self.beta))
        return found


@wide
def crossing(pool: Pool, betas: Mapping[str, Decimal], rules: Rules, *, up: bool) -> Crossing | None:
    """Nearest common move, up or down, at which the pool's ratio reaches 1.

    Args:
        pool: The pool, all other things fixed; option marks do not move.
        betas: Beta of each underlying that moves; those not named stay.
        rules: The rulebook's trigger.
        up: Direction of the common factor.

    Returns:
        The crossing, or None when no positive price in this direction reaches it. From a pool that is already past
        1, the crossing back.

    Source: docs/spec.md 1 "liquidation price" (ours); docs/sources.md 0.3 items 5 and 6.
    """
    if not pool.risk.required or not any(_beta(leg, betas) for leg in pool.legs):
        return None
    if pool.risk.available == pool.risk.required:
        return Crossing(Move(ZERO))
    safe = not rules.triggered(pool.risk.available, pool.risk.required)
    limit = _limit(pool, betas, up=up)
    near = Move(ZERO)
    passed: list[Move] = []
    before: _Piece | None = None
    for end in [*tier_bounds(pool, betas, limit, up=up), limit]:
        inside = _inside(near, end, up=up)
        piece = _piece(pool, betas, inside)
        if before is not None and _turns(piece, near, inside, rules, safe=safe):
            return Crossing(near, _moves(passed[:-1]), jump=bool(before.surplus_sign(near)))
        found = [each for each in piece.roots() if _between(each, near, end, up=up)]
        if found:
            return Crossing(min(found, key=lambda each: abs(each.size)), _moves(passed))
        if end is not None:
            passed.append(end)
            near, before = end, piece
    return None


@wide
def zero_equity(pool: Pool, underlying: str) -> Move | None:
    """Nearest move of one underlying at which what supports the pool is used up; None when no price does that.

    Source: docs/spec.md 2 B5; docs/sources.md 1.4 (zero-equity price).
    """
    bare = tuple(
        structs.replace(leg, table=None, maintenance=None, closing_fee=ZERO, value_path=leg.path) for leg in pool.legs
    )
    betas = {underlying: ONE}
    roots = _piece(structs.replace(pool, legs=bare), betas, ZERO).roots()
    real = [each for each in roots if each.numerator > -each.denominator]
    return min(real, key=lambda each: abs(each.size), default=None)


def _quadratic(square: Decimal, linear: Decimal, rest: Decimal) -> list[Move]:
    """Roots of square x^2 + linear x + rest."""
    if not square:
        return [_move(-rest, linear)] if linear else []
    under = linear * linear - _FOUR * square * rest
    if under < 0:
        return []
    distance = root(under)
    return [_move(-linear - distance, _TWO * square), _move(-linear + distance, _TWO * square)]


def roots_at(pool: Pool, betas: Mapping[str, Decimal]) -> list[Move]:
    """Every move at which the surplus is zero with the tiers of today.

    Source: see `crossing`.
    """
    return _piece(pool, betas, ZERO).roots()


def limit_of(betas: Mapping[str, Decimal], *, up: bool) -> Move | None:
    """The move at which the first of some prices would be zero; None when prices only rise.

    Source: prices are above zero.
    """
    falling = [beta for beta in betas.values() if beta and (beta < 0) is up]
    return _move(-ONE, max(falling, key=abs)) if falling else None


def is_safe(surplus: Decimal, rules: Rules) -> bool:
    """Whether a surplus is on the safe side of the rulebook's trigger.

    Source: the rulebook's trigger.
    """
    return surplus > 0 if rules.trigger == "<=" else surplus >= 0


def _turns(piece: _Piece, near: Move, inside: Decimal, rules: Rules, *, safe: bool) -> bool:
    """Whether the verdict is another one right after a tier bound, where this piece begins.

    A surplus of just zero there decides nothing: the bound itself may belong to the piece before, so a little further
    on decides.
    """
    surplus = piece.surplus_sign(near)
    if not surplus:
        surplus = piece.surplus_sign(Move(inside))
    return safe is not (surplus > 0 or (not surplus and rules.trigger == "<"))


def _moves(passed: list[Move]) -> tuple[Move, ...]:
    """The bounds that were passed; one that the mark stands on now is no move."""
    return tuple(each for each in passed if each.numerator)


def _beta(leg: Leg, betas: Mapping[str, Decimal]) -> Decimal:
    """How far the leg's price follows the move; zero for what does not move at all."""
    if leg.path is Path.FIXED and leg.value_path is Path.FIXED:
        return ZERO
    return betas.get(leg.instrument.underlying, ZERO)


def _move(numerator: Decimal, denominator: Decimal) -> Move:
    return Move(-numerator, -denominator) if denominator < 0 else Move(numerator, denominator)


def _between(move: Move, near: Move, end: Move | None, *, up: bool) -> bool:
    """Beyond near on the side of the search and short of end: a bound has its own turn."""
    return _further(move, near, up=up) and (end is None or _further(end, move, up=up))


def _further(move: Move, other: Move, *, up: bool) -> bool:
    """Whether one move goes further than another: compared by cross-multiplication, because both may be thirds."""
    ahead = move.numerator * other.denominator - other.numerator * move.denominator
    return ahead > 0 if up else ahead < 0


def _inside(near: Move, end: Move | None, *, up: bool) -> Decimal:
    """A move between two bounds, to read the tiers there."""
    if end is None:
        return near.size + ONE if up else near.size - ONE
    return (near.size + end.size) * Decimal("0.5")


def _limit(pool: Pool, betas: Mapping[str, Decimal], *, up: bool) -> Move | None:
    """The move at which the first price of the pool would be zero; None when prices only rise."""
    coins = {leg.instrument.underlying: _beta(leg, betas) for leg in pool.legs if _beta(leg, betas)}
    return limit_of(coins, up=up)


def _groups(legs: Iterable[Leg]) -> list[list[Leg]]:
    """Legs that share a tier, together."""
    shared: dict[str, list[Leg]] = {}
    alone = []
    for leg in legs:
        if leg.group is None:
            alone.append([leg])
        else:
            shared.setdefault(leg.group, []).append(leg)
    return [*shared.values(), *alone]


def _size_moves(leg: Leg, betas: Mapping[str, Decimal]) -> bool:
    """Whether the size that picks the tier follows the price."""
    if leg.table is None or leg.value_path is Path.FIXED or not _beta(leg, betas):
        return False
    return leg.table.unit == "notional" or (leg.table.unit == "base" and leg.instrument.inverse)


def tier_bounds(pool: Pool, betas: Mapping[str, Decimal], limit: Move | None, *, up: bool) -> list[Move]:
    """Moves in one direction at which some tier group passes a bound, nearest first, each once.

    Zero is among them where the mark stands on a bound; what lies beyond the limit no price can reach.

    Source: see `crossing`.
    """
    nearest_first = sorted(_all_bounds(pool, betas, up=up), key=lambda bound: abs(bound.size))
    found: list[Move] = []
    for bound in nearest_first:
        new = not found or _further(bound, found[-1], up=up)
        if new and (limit is None or _further(limit, bound, up=up)):
            found.append(bound)
    return found


def _all_bounds(pool: Pool, betas: Mapping[str, Decimal], *, up: bool) -> list[Move]:
    found = []
    for group in _groups(pool.legs):
        moving = [leg for leg in group if _size_moves(leg, betas)]
        if not moving:
            continue
        first = moving[0]
        beta = _beta(first, betas)
        fixed = sum((leg.size for leg in group if leg not in moving), ZERO)
        size = sum((leg.size for leg in moving), ZERO)
        # Legs of one group may have tables of their own: each changes its rate where the shared size passes its bounds.
        tables = {id(leg.table): leg.table for leg in group if leg.table is not None}
        for tier in (row for table in tables.values() for row in table.tiers):
            room = tier.up_to - fixed if tier.up_to is not None else ZERO
            if room <= 0 or not size:
                continue
            # The size at a move is size x (1 + beta d), or size / (1 + beta d).
            if first.value_path is Path.DIRECT:
                bound = _move(room - size, size * beta)
            else:
                bound = _move(size - room, room * beta)
            if not bound.numerator or (bound.numerator > 0) is up:
                found.append(bound)
    return found


def _piece(pool: Pool, betas: Mapping[str, Decimal], inside: Decimal) -> _Piece:
    """Coefficients of the surplus around a move, with the tiers that hold there."""
    constant, slope, reciprocal, reciprocal_beta = pool.fixed, ZERO, ZERO, ZERO
    square = ZERO
    for group in _groups(pool.legs):
        size = sum((_size_at(leg, betas, inside) for leg in group), ZERO)
        for leg in group:
            tier = leg.table.index_of(size) if leg.table is not None else 0
            base = _required(leg, tier, ZERO)
            needed = _required(leg, tier, leg.value) - base
            beta = _beta(leg, betas)
            if beta and leg.value_path is Path.RECIPROCAL and leg.table is not None and leg.table.tiers[tier].slope:
                grown = leg.table.tiers[tier].slope * leg.value * leg.value
                needed, square, reciprocal_beta = needed - grown, square - grown, beta
            # PnL is pnl - swing + swing x path, the requirement base + needed x path: two amounts that follow a path.
            constant += leg.pnl - leg.swing - base
            for amount, path in ((leg.swing, leg.path), (-needed, leg.value_path)):
                if path is Path.RECIPROCAL and beta:
                    reciprocal += amount
                    reciprocal_beta = beta
                else:
                    constant += amount
                    slope += amount * beta if path is Path.DIRECT else ZERO
    return _Piece(constant, slope, reciprocal, square, reciprocal_beta)


def _required(leg: Leg, tier: int, value: Decimal) -> Decimal:
    needed = requirement(leg, tier, value)
    return needed.maintenance + needed.fee


def _size_at(leg: Leg, betas: Mapping[str, Decimal], move: Decimal) -> Decimal:
    if not _size_moves(leg, betas):
        return leg.size
    factor = ONE + _beta(leg, betas) * move
    return leg.size * factor if leg.value_path is Path.DIRECT else quotient(leg.size, factor)
