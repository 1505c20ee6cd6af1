"""What the engine does not ask of the exact rules makes no difference: the same events as an engine that asks it all."""

import msgspec
import pytest

from crossmargin.domain.command import Command
from crossmargin.engine.engine import Engine, Outcome
from crossmargin.engine.simulate.dice import Dice
from crossmargin.engine.simulate.moves import first, move
from crossmargin.engine.simulate.world import NAMES, draw
from crossmargin.errors import CrossMarginError


def answer(engine: Engine, command: Command) -> Outcome | str:
    """The outcome, or what the engine says to a command that cannot be judged."""
    try:
        return engine.submit(command)
    except CrossMarginError as error:
        return str(error)


def compare(seed: int, commands: int) -> None:
    """Play one world in both engines, command by command."""
    dice = Dice(seed)
    world = draw(dice, NAMES)
    books = {world.rulebook.venue: world.rulebook}
    quick, plain = Engine(world.rulebook, books), Engine(world.rulebook, books, plain=True)
    opening = list(first(world, dice))
    for number in range(len(opening) + commands):
        command = opening[number] if number < len(opening) else move(world, dice, quick.state)
        command = msgspec.structs.replace(command, time=number * 1000)

        assert answer(quick, command) == answer(plain, command), f"seed {seed}, command {number}: {command}"
        if number % 64 == 0:
            quick.check()


@pytest.mark.parametrize("seed", range(200, 206))
def test_same_events_as_the_plain_engine(seed: int) -> None:
    """400 commands of one seed: every event, refusal and state hash is that of an engine without bounds."""
    compare(seed, 400)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300, 330))
def test_same_events_as_the_plain_engine_in_longer_runs(seed: int) -> None:
    """2,000 commands of one seed, as above."""
    compare(seed, 2000)
