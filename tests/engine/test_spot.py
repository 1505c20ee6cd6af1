"""Spot: coins against money, without a position. Each docstring is a story that is played."""

from decimal import Decimal

import pytest
from tests.engine.stories import scenario

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import OrderSide, OrderType
from crossmargin.engine.engine import Engine
from crossmargin.engine.scenario import Story
from crossmargin.errors import InputError
from crossmargin.rulebook import load

D = Decimal


@scenario
def test_coins_change_hands_and_fees_are_in_what_is_received(story: Story) -> None:
    """
    rulebook okx                                    # taker 0.1 %, maker 0.08 %
    deposit ann 10000 USDT
    deposit ben 1 BTC
    mark    BTC-USDT 50000
    ask     ben 0.1 BTC-USDT @ 50000 spot
    bid     ann 0.1 BTC-USDT @ 50000 spot
    expect  events order_accepted filled
    expect  ann balance 5000 USDT
    expect  ann balance 0.0999 BTC                  # 0.1 less 0.1 %
    expect  ben balance 0.9 BTC
    expect  ben balance 4996 USDT                   # 5,000 less 0.08 %
    expect  cell fees 0.0001 BTC
    expect  cell fees 4 USDT
    expect  ann flat
    mark    BTC-USDT 1                              # nothing is owed, so nobody is liquidated
    expect  no warned liquidation_started
    """
    assert not story.engine.state.open_interest


