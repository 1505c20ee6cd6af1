"""Bybit unified account (and Phemex, whose order cost is the same): each vector by its id or formula."""

from decimal import Decimal
from typing import Any

from tests.conformance.desk import Desk, View, contract, there
from tests.conformance.registry import Answer, Answers, by_formula, by_id
from tests.conformance.vectors import Case

from crossmargin.domain.account import Side
from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient
from crossmargin.margin.deleveraging import gap_to_mark, handover_price
from crossmargin.margin.legs import fee_at_bankruptcy
from crossmargin.margin.price_formulas import (
    PriceLeg,
    early_tick,
    inverse_price,
    linear_bankruptcy_price,
)
from crossmargin.margin.ranking import pool_drawdown
from crossmargin.margin.valuation import notional
from crossmargin.prices.funding import funding_rate, interest_component, weighted_premium

SIDES = {"long": Side.LONG, "short": Side.SHORT, "buy": Side.LONG, "sell": Side.SHORT}


def side_of(case: Case, name: str = "") -> Side:
    """Direction that a figure's name speaks of, else the case's."""
    return next((side for word, side in SIDES.items() if word in name.lower().split("_")), case.side)


def unified(*, inverse: bool = False, rate: Decimal = ZERO, deduction: Decimal | None = None, fee: Decimal = ZERO,
            balance: Decimal = ZERO, **details: Any) -> dict[str, Any]:  # fmt: skip
    """An account file with one contract of one coin (linear) or of one dollar (inverse), collateral in full."""
    name, settle = ("XYZUSD", "XYZ") if inverse else ("XYZUSDT", "USDT")
    row = {"maintenance_rate": rate} if deduction is None else {"maintenance_rate": rate, "deduction": deduction}
    quote = "USD" if inverse else "USDT"
    return {
        "venue": "bybit",
        "balances": {settle: balance},
        "fx": {settle: ONE},
        "collateral": {settle: {"tiers": [{"rate": "1"}]}},
        "positions": [],
        "orders": [],
        "marks": {},
        "instruments": {name: contract("XYZ", quote, inverse=inverse, taker_fee=fee, **{"tiers": [row], **details})},
    }


def hold(document: dict[str, Any], *, side: Side, contracts: Decimal, entry: Decimal, leverage: Decimal,
         mark: Decimal | None = None, **more: Any) -> dict[str, Any]:  # fmt: skip
    """Add a position to an account file, marked at its entry unless told otherwise."""
    name = next(iter(document["instruments"]))
    document["positions"].append(
        {
            "instrument": name,
            "side": side.value,
            "contracts": contracts,
            "entry_price": entry,
            "leverage": leverage,
            **more,
        }
    )
    document["marks"][name] = entry if mark is None else mark
    return document


def rest(document: dict[str, Any], *, side: Side, contracts: Decimal, price: Decimal, leverage: Decimal
         ) -> dict[str, Any]:  # fmt: skip
    """Add a resting order to an account file."""
    name = next(iter(document["instruments"]))
    word = "buy" if side is Side.LONG else "sell"
    document["orders"].append(
        {"instrument": name, "side": word, "contracts": contracts, "price": price, "leverage": leverage}
    )
    document["marks"][name] = price
    return document


@by_id("by-liq-iso-*")
@exact
def isolated(case: Case, desk: Desk) -> Answers:
    """Isolated linear position at its entry value; margin added to it or funding taken from it moves the price."""
    size, entry, leverage = case.number("q"), case.number("ep"), case.number("lev")
    document = unified(rate=case.number("mmr"), deduction=case.number("ded", default=ZERO))
    hold(document, side=case.side, contracts=size, entry=entry, leverage=leverage, margin_mode="isolated")
    own = there(desk.assess(document).first.margin)
    moved = case.number("extra", "added", default=ZERO) - case.number("funding", "loss", default=ZERO)
    document["positions"][0]["margin"] = own + moved
    price = desk.assess(document).printed()
    return {"*": price}


