"""Attached stops: the stop-loss and take-profit that an order brings with it once it is filled."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from crossmargin.domain import event as e
from crossmargin.domain.account import AttachedStop, Order, OrderSide, OrderType, TimeInForce
from crossmargin.domain.ledger import PositionKey, Ticket
from crossmargin.engine.state import State

__all__ = ["with_stops"]


def with_stops(state: State, events: Iterator[e.Event]) -> Iterator[e.Event]:
    """The events, and after each that ends an order with stops the waiting order that takes its place.

    An order ends when it is filled, or cancelled after a part was: the stop is for what was filled.
    """
    for event in events:
        if event.__class__ not in _ENDING:
            yield event
            continue
        ended = _ended(state, event)
        yield event
        for ticket, filled in ended:
            yield from _attach(state, ticket, filled)


_ENDING = (e.Filled, e.LiquidationFill, e.OrderCancelled)


def _ended(state: State, event: e.Event) -> list[tuple[Ticket, Decimal]]:
    """Orders with stops that an event is about to end, and how much of each is filled then."""
    if isinstance(event, e.Filled):
        pair = (state.tickets[event.taker], state.tickets[event.maker])
        found = [each for each in pair if _carries(each) and each.order.remaining == event.contracts]
        return [(each, each.order.contracts) for each in found]
    if isinstance(event, e.LiquidationFill):
        maker = state.tickets[event.maker]
        filled = _carries(maker) and maker.order.remaining == event.contracts
        return [(maker, maker.order.contracts)] if filled else []
    if isinstance(event, e.OrderCancelled) and event.why != "expired":
        ticket = state.tickets[event.order]
        return [(ticket, ticket.order.filled)] if _carries(ticket) and ticket.order.filled else []
    return []


def _carries(ticket: Ticket) -> bool:
    order = ticket.order
    return (order.stop_loss is not None or order.take_profit is not None) and order.type != OrderType.OCO


def _attach(state: State, parent: Ticket, filled: Decimal) -> Iterator[e.Event]:
    """A reduce-only order that waits; where the fill only closed the other side there is nothing to stop."""
    order = parent.order
    held = state.held(PositionKey(parent.account, order.instrument, order.side.opens, order.margin_mode))
    if held is None:
        return
    id = f"o{state.counters['orders'] + 1}"
    yield e.OrderAccepted(
        ticket=Ticket(
            id=id,
            account=parent.account,
            client_id="",
            order=_stop(order, min(filled, held.contracts), id),
            priority=state.counters["priorities"] + 1,
            state="waiting",
            rises=_rises(order),
            parent=parent.id,
        )
    )


def _stop(order: Order, contracts: Decimal, id: str) -> Order:
    """Both stops make one OCO order, one stop an order of its kind."""
    stop, profit = order.stop_loss, order.take_profit
    single: AttachedStop | None = None
    kind = OrderType.OCO
    if stop is None or profit is None:
        kind = OrderType.TAKE_PROFIT if stop is None else OrderType.STOP_LOSS
        single, stop, profit = stop or profit, None, None
    changes: dict[str, Any] = {} if single is None else {"trigger_by": single.trigger_by}
    return msgspec.structs.replace(
        order,
        id=id,
        side=OrderSide.SELL if order.side == OrderSide.BUY else OrderSide.BUY,
        type=kind,
        contracts=contracts,
        filled=Decimal(0),
        price=None if single is None else single.price,
        trigger_price=None if single is None else single.trigger_price,
        time_in_force=TimeInForce.GTC,
        reduce_only=True,
        stop_loss=stop,
        take_profit=profit,
        **changes,
    )


def _rises(order: Order) -> bool:
    """Whether a single stop fires on a rise: the loss of a sale, the profit of a purchase."""
    return (order.side == OrderSide.BUY) is (order.stop_loss is None)
