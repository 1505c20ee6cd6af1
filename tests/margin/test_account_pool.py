"""The account as one pool in USD: collateral by slices, debts, one ratio, and prices that move the collateral too."""

from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crossmargin.domain.arithmetic import EXACT, wide
from crossmargin.errors import MissingDataError
from crossmargin.formats.account_file import build_book
from crossmargin.formats.report import report
from crossmargin.margin import assess
from crossmargin.margin.assess import Assessment
from crossmargin.margin.explain import explain, explainable
from crossmargin.margin.liquidation_price import liquidation_prices
from crossmargin.margin.moved import moved
from crossmargin.margin.pool import Status

Document = dict[str, Any]
FULL = {"tiers": [{"rate": "1"}]}


def okx(**more: Any) -> Document:
    """An OKX account in multi-currency mode: BTC and USDT count in full, debts need nothing, no fees."""
    free = {"loan_tiers": [{"initial_rate": "0", "maintenance_rate": "0"}]}
    document: Document = {
        "venue": "okx",
        "account_mode": "multi_currency",
        "fx": {"BTC": "100", "USDT": "1"},
        "collateral": {"BTC": {**FULL, **free}, "USDT": {**FULL, **free}},
    }
    return document | more


def swap(rate: str) -> Document:
    """Terms of a contract without fees, with one maintenance rate."""
    return {"taker_fee": "0", "tiers": [{"unit": "contracts", "maintenance_rate": rate}]}


def bybit(**more: Any) -> Document:
    """A Bybit account whose USDT count in full, without fees."""
    contract = {"taker_fee": "0", "tiers": [{"maintenance_rate": "0.01"}]}
    document: Document = {
        "venue": "bybit",
        "fx": {"BTC": "100", "USDT": "1"},
        "collateral": {"USDT": FULL},
        "instruments": {"BTCUSDT": contract},
    }
    return document | more


def position(instrument: str, side: str, size: str, entry: str, leverage: str = "10", **more: Any) -> Document:
    """One position, its size in base currency."""
    return {
        "instrument": instrument,
        "side": side,
        "base_size": size,
        "entry_price": entry,
        "leverage": leverage,
        **more,
    }


def assessed(document: Document, *, lines: bool = False) -> Assessment:
    """The assessment of a document."""
    book = build_book(document, "book")
    return assess(book.account, book.marks, book.rulebook, lines=lines)


def reported(document: Document) -> dict[str, Any]:
    """The report of a document."""
    return report(assessed(document))


# ---------------------------------------------------------------- collateral


@pytest.mark.parametrize(
    ("amount", "counts"),
    [
        ("0", "0"),
        ("0.5", "50"),
        ("1", "100"),
        ("1.00000001", "100.0000009"),
        ("2", "190"),
        ("3", "280"),
        ("4", "330"),
    ],
)
def test_slices_count_at_their_own_rate(amount: str, counts: str) -> None:
    """At 100 a coin: the first one in full, the next two at 0.9, the rest at 0.5.

    4 coins are 100 + 2 x 90 + 50 = 330; a bound belongs to the slice below it, and beyond it only the excess costs.
    """
    slices = {"tiers": [{"up_to": "1", "rate": "1"}, {"up_to": "3", "rate": "0.9"}, {"rate": "0.5"}]}

    found = reported(okx(balances={"BTC": amount}, collateral={"BTC": slices}))

    assert found["account"]["adjusted_equity"] == counts


def test_nothing_counts_above_a_last_bounded_slice() -> None:
    """Of 5 coins only the first is listed: 1 x 100, while total equity is 500."""
    account = reported(okx(balances={"BTC": "5"}, collateral={"BTC": {"tiers": [{"up_to": "1", "rate": "1"}]}}))[
        "account"
    ]

    assert (account["adjusted_equity"], account["total_equity_usd"]) == ("100", "500")


