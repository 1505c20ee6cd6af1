"""How events change the records of orders, and what fills say to both sides."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from crossmargin.domain import event as e
from crossmargin.domain.account import OrderSide
from crossmargin.domain.arithmetic import ZERO, quotient
from crossmargin.domain.ledger import Ticket
from crossmargin.server.history.postings import Posting, postings
from crossmargin.server.history.records import AlgoRecord, FillRecord, OrderRecord, PublicTrade

if TYPE_CHECKING:
    from crossmargin.server.history.history import History

__all__ = ["ORDER_EVENTS", "number_of", "weight_of"]


def number_of(order: str) -> int:
    """The number in the engine's id of an order: ``o12`` is 12."""
    return int(order[1:])


def weight_of(history: "History", instrument: str, contracts: Decimal, price: Decimal) -> Decimal:
    """What a fill adds to the weight behind an average price."""
    inverse = history.instrument(instrument).inverse
    return quotient(contracts, price) if inverse else contracts * price


def _accepted(history: "History", event: e.OrderAccepted) -> None:
    ticket = event.ticket
    if history.ignored(ticket.account):
        return
    if ticket.state == "waiting":
        history.put_algo(_algo(history, ticket))
    else:
        history.put_order(_order(history, ticket))


def _algo(history: "History", ticket: Ticket) -> AlgoRecord:
    return AlgoRecord(
        number=number_of(ticket.id),
        account=ticket.account,
        client_id=ticket.client_id,
        order=ticket.order,
        state="live",
        created=history.time,
        updated=history.time,
        extreme=ticket.extreme,
    )


def _order(history: "History", ticket: Ticket, algo: int = 0) -> OrderRecord:
    instrument = history.instrument(ticket.order.instrument)
    return OrderRecord(
        number=number_of(ticket.id),
        account=ticket.account,
        client_id="" if algo else ticket.client_id,
        order=ticket.order,
        state="live",
        created=history.time,
        updated=history.time,
        inverse=instrument.inverse,
        fee_currency=instrument.settle,
        algo=algo,
    )


def _amended(history: "History", event: e.OrderAmended) -> None:
    number = number_of(event.ticket.id)
    order, algo = history.order(number), history.algo(number)
    if order is not None:
        history.put_order(msgspec.structs.replace(order, order=event.ticket.order, updated=history.time))
    elif algo is not None:
        history.put_algo(msgspec.structs.replace(algo, order=event.ticket.order, updated=history.time))


def _cancelled(history: "History", event: e.OrderCancelled) -> None:
    number = number_of(event.order)
    order, algo = history.order(number), history.algo(number)
    if order is not None:
        done = msgspec.structs.replace(order, state="canceled", why=event.why, updated=history.time)
        history.put_order(done)
    elif algo is not None:
        history.put_algo(msgspec.structs.replace(algo, state="canceled", why=event.why, updated=history.time))


def _shrunk(history: "History", event: e.OrderShrunk) -> None:
    order = history.order(number_of(event.order))
    if order is not None:
        terms = msgspec.structs.replace(order.order, contracts=event.contracts)
        history.put_order(msgspec.structs.replace(order, order=terms, updated=history.time))


def _triggered(history: "History", event: e.OrderTriggered) -> None:
    """A waiting order is done, and the order that it sends begins, under the same number."""
    number = number_of(event.ticket.id)
    algo = history.algo(number)
    if algo is None:
        return
    history.put_algo(
        msgspec.structs.replace(
            algo, state="effective", at=event.at, sent=event.ticket.order.price, updated=history.time
        )
    )
    history.put_order(_order(history, event.ticket, algo=number))


def _trailed(history: "History", event: e.OrderTrailed) -> None:
    algo = history.algo(number_of(event.order))
    if algo is not None:
        history.put_algo(msgspec.structs.replace(algo, extreme=event.extreme, updated=history.time))


def _leverage(history: "History", event: e.LeverageSet) -> None:
    history.touch(event.account)
    for ticket in event.tickets:
        number = number_of(ticket.id)
        order, algo = history.order(number), history.algo(number)
        if order is not None:
            history.put_order(msgspec.structs.replace(order, order=ticket.order, updated=history.time))
        elif algo is not None:
            history.put_algo(msgspec.structs.replace(algo, order=ticket.order, updated=history.time))


