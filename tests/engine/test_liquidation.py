"""From the warning to the last resort, in the field's words and with the arithmetic beside it."""

import importlib
from decimal import Decimal

import pytest
from tests.engine.stories import scenario

from crossmargin.domain import event as e
from crossmargin.engine.scenario import Story, play
from crossmargin.errors import InputError
from crossmargin.liquidation import plan

D = Decimal

THROUGH_EVERYTHING = """
rule cancels_orders_first true
rule step_rule next_lower_tier
rule price_band 0.9
tiers ETH-USDT-SWAP 0.05
tiers BTC-USDT-SWAP 0.05
instrument BTC-USDT-F like=BTC-USDT-SWAP kind=future
tiers BTC-USDT-F 0.05
tiers SOL-USDT-SWAP 50:0.05 0.1            # above 50 contracts 10 % on all of them
deposit ann 4500 USDT
deposit ben 1000000 USDT
deposit cat 1000000 USDT
mode    ann hedge
leverage ann ETH-USDT-SWAP 10
leverage ann BTC-USDT-SWAP 10
leverage ann BTC-USDT-F 10
leverage ann SOL-USDT-SWAP 10
trade   ann +2 ben ETH-USDT-SWAP @ 1000
trade   ann -2 ben ETH-USDT-SWAP @ 1000    # opposite legs: maintenance 100 + 100
trade   ann +0.1 ben BTC-USDT-SWAP @ 50000
trade   ann -0.1 ben BTC-USDT-F @ 50000    # hedged: 250 + 250
trade   ann +60 ben SOL-USDT-SWAP @ 100    # alone: 60 x 100 x 10 % = 600
expect  ann ratio 3.461538461538461538461538462 USDT
bid     ann 10 ETH-USDT-SWAP @ 900         # holds 9,000 / 10 = 900
bid     cat 1 BTC-USDT-SWAP @ 49900
ask     cat 1 BTC-USDT-F @ 50000
bid     cat 100 SOL-USDT-SWAP @ 27.5
mark    SOL-USDT-SWAP 85                   # equity 4,500 - 900 = 3,600; maintenance 700 + 510: 2.98
expect  events mark_set warned
expect  no order_cancelled
mark    SOL-USDT-SWAP 55                   # equity 1,800 < maintenance 700 + 330 and 900 for the order
expect  events mark_set order_cancelled
expect  no liquidation_started
expect  ann orders 0
mark    SOL-USDT-SWAP 28                   # equity 180, maintenance 700 + 168 = 868
"""


STEPS = [
    ("opposite_legs", "ETH-USDT-SWAP long", D(2)),
    ("opposite_legs", "ETH-USDT-SWAP short", D(2)),
    ("delta_hedged", "BTC-USDT-SWAP long", D("0.1")),
    ("delta_hedged", "BTC-USDT-F short", D("0.1")),
    ("unhedged", "SOL-USDT-SWAP long", D(10)),
]


def phases(story: Story) -> list[tuple[str, str, Decimal]]:
    """Phase, position and size of each step of the last verb."""
    return [
        (each.phase, f"{each.position.instrument} {each.position.side}", each.contracts)
        for each in story.last
        if isinstance(each, e.LiquidationStep)
    ]


