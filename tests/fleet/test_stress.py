"""Stress: totals over scenarios, by the compiled kernel, its plain twin, and by hand."""

from decimal import Decimal
from random import Random

import msgspec
import numpy as np
import pytest

from crossmargin.domain.account import Account, AccountMode, Order, OrderSide, Position, Side
from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError, MissingDataError
from crossmargin.fleet import twin
from crossmargin.fleet.columns import columns_of
from crossmargin.fleet.pack import pack
from crossmargin.fleet.scenarios import Scenarios, by_betas, grid, of_coins, student_t
from crossmargin.fleet.screen import screen
from crossmargin.fleet.stress import merged, stress
from crossmargin.fleet.stress_prices import pool_values, scenario_prices, usd_values
from crossmargin.rulebook import load

from .accounts import SWAPS, account_of, marks_of, rulebook_of

D = Decimal
BTC = "BTC-USDT-SWAP"


def long_btc(balance: str, contracts: str = "1") -> Account:
    """A long of BTC at 100,000."""
    held = Position(instrument=BTC, side=Side.LONG, contracts=D(contracts), entry_price=D(100_000), leverage=D(10))
    return Account(balances={"USDT": D(balance)}, positions=(held,))


@pytest.mark.parametrize("venue", list(SWAPS))
def test_the_kernel_equals_its_twin(venue: str) -> None:
    """50 accounts, 1,100 moves (two whole blocks and a part): totals and pools by kernel and plain Python, to 1e-9."""
    random, book, count = Random(1), rulebook_of(venue), 1_100
    accounts = [account_of(venue, random, book) for _ in range(50)]
    fleet, marks = pack(columns_of(accounts, book), book), marks_of(venue, random)
    draws = np.random.default_rng(2).uniform(-0.6, 0.9, (len(marks.mark), count))
    cases = Scenarios(tuple(map(str, range(count))), tuple(marks.mark), 1 + draws)

    stressed = stress(fleet, marks, cases)

    found, price, values = stressed.totals, scenario_prices(fleet, marks, cases), usd_values(fleet, marks, cases)
    worth = np.stack([pool_values(fleet, values[:, case]) for case in range(count)], axis=1)
    shortfall, insurance, liquidated = twin.stress(fleet, price, worth)
    assert found.liquidated.tolist() == liquidated
    assert found.shortfall == pytest.approx(shortfall, rel=1e-9)
    assert found.insurance == pytest.approx(insurance, rel=1e-9)
    assert found.lost == pytest.approx(sum(shortfall), rel=1e-9)
    assert stressed.hits.sum() == sum(liquidated)


def test_the_worst_case_of_a_pool_may_stand_in_any_block() -> None:
    """10,000 behind 1 BTC, which stands still but for one of 1,100 cases: 8,000 are lost, 460 of 92,000 are needed."""
    book = load("textbook")
    fleet, marks = pack(columns_of([long_btc("10000")], book), book), Marks(mark={BTC: D(100_000)})
    for worst in (0, 511, 512, 1023, 1024, 1099):
        moves = np.zeros(1_100)
        moves[worst] = -0.08
        found = stress(fleet, marks, by_betas(book, [BTC], {}, moves.tolist()))
        assert found.worst == pytest.approx([2_000 - 460])
        assert found.hits.tolist() == [0]


def test_a_fall_by_hand() -> None:
    """10,000 behind 1 BTC: at 95,000 equity 5,000 above 475; at 85,000 it owes 5,000 and lacks 5,425.

    The second account, 20,000 behind 1 BTC, loses as much and keeps 5,000 above 425.
    """
    book = load("textbook")
    fleet = pack(columns_of([long_btc("10000"), long_btc("20000")], book), book)
    marks = Marks(mark={BTC: D(100_000)})

    found = stress(fleet, marks, by_betas(book, [BTC], {}, [-0.05, -0.15]))

    assert found.totals.pnl == pytest.approx([-10_000, -30_000])
    assert found.totals.liquidated.tolist() == [0, 1]
    assert found.totals.shortfall == pytest.approx([0, 5_425])
    assert found.totals.insurance == pytest.approx([0, 5_000])
    assert found.worst == pytest.approx([-5_425, 4_575])
    assert found.totals.concentration == 1
    assert found.totals.effective_number == pytest.approx(1)
    assert [(name, round(lost, 6)) for name, lost in found.totals.top] == [("0", 5_425.0)]