def test_negative_equity_counts_in_full() -> None:
    """Half of 1 coin at 100 is 50; a debt of 30 USDT takes off all of 30, whatever USDT's own rate: 20."""
    loans = {"loan_tiers": [{"initial_rate": "0.2", "maintenance_rate": "0.04"}]}
    collateral = {"BTC": {"tiers": [{"rate": "0.5"}]}, "USDT": {"tiers": [{"rate": "0.9"}], **loans}}

    account = reported(okx(balances={"BTC": "1", "USDT": "-30"}, collateral=collateral))["account"]

    assert account["adjusted_equity"] == "20"
    # 30 x 20 % and 30 x 4 %; 20 / 1.2
    assert (account["initial_margin_usd"], account["maintenance_margin_usd"]) == ("6", "1.2")
    assert account["margin_ratio"] == "16.66666666666666666666666667"


def test_liabilities_are_negative_balances() -> None:
    """A balance of 10 and a liability of 40 is a debt of 30: one account, written in two ways."""
    one = reported(okx(balances={"BTC": "1", "USDT": "-30"}))
    two = reported(okx(balances={"BTC": "1", "USDT": "10"}, liabilities={"USDT": "40"}))

    assert one["account"] == two["account"]


@pytest.mark.parametrize(("owed", "initial"), [("390", "7800"), ("390.5", "9762.5"), ("393", "19650")])
def test_the_whole_debt_pays_the_rate_of_its_tier(owed: str, initial: str) -> None:
    """Bybit's BTC loans at 100 a coin: up to 390 at 20 %, up to 391 at 25 %, up to 393 at 50 %; maintenance 4 %.

    39,000 x 20 % = 7,800; 39,050 x 25 % = 9,762.5; 39,300 x 50 % = 19,650.
    """
    account = reported(bybit(balances={"USDT": "100000", "BTC": f"-{owed}"}))["account"]

    assert account["initial_margin_usd"] == initial
    with localcontext(EXACT):
        assert Decimal(account["maintenance_margin_usd"]) == Decimal(owed) * 4


def test_a_debt_without_loan_tiers_is_asked_for() -> None:
    """Where debts need margin, a missing rate is an error that says how to give it, never a zero."""
    with pytest.raises(MissingDataError, match=r"\[collateral.USDT\] loan_tiers"):
        assessed(bybit(balances={"BTC": "1", "USDT": "-1"}))


@pytest.mark.parametrize("given", [{}, {"collateral": {"SOL": {"enabled": True}}}])
def test_a_coin_without_rates_is_asked_for(given: Document) -> None:
    """A coin that no one gave slices for is not counted as nothing; naming it without slices changes that as little."""
    with pytest.raises(MissingDataError, match=r"no collateral rates known for SOL"):
        assessed(okx(balances={"SOL": "1"}, fx={"SOL": "10"}, **given))


def test_a_coin_without_price_is_asked_for() -> None:
    """One pool in USD needs a price of whatever is in it."""
    with pytest.raises(MissingDataError, match=r"fx\.SOL"):
        assessed(okx(balances={"SOL": "1"}, collateral={"SOL": FULL}, fx={}))


def test_an_excluded_coin_backs_nothing() -> None:
    """2 BTC switched off: 50 USDT are all that counts, though the account is worth 250."""
    collateral = {"BTC": {"enabled": False}, "USDT": FULL}

    account = reported(okx(balances={"BTC": "2", "USDT": "50"}, collateral=collateral))["account"]

    assert (account["adjusted_equity"], account["total_equity_usd"]) == ("50", "250")


def test_a_debt_in_an_excluded_coin_still_counts() -> None:
    """Switching a coin off hides what is owned, not what is owed: 500 - 200."""
    loans = {"enabled": False, "loan_tiers": [{"initial_rate": "0", "maintenance_rate": "0"}]}

    account = reported(okx(balances={"BTC": "-2", "USDT": "500"}, collateral={"BTC": loans, "USDT": FULL}))["account"]

    assert account["adjusted_equity"] == "300"


