"""An account through bars that are small enough to follow by hand."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.backtest.fate import EventKind, Fate
from crossmargin.backtest.replay import AS_WRITTEN, Replay, replay
from crossmargin.domain.account import Account, MarginMode, Order, OrderSide, Position, PositionMode, Side
from crossmargin.domain.arithmetic import quotient
from crossmargin.errors import MissingDataError
from crossmargin.formats.account_file import read_account
from crossmargin.margin.pool import Status
from crossmargin.market.candles import Bar, Tape
from crossmargin.market.funding import NO_FUNDING, Funding
from crossmargin.market.paths import generate, read_scenario
from crossmargin.rulebook import load
from crossmargin.rulebook.model import Rulebook

ROOT = Path(__file__).resolve().parents[2]
BTC, ETH, INVERSE = "BTC-USDT-SWAP", "ETH-USDT-SWAP", "BTC-USD-SWAP"
HOUR = 3_600_000
TEXTBOOK = load("textbook")  # maintenance 0.5 % of the value at mark, no fees, warned at 300 %


def tape(**series: Sequence[str]) -> Tape:
    """Hourly bars; each is written "open high low close"."""
    names = {"btc": BTC, "eth": ETH, "btcusdt": "BTCUSDT"}
    marks = {
        names[key]: tuple(Bar(n * HOUR, *map(Decimal, bar.split())) for n, bar in enumerate(bars))
        for key, bars in series.items()
    }
    count = len(next(iter(marks.values())))
    return Tape(times=tuple(n * HOUR for n in range(count)), step_ms=HOUR, marks=marks)


def position(
    size: str, entry: str, *, side: Side = Side.LONG, instrument: str = BTC, mode: MarginMode = MarginMode.CROSS
) -> Position:
    """A position at 10x."""
    return Position(instrument=instrument, side=side, contracts=Decimal(size), entry_price=Decimal(entry),
                    leverage=Decimal(10), margin_mode=mode)  # fmt: skip


def account(balance: str, *positions: Position, hedge: bool = False) -> Account:
    """An account of one currency."""
    mode = PositionMode.HEDGE if hedge else PositionMode.ONE_WAY
    return Account(balances={"USDT": Decimal(balance)}, positions=positions, position_mode=mode)


def run(book: Account, bars: Tape, rulebook: Rulebook = TEXTBOOK, funding: Funding = NO_FUNDING) -> Replay:
    """Replay without funding unless it is given."""
    return replay(book, bars, rulebook, funding=funding)


def kinds(fate: Fate) -> list[str]:
    """Kinds of the events, in order."""
    return [event.kind.value for event in fate.events]


FLAT = "100000 100000 100000 100000"


# ---------------------------------------------------------------- funding


def test_cross_funding_leaves_the_balance() -> None:
    """Long 1 BTC at mark 100,000, rate 0.01 %: pays 100,000 x 0.0001 = 10 out of the balance of 20,000."""
    due = Funding({0: {BTC: Decimal("0.0001")}}, "given")
    fate = run(account("20000", position("1", "100000")), tape(btc=[FLAT, FLAT]), funding=due).fates["cross"]
    assert fate.final.balances["USDT"] == 19_990
    assert fate.funding == {"USDT": Decimal(-10)}
    assert fate.end_equity == 19_990


def test_isolated_funding_leaves_the_margin() -> None:
    """The same leg isolated holds 100,000 / 10 = 10,000: 9,990 after funding, the free 10,000 untouched."""
    due = Funding({0: {BTC: Decimal("0.0001")}}, "given")
    fate = run(account("20000", position("1", "100000")), tape(btc=[FLAT]), funding=due).fates["isolated"]
    assert fate.final.balances["USDT"] == 10_000
    assert fate.final.positions[0].margin == 9_990
    assert fate.final.positions[0].funding_fee == -10


def test_a_short_receives_positive_funding_and_pays_negative() -> None:
    """Short 2 BTC at 100,000: + 200,000 x 0.0001 = 20, then 200,000 x -0.0002 = -40; in all -20."""
    due = Funding({0: {BTC: Decimal("0.0001")}, HOUR: {BTC: Decimal("-0.0002")}}, "given")
    book = account("50000", position("2", "100000", side=Side.SHORT))
    assert run(book, tape(btc=[FLAT, FLAT]), funding=due).fates["cross"].end_equity == 49_980


def test_funding_is_charged_at_the_open_before_the_bar_is_judged() -> None:
    """
    Isolated long 1 BTC, margin 10,000; liquidation where 10,000 + (p - 100,000) <= 0.005 p: p <= 90,452.26
    low 90,500: available 500 > 452.5, safe; a payment of 100,000 x 0.001 = 100 first: 400 <= 452.5, liquidated
    """
    bars = tape(btc=["100000 100000 90500 100000"])
    book = account("20000", position("1", "100000"))
    assert run(book, bars).fates["isolated"].status is Status.WARNING
    due = Funding({0: {BTC: Decimal("0.001")}}, "given")
    assert run(book, bars, funding=due).fates["isolated"].status is Status.LIQUIDATION


# ---------------------------------------------------------------- inside the bar


def test_a_low_inside_the_bar_liquidates_though_the_close_is_safe() -> None:
    """
    Long 1 BTC, isolated margin 10,000; the bar dips to 90,000 and closes where it opened
    available 10,000 - 10,000 = 0 <= 0.005 x 90,000 = 450: taken over, 10,000 lost, 10,000 stay aside
    cross with 20,000: 10,000 > 450, closes at 20,000
    """
    found = run(account("20000", position("1", "100000")), tape(btc=["100000 100000 90000 100000"]))
    isolated, cross = found.fates["isolated"], found.fates["cross"]
    assert kinds(isolated) == ["would_liquidate", "margin_drained"]
    assert isolated.lost == {"USDT": Decimal(10_000)}
    assert isolated.end_equity == 10_000
    assert kinds(cross) == []
    assert cross.end_equity == 20_000
    assert cross.readings[0].equity_low == 10_000
    assert cross.lowest_ratio == quotient(Decimal(10_000), Decimal(450))


def test_an_isolated_loss_never_exceeds_its_margin() -> None:
    """Low 80,000: available 10,000 - 20,000 = -10,000. The margin of 10,000 is lost, the rest is a deficit."""
    found = run(account("30000", position("1", "100000")), tape(btc=["100000 100000 80000 80000"]))
    fate = found.fates["isolated"]
    liquidated, drained = fate.events
    assert liquidated.deficit == 10_000
    assert drained.lost == 10_000
    assert drained.kind is EventKind.MARGIN_DRAINED
    assert liquidated.equity_before == 10_000
    assert liquidated.marks == {BTC: Decimal(80_000)}
    assert fate.end_equity == 20_000


def test_every_position_meets_its_own_extreme_at_once() -> None:
    """
    Long 1 BTC, short 20 ETH, cross, balance 14,000; one bar: BTC 95,000..105,000, ETH 3,800..4,200
    worst: BTC -5,000, ETH 20 x -200 = -4,000: equity 5,000, required 0.005 x (95,000 + 84,000) = 895
    """
    book = account("14000", position("1", "100000"), position("20", "4000", side=Side.SHORT, instrument=ETH))
    bars = tape(btc=["100000 105000 95000 100000"], eth=["4000 4200 3800 4000"])
    reading = run(book, bars).fates["cross"].readings[0]
    assert reading.equity_low == 5_000
    assert reading.ratio == quotient(Decimal(5_000), Decimal(895))


@pytest.mark.parametrize(
    ("long", "short", "low", "high", "lost"),
    [
        # net long 1: at the low 90,000 equity 10,400 - 10,000 = 400 <= 0.005 x 3 x 90,000 = 1,350
        ("2", "1", "90000", "101000", True),
        # net short 1: at the high 110,000 equity 400 <= 0.005 x 3 x 110,000 = 1,650
        ("1", "2", "99000", "110000", True),
        # even legs lose nothing either way: 10,400 > 0.005 x 2 x 110,000 = 1,100
        ("1", "1", "90000", "110000", False),
    ],
)
def test_hedge_legs_are_tried_at_both_extremes(long: str, short: str, low: str, high: str, lost: bool) -> None:
    """A long and a short of one instrument share each price, whichever extreme is the worse for both."""
    legs = position(long, "100000"), position(short, "100000", side=Side.SHORT)
    bars = tape(btc=[f"100000 {high} {low} 100000"])
    fate = run(account("10400", *legs, hedge=True), bars).fates["cross"]
    assert (fate.status is Status.LIQUIDATION) is lost


def test_isolated_hedge_legs_each_meet_their_own_extreme() -> None:
    """Margins of 10,000 each, bar 90,000..110,000: the long dies at the low, the short at the high."""
    legs = position("1", "100000"), position("1", "100000", side=Side.SHORT)
    fate = run(account("30000", *legs, hedge=True), tape(btc=["100000 110000 90000 100000"])).fates["isolated"]
    assert set(fate.liquidated) == {f"{BTC}:long:isolated", f"{BTC}:short:isolated"}
    assert fate.end_equity == 10_000


# ---------------------------------------------------------------- warnings, takeovers, orders


def test_a_warning_is_told_once_and_recovers_after_a_whole_safe_bar() -> None:
    """
    Cross long 1 BTC, balance 11,000; at 90,300: equity 1,300, required 451.5, ratio 2.88 <= 3
    bar 1 warned, bar 2 still low: silent, bar 3 closes high but dips again: silent, bar 4 all high: recovered
    """
    low = "90300 90300 90300 90300"
    bars = tape(btc=[FLAT, low, low, "90300 100000 90300 100000", FLAT, FLAT])
    fate = run(account("11000", position("1", "100000")), bars).fates["cross"]
    assert [(event.kind.value, event.time_ms // HOUR) for event in fate.events] == [("warning", 1), ("recovered", 4)]
    assert fate.status is Status.WARNING


def test_a_cross_liquidation_takes_the_pool_and_nothing_else() -> None:
    """
    Cross long 1 BTC with 10,000 USDT, and 2 BTC of cash that back nothing in USDT
    low 90,000: equity 0 <= 450: 10,000 USDT are lost, the coins stay
    """
    book = Account(balances={"USDT": Decimal(10_000), "BTC": Decimal(2)}, positions=(position("1", "100000"),))
    fate = run(book, tape(btc=["100000 100000 90000 100000"])).fates["cross"]
    assert fate.final.positions == ()
    assert fate.final.balances == {"USDT": Decimal(0), "BTC": Decimal(2)}
    assert fate.lost == {"USDT": Decimal(10_000)}
    assert fate.end_equity == 200_000  # 2 BTC at the close of 100,000


def test_orders_are_cancelled_before_positions_are_closed() -> None:
    """
    binance, long 0.1 BTC at 100,000 10x, balance 10,000, a live buy of 0.9 at 100,000 (margin 9,000)
    at 92,000: available 9,200 < maintenance 36.8 + order 9,000 + open loss 0.9 x 8,000 = 7,200: cancelled
    """
    order = Order(instrument="BTCUSDT", side=OrderSide.BUY, contracts=Decimal("0.9"), price=Decimal(100_000),
                  leverage=Decimal(10), id="add")  # fmt: skip
    book = Account(
        balances={"USDT": Decimal(10_000)},
        positions=(position("0.1", "100000", instrument="BTCUSDT"),),
        orders=(order,),
    )
    fate = run(book, tape(btcusdt=["100000 100000 92000 95000"]), load("binance")).fates["cross"]
    assert kinds(fate) == ["would_cancel"]
    assert fate.events[0].orders == ("add",)
    assert fate.final.orders == ()
    assert fate.end_equity == 9_500


# ---------------------------------------------------------------- which books are walked


def test_a_mixed_book_is_walked_as_written_too() -> None:
    """One cross and one isolated leg: three fates, and the file's own is neither pure mode."""
    book = account("20000", position("0.1", "100000"), position("1", "4000", instrument=ETH, mode=MarginMode.ISOLATED))
    found = run(book, tape(btc=[FLAT], eth=["4000 4000 4000 4000"]))
    assert list(found.fates) == [AS_WRITTEN, "cross", "isolated"]
    assert found.mode == AS_WRITTEN
    assert found.fates["cross"].start_equity == 20_400  # the isolated margin of 400 came back


