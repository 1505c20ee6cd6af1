"""Waiting orders: stop-loss, take-profit, both, trigger, trailing stop."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

import msgspec

from crossmargin.domain import command as c
from crossmargin.domain.account import MarginMode, OrderSide, OrderType, Trailing
from crossmargin.domain.event import OrderAccepted
from crossmargin.errors import CrossMarginError
from crossmargin.server.history import AlgoRecord
from crossmargin.server.history.orders import number_of
from crossmargin.server.okx.acks import Acks, Failure, failure_of, problem
from crossmargin.server.okx.answers import OkxError, Row
from crossmargin.server.okx.call import Call, Parameters
from crossmargin.server.okx.names import algo_id, algo_number
from crossmargin.server.okx.place import (
    attached_stops,
    instrument_in,
    limit_of,
    side_of,
    stop_in,
    trigger_by,
)
from crossmargin.server.okx.rows.orders import ALGO_TYPES, algo_row
from crossmargin.server.okx.statement import page
from crossmargin.server.okx.trade import each_of, where_of

__all__ = ["algo_history", "algo_order", "algos_pending", "amend_algo", "cancel_algos", "place_algo"]

_TYPES = ("conditional", "oco", "trigger", "move_order_stop")
_ALL = "1"


async def place_algo(call: Call) -> Acks:
    """``POST trade/order-algo``: an order that waits: stop-loss, take-profit, both, trigger or trailing stop."""
    venue = call.exchange.venue
    now = venue.now()
    client = call.echo("algoClOrdId")
    number: int | None = None
    failure: Failure | None
    try:
        outcome = await venue.submit(_command(call, now))
        failure = failure_of(outcome, {"duplicate_id": "51065"})
        if failure is None:
            accepted = [event for event in outcome.events if isinstance(event, OrderAccepted)]
            number = number_of(accepted[0].ticket.id) if accepted else None
            failure = None if accepted else Failure("51065", "algoClOrdId already exists")
    except (OkxError, CrossMarginError) as error:
        failure = problem(error)
    return Acks(
        [
            {
                "algoId": "" if number is None else algo_id(number),
                "clOrdId": "",
                "algoClOrdId": client,
                "sCode": "0" if failure is None else failure.code,
                "sMsg": "" if failure is None else failure.message,
                "tag": call.echo("tag"),
                "ts": str(now),
            }
        ]
    )


def _command(call: Call, now: int) -> c.PlaceOrder:
    kind = call.choice("ordType", _TYPES)
    instrument = instrument_in(call.exchange, call)
    side = OrderSide(call.choice("side", ("buy", "sell")))
    mode = MarginMode(call.choice("tdMode", ("cross", "isolated", "cash")))
    base = c.PlaceOrder(
        account=call.account,
        instrument=instrument.id,
        side=side,
        contracts=_size(call, instrument.id, side, mode),
        margin_mode=mode,
        position_side=side_of(call, call),
        reduce_only=call.flag("reduceOnly") or call.text("closeFraction") == _ALL,
        client_id=call.client_id("algoClOrdId"),
        time=now,
    )
    return _KINDS[kind](call, base)


def _size(call: Call, name: str, side: OrderSide, mode: MarginMode) -> Decimal:
    """``sz``, or with ``closeFraction`` 1 the whole position that the order closes."""
    if call.text("closeFraction") != _ALL:
        return call.needed("sz")
    owner = call.exchange.venue.state.owners.get(call.account)
    for key, held in owner.positions.items() if owner is not None else ():
        if (key.instrument, key.margin_mode) == (name, mode) and key.side != side.opens:
            return held.contracts
    raise OkxError("51023", "Position does not exist")


def _conditional(call: Call, order: c.PlaceOrder) -> c.PlaceOrder:
    loss, profit = stop_in(call, "sl"), stop_in(call, "tp")
    if loss is not None and profit is not None:
        return _oco(call, order)
    stop = loss or profit
    if stop is None:
        raise OkxError("50015", "Either parameter slTriggerPx or tpTriggerPx is required")
    _on_its_side(call, order, stop.trigger_price, loss=loss is not None)
    return msgspec.structs.replace(
        order,
        type=OrderType.STOP_LOSS if loss is not None else OrderType.TAKE_PROFIT,
        trigger_price=stop.trigger_price,
        trigger_by=stop.trigger_by,
        price=stop.price,
    )


def _oco(call: Call, order: c.PlaceOrder) -> c.PlaceOrder:
    loss, profit = stop_in(call, "sl"), stop_in(call, "tp")
    if loss is None or profit is None:
        raise OkxError("50015", "Parameters slTriggerPx and tpTriggerPx are required")
    _on_its_side(call, order, loss.trigger_price, loss=True)
    _on_its_side(call, order, profit.trigger_price, loss=False)
    return msgspec.structs.replace(order, type=OrderType.OCO, stop_loss=loss, take_profit=profit)


def _trigger(call: Call, order: c.PlaceOrder) -> c.PlaceOrder:
    loss, profit = attached_stops(call)
    return msgspec.structs.replace(
        order,
        type=OrderType.TRIGGER,
        trigger_price=call.needed("triggerPx"),
        trigger_by=trigger_by(call, "triggerPxType"),
        price=limit_of(call, "orderPx"),
        stop_loss=loss,
        take_profit=profit,
    )


def _trailing(call: Call, order: c.PlaceOrder) -> c.PlaceOrder:
    ratio, spread = call.number("callbackRatio"), call.number("callbackSpread")
    if (ratio is None) is (spread is None):
        raise OkxError("50015", "Either parameter callbackRatio or callbackSpread is required")
    trailing = Trailing(percent=ratio, distance=spread, active_price=call.number("activePx"))
    return msgspec.structs.replace(order, type=OrderType.TRAILING, trailing=trailing)


_KINDS: dict[str, Callable[[Call, c.PlaceOrder], c.PlaceOrder]] = {
    "conditional": _conditional,
    "oco": _oco,
    "trigger": _trigger,
    "move_order_stop": _trailing,
}


def _on_its_side(call: Call, order: c.PlaceOrder, trigger: Decimal, *, loss: bool) -> None:
    """A stop-loss that sells lies below the last price, a take-profit above; the other way round for one that buys."""
    marks = call.exchange.venue.state.marks
    last = marks.last.get(order.instrument, marks.mark.get(order.instrument, trigger))
    sells = order.side == OrderSide.SELL
    below = loss is sells
    if below and trigger > last:
        code, name, word = ("51280", "SL", "higher") if loss else ("51277", "TP", "higher")
    elif not below and trigger < last:
        code, name, word = ("51278", "SL", "lower") if loss else ("51279", "TP", "lower")
    else:
        return
    raise OkxError(code, f"{name} trigger price cannot be {word} than the last price")


# ---------------------------------------------------------------- cancelling and amending


async def cancel_algos(call: Call) -> Acks:
    """``POST trade/cancel-algos``: waiting orders, up to 20."""
    return Acks(list(await asyncio.gather(*(_cancel(call, given) for given in each_of(call)))))


async def _cancel(call: Call, given: Parameters) -> Row:
    venue = call.exchange.venue
    now = venue.now()
    record: AlgoRecord | None = None
    failure: Failure | None = Failure("51400", "Cancellation failed as the order does not exist.")
    try:
        record = _named(call, given)
        if record is not None and record.state == "live":
            command = c.CancelOrder(account=call.account, order=f"o{record.number}", time=now)
            failure = failure_of(await venue.submit(command), {"unknown_order": "51400"})
    except (OkxError, CrossMarginError) as error:
        failure = problem(error)
    return {
        "algoId": algo_id(record.number) if record is not None else given.echo("algoId"),
        "clOrdId": "",
        "algoClOrdId": record.client_id if record is not None else given.echo("algoClOrdId"),
        "sCode": "0" if failure is None else failure.code,
        "sMsg": "" if failure is None else failure.message,
        "tag": "",
        "ts": str(now),
    }


async def amend_algo(call: Call) -> Acks:
    """``POST trade/amend-algos``: another size or other triggers."""
    venue = call.exchange.venue
    now = venue.now()
    record = _named(call, call)
    failure: Failure | None = Failure("51503", "Modification failed as the order does not exist.")
    if record is not None and record.state == "live":
        try:
            failure = failure_of(await venue.submit(_amendment(call, record, now)), {"unknown_order": "51503"})
        except (OkxError, CrossMarginError) as error:
            failure = problem(error)
    return Acks(
        [
            {
                "algoId": algo_id(record.number) if record is not None else call.echo("algoId"),
                "algoClOrdId": record.client_id if record is not None else call.echo("algoClOrdId"),
                "reqId": call.echo("reqId"),
                "sCode": "0" if failure is None else failure.code,
                "sMsg": "" if failure is None else failure.message,
                "ts": str(now),
            }
        ]
    )


def _amendment(call: Call, record: AlgoRecord, now: int) -> c.AmendOrder:
    order = record.order
    fresh = Parameters({name[3].lower() + name[4:]: value for name, value in call.given.items() if name[:3] == "new"})
    loss, profit = stop_in(fresh, "sl"), stop_in(fresh, "tp")
    own = loss if order.type == OrderType.STOP_LOSS else profit if order.type == OrderType.TAKE_PROFIT else None
    paired = order.type == OrderType.OCO
    trigger = own.trigger_price if own is not None else fresh.number("triggerPx")
    price = own.price if own is not None else fresh.number("ordPx") if order.type == OrderType.TRIGGER else None
    return c.AmendOrder(
        account=call.account,
        order=f"o{record.number}",
        contracts=fresh.number("sz"),
        price=price,
        trigger_price=trigger,
        stop_loss=loss if paired else None,
        take_profit=profit if paired else None,
        time=now,
    )


# ---------------------------------------------------------------- reading back


def _named(call: Call, given: Parameters) -> AlgoRecord | None:
    """The waiting order that ``algoId`` or ``algoClOrdId`` names, waiting or done."""
    history = call.exchange.venue.history
    mine = history.waiting.get(call.account, {})
    if "algoId" in given:
        number = algo_number(given.text("algoId"))
        if number in mine:
            return mine[number]
        found = history.shelf.find(AlgoRecord, {"account": call.account, "number": number}, limit=1)
        return found[0] if found else None
    client = given.client_id("algoClOrdId")
    if not client:
        raise OkxError("51000", "Either parameter algoId or algoClOrdId is required")
    for record in mine.values():
        if record.client_id == client:
            return record
    found = history.shelf.find(AlgoRecord, {"account": call.account, "client": client}, limit=1)
    return found[0] if found else None


def _rows(call: Call, records: list[AlgoRecord], kinds: list[str]) -> list[Row]:
    rows = [algo_row(each, call.exchange.listed(each.order.instrument)) for each in records]
    return [row for row in rows if not kinds or row["ordType"] in kinds]


def algo_order(call: Call) -> list[Row]:
    """``GET trade/order-algo``: a waiting order by its id or the client's."""
    record = _named(call, call)
    if record is None:
        raise OkxError("51603", "Order does not exist")
    return _rows(call, [record], [])


