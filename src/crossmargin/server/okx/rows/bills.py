"""Rows of bills."""

from crossmargin.domain.instrument import Instrument
from crossmargin.server.history import BillRecord
from crossmargin.server.okx.answers import Row, text
from crossmargin.server.okx.names import bill_id, inst_type, order_id, trade_id

__all__ = ["KINDS", "bill_row", "types_of"]

KINDS = {
    "deposit": "1",
    "withdrawal": "1",
    "transfer": "1",
    "trade": "2",
    "delivery": "3",
    "liquidation": "5",
    "margin": "6",
    "interest": "7",
    "funding": "8",
    "adl": "9",
    "deficit": "10",
}
"""``type`` of each kind of bill."""

_SIDES = {"buy": ("3", "6"), "sell": ("5", "4")}


def types_of(code: str) -> list[str]:
    """Kinds of bill that a ``type`` stands for; none where it stands for nothing that happens here."""
    return [kind for kind, known in KINDS.items() if known == code]


def bill_row(bill: BillRecord, instrument: Instrument | None, trading: str = "18", funding: str = "6") -> Row:
    """One row of account/bills: signs as the balance sees them, a fee that was paid is negative."""
    source, target = _ends(bill, trading, funding)
    return {
        "billId": bill_id(bill.number),
        "instType": "" if instrument is None else inst_type(instrument),
        "instId": bill.instrument,
        "ccy": bill.currency,
        "type": KINDS.get(bill.kind, "2"),
        "subType": _sub_type(bill),
        "balChg": text(bill.change),
        "bal": text(bill.balance),
        "posBalChg": "0",
        "posBal": "0",
        "sz": text(bill.contracts if bill.contracts is not None else abs(bill.change)),
        "px": text(bill.price),
        "fillPxVol": "",
        "fillPxUsd": "",
        "fillIdxPx": "",
        "fillMarkPx": "",
        "fillMarkVol": "",
        "fillFwdPx": "",
        "fillTime": str(bill.time),
        "pnl": text(bill.pnl),
        "fee": text(bill.fee),
        "earnAmt": "",
        "earnApr": "",
        "mgnMode": bill.margin_mode,
        "ordId": order_id(bill.order) if bill.order else "",
        "clOrdId": bill.client_id,
        "tradeId": trade_id(bill.trade) if bill.trade else "",
        "execType": "" if not bill.order else ("T" if bill.taker else "M"),
        "interest": text(-bill.change) if bill.kind == "interest" else "0",
        "tag": "",
        "from": source,
        "to": target,
        "notes": "",
        "ts": str(bill.time),
    }


def _ends(bill: BillRecord, trading: str, funding: str) -> tuple[str, str]:
    """``from`` and ``to`` of money that came in or went out; empty where it was traded."""
    if bill.kind not in ("deposit", "withdrawal", "transfer"):
        return "", ""
    return (funding, trading) if bill.change > 0 else (trading, funding)


def _sub_type(bill: BillRecord) -> str:
    gained = bill.change > 0
    if bill.kind in ("deposit", "withdrawal", "transfer"):
        return "11" if gained else "12"
    if bill.kind == "funding":
        return "174" if gained else "173"
    if bill.kind == "margin":
        return "161" if gained else "160"
    long = bill.position_side == "long"
    fixed = {
        "interest": "14",
        "liquidation": "104" if long else "105",
        "adl": "125" if long else "126",
        "delivery": "112" if long else "113",
        "deficit": "117",
    }
    if bill.kind in fixed:
        return fixed[bill.kind]
    if bill.position_side in ("long", "short") and bill.side:
        return _SIDES[bill.side][bill.position_side == "short"]
    return "1" if bill.side == "buy" else "2"