def test_one_account_goes_through_all_of_it() -> None:
    """Warning, cancelled order, trigger, phases a, b, c, stop.

    At SOL 28: equity 4,500 - 60 x 72 = 180, maintenance 200 (ETH) + 500 (BTC) + 168 (SOL) = 868, ratio 0.207.
    a  ETH long and short are closed against each other at 1,000: nothing is lost, 180 / 668 = 0.269
    b  BTC 0.1 is sold at 49,900 (10 lost; bankruptcy price 50,000 - 180 x 250 / 868 / 0.1 = 49,481.57),
       the future bought at 50,000: 170 / 168 = 1.012, not above 1.1
    c  SOL falls to the tier of 50: 10 are sold at 27.5 (5 lost; bankruptcy price 28 - 180 x 168 / 868 / 60 = 27.42),
       165 / (50 x 28 x 5 % = 70) = 2.36: safe, 50 stay
    Cash: 4,500 - 10 - 10 x 72.5 = 3,765.
    """
    story = play(THROUGH_EVERYTHING)
    assert phases(story) == STEPS
    assert story.engine.state.cash("ann", "USDT") == 3765
    figures = story.engine.state.assessment("ann").currencies["USDT"]
    assert (figures.equity, figures.maintenance_margin) == (D(165), D(70))
    started = next(each for each in story.last if isinstance(each, e.LiquidationStarted))
    assert (started.supports, started.requires) == (D(180), D(868))
    assert [str(price)[:8] for price in started.bankruptcy.values() if price is not None][2::2] == [
        "49481.56",
        "27.41935",
    ]
    ended = next(each for each in story.last if isinstance(each, e.LiquidationEnded))
    assert (ended.supports, ended.requires) == (D(165), D(70))


