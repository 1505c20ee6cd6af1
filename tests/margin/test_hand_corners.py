"""Corners that a small slip in a formula would change, worked out by hand. `textbook` unless said otherwise."""

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
    after,
    d,
    held,
    isolated,
    judged,
    long,
    marks,
    order,
    short,
    tiered,
    with_tiers,
)

from crossmargin.domain.account import Account, MarginMode, OrderSide, OrderType, Position, PositionMode, Side
from crossmargin.domain.arithmetic import quotient
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.marks import Marks
from crossmargin.domain.numbers import Amount, NonNegative, Positive
from crossmargin.errors import MissingDataError, UnsupportedError
from crossmargin.margin import changes as ask
from crossmargin.margin.admission import admit
from crossmargin.margin.limits import Cut, smallest_cut
from crossmargin.margin.modes import in_mode
from crossmargin.margin.moves import market_moves
from crossmargin.margin.options import short_option_margin
from crossmargin.margin.position_prices import break_even_price, printed_liquidation_price
from crossmargin.margin.shares import shares
from crossmargin.margin.spot_margin import partly_closed, repayment
from crossmargin.margin.valuation import floating_pnl

BTC = "BTC-USDT-SWAP"
PAIR_MARKS = marks(BTC_USDT=100_000)
OPTIONS = OKX.with_instruments([CALL, PUT])
OPTION_MARKS = Marks(mark={CALL.id: d("0.02"), PUT.id: d("0.05")}, forward={"BTC": d(100_000)})


# ---------------------------------------------------------------- tiers that are shared


def future(name: str) -> Instrument:
    """A future of the BTC-USDT family, contracts of 0.01."""
    return replace(OKX.instrument(BTC), id=name, kind=Kind.FUTURE, unified="")


def test_a_family_shares_its_tier_and_a_perpetual_stands_apart() -> None:
    """OKX, tiers of the family's futures: 1 % up to 1,000 contracts, 2 % above; mark 50,000.

    Two futures of 600 contracts are 1,200 together: both at 2 % of 300,000. The perpetual has a table of its own:
    600 contracts of it are at 0.4 % of 300,000.
    """
    near, far = future("BTC-USDT-270326"), future("BTC-USDT-270625")
    table = tiered((1_000, "0.01", 50), (None, "0.02", 20), unit="contracts")
    tiers = {(str(Kind.FUTURE), "BTC-USDT", MarginMode.CROSS): table}
    rulebook = OKX.with_instruments([near, far], tiers)
    book = account(100_000, *(long(name, 600, 50_000) for name in (near.id, far.id, BTC)))
    prices = Marks(mark={name: d(50_000) for name in (near.id, far.id, BTC)})

    assert [each.maintenance_margin for each in judged(book, prices, rulebook).positions] == [6_000, 6_000, 1_200]
    assert [each.tier for each in judged(book, prices, rulebook).positions] == [2, 2, 1]


def test_isolated_positions_do_not_share_a_tier() -> None:
    """The same two futures isolated, 600 contracts each: both in the first tier, 1 % of 300,000."""
    near, far = future("BTC-USDT-270326"), future("BTC-USDT-270625")
    table = tiered((1_000, "0.01", 50), (None, "0.02", 20), unit="contracts")
    tiers = {(str(Kind.FUTURE), "BTC-USDT", MarginMode.ISOLATED): table}
    book = account(0, *(isolated(long(name, 600, 50_000)) for name in (near.id, far.id)))
    prices = Marks(mark={name: d(50_000) for name in (near.id, far.id)})
    assessment = judged(book, prices, OKX.with_instruments([near, far], tiers))

    assert [each.maintenance_margin for each in assessment.positions] == [3_000, 3_000]


