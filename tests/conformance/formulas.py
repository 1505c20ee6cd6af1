"""Peers' published cases of venue rules: one handler a formula, whatever its numbers."""

from decimal import Decimal
from typing import Any

from tests.conformance.binance import both_prices, bracket, one_position
from tests.conformance.desk import Desk, contract, one_value, there
from tests.conformance.registry import Answer, by_formula
from tests.conformance.vectors import Case

from crossmargin.domain.account import MarginMode, OrderSide, Side
from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient
from crossmargin.domain.numbers import Amount, NonNegative, Positive
from crossmargin.errors import MissingDataError
from crossmargin.formats.report import report
from crossmargin.margin import changes
from crossmargin.margin.collateral import collateral_left
from crossmargin.margin.legs import fee_at_bankruptcy
from crossmargin.margin.limits import smallest_deposit
from crossmargin.margin.stops import first_exit, price_before_liquidation
from crossmargin.prices.funding import funding_payment
from crossmargin.prices.interest import borrowing_interest, charged_hours, rollover_interest
from crossmargin.rulebook import TierTable, load
from crossmargin.rulebook.load import TierRow, tier_table
from crossmargin.rulebook.tiers import deductions, largest_leverage

TIERS_OF_SYMBOL: dict[str, list[list[Decimal]]] = {}
"""Tiers by symbol, from the look-up cases: the largest-leverage cases refer to them."""

RULES_OF = {
    **{venue: venue for venue in ("okx", "binance", "bybit", "hyperliquid", "deribit")},
    **dict.fromkeys(("any", "generic", "gate", "delta", "kucoin", "htx", "phemex", "bitget", "bingx"), "textbook"),
}
"""The rulebook of each venue; one that we ship none for stands on plain rules."""
DIFFERS = {"gate": {"closing_fee": "taker_at_mark"}, "bitget": {"closing_fee": "taker_at_mark"}}
"""Rules in which a venue without a rulebook differs from the plain ones."""


def plain_account(
    case: Case,
    *,
    value: Decimal,
    pnl: Decimal = ZERO,
    balance: Decimal = ZERO,
    leverage: Decimal = ONE,
    rate: Decimal | None = ZERO,
    fee: Decimal = ZERO,
    symbol: str = "XYZUSDT",
    **position: Any,
) -> dict[str, Any]:
    """An account that holds one contract of a value, under the rules of the case's venue; rate None: its own tiers."""
    tiers = None if rate is None else [{"maintenance_rate": rate}]
    details: dict[str, Any] = {"taker_fee": fee}
    if tiers is not None:
        details = contract("XYZ", "USDT", taker_fee=fee, tick_size="1", tiers=tiers)
    return {
        "venue": RULES_OF[case.venue],
        "rules": DIFFERS.get(case.venue, {}),
        "fx": {"USDT": ONE},
        "collateral": {"USDT": {"tiers": [{"rate": ONE}]}} if case.venue == "bybit" else {},
        "balances": {"USDT": balance},
        "positions": [one_value(name=symbol, value=value, pnl=pnl, leverage=leverage, **position)],
        "marks": {symbol: value},
        "instruments": {symbol: details},
    }


@by_formula("liq_binance_linear")
def liquidation_of(case: Case, desk: Desk) -> tuple[Decimal, Decimal]:
    """Liquidation price of a position, with a PnL and maintenance margin of other symbols in cross mode."""
    document = one_position(
        side=case.side,
        size=case.number("qty"),
        entry=case.number("entry"),
        wallet=case.number("wallet", "margin"),
        rate=case.number("mmr"),
        deduction=case.number("cum", default=ZERO),
        other_pnl=case.number("upnl_other", default=ZERO),
        other_maintenance=case.number("tmm_other", default=ZERO),
        is_isolated="cross" not in case.kind,
    )
    return both_prices(desk.assess(document))


