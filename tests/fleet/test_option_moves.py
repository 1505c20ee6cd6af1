"""Options under stress: where their marks go, and that accounts with them are valued as the exact function does."""

from decimal import Decimal
from random import Random
from statistics import NormalDist

import msgspec
import numpy as np
import polars as pl
import pytest

from crossmargin.domain.account import Account, Order, OrderSide, Position, Side
from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError, MissingDataError, UnsupportedError
from crossmargin.fleet.columns import columns_of
from crossmargin.fleet.exact import decide
from crossmargin.fleet.frames import columns_of_frames
from crossmargin.fleet.kernels import LIQUIDATION
from crossmargin.fleet.option_moves import moved_marks
from crossmargin.fleet.pack import Fleet, pack
from crossmargin.fleet.pools import ACCOUNT
from crossmargin.fleet.scenarios import Scenarios, by_betas
from crossmargin.fleet.stress import stress
from crossmargin.margin.assess import assess
from crossmargin.rulebook.model import Rulebook

from .accounts import OPTIONS, account_of, marks_of, rulebook_of

D = Decimal
BOOK = rulebook_of("okx.options")
CALL, PUT = BOOK.instrument("BTC-C"), BOOK.instrument("BTC-P")
"""Strikes 100,000 and 90,000; both settle in BTC."""


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("mark", [0.0001, 0.05, 0.2, 0.9])
def test_a_forward_that_stays_moves_nothing(name: str, mark: float) -> None:
    """Whatever the mark, also one below exercise: it is what it was."""
    forward = 3_310.0 if name.startswith("ETH") else 95_200.0

    assert moved_marks(BOOK.instrument(name), mark, forward, np.array([1.0]), 1.0) == pytest.approx([mark], abs=1e-12)


def test_a_call_by_hand() -> None:
    """At the money, s = 0.2: 2 N(0.1) - 1. The forward rises by 10 %: N(d1) - N(d2) / 1.1, d1 = ln(1.1) / s + s / 2."""
    normal = NormalDist()
    mark = 2 * normal.cdf(0.1) - 1
    first = np.log(1.1) / 0.2 + 0.1
    wanted = normal.cdf(first) - normal.cdf(first - 0.2) / 1.1

    assert moved_marks(CALL, mark, 100_000, np.array([1.1]), 1.0) == pytest.approx([wanted], abs=1e-12)
    assert moved_marks(CALL, mark, 100_000, np.array([1.0]), 2.0) == pytest.approx([2 * normal.cdf(0.2) - 1], abs=1e-12)


def test_no_mark_moves_by_more_than_its_bound() -> None:
    """|delta| <= 1 in dollars: a mark in coin times the forward moves by no more than the forward does."""
    factors = np.linspace(0.3, 3.0, 55)
    for option, mark in ((CALL, 0.05), (PUT, 0.08)):
        dollars = moved_marks(option, mark, 95_200, factors, 1.0) * factors * 95_200

        steps = np.diff(dollars) / np.diff(factors * 95_200)
        assert np.all(steps <= 1 + 1e-9 if option is CALL else steps <= 1e-9)
        assert np.all(steps >= -1e-9 if option is CALL else steps >= -1 - 1e-9)


def test_what_no_volatility_explains_is_refused() -> None:
    """A call marked at its whole underlying, by its name."""
    with pytest.raises(InputError, match=r"BTC-C: 1 of the forward price is no price"):
        moved_marks(CALL, 1.0, 95_200, np.array([0.9]), 1.0)


def test_profit_and_need_of_a_short_call() -> None:
    """100 short calls of 0.01 BTC; the forward rises by 10 % to 104,720, BTC costs as much.

    The mark goes from 0.05 to m; lost are (m - 0.05) BTC. Needed are 0.03 + m + 0.0003 BTC, beside 0.12 that are held.
    """
    held = Position(instrument="BTC-C", side=Side.SHORT, contracts=D(100), entry_price=D("0.05"))
    fleet = pack(columns_of([Account(balances={"BTC": D("0.12")}, positions=(held,))], BOOK), BOOK)
    marks = Marks(mark={"BTC-C": D("0.05")}, forward={"BTC": D(95_200)}, fx={"BTC": D(95_200)})
    cases = by_betas(BOOK, ["BTC-C"], {}, [0.0, 0.1])
    mark = float(moved_marks(CALL, 0.05, 95_200, np.array([1.1]), 1.0)[0])

    found = stress(fleet, marks, cases)

    assert 0.0897 < mark < 0.0997  # ten per cent of delta up to one, in coin
    assert found.totals.pnl == pytest.approx([0.0, (0.05 - mark) * 104_720], abs=1e-6)
    assert found.totals.liquidated.tolist() == [0, int(0.0303 + mark >= 0.12)] == [0, 1]
    assert found.totals.shortfall == pytest.approx([0.0, (0.0303 + mark - 0.12) * 104_720], abs=1e-6)


