"""Named formulas of single venues, worked by hand: the arithmetic of each figure stands beside it."""

from decimal import Decimal, localcontext
from typing import Any

import pytest

from crossmargin.domain.arithmetic import EXACT
from crossmargin.errors import MissingDataError
from crossmargin.formats.account_file import build_book
from crossmargin.formats.report import report
from crossmargin.margin import assess
from crossmargin.margin.explain import explain
from crossmargin.margin.withdrawal import largest_withdrawal

Document = dict[str, Any]


def reported(document: Document) -> dict[str, Any]:
    """The report of a document."""
    book = build_book(document, "book")
    return report(assess(book.account, book.marks, book.rulebook))


def first(document: Document) -> dict[str, Any]:
    """Figures of the first position."""
    figures: dict[str, Any] = reported(document)["positions"][0]
    return figures


def position(instrument: str, side: str, contracts: str, entry: str, leverage: str = "10", **more: Any) -> Document:
    """One position."""
    return {
        "instrument": instrument,
        "side": side,
        "contracts": contracts,
        "entry_price": entry,
        "leverage": leverage,
        **more,
    }


def new_order(instrument: str, side: str, contracts: str, price: str, leverage: str = "1") -> Document:
    """A question whether an order would be admitted."""
    return {
        "instrument": instrument,
        "side": side,
        "contracts": contracts,
        "price": price,
        "leverage": leverage,
        "state": "new",
    }


def same(found: str | None, wanted: str) -> bool:
    """Equal up to the last digits of a quotient."""
    with localcontext(EXACT):
        return found is not None and abs(Decimal(found) - Decimal(wanted)) <= Decimal("1e-20")


# ---------------------------------------------------------------- Deribit


def deribit(balance: str, side: str) -> Document:
    """100 USD of face at 100; rates 25 % + 25 % for each BTC of size, initial 50 % + the same."""
    return {
        "venue": "deribit",
        "balances": {"BTC": balance},
        "positions": [position("BTC-PERPETUAL", side, "100", "100")],
        "marks": {"BTC-PERPETUAL": "100"},
        "instruments": {
            "BTC-PERPETUAL": {"tiers": [{"initial_rate": "0.5", "maintenance_rate": "0.25", "slope": "0.25"}]}
        },
    }


def test_deribit_long_solves_the_quadratic() -> None:
    """Value y = 100 / P in BTC. Needed: y (0.25 + 0.25 y). There: 8 + 1 - y. So 0.25 y^2 + 1.25 y = 9: y = 4, P = 25.

    At 4 BTC: 4 x 1.25 = 5 against 8 + 1 - 4 = 5. The other root is negative, so no rise liquidates.
    """
    found = first(deribit("8", "long"))

    assert same(found["liquidation_price_down"], "25")
    assert found["liquidation_price_up"] is None
    # 1 x (0.5 + 0.25) and 1 x (0.25 + 0.25)
    assert (found["initial_margin"], found["maintenance_margin"]) == ("0.75", "0.5")


def test_deribit_short_is_liquidated_on_both_sides() -> None:
    """There: 0.6875 - 1 + y. So 0.25 y^2 - 0.75 y + 0.3125 = 0: y = 0.5 or 2.5, that is 200 or 40.

    At 200: 0.5 x 0.375 = 0.1875 = 0.6875 - 0.5. At 40 the profit is 1.5 BTC, and the size has become so large that
    2.5 x 0.875 = 2.1875 is needed: 0.6875 + 1.5.
    """
    found = first(deribit("0.6875", "short"))

    assert same(found["liquidation_price_up"], "200")
    assert same(found["liquidation_price_down"], "40")


def test_deribit_rates_grow_with_the_size() -> None:
    """25 BTC at 100,000: 2 % + 25 x 0.005 % = 2.125 % is 53,125 of 2,500,000; 1.125 % is 28,125."""
    found = first(
        {
            "venue": "deribit",
            "balances": {"USDC": "100000"},
            "positions": [position("BTC_USDC-PERPETUAL", "long", "25", "100000")],
            "marks": {"BTC_USDC-PERPETUAL": "100000"},
        }
    )

    assert (found["initial_margin"], found["maintenance_margin"]) == ("53125", "28125")


