"""The newest of what happened to one account: fills, money, warnings, liquidations."""

from collections import deque
from decimal import Decimal

from crossmargin.domain.account import OrderSide
from crossmargin.formats.human import human, sentence
from crossmargin.server.history import BillRecord, Changes, FillRecord
from crossmargin.server.history.records import Notice
from crossmargin.server.page.cells import Cell, moment, text
from crossmargin.server.venue import Venue

__all__ = ["Recent"]

_SHOWN = 20
_BILLS = ("funding", "interest", "deposit", "withdrawal", "transfer", "delivery", "deficit")
_ALARMS = {
    "warned",
    "liquidation_deferred",
    "liquidation_started",
    "liquidation_step",
    "liquidation_ended",
    "deleveraged",
}
_FORCED = {"liquidation": "liquidation", "adl": "auto-deleveraging", "delivery": "delivery"}

Row = list[Cell]


class Recent:
    """Remembers the notices of an account since the server started; fills and money are read back.

    Args:
        venue: Who tells, and keeps the history.
        account: Whose.
    """

    def __init__(self, venue: Venue, account: str) -> None:
        """Listen from now on."""
        self._venue, self._account = venue, account
        self._notices: deque[Notice] = deque(maxlen=_SHOWN)
        venue.listen(self._hear)

    def _hear(self, changes: Changes) -> None:
        self._notices.extend(each for each in changes.notices if each.account == self._account)

    def rows(self) -> list[Row]:
        """Time, kind and words of each, the newest first; a fill stands with the bill that it led to or came after."""
        shelf, mine = self._venue.history.shelf, {"account": self._account}
        found = [(each.time, 1, place, 0, _notice(each)) for place, each in enumerate(self._notices)]
        fills = shelf.find(FillRecord, mine, limit=_SHOWN)
        found += [(each.time, 0, each.bill, each.number, _fill(each)) for each in fills]
        bills = shelf.find(BillRecord, {**mine, "kind": list(_BILLS)}, limit=_SHOWN)
        found += [(each.time, 0, each.number, 0, _bill(each)) for each in bills]
        newest = sorted(found, key=lambda each: each[:4], reverse=True)[:_SHOWN]
        return [[moment(each[0]), *each[4]] for each in newest]


def _notice(notice: Notice) -> Row:
    alarm = notice.kind in _ALARMS
    return [text(notice.kind.replace("_", " "), "alarm" if alarm else "calm"), text(sentence(notice.text))]


def _fill(fill: FillRecord) -> Row:
    word = "bought" if fill.side == OrderSide.BUY else "sold"
    words = f"{word} {human(fill.contracts)} {fill.instrument} at {human(fill.price)}"
    words += _money(", fee", fill.fee, fill.fee_currency) + _money(", realised", fill.pnl, fill.fee_currency)
    words += f", order {fill.client_id}" if fill.client_id else ""
    forced = _FORCED.get(fill.kind)
    return [text(forced or "fill", "alarm" if forced else ""), text(words)]


def _money(word: str, value: Decimal, currency: str) -> str:
    return f"{word} {'+' if value > 0 else ''}{human(value)} {currency}" if value else ""


def _bill(bill: BillRecord) -> Row:
    change = f"{'+' if bill.change > 0 else ''}{human(bill.change)} {bill.currency}"
    of = f" of {bill.instrument}" if bill.instrument else ""
    return [text(bill.kind), text(f"{change}{of}, balance {human(bill.balance)}")]
