"""The watch: after every tick the statuses are those of a full screen, and the changes are exactly those it tells."""

from decimal import Decimal
from random import Random

import numpy as np
import pytest

from crossmargin.domain.account import Account, MarginMode, Order, OrderSide, Position, Side
from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError
from crossmargin.fleet.columns import columns_of
from crossmargin.fleet.exact import decide
from crossmargin.fleet.generate import generate, made_up_market, made_up_marks
from crossmargin.fleet.pack import pack
from crossmargin.fleet.screen import screen
from crossmargin.fleet.watch import Changes, Watch
from crossmargin.rulebook import load
from crossmargin.rulebook.tiers import Tier, TierTable

from .accounts import SWAPS, account_of, marks_of, rulebook_of, ties

D = Decimal


def watch_of(venue: str, count: int, seed: int, also: tuple[str, ...] = ()) -> Watch:
    """A watch over random accounts at the usual marks."""
    random, book = Random(seed), rulebook_of(venue)
    accounts = [account_of(venue, random, book) for _ in range(count)]
    return Watch(pack(columns_of(accounts, book), book, also), marks_of(venue, random, 0))


def stepped(marks: Marks, random: Random, size: int) -> dict[str, Decimal]:
    """One instrument's mark or one currency's price, moved by up to `size` basis points on a round grid."""
    prices = {**marks.mark, **marks.fx, **{f"forward:{name}": price for name, price in marks.forward.items()}}
    name = random.choice(list(prices))
    factor = 1 + D(random.randint(-size, size)) / 10_000
    grid = D("0.01") if name in marks.mark and prices[name] > D("1.5") else D("0.0001")
    return {name: max((prices[name] * factor).quantize(grid), grid)}


def assert_exact(watch: Watch) -> None:
    """Every status is that of the full screen at these marks."""
    assert np.array_equal(watch.state[: len(watch.fleet)], screen(watch.fleet, watch.marks).status)


def replayed(state: dict[int, str], changes: Changes) -> None:
    """Changes lead from the statuses before to those after."""
    for change in changes:
        assert state.get(change.pool, "safe") == change.before
        state[change.pool] = change.now


@pytest.mark.parametrize("venue", list(SWAPS))
@pytest.mark.parametrize("size", [2, 50, 1500])
def test_after_every_tick_every_status_is_exact(venue: str, size: int) -> None:
    """300 accounts through 150 ticks: calm, wild and jumping; linear and inverse, whole and marginal tiers."""
    watch, random = watch_of(venue, 300, seed=4), Random(5)
    told = {pool: ("safe", "warning", "liquidation")[code] for pool, code in enumerate(watch.state)}

    for _ in range(150):
        replayed(told, watch.tick(stepped(watch.marks, random, size)))
        assert_exact(watch)

    assert size == 2 or watch.wakes > 0
    assert told == {pool: ("safe", "warning", "liquidation")[code] for pool, code in enumerate(watch.state)}


def test_assess_agrees_with_the_watch() -> None:
    """Every 20th tick 50 pools are assessed one by one."""
    watch, random = watch_of("okx", 400, seed=6), Random(7)

    for tick in range(100):
        watch.tick(stepped(watch.marks, random, 100))
        if tick % 20 == 0:
            for pool in random.sample(range(len(watch.fleet)), 50):
                assert decide(watch.fleet, pool, watch.marks).status == watch.state[pool]


def test_a_crash_is_one_sweep() -> None:
    """-3 % on every mark wakes too many: one sweep decides, the boxes are laid again behind it, nothing is missed."""
    watch = watch_of("binance", 2000, seed=8)
    crash = {name: (mark * D("0.8")).quantize(D("0.01")) for name, mark in watch.marks.mark.items()}

    changes = watch.tick(crash)

    assert watch.sweeps == 1
    assert changes
    assert_exact(watch)
    watch.settle()
    random = Random(9)
    for _ in range(50):
        watch.tick(stepped(watch.marks, random, 20))
        assert_exact(watch)
    assert watch.sweeps == 1


