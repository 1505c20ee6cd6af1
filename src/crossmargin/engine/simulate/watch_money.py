"""Rules of money, orders and settlements that single events can show, asked of the state just before, or just after."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from crossmargin.domain import event as e
from crossmargin.domain.arithmetic import ZERO, ceil_to
from crossmargin.domain.instrument import Kind
from crossmargin.domain.ledger import QUANTUM, Ticket
from crossmargin.engine.interest import period_of
from crossmargin.engine.invariants import BreachError
from crossmargin.engine.state import State

__all__ = ["after", "before"]

_LEAVING = ("withdrawal", "transfer")
_FORCED = (e.LegsNetted, e.LiquidationFill, e.TakenOver, e.Deleveraged, e.DeficitCovered)
_PRICES = (e.MarkSet, e.IndexSet, e.PriceStateSet)


def before(state: State, event: e.Event) -> None:
    """Ask every rule that looks at what an event is about to do."""
    _prices_move_nothing(state, event)
    _outside(state, event)
    if isinstance(event, _FORCED):
        _bystanders(state, event)
    ask = _BEFORE.get(type(event))
    if ask is not None:
        ask(state, event)


def after(state: State, event: e.Event) -> None:
    """Ask what must be so once an event has happened."""
    ask = _AFTER.get(type(event))
    if ask is not None:
        ask(state, event)


def _prices_move_nothing(_state: State, event: e.Event) -> None:
    """L3: a price by itself moves no cell and no position."""
    if isinstance(event, _PRICES) and (event.transfers or event.positions):
        raise BreachError("L3", f"{type(event).__name__} moves {event.transfers or event.positions}")


def _outside(_state: State, event: e.Event) -> None:
    """L4: money enters and leaves by deposits and withdrawals only."""
    crosses = any("outside" in (each.debit, each.credit) for each in event.transfers)
    if crosses and not (isinstance(event, e.MoneyMoved) and event.reason in ("deposit", "withdrawal")):
        raise BreachError("L4", f"{type(event).__name__} moves money over the border")


def _bystanders(state: State, event: e.Event) -> None:
    """Q14: who holds nothing, and is no maker of it, is not touched by anybody's liquidation."""
    parties = {getattr(event, name, "") for name in ("account", "maker_account", "fund")}
    for each in event.transfers:
        for cell in (each.debit, each.credit):
            kind, _, name = cell.partition("/")
            owner = state.owners.get(name)
            stranger = owner is not None and not owner.internal and name not in parties
            if kind == "cash" and stranger and owner is not None and not owner.positions:
                raise BreachError("Q14", f"{name} holds nothing and {each.amount} {each.currency} is moved")


def _leaves(state: State, event: e.MoneyMoved) -> None:
    """Q18: nothing leaves an account while a price that it needs is in doubt."""
    if event.reason in _LEAVING:
        for key in state.owners[event.account].positions:
            if not state.healthy(key.instrument):
                raise BreachError("Q18", f"{event.account} takes money out on a {key.instrument} in doubt")


def _left(state: State, event: e.MoneyMoved) -> None:
    """L10: without gains, what is left covers the initial margin, and no balance is below zero."""
    if event.reason not in _LEAVING:
        return
    for currency in {each.currency for each in event.transfers}:
        figures = state.assessment(event.account).currencies.get(currency)
        if state.cash(event.account, currency) < 0:
            raise BreachError("L10", f"{event.account} took out more {currency} than it had")
        if figures is not None:
            kept = figures.balance + min(ZERO, figures.floating_pnl)
            pool = state.assessment(event.account).cross.get(currency)
            if pool is not None and kept < pool.risk.initial:
                raise BreachError("L10", f"{event.account} keeps {kept} {currency} for {pool.risk.initial}")


def _fits(state: State, event: e.OrderAccepted) -> None:
    """M9: what is accepted lies on the tick and the lot; nobody offers to pay, or to take, a price beyond the band.

    An order that closes a loan is for whatever is left of it, lot or no lot.
    """
    order = event.ticket.order
    instrument = state.instrument(order.instrument)
    closes_loan = order.reduce_only and order.margin_currency
    if instrument.lot_size and not closes_loan and order.contracts % instrument.lot_size:
        raise BreachError("M9", f"{event.ticket.id}: {order.contracts} is no multiple of {instrument.lot_size}")
    if order.price is None:
        return
    if instrument.tick_size and order.price % instrument.tick_size:
        raise BreachError("M9", f"{event.ticket.id}: {order.price} is off the tick {instrument.tick_size}")
    worse = (order.price - state.marks.mark_of(order.instrument)) * order.side.sign > 0
    if event.ticket.state == "working" and worse and state.outside_band(order.instrument, order.price):
        raise BreachError("M9", f"{event.ticket.id}: {order.price} is too far from the mark")


def _fill_fits(state: State, event: e.Filled) -> None:
    """M6: nobody is filled for more than is left of his order."""
    for name in (event.maker, event.taker):
        ticket = state.tickets[name]
        if event.contracts > _remaining(ticket):
            raise BreachError("M6", f"{name} is filled for {event.contracts}, {_remaining(ticket)} are left")


def _remaining(ticket: Ticket) -> Decimal:
    return ticket.order.remaining


def _cap(state: State, event: e.Filled) -> None:
    """R6: a fill that adds to the open interest keeps to the cap of its instrument."""
    cap = state.listings[event.instrument][1]
    if cap is None or state.instrument(event.instrument).kind == Kind.SPOT:
        return
    grown = [held for held in event.positions if held.contracts]
    interest = state.open_interest.get(event.instrument, ZERO)
    if interest > cap and len(grown) == len(event.positions) and all(held.opened for held in grown):
        raise BreachError("R6", f"{event.instrument}: open interest {interest} over its cap {cap}")


def _funding(state: State, event: e.FundingSettled) -> None:
    """P7: a period counts once. P8: not on a price in doubt, and at a rate below 1."""
    if event.period <= state.periods.get(event.instrument, -1):
        raise BreachError("P7", f"{event.instrument}: period {event.period} again")
    if not state.healthy(event.instrument) or abs(event.rate) >= 1:
        raise BreachError("P8", f"{event.instrument}: {event.rate} on a {event.mark} in doubt")


def _interest(state: State, event: e.InterestAccrued) -> None:
    """P7: a period counts once. L12: each debt grows by its interest, rounded up, and the lender earns the sum."""
    if event.period <= state.periods.get(period_of(event.currency), -1):
        raise BreachError("P7", f"interest on {event.currency}: period {event.period} again")
    grown = ZERO
    for held in event.positions:
        old = state.held(held.key)
        due = ZERO if old is None else ceil_to(old.liability * event.rate, QUANTUM)
        if old is None or held.interest - old.interest != due or held.liability != old.liability:
            raise BreachError("L12", f"{held.key.cell} owes {held.interest} of interest, {due} were added")
        grown += due
    if grown != sum((each.amount for each in event.transfers), ZERO):
        raise BreachError("L12", f"{grown} {event.currency} of interest, {event.transfers} earned")


_BEFORE: dict[type, Callable[[State, Any], None]] = {
    e.MoneyMoved: _leaves,
    e.OrderAccepted: _fits,
    e.Filled: _fill_fits,
    e.FundingSettled: _funding,
    e.InterestAccrued: _interest,
}
_AFTER: dict[type, Callable[[State, Any], None]] = {e.MoneyMoved: _left, e.Filled: _cap}
