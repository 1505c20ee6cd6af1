"""Orders: placing, amending, cancelling, closing, and reading them back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from crossmargin.domain import command as c
from crossmargin.domain.account import MarginMode, PositionMode, Side
from crossmargin.domain.event import OrderAccepted, Repeated
from crossmargin.engine.engine import Outcome
from crossmargin.errors import CrossMarginError
from crossmargin.server.history import FillRecord, OrderRecord
from crossmargin.server.history.orders import number_of
from crossmargin.server.okx.account import refuse_if
from crossmargin.server.okx.acks import Acks, Failure, failure_of, problem
from crossmargin.server.okx.answers import OkxError, Row
from crossmargin.server.okx.call import Call, Parameters
from crossmargin.server.okx.names import inst_type, order_id, order_number
from crossmargin.server.okx.place import attached_stops, order_command
from crossmargin.server.okx.public import TYPES
from crossmargin.server.okx.rows.orders import ack_row, fill_row, order_row, order_type
from crossmargin.server.okx.statement import page

__all__ = [
    "amend", "amend_many", "cancel", "cancel_all_after", "cancel_many", "close_position", "each_of", "fills", "one_of",
    "order", "orders_history", "orders_pending", "place", "place_many", "rows_of", "where_of",
]  # fmt: skip

_BATCH_MAX = 20
_TIMER = range(10, 121)
_DONE = ["filled", "canceled"]

Doer = Callable[[Call, Parameters], Awaitable[Row]]


def each_of(call: Call) -> list[Parameters]:
    """The orders of a batch call.

    Raises:
        OkxError: there is no list, or one that is empty or too long.
    """
    if call.batch is None or not call.batch:
        raise OkxError("50014", "Parameter data can not be empty.")
    if len(call.batch) > _BATCH_MAX:
        raise OkxError("50013", f"At most {_BATCH_MAX} orders in one call")
    if not all(isinstance(each, dict) for each in call.batch):
        raise OkxError("51000", "Parameter data error")
    return [Parameters(each) for each in call.batch]


def one_of(call: Call) -> Parameters:
    """The one order of a call that is not a list, or of a list with one."""
    if call.batch is not None:
        return each_of(call)[0]
    return call


async def _all(call: Call, doer: Doer) -> Acks:
    """Every order of a batch: all are decided in one group, in the order given."""
    return Acks(list(await asyncio.gather(*(doer(call, given) for given in each_of(call)))))


async def _one(call: Call, doer: Doer) -> Acks:
    return Acks([await doer(call, one_of(call))])


# ---------------------------------------------------------------- placing


async def place(call: Call) -> Acks:
    """``POST trade/order``: one order."""
    return await _one(call, _place)


async def place_many(call: Call) -> Acks:
    """``POST trade/batch-orders``: up to 20 orders, decided in one group."""
    return await _all(call, _place)


async def _place(call: Call, given: Parameters) -> Row:
    venue = call.exchange.venue
    now = venue.now()
    client, tag = given.echo("clOrdId"), given.echo("tag")
    try:
        outcome = await venue.submit(order_command(call, given, now))
    except (OkxError, CrossMarginError) as error:
        failure: Failure | None = problem(error)
    else:
        failure = failure_of(outcome, {}) or _repeated(outcome)
        if failure is None:
            return ack_row(_number(outcome), client, tag, now)
    assert failure is not None
    return ack_row(None, client, tag, now, failure.code, failure.message)


def _repeated(outcome: Outcome) -> Failure | None:
    """The venue refuses a client id that it has seen; whoever asks again can look the order up by it."""
    if any(isinstance(event, Repeated) for event in outcome.events):
        return Failure("51016", "Client order ID already exists.")
    return None


def _number(outcome: Outcome) -> int:
    return next(number_of(event.ticket.id) for event in outcome.events if isinstance(event, OrderAccepted))


# ---------------------------------------------------------------- cancelling


async def cancel(call: Call) -> Acks:
    """``POST trade/cancel-order``: by id or the client's id."""
    return await _one(call, _cancel)


async def cancel_many(call: Call) -> Acks:
    """``POST trade/cancel-batch-orders``: the same for up to 20 orders."""
    return await _all(call, _cancel)


