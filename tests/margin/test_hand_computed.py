"""Prices and pools worked out by hand. Unless said otherwise: `textbook` rules, maintenance 0.5 % at mark, no fees."""

from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.margin.desk import (
    BINANCE,
    INVERSE,
    OKX,
    TEXTBOOK,
    WITH_INVERSE,
    account,
    after,
    d,
    isolated,
    judged,
    long,
    marks,
    order,
    refused,
    short,
    tiered,
    with_tiers,
)

from crossmargin.domain.account import MarginMode, PositionMode
from crossmargin.domain.arithmetic import quotient
from crossmargin.domain.marks import Marks
from crossmargin.domain.numbers import Positive
from crossmargin.errors import MissingDataError
from crossmargin.margin import changes as ask
from crossmargin.margin.liquidation_price import liquidation_price
from crossmargin.margin.moved import moved
from crossmargin.margin.moves import frontier, market_moves
from crossmargin.margin.pool import Status
from crossmargin.margin.position_prices import bankruptcy_price, break_even_price
from crossmargin.margin.prices_usd import usd_price
from crossmargin.margin.shares import shares
from crossmargin.margin.usd import account_figures
from crossmargin.margin.withdrawal import largest_removal, largest_withdrawal

PAIR_BOOK = account(10_000, long("BTC", 1, 50_000), short("ETH", 10, 3_000))
PAIR_MARKS = marks(BTC=50_000, ETH=3_000)


# ---------------------------------------------------------------- several coins


def test_frontier_of_a_long_and_a_short() -> None:
    """BTC falls 10 % to 45,000; how far may ETH rise?

    equity       10,000 + (45,000 - 50,000) + 10 x (3,000 - E) = 35,000 - 10 E
    maintenance  0.005 x (45,000 + 10 E)                       =    225 + 0.05 E
    E = 34,775 / 10.05 = 3,460.199...; falling ETH only helps.   BTC unmoved: E = 39,750 / 10.05 = 3,955.223...
    """
    fallen, unmoved = frontier(judged(PAIR_BOOK, PAIR_MARKS), "USDT", "BTC", "ETH", [d("-0.1"), d(0)])

    assert (fallen.price, fallen.down, fallen.up) == (d(45_000), None, quotient(d(34_775), d("10.05")))
    assert fallen.safe
    assert unmoved.up == quotient(d(39_750), d("10.05"))


def test_frontier_wants_two_coins_of_the_pool() -> None:
    """A coin that the pool doesn't hold has no frontier: the error names those it holds."""
    with pytest.raises(MissingDataError, match="no SOL: choose from BTC, ETH"):
        frontier(judged(PAIR_BOOK, PAIR_MARKS), "USDT", "BTC", "SOL", [d(0)])


def test_market_move_with_betas() -> None:
    """BTC moves with the market, ETH twice as much: a rising market ruins the short of ETH.

    equity       10,000 + 50,000 m - 30,000 x 2 m      = 10,000 - 10,000 m
    maintenance  250 x (1 + m) + 150 x (1 + 2 m)       =    400 +    550 m
    m = 9,600 / 10,550 = +90.995...%; in a fall the pair only gains.
    """
    (found,) = market_moves(judged(PAIR_BOOK, PAIR_MARKS), {"BTC": d(1), "ETH": d(2)})
    move = quotient(d(9_600), d(10_550))

    assert (found.pool, found.down, found.up) == ("USDT cross", None, move)
    assert found.prices_down == {}
    assert abs(found.prices_up["BTC-USDT-SWAP"] - 50_000 * (1 + move)) < d("1e-20")
    assert abs(found.prices_up["ETH-USDT-SWAP"] - 3_000 * (1 + 2 * move)) < d("1e-20")


def test_market_move_wants_every_beta() -> None:
    """A coin without a beta is an error, never a beta of one."""
    with pytest.raises(MissingDataError, match=r"betas\.ETH: no beta given"):
        market_moves(judged(PAIR_BOOK, PAIR_MARKS), {"BTC": d(1)})


