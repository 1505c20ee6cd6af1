"""Engine.submit(command) -> events: the one door."""

from collections.abc import Mapping
from decimal import getcontext, localcontext, setcontext

from msgspec import Struct

from crossmargin.domain.arithmetic import EXACT
from crossmargin.domain.command import Command
from crossmargin.domain.event import Event, Refused
from crossmargin.engine.apply import apply
from crossmargin.engine.boxes import Boxes
from crossmargin.engine.decide import decide
from crossmargin.engine.guards import check_shape
from crossmargin.engine.hashing import StateHash, whole
from crossmargin.engine.invariants import check_command, check_whole
from crossmargin.engine.nominate import Nominate, everyone
from crossmargin.engine.state import State
from crossmargin.errors import CrossMarginError
from crossmargin.rulebook.model import Rulebook

__all__ = ["Engine", "Outcome"]


class Outcome(Struct, frozen=True, gc=False):
    """What came of one command.

    Attributes:
        sequence: Number of the command, from 1, without gaps.
        events: What happened, in order.
        state: Hash of the state afterwards.
    """

    sequence: int
    events: tuple[Event, ...]
    state: bytes

    @property
    def refused(self) -> Refused | None:
        """The refusal, if the command was refused."""
        first = self.events[0] if self.events else None
        return first if isinstance(first, Refused) else None


class Engine:
    """A venue: one writer, no clock, no random source, no files.

    Args:
        rulebook: Rules that hold from the start.
        rulebooks: Others that `ChangeRulebook` may name.
        nominate: Who is to be looked at when a mark moves; see `crossmargin.engine.nominate`.
        plain: Ask everything of the exact rules and everyone at every mark: slow, and the same in every event.
    """

    def __init__(
        self,
        rulebook: Rulebook,
        rulebooks: Mapping[str, Rulebook] | None = None,
        nominate: Nominate | None = None,
        *,
        plain: bool = False,
    ) -> None:
        """Start empty."""
        self.nominate = nominate or (everyone if plain else Boxes())
        self.state = State(rulebook, rulebooks or {}, plain=plain)
        self.sequence = 0
        self._hash = StateHash()
        self._hash.update(self.state)

    @classmethod
    def at(cls, state: State, sequence: int, time: int) -> "Engine":
        """An engine that goes on from a restored state."""
        engine = cls(state.rulebook, state.rulebooks)
        engine.state, engine.sequence = state, sequence
        state.time = time
        state.touched.clear()
        engine._hash = StateHash()
        engine._hash.update(state)
        return engine

    def submit(self, command: Command) -> Outcome:
        """Decide one command and apply what is decided.

        Raises:
            InputError: the command is malformed; nothing has changed.
            MissingDataError, UnsupportedError, PrecisionError: the rules cannot judge the command; nothing has changed.
            BreachError: an invariant does not hold; the engine must not be used any more.
        """
        check_shape(command)
        events: list[Event] = []
        sequence, time = self.sequence, self.state.time
        outer = getcontext()
        setcontext(EXACT)
        try:
            self._stamp(command)
            for event in decide(self.state, command, self.nominate):
                self.apply(event)
                events.append(event)
            return self._close(tuple(events))
        except CrossMarginError:
            assert not events, "D10: a command that cannot be judged has changed something"
            self.sequence, self.state.time = sequence, time
            raise
        finally:
            setcontext(outer)

    def replay(self, command: Command, events: tuple[Event, ...]) -> Outcome:
        """Apply recorded events without deciding again."""
        outer = getcontext()
        setcontext(EXACT)
        try:
            self._stamp(command)
            for event in events:
                self.apply(event)
            self.state.touched.clear()
            self.state.moved.clear()
            return self._close(events)
        finally:
            setcontext(outer)

    def awake(self, nominate: Nominate | None = None) -> "Engine":
        """The engine, ready to decide, after it was built plain to replay what needs no bounds."""
        self.state.plain = False
        self.state.rebound()
        self.nominate = nominate or Boxes()
        return self

    def apply(self, event: Event) -> None:
        """Apply one event; whoever watches an engine event by event overrides this."""
        apply(self.state, event)

    def _stamp(self, command: Command) -> None:
        self.sequence += 1
        self.state.time = max(self.state.time, command.time)

    def _close(self, events: tuple[Event, ...]) -> Outcome:
        check_command(self.state)
        self._hash.update(self.state)
        return Outcome(self.sequence, events, self._hash.digest())

    def digest(self) -> bytes:
        """Hash of the state as it is."""
        return self._hash.digest()

    def check(self) -> None:
        """Check every invariant from scratch, the hash included.

        Raises:
            BreachError: one does not hold.
        """
        with localcontext(EXACT):
            check_whole(self.state)
            assert whole(self.state) == self.digest(), "D2: the kept hash differs from one from scratch"
