"""What must hold: after every command for the cells that it touched, and for the whole state when asked.

These are assertions about our own code: a breach is a bug, stops the engine, and is never a refusal. The names in
brackets are those of the table in docs/engine.md.
"""

from decimal import Decimal

from crossmargin.domain.account import OrderSide, PositionMode, Side
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.ledger import QUANTUM
from crossmargin.engine.bounds import Bounds
from crossmargin.engine.loan import debt_of, lent
from crossmargin.engine.owner import Load
from crossmargin.engine.state import State
from crossmargin.margin.assess import assess

__all__ = ["BreachError", "check_command", "check_whole"]


class BreachError(AssertionError):
    """An invariant does not hold: its id and the figures."""

    def __init__(self, id: str, figures: str) -> None:
        """Name the invariant first."""
        super().__init__(f"{id}: {figures}")
        self.id = id


def check_command(state: State) -> None:
    """Check the cells that one command touched, then forget which they were.

    L1: what it moved sums to zero in each currency. L5: the rounding cell never falls below zero. L6: amounts are
    multiples of the quantum. Clearing is empty. R8: no isolated margin is below zero, and no assets on loan are.
    """
    sums: dict[str, Decimal] = {}
    for (currency, name), old in state.before.items():
        new = state.cells[currency].get(name, ZERO)
        sums[currency] = sums.get(currency, ZERO) + new - old
        if not new:
            continue
        if new % QUANTUM:
            raise BreachError("L6", f"{name} holds {new} {currency}")
        if name == "clearing":
            raise BreachError("L1", f"clearing holds {new} {currency} between commands")
        if new < 0 and name.startswith(("rounding", "margin/", "assets/")):
            raise BreachError("L5" if name == "rounding" else "R8", f"{name} holds {new} {currency}")
    for currency, total in sums.items():
        if total:
            raise BreachError("L1", f"{total} {currency} came from nowhere")
    state.before.clear()


def check_whole(state: State) -> None:
    """Check everything from scratch: money, positions, books, orders, cached figures."""
    _money(state)
    _loans(state)
    _positions(state)
    _books(state)
    _reduce_only(state)
    _attached(state)
    _cached(state)
    _bounded(state)


def _money(state: State) -> None:
    """L2: all cells of a currency sum to zero. A position's cell lives and dies with the position."""
    held = {key.cell for owner in state.owners.values() for key in owner.positions}
    for currency, cells in state.cells.items():
        total = sum(cells.values(), ZERO)
        if total:
            raise BreachError("L2", f"{total} {currency} over all cells")
        for name in cells:
            kind = name.partition("/")[0]
            if kind in ("position", "margin", "assets") and name.partition("/")[2] not in held:
                raise BreachError("L8", f"{name} outlives its position")


def _loans(state: State) -> None:
    """L12: what positions owe in a currency, interest in it, is what the lender is short of."""
    owed: dict[str, Decimal] = {}
    for owner in state.owners.values():
        for key, held in owner.positions.items():
            if held.margin_currency:
                currency = debt_of(state.instrument(key.instrument), key.side)
                owed[currency] = owed.get(currency, ZERO) + lent(held)
    for currency in {**owed, **state.cells}:
        if owed.get(currency, ZERO) + state.cell("loans", currency):
            raise BreachError(
                "L12", f"{owed.get(currency, ZERO)} {currency} is owed, {state.cell('loans', currency)} lent"
            )


def _positions(state: State) -> None:
    """M1: longs and shorts of a contract cancel out (coins on loan need not). M2: open interest is what longs hold."""
    sums: dict[str, Decimal] = {}
    longs: dict[str, Decimal] = {}
    for owner in state.owners.values():
        for key, held in owner.positions.items():
            if held.contracts <= 0:
                raise BreachError("M1", f"{key.cell} holds {held.contracts}")
            size = ZERO if held.margin_currency else key.side.sign * held.contracts
            sums[key.instrument] = sums.get(key.instrument, ZERO) + size
            if key.side == Side.LONG:
                longs[key.instrument] = longs.get(key.instrument, ZERO) + held.contracts
    for instrument, total in sums.items():
        if total:
            raise BreachError("M1", f"{instrument}: longs less shorts are {total}")
        if state.open_interest.get(instrument, ZERO) != longs.get(instrument, ZERO):
            raise BreachError("M2", f"{instrument}: open interest is {state.open_interest.get(instrument)}")