def isolated_contract(case: Case) -> dict[str, Any]:
    """An account file with one isolated position of contracts of one coin."""
    document = plain_account(
        case, value=case.number("entry"), rate=case.number("mmr"), fee=case.number("taker_fee", "fee")
    )
    document["positions"][0] |= {
        "side": case.side.value,
        "contracts": case.number("qty"),
        "margin_mode": "isolated",
        "margin": case.number("margin"),
    }
    document["instruments"]["XYZUSDT"]["tick_size"] = case.number("tick", default=ONE)
    return document


@by_formula("liq_mmr_fee_linear")
def isolated_liquidation(case: Case, desk: Desk) -> Answer:
    """Price at which margin and PnL equal maintenance and closing fee."""
    return desk.assess(isolated_contract(case)).liquidation()


@by_formula("liq_okx_tick")
def printed_liquidation(case: Case, desk: Desk) -> Answer:
    """The price that the venue prints: one tick earlier."""
    return desk.assess(isolated_contract(case)).printed()


@by_formula("buffer_liq")
def liquidation_with_buffer(case: Case, desk: Desk) -> Answer:
    """A price that leaves early, from the liquidation price as given or as the position's account has it."""
    if "liq" in case:
        price = case.number("liq")
    elif "taker_fee" in case or "fee" in case:
        price = desk.assess(isolated_contract(case)).liquidation()
    else:
        price = liquidation_of(case, desk)[0]
    return price_before_liquidation(price, entry_price=case.number("entry"), share=case.number("buffer"))


@by_formula("liq_account")
@exact
def account_liquidation(case: Case, desk: Desk) -> Answer:
    """Price of one underlying at which the account's equity equals all maintenance margin."""
    document = plain_account(case, value=case.number("mark"), balance=case.number("equity"), rate=case.number("mmr"))
    document["positions"][0] |= {"side": case.side.value, "contracts": case.number("qty")}
    others = case.number("mm_other", default=ZERO)
    if others:
        document["positions"].append(one_value(name="OTHERUSDT", value=others * 100, pnl=ZERO))
        document["marks"]["OTHERUSDT"] = others * 100
        document["instruments"]["OTHERUSDT"] = contract(
            "OTHER", "USDT", taker_fee="0", tiers=[{"maintenance_rate": "0.01"}]
        )
    return desk.assess(document).liquidation()


@by_formula("okx_mgn_ratio")
def isolated_ratio(case: Case, desk: Desk) -> Answer:
    """Ratio of an isolated position."""
    document = plain_account(
        case,
        value=case.number("notional"),
        pnl=case.number("upl"),
        rate=case.number("mmr_rate", "mmr"),
        fee=case.number("taker_fee", "fee"),
        margin_mode="isolated",
        margin=case.number("margin"),
    )
    return there(desk.assess(document).first.margin_ratio)


@by_formula("okx_mgn_to_equity")
@exact
def equity_of_ratio(case: Case, desk: Desk) -> Answer:
    """What has to support the pool for the ratio that the venue shows: the smallest deposit into an empty one."""
    required = case.number("mmr_usd", "mmr")
    value = case.number("notional")
    document = plain_account(case, value=value, rate=quotient(required, value), fee=case.number("taker_fee", "fee"))
    document["currencies"] = {"USDT": {"quantum": "0.0000000000000001"}}
    assessment = desk.assess(document).assessment
    ratio = case.number("mgnRatio", "mgn_ratio", "ratio")
    return smallest_deposit(assessment, assessment.cross["USDT"], ratio)


@by_formula("mm")
def maintenance(case: Case, desk: Desk) -> Answer | list[Answer]:
    """Maintenance margin of a value; a symbol that the rulebook ships takes the rulebook's own brackets."""
    given = plain_account(case, value=case.number("notional"), leverage=case.number("leverage", default=ONE))
    given["instruments"]["XYZUSDT"]["tiers"] = bracket(case.number("mmr", "mmr_rate"), case.number("cum", default=ZERO))
    figures = desk.assess(given).first
    if len(case.expected) > 1:
        return [figures.initial_margin, figures.maintenance_margin]
    answers = [figures.maintenance_margin]
    symbol = case.inputs.get("symbol")
    if symbol is not None and shipped(symbol) is not None:
        own = plain_account(case, value=case.number("notional"), rate=None, symbol=symbol)
        answers.append(desk.assess(own).first.maintenance_margin)
    return tuple(answers)


