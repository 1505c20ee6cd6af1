"""Options: premiums in cash, margin of shorts, liquidation, exercise. Each docstring is a story that is played."""

from decimal import Decimal

from tests.engine.stories import scenario

from crossmargin.domain import event as e
from crossmargin.engine.scenario import Story, play

D = Decimal
CALL = (
    "rulebook okx\ninstrument BTC-USD-C like=BTC-USD-SWAP kind=option contract_type=linear option_type=call "
    "strike=50000 contract_value=0.1 tick_size=0.0001 taker_fee=0.0003 maker_fee=0.0002\n"
)


@scenario
def test_a_premium_is_paid_at_the_fill_and_exercise_at_expiry(story: Story) -> None:
    """
    rulebook okx
    instrument BTC-USD-C like=BTC-USD-SWAP kind=option contract_type=linear option_type=call strike=50000 contract_value=0.1 tick_size=0.0001 taker_fee=0.0003 maker_fee=0.0002
    deposit ann 1 BTC
    deposit ben 10 BTC
    mark    BTC-USD-C 0.05 forward=50000
    ask     ben 10 BTC-USD-C @ 0.05
    bid     ann 10 BTC-USD-C @ 0.05               # 1 BTC of face: premium 0.05, fees 0.0003 and 0.0002 of the face
    expect  ann balance 0.9497 BTC
    expect  ben balance 10.0498 BTC
    expect  ann equity 0.9997 BTC
    expect  ben equity 9.9998 BTC
    mark    BTC-USD-C 0.08 forward=52000
    expect  ann equity 1.0297 BTC
    bid     ben 4 BTC-USD-C @ 0.08                 # both close 4: 0.4 x 0.08
    ask     ann 4 BTC-USD-C @ 0.08
    expect  ann balance 0.98158 BTC                # 0.9497 + 0.032 - 0.00012
    expect  ben balance 10.01772 BTC               # 10.0498 - 0.032 - 0.00008
    expect  ann position BTC-USD-C +6 @ 0.05
    expiry  BTC-USD-C 62500                        # 0.6 x 12,500 / 62,500
    expect  events expiry_settled trading_switched
    expect  ann balance 1.10158 BTC
    expect  ben balance 9.89772 BTC
    expect  ann flat
    expect  ben flat
    expect  cell fees 0.0007 BTC
    """  # noqa: E501 - one instrument, one line
    assert story.engine.state.cell("rounding", "BTC") == 0


@scenario
def test_what_a_short_option_needs(story: Story) -> None:
    """
    rulebook okx
    instrument BTC-USD-C like=BTC-USD-SWAP kind=option contract_type=linear option_type=call strike=50000 contract_value=0.1 tick_size=0.0001
    fees    BTC-USD-C 0 0
    deposit ann 0.15 BTC
    deposit ben 10 BTC
    mark    BTC-USD-C 0.05
    ask     ann 1 BTC-USD-C @ 0.05
    expect  refused price_not_healthy              # without a forward price nothing says what a short one needs
    mark    BTC-USD-C 0.05 forward=50000
    ask     ann 11 BTC-USD-C @ 0.05                # (0.15 + 0.05 - 0.05) x 1.1 = 0.165
    expect  refused insufficient_margin
    ask     ann 10 BTC-USD-C @ 0.05
    expect  events order_rested
    bid     ben 10 BTC-USD-C @ 0.05
    expect  ann balance 0.2 BTC
    expect  ann ratio 2.5 BTC                      # 0.2 / (0.03 + 0.05)
    deposit cat 0.04 BTC
    bid     cat 10 BTC-USD-C @ 0.05
    expect  refused insufficient_balance
    ask     ann 1 BTC-USD-C @ 0.05 isolated
    expect  refused mode_not_offered
    leverage ann BTC-USD-C 5
    expect  refused mode_not_offered
    mark    BTC-USD-SWAP 50000 forward=50000
    expect  refused unknown_instrument
    bid     ben 1 BTC-USD-C @ 0.02                 # 60 % off the mark: options have no band
    expect  events order_rested
    """  # noqa: E501 - one instrument, one line
    figures = story.engine.state.assessment("ann").currencies["BTC"]
    assert (figures.initial_margin, figures.maintenance_margin) == (D("0.2"), D("0.08"))


