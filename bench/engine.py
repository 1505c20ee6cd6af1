"""Commands a second through the engine: in memory, journalled, replayed; and a burst of liquidations.

    python3 dev.py bench engine [--json]

One thread. The mix is 55 % limit orders, 30 % cancels, 15 % marketable orders of 1,000 accounts on three instruments,
each order with full admission, every command with its invariants and its state hash. Journalled: groups of 64 in
SQLite, each synced before it counts, by a second thread while the next is decided. Quiet marks: 1,000 positions, none
near a threshold. The burst: 11,279 accounts reach the trigger at one mark, no book and no fund, so that every one is
deleveraged against as many counterparties.

All but the journalled row count the time that the thread worked, which is the wall time of an idle machine.

Beside them stands the plain engine, without bounds and nomination: everyone is assessed from scratch, and the events
are the same.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from statistics import median

from crossmargin.domain import command as c
from crossmargin.domain.account import OrderSide, OrderType
from crossmargin.engine.engine import Engine
from crossmargin.engine.simulate.dice import Dice
from crossmargin.journal import Journal, MemoryStore, SQLiteStore, rebuild
from crossmargin.rulebook import load

ACCOUNTS, COMMANDS, GROUP, BURST, ROUNDS = 1000, 6000, 64, 11_279, 3
RULES = load("textbook").with_rules(default_leverage=Decimal(50))
NAMES = ("AAA-USDT-SWAP", "BBB-USDT-SWAP", "CCC-USDT-SWAP")


def opening(accounts: int) -> list[c.Command]:
    """Instruments, marks and money."""
    found: list[c.Command] = []
    for name in NAMES:
        found += [c.ListInstrument(instrument=name), c.SetMark(instrument=name, price=Decimal(1000))]
    for number in range(accounts):
        found.append(c.Deposit(account=f"a{number}", currency="USDT", amount=Decimal(1_000_000)))
    return found


def mixed(count: int) -> list[c.Command]:
    """The mix; cancels name orders by the client's id."""
    dice = Dice(1)
    found: list[c.Command] = []
    live: list[tuple[str, str]] = []
    for number in range(count):
        account, name = f"a{dice.below(ACCOUNTS)}", dice.pick(NAMES)
        side = dice.pick((OrderSide.BUY, OrderSide.SELL))
        draw = dice.below(100)
        if draw < 30 and live:
            owner, client = live.pop(dice.below(len(live)))
            found.append(c.CancelOrder(account=owner, order=client))
            continue
        away = Decimal(dice.between(1, 80)) * (-1 if side == OrderSide.BUY else 1)
        terms = {"type": OrderType.MARKET} if draw >= 85 else {"price": Decimal(1000) + away / 2}
        order = c.PlaceOrder(
            account=account, instrument=name, side=side, contracts=Decimal(dice.between(1, 5)), client_id=f"c{number}",
            **terms,
        )  # fmt: skip
        found.append(order)
        if order.price is not None:
            live.append((account, order.client_id))
    return found


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.thread_time) -> float:
    """Time of a call: what the thread worked; the wall clock where it also waits for a disk."""
    started = clock()
    work()
    return clock() - started


def in_memory(commands: list[c.Command], *, plain: bool = False) -> float:
    """Commands a second without a journal; `plain`: everyone assessed from scratch, everyone at every mark."""
    engine = Engine(RULES, plain=plain)
    for command in opening(ACCOUNTS):
        engine.submit(command)

    def run() -> None:
        for command in commands:
            engine.submit(command)

    return len(commands) / seconds(run)


def quiet_marks(count: int, *, plain: bool = False) -> float:
    """Marks a second that nobody is near, over as many positions as there are accounts."""
    engine = Engine(RULES, plain=plain)
    for command in opening(ACCOUNTS):
        engine.submit(command)
    for number in range(ACCOUNTS):
        side = OrderSide.BUY if number % 2 else OrderSide.SELL
        engine.submit(
            c.PlaceOrder(
                account=f"a{number}", instrument=NAMES[0], side=side, contracts=Decimal(1), price=Decimal(1000)
            )
        )
    marks = [c.SetMark(instrument=NAMES[0], price=Decimal(1000) + Decimal(number % 7) / 10) for number in range(count)]

    def run() -> None:
        for command in marks:
            engine.submit(command)

    return count / seconds(run)