def test_deribit_linear_size_does_not_follow_the_price() -> None:
    """25 BTC stay 25 BTC: at 80,000 they need 1.125 % of 2,000,000 = 22,500, left of 522,500 after losing 500,000."""
    found = first(
        {
            "venue": "deribit",
            "balances": {"USDC": "522500"},
            "positions": [position("BTC_USDC-PERPETUAL", "long", "25", "100000")],
            "marks": {"BTC_USDC-PERPETUAL": "100000"},
        }
    )

    assert same(found["liquidation_price"], "80000")


def option(venue: str, kind: str, strike: str, mark: str, *, coin: bool, average: str = "") -> Document:
    """A short option on 1 BTC, forward price 100,000."""
    quote = "BTC" if coin else ("USDC" if venue == "deribit" else "USDT")
    return {
        "venue": venue,
        "balances": {quote: "1000000"},
        "fx": {"USDT": "1", "BTC": "100000"},
        "collateral": {"USDT": {"tiers": [{"rate": "1"}]}},
        "positions": [position("OPTION", "short", "1", average or mark, "1")],
        "marks": {"OPTION": mark},
        "forward": {"BTC": "100000"},
        "instruments": {
            "OPTION": {
                "kind": "option",
                "base": "BTC",
                "quote": "USD" if coin else quote,
                "settle": quote,
                "option_type": kind,
                "strike": strike,
                "taker_fee": "0.0003",
            }
        },
    }


@pytest.mark.parametrize(
    ("kind", "strike", "mark", "initial", "maintenance"),
    [
        # out of the money by 10 %: max(15 % - 10 %, 10 %) + 0.02; 7.5 % + 0.02
        ("call", "110000", "0.02", "0.12", "0.095"),
        # out of the money by 2 %: 13 % + 0.02
        ("call", "102000", "0.02", "0.15", "0.095"),
        # in the money: no distance is taken off
        ("call", "90000", "0.12", "0.27", "0.195"),
        ("put", "90000", "0.02", "0.12", "0.095"),
        ("put", "110000", "0.12", "0.27", "0.195"),
        # a mark of 3 BTC: max(7.5 %, 7.5 % x 3) + 3 = 3.225, and initial margin, else 3.15, is no less
        ("put", "400000", "3", "3.225", "3.225"),
    ],
)
def test_deribit_short_options_in_coin(kind: str, strike: str, mark: str, initial: str, maintenance: str) -> None:
    """Initial max(15 % - distance, 10 %) + mark, maintenance 7.5 % + mark (puts: 7.5 % of the mark if that is more)."""
    found = first(option("deribit", kind, strike, mark, coin=True))

    assert (found["initial_margin"], found["maintenance_margin"]) == (initial, maintenance)


def test_deribit_linear_options_are_scaled_by_the_underlying() -> None:
    """The same call in USDC: 10 % and 7.5 % of 100,000, plus the mark of 2,000."""
    found = first(option("deribit", "call", "110000", "2000", coin=False))

    assert (found["initial_margin"], found["maintenance_margin"]) == ("12000", "9500")


def test_long_options_need_nothing() -> None:
    """A long option was paid for: no margin, no price at which it is liquidated."""
    document = option("deribit", "call", "110000", "0.02", coin=True)
    document["positions"][0]["side"] = "long"

    found = first(document)

    assert (found["initial_margin"], found["maintenance_margin"], found["liquidation_price"]) == ("0", "0", None)


# ---------------------------------------------------------------- explanations