def test_a_move_of_a_coin_moves_all_its_instruments() -> None:
    """BTC -20 %: 50,000 becomes 40,000 and ETH stays; a move of -100 % leaves no price."""
    assert moved(PAIR_MARKS, TEXTBOOK, {"BTC": d("-0.2")}).mark == marks(BTC=40_000, ETH=3_000).mark
    with pytest.raises(ValueError, match="leaves no price of BTC"):
        moved(PAIR_MARKS, TEXTBOOK, {"BTC": d(-1)})


# ---------------------------------------------------------------- liquidation prices


def price_of(*holdings: object, at: int, cash: int, **more: object) -> Decimal | None:
    """Liquidation price of the first position of a textbook account in BTC."""
    book = account(cash, *holdings, **more)  # type: ignore[arg-type]
    return liquidation_price(judged(book, marks(BTC=at)), book.positions[0]).price


def test_liquidation_price_of_a_long() -> None:
    """6,000 + P - 50,000 = 0.005 P, so P = 44,000 / 0.995 = 44,221.105..."""
    assert price_of(long("BTC", 1, 50_000), at=50_000, cash=6_000) == quotient(d(44_000), d("0.995"))


def test_liquidation_price_of_a_hedged_pair() -> None:
    """Long 2, short 1, both at 50,000: 10,000 + P - 50,000 = 0.005 x 3 P, so P = 40,000 / 0.985 = 40,609.137..."""
    both = (long("BTC", 2, 50_000), short("BTC", 1, 50_000))
    found = price_of(*both, at=50_000, cash=10_000, position_mode=PositionMode.HEDGE)

    assert found == quotient(d(40_000), d("0.985"))


def test_a_perfect_hedge_has_no_liquidation_price_below() -> None:
    """Long 1, short 1: PnL is nil at any price; 100 = 0.005 x 2 P, so only a rise to 10,000 matters."""
    both = (long("BTC", 1, 5_000), short("BTC", 1, 5_000))
    book = account(100, *both, position_mode=PositionMode.HEDGE)
    found = liquidation_price(judged(book, marks(BTC=5_000)), book.positions[0])

    assert (found.down, found.up) == (None, d(10_000))


def test_tier_jump_is_the_liquidation_price() -> None:
    """Tiers: 1 % up to 100,000, 20 % above. Short 1 at 80,000 with 30,000 in cash.

    At 100,000 exactly: equity 30,000 - 20,000 = 10,000 against 1 % = 1,000, safe. Above: 20,000 against 10,000.
    The requirement jumps over the equity, so the price is the bound itself.
    """
    rulebook = with_tiers(TEXTBOOK, "BTC-USDT-SWAP", tiered((100_000, "0.01", 50), (None, "0.2", 5)))
    book = account(30_000, short("BTC", 1, 80_000))
    found = liquidation_price(judged(book, marks(BTC=80_000), rulebook), book.positions[0])

    assert found.price == found.up == 100_000
    assert found.distance == d("0.25")
    assert found.crossing is not None
    assert found.crossing.jump
    assert judged(book, marks(BTC=100_000), rulebook).status is Status.SAFE
    assert judged(book, marks(BTC="100000.000001"), rulebook).status is Status.LIQUIDATION


def test_a_mark_on_the_bound_jumps_at_once() -> None:
    """The same short with the mark on the bound, 100,000: the next tick up liquidates, so the distance is nil."""
    rulebook = with_tiers(TEXTBOOK, "BTC-USDT-SWAP", tiered((100_000, "0.01", 50), (None, "0.2", 5)))
    book = account(30_000, short("BTC", 1, 80_000))
    found = liquidation_price(judged(book, marks(BTC=100_000), rulebook), book.positions[0])

    assert (found.price, found.distance) == (d(100_000), d(0))


def test_inverse_short_that_nothing_liquidates() -> None:
    """1,000 contracts of 100 USD short at 100,000 (1 BTC) with 1 BTC in cash.

    equity = 1 + 100,000 / P - 1 = 100,000 / P, maintenance 0.005 x 100,000 / P: half a per cent of it at any price.
    """
    book = account({"BTC": 1}, short(INVERSE.id, 1_000, 100_000))
    found = liquidation_price(judged(book, marks(BTC_USD_SWAP=100_000), WITH_INVERSE), book.positions[0])

    assert found.price is None
    assert found.reason == "no price of BTC alone brings the pool to its trigger"


