"""Running one seed to its end, every rule asked on the way."""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import localcontext
from typing import Protocol

import msgspec
from msgspec import Struct

from crossmargin.domain.arithmetic import EXACT
from crossmargin.domain.command import Command
from crossmargin.domain.event import Refused
from crossmargin.engine.engine import Outcome
from crossmargin.engine.invariants import BreachError
from crossmargin.engine.simulate.dice import Dice
from crossmargin.engine.simulate.moves import first, move
from crossmargin.engine.simulate.watch import WatchedEngine, after_command
from crossmargin.engine.simulate.world import NAMES, World, draw
from crossmargin.errors import CrossMarginError

__all__ = ["Alone", "Door", "MakeDoor", "Report", "run_seed"]

_WHOLE_EVERY = 64
_STEP = 1000  # milliseconds from command to command


class Report(Struct, frozen=True, kw_only=True):
    """What a seed came to.

    Attributes:
        seed: The seed.
        commands: How many commands.
        events: How many events.
        counts: How often each branch fired.
        state: Hash of the last state.
        money: Every balance at the end, sorted by amount: names left out.
        breach: What broke, empty when nothing did.
        given: The commands up to the breach, to be cut down; none when nothing broke.
    """

    seed: int
    commands: int
    events: int
    counts: dict[str, int]
    state: str
    money: tuple[str, ...] = ()
    breach: str = ""
    given: tuple[Command, ...] = ()


class Door(Protocol):
    """Where commands are given in: an engine alone, or one with a journal whose process dies now and then."""

    engine: WatchedEngine
    counts: Counter[str]

    def submit(self, command: Command) -> Outcome:
        """Decide a command."""


MakeDoor = Callable[[World, int], Door]
"""Makes the door of a world and its seed."""


class Alone:
    """An engine without a journal."""

    def __init__(self, world: World, _seed: int) -> None:
        """Start empty."""
        self.engine = WatchedEngine(world.rulebook, {world.rulebook.venue: world.rulebook})
        self.counts: Counter[str] = Counter()

    def submit(self, command: Command) -> Outcome:
        """Decide a command."""
        return self.engine.submit(command)


def run_seed(seed: int, commands: int, names: Sequence[str] = NAMES, door: MakeDoor = Alone) -> Report:
    """Play one world; the same seed gives the same report everywhere."""
    dice = Dice(seed)
    world = draw(dice, names)
    venue = door(world, seed)
    events, breach = 0, ""
    given: list[Command] = []
    opening = list(first(world, dice))
    try:
        for number in range(len(opening) + commands):
            with localcontext(EXACT):
                command = opening[number] if number < len(opening) else move(world, dice, venue.engine.state)
            given.append(command if command.time else msgspec.structs.replace(command, time=number * _STEP))
            events += _submit(venue, given[-1])
            if len(given) % _WHOLE_EVERY == 0:
                venue.engine.check()
        venue.engine.check()
    except AssertionError as error:
        breach = f"command {len(given)}: {error!r}"
    cells = venue.engine.state.cells.items()
    return Report(
        seed=seed,
        commands=len(given),
        events=events,
        counts=dict(venue.engine.counts + venue.counts),
        state=venue.engine.digest().hex(),
        money=tuple(sorted(f"{amount} {currency}" for currency, each in cells for amount in each.values())),
        breach=breach,
        given=tuple(given) if breach else (),
    )


def _submit(venue: Door, command: Command) -> int:
    """Give a command in; malformed or refused, it leaves the hash as it was (D10)."""
    before, time = venue.engine.digest(), venue.engine.state.time
    try:
        outcome = venue.submit(command)
    except CrossMarginError:
        venue.counts["fault:malformed"] += 1
        if venue.engine.digest() != before:
            raise BreachError("D10", f"{command} is malformed and changed something") from None
        return 0
    venue.counts["fault:late"] += command.time < time
    if len(outcome.events) == 1 and isinstance(outcome.events[0], Refused) and outcome.state != before:
        raise BreachError("D10", f"{command} was refused and changed something")
    with localcontext(EXACT):
        after_command(venue.engine.state)
    return len(outcome.events)