def test_an_explanation_tells_the_venue_s_own_formula() -> None:
    """Not value / leverage where rates decide, nor a fee at mark where it is one at the bankruptcy price."""
    held = [position("BTCUSDT", "long", "1", "100000")]
    told = {
        ("deribit", "initial_margin"): (deribit("8", "long"), "initial rate + slope x size"),
        ("deribit", "maintenance_margin"): (deribit("8", "long"), "maintenance rate + slope x size"),
        ("dydx", "initial_margin"): (dydx("60000"), "scaled by open interest"),
        ("dydx", "maintenance_margin"): (dydx("60000"), "initial rate x maintenance rate, rounded up"),
        ("bybit", "initial_margin"): (bybit(positions=held), "position value / leverage + closing fee"),
        ("bybit", "liquidation_fee"): (bybit(positions=held), "1 - side / leverage"),
    }
    for (venue, name), (document, words) in told.items():
        book = build_book(document, venue)
        assessment = assess(book.account, book.marks, book.rulebook)
        lines = explain(assessment, f"{assessment.positions[0].id}.{name}").lines
        assert words in lines[0].formula, (venue, name)


def test_an_account_s_lines_name_the_price_of_their_currency() -> None:
    """1 BTC at 100,000 in 10 parts is 10,000 USDT; at 0.9 USD that is 9,000, and the line says both."""
    document = bybit(positions=[position("BTCUSDT", "long", "1", "100000")], fx={"USDT": "0.9"})
    book = build_book(document | {"marks": {"BTCUSDT": "100000"}}, "book")
    line = explain(assess(book.account, book.marks, book.rulebook), "account.initial_margin_usd").lines[0]

    assert line.formula.endswith(", x USD price")
    assert (line.inputs["USD price"], line.inputs["position value"]) == (Decimal("0.9"), Decimal(100_000))
    with localcontext(EXACT):
        assert line.amount == (10_000 + Decimal("49.5")) * Decimal("0.9")


# ---------------------------------------------------------------- Bybit options


@pytest.mark.parametrize(
    ("kind", "strike", "mark", "average", "initial", "maintenance"),
    [
        # 10 % of 100,000 (15 % less the distance of 10,000 is less) + the average of 2,500; 3,000 + 2,000 + 200
        ("call", "110000", "2000", "2500", "12500", "5200"),
        # the mark is above the average
        ("call", "110000", "3000", "2500", "13000", "6200"),
        # 15 % at the money
        ("put", "100000", "4000", "4000", "19000", "7200"),
        # 3 % of a mark of 150,000 is more than 3 % of the underlying: 4,500 + 150,000 + 200
        ("call", "1", "150000", "1", "165000", "154700"),
    ],
)
def test_bybit_short_options(kind: str, strike: str, mark: str, average: str, initial: str, maintenance: str) -> None:
    """Maintenance max(3 % of underlying, 3 % of mark) + mark + 0.2 %; initial on the greater of mark and average."""
    found = first(option("bybit", kind, strike, mark, coin=False, average=average))

    assert (found["initial_margin"], found["maintenance_margin"]) == (initial, maintenance)


# ---------------------------------------------------------------- dYdX


def dydx(balance: str, contracts: str = "1", **more: Any) -> Document:
    """1 BTC long at 50,000: initial 20 %, maintenance half of it."""
    document: Document = {
        "venue": "dydx",
        "balances": {"USDC": balance},
        "positions": [position("BTC-USD", "long", contracts, "50000", "1")],
        "marks": {"BTC-USD": "50000"},
        "instruments": {"BTC-USD": {"tiers": [{"initial_rate": "0.2", "maintenance_rate": "0.5"}]}},
    }
    return document | more


def test_dydx_rounds_up_twice() -> None:
    """0.00003 of notional x 5 % = 0.0000015 becomes 0.000002; 60 % of that, 0.0000012, becomes 0.000002.

    Rounded once, 0.0000009 would have become 0.000001.
    """
    found = first(
        dydx(
            "1",
            positions=[position("BTC-USD", "long", "0.00003", "1", "1")],
            marks={"BTC-USD": "1"},
            instruments={"BTC-USD": {"tiers": [{"initial_rate": "0.05", "maintenance_rate": "0.6"}]}},
        )
    )

    assert (found["initial_margin"], found["maintenance_margin"]) == ("0.000002", "0.000002")


