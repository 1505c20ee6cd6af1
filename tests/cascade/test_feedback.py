"""Cascades: liquidations move prices, prices liquidate, until nobody else is caught."""

from decimal import Decimal
from math import exp

import numpy as np
import pytest

from crossmargin.cascade import deepened
from crossmargin.domain.account import Account, Position, Side
from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError
from crossmargin.fleet.columns import columns_of
from crossmargin.fleet.generate import generate, made_up_marks
from crossmargin.fleet.pack import Fleet, pack
from crossmargin.fleet.scenarios import by_betas
from crossmargin.fleet.stress import stress
from crossmargin.rulebook import load

D = Decimal
BTC = "BTC-USDT-SWAP"
BOOK = load("textbook")
NOW = Marks(mark={BTC: D(100_000)})


def fleet_of(*balances: str, side: Side = Side.LONG) -> Fleet:
    """Accounts with one BTC each at 100,000."""
    held = Position(instrument=BTC, side=side, contracts=D(1), entry_price=D(100_000), leverage=D(10))
    return pack(columns_of([Account(balances={"USDT": D(b)}, positions=(held,)) for b in balances], BOOK), BOOK)


def test_one_liquidation_brings_the_next() -> None:
    """At 89,000 the account with 10,000 is closed and sells 89,000; 5,000 move the price by 1 %.

    89,000 e^-0.178 = 74,487. There the one with 20,000 is closed too; both sell 178,000: 89,000 e^-0.356 = 62,343.
    Nobody is left.
    """
    fleet = fleet_of("10000", "20000")
    cases = by_betas(BOOK, [BTC], {}, [-0.11])

    found = deepened(fleet, NOW, cases, {"BTC": 5_000})

    assert found.rounds.tolist() == [2]
    assert found.sold == pytest.approx(np.array([[178_000.0]]))
    assert found.scenarios.factor == pytest.approx(np.array([[0.89 * exp(-0.356)]]))
    assert stress(fleet, NOW, cases).totals.liquidated.tolist() == [1]
    assert stress(fleet, NOW, found.scenarios).totals.liquidated.tolist() == [2]


def test_a_deep_market_stops_it() -> None:
    """With 10,000 for 1 % the price goes to 89,000 e^-0.089 = 81,421, where 20,000 still hold: 1,421 above 407."""
    found = deepened(fleet_of("10000", "20000"), NOW, by_betas(BOOK, [BTC], {}, [-0.11]), {"*": 10_000})

    assert found.rounds.tolist() == [1]
    assert found.scenarios.factor == pytest.approx(np.array([[0.89 * exp(-0.089)]]))


def test_shorts_are_bought_back() -> None:
    """A rise that closes a short drives the price up further."""
    found = deepened(fleet_of("10000", side=Side.SHORT), NOW, by_betas(BOOK, [BTC], {}, [0.1]), {"*": 100_000})

    assert found.sold == pytest.approx(np.array([[-110_000.0]]))
    assert found.scenarios.factor == pytest.approx(np.array([[1.1 * exp(0.011)]]))


def test_a_shock_that_closes_nobody_moves_nothing() -> None:
    """No rounds, the same factors."""
    cases = by_betas(BOOK, [BTC], {}, [-0.01])
    found = deepened(fleet_of("10000"), NOW, cases, {"*": 1})

    assert found.rounds.tolist() == [0]
    assert np.array_equal(found.scenarios.factor, cases.factor)


def test_at_the_fixed_point_nobody_else_is_caught() -> None:
    """2,000 accounts: after the cascade the pools liquidated are those whose sales made the price; inverse ones too."""
    book = load("binance")
    marks = made_up_marks(book, list(book.instruments)[:6])
    fleet = pack(generate(book, marks, accounts=2_000, leverage=8), book)
    cases = by_betas(book, list(marks.mark), {}, [-0.2, -0.05, 0.2])

    found = deepened(fleet, marks, cases, {"*": 300_000})
    again = deepened(fleet, marks, found.scenarios, {"*": 1e18})

    before, after = (stress(fleet, marks, each).totals.liquidated for each in (cases, found.scenarios))
    assert np.all(after >= before)
    assert found.rounds.max() > 1
    assert again.scenarios.factor == pytest.approx(found.scenarios.factor, rel=1e-9)


@pytest.mark.parametrize(("depth", "says"), [({"BTC": 0.0}, "above zero"), ({"ETH": 1.0}, "BTC: has none")])
def test_a_depth_that_is_none_is_refused(depth: dict[str, float], says: str) -> None:
    """By the coin's name."""
    with pytest.raises(InputError, match=says):
        deepened(fleet_of("10000"), NOW, by_betas(BOOK, [BTC], {}, [-0.1]), depth)