def test_hedge_legs_share_the_tier_of_their_instrument() -> None:
    """Tiers by instrument: 1 % up to 100,000, 2 % above. Long 60,000 and short 60,000: both at 2 %."""
    rulebook = with_tiers(TEXTBOOK, BTC, tiered((100_000, "0.01", 50), (None, "0.02", 20)))
    book = account(50_000, long("BTC", 1, 60_000), short("BTC", 1, 60_000), position_mode=PositionMode.HEDGE)
    alone, shared = (
        [each.maintenance_margin for each in judged(book, marks(BTC=60_000), rules).positions]
        for rules in (rulebook, rulebook.with_rules(tier_group="instrument"))
    )

    assert alone == [600, 600]
    assert shared == [1_200, 1_200]


# ---------------------------------------------------------------- a pool where the equation is quadratic


ETH_BTC = Instrument(
    id="ETH-BTC-SWAP", kind=Kind.PERPETUAL, base="ETH", quote="BTC", settle="BTC", family="ETH-BTC", taker_fee=d(0)
)
TWO_KINDS = with_tiers(WITH_INVERSE.with_instruments([ETH_BTC]), ETH_BTC.id, tiered((None, "0.005", 100)))


def test_a_market_move_of_an_inverse_and_a_linear_contract() -> None:
    """1 BTC of cash, 1 BTC long by inverse contracts, 10 ETH short at 0.05 BTC; both betas are 1, x = 1 + move.

    equity       1 + (1 - 1 / x) - 0.5 (x - 1) = 2.5 - 1 / x - 0.5 x
    maintenance  0.005 / x + 0.0025 x
    0.5025 x^2 - 2.5 x + 1.005 = 0 at x = (2.5 +- root 4.22995) / 1.005: 0.441... below and 4.534... above.
    """
    book = account({"BTC": 1}, long(INVERSE.id, 1_000, 100_000), short(ETH_BTC.id, 10, "0.05"))
    prices = Marks(mark={INVERSE.id: d(100_000), ETH_BTC.id: d("0.05")})
    (found,) = market_moves(judged(book, prices, TWO_KINDS), {"BTC": d(1), "ETH": d(1)})
    root = d("4.22995").sqrt()

    assert found.down is not None
    assert found.up is not None
    assert abs(found.down - ((d("2.5") - root) / d("1.005") - 1)) < d("1e-24")
    assert abs(found.up - ((d("2.5") + root) / d("1.005") - 1)) < d("1e-24")


def test_a_market_move_that_never_meets_the_trigger() -> None:
    """10 BTC of cash and the same long: 11 + 0.5 (x - 1) against 1.005 / x + 0.0025 x only turns below x = 0.095.

    0.4975 x^2 + 10.5 x - 1.005 = 0: one root above zero, none for a rise.
    """
    book = account({"BTC": 10}, long(INVERSE.id, 1_000, 100_000), long(ETH_BTC.id, 10, "0.05"))
    prices = Marks(mark={INVERSE.id: d(100_000), ETH_BTC.id: d("0.05")})
    (found,) = market_moves(judged(book, prices, TWO_KINDS), {"BTC": d(1), "ETH": d(1)})
    root = (d("10.5") * d("10.5") + 4 * d("0.4975") * d("1.005")).sqrt()

    assert found.down is not None
    assert abs(found.down - ((root - d("10.5")) / d("0.995") - 1)) < d("1e-24")
    assert found.up is None


# ---------------------------------------------------------------- value, option margin, break-even


def test_floating_pnl_of_each_product() -> None:
    """Short 2 at 3,000, mark 3,300: -600. Inverse long 100,000 USD, 50,000 -> 62,500: 2 - 1.6 = 0.4 BTC.

    An option of 1 BTC face bought at 0.05, now 0.02: -0.03.
    """
    swap = replace(INVERSE, contract_type=TEXTBOOK.instrument(BTC).contract_type, contract_value=d(1))
    linear = floating_pnl(swap, Side.SHORT, d(2), entry_price=d(3_000), mark_price=d(3_300))
    inverse = floating_pnl(INVERSE, Side.LONG, d(1_000), entry_price=d(50_000), mark_price=d(62_500))
    option = floating_pnl(CALL, Side.LONG, d(100), entry_price=d("0.05"), mark_price=d("0.02"))

    assert (linear, inverse, option) == (d(-600), d("0.4"), d("-0.03"))