def shipped(symbol: str) -> TierTable | None:
    """The brackets that the rulebook ships for a symbol, None when it has none."""
    rulebook = load("binance")
    try:
        return rulebook.tier_table(rulebook.instrument(symbol), MarginMode.CROSS)
    except MissingDataError:
        return None


@by_formula("im")
@exact
def initial_margin(case: Case, desk: Desk) -> Answer:
    """Initial margin of a value; of a spot-margin long when the case speaks of a liability."""
    if "liability_usdt" not in case:
        document = plain_account(case, value=case.number("notional"), leverage=case.number("leverage"))
        return desk.assess(document).first.initial_margin
    coins, mark = case.number("notional"), Decimal(100_000)
    view = desk.assess(
        {
            "venue": "okx",
            "balances": {"BTC": coins},
            "positions": [
                {
                    "instrument": "BTC-USDT",
                    "side": "long",
                    "margin_currency": "BTC",
                    "assets": coins,
                    "liability": coins * mark,
                    "leverage": case.number("leverage"),
                }
            ],
            "marks": {"BTC-USDT": mark},
            "instruments": {"BTC-USDT": {"tiers": [{"maintenance_rate": "0.03", "unit": "borrowed"}]}},
        }
    )
    return view.first.initial_margin


@by_formula("upnl_linear")
@exact
def profit(case: Case, desk: Desk) -> Answer:
    """Floating PnL at the mark; a realised one by closing the position there without a fee."""
    document = plain_account(case, value=case.number("mark"))
    document["positions"][0] |= {
        "side": case.side.value,
        "contracts": case.number("qty"),
        "entry_price": case.number("entry"),
    }
    if case.kind != "realized_pnl":
        return desk.assess(document).first.floating_pnl
    if case.number("fee", default=ZERO):
        return round_trip(case, desk, document)
    close = changes.Close(instrument="XYZUSDT", side=case.side, price=Positive(case.number("mark")), fee=Amount(0))
    outcome = desk.what_if(document, close)
    return outcome.after.account.balance("USDT") - outcome.before.account.balance("USDT")


@exact
def round_trip(case: Case, desk: Desk, document: dict[str, Any]) -> Answer:
    """What opening and closing a position leaves, both at the same fee rate."""
    document |= {"balances": {"USDT": case.number("entry") * case.number("qty")}, "positions": []}
    document["instruments"]["XYZUSDT"]["taker_fee"] = case.number("fee")
    opening = changes.Fill(
        instrument="XYZUSDT",
        side=OrderSide.BUY if case.side is Side.LONG else OrderSide.SELL,
        contracts=Positive(case.number("qty")),
        price=Positive(case.number("entry")),
    )
    close = changes.Close(instrument="XYZUSDT", side=case.side, price=Positive(case.number("mark")))
    outcome = desk.what_if(document, opening, close)
    return outcome.after.account.balance("USDT") - outcome.before.account.balance("USDT")


def inverse_account(case: Case, entry: Decimal) -> dict[str, Any]:
    """An account that holds coin-margined contracts."""
    name = "XYZ-USD-SWAP"
    return {
        "venue": "okx" if case.venue == "okx" else "textbook",
        "balances": {"XYZ": ZERO},
        "positions": [
            {
                "instrument": name,
                "side": case.side.value,
                "contracts": case.number("contracts"),
                "entry_price": entry,
                "leverage": "1",
            }
        ],
        "marks": {name: case.number("mark", "entry")},
        "instruments": {
            name: contract(
                "XYZ",
                "USD",
                inverse=True,
                contract_value=case.number("contract_usd", default=ONE),
                taker_fee="0",
                tick_size="1",
                tiers=[{"maintenance_rate": case.number("mmr", default=ZERO), "unit": "contracts"}],
            )
        },
    }