@pytest.mark.parametrize(("first", "second"), [("_opposite", "_hedged"), ("_hedged", "_unhedged")])
def test_the_order_of_the_phases_is_what_the_story_tells(
    monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    """With two phases swapped in the code, the same story goes through other steps."""
    module = importlib.import_module("crossmargin.liquidation.plan")
    one, other = getattr(module, first), getattr(module, second)
    monkeypatch.setattr(module, first, other)
    monkeypatch.setattr(module, second, one)
    assert phases(play(THROUGH_EVERYTHING)) != STEPS


@scenario
def test_an_isolated_leg_loses_its_margin_and_no_more(story: Story) -> None:
    """
    insurance USDT 5000 USDT
    deposit  ann 1000 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 20 isolated
    leverage ann BTC-USDT-SWAP 20
    trade    ann +0.1 ben BTC-USDT-SWAP @ 50000
    trade    ann +10 ben ETH-USDT-SWAP @ 1000 isolated   # 10,000 / 20 = 500 of margin
    expect   ann balance 500 USDT
    expect   ann ratio 20 USDT                           # 500 / (5,000 x 0.5 %)
    mark     ETH-USDT-SWAP 900                           # 1,000 lost: 500 more than there is
    expect   events liquidation_started liquidation_step taken_over liquidation_ended
    expect   ann position BTC-USDT-SWAP +0.1
    expect   ann balance 500 USDT                        # the cross pool has not moved
    expect   ann ratio 20 USDT
    expect   fund USDT 5000 USDT
    expect   fund_worth USDT 4500 USDT                   # it holds 10 at 950, worth 900 each
    """
    taken = next(each for each in story.last if isinstance(each, e.TakenOver))
    assert (taken.contracts, taken.value) == (D(10), D(9500))
    assert story.engine.state.cells["USDT"].get("margin/ann/ETH-USDT-SWAP/long/isolated") is None


@scenario
def test_without_a_fund_the_ranking_pays(story: Story) -> None:
    """
    deposit  ann 200 USDT
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    leverage cat ETH-USDT-SWAP 50
    trade    ann +4 ben ETH-USDT-SWAP @ 1000
    trade    ann +6 cat ETH-USDT-SWAP @ 1000      # cat has the higher profit on its margin, ben more money
    mark     ETH-USDT-SWAP 900                    # equity 200 - 1,000 = -800; bankruptcy price 900 + 80 = 980
    expect   events liquidation_started deleveraged deleveraged liquidation_ended
    expect   ann flat
    expect   ann balance 0 USDT
    expect   cat balance 100120 USDT              # 6 x 20 instead of 6 x 100
    expect   ben balance 100080 USDT
    """
    victims = [each for each in story.last if isinstance(each, e.Deleveraged)]
    assert [(each.victim.account, each.rank, each.haircut) for each in victims] == [
        ("cat", 1, D(480)),
        ("ben", 2, D(320)),
    ]
    assert sum(each.haircut for each in victims) == 800
    assert {each.trigger for each in victims} == {"fund_exhausted"}


@scenario
def test_the_fund_takes_over_and_sells_when_the_book_pays_its_price(story: Story) -> None:
    """
    insurance USDT 1000 USDT
    deposit  ann 200 USDT
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    mark     ETH-USDT-SWAP 985                    # equity 50 < 9,850 x 0.5 % = 49.25? no: safe
    expect   no liquidation_started
    mark     ETH-USDT-SWAP 984                    # equity 40 < 49.2: handed over at 984 - 4 = 980
    expect   events liquidation_started taken_over liquidation_ended
    expect   ann balance 0 USDT
    expect   fund_worth USDT 1040 USDT
    bid      cat 10 ETH-USDT-SWAP @ 979
    mark     ETH-USDT-SWAP 983
    expect   no liquidation_fill                  # the fund paid 980
    bid      cat 4 ETH-USDT-SWAP @ 981
    mark     ETH-USDT-SWAP 984
    expect   events mark_set liquidation_fill
    expect   fund USDT 1004 USDT
    expect   cat position ETH-USDT-SWAP +4 @ 981
    """
    assert story.engine.state.owners["insurance:USDT"].positions


@scenario
def test_a_fund_without_equity_is_deleveraged_itself(story: Story) -> None:
    """
    insurance USDT 100 USDT
    deposit  ann 200 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    mark     ETH-USDT-SWAP 984
    expect   events taken_over                    # 10 at 980
    mark     ETH-USDT-SWAP 960                    # the fund: 100 - 200 = -100, bankruptcy price 970
    expect   events mark_set deleveraged
    expect   fund USDT 0 USDT
    expect   ben balance 100300 USDT
    expect   ben flat
    """
    assert [each.trigger for each in story.last if isinstance(each, e.Deleveraged)] == ["fund_bankrupt"]


@scenario
def test_nobody_is_liquidated_on_a_price_in_doubt(story: Story) -> None:
    """
    insurance USDT 1000 USDT
    deposit  ann 200 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    prices   ETH-USDT-SWAP suspect
    mark     ETH-USDT-SWAP 984
    expect   events mark_set liquidation_deferred
    expect   no liquidation_started
    withdraw ann 1 USDT
    expect   refused price_not_healthy
    prices   ETH-USDT-SWAP healthy
    expect   events price_state_set liquidation_started taken_over
    expect   ann flat
    """
    assert story.engine.state.cash("ann", "USDT") == 0


@scenario
def test_cancelling_orders_can_be_enough(story: Story) -> None:
    """
    rulebook okx
    tiers   ETH-USDT-SWAP 0.01
    instrument ETH-USDT-SWAP contract_value=1
    deposit ann 200 USDT
    deposit ben 100000 USDT
    leverage ann ETH-USDT-SWAP 50
    trade   ann +1 ben ETH-USDT-SWAP @ 1000       # taker fee 0.5
    bid     ann 8 ETH-USDT-SWAP @ 990             # holds 158.4 and a fee of 3.96; counts in maintenance
    mark    ETH-USDT-SWAP 885                     # 199.5 - 115 - 3.96 = 80.54 < 9 x 885 x 1.05 % = 83.6
    expect  events liquidation_started order_cancelled liquidation_ended
    expect  no liquidation_step                   # 84.5 against 885 x 1.05 % = 9.29
    expect  ann position ETH-USDT-SWAP +1
    """
    assert story.engine.state.cash("ann", "USDT") == D("199.5")


@scenario
def test_warnings_do_not_flap(story: Story) -> None:
    """
    deposit  ann 200 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    trade    ann +10 ben ETH-USDT-SWAP @ 1000     # 200 / 50 = 4
    mark     ETH-USDT-SWAP 994.9                  # 149 / 49.745 = 2.995
    expect   events mark_set warned
    mark     ETH-USDT-SWAP 995.1                  # 3.034: above the level, below the level that lifts
    expect   no warned warning_lifted
    mark     ETH-USDT-SWAP 994.9
    expect   no warned warning_lifted
    mark     ETH-USDT-SWAP 997                    # 170 / 49.85 = 3.41 > 3.3
    expect   events mark_set warning_lifted
    """
    assert not story.engine.state.owners["ann"].warned


@scenario
def test_charges_never_make_a_deficit(story: Story) -> None:
    """
    rule     penalty flat
    rule     penalty_rate 0.0125
    insurance USDT 1000 USDT
    deposit  ann 200 USDT
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    bid      cat 10 ETH-USDT-SWAP @ 982
    mark     ETH-USDT-SWAP 984                    # sold at 982: 20 are left; 1.25 % of 9,820 would be 122.75
    expect   events liquidation_fill
    expect   no deficit_covered
    expect   ann balance 0 USDT
    expect   fund USDT 1020 USDT
    """
    assert [each.fee for each in story.last if isinstance(each, e.LiquidationFill)] == [20]


@scenario
def test_the_smallest_cut_that_restores_the_ratio(story: Story) -> None:
    """
    rule     step_rule smallest_cut
    instrument ETH-USDT-SWAP lot_size=1
    deposit  ann 200 USDT
    deposit  ben 100000 USDT
    deposit  cat 100000 USDT
    leverage ann ETH-USDT-SWAP 100
    trade    ann +10 ben ETH-USDT-SWAP @ 1000
    bid      cat 10 ETH-USDT-SWAP @ 984
    mark     ETH-USDT-SWAP 984                    # 40 > 1.1 x n x 4.92 needs n <= 7: 3 are sold at mark
    expect   ann position ETH-USDT-SWAP +7
    expect   ann equity 40 USDT
    """
    assert phases(story) == [("unhedged", "ETH-USDT-SWAP long", D(3))]


@scenario
def test_isolated_funding_beyond_the_margin_is_covered_and_recorded(story: Story) -> None:
    """
    insurance USDT 1000 USDT
    deposit  ann 1000 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 100 isolated
    trade    ann +1 ben ETH-USDT-SWAP @ 1000 isolated    # margin 10
    funding  ETH-USDT-SWAP 0.012                         # owes 12: 2 more than its margin
    expect   events funding_settled deficit_covered liquidation_started
    expect   ann balance 990 USDT                        # the balance is never asked
    expect   ben balance 100012 USDT
    expect   fund USDT 998 USDT
    """
    covered = next(each for each in story.last if isinstance(each, e.DeficitCovered))
    assert (covered.amount, covered.by, covered.account) == (D(2), "insurance", "ann")


def test_a_step_is_planned_from_three_arguments() -> None:
    """plan(account, marks, rulebook, pool) alone says what comes next; for a pool that is safe, nothing."""
    story = play(THROUGH_EVERYTHING.rsplit("mark", 1)[0])
    state = story.engine.state
    assert plan(state.account("ann"), state.marks, state.rulebook, "USDT cross") is None
    state.marks.mark["SOL-USDT-SWAP"] = D(28)
    step = plan(state.account("ann"), state.marks, state.rulebook, "USDT cross")
    assert step is not None
    assert step.phase == "opposite_legs"
    assert plan(state.account("ann"), state.marks, state.rulebook, "BTC cross") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dance ann", "no verb 'dance'"),
        ("deposit ann", "too few words"),
        ("deposit ann x USDT", "is not a number"),
        ("deposit ann 1 USDT\nexpect ann balance 2 USDT", "balance is 1"),
        ("deposit ann 1 USDT\nexpect ann dancing", "nothing is known of 'dancing'"),
        ("deposit ann 1 USDT\nexpect bob flat", "no account 'bob'"),
        ("deposit ann 1 USDT\nrule leave_at 2", "rules stand before"),
        ("rule no_such_rule 2", "no rule 'no_such_rule'"),
        ("deposit ann 1 USDT\nexpect refused unknown_order", "nothing was refused"),
        ("deposit ann 1 USDT\nexpect events filled", "events were: account_opened money_moved"),
    ],
)
def test_a_story_that_is_wrong_says_where(text: str, problem: str) -> None:
    """Line, words, reason: one line."""
    with pytest.raises(InputError, match=problem) as caught:
        play(text, "story")
    assert str(caught.value).startswith(f"story:{len(text.splitlines())}: {text.splitlines()[-1]}")
