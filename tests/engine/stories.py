"""Tests whose docstring is the story: it is played before the body runs."""

import inspect
from collections.abc import Callable

from crossmargin.engine.scenario import Story, play

Test = Callable[[Story], None]


def scenario(test: Test) -> Callable[[], None]:
    """Play the test's docstring and hand the finished story to its body."""
    text = inspect.getdoc(test) or ""

    def run() -> None:
        test(play(text, test.__name__))

    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    return run
