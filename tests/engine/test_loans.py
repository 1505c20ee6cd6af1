"""Spot-margin: coins on borrowed money, in four cases of side and backing. Each docstring is a story that is played."""

from decimal import Decimal, localcontext

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.stories import scenario

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.arithmetic import EXACT, quotient
from crossmargin.engine.engine import Engine
from crossmargin.engine.interest import accrue
from crossmargin.engine.invariants import BreachError
from crossmargin.engine.scenario import Story, play
from crossmargin.engine.scenario.verbs import VERBS
from crossmargin.engine.simulate import watch_money
from crossmargin.engine.unwind import unwind
from crossmargin.errors import InputError
from crossmargin.rulebook import load

D = Decimal


@scenario
def test_a_long_backed_by_money(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.03
    deposit  ann 1000 USDT
    deposit  ben 100 ETH
    leverage ann ETH-USDT 10
    mark     ETH-USDT 1000
    ask      ben 5 ETH-USDT @ 1000 spot             # whoever sells need not have borrowed
    bid      ann 5 ETH-USDT @ 1000
    expect   ann position ETH-USDT +5 @ 1000
    expect   ann owes 5000 USDT
    expect   cell assets/ann/ETH-USDT/long/cross 5 ETH
    expect   cell loans -5000 USDT
    expect   ben balance 5000 USDT
    mark     ETH-USDT 1100
    expect   ann equity 1500 USDT                   # 1,000 + 5 x 1,100 - 5,000
    interest USDT 0.0001
    expect   events interest_accrued
    expect   ann owes 5000.5 USDT
    expect   cell interest 0.5 USDT
    expect   ann equity 1499.5 USDT
    interest USDT 0.0001 period=1
    expect   refused duplicate_id
    deposit  ben 1000 USDT
    bid      ben 4 ETH-USDT @ 1100 spot
    close    ann ETH-USDT long                      # 4 are bought: 4,400 repay 0.5 and 4,399.5
    expect   ann owes 600.5 USDT
    expect   ann position ETH-USDT +1 @ 1000
    bid      ben 1 ETH-USDT @ 1100 spot
    close    ann ETH-USDT long                      # 1,100 repay 600.5, and 499.5 are earned
    expect   ann flat
    expect   ann balance 1499.5 USDT
    expect   cell loans 0 USDT
    """
    assert story.engine.state.cell("outside", "ETH") == -100


@scenario
def test_a_short_backed_by_money(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.03
    deposit  ann 1000 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT 10
    mark     ETH-USDT 1000
    bid      ben 5 ETH-USDT @ 1000 spot
    ask      ann 5 ETH-USDT @ 1000
    expect   ann owes 5 ETH
    expect   cell assets/ann/ETH-USDT/short/cross 5000 USDT
    interest ETH 0.02                               # 0.1 of a coin
    expect   ann owes 5.1 ETH
    mark     ETH-USDT 1100
    expect   ann equity 390 USDT                    # 1,000 + 5,000 - 5.1 x 1,100
    deposit  ben 6 ETH
    ask      ben 6 ETH-USDT @ 1100 spot
    close    ann ETH-USDT short                     # 5.1 coins cost 5,610: 5,000 of assets and 610 of the balance
    expect   ann flat
    expect   ann balance 390 USDT
    """
    assert story.engine.state.cash("ann", "ETH") == 0


@scenario
def test_a_long_backed_by_coins(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.03
    deposit  ann 2 ETH
    deposit  ben 100 ETH
    deposit  ben 100000 USDT
    leverage ann ETH-USDT 10
    mark     ETH-USDT 1000
    ask      ben 5 ETH-USDT @ 1000 spot
    bid      ann 5 ETH-USDT @ 1000 ccy=ETH
    mark     ETH-USDT 1250
    expect   ann equity 3 ETH                       # 2 + 5 - 5,000 / 1,250
    bid      ben 9 ETH-USDT @ 1250 spot
    close    ann ETH-USDT long                      # 4 coins repay 5,000, 1 of the 5 is left
    expect   ann flat
    expect   ann balance 3 ETH
    cancel   ben all
    ask      ben 5 ETH-USDT @ 1250 spot
    bid      ann 5 ETH-USDT @ 1250 ccy=ETH          # owes 6,250
    mark     ETH-USDT 1000
    bid      ben 9 ETH-USDT @ 1000 spot
    close    ann ETH-USDT long                      # 6.25 coins: the 5, and 1.25 of the balance
    expect   ann balance 1.75 ETH
    """
    assert story.engine.state.cash("ann", "USDT") == 0


@scenario
def test_a_short_backed_by_coins(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.03
    deposit  ann 2 ETH
    deposit  ben 100 ETH
    deposit  ben 100000 USDT
    leverage ann ETH-USDT 10
    mark     ETH-USDT 1000
    bid      ben 5 ETH-USDT @ 1000 spot
    ask      ann 5 ETH-USDT @ 1000 ccy=ETH
    mark     ETH-USDT 1250
    expect   ann equity 1 ETH                       # 2 + 5,000 / 1,250 - 5
    ask      ben 9 ETH-USDT @ 1250 spot
    close    ann ETH-USDT short                     # all of the 5,000 buy 4; the fifth comes out of the balance
    expect   ann flat
    expect   ann balance 1 ETH
    cancel   ben all
    bid      ben 1 ETH-USDT @ 1250 spot
    ask      ann 1 ETH-USDT @ 1250 ccy=ETH
    mark     ETH-USDT 1000
    ask      ben 9 ETH-USDT @ 1000 spot
    close    ann ETH-USDT short                     # 1,250 buy 1.25: 0.25 are earned
    expect   ann balance 1.25 ETH
    """
    assert story.engine.state.cash("ann", "USDT") == 0


@scenario
def test_one_coin_at_ten_times_needs_a_tenth_of_it(story: Story) -> None:
    """
    rulebook okx
    tiers    BTC-USDT 0.03
    fees     BTC-USDT 0 0
    deposit  ann 0.1 BTC
    deposit  ben 5 BTC
    leverage ann BTC-USDT 10
    mark     BTC-USDT 100000
    ask      ben 2 BTC-USDT @ 100000 spot
    bid      ann 1.1 BTC-USDT @ 100000 ccy=BTC
    expect   refused insufficient_margin             # 0.11 of 0.1
    bid      ann 1 BTC-USDT @ 100000 ccy=BTC
    expect   ann owes 100000 USDT
    expect   ann balance 0.1 BTC
    """
    assert story.engine.state.assessment("ann").currencies["BTC"].initial_margin == D("0.1")


@scenario
def test_reduce_only_stops_at_nothing_and_other_orders_turn(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.03
    deposit  ann 1000 USDT
    deposit  ben 100 ETH
    deposit  ben 100000 USDT
    leverage ann ETH-USDT 10
    mark     ETH-USDT 1000
    ask      ben 5 ETH-USDT @ 1000 spot
    bid      ann 5 ETH-USDT @ 1000
    bid      ben 20 ETH-USDT @ 1000 spot
    ask      ann 8 ETH-USDT @ 1000 reduce
    expect   ann flat
    ask      ann 1 ETH-USDT @ 1000 reduce
    expect   refused reduce_only_would_open
    bid      ann 1 ETH-USDT @ 1000
    cancel   ben all
    ask      ben 5 ETH-USDT @ 1000 spot
    cancel   ann all
    bid      ann 5 ETH-USDT @ 1000
    bid      ben 8 ETH-USDT @ 1000 spot
    ask      ann 8 ETH-USDT @ 1000                   # closes 5, and borrows 3 coins
    expect   ann position ETH-USDT -3 @ 1000
    expect   ann owes 3 ETH
    expect   ann owes 0 USDT
    expect   ann balance 1000 USDT
    """
    assert story.engine.state.cell("loans", "ETH") == -3


@scenario
def test_the_closed_size_stays_in_the_average_price(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.03
    rule     price_band 0.5
    deposit  ann 1000 USDT
    deposit  ben 100 ETH
    deposit  ben 100000 USDT
    leverage ann ETH-USDT 10
    mark     ETH-USDT 1000
    ask      ben 2 ETH-USDT @ 1000 spot
    bid      ann 2 ETH-USDT @ 1000
    bid      ben 1 ETH-USDT @ 1000 spot
    ask      ann 1 ETH-USDT @ 1000 reduce
    ask      ben 1 ETH-USDT @ 1300 spot
    bid      ann 1 ETH-USDT @ 1300                   # (2 x 1,000 + 1 x 1,300) / 3
    expect   ann position ETH-USDT +2 @ 1100
    """
    assert story.engine.state.cell("assets/ann/ETH-USDT/long/cross", "ETH") == 2


@scenario
def test_fees_are_in_what_is_received(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.03
    fees     ETH-USDT 0.001 0.0008
    deposit  ann 1000 USDT
    deposit  ben 100 ETH
    deposit  ben 100000 USDT
    leverage ann ETH-USDT 10
    mark     ETH-USDT 1000
    ask      ben 5 ETH-USDT @ 1000 spot
    bid      ann 5 ETH-USDT @ 1000                   # 0.005 coins of fee
    expect   cell assets/ann/ETH-USDT/long/cross 4.995 ETH
    bid      ben 5 ETH-USDT @ 1000 spot
    close    ann ETH-USDT long                       # 4,995 less 4.995, and 9.995 of the balance repay 5,000
    expect   ann flat
    expect   ann balance 990.005 USDT
    bid      ben 5 ETH-USDT @ 1000 spot
    ask      ann 5 ETH-USDT @ 1000                   # ben's bid of 0.005 that was left comes first
    expect   cell assets/ann/ETH-USDT/short/cross 4995 USDT
    ask      ben 9 ETH-USDT @ 1000 spot
    close    ann ETH-USDT short                      # 5 / 0.999, that is 5.00500501 coins
    expect   ann flat
    expect   ann balance 979.99999 USDT             # 990.005 + 4,995 - 5,005.00501
    """
    assert story.engine.state.cash("ann", "ETH") == D("0")


@scenario
def test_what_an_order_on_loan_needs(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.03
    rule     price_band 0.05
    deposit  ann 1000 USDT
    deposit  ben 100 ETH
    deposit  ben 100000 USDT
    leverage ann ETH-USDT 10
    mark     ETH-USDT 1000
    bid      ann 11 ETH-USDT @ 1000
    expect   refused insufficient_margin
    bid      ann 1 ETH-USDT @ 1000 ccy=ETH
    expect   refused insufficient_margin             # no coins to back it
    bid      ann 1 ETH-USDT @ 1000 ccy=BTC
    expect   refused order_incomplete
    bid      ann 1 ETH-USDT @ 1000 spot ccy=USDT
    expect   refused order_incomplete
    bid      ben 5 ETH-USDT @ 1000 spot
    ask      ann 5 ETH-USDT @ 1000
    ask      ann 1 ETH-USDT @ 1010 ccy=ETH
    expect   refused mode_in_use                     # the position is backed by USDT
    mode     ann ETH-USDT short isolated
    expect   refused mode_not_offered
    mark     ETH-USDT 1150
    ask      ben 1 ETH-USDT @ 1150 spot
    bid      ann 1 ETH-USDT @ 1150                    # 250 are left, 575 needed: closing is open all the same
    expect   ann owes 4 ETH
    bid      ben 1 ETH-USDT @ 1150 spot
    ask      ann 1 ETH-USDT @ 1150
    expect   refused insufficient_margin
    cancel   ben all
    ask      ben 9 ETH-USDT @ 1207 spot
    close    ann ETH-USDT short                      # 4 x 1,207 are 4,828, of 4,850 that are there
    expect   ann balance 22 USDT
    bid      ben 2 ETH-USDT @ 1150 spot
    deposit  ann 1000 USDT
    mark     ETH-USDT 1200
    bid      ben 8 ETH-USDT @ 1200 spot
    ask      ann 8 ETH-USDT @ 1200
    mark     ETH-USDT 1280
    cancel   ben all
    ask      ben 9 ETH-USDT @ 1340 spot
    close    ann ETH-USDT short                      # the coins cost 1,120 more than they brought, of 1,022
    expect   refused would_be_liquidated
    """
    assert story.engine.state.cell("loans", "ETH") == -8


@scenario
def test_an_isolated_loan_loses_its_margin_and_no_more(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.03
    rule     penalty none
    deposit  ann 1000 USDT
    deposit  ben 100 ETH
    deposit  ben 100000 USDT
    leverage ann ETH-USDT 10 isolated
    mark     ETH-USDT 1000
    ask      ben 5 ETH-USDT @ 1000 spot
    bid      ann 5 ETH-USDT @ 1000 isolated
    expect   ann margin ETH-USDT long 500
    expect   ann balance 500 USDT
    margin   ann ETH-USDT long +50
    expect   ann margin ETH-USDT long 550
    margin   ann ETH-USDT long -50
    mark     ETH-USDT 950
    bid      ben 5 ETH-USDT @ 925 spot
    mark     ETH-USDT 930                             # 150 left of the margin, 150 needed
    expect   events liquidation_started liquidation_step liquidation_fill liquidation_ended
    expect   ann flat
    expect   ann balance 625 USDT                     # 5 x 925 less 5,000, out of 500; the rest comes back
    """
    started = next(each for each in story.last if isinstance(each, e.LiquidationStarted))
    assert started.bankruptcy["ann/ETH-USDT/long/isolated"] == 900


@scenario
def test_a_bankrupt_loan_goes_to_the_fund_and_the_house_pays(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.03
    rule     penalty none
    rule     price_band 0.05
    deposit  ann 1000 USDT
    deposit  ben 100 ETH
    deposit  ben 100000 USDT
    leverage ann ETH-USDT 10 isolated
    mark     ETH-USDT 1000
    ask      ben 5 ETH-USDT @ 1000 spot
    bid      ann 5 ETH-USDT @ 1000 isolated
    mark     ETH-USDT 880                             # 600 lost of 500
    expect   events liquidation_started taken_over deficit_covered liquidation_ended
    expect   ann flat
    expect   ann balance 500 USDT
    expect   fund_worth USDT 0 USDT                   # 500 of margin, 100 of the house, 600 lost
    expect   cell house -100 USDT
    mark     ETH-USDT 1000
    bid      ben 5 ETH-USDT @ 1000 spot
    mark     ETH-USDT 1000                            # above the fund's 880: it sells 5 and repays 5,000
    expect   fund USDT 600 USDT
    expect   cell loans 0 USDT
    """
    taken = [each.value for outcome in story.outcomes for each in outcome.events if isinstance(each, e.TakenOver)]
    assert taken == [D(4500)]


@scenario
def test_a_cross_loan_is_liquidated_in_the_book(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.03
    rule     penalty none
    deposit  ann 1000 USDT
    deposit  ben 100 ETH
    deposit  ben 100000 USDT
    leverage ann ETH-USDT 10
    mark     ETH-USDT 1000
    ask      ben 9 ETH-USDT @ 1000 spot
    bid      ann 9 ETH-USDT @ 1000
    bid      ben 9 ETH-USDT @ 960 spot
    cancel   ben all
    mark     ETH-USDT 940
    bid      ben 9 ETH-USDT @ 900 spot
    mark     ETH-USDT 918                             # 262 against 270; up to 262 / 9 below the mark
    expect   events liquidation_started liquidation_fill liquidation_ended
    expect   ann flat
    expect   ann balance 100 USDT                     # 1,000 - 9 x 100
    """
    assert story.engine.state.cell("loans", "USDT") == 0


@scenario
def test_a_cross_loan_in_coins_is_taken_over_at_its_bankruptcy_price(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.05
    rule     penalty none
    insurance USDT 1 ETH
    deposit  ann 1.2 ETH
    deposit  ben 100 ETH
    leverage ann ETH-USDT 5
    mark     ETH-USDT 1000
    ask      ben 5 ETH-USDT @ 1000 spot
    bid      ann 5 ETH-USDT @ 1000 ccy=ETH
    mark     ETH-USDT 800                             # 1.2 + 5 - 6.25 is less than nothing
    expect   events liquidation_started taken_over liquidation_ended
    expect   ann flat
    expect   ann balance 0 ETH
    expect   fund_worth USDT 0.95 ETH
    """
    assert story.engine.state.cell("loans", "USDT") == -5000


@scenario
def test_nothing_is_lent_where_no_tiers_say_what_it_needs(story: Story) -> None:
    """
    rulebook okx
    deposit  ann 1000 USDT
    mark     BTC-USDT 1000
    bid      ann 1 BTC-USDT @ 1000
    expect   refused mode_not_offered
    leverage ann BTC-USDT 3
    expect   refused mode_not_offered
    bid      ann 1 BTC-USDT @ 1000 spot
    expect   events order_rested
    """
    assert not story.engine.state.cell("loans", "USDT")


@scenario
def test_rules_that_cannot_judge_what_is_held_do_not_come_in(story: Story) -> None:
    """
    instrument ETH-USDT like=ETH-USDT-SWAP kind=margin
    tiers    ETH-USDT 0.03
    deposit  ann 1000 USDT
    deposit  ben 1 ETH
    mark     ETH-USDT 1000
    change   okx
    expect   events rulebook_changed
    """
    assert story.engine.state.rulebook.venue == "okx"
    held = play(
        "instrument ETH-USDT like=ETH-USDT-SWAP kind=margin\ntiers ETH-USDT 0.03\ndeposit ann 1000 USDT\n"
        "deposit ben 1 ETH\nmark ETH-USDT 1000\nask ben 1 ETH-USDT @ 1000 spot\nbid ann 1 ETH-USDT @ 1000\n"
        "change okx\nexpect refused mode_not_offered"
    )
    assert held.engine.state.rulebook.venue == "textbook"


@given(
    side=st.sampled_from([("bid", "long"), ("ask", "short")]),
    backing=st.sampled_from(["ETH", "USDT"]),
    cents=st.tuples(st.integers(90_000, 110_000), st.integers(-500, 500)),
    size=st.integers(1, 300),
    mode=st.sampled_from(["", "isolated"]),
    rate=st.integers(0, 20),
)
@settings(max_examples=60, deadline=None)
def test_closing_at_mark_leaves_what_the_position_was_worth(
    side: tuple[str, str], backing: str, cents: tuple[int, int], size: int, mode: str, rate: int
) -> None:
    """Whichever side, backing and mode, and with interest: the equity before is the cash afterwards, to some quanta."""
    price, coins = D(cents[0]) / 100, D(size) / 100
    then = (price * (10_000 + cents[1]) / 10_000).quantize(D("0.01"))
    other = "ask" if side[0] == "bid" else "bid"
    with localcontext(EXACT):
        story = play(
            "instrument ETH-USDT like=ETH-USDT-SWAP kind=margin\ntiers ETH-USDT 0.01\nrule price_band 0.9\n"
            f"deposit ann {'10' if backing == 'ETH' else '9000'} {backing}\n"
            "deposit ben 90 ETH\ndeposit ben 90000 USDT\n"
            f"leverage ann ETH-USDT 10 {mode}\nmark ETH-USDT {price}\n"
            f"{other} ben {coins} ETH-USDT @ {price} spot\n"
            f"{side[0]} ann {coins} ETH-USDT @ {price} ccy={backing} {mode}\n"
            f"interest ETH {D(rate) / 10_000}\ninterest USDT {D(rate) / 10_000}\nmark ETH-USDT {then}"
        )
        figures = story.engine.state.assessment("ann").currencies[backing]
        before = figures.equity
        play_on(story, f"{side[0]} ben 20 ETH-USDT @ {then} spot\nclose ann ETH-USDT {side[1]} {mode}")
        state = story.engine.state
        assert not state.owners["ann"].positions
        assert state.cell("loans", "ETH") == state.cell("loans", "USDT") == 0
        rest = "USDT" if backing == "ETH" else "ETH"
        over = state.cash("ann", rest) * (quotient(D(1), then) if rest == "USDT" else then)
        assert abs(state.cash("ann", backing) + over - before) < D("0.00001")


def play_on(story: Story, text: str) -> None:
    """More lines of a story."""
    for line in text.splitlines():
        words = line.split()
        VERBS[words[0]](story, words[1:])


def test_nobody_sells_for_nothing() -> None:
    """A short whose bankruptcy price rounds to nothing finds no offers at it."""
    story = play(
        "instrument ETH-USDT like=ETH-USDT-SWAP kind=margin\ntiers ETH-USDT 0.03\ndeposit ann 1000 USDT\n"
        "deposit ben 9 ETH\ndeposit ben 9000 USDT\nmark ETH-USDT 1000\nbid ben 1 ETH-USDT @ 1000 spot\n"
        "ask ann 1 ETH-USDT @ 1000\nask ben 1 ETH-USDT @ 1000 spot"
    )
    (held,) = story.engine.state.owners["ann"].positions.values()
    with localcontext(EXACT):
        assert list(unwind(story.engine.state, held.key, D(0), None)) == []
        assert isinstance(next(unwind(story.engine.state, held.key, D(1000), None)), e.LiquidationFill)


def test_what_is_owed_is_what_is_lent() -> None:
    """L12, planted: a debt that the lender knows nothing of."""
    engine = play(
        "instrument ETH-USDT like=ETH-USDT-SWAP kind=margin\ntiers ETH-USDT 0.03\ndeposit ann 1000 USDT\n"
        "deposit ben 1 ETH\nmark ETH-USDT 1000\nask ben 1 ETH-USDT @ 1000 spot\nbid ann 1 ETH-USDT @ 1000"
    ).engine
    engine.check()
    with localcontext(EXACT):
        engine.state.cells["USDT"]["loans"] -= 1
        engine.state.cells["USDT"]["outside"] += 1
        with pytest.raises(BreachError, match=r"^L12:"):
            engine.check()


@pytest.mark.parametrize(
    ("changes", "id"),
    [
        ({"period": 0}, "P7"),
        ({"rate": D("0.2")}, "L12"),
        ({"transfers": ()}, "L12"),
        ({"positions": ()}, "L12"),
    ],
)
def test_interest_that_is_not_what_was_lent_is_watched(changes: dict[str, object], id: str) -> None:
    """Planted: a period again, another rate, nothing earned, nobody charged; as decided it is let through."""
    story = play(
        "instrument ETH-USDT like=ETH-USDT-SWAP kind=margin\ntiers ETH-USDT 0.03\ndeposit ann 1000 USDT\n"
        "deposit ben 1 ETH\nmark ETH-USDT 1000\nask ben 1 ETH-USDT @ 1000 spot\nbid ann 1 ETH-USDT @ 1000\n"
        "interest BTC 0.1 period=0"
    )
    state = story.engine.state
    with localcontext(EXACT):
        (event,) = accrue(state, c.AccrueInterest(currency="USDT", rate=D("0.1"), period=1))
        watch_money.before(state, event)
        state.periods["interest/USDT"] = 0
        with pytest.raises(BreachError, match=f"^{id}:"):
            watch_money.before(state, msgspec.structs.replace(event, **changes))


def test_interest_below_zero_is_an_error_at_the_door() -> None:
    """No number is used up."""
    engine = Engine(load("textbook"))
    with pytest.raises(InputError, match="below zero"):
        engine.submit(c.AccrueInterest(currency="USDT", rate=D("-0.1"), period=1))
    assert engine.sequence == 0