def test_inverse_long_is_liquidated_below() -> None:
    """1,000 contracts long at 100,000, 0.25 BTC: 0.25 + 1 - 100,000 / P = 500 / P at P = 100,500 / 1.25 = 80,400."""
    book = account({"BTC": "0.25"}, long(INVERSE.id, 1_000, 100_000))
    found = liquidation_price(judged(book, marks(BTC_USD_SWAP=100_000), WITH_INVERSE), book.positions[0])

    assert (found.down, found.up) == (d(80_400), None)


def test_bankruptcy_price() -> None:
    """Nothing supports the pool where 6,000 + P - 50,000 = 0: at 44,000, maintenance or not."""
    book = account(6_000, long("BTC", 1, 50_000))

    assert bankruptcy_price(judged(book, marks(BTC=50_000)), book.positions[0]).value == 44_000


def test_bankruptcy_price_of_an_inverse_short() -> None:
    """1,000 contracts short at 100,000 with 0.5 BTC: 0.5 + 100,000 / P - 1 = 0 at 200,000."""
    book = account({"BTC": "0.5"}, short(INVERSE.id, 1_000, 100_000))
    assessment = judged(book, marks(BTC_USD_SWAP=100_000), WITH_INVERSE)

    assert bankruptcy_price(assessment, book.positions[0]).value == 200_000


def test_break_even_of_a_fresh_position() -> None:
    """OKX, taker fee 0.05 % each way: 50,000 x 1.0005 / 0.9995 = 50,050.025...; a short 50,000 x 0.9995 / 1.0005."""
    book = account(
        10_000, long("BTC", 100, 50_000), isolated(short("BTC", 100, 50_000)), position_mode=PositionMode.HEDGE
    )
    assessment = judged(book, marks(BTC=50_000), OKX)
    prices = [break_even_price(assessment, position).value for position in book.positions]

    assert prices == [quotient(d("50025.00"), d("0.9995")), quotient(d("49975.00"), d("1.0005"))]


def test_break_even_after_a_partial_close() -> None:
    """100 contracts of 0.01 left of 200 at 50,000; fees paid 75, 100 realised: (50,000 + 75 - 100) / 0.9995."""
    left = long("BTC", 100, 50_000, fee=d(-75), realized_pnl=d(100))
    book = account(10_000, left)

    assert break_even_price(judged(book, marks(BTC=50_000), OKX), left).value == quotient(d(49_975), d("0.9995"))


def test_break_even_counts_funding() -> None:
    """The same with 20 of funding paid: (50,000 + 75 + 20 - 100) / 0.9995."""
    left = long("BTC", 100, 50_000, fee=d(-75), realized_pnl=d(100), funding_fee=d(-20))
    book = account(10_000, left)

    assert break_even_price(judged(book, marks(BTC=50_000), OKX), left).value == quotient(d(49_995), d("0.9995"))


# ---------------------------------------------------------------- pools


def test_two_currencies_are_two_pools() -> None:
    """A million USDT does not help the BTC pool: 0.005 BTC against 0.005 x 100,000 / 100,000 is just liquidated."""
    rich = account({"USDT": 1_000_000, "BTC": "0.005"}, long(INVERSE.id, 1_000, 100_000), long("ETH", 1, 3_000))
    assessment = judged(rich, marks(BTC_USD_SWAP=100_000, ETH=3_000), WITH_INVERSE)

    assert assessment.currencies["BTC"].status is Status.LIQUIDATION
    assert assessment.currencies["BTC"].margin_ratio == 1
    assert assessment.currencies["USDT"].status is Status.SAFE
    assert assessment.status is Status.LIQUIDATION


