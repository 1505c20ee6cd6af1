"""Black's formula against a textbook's figure, parity, and its own inverse."""

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.errors import InputError
from crossmargin.models.black76 import implied_spread, option_value

RATIOS = st.floats(0.2, 5.0)
SPREADS = st.floats(0.01, 3.0)


def test_a_textbook_put() -> None:
    """Futures at 20, strike 20, 25 % volatility, four months, 9 % interest: 1.12. Hull, Options, Futures, ch. 18."""
    undiscounted = 20 * option_value(20 / 20, 0.25 * (4 / 12) ** 0.5, call=False)

    assert round(undiscounted * exp(-0.09 * 4 / 12), 2) == 1.12


@given(RATIOS, SPREADS)
def test_a_call_less_a_put_is_the_forward_less_the_strike(ratio: float, spread: float) -> None:
    """In units of the forward: call - put = 1 - k; each lies between what exercise would bring and its bound."""
    call, put = option_value(ratio, spread, call=True), option_value(ratio, spread, call=False)

    assert call - put == pytest.approx(1 - ratio, abs=1e-12)
    assert max(1 - ratio, 0) - 1e-12 <= call <= 1
    assert max(ratio - 1, 0) - 1e-12 <= put <= ratio


@given(RATIOS, SPREADS, st.booleans())
def test_the_implied_spread_prices_the_option_again(ratio: float, spread: float, call: bool) -> None:
    """Price -> spread -> price, to twelve places."""
    price = option_value(ratio, spread, call=call)

    assert option_value(ratio, implied_spread(ratio, price, call=call), call=call) == pytest.approx(price, abs=1e-12)


def test_no_spread() -> None:
    """At or below exercise value the spread is 0, and the option is worth exercise."""
    assert implied_spread(1.5, 0.5, call=False) == implied_spread(1.5, 0.4, call=False) == 0.0
    assert implied_spread(0.75, 0.25, call=True) == 0.0
    assert (
        option_value(1.5, 0.0, call=False),
        option_value(1.5, 0.0, call=True),
        option_value(0.75, 0.0, call=True),
    ) == (0.5, 0.0, 0.25)


@pytest.mark.parametrize(("ratio", "price", "call"), [(1.2, 1.0, True), (1.2, 1.2, False), (0.5, float("nan"), True)])
def test_a_price_that_no_option_has_is_refused(ratio: float, price: float, call: bool) -> None:
    """A call costs less than its underlying, a put less than its strike."""
    with pytest.raises(InputError, match="has to be below"):
        implied_spread(ratio, price, call=call)
