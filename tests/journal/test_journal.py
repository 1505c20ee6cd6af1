"""What is written comes back; what is damaged is refused; the same commands give the same state everywhere."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner
from tests.journal.conftest import commands_of

from crossmargin.cli.main import app
from crossmargin.domain import command as c
from crossmargin.domain.account import OrderSide
from crossmargin.domain.command import Command, Deposit
from crossmargin.domain.instrument import Kind
from crossmargin.domain.numbers import number
from crossmargin.engine.engine import Engine
from crossmargin.engine.simulate.world import World
from crossmargin.errors import InputError, JournalError, MissingDataError
from crossmargin.journal import Journal, MemoryStore, SQLiteStore, rebuild, rerun, verify
from crossmargin.journal.record import Row
from crossmargin.journal.replay import resumed
from crossmargin.journal.snapshot import opened, sealed
from crossmargin.rulebook import load

Drawn = tuple[World, list[Command]]


def written(store: MemoryStore | SQLiteStore, drawn: Drawn, group: int = 16) -> Journal:
    """Write a world's commands in groups."""
    world, commands = drawn
    journal = Journal(store, world.rulebook)
    for start in range(0, len(commands), group):
        journal.submit_all(commands[start : start + group])
    return journal


def deposit(amount: str = "1", account: str = "ann") -> Deposit:
    """A small command."""
    return Deposit(account=account, currency="USDT", amount=number(amount))


def test_memory_sqlite_rebuild_rerun_and_snapshot_agree(drawn: Drawn, tmp_path: Path) -> None:
    """300 commands: one hash, whichever way it is reached."""
    world, _ = drawn
    memory = MemoryStore()
    live = written(memory, drawn).engine
    disk = SQLiteStore(tmp_path / "venue.db")
    assert written(disk, drawn, group=7).engine.digest() == live.digest()
    assert verify(memory) == verify(disk) == 300
    assert [row.digest for row in memory.rows()] == [row.digest for row in disk.rows()]
    assert rebuild(disk, world.rulebook).digest() == live.digest()
    again, differences = rerun(disk, world.rulebook)
    assert (again.digest(), differences) == (live.digest(), [])


def test_a_snapshot_and_the_tail_lead_where_the_whole_leads(drawn: Drawn) -> None:
    """Snapshots after 100 and 200 of 300 commands; the restored engine also decides the rest alike."""
    world, commands = drawn
    store = MemoryStore()
    journal = Journal(store, world.rulebook)
    journal.submit_all(commands[:100])
    found = opened(sealed(journal.engine, b""), world.rulebook, {})
    assert found is not None
    restored = found[0]
    restored.check()
    for command in commands[100:]:
        assert restored.submit(command) == journal.submit(command)
        if restored.sequence == 200:
            journal.snapshot()
    engine, _ = resumed(store, world.rulebook)
    assert engine.digest() == restored.digest() == journal.engine.digest()
    assert engine.sequence == 300


def test_every_product_comes_back() -> None:
    """Loans, options and their forward prices, in a snapshot and from the records: one hash, and all figures."""
    world, commands = commands_of(44, 500)
    store = MemoryStore()
    live = written(store, (world, commands)).engine
    held = [each for owner in live.state.owners.values() for each in owner.positions.values()]
    assert {live.state.instrument(each.key.instrument).kind for each in held} >= {Kind.OPTION, Kind.MARGIN}
    found = opened(sealed(live, b""), world.rulebook, {})
    assert found is not None
    found[0].check()
    for engine in (found[0], rebuild(store, world.rulebook)):
        assert engine.digest() == live.digest()
        assert engine.state.marks == live.state.marks
        assert all(engine.state.account(name) == live.state.account(name) for name in live.state.owners)