def test_parts_add_up_to_the_whole() -> None:
    """A fleet stressed in three parts has the totals of the whole."""
    random, book = Random(3), rulebook_of("binance")
    accounts = [account_of("binance", random, book) for _ in range(120)]
    ids = [f"a{n}" for n in range(120)]
    marks = marks_of("binance", random)
    cases = by_betas(book, list(marks.mark), {"ETH": 1.3}, [-0.4, -0.2, 0.2, 0.4])

    whole = stress(pack(columns_of(accounts, book, ids), book), marks, cases).totals
    parts = [
        stress(pack(columns_of(accounts[n : n + 40], book, ids[n : n + 40]), book), marks, cases).totals
        for n in (0, 40, 80)
    ]

    for total in (merged(parts), merged(parts[::-1])):
        assert total.shortfall == pytest.approx(whole.shortfall, rel=1e-12)
        assert total.pnl == pytest.approx(whole.pnl, rel=1e-9)
        assert total.liquidated.tolist() == whole.liquidated.tolist()
        assert [name for name, _ in total.top] == [name for name, _ in whole.top]
        assert total.pools == whole.pools
    with pytest.raises(InputError, match="nothing to stress"):
        merged([])


def test_what_only_the_exact_function_values_is_counted_as_left_out() -> None:
    """An account with a live order is in no total, and the totals say so."""
    book = rulebook_of("okx")
    order = Order(instrument=BTC, side=OrderSide.BUY, contracts=D(100), price=D(90_000), leverage=D(10))
    fleet = pack(columns_of([Account(balances={"USDT": D(1100)}, orders=(order,))], book), book)

    found = stress(fleet, Marks(mark={BTC: D(100_000)}), by_betas(book, [BTC], {}, [-0.5])).totals

    assert (found.pools, found.left_out) == (0, 1)


def test_collateral_without_known_rates_is_refused_as_the_screen_does() -> None:
    """An account in multi-currency mode whose coin has no slices: never "nobody is liquidated"."""
    book = load("okx", account_mode=AccountMode.MULTI_CURRENCY)
    held = Position(instrument=BTC, side=Side.SHORT, contracts=D(100), entry_price=D(90_000))
    account = Account(account_mode=AccountMode.MULTI_CURRENCY, balances={"BTC": D(1)}, positions=(held,))
    fleet = pack(columns_of([account], book), book)
    marks = Marks(mark={BTC: D(100_000)}, fx={"BTC": D(100_000), "USDT": D(1)})

    with pytest.raises(MissingDataError, match="no collateral rates known for BTC") as refused:
        screen(fleet, marks)
    with pytest.raises(MissingDataError) as also:
        stress(fleet, marks, by_betas(book, [BTC], {}, [-0.3, 0.3]))
    assert str(also.value) == str(refused.value)


def test_a_debt_without_a_loan_tier_leaves_its_pool_out() -> None:
    """Safe today; in the shock its coin is owed, for which no tier is known: it is in no total, and counted."""
    book = rulebook_of("okx.multi_currency")
    book = msgspec.structs.replace(book, tiers={k: t for k, t in book.tiers.items() if k[:2] != ("borrow", "USDT")})
    mode = AccountMode.MULTI_CURRENCY
    long, short = (
        Account(
            account_mode=mode,
            balances={"BTC": D(10), "USDT": D(1_000)},
            positions=(Position(instrument=BTC, side=side, contracts=D(100), entry_price=D(95_000)),),
        )
        for side in (Side.LONG, Side.SHORT)
    )
    marks = Marks(mark={BTC: D(95_000)}, fx={"BTC": D(95_000), "ETH": D(3_300), "USDT": D(1)})
    both = pack(columns_of([long, short], book), book)
    alone = pack(columns_of([short], book), book)
    cases = by_betas(book, [BTC], {}, [0.0, -0.1])

    found, wanted = stress(both, marks, cases).totals, stress(alone, marks, cases).totals

    assert (found.left_out, found.pools) == (1, 1)
    assert found.pnl.tolist() == wanted.pnl.tolist()


