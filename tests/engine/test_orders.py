"""Orders in the field's words: each docstring is a story that is played."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from tests.engine.stories import scenario

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import OrderSide
from crossmargin.domain.refusal import RejectReason
from crossmargin.engine.engine import Engine
from crossmargin.engine.scenario import Story, play
from crossmargin.errors import InputError
from crossmargin.rulebook import load

D = Decimal


@scenario
def test_a_limit_order_takes_the_best_price_first_then_the_oldest(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    deposit cat 100000 USDT
    mark   ETH-USDT-SWAP 1000
    ask    ben 1 ETH-USDT-SWAP @ 1002
    ask    ben 1 ETH-USDT-SWAP @ 1001
    ask    cat 1 ETH-USDT-SWAP @ 1001
    bid    ann 2.5 ETH-USDT-SWAP @ 1002        # ben 1 @ 1001, cat 1 @ 1001, ben 0.5 @ 1002
    expect ann position ETH-USDT-SWAP +2.5 @ 1001.2
    expect ben orders 1
    expect cat position ETH-USDT-SWAP -1 @ 1001
    """
    fills = [each for each in story.outcomes[-1].events if isinstance(each, e.Filled)]
    assert [(each.maker_account, each.contracts, each.price) for each in fills] == [
        ("ben", D(1), D(1001)),
        ("cat", D(1), D(1001)),
        ("ben", D("0.5"), D(1002)),
    ]


@scenario
def test_a_band_may_hold_on_one_side_only(story: Story) -> None:
    """
    rule price_band 0.05
    rule band_refuses worse_than_mark
    deposit ann 100000 USDT
    mark   ETH-USDT-SWAP 1000
    bid    ann 1 ETH-USDT-SWAP @ 900           # far below the mark: no trade there can hurt who buys
    expect events order_accepted order_rested
    bid    ann 1 ETH-USDT-SWAP @ 1051
    expect refused price_outside_band
    ask    ann 1 ETH-USDT-SWAP @ 1100
    expect events order_accepted order_rested
    ask    ann 1 ETH-USDT-SWAP @ 949
    expect refused price_outside_band
    """
    assert story.engine.state.books["ETH-USDT-SWAP"].depth(OrderSide.SELL) == [(D(1100), D(1))]


@scenario
def test_an_order_beyond_cap_and_margin_is_refused_as_the_venue_says(story: Story) -> None:
    """
    rule told_first margin
    tiers  ETH-USDT-SWAP 10:0.01
    deposit ann 1000 USDT
    mark   ETH-USDT-SWAP 1000
    bid    ann 20 ETH-USDT-SWAP @ 1000
    expect refused insufficient_margin
    deposit ann 100000 USDT
    bid    ann 20 ETH-USDT-SWAP @ 1000
    expect refused position_cap
    """
    assert story.engine.state.owners["ann"].orders == {}


@scenario
def test_a_venue_may_take_what_the_book_cannot_serve_and_cancel_it(story: Story) -> None:
    """
    rule unservable_orders cancelled
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    mark   ETH-USDT-SWAP 1000
    ask    ben 1 ETH-USDT-SWAP @ 1001
    bid    ann 1 ETH-USDT-SWAP @ 1002 post_only
    expect events order_accepted order_cancelled
    bid    ann 2 ETH-USDT-SWAP @ 1002 fok      # ben has 1
    expect events order_accepted order_cancelled
    expect ann orders 0
    expect ann flat
    expect ben orders 1
    """
    ends = [each for outcome in story.outcomes for each in outcome.events if isinstance(each, e.OrderCancelled)]
    assert [each.why for each in ends] == ["would_take", "not_fillable"]