async def _cancel(call: Call, given: Parameters) -> Row:
    venue = call.exchange.venue
    now = venue.now()
    failure: Failure | None
    try:
        record = _named(call, given)
        if record is None or record.state in _DONE:
            failure = _gone(record, {"": "51400", "canceled": "51401", "filled": "51402"})
        else:
            command = c.CancelOrder(account=call.account, order=f"o{record.number}", time=now)
            failure = failure_of(await venue.submit(command), {"unknown_order": "51400"})
    except (OkxError, CrossMarginError) as error:
        record, failure = None, problem(error)
    return _answer(given, record, now, failure)


def _named(call: Call, given: Parameters) -> OrderRecord | None:
    """The order that ``ordId`` or ``clOrdId`` names, working or done; None where there is none of the account's."""
    history = call.exchange.venue.history
    mine = history.live.get(call.account, {})
    if "ordId" in given:
        number = order_number(given.text("ordId"))
        live = mine.get(number)
        if live is not None:
            return live
        found = history.shelf.find(OrderRecord, {"account": call.account, "number": number}, limit=1)
        return found[0] if found else None
    client = given.client_id()
    if not client:
        raise OkxError("51000", "Either parameter ordId or clOrdId is required")
    for record in mine.values():
        if record.client_id == client:
            return record
    found = history.shelf.find(OrderRecord, {"account": call.account, "client": client}, limit=1)
    return found[0] if found else None


def _gone(record: OrderRecord | None, codes: dict[str, str]) -> Failure:
    state = "" if record is None else record.state
    texts = {"": "does not exist", "canceled": "has been canceled", "filled": "has been filled"}
    return Failure(codes[state], f"The order {texts[state]}.")


def _answer(given: Parameters, record: OrderRecord | None, now: int, failure: Failure | None) -> Row:
    return {
        "ordId": order_id(record.number) if record is not None else given.echo("ordId"),
        "clOrdId": record.client_id if record is not None else given.echo("clOrdId"),
        "ts": str(now),
        "sCode": "0" if failure is None else failure.code,
        "sMsg": "" if failure is None else failure.message,
    }


# ---------------------------------------------------------------- amending


async def amend(call: Call) -> Acks:
    """``POST trade/amend-order``: another size or price."""
    return await _one(call, _amend)


async def amend_many(call: Call) -> Acks:
    """``POST trade/amend-batch-orders``: the same for up to 20 orders."""
    return await _all(call, _amend)


async def _amend(call: Call, given: Parameters) -> Row:
    venue = call.exchange.venue
    now = venue.now()
    failure: Failure | None
    try:
        record = _named(call, given)
        if record is None or record.state in _DONE:
            failure = _gone(record, {"": "51503", "canceled": "51509", "filled": "51510"})
        else:
            command = _amendment(call, given, record, now)
            failure = failure_of(await venue.submit(command), {"unknown_order": "51503"})
            if failure is not None and given.flag("cxlOnFail"):
                await venue.submit(c.CancelOrder(account=call.account, order=f"o{record.number}", time=now))
    except (OkxError, CrossMarginError) as error:
        record, failure = None, problem(error)
    return {**_answer(given, record, now, failure), "reqId": given.echo("reqId")}


def _amendment(call: Call, given: Parameters, record: OrderRecord, now: int) -> c.AmendOrder:
    size, price = given.number("newSz"), given.number("newPx")
    loss, profit = attached_stops(Parameters(_without_new(given.given)))
    if size is None and price is None and loss is None and profit is None:
        raise OkxError("51000", "Either parameter newSz or newPx is required")
    return c.AmendOrder(
        account=call.account,
        order=f"o{record.number}",
        contracts=size,
        price=price,
        stop_loss=loss,
        take_profit=profit,
        time=now,
    )


def _without_new(given: dict[str, Any]) -> dict[str, Any]:
    """``newSlTriggerPx`` as ``slTriggerPx``, and so on, of an order and of its attached stops."""
    found = {}
    for name, value in given.items():
        if name == "attachAlgoOrds" and isinstance(value, list):
            found[name] = [_without_new(each) if isinstance(each, dict) else each for each in value]
        elif name.startswith(("newSl", "newTp")):
            found[name[3].lower() + name[4:]] = value
    return found


# ---------------------------------------------------------------- closing, and the dead man's timer


