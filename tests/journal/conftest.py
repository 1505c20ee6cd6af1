"""Commands to write: the opening and the first moves of a simulated venue."""

from decimal import localcontext

import msgspec
import pytest

from crossmargin.domain.arithmetic import EXACT
from crossmargin.domain.command import Command
from crossmargin.engine.engine import Engine
from crossmargin.engine.simulate.dice import Dice
from crossmargin.engine.simulate.moves import first, move
from crossmargin.engine.simulate.world import World, draw
from crossmargin.errors import InputError


def commands_of(seed: int, count: int) -> tuple[World, list[Command]]:
    """A world and so many of its commands, as an engine that runs beside them leads to."""
    dice = Dice(seed)
    world = draw(dice)
    engine = Engine(world.rulebook, {world.rulebook.venue: world.rulebook})
    found: list[Command] = []
    opening = list(first(world, dice))
    while len(found) < count:
        with localcontext(EXACT):
            number = len(found)
            command = opening[number] if number < len(opening) else move(world, dice, engine.state)
        command = msgspec.structs.replace(command, time=number * 1000)
        try:
            engine.submit(command)
        except InputError:  # a malformed command never enters a journal
            continue
        found.append(command)
    return world, found


@pytest.fixture(scope="session")
def drawn() -> tuple[World, list[Command]]:
    """Seed 7, 300 commands."""
    return commands_of(7, 300)
