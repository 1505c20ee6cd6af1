"""Collateral and coin margin: OKX multi-currency, Binance multi-assets and COIN-M, each vector by its id."""

from decimal import Decimal
from typing import Any

from tests.conformance.desk import Desk, contract, there
from tests.conformance.registry import Answers, by_id
from tests.conformance.vectors import Case

from crossmargin.domain.account import Side
from crossmargin.domain.arithmetic import ONE, ZERO, exact
from crossmargin.domain.numbers import NonNegative, Positive
from crossmargin.margin.collateral import exchange_needed
from crossmargin.rulebook import load
from crossmargin.rulebook.load import TierRow, tier_table


def counted(desk: Desk, venue: str, balances: dict[str, Decimal], prices: dict[str, Decimal],
            curves: dict[str, dict[str, Any]]) -> Decimal:  # fmt: skip
    """What balances count as, in USD."""
    document = {
        "venue": venue,
        "account_mode": "multi_currency",
        "balances": balances,
        "fx": prices,
        "collateral": curves,
    }
    return there(desk.assess(document).account.adjusted_equity)


def flat_rate(rate: Decimal) -> dict[str, Any]:
    """One rate for the whole amount."""
    return {"tiers": [{"rate": rate}]}


@by_id("by-collateral-tiers*", "okx-mc-discount-usdt-*", "okx-mc-discount-btc-*")
def slices(case: Case, desk: Desk) -> Answers:
    """A balance counts slice by slice, each at its own rate; its price is 1 unless given."""
    tiers: list[dict[str, Any]] = []
    while f"r{len(tiers) + 1}" in case:
        number = len(tiers) + 1
        tiers.append({"rate": case.number(f"r{number}")})
        if f"c{number}" in case:
            tiers[-1]["up_to"] = case.number(f"c{number}")
    venue = case.venue.partition(".")[0]
    price = case.number("px", default=ONE)
    return {"*": counted(desk, venue, {"COIN": case.number("q")}, {"COIN": price}, {"COIN": {"tiers": tiers}})}


@by_id("okx-mc-discount-zero*")
def nothing_counts(case: Case, desk: Desk) -> Answers:
    """A coin with rate 0 adds nothing."""
    amount = counted(
        desk,
        "okx",
        {"BTC": case.number("btc"), "ZRX": case.number("zrx")},
        {"BTC": case.number("px"), "ZRX": case.number("zrx_px")},
        {"BTC": flat_rate(case.number("rate")), "ZRX": flat_rate(case.number("zrx_rate"))},
    )
    return {"*": amount}


@by_id("bn-multi-asset-rates*")
def buffered_rates(case: Case, desk: Desk) -> Answers:
    """One coin held counts at the bid rate, one coin owed at the ask rate."""
    curve = flat_rate(ONE) | {"bid_buffer": case.number("bid_buf"), "ask_buffer": case.number("ask_buf")}

    def worth(amount: Decimal) -> Decimal:
        return counted(desk, "binance", {"COIN": amount}, {"COIN": case.number("idx")}, {"COIN": curve})

    return {"bid_rate": worth(ONE), "ask_rate": -worth(-ONE)}


@by_id("bn-multi-asset-haircut*")
def haircuts(case: Case, desk: Desk) -> Answers:
    """Collateral sold for a debt, and coins that count at their ratio."""
    answers: Answers = {
        "usdc_needed": exchange_needed(case.number("debt"), ratio=case.number("btc_like_ratio")),
    }
    for coin in ("bnb", "ada"):
        curve = flat_rate(case.number(f"{coin}_ratio"))
        answers[f"{coin}_margin"] = counted(
            desk, "binance", {coin.upper(): case.number(coin)}, {coin.upper(): ONE}, {coin.upper(): curve}
        )
    return answers


@by_id("bn-coinm-cum-*")
def coin_deduction(case: Case, desk: Desk) -> Answers:
    """Maintenance amount in coin of a bracket from the one below it."""
    rows = (
        TierRow(
            maintenance_rate=NonNegative(case.number("r_prev")),
            deduction=NonNegative(case.number("cum_prev")),
            up_to=Positive(case.number("floor")),
        ),
        TierRow(maintenance_rate=NonNegative(case.number("r"))),
    )
    return {"*": tier_table(rows, load("binance-coinm").rules).tiers[1].deduction}


@by_id("bn-coinm-liq*")
def coin_liquidation(case: Case, desk: Desk) -> Answers:
    """Liquidation price of one coin-margined position, as printed and as we solve it."""
    name = "XYZUSD_PERP"
    document = {
        "venue": "binance-coinm",
        "balances": {"XYZ": case.number("WB", "wb")},
        "positions": [
            {
                "instrument": name,
                "side": case.side.value,
                "contracts": case.number("q", "n"),
                "entry_price": case.number("ep", "entry"),
                "leverage": "20",
            }
        ],
        "marks": {name: case.number("ep", "entry")},
        "instruments": {
            name: contract(
                "XYZ", "USD", inverse=True, contract_value=case.number("size", "face", default=ONE),
                tiers=[{"maintenance_rate": case.number("mmr", "r"), "deduction": case.number("cum", default=ZERO)}],
            )
        },
    }  # fmt: skip
    view = desk.assess(document)
    return {"*": (view.printed(), view.liquidation())}


@by_id("okx-old-coin-futures-liq*")
@exact
def fixed_margin(case: Case, desk: Desk) -> Answers:
    """The older estimate of isolated coin-margined positions, without fees: long and short."""

    def price(side: Side) -> Decimal:
        name = "XYZ-USD-SWAP"
        document = {
            "venue": "textbook",
            "balances": {},
            "positions": [
                {
                    "instrument": name,
                    "side": side.value,
                    "contracts": case.number("n"),
                    "entry_price": case.number("entry"),
                    "leverage": "10",
                    "margin_mode": "isolated",
                    "margin": case.number("fixed"),
                }
            ],
            "marks": {name: case.number("entry")},
            "instruments": {
                name: contract(
                    "XYZ", "USD", inverse=True, contract_value=case.number("face"), taker_fee="0",
                    tiers=[{"maintenance_rate": case.number("mmr")}],
                )
            },
        }  # fmt: skip
        return desk.assess(document).liquidation()

    return {"long": price(Side.LONG), "short": price(Side.SHORT)}


@by_id("okx-mc-equity-settle-ccy*")
@exact
def lands_in_settlement_currency(case: Case, desk: Desk) -> Answers:
    """A contract's PnL belongs to its settlement currency and may make its equity negative."""
    pnl, balance = case.number("upl", "pnl"), case.number("usdt", "bal", "balance", default=ZERO)
    value = abs(pnl) * 2
    document = {
        "venue": "okx",
        "account_mode": "multi_currency",
        "balances": {"USDT": balance, "BTC": ONE},
        "fx": {"USDT": ONE, "BTC": value * 10},
        "collateral": {
            "BTC": flat_rate(ONE),
            "USDT": {**flat_rate(ONE), "loan_tiers": [{"initial_rate": "0.2", "maintenance_rate": "0.04"}]},
        },
        "positions": [
            {
                "instrument": "XYZ-USDT-SWAP", "side": "long", "contracts": "1", "entry_price": value - pnl,
                "leverage": "1",
            }
        ],
        "marks": {"XYZ-USDT-SWAP": value},
        "instruments": {
            "XYZ-USDT-SWAP": contract("XYZ", "USDT", taker_fee="0", tiers=[{"maintenance_rate": "0.01"}])
        },
    }  # fmt: skip
    return {"*": desk.assess(document).assessment.currencies["USDT"].equity}
