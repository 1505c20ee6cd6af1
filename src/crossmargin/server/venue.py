"""The venue: one writer in front of the journal. What waits in one turn of the loop is committed together."""

import asyncio
from collections.abc import Callable, Iterable
from decimal import localcontext

from crossmargin.domain.arithmetic import EXACT
from crossmargin.domain.command import Command
from crossmargin.domain.event import Event
from crossmargin.engine.engine import Outcome
from crossmargin.engine.guards import check_shape
from crossmargin.engine.state import State
from crossmargin.errors import CrossMarginError, JournalError
from crossmargin.journal.journal import Journal
from crossmargin.journal.replay import records
from crossmargin.margin.assess import Assessment
from crossmargin.server.history import Changes, History

__all__ = ["Listener", "Venue", "Watcher"]

Listener = Callable[[Changes], None]
Watcher = Callable[[int, Iterable[Event], int], None]
"""Called with number, events and time of each command that is on disk."""

Decided = tuple[int, Command, tuple[Event, ...]]

_FOLDED_AT_ONCE = 1000
_SNAPSHOT_EVERY = 20_000


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
        self._pending: list[tuple[Command, asyncio.Future[Outcome]]] = []
        self._listeners: list[Listener] = []
        self._watchers: list[Watcher] = []
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

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the changes of each committed group; the result ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` with the events of each command, before its answer."""
        self._watchers.append(watcher)

    # ------------------------------------------------------------------ writing

    async def submit(self, command: Command) -> Outcome:
        """Decide a command; the answer comes once it is on disk.

        Raises:
            InputError: the command is malformed; nothing has changed.
            CrossMarginError: it cannot be judged; nothing has changed.
            JournalError: the store failed; the venue has stopped.
        """
        check_shape(command)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        if not self._pending:
            loop.call_soon(self._flush)
        self._pending.append((command, answer))
        return await answer

    def _flush(self) -> None:
        """Decide and commit all that waits, then answer and tell."""
        waiting, self._pending = self._pending, []
        try:
            results = [self._result(command) for command, _ in waiting]
            pairs = zip(waiting, results, strict=True)
            decided = [(r.sequence, w[0], r.events) for w, r in pairs if isinstance(r, Outcome)]
            changes = self._commit(decided)
        except Exception as error:
            self.stop(error)
            results = [JournalError("venue", f"stopped: {error}")] * len(waiting)
            changes = None
        for (_, answer), result in zip(waiting, results, strict=True):
            _settle(answer, result)
        if changes is not None:
            self._tell(changes)

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
        """Decide and commit commands of the venue itself: prices, settlements, its market makers.

        Raises:
            CrossMarginError: one cannot be judged; those before it stand.
        """
        outcomes: list[Outcome] = []
        decided: list[Decided] = []
        try:
            for command in commands:
                outcome = self._decide(command)
                outcomes.append(outcome)
                decided.append((outcome.sequence, command, outcome.events))
        finally:
            if self.failed is None:
                self._tell(self._commit(decided))
        return outcomes

    def _decide(self, command: Command) -> Outcome:
        if self.failed is not None:
            raise JournalError("venue", f"stopped: {self.failed}")
        try:
            return self.journal.decide(command)
        except (JournalError, AssertionError) as error:
            self.stop(error)
            raise

    def _commit(self, decided: list[Decided]) -> Changes:
        try:
            self.journal.commit()
        except JournalError as error:
            self.stop(error)
            raise
        changes = self.history.take(decided)
        for sequence, command, events in decided:
            for watcher in self._watchers:
                watcher(sequence, events, command.time)
        self._since_snapshot += len(decided)
        if self._since_snapshot >= _SNAPSHOT_EVERY:
            self._since_snapshot = 0
            self.journal.snapshot()
        return changes

    def _tell(self, changes: Changes) -> None:
        for listener in [*self._listeners]:
            listener(changes)


def _settle(answer: asyncio.Future[Outcome], result: Outcome | CrossMarginError) -> None:
    """Answer, unless whoever asked has gone."""
    if answer.done():
        return
    if isinstance(result, CrossMarginError):
        answer.set_exception(result)
    else:
        answer.set_result(result)
