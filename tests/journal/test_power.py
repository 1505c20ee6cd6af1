"""Power cuts: a disk that forgets what was not synced, in part and out of order, under the same journal."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from crossmargin.domain.command import Command, Deposit
from crossmargin.domain.numbers import number
from crossmargin.engine.simulate.dice import Dice
from crossmargin.errors import JournalError
from crossmargin.journal import Journal, SQLiteStore, rebuild
from crossmargin.rulebook import load

SECTOR = 512
GROUPS, SIZE = 8, 3


class PowerCutError(Exception):
    """The lights went out."""


class Disk:
    """What is on the platter, and what was written since the last sync of each file."""

    def __init__(self, cut_at: int) -> None:
        """Cut the power at the write, sync or truncation with this number."""
        self.kept: dict[str, bytearray] = {}
        self.pending: dict[str, list[tuple[int, bytes]]] = {}
        self.cut_at, self.steps, self.dark = cut_at, 0, False

    def step(self) -> None:
        """One more thing that the disk is asked to do."""
        if self.dark or self.steps == self.cut_at:
            self.dark = True
            raise PowerCutError
        self.steps += 1

    def seen(self, name: str) -> bytearray:
        """A file as the running process sees it."""
        content = bytearray(self.kept.get(name, b""))
        for at, data in self.pending.get(name, ()):
            _put(content, at, data)
        return content

    def sync(self, name: str) -> None:
        """What was pending is kept."""
        self.kept[name] = self.seen(name)
        self.pending[name] = []

    def after_the_cut(self, mode: str, dice: Dice) -> dict[str, bytes]:
        """What the next start finds: synced bytes, and of the rest nothing, some writes, or some sectors of some."""
        found = {}
        for name in self.kept.keys() | self.pending.keys():
            content = bytearray(self.kept.get(name, b""))
            for at, data in _survivors(self.pending.get(name, []), mode, dice):
                _put(content, at, data)
            found[name] = bytes(content)
        return found


def _survivors(writes: list[tuple[int, bytes]], mode: str, dice: Dice) -> Iterator[tuple[int, bytes]]:
    if mode == "dropped":
        return
    for at, data in writes:
        if mode == "reordered" and dice.chance(500):
            yield at, data
        elif mode == "torn":
            for start in range(0, len(data), SECTOR):
                if dice.chance(500):
                    yield at + start, data[start : start + SECTOR]


def _put(content: bytearray, at: int, data: bytes) -> None:
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


class DiskVFS(apsw.VFS):
    """A file system on a `Disk`; names without a folder."""

    def __init__(self, name: str, disk: Disk) -> None:
        """Register under a name."""
        self.disk = disk
        super().__init__(name, "", maxpathname=200)

    def xOpen(  # type: ignore[override]  # noqa: N802 - SQLite's name
        self, name: object, flags: list[int]
    ) -> "DiskFile":
        """Open or make a file."""
        text = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        flags[1] = flags[0]
        return DiskFile(self.disk, text)

    def xDelete(self, name: str, _sync: bool) -> None:  # noqa: N802
        """Delete a file, at once and for good."""
        self.disk.step()
        self.disk.kept.pop(name, None)
        self.disk.pending.pop(name, None)

    def xAccess(self, name: str, _flags: int) -> bool:  # noqa: N802
        """Whether a file exists."""
        return name in self.disk.kept or name in self.disk.pending

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        """Names are whole already."""
        return name


class DiskFile:
    """One open file."""

    def __init__(self, disk: Disk, name: str) -> None:
        """A new file exists from its first write on."""
        self.disk, self.name = disk, name

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        """Read; short at the end."""
        return bytes(self.disk.seen(self.name)[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        """Write, not yet synced."""
        self.disk.step()
        self.disk.pending.setdefault(self.name, []).append((offset, bytes(data)))

    def xSync(self, _flags: int) -> None:  # noqa: N802
        """Keep what was written."""
        self.disk.step()
        self.disk.sync(self.name)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        """Cut the file, at once."""
        self.disk.step()
        self.disk.sync(self.name)
        del self.disk.kept[self.name][size:]

    def xFileSize(self) -> int:  # noqa: N802
        """Size as the process sees it."""
        return len(self.disk.seen(self.name))

    def xClose(self) -> None:  # noqa: N802
        """Nothing to do."""

    def xLock(self, _level: int) -> None:  # noqa: N802
        """One process: always."""

    def xUnlock(self, _level: int) -> None:  # noqa: N802
        """One process: always."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        """One process: never held."""
        return False

    def xFileControl(self, _op: int, _pointer: int) -> bool:  # noqa: N802
        """None is known."""
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        """As real disks."""
        return SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        """No promises."""
        return 0


def group(index: int) -> list[Command]:
    """Deposits of 1, each with its own reference."""
    return [
        Deposit(account="a", currency="USDT", amount=number("1"), reference=f"r{index}-{each}") for each in range(SIZE)
    ]


def written_until_dark(cut_at: int) -> tuple[Disk, int]:
    """Write groups until the power goes; return the disk and how many commands were acknowledged."""
    disk = Disk(cut_at)
    vfs = DiskVFS("disk", disk)
    acknowledged = 0
    try:
        store = SQLiteStore("venue.db", vfs="disk")
        journal = Journal(store, load("textbook"))
        for index in range(GROUPS):
            acknowledged = journal.submit_all(group(index))[-1].sequence
            if index % 3 == 2:
                store._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except (PowerCutError, JournalError, apsw.Error):
        pass
    vfs.unregister()
    return disk, acknowledged


def found_after(disk: Disk, mode: str, dice: Dice, folder: Path) -> tuple[int, int]:
    """How many records a new start finds, and how many deposits count in them; whole or refused."""
    for name, content in disk.after_the_cut(mode, dice).items():
        (folder / name).write_bytes(content)
    store = SQLiteStore(folder / "venue.db")
    try:
        if store.header() is None:
            return 0, 0
        engine = rebuild(store, load("textbook"))
        return engine.sequence, int(engine.state.cash("a", "USDT"))
    finally:
        store.close()
        for path in folder.iterdir():
            path.unlink()


def cuts(folder: Path, every: int, repeats: int) -> Iterator[tuple[int, int, int, int]]:
    """Every so many steps of the disk, and each way of forgetting: acknowledged, found, counted, and the step."""
    folder.mkdir(exist_ok=True)
    whole, _ = written_until_dark(-1)
    ways = [("dropped", 0), *((mode, each) for mode in ("reordered", "torn") for each in range(repeats))]
    for cut_at in range(0, whole.steps, every):
        for mode, repeat in ways:
            disk, acknowledged = written_until_dark(cut_at)
            found, counted = found_after(disk, mode, Dice(cut_at * 31 + repeat), folder)
            yield acknowledged, found, counted, cut_at


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("every", "repeats", "enough"), [(13, 3, 60), pytest.param(1, 8, 2000, marks=pytest.mark.slow)]
)
def test_power_cuts_lose_nothing_that_was_acknowledged(tmp_path: Path, every: int, repeats: int, enough: int) -> None:
    """Cut at any write, sync or deletion, un-synced writes dropped, kept in part, or torn by sectors.

    The next start finds a prefix of what was submitted, in whole groups, with all that was acknowledged in it.
    """
    seen = 0
    for acknowledged, found, counted, cut_at in cuts(tmp_path / "disk", every, repeats):
        seen += 1
        assert acknowledged <= found <= GROUPS * SIZE, cut_at
        assert found % SIZE == 0
        assert counted == found
    assert seen >= enough


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_journal_that_does_not_sync_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: with synchronous=OFF the same cuts lose acknowledged commands, or leave damage."""
    prepare = SQLiteStore._prepare

    def careless(store: SQLiteStore, *, read_only: bool) -> None:
        prepare(store, read_only=read_only)
        store._db.pragma("synchronous", "OFF")

    monkeypatch.setattr(SQLiteStore, "_prepare", careless)
    with pytest.raises((AssertionError, JournalError)):
        _nothing_lost(tmp_path / "disk")


def _nothing_lost(folder: Path) -> None:
    for acknowledged, found, _, _ in cuts(folder, 5, 1):
        assert acknowledged <= found
