"""Orders: placing and cancelling. Everything that can refuse comes before the first event."""

from collections.abc import Iterator
from decimal import Decimal
from hashlib import blake2b

import msgspec

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import MarginMode, Order, OrderType, PositionMode, TimeInForce
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.instrument import Instrument
from crossmargin.domain.ledger import Ticket
from crossmargin.domain.refusal import Refusal, RejectReason
from crossmargin.engine import guards
from crossmargin.engine.cash import spot
from crossmargin.engine.execute import execute, fillable
from crossmargin.engine.intake import admit_as_if_filled
from crossmargin.engine.loan import on_loan
from crossmargin.engine.loan_admission import admit_on_loan
from crossmargin.engine.spot import admit_spot, size_of_quote
from crossmargin.engine.state import State
from crossmargin.margin.admission import refuse
from crossmargin.matching.triggers import armed, watched

__all__ = ["arm", "cancel", "cancel_all", "cancelled", "find", "judge", "market_open", "place", "unknown"]

# Members by a name of their own: looked up on its class, one costs ten times as much.
_MARKET = OrderType.MARKET
_POST_ONLY = OrderType.POST_ONLY
_FOK = TimeInForce.FOK
_IOC = TimeInForce.IOC
_CASH = MarginMode.CASH
_HEDGE = PositionMode.HEDGE

_ENCODE = msgspec.msgpack.Encoder(decimal_format="string").encode


def place(state: State, command: c.PlaceOrder) -> Iterator[e.Event]:
    """An order comes in: refused, repeated, or accepted and at once worked."""
    refusal = guards.known(state, command.account)
    if refusal is None and command.client_id:
        answer = state.owners[command.account].clients.get(command.client_id)
        if answer is not None and answer[0] == digest_of(command):
            yield e.Repeated(account=command.account, client_id=command.client_id, order=answer[1])
            return
        if answer is not None:
            refusal = refuse(state.rulebook, RejectReason.DUPLICATE_ID, note=command.client_id)
    refusal = refusal or market_open(state, command.instrument, closing=command.reduce_only)
    if refusal is None:
        ticket = _ticket(state, command)
        refusal = _guard(state, command, ticket)
    if refusal is not None and not _cancelled_instead(state, refusal):
        yield e.Refused(account=command.account, refusal=refusal, client_id=command.client_id)
        return
    yield from _taken_in(state, command, ticket, refusal)


def _taken_in(state: State, command: c.PlaceOrder, ticket: Ticket, refusal: Refusal | None) -> Iterator[e.Event]:
    """The order has an id from here on: it waits, works, or is cancelled for terms that the book cannot serve."""
    if ticket.state == "waiting":
        ticket = arm(state, ticket)
    yield e.OrderAccepted(ticket=ticket, digest=digest_of(command) if command.client_id else "")
    if refusal is not None:
        yield cancelled(ticket, refusal.reason.value)
    elif ticket.state == "working":
        yield from execute(state, ticket.id)


def _cancelled_instead(state: State, refusal: Refusal) -> bool:
    """Whether the venue takes an order that the book cannot serve on its terms, and cancels it at once."""
    terms = refusal.reason in (RejectReason.WOULD_TAKE, RejectReason.NOT_FILLABLE)
    return terms and state.rulebook.rules.unservable_orders == "cancelled"


def digest_of(command: c.PlaceOrder) -> str:
    """Digest of an order's body, without its time: what makes a repetition a repetition."""
    return blake2b(_ENCODE(msgspec.structs.replace(command, time=0)), digest_size=16).hexdigest()


def market_open(state: State, instrument: str, *, closing: bool) -> Refusal | None:
    """Listed, not stopped (or only closing), and with a price that can be trusted."""
    refusal = guards.tradable(state, instrument)
    if refusal is not None:
        return refusal
    if not closing and (instrument in state.stopped or "" in state.stopped):
        return refuse(state.rulebook, RejectReason.TRADING_STOPPED, note=instrument)
    if not state.priced(instrument) or (not closing and not state.healthy(instrument)):
        return refuse(state.rulebook, RejectReason.PRICE_NOT_HEALTHY, note=instrument)
    return None


def _ticket(state: State, command: c.PlaceOrder) -> Ticket:
    contracts, waiting = command.contracts, guards.waits(command.type)
    if command.reduce_only and not waiting:
        contracts = min(contracts, guards.reducible(state, command)) or contracts
    immediate = command.type == _MARKET
    hedged = state.owners[command.account].position_mode == _HEDGE
    order = Order(
        instrument=command.instrument,
        side=command.side,
        contracts=contracts,
        price=command.price,
        type=command.type,
        time_in_force=_IOC if immediate and command.time_in_force == "gtc" else command.time_in_force,
        position_side=command.position_side if hedged and command.margin_mode != _CASH else None,
        margin_mode=command.margin_mode,
        margin_currency=_backing(state, command),
        leverage=state.leverage(command.account, command.instrument, command.margin_mode),
        reduce_only=command.reduce_only,
        trigger_price=command.trigger_price,
        trigger_by=command.trigger_by,
        stop_loss=command.stop_loss,
        take_profit=command.take_profit,
        trailing=command.trailing,
        id=f"o{state.counters['orders'] + 1}",
    )
    ticket = Ticket(
        id=order.id,
        account=command.account,
        client_id=command.client_id,
        order=order,
        priority=state.counters["priorities"] + 1,
        state="waiting" if waiting else "working",
    )
    if command.quote_size is not None:
        sized = msgspec.structs.replace(order, contracts=size_of_quote(state, ticket, command.quote_size))
        ticket = msgspec.structs.replace(ticket, order=sized)
    return ticket