def test_a_damaged_snapshot_is_passed_over(drawn: Drawn) -> None:
    """The newest is damaged in one byte: the records lead to the same state."""
    world, _ = drawn
    store = MemoryStore()
    journal = written(store, drawn)
    raw = bytearray(sealed(journal.engine, journal._digest))
    raw[len(raw) // 2] ^= 1
    store.save(300, bytes(raw))
    assert resumed(store, world.rulebook)[0].digest() == journal.engine.digest()


def test_a_journal_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Closed and opened again: the numbers go on, the money is there, the reference still counts once."""
    book = load("textbook")
    store = SQLiteStore(tmp_path / "venue.db")
    once = Deposit(account="ann", currency="USDT", amount=number("5"), reference="r1")
    Journal(store, book).submit(once)
    store.close()
    store = SQLiteStore(tmp_path / "venue.db")
    journal = Journal(store, book)
    assert journal.submit(once).sequence == 2
    assert journal.engine.state.cash("ann", "USDT") == 5


def test_one_writer_only(tmp_path: Path) -> None:
    """A second process that opens the same file is refused."""
    store = SQLiteStore(tmp_path / "venue.db")
    Journal(store, load("textbook")).submit(deposit())
    program = f"from crossmargin.journal import SQLiteStore; SQLiteStore({str(tmp_path / 'venue.db')!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "another process writes to it" in done.stderr


def test_other_rules_are_refused_and_compared(drawn: Drawn) -> None:
    """A rebuild under other rules is an error; a rerun under them lists what came out otherwise."""
    world, _ = drawn
    store = MemoryStore()
    written(store, drawn)
    other = world.rulebook.with_rules(warn_at=number("5"))
    with pytest.raises(JournalError, match="under other rules"):
        rebuild(store, other)
    _, differences = rerun(store, other)
    assert all(any("Warn" in type(event).__name__ for event in each.events) for each in differences[:1])


def test_a_malformed_command_in_a_group_leaves_the_ones_before(tmp_path: Path) -> None:
    """Two good ones, a broken one: the error is told, the two are on disk."""
    store = SQLiteStore(tmp_path / "venue.db")
    journal = Journal(store, load("textbook"))
    with pytest.raises(InputError):
        journal.submit_all([deposit(), deposit("2"), deposit("3", account="no/such")])
    assert verify(store) == 2
    assert journal.submit(deposit()).sequence == 3


def test_a_command_that_the_rules_cannot_judge_uses_up_no_number() -> None:
    """OKX's tiers of BTC-USD-SWAP are not known: the order is an error, and the journal goes on without a gap."""
    rules = load("okx")
    store = MemoryStore()
    journal = Journal(store, rules)
    journal.submit_all(
        [
            c.ListInstrument(instrument="BTC-USD-SWAP"),
            c.SetMark(instrument="BTC-USD-SWAP", price=Decimal(100)),
            c.Deposit(account="ann", currency="BTC", amount=Decimal(1000)),
        ]
    )
    before = journal.engine.digest()
    order = c.PlaceOrder(
        account="ann", instrument="BTC-USD-SWAP", side=OrderSide.BUY, contracts=Decimal(1), price=Decimal(100), time=5
    )
    with pytest.raises(MissingDataError):
        journal.submit(order)

    assert journal.engine.digest() == before
    assert journal.submit(c.Tick(time=7)).sequence == 4
    assert verify(store) == 4


def test_the_next_group_is_decided_while_the_disk_is_busy() -> None:
    """What is decided during a commit belongs to the next one: chained behind it, nothing lost or twice."""
    journal: Journal

    class Busy(MemoryStore):
        def append(self, rows: list[Row]) -> None:
            if len(rows) < 3:
                journal.decide(deposit(account=f"during{len(rows)}"))
            super().append(rows)

    store = Busy()
    journal = Journal(store, load("textbook"))
    journal.decide(deposit(account="before"))
    for _ in range(2):
        journal.commit()

    assert verify(store) == 2
    journal.decide(deposit(account="after1"))
    journal.decide(deposit(account="after2"))
    journal.commit()
    assert verify(store) == 5
    assert rebuild(store, load("textbook")).digest() == journal.engine.digest()


def test_after_a_failed_write_nothing_is_answered() -> None:
    """The store fails once: that call and every later one is an error."""

    class Full(MemoryStore):
        def append(self, rows: object) -> None:
            raise JournalError(self.place, "disk full")

    journal = Journal(Full(), load("textbook"))
    for message in ("disk full", "must end"):
        with pytest.raises(JournalError, match=message):
            journal.submit(deposit())


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("UPDATE journal SET body = x'00' WHERE sequence = 5", "record 5: damaged"),
        ("UPDATE journal SET digest = zeroblob(32) WHERE sequence = 5", "record 5: damaged"),
        ("DELETE FROM journal WHERE sequence = 5", "record 5: missing; the next is 6"),
        ("DELETE FROM journal WHERE sequence > 15", "ends at record 15"),
        ("UPDATE header SET body = x'c0'", "header cannot be read"),
        ("DELETE FROM header", "records but no header"),
        ("DROP TABLE head", "not a journal of this program"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage: str, problem: str) -> None:
    """Whatever is changed behind our back: record and reason."""
    path = tmp_path / "venue.db"
    store = SQLiteStore(path)
    Journal(store, load("textbook")).submit_all([deposit() for _ in range(20)])
    store.close()
    other = apsw.Connection(str(path))
    other.execute(damage)
    other.close()
    with pytest.raises(JournalError, match=problem):
        verify(SQLiteStore(path))


def small(path: Path) -> bytes:
    """Hash of the state of a journal of about 64 KiB."""
    store = SQLiteStore(path)
    journal = Journal(store, load("textbook"))
    while store._db.pragma("page_count") < 16:  # of 4 KiB
        journal.submit_all([deposit(str(amount)) for amount in range(1, 9)])
    store.close()
    return journal.engine.digest()


def flip(path: Path, at: int, target: Path) -> Path:
    """A copy with one byte changed."""
    content = bytearray(path.read_bytes())
    content[at] ^= 0x5A
    target.write_bytes(bytes(content))
    return target


def state_after_flip(path: Path, at: int, target: Path) -> bytes | None:
    """Hash of the state that a flipped copy leads to, None where it is refused."""
    try:
        store = SQLiteStore(flip(path, at, target), read_only=True)
        return rebuild(store, load("textbook")).digest()
    except JournalError:
        return None


def test_a_flipped_byte_never_gives_another_state(tmp_path: Path) -> None:
    """Every 199th byte of a file, flipped: the same state (free space) or an error."""
    whole = small(tmp_path / "venue.db")
    size = (tmp_path / "venue.db").stat().st_size
    found = {state_after_flip(tmp_path / "venue.db", at, tmp_path / "flipped.db") for at in range(0, size, 199)}
    assert found <= {whole, None}


@pytest.mark.slow
def test_no_flipped_byte_gives_another_state(tmp_path: Path) -> None:
    """Every byte."""
    whole = small(tmp_path / "venue.db")
    size = (tmp_path / "venue.db").stat().st_size
    found = {state_after_flip(tmp_path / "venue.db", at, tmp_path / "flipped.db") for at in range(size)}
    assert found <= {whole, None}


WRITER = """
import sys
from decimal import Decimal
from crossmargin.domain.command import Deposit
from crossmargin.journal import Journal, SQLiteStore
from crossmargin.rulebook import load
journal = Journal(SQLiteStore(sys.argv[1]), load("textbook"))
number = journal.engine.sequence
while True:
    group = [Deposit(account="a", currency="USDT", amount=Decimal(1), reference=f"r{number + i}") for i in range(5)]
    done = journal.submit_all(group)
    number = done[-1].sequence
    print(number, flush=True)
"""


def killed(path: Path, seconds: float) -> int:
    """Let a process write, kill it, return the last number that it acknowledged."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(seconds)
        os.kill(writer.pid, signal.SIGKILL)
        return int((first + writer.stdout.read()).split()[-1])


def lost_and_doubled(path: Path, acknowledged: int) -> tuple[int, int]:
    """Acknowledged commands that are not there, and deposits that count twice."""
    store = SQLiteStore(path)
    engine = rebuild(store, load("textbook"))
    store.close()
    engine.check()
    return max(0, acknowledged - engine.sequence), int(engine.state.cash("a", "USDT")) - engine.sequence


@pytest.mark.parametrize("cycles", [4, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_while_writing(tmp_path: Path, cycles: int) -> None:
    """SIGKILL at some instant, again and again on one file: nothing acknowledged is lost, nothing counts twice."""
    for cycle in range(cycles):
        path = tmp_path / f"venue{cycle // 20}.db"  # twenty times on one file, then a new one
        acknowledged = killed(path, (cycle * 7 % 20) / 1000)
        assert lost_and_doubled(path, acknowledged) == (0, 0)


def test_the_command_line_reads_a_journal(drawn: Drawn, tmp_path: Path) -> None:
    """verify, show, rebuild, rerun, and one line for what is no journal."""
    path = str(tmp_path / "venue.db")
    store = SQLiteStore(path)
    Journal(store, load("textbook")).submit_all([deposit(), deposit("2")])
    store.close()
    run: Callable[..., str] = lambda *words: CliRunner().invoke(app, ["journal", *words]).output  # noqa: E731
    assert run("verify", path) == f"{path}: 2 records, whole\n"
    assert '"kind":"account_opened"' in run("show", path)
    assert run("show", path, "--after", "2") == ""
    assert f"{path}: 2 records, state " in run("rebuild", path)
    assert run("rerun", path).endswith("2 commands, 0 came out otherwise\n")
    assert run("rerun", path, "--watch").endswith("2 commands, 0 came out otherwise\n")
    assert run("rerun", path, "--rulebook", "okx").endswith("2 commands, 0 came out otherwise\n")
    assert isinstance(CliRunner().invoke(app, ["journal", "verify", str(tmp_path / "none")]).exception, JournalError)
    assert isinstance(drawn, tuple)


def test_the_command_line_plays_a_story(tmp_path: Path) -> None:
    """`scenario run FILE`: counts, who has what, the state's hash; as JSON one object a command."""
    path = tmp_path / "story.txt"
    path.write_text("deposit ann 5 USDT\nexpect ann balance 5 USDT\n", encoding="utf-8")
    lines = CliRunner().invoke(app, ["scenario", "run", str(path)]).output.splitlines()
    assert lines[:3] == ["1 commands", "1 account_opened, 1 money_moved", "ann: 5 USDT"]
    assert lines[3].startswith("state ")
    assert '"sequence":1' in CliRunner().invoke(app, ["scenario", "run", "--json", str(path)]).output


def test_engines_do_not_share_anything() -> None:
    """Two engines under one rulebook: what one does, the other does not know."""
    one, two = Engine(load("textbook")), Engine(load("textbook"))
    one.submit(deposit())
    assert two.digest() != one.digest()
    assert not two.state.owners
