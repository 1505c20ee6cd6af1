"""The fold: records of the journal in, records of the history out; in memory while they live, on the shelf for good."""

from collections.abc import Callable, Iterable
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

import msgspec

from crossmargin.domain.arithmetic import EXACT, ZERO, plain
from crossmargin.domain.command import Command
from crossmargin.domain.event import Event
from crossmargin.domain.instrument import Instrument
from crossmargin.market.tape import trade_id
from crossmargin.server.history.bills import bills_of
from crossmargin.server.history.market import MARKET_EVENTS
from crossmargin.server.history.orders import ORDER_EVENTS
from crossmargin.server.history.positions import POSITION_EVENTS, follow
from crossmargin.server.history.records import (
    AlgoRecord,
    BillRecord,
    Changes,
    FillRecord,
    OrderRecord,
    PositionRecord,
    Step,
)
from crossmargin.server.history.shelf import Shelf

if TYPE_CHECKING:
    from crossmargin.server.history.shelf import Kept

__all__ = ["History"]

_COUNTERS = ("fills", "bills", "positions", "sequence", "time")


class History:
    """Everything that is read back about accounts, kept up to date record by record.

    Args:
        shelf: Where records are kept.
        instrument: Looks an instrument up.
        ignored: Accounts of which no history is kept: those that no one can log in to.

    Attributes:
        live: Working orders by account and number.
        waiting: Waiting orders likewise.
        open: Open positions by cell.
        numbers: Counters; ``sequence`` is the last record taken in.
        trade: Number of the trade that the event in hand would be.
    """

    def __init__(
        self,
        shelf: Shelf,
        instrument: Callable[[str], Instrument],
        ignored: Callable[[str], bool] = lambda account: False,
    ) -> None:
        """Go on from what the shelf holds."""
        self.shelf = shelf
        self.instrument = instrument
        self.ignored = ignored
        self.live: dict[str, dict[int, OrderRecord]] = {}
        self.waiting: dict[str, dict[int, AlgoRecord]] = {}
        self.owners: dict[int, str] = {}
        self.open: dict[str, PositionRecord] = {}
        self.balances: dict[tuple[str, str], Decimal] = {}
        self.numbers = dict.fromkeys(_COUNTERS, 0)
        self.changes = Changes()
        self.trade = 0
        self._balances: dict[tuple[str, str], Decimal] = {}
        self._load()

    def _load(self) -> None:
        """Take up what lives from the shelf."""
        self.numbers = dict.fromkeys(_COUNTERS, 0) | self.shelf.marks()
        self.balances = {(account, currency): Decimal(text) for account, currency, text in self.shelf.balances()}
        self.live, self.waiting, self.open, self.owners = {}, {}, {}, {}
        many = 10**9
        for order in self.shelf.find(OrderRecord, {"state": ["live", "partially_filled"]}, limit=many):
            self.live.setdefault(order.account, {})[order.number] = order
            self.owners[order.number] = order.account
        for algo in self.shelf.find(AlgoRecord, {"state": "live"}, limit=many):
            self.waiting.setdefault(algo.account, {})[algo.number] = algo
            self.owners[algo.number] = algo.account
        for position in self.shelf.find(PositionRecord, {"state": "open"}, limit=many):
            self.open[position.key.cell] = position

    def reset(self) -> None:
        """Forget everything: the journal is folded again from its start."""
        self.shelf.throw_away()
        self._load()

    def take(self, batch: Iterable[tuple[int, Command, tuple[Event, ...]]]) -> Changes:
        """Take in records, keep what they changed, and return it.

        Args:
            batch: Sequence number, command and events of each record, in order.
        """
        changes = self.fold(batch)
        self.keep(changes)
        return changes

    def fold(self, batch: Iterable[tuple[int, Command, tuple[Event, ...]]]) -> Changes:
        """Take in records in memory; `keep` writes what came of them once the records themselves are on disk."""
        changes = self.changes = Changes()
        with localcontext(EXACT):
            for sequence, command, events in batch:
                self.numbers["sequence"] = sequence
                self.numbers["time"] = max(self.numbers["time"], command.time)
                for place, event in enumerate(events):
                    self.trade = trade_id(sequence, place)
                    self._fold(event)
        changes.sequence, changes.time = self.numbers["sequence"], self.numbers["time"]
        return changes

    def keep(self, changes: Changes) -> None:
        """Write what the last fold changed."""
        kept: list[Kept] = [*changes.orders.values(), *changes.algos.values(), *changes.fills, *changes.bills]
        kept += changes.positions.values()
        balances = [(account, currency, plain(amount)) for (account, currency), amount in self._balances.items()]
        self.shelf.keep(kept, balances, self.numbers)
        self._balances = {}

    def _fold(self, event: Event) -> None:
        kind = type(event)
        market = MARKET_EVENTS.get(kind)
        if market is not None:
            market(self, event)
        answer = ORDER_EVENTS.get(kind)
        if answer is not None:
            answer(self, event)
        if event.transfers:
            bills_of(self, event)
        self._name_bills()
        change = POSITION_EVENTS.get(kind)
        if change is not None:
            change(self, event)
        elif event.positions:
            follow(self, event)

    def _name_bills(self) -> None:
        """Fills of a trade that moved no money stand behind the bill before them."""
        fills = self.changes.fills
        for index in range(len(fills) - 1, -1, -1):
            if fills[index].bill or fills[index].trade != self.trade:
                return
            fills[index] = msgspec.structs.replace(fills[index], bill=self.numbers["bills"])

    # ------------------------------------------------------------------ what the folds call

    @property
    def time(self) -> int:
        """Time of the record that is being taken in."""
        return self.numbers["time"]

    def next(self, counter: str) -> int:
        """Count up."""
        self.numbers[counter] += 1
        return self.numbers[counter]

    def touch(self, account: str) -> None:
        """Note that an account changed."""
        if not self.ignored(account):
            self.changes.accounts[account] = None

    def put_order(self, order: OrderRecord, fill: FillRecord | None = None) -> None:
        """Keep an order as it is now, after a fill if one changed it."""
        mine = self.live.setdefault(order.account, {})
        if order.state in ("live", "partially_filled"):
            mine[order.number] = order
            self.owners[order.number] = order.account
        else:
            mine.pop(order.number, None)
            self.owners.pop(order.number, None)
        self.changes.orders[order.number] = order
        self.changes.steps.append(Step(order, fill))
        self.changes.accounts[order.account] = None

    def put_algo(self, algo: AlgoRecord) -> None:
        """Keep a waiting order as it is now."""
        mine = self.waiting.setdefault(algo.account, {})
        if algo.state == "live":
            mine[algo.number] = algo
            self.owners[algo.number] = algo.account
        else:
            mine.pop(algo.number, None)
            if self.owners.get(algo.number) == algo.account and algo.number not in self.live.get(algo.account, ()):
                del self.owners[algo.number]
        self.changes.algos[algo.number] = algo
        self.changes.steps.append(Step(algo))
        self.changes.accounts[algo.account] = None

    def order(self, number: int) -> OrderRecord | None:
        """A working order by its number; None where no history of it is kept."""
        account = self.owners.get(number)
        return None if account is None else self.live.get(account, {}).get(number)

    def algo(self, number: int) -> AlgoRecord | None:
        """A waiting order by its number; None where no history of it is kept."""
        account = self.owners.get(number)
        return None if account is None else self.waiting.get(account, {}).get(number)

    def put_position(self, cell: str, record: PositionRecord) -> None:
        """Keep a position as it is now."""
        if record.contracts:
            self.open[cell] = record
        else:
            self.open.pop(cell, None)
        key = cell if record.contracts else f"{cell}#{record.number}"
        if not record.contracts:
            self.changes.positions.pop(cell, None)
        self.changes.positions[key] = record
        self.changes.accounts[record.key.account] = None

    def post(self, bill: BillRecord) -> BillRecord:
        """Number a bill, chain it to the one before, and keep it."""
        where = (bill.account, bill.currency)
        balance = self.balances.get(where, ZERO) + bill.change
        self.balances[where] = self._balances[where] = balance
        numbered = msgspec.structs.replace(bill, number=self.next("bills"), balance=balance, time=self.time)
        self.changes.bills.append(numbered)
        self.changes.accounts[bill.account] = None
        return numbered
