"""Rows of orders, waiting orders and fills."""

from decimal import Decimal

from crossmargin.domain.account import AttachedStop, MarginMode, Order, OrderType, TimeInForce
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.instrument import Instrument
from crossmargin.server.history import AlgoRecord, FillRecord, OrderRecord
from crossmargin.server.okx.answers import Row, text
from crossmargin.server.okx.names import algo_id, bill_id, inst_type, order_id, trade_id

__all__ = ["ALGO_TYPES", "ack_row", "algo_row", "fill_row", "order_row", "order_type"]

ALGO_TYPES = {
    OrderType.TRIGGER: "trigger",
    OrderType.STOP_LOSS: "conditional",
    OrderType.TAKE_PROFIT: "conditional",
    OrderType.OCO: "oco",
    OrderType.TRAILING: "move_order_stop",
}
_SOURCES = {
    "user": "1",
    "would_take": "31",
    "not_fillable": "14",
    "unfilled": "14",
    "self_trade": "20",
    "liquidation": "6",
    "risk_control": "6",
    "nothing_to_reduce": "17",
    "timer": "36",
    "expired": "3",
    "trading_stopped": "27",
}
_ADVANCED = {TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}


def order_type(order: Order) -> str:
    """``ordType`` of an order that works."""
    if order.type == OrderType.MARKET:
        return "market"
    if order.type == OrderType.POST_ONLY:
        return "post_only"
    return _ADVANCED.get(order.time_in_force, "limit")


def _side_of(order: Order) -> str:
    return "net" if order.position_side is None else order.position_side.value


def ack_row(number: int | None, client_id: str, tag: str, now: int, code: str = "0", message: str = "") -> Row:
    """What placing an order answers for each order."""
    return {
        "ordId": "" if number is None else order_id(number),
        "clOrdId": client_id,
        "tag": tag,
        "ts": str(now),
        "sCode": code,
        "sMsg": message or ("Order placed" if code == "0" else ""),
    }


def _stops(order: Order, parent: int) -> list[Row]:
    """``attachAlgoOrds``: stops that come with the fill."""
    loss, profit = order.stop_loss, order.take_profit
    if loss is None and profit is None:
        return []
    return [
        {
            "attachAlgoId": algo_id(parent),
            "attachAlgoClOrdId": "",
            "tpOrdKind": "condition",
            **_trigger("sl", loss),
            **_trigger("tp", profit),
            "sz": "",
            "amendPxOnTriggerType": "0",
            "failCode": "",
            "failReason": "",
        }
    ]


def _trigger(prefix: str, stop: AttachedStop | None) -> Row:
    if stop is None:
        return {f"{prefix}TriggerPx": "", f"{prefix}OrdPx": "", f"{prefix}TriggerPxType": ""}
    return {
        f"{prefix}TriggerPx": text(stop.trigger_price),
        f"{prefix}OrdPx": "-1" if stop.price is None else text(stop.price),
        f"{prefix}TriggerPxType": stop.trigger_by.value,
    }


def order_row(record: OrderRecord, instrument: Instrument) -> Row:
    """One row of trade/order, the lists of orders, and the orders channel."""
    order, last = record.order, record.last
    attached = _stops(order, record.number)
    return {
        "instType": inst_type(instrument) if order.margin_mode == MarginMode.CASH else _traded_as(instrument),
        "instId": order.instrument,
        "ccy": "" if order.margin_currency is None else order.margin_currency,
        "ordId": order_id(record.number),
        "clOrdId": record.client_id,
        "tag": "",
        "px": "" if order.type == OrderType.MARKET else text(order.price),
        "pxUsd": "",
        "pxVol": "",
        "pxType": "",
        "sz": text(order.contracts),
        "notionalUsd": "",
        "ordType": order_type(order),
        "side": order.side.value,
        "posSide": _side_of(order),
        "tdMode": order.margin_mode.value,
        "accFillSz": text(order.filled),
        "fillPx": "" if last is None else text(last.price),
        "tradeId": "" if last is None else trade_id(last.trade),
        "fillSz": "0" if last is None else text(last.contracts),
        "fillTime": "" if last is None else str(last.time),
        "avgPx": text(record.average),
        "state": record.state,
        "lever": text(order.leverage),
        "attachAlgoClOrdId": "",
        **_trigger("tp", order.take_profit),
        **_trigger("sl", order.stop_loss),
        "attachAlgoOrds": attached,
        "linkedAlgoOrd": {"algoId": algo_id(record.algo) if record.algo else ""},
        "stpId": "",
        "stpMode": "cancel_maker",
        "feeCcy": record.fee_currency,
        "fee": text(record.fee),
        "rebateCcy": record.fee_currency,
        "rebate": "0",
        "pnl": text(record.pnl),
        "source": "7" if record.algo else "",
        "category": "normal",
        "reduceOnly": "true" if order.reduce_only else "false",
        "cancelSource": _SOURCES.get(record.why, "0") if record.state == "canceled" else "",
        "cancelSourceReason": record.why.replace("_", " ") if record.state == "canceled" else "",
        "quickMgnType": "",
        "algoClOrdId": "",
        "algoId": algo_id(record.algo) if record.algo else "",
        "isTpLimit": "false",
        "tgtCcy": "",
        "tradeQuoteCcy": "",
        "cTime": str(record.created),
        "uTime": str(record.updated),
    }


def _traded_as(instrument: Instrument) -> str:
    kind = inst_type(instrument)
    return "MARGIN" if kind == "SPOT" else kind