def test_a_deep_put_needs_its_rate_of_the_mark() -> None:
    """A put worth 1.2 coins: maintenance max(3 %, 3 % x 1.2) + 1.2 = 1.236 on a face of 1 BTC; a call 1.23."""
    deep = replace(OPTION_MARKS, mark={CALL.id: d("1.2"), PUT.id: d("1.2")})

    assert short_option_margin(PUT, d(100), deep, OPTIONS).maintenance == d("1.236")
    assert short_option_margin(CALL, d(100), deep, OPTIONS).maintenance == d("1.23")


@pytest.mark.parametrize("absent", ["strike", "option_type"])
def test_an_option_that_is_half_described(absent: str) -> None:
    """Without a strike or without its type a short option has no margin: an error."""
    with pytest.raises(MissingDataError, match="strike and option_type"):
        short_option_margin(replace(CALL, **{absent: None}), d(1), OPTION_MARKS, OPTIONS)


@pytest.mark.parametrize(
    ("side", "backed_by", "assets", "liability", "pnl", "initial"),
    [
        (Side.LONG, "BTC", "1.2", "100000", "0.2", "0.1"),  # 1.2 - 100,000 / M; 100,000 / M / 10
        (Side.LONG, "USDT", "1.2", "100000", "20000", "10000"),  # 1.2 M - 100,000; 100,000 / 10
        (Side.SHORT, "BTC", "120000", "1", "0.2", "0.1"),  # 120,000 / M - 1; 1 / 10
        (Side.SHORT, "USDT", "120000", "1", "20000", "10000"),  # 120,000 - 1 x M; 1 x M / 10
    ],
)
def test_spot_margin_in_its_four_cases(
    side: Side, backed_by: str, assets: str, liability: str, pnl: str, initial: str
) -> None:
    """BTC/USDT at a mark of 100,000, 10x: what the assets have over the debt, and a tenth of the debt."""
    position = Position(
        instrument="BTC-USDT", side=side, contracts=d(1), entry_price=d(100_000), leverage=d(10),
        margin_currency=backed_by, assets=d(assets), liability=d(liability),
    )  # fmt: skip
    figures = judged(account({backed_by: 1}, position), PAIR_MARKS, PAIR).positions[0]

    assert (figures.floating_pnl, figures.initial_margin) == (d(pnl), d(initial))


def test_okx_prints_isolated_spot_margin() -> None:
    """Debt x 1.03 x 1.001. Long, 0.1 BTC of margin: 103,103 / 1.1. Short, 10,000 USDT: 110,000 / 1.03103."""
    common = {"instrument": "BTC-USDT", "margin_mode": MarginMode.ISOLATED, "leverage": d(10), "contracts": d(1)}
    long_base = Position(side=Side.LONG, assets=d(1), liability=d(100_000), margin=d("0.1"), margin_currency="BTC",
                         entry_price=d(100_000), **common)  # type: ignore[arg-type]  # fmt: skip
    short_quote = Position(side=Side.SHORT, assets=d(100_000), liability=d(1), margin=d(10_000), margin_currency="USDT",
                           entry_price=d(100_000), **common)  # type: ignore[arg-type]  # fmt: skip
    for position, price in (
        (long_base, quotient(d(103_103), d("1.1"))),
        (short_quote, quotient(d(110_000), d("1.03103"))),
    ):
        assessment = judged(account({}, position), PAIR_MARKS, PAIR)

        assert printed_liquidation_price(assessment, position).value == price


def test_pnl_ratio_is_over_the_opening_margin() -> None:
    """+1,000 on an opening margin of 5,000: 20 %; a loss of 500 is -10 %."""
    book = account(9_000, long("BTC", 1, 50_000))
    ratios = [judged(book, marks(BTC=mark)).positions[0].pnl_ratio for mark in (51_000, 49_500)]

    assert ratios == [d("0.2"), d("-0.1")]