@scenario
def test_the_rest_of_a_limit_order_rests_and_that_of_an_ioc_does_not(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    ask    ben 1 ETH-USDT-SWAP @ 1000
    bid    ann 3 ETH-USDT-SWAP @ 1000 ioc
    expect events order_accepted filled order_cancelled
    expect ann orders 0
    ask    ben 1 ETH-USDT-SWAP @ 1000
    bid    ann 3 ETH-USDT-SWAP @ 1000
    expect events order_accepted filled order_rested
    expect ann orders 1
    """
    assert story.engine.state.books["ETH-USDT-SWAP"].depth(OrderSide.BUY) == [(D(1000), D(2))]


@scenario
def test_fill_or_kill_post_only_and_own_orders(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    ask    ben 1 ETH-USDT-SWAP @ 1000
    bid    ann 2 ETH-USDT-SWAP @ 1000 fok
    expect refused not_fillable
    bid    ann 1 ETH-USDT-SWAP @ 1000 post_only
    expect refused would_take
    ask    ann 1 ETH-USDT-SWAP @ 999
    bid    ann 2 ETH-USDT-SWAP @ 1000           # its own order at 999 is cancelled, then ben's is met
    expect events order_accepted order_cancelled filled order_rested
    expect ann position ETH-USDT-SWAP +1 @ 1000
    """
    assert isinstance(story.last[1], e.OrderCancelled)
    assert story.last[1].why == "self_trade"


@scenario
def test_reduce_only_shrinks_with_the_position_and_never_turns_it(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    ask    ann 1 ETH-USDT-SWAP @ 1000 reduce
    expect refused reduce_only_would_open
    trade  ann +5 ben ETH-USDT-SWAP @ 1000
    ask    ann 4 ETH-USDT-SWAP @ 1010 reduce
    ask    ann 4 ETH-USDT-SWAP @ 1020 reduce    # only 1 of 5 is left to reduce
    expect ann orders 2
    trade  ann -2 ben ETH-USDT-SWAP @ 1000      # 3 left: the younger order goes, the older keeps 3
    expect ann orders 1
    ask    ann 9 ETH-USDT-SWAP @ 1000 reduce
    expect refused reduce_only_would_open       # the live one covers all 3
    """
    rest = next(iter(story.engine.state.owners["ann"].orders.values())).order
    assert rest.remaining == 3


@scenario
def test_an_amended_order_keeps_its_place_only_when_it_shrinks(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    deposit cat 100000 USDT
    ask    ben 2 ETH-USDT-SWAP @ 1000 id=b
    ask    cat 2 ETH-USDT-SWAP @ 1000 id=c
    amend  ben b size=1                          # keeps its place
    bid    ann 1 ETH-USDT-SWAP @ 1000
    expect ben orders 0
    ask    ben 1 ETH-USDT-SWAP @ 1000 id=d
    amend  cat c size=5                          # larger: behind ben
    bid    ann 1 ETH-USDT-SWAP @ 1000
    expect ben orders 0
    amend  cat nobody size=1
    expect refused unknown_order
    """
    kept = [each.kept for outcome in story.outcomes for each in outcome.events if isinstance(each, e.OrderAmended)]
    assert kept == [True, False]


@scenario
def test_a_client_id_counts_once(story: Story) -> None:
    """
    deposit ann 100000 USDT
    bid    ann 1 ETH-USDT-SWAP @ 1000 id=x
    bid    ann 1 ETH-USDT-SWAP @ 1000 id=x
    expect events repeated
    expect ann orders 1
    bid    ann 2 ETH-USDT-SWAP @ 1000 id=x
    expect refused duplicate_id
    cancel ann x
    cancel ann x
    expect refused unknown_order
    """
    repeated = [each for outcome in story.outcomes for each in outcome.events if isinstance(each, e.Repeated)]
    assert [each.order for each in repeated] == ["o1"]


@scenario
def test_waiting_orders_fire_on_mark_or_last(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    trade  ann +2 ben ETH-USDT-SWAP @ 1000
    bid    ben 5 ETH-USDT-SWAP @ 960
    ask    ann 1 ETH-USDT-SWAP @ market reduce stop=970 by=mark
    expect ann position ETH-USDT-SWAP +2
    mark   ETH-USDT-SWAP 980
    expect no order_triggered
    mark   ETH-USDT-SWAP 970
    expect events mark_set order_triggered filled
    expect ann position ETH-USDT-SWAP +1
    ask    ann 1 ETH-USDT-SWAP @ market reduce distance=15 by=mark
    mark   ETH-USDT-SWAP 990
    expect events order_trailed
    mark   ETH-USDT-SWAP 975
    expect events order_triggered filled
    expect ann flat
    """
    assert story.engine.state.cash("ann", "USDT") == D(100000) - 2 * 40  # both sold at 960, bought at 1000


@scenario
def test_the_dead_mans_timer_cancels_everything(story: Story) -> None:
    """
    deposit ann 100000 USDT
    bid    ann 1 ETH-USDT-SWAP @ 1000
    timer  ann 5000
    time   4999
    expect ann orders 1
    time   5000
    expect events timer_set order_cancelled time_passed
    expect ann orders 0
    """
    assert story.engine.state.owners["ann"].timer == 0


@scenario
def test_close_one_and_close_all(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    trade  ann +2 ben ETH-USDT-SWAP @ 1000
    trade  ann -1 ben BTC-USDT-SWAP @ 50000
    ask    ann 1 ETH-USDT-SWAP @ 1050 reduce
    bid    ben 5 ETH-USDT-SWAP @ 1000
    ask    ben 1 BTC-USDT-SWAP @ 50000
    close  ann ETH-USDT-SWAP long                # the reduce-only order makes way
    expect ann position BTC-USDT-SWAP -1
    close  ann ETH-USDT-SWAP long
    expect refused unknown_position
    close  ann all
    expect ann flat
    expect ann balance 100000 USDT
    """
    assert not story.engine.state.owners["ann"].orders


@scenario
def test_the_kill_switch_leaves_only_closing(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    trade   ann +2 ben ETH-USDT-SWAP @ 1000
    bid     ben 5 ETH-USDT-SWAP @ 990
    trading off
    expect  events trading_switched order_cancelled
    bid     ben 5 ETH-USDT-SWAP @ 990
    expect  refused trading_stopped
    bid     ben 2 ETH-USDT-SWAP @ 1000 reduce    # ben is short: this closes
    close   ann ETH-USDT-SWAP long
    expect  ann flat
    trading on
    bid     ben 1 ETH-USDT-SWAP @ 990
    expect  ben orders 1
    """
    assert not story.engine.state.stopped


@scenario
def test_prices_have_bands_ticks_and_caps(story: Story) -> None:
    """
    instrument ETH-USDT-SWAP tick_size=0.5 lot_size=0.1 min_size=0.2
    deposit ann 100000 USDT
    list   ETH-USDT-SWAP cap=3
    expect events instrument_listed
    mark   ETH-USDT-SWAP 1000
    bid    ann 1 ETH-USDT-SWAP @ 999.7
    expect refused price_off_tick
    bid    ann 1 ETH-USDT-SWAP @ 899.5            # the textbook band is 10 %: 900 is the edge
    expect refused price_outside_band
    bid    ann 1.05 ETH-USDT-SWAP @ 1000
    expect refused size_off_lot
    bid    ann 0.1 ETH-USDT-SWAP @ 1000
    expect refused size_below_minimum
    bid    ann 3.1 ETH-USDT-SWAP @ 1000
    expect refused open_interest_cap
    bid    ann 1 BTC-USDT-SWAP @ 1000
    prices BTC-USDT-SWAP stale
    bid    ann 1 BTC-USDT-SWAP @ 1000
    expect refused price_not_healthy
    """
    assert len(story.engine.state.tickets) == 1


@scenario
def test_a_resting_order_that_the_mark_left_behind_is_not_met(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    ask    ben 1 ETH-USDT-SWAP @ 1000
    mark   ETH-USDT-SWAP 1200                     # the band is now 1080 to 1320
    bid    ann 1 ETH-USDT-SWAP @ 1200
    expect events order_accepted order_cancelled order_rested
    expect ann flat
    """
    assert isinstance(story.last[1], e.OrderCancelled)
    assert story.last[1].why == "price_outside_band"


@scenario
def test_margin_is_asked_as_if_the_order_were_filled(story: Story) -> None:
    """
    deposit ann 100 USDT
    deposit ben 100000 USDT
    leverage ann ETH-USDT-SWAP 10
    expect events leverage_set
    mark   ETH-USDT-SWAP 1000
    bid    ann 1.1 ETH-USDT-SWAP @ 1000            # 1,100 / 10 = 110 > 100
    expect refused insufficient_margin
    ask    ben 1 ETH-USDT-SWAP @ 1050
    bid    ann 0.9 ETH-USDT-SWAP @ market          # 90 at mark; filled: 90 of margin, and 45 lost against the mark
    expect refused insufficient_margin
    bid    ann 0.6 ETH-USDT-SWAP @ market          # 60 + 30 = 90
    expect ann position ETH-USDT-SWAP +0.6 @ 1050
    """
    assert story.engine.state.assessment("ann").currencies["USDT"].free_margin == 10


@scenario
def test_fees_are_paid_by_both_and_collected_once(story: Story) -> None:
    """
    fees   ETH-USDT-SWAP 0.0005 -0.0001
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    trade  ann +1 ben ETH-USDT-SWAP @ 1000         # taker pays 0.5, maker is given 0.1
    expect ann balance 99999.5 USDT
    expect ben balance 100000.1 USDT
    expect cell fees 0.4 USDT
    """
    assert story.engine.state.cell("outside", "USDT") == -200000


@scenario
def test_money_moves_by_reference_once(story: Story) -> None:
    """
    deposit  ann 100 USDT r1
    deposit  ann 100 USDT r1
    expect   events repeated
    deposit  ann 200 USDT r1
    expect   refused duplicate_id
    send     ann ben 10 USDT
    expect   refused unknown_account
    deposit  ben 1 USDT
    send     ann ben 40 USDT
    withdraw ann 61 USDT
    expect   refused insufficient_balance
    withdraw ann 60 USDT
    expect   ann balance 0 USDT
    expect   ben balance 41 USDT
    """
    assert story.engine.state.cell("outside", "USDT") == -41


@scenario
def test_unrealised_gains_do_not_leave(story: Story) -> None:
    """
    deposit  ann 1000 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 10
    trade    ann +1 ben ETH-USDT-SWAP @ 1000
    mark     ETH-USDT-SWAP 1500                    # gain 500; margin 150
    withdraw ann 851 USDT
    expect   refused insufficient_balance
    withdraw ann 850 USDT
    expect   ann balance 150 USDT
    """
    assert story.engine.state.assessment("ann").currencies["USDT"].equity == 650


@scenario
def test_modes_and_leverage(story: Story) -> None:
    """
    deposit  ann 1000 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 10
    trade    ann +1 ben ETH-USDT-SWAP @ 1000
    mode     ann hedge
    expect   refused mode_in_use
    leverage ann ETH-USDT-SWAP 0.5                  # 1,000 / 0.5 = 2,000 of margin
    expect   refused insufficient_margin
    mode     ann ETH-USDT-SWAP long isolated        # 1,000 / 10 leaves the balance
    expect   ann balance 900 USDT
    expect   ann margin ETH-USDT-SWAP long 100
    margin   ann ETH-USDT-SWAP long +50
    expect   ann margin ETH-USDT-SWAP long 150
    margin   ann ETH-USDT-SWAP long -60             # 50 may go: 100 is the opening margin
    expect   refused margin_not_removable
    leverage ann ETH-USDT-SWAP 5 isolated           # 1,000 / 5 = 200: 50 more
    expect   ann margin ETH-USDT-SWAP long 200
    mode     ann ETH-USDT-SWAP long cross
    expect   ann balance 1000 USDT
    margin   ann ETH-USDT-SWAP long +1
    expect   refused unknown_position
    """
    assert story.engine.state.cells["USDT"].get("margin/ann/ETH-USDT-SWAP/long/isolated") is None


@scenario
def test_hedge_mode_holds_both_sides(story: Story) -> None:
    """
    deposit ann 10000 USDT
    deposit ben 100000 USDT
    mode   ann hedge
    mode   ann hedge
    trade  ann +2 ben ETH-USDT-SWAP @ 1000
    trade  ann -1 ben ETH-USDT-SWAP @ 1010
    expect ann position ETH-USDT-SWAP +2 @ 1000
    expect ann position ETH-USDT-SWAP -1 @ 1010
    bid    ben 5 ETH-USDT-SWAP @ 1000
    close  ann ETH-USDT-SWAP long
    expect ann position ETH-USDT-SWAP -1 @ 1010
    expect ann balance 10000 USDT
    """
    assert story.engine.state.open_interest["ETH-USDT-SWAP"] == 1


@scenario
def test_funding_moves_money_between_the_sides(story: Story) -> None:
    """
    deposit ann 10000 USDT
    deposit ben 10000 USDT
    deposit cat 10000 USDT
    trade   ann +3 ben ETH-USDT-SWAP @ 1000
    trade   cat -1 ben ETH-USDT-SWAP @ 1000 isolated   # ben is short 2 then, cat short 1 with its own margin
    funding ETH-USDT-SWAP 0.001                         # longs pay 1 a contract
    expect  ann balance 9997 USDT
    expect  ben balance 10002 USDT
    expect  cat margin ETH-USDT-SWAP short 1001
    expect  cat balance 9000 USDT
    funding ETH-USDT-SWAP 0.001 period=1
    expect  refused duplicate_id
    prices  ETH-USDT-SWAP frozen
    funding ETH-USDT-SWAP 0.001
    expect  refused price_not_healthy
    """
    assert story.engine.state.cell("rounding", "USDT") == 0


@scenario
def test_an_expired_future_pays_out(story: Story) -> None:
    """
    instrument ETH-USDT-F like=ETH-USDT-SWAP kind=future
    tiers   ETH-USDT-F 0.005
    deposit ann 10000 USDT
    deposit ben 10000 USDT
    trade   ann +3 ben ETH-USDT-F @ 1000
    bid     ann 1 ETH-USDT-F @ 990
    expiry  ETH-USDT-F 1100
    expect  events order_cancelled expiry_settled trading_switched
    expect  ann flat
    expect  ann balance 10300 USDT
    expect  ben balance 9700 USDT
    """
    assert not story.engine.state.tickets


@scenario
def test_inverse_contracts_settle_in_coin(story: Story) -> None:
    """
    rulebook okx
    tiers   BTC-USD-SWAP 0.005
    fees    BTC-USD-SWAP 0 0
    deposit ann 10 BTC
    deposit ben 10 BTC
    leverage ann BTC-USD-SWAP 10
    trade   ann +1000 ben BTC-USD-SWAP @ 50000     # 100,000 USD of face: 2 BTC
    mark    BTC-USD-SWAP 51000
    mark    BTC-USD-SWAP 52000
    bid     ben 1000 BTC-USD-SWAP @ 52000
    close   ann BTC-USD-SWAP long                   # 2 - 100,000 / 52,000 = 0.076923..., down to 1e-8 in value
    expect  ann balance 10.07692308 BTC
    expect  ben balance 9.92307692 BTC
    """
    assert story.engine.state.cell("outside", "BTC") == -20


@scenario
def test_a_rulebook_change_is_a_command(story: Story) -> None:
    """
    deposit ann 1000 USDT
    deposit ben 100000 USDT
    leverage ann BTC-USDT-SWAP 10
    trade   ann +0.1 ben BTC-USDT-SWAP @ 50000
    change  okx
    expect  events rulebook_changed
    change  binance
    expect  refused mode_not_offered
    list    NOSUCH
    expect  refused unknown_instrument
    index   BTC-USDT 50000
    expect  events index_set
    """
    assert story.engine.state.rulebook.venue == "okx"


def broken() -> Iterator[c.Command]:
    """Commands that no engine should ever see."""
    yield c.Deposit(account="ann", currency="USDT", amount=D(0))
    yield c.Deposit(account="ann", currency="USDT", amount=D("-5"))
    yield c.Deposit(account="ann", currency="USDT", amount=D("NaN"))
    yield c.Deposit(account="ann", currency="USDT", amount=D("1E+30"))
    yield c.Deposit(account="ann", currency="USDT", amount=D("0.000000001"))
    yield c.Deposit(account="insurance:USDT", currency="USDT", amount=D(1))
    yield c.Deposit(account="a/b", currency="USDT", amount=D(1))
    yield c.SetMark(instrument="ETH-USDT-SWAP", price=D("Infinity"))
    yield c.SetMark(instrument="ETH-USDT-SWAP", price=D("1.0000000000001"))
    yield c.SettleFunding(instrument="ETH-USDT-SWAP", rate=D(1), period=1)


@pytest.mark.parametrize("command", list(broken()), ids=repr)
def test_what_cannot_be_a_command_changes_nothing(command: c.Command) -> None:
    """A malformed command is an error at the door: no number is used up, the hash stays."""
    engine = Engine(load("textbook"))
    before = engine.digest()
    with pytest.raises(InputError):
        engine.submit(command)
    assert (engine.digest(), engine.sequence) == (before, 0)


def test_a_refused_command_leaves_the_hash() -> None:
    """Unknown account, unknown instrument, incomplete order: three refusals, one hash."""
    story = play("deposit ann 100 USDT\nmark ETH-USDT-SWAP 1000")
    before = story.engine.digest()
    order = c.PlaceOrder(account="ann", instrument="ETH-USDT-SWAP", side=OrderSide.BUY, contracts=D(1))
    for command, reason in (
        (c.CancelAll(account="zoe"), RejectReason.UNKNOWN_ACCOUNT),
        (c.SetMark(instrument="NO-SUCH", price=D(1)), RejectReason.UNKNOWN_INSTRUMENT),
        (order, RejectReason.ORDER_INCOMPLETE),
    ):
        refused = story.engine.submit(command).refused
        assert refused is not None
        assert refused.refusal.reason is reason
        assert story.engine.digest() == before