@by_formula("upnl_inverse")
def inverse_profit(case: Case, desk: Desk) -> Answer:
    """Floating PnL of coin-margined contracts."""
    return desk.assess(inverse_account(case, case.number("entry"))).first.floating_pnl


@by_formula("notional_inverse")
def inverse_value(case: Case, desk: Desk) -> Answer:
    """Value of coin-margined contracts, in the coin."""
    return desk.assess(inverse_account(case, case.number("mark"))).first.notional


@by_formula("liq_inverse_isolated")
def inverse_liquidation(case: Case, desk: Desk) -> Answer:
    """Liquidation price of an isolated coin-margined position."""
    document = inverse_account(case, case.number("entry"))
    document["positions"][0] |= {"margin_mode": "isolated", "margin": case.number("margin", "wallet")}
    return desk.assess(document).liquidation()


@by_formula("notional_linear")
def linear_value(case: Case, desk: Desk) -> Answer:
    """Value of a position at mark."""
    document = plain_account(case, value=case.number("mark"))
    document["positions"][0]["contracts"] = case.number("qty")
    return desk.assess(document).first.notional


@by_formula("breakeven")
def break_even(case: Case, desk: Desk) -> Answer:
    """Break-even price: entry plus one fee."""
    document = plain_account(case, value=case.number("entry"), fee=case.number("k"))
    return desk.assess(document).break_even()


@by_formula("ratio")
@exact
def account_ratio(case: Case, desk: Desk) -> Answer | list[Answer]:
    """What supports over what is required: a balance and a position at 0.4 % whose maintenance is given."""
    special = RATIO_OF_KIND.get(case.kind)
    if special is not None:
        return special(case, desk)
    assert len(case.inputs) == len(("supports", "required")), f"no handler for the kind {case.kind}"
    supports, required = (case.number(name) for name in case.inputs)
    rate = Decimal("0.004")
    document = plain_account(case, value=required * 250, balance=supports, rate=rate)
    return there(desk.assess(document).only.margin_ratio)


def account_rates(case: Case, desk: Desk) -> list[Answer]:
    """Initial and maintenance rate of an account in the venue's direction: what is required over what supports."""
    margin, needed = case.number("total_im"), case.number("total_mm")
    document = plain_account(
        case,
        value=margin * 10,
        balance=case.number("margin_balance"),
        leverage=Decimal(10),
        rate=quotient(needed, margin * 10),
    )
    fields = report(desk.assess(document).assessment)["venue_fields"]["account"]
    return [Decimal(fields["accountIMRate"]), Decimal(fields["accountMMRate"])]


def vault_maintenance(case: Case, desk: Desk) -> Answer:
    """Maintenance of coins whose largest leverage is half the divisor that the snapshot shows."""
    rate = quotient(ONE, case.number("divisor"))
    return desk.assess(plain_account(case, value=case.number("total_notional"), rate=rate)).first.maintenance_margin


@exact
def implied_equity(case: Case, desk: Desk) -> tuple[Decimal, ...]:
    """Equity implied by the ratio shown at two marks: its growth, which is the PnL between them."""
    implied = []
    for number in ("1", "2"):
        value = case.number("qty") * case.number(f"mark{number}")
        document = plain_account(case, value=value, rate=case.number("mmr"), fee=case.number("fee"))
        document["currencies"] = {"USDT": {"quantum": "0.0000000000000001"}}
        assessment = desk.assess(document).assessment
        ratio = quotient(ONE, case.number(f"ratio{number}"))
        implied.append(smallest_deposit(assessment, assessment.cross["USDT"], ratio))
    moved = plain_account(case, value=case.number("mark2"))
    moved["positions"][0] |= {"contracts": case.number("qty"), "entry_price": case.number("mark1")}
    return implied[1] - implied[0], desk.assess(moved).first.floating_pnl