def test_effective_leverage_ends_where_margin_and_loss_meet() -> None:
    """Long 1 at 50,000, 4x: at 40,000 margin 10,000 and PnL -10,000 are nothing together; at 44,000, 44,000 / 5,000."""
    book = account(20_000, long("BTC", 1, 50_000, 4))
    met, before = (shares(judged(book, marks(BTC=mark)))[book.positions[0].id] for mark in (40_000, 44_000))

    assert met.effective_leverage is None
    assert before.effective_leverage == d("8.8")


def test_smallest_cut_pays_the_taker_fee() -> None:
    """OKX, 1 BTC at 50,000, equity 500, 0.45 % required: a ratio of 4 wants 500 - 25 x >= 900 (1 - x).

    x = 400 / 875 = 0.45714...: in lots of 0.0001 BTC, 45.72 contracts. A ratio of 2 is there already.
    """
    book = account(500, long("BTC", 100, 50_000))
    assessment = judged(book, marks(BTC=50_000), OKX)

    assert smallest_cut(assessment, book.positions[0], d(4)).contracts == d("45.72")
    assert smallest_cut(assessment, book.positions[0], d(2)) == Cut(contracts=d(0), ratio=quotient(d(500), d(225)))


def test_break_even_with_a_fee_or_a_result_alone() -> None:
    """OKX, 1 BTC at 50,000: a fee of 10 paid, or 10 lost before, both ask for 50,010 / 0.9995."""
    paid, lost = long("BTC", 100, 50_000, fee=d(-10)), long("BTC", 100, 50_000, realized_pnl=d(-10))
    for position in (paid, lost):
        assessment = judged(account(9_000, position), marks(BTC=50_000), OKX)

        assert break_even_price(assessment, position).value == quotient(d(50_010), d("0.9995"))


# ---------------------------------------------------------------- the price that the venue prints


def test_okx_prints_from_cash_and_current_tier() -> None:
    """100 contracts of 0.01 long at 50,000, cash 10,000, 0.4 % + 0.05 %: 40,000 / 0.9955; orders do not shift it."""
    book = account(10_000, long("BTC", 100, 50_000), order("BTC", "buy", 1, 49_000))
    price = printed_liquidation_price(judged(book, marks(BTC=51_000), OKX), book.positions[0])

    assert price.value == quotient(d(40_000), d("0.9955"))


def test_okx_prints_none_for_several_instruments() -> None:
    """With ETH in the pool too there is no printed price, and the reason says so."""
    book = account(10_000, long("BTC", 100, 50_000), long("ETH", 1, 3_000))
    price = printed_liquidation_price(judged(book, marks(BTC=50_000, ETH=3_000), OKX), book.positions[0])

    assert price.value is None
    assert price.reason.startswith("several instruments share the pool")


def test_okx_prints_isolated_prices_one_tick_early() -> None:
    """Margin 5,000: (50,000 - 5,000) / 0.9955 + 0.1 for the long; (50,000 + 5,000) / 1.0045 - 0.1 for a short."""
    early, late = isolated(long("BTC", 100, 50_000), 5_000), isolated(short("BTC", 100, 50_000), 5_000)
    for position, price in ((early, d(45_000) / d("0.9955") + d("0.1")), (late, d(55_000) / d("1.0045") - d("0.1"))):
        found = printed_liquidation_price(judged(account(0, position), marks(BTC=50_000), OKX), position).value

        assert found is not None
        assert abs(found - price) < d("1e-20")


def test_binance_prints_with_the_bracket_at_the_price_and_other_symbols_fixed() -> None:
    """Long 1 BTCUSDT at 50,000, cash 10,000; ETHUSDT long 10 at 3,000, mark 3,100: PnL 1,000, 0.4 % of 31,000 = 124.

    (50,000 - 10,000 - 1,000 + 124) / (1 - 0.004): first bracket, no deduction.
    """
    book = account(10_000, held("BTC", 1, 50_000, Side.LONG), held("ETH", 10, 3_000, Side.LONG))
    book = replace(
        book,
        positions=tuple(replace(each, instrument=each.instrument.replace("-", "")[:7]) for each in book.positions),
    )
    prices = Marks(mark={"BTCUSDT": d(50_000), "ETHUSDT": d(3_100)})
    price = printed_liquidation_price(judged(book, prices, BINANCE), book.positions[0])

    assert price.value == quotient(d(39_124), d("0.996"))


