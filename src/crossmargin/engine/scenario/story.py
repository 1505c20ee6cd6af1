"""A story being played: its engine, its clock, and what has happened so far."""

from decimal import Decimal, localcontext

import msgspec

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.arithmetic import EXACT
from crossmargin.engine.engine import Engine, Outcome
from crossmargin.engine.simulate.watch import WatchedEngine, after_command
from crossmargin.rulebook import load
from crossmargin.rulebook.model import Rulebook

__all__ = ["Story"]


class Story:
    """One story.

    Attributes:
        rulebook: Rules of the story; they can be changed until the engine has started.
        outcomes: What came of every command, in order.
        commands: The commands themselves, with their times.
        last: Events of the last verb.
        time: Time that the next command carries, milliseconds.
    """

    def __init__(self) -> None:
        """Start with the textbook rules."""
        self.rulebook: Rulebook = load("textbook")
        self.started: Engine | None = None
        self.outcomes: list[Outcome] = []
        self.commands: list[c.Command] = []
        self.last: list[e.Event] = []
        self.time = 0

    @property
    def engine(self) -> Engine:
        """The engine, started when first needed."""
        if self.started is None:
            self.started = Engine(self.rulebook, {self.rulebook.venue: self.rulebook})
        return self.started

    def before_start(self) -> None:
        """Refuse a change of rules once something has happened.

        Raises:
            ValueError: the engine has started.
        """
        if self.started is not None:
            raise ValueError("rules stand before the first thing that happens")

    def submit(self, command: c.Command) -> Outcome:
        """Give the engine one command, with the story's time."""
        stamped = msgspec.structs.replace(command, time=self.time)
        outcome = self.engine.submit(stamped)
        if isinstance(self.engine, WatchedEngine):
            with localcontext(EXACT):
                after_command(self.engine.state)
        self.commands.append(stamped)
        self.outcomes.append(outcome)
        self.last += outcome.events
        return outcome

    def must(self, command: c.Command) -> Outcome:
        """Submit what may not be refused.

        Raises:
            ValueError: it was.
        """
        outcome = self.submit(command)
        if outcome.refused is not None:
            raise ValueError(f"refused: {outcome.refused.refusal}")
        return outcome

    def ready(self, instrument: str, price: Decimal | None = None) -> None:
        """List an instrument when it is first named; without a mark the first price is its mark."""
        if instrument not in self.engine.state.listings:
            self.must(c.ListInstrument(instrument=instrument))
        if price is not None and instrument not in self.engine.state.marks.mark:
            self.must(c.SetMark(instrument=instrument, price=price))
