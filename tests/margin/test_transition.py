"""Admission by the state after the fill: closing, opening, and accounts that owe more than they have."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.formats.account_file import build_book
from crossmargin.margin import assess
from crossmargin.margin.admission import admit_new
from crossmargin.margin.pool import Risk
from crossmargin.margin.transition import Transition, covers_initial, risk_order, transition

amounts = st.integers(-1000, 1000).map(Decimal)
positive = st.integers(0, 1000).map(Decimal)


def state(available: Decimal, initial: Decimal, maintenance: Decimal) -> Risk:
    """A pool by its totals."""
    return Risk(available=available, initial=initial, maintenance=maintenance, fees=Decimal(0))


states = st.builds(state, amounts, positive, positive)


def answers(venue: str, instrument: str, balance: str, *orders: dict[str, Any]) -> list[bool | None]:
    """Whether new orders beside a long of one coin at 100,000 are admitted."""
    common = {"instrument": instrument, "price": "100000", "leverage": "20"}
    document = {
        "venue": venue,
        "balances": {"USDC": balance},
        "positions": [
            {
                "instrument": instrument,
                "side": "long",
                "contracts": "1",
                "entry_price": "100000",
                "leverage": "20",
            }
        ],
        "orders": [{**common, "state": "new", **order} for order in orders],
        "marks": {instrument: "100000"},
    }
    book = build_book(document, "test")
    return [each.accepted for each in admit_new(assess(book.account, book.marks, book.rulebook))]


@pytest.mark.parametrize(
    ("side", "contracts", "accepted"),
    [("sell", "0.1", True), ("sell", "1", True), ("sell", "1.5", True), ("sell", "1.7", False), ("buy", "0.1", False)],
)
def test_only_opening_is_checked(side: str, contracts: str, accepted: bool) -> None:
    """3,000 of equity against 5,000 of initial margin: what closes passes, what opens must leave it covered."""
    order = {"side": side, "contracts": contracts}

    assert answers("hyperliquid", "BTC", "3000", order) == [accepted]


def test_a_bankrupt_account_may_shrink_only_without_getting_worse() -> None:
    """At -10 and 5 % a sale at the oracle price leaves the debt on a smaller position: a worse ratio, refused."""
    assert answers("dydx", "BTC-USD", "-10", {"side": "sell", "contracts": "0.5"}) == [False]
    assert answers("dydx", "BTC-USD", "10", {"side": "sell", "contracts": "0.5"}) == [True]


@given(states, states)
def test_a_covered_state_is_always_reached(before: Risk, after: Risk) -> None:
    """Whatever an account was, it may go where its initial margin is covered."""
    if covers_initial(after):
        assert transition(before, after) is Transition.SUCCESS


@given(states, states)
def test_no_covered_account_becomes_uncovered(before: Risk, after: Risk) -> None:
    """From a covered state only covered states are reached."""
    if covers_initial(before) and not covers_initial(after):
        assert transition(before, after) is Transition.NEWLY_UNDERCOLLATERALIZED


@given(states, states)
def test_risk_order_is_antisymmetric(first: Risk, second: Risk) -> None:
    """Of two states one is riskier from either side, and a state is as risky as itself."""
    assert risk_order(first, second) == -risk_order(second, first)
    assert risk_order(first, first) == 0