@pytest.mark.parametrize("venue", ["okx.options", "okx.multi_options"])
def test_accounts_with_options_are_valued_as_the_exact_function_does(venue: str) -> None:
    """80 accounts under four moves of the market with twice the volatility: shortfall and hits, assessed one by one."""
    random, book = Random(11), rulebook_of(venue)
    accounts = [account_of(venue, random, book) for _ in range(80)]
    fleet, marks = pack(columns_of(accounts, book), book), marks_of(venue, random, spread=0.05)
    moved = by_betas(book, list(marks.mark), {"ETH": 1.4}, [-0.4, -0.1, 0.1, 0.3])
    cases = Scenarios(moved.names, moved.instruments, moved.factor, implied_factor=2.0)

    found = stress(fleet, marks, cases).totals

    assert found.left_out == np.isinf(fleet.slack).sum() < 10
    for case in range(len(cases)):
        then = _after(marks, book, dict(zip(cases.instruments, cases.factor[:, case].tolist(), strict=True)))
        lacks = [
            (exact.required - exact.equity) * _worth(fleet, pool, then)
            for pool in np.flatnonzero(np.isfinite(fleet.slack)).tolist()
            if (exact := decide(fleet, pool, then)).status == LIQUIDATION
        ]
        assert found.liquidated[case] == len(lacks) > 5
        assert found.shortfall[case] == pytest.approx(sum(lacks), rel=1e-7)


def _after(marks: Marks, book: Rulebook, factor: dict[str, float]) -> Marks:
    """Marks, forwards and coin prices, moved; twice the volatility."""
    coins = {book.instrument(name).base: by for name, by in factor.items()}
    found = {}
    for name, mark in marks.mark.items():
        moved = float(mark) * factor[name]
        if name in OPTIONS:
            option = book.instrument(name)
            forward = float(marks.forward[option.base])
            moved = float(moved_marks(option, float(mark), forward, np.array([factor[name]]), 2.0)[0])
        found[name] = _short(moved)
    return Marks(
        mark=found,
        forward={coin: _short(float(price) * coins[coin]) for coin, price in marks.forward.items()},
        fx={coin: _short(float(price) * coins.get(coin, 1.0)) for coin, price in marks.fx.items()},
    )


def _short(price: float) -> Decimal:
    """Twelve digits: exact products of them stay within what an assessment may hold."""
    return D(f"{price:.12g}")


def _worth(fleet: Fleet, pool: int, then: Marks) -> float:
    """USD price of a pool's currency; an account that shares collateral is in USD."""
    if fleet.currency[pool] == ACCOUNT:
        return 1.0
    at = int(fleet.position[pool])
    coin = fleet.currencies[int(fleet.currency[pool])]
    if at >= 0:
        coin = fleet.rulebook.instrument(fleet.columns.position(at).instrument).settle
    return float(then.fx.get(coin) or then.mark.get(f"{coin}-USD-SWAP") or 1)


def test_who_owes_on_options_needs_insurance() -> None:
    """0.2 BTC behind 100 short puts marked at 0.6811 BTC: the account is worth -0.4811 BTC, as assessed."""
    held = Position(instrument="BTC-P", side=Side.SHORT, contracts=D(100), entry_price=D("0.02"))
    account = Account(balances={"BTC": D("0.2")}, positions=(held,))
    marks = Marks(mark={"BTC-P": D("0.6811")}, forward={"BTC": D(47_500)}, fx={"BTC": D(47_500)})
    equity = assess(account, marks, BOOK).currencies["BTC"].equity

    found = stress(pack(columns_of([account], BOOK), BOOK), marks, by_betas(BOOK, ["BTC-P"], {}, [0.0])).totals

    assert equity == D("-0.4811")
    assert found.insurance == pytest.approx([0.4811 * 47_500])
    assert found.liquidated.tolist() == [1]