def test_a_textbook_prints_nothing() -> None:
    """No venue, no printed price."""
    book = account(10_000, long("BTC", 1, 50_000))

    assert printed_liquidation_price(judged(book, marks(BTC=50_000)), book.positions[0]).value is None


# ---------------------------------------------------------------- orders and leverage


def test_orders_in_hedge_mode_close_by_their_position_side() -> None:
    """Long 1 and short 1: a buy for the long holds 4,900; a sell for the long and a buy for the short hold nothing.

    An order that names no side goes by its direction, first against what is held: the buy closes the short.
    """
    both = (long("BTC", 1, 50_000), short("BTC", 1, 50_000))
    orders = (
        order("BTC", "buy", 1, 49_000, position_side=Side.LONG),
        order("BTC", "sell", 1, 51_000, position_side=Side.LONG),
        order("BTC", "buy", 1, 49_000, position_side=Side.SHORT),
    )
    book = account(50_000, *both, *orders, position_mode=PositionMode.HEDGE)
    unnamed = account(50_000, order("BTC", "buy", 1, 49_000), position_mode=PositionMode.HEDGE)

    assert [hold.margin for hold in judged(book, marks(BTC=50_000)).holds] == [4_900, 0, 0]
    assert [hold.margin for hold in judged(unnamed, marks(BTC=50_000)).holds] == [4_900]


def test_a_position_side_means_nothing_in_one_way_mode() -> None:
    """Long 1: a sell closes it, whatever side it names; nothing is held."""
    book = account(50_000, long("BTC", 1, 50_000), order("BTC", "sell", 1, 51_000, position_side=Side.SHORT))

    assert [hold.margin for hold in judged(book, marks(BTC=50_000)).holds] == [0]


def test_a_cap_in_base_units() -> None:
    """Tiers in BTC: 20x up to 2 BTC. OKX contracts of 0.01: 200 of them pass at 20x, 201 do not."""
    rulebook = with_tiers(OKX, BTC, tiered((2, "0.01", 20), (None, "0.02", 10), unit="base"))
    fits, exceeds = (order("BTC", "buy", size, 50_000, leverage=20) for size in (200, 201))

    assert admit(account(100_000), fits, marks(BTC=50_000), rulebook) is None
    assert str(admit(account(100_000), exceeds, marks(BTC=50_000), rulebook)).startswith(
        "position cap: needs 2.01 USDT, has 2 USDT"
    )


def test_leverage_that_no_tier_admits_names_the_highest() -> None:
    """50x where the tiers offer 20x and 10x: the refusal says 20x."""
    rulebook = with_tiers(TEXTBOOK, BTC, tiered((100_000, "0.01", 20), (None, "0.02", 10)))
    refusal = admit(account(100_000), order("BTC", "buy", 1, 50_000, leverage=50), marks(BTC=50_000), rulebook)

    assert refusal is not None
    assert (refusal.needs, refusal.has) == (d(50), d(20))


def test_a_leverage_change_asks_only_about_its_own_instrument() -> None:
    """150,000 of ETH don't stop 20x on 50,000 of BTC, nor does an isolated position of 150,000 of BTC."""
    rulebook = with_tiers(TEXTBOOK, BTC, tiered((100_000, "0.01", 20), (None, "0.02", 10)))
    change = ask.SetLeverage(instrument=BTC, leverage=Positive(20))
    book = account(100_000, long("BTC", 1, 50_000), long("ETH", 50, 3_000), isolated(long("BTC", 3, 50_000), 15_000))
    changed = after(book, marks(BTC=50_000, ETH=3_000), change, rulebook=rulebook).account

    assert [each.leverage for each in changed.positions] == [20, 10, 10]