def test_a_book_that_can_not_be_put_into_one_mode_says_so() -> None:
    """One instrument held in both modes would become one position: pure modes are left out, with the reason."""
    book = account("20000", position("0.1", "100000"), position("0.1", "100000", mode=MarginMode.ISOLATED))
    found = run(book, tape(btc=[FLAT]))
    assert list(found.fates) == [AS_WRITTEN]
    assert any("held in both modes" in line for line in found.assumptions)


def test_margins_beyond_the_balance_are_told() -> None:
    """Isolated needs 10,000 of a balance of 5,000: the figures stand, with the note that it could not be opened."""
    found = run(account("5000", position("1", "100000")), tape(btc=[FLAT]))
    assert any("exceed the balance by 5000 USDT" in line for line in found.assumptions)


def test_a_pool_at_its_trigger_from_the_start_is_told() -> None:
    """Entry 100,000, first open 90,000: isolated is past its trigger before the first bar."""
    found = run(account("20000", position("1", "100000")), tape(btc=["90000 90000 90000 90000"]))
    assert any("already at the first open" in line for line in found.assumptions)


def test_missing_candles_and_an_empty_book_are_errors() -> None:
    """Nothing is priced at zero, and nothing is not walked in silence."""
    with pytest.raises(MissingDataError, match="no candles of ETH-USDT-SWAP"):
        run(account("1", position("1", "4000", instrument=ETH)), tape(btc=[FLAT]))
    with pytest.raises(MissingDataError, match="no open position"):
        run(account("1"), tape(btc=[FLAT]))