@pytest.mark.parametrize(("amount", "counts"), [("1000", "931.095"), ("-1000", "-994.95")])
def test_buffers_shift_the_rate_against_the_account(amount: str, counts: str) -> None:
    """Index 0.99, bid buffer 1 %, ask buffer 0.5 %, ratio 95 %.

    What is owned: 1,000 x 0.99 x 0.99 x 0.95 = 931.095. What is owed: 1,000 x 0.99 x 1.005 = 994.95, in full.
    """
    terms = {"tiers": [{"rate": "0.95"}], "bid_buffer": "0.01", "ask_buffer": "0.005"}
    document = {
        "venue": "binance",
        "account_mode": "multi_currency",
        "balances": {"USDC": amount},
        "fx": {"USDC": "0.99"},
        "collateral": {"USDC": terms},
    }

    assert reported(document)["account"]["adjusted_equity"] == counts


@pytest.mark.parametrize(("mark", "discounted", "in_full"), [("200", "990", "1000"), ("0.01", "810.009", "800.01")])
def test_profit_is_discounted_or_counts_in_full(mark: str, discounted: str, in_full: str) -> None:
    """1,000 USDT at a rate of 0.9, 1 BTC long from 100.

    At 200 the profit is 100: (1,000 + 100) x 0.9 = 990 where it is part of the currency's equity, 900 + 100 where it
    is not. At 0.01 the loss is 99.99: 900.01 x 0.9 = 810.009, or 900 - 99.99.
    """
    terms = {"USDT": {"tiers": [{"rate": "0.9"}]}}
    common = {"balances": {"USDT": "1000"}, "collateral": terms}
    one = okx(
        **common,
        positions=[position("BTC-USDT-SWAP", "long", "1", "100")],
        marks={"BTC-USDT-SWAP": mark},
        instruments={"BTC-USDT-SWAP": swap("0.01")},
    )
    two = bybit(**common, positions=[position("BTCUSDT", "long", "1", "100")], marks={"BTCUSDT": mark})

    assert reported(one)["account"]["adjusted_equity"] == discounted
    assert reported(two)["account"]["adjusted_equity"] == in_full


# ---------------------------------------------------------------- the ratio


@pytest.mark.parametrize(
    ("balance", "ratio", "status"),
    [
        ("1000", "10", "safe"),
        ("300.01", "3.0001", "safe"),
        ("300", "3", "warning"),
        ("100.01", "1.0001", "warning"),
        ("100", "1", "liquidation"),
        ("-5", "-0.05", "liquidation"),
    ],
)
def test_the_account_has_one_ratio(balance: str, ratio: str, status: str) -> None:
    """10,000 of BTC need 0.95 % and a fee of 0.05 %: 100. Warned at 3, liquidated at 1, both included."""
    contract = {"taker_fee": "0.0005", "tiers": [{"unit": "contracts", "maintenance_rate": "0.0095"}]}

    found = reported(
        okx(
            balances={"USDT": balance},
            positions=[position("BTC-USDT-SWAP", "long", "1", "10000")],
            marks={"BTC-USDT-SWAP": "10000"},
            instruments={"BTC-USDT-SWAP": contract},
        )
    )

    assert (found["account"]["margin_ratio"], found["account"]["status"], found["status"]) == (ratio, status, status)
    assert found["positions"][0]["margin_ratio"] == ratio
    assert found["currencies"]["USDT"]["margin_ratio"] is None
    assert found["reasons"]["currencies.USDT.margin_ratio"].endswith("see account.margin_ratio")
    assert "account.margin_ratio" not in found["reasons"]