@pytest.mark.parametrize(
    ("change", "side", "mode"),
    [({"settle": "USD"}, "short", "cross"), ({"settle": "USDT", "quote": "USDT"}, "short", "cross"),
     ({}, "short", "isolated"), ({}, "long", "isolated")],
)  # fmt: skip
def test_tables_with_options_that_no_kernel_knows_are_refused(change: dict[str, str], side: str, mode: str) -> None:
    """By account and position, as accounts are; the second of two accounts has it."""
    book = BOOK.with_instruments([msgspec.structs.replace(CALL, id="X", **change)])
    balances = pl.DataFrame({"account": ["ann", "bob"], "currency": ["BTC", "BTC"], "balance": ["1", "1"]})
    positions = pl.DataFrame({
        "account": ["ann", "bob"], "instrument": ["BTC-C", "X"], "side": ["short", side],
        "margin_mode": ["cross", mode], "contracts": ["1", "1"], "entry_price": ["0.1", "0.1"],
        "leverage": ["1", "1"], "margin": [None, None],
    })  # fmt: skip

    with pytest.raises(UnsupportedError, match=r'account "bob": X.* is not covered by the fleet'):
        pack(columns_of_frames(balances, positions), book)


@pytest.mark.parametrize("missing", ["strike", "option_type"])
def test_a_short_option_without_its_terms_is_refused(missing: str) -> None:
    """Before any figure; a long one needs none."""
    book = BOOK.with_instruments([msgspec.structs.replace(CALL, id="X", **{missing: None})])
    held = Position(instrument="X", side=Side.SHORT, contracts=D(1), entry_price=D("0.1"))

    with pytest.raises(MissingDataError, match=r'instruments\."X": strike and option_type are needed'):
        columns_of([Account(positions=(held,))], book)


def test_an_option_that_settles_in_dollars_is_worth_the_forward_as_many_times() -> None:
    """A long call marked at 4,760 dollars, 0.05 of the forward: moved, it is the coin-settled one times the forward."""
    quoted = msgspec.structs.replace(CALL, id="X", settle="USD")
    factors = np.array([0.8, 1.0, 1.3])

    dollars = moved_marks(quoted, 4_760, 95_200, factors, 1.0)

    assert dollars == pytest.approx(moved_marks(CALL, 0.05, 95_200, factors, 1.0) * 95_200 * factors, rel=1e-12)
    assert dollars[1] == pytest.approx(4_760)


def test_a_mark_below_exercise_keeps_its_distance_and_stays_above_zero() -> None:
    """A put at 195,000 marked at 0.9 of 95,200, where exercise brings 1.0483; far above the strike nothing is left."""
    deep = BOOK.instrument("BTC-P-DEEP")
    lacking = 195_000 / 95_200 - 1 - 0.9
    below, above = moved_marks(deep, 0.9, 95_200, np.array([0.5, 3.0]), 1.0)

    assert below == pytest.approx(195_000 / 47_600 - 1 - lacking)
    assert above == 0.0


def test_an_option_of_an_account_that_is_left_out_needs_no_forward() -> None:
    """It is assessed exactly for its live order; a stress leaves it out, and asks nothing of its option."""
    held = Position(instrument="BTC-C", side=Side.LONG, contracts=D(1), entry_price=D("0.05"))
    order = Order(instrument="BTC-USDT-SWAP", side=OrderSide.BUY, contracts=D(1), price=D(90_000), leverage=D(10))
    exact = Account(balances={"BTC": D(1), "USDT": D(1_000)}, positions=(held,), orders=(order,))
    swap = Position(instrument="BTC-USDT-SWAP", side=Side.LONG, contracts=D(1), entry_price=D(95_000))
    plain = Account(balances={"USDT": D(1_000)}, positions=(swap,))
    marks = Marks(mark={"BTC-C": D("1.0"), "BTC-USDT-SWAP": D(95_000)}, fx={"BTC": D(95_000)})
    cases = by_betas(BOOK, ["BTC-C", "BTC-USDT-SWAP"], {}, [-0.1])

    found = stress(pack(columns_of([exact, plain], BOOK), BOOK), marks, cases).totals

    assert (found.left_out > 0, found.pools) == (True, 1)
    assert found.pnl == pytest.approx([-95.0])
