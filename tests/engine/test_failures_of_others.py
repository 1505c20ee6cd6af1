"""Failures that other engines have had, as stories in which ours does not have them; numbered as on the page."""

from decimal import Decimal

from tests.engine.stories import scenario

from crossmargin.domain import event as e
from crossmargin.engine.scenario import Story

D = Decimal


@scenario
def test_debt_is_negative_equity_and_not_negative_cash(story: Story) -> None:
    """
    insurance USDT 1000 USDT                         # 3, 39
    deposit  ann 600 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 20
    leverage ann BTC-USDT-SWAP 20
    trade    ann +5 ben ETH-USDT-SWAP @ 1000
    trade    ann +0.1 ben BTC-USDT-SWAP @ 50000
    mark     BTC-USDT-SWAP 60000                     # 1,000 gained, not realised
    mark     ETH-USDT-SWAP 850
    bid      ben 5 ETH-USDT-SWAP @ 850
    close    ann ETH-USDT-SWAP long                  # 750 lost: cash is -150, equity 850
    expect   ann balance -150 USDT
    expect   ann equity 850 USDT
    expect   no deficit_covered liquidation_started
    expect   fund USDT 1000 USDT
    """
    assert story.engine.state.assessment("ann").currencies["USDT"].floating_pnl == 1000


@scenario
def test_a_fund_pays_in_its_own_currency_only(story: Story) -> None:
    """
    rulebook okx                                     # 8
    rule     insurance_scope currency
    tiers    BTC-USD-SWAP 0.005
    fees     BTC-USD-SWAP 0 0
    insurance USDT 1000000 USDT
    deposit  ann 0.05 BTC
    deposit  ben 100 BTC
    leverage ann BTC-USD-SWAP 50
    leverage ben BTC-USD-SWAP 5
    trade    ann +1000 ben BTC-USD-SWAP @ 50000      # 100,000 USD: 2 BTC on 0.05
    mark     BTC-USD-SWAP 48000                      # 0.083 lost: 0.033 are missing, and no fund has bitcoin
    expect   events liquidation_started deleveraged
    expect   ann flat
    expect   fund USDT 1000000 USDT
    """
    assert {each.trigger for each in story.last if isinstance(each, e.Deleveraged)} == {"fund_exhausted"}


@scenario
def test_the_smallest_shortfall_still_closes_a_lot(story: Story) -> None:
    """
    rule     step_rule smallest_cut                  # 14
    instrument ETH-USDT-SWAP lot_size=1
    deposit  ann 154.25 USDT
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    bid      cat 10 ETH-USDT-SWAP @ 989.5
    mark     ETH-USDT-SWAP 989.5                     # 154.25 - 105 = 49.25 against 49.475; 9 need 1.1 x 44.53 = 48.98
    expect   ann position ETH-USDT-SWAP +9
    """
    assert [each.contracts for each in story.last if isinstance(each, e.LiquidationStep)] == [1]


@scenario
def test_a_refused_amendment_leaves_the_order_and_its_place(story: Story) -> None:
    """
    deposit  ann 100 USDT                            # 31
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 10
    mark     ETH-USDT-SWAP 1000
    bid      ann 1 ETH-USDT-SWAP @ 990 id=a
    bid      ben 1 ETH-USDT-SWAP @ 990
    amend    ann a size=50                           # 49,500 / 10 is far more than 100
    expect   refused insufficient_margin
    expect   ann orders 1
    ask      cat 1 ETH-USDT-SWAP @ 990               # the oldest is still the first
    expect   ann position ETH-USDT-SWAP +1 @ 990
    """
    assert "ben" in {each.account for each in story.engine.state.tickets.values()}


@scenario
def test_margin_is_released_by_size_on_either_side(story: Story) -> None:
    """
    deposit  ann 1000 USDT                           # 33
    deposit  cat 1000 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 10 isolated
    leverage cat ETH-USDT-SWAP 10 isolated
    trade    ann +4 ben ETH-USDT-SWAP @ 1000 isolated
    trade    cat -4 ben ETH-USDT-SWAP @ 1000 isolated
    trade    ann -1 ben ETH-USDT-SWAP @ 1000 isolated
    trade    cat +1 ben ETH-USDT-SWAP @ 1000 isolated
    expect   ann margin ETH-USDT-SWAP long 300
    expect   cat margin ETH-USDT-SWAP short 300
    margin   ann ETH-USDT-SWAP long +50
    margin   ann ETH-USDT-SWAP long -30
    expect   ann margin ETH-USDT-SWAP long 320
    expect   ann balance 680 USDT
    """
    assert story.engine.state.cash("cat", "USDT") == 700


@scenario
def test_what_orders_hold_does_not_leave(story: Story) -> None:
    """
    deposit  ann 1000 USDT                           # 35
    leverage ann ETH-USDT-SWAP 10
    mark     ETH-USDT-SWAP 1000
    bid      ann 1 ETH-USDT-SWAP @ 1000              # holds 100
    withdraw ann 900.01 USDT
    expect   refused insufficient_balance
    withdraw ann 900 USDT
    expect   ann balance 100 USDT
    """
    assert len(story.engine.state.tickets) == 1


@scenario
def test_one_mark_past_several_liquidation_prices_takes_them_in_order(story: Story) -> None:
    """
    insurance USDT 10000 USDT                        # 43, 44
    deposit  ann 300 USDT
    deposit  dan 200 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    leverage dan ETH-USDT-SWAP 100
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    trade    dan +10 ben ETH-USDT-SWAP @ 1000
    mark     ETH-USDT-SWAP 970                       # ann 0, dan -100: the lower ratio first
    expect   events liquidation_started liquidation_ended liquidation_started liquidation_ended
    expect   ann flat
    expect   dan flat
    """
    assert [each.account for each in story.last if isinstance(each, e.LiquidationStarted)] == ["dan", "ann"]


@scenario
def test_cancelling_is_enough_when_it_leads_above_the_trigger(story: Story) -> None:
    """
    rulebook okx                                     # 25
    tiers   ETH-USDT-SWAP 0.01
    instrument ETH-USDT-SWAP contract_value=1
    deposit ann 200 USDT
    deposit ben 100000 USDT
    leverage ann ETH-USDT-SWAP 50
    trade   ann +1 ben ETH-USDT-SWAP @ 1000          # taker fee 0.5
    bid     ann 8 ETH-USDT-SWAP @ 990
    mark    ETH-USDT-SWAP 809.4                      # alone: 8.9 against 809.4 x 1.05 % = 8.4987, ratio 1.047
    expect  events liquidation_started order_cancelled liquidation_ended
    expect  no liquidation_step                      # although selling would go on up to 1.1
    expect  ann position ETH-USDT-SWAP +1
    """
    assert story.engine.state.assessment("ann").cross["USDT"].ratio is not None