def order_leverage(book: Account, change: ask.NewOrder, prices: Marks, rulebook: object = TEXTBOOK) -> object:
    """Leverage of the order that a what-if places."""
    return after(book, prices, change, rulebook=rulebook).account.orders[-1].leverage  # type: ignore[arg-type]


def test_an_order_without_leverage_takes_what_the_instrument_has() -> None:
    """A position at 5x gives 5; nothing held gives Binance's default of 20; in hedge mode each side its own."""
    buy = ask.NewOrder(instrument=BTC, side=OrderSide.BUY, contracts=Positive(1), price=Positive(50_000))
    sell = replace(buy, side=OrderSide.SELL, position_side=Side.SHORT)
    both = account(90_000, long("BTC", 1, 50_000, 5), short("BTC", 1, 50_000, 4), position_mode=PositionMode.HEDGE)
    flat = replace(buy, instrument="BTCUSDT")
    prices = Marks(mark={"BTCUSDT": d(50_000)}, last={"BTCUSDT": d(50_000)})

    assert order_leverage(account(90_000, long("BTC", 1, 50_000, 5)), buy, marks(BTC=50_000)) == 5
    assert order_leverage(both, replace(buy, position_side=Side.LONG), marks(BTC=50_000)) == 5
    assert order_leverage(both, buy, marks(BTC=50_000)) == 5
    assert order_leverage(both, sell, marks(BTC=50_000)) == 4
    assert order_leverage(account(90_000), flat, prices, BINANCE) == 20


def test_a_fill_without_leverage_takes_what_its_instrument_has() -> None:
    """ETH at 7x says nothing about BTC: that opens at the rulebook's default of 1, and enlarges at its own 5."""
    buy = ask.Fill(
        instrument=BTC,
        side=OrderSide.BUY,
        contracts=Positive(1),
        price=Positive(50_000),
        margin_mode=MarginMode.ISOLATED,
    )
    eth, btc = isolated(long("ETH", 1, 3_000, 7), 500), isolated(long("BTC", 1, 50_000, 5), 10_000)
    prices = marks(BTC=50_000, ETH=3_000)

    assert after(account(90_000, eth), prices, buy).account.positions[-1].leverage == 1
    assert after(account(90_000, eth, btc), prices, buy).account.positions[-1] == isolated(
        long("BTC", 2, 50_000, 5), 20_000
    )


def test_the_leverage_that_is_there_changes_nothing() -> None:
    """Isolated at 10x with a loss of 1,000: setting 10x again asks for no top-up."""
    book = account(8_000, isolated(long("BTC", 1, 50_000), 5_000))
    change = ask.SetLeverage(instrument=BTC, leverage=Positive(10), margin_mode=MarginMode.ISOLATED)

    assert after(book, marks(BTC=49_000), change).account == book


def test_gains_pay_for_a_mode_switch_where_the_rulebook_counts_them() -> None:
    """Cash 3,000, BTC with a gain of 10,000 and 6,000 in use: the 3,000 for ETH leave 4,000 free with gains counted."""
    book = account(3_000, short("ETH", 10, 3_000), long("BTC", 1, 50_000))
    change = ask.SetMarginMode(instrument="ETH-USDT-SWAP", side=Side.SHORT, margin_mode=MarginMode.ISOLATED)
    rulebook = TEXTBOOK.with_rules(available_balance="with_gains")

    assert after(book, marks(ETH=3_000, BTC=60_000), change, rulebook=rulebook).account.balances == {"USDT": 0}


def test_a_stop_at_the_mark_itself_is_in_time() -> None:
    """The trigger is where the mark is: the position is closed there, 6,000 of cash stay 6,000."""
    change = ask.Stop(instrument=BTC, side=Side.LONG, trigger_price=Positive(50_000))

    assert after(account(6_000, long("BTC", 1, 50_000)), marks(BTC=50_000), change).account == account(6_000)


# ---------------------------------------------------------------- fills of options and spot-margin