@pytest.mark.parametrize(
    ("open_interest", "initial"),
    [("0", "10000"), ("25000000", "10000"), ("42500000", "30000"), ("60000000", "50000"), ("90000000", "50000")],
)
def test_dydx_initial_rate_grows_with_open_interest(open_interest: str, initial: str) -> None:
    """20 % up to 25M, 20 % + 80 % x 17.5 / 35 = 60 % at 42.5M, never more than 100 %; maintenance stays 5,000."""
    tier = {"initial_rate": "0.2", "maintenance_rate": "0.5"}
    caps = {"open_interest_low": "25000000", "open_interest_high": "60000000"}
    found = first(
        dydx("60000", open_interest={"BTC-USD": open_interest}, instruments={"BTC-USD": {"tiers": [tier | caps]}})
    )

    assert (found["initial_margin"], found["maintenance_margin"]) == (initial, "5000")


def test_dydx_asks_for_open_interest_where_the_rate_depends_on_it() -> None:
    """It is never taken for zero."""
    tier = {"initial_rate": "0.2", "maintenance_rate": "0.5"}
    caps = {"open_interest_low": "25000000", "open_interest_high": "60000000"}
    with pytest.raises(MissingDataError, match=r"open_interest"):
        first(dydx("60000", instruments={"BTC-USD": {"tiers": [tier | caps]}}))


@pytest.mark.parametrize(("venue", "status"), [("5000", "warning"), ("4999.999999", "liquidation")])
def test_dydx_equality_is_safe(venue: str, status: str) -> None:
    """Net collateral equal to the maintenance of 5,000 is not liquidated, a millionth less is."""
    assert reported(dydx(venue))["status"] == status


@pytest.mark.parametrize(
    ("side", "contracts", "price", "accepted"),
    [
        ("sell", "0.5", "50000", True),  # 6,000 covers the 5,000 of what is left
        ("sell", "0.1", "50000", True),  # it does not cover 9,000; 6,000 / 4,500 is better than 6,000 / 5,000
        ("sell", "0.1", "45000", True),  # 500 are lost: 5,500 / 4,500 is better still
        ("sell", "0.1", "44000", True),  # 5,400 / 4,500 is exactly as before
        ("sell", "0.1", "43999", False),  # and this is worse
        ("buy", "0.1", "50000", False),  # more maintenance
        ("sell", "2.3", "50000", False),  # the other side, and larger
    ],
)
def test_dydx_admits_what_improves_an_account(side: str, contracts: str, price: str, accepted: bool) -> None:
    """6,000 of net collateral do not cover the 10,000 of 1 BTC: only what makes it no worse is admitted."""
    order = reported(dydx("6000", orders=[new_order("BTC-USD", side, contracts, price)]))["orders"][0]

    assert order["accepted"] is accepted
    assert accepted is (order["reason"] is None)


def test_dydx_own_leverage_raises_the_initial_margin_alone() -> None:
    """A user's setting of 2x asks for 25,000 where the market asks for 10,000; a setting of 20x asks for no less."""
    two = first(dydx("30000", positions=[position("BTC-USD", "long", "1", "50000", "2")]))
    twenty = first(dydx("30000", positions=[position("BTC-USD", "long", "1", "50000", "20")]))

    assert (two["initial_margin"], two["maintenance_margin"]) == ("25000", "5000")
    assert (twenty["initial_margin"], twenty["maintenance_margin"]) == ("10000", "5000")


# ---------------------------------------------------------------- Hyperliquid


def hyperliquid(balance: str, leverage: str = "20", **more: Any) -> Document:
    """1 BTC long at 100,000; maintenance 1.25 % is 1,250."""
    document: Document = {
        "venue": "hyperliquid",
        "balances": {"USDC": balance},
        "positions": [position("BTC", "long", "1", "100000", leverage)],
        "marks": {"BTC": "100000"},
    }
    return document | more


@pytest.mark.parametrize(("balance", "status"), [("1250", "warning"), ("1249.99", "liquidation")])
def test_hyperliquid_liquidates_below_maintenance_only(balance: str, status: str) -> None:
    """An account value of exactly the 1,250 stays."""
    assert reported(hyperliquid(balance))["status"] == status


