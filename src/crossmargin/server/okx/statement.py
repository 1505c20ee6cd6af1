"""The statement: bills, page by page, and interest."""

from collections.abc import Callable
from typing import Any

from crossmargin.server.history import BillRecord
from crossmargin.server.okx.answers import OkxError, Row, text
from crossmargin.server.okx.call import Call
from crossmargin.server.okx.names import number_in
from crossmargin.server.okx.rows.bills import bill_row, types_of

__all__ = ["bills", "interest_accrued", "interest_rate", "page"]


def page(call: Call, where: dict[str, Any], *, by_id: bool = True) -> dict[str, Any]:
    """Add cursors (``after``: older than an id, ``before``: newer) and times (``begin``, ``end``) to a condition."""
    for name, comparison in (("after", "number <"), ("before", "number >")):
        if by_id and name in call:
            number = number_in(call.text(name))
            if number < 0:
                raise OkxError("51000", f"Parameter {name} error")
            where[comparison] = number
    for name, comparison in (("begin", "created >="), ("end", "created <=")):
        moment = call.time(name)
        if moment is not None:
            where[comparison] = moment
    return where


def bills(call: Call) -> list[Row]:
    """``GET account/bills`` and ``account/bills-archive``: the newest first."""
    where = page(call, {"account": call.account})
    if "ccy" in call:
        where["currency"] = call.text("ccy")
    if "instId" in call:
        where["instrument"] = call.text("instId")
    if "type" in call:
        where["kind"] = types_of(call.text("type")) or [""]
    rows: list[Row] = []
    keep = _wanted(call, rows)
    call.exchange.venue.history.shelf.find(BillRecord, where, limit=call.limit(), keep=keep)
    return rows


def _wanted(call: Call, rows: list[Row]) -> Callable[[BillRecord], bool]:
    """Whether a bill is of the type, margin mode and contract asked for; its row is put to the others."""
    kind, mode, sub = call.text("instType"), call.text("mgnMode"), call.text("subType")
    contract = call.text("ctType")

    def keep(bill: BillRecord) -> bool:
        instrument = call.exchange.listed(bill.instrument) if bill.instrument else None
        row = bill_row(bill, instrument)
        if kind not in ("", row["instType"]) or mode not in ("", row["mgnMode"]) or sub not in ("", row["subType"]):
            return False
        if contract and (instrument is None or instrument.contract_type.value != contract):
            return False
        rows.append(row)
        return True

    return keep


def interest_rate(call: Call) -> list[Row]:
    """``GET account/interest-rate``: of coins that can be borrowed here, which is none."""
    return []


def interest_accrued(call: Call) -> list[Row]:
    """``GET account/interest-accrued``: interest that was charged."""
    where = {"account": call.account, "kind": "interest"}
    found: list[BillRecord] = call.exchange.venue.history.shelf.find(BillRecord, where, limit=call.limit())
    return [
        {
            "type": "2",
            "ccy": each.currency,
            "instId": each.instrument,
            "mgnMode": each.margin_mode or "cross",
            "interest": text(-each.change),
            "interestRate": "",
            "liab": "",
            "totalLiab": "",
            "interestFreeLiab": "",
            "ts": str(each.time),
        }
        for each in found
    ]