def test_an_option_is_paid_when_bought_and_received_when_sold() -> None:
    """OKX, 100 calls of 0.01 bought at 0.02 with 0.0003 of fee: 1 - 0.02 - 0.0003; sold at 0.03 without one: + 0.03."""
    buy = ask.Fill(instrument=CALL.id, side=OrderSide.BUY, contracts=Positive(100), price=Positive("0.02"))
    sell = replace(buy, side=OrderSide.SELL, price=Positive("0.03"), fee=Amount(0))
    bought = after(account({"BTC": 1}), OPTION_MARKS, buy, rulebook=OPTIONS).account
    sold = after(bought, OPTION_MARKS, sell, rulebook=OPTIONS).account

    assert bought.balances == {"BTC": d("0.9797")}
    assert bought.positions[0].leverage == 1
    assert (sold.balances, sold.positions) == ({"BTC": d("1.0097")}, ())


def test_a_written_option_brings_its_premium() -> None:
    """100 calls sold at 0.03: the premium of 0.03 arrives; bought back at 0.02, 0.02 leave."""
    sell = ask.Fill(
        instrument=CALL.id, side=OrderSide.SELL, contracts=Positive(100), price=Positive("0.03"), fee=Amount(0)
    )
    written = after(account({"BTC": 1}), OPTION_MARKS, sell, rulebook=OPTIONS).account
    back = replace(sell, side=OrderSide.BUY, price=Positive("0.02"))

    assert written.balances == {"BTC": d("1.03")}
    assert after(written, OPTION_MARKS, back, rulebook=OPTIONS).account.balances == {"BTC": d("1.01")}


def margin_fill(side: str, size: int, price: int, mode: MarginMode, backed_by: str) -> ask.Fill:
    """A spot-margin execution at 10x without a fee."""
    return ask.Fill(
        instrument="BTC-USDT",
        side=OrderSide(side),
        contracts=Positive(size),
        price=Positive(price),
        margin_mode=mode,
        leverage=Positive(10),
        margin_currency=backed_by,
        fee=Amount(0),
    )


def test_a_spot_margin_purchase_borrows_and_enlarges() -> None:
    """1 BTC bought at 100,000 and 3 at 120,000 on 460,000 borrowed: 4 BTC at an average of 115,000. No cash moves."""
    fills = [margin_fill("buy", n, price, MarginMode.CROSS, "BTC") for n, price in ((1, 100_000), (3, 120_000))]
    changed = after(account({"BTC": 2}), PAIR_MARKS, *fills, rulebook=PAIR).account
    position = Position(
        instrument="BTC-USDT", side=Side.LONG, contracts=d(4), entry_price=d(115_000), leverage=d(10),
        margin_currency="BTC", assets=d(4), liability=d(460_000),
    )  # fmt: skip

    assert changed == account({"BTC": 2}, position)


def test_an_isolated_spot_margin_sale_takes_its_margin() -> None:
    """2 BTC borrowed and sold at 100,000, margin in USDT at 10x: 20,000 leave the balance; 1 at 110,000: 11,000."""
    sales = [margin_fill("sell", n, price, MarginMode.ISOLATED, "USDT") for n, price in ((2, 100_000), (1, 110_000))]
    changed = after(account(50_000), PAIR_MARKS, *sales, rulebook=PAIR).account
    position = changed.positions[0]

    assert changed.balances == {"USDT": 19_000}
    assert (position.margin, position.assets, position.liability) == (d(31_000), d(310_000), d(3))


@pytest.mark.parametrize(("backed_by", "margin"), [("BTC", "0.1"), ("USDT", "10000")])
def test_an_isolated_spot_margin_position_without_a_margin(backed_by: str, margin: str) -> None:
    """1 BTC at 100,000, 10x: the margin left out is 0.1 BTC or 10,000 USDT, and comes back when it is closed."""
    position = Position(
        instrument="BTC-USDT", side=Side.LONG, margin_mode=MarginMode.ISOLATED, contracts=d(1), leverage=d(10),
        entry_price=d(100_000), margin_currency=backed_by, assets=d(1), liability=d(100_000),
    )  # fmt: skip
    close = ask.Close(instrument="BTC-USDT", side=Side.LONG, margin_mode=MarginMode.ISOLATED, fee=Amount(0))
    changed = after(account({backed_by: 0}, position), PAIR_MARKS, close, rulebook=PAIR).account

    assert judged(account({}, position), PAIR_MARKS, PAIR).positions[0].margin == d(margin)
    assert changed.balance(backed_by) == d(margin)