def _backing(state: State, command: c.PlaceOrder) -> str | None:
    """Currency that backs an order on borrowed money."""
    instrument = state.instrument(command.instrument)
    return (command.margin_currency or instrument.settle) if on_loan(instrument, command) else None


def _guard(state: State, command: c.PlaceOrder, ticket: Ticket) -> Refusal | None:
    """The ladder of an order, in the order of `RejectReason`."""
    rulebook, order = state.rulebook, ticket.order
    instrument = state.instrument(order.instrument)
    owner = state.owners[ticket.account]
    missing = guards.misquoted(command) or guards.misbacked(instrument, command) or guards.incomplete(order)
    hedged = owner.position_mode == _HEDGE and not spot(order)
    if not missing and hedged and order.position_side is None:
        missing = "hedge mode: position_side says which position"
    if missing:
        return refuse(rulebook, RejectReason.ORDER_INCOMPLETE, note=missing)
    if order.reduce_only and order.position_side == order.side.opens:
        return refuse(rulebook, RejectReason.REDUCE_ONLY_WOULD_OPEN, note=f"it opens the {order.position_side} side")
    waiting = ticket.state == "waiting"
    refusal = guards.price_problem(state, order, waits=waiting)
    if refusal is not None:
        return refusal
    if order.reduce_only and (spot(order) or not (waiting or guards.reducible(state, command))):
        return refuse(rulebook, RejectReason.REDUCE_ONLY_WOULD_OPEN, note="nothing is left to reduce")
    refusal = guards.wrong_mode(state, instrument, order)
    if refusal is not None or waiting:
        return refusal
    return judge(state, ticket, instrument)


def judge(state: State, ticket: Ticket, instrument: Instrument) -> Refusal | None:
    """What is asked of an order that is about to work: caps, the book, and margin as if it were filled."""
    admitted = admit_as_if_filled
    if spot(ticket.order):
        admitted = admit_spot
    elif on_loan(instrument, ticket.order):
        admitted = admit_on_loan
    return _open_interest(state, ticket, instrument) or _book_terms(state, ticket) or admitted(state, ticket)


def _open_interest(state: State, ticket: Ticket, instrument: Instrument) -> Refusal | None:
    cap = None if spot(ticket.order) else state.listings[instrument.id][1]
    grown = state.open_interest.get(instrument.id, ZERO) + ticket.order.remaining
    if cap is None or ticket.order.reduce_only or grown <= cap:
        return None
    return refuse(state.rulebook, RejectReason.OPEN_INTEREST_CAP, needs=grown, has=cap, unit="contracts")


def _book_terms(state: State, ticket: Ticket) -> Refusal | None:
    """Post-only must not take; fill-or-kill must find all of its size."""
    order, rulebook = ticket.order, state.rulebook
    if order.type == _POST_ONLY:
        first = state.books[order.instrument].first(order.side, order.price)
        if first is not None:
            return refuse(rulebook, RejectReason.WOULD_TAKE, needs=order.price, has=first.order.price)
    if order.time_in_force == _FOK:
        found = sum((size for _, size in fillable(state, ticket)), ZERO)
        if found < order.remaining:
            return refuse(rulebook, RejectReason.NOT_FILLABLE, needs=order.remaining, has=found, unit="contracts")
    return None


def arm(state: State, ticket: Ticket) -> Ticket:
    """Give a waiting order its direction or first extreme."""
    source = watched(ticket.order)[0]
    return armed(ticket, _seen(state, ticket, source))


def _seen(state: State, ticket: Ticket, source: str) -> Decimal:
    """What a waiting order watches, now; the mark where nothing has traded yet."""
    order = ticket.order
    if source == "equity":
        settle = state.instrument(order.instrument).settle
        return state.equity(ticket.account, settle)
    prices = getattr(state.marks, source)
    found = prices.get(state.instrument(order.instrument).pair if source == "index" else order.instrument)
    return found if found is not None else state.marks.mark_of(order.instrument)


def cancel(state: State, command: c.CancelOrder) -> Iterator[e.Event]:
    """Cancel one order."""
    ticket = find(state, command.account, command.order)
    if ticket is None:
        yield e.Refused(account=command.account, refusal=unknown(state, command.order))
    else:
        yield cancelled(ticket, "user")


def cancel_all(state: State, command: c.CancelAll) -> Iterator[e.Event]:
    """Cancel every order of an account, of one instrument if named."""
    refusal = guards.known(state, command.account)
    if refusal is not None:
        yield e.Refused(account=command.account, refusal=refusal)
        return
    for ticket in state.owners[command.account].unfinished():
        if command.instrument in ("", ticket.order.instrument):
            yield cancelled(ticket, "user")


def cancelled(ticket: Ticket, why: str) -> e.OrderCancelled:
    """The event that ends an order."""
    return e.OrderCancelled(order=ticket.id, account=ticket.account, why=why)


def find(state: State, account: str, name: str) -> Ticket | None:
    """A live order by the engine's id or the client's."""
    owner = state.owners.get(account)
    if owner is None:
        return None
    found = owner.orders.get(name)
    if found is None and name in owner.clients:
        found = owner.orders.get(owner.clients[name][1])
    return found


def unknown(state: State, name: str) -> Refusal:
    """No such order of the account."""
    return refuse(state.rulebook, RejectReason.UNKNOWN_ORDER, note=name)
