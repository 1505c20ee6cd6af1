"""What is read back is what the engine has: random lives of a venue, folded command by command, at once, and again."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.inside import SWAP, Clock, Inside, files

from crossmargin.domain import command as c
from crossmargin.domain.account import MarginMode, OrderSide, OrderType, Side, TimeInForce
from crossmargin.domain.arithmetic import EXACT, ZERO
from crossmargin.domain.command import Command
from crossmargin.domain.instrument import Kind
from crossmargin.engine.simulate.dice import Dice
from crossmargin.engine.simulate.moves import first, move
from crossmargin.engine.simulate.world import draw
from crossmargin.errors import CrossMarginError
from crossmargin.journal import Journal, MemoryStore
from crossmargin.server.history import AlgoRecord, BillRecord, FillRecord, History, OrderRecord, PositionRecord
from crossmargin.server.history.orders import number_of
from crossmargin.server.history.shelf import Shelf
from crossmargin.server.run import internal
from crossmargin.server.venue import Venue

RECORDS: tuple[type[Any], ...] = (OrderRecord, AlgoRecord, FillRecord, BillRecord, PositionRecord)
EVERYTHING = 10**9


class Life:
    """A venue under random commands.

    Args:
        seed: Draws rules, people and commands.
    """

    def __init__(self, seed: int, shelf: Path | str = ":memory:") -> None:
        """Nothing has happened."""
        self.dice = Dice(seed)
        self.world = draw(self.dice)
        self.store = MemoryStore()
        self.shelf = shelf
        self.venue = self.opened()
        self._opening = list(first(self.world, self.dice))
        self.number = 0

    def opened(self) -> Venue:
        """The venue over what its journal holds."""
        journal = Journal(self.store, self.world.rulebook)
        history = History(Shelf(self.shelf), journal.engine.state.instrument, internal)
        return Venue(journal, history, lambda: 0)

    def commands(self, count: int) -> Iterator[Command]:
        """The next commands, each drawn after the one before was done."""
        for _ in range(count):
            with localcontext(EXACT):
                command = self._opening.pop(0) if self._opening else move(self.world, self.dice, self.venue.state)
            self.number += 1
            yield command if command.time else msgspec.structs.replace(command, time=self.number * 1000)

    def live(self, count: int, group: int = 1) -> None:
        """Let commands happen, some in one group."""
        left = count
        while left > 0:
            size = self.dice.below(group) + 1
            for each in self.groups(min(size, left)):
                try:
                    self.venue.run(each)
                except CrossMarginError:
                    continue
            left -= size

    def groups(self, size: int) -> Iterator[list[Command]]:
        """Commands that can be drawn together."""
        yield list(self.commands(size))


def everything(history: History) -> dict[str, Any]:
    """Every row of every table, balances and counters."""
    rows = {kind.__name__: history.shelf.find(kind, {}, limit=EVERYTHING) for kind in RECORDS}
    return {**rows, "balances": sorted(history.shelf.balances()), "numbers": history.shelf.marks()}


def check_bills(venue: Venue) -> None:
    """L11: every bill starts where the one before ended, the last is the engine's balance, and nothing is missing."""
    chains: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for bill in venue.history.shelf.find(BillRecord, {}, limit=EVERYTHING, oldest_first=True):
        chains[bill.account, bill.currency] += bill.change
        assert bill.balance == chains[bill.account, bill.currency], bill
        assert bill.change
    cells = venue.state.cells.items()
    cash = {
        (name.partition("/")[2], currency): amount
        for currency, amounts in cells
        for name, amount in amounts.items()
        if name.startswith("cash/") and not internal(name.partition("/")[2])
    }
    for who in cash | chains:
        assert chains[who] == cash.get(who, ZERO) == venue.history.balances.get(who, ZERO), who


def check_orders(venue: Venue) -> None:
    """Working and waiting orders are those of the engine, with the same terms."""
    for name, owner in venue.state.owners.items():
        if internal(name):
            continue
        tickets = {number_of(ticket.id): ticket for ticket in owner.orders.values()}
        records = venue.history.live.get(name, {}) | venue.history.waiting.get(name, {})
        assert set(records) == set(tickets), name
        for number, record in records.items():
            ours, theirs = record.order, tickets[number].order
            assert (ours.contracts, ours.filled, ours.price) == (theirs.contracts, theirs.filled, theirs.price), record
            assert ours.leverage == theirs.leverage
    done = venue.history.shelf.find(OrderRecord, {}, limit=EVERYTHING)
    fills: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for fill in venue.history.shelf.find(FillRecord, {}, limit=EVERYTHING):
        fills[fill.order] += fill.contracts
    assert {each.number: each.order.filled for each in done if each.order.filled} == {
        number: filled for number, filled in fills.items() if number
    }


