"""Binance USDS-M, single-asset mode: each vector by its id, from an account file unless it holds nothing."""

from decimal import Decimal
from typing import Any

from tests.conformance.desk import Desk, View, contract, other_position
from tests.conformance.registry import Answers, by_id
from tests.conformance.vectors import Case

from crossmargin.domain.account import Side
from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient
from crossmargin.domain.numbers import NonNegative, Positive
from crossmargin.margin.admission import needed_by
from crossmargin.margin.holds import worst_sell_price
from crossmargin.margin.ranking import profit_on_wallet, profit_times_risk
from crossmargin.prices.funding import funding_rate
from crossmargin.prices.mark import basis_price, funding_price, median_price
from crossmargin.rulebook import load
from crossmargin.rulebook.load import TierRow, tier_table
from crossmargin.rulebook.tiers import deductions


def bracket(rate: Decimal, deduction: Decimal) -> list[dict[str, Any]]:
    """The one bracket that a worked example uses, as the venue prints it: rate and maintenance amount."""
    return [{"maintenance_rate": rate, "deduction": deduction, "unit": "notional"}]


def one_position(
    *,
    side: Side,
    size: Decimal,
    entry: Decimal,
    wallet: Decimal,
    rate: Decimal,
    deduction: Decimal = ZERO,
    other_pnl: Decimal = ZERO,
    other_maintenance: Decimal = ZERO,
    is_isolated: bool = False,
) -> dict[str, Any]:
    """One position; in cross mode other symbols contribute a PnL and a maintenance margin."""
    name = "XYZUSDT"
    position: dict[str, Any] = {
        "instrument": name,
        "side": side.value,
        "contracts": size,
        "entry_price": entry,
        "leverage": "10",
    }
    if is_isolated:
        position |= {"margin_mode": "isolated", "margin": wallet}
    document: dict[str, Any] = {
        "venue": "binance",
        "balances": {"USDT": ZERO if is_isolated else wallet},
        "positions": [position],
        "marks": {name: entry},
        "instruments": {name: contract("XYZ", "USDT", taker_fee="0.0005", tiers=bracket(rate, deduction))},
    }
    if not is_isolated:
        other_position(document, name="OTHERUSDT", pnl=other_pnl, maintenance=other_maintenance)
    return document


def both_prices(view: View) -> tuple[Decimal, Decimal]:
    """The printed price and our exact one: they agree, since other symbols stand still in both."""
    return view.printed(), view.liquidation()


@by_id("bn-liq-isolated-*", "bn-liq-2020-*")
def liquidation(case: Case, desk: Desk) -> Answers:
    """Liquidation price of one position, alone or beside other symbols."""
    document = one_position(
        side=case.side,
        size=case.number("q"),
        entry=case.number("ep"),
        wallet=case.number("WB"),
        rate=case.number("mmr"),
        deduction=case.number("cum", default=ZERO),
        other_pnl=case.number("UPNL1", default=ZERO),
        other_maintenance=case.number("TMM1", default=ZERO),
        is_isolated="isolated" in case.id,
    )
    return {"*": both_prices(desk.assess(document))}


@by_id("bn-cum-level*")
def deduction(case: Case, desk: Desk) -> Answers:
    """Maintenance amount of a bracket from the one below it: the table computes what a row leaves out."""
    rows = (
        TierRow(
            maintenance_rate=NonNegative(case.number("r_prev")),
            deduction=NonNegative(case.number("cum_prev")),
            up_to=Positive(case.number("floor")),
        ),
        TierRow(maintenance_rate=NonNegative(case.number("r"))),
    )
    return {"cum": tier_table(rows, load("binance").rules).tiers[1].deduction}


@by_id("bn-mm-two-positions")
def maintenance(case: Case, desk: Desk) -> Answers:
    """Two positions of one account, each with the bracket of its value at mark."""
    coins = ("eth", "btc")
    view = desk.assess(
        {
            "venue": "binance",
            "balances": {"USDT": "1535443.01"},
            "positions": [
                {
                    "instrument": f"{coin.upper()}USDT",
                    "side": "long",
                    "contracts": case.number(f"{coin}_q"),
                    "entry_price": case.number(f"{coin}_mark"),
                    "leverage": "10",
                }
                for coin in coins
            ],
            "marks": {f"{coin.upper()}USDT": case.number(f"{coin}_mark") for coin in coins},
            "instruments": {
                f"{coin.upper()}USDT": {"tiers": bracket(case.number(f"{coin}_r"), case.number(f"{coin}_cum"))}
                for coin in coins
            },
        }
    )
    answers: Answers = {}
    for coin, figures in zip(coins, view.assessment.positions, strict=True):
        answers[f"{coin}_notional"] = figures.notional
        answers[f"{coin}_mm"] = figures.maintenance_margin
    return answers


@by_id("bn-liq-cross-two-positions")
def two_positions(case: Case, desk: Desk) -> Answers:
    """Each of two positions has its own price, at which the other one still stands at its mark."""
    coins = ("eth", "btc")
    names = [f"{coin.upper()}USDT" for coin in coins]
    view = desk.assess(
        {
            "venue": "binance",
            "balances": {"USDT": case.number("WB")},
            "positions": [
                {
                    "instrument": name,
                    "side": "long",
                    "contracts": case.number(f"{coin}_q"),
                    "entry_price": case.number(f"{coin}_ep", f"{coin}_entry"),
                    "leverage": "10",
                }
                for coin, name in zip(coins, names, strict=True)
            ],
            "marks": {name: case.number(f"{coin}_mark", f"{coin}_mp") for coin, name in zip(coins, names, strict=True)},
            "instruments": {
                name: {
                    "tiers": bracket(case.number(f"{coin}_r", f"{coin}_mmr"), case.number(f"{coin}_cum", default=ZERO))
                }
                for coin, name in zip(coins, names, strict=True)
            },
        }
    )
    prices = {coin: (view.printed(index), view.liquidation(index)) for index, coin in enumerate(coins)}
    return {
        expected.name: prices[coin] for expected in case.expected for coin in coins if coin in expected.name.lower()
    }