# ---------------------------------------------------------------- fills


def _filled(history: "History", event: e.Filled) -> None:
    side = OrderSide.BUY if event.taker_buys else OrderSide.SELL
    _trade(history, event.instrument, side, event.price, event.contracts)
    found = postings(event.transfers)
    for order, account, taker in (
        (event.taker, event.taker_account, True),
        (event.maker, event.maker_account, False),
    ):
        if not history.ignored(account):
            own = side if taker else _other(side)
            _order_filled(history, event, number_of(order), _own(found, account), own, taker=taker)


def _liquidation_fill(history: "History", event: e.LiquidationFill) -> None:
    side = OrderSide.BUY if event.account_buys else OrderSide.SELL
    _trade(history, event.instrument, side, event.price, event.contracts)
    found = postings(event.transfers)
    if not history.ignored(event.maker_account):
        maker = _own(found, event.maker_account)
        _order_filled(history, event, number_of(event.maker), maker, _other(side), taker=False)
    if not history.ignored(event.account):
        own = _own(found, event.account)
        fill = _fill_record(history, event, own, side, account=event.account, taker=True)
        history.changes.fills.append(fill)


def _trade(history: "History", instrument: str, side: OrderSide, price: Decimal, contracts: Decimal) -> None:
    history.changes.trades.append(
        PublicTrade(
            number=history.trade, instrument=instrument, side=side, price=price, contracts=contracts, time=history.time
        )
    )


def _own(found: dict[tuple[str, str], Posting], account: str) -> list[Posting]:
    return [posting for (name, _), posting in found.items() if name == account]


def _other(side: OrderSide) -> OrderSide:
    return OrderSide.SELL if side == OrderSide.BUY else OrderSide.BUY


def _fill_record(
    history: "History",
    event: e.Filled | e.LiquidationFill,
    own: list[Posting],
    side: OrderSide,
    *,
    account: str,
    taker: bool,
    order: OrderRecord | None = None,
) -> FillRecord:
    """One side of the trade that was numbered last; a side without an order was closed by force."""
    charged = next((each for each in own if each.fee), None)
    settle = history.instrument(event.instrument).settle
    leg = None if order is None else order.order.position_side
    return FillRecord(
        number=history.next("fills"),
        trade=history.trade,
        account=account,
        order=0 if order is None else order.number,
        client_id="" if order is None else order.client_id,
        instrument=event.instrument,
        side=side,
        position_side="net" if leg is None else leg.value,
        price=event.price,
        contracts=event.contracts,
        fee=ZERO if charged is None else charged.fee,
        fee_currency=settle if charged is None else charged.currency,
        pnl=sum((each.pnl for each in own), ZERO),
        taker=taker,
        time=history.time,
        kind="trade" if order is not None else "liquidation",
    )


def _order_filled(
    history: "History",
    event: e.Filled | e.LiquidationFill,
    number: int,
    own: list[Posting],
    side: OrderSide,
    *,
    taker: bool,
) -> None:
    order = history.order(number)
    if order is None:
        return
    fill = _fill_record(history, event, own, side, account=order.account, taker=taker, order=order)
    terms = msgspec.structs.replace(order.order, filled=order.order.filled + event.contracts)
    history.put_order(
        msgspec.structs.replace(
            order,
            order=terms,
            state="partially_filled" if terms.remaining else "filled",
            weight=order.weight + weight_of(history, event.instrument, event.contracts, event.price),
            fee=order.fee + fill.fee,
            fee_currency=fill.fee_currency,
            pnl=order.pnl + fill.pnl,
            last=fill,
            updated=history.time,
        ),
        fill,
    )
    history.changes.fills.append(fill)


ORDER_EVENTS: dict[type, Callable[["History", Any], None]] = {
    e.OrderAccepted: _accepted,
    e.OrderAmended: _amended,
    e.OrderCancelled: _cancelled,
    e.OrderShrunk: _shrunk,
    e.OrderTriggered: _triggered,
    e.OrderTrailed: _trailed,
    e.LeverageSet: _leverage,
    e.Filled: _filled,
    e.LiquidationFill: _liquidation_fill,
}