def check_positions(venue: Venue) -> None:
    """Open positions are those of the engine."""
    theirs = {
        key.cell: (held.contracts, held.entry_price)
        for name, owner in venue.state.owners.items()
        if not internal(name)
        for key, held in owner.positions.items()
    }
    ours = {cell: (record.contracts, record.entry_price) for cell, record in venue.history.open.items()}
    assert ours == theirs
    assert len(venue.history.shelf.find(PositionRecord, {"state": "open"}, limit=EVERYTHING)) == len(theirs)


MONEY = ("deposit", "withdrawal", "transfer", "interest", "loan", "deficit")
COINS = (Kind.SPOT, Kind.MARGIN, Kind.OPTION)


def results(venue: Venue) -> dict[tuple[str, str], Decimal]:
    """What positions brought, by account and currency: profit, fees, funding and penalties."""
    brought: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for each in venue.history.shelf.find(PositionRecord, {}, limit=EVERYTHING):
        brought[each.key.account, each.settle] += each.pnl + each.fee + each.funding + each.penalty
    return brought


def changes(venue: Venue) -> tuple[dict[tuple[str, str], Decimal], set[str]]:
    """What bills of trading moved, margin of isolated positions put back; and who traded coins or options too.

    What others cover of a deficit, and the last remainder of a liquidation, belong to no position.
    """
    moved: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    others = set()
    for bill in venue.history.shelf.find(BillRecord, {}, limit=EVERYTHING):
        remainder = bill.kind == "liquidation" and not bill.instrument
        if bill.kind not in MONEY and not remainder:
            moved[bill.account, bill.currency] += bill.change
        if bill.instrument and venue.history.instrument(bill.instrument).kind in COINS:
            others.add(bill.account)
    for record in venue.history.open.values():
        if record.key.margin_mode == MarginMode.ISOLATED:
            margin = venue.state.cell(f"margin/{record.key.cell}", record.settle)
            moved[record.key.account, record.settle] += margin
    return moved, others


def check_results(venue: Venue) -> int:
    """Profit + fees + funding + penalties of all positions is what the bills changed; how many were compared."""
    brought = results(venue)
    moved, others = changes(venue)
    compared = [who for who in brought | moved if who[0] not in others]
    for who in compared:
        assert brought.get(who, ZERO) == moved.get(who, ZERO), who
    return len(compared)


def check(venue: Venue) -> None:
    """All of it."""
    with localcontext(EXACT):
        check_bills(venue)
        check_orders(venue)
        check_positions(venue)
        check_results(venue)


def lived(seed: int, count: int) -> Life:
    """A life that was looked at ten times."""
    life = Life(seed)
    for _ in range(10):
        life.live(count // 10, group=4)
        check(life.venue)
    return life


@pytest.mark.parametrize("seed", range(6))
def test_the_history_is_the_engines(seed: int) -> None:
    """400 random commands: bills chain to the balance, orders and positions are the engine's; and so folded again."""
    life = lived(seed, 400)
    assert len(life.venue.history.shelf.find(BillRecord, {}, limit=EVERYTHING)) > 30

    again = life.opened()

    assert everything(again.history) == everything(life.venue.history)
    check(again)


def test_results_are_compared_with_bills() -> None:
    """Six lives: accounts of contracts alone are many enough that the comparison means something."""
    compared = 0
    for seed in range(6):
        life = lived(seed, 200)
        with localcontext(EXACT):
            compared += check_results(life.venue)
    assert compared > 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50, 66))
def test_the_history_is_the_engines_for_longer(seed: int) -> None:
    """3,000 random commands of each seed."""
    life = lived(seed, 3_000)
    assert everything(life.opened().history) == everything(life.venue.history)