async def close_position(call: Call) -> list[Row]:
    """``POST trade/close-position``: all of a position, at market."""
    instrument = call.instrument()
    mode = MarginMode(call.choice("mgnMode", ("cross", "isolated")))
    side = call.choice("posSide", ("net", "long", "short"), "net")
    venue = call.exchange.venue
    owner = venue.state.owners.get(call.account)
    client = call.client_id()
    sides = {
        key.side
        for key in (owner.positions if owner is not None else ())
        if (key.instrument, key.margin_mode) == (instrument.id, mode) and side in ("net", key.side.value)
    }
    if owner is not None and owner.position_mode == PositionMode.HEDGE and side == "net":
        raise OkxError("51000", "Parameter posSide error")
    if not sides:
        raise OkxError("51023", "Position does not exist")
    for each in sorted(sides):
        command = c.ClosePosition(
            account=call.account, instrument=instrument.id, side=Side(each), margin_mode=mode, time=venue.now()
        )
        refuse_if(await venue.submit(command), {"unknown_position": "51023"})
    return [{"instId": instrument.id, "posSide": side, "clOrdId": client, "tag": call.echo("tag")}]


async def cancel_all_after(call: Call) -> list[Row]:
    """``POST trade/cancel-all-after``: cancel everything unless it is set again in time; 0 takes it off."""
    seconds = call.time("timeOut")
    if seconds is None or (seconds and seconds not in _TIMER):
        raise OkxError("51000", "Parameter timeOut error")
    venue = call.exchange.venue
    now = venue.now()
    at = now + seconds * 1000 if seconds else 0
    refuse_if(await venue.submit(c.SetCancelTimer(account=call.account, at=at, time=now)))
    return [{"triggerTime": str(at), "tag": call.echo("tag"), "ts": str(now)}]


# ---------------------------------------------------------------- reading back


def rows_of(call: Call, records: list[OrderRecord]) -> list[Row]:
    """Orders as rows."""
    return [order_row(each, call.exchange.listed(each.order.instrument)) for each in records]


def order(call: Call) -> list[Row]:
    """``GET trade/order``: an order by its id or the client's."""
    record = _named(call, call)
    if record is None or ("instId" in call and record.order.instrument != call.text("instId")):
        raise OkxError("51603", "Order does not exist")
    return rows_of(call, [record])


def where_of(call: Call) -> dict[str, Any] | None:
    """Conditions by ``instType``, ``instId``, ``uly``; None where nothing can meet them."""
    kind = call.choice("instType", (*TYPES, "ANY"), "ANY")
    where: dict[str, Any] = {"account": call.account}
    if "instId" in call:
        where["instrument"] = call.text("instId")
    elif kind != "ANY":
        names = [each.id for each in call.exchange.instruments() if inst_type(each) == kind]
        if not names:
            return None
        where["instrument"] = names
    return where


def orders_pending(call: Call) -> list[Row]:
    """``GET trade/orders-pending``: the newest first."""
    where = where_of(call)
    if where is None:
        return []
    names = where.get("instrument")
    page(call, where)
    mine = call.exchange.venue.history.live.get(call.account, {}).values()
    found = [
        each
        for each in mine
        if (names is None or each.order.instrument in ([names] if isinstance(names, str) else names))
        and each.number < where.get("number <", each.number + 1)
        and each.number > where.get("number >", -1)
        and call.text("state") in ("", each.state)
    ]
    rows = rows_of(call, sorted(found, key=lambda each: each.number, reverse=True))
    kinds = call.instruments("ordType")
    return [row for row in rows if not kinds or row["ordType"] in kinds][: call.limit()]


def orders_history(call: Call) -> list[Row]:
    """``GET trade/orders-history`` and its archive: done orders, the newest first."""
    where = where_of(call)
    if where is None:
        return []
    where["state"] = call.choice("state", ("", "filled", "canceled"), "") or _DONE
    page(call, where)
    kinds, shelf = call.instruments("ordType"), call.exchange.venue.history.shelf
    keep = (lambda each: order_type(each.order) in kinds) if kinds else None
    found: list[OrderRecord] = shelf.find(OrderRecord, where, limit=call.limit(), keep=keep)
    return rows_of(call, found)


def fills(call: Call) -> list[Row]:
    """``GET trade/fills`` and ``trade/fills-history``: the newest first, cursors on ``billId``."""
    where = where_of(call)
    if where is None:
        return []
    if "ordId" in call:
        where["parent"] = order_number(call.text("ordId"))
    page(call, where)
    for comparison in ("<", ">"):
        if f"number {comparison}" in where:
            where[f"bill {comparison}"] = where.pop(f"number {comparison}")
    found: list[FillRecord] = call.exchange.venue.history.shelf.find(FillRecord, where, limit=call.limit())
    return [fill_row(each, call.exchange.listed(each.instrument)) for each in found]
