"""OKX spot-margin, funding and options, and the textbook account: each vector by its id."""

import re
from decimal import Decimal
from typing import Any

from tests.conformance.desk import Desk, View, contract
from tests.conformance.registry import Answers, by_id
from tests.conformance.vectors import Case

from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient
from crossmargin.domain.numbers import Amount
from crossmargin.margin import changes


def spot_margin(case: Case, *, in_base: bool) -> dict[str, Any]:
    """An isolated long of one pair that borrowed the quote currency."""
    name = "BTC-USDT"
    return {
        "venue": "okx",
        "positions": [
            {
                "instrument": name,
                "side": "long",
                "margin_mode": "isolated",
                "margin_currency": "BTC" if in_base else "USDT",
                "margin": case.number("margin"),
                "assets": case.number("asset"),
                "liability": case.number("liab"),
                "interest": case.number("interest"),
                "leverage": "10",
            }
        ],
        "marks": {name: case.number("liab") + case.number("interest")},
        "instruments": {
            name: {
                "taker_fee": case.number("taker"),
                "tiers": [{"maintenance_rate": case.number("mmr"), "unit": "borrowed"}],
            }
        },
    }


@by_id("okx-spot-margin-liq-*")
def spot_margin_liquidation(case: Case, desk: Desk) -> Answers:
    """The venue's estimate, and the price at which our ratio is 1: for one isolated position they agree."""
    view = desk.assess(spot_margin(case, in_base=case.id.endswith("base")))
    return {"*": (view.printed(), view.liquidation())}


@by_id("okx-margin-pos-im-*")
def spot_margin_initial(case: Case, desk: Desk) -> Answers:
    """Initial margin of a spot-margin long: what it owes at mark, over the leverage."""
    mark, in_base = case.number("markPx", "mark", "px", "last"), case.id.endswith("base")
    owed = {"liability": case.number("liab"), "interest": case.number("interest", default=ZERO)}
    position = {
        "instrument": "BTC-USDT",
        "side": "long",
        "margin_currency": "BTC" if in_base else "USDT",
        "assets": "0",
        "leverage": case.number("lever"),
        **owed,
    }
    tiers = [{"maintenance_rate": "0.03", "unit": "borrowed"}]
    view = desk.assess(
        {
            "venue": "okx",
            "positions": [position],
            "marks": {"BTC-USDT": mark},
            "instruments": {"BTC-USDT": {"tiers": tiers}},
        }
    )
    return {"*": view.first.initial_margin}


@by_id("okx-funding-*")
@exact
def funding(case: Case, desk: Desk) -> Answers:
    """One settlement: what the balance gains; a payment is negative."""
    inverse = "inverse" in case.id
    name, settle = ("XYZ-USD-SWAP", "XYZ") if inverse else ("XYZ-USDT-SWAP", "USDT")
    mark = case.number("markPx", "mark", "px")
    details = {
        "contract_value": case.number("ctVal"),
        "taker_fee": "0",
        "tiers": [{"maintenance_rate": "0.01", "unit": "contracts"}],
    }
    document = {
        "venue": "okx",
        "balances": {settle: "0"},
        "positions": [
            {
                "instrument": name,
                "side": case.side.value,
                "contracts": case.number("pos", "sz", "n"),
                "entry_price": mark,
                "leverage": "1",
            }
        ],
        "marks": {name: mark},
        "instruments": {name: contract("XYZ", "USD" if inverse else settle, inverse=inverse, **details)},
    }
    after = desk.what_if(document, changes.Funding(rates={name: Amount(case.number("rate"))})).after
    return {"*": after.account.balance(settle)}


OPTION = "BTC-USD-OPTION"


