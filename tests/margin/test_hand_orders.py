"""Holds and admission, worked out by hand. Marks: BTC 50,000 unless said otherwise; `textbook` has no fees."""

from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.margin.desk import (
    BINANCE,
    CALL,
    INVERSE,
    OKX,
    PAIR,
    PUT,
    TEXTBOOK,
    WITH_INVERSE,
    account,
    d,
    held,
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

from crossmargin.domain.account import MarginMode, Order, OrderSide, OrderState, OrderType, PositionMode, Side
from crossmargin.domain.marks import Marks
from crossmargin.domain.refusal import RejectReason
from crossmargin.errors import MissingDataError, UnsupportedError
from crossmargin.margin import changes as ask
from crossmargin.margin.admission import admit, admit_new
from crossmargin.margin.limits import largest_order
from crossmargin.margin.options import short_option_margin
from crossmargin.rulebook.model import Rulebook

BTC = "BTC-USDT-SWAP"
AT_50 = marks(BTC=50_000)
OPTIONS = OKX.with_instruments([CALL, PUT])
OPTION_MARKS = Marks(mark={CALL.id: d("0.02"), PUT.id: d("0.05")}, forward={"BTC": d(100_000)})


def in_use(book: object, prices: Marks, rulebook: Rulebook = TEXTBOOK, currency: str = "USDT") -> Decimal:
    """Amount in use of a currency."""
    return judged(book, prices, rulebook).currencies[currency].in_use  # type: ignore[arg-type]


# ---------------------------------------------------------------- holds of contracts


def test_an_order_holds_its_own_price_and_the_taker_fee() -> None:
    """OKX, buy 100 contracts of 0.01 at 49,000, 10x: 4,900 + 0.05 % of 49,000 = 24.5. Textbook: 49 / 10 a contract."""
    assert in_use(account(10_000, order("BTC", "buy", 100, 49_000)), AT_50, OKX) == d("4924.5")
    assert in_use(account(10_000, order("BTC", "buy", 1, 49_000)), AT_50) == 4_900


def test_a_market_order_is_valued_at_mark() -> None:
    """Without a price of its own: 50,000 / 10."""
    market = order("BTC", "buy", 1, None, type=OrderType.MARKET)

    assert in_use(account(10_000, market), AT_50) == 5_000


def test_an_order_holds_only_what_is_not_filled() -> None:
    """Buy 1 at 50,000, 0.4 filled: 30,000 / 10."""
    assert in_use(account(10_000, order("BTC", "buy", 1, 50_000, filled=d("0.4"))), AT_50) == 3_000


@pytest.mark.parametrize("kind", [OrderType.TRIGGER, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT, OrderType.TRAILING])
def test_an_order_that_waits_for_its_trigger_holds_nothing(kind: OrderType) -> None:
    """The check comes when it fires."""
    waiting = order("BTC", "buy", 1, 49_000, type=kind, trigger_price=d(49_000))

    assert in_use(account(10_000, waiting), AT_50) == 0


def test_a_new_order_holds_nothing_yet() -> None:
    """Only live orders count as in use."""
    assert in_use(account(10_000, order("BTC", "buy", 1, 49_000, state=OrderState.NEW)), AT_50) == 0


def test_closing_orders_hold_nothing_and_the_excess_does() -> None:
    """Long 1 (5,000 in use). Sell 1: closes, holds nothing. Sell 3 at 50,000: 2 open, |1 - 3| x 5,000 = 10,000."""
    one = long("BTC", 1, 50_000)

    assert in_use(account(20_000, one, order("BTC", "sell", 1, 50_000)), AT_50) == 5_000
    assert in_use(account(20_000, one, order("BTC", "sell", 3, 50_000)), AT_50) == 10_000


def test_one_way_netting_takes_the_larger_side() -> None:
    """Long 1; buy 0.5 and sell 2, all at 50,000, 10x: max(|1 + 0.5|, |1 - 2|) x 5,000 = 7,500.

    Alone the orders would hold 2,500 and 5,000 (of the sell only 1 opens): 5,000 are netted away.
    """
    book = account(20_000, long("BTC", 1, 50_000), order("BTC", "buy", "0.5", 50_000), order("BTC", "sell", 2, 50_000))
    assessment = judged(book, AT_50)

    assert assessment.currencies["USDT"].in_use == 7_500
    assert assessment.currencies["USDT"].initial_margin == 7_500
    assert [hold.margin for hold in assessment.holds] == [2_500, 5_000]


def test_flat_books_net_to_the_larger_side() -> None:
    """Buy 1 at 49,000 and sell 1 at 51,000, 10x: only 5,100 are held."""
    book = account(20_000, order("BTC", "buy", 1, 49_000), order("BTC", "sell", 1, 51_000))

    assert in_use(book, AT_50) == 5_100


def test_hedge_mode_nets_nothing() -> None:
    """The same two orders for the long and the short side: 4,900 + 5,100."""
    book = account(
        20_000,
        order("BTC", "buy", 1, 49_000, position_side=Side.LONG),
        order("BTC", "sell", 1, 51_000, position_side=Side.SHORT),
        position_mode=PositionMode.HEDGE,
    )

    assert in_use(book, AT_50) == 10_000


def test_reduce_only_orders_hold_nothing() -> None:
    """Long 1 and a reduce-only sell of 3: it never opens, so only the position's 5,000 are in use."""
    book = account(20_000, long("BTC", 1, 50_000), order("BTC", "sell", 3, 50_000, reduce_only=True))

    assert in_use(book, AT_50) == 5_000


def test_earlier_orders_close_first() -> None:
    """Long 1; two sells of 1: the first closes, the second opens 1 short; netted to max(1, |1 - 2|) x 5,000."""
    book = account(20_000, long("BTC", 1, 50_000), order("BTC", "sell", 1, 50_000), order("BTC", "sell", 1, 50_000))
    holds = judged(book, AT_50).holds

    assert [hold.contracts for hold in holds] == [0, 1]
    assert in_use(book, AT_50) == 5_000


def test_binance_counts_sells_at_the_worst_price_and_the_immediate_loss() -> None:
    """Last 50,000 x 1.0015 = 50,075 is above mark and price: a sell of 1 at 20x holds 2,503.75, and 1,000 of loss."""
    prices = Marks(mark={"BTCUSDT": d(50_000)}, last={"BTCUSDT": d(50_000)})
    selling = replace(order("BTC", "sell", 1, 49_000, leverage=20), instrument="BTCUSDT")
    buying = replace(order("BTC", "buy", 1, 49_000, leverage=20), instrument="BTCUSDT")

    assert in_use(account(10_000, selling), prices, BINANCE) == d("3503.75")
    assert in_use(account(10_000, buying), prices, BINANCE) == 2_450


# ---------------------------------------------------------------- spot, interest, bots


def test_spot_orders_interest_and_bots_are_in_use() -> None:
    """Spot buy of 2 BTC at 1,000: 2,000 USDT; spot sell of 3: 3 BTC. 7 of interest and 100 with bots: 2,107 USDT."""
    spot = {"instrument": "BTC-USDT", "margin_mode": MarginMode.CASH}
    book = account(
        {"USDT": 5_000, "BTC": 4},
        Order(side=OrderSide.BUY, contracts=d(2), price=d(1_000), **spot),  # type: ignore[arg-type]
        Order(side=OrderSide.SELL, contracts=d(3), price=d(1_500), **spot),  # type: ignore[arg-type]
        interest={"USDT": d(7)},
        bot_frozen={"USDT": d(100)},
    )

    assert in_use(book, marks(BTC_USDT=1_200), PAIR) == 2_107
    assert in_use(book, marks(BTC_USDT=1_200), PAIR, "BTC") == 3


def test_a_spot_margin_order_backed_by_base_counts_in_coin() -> None:
    """Buy 2 BTC on margin at 10x with BTC as margin: 0.2 BTC and 0.1 % of 2 BTC as fee; with USDT: 20,000 and 200."""
    buying = Order(instrument="BTC-USDT", side=OrderSide.BUY, contracts=d(2), price=d(100_000), leverage=d(10))
    prices = marks(BTC_USDT=100_000)

    assert in_use(account({"BTC": 1}, replace(buying, margin_currency="BTC")), prices, PAIR, "BTC") == d("0.202")
    assert in_use(account(50_000, buying), prices, PAIR) == 20_200


# ---------------------------------------------------------------- options


def test_short_call_margin() -> None:
    """Strike 110,000, forward 100,000: out of the money by 10 %, so max(10 %, 15 % - 10 %) = 10 %, plus mark 0.02.

    100 contracts of 0.01 are a face of 1 BTC: initial 0.12, maintenance 3 % + 0.02 = 0.05.
    """
    margin = short_option_margin(CALL, d(100), OPTION_MARKS, OPTIONS)

    assert (margin.initial, margin.maintenance) == (d("0.12"), d("0.05"))


def test_short_put_margin() -> None:
    """Strike 98,000, forward 100,000: 2 % out of the money, 15 % - 2 % = 13 %, plus mark 0.05.

    Face 1 BTC: initial 0.18, maintenance max(3 %, 3 % x 0.05) + 0.05 = 0.08.
    """
    margin = short_option_margin(PUT, d(100), OPTION_MARKS, OPTIONS)

    assert (margin.initial, margin.maintenance) == (d("0.18"), d("0.08"))


def test_an_option_in_the_money_starts_at_the_full_rate() -> None:
    """A call with the forward above its strike is not out of the money: 15 % + 0.02."""
    rich = replace(OPTION_MARKS, forward={"BTC": d(120_000)})

    assert short_option_margin(CALL, d(100), rich, OPTIONS).initial == d("0.17")


def test_the_factor_of_the_tier_multiplies_the_rate() -> None:
    """Above 50 contracts the factor is 2: 2 x 10 % + 0.02 = 0.22 and 2 x 3 % + 0.02 = 0.08 on a face of 1 BTC."""
    table = tiered((50, 0, 1), (None, 0, 1), unit="contracts")
    table = replace(table, tiers=(table.tiers[0], replace(table.tiers[1], factor=d(2))))
    margin = short_option_margin(CALL, d(100), OPTION_MARKS, with_tiers(OPTIONS, CALL.id, table))

    assert (margin.initial, margin.maintenance) == (d("0.22"), d("0.08"))


def test_a_short_option_in_its_pool() -> None:
    """Short 100 calls sold at 0.03: equity 1 - 0.02 of option value; 0.12 in use; 0.05 and a closing fee required.

    The fee is 0.03 % of the face; the premium was paid into the balance when it was sold.
    """
    book = account({"BTC": 1}, held(CALL.id, 100, "0.03", Side.SHORT, leverage=1))
    figures = judged(book, OPTION_MARKS, OPTIONS).currencies["BTC"]

    assert (figures.option_value, figures.equity) == (d("-0.02"), d("0.98"))
    assert (figures.in_use, figures.maintenance_margin, figures.liquidation_fee) == (d("0.12"), d("0.05"), d("0.0003"))
    assert figures.floating_pnl == 0


def test_a_long_option_in_its_pool() -> None:
    """Long 100 calls: worth 0.02 in the equity; no margin, no maintenance, and nothing to liquidate."""
    book = account({"BTC": 1}, held(CALL.id, 100, "0.03", Side.LONG, leverage=1))
    figures = judged(book, OPTION_MARKS, OPTIONS).currencies["BTC"]

    assert (figures.equity, figures.in_use, figures.maintenance_margin) == (d("1.02"), d(0), d(0))
    assert figures.margin_ratio is None


@pytest.mark.parametrize(
    ("side", "price", "hold"),
    [
        ("buy", "0.02", "0.0203"),  # (0.02 x 0.01 + 0.0003 x 0.01) x 100
        ("sell", "0.03", "0.1003"),  # max(0.1 + 0.02 - 0.03, 0.1) = 0.1: (0.1 x 0.01 + 0.000003) x 100
        ("sell", "0.005", "0.1153"),  # 0.1 + 0.02 - 0.005 = 0.115
    ],
)
def test_option_orders_to_open(side: str, price: str, hold: str) -> None:
    """Buying holds premium and fee; selling holds the initial margin less the premium, at least 10 %, and the fee."""
    assert in_use(account({"BTC": 1}, order(CALL.id, side, 100, price)), OPTION_MARKS, OPTIONS, "BTC") == d(hold)


def test_option_orders_to_close() -> None:
    """Short 100: buying back at 0.2 holds what exceeds the margin of 0.12: 0.2 - 0.12 + 0.0003. Beside it, 0.12.

    Long 100: selling at 0.0001 holds 0.0003 - 0.0001, at 0.001 nothing.
    """
    back = account({"BTC": 1}, held(CALL.id, 100, "0.03", Side.SHORT, 1), order(CALL.id, "buy", 100, "0.2"))
    cheap, dear = (
        account({"BTC": 1}, held(CALL.id, 100, "0.03", Side.LONG, 1), order(CALL.id, "sell", 100, price))
        for price in ("0.0001", "0.001")
    )

    assert in_use(back, OPTION_MARKS, OPTIONS, "BTC") == d("0.0803") + d("0.12")
    assert in_use(cheap, OPTION_MARKS, OPTIONS, "BTC") == d("0.0002")
    assert in_use(dear, OPTION_MARKS, OPTIONS, "BTC") == 0


def test_short_options_without_a_forward_or_a_rule() -> None:
    """A missing forward and a venue without sourced rates are errors, never a margin of zero."""
    with pytest.raises(MissingDataError, match="forward price"):
        short_option_margin(CALL, d(1), replace(OPTION_MARKS, forward={}), OPTIONS)
    with pytest.raises(UnsupportedError, match="no sourced margin rule"):
        short_option_margin(CALL, d(1), OPTION_MARKS, TEXTBOOK.with_instruments([CALL]))


# ---------------------------------------------------------------- admission


def new(size: object, price: int = 50_000, leverage: int = 10, **more: object) -> Order:
    """A new order to buy BTC."""
    return order("BTC", "buy", str(size), price, leverage=leverage, state=OrderState.NEW, **more)


def test_free_margin_admits_up_to_the_last_unit() -> None:
    """5,000 free: buy 1 at 50,000, 10x, needs 5,000 and is admitted; 1.00000001 is not."""
    book = account(5_000)

    assert admit(book, new(1), AT_50, TEXTBOOK) is None
    assert str(admit(book, new("1.00000001"), AT_50, TEXTBOOK)) == (
        "insufficient margin: needs 5000.00005 USDT, has 5000 USDT (free margin)"
    )
    assert largest_order(book, new(1), AT_50, TEXTBOOK) == 1


def test_gains_admit_cross_orders_but_no_isolated_ones() -> None:
    """Cash 6,000 with a gain of 4,000 and 5,400 in use: 4,600 free, but only 600 available.

    Long 1 at 50,000 now at 54,000. An order that needs 2,500: cross yes, isolated no.
    """
    book, prices = account(6_000, long("BTC", 1, 50_000)), marks(BTC=54_000)
    cross = new("0.5")
    alone = replace(cross, margin_mode=MarginMode.ISOLATED)

    assert judged(book, prices).currencies["USDT"].free_margin == 4_600
    assert admit(book, cross, prices, TEXTBOOK) is None
    assert str(admit(book, alone, prices, TEXTBOOK)) == (
        "insufficient balance: needs 2500 USDT, has 600 USDT (available balance)"
    )


def test_new_orders_are_admitted_in_file_order() -> None:
    """5,000 free; three orders of 2,500 each: the third finds nothing left."""
    book = account(5_000, new("0.5"), new("0.5"), new("0.5"))
    figures = admit_new(judged(book, AT_50))

    assert [each.accepted for each in figures] == [True, True, False]
    assert [each.margin for each in figures] == [2_500, 2_500, 2_500]
    assert figures[2].refusal is not None
    assert (figures[2].refusal.needs, figures[2].refusal.has) == (d(2_500), d(0))


def test_live_orders_are_not_asked_about() -> None:
    """A live order shows what it holds; accepted stays open."""
    (figure,) = admit_new(judged(account(5_000, order("BTC", "buy", 1, 50_000)), AT_50))

    assert (figure.accepted, figure.reason, figure.margin) == (None, None, d(5_000))


def test_okx_admission_adds_the_immediate_loss_and_the_worse_price() -> None:
    """100 contracts of 0.01, 10x, taker 0.05 %, mark 50,000.

    buy at 51,000:   5,100 + 25.5 + a loss of 1,000 at once           = 6,125.5
    sell at 49,000:  at the mark, 5,000 + 25, and a loss of 1,000      = 6,025
    sell at 51,000:  5,100 + 25.5, no loss                             = 5,125.5
    """
    for side, price, needs in (("buy", 51_000, "6125.5"), ("sell", 49_000, "6025"), ("sell", 51_000, "5125.5")):
        asked = order("BTC", side, 100, price, state=OrderState.NEW)
        refusal = admit(account(1), asked, AT_50, OKX)

        assert admit(account(needs), asked, AT_50, OKX) is None
        assert refusal is not None
        assert (refusal.needs, refusal.has) == (d(needs), d(1))


def test_okx_admission_of_inverse_orders_mirrors_the_sides() -> None:
    """1,000 contracts of 100 USD at mark 50,000 are 2 BTC; 10x, no fee.

    buy at 62,500 (1.6 BTC): valued at the mark, 0.2, and 0.4 of loss; sell at 62,500: 0.16 and no loss.
    """
    rulebook = OKX.with_instruments([INVERSE], WITH_INVERSE.tiers)
    prices = marks(BTC_USD_SWAP=50_000)
    for side, needs in (("buy", "0.6"), ("sell", "0.16")):
        asked = order(INVERSE.id, side, 1_000, 62_500, state=OrderState.NEW)
        refusal = admit(account({"BTC": "0.01"}), asked, prices, rulebook)

        assert refusal is not None
        assert refusal.needs == d(needs)


def test_the_position_cap_counts_position_and_orders_of_the_side() -> None:
    """20x up to 100,000: long 1 and a live buy of 0.5 leave 25,000; a buy of 0.5 passes, of 0.6 not, a sell does."""
    rulebook = with_tiers(TEXTBOOK, BTC, tiered((100_000, "0.01", 20), (None, "0.02", 10)))
    book = account(50_000, long("BTC", 1, 50_000, leverage=20), order("BTC", "buy", "0.5", 50_000, leverage=20))
    selling = replace(new("0.6", leverage=20), side=OrderSide.SELL)

    assert admit(book, new("0.5", leverage=20), AT_50, rulebook) is None
    assert str(admit(book, new("0.6", leverage=20), AT_50, rulebook)) == (
        "position cap: needs 105000 USDT, has 100000 USDT (at 20x)"
    )
    assert admit(book, selling, AT_50, rulebook) is None


def test_reduce_only_needs_something_to_reduce() -> None:
    """Without a long there is nothing for a reduce-only sell; with one it is admitted without any money."""
    selling = replace(new(1, reduce_only=True), side=OrderSide.SELL)

    assert str(admit(account(0), selling, AT_50, TEXTBOOK)) == "reduce only would open (no long position to reduce)"
    assert admit(account(0, long("BTC", 1, 50_000)), selling, AT_50, TEXTBOOK) is None


PRECEDENCE = [
    (RejectReason.SIZE_OFF_LOT, {"size": "0.05", "leverage": 50, "reduce_only": True}),
    (RejectReason.SIZE_BELOW_MINIMUM, {"size": "0.1", "leverage": 50, "reduce_only": True}),
    (RejectReason.REDUCE_ONLY_WOULD_OPEN, {"size": "3", "leverage": 50, "reduce_only": True}),
    (RejectReason.LEVERAGE_ABOVE_TIER, {"size": "3", "leverage": 50}),
    (RejectReason.POSITION_CAP, {"size": "3", "leverage": 20}),
    (RejectReason.INSUFFICIENT_BALANCE, {"size": "1", "leverage": 20, "margin_mode": MarginMode.ISOLATED}),
    (RejectReason.INSUFFICIENT_MARGIN, {"size": "1", "leverage": 20}),
]


@pytest.mark.parametrize(("reason", "asked"), PRECEDENCE, ids=[reason for reason, _ in PRECEDENCE])
def test_the_first_guard_that_objects_gives_the_reason(reason: RejectReason, asked: dict[str, object]) -> None:
    """Lot 0.1, minimum 0.2, 20x up to 100,000 and no money: each order breaks its rule and all that come after it."""
    rulebook = with_tiers(TEXTBOOK, BTC, tiered((100_000, "0.01", 20), (None, "0.02", 10)))
    instrument = replace(rulebook.instrument(BTC), lot_size=d("0.1"), min_size=d("0.2"))
    refusal = admit(account(0), new(**asked), AT_50, rulebook.with_instruments([instrument]))  # type: ignore[arg-type]

    assert refusal is not None
    assert refusal.reason is reason


def test_guards_stand_in_the_order_of_the_reasons() -> None:
    """The cases above are in the documented order of precedence."""
    order_of_precedence = list(RejectReason)
    places = [order_of_precedence.index(reason) for reason, _ in PRECEDENCE]

    assert places == sorted(places)


def test_a_mode_that_the_venue_does_not_offer() -> None:
    """A rulebook with cross only refuses the switch to isolated."""
    cross_only = TEXTBOOK.with_rules(margin_modes=(MarginMode.CROSS,), position_modes=(PositionMode.ONE_WAY,))
    to_isolated = ask.SetMarginMode(instrument=BTC, side=Side.LONG, margin_mode=MarginMode.ISOLATED)
    to_hedge = ask.SetPositionMode(position_mode=PositionMode.HEDGE)
    book = account(10_000, long("BTC", 1, 50_000))

    assert str(refused(book, AT_50, to_isolated, cross_only)) == "mode not offered (isolated)"
    assert str(refused(book, AT_50, to_hedge, cross_only)) == "mode not offered (hedge)"


def test_a_position_held_both_ways_cannot_change_its_mode() -> None:
    """There is an isolated long of BTC already: the cross one can't join it."""
    book = account(10_000, long("BTC", 1, 50_000), isolated(long("BTC", 1, 50_000), 5_000))
    to_isolated = ask.SetMarginMode(instrument=BTC, side=Side.LONG, margin_mode=MarginMode.ISOLATED)

    assert refused(book, AT_50, to_isolated).reason is RejectReason.MODE_IN_USE


def test_a_short_and_its_long_do_not_help_each_other_in_hedge_mode() -> None:
    """Both legs need their margin: 5,000 each; in one-way mode only one of them could exist."""
    book = account(20_000, long("BTC", 1, 50_000), short("BTC", 1, 50_000), position_mode=PositionMode.HEDGE)

    assert in_use(book, AT_50) == 10_000