@scenario
def test_a_short_option_is_bought_back_in_the_book(story: Story) -> None:
    """
    rulebook okx
    instrument BTC-USD-C like=BTC-USD-SWAP kind=option contract_type=linear option_type=call strike=50000 contract_value=0.1 tick_size=0.0001
    fees    BTC-USD-C 0 0
    deposit ann 0.2 BTC
    deposit ben 10 BTC
    deposit cat 10 BTC
    mark    BTC-USD-C 0.05 forward=50000
    ask     ann 10 BTC-USD-C @ 0.05
    bid     ben 10 BTC-USD-C @ 0.05
    ask     cat 10 BTC-USD-C @ 0.23
    mark    BTC-USD-C 0.22 forward=62000           # 0.25 against 0.03 + 0.22; worth 0.03, so up to 0.25 may be paid
    expect  events liquidation_started liquidation_step liquidation_fill liquidation_ended
    expect  ann flat
    expect  ann balance 0.02 BTC
    expect  cat position BTC-USD-C -10 @ 0.23
    """  # noqa: E501 - one instrument, one line
    started = next(each for each in story.last if isinstance(each, e.LiquidationStarted))
    assert started.bankruptcy["ann/BTC-USD-C/short/cross"] == D("0.25")


@scenario
def test_the_fund_takes_a_short_option_over(story: Story) -> None:
    """
    rulebook okx
    instrument BTC-USD-C like=BTC-USD-SWAP kind=option contract_type=linear option_type=call strike=50000 contract_value=0.1 tick_size=0.0001
    fees    BTC-USD-C 0 0
    insurance BTC-USD 1 BTC
    deposit ann 0.2 BTC
    deposit ben 10 BTC
    mark    BTC-USD-C 0.05 forward=50000
    ask     ann 10 BTC-USD-C @ 0.05
    bid     ben 10 BTC-USD-C @ 0.05
    mark    BTC-USD-C 0.22 forward=62000
    expect  events taken_over liquidation_ended
    expect  ann balance 0 BTC
    expect  fund BTC-USD 1.25 BTC
    expect  fund_worth BTC-USD 1.03 BTC            # 1.25 less 0.22
    ask     ben 10 BTC-USD-C @ 0.24
    mark    BTC-USD-C 0.23 forward=62000           # the fund buys back below its 0.25
    expect  fund BTC-USD 1.01 BTC
    expect  ben flat
    """  # noqa: E501 - one instrument, one line
    assert not story.engine.state.owners["insurance:BTC-USD"].positions


@scenario
def test_a_long_option_may_be_deleveraged_where_nobody_else_pays(story: Story) -> None:
    """
    rulebook okx
    instrument BTC-USD-C like=BTC-USD-SWAP kind=option contract_type=linear option_type=call strike=50000 contract_value=0.1 tick_size=0.0001
    fees    BTC-USD-C 0 0
    deposit ann 0.2 BTC
    deposit ben 10 BTC
    mark    BTC-USD-C 0.05 forward=50000
    ask     ann 10 BTC-USD-C @ 0.05
    bid     ben 10 BTC-USD-C @ 0.05
    mark    BTC-USD-C 0.3 forward=72000            # ann has 0.25
    expect  events deleveraged liquidation_ended
    expect  ann balance 0 BTC
    expect  ben balance 10.2 BTC                   # 9.95 and 0.25 of the 0.3
    expect  ben flat
    """  # noqa: E501 - one instrument, one line
    assert [each.haircut for each in story.last if isinstance(each, e.Deleveraged)] == [D("0.05")]