def test_cross_and_isolated_side_by_side() -> None:
    """The same long twice, cross with 10,000 of cash and isolated with 5,000 of margin; BTC 50,000 -> 46,000.

    cross     10,000 - 4,000 = 6,000 against 230, ratio 26.08...; only its own PnL is in the pool
    isolated   5,000 - 4,000 = 1,000 against 230, ratio 4.347...; equity of the currency 6,000 + 1,000
    """
    book = account(10_000, long("BTC", 1, 50_000), isolated(long("BTC", 1, 50_000), 5_000))
    assessment = judged(book, marks(BTC=46_000))
    figures = assessment.currencies["USDT"]

    assert [each.margin_ratio for each in assessment.positions] == [
        quotient(d(6_000), d(230)),
        quotient(d(1_000), d(230)),
    ]
    assert (figures.floating_pnl, figures.isolated_equity, figures.equity) == (d(-4_000), d(1_000), d(7_000))
    assert figures.maintenance_margin == 230
    assert figures.in_use == 4_600
    assert figures.exposure == 92_000


def test_an_isolated_margin_left_out_is_the_opening_margin() -> None:
    """Without a margin of its own: 50,000 / 10 = 5,000; closed at entry it all comes back to the balance."""
    book = account(10_000, isolated(long("BTC", 1, 50_000)))
    prices = marks(BTC=50_000)
    closed = after(book, prices, ask.Close(instrument="BTC-USDT-SWAP", side=book.positions[0].side,
                                           margin_mode=MarginMode.ISOLATED))  # fmt: skip

    assert judged(book, prices).positions[0].margin == 5_000
    assert closed.account == account(15_000)


@pytest.mark.parametrize(("mark", "most"), [(60_000, 4_000), (49_000, 4_100)])
def test_largest_withdrawal_leaves_gains_out(mark: int, most: int) -> None:
    """Cash 10,000, long 1 at 50,000, 10x.

    At 60,000 the gain of 10,000 is not money: 10,000 - 6,000 of margin = 4,000.
    At 49,000 the loss counts: 10,000 - 1,000 - 4,900 = 4,100.
    """
    book = account(10_000, long("BTC", 1, 50_000))

    assert largest_withdrawal(judged(book, marks(BTC=mark)), "USDT") == most


def test_largest_withdrawal_is_rounded_down_to_the_quantum() -> None:
    """10 less a margin of 20 / 3 leaves 3.333...: with a quantum of 0.01 it is 3.33; nothing of an unknown currency."""
    book = account(10, long("BTC", 1, 20, leverage=3), quanta={"USDT": d("0.01")})

    assert largest_withdrawal(judged(book, marks(BTC=20)), "USDT") == d("3.33")
    assert largest_withdrawal(judged(book, marks(BTC=20)), "DOGE") == 0


def test_largest_removal() -> None:
    """Margin 6,000, opening margin 5,000, loss 400: 600 may go. With a gain of 400 it is 1,000, not 1,400."""
    book = account(0, isolated(long("BTC", 1, 50_000), 6_000))
    lost, gained = (judged(book, marks(BTC=mark)) for mark in (49_600, 50_400))

    assert largest_removal(lost, book.positions[0]) == 600
    assert largest_removal(gained, book.positions[0]) == 1_000


def test_largest_removal_of_what_was_added() -> None:
    """1,000 above the opening margin: in a loss of 400 it may go, in one of 5,256 no more than to the warning.

    There 744 stand, at a mark of 44,744 the maintenance of 0.5 % is 223.72, and three times that 671.16: 72.84 is left.
    """
    book = account(0, isolated(long("BTC", 1, 50_000), 6_000))
    rules = TEXTBOOK.with_rules(isolated_removal="above_initial_margin")
    small, large = (judged(book, marks(BTC=mark), rules) for mark in (49_600, 44_744))

    assert largest_removal(small, book.positions[0]) == 1_000
    assert largest_removal(large, book.positions[0]) == d("72.84")


# ---------------------------------------------------------------- total equity in USD