def shown_leverage(case: Case, desk: Desk) -> Answer:
    """Leverage of an account whose balance is the margin of its one position."""
    document = plain_account(case, value=case.number("size"), balance=case.number("im"))
    document["instruments"]["XYZUSDT"]["tiers"][0]["initial_rate"] = "0.02"
    return there(desk.assess(document).only.leverage)


RATIO_OF_KIND = {
    "account_rates": account_rates,
    "maintenance_margin": vault_maintenance,
    "margin_ratio_consistency": implied_equity,
    "leverage": shown_leverage,
}


@by_formula("sum")
@exact
def sums(case: Case, desk: Desk) -> Answer | list[Answer]:
    """Equity, margins and what is free, from an account whose positions have the PnL and margins of the case."""
    special = SUM_OF_KIND.get(case.kind)
    if special is not None:
        return special(case, desk)
    margin = -case.number("im", "total_im", "position_cost")
    document = plain_account(
        case, value=margin * 10, balance=case.number("equity", "margin_balance", "wallet"), leverage=Decimal(10)
    )
    return desk.assess(document).only.free_margin


def snapshot(case: Case, desk: Desk) -> list[Answer]:
    """Equity, initial and maintenance margin of several positions valued at entry, at 10x each."""
    rows = list(zip(case.numbers("upnl"), case.numbers("im"), case.numbers("mm"), strict=True))
    names = [f"COIN{n}-USDT-SWAP" for n in range(len(rows))]
    document: dict[str, Any] = {
        "venue": "textbook-entry",
        "balances": {"USDT": case.number("wallet")},
        "positions": [],
        "marks": {},
        "instruments": {},
    }
    for name, (pnl, margin, required) in zip(names, rows, strict=True):
        value = margin * 10
        document["positions"].append(one_value(name=name, value=value, pnl=ZERO, leverage="10"))
        document["marks"][name] = value + pnl
        document["instruments"][name] = {"tiers": [{"maintenance_rate": quotient(required, value)}]}
    only = desk.assess(document).only
    return [only.equity, only.initial_margin, only.maintenance_margin]


@exact
def wallet_and_profit(case: Case, desk: Desk) -> Answer:
    """Margin balance of an account: its wallet and the PnL of its positions."""
    pnl = case.number("upl")
    document = plain_account(case, value=abs(pnl) * 2, pnl=pnl, balance=case.number("wallet"))
    return there(desk.assess(document).account.adjusted_equity)


@exact
def wallet_of_equity(case: Case, desk: Desk) -> Answer:
    """Wallet balance of a coin whose equity and PnL are given, the PnL as a term of the sum: with its sign turned."""
    pnl, equity = -case.number("upl"), case.number("usdt_equity")
    document = plain_account(case, value=abs(pnl) * 2, pnl=pnl, balance=equity - pnl)
    only = desk.assess(document).only
    assert (only.equity, only.floating_pnl) == (equity, pnl)
    return Decimal(desk.assess(document).fields["walletBalance"])


@exact
def two_profits(case: Case, desk: Desk) -> Answer:
    """PnL of futures and of options together."""
    futures, options = case.number("futures_pl"), case.number("options_pl")
    document = plain_account(case, value=abs(futures) * 2, pnl=futures)
    document["positions"].append(one_value(name="OTHERUSDT", value=abs(options) * 2, pnl=options, leverage="1"))
    document["marks"]["OTHERUSDT"] = abs(options) * 2
    document["instruments"]["OTHERUSDT"] = document["instruments"]["XYZUSDT"] | {"base": "OTHER"}
    for instrument in document["instruments"].values():
        instrument["tiers"] = [{"maintenance_rate": "0", "initial_rate": "0"}]
    return desk.assess(document).only.floating_pnl