def algos_pending(call: Call) -> list[Row]:
    """``GET trade/orders-algo-pending``: waiting orders of the types asked for."""
    kinds = call.instruments("ordType")
    if not kinds:
        call.required("ordType")
    mine = call.exchange.venue.history.waiting.get(call.account, {}).values()
    name, wanted = call.text("instId"), call.text("algoId")
    where = page(call, {})
    found = [
        each
        for each in mine
        if name in ("", each.order.instrument)
        and wanted in ("", algo_id(each.number))
        and where.get("number >", -1) < each.number < where.get("number <", each.number + 1)
    ]
    found.sort(key=lambda each: each.number, reverse=True)
    return _rows(call, found, kinds)[: call.limit()]


def algo_history(call: Call) -> list[Row]:
    """``GET trade/orders-algo-history``: by ``state`` or ``algoId``."""
    kinds = call.instruments("ordType")
    where = where_of(call)
    if where is None:
        return []
    if "algoId" in call:
        where["number"] = algo_number(call.text("algoId"))
    else:
        where["state"] = call.choice("state", ("effective", "canceled", "order_failed"))
    page(call, where)
    keep = (lambda each: ALGO_TYPES[each.order.type] in kinds) if kinds else None
    shelf = call.exchange.venue.history.shelf
    found: list[AlgoRecord] = shelf.find(AlgoRecord, where, limit=call.limit(), keep=keep)
    return _rows(call, found, [])
