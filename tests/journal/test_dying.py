"""A process that dies between any two writes and goes on: nothing acknowledged is lost, nothing counts twice."""

from collections import Counter
from typing import Any

import pytest

from crossmargin.engine.engine import Outcome
from crossmargin.engine.simulate import run_seed
from crossmargin.engine.simulate.run import Door
from crossmargin.engine.simulate.world import World
from crossmargin.journal import MemoryStore
from crossmargin.journal.simulate import DyingStore, DyingVenue


def often(world: World, seed: int) -> Door:
    """Dies at every tenth write."""
    return DyingVenue(world, seed, 100)


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_run_with_deaths_ends_where_a_run_without_ends(seed: int) -> None:
    """300 commands, dozens of deaths: the same state hash as in a life without any."""
    plain, mortal = run_seed(seed, 300), run_seed(seed, 300, door=often)
    assert mortal.breach == ""
    assert mortal.state == plain.state
    assert sum(count for name, count in mortal.counts.items() if name.startswith("died:")) >= 5


def test_every_way_to_die_happens() -> None:
    """Before a write, after it, within a snapshot."""
    counts: Counter[str] = Counter()
    for seed in range(1, 9):
        counts.update(run_seed(seed, 200, door=often).counts)
    assert all(counts[name] for name in ("died:before", "died:after", "died:snapshot"))


def test_a_store_that_forgets_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: an acknowledged batch is not there after the next death (D5)."""
    append = MemoryStore.append

    def forgets(store: DyingStore, rows: list[Any]) -> None:
        append(store, rows if store.last() is None or len(store.rows()) < 40 else [])

    monkeypatch.setattr(MemoryStore, "append", forgets)
    assert "D5" in next(found for seed in range(1, 9) if (found := run_seed(seed, 200, door=often).breach))


def test_a_decision_that_depends_on_chance_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: what is decided again after a death comes out otherwise (D7)."""
    decide = DyingVenue.submit

    def forged(venue: DyingVenue, command: Any) -> Outcome:  # noqa: ANN401
        outcome = decide(venue, command)
        if venue._waiting and venue._waiting[-1][1] is outcome:
            venue._waiting[-1] = (command, Outcome(outcome.sequence, outcome.events, b"otherwise"))
        return outcome

    monkeypatch.setattr(DyingVenue, "submit", forged)
    found = [run_seed(seed, 200, door=often).breach for seed in range(1, 9)]
    assert any("D7" in each for each in found)