def journalled(commands: list[c.Command]) -> float:
    """Commands a second with group commit: the disk writes one group while the next is decided."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as disk:
        store = SQLiteStore(Path(folder) / "venue.db")
        journal = Journal(store, RULES)
        journal.submit_all(opening(ACCOUNTS))

        def run() -> None:
            written: Future[None] | None = None
            for start in range(0, len(commands), GROUP):
                for command in commands[start : start + GROUP]:
                    journal.decide(command)
                if written is not None:
                    written.result()
                written = disk.submit(journal.commit)
            if written is not None:
                written.result()

        taken = seconds(run, time.perf_counter)
        store.close()
    return len(commands) / taken


def replayed(commands: list[c.Command]) -> float:
    """Events a second when a journal is rebuilt."""
    store = MemoryStore()
    journal = Journal(store, RULES)
    outcomes = journal.submit_all([*opening(ACCOUNTS), *commands])
    events = sum(len(each.events) for each in outcomes)
    return events / seconds(lambda: rebuild(store, RULES))


def burst(size: int, *, plain: bool = False) -> float:
    """Seconds for one mark that liquidates so many accounts, each deleveraged."""
    engine = Engine(RULES, plain=plain)
    name = NAMES[0]
    engine.submit(c.ListInstrument(instrument=name))
    engine.submit(c.SetMark(instrument=name, price=Decimal(1000)))
    for number in range(size):
        for kind, money in (("long", Decimal(30)), ("short", Decimal(10_000))):
            account = f"{kind}{number}"
            engine.submit(c.Deposit(account=account, currency="USDT", amount=money))
            side = OrderSide.BUY if kind == "long" else OrderSide.SELL
            engine.submit(
                c.PlaceOrder(account=account, instrument=name, side=side, contracts=Decimal(1), price=Decimal(1000))
            )
    events: list[object] = []
    taken = seconds(lambda: events.extend(engine.submit(c.SetMark(instrument=name, price=Decimal(950))).events))
    kinds = [type(event).__name__ for event in events]
    assert kinds.count("LiquidationStarted") == kinds.count("Deleveraged") == size
    return taken


def rows() -> list[tuple[str, float, str, str | None, float | None]]:
    """Name, value, unit, and what it is measured against in the same round: medians of interleaved rounds."""
    commands = mixed(COMMANDS)
    memory, plain, stored, again, quiet, everyone, crash = [], [], [], [], [], [], []
    for _ in range(ROUNDS):
        memory.append(in_memory(commands))
        plain.append(in_memory(commands, plain=True))
        stored.append(journalled(commands))
        again.append(replayed(commands))
        quiet.append(quiet_marks(2000))
        everyone.append(quiet_marks(20, plain=True))
        crash.append(burst(BURST))
    whole = burst(BURST, plain=True)
    return [
        ("engine_memory", median(memory), "commands/s", "engine_plain", median(memory) / median(plain)),
        ("engine_plain", median(plain), "commands/s", None, None),
        ("engine_journalled", median(stored), "commands/s", "engine_memory", median(stored) / median(memory)),
        ("engine_replay", median(again), "events/s", None, None),
        ("engine_marks", median(quiet), "marks/s", "engine_marks_plain", median(quiet) / median(everyone)),
        ("engine_marks_plain", median(everyone), "marks/s", None, None),
        ("engine_burst", median(crash), "s", "engine_burst_plain", median(crash) / whole),
        ("engine_burst_plain", whole, "s", None, None),
    ]


def main() -> None:
    """Print rows, or with --json one list of them."""
    found = [
        {"name": name, "value": round(value, 2), "unit": unit, "against": against, "ratio": ratio and round(ratio, 3)}
        for name, value, unit, against, ratio in rows()
    ]
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    for row in found:
        beside = "" if row["against"] is None else f"  {row['ratio']} of {row['against']}"
        print(f"{row['name']:<20} {row['value']:>12} {row['unit']:<10}{beside}")


if __name__ == "__main__":
    main()