def option_account(case: Case, order: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A coin-settled call at the money; the fee of the vector is per contract, the file's a rate on its face."""
    fee_rate = case.number("feerate", default=quotient(case.number("fee"), case.number("mult")))
    return {
        "venue": "okx",
        "balances": {"BTC": "1000"},
        "orders": [{"instrument": OPTION, "contracts": case.number("n"), **order}],
        "forward": {OPTION: "50000"},
        "marks": {OPTION: case.number("px")},
        "instruments": {
            OPTION: contract(
                "BTC",
                "USD",
                kind="option",
                settle="BTC",
                contract_value="1",
                multiplier=case.number("mult"),
                option_type="call",
                strike="50000",
                taker_fee=fee_rate,
            )
        },
        **more,
    }


@by_id("okx-option-buy-open")
def option_buy(case: Case, desk: Desk) -> Answers:
    """A buy to open holds premium and fee."""
    view = desk.assess(option_account(case, {"side": "buy", "price": case.number("px")}))
    return {"frozen_btc": (view.assessment.holds[0].margin, view.only.in_use)}


@by_id("okx-option-close-orders")
@exact
def option_close(case: Case, desk: Desk) -> Answers:
    """A sell that closes a long, and a buy that closes a short whose initial margin per contract is given."""

    def held(side: str, order: dict[str, Any], mark: Decimal) -> View:
        position = {
            "instrument": OPTION,
            "side": side,
            "contracts": case.number("n"),
            "entry_price": case.number("px"),
        }
        return desk.assess(option_account(case, order, positions=[position], marks={OPTION: mark}))

    sell = held("long", {"side": "sell", "price": case.number("px")}, case.number("px"))
    # At the money a short needs 0.15 + mark a coin, so the mark follows from the margin that the vector states.
    mark = quotient(case.number("pos_im"), case.number("mult")) - Decimal("0.15")
    buy = held("short", {"side": "buy", "price": case.number("px2")}, mark)
    assert buy.first.initial_margin == case.number("pos_im") * case.number("n")
    return {
        "sell_to_close": sell.assessment.holds[0].margin,
        "buy_to_close": buy.assessment.holds[0].margin,
    }


@by_id("okx-option-short-call-*")
@exact
def short_call(case: Case, desk: Desk) -> Answers:
    """Initial margin of a short call for each coin of face."""
    mark = case.number("mark", "px")
    held = {"instrument": OPTION, "side": "short", "contracts": case.number("n", default=ONE), "entry_price": mark}
    named = {"n": ONE, "mult": ONE, "px": mark} | case.inputs
    document = option_account(case._replace(inputs=named), {"side": "buy", "price": mark}, positions=[held])
    document |= {"orders": [], "marks": {OPTION: mark}, "forward": {OPTION: case.number("fwd", "F", "forward")}}
    document["instruments"][OPTION]["strike"] = case.number("K", "strike")
    factor = case.number("factor", default=ONE)
    document["instruments"][OPTION]["tiers"] = [{"maintenance_rate": ZERO, "factor": factor, "unit": "contracts"}]
    return {"*": desk.assess(document).first.initial_margin}


@by_id("okx-simple-im-*")
def simple_margin(case: Case, desk: Desk) -> Answers:
    """Initial margin of a coin-margined and of a USDT-margined position at mark."""
    answers: Answers = {}
    for wanted in case.expected:
        inverse = not re.search("usdt|linear", wanted.name)
        name, settle = ("XYZ-USD-SWAP", "XYZ") if inverse else ("XYZ-USDT-SWAP", "USDT")
        mark = case.number("mark", "markPx", "px")
        size = case.number("face", "ctVal") if inverse else case.number("ctVal_usdt", "ctVal", "face")
        view = desk.assess(
            {
                "venue": "okx",
                "balances": {settle: "1"},
                "positions": [
                    {
                        "instrument": name,
                        "side": "long",
                        "contracts": case.number("n", "pos", "contracts"),
                        "entry_price": mark,
                        "leverage": case.number("lever", "lev"),
                    }
                ],
                "marks": {name: mark},
                "instruments": {
                    name: contract(
                        "XYZ",
                        "USD" if inverse else "USDT",
                        inverse=inverse,
                        contract_value=size,
                        taker_fee="0",
                        tiers=[{"maintenance_rate": "0.004", "unit": "contracts"}],
                    )
                },
            }
        )
        answers[wanted.name] = view.first.initial_margin
    return answers


@by_id("okx-oneway-netting*")
@exact
def netting(case: Case, desk: Desk) -> Answers:
    """One-way mode: a position with orders on both sides needs the larger side; one contract is worth 1."""
    held, buys, sells = (case.number(*names) for names in (("pos",), ("buys", "bids"), ("sells", "asks")))
    name = "XYZ-USDT-SWAP"
    common = {"instrument": name, "leverage": case.number("lever", "lev")}

    def needed(position: Decimal) -> Decimal:
        side = "long" if position > 0 else "short"
        document: dict[str, Any] = {
            "venue": "okx",
            "balances": {"USDT": Decimal(1_000_000)},
            "positions": [{**common, "side": side, "contracts": abs(position), "entry_price": "1"}],
            "orders": [
                {**common, "side": word, "contracts": size, "price": "1"}
                for word, size in (("buy", buys), ("sell", sells))
                if size
            ],
            "marks": {name: "1"},
            "instruments": {
                name: contract("XYZ", "USDT", taker_fee="0", tiers=[{"maintenance_rate": "0.004", "unit": "contracts"}])
            },
        }
        return desk.assess(document).only.initial_margin

    signs = {"long": abs(held), "short": -abs(held), "flat": ZERO}
    return {
        wanted.name: needed(next((size for word, size in signs.items() if word in wanted.name), held))
        for wanted in case.expected
    }


@by_id("seed-generic-cross")
@exact
def textbook(case: Case, desk: Desk) -> Answers:
    """Two positions of the textbook rules, valued at entry."""
    legs = (("BTC-USDT-SWAP", "btc", "pnl1"), ("ETH-USDT-SWAP", "eth", "pnl2"))
    view = desk.assess(
        {
            "venue": "textbook-entry",
            "balances": {"USDT": case.number("bal")},
            "positions": [
                {
                    "instrument": name,
                    "side": "long",
                    "contracts": "1",
                    "entry_price": case.number(f"{coin}_ntl"),
                    "leverage": case.number(f"{coin}_lev"),
                }
                for name, coin, _ in legs
            ],
            "marks": {name: case.number(f"{coin}_ntl") + case.number(pnl) for name, coin, pnl in legs},
            "instruments": {name: {"tiers": [{"maintenance_rate": case.number("mmr")}]} for name, *_ in legs},
        }
    )
    return {
        "im_total": view.only.initial_margin,
        "mm_total": view.only.maintenance_margin,
        "equity": view.only.equity,
    }