@by_id("by-inverse-iso*")
@exact
def isolated_inverse(case: Case, desk: Desk) -> Answers:
    """Isolated inverse position at its entry value, long and short."""
    answers: Answers = {}
    for wanted in case.expected:
        document = hold(
            unified(inverse=True, rate=case.number("mmr"), deduction=case.number("ded", default=ZERO)),
            side=side_of(case, wanted.name),
            contracts=case.number("q"),
            entry=case.number("ep"),
            leverage=case.number("lev"),
            margin_mode="isolated",
        )
        own = there(desk.assess(document).first.margin)
        document["positions"][0]["margin"] = own + case.number("extra", default=ZERO)
        answers[wanted.name] = desk.assess(document).printed()
    return answers


@by_id("by-inverse-im*")
def inverse_initial(case: Case, desk: Desk) -> Answers:
    """Initial margin of an inverse position at its entry price."""
    document = hold(
        unified(inverse=True),
        side=case.side,
        contracts=case.number("q"),
        entry=case.number("ep", "px"),
        leverage=case.number("lev"),
    )
    return {"*": desk.assess(document).first.initial_margin}


def bankruptcy(desk: Desk, side: Side, entry: Decimal, leverage: Decimal, *, inverse: bool = False) -> Decimal:
    """Bankruptcy price of an isolated position whose margin follows from its leverage."""
    document = hold(
        unified(inverse=inverse), side=side, contracts=ONE, entry=entry, leverage=leverage, margin_mode="isolated"
    )
    return desk.assess(document).bankruptcy()


@by_id("by-bankruptcy-*")
def bankruptcy_prices(case: Case, desk: Desk) -> Answers:
    """Bankruptcy price, and the tick that is met first."""
    answers: Answers = {}
    for wanted in case.expected:
        side = side_of(case, wanted.name)
        price = bankruptcy(desk, side, case.number("ep"), case.number("lev"), inverse="inverse" in case.id)
        rounded = "rounded" in wanted.name or "tick" in wanted.name
        answers[wanted.name] = early_tick(side, price=price, tick=case.number("tick")) if rounded else price
    return answers


@by_formula("bybit_bust")
def linear_bust(case: Case, desk: Desk) -> Answer:
    """Bankruptcy price of an isolated linear position."""
    return bankruptcy(desk, case.side, case.number("entry"), case.number("leverage"))


@by_formula("bust_inverse")
def inverse_bust(case: Case, desk: Desk) -> Answer:
    """Bankruptcy price of an isolated inverse position."""
    return bankruptcy(desk, case.side, case.number("entry"), case.number("leverage"), inverse=True)


def isolated_by_leverage(case: Case, desk: Desk, *, inverse: bool) -> View:
    """An isolated position whose margin follows from its leverage."""
    document = hold(
        unified(inverse=inverse, rate=case.number("mmr")),
        side=case.side,
        contracts=case.number("qty", default=ONE),
        entry=case.number("entry"),
        leverage=case.number("leverage"),
        margin_mode="isolated",
    )
    return desk.assess(document)


@by_formula("liq_bybit_isolated")
def linear_liquidation(case: Case, desk: Desk) -> Answer:
    """Liquidation price of an isolated linear position."""
    return isolated_by_leverage(case, desk, inverse=False).printed()


@by_formula("liq_inverse_leverage")
def inverse_liquidation(case: Case, desk: Desk) -> Answer:
    """Liquidation price of an isolated inverse position."""
    return isolated_by_leverage(case, desk, inverse=True).printed()


@by_id("by-liq-inverse-cross-legacy*")
@exact
def legacy_cross(case: Case, desk: Desk) -> Answers:
    """One inverse long alone in the older account: maintenance at entry, fee at the bankruptcy price fees included.

    The leverage in the file is the effective one, by which the closing fee is charged at that bankruptcy price.
    """
    size, entry, taker = case.number("q"), case.number("ep"), case.number("taker")
    bust = there(inverse_price(case.number("bal"), long=PriceLeg(size, entry, taker)))
    document = unified(inverse=True, rate=case.number("mmr"), fee=taker, balance=case.number("bal"))
    document |= {"venue": "textbook-entry", "rules": {"closing_fee": "taker_at_bankruptcy"}}
    document.pop("collateral")
    leverage = quotient(bust, entry - bust)
    price = desk.assess(hold(document, side=Side.LONG, contracts=size, entry=entry, leverage=leverage)).liquidation()
    return {
        "bankruptcy": bust,
        "lp_raw": price,
        "lp_tick": early_tick(Side.LONG, price=price, tick=case.number("tick")),
    }