@pytest.mark.parametrize(
    ("prices", "price"),
    [
        (Marks(fx={"ETH": d(3_001), "USDT": d("0.99")}, index={"ETH-USDT": d(3_000)}), "3001"),
        (Marks(fx={"USDT": d("0.99")}, index={"ETH-USDT": d(3_000), "ETH-USDC": d(3_010)}), "2970"),
        (Marks(fx={"USDC": d("1.01"), "BTC": d(100_000)}, index={"ETH-USDC": d(3_000), "ETH-BTC": d("0.04")}), "3030"),
        (Marks(fx={"BTC": d(100_000)}, index={"ETH-BTC": d("0.03")}), "3000"),
        (Marks(fx={"USDT": d(1)}, index={"ETH-BTC": d("0.03"), "BTC-USDT": d(90_000)}), "2700"),
    ],
    ids=["USD price", "USDT pair", "USDC pair", "BTC pair", "BTC pair, BTC itself by USDT"],
)
def test_total_equity_by_each_chain(prices: Marks, price: str) -> None:
    """2 ETH and 100 USD: in USD by its USD price, else its USDT pair, else USDC, else BTC; nearer chains go first.

    2 x 3,001; 2 x 3,000 x 0.99; 2 x 3,000 x 1.01; 2 x 0.03 x 100,000; 2 x 0.03 x 90,000; and 100 each time.
    """
    figures = account_figures(judged(account({"ETH": 2, "USD": 100}), prices))

    assert usd_price(prices, "ETH") == d(price)
    assert figures.total_equity_usd == 2 * d(price) + 100


def test_total_equity_without_a_chain_has_a_reason() -> None:
    """No price leads from ETH to USD: the figure is null and says what to add, never a silent zero."""
    figures = account_figures(judged(account({"ETH": 2}), Marks()))

    assert figures.total_equity_usd is None
    assert figures.reasons["account.total_equity_usd"] == "no USD price of ETH: add [fx] ETH = ..."


# ---------------------------------------------------------------- margin modes


SHORT_ETH = account(10_000, short("ETH", 10, 3_000))
TO_ISOLATED = ask.SetMarginMode(
    instrument="ETH-USDT-SWAP", side=SHORT_ETH.positions[0].side, margin_mode=MarginMode.ISOLATED
)


def test_mode_switch_with_an_open_position() -> None:
    """Short 10 ETH at 3,000, 10x: the opening margin of 3,000 leaves the 10,000 of cash for the position, and returns.

    Equity stays 10,000 - 300 at a mark of 3,030; from now on only the 3,000 are at stake.
    """
    prices = marks(ETH=3_030)
    there = after(SHORT_ETH, prices, TO_ISOLATED)
    back = replace(TO_ISOLATED, margin_mode=MarginMode.CROSS)

    assert there.account == account(7_000, isolated(short("ETH", 10, 3_000), 3_000))
    assert judged(there.account, prices).currencies["USDT"].equity == 9_700
    assert after(there.account, prices, back).account == SHORT_ETH


def test_mode_switch_refused_for_lack_of_balance() -> None:
    """2,999.99 of cash does not pay an opening margin of 3,000."""
    poor = account("2999.99", *SHORT_ETH.positions)
    refusal = refused(poor, marks(ETH=3_000), TO_ISOLATED)

    assert str(refusal) == "insufficient balance: needs 3000 USDT, has 2999.99 USDT"


def test_mode_switch_cannot_be_paid_by_gains_of_others() -> None:
    """3,000 of cash; long 1 BTC at 50,000 now at 60,000 needs 6,000 at 10x. Its gain of 10,000 is no cash:

    isolated margin comes out of the available balance, 3,000 - 3,000 - 6,000 is 6,000 short.
    """
    book = account(3_000, *SHORT_ETH.positions, long("BTC", 1, 50_000))
    refusal = refused(book, marks(ETH=3_000, BTC=60_000), TO_ISOLATED)

    assert str(refusal) == "insufficient balance: needs 3000 USDT, has 0 USDT"


def test_mode_switch_refused_because_it_would_liquidate() -> None:
    """Long 1 at 50,000, mark 45,200: isolated, 5,000 - 4,800 = 200 would stand against 226. Cross has 5,200."""
    book = account(10_000, long("BTC", 1, 50_000))
    change = replace(TO_ISOLATED, instrument="BTC-USDT-SWAP", side=book.positions[0].side)
    refusal = refused(book, marks(BTC=45_200), change)

    assert str(refusal) == "would be liquidated (BTC-USDT-SWAP:long:isolated would be liquidated at once)"