def test_an_isolated_position_stays_outside() -> None:
    """Its margin of 500 backs nothing else, and its loss of 600 takes nothing from the account's 1,000 USDT."""
    found = reported(
        okx(
            balances={"USDT": "1000"},
            positions=[position("BTC-USDT-SWAP", "long", "1", "10000", margin_mode="isolated", margin="500")],
            marks={"BTC-USDT-SWAP": "9400"},
            instruments={"BTC-USDT-SWAP": swap("0.01")},
        )
    )

    assert found["account"]["adjusted_equity"] == "1000"
    assert found["account"]["margin_ratio"] is None
    assert (found["positions"][0]["status"], found["status"]) == ("liquidation", "liquidation")


@pytest.mark.parametrize(("contracts", "accepted"), [("500", True), ("501", False)])
def test_coins_back_orders_in_another_currency(contracts: str, accepted: bool) -> None:
    """1 BTC at 10,000 and no USDT: 50,000 USDT at 5x need exactly the 10,000; no contract more fits."""
    order = {
        "instrument": "BTC-USDT-SWAP",
        "side": "buy",
        "state": "new",
        "contracts": contracts,
        "price": "10000",
        "leverage": "5",
    }
    found = reported(
        okx(
            balances={"BTC": "1"},
            fx={"BTC": "10000", "USDT": "1"},
            orders=[order],
            marks={"BTC-USDT-SWAP": "10000"},
            instruments={"BTC-USDT-SWAP": swap("0.01")},
        )
    )["orders"][0]

    assert found["accepted"] is accepted
    if not accepted:
        assert "needs 10020 USDT" in found["reason"].replace(",", "")


def test_each_order_leaves_less_for_the_next() -> None:
    """Two orders that need 6,000 each do not fit into 10,000: the first is admitted, the second refused."""
    order = {
        "instrument": "BTC-USDT-SWAP",
        "side": "buy",
        "state": "new",
        "contracts": "300",
        "price": "10000",
        "leverage": "5",
    }
    found = reported(
        okx(
            balances={"BTC": "1"},
            fx={"BTC": "10000", "USDT": "1"},
            orders=[order, order],
            marks={"BTC-USDT-SWAP": "10000"},
            instruments={"BTC-USDT-SWAP": swap("0.01")},
        )
    )["orders"]

    assert [each["accepted"] for each in found] == [True, False]


# ---------------------------------------------------------------- prices

NEAR = Decimal("1e-20")


def close(price: str | None, wanted: str) -> bool:
    """Whether a price is the wanted one up to the last digits of its quotient."""
    with localcontext(EXACT):
        return price is not None and abs(Decimal(price) - Decimal(wanted)) <= NEAR


def test_liquidation_price_where_profit_turns_into_debt_on_the_way() -> None:
    """2 BTC back 1 BTC long from 89,700; profit counts half, a debt in full. At 100,000 the account is rich.

    Above 89,700: 2 P + (P - 89,700) / 2. Below: 2 P + P - 89,700. Needed: 1 % of P. So 3 P - 89,700 = 0.01 P, and
    P = 89,700 / 2.99 = 30,000; on the way the bend at 89,700 is passed.
    """
    free = {"loan_tiers": [{"initial_rate": "0", "maintenance_rate": "0"}]}
    document = okx(
        balances={"BTC": "2"},
        fx={"BTC": "100000", "USDT": "1"},
        collateral={"BTC": FULL, "USDT": {"tiers": [{"rate": "0.5"}], **free}},
        positions=[position("BTC-USDT-SWAP", "long", "1", "89700")],
        marks={"BTC-USDT-SWAP": "100000"},
        instruments={"BTC-USDT-SWAP": swap("0.01")},
    )

    found = reported(document)
    crossing = next(iter(liquidation_prices(assessed(document)).values())).crossing

    assert found["account"]["adjusted_equity"] == "205150"
    assert close(found["positions"][0]["liquidation_price_down"], "30000")
    assert found["positions"][0]["liquidation_price_up"] is None
    assert close(found["positions"][0]["bankruptcy_price"], "29900")
    assert crossing is not None
    assert [move.price(Decimal(100_000)) for move in crossing.bounds] == [Decimal(89_700)]