@scenario
def test_long_options_are_never_liquidated(story: Story) -> None:
    """
    rulebook okx
    instrument BTC-USD-C like=BTC-USD-SWAP kind=option contract_type=linear option_type=call strike=50000 contract_value=0.1 tick_size=0.0001
    tiers   BTC-USD-SWAP 0.01
    fees    BTC-USD-SWAP 0 0
    fees    BTC-USD-C 0 0
    insurance BTC-USD 1 BTC
    deposit ann 1 BTC
    deposit ben 10 BTC
    mark    BTC-USD-C 0.05 forward=50000
    ask     ben 10 BTC-USD-C @ 0.05
    bid     ann 10 BTC-USD-C @ 0.05
    leverage ann BTC-USD-SWAP 10
    trade   ann -2500 ben BTC-USD-SWAP @ 50000      # 250,000 USD: 5 BTC
    prices  BTC-USD-C frozen                        # of no importance: ann's option needs nothing
    mark    BTC-USD-SWAP 62500                      # 4 BTC: 1 is lost of 0.95
    expect  events liquidation_started taken_over liquidation_ended
    expect  ann balance 0 BTC
    expect  ann position BTC-USD-C +10 @ 0.05
    expect  fund_worth BTC-USD 0.95 BTC
    prices  BTC-USD-C healthy
    expiry  BTC-USD-C 62500
    expect  ann balance 0.2 BTC
    """  # noqa: E501 - one instrument, one line
    assert not story.engine.state.owners["ann"].positions


@scenario
def test_an_option_out_of_the_money_lapses(story: Story) -> None:
    """
    rulebook okx
    instrument BTC-USD-P like=BTC-USD-SWAP kind=option contract_type=linear option_type=put strike=40000 contract_value=0.1 tick_size=0.0001
    fees    BTC-USD-P 0 0
    deposit ann 1 BTC
    deposit ben 10 BTC
    mark    BTC-USD-P 0.02 forward=50000
    ask     ben 10 BTC-USD-P @ 0.02
    bid     ann 10 BTC-USD-P @ 0.02
    expiry  BTC-USD-P 40000
    expect  ann balance 0.98 BTC
    expect  ben balance 10.02 BTC
    expect  ann flat
    bid     ann 1 BTC-USD-P @ 0.02
    expect  refused trading_stopped
    """  # noqa: E501 - one instrument, one line
    assert not story.engine.state.open_interest["BTC-USD-P"]


@scenario
def test_a_premium_is_not_paid_out_of_open_gains(story: Story) -> None:
    """
    rulebook okx
    instrument BTC-USD-C like=BTC-USD-SWAP kind=option contract_type=linear option_type=call strike=50000 contract_value=0.1 tick_size=0.0001
    tiers   BTC-USD-SWAP 0.01
    fees    BTC-USD-SWAP 0 0
    fees    BTC-USD-C 0 0
    deposit ann 1 BTC
    deposit ben 10 BTC
    leverage ann BTC-USD-SWAP 10
    trade   ann +2500 ben BTC-USD-SWAP @ 50000      # 5 BTC, margin 0.5
    mark    BTC-USD-SWAP 62500                      # 4 BTC, margin 0.4: 1 gained
    mark    BTC-USD-C 0.05 forward=62500
    ask     ben 100 BTC-USD-C @ 0.07
    bid     ann 100 BTC-USD-C @ 0.07                # 0.7 of the 0.6 that are there
    expect  refused insufficient_balance
    bid     ann 100 BTC-USD-C @ market              # held at mark it would be 0.5, but 0.7 is what they ask
    expect  refused insufficient_balance
    bid     ann 80 BTC-USD-C @ market
    expect  ann balance 0.44 BTC
    """  # noqa: E501 - one instrument, one line
    assert story.engine.state.assessment("ann").currencies["BTC"].available_balance == D("0.04")


def test_which_options_are_listed() -> None:
    """In coin, with a strike, under rules that know a margin for it."""
    for wrong in ("settle=USDT", "base=SOL settle=SOL", "contract_type=inverse"):
        play(f"{CALL}instrument BTC-USD-C {wrong}\nlist BTC-USD-C\nexpect refused unknown_instrument")
    play(f"{CALL}list BTC-USD-C\nexpect events instrument_listed")
