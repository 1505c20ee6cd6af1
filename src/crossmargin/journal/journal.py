"""An engine with a journal: nothing is answered before it is on disk."""

from collections.abc import Iterable, Mapping

import msgspec

from crossmargin.domain.command import Command
from crossmargin.engine.engine import Engine, Outcome
from crossmargin.engine.nominate import Nominate
from crossmargin.errors import JournalError
from crossmargin.journal.record import FORMAT, ROOT, Header, Record, Row, Store, chained, encoded, fingerprint
from crossmargin.journal.replay import resumed
from crossmargin.journal.snapshot import sealed
from crossmargin.rulebook.model import Rulebook

__all__ = ["Journal"]

_ENCODER = msgspec.msgpack.Encoder(decimal_format="string")


class Journal:
    """One writer: commands are decided in memory, written as one batch, and only then answered.

    Args:
        store: Where records are kept; a store with records is resumed.
        rulebook: Rules of the start.
        rulebooks: Others that `ChangeRulebook` may name.
        nominate: Who is to be looked at when a mark moves.

    Raises:
        JournalError: the store is damaged or was written under other rules.
    """

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        rulebooks: Mapping[str, Rulebook] | None = None,
        nominate: Nominate | None = None,
    ) -> None:
        """Start or resume."""
        self.store = store
        self._broken = False
        self._pending: list[Row] = []
        if store.header() is None:
            self.engine = Engine(rulebook, rulebooks, nominate)
            header = Header(
                format=FORMAT, venue=rulebook.venue, rules=fingerprint(rulebook), first=self.engine.digest()
            )
            raw = _ENCODER.encode(header)
            store.start(raw)
            self._digest = chained(ROOT, raw)
        else:
            self.engine, self._digest = resumed(store, rulebook, rulebooks, nominate)

    def submit(self, command: Command) -> Outcome:
        """Decide one command, write it, answer it."""
        return self.submit_all([command])[0]

    def submit_all(self, commands: Iterable[Command]) -> list[Outcome]:
        """Decide a group of commands, write them in one commit, then answer them all.

        Raises:
            JournalError: the store failed. The engine is ahead of its journal then: the process has to end, and the
                next one resumes from what was written.
            CrossMarginError: a command cannot be decided; those before it are written and stand.
        """
        outcomes = []
        try:
            for command in commands:
                outcomes.append(self.decide(command))
        finally:
            if not self._broken:
                self.commit()
        return outcomes

    def decide(self, command: Command) -> Outcome:
        """Decide one command; its outcome must not leave the process before `commit` has returned.

        Raises:
            JournalError: the store failed before.
            CrossMarginError: the command cannot be decided; nothing has changed.
        """
        self._whole()
        try:
            outcome = self.engine.submit(command)
        except AssertionError:
            self._broken = True
            raise
        row = encoded(Record(outcome.sequence, command, outcome.events, outcome.state), self._digest)
        self._digest = row.digest
        self._pending.append(row)
        return outcome

    def commit(self) -> None:
        """Write what was decided since the last time, in one batch.

        Another thread may go on deciding meanwhile: what it decides belongs to the next batch, whose commit has to
        wait for this one.

        Raises:
            JournalError: the store failed: the process has to end.
        """
        self._whole()
        rows, self._pending = self._pending, []
        try:
            self.store.append(rows)
        except BaseException:
            self._broken = True
            raise

    def _whole(self) -> None:
        if self._broken:
            raise JournalError(self.store.place, "failed before: this process must end")

    def snapshot(self) -> None:
        """Keep a snapshot of the state as it is, so that the next start reads only what follows."""
        self.store.save(self.engine.sequence, sealed(self.engine, self._digest))