@exact
def order_parts(desk: Desk, side: Side, *, size: Decimal, price: Decimal, leverage: Decimal, taker: Decimal,
                inverse: bool = False) -> Answers:  # fmt: skip
    """What an order holds, part by part."""
    document = unified(inverse=inverse, fee=taker, balance=Decimal(1_000_000))
    view = desk.assess(rest(document, side=side, contracts=size, price=price, leverage=leverage))
    held = view.assessment.holds[0]
    closing = fee_at_bankruptcy(side.sign, held.value, leverage=leverage, inverse=inverse, rate=taker)
    answers: Answers = {
        "im": held.margin,
        "open_fee": held.fee - closing,
        "close_fee": closing,
        "cost": (held.margin + held.fee, view.only.in_use),
    }
    if not inverse:
        answers["bankruptcy"] = there(linear_bankruptcy_price(side, size=size, entry_price=price, margin=held.margin))
    return answers


@by_id("by-order-cost-*")
def order_cost(case: Case, desk: Desk) -> Answers:
    """Margin of an order with the fees to open it and to close it at its bankruptcy price."""
    answers: Answers = {}
    for wanted in case.expected:
        parts = order_parts(
            desk,
            side_of(case, wanted.name),
            size=case.number("q"),
            price=case.number("px"),
            leverage=case.number("lev"),
            taker=case.number("taker"),
            inverse="inverse" in case.id,
        )
        words = [word for word in wanted.name.split("_") if word not in SIDES]
        answers[wanted.name] = parts["_".join(words) or "cost"]
    return answers


@by_id("phemex-order-cost*")
def order_cost_of_both(case: Case, desk: Desk) -> Answers:
    """The same order cost for a long and a short of different price and leverage."""
    long, short = (
        order_parts(
            desk, side, size=ONE, price=case.number(f"p{key}"), leverage=case.number(f"l{key}"),
            taker=case.number("taker"),
        )
        for side, key in ((Side.LONG, "l"), (Side.SHORT, "s"))
    )  # fmt: skip
    return {
        "long": long["cost"],
        "short_open_fee": short["open_fee"],
        "short_close_fee": short["close_fee"],
        "short_total": short["cost"],
    }


@by_id("by-mm-tier-deduction*")
@exact
def marginal_tiers(case: Case, desk: Desk) -> Answers:
    """Maintenance by rate and deduction equals the sum over the slices."""
    tiers: list[dict[str, Any]] = []
    while f"r{len(tiers) + 1}" in case:
        number = len(tiers) + 1
        tiers.append({"maintenance_rate": case.number(f"r{number}")})
        if f"c{number}" in case:
            tiers[-1]["up_to"] = case.number(f"c{number}")
    document = unified(tiers=tiers)
    view = desk.assess(
        hold(document, side=Side.LONG, contracts=case.number("q"), entry=case.number("px"), leverage=Decimal(10))
    )
    leg = view.assessment.pool_of(view.position()).legs[0]
    assert leg.table is not None
    row = leg.table.tiers[(view.first.tier or 0) - 1]
    needed = view.first.maintenance_margin
    return {"value": view.first.notional, "deduction": row.deduction, "mm": needed, "mm_by_slices": needed}


@by_id("by-adl-bankruptcy-isolated*")
def handover(case: Case, desk: Desk) -> Answers:
    """An isolated position is handed over at bankruptcy, or at the mark when that is too far away."""
    document = unified()
    hold(
        document,
        side=case.side,
        contracts=case.number("q"),
        entry=case.number("ep"),
        leverage=Decimal(10),
        mark=case.number("mark"),
        margin_mode="isolated",
        margin=case.number("margin") + case.number("extra", default=ZERO),
    )
    price, mark = desk.assess(document).bankruptcy(), case.number("mark")
    return {
        "bankruptcy": price,
        "gap_to_mark": gap_to_mark(price, mark=mark),
        "used_price": handover_price(price, mark=mark, gap=case.number("gap")),
    }


