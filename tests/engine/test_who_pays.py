"""Who is asked, passed over, or pays in the end, each with its arithmetic; and orders that have to follow positions."""

from decimal import Decimal

from tests.engine.stories import scenario

from crossmargin.domain import event as e
from crossmargin.engine.scenario import Story

D = Decimal


@scenario
def test_a_penalty_by_the_rate_of_the_tier(story: Story) -> None:
    """
    rule     penalty tier_rate
    tiers    ETH-USDT-SWAP 0.02
    instrument ETH-USDT-SWAP taker_fee=0.001
    deposit  ann 510 USDT
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 50
    trade    ann +10 ben ETH-USDT-SWAP @ 1000        # taker fee 10: 500 left
    bid      cat 10 ETH-USDT-SWAP @ 969
    mark     ETH-USDT-SWAP 969                       # 190 < 193.8; 2.1 % of 9,690 would be 203.49
    expect   ann balance 0 USDT
    expect   fund USDT 190 USDT
    """
    assert [each.fee for each in story.last if isinstance(each, e.LiquidationFill)] == [190]


@scenario
def test_a_penalty_that_the_account_can_pay(story: Story) -> None:
    """
    rule     penalty tier_rate
    rule     step_rule smallest_cut
    tiers    ETH-USDT-SWAP 0.02
    instrument ETH-USDT-SWAP taker_fee=0.001 lot_size=1
    deposit  ann 510 USDT
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 50
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    bid      cat 10 ETH-USDT-SWAP @ 969
    mark     ETH-USDT-SWAP 969                       # 190 for 8 of 1.1 x 155.04 = 170.5; 2 sold: 1,938 x 2.1 % = 40.698
    expect   events liquidation_step liquidation_fill
    """
    first = next(each for each in story.last if isinstance(each, e.LiquidationFill))
    assert first.contracts in (1, 2)
    assert first.fee == min(first.contracts * 969 * D("0.021"), first.contracts * 19)


@scenario
def test_orders_of_a_maker_follow_the_position_that_a_liquidation_closes(story: Story) -> None:
    """
    insurance USDT 1000 USDT
    deposit  ann 200 USDT
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    trade    cat -3 ben ETH-USDT-SWAP @ 1000
    bid      cat 3 ETH-USDT-SWAP @ 950 reduce
    bid      cat 2 ETH-USDT-SWAP @ 984
    mark     ETH-USDT-SWAP 984                       # 2 of ann's go to cat, whose short is 1 then
    expect   events liquidation_fill order_shrunk
    expect   cat position ETH-USDT-SWAP -1
    """
    assert [each.contracts for each in story.last if isinstance(each, e.OrderShrunk)] == [1]


@scenario
def test_closing_orders_follow_legs_that_are_closed_against_each_other(story: Story) -> None:
    """
    deposit  ann 200 USDT
    deposit  ben 100000 USDT
    mode     ann hedge
    leverage ann ETH-USDT-SWAP 50
    leverage ann SOL-USDT-SWAP 50
    trade    ann +2 ben ETH-USDT-SWAP @ 1000
    trade    ann -2 ben ETH-USDT-SWAP @ 1000
    trade    ann +20 ben SOL-USDT-SWAP @ 100
    ask      ann 2 ETH-USDT-SWAP @ 1090 reduce long
    mark     SOL-USDT-SWAP 91                        # 20 left against 20 + 9.1
    expect   events liquidation_step legs_netted order_cancelled
    expect   ann orders 0
    """
    assert [each.why for each in story.last if isinstance(each, e.OrderCancelled)] == ["nothing_to_reduce"]


@scenario
def test_of_two_with_the_same_score_the_older_position_is_first(story: Story) -> None:
    """
    deposit  ann 200 USDT
    deposit  cat 100000 USDT
    deposit  dan 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    mark     ETH-USDT-SWAP 1000
    bid      cat 1 ETH-USDT-SWAP @ 910               # in the book before anybody, but not in a position
    trade    ann +5 dan ETH-USDT-SWAP @ 1000
    trade    ann +5 cat ETH-USDT-SWAP @ 1000
    mark     ETH-USDT-SWAP 900
    expect   events deleveraged deleveraged
    """
    assert [each.victim.account for each in story.last if isinstance(each, e.Deleveraged)] == ["dan", "cat"]


@scenario
def test_a_fund_is_measured_by_its_equity_and_not_by_its_cash(story: Story) -> None:
    """
    insurance USDT 300 USDT
    deposit  ann 200 USDT
    deposit  dan 250 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    leverage dan ETH-USDT-SWAP 100
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    trade    dan +10 ben ETH-USDT-SWAP @ 1000
    mark     ETH-USDT-SWAP 984                       # ann's 10 go to the fund at 980
    expect   events taken_over
    mark     ETH-USDT-SWAP 960                       # the fund: 300 - 200 = 100; dan lacks 150
    expect   events deleveraged
    expect   no taken_over
    expect   fund USDT 300 USDT
    expect   dan balance 0 USDT
    """
    assert [each.trigger for each in story.last if isinstance(each, e.Deleveraged)] == ["fund_exhausted"]