def test_liquidation_price_where_the_coin_itself_is_collateral() -> None:
    """2 BTC, the first in full and the rest half; 100,000 USD of face long from 100,000, maintenance 5 %.

    At P the account has 3 - 100,000 / P coins. Below 50,000 that is less than one, worth 3 P - 100,000 USD; the face
    needs 5,000 USD at any price. 3 P = 105,000: liquidated at 35,000, with the slice bound at 50,000 on the way.
    Nothing is left at 100,000 / 3.
    """
    slices = {"tiers": [{"up_to": "1", "rate": "1"}, {"rate": "0.5"}]}
    free = {"loan_tiers": [{"initial_rate": "0", "maintenance_rate": "0"}]}
    document = okx(
        balances={"BTC": "2"},
        fx={"BTC": "100000"},
        collateral={"BTC": {**slices, **free}},
        positions=[
            {
                "instrument": "BTC-USD-SWAP",
                "side": "long",
                "contracts": "1000",
                "entry_price": "100000",
                "leverage": "10",
            }
        ],
        marks={"BTC-USD-SWAP": "100000"},
        instruments={"BTC-USD-SWAP": swap("0.05")},
    )

    found = reported(document)["positions"][0]
    crossing = next(iter(liquidation_prices(assessed(document)).values())).crossing

    assert close(found["liquidation_price_down"], "35000")
    assert found["liquidation_price_up"] is None
    assert found["bankruptcy_price"].startswith("33333.333333333333333333")
    assert crossing is not None
    assert [move.price(Decimal(100_000)) for move in crossing.bounds] == [Decimal(50_000)]


def test_two_coins_back_each_other() -> None:
    """2 BTC and a short of 1 BTC: the coins gain what the short loses, so no price of BTC liquidates.

    The whole account is 2 P - (P - 100) = P + 100 and needs 1 % of P.
    """
    found = reported(
        okx(
            balances={"BTC": "2"},
            positions=[position("BTC-USDT-SWAP", "short", "1", "100")],
            marks={"BTC-USDT-SWAP": "100"},
            instruments={"BTC-USDT-SWAP": swap("0.01")},
        )
    )["positions"][0]

    assert found["liquidation_price"] is None


def test_no_price_of_zero_liquidates() -> None:
    """100 USDT behind 1 coin bought at 100: what is left is P, needed are 1 % of it. Only a price of 0 would do."""
    found = reported(
        bybit(balances={"USDT": "100"}, positions=[position("BTCUSDT", "long", "1", "100")], marks={"BTCUSDT": "120"})
    )

    assert found["positions"][0]["liquidation_price"] is None
    assert found["positions"][0]["bankruptcy_price"] is None
    assert "positions.0.liquidation_price" in found["reasons"]


def test_a_pool_dies_before_its_debt_needs_loan_tiers() -> None:
    """10 USDT behind 1 coin at 100: P - 90 = 0.01 P at 90.9, above the 90 at which USDT would be owed."""
    found = reported(
        bybit(balances={"USDT": "10"}, positions=[position("BTCUSDT", "long", "1", "100")], marks={"BTCUSDT": "100"})
    )["positions"][0]

    assert found["liquidation_price"].startswith("90.90909090909090909090")
    assert close(found["bankruptcy_price"], "90")


# ---------------------------------------------------------------- explanations


