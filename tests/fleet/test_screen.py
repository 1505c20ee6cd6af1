"""The screen of many accounts says what `margin.assess` says of each."""

from decimal import Decimal
from random import Random

import numpy as np
import pytest

from crossmargin.domain.account import Account, Position, Side
from crossmargin.domain.marks import Marks
from crossmargin.fleet import twin
from crossmargin.fleet.columns import columns_of
from crossmargin.fleet.exact import decide
from crossmargin.fleet.pack import Fleet, pack, prices
from crossmargin.fleet.screen import Screen, revalued, screen
from crossmargin.rulebook import load

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


@pytest.mark.parametrize("venue", ["binance", "textbook"])
def test_tiers_that_are_left_are_kept_with_what_they_deduct(venue: str) -> None:
    """A fleet that went through other prices has the figures of one that is packed anew, to the last bit."""
    fleet, marks = fleet_of(venue, 300, seed=4)
    price = prices(fleet, marks)
    for factor in (1.0, 40.0, 0.02, 7.0):
        fresh, _ = fleet_of(venue, 300, seed=4)

        found, wanted = revalued(fleet, price * factor), revalued(fresh, price * factor)

        for name in ("equity", "initial", "required", "ratio", "status"):
            assert np.array_equal(getattr(found, name), getattr(wanted, name), equal_nan=True), (name, factor)
        pool = np.repeat(np.arange(len(fleet)), fleet.stop - fleet.start)
        assert fleet.deducted.tolist() == np.bincount(pool, fleet.tables.deduction[fleet.row], len(fleet)).tolist()


def test_no_value_needs_less_than_the_least_rate() -> None:
    """Every row of every lane, at both its ends and between: requirement / value; one of them is the least itself."""
    fleet, _ = fleet_of("binance", 300, seed=5)
    tables, rates = fleet.tables, []
    for row in np.flatnonzero(tables.low < np.inf).tolist():
        low, high = max(tables.low[row], 1.0), min(tables.high[row], 1e12)
        for value in (low, (low * high) ** 0.5, high):
            rates.append((tables.slope[row] * value - tables.deduction[row]) / value)

    assert tables.least_rate > 0
    assert min(rates) == pytest.approx(tables.least_rate, rel=1e-12)


@pytest.mark.parametrize("times", [1, 3])
def test_exact_ties_are_decided_exactly(times: int) -> None:
    """Equity equal to the requirement, or to the warning ratio of it, on round prices and lots: due, by the rule `<=`.

    Entries lie far below the marks and longs carry shorts, so that cash is small: what rounds is the values' sum.
    """
    random, book = Random(times), load("textbook")
    mark = {f"C{n}-USDT-SWAP": Decimal(random.randint(50_000, 500_000)) / 10 for n in range(20)}
    accounts = []
    for _ in range(300):
        held, equity, profit = [], Decimal(0), Decimal(0)
        names = random.sample(list(mark), 6)
        for name, other in zip(names[:3], names[3:], strict=True):
            size = Decimal(random.randint(1, 500_000)) / 1000
            against = (size * mark[name] / mark[other]).quantize(Decimal("0.001")) + Decimal("0.001")
            for which, side, contracts in ((name, Side.LONG, size), (other, Side.SHORT, against)):
                entry = mark[which] / 1000
                held.append(Position(instrument=which, side=side, contracts=contracts, entry_price=entry))
                profit += (1 if side == Side.LONG else -1) * contracts * (mark[which] - entry)
                equity += times * contracts * mark[which] * Decimal("0.005")
        accounts.append(Account(balances={"USDT": equity - profit}, positions=tuple(held)))

    found = screen(pack(columns_of(accounts, book), book), Marks(mark=mark))

    assert found.status.tolist() == [2 if times == 1 else 1] * 300
    assert len(found.exactly) == 300