@scenario
def test_who_would_be_ruined_is_passed_over_while_others_are_there(story: Story) -> None:
    """
    deposit  ann 300 USDT
    deposit  cat 300 USDT
    deposit  ben 100000 USDT
    deposit  dan 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    leverage ann BTC-USDT-SWAP 100
    leverage cat ETH-USDT-SWAP 100
    trade    ann +10 cat ETH-USDT-SWAP @ 1000        # cat is the older of two without profit
    trade    dan +10 ben ETH-USDT-SWAP @ 1000
    trade    ann +0.2 ben BTC-USDT-SWAP @ 50000
    mark     BTC-USDT-SWAP 45000                     # -700, shared 50 to 45: ETH at 1,036.84 would cost cat 368
    expect   events liquidation_started deleveraged deleveraged
    expect   ann flat
    expect   ann balance 0 USDT
    expect   cat position ETH-USDT-SWAP -10
    expect   cat balance 300 USDT
    """
    assert {each.victim.account for each in story.last if isinstance(each, e.Deleveraged)} == {"ben"}


@scenario
def test_who_is_alone_is_ruined_and_the_house_pays_the_rest(story: Story) -> None:
    """
    deposit  ann 300 USDT
    deposit  cat 300 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    leverage ann BTC-USDT-SWAP 100
    leverage cat ETH-USDT-SWAP 100
    trade    ann +10 cat ETH-USDT-SWAP @ 1000
    trade    ann +0.2 ben BTC-USDT-SWAP @ 50000
    mark     BTC-USDT-SWAP 45000                     # 700 x 50 / 95 = 368.42105264 for 300 that cat has
    expect   events liquidation_started deleveraged deficit_covered
    expect   cat flat
    expect   cat balance 0 USDT
    """
    paid = [each for each in story.last if isinstance(each, e.DeficitCovered)]
    assert {each.account for each in paid} == {"cat"}
    assert D("68.421052") < sum(each.amount for each in paid if each.by == "house") < D("68.421053")


@scenario
def test_where_nobody_is_left_in_the_ranking_the_house_stands_behind_the_fund(story: Story) -> None:
    """
    insurance USDT 10 USDT
    deposit  ann 300 USDT
    deposit  dan 100 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    leverage ann BTC-USDT-SWAP 100
    leverage dan ETH-USDT-SWAP 100
    trade    ann +10 dan ETH-USDT-SWAP @ 1000
    trade    ann +0.2 ben BTC-USDT-SWAP @ 50000
    mark     ETH-USDT-SWAP 1009                      # dan: 10 < 50.45; the fund is the only short now, at 1,010
    expect   events taken_over
    mark     BTC-USDT-SWAP 40000                     # ann: 300 + 90 - 2,000; nobody else is short of ETH
    expect   events taken_over deficit_covered
    expect   ann flat
    expect   ann balance 0 USDT
    """
    paid = [(each.account, each.by) for each in story.last if isinstance(each, e.DeficitCovered)]
    assert paid == [("insurance:USDT", "house")]


@scenario
def test_orders_of_a_victim_follow_its_position(story: Story) -> None:
    """
    deposit  ann 200 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    bid      ben 4 ETH-USDT-SWAP @ 901 reduce
    mark     ETH-USDT-SWAP 900
    expect   events deleveraged order_cancelled
    expect   ben flat
    expect   ben orders 0
    """
    assert not story.engine.state.tickets


@scenario
def test_the_bankruptcy_price_of_an_inverse_contract(story: Story) -> None:
    """
    rulebook okx
    tiers    BTC-USD-SWAP 0.005
    fees     BTC-USD-SWAP 0 0
    deposit  ann 0.06 BTC
    deposit  ben 100 BTC
    leverage ann BTC-USD-SWAP 50
    trade    ann +1000 ben BTC-USD-SWAP @ 50000      # 100,000 USD for 2 BTC: used up when they cost 2.06
    mark     BTC-USD-SWAP 48600
    expect   events liquidation_started
    expect   ann balance 0 BTC
    """
    started = next(each for each in story.last if isinstance(each, e.LiquidationStarted))
    assert list(started.bankruptcy.values()) == [D("48543.7")]  # 100,000 / 2.06 = 48,543.689, on the tick above


@scenario
def test_a_short_that_would_have_to_be_closed_below_nothing(story: Story) -> None:
    """
    deposit  ann 300 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    leverage ann BTC-USDT-SWAP 100
    trade    ann -1 ben ETH-USDT-SWAP @ 1000
    trade    ann +0.2 ben BTC-USDT-SWAP @ 50000
    mark     BTC-USDT-SWAP 20000                     # -5,700, shared 5 to 20: ETH would be bought at 1,000 - 1,140
    expect   events deleveraged deleveraged deficit_covered
    expect   ann flat
    expect   ann balance 0 USDT
    """
    values = {each.position.instrument: each.value for each in story.last if isinstance(each, e.Deleveraged)}
    assert values == {"ETH-USDT-SWAP": D("0.00000001"), "BTC-USDT-SWAP": D(8560)}
    paid = [(each.account, each.by, each.amount) for each in story.last if isinstance(each, e.DeficitCovered)]
    assert paid == [("ann", "house", D("140.00000001"))]