# ---------------------------------------------------------------- worked example 5 and properties


def example(path: str) -> Replay:
    """The day trader's book through one of the paths beside it."""
    book = read_account(str(ROOT / "examples" / "day-trader.toml"))
    coins = {each.instrument: each.instrument.partition("-")[0] for each in book.account.positions}
    bars = generate(read_scenario(str(ROOT / "examples" / "paths" / path)), coins, {})
    return replay(book.account, bars, book.rulebook, funding=NO_FUNDING, base=book.marks)


def test_worked_example_5_rally() -> None:
    """
    BTC 95,000, ETH 3,300: cross equity 10,000 + 2,500 - 3,000 = 9,500, required 472.5, nothing closed
    isolated: ETH goes at the first mark above 3,283.58, its 3,000 are lost; end 7,000 + 0.5 x 3,000 = 8,500
    """
    found = example("day-trader-rally.toml")
    cross, isolated = found.fates["cross"], found.fates["isolated"]
    top = cross.readings[65]
    assert top.equity == 9_500
    assert top.ratio == quotient(Decimal(9_500), Decimal("472.5"))
    assert cross.status is Status.SAFE
    assert cross.end_equity == 11_000
    assert isolated.liquidated == (f"{ETH}:short:isolated",)
    assert isolated.lost == {"USDT": Decimal(3_000)}
    last = next(event for event in isolated.events if event.kind is EventKind.WOULD_LIQUIDATE)
    assert Decimal("3283.58") < last.marks[ETH] < Decimal("3289")
    assert isolated.end_equity == 8_500


