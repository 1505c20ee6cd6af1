"""The statement: one bill for each thing that an event did to a balance, chained by the balance it came to."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from crossmargin.domain import event as e
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.ledger import Held
from crossmargin.server.history.postings import Posting, postings
from crossmargin.server.history.records import BillRecord, FillRecord

if TYPE_CHECKING:
    from crossmargin.server.history.history import History

__all__ = ["bills_of"]

_TRADED: dict[type, str] = {
    e.LegsNetted: "liquidation",
    e.TakenOver: "liquidation",
    e.Deleveraged: "adl",
    e.ExpirySettled: "delivery",
}


def bills_of(history: "History", event: e.Event) -> None:
    """Write the bills of an event."""
    for posting in postings(event.transfers).values():
        if history.ignored(posting.account):
            continue
        if posting.traded or (posting.fee or posting.pnl or posting.other):
            _post(history, _traded(history, event, posting))
        for reason, amount in posting.parts.items():
            if amount:
                _post(history, _moved(history, event, posting, reason, amount))


def _post(history: "History", bill: BillRecord) -> None:
    """Keep a bill, and name it in the fill that it belongs to."""
    kept = history.post(bill)
    fills = history.changes.fills
    for index in range(len(fills) - 1, -1, -1):
        fill = fills[index]
        if fill.trade != kept.trade or not kept.trade:
            return
        if fill.account == kept.account and not fill.bill and kept.kind != "margin":
            fills[index] = msgspec.structs.replace(fill, bill=kept.number)
            return


def _blank(history: "History", event: e.Event, posting: Posting, kind: str, change: Decimal) -> BillRecord:
    return BillRecord(
        number=0,
        account=posting.account,
        currency=posting.currency,
        kind=kind,
        change=change,
        balance=ZERO,
        instrument=getattr(event, "instrument", ""),
        time=history.time,
    )


def _traded(history: "History", event: e.Event, posting: Posting) -> BillRecord:
    """The bill of a fill, of a forced close, or of a delivery."""
    own = next((each for each in _fills_of(history, event) if each.account == posting.account), None)
    held = next((each for each in event.positions if each.key.account == posting.account), None)
    blank = _blank(history, event, posting, _TRADED.get(type(event), "trade"), posting.traded)
    bill = msgspec.structs.replace(
        blank,
        fee=posting.fee,
        pnl=posting.pnl,
        instrument=blank.instrument or ("" if held is None else held.key.instrument),
        contracts=getattr(event, "contracts", None),
        price=getattr(event, "price", None),
        **_of_position(held),
    )
    if own is None:
        return bill
    return msgspec.structs.replace(
        bill,
        kind=own.kind,
        order=own.order,
        client_id=own.client_id,
        trade=own.trade,
        side=own.side.value,
        position_side=own.position_side,
        price=own.price,
        contracts=own.contracts,
        taker=own.taker,
    )


def _of_position(held: Held | None) -> dict[str, Any]:
    if held is None:
        return {}
    return {"margin_mode": held.key.margin_mode.value, "position_side": held.key.side.value}


def _fills_of(history: "History", event: e.Event) -> Iterator[FillRecord]:
    """Fills that were just recorded for this event: the newest ones, of one trade."""
    if not isinstance(event, e.Filled | e.LiquidationFill):
        return
    for fill in reversed(history.changes.fills):
        if fill.trade != history.trade:
            return
        yield fill


def _moved(history: "History", event: e.Event, posting: Posting, reason: str, amount: Decimal) -> BillRecord:
    """The bill of money that moved for another reason than trading."""
    kind = reason if reason != "rounding" else "liquidation"
    bill = _blank(history, event, posting, kind, amount)
    held = next((each for each in event.positions if each.key.account == posting.account), None)
    trade = history.trade if isinstance(event, e.Filled | e.LiquidationFill) else 0
    other = posting.counterpart if reason == "transfer" else ""
    return msgspec.structs.replace(bill, other=other, trade=trade, **_of_position(held))
