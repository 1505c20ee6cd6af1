from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.domain.account import Side
from crossmargin.prices.funding import funding_payment, funding_rate
from crossmargin.prices.interest import borrowing_interest, charged_hours
from crossmargin.prices.mark import basis_price, funding_price, median_price

EIGHT, FOUR = Decimal(8), Decimal(4)
BAND, INTEREST = Decimal("0.0005"), Decimal("0.0001")

prices = st.decimals(min_value="0.0001", max_value="1000000", places=4)
rates = st.decimals(min_value="-0.03", max_value="0.03", places=6)
hours = st.decimals(min_value=0, max_value=1000, places=3)


def rate_of(premium: str, interval: Decimal = EIGHT) -> Decimal:
    """Rate of one settlement at the usual interest and band."""
    return funding_rate(Decimal(premium), interest=INTEREST, band=BAND, interval=interval, full_interval=EIGHT)


@pytest.mark.parametrize(
    ("premium", "rate"),
    [
        ("0.0001", "0.0001"),  # premium at the interest: the interest
        ("0.0004", "0.0001"),  # 0.0001 - 0.0004 = -0.0003 lies in the band: the interest again
        ("0.001", "0.0005"),  # 0.0001 - 0.001 = -0.0009 is cut to -0.0005
        ("-0.001", "-0.0005"),  # 0.0001 + 0.001 = 0.0011 is cut to 0.0005
    ],
)
def test_funding_rate_keeps_to_the_interest_inside_the_band(premium: str, rate: str) -> None:
    """Near the interest the rate is the interest; further out it follows the premium at the band's distance."""
    assert rate_of(premium) == Decimal(rate)


def test_funding_rate_of_a_shorter_interval() -> None:
    """Half the interval pays half the rate: 0.0005 x 4 / 8."""
    assert rate_of("0.001", FOUR) == Decimal("0.00025")


@given(prices, rates)
def test_funding_moves_money_between_the_sides(value: Decimal, rate: Decimal) -> None:
    """What a long pays, a short of the same value receives."""
    assert funding_payment(Side.LONG, value=value, rate=rate) == -funding_payment(Side.SHORT, value=value, rate=rate)


@given(prices, rates)
def test_funding_price_becomes_the_index(index: Decimal, rate: Decimal) -> None:
    """With no time left, nothing of the rate is still to come."""
    assert funding_price(index, rate=rate, time_left=Decimal(0), interval=EIGHT) == index
    assert basis_price(index, basis_average=Decimal(0)) == index


@given(prices, prices, prices)
def test_median_ignores_one_wild_price(first: Decimal, second: Decimal, third: Decimal) -> None:
    """The middle price is one of the three, with at most one on either side, in whatever order they come."""
    median = median_price(first, second, third)

    assert median == median_price(third, first, second)
    assert sum(price < median for price in (first, second, third)) <= 1
    assert sum(price > median for price in (first, second, third)) <= 1


@given(hours)
def test_every_hour_begun_is_charged(time: Decimal) -> None:
    """The hours charged are whole, never fewer than passed, and less than one hour more."""
    charged = charged_hours(time)

    assert charged == int(charged)
    assert time <= charged < time + 1


def test_interest_of_ten_minutes() -> None:
    """60 borrowed at 0.025 % a day for 10 minutes: one hour, 60 x 0.00025 / 24 = 0.000625."""
    interest = borrowing_interest(Decimal(60), daily_rate=Decimal("0.00025"), hours=Decimal("0.1667"))

    assert interest == Decimal("0.000625")
