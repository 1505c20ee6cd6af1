from datetime import UTC, datetime
from decimal import Decimal
from math import exp, log, sqrt
from statistics import correlation, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.market.venues import Venue

from crossmargin.domain.account import OrderSide
from crossmargin.market.grid import GridMaker
from crossmargin.market.listing import Line, lines_of, read_listing, venue
from crossmargin.market.makers import LEVELS, Maker
from crossmargin.market.options import options_of
from crossmargin.market.paths import named_scenarios
from crossmargin.market.walk import Happening, Walk

D = Decimal
LINES = {line.id: line for line in lines_of(read_listing(), venue())}
YEAR_S = 365 * 86_400


def line(name: str) -> Line:
    """A line of the listing that ships."""
    return LINES[name]


@given(
    st.sampled_from(sorted(LINES)),
    st.integers(100, 100_000_000),
    st.floats(-1, 1),
    st.integers(0, 4),
)
def test_a_ladder_stands_on_its_own_side_in_steps(name: str, ticks: int, inventory: float, stress: int) -> None:
    """Whatever the price, what is held and how fast prices move: on the tick, outward, sizes in lots, none crossing."""
    maker = Maker(line(name), 0.5, 0.03)
    maker.stress = stress / 4
    mark = ticks * maker.line.tick
    for side in OrderSide:
        levels = maker.ladder(side, mark, inventory)
        prices = [price for price, _ in levels]
        away = [(price - mark) * -side.sign for price in prices]
        assert away == sorted(away)
        assert away[0] > 0
        assert len(set(prices)) == len(prices)
        assert all(price % maker.line.tick == 0 for price in prices)
        assert all(size >= maker.line.least and size % maker.line.lot == 0 for _, size in levels)
    assert len(maker.ladder(OrderSide.SELL, mark, inventory)) == LEVELS


def test_a_maker_leans_against_what_it_holds() -> None:
    """Half full of a long position it bids half as much and a quarter of the touch lower, and asks in full."""
    maker = Maker(line("BTC-USDT-SWAP"), 0.5, 0.03)
    flat, long = (maker.ladder(OrderSide.BUY, D(100_000), held)[0] for held in (0.0, 0.5))
    assert (flat[0], long[0]) == (D(99_980), D(99_975))  # the touch is 2 of 10,000: 20, and a quarter of it is 5
    assert (flat[1], long[1]) == (D(60), D(30))  # 60,000 USD in contracts of 0.01 BTC
    assert maker.ladder(OrderSide.SELL, D(100_000), 0.5)[0][1] == D(60)


def test_speed_is_stress_and_calm_ends_it() -> None:
    """Marks that move ten times as fast as usual stretch and thin the ladder; a minute of rest brings it back."""
    maker = Maker(line("BTC-USDT-SWAP"), 0.5, 0.03)
    usual = 0.5 / sqrt(YEAR_S)
    price, time = 100_000.0, 0
    for _ in range(60):
        time += 1_000
        price *= exp(-10 * usual)
        maker.watch(D(round(price)), time)
    assert maker.stress == 1
    bid, size = maker.ladder(OrderSide.BUY, D(100_000), 0)[0]
    assert (bid, size) == (D(99_900), D(9))  # five times the touch, 15 % of the size
    for _ in range(60):
        time += 1_000
        maker.watch(D(round(price)), time)
    assert maker.stress == 0


@given(st.integers(1, 20_000))
def test_a_grid_stands_on_both_sides(ticks: int) -> None:
    """Bids below and asks above the mark, on points of five ticks; near zero at least one bid of a tick."""
    expiry = datetime(2026, 12, 25, 8, tzinfo=UTC)
    maker = GridMaker(options_of(read_listing(), venue(), expiry, {"BTC-USD": D(90_000)}, ())[0])
    mark = ticks * maker.line.tick
    asks = list(maker.ladder(OrderSide.SELL, mark, 0))
    bids = list(maker.ladder(OrderSide.BUY, mark, 0))
    assert len(asks) == 5
    assert asks == sorted(asks)
    assert asks[0] > mark
    assert all(price % (5 * maker.line.tick) == 0 for price in asks)
    assert bids == sorted(bids, reverse=True)
    assert all(0 < price < mark for price in bids)
    assert bids or ticks == 1


# ---------------------------------------------------------------- the walk


def test_coins_move_as_much_as_they_should_and_together() -> None:
    """Over 20,000 minutes: volatilities of 50 and 65 % a year within 3 %, correlation 0.95 x 0.85 within 0.02."""
    coins = read_listing().coins
    walk = Walk(coins, "1", 0, {name: float(coin.price) for name, coin in coins.items()})
    before, moves = walk.at(0), dict[str, list[float]]({name: [] for name in coins})
    for minute in range(1, 20_001):
        now = walk.at(minute * 60_000)
        for name in coins:
            moves[name].append(log(now[name] / before[name]))
        before = now
    year = sqrt(YEAR_S / 60)
    assert stdev(moves["BTC"]) * year == pytest.approx(0.5, rel=0.03)
    assert stdev(moves["ETH"]) * year == pytest.approx(0.65, rel=0.03)
    assert correlation(moves["BTC"], moves["ETH"]) == pytest.approx(0.95 * 0.85, abs=0.02)


@pytest.mark.parametrize(
    ("coin", "seconds", "ratio"),
    [
        ("BTC", 10, 1.0),  # it has not begun
        ("BTC", 60 + 183, 102 / 118),  # the low of minute 30.5, ten times faster
        ("SOL", 60 + 183, 130 / 210),
        ("XYZ", 60 + 183, 102 / 118),  # a coin that it does not know follows BTC
        ("BTC", 60 + 10_000, 113 / 118),  # the last level stays
    ],
)
def test_an_event_passes_the_levels_of_its_path(coin: str, seconds: int, ratio: float) -> None:
    """`crash-2025-10-10@60sx10`: its waypoints, at a tenth of their minutes."""
    event = Happening(scenario=named_scenarios()["crash-2025-10-10"], after=60_000, speed=10)
    assert exp(event.offset(coin, seconds * 1_000)) == pytest.approx(ratio)


def test_a_flash_pump_lifts_one_coin_and_brings_it_back() -> None:
    """SOL gains half in two minutes and stands 4 % above its start after ten; the house goes through it unharmed."""
    venue = Venue("generated:6,flash-pump@5sx4")
    start = venue.mark("SOL-USDT-SWAP")
    venue.run(35)
    assert venue.mark("SOL-USDT-SWAP") == pytest.approx(start * D("1.5"), rel=D("0.02"))
    assert venue.mark("ETH-USDT-SWAP") == pytest.approx(D(3_030), rel=D("0.01"))
    venue.run(130)
    assert venue.mark("SOL-USDT-SWAP") == pytest.approx(start * D("1.04"), rel=D("0.02"))
    assert not venue.refused
    venue.engine.check()