def everything() -> Document:
    """Two coins of collateral, a debt, two positions, a live order, interest and an isolated position."""
    return okx(
        balances={"BTC": "2", "USDT": "-500", "ETH": "3"},
        interest={"USDT": "0.25"},
        fx={"BTC": "100000", "USDT": "0.999", "ETH": "4000"},
        collateral={
            "BTC": {"tiers": [{"up_to": "1", "rate": "0.98"}, {"rate": "0.95"}]},
            "ETH": {"tiers": [{"rate": "0.9"}]},
            "USDT": {"loan_tiers": [{"initial_rate": "0.2", "maintenance_rate": "0.04"}]},
        },
        positions=[
            position("BTC-USDT-SWAP", "long", "1", "105000"),
            position("ETH-USDT-SWAP", "short", "5", "3800", "7"),
            position("BTC-USD-SWAP", "long", "0", "1") | {"quote_size": "20000", "entry_price": "90000"},
            position("ETH-USDT-SWAP", "long", "2", "3900", margin_mode="isolated"),
        ],
        orders=[
            {"instrument": "ETH-USDT-SWAP", "side": "sell", "base_size": "4", "price": "4100", "leverage": "7"},
            {"instrument": "BTC-USDT", "side": "sell", "margin_mode": "cash", "base_size": "0.1", "price": "101000"},
        ],
        marks={"BTC-USDT-SWAP": "100000", "ETH-USDT-SWAP": "4000", "BTC-USD-SWAP": "100010"},
        instruments={"BTC-USD-SWAP": {"tiers": [{"unit": "contracts", "maintenance_rate": "0.004"}]}},
    )


def without_base_size(document: Document) -> Document:
    """Inverse positions give their size in quote currency alone."""
    for each in document["positions"]:
        if "quote_size" in each:
            each.pop("base_size")
    return document


def test_every_explanation_adds_up() -> None:
    """Account, currencies and positions: the lines of each figure sum to the figure itself."""
    assessment = assessed(without_base_size(everything()), lines=True)
    names = explainable(assessment)
    found = {name: explain(assessment, name) for name in names}

    assert {name for name in names if name.startswith("account.")} == {
        "account.adjusted_equity",
        "account.initial_margin_usd",
        "account.maintenance_margin_usd",
        "account.margin_ratio",
        "account.total_equity_usd",
    }
    with localcontext(EXACT):
        for name, each in found.items():
            if each.value is None:
                assert each.reason, name
            else:
                assert sum((line.amount for line in each.lines), Decimal(0)) == each.value, name


def test_explanations_say_what_the_report_says() -> None:
    """Account figures: one number, whoever is asked."""
    assessment = assessed(without_base_size(everything()), lines=True)
    account = report(assessment)["account"]

    for name in ("adjusted_equity", "initial_margin_usd", "maintenance_margin_usd", "margin_ratio"):
        assert explain(assessment, f"account.{name}").value == Decimal(account[name])


# ---------------------------------------------------------------- properties

amounts = st.integers(min_value=-300, max_value=600).map(lambda each: str(each * 1000))
coins = st.integers(min_value=-2, max_value=8).map(lambda each: str(Decimal(each).scaleb(-1)))
sizes = st.integers(min_value=1, max_value=60).map(lambda each: str(Decimal(each).scaleb(-1)))
entries = st.integers(min_value=60, max_value=140).map(lambda each: each * 1000)
rates = st.sampled_from(["0", "0.5", "0.85", "0.98", "1"])
sides = st.sampled_from(["long", "short"])


@st.composite
def slices(draw: st.DrawFn, top: int) -> Document:
    """One or two slices with any rates, and loan tiers of two rates."""
    bound = str(draw(st.integers(min_value=1, max_value=top)))
    first, second = draw(rates), draw(rates)
    return {
        "tiers": draw(st.sampled_from([[{"rate": first}], [{"up_to": bound, "rate": first}, {"rate": second}]])),
        "loan_tiers": [
            {"up_to": bound, "initial_rate": "0.2", "maintenance_rate": "0.04"},
            {"initial_rate": "0.3", "maintenance_rate": draw(st.sampled_from(["0.04", "0.06"]))},
        ],
    }


NAMES = {
    ("okx", "linear"): "BTC-USDT-SWAP",
    ("okx", "inverse"): "BTC-USD-SWAP",
    ("okx", "other"): "ETH-USDT-SWAP",
    ("bybit", "linear"): "BTCUSDT",
    ("bybit", "inverse"): "BTCUSD",
    ("bybit", "other"): "ETHUSDT",
    ("binance", "linear"): "BTCUSDT",
    ("binance", "other"): "ETHUSDT",
}


