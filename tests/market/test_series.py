from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.errors import InputError
from crossmargin.market.series import HOUR_MS, MINUTE_MS, Candle, Series, grouped

D = Decimal
NOON = int(datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp() * 1000)


def filled(*prices: tuple[int, str]) -> Series:
    """A series from seconds after noon and prices, one contract each."""
    series = Series()
    for second, price in prices:
        series.put(NOON + second * 1_000, D(price), contracts=D(1), base=D("0.01"), quote=D(price) / 100)
    return series


def figures(candle: Candle) -> tuple[str, ...]:
    """Prices and contracts of a bar, as text."""
    return tuple(str(each) for each in (candle.open, candle.high, candle.low, candle.close, candle.contracts))


def test_a_bar_holds_the_prices_of_its_minute() -> None:
    """First, highest, lowest and last; the next one opens where it closed, and is not closed itself."""
    series = filled((1, "100"), (20, "104"), (40, "98"), (59, "101"), (60, "103"))
    first, second = grouped(series, "1m")
    assert figures(first) == ("100", "104", "98", "101", "4")
    assert (first.time, first.closed, first.base, first.quote) == (NOON, True, D("0.04"), D("4.03"))
    assert figures(second) == ("101", "103", "101", "103", "1")
    assert not second.closed


def test_where_no_price_came_the_last_one_stood() -> None:
    """Three minutes without a trade are three flat bars without volume."""
    series = filled((1, "100"), (250, "90"))
    assert [figures(each) for each in grouped(series, "1m")] == [
        ("100", "100", "100", "100", "1"),
        *[("100", "100", "100", "100", "0")] * 3,
        ("100", "100", "90", "90", "1"),
    ]


def test_a_minute_that_opens_without_a_trade_opens_at_the_last_price() -> None:
    """Rolling on shows the minute that runs, still open."""
    series = filled((1, "100"))
    series.roll(NOON + 125_000)
    assert [each.closed for each in grouped(series, "1m")] == [True, True, False]


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 1_000)), min_size=1, max_size=40))
def test_five_minute_bars_are_five_minutes(said: list[tuple[int, int]]) -> None:
    """Each is its minutes joined: same extremes, same volume, first open and last close."""
    series = filled(*sorted((second, str(price)) for second, price in said))
    minutes = grouped(series, "1m")
    for bar in grouped(series, "5m"):
        inside = [each for each in minutes if bar.time <= each.time < bar.time + 5 * MINUTE_MS]
        assert bar.open == inside[0].open
        assert bar.close == inside[-1].close
        assert bar.high == max(each.high for each in inside)
        assert bar.low == min(each.low for each in inside)
        assert bar.contracts == sum(each.contracts for each in inside)
        assert bar.closed is (len(inside) == 5 and inside[-1].closed)


@pytest.mark.parametrize(
    ("bar", "start"),
    [
        ("1H", "2026-11-27T12:00"),
        ("4H", "2026-11-27T12:00"),
        ("6H", "2026-11-27T10:00"),
        ("6Hutc", "2026-11-27T12:00"),
        ("12H", "2026-11-27T04:00"),
        ("1D", "2026-11-26T16:00"),
        ("1Dutc", "2026-11-27T00:00"),
        ("1W", "2026-11-22T16:00"),
        ("1Wutc", "2026-11-23T00:00"),
    ],
)
def test_long_bars_begin_at_midnight_in_hong_kong_or_in_greenwich(bar: str, start: str) -> None:
    """A Friday noon lies in the bar that began then; weeks begin on Monday."""
    hours = [Candle(time=NOON - n * HOUR_MS, open=D(1), high=D(1), low=D(1), close=D(1)) for n in range(400, 0, -1)]
    series = Series(hours=hours)
    series.put(NOON + 1, D(2))
    newest = grouped(series, bar)[-1]
    assert newest.time == int(datetime.fromisoformat(f"{start}+00:00").timestamp() * 1000)
    assert newest.close == 2


def test_a_bar_whose_beginning_is_unknown_is_left_out() -> None:
    """Hours from 09:00 on tell nothing of the four hours from 08:00."""
    hours = [Candle(time=NOON - n * HOUR_MS, open=D(n), high=D(n), low=D(n), close=D(n)) for n in (3, 2, 1, 0)]
    assert [each.time for each in grouped(Series(hours=hours), "4H")] == [NOON]


def test_an_unknown_bar_is_one_clear_line() -> None:
    """It lists those that are known."""
    with pytest.raises(InputError, match="bar: '7m' is not known: choose one of 1m, 3m, 5m"):
        grouped(Series(), "7m")