def test_a_grid_moves_one_coin_against_the_others() -> None:
    """The coin's moves are the slower ones."""
    book = load("textbook")
    cases = grid(book, [BTC, "ETH-USDT-SWAP"], "BTC", [-0.1, 0.1], [0.0, 0.2])

    assert cases.factor.tolist() == [[0.9, 0.9, 1.1, 1.1], [1.0, 1.2, 1.0, 1.2]]
    assert cases.names[1] == "BTC -10%, others +20%"


def test_named_shocks_move_coins() -> None:
    """A coin that a shock does not name moves as its star says, or stays."""
    cases = of_coins(load("textbook"), [BTC, "ETH-USDT-SWAP"], {"a": {"BTC": -0.5}, "b": {"*": -0.2, "ETH": 0.1}})

    assert cases.factor.tolist() == [[0.5, 0.8], [1.0, 1.1]]


def test_draws_have_the_covariance_they_were_given() -> None:
    """40,000 draws of two coins: variances and correlation come back within 10 %, and a seed repeats itself."""
    book, wanted = load("textbook"), np.array([[0.0025, 0.0024], [0.0024, 0.0049]])
    names = [BTC, "ETH-USDT-SWAP"]

    cases = student_t(book, names, ["BTC", "ETH"], wanted, count=40_000, degrees=8, seed=3)

    assert np.cov(cases.factor) == pytest.approx(wanted, rel=0.1)
    again = student_t(book, names, ["BTC", "ETH"], wanted, count=40_000, degrees=8, seed=3)
    assert np.array_equal(again.factor, cases.factor)


@pytest.mark.parametrize(
    ("covariance", "degrees", "says"),
    [
        (np.eye(2), 2.0, "above 2"),
        (np.eye(3), 4.0, "symmetric"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), 4.0, "symmetric"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), 4.0, "negative eigenvalue"),
    ],
)
def test_what_is_no_covariance_is_refused(covariance: "np.ndarray", degrees: float, says: str) -> None:
    """By name, before anything is drawn."""
    with pytest.raises(InputError, match=says):
        student_t(load("textbook"), [BTC], ["BTC", "ETH"], covariance, count=4, degrees=degrees)


@pytest.mark.parametrize("factor", [0.0, -0.5, 1e-320, 1e308, float("nan"), float("inf")])
def test_a_factor_that_no_price_takes_is_refused(factor: float) -> None:
    """By name, when the scenarios are made."""
    with pytest.raises(InputError, match="scenarios: factor: has to lie from 1e-06 to"):
        Scenarios(("a",), (BTC,), np.array([[factor]]))


def test_missing_prices_are_refused() -> None:
    """An instrument without a scenario and a currency without a USD price are errors, never zeros."""
    book = load("textbook")
    fleet = pack(columns_of([long_btc("10000")], book), book)
    marks = Marks(mark={BTC: D(100_000)})

    with pytest.raises(MissingDataError, match="none moves"):
        stress(fleet, marks, by_betas(book, ["ETH-USDT-SWAP"], {}, [0.1]))
    shared = rulebook_of("okx.multi_currency")
    inverse = Position(instrument="BTC-USD-SWAP", side=Side.LONG, contracts=D(1), entry_price=D(90_000))
    both = Account(account_mode=AccountMode.MULTI_CURRENCY, balances={"BTC": D(1)}, positions=(inverse,))
    now = Marks(mark={"BTC-USD-SWAP": D(90_000)}, fx={"BTC": D(90_000)})
    with pytest.raises(MissingDataError, match='none moves or keeps "BTC-USD-SWAP"'):
        stress(pack(columns_of([both], shared), shared), now, by_betas(shared, ["ETH-USDT-SWAP"], {}, [0.1]))

    account = Account(
        balances={"EUR": D(10)},
        positions=(Position(instrument="BTC-EUR-SWAP", side=Side.LONG, contracts=D(1), entry_price=D(90_000)),),
    )
    with pytest.raises(MissingDataError, match="no USD price of EUR"):
        stress(
            pack(columns_of([account], book), book),
            Marks(mark={"BTC-EUR-SWAP": D(90_000)}),
            by_betas(book, ["BTC-EUR-SWAP"], {}, [0.1]),
        )
