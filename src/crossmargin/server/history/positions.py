"""How events change the records of positions: from the first fill to the last, with what they brought."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from crossmargin.domain import event as e
from crossmargin.domain.account import Side
from crossmargin.domain.arithmetic import ZERO, quotient
from crossmargin.domain.ledger import Held, Transfer
from crossmargin.server.history.orders import weight_of
from crossmargin.server.history.postings import postings
from crossmargin.server.history.records import PositionRecord

if TYPE_CHECKING:
    from crossmargin.server.history.history import History

__all__ = ["POSITION_EVENTS", "follow"]

_ENDINGS: dict[type, str] = {
    e.LiquidationFill: "liquidation",
    e.LegsNetted: "liquidation",
    e.TakenOver: "liquidation",
    e.Deleveraged: "adl",
    e.ExpirySettled: "delivery",
}


def follow(history: "History", event: e.Event) -> None:
    """Take in the positions that an event leaves, with price, profit and fees of the change."""
    price = _price(history, event)
    found = postings(event.transfers)
    charged: set[str] = set()
    for held in event.positions:
        account = held.key.account
        if history.ignored(account):
            continue
        settle = history.instrument(held.key.instrument).settle
        posting = found.get((account, settle))
        first = account not in charged  # fee and profit of a fill that turns a position belong to the part it closed
        charged.add(account)
        fee, pnl = (posting.fee, posting.pnl) if posting is not None and first else (ZERO, ZERO)
        _change(history, event, held, settle, price=price, fee=fee, pnl=pnl)


def _price(history: "History", event: e.Event) -> Decimal | None:
    """The price at which an event changed positions; of a handing-over, the one that its value comes to."""
    price = getattr(event, "price", None)
    if price is None and isinstance(event, e.TakenOver | e.Deleveraged):
        instrument = history.instrument(event.position.instrument)
        face = event.contracts * instrument.unit
        price = quotient(face, event.value) if instrument.inverse else quotient(event.value, face)
    return price


def _change(
    history: "History",
    event: e.Event,
    held: Held,
    settle: str,
    *,
    price: Decimal | None,
    fee: Decimal,
    pnl: Decimal,
) -> None:
    cell = held.key.cell
    record = history.open.get(cell)
    if record is None:
        if not held.contracts:
            return
        record = _opened(history, held, settle)
    closed = max(ZERO, record.contracts - held.contracts)
    ending = _ENDINGS.get(type(event), "close")
    penalty = fee if ending == "liquidation" else ZERO
    weight = weight_of(history, held.key.instrument, closed, price) if closed and price else ZERO
    history.put_position(
        cell,
        msgspec.structs.replace(
            record,
            contracts=held.contracts,
            entry_price=held.entry_price,
            leverage=held.leverage,
            largest=max(record.largest, held.contracts),
            closed=record.closed + closed,
            weight=record.weight + weight,
            fee=record.fee + fee - penalty,
            penalty=record.penalty + penalty,
            pnl=record.pnl + pnl,
            ended=ending if closed else record.ended,
            updated=history.time,
            trade=history.trade if closed or held.contracts != record.contracts else record.trade,
        ),
    )


def _opened(history: "History", held: Held, settle: str) -> PositionRecord:
    return PositionRecord(
        number=history.next("positions"),
        key=held.key,
        settle=settle,
        contracts=ZERO,
        entry_price=held.entry_price,
        leverage=held.leverage,
        largest=ZERO,
        inverse=history.instrument(held.key.instrument).inverse,
        created=history.time,
        updated=history.time,
    )


def _funded(history: "History", event: e.FundingSettled) -> None:
    """Funding of each position: the longs pay where the rate is above zero, and the shorts receive."""
    for cell, record in [*history.open.items()]:
        if record.key.instrument != event.instrument:
            continue
        pays = (record.key.side == Side.LONG) is (event.rate > 0)
        amount = sum((_flow(each, record, pays=pays) for each in event.transfers), ZERO)
        if amount:
            changed = msgspec.structs.replace(record, funding=record.funding + amount, updated=history.time)
            history.put_position(cell, changed)


def _flow(transfer: Transfer, record: PositionRecord, *, pays: bool) -> Decimal:
    """What a funding transfer brought a position: negative is paid."""
    purse = f"margin/{record.key.cell}" if record.key.margin_mode == "isolated" else f"cash/{record.key.account}"
    if pays and transfer.debit == purse and transfer.credit == "clearing":
        return -transfer.amount
    return transfer.amount if not pays and transfer.credit == purse and transfer.debit == "clearing" else ZERO


def _mode_moved(history: "History", event: e.MarginModeSet) -> None:
    """The same position under the other margin mode: its record goes with it."""
    gone, held = event.positions
    record = history.open.get(gone.key.cell)
    if record is None:
        return
    del history.open[gone.key.cell]
    history.changes.positions.pop(gone.key.cell, None)  # else it would be kept twice under one number, the old one last
    changed = msgspec.structs.replace(record, key=held.key, leverage=held.leverage, updated=history.time)
    history.put_position(held.key.cell, changed)


POSITION_EVENTS: dict[type, Callable[["History", Any], None]] = {
    e.FundingSettled: _funded,
    e.MarginModeSet: _mode_moved,
}