@pytest.mark.parametrize(
    ("leverage", "free"), [("20", "10000"), ("10", "10000"), ("8", "7500"), ("5", "0"), ("4", "0")]
)
def test_hyperliquid_keeps_a_tenth_of_the_value_at_least(leverage: str, free: str) -> None:
    """20,000 behind 100,000: what stays is the initial margin, 12,500 at 8x, but no less than 10,000."""
    book = build_book(hyperliquid("20000", leverage), "book")
    assessment = assess(book.account, book.marks, book.rulebook)

    assert largest_withdrawal(assessment, "USDC") == Decimal(free)
    assert report(assessment)["venue_fields"]["currencies"]["USDC"]["withdrawable"] == free


@pytest.mark.parametrize(("price", "mark", "accepted"), [("100000", "100000", True), ("100000", "99000", False)])
def test_hyperliquid_judges_the_account_after_the_fill(price: str, mark: str, accepted: bool) -> None:
    """5,000 for 0.5 BTC at 10x: 5,000 are needed at 100,000. Bought 1,000 above the mark, 4,500 are left for 4,950."""
    order = reported(
        hyperliquid("5000", positions=[], orders=[new_order("BTC", "buy", "0.5", price, "10")], marks={"BTC": mark})
    )["orders"][0]

    assert order["accepted"] is accepted
    assert accepted or ("4950" in order["reason"].replace(",", "") and "4500" in order["reason"].replace(",", ""))


def test_hyperliquid_resting_orders_hold_nothing() -> None:
    """A live order leaves free margin as it was."""
    order = new_order("BTC", "buy", "0.5", "90000", "20") | {"state": "live"}
    found = reported(hyperliquid("20000", orders=[order]))

    assert found["currencies"]["USDC"]["in_use"] == "5000"
    assert found["orders"][0]["margin"] == "0"


def test_hyperliquid_brackets_are_continuous() -> None:
    """160M of BTC: 2.5 % less a deduction of 150M x 1.25 % = 1,875,000; that is 2,125,000."""
    found = first(hyperliquid("20000000", positions=[position("BTC", "long", "1600", "100000", "20")]))

    assert (found["maintenance_margin"], found["tier"]) == ("2125000", 2)


# ---------------------------------------------------------------- Bybit


def bybit(**more: Any) -> Document:
    """10,000,000 USDT and 100 BTC in full; maintenance 0.5 %, fee 0.055 %."""
    terms = {"taker_fee": "0.00055", "tiers": [{"maintenance_rate": "0.005"}], "tick_size": "0.1"}
    document: Document = {
        "venue": "bybit",
        "balances": {"USDT": "10000000"},
        "fx": {"USDT": "1", "BTC": "100000"},
        "collateral": {"USDT": {"tiers": [{"rate": "1"}]}},
        "instruments": {"BTCUSDT": terms, "BTCUSD": terms},
        "marks": {"BTCUSDT": "110000", "BTCUSD": "100000"},
    }
    return document | more


@pytest.mark.parametrize(("side", "initial", "fee"), [("long", "11049.5", "49.5"), ("short", "11060.5", "60.5")])
def test_bybit_closing_fee_at_bankruptcy_is_in_both_margins(side: str, initial: str, fee: str) -> None:
    """1 BTC from 100,000 at 10x, mark 110,000: the fee is that of closing at 90,000 (long) or 110,000 (short).

    90,000 x 0.055 % = 49.5 and 110,000 x 0.055 % = 60.5. Initial: 11,000 and the fee; maintenance: 550 and the fee.
    """
    found = reported(bybit(positions=[position("BTCUSDT", side, "1", "100000")]))
    figures, venue = found["positions"][0], found["venue_fields"]["positions"][0]

    assert figures["initial_margin"] == initial
    assert (figures["maintenance_margin"], figures["liquidation_fee"]) == ("550", fee)
    assert venue["positionIM"] == initial
    with localcontext(EXACT):
        assert Decimal(venue["positionMM"]) == 550 + Decimal(fee)


