"""The venue: one writer in front of the journal.

What has come while the last group was being written is decided and committed as the next one. The commit waits for the
disk beside the loop, so that requests are read and checked meanwhile; reading waits for it (`Venue.settled`), so that
nobody is shown what might still be lost.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from decimal import localcontext

from crossmargin.domain.arithmetic import EXACT
from crossmargin.domain.command import Command
from crossmargin.domain.event import Event
from crossmargin.engine.engine import Outcome
from crossmargin.engine.guards import check_shape
from crossmargin.engine.state import State
from crossmargin.errors import CrossMarginError, JournalError
from crossmargin.journal.journal import Journal
from crossmargin.journal.record import decoded
from crossmargin.journal.replay import records
from crossmargin.margin.assess import Assessment
from crossmargin.server.history import Changes, History

__all__ = ["Decided", "Listener", "Meter", "Venue", "Watcher"]

Listener = Callable[[Changes], None]
Watcher = Callable[[int, Iterable[Event], int], None]
"""Called with number, events and time of each command that is on disk."""

Waiting = tuple[Command, asyncio.Future[Outcome]]
Decided = tuple[int, Command, tuple[Event, ...]]
Meter = Callable[[list[Decided], float], None]
"""Called with each group that is on disk, and how many seconds writing it took."""

_LOG = logging.getLogger("crossmargin.server")
_FOLDED_AT_ONCE = 1000
_SNAPSHOT_EVERY = 50_000
_GROUP_MAX = 256


class Venue:
    """An engine with its journal and its history, and everyone who listens.

    Args:
        journal: Decides, and writes before anything is answered.
        history: What is read back; it is brought up to the journal's end here.
        now: The clock, in milliseconds.

    Attributes:
        failed: Why the venue had to stop; nothing is answered any more.
    """

    def __init__(self, journal: Journal, history: History, now: Callable[[], int]) -> None:
        """Fold into the history what the journal has and it lacks."""
        self.journal = journal
        self.history = history
        self._now = now
        self._pending: list[Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._committing: asyncio.Event | None = None
        self._readers = 0
        self._disk = ThreadPoolExecutor(1, "journal")
        self._listeners: list[Listener] = []
        self._watchers: list[Watcher] = []
        self._meters: list[Meter] = []
        self._since_snapshot = 0
        self.failed: Exception | None = None
        self._catch_up()

    def _catch_up(self) -> None:
        history, store = self.history, self.journal.store
        last = store.last()
        end = 0 if last is None else last.sequence
        if history.numbers["sequence"] > end:
            history.reset()
        after = history.numbers["sequence"]
        if after == end:
            return
        batch: list[Decided] = []
        for record, _ in records(store):
            if record.sequence > after:
                batch.append((record.sequence, record.command, record.events))
            if len(batch) >= _FOLDED_AT_ONCE:
                history.take(batch)
                batch = []
        history.take(batch)

    # ------------------------------------------------------------------ reading

    @property
    def state(self) -> State:
        """The engine's state, to be read only."""
        return self.journal.engine.state

    def now(self) -> int:
        """The time of whatever comes next: the clock, never before what was recorded."""
        return max(self._now(), self.history.numbers["time"])

    def assessment(self, account: str) -> Assessment:
        """Every margin figure of an account, now."""
        with localcontext(EXACT):
            return self.state.assessment(account)

    def command(self, number: int) -> Command | None:
        """The command of a record; None where there is none of that number."""
        store = self.journal.store
        row = next(iter(store.rows(number - 1)), None) if number > 0 else None
        return None if row is None or row.sequence != number else decoded(row, store.place).command

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the changes of each committed group; the result ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` with the events of each command, before its answer."""
        self._watchers.append(watcher)

    def meter(self, meter: Meter) -> None:
        """Call `meter` with each group that is on disk."""
        self._meters.append(meter)

    # ------------------------------------------------------------------ writing

    async def submit(self, command: Command) -> Outcome:
        """Decide a command; the answer comes once it is on disk.

        Raises:
            InputError: the command is malformed; nothing has changed.
            CrossMarginError: it cannot be judged; nothing has changed.
            JournalError: the store failed; the venue has stopped.
        """
        return await self._queued(command)

    async def submit_all(self, commands: Iterable[Command]) -> list[Outcome]:
        """Decide commands one after another, in one group where nobody else comes between.

        Raises:
            CrossMarginError: one of them is malformed or cannot be judged; the others stand.
        """
        return list(await asyncio.gather(*[self._queued(command) for command in commands]))

    def _queued(self, command: Command) -> asyncio.Future[Outcome]:
        """Put a command into the group that is decided next."""
        check_shape(command)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        self._pending.append((command, answer))
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        return answer

    async def settled(self) -> None:
        """Wait until everything that was decided is on disk: what is read then was not only about to happen."""
        while self._committing is not None:
            self._readers += 1
            try:
                await self._committing.wait()
            finally:
                self._readers -= 1

    async def _write(self) -> None:
        """Group after group: decide what waits, commit it beside the loop, answer, and take what has come meanwhile."""
        while self._pending:
            await self._gathered()
            waiting, self._pending = self._pending, []
            changes: Changes | None = None
            try:
                results = [self._result(command) for command, _ in waiting]
                changes = await self._committed(waiting, results)
            except Exception as error:  # whatever it is, nobody may be told that it went well
                self.stop(error)
                results = [JournalError("venue", f"stopped: {error}")] * len(waiting)
            for (_, answer), result in zip(waiting, results, strict=True):
                _settle(answer, result)
            if changes is not None:
                self._tell(changes)
            if self._readers:
                await asyncio.sleep(0)  # those who wait to read come between two groups, or they would wait for a lull
        self._writing = None

    async def _gathered(self) -> None:
        """Let requests that have arrived be read, as long as each turn of the loop brings more."""
        seen = 0
        while seen < len(self._pending) < _GROUP_MAX:
            seen = len(self._pending)
            await asyncio.sleep(0)

    async def _committed(self, waiting: list[Waiting], results: list[Outcome | CrossMarginError]) -> Changes:
        """Write the group; what it means for the history is worked out while the disk is busy, and written after."""
        pairs = zip(waiting, results, strict=True)
        decided = [(each.sequence, command, each.events) for (command, _), each in pairs if isinstance(each, Outcome)]
        self._committing = asyncio.Event()
        written = asyncio.get_running_loop().run_in_executor(self._disk, self._write_group)
        try:
            changes = self.history.fold(decided)
            self._keep(changes, decided, await written)
            return changes
        finally:
            self._committing.set()
            self._committing = None

    def _result(self, command: Command) -> Outcome | CrossMarginError:
        """What came of a command, or why it cannot be judged."""
        try:
            return self._decide(command)
        except JournalError:
            raise
        except CrossMarginError as error:
            return error

    def stop(self, error: Exception) -> None:
        """From now on nothing is answered any more; the first reason is kept."""
        if self.failed is None:
            self.failed = error

    def run(self, commands: Iterable[Command]) -> list[Outcome]:
        """Decide and commit commands at once, while nobody else is served: when a venue opens.

        Raises:
            CrossMarginError: one cannot be judged; those before it stand.
        """
        assert self._writing is None, "a venue that serves takes commands by submit"
        outcomes: list[Outcome] = []
        decided: list[Decided] = []
        try:
            for command in commands:
                outcome = self._decide(command)
                outcomes.append(outcome)
                decided.append((outcome.sequence, command, outcome.events))
        finally:
            if self.failed is None:
                took = self._write_group()
                changes = self.history.fold(decided)
                self._keep(changes, decided, took)
                self._tell(changes)
        return outcomes

    def _decide(self, command: Command) -> Outcome:
        if self.failed is not None:
            raise JournalError("venue", f"stopped: {self.failed}")
        try:
            return self.journal.decide(command)
        except (JournalError, AssertionError) as error:
            self.stop(error)
            raise

    def _write_group(self) -> float:
        """Put the group on disk; how many seconds that took."""
        began = time.perf_counter()
        self.journal.commit()
        return time.perf_counter() - began

    def _keep(self, changes: Changes, decided: list[Decided], took: float) -> None:
        """Keep in the history what is on disk, and show it to those who watch."""
        self.history.keep(changes)
        for sequence, command, events in decided:
            for watcher in self._watchers:
                watcher(sequence, events, command.time)
        for meter in self._meters:
            meter(decided, took)
        self._since_snapshot += len(decided)
        if self._since_snapshot >= _SNAPSHOT_EVERY:
            self._since_snapshot = 0
            self.journal.snapshot()

    def _tell(self, changes: Changes) -> None:
        """What is told has happened: a listener that breaks stops neither the others nor the venue."""
        for listener in [*self._listeners]:
            try:
                listener(changes)
            except Exception:
                _LOG.exception("a listener failed")


def _settle(answer: asyncio.Future[Outcome], result: Outcome | CrossMarginError) -> None:
    """Answer, unless whoever asked has gone."""
    if answer.done():
        return
    if isinstance(result, CrossMarginError):
        answer.set_exception(result)
    else:
        answer.set_result(result)
