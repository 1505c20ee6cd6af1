"""The simulator with a journal: a process that dies between any two writes, and one that goes on in its place.

Whatever was acknowledged is there afterwards; what was decided and not written is given in once more, as a client does
that has heard nothing, and comes out as before. So a run with crashes ends in the same state as one without.
"""

import sys
from collections import Counter

from crossmargin.domain.command import Command
from crossmargin.engine.engine import Outcome
from crossmargin.engine.invariants import BreachError
from crossmargin.engine.simulate.__main__ import main
from crossmargin.engine.simulate.dice import Dice
from crossmargin.engine.simulate.watch import WatchedEngine
from crossmargin.engine.simulate.world import World
from crossmargin.errors import JournalError
from crossmargin.journal.journal import Journal
from crossmargin.journal.memory import MemoryStore
from crossmargin.journal.record import Row

__all__ = ["DEATHS", "DyingStore", "DyingVenue"]

DEATHS = ("died:before", "died:after", "died:snapshot")
"""Ways to die, each of which has to happen."""

_SALT = 0x6A6F75726E616C


class DyingStore(MemoryStore):
    """Dies now and then at a write: before it, after it, or in the middle of a snapshot."""

    def __init__(self, dice: Dice, per_mille: int) -> None:
        """Die at so many of a thousand writes."""
        super().__init__("dying store")
        self._dice, self._per_mille = dice, per_mille
        self.died = ""

    def append(self, rows: list[Row]) -> None:
        """Keep a batch, or die before or after it."""
        if self._dice.chance(self._per_mille):
            self.died = self._dice.pick(("before", "after"))
            if self.died == "after":
                super().append(rows)
            raise JournalError(self.place, f"died {self.died} a write")
        super().append(rows)

    def save(self, sequence: int, snapshot: bytes) -> None:
        """Keep a snapshot, or die when a part of it is written."""
        if self._dice.chance(self._per_mille):
            self.died = "snapshot"
            super().save(sequence, snapshot[: self._dice.below(len(snapshot))])
            raise JournalError(self.place, "died within a snapshot")
        super().save(sequence, snapshot)


class DyingVenue:
    """An engine with a journal whose process dies, and recovers from what is on disk.

    Attributes:
        engine: The watched engine of the process that lives at present.
        counts: How often which kind of death was survived.
    """

    def __init__(self, world: World, seed: int, per_mille: int | None = None) -> None:
        """Draw how often it dies, how many commands a group has, and how often a snapshot is made."""
        self._dice = Dice(seed ^ _SALT)
        self._rulebook = world.rulebook
        self.counts: Counter[str] = Counter()
        self._store = DyingStore(self._dice, self._dice.pick((0, 20, 100)) if per_mille is None else per_mille)
        self._group, self._snapshots = self._dice.pick((1, 4, 16)), self._dice.pick((20, 100))
        self._waiting: list[tuple[Command, Outcome]] = []
        self._acknowledged = 0
        self._start(Counter())

    def _start(self, counted: Counter[str]) -> None:
        self._journal = Journal(self._store, self._rulebook, {self._rulebook.venue: self._rulebook})
        self.engine: WatchedEngine = WatchedEngine.adopt(self._journal.engine)
        self.engine.counts = counted
        self._journal.engine = self.engine

    def submit(self, command: Command) -> Outcome:
        """Decide a command; when its group is full, write it, and make a snapshot now and then."""
        outcome = self._journal.decide(command)
        self._waiting.append((command, outcome))
        try:
            if len(self._waiting) >= self._group:
                self._journal.commit()
                self._acknowledged, self._waiting = outcome.sequence, []
                if self._dice.below(self._snapshots) == 0:
                    self._journal.snapshot()
        except JournalError:
            self._recover()
        return outcome

    def _recover(self) -> None:
        """Start again from the store, and give in what is not there."""
        self.counts[f"died:{self._store.died}"] += 1
        decided = self.engine.sequence
        counted = self.engine.counts
        self._start(Counter())
        if not self._acknowledged <= self.engine.sequence <= decided:
            raise BreachError("D5", f"recovered {self.engine.sequence} of {self._acknowledged} to {decided}")
        self._acknowledged = self.engine.sequence
        self._waiting = [each for each in self._waiting if each[1].sequence > self._acknowledged]
        for command, outcome in self._waiting:
            if self._journal.decide(command) != outcome:
                raise BreachError("D7", f"command {outcome.sequence} came out otherwise after a crash")
        self.engine.counts = counted


if __name__ == "__main__":
    sys.exit(main(door=DyingVenue, branches=DEATHS))