def test_a_small_repayment_pays_interest_only() -> None:
    """600 received, 1,000 of interest owed: 400 of interest are left and the principal stays."""
    position = Position(
        instrument="BTC-USDT", side=Side.LONG, contracts=d(1), assets=d(1), liability=d(100_000), interest=d(1_000)
    )
    result = repayment(position, traded=d("0.006"), price=d(100_000), fee_rate=d(0))
    left = partly_closed(position, result, d("0.006"))

    assert (left.interest, left.liability, left.assets) == (d(400), d(100_000), d("0.994"))


# ---------------------------------------------------------------- the whole book in one mode


def test_the_whole_book_isolated_and_back() -> None:
    """Margins of 5,000 and 3,000 leave 10,000 of cash, orders follow; options stay; back in cross it is as before."""
    book = account(10_000, long("BTC", 1, 50_000), short("ETH", 10, 3_000), order("BTC", "buy", 1, 49_000))
    prices = marks(BTC=51_000, ETH=2_900)
    alone = in_mode(book, MarginMode.ISOLATED, prices, TEXTBOOK)

    assert alone.balances == {"USDT": 2_000}
    assert [each.margin for each in alone.positions] == [5_000, 3_000]
    assert alone.orders[0].margin_mode is MarginMode.ISOLATED
    assert in_mode(alone, MarginMode.CROSS, prices, TEXTBOOK) == book


def test_options_keep_their_mode() -> None:
    """Their margin is not chosen by mode."""
    book = account({"BTC": 1}, held(CALL.id, 100, "0.03", Side.SHORT, 1))

    assert in_mode(book, MarginMode.ISOLATED, OPTION_MARKS, OPTIONS) == book


def test_a_book_held_both_ways_has_no_single_mode() -> None:
    """Cross and isolated long of one instrument can't be merged into one position."""
    book = account(10_000, long("BTC", 1, 50_000), isolated(long("BTC", 1, 50_000), 5_000))
    with pytest.raises(UnsupportedError, match="both modes"):
        in_mode(book, MarginMode.ISOLATED, marks(BTC=50_000), TEXTBOOK)


def test_a_spot_sale_is_in_cash() -> None:
    """OKX: 0.5 BTC sold at 100,000 for 0.1 % of 50,000 USDT: 49,950 arrive."""
    sale = ask.Fill(instrument="BTC-USDT", side=OrderSide.SELL, contracts=Positive("0.5"), price=Positive(100_000),
                    margin_mode=MarginMode.CASH)  # fmt: skip
    changed = after(account({"BTC": 1}), PAIR_MARKS, sale, rulebook=PAIR).account

    assert changed.balances == {"BTC": d("0.5"), "USDT": d(49_950)}


def test_a_stop_whose_slippage_leaves_a_debt_shows_it() -> None:
    """Cash 6,000, long 1 at 50,000; stop at 44,300 with 2 % is out at 43,414: 6,000 - 6,586 = -586, not hidden."""
    change = ask.Stop(instrument=BTC, side=Side.LONG, trigger_price=Positive(44_300), slippage=NonNegative("0.02"))

    assert after(account(6_000, long("BTC", 1, 50_000)), marks(BTC=50_000), change).account == account(-586)


def test_an_order_that_waits_needs_no_money_yet() -> None:
    """A trigger order is checked for size and leverage; money is asked for when it fires."""
    waiting = order("BTC", "buy", 1, None, type=OrderType.TRIGGER, trigger_price=d(49_000))
    off_lot = replace(waiting, contracts=d("0.000000001"))

    assert admit(account(0), waiting, marks(BTC=50_000), TEXTBOOK) is None
    assert admit(account(0), off_lot, marks(BTC=50_000), TEXTBOOK) is not None
