"""Rows that are only ever pushed: an order with its fill, what changed in an account, a fill in short."""

from crossmargin.server.exchange import Exchange
from crossmargin.server.history import BillRecord, FillRecord, OrderRecord, PositionRecord, Step
from crossmargin.server.okx.answers import Row, text
from crossmargin.server.okx.names import inst_type, order_id, position_id, position_side, trade_id
from crossmargin.server.okx.rows.orders import algo_row, order_row

__all__ = ["EVENT_TYPES", "balance_data", "fill_in_short", "position_data", "step_row"]

EVENT_TYPES = {
    "trade": "filled",
    "liquidation": "liquidation",
    "adl": "adl",
    "delivery": "delivered",
    "funding": "funding_fee",
    "margin": "adjust_margin",
    "interest": "interest_deduction",
    "deficit": "claw_back",
}
"""``eventType`` of each kind of bill; whatever else moved money is a transfer."""

_NO_AMENDMENT = {"amendResult": "", "reqId": "", "code": "0", "msg": ""}


def step_row(step: Step, exchange: Exchange) -> Row:
    """A state of an order for the orders channel; of a waiting order for orders-algo."""
    record = step.record
    instrument = exchange.listed(record.order.instrument)
    if not isinstance(record, OrderRecord):
        return {**algo_row(record, instrument), "notionalUsd": "", **_NO_AMENDMENT}
    last = exchange.venue.state.marks.last.get(instrument.id)
    row = {**order_row(record, instrument), **_filled(step.fill), "lastPx": text(last)}
    return {**row, "amendSource": "", **_NO_AMENDMENT}


def _filled(fill: FillRecord | None) -> Row:
    """The fill behind a state; empty where it was something else that changed the order."""
    return {
        "fillPx": "" if fill is None else text(fill.price),
        "fillSz": "0" if fill is None else text(fill.contracts),
        "tradeId": "" if fill is None else trade_id(fill.trade),
        "fillTime": "" if fill is None else str(fill.time),
        "fillFee": "0" if fill is None else text(fill.fee),
        "fillFeeCcy": "" if fill is None else fill.fee_currency,
        "fillPnl": "0" if fill is None else text(fill.pnl),
        "execType": "" if fill is None else ("T" if fill.taker else "M"),
        **dict.fromkeys(("fillNotionalUsd", "fillPxVol", "fillPxUsd", "fillMarkVol", "fillFwdPx", "fillMarkPx"), ""),
        "fillIdxPx": "",
    }


def fill_in_short(fill: FillRecord) -> Row:
    """A row of the fills channel."""
    return {
        "instId": fill.instrument,
        "fillSz": text(fill.contracts),
        "fillPx": text(fill.price),
        "side": fill.side.value,
        "ts": str(fill.time),
        "ordId": order_id(fill.order) if fill.order else "",
        "clOrdId": fill.client_id,
        "tradeId": trade_id(fill.trade),
        "execType": "T" if fill.taker else "M",
        "count": "1",
    }


def balance_data(bill: BillRecord) -> Row:
    """What a balance came to."""
    return {"ccy": bill.currency, "cashBal": text(bill.balance), "uTime": str(bill.time)}


def position_data(record: PositionRecord, exchange: Exchange, *, hedged: bool) -> Row:
    """A position in short."""
    key = record.key
    return {
        "posId": position_id(record.number),
        "tradeId": trade_id(record.trade),
        "instId": key.instrument,
        "instType": inst_type(exchange.listed(key.instrument)),
        "mgnMode": key.margin_mode.value,
        "posSide": position_side(key.side, hedged=hedged),
        "pos": text(record.contracts if hedged else key.side.sign * record.contracts),
        "ccy": record.settle,
        "posCcy": "",
        "avgPx": text(record.entry_price) if record.contracts else "",
        "nonSettleAvgPx": "",
        "settledPnl": "",
        "uTime": str(record.updated),
    }
