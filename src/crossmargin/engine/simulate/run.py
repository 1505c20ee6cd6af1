"""Running one seed to its end, every rule asked on the way."""

from collections import Counter
from collections.abc import Sequence
from decimal import localcontext

import msgspec
from msgspec import Struct

from crossmargin.domain.arithmetic import EXACT
from crossmargin.domain.command import Command
from crossmargin.engine.engine import Engine
from crossmargin.engine.simulate.dice import Dice
from crossmargin.engine.simulate.moves import first, move
from crossmargin.engine.simulate.watch import WatchedEngine, after_command
from crossmargin.engine.simulate.world import NAMES, draw

__all__ = ["Report", "run_seed"]

_WHOLE_EVERY = 64


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
    """

    seed: int
    commands: int
    events: int
    counts: dict[str, int]
    state: str
    money: tuple[str, ...] = ()
    breach: str = ""


def run_seed(seed: int, commands: int, names: Sequence[str] = NAMES) -> Report:
    """Play one world; the same seed gives the same report everywhere."""
    dice = Dice(seed)
    world = draw(dice, names)
    engine = WatchedEngine(world.rulebook, {world.rulebook.venue: world.rulebook})
    events, done, breach = 0, 0, ""
    opening = list(first(world, dice))
    try:
        for number in range(len(opening) + commands):
            with localcontext(EXACT):
                command = opening[number] if number < len(opening) else move(world, dice, engine.state)
            events += len(_submit(engine, command, number * 1000))
            done += 1
            if done % _WHOLE_EVERY == 0:
                engine.check()
        engine.check()
    except AssertionError as error:
        breach = f"command {done + 1}: {error!r}"
    return Report(
        seed=seed,
        commands=done,
        events=events,
        counts=dict(Counter(engine.counts)),
        state=engine.digest().hex(),
        money=tuple(
            sorted(
                f"{amount} {currency}" for currency, cells in engine.state.cells.items() for amount in cells.values()
            )
        ),
        breach=breach,
    )


def _submit(engine: Engine, command: Command, time: int) -> tuple[object, ...]:
    outcome = engine.submit(msgspec.structs.replace(command, time=time))
    with localcontext(EXACT):
        after_command(engine.state)
    return outcome.events