def algo_row(record: AlgoRecord, instrument: Instrument) -> Row:
    """One row of trade/order-algo, the lists of waiting orders, and the orders-algo channel."""
    order = record.order
    trailing = order.trailing
    fired = record.state == "effective"
    return {
        "instType": _traded_as(instrument),
        "instId": order.instrument,
        "ccy": "",
        "ordId": order_id(record.number) if fired else "",
        "ordIdList": [order_id(record.number)] if fired else [],
        "algoId": algo_id(record.number),
        "clOrdId": "",
        "algoClOrdId": record.client_id,
        "sz": text(order.contracts),
        "closeFraction": "",
        "ordType": ALGO_TYPES[order.type],
        "side": order.side.value,
        "posSide": _side_of(order),
        "tdMode": order.margin_mode.value,
        "tgtCcy": "",
        "state": record.state,
        "lever": text(order.leverage),
        **_triggers(order),
        "triggerPx": text(order.trigger_price) if order.type == OrderType.TRIGGER else "",
        "triggerPxType": order.trigger_by.value if order.type == OrderType.TRIGGER else "",
        "ordPx": ("-1" if order.price is None else text(order.price)) if order.type == OrderType.TRIGGER else "",
        "advanceOrdType": "",
        "actualSz": text(order.contracts) if fired else "0",
        "actualPx": text(record.at) if fired else "",
        "actualSide": _actual_side(record) if fired else "",
        "triggerTime": str(record.updated) if fired else "",
        "last": text(record.at),
        "callbackRatio": "" if trailing is None else text(trailing.percent),
        "callbackSpread": "" if trailing is None else text(trailing.distance),
        "activePx": "" if trailing is None else text(getattr(trailing, "active_price", None)),
        "moveTriggerPx": text(_move_trigger(record)),
        "pxVar": "",
        "pxSpread": "",
        "szLimit": "",
        "pxLimit": "",
        "timeInterval": "",
        "tag": "",
        "reduceOnly": "true" if order.reduce_only else "false",
        "quickMgnType": "",
        "failCode": "0",
        "failReason": record.why.replace("_", " ") if record.state == "canceled" else "",
        "amendPxOnTriggerType": "0",
        "attachAlgoOrds": [],
        "linkedOrd": {"ordId": ""},
        "isTradeBorrowMode": "",
        "chaseType": "",
        "chaseVal": "",
        "maxChaseType": "",
        "maxChaseVal": "",
        "cTime": str(record.created),
        "uTime": str(record.updated),
    }


def _triggers(order: Order) -> Row:
    """Prices of a stop-loss, a take-profit or both, as one of the algo's own or as a pair."""
    own = None
    if order.trigger_price is not None:
        own = AttachedStop(trigger_price=order.trigger_price, trigger_by=order.trigger_by, price=order.price)
    loss = own if order.type == OrderType.STOP_LOSS else order.stop_loss
    profit = own if order.type == OrderType.TAKE_PROFIT else order.take_profit
    return {**_trigger("sl", loss), **_trigger("tp", profit)}


def _actual_side(record: AlgoRecord) -> str:
    """Which of the two prices of a stop was reached."""
    order = record.order
    if order.type == OrderType.TAKE_PROFIT:
        return "tp"
    if order.type != OrderType.OCO or record.at is None or order.take_profit is None:
        return "sl" if order.type in (OrderType.STOP_LOSS, OrderType.OCO) else ""
    profit = order.take_profit.trigger_price
    reached = record.at >= profit if order.side == "sell" else record.at <= profit
    return "tp" if reached else "sl"


def _move_trigger(record: AlgoRecord) -> Decimal | None:
    """The price at which a trailing stop would fire as things are."""
    trailing = record.order.trailing
    if trailing is None or trailing.on == "equity":
        return None
    back = trailing.distance if trailing.distance is not None else (trailing.percent or ZERO) * record.extreme
    return record.extreme - back if record.order.side == "sell" else record.extreme + back


def fill_row(record: FillRecord, instrument: Instrument) -> Row:
    """One row of trade/fills and trade/fills-history."""
    return {
        "instType": inst_type(instrument),
        "instId": record.instrument,
        "tradeId": trade_id(record.trade),
        "ordId": order_id(record.order) if record.order else "",
        "clOrdId": record.client_id,
        "billId": bill_id(record.bill),
        "subType": _sub_type(record),
        "tag": "",
        "fillPx": text(record.price),
        "fillSz": text(record.contracts),
        "fillIdxPx": "",
        "fillPnl": text(record.pnl),
        "fillPxVol": "",
        "fillPxUsd": "",
        "fillMarkVol": "",
        "fillFwdPx": "",
        "fillMarkPx": "",
        "side": record.side.value,
        "posSide": record.position_side,
        "execType": "T" if record.taker else "M",
        "feeCcy": record.fee_currency,
        "fee": text(record.fee),
        "feeRate": "",
        "tradeQuoteCcy": "",
        "ts": str(record.time),
        "fillTime": str(record.time),
    }


def _sub_type(record: FillRecord) -> str:
    buys = record.side == "buy"
    if record.kind == "liquidation":
        return "105" if buys else "104"
    if record.position_side == "net":
        return "1" if buys else "2"
    opens = buys is (record.position_side == "long")
    return {(True, "long"): "3", (True, "short"): "4", (False, "long"): "5"}.get((opens, record.position_side), "6")
