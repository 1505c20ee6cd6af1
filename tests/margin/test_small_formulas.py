from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.domain.account import Account, Position, Side
from crossmargin.domain.marks import Marks
from crossmargin.domain.numbers import Positive
from crossmargin.domain.refusal import RejectReason
from crossmargin.margin.changes import Stop
from crossmargin.margin.collateral import collateral_left
from crossmargin.margin.ranking import profit_on_wallet, profit_times_risk
from crossmargin.margin.stops import first_exit, liquidated_first, price_before_liquidation
from crossmargin.margin.what_if import what_if
from crossmargin.rulebook import load

prices = st.decimals(min_value="0.01", max_value="1000000", places=2)


@pytest.mark.parametrize(
    ("stop", "liquidation", "falling", "out"),
    [
        ("90", "80", True, "90"),  # a long's stop above its liquidation price
        ("70", "80", True, "80"),  # below it: the liquidation is met first
        ("110", "120", False, "110"),  # a short's stop below its liquidation price
        ("130", "120", False, "120"),
        ("90", None, True, "90"),  # no liquidation price: the stop
    ],
)
def test_first_exit(stop: str, liquidation: str | None, falling: bool, out: str) -> None:
    """The price meets whichever of stop and liquidation is nearer to it."""
    price = None if liquidation is None else Decimal(liquidation)

    assert first_exit(Decimal(stop), price, falling=falling) == Decimal(out)


@pytest.mark.parametrize("falling", [True, False])
def test_a_tie_is_a_liquidation(falling: bool) -> None:
    """A stop exactly at the liquidation price does not save the position."""
    assert liquidated_first(Decimal(90), Decimal(90), falling=falling)


@pytest.mark.parametrize("trigger", [99_900, 101_000])
def test_no_stop_saves_what_is_liquidated_already(trigger: int) -> None:
    """1 BTC from 100,000 with a balance of 100: 500 are required, so the venue acts before any stop can."""
    held = Position(
        instrument="BTC-USDT-SWAP",
        side=Side.LONG,
        contracts=Decimal(1),
        entry_price=Decimal(100_000),
        leverage=Decimal(10),
    )
    account = Account(balances={"USDT": Decimal(100)}, positions=(held,))
    stop = Stop(instrument=held.instrument, side=Side.LONG, trigger_price=Positive(trigger))

    outcome = what_if(account, Marks(mark={held.instrument: Decimal(100_000)}), load("textbook"), [stop])

    refusal = outcome.steps[0].refusal
    assert refusal is not None
    assert refusal.reason is RejectReason.WOULD_BE_LIQUIDATED
    assert outcome.after.account == account


@given(prices, prices, st.decimals(min_value=0, max_value=1, places=3))
def test_early_price_lies_between(liquidation: Decimal, entry: Decimal, share: Decimal) -> None:
    """A price that leaves early lies between the liquidation and the entry price, on either side of the market."""
    early = price_before_liquidation(liquidation, entry_price=entry, share=share)

    assert min(liquidation, entry) <= early <= max(liquidation, entry)


def test_a_loss_stands_last_in_the_queue() -> None:
    """Only profits are deleveraged: a loss scores zero, and a wallet below 1 counts as 1."""
    assert profit_times_risk(Decimal(-5), wallet=Decimal(10), required_share=Decimal("0.9")) == 0
    assert profit_on_wallet(Decimal(3), wallet=Decimal("0.5")) == 3


def test_collateral_may_be_claimed_beyond_its_value() -> None:
    """100 x 1 + 0.5 x 16,000 = 8,100; positions elsewhere require 8,200, so 100 lack."""
    holdings = [(Decimal(100), Decimal(1)), (Decimal("0.5"), Decimal(16_000))]

    assert collateral_left(holdings, maintenance_elsewhere=Decimal(8200)) == -100
