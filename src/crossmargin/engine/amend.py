"""Amending: another size, price, trigger or attached stop. The order stays as it was unless every guard agrees."""

from collections.abc import Iterator
from typing import Any

import msgspec

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import Order
from crossmargin.domain.ledger import Ticket
from crossmargin.domain.refusal import Refusal, RejectReason
from crossmargin.engine import guards
from crossmargin.engine.execute import execute
from crossmargin.engine.orders import arm, find, judge, market_open, unknown
from crossmargin.engine.state import State
from crossmargin.margin.admission import refuse

__all__ = ["amend"]


def amend(state: State, command: c.AmendOrder) -> Iterator[e.Event]:
    """Change an order; one that loses its place in the queue is judged anew and worked."""
    ticket = find(state, command.account, command.order)
    if ticket is None:
        yield e.Refused(account=command.account, refusal=unknown(state, command.order))
        return
    waiting = ticket.state == "waiting"
    order = _changed(ticket.order, command)
    kept = waiting or (order.price == ticket.order.price and order.contracts <= ticket.order.contracts)
    refusal = _amendable(state, ticket, order, command)
    amended = ticket
    if refusal is None:
        amended = _amended(state, ticket, order, kept=kept)
        refusal = None if kept else judge(state, amended, state.instrument(order.instrument))
    if refusal is not None:
        yield e.Refused(account=command.account, refusal=refusal)
        return
    if waiting and command.trigger_price is not None and not ticket.parent:
        amended = arm(state, amended)
    yield e.OrderAmended(ticket=amended, kept=kept)
    if not kept:
        yield from execute(state, ticket.id)


def _changed(order: Order, command: c.AmendOrder) -> Order:
    fields = ("price", "trigger_price", "stop_loss", "take_profit")
    given: dict[str, Any] = {field: value for field in fields if (value := getattr(command, field)) is not None}
    if command.contracts is not None:
        given["contracts"] = max(command.contracts, order.filled)
    return msgspec.structs.replace(order, **given)


def _amended(state: State, ticket: Ticket, order: Order, *, kept: bool) -> Ticket:
    if kept:
        return msgspec.structs.replace(ticket, order=order)
    priority = state.counters["priorities"] + 1
    return msgspec.structs.replace(ticket, order=order, priority=priority, state="working")


def _amendable(state: State, ticket: Ticket, order: Order, command: c.AmendOrder) -> Refusal | None:
    waiting = ticket.state == "waiting"
    refusal = market_open(state, order.instrument, closing=order.reduce_only)
    if refusal is not None:
        return refusal
    missing = guards.incomplete(order)
    if command.trigger_price is not None and not (waiting and ticket.order.trigger_price is not None):
        missing = "it waits for no trigger price of its own"
    if missing:
        return refuse(state.rulebook, RejectReason.ORDER_INCOMPLETE, note=missing)
    if order.contracts <= order.filled:
        has = command.contracts
        return refuse(state.rulebook, RejectReason.SIZE_BELOW_MINIMUM, needs=order.filled, has=has)
    if order.reduce_only and not waiting and order.contracts > ticket.order.contracts:
        note = "a reduce-only order is not enlarged"
        return refuse(state.rulebook, RejectReason.REDUCE_ONLY_WOULD_OPEN, note=note)
    return guards.price_problem(state, order, waits=waiting)
