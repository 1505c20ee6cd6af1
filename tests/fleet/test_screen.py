"""The screen of many accounts says what `margin.assess` says of each."""

from decimal import Decimal
from random import Random

import numpy as np
import pytest

from crossmargin.domain.account import Account, MarginMode, Position, Side
from crossmargin.domain.marks import Marks
from crossmargin.errors import UnsupportedError
from crossmargin.fleet import twin
from crossmargin.fleet.columns import columns_of
from crossmargin.fleet.exact import decide
from crossmargin.fleet.pack import Fleet, pack, prices
from crossmargin.fleet.screen import Screen, revalued, screen
from crossmargin.rulebook import load
from crossmargin.rulebook.tiers import Tier, TierTable

from .accounts import SWAPS, account_of, marks_of, rulebook_of, ties

D = Decimal
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


@pytest.mark.parametrize("entry", ["0.001", "1000"])
@pytest.mark.parametrize("times", [1, 3])
def test_exact_ties_are_decided_exactly(times: int, entry: str) -> None:
    """Equity equal to the requirement, or to the warning ratio of it: due, by the rule `<=`, and no float says so."""
    accounts, mark, book = ties(times, D(entry))

    found = screen(pack(columns_of(accounts, book), book), Marks(mark=mark))

    assert found.status.tolist() == [2 if times == 1 else 1] * len(accounts)
    assert len(found.exactly) == len(accounts)


def test_a_tier_without_requirement_leaves_ties_exact() -> None:
    """Half of the instruments need nothing, up to a bound beyond all sizes: a least rate of zero bounds nothing."""
    accounts, mark, book = ties(3, D("0.001"))
    free = (Tier(maintenance_rate=D(0), up_to=D(10**12)), Tier(maintenance_rate=D("0.01")))
    table = TierTable(tiers=free, unit="notional", scheme="whole")
    names = list(mark)[: len(mark) // 2]
    keys = [("perpetual", name.removesuffix("-SWAP"), mode) for name in names for mode in MarginMode]
    book = book.with_instruments((), dict.fromkeys(keys, table))
    fleet, marks = pack(columns_of(accounts, book), book), Marks(mark=mark)

    found = screen(fleet, marks)

    assert fleet.tables.least_rate == 0
    assert found.status.tolist() == [decide(fleet, pool, marks).status for pool in range(len(fleet))]
    assert set(np.unique(found.status)) >= {0, 1}


def test_a_requirement_that_floats_take_for_less_than_nothing_is_asked() -> None:
    """One long a hair above where the free tier ends, equity zero: something is needed, and nothing is there.

    Every other one ends exactly there and needs nothing.
    """
    random, book, mark, tables = Random(5), load("textbook"), {}, {}
    for n in range(100):
        bound = D(random.randint(10**6, 10**8)) / 100
        mark[f"C{n}-USDT-SWAP"] = bound + D(n % 2).scaleb(-(9 + n % 7))
        rows = (Tier(maintenance_rate=D(0), up_to=bound), Tier(maintenance_rate=D("0.01")))
        tables["perpetual", f"C{n}-USDT", MarginMode.CROSS] = TierTable(tiers=rows, scheme="whole")
    book = book.with_instruments((), tables)
    longs = (Position(instrument=name, side=Side.LONG, contracts=D(1), entry_price=mark[name]) for name in mark)

    found = screen(pack(columns_of([Account(positions=(each,)) for each in longs], book), book), Marks(mark=mark))

    assert found.status.tolist() == [0, 2] * 50


@pytest.mark.parametrize(
    ("tiers", "unit", "scheme", "says"),
    [
        ([("0.004", "1e9", "0"), ("0.01", None, "6e6")], "base", "marginal", "a deduction where tiers go by base"),
        (
            [("0.004", "10", "0"), ("0.01", None, "6")],
            "contracts",
            "marginal",
            "a deduction where tiers go by contracts",
        ),
        ([("0.005", "10", "0"), ("0.01", None, "5")], "notional", "marginal", "a requirement that jumps"),
        ([("0.005", "10", "0"), ("0.004", None, "-0.01")], "notional", "marginal", "a marginal rate that falls"),
        ([("0", "100", "0"), ("0.01", None, "1")], "notional", "marginal", "a marginal tier that needs nothing"),
        ([("1e-330", None, "0")], "notional", "marginal", "a rate below 1E-9"),
        ([("0.005", "10", "1"), ("0.01", None, "2")], "notional", "marginal", "a first tier with a deduction"),
        ([("0.005", "10", "0"), ("0.01", None, "0")], "borrowed", "whole", 'unit "borrowed"'),
        ([("0.005", "10", "0"), ("0.01", None, "0")], "notional", "of_initial", 'scheme "of_initial"'),
    ],
)
def test_tables_beyond_the_bound_are_refused(
    tiers: list[tuple[str, str | None, str]], unit: str, scheme: str, says: str
) -> None:
    """The certified error holds where a requirement is at least zero and deductions go by value; others by name."""
    rows = tuple(
        Tier(maintenance_rate=D(rate), up_to=None if up is None else D(up), deduction=D(off)) for rate, up, off in tiers
    )
    key = ("perpetual", "A-USDT", MarginMode.CROSS)
    book = load("textbook").with_instruments((), {key: TierTable(tiers=rows, unit=unit, scheme=scheme)})
    held = Position(instrument="A-USDT-SWAP", side=Side.LONG, contracts=D(20), entry_price=D(1))

    with pytest.raises(UnsupportedError, match=f'"A-USDT-SWAP": .*{says}.* is not covered by the fleet'):
        pack(columns_of([Account(positions=(held,))], book), book)


def test_a_rate_that_grows_with_the_size_is_refused() -> None:
    """The kernels have steps only."""
    key, growing = ("perpetual", "A-USDT", MarginMode.CROSS), Tier(maintenance_rate=D("0.005"), slope=D("0.1"))
    book = load("textbook").with_instruments((), {key: TierTable(tiers=(growing,), unit="base")})
    held = Position(instrument="A-USDT-SWAP", side=Side.LONG, contracts=D(20), entry_price=D(1))

    with pytest.raises(UnsupportedError, match="a rate that grows with the size is not covered"):
        pack(columns_of([Account(positions=(held,))], book), book)