@st.composite
def accounts(draw: st.DrawFn) -> Document:
    """An account that is one pool: some BTC and USDT of either sign, one to three positions, perhaps an order."""
    venue = draw(st.sampled_from(["okx", "bybit", "binance"]))
    styles = draw(st.lists(st.sampled_from(["linear", "inverse", "other"]), min_size=1, max_size=3, unique=True))
    names = [(style, NAMES[venue, style]) for style in styles if (venue, style) in NAMES]
    assume(names)
    positions = []
    for style, name in names:
        size, entry = Decimal(draw(sizes)), draw(entries)
        face = {"quote_size": str(int(size * 100_000))} if style == "inverse" else {"base_size": str(size)}
        price = str(entry) if style != "other" else str(entry // 25)
        each: Document = {"instrument": name, "side": draw(sides), "entry_price": price, "leverage": "5"}
        positions.append(each | face)
    tiers = [
        {"up_to": "200000", "maintenance_rate": "0.01", "unit": "notional"},
        {"maintenance_rate": "0.03", "unit": "notional"},
    ]
    marks = {name: "4000" if style == "other" else "100000" for style, name in names}
    orders = []
    if draw(st.booleans()):
        style, name = names[0]
        price = draw(st.sampled_from(["70000", "101000", "130000"]))
        size_key = "quote_size" if style == "inverse" else "base_size"
        orders = [{"instrument": name, "side": draw(st.sampled_from(["buy", "sell"])), "price": price, size_key: "100"}]
    return {
        "venue": venue,
        "account_mode": "multi_currency",
        "balances": {"BTC": draw(coins), "USDT": draw(amounts)},
        "fx": {"BTC": "100000", "USDT": "1", "ETH": "4000"},
        "collateral": {"BTC": draw(slices(3)), "USDT": draw(slices(200_000))},
        "positions": positions,
        "orders": orders,
        "marks": marks,
        "last": marks,
        "instruments": {name: {"tiers": tiers, "taker_fee": "0.0005"} for _, name in names},
    }


@wide
def liquidated(assessment: Assessment, move: Decimal) -> bool:
    """Whether the account's pool is at its trigger after BTC moved by a fraction."""
    marks = moved(assessment.marks, assessment.rulebook, {"BTC": move})
    whole = assess(assessment.account, marks, assessment.rulebook).cross["account"]
    return whole.status is Status.LIQUIDATION


def scan(up: bool, price: Decimal | None) -> list[Decimal]:
    """Moves of BTC in one direction: up to the liquidation price found, or far out where there is none."""
    end = price if price is not None else Decimal(400_000 if up else 1)
    if price == 100_000:
        return []
    return [(end - 100_000) * step / 2_500_000 * (1 if price is None else Decimal("0.99999")) for step in range(1, 26)]


@given(document=accounts())
def test_the_verdict_changes_at_the_liquidation_price_and_nowhere_before(document: Document) -> None:
    """A tick before it the verdict is today's, a tick beyond it the other; where there is none, no price changes it.

    An account that stands exactly on its trigger is at its liquidation price already.
    """
    assessment = assessed(document)
    found = next(
        (
            liquidation_prices(assessment)[each.id]
            for each in assessment.account.positions
            if assessment.rulebook.instrument(each.instrument).underlying == "BTC"
        ),
        None,
    )
    assume(found is not None and assessment.cross["account"].risk.required)
    assert found is not None
    now = liquidated(assessment, Decimal(0))
    for up, price in ((False, found.down), (True, found.up)):
        for move in scan(up, price):
            assert liquidated(assessment, move) is now, (up, price, move)
        if price is not None and price != 100_000:
            tick = Decimal("1e-12") if up else Decimal("-1e-12")
            move = price.scaleb(-5) - 1
            assert liquidated(assessment, move - tick) is now, (up, price)
            assert liquidated(assessment, move + tick) is not now, (up, price)