def test_mode_switch_only_when_flat() -> None:
    """Binance changes the margin type of a symbol only without a position in it."""
    book = account(10_000, replace(short("ETH", 10, 3_000), instrument="ETHUSDT"))
    change = replace(TO_ISOLATED, instrument="ETHUSDT")
    refusal = refused(book, Marks(mark={"ETHUSDT": d(3_000)}), change, BINANCE)

    assert str(refusal) == "mode in use (ETHUSDT has an open position) [-4068]"


def test_margin_ratio_with_a_live_order_on_okx() -> None:
    """OKX, BTC-USDT-SWAP of 0.01, mark 50,000: long 100 and a live buy of 100 at 49,000, 10x, taker 0.05 %.

    in use       5,000 + 4,900 + fee 24.5 = 9,924.5; the ratio's numerator leaves out only the fee: 9,975.5
    maintenance  both at mark: 2 x 50,000 x 0.4 % = 400; closing fee 2 x 50,000 x 0.05 % = 50
    ratio        9,975.5 / 450 = 22.167...
    """
    book = account(10_000, long("BTC", 100, 50_000), order("BTC", "buy", 100, 49_000))
    figures = judged(book, marks(BTC=50_000), OKX).currencies["USDT"]

    assert (figures.in_use, figures.free_margin) == (d("9924.5"), d("75.5"))
    assert (figures.maintenance_margin, figures.liquidation_fee) == (d(400), d(50))
    assert figures.margin_ratio == quotient(d("9975.5"), d(450))


def test_a_deposit_is_exact() -> None:
    """A deposit of 0.5 on 10,000 gives 10,000.5: nothing is rounded on the way."""
    change = ask.Deposit(currency="USDT", amount=Positive("0.5"))

    assert after(account(10_000), marks(), change).account == account("10000.5")


# ---------------------------------------------------------------- what a position contributes


def test_what_each_position_contributes() -> None:
    """Cash 1,000; long 1 BTC at 50,000, short 10 ETH at 3,000, both 10x; BTC now at 51,000, ETH at 3,000.

    equity 2,000; maintenance 255 + 150 = 405.
    BTC: 51,000 / 2,000 = 25.5 of the equity, 255 / 405 of the maintenance, leverage 51,000 / (5,100 + 1,000);
    without it the ratio is 2,000 / 150.
    """
    assessment = judged(account(1_000, *PAIR_BOOK.positions), marks(BTC=51_000, ETH=3_000))
    share = shares(assessment)["BTC-USDT-SWAP:long:cross"]

    assert (share.share_of_equity, share.share_of_maintenance) == (d("25.5"), quotient(d(255), d(405)))
    assert share.effective_leverage == quotient(d(51_000), d(6_100))
    assert share.ratio_without == quotient(d(2_000), d(150))


def test_the_share_of_maintenance_counts_the_closing_fee() -> None:
    """OKX: 0.4 % and a closing fee of 0.05 % on BTC 50,000 and ETH 3,000 alike: 50,000 / 53,000 of what is required."""
    book = account(10_000, long("BTC", 100, 50_000), short("ETH", 10, 3_000))
    share = shares(judged(book, marks(BTC=50_000, ETH=3_000), OKX))["BTC-USDT-SWAP:long:cross"]

    assert share.share_of_maintenance == quotient(d(225), d("238.5"))


def test_what_has_no_share() -> None:
    """Equity is gone, or the loss has eaten the margin: null instead of a figure that means nothing.

    Cash 1,000, long 1 at 50,000, 10x: at 49,000 equity is 0; at 44,000 margin and PnL are 4,400 - 6,000.
    """
    book = account(1_000, long("BTC", 1, 50_000))
    nothing, less = (shares(judged(book, marks(BTC=mark)))["BTC-USDT-SWAP:long:cross"] for mark in (49_000, 44_000))

    assert (nothing.share_of_equity, nothing.ratio_without) == (None, None)
    assert nothing.effective_leverage == quotient(d(49_000), d(3_900))
    assert less.effective_leverage is None
