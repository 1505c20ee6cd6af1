"""Shrinking: of all the commands of a run that broke a rule, the few that break it still."""

from collections.abc import Callable, Sequence
from decimal import localcontext

from crossmargin.domain.arithmetic import EXACT
from crossmargin.domain.command import Command
from crossmargin.engine.invariants import BreachError
from crossmargin.engine.scenario.tell import story_of
from crossmargin.engine.simulate.dice import Dice
from crossmargin.engine.simulate.watch import WatchedEngine, after_command
from crossmargin.engine.simulate.world import draw
from crossmargin.errors import CrossMarginError
from crossmargin.rulebook.model import Rulebook

__all__ = ["breach_of", "shrunk", "story_of_seed"]

_BUDGET = 150_000  # commands given in again while shrinking


def story_of_seed(seed: int, commands: Sequence[Command], breach: str) -> str:
    """A scenario file: the seed's rules and instruments, then the commands that are left."""
    lines = [f"# seed {seed}: {breach}", f"world {seed}", *story_of(commands)]
    return "\n".join(lines) + "\n"


def shrunk(seed: int, commands: Sequence[Command], budget: int = _BUDGET) -> list[Command]:
    """Leave out whatever the breach does not need, in ever smaller pieces (delta debugging)."""
    book = draw(Dice(seed)).rulebook
    wanted = breach_of(book, commands)
    if not wanted:
        return list(commands)
    count = [0]

    def breaks(left: Sequence[Command]) -> bool:
        count[0] += len(left)
        return breach_of(book, left) == wanted

    return _cut(list(commands), breaks, lambda: count[0] < budget)


def _cut(left: list[Command], breaks: Callable[[Sequence[Command]], bool], more: Callable[[], bool]) -> list[Command]:
    size = max(1, len(left) // 2)
    while size and more():
        start, removed = 0, False
        while start < len(left) and more():
            rest = left[:start] + left[start + size :]
            if rest and breaks(rest):
                left, removed = rest, True
            else:
                start += size
        if not removed or size > 1:
            size //= 2
    return left


def breach_of(book: Rulebook, commands: Sequence[Command]) -> str:
    """Id of the rule that a list of commands breaks, empty when it breaks none."""
    engine = WatchedEngine(book, {book.venue: book})
    try:
        for command in commands:
            try:
                engine.submit(command)
            except CrossMarginError:
                continue
            with localcontext(EXACT):
                after_command(engine.state)
        engine.check()
    except BreachError as breach:
        return breach.id
    except AssertionError as error:
        return str(error).partition(":")[0] or type(error).__name__
    return ""
