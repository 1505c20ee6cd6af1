"""Corners of closing, each with its arithmetic: found by changing the code in one place and seeing no test fail."""

from decimal import Decimal, localcontext

import pytest
from tests.engine.stories import scenario

from crossmargin.domain import event as e
from crossmargin.domain.account import MarginMode, Side
from crossmargin.domain.arithmetic import EXACT, ZERO
from crossmargin.domain.ledger import PositionKey
from crossmargin.engine.scenario import Story, play
from crossmargin.engine.settle import close

D = Decimal
X = "ETH-USDT-SWAP"


@scenario
def test_a_step_of_an_isolated_position_leaves_its_margin_where_it_is(story: Story) -> None:
    """
    rule     step_rule next_lower_tier
    tiers    ETH-USDT-SWAP 8:0.005 0.02
    deposit  ann 10000 USDT
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 20 isolated
    trade    ann +10 ben ETH-USDT-SWAP @ 1000 isolated    # margin 500
    bid      cat 10 ETH-USDT-SWAP @ 968
    mark     ETH-USDT-SWAP 968                            # 500 - 320 = 180 < 9,680 x 2 % = 193.6: down to the tier of 8
    expect   events liquidation_started liquidation_fill liquidation_ended
    expect   ann position ETH-USDT-SWAP +8 @ 1000 isolated
    expect   ann margin ETH-USDT-SWAP long 436            # 2 sold at a loss of 64
    expect   ann balance 9500 USDT                        # nothing came back, nothing was taken
    """
    assert [each.contracts for each in story.last if isinstance(each, e.LiquidationFill)] == [2]


@scenario
def test_closing_an_isolated_position_pays_no_more_fee_than_is_left(story: Story) -> None:
    """
    fees     ETH-USDT-SWAP 0 0.01                         # makers pay 1 %
    deposit  ann 1000 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 100 isolated
    trade    ann +10 ben ETH-USDT-SWAP @ 1000 isolated    # margin 100; ben pays 100
    ask      ann 10 ETH-USDT-SWAP @ 996 isolated reduce
    bid      ben 10 ETH-USDT-SWAP @ 996                   # 40 are lost; 60 are left, and the fee would be 99.6
    expect   events filled
    expect   no deficit_covered
    expect   ann flat
    expect   ann balance 900 USDT
    expect   cell fees 160 USDT
    """
    assert story.engine.state.cells["USDT"].get("margin/ann/ETH-USDT-SWAP/long/isolated") is None


ISOLATED = """
deposit  ann 1000 USDT
deposit  ben 100000 USDT
leverage ann ETH-USDT-SWAP 100 isolated
trade    ann +10 ben ETH-USDT-SWAP @ 1000 isolated
"""


@pytest.mark.parametrize(
    ("value", "uncovered", "margin"), [("4850", "50", "100"), ("4920", "0", "80"), ("4980", "0", "50")]
)
def test_a_part_takes_the_margin_that_it_lost_and_no_more(value: str, uncovered: str, margin: str) -> None:
    """Half of 10 at 1,000 with a margin of 100: 50 are released, a loss above that draws on the rest, then on nobody's.

    150 lost: all 100, and 50 uncovered. 80 lost: 50 and 30 of the rest. 20 lost: the 50 released, 30 come back.
    """
    state = play(ISOLATED).engine.state
    held = state.held(PositionKey("ann", X, Side.LONG, MarginMode.ISOLATED))
    assert held is not None
    with localcontext(EXACT):
        effect = close(state, held, contracts=D(5), value=D(value))
    taken = sum((each.amount for each in effect.transfers if each.debit.startswith("margin/")), ZERO)
    assert (effect.uncovered, taken) == (D(uncovered), D(margin))


def test_the_margin_of_an_isolated_position_is_rounded_up() -> None:
    """0.01 at 1,000.00001 with leverage 3: 3.33333336666... is put aside as 3.33333337."""
    text = "deposit ann 1000 USDT\ndeposit ben 1000 USDT\nleverage ann ETH-USDT-SWAP 3 isolated\n"
    story = play(text + "trade ann +0.01 ben ETH-USDT-SWAP @ 1000.00001 isolated")
    assert story.engine.state.cells["USDT"][f"margin/ann/{X}/long/isolated"] == D("3.33333337")


@scenario
def test_a_position_keeps_its_leverage_and_its_age(story: Story) -> None:
    """
    deposit  ann 1000 USDT
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 10 isolated
    trade    ann +1 ben ETH-USDT-SWAP @ 1000 isolated     # margin 100
    trade    cat +1 ben ETH-USDT-SWAP @ 1000
    trade    ann +1 ben ETH-USDT-SWAP @ 1000 isolated     # and 100 more
    expect   ann margin ETH-USDT-SWAP long 200
    """
    owners = story.engine.state.owners
    (mine,), (other,) = owners["ann"].positions.values(), owners["cat"].positions.values()
    assert mine.leverage == 10
    assert mine.opened < other.opened


@scenario
def test_own_closing_orders_go_before_a_part_is_sold(story: Story) -> None:
    """
    rule     step_rule next_lower_tier
    tiers    ETH-USDT-SWAP 8:0.005 0.02
    deposit  ann 500 USDT
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 50
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    ask      ann 2 ETH-USDT-SWAP @ 1050 reduce
    bid      cat 10 ETH-USDT-SWAP @ 968
    mark     ETH-USDT-SWAP 968                            # 180 < 193.6: 2 are sold, and 8 could still be reduced by 2
    expect   events liquidation_step order_cancelled liquidation_fill
    expect   ann position ETH-USDT-SWAP +8
    expect   ann orders 0
    """
    assert [each.why for each in story.last if isinstance(each, e.OrderCancelled)] == ["liquidation"]


@scenario
def test_what_rounding_leaves_to_a_bankrupt_account_goes_to_the_fund(story: Story) -> None:
    """
    deposit  ann 100 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    leverage ann BTC-USDT-SWAP 100
    trade    ann +3 ben ETH-USDT-SWAP @ 1000
    trade    ann +0.07 ben BTC-USDT-SWAP @ 50000
    mark     ETH-USDT-SWAP 900       # -200, shared as 13.5 to 17.5: values 2,787.0967742 and 3,612.90322581, rounded up
    expect   ann flat
    expect   ann balance 0 USDT
    expect   fund USDT 0.00000001 USDT
    """
    assert story.engine.state.cash("ben", "USDT") == D("100099.99999999")


@scenario
def test_the_charge_of_one_leg_leaves_the_share_of_the_others(story: Story) -> None:
    """
    rule     penalty flat
    rule     penalty_rate 0.01
    deposit  ann 500 USDT
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    leverage ann BTC-USDT-SWAP 100
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    trade    ann +0.2 ben BTC-USDT-SWAP @ 50000
    bid      cat 0.2 BTC-USDT-SWAP @ 50000
    bid      cat 10 ETH-USDT-SWAP @ 958
    mark     ETH-USDT-SWAP 958       # 80 left, shared as 47.9 to 50; BTC first: 1 % would be 100, its share is 40.858
    expect   ann flat
    expect   ann balance 0 USDT
    expect   fund USDT 80 USDT
    """
    fees = [each.fee for each in story.last if isinstance(each, e.LiquidationFill)]
    assert fees == [D("40.85801838"), D("39.14198162")]
