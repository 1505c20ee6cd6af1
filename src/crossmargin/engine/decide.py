"""decide(state, command): which function answers which command, and what follows from every answer."""

from collections.abc import Callable, Iterator
from typing import Any

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import OrderSide, OrderType, PositionMode, Side, TimeInForce
from crossmargin.domain.ledger import PositionKey
from crossmargin.domain.refusal import RejectReason
from crossmargin.engine import amend, guards, interest, market, money, orders, settings
from crossmargin.engine.attached import with_stops
from crossmargin.engine.loan import closable
from crossmargin.engine.nominate import Nominate, everyone
from crossmargin.engine.review import review
from crossmargin.engine.state import State
from crossmargin.margin.admission import refuse

__all__ = ["decide"]


def decide(state: State, command: c.Command, nominate: Nominate = everyone) -> Iterator[e.Event]:
    """Read the state, yield events; each is applied before the next is asked for.

    First timers that are due, then the command, then risk control, then waiting orders that a price has reached,
    then risk control again for whoever their fills touched. Stops follow the fills that bring them.
    """
    return with_stops(state, _decided(state, command, nominate))


def _decided(state: State, command: c.Command, nominate: Nominate) -> Iterator[e.Event]:
    if state.timers:
        yield from market.timers(state)
    seen: list[tuple[str, str, Any]] = []
    for event in _ANSWERS[type(command)](state, command):
        yield event
        _note_prices(state, event, seen)
    for event in review(state, nominate):
        yield event
        _note_prices(state, event, seen)
    while seen:
        instrument, source, price = seen.pop(0)
        if state.waiting.get(instrument):
            for event in market.triggers(state, instrument, source, price):
                yield event
                _note_prices(state, event, seen)
            for event in review(state, nominate):
                yield event
                _note_prices(state, event, seen)


_PRICED = (e.MarkSet, e.IndexSet, e.Filled, e.LiquidationFill)


def _note_prices(state: State, event: e.Event, seen: list[tuple[str, str, Any]]) -> None:
    """Prices that waiting orders look at."""
    if event.__class__ not in _PRICED:
        return
    if isinstance(event, e.MarkSet):
        seen.append((event.instrument, "mark", event.price))
        if event.last is not None:
            seen.append((event.instrument, "last", event.last))
    elif isinstance(event, e.IndexSet):
        names = sorted(name for name, waiting in state.waiting.items() if waiting)
        seen += [(name, "index", event.price) for name in names if state.instrument(name).pair == event.pair]
    elif isinstance(event, e.Filled | e.LiquidationFill):
        seen.append((event.instrument, "last", event.price))


def _close(state: State, command: c.ClosePosition) -> Iterator[e.Event]:
    """Close one position by a reduce-only market order."""
    refusal = guards.known(state, command.account)
    if refusal is None:
        key = PositionKey(command.account, command.instrument, command.side, command.margin_mode)
        held = state.held(key)
        if held is not None:
            yield from _cancel_reducing(state, key)
            yield from orders.place(state, _closing(state, key))
            return
        refusal = refuse(state.rulebook, RejectReason.UNKNOWN_POSITION, note=f"no {command.side} position")
    yield e.Refused(account=command.account, refusal=refusal)


def _cancel_reducing(state: State, key: PositionKey) -> Iterator[e.Event]:
    """Reduce-only orders that already cover a position make way for the order that closes it."""
    for ticket in state.owners[key.account].live():
        order = ticket.order
        mine = (order.instrument, order.margin_mode) == (key.instrument, key.margin_mode)
        if order.reduce_only and mine and order.side.opens != key.side:
            yield orders.cancelled(ticket, "closing")


def _closing(state: State, key: PositionKey) -> c.PlaceOrder:
    hedged = state.owners[key.account].position_mode == PositionMode.HEDGE
    held = state.owners[key.account].positions[key]
    return c.PlaceOrder(
        account=key.account,
        instrument=key.instrument,
        side=OrderSide.SELL if key.side == Side.LONG else OrderSide.BUY,
        contracts=closable(state, held) if held.margin_currency else held.contracts,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        margin_mode=key.margin_mode,
        position_side=key.side if hedged else None,
        reduce_only=True,
    )


def _close_all(state: State, command: c.CloseAll) -> Iterator[e.Event]:
    """Cancel every order, then close every position."""
    refusal = guards.known(state, command.account)
    if refusal is not None:
        yield e.Refused(account=command.account, refusal=refusal)
        return
    owner = state.owners[command.account]
    for ticket in owner.unfinished():
        yield orders.cancelled(ticket, "closing")
    for held in owner.held():
        if held.key in owner.positions:
            yield from orders.place(state, _closing(state, held.key))


def _tick(_state: State, command: c.Tick) -> Iterator[e.Event]:
    yield e.TimePassed(time=command.time)


_ANSWERS: dict[type, Callable[[State, Any], Iterator[e.Event]]] = {
    c.Deposit: money.deposit,
    c.Withdraw: money.withdraw,
    c.Send: money.send,
    c.FundInsurance: money.fund_insurance,
    c.PlaceOrder: orders.place,
    c.AmendOrder: amend.amend,
    c.CancelOrder: orders.cancel,
    c.CancelAll: orders.cancel_all,
    c.ClosePosition: _close,
    c.CloseAll: _close_all,
    c.SetCancelTimer: settings.set_timer,
    c.SetLeverage: settings.set_leverage,
    c.SetMarginMode: settings.set_margin_mode,
    c.SetPositionMode: settings.set_position_mode,
    c.AddMargin: money.change_margin,
    c.RemoveMargin: money.change_margin,
    c.ListInstrument: market.list_instrument,
    c.ChangeRulebook: market.change_rulebook,
    c.SetMark: market.set_mark,
    c.SetIndex: market.set_index,
    c.SetPriceState: market.set_price_state,
    c.SettleFunding: market.settle_funding,
    c.AccrueInterest: interest.accrue,
    c.SettleExpiry: market.settle_expiry,
    c.SwitchTrading: market.switch,
    c.Tick: _tick,
}