@by_id("by-adl-drawdown*")
def drawdown(case: Case, desk: Desk) -> Answers:
    """Drawdown of the insurance pool below its peak."""
    return {"*": pool_drawdown(case.number("now", "pool", "cur"), peak=case.number("peak", "max"))}


@by_id("by-interest-rate*")
def interest(case: Case, desk: Desk) -> Answers:
    """Interest part of the funding rate."""
    rate = interest_component(case.number("quote"), base_rate=case.number("base"), settlements=case.number("n"))
    return {"*": rate}


@by_id("by-funding-weights*")
def weighted(case: Case, desk: Desk) -> Answers:
    """Premium averaged with weights 1..n, and the rate that it gives."""
    samples: list[Decimal] = []
    while f"p{len(samples) + 1}" in case:
        samples.append(case.number(f"p{len(samples) + 1}"))
    average = weighted_premium(samples)
    band, hours = Decimal("0.0005"), Decimal(8)
    rate = funding_rate(average, interest=case.number("I"), band=band, interval=hours, full_interval=hours)
    return {"avg_premium": average, "rate": rate}


@by_id("by-position-api-sample*")
@exact
def position_answer(case: Case, desk: Desk) -> Answers:
    """Value at entry and profit at mark of the venue's sample answer."""
    document = hold(
        unified(inverse=True, balance=ONE),
        side=case.side,
        contracts=case.number("size"),
        entry=case.number("avg"),
        leverage=case.number("lev"),
        mark=case.number("mark"),
    )
    view = desk.assess(document)
    instrument = view.assessment.rulebook.instrument(view.position().instrument)
    value = notional(instrument, view.position().contracts, view.position().entry_price)
    return {"positionValue": value, "unrealisedPnl": view.first.floating_pnl}


@by_id("by-bepx*")
def break_even(case: Case, desk: Desk) -> Answers:
    """Break-even price with what was realised so far; the fee rate has a floor."""
    document = hold(
        unified(fee=case.number("taker")),
        side=case.side,
        contracts=case.number("qty"),
        entry=case.number("avg"),
        leverage=Decimal(10),
        realized_pnl=case.number("realised"),
    )
    view = desk.assess(document)
    assert view.assessment.rulebook.rules.break_even_fee_floor == case.number("floor_fee"), "another floor"
    return {"breakEvenPrice": view.break_even()}


@by_formula("bybit_position_im", "bybit_position_mm")
@exact
def position_margins(case: Case, desk: Desk) -> Answer | list[Answer]:
    """Initial and maintenance margin of a position, each with the fee to close at the bankruptcy price."""
    document = hold(
        unified(rate=case.number("mmr"), fee=case.number("taker_fee", "fee")),
        side=case.side,
        contracts=case.number("qty"),
        entry=case.number("entry"),
        leverage=case.number("leverage"),
    )
    figures = desk.assess(document).first
    margins: list[Answer] = [figures.initial_margin, figures.maintenance_margin + figures.liquidation_fee]
    if len(case.expected) == len(margins):
        return margins
    return margins[case.formula == "bybit_position_mm"]


@by_id("by-option-short-call-mm*")
def short_call(case: Case, desk: Desk) -> Answers:
    """Maintenance margin of a short call, its liquidation fee included."""
    name = "BTC-CALL"
    index, size = case.number("idx", "index", "I"), case.number("size", "q", "n", default=ONE)
    document = {
        "venue": "bybit",
        "balances": {"USDC": Decimal(1_000_000)},
        "fx": {"USDC": ONE},
        "collateral": {"USDC": {"tiers": [{"rate": "1"}]}},
        "positions": [
            {"instrument": name, "side": "short", "contracts": size, "entry_price": case.number("mark")}
        ],
        "forward": {name: index},
        "marks": {name: case.number("mark")},
        "instruments": {
            name: contract(
                "BTC", "USDC", kind="option", contract_value="1", option_type="call", taker_fee="0",
                strike=case.number("strike", "K", default=index),
            )
        },
    }  # fmt: skip
    return {"*": desk.assess(document).first.maintenance_margin}