@pytest.mark.parametrize("entry", ["0.001", "1000"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_sweep_leaves_ties_to_the_exact_function(times: int, entry: str) -> None:
    """All marks double at once, to where every account's equity is exactly so many times its requirement."""
    accounts, mark, book = ties(times, Decimal(entry))
    watch = Watch(pack(columns_of(accounts, book), book), Marks(mark={name: price / 2 for name, price in mark.items()}))
    watch.tick(mark)

    assert watch.sweeps == 1
    assert watch.state.tolist() == [2 if times == 1 else 1] * len(accounts)


def test_a_sweep_leaves_values_between_two_whole_tiers_to_the_exact_function() -> None:
    """300 longs of exactly 100 behind 1.5: 1 % at the bound, a warning; 2 % above it, a liquidation."""
    tiers = (Tier(maintenance_rate=Decimal("0.01"), up_to=Decimal(100)), Tier(maintenance_rate=Decimal("0.02")))
    key = ("perpetual", "A-USDT", MarginMode.CROSS)
    book = load("textbook").with_instruments((), {key: TierTable(tiers=tiers)})
    held = Position(instrument="A-USDT-SWAP", side=Side.LONG, contracts=Decimal(1), entry_price=Decimal(100))
    account = Account(balances={"USDT": Decimal("1.5")}, positions=(held,))
    watch = Watch(pack(columns_of([account] * 300, book), book), Marks(mark={"A-USDT-SWAP": Decimal(120)}))

    watch.tick({"A-USDT-SWAP": Decimal(100)})

    assert watch.sweeps == 1
    assert watch.state.tolist() == [1] * 300


def test_a_stale_watch_settles_by_itself() -> None:
    """Sweeps go on until they have cost as much as new boxes; statuses are exact all the while."""
    watch, random = watch_of("binance", 2000, seed=8), Random(10)
    watch.tick({name: (mark * D("0.8")).quantize(D("0.01")) for name, mark in watch.marks.mark.items()})

    for _ in range(80):
        watch.tick(stepped(watch.marks, random, 5))
        assert_exact(watch)

    assert watch.sweeps == 64


def test_prices_may_go_anywhere() -> None:
    """From a tenth to ten times the first mark and back: ladders follow the price."""
    watch = watch_of("textbook", 300, seed=11)
    for factor in ["0.5", "0.1", "0.3", "1", "2.5", "10", "1"]:
        watch.tick({"BTC-USDT-SWAP": D(95_000) * D(factor)})
        watch.settle()
        for step in range(20):
            watch.tick({"BTC-USDT-SWAP": D(95_000) * D(factor) * (1 + D(step) / 1000)})
            assert_exact(watch)


def test_an_account_changes_between_ticks() -> None:
    """Fills, deposits, new instruments and closed books: as if the watch had been built with the new accounts."""
    venue, random = "okx", Random(12)
    book = rulebook_of(venue)
    accounts = [account_of(venue, random, book) for _ in range(200)]
    watch = Watch(pack(columns_of(accounts, book), book, tuple(SWAPS[venue])), marks_of(venue, random, 0))

    for step in range(120):
        index = random.randrange(len(accounts))
        accounts[index] = Account() if step % 10 == 0 else account_of(venue, random, book)
        watch.change(index, accounts[index])
        watch.tick(stepped(watch.marks, random, 80))
        if step % 10 == 9:
            fresh = screen(pack(columns_of(accounts, book), book), watch.marks)
            worst = np.zeros(len(accounts), np.uint8)
            np.maximum.at(worst, watch.owner, watch.state)
            assert np.array_equal(worst, fresh.accounts())


def test_a_change_that_cannot_be_made_changes_nothing() -> None:
    """An instrument that the fleet was not packed with is refused by name, before anything is touched."""
    book = rulebook_of("binance")
    held = [
        Position(instrument=name, side=Side.LONG, contracts=D(1), entry_price=D(90_000))
        for name in ("BTCUSDT", "ETHUSDT")
    ]
    watch = Watch(
        pack(columns_of([Account(balances={"USDT": D(1_000)}, positions=(held[0],))], book), book),
        Marks(mark={"BTCUSDT": D(90_000)}),
    )

    with pytest.raises(InputError, match="ETHUSDT: the fleet was packed without it"):
        watch.change(0, Account(positions=tuple(held)))

    assert watch.state.tolist() == [1]
    assert [each.now for each in watch.tick({"BTCUSDT": D(89_300)})] == ["liquidation"]


def test_live_orders_are_decided_exactly() -> None:
    """An account with a live order is assessed at each tick of its instruments: fee and maintenance of orders count."""
    book = rulebook_of("okx")
    order = Order(instrument="BTC-USDT-SWAP", side=OrderSide.BUY, contracts=D(100), price=D(90_000), leverage=D(10))
    accounts = [Account(balances={"USDT": D(1100)}, orders=(order,))]
    watch = Watch(pack(columns_of(accounts, book), book), Marks(mark={"BTC-USDT-SWAP": D(100_000)}))

    # 1 BTC at 100,000: maintenance 400, closing fee 50, order fee 45: (1,100 - 45) / 450 = 2.34, a warning
    assert watch.state.tolist() == [1]
    # at 70,000: 1,055 / (280 + 35) = 3.35
    assert [change.now for change in watch.tick({"BTC-USDT-SWAP": D(70_000)})] == ["safe"]
    assert watch.exactly > 0


def test_a_wrong_mark_changes_nothing() -> None:
    """A mark of zero is refused before any price moves."""
    watch = watch_of("binance", 50, seed=14)
    before = dict(watch.marks.mark)

    with pytest.raises(InputError, match="above zero"):
        watch.tick({"BTCUSDT": D(90_000), "ETHUSDT": D(0)})

    assert watch.marks.mark == before
    assert_exact(watch)


@pytest.mark.slow
@pytest.mark.parametrize("shake", [1, 5])
def test_twenty_thousand_accounts_through_ten_thousand_ticks(shake: int) -> None:
    """After every tick the statuses are those of a full sweep; accounts change in between; jumps now and then."""
    book = made_up_market(rulebook_of("binance"), 64)
    names = [name for name in book.instruments if name.endswith("MADE-UP")]
    marks, random = made_up_marks(book, names), Random(20)
    columns = generate(book, marks, accounts=20_000, leverage=8.0)
    watch = Watch(pack(columns, book), marks)

    for tick in range(10_000):
        size = 500 if tick % 500 == 0 else 2 * shake
        watch.tick(_moved(watch.marks, names[tick % len(names)], random, size))
        if tick % 50 == 0:
            index = random.randrange(len(columns))
            watch.change(index, columns.account(random.randrange(len(columns))))
        assert watch.mismatches() == 0

    assert watch.wakes > 1_000


def _moved(marks: Marks, name: str, random: Random, size: int) -> dict[str, Decimal]:
    """A mark moved by up to `size` basis points, on a fine grid."""
    return {name: (marks.mark[name] * (1 + D(random.randint(-100 * size, 100 * size)) / 1_000_000)).quantize(D("1e-8"))}


@pytest.mark.slow
@pytest.mark.parametrize("venue", [venue for venue in SWAPS if "." in venue])
def test_shared_collateral_and_options_through_two_thousand_ticks(venue: str) -> None:
    """2,000 accounts, marks, currencies and forwards moving, accounts changing: as a sweep and as `margin.assess`."""
    watch, random, book = watch_of(venue, 2000, seed=21, also=tuple(SWAPS[venue])), Random(22), rulebook_of(venue)

    for tick in range(2000):
        watch.tick(stepped(watch.marks, random, 400 if tick % 100 == 0 else 8))
        if tick % 50 == 0:
            watch.change(random.randrange(2000), account_of(venue, random, book))
        assert watch.mismatches() == 0
        if tick % 100 == 99:
            book_now = watch._shelf.book
            held = np.flatnonzero(book_now.start < book_now.stop).tolist()
            for pool in random.sample(held, 50):
                assert decide(*watch._shelf.home(pool), watch.marks).status == watch.state[pool]

    assert watch.wakes > 0