def _books(state: State) -> None:
    """M4: no crossed book. M6: sizes add up. M10: the book is the fold of resting orders."""
    for name, book in state.books.items():
        bid, ask = book.best(OrderSide.BUY), book.best(OrderSide.SELL)
        if bid is not None and ask is not None and bid >= ask:
            raise BreachError("M4", f"{name}: bid {bid}, ask {ask}")
        for side in OrderSide:
            resting: dict[Decimal, Decimal] = {}
            for ticket in state.tickets.values():
                order = ticket.order
                if (order.instrument, order.side, ticket.state) == (name, side, "resting"):
                    assert order.price is not None
                    resting[order.price] = resting.get(order.price, ZERO) + order.remaining
                    if order.remaining <= 0:
                        raise BreachError("M6", f"{ticket.id} rests with {order.remaining}")
            if dict(book.depth(side)) != resting:
                raise BreachError("M10", f"{name}: the book's {side} side differs from its orders")


def _reduce_only(state: State) -> None:
    """M11: live reduce-only orders together never exceed the position that they reduce."""
    for owner in state.owners.values():
        sums: dict[tuple[str, str, Side], Decimal] = {}
        for ticket in owner.live():
            order = ticket.order
            if order.reduce_only and not order.margin_currency:
                side = Side.LONG if order.side == OrderSide.SELL else Side.SHORT
                key = (order.instrument, order.margin_mode.value, side)
                sums[key] = sums.get(key, ZERO) + order.remaining
        for key, total in sums.items():
            held = sum(
                (
                    each.contracts
                    for each in owner.positions.values()
                    if (each.key.instrument, each.key.margin_mode.value, each.key.side) == key
                ),
                ZERO,
            )
            if total > held:
                raise BreachError("M11", f"{owner.id}: reduce-only {total} over {held} in {key[0]}")
        if owner.position_mode == PositionMode.ONE_WAY:
            kept = [each.key for each in owner.positions.values() if not (owner.internal and each.margin_currency)]
            _one_way(owner.id, [(each.instrument, each.margin_mode.value) for each in kept])


def _attached(state: State) -> None:
    """M11: a stop that came with a fill ends with its position."""
    for ticket in state.tickets.values():
        if ticket.parent and state.held(ticket.closes) is None:
            raise BreachError("M11", f"{ticket.account}: {ticket.id} outlives the position it came with")


def _one_way(account: str, held: list[tuple[str, str]]) -> None:
    if len(set(held)) != len(held):
        raise BreachError("M1", f"{account} holds both sides in one-way mode")


def _cached(state: State) -> None:
    """R4: a kept assessment says what one from scratch says."""
    for account, kept in state.kept.items():
        fresh = assess(state.account(account), state.marks, state.rulebook)
        if fresh.currencies != kept.currencies or fresh.positions != kept.positions:
            raise BreachError("R4", f"{account}: a kept assessment is stale")


def _bounded(state: State) -> None:
    """R4: what orders hold is the fold of the orders, and no bound is on the wrong side of the exact figure."""
    fresh_bounds = Bounds(state.rulebook, state.marks.mark, state.cells, plain=state.plain)
    for owner in state.owners.values():
        if not state.bounds.agrees(fresh_bounds, owner):
            raise BreachError("R4", f"{owner.id}: what its positions come to is stale")
        fold = Load()
        for ticket in owner.orders.values():
            state.bounds.put(fold, ticket)
        if fold != owner.load:
            raise BreachError("R4", f"{owner.id}: what its orders hold is stale")
        standings = state.bounds.standings(owner)
        if standings:
            fresh = assess(state.account(owner.id), state.marks, state.rulebook)
            for name, pool in standings.items():
                risk = (fresh.isolated[name] if name in fresh.isolated else fresh.cross[name]).risk
                spare = fresh.sheets[name].figure("uncommitted") if name in fresh.sheets else pool.spare
                bold = state.bounds.admits and pool.spare > spare
                if bold or pool.supports > risk.available or pool.requires < risk.required:
                    raise BreachError("R4", f"{owner.id} {name}: a bound is on the wrong side")
