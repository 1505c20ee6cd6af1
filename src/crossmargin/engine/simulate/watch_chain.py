"""Rules of a liquidation from its start to its end: what it may do, how far it may go, and what it may cost whom."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec import Struct

from crossmargin.domain import event as e
from crossmargin.domain.account import Side
from crossmargin.domain.arithmetic import ZERO, scaled
from crossmargin.domain.instrument import Kind
from crossmargin.domain.ledger import QUANTUM, PositionKey
from crossmargin.engine.deleverage import fund_equity, ruins
from crossmargin.engine.invariants import BreachError
from crossmargin.engine.liquidate import Case, case_of, equity_of
from crossmargin.engine.settle import receives, worth_at
from crossmargin.engine.state import State
from crossmargin.liquidation.plan import due, pool_named

__all__ = ["EVENTS_A_THING", "ChainWatch"]

EVENTS_A_THING = 40
"""M14: events of one command, at most so many for each position, order and account that there is."""


class _Chain(Struct):
    """One liquidation on its way."""

    case: Case
    bankruptcy: dict[str, Decimal | None]
    shortfall: Decimal
    bound: int
    steps: int = 0
    sold: bool = False
    left: Decimal = ZERO
    haircuts: Decimal = ZERO
    events: int = 0


class ChainWatch:
    """Follows the events of each command."""

    def __init__(self) -> None:
        """Nothing is on its way."""
        self._chain: _Chain | None = None
        self._events, self._bound = 0, 0

    def begin(self, state: State) -> None:
        """A command begins."""
        things = len(state.owners) + len(state.tickets) + sum(len(owner.positions) for owner in state.owners.values())
        self._events, self._bound, self._chain = 0, EVENTS_A_THING * (things + 2), None

    def before(self, state: State, event: e.Event) -> None:
        """Ask what an event is about to do."""
        self._events += 1
        if self._bound and self._events > self._bound:
            raise BreachError("M14", f"{self._events} events of one command, {self._bound} is the bound")
        if self._chain is not None:
            self._chain.events += 1
        ask = _BEFORE.get(type(event))
        if ask is not None:
            ask(self, state, event)

    def after(self, state: State, event: e.Event) -> None:
        """Ask what must be so afterwards."""
        if isinstance(event, e.LiquidationFill) and self._chain is not None and event.fee:
            self._charged(state, self._chain)

    # ------------------------------------------------------------------ rules

    def _started(self, state: State, event: e.LiquidationStarted) -> None:
        pool = pool_named(state.assessment(event.account), event.pool)
        if pool is None:
            return
        case = case_of(state, event.account, pool)
        bound = sum(2 * _cuts(state, key) + 4 for key in case.shares) + 2
        self._chain = _Chain(case, event.bankruptcy, max(ZERO, -equity_of(state, case)), bound)

    def _stepped(self, state: State, event: e.LiquidationStep) -> None:
        """Q4: the first sale comes only to who is due still. Q16: no more steps than tiers and lots allow."""
        chain = self._chain
        if chain is None:
            return
        pool = pool_named(state.assessment(event.account), event.pool)
        if not chain.sold and (pool is None or not due(pool)):
            raise BreachError("Q4", f"{event.account} {event.pool} is sold though cancelling was enough")
        chain.sold, chain.steps, chain.left = True, chain.steps + 1, event.contracts
        if chain.steps > chain.bound:
            raise BreachError("Q16", f"{event.account} {event.pool}: step {chain.steps}, {chain.bound} is the bound")

    def _sold(self, _state: State, event: e.LiquidationFill) -> None:
        """Q5: no sale into the book is worse than the bankruptcy price that was fixed at the start."""
        if self._chain is None or event.account != self._chain.case.account:
            return
        self._chain.left -= event.contracts
        for key in self._chain.case.shares:
            limit = self._chain.bankruptcy.get(key.cell)
            mine = key.instrument == event.instrument and (key.side == Side.SHORT) is event.account_buys
            if mine and limit is not None and (event.price > limit if event.account_buys else event.price < limit):
                raise BreachError("Q5", f"{key.cell} is closed at {event.price}, its bankruptcy price is {limit}")

    def _charged(self, state: State, chain: _Chain) -> None:
        """Q17: a charge leaves no pool below nothing."""
        if equity_of(state, chain.case) < 0:
            raise BreachError("Q17", f"a charge left {chain.case.account} {chain.case.pool} below nothing")

    def _deleveraged(self, state: State, event: e.Deleveraged) -> None:
        """Q9: a fund that could pay goes first. Q10: the haircut is the distance to the mark. Q13: who is spared."""
        instrument = state.instrument(event.position.instrument)
        at_mark = worth_at(instrument, event.contracts, state.marks.mark_of(instrument.id))
        gets = receives(instrument, event.victim.side)
        if event.haircut != (at_mark - event.value if gets else event.value - at_mark):
            raise BreachError("Q10", f"{event.victim.cell}: haircut {event.haircut} of {at_mark} at {event.value}")
        self._fund_first(state, event)
        self._spared(state, event)
        if self._chain is not None:
            self._chain.haircuts += max(ZERO, event.haircut)

    def _fund_first(self, state: State, event: e.Deleveraged) -> None:
        """The fund is asked once for all that a step has left over, before the first of the ranking is."""
        instrument, chain = state.instrument(event.position.instrument), self._chain
        left = event.contracts if chain is None or not chain.left else chain.left
        fund = state.fund_of(instrument)
        costs = scaled(event.haircut, left, event.contracts) + _SOME
        asked = chain is not None and not chain.left and chain.sold
        if event.trigger == "fund_exhausted" and not asked and fund_equity(state, fund, instrument.settle) >= costs:
            raise BreachError("Q9", f"{fund} could pay {costs} and {event.victim.cell} does")
        if chain is not None:
            chain.left = ZERO

    def _spared(self, state: State, event: e.Deleveraged) -> None:
        victim = state.held(event.victim)
        instrument = state.instrument(event.victim.instrument)
        if victim is None or not ruins(state, victim, instrument, event.contracts, event.value):
            return
        for account in state.holders.get(instrument.id, ()):
            for key, held in state.owners[account].positions.items():
                other = (key.instrument, key.side) == (instrument.id, event.victim.side) and key != event.victim
                if other and not state.owners[account].internal and account != event.account:
                    size = min(held.contracts, event.contracts)
                    value = scaled(event.value, size, event.contracts)
                    if not ruins(state, held, instrument, size, value):
                        raise BreachError("Q13", f"{event.victim.cell} is ruined before {key.cell} is asked")

    def _covered(self, state: State, event: e.DeficitCovered) -> None:
        """Q9: the house pays only what the fund cannot."""
        if event.by != "house":
            return
        for fund in (owner.id for owner in state.owners.values() if owner.internal):
            mine = fund != event.account and state.fund_of(state.instrument(event.pool)) == fund
            if mine and state.cash(fund, event.currency) > 0:
                raise BreachError("Q9", f"{fund} has {state.cash(fund, event.currency)} and the house pays")

    def _ended(self, _state: State, event: e.LiquidationEnded) -> None:
        """Q12: the ranking gives what was missing, to a quantum an event, and no more."""
        chain, self._chain = self._chain, None
        if chain is not None and chain.haircuts > chain.shortfall + chain.events * QUANTUM:
            raise BreachError("Q12", f"{event.account}: {chain.haircuts} taken for {chain.shortfall}")


def _cuts(state: State, key: PositionKey) -> int:
    """How often a position can be cut: once a tier, or once a lot where each cut is the smallest; others go whole."""
    instrument, held = state.instrument(key.instrument), state.held(key)
    if instrument.kind in (Kind.OPTION, Kind.MARGIN) or held is None:
        return 1
    if state.rulebook.liquidation.step_rule == "smallest_cut":
        return int(held.contracts // (instrument.lot_size or QUANTUM))
    return len(state.rulebook.tier_table(instrument, key.margin_mode).tiers)


_SOME = 4 * QUANTUM  # values are rounded to the quantum, shares are not

_BEFORE: dict[type, Callable[[ChainWatch, State, Any], None]] = {
    e.LiquidationStarted: ChainWatch._started,
    e.LiquidationStep: ChainWatch._stepped,
    e.LiquidationFill: ChainWatch._sold,
    e.Deleveraged: ChainWatch._deleveraged,
    e.DeficitCovered: ChainWatch._covered,
    e.LiquidationEnded: ChainWatch._ended,
}
