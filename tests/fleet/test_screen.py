"""The screen of many accounts says what `margin.assess` says of each."""

from random import Random

import numpy as np
import pytest

from crossmargin.domain.marks import Marks
from crossmargin.fleet import twin
from crossmargin.fleet.columns import columns_of
from crossmargin.fleet.exact import decide
from crossmargin.fleet.pack import Fleet, pack, prices
from crossmargin.fleet.screen import Screen, revalued, screen

from .accounts import SWAPS, account_of, marks_of, rulebook_of

VENUES = list(SWAPS)


def fleet_of(venue: str, count: int, seed: int) -> tuple[Fleet, Marks]:
    """A packed fleet and marks, seeded."""
    random, book = Random(seed), rulebook_of(venue)
    accounts = [account_of(venue, random, book) for _ in range(count)]
    return pack(columns_of(accounts, book), book), marks_of(venue, random)


def worst_errors(found: Screen, marks: Marks) -> dict[str, float]:
    """Largest distance of each figure from the exact one, as a share of what the bound allows."""
    fleet = found.fleet
    worst = dict.fromkeys(("equity", "initial", "required"), 0.0)
    price = prices(fleet, marks)
    for pool in range(len(fleet)):
        exact = decide(fleet, pool, marks)
        *_, bound = twin.figures(fleet, price, pool)
        for name, share in worst.items():
            error = abs(float(getattr(found, name)[pool]) - float(getattr(exact, name)))
            worst[name] = max(share, error / bound if bound else error)
        assert found.status[pool] == exact.status
    return worst


@pytest.mark.parametrize("venue", VENUES)
def test_every_pool_is_as_assessed(venue: str) -> None:
    """400 accounts a venue: each status is that of `margin.assess`, each figure within the certified error."""
    fleet, marks = fleet_of(venue, 400, seed=1)

    found = screen(fleet, marks)

    assert max(worst_errors(found, marks).values()) <= 1
    assert set(np.unique(found.status)) == {0, 1, 2}
    assert len(found.exactly) < len(fleet) / 10


@pytest.mark.slow
@pytest.mark.parametrize("venue", VENUES)
def test_ten_thousand_accounts_are_as_assessed(venue: str) -> None:
    """The same on 10,000 accounts a venue."""
    fleet, marks = fleet_of(venue, 10_000, seed=2)

    assert max(worst_errors(screen(fleet, marks), marks).values()) <= 1


@pytest.mark.parametrize("venue", VENUES)
def test_the_kernel_equals_its_twin(venue: str) -> None:
    """The compiled revaluation and the plain one give the same floats and verdicts."""
    fleet, marks = fleet_of(venue, 300, seed=3)
    price = prices(fleet, marks)

    found = revalued(fleet, price)

    for pool, (equity, initial, required, status) in enumerate(twin.revalue(fleet, price)):
        assert found.equity[pool] == pytest.approx(equity, rel=1e-12, abs=1e-9)
        assert found.initial[pool] == pytest.approx(initial, rel=1e-12)
        assert found.required[pool] == pytest.approx(required, rel=1e-12, nan_ok=True)
        assert found.status[pool] == status