def test_a_history_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Stopped every 40 commands and opened again, it equals one that was never stopped, and one made anew."""
    stopped, whole = Life(3, tmp_path / "history"), Life(3)
    for _ in range(8):
        stopped.live(40)
        whole.live(40)
        stopped.venue.history.shelf.close()
        stopped.venue = stopped.opened()
    assert everything(stopped.venue.history) == everything(whole.venue.history)
    stopped.venue.history.shelf.close()
    (tmp_path / "history").unlink()
    stopped.venue = stopped.opened()
    assert everything(stopped.venue.history) == everything(whole.venue.history)
    stopped.venue.history.shelf.close()


@pytest.mark.parametrize("damage", ["ahead", "garbage", "cut", "other version"])
def test_a_history_that_cannot_be_trusted_is_made_anew(tmp_path: Path, damage: str) -> None:
    """Ahead of its journal, no database, cut short, or of another version: it is thrown away and folded again."""
    life = Life(3, tmp_path / "history")
    life.live(120)
    wanted = everything(life.venue.history)
    shelf = life.venue.history.shelf
    if damage == "ahead":
        shelf.keep([], [("a0", "USDT", "99")], {"sequence": 10_000, "bills": 5_000})
    elif damage == "other version":
        life.venue.history.shelf._db.pragma("user_version", 77)
    shelf.close()
    if damage == "garbage":
        (tmp_path / "history").write_bytes(b"no database at all" * 100)
    elif damage == "cut":
        content = (tmp_path / "history").read_bytes()
        (tmp_path / "history").write_bytes(content[: len(content) // 2])

    life.venue = life.opened()

    assert everything(life.venue.history) == wanted
    life.venue.history.shelf.close()


def test_a_restart_answers_as_before(tmp_path: Path) -> None:
    """Orders, waiting orders, fills, bills, timers and both purses: every answer is the same after a restart."""
    exchange = Inside(options=files(tmp_path))
    ann = exchange.account()
    exchange.place(ann, clOrdId="rest")
    exchange.place(ann, ordType="market", sz="2")
    exchange.place(ann, ordType="market", sz="1", side="sell", reduceOnly=True)
    stop = {"instId": SWAP, "tdMode": "cross", "side": "sell", "sz": "1", "ordType": "trigger", "orderPx": "-1"}
    exchange.post(ann, "trade/order-algo", {**stop, "triggerPx": "1000", "algoClOrdId": "wait"})
    exchange.post(ann, "trade/cancel-all-after", {"timeOut": "60"})
    exchange.post(ann, "asset/transfer", {"ccy": "USDT", "amt": "5", "from": "18", "to": "6"})
    paths = {
        "trade/orders-pending": {}, "trade/orders-history": {}, "trade/fills": {}, "account/bills": {},
        "asset/bills": {}, "trade/orders-algo-pending": {"ordType": "trigger"}, "asset/balances": {},
    }  # fmt: skip
    before = {path: exchange.get(ann, path, **given).rows for path, given in paths.items()}
    assert all(before.values())
    exchange.close()
    (tmp_path / "venue.db.history").unlink()

    again = Inside(options=files(tmp_path), clock=Clock(exchange.clock.at))

    assert {path: again.get(ann, path, **given).rows for path, given in paths.items()} == before
    assert again.exchange.venue.state.owners[ann.account].timer == exchange.clock.at + 60_000
    again.clock.at += 61_000
    again.step()
    assert again.get(ann, "trade/orders-pending").rows == []
    assert again.get(ann, "trade/order", instId=SWAP, clOrdId="rest").row["cancelSource"] == "36"
    again.close()


def test_a_page_is_full_however_rare_its_rows(fresh: Inside) -> None:
    """One isolated purchase, then 130 cross ones: bills, orders and positions asked for by mode or type are found."""
    ann = fresh.account(usdt="100000")
    fresh.place(ann, ordType="market", tdMode="isolated", sz="0.01")
    fresh.post(ann, "trade/close-position", {"instId": SWAP, "mgnMode": "isolated"})
    fresh.place(ann, ordType="fok", sz="0.01")
    for place in range(130):
        fresh.place(ann, ordType="market", sz="0.01", side="sell" if place % 2 else "buy")

    assert {row["mgnMode"] for row in fresh.get(ann, "account/bills", mgnMode="isolated", limit="5").rows} == {
        "isolated"
    }
    assert [row["ordType"] for row in fresh.get(ann, "trade/orders-history", ordType="fok", limit="2").rows] == ["fok"]
    closed = fresh.get(ann, "account/positions-history", mgnMode="isolated", limit="1")
    assert closed.row["mgnMode"] == "isolated"
    assert len(fresh.get(ann, "account/bills", mgnMode="cross", limit="100").rows) == 100


def test_a_position_that_changes_its_mode_is_one_record(fresh: Inside) -> None:
    """Bought, moved to isolated margin and back in one group: one open position, under the mode that it has now."""
    ann, now = fresh.account(), fresh.clock()
    buy = c.PlaceOrder(
        account=ann.account, instrument=SWAP, side=OrderSide.BUY, contracts=Decimal(1), type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC, time=now,
    )  # fmt: skip
    moves = [
        c.SetMarginMode(account=ann.account, instrument=SWAP, side=Side.LONG, margin_mode=mode, time=now)
        for mode in (MarginMode.ISOLATED, MarginMode.CROSS)
    ]
    outcomes = fresh.exchange.venue.run([buy, *moves])
    assert not any(outcome.refused for outcome in outcomes)
    (record,) = fresh.exchange.venue.history.shelf.find(PositionRecord, {"account": ann.account})
    assert record.key.margin_mode == MarginMode.CROSS
    assert record == fresh.exchange.venue.history.open[record.key.cell]
    assert fresh.get(ann, "account/positions").row["mgnMode"] == "cross"


def test_a_listener_that_breaks_stops_nobody(fresh: Inside) -> None:
    """Whoever is told of a change and fails: the next one is told, and the next order is taken."""
    ann, told = fresh.account(), []

    def broken(_: object) -> None:
        raise RuntimeError("deaf")

    fresh.exchange.venue.listen(broken)
    fresh.exchange.venue.listen(lambda changes: told.append(len(changes.orders)))
    assert fresh.place(ann).code == "0"
    assert fresh.place(ann).code == "0"
    assert told == [1, 1]