def order_account(case: Case, side: str, **rules: str) -> dict[str, Any]:
    """A flat account with one resting order."""
    name = "BTCUSDT"
    return {
        "venue": "binance",
        "rules": rules,
        "balances": {"USDT": "100000"},
        "orders": [
            {
                "instrument": name,
                "side": side,
                "contracts": case.number("q"),
                "price": case.number("px"),
                "leverage": case.number("lev"),
            }
        ],
        "marks": {name: case.number("mark")},
        "last": {name: case.number("last", "px")},
    }


@by_id("bn-open-cost-2020")
def order_cost(case: Case, desk: Desk) -> Answers:
    """Margin and open loss of a buy and of a sell, valued at their own price as the page had it in 2020."""
    buy, sell = (desk.assess(order_account(case, side, order_price="order")) for side in ("buy", "sell"))
    book = desk.read(order_account(case, "sell", order_price="order"))
    flat = book.account.__class__(balances=book.account.balances)
    cost, *_ = needed_by(flat, book.account.orders[0], book.marks, book.rulebook)
    return {
        "im": buy.assessment.holds[0].margin,
        "open_loss_long": buy.assessment.holds[0].open_loss,
        "open_loss_short": sell.assessment.holds[0].open_loss,
        "short_cost": (sell.only.in_use, cost),
    }


@by_id("bn-open-cost-short-new")
def assuming_price(case: Case, desk: Desk) -> Answers:
    """A sell counts at the worst of last x 1.0015, mark and its own price."""
    hold = desk.assess(order_account(case, "sell")).assessment.holds[0]
    price = worst_sell_price(case.number("px"), last=case.number("last"), mark=case.number("mark"))
    return {"assuming_px": (price, quotient(hold.value, hold.contracts)), "im": hold.margin}


@by_id("bn-adl-rank-*")
def deleveraging(case: Case, desk: Desk) -> Answers:
    """Score in the queue, from the figures that a user read off the screen."""
    profit, wallet = case.number("upnl"), case.number("WB")
    share = case.number("margin_ratio")
    return {
        "pnl_pct": profit_on_wallet(profit, wallet=wallet),
        "score": profit_times_risk(profit, wallet=wallet, required_share=share),
    }


@by_id("bn-order-netting")
@exact
def netting(case: Case, desk: Desk) -> Answers:
    """One position with orders on both sides needs the larger side; one contract is worth 10,000."""
    price = Decimal(10_000)

    def needed(suffix: str) -> Decimal:
        name, held = "BTCUSDT", case.number(f"pos{suffix}")
        leverage = case.number(f"lev{suffix}")
        common = {"instrument": name, "leverage": leverage}
        orders = (("buy", case.number(f"bids{suffix}")), ("sell", case.number(f"asks{suffix}")))
        view = desk.assess(
            {
                "venue": "binance",
                "balances": {"USDT": "100000"},
                "positions": [
                    {
                        **common,
                        "side": "long" if held > 0 else "short",
                        "contracts": quotient(abs(held), price),
                        "entry_price": price,
                    }
                ],
                "orders": [
                    {**common, "side": side, "contracts": quotient(value, price), "price": price}
                    for side, value in orders
                    if value
                ],
                "marks": {name: price},
                "last": {name: ONE},
            }
        )
        return view.only.initial_margin

    return {"flip_order": needed(""), "long_with_large_ask": needed("2")}


@by_id("bn-cum-chain-*")
def deduction_chain(case: Case, desk: Desk) -> Answers:
    """Maintenance amounts of a whole table, each bracket from the one below it, in the order of the figures."""
    floors = [ZERO] + [case.number(name) for name in case.inputs if name[0] in "fc" and name[-1].isdigit()]
    rates = [case.number(name) for name in case.inputs if name[0] == "r" and name[-1].isdigit()]
    found = deductions(floors[-len(rates) :], rates)[-len(case.expected) :]
    return {wanted.name: amount for wanted, amount in zip(case.expected, found, strict=True)}


@by_id("bn-funding-rule*")
def rate_of_premium(case: Case, desk: Desk) -> Answers:
    """Funding rate from the average premium, scaled to the interval."""
    full = Decimal(8)
    rate = funding_rate(
        case.number("P", "p", "premium"),
        interest=case.number("I", "Int", "interest", default=Decimal("0.0001")),
        band=case.number("band", "cap", default=Decimal("0.0005")),
        interval=case.number("N", "n", "hours", default=full),
        full_interval=full,
    )
    return {"*": rate}


@by_id("bn-mark-median", "bn-mark-price1")
def mark(case: Case, desk: Desk) -> Answers:
    """Mark price: the median of the funding price, the basis price and the contract's."""
    first = funding_price(
        case.number("idx"),
        rate=case.number("rate"),
        time_left=case.number("left"),
        interval=case.number("interval"),
    )
    answers: Answers = {"price1": first}
    if "contract" in case:
        second = basis_price(case.number("idx"), basis_average=case.number("basis_ma"))
        answers |= {"price2": second, "mark": median_price(first, second, case.number("contract"))}
    return answers