def test_worked_example_5_crash() -> None:
    """Cross loses 10,000 with every leg; isolated loses the 1,400 of SOL: 10,000 - 1,400 - 1,000 - 1,000 = 6,600."""
    found = example("day-trader-crash.toml")
    cross, isolated = found.fates["cross"], found.fates["isolated"]
    assert cross.lost == {"USDT": Decimal(10_000)}
    assert cross.end_equity == 0
    assert len(cross.liquidated) == 3
    assert isolated.liquidated == ("SOL-USDT-SWAP:long:isolated",)
    assert isolated.lost == {"USDT": Decimal(1_400)}
    assert isolated.end_equity == 6_600


moves = st.lists(st.integers(50_000, 200_000), min_size=3, max_size=12)


@given(moves, st.integers(1, 40_000), st.sampled_from(Side))
def test_no_path_costs_more_than_the_account_holds(prices: list[int], balance: int, side: Side) -> None:
    """Whatever the path, a liquidated pool leaves zero, never a debt, and nothing moves after it."""
    bars = tape(btc=[f"{a} {max(a, b)} {min(a, b)} {b}" for a, b in pairwise(prices)])
    cross = run(account(str(balance), position("1", str(prices[0]), side=side)), bars).fates["cross"]
    if cross.status is Status.LIQUIDATION:
        assert cross.lost == {"USDT": Decimal(balance)}
        assert cross.end_equity == 0
    else:
        gain = (prices[-1] - prices[0]) * side.sign
        assert cross.end_equity == balance + gain > 0