@pytest.mark.parametrize(
    ("instrument", "side", "contracts", "margin", "fee"),
    [
        ("BTCUSDT", "buy", "1", "10000", "104.5"),  # 55 to open, 90,000 x 0.055 % to close
        ("BTCUSDT", "sell", "1", "10000", "115.5"),  # 55 to open, 110,000 x 0.055 %
        ("BTCUSD", "buy", "100000", "0.1", "0.001155"),  # 1 BTC: 0.00055 to open, 1.1 x 0.055 % to close
        ("BTCUSD", "sell", "100000", "0.1", "0.001045"),  # 0.00055 to open, 0.9 x 0.055 %
    ],
)
def test_bybit_order_cost(instrument: str, side: str, contracts: str, margin: str, fee: str) -> None:
    """At 100,000 and 10x: value / 10, the fee to open, and the fee to close at the bankruptcy price."""
    order = new_order(instrument, side, contracts, "100000", "10") | {"state": "live"}

    found = reported(bybit(orders=[order]))["orders"][0]

    assert (found["margin"], found["fee"]) == (margin, fee)


@pytest.mark.parametrize(
    ("instrument", "side", "leverage", "printed"),
    [
        ("BTCUSDT", "long", "3", "67166.7"),  # 100,000 - 33,333.33... + 500 = 67,166.66...
        ("BTCUSDT", "short", "3", "132833.3"),  # 100,000 + 33,333.33... - 500 = 132,833.33...
        ("BTCUSDT", "long", "10", "90500"),  # on the tick already
        ("BTCUSD", "long", "10", "91324.3"),  # 100,000 / (1 + 0.1 - 0.005) = 91,324.2009...
        ("BTCUSD", "short", "10", "110497.2"),  # 100,000 / (1 - 0.095) = 110,497.2375...
    ],
)
def test_bybit_prints_isolated_prices_on_the_earlier_tick(
    instrument: str, side: str, leverage: str, printed: str
) -> None:
    """Entry less (margin - maintenance at entry) for each coin; a long's price goes up to the tick, a short's down."""
    contracts = "1" if instrument == "BTCUSDT" else "100000"
    held = position(instrument, side, contracts, "100000", leverage, margin_mode="isolated")

    found = reported(bybit(positions=[held], marks={instrument: "100000"}))

    assert found["venue_fields"]["positions"][0]["liqPrice"] == printed


# ---------------------------------------------------------------- Binance COIN-M


@pytest.mark.parametrize("side", ["long", "short"])
@pytest.mark.parametrize("contracts", ["500", "4000", "20000"])
def test_binance_coin_prints_our_price_for_a_lone_position(side: str, contracts: str) -> None:
    """Two ways to one price: the venue's closed form bracket by bracket, and our walk through the tiers."""
    found = reported(
        {
            "venue": "binance-coinm",
            "balances": {"BTC": "0.4" if contracts == "500" else "5"},
            "positions": [position("BTCUSD_PERP", side, contracts, "50000", "20")],
            "marks": {"BTCUSD_PERP": "50500"},
        }
    )
    ours, printed = (
        found["positions"][0]["liquidation_price"],
        found["venue_fields"]["positions"][0]["liquidationPrice"],
    )

    assert ours is not None
    assert same(printed, ours)


def test_binance_coin_long_by_hand() -> None:
    """20,000 contracts are 2,000,000 USD, 40 BTC at 50,000, with 5 BTC. Value y BTC: 45 - y = 2.5 % y - 0.355.

    1.025 y = 45.355, y = 44.24878..., within the bracket from 20 to 50; 2,000,000 / y = 45,199.0...
    """
    found = first(
        {
            "venue": "binance-coinm",
            "balances": {"BTC": "5"},
            "positions": [position("BTCUSD_PERP", "long", "20000", "50000", "20")],
            "marks": {"BTCUSD_PERP": "50000"},
        }
    )
    with localcontext(EXACT):
        value = Decimal("45.355")
        assert abs(Decimal(found["liquidation_price"]) * value - 2_000_000 * Decimal("1.025")) < Decimal("1e-18")