@exact
def margin_with_fee(case: Case, desk: Desk) -> list[Answer]:
    """Margin of an isolated position, the closing fee that it reserves (at the worse bankruptcy price), with PnL."""
    entry, leverage, pnl = case.number("entry"), case.number("leverage"), case.number("upnl")
    value = case.number("qty") * entry
    fee = fee_at_bankruptcy(Side.SHORT.sign, value, leverage=leverage, inverse=False, rate=case.number("fee"))
    document = plain_account(
        case, value=value + pnl, pnl=pnl, leverage=leverage, margin_mode="isolated",
    )  # fmt: skip
    initial = there(desk.assess(document).first.margin)
    document["positions"][0]["margin"] = initial + fee
    view = desk.assess(document)
    return [initial, fee, there(view.first.margin), view.only.isolated_equity]


SUM_OF_KIND = {
    "account_snapshot_cross": snapshot,
    "margin_balance": wallet_and_profit,
    "coin_wallet": wallet_of_equity,
    "unrealized_pnl": two_profits,
    "position_margin": margin_with_fee,
}


@by_formula("seed_free_margin")
@exact
def free_margin(case: Case, desk: Desk) -> Answer:
    """Free margin of a currency; what is in use is the initial margin of one position at 10x."""
    document = plain_account(
        case,
        value=case.number("in_use") * 10,
        pnl=case.number("floating_pnl"),
        balance=case.number("balance"),
        leverage=Decimal(10),
    )
    return desk.assess(document).only.free_margin


@by_formula("tier_lookup")
def tiers(case: Case, desk: Desk) -> Answer | list[Answer]:
    """Rate and maintenance amount of the bracket of a size, or the amounts of a whole table."""
    if "floors" in case:
        return rebuilt(case)
    if "size_contracts" in case:
        return whole_position_rate(case, desk)
    value, rows = case.number("notional"), case.inputs["tiers"]
    table = tier_table(
        tuple(
            TierRow(maintenance_rate=NonNegative(rate), up_to=Positive(cap), max_leverage=Positive(leverage))
            for _, cap, rate, _, leverage in rows
        ),
        load("binance").rules,
    )
    found = table.tiers[table.index_of(value)]
    if value:
        document = plain_account(case, value=value)
        document["instruments"]["XYZUSDT"]["tiers"] = [
            {"maintenance_rate": rate, "up_to": cap, "unit": "notional"} for _, cap, rate, *_ in rows
        ]
        figures = desk.assess(document).first
        held = table.tiers[(figures.tier or 0) - 1]
        assert figures.maintenance_margin == value * held.maintenance_rate - held.deduction
        return [(found.maintenance_rate, held.maintenance_rate), (found.deduction, held.deduction)]
    return [found.maintenance_rate, found.deduction]


def rebuilt(case: Case) -> list[Answer]:
    """Maintenance amounts from floors and rates, and those of the table that the rulebook ships."""
    computed = deductions(case.numbers("floors"), case.numbers("mmr"))
    table = shipped(case.inputs.get("symbol", ""))
    if table is None:
        return list(computed)
    assert len(table.tiers) == len(computed), "the rulebook ships another number of brackets"
    return [(ours, tier.deduction) for ours, tier in zip(computed, table.tiers, strict=True)]


@exact
def whole_position_rate(case: Case, desk: Desk) -> Answer:
    """Rate that the whole position pays: its maintenance margin over its value."""
    name = case.inputs["symbol"]
    document = plain_account(case, value=ONE, symbol=name)
    document["positions"][0]["contracts"] = case.number("size_contracts")
    document["instruments"][name]["tiers"] = [
        {"maintenance_rate": rate, "up_to": cap, "max_leverage": leverage, "unit": "contracts"}
        for _, cap, rate, leverage in case.inputs["tiers"]
    ]
    figures = desk.assess(document).first
    return quotient(figures.maintenance_margin, figures.notional)


