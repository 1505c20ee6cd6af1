"""apply(state, event): what an event changes. It never refuses; whatever could refuse was asked before."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from crossmargin.domain import event as e
from crossmargin.domain.account import PositionMode
from crossmargin.domain.ledger import Ticket
from crossmargin.engine.interest import period_of
from crossmargin.engine.owner import Owner
from crossmargin.engine.state import State
from crossmargin.matching.book import Book

__all__ = ["apply"]


def apply(state: State, event: e.Event) -> None:
    """Change the state as an event says: first what is its own, then the money, then the positions."""
    change = _CHANGES.get(type(event))
    if change is not None:
        change(state, event)
    if event.transfers:
        state.post(event.transfers)
    for held in event.positions:
        if held.opened > state.counters["fills"]:
            state.count("fills", held.opened)
        state.put_position(held)


def _account_opened(state: State, event: e.AccountOpened) -> None:
    state.open_account(Owner(event.account, event.number))
    state.count("accounts", event.number)
    _note_account(state, event.account)


def _note_account(state: State, account: str) -> None:
    owner = state.owners[account]
    state.dirty["account", account] = (owner.number, owner.position_mode.value, owner.timer)


def _money_moved(state: State, event: e.MoneyMoved) -> None:
    if event.reference:
        name, _, digest = event.reference.rpartition("#")
        state.references[name] = digest
        state.dirty["reference", name] = digest


def _order_accepted(state: State, event: e.OrderAccepted) -> None:
    ticket = event.ticket
    state.count("orders", state.counters["orders"] + 1)
    state.count("priorities", max(state.counters["priorities"], ticket.priority))
    if ticket.client_id:
        answer = (event.digest, ticket.id)
        state.owners[ticket.account].clients[ticket.client_id] = answer
        state.dirty["client", ticket.account, ticket.client_id] = answer
    state.put_ticket(ticket)


def _order_rested(state: State, event: e.OrderRested) -> None:
    state.put_ticket(msgspec.structs.replace(state.tickets[event.order], state="resting"))


def _order_amended(state: State, event: e.OrderAmended) -> None:
    state.count("priorities", max(state.counters["priorities"], event.ticket.priority))
    state.put_ticket(event.ticket)


def _order_cancelled(state: State, event: e.OrderCancelled) -> None:
    state.drop_ticket(event.order)


def _order_shrunk(state: State, event: e.OrderShrunk) -> None:
    ticket = state.tickets[event.order]
    order = msgspec.structs.replace(ticket.order, contracts=event.contracts)
    state.put_ticket(msgspec.structs.replace(ticket, order=order))


def _order_triggered(state: State, event: e.OrderTriggered) -> None:
    state.count("priorities", max(state.counters["priorities"], event.ticket.priority))
    state.put_ticket(event.ticket)


def _order_trailed(state: State, event: e.OrderTrailed) -> None:
    state.put_ticket(msgspec.structs.replace(state.tickets[event.order], extreme=event.extreme, idle=False))


def _filled(state: State, event: e.Filled) -> None:
    _set_price(state, "last", event.instrument, event.price)
    for order in (event.taker, event.maker):
        _fill_ticket(state, state.tickets[order], event.contracts)


def _liquidation_fill(state: State, event: e.LiquidationFill) -> None:
    _set_price(state, "last", event.instrument, event.price)
    _fill_ticket(state, state.tickets[event.maker], event.contracts)


def _fill_ticket(state: State, ticket: Ticket, contracts: Decimal) -> None:
    if contracts == ticket.order.remaining:
        state.drop_ticket(ticket.id)
        return
    order = msgspec.structs.replace(ticket.order, filled=ticket.order.filled + contracts)
    state.put_ticket(msgspec.structs.replace(ticket, order=order))


def _leverage_set(state: State, event: e.LeverageSet) -> None:
    owner = state.owners[event.account]
    owner.leverage[event.instrument, event.margin_mode] = event.leverage
    state.dirty["leverage", event.account, event.instrument, event.margin_mode.value] = event.leverage
    for ticket in event.tickets:
        state.put_ticket(ticket)


def _position_mode_set(state: State, event: e.PositionModeSet) -> None:
    state.owners[event.account].position_mode = PositionMode(event.position_mode)
    _note_account(state, event.account)
    state.touch(event.account)


def _timer_set(state: State, event: e.TimerSet) -> None:
    state.owners[event.account].timer = event.at
    state.timers[event.account] = event.at
    if not event.at:
        del state.timers[event.account]
    _note_account(state, event.account)


def _instrument_listed(state: State, event: e.InstrumentListed) -> None:
    state.listings[event.instrument] = (state.rulebook.instrument(event.instrument), event.open_interest_max)
    state.books.setdefault(event.instrument, Book())
    state.dirty["listing", event.instrument] = (event.open_interest_max,)


def _rulebook_changed(state: State, event: e.RulebookChanged) -> None:
    state.change_rulebook(event.rulebook)


def _mark_set(state: State, event: e.MarkSet) -> None:
    state.moved.setdefault(event.instrument, state.marks.mark.get(event.instrument))
    _set_price(state, "mark", event.instrument, event.price)
    if event.last is not None:
        _set_price(state, "last", event.instrument, event.last)
    if event.forward is not None:
        _set_price(state, "forward", event.instrument, event.forward)
    state.revalue(event.instrument)


def _index_set(state: State, event: e.IndexSet) -> None:
    _set_price(state, "index", event.pair, event.price)


def _set_price(state: State, kind: str, name: str, price: Decimal) -> None:
    getattr(state.marks, kind)[name] = price
    state.dirty[kind, name] = price
    if kind == "last" and state.rulebook.rules.order_price == "worst_for_sells":
        for account in state.holders.get(name, ()):
            if state.owners[account].orders:
                state.touch(account)


def _price_state_set(state: State, event: e.PriceStateSet) -> None:
    state.price_states[event.instrument] = event.state
    state.dirty["price_state", event.instrument] = event.state
    for account in state.holders.get(event.instrument, ()):
        state.touch(account)


def _funding_settled(state: State, event: e.FundingSettled) -> None:
    state.periods[event.instrument] = event.period
    state.dirty["period", event.instrument] = event.period


def _interest_accrued(state: State, event: e.InterestAccrued) -> None:
    name = period_of(event.currency)
    state.periods[name] = event.period
    state.dirty["period", name] = event.period


def _trading_switched(state: State, event: e.TradingSwitched) -> None:
    if event.on:
        state.stopped.pop(event.instrument, None)
    else:
        state.stopped[event.instrument] = None
    state.dirty["stopped", event.instrument] = None if event.on else True


def _warned(state: State, event: e.Warned) -> None:
    state.warn(event.account, event.pool)


def _warning_lifted(state: State, event: e.WarningLifted) -> None:
    state.lift(event.account, event.pool)


_CHANGES: dict[type, Callable[[State, Any], None]] = {
    e.AccountOpened: _account_opened,
    e.MoneyMoved: _money_moved,
    e.OrderAccepted: _order_accepted,
    e.OrderRested: _order_rested,
    e.OrderAmended: _order_amended,
    e.OrderCancelled: _order_cancelled,
    e.OrderShrunk: _order_shrunk,
    e.OrderTriggered: _order_triggered,
    e.OrderTrailed: _order_trailed,
    e.Filled: _filled,
    e.LiquidationFill: _liquidation_fill,
    e.LeverageSet: _leverage_set,
    e.PositionModeSet: _position_mode_set,
    e.TimerSet: _timer_set,
    e.InstrumentListed: _instrument_listed,
    e.RulebookChanged: _rulebook_changed,
    e.MarkSet: _mark_set,
    e.IndexSet: _index_set,
    e.PriceStateSet: _price_state_set,
    e.FundingSettled: _funding_settled,
    e.InterestAccrued: _interest_accrued,
    e.TradingSwitched: _trading_switched,
    e.Warned: _warned,
    e.WarningLifted: _warning_lifted,
}
