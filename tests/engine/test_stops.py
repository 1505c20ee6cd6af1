"""Stops that come with an order, amended triggers, activation prices: each docstring is a story that is played."""

from decimal import Decimal

import pytest
from tests.engine.stories import scenario

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import AttachedStop, OrderSide, OrderType, Trailing
from crossmargin.domain.ledger import Ticket
from crossmargin.engine.engine import Engine
from crossmargin.engine.scenario import Story
from crossmargin.errors import InputError
from crossmargin.rulebook import load

D = Decimal
X = "ETH-USDT-SWAP"


def only(story: Story, account: str) -> Ticket:
    """The one order that an account has."""
    (ticket,) = story.engine.state.owners[account].orders.values()
    return ticket


@scenario
def test_both_stops_come_with_the_fill_as_one_order(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    mark    ETH-USDT-SWAP 1000
    bid     ann 3 ETH-USDT-SWAP @ 1000 sl=950 tp=1100
    expect  ann orders 1                            # nothing waits before anything is filled
    ask     ben 2 ETH-USDT-SWAP @ 1000
    expect  ann orders 1
    ask     ben 1 ETH-USDT-SWAP @ 1000
    expect  events filled order_accepted
    expect  ann orders 1                            # the stop, for all 3
    """
    stop = only(story, "ann")
    assert (stop.parent, stop.state, stop.order.type) == ("o1", "waiting", OrderType.OCO)
    assert (stop.order.side, stop.order.contracts, stop.order.reduce_only) == (OrderSide.SELL, D(3), True)
    assert (stop.order.stop_loss, stop.order.take_profit) == (
        AttachedStop(trigger_price=D(950)),
        AttachedStop(trigger_price=D(1100)),
    )


@scenario
def test_a_cancelled_order_leaves_a_stop_for_what_was_filled(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    ask     ann 5 ETH-USDT-SWAP @ 1000 sl=1050
    bid     ben 2 ETH-USDT-SWAP @ 1000
    cancel  ann o1
    expect  events order_cancelled order_accepted
    bid     ben 4 ETH-USDT-SWAP @ 1040
    ask     ben 4 ETH-USDT-SWAP @ 1049
    mark    ETH-USDT-SWAP 1045 last=1049            # not yet
    expect  ann position ETH-USDT-SWAP -2 @ 1000
    mark    ETH-USDT-SWAP 1050 last=1050            # fires: buys 2 of ben at 1049, and loses 98
    expect  ann flat
    expect  ann balance 99902 USDT
    """
    assert [each.ticket.order.contracts for each in story.last if isinstance(each, e.OrderTriggered)] == [2]


@scenario
def test_a_stop_ends_with_its_position(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    mark    ETH-USDT-SWAP 1000
    bid     ann 2 ETH-USDT-SWAP @ 1000 tp=1100
    ask     ben 2 ETH-USDT-SWAP @ 1000
    expect  ann orders 1
    bid     ben 3 ETH-USDT-SWAP @ 1000
    ask     ann 1 ETH-USDT-SWAP @ 1000
    expect  ann orders 1                            # 1 is left of the position, and the stop stays
    close   ann ETH-USDT-SWAP long
    expect  events filled order_cancelled
    expect  ann orders 0
    """
    gone = [each.why for each in story.last if isinstance(each, e.OrderCancelled)]
    assert gone[0] == "nothing_to_reduce"


@scenario
def test_a_fill_that_only_closes_brings_no_stop(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    trade   ann -5 ben ETH-USDT-SWAP @ 1000
    bid     ann 3 ETH-USDT-SWAP @ 1000 sl=950       # short 2 afterwards: nothing long to stop
    ask     ben 3 ETH-USDT-SWAP @ 1000
    expect  ann orders 0
    bid     ann 3 ETH-USDT-SWAP @ 1000 sl=950       # long 1 afterwards
    ask     ben 3 ETH-USDT-SWAP @ 1000
    """
    assert only(story, "ann").order.contracts == 1


@scenario
def test_a_market_order_that_was_filled_in_part_brings_its_stop(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    ask     ben 1 ETH-USDT-SWAP @ 1000
    bid     ann 4 ETH-USDT-SWAP @ market sl=990 tp=1010
    expect  events order_accepted filled order_cancelled order_accepted
    """
    assert only(story, "ann").order.contracts == 1


@scenario
def test_a_trigger_brings_its_stops_once_it_has_fired_and_filled(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    mark    ETH-USDT-SWAP 1000
    bid     ann 1 ETH-USDT-SWAP @ market trigger=1010 sl=990
    ask     ben 1 ETH-USDT-SWAP @ 1012
    mark    ETH-USDT-SWAP 1010 last=1010
    expect  events order_triggered filled order_accepted
    expect  ann position ETH-USDT-SWAP +1 @ 1012
    """
    assert only(story, "ann").order.type is OrderType.STOP_LOSS


@scenario
def test_the_half_of_an_oco_that_fires_brings_no_other(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    mark    ETH-USDT-SWAP 1000
    bid     ben 1 ETH-USDT-SWAP @ 980
    ask     ann 1 ETH-USDT-SWAP @ market oco=985/1100
    mark    ETH-USDT-SWAP 985 last=985
    expect  events order_triggered filled
    expect  ann position ETH-USDT-SWAP -1 @ 980
    expect  ann orders 0
    """
    assert not any(isinstance(each, e.OrderAccepted) for each in story.last)


@scenario
def test_who_may_carry_stops(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    trade   ann +5 ben ETH-USDT-SWAP @ 1000
    ask     ann 1 ETH-USDT-SWAP @ 1000 reduce sl=1100
    expect  refused order_incomplete                # it only closes
    ask     ann 1 ETH-USDT-SWAP @ market trail=0.01 sl=1100
    expect  refused order_incomplete                # a trailing stop carries none
    mode    cat hedge
    expect  refused unknown_account
    deposit cat 100000 USDT
    mode    cat hedge
    ask     cat 1 ETH-USDT-SWAP @ 1000 long sl=1100
    expect  refused order_incomplete                # in hedge mode a sale of the long side closes
    """
    assert not story.engine.state.tickets


@scenario
def test_waiting_orders_are_amended(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    trade   ann +2 ben ETH-USDT-SWAP @ 1000
    ask     ann 2 ETH-USDT-SWAP @ market stop=950 reduce id=s
    amend   ann s trigger=970 size=1
    expect  events order_amended
    bid     ben 2 ETH-USDT-SWAP @ 960
    mark    ETH-USDT-SWAP 975 last=975
    expect  ann orders 1
    mark    ETH-USDT-SWAP 970 last=970              # the new trigger, the new size
    expect  ann position ETH-USDT-SWAP +1 @ 1000
    ask     ann 1 ETH-USDT-SWAP @ market oco=950/1100 id=o
    amend   ann o trigger=940
    expect  refused order_incomplete                # an OCO order has two triggers, none of its own
    amend   ann o sl=965 tp=1050
    mark    ETH-USDT-SWAP 965 last=965
    expect  ann flat
    """
    assert not story.engine.state.owners["ann"].orders


@scenario
def test_an_amended_trigger_fires_from_where_the_price_is_now(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    mark    ETH-USDT-SWAP 1000 last=1000
    bid     ann 1 ETH-USDT-SWAP @ 900 trigger=1010 id=t
    amend   ann t trigger=990 price=910              # from above now
    mark    ETH-USDT-SWAP 1020 last=1020
    expect  no order_triggered
    mark    ETH-USDT-SWAP 950 last=950
    expect  events order_triggered order_rested
    amend   ann t trigger=980
    expect  refused order_incomplete                # it waits no longer
    """
    assert only(story, "ann").order.price == 910


@scenario
def test_an_index_price_fires_what_watches_it(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    index   ETH-USDT 1000
    trade   ann +1 ben ETH-USDT-SWAP @ 1000
    bid     ben 1 ETH-USDT-SWAP @ 990
    ask     ann 1 ETH-USDT-SWAP @ market stop=980 by=index reduce
    mark    ETH-USDT-SWAP 975 last=975               # neither is what it watches
    expect  no order_triggered
    index   BTC-USDT 970
    expect  no order_triggered
    index   ETH-USDT 980
    expect  events index_set order_triggered filled
    expect  ann balance 99990 USDT
    """
    assert not story.engine.state.owners["ann"].orders


@scenario
def test_an_order_is_as_young_as_its_trigger(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    deposit cat 100000 USDT
    mark    ETH-USDT-SWAP 1000 last=1000
    ask     ann 1 ETH-USDT-SWAP @ 1020 trigger=1010  # older, but not in the book yet
    ask     ben 1 ETH-USDT-SWAP @ 1020
    mark    ETH-USDT-SWAP 1010 last=1010
    expect  events order_triggered order_rested
    bid     cat 1 ETH-USDT-SWAP @ 1020
    expect  ben orders 0
    """
    assert len(story.engine.state.owners["ann"].orders) == 1


@scenario
def test_a_resting_order_gets_other_stops_and_keeps_its_place(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    deposit cat 100000 USDT
    bid     ann 1 ETH-USDT-SWAP @ 1000 sl=900 id=a
    bid     cat 1 ETH-USDT-SWAP @ 1000
    amend   ann a sl=950 tp=1200
    ask     ben 1 ETH-USDT-SWAP @ 1000
    expect  cat orders 1
    """
    stop = only(story, "ann").order
    assert stop.stop_loss is not None
    assert stop.stop_loss.trigger_price == 950


@scenario
def test_an_attached_stop_keeps_its_side_when_amended(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    mark    ETH-USDT-SWAP 1000 last=1000
    bid     ann 1 ETH-USDT-SWAP @ 1000 sl=950
    ask     ben 1 ETH-USDT-SWAP @ 1000
    bid     ben 1 ETH-USDT-SWAP @ 990
    amend   ann o3 trigger=1005                      # above the price already: a stop-loss of a long falls to it
    mark    ETH-USDT-SWAP 1000 last=1000
    expect  events order_triggered filled
    expect  ann balance 99990 USDT
    """
    assert not story.engine.state.owners["ann"].orders


@scenario
def test_a_trailing_stop_follows_from_its_activation_price_on(story: Story) -> None:
    """
    deposit ann 100000 USDT
    deposit ben 100000 USDT
    trade   ann +1 ben ETH-USDT-SWAP @ 1000
    bid     ben 1 ETH-USDT-SWAP @ 960
    ask     ann 1 ETH-USDT-SWAP @ market distance=20 active=1010 reduce
    mark    ETH-USDT-SWAP 970 last=970               # 30 back, but it follows nothing yet
    expect  no order_triggered order_trailed
    mark    ETH-USDT-SWAP 1015 last=1015             # active from here
    expect  events order_trailed
    mark    ETH-USDT-SWAP 1000 last=1000
    expect  no order_triggered
    mark    ETH-USDT-SWAP 995 last=995               # 20 back from 1015
    expect  events order_triggered filled
    expect  ann balance 99960 USDT
    """
    assert not story.engine.state.owners["ann"].orders


@pytest.mark.parametrize(
    "terms",
    [
        {"stop_loss": AttachedStop(trigger_price=D("NaN"))},
        {"take_profit": AttachedStop(trigger_price=D(1), price=D(-1))},
        {"trailing": Trailing(percent=D(0))},
        {"trailing": Trailing(distance=D(1), active_price=D("1E+40"))},
    ],
    ids=repr,
)
def test_a_stop_that_no_order_can_have_is_an_error_at_the_door(terms: dict[str, AttachedStop]) -> None:
    """What stands inside a stop is held to the same bounds as prices outside; nothing changes."""
    engine = Engine(load("textbook"))
    with pytest.raises(InputError, match=next(iter(terms))):
        engine.submit(c.PlaceOrder(account="ann", instrument=X, side=OrderSide.BUY, contracts=D(1), **terms))  # type: ignore[arg-type]
    assert engine.sequence == 0