@by_formula("tier_max_lev")
def highest_leverage(case: Case, desk: Desk) -> Answer:
    """Largest leverage at which a margin may be used, by the brackets of the symbol's look-up case."""
    rows = TIERS_OF_SYMBOL.get(case.inputs["symbol"])
    assert rows is not None, f"no look-up case gives the tiers of {case.inputs['symbol']}"
    table = tier_table(
        tuple(
            TierRow(maintenance_rate=NonNegative(rate), up_to=Positive(cap), max_leverage=Positive(leverage))
            for _, cap, rate, _, leverage in rows
        ),
        load("binance").rules,
    )
    return there(largest_leverage(table, case.number("margin")))


@by_formula("funding")
@exact
def funding(case: Case, desk: Desk) -> Answer:
    """One settlement: what the balance gains, and what the formula says."""
    document = plain_account(case, value=case.number("mark"))
    document["positions"][0] |= {"side": case.side.value, "contracts": case.number("qty")}
    outcome = desk.what_if(document, changes.Funding(rates={"XYZUSDT": Amount(case.number("rate"))}))
    gained = outcome.after.account.balance("USDT") - outcome.before.account.balance("USDT")
    value = outcome.before.positions[0].notional
    return gained, funding_payment(case.side, value=value, rate=case.number("rate"))


@by_formula("interest_hourly_ceil")
@exact
def interest(case: Case, desk: Desk) -> Answer:
    """Interest on a loan; of a position that borrowed, also what the what-if adds to it."""
    borrowed, rate, hours = (case.number(name) for name in ("borrowed", "daily_rate", "hours"))
    answer = borrowing_interest(borrowed, daily_rate=rate, hours=hours)
    if "qty" not in case:
        return answer
    document = {
        "venue": "okx",
        "balances": {"USDT": borrowed},
        "positions": [
            {
                "instrument": "XYZ-USDT",
                "side": case.side.value,
                "assets": case.number("qty"),
                "liability": borrowed,
                "leverage": case.number("leverage"),
            }
        ],
        "marks": {"XYZ-USDT": quotient(case.number("notional"), case.number("qty"))},
        "instruments": {"XYZ-USDT": {"tiers": [{"maintenance_rate": "0.03", "unit": "borrowed"}]}},
    }
    accrual = changes.Interest(
        instrument="XYZ-USDT",
        side=case.side,
        hourly_rate=NonNegative(quotient(rate, Decimal(24))),
        hours=Positive(charged_hours(hours)),
    )
    return answer, desk.what_if(document, accrual).after.account.positions[0].interest


@by_formula("interest_4h")
def interest_of_periods(case: Case, desk: Desk) -> Answer:
    """Interest charged at the start and every four hours begun since."""
    return rollover_interest(
        case.number("borrowed"), period_rate=case.number("rate_4h"), hours=case.number("hours"), period=Decimal(4)
    )


@by_formula("lean_im")
@exact
def converted_margin(case: Case, desk: Desk) -> Answer:
    """Initial margin of a position, converted by a price of its currency."""
    document = plain_account(
        case, value=abs(case.number("price")), leverage=case.number("lev", "leverage"), balance=ONE
    )
    document["positions"][0]["contracts"] = abs(case.number("qty", "quantity"))
    document["instruments"]["XYZUSDT"]["contract_value"] = case.number("multiplier", default=ONE)
    document["fx"] = {"USDT": case.number("conversion", default=ONE)}
    return there(desk.assess(document).account.initial_margin_usd)


@by_formula("precedence")
def exit_price(case: Case, desk: Desk) -> Answer:
    """Stop or liquidation, whichever the price meets first."""
    return first_exit(case.number("stop"), case.number("liq"), falling=case.side is Side.LONG)


@by_formula("lean_pool")
def collateral(case: Case, desk: Desk) -> Answer:
    """Shared collateral less what positions elsewhere require."""
    holdings = [(row["amount"], row["price"]) for row in case.inputs["collateral"]]
    return collateral_left(holdings, maintenance_elsewhere=case.number("mm_other", default=ZERO))