@scenario
def test_orders_hold_what_they_give_away(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=spot
    deposit  ann 1000 USDT
    deposit  ben 3 ETH
    mark     ETH-USDT 600
    ask      ann 1 ETH-USDT @ 600 spot
    expect   refused insufficient_balance           # no ETH
    bid      ann 1 ETH-USDT @ 600 spot
    bid      ann 1 ETH-USDT @ 600 spot
    expect   refused insufficient_balance           # 400 are left
    withdraw ann 401 USDT
    expect   refused insufficient_balance
    withdraw ann 400 USDT
    ask      ben 2 ETH-USDT @ 610 spot
    amend    ben o2 size=3
    amend    ben o2 size=3.1
    expect   refused insufficient_balance
    cancel   ann o1
    bid      ann 1 ETH-USDT @ 600 spot
    expect   events order_accepted order_rested
    """
    assert story.engine.state.assessment("ann").currencies["USDT"].available_balance == 0


@scenario
def test_gains_that_are_not_realised_buy_no_coins(story: Story) -> None:
    """
    rule     available_balance with_gains
    instrument ETH-USDT like=ETH-USDT-SWAP kind=spot
    deposit  ann 1000 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 10
    trade    ann +1 ben ETH-USDT-SWAP @ 1000
    mark     ETH-USDT-SWAP 1500                     # free: 1,000 + 500 - 150 of margin
    mark     ETH-USDT 1000
    bid      ann 1.2 ETH-USDT @ 1000 spot
    expect   refused insufficient_balance           # 1,350 are free, 1,000 are there
    bid      ann 1 ETH-USDT @ 1000 spot
    expect   events order_accepted order_rested
    """
    assert len(story.engine.state.owners["ann"].orders) == 1


@scenario
def test_who_cannot_pay_is_passed_over(story: Story) -> None:
    """
    rule     available_balance with_gains
    instrument ETH-USDT like=ETH-USDT-SWAP kind=spot
    deposit  ann 1000 USDT
    deposit  ben 100000 USDT
    deposit  ben 1 ETH
    leverage ann ETH-USDT-SWAP 10
    trade    ann +1 ben ETH-USDT-SWAP @ 1000
    mark     ETH-USDT-SWAP 1500
    mark     ETH-USDT 1000
    bid      ann 1 ETH-USDT @ 1000 spot
    funding  ETH-USDT-SWAP 0.01                     # ann pays 15 and has 985
    ask      ben 1 ETH-USDT @ 1000 fok spot
    expect   refused not_fillable
    ask      ben 1 ETH-USDT @ 1000 spot
    expect   events order_accepted order_cancelled order_rested
    expect   ann balance 985 USDT
    expect   ann orders 0
    """
    assert [each.why for each in story.last if isinstance(each, e.OrderCancelled)] == ["insufficient_balance"]


@scenario
def test_a_purchase_may_say_what_it_spends(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=spot
    deposit ann 10000 USDT
    deposit ben 10 ETH
    mark    ETH-USDT 1000
    ask     ben 1 ETH-USDT @ 1000 spot
    ask     ben 1 ETH-USDT @ 1010 spot
    bid     ann 0 ETH-USDT @ market spend=1505 spot  # 1 for 1,000, and 0.5 for the 505 that are left
    expect  ann balance 1.5 ETH
    expect  ann balance 8495 USDT
    bid     ann 0 ETH-USDT @ market spend=1525 spot  # 0.5 for 505; 1,020 / 1,000 find nobody
    expect  events order_accepted filled order_cancelled
    expect  ann balance 2 ETH
    expect  ann balance 7990 USDT
    bid     ann 1 ETH-USDT @ 1000 spend=5 spot
    expect  refused order_incomplete
    ask     ben 0 ETH-USDT @ market spend=5 spot
    expect  refused order_incomplete
    bid     ann 0 ETH-USDT @ market spend=9000 spot
    expect  refused insufficient_balance
    """
    accepted = [
        each.ticket for outcome in story.outcomes for each in outcome.events if isinstance(each, e.OrderAccepted)
    ]
    assert [each.order.contracts for each in accepted[2:]] == [D("1.5"), D("1.52")]


@scenario
def test_each_product_has_its_mode(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=spot
    deposit  ann 10000 USDT
    mark     ETH-USDT 1000
    mark     ETH-USDT-SWAP 1000
    bid      ann 1 ETH-USDT @ 1000
    expect   refused mode_not_offered
    bid      ann 1 ETH-USDT-SWAP @ 1000 spot
    expect   refused mode_not_offered
    bid      ann 1 ETH-USDT @ 1000 spot sl=900
    expect   refused order_incomplete               # stops come with positions
    ask      ann 1 ETH-USDT @ 1000 spot reduce
    expect   refused reduce_only_would_open
    leverage ann ETH-USDT 5
    expect   refused mode_not_offered
    mode     ann hedge
    bid      ann 1 ETH-USDT @ 1000 spot             # in hedge mode too a coin has no side
    expect   events order_rested
    """
    assert story.engine.state.assessment("ann").currencies["USDT"].in_use == 1000


@scenario
def test_a_stop_sells_coins_if_they_are_still_there(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=spot
    deposit  ann 2 ETH
    deposit  ben 10000 USDT
    mark     ETH-USDT 1000
    bid      ben 3 ETH-USDT @ 960 spot
    ask      ann 1 ETH-USDT @ market stop=970 by=mark spot
    ask      ann 2 ETH-USDT @ market stop=965 by=mark spot
    mark     ETH-USDT 970
    expect   events order_triggered filled
    expect   ann balance 960 USDT
    mark     ETH-USDT 965                           # 2 are to be sold, 1 is there
    expect   events order_cancelled
    expect   ann balance 1 ETH
    """
    assert not story.engine.state.owners["ann"].orders


@scenario
def test_coins_that_back_a_position_are_not_sold(story: Story) -> None:
    """
    rulebook okx
    tiers    BTC-USD-SWAP 0.005
    fees     BTC-USD-SWAP 0 0
    fees     BTC-USDT 0 0
    deposit  ann 1 BTC
    deposit  ben 10 BTC
    leverage ann BTC-USD-SWAP 10
    trade    ann -2000 ben BTC-USD-SWAP @ 50000      # 200,000 USD of face: 4 BTC, margin 0.4
    mark     BTC-USDT 50000
    ask      ann 0.61 BTC-USDT @ 50000 spot
    expect   refused insufficient_balance
    ask      ann 0.6 BTC-USDT @ 50000 spot
    expect   events order_rested
    deposit  ben 100000 USDT
    bid      ben 0.6 BTC-USDT @ 50000 spot
    expect   ann balance 0.4 BTC
    expect   ann balance 30000 USDT
    expect   ann equity 0.4 BTC
    """
    assert story.engine.state.held(next(iter(story.engine.state.owners["ann"].positions))) is not None


@scenario
def test_a_size_that_no_coin_has_is_refused(story: Story) -> None:
    """
    rulebook okx
    deposit ann 1 BTC
    mark    BTC-USDT 50000
    ask     ann 0.000000001 BTC-USDT @ 50000 spot
    expect  refused size_off_lot
    """
    assert not story.engine.state.tickets


def test_an_order_without_any_size_is_an_error_at_the_door() -> None:
    """Neither contracts nor an amount to spend: no command at all."""
    engine = Engine(load("textbook"))
    with pytest.raises(InputError, match="contracts"):
        engine.submit(c.PlaceOrder(account="ann", instrument="X", side=OrderSide.BUY, type=OrderType.MARKET))
    with pytest.raises(InputError, match="quote_size"):
        engine.submit(c.PlaceOrder(account="ann", instrument="X", side=OrderSide.BUY, quote_size=D(-1)))
