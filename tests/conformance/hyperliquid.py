"""Hyperliquid: each vector by its id or formula, from an account file unless it holds nothing."""

from decimal import Decimal
from typing import Any

from tests.conformance.desk import Desk, View, contract
from tests.conformance.registry import Answer, Answers, by_formula, by_id
from tests.conformance.vectors import Case

from crossmargin.domain.account import Side
from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient
from crossmargin.prices.funding import funding_rate
from crossmargin.prices.mark import basis_price, median_price, oracle_mark
from crossmargin.rulebook.tiers import deductions

ANY_ENTRY = Decimal(3000)


def half_of_initial(max_leverage: Decimal) -> Decimal:
    """Maintenance rate as the file of tiers has it: half the initial rate at the largest leverage."""
    return quotient(ONE, max_leverage * 2)


def one(side: Side, size: Decimal, entry: Decimal, max_leverage: Decimal, *, balance: Decimal = ZERO,
        margin: Decimal | None = None) -> dict[str, Any]:  # fmt: skip
    """An account file with one position, isolated if it has a margin of its own, marked at its entry."""
    position: dict[str, Any] = {
        "instrument": "XYZ",
        "side": side.value,
        "contracts": size,
        "entry_price": entry,
        "leverage": "1",
    }
    if margin is not None:
        position |= {"margin_mode": "isolated", "margin": margin}
    tiers = [{"maintenance_rate": half_of_initial(max_leverage), "max_leverage": max_leverage}]
    return {
        "venue": "hyperliquid",
        "balances": {"USDC": balance},
        "positions": [position],
        "marks": {"XYZ": entry},
        "instruments": {"XYZ": contract("XYZ", "USDC", tiers=tiers)},
    }


def both(view: View) -> tuple[Decimal, Decimal]:
    """The printed price and ours: this venue prints the exact one."""
    return view.printed(), view.liquidation()


@by_id("hl-liq-*")
def liquidation(case: Case, desk: Desk) -> Answers:
    """Liquidation price of an isolated position; in cross mode from the account's value at the mark."""
    size, largest = case.number("size", "q", "szi"), case.number("maxLev", "max_lev", "maxlev")
    if "collateral" in case or "margin" in case:
        margin = case.number("collateral", "margin")
        document = one(case.side, abs(size), case.number("entry", "ep"), largest, margin=margin)
    else:
        value = case.number("accountValue", "account_value", "av", "equity")
        document = one(case.side, abs(size), case.number("mark", "px"), largest, balance=value)
    return {"*": both(desk.assess(document))}


@by_formula("liq_hyperliquid")
def liquidation_of(case: Case, desk: Desk) -> Answer:
    """The same, from a position answer (isolated) or from the account's state (cross)."""
    size, largest = case.number("qty"), case.number("max_leverage")
    if "margin" in case:
        document = one(case.side, size, case.number("entry"), largest, margin=case.number("margin"))
    else:
        document = one(case.side, size, case.number("mark"), largest, balance=case.number("account_value"))
    view = desk.assess(document)
    if "position_value" in case:
        assert view.first.notional == case.number("position_value")
    return both(view)


@by_formula("liq_hl_raw")
@exact
def liquidation_of_raw(case: Case, desk: Desk) -> Answer:
    """From raw USD, which is the margin less the signed value at entry; the entry itself does not matter."""
    size = case.number("szi")
    margin = case.number("raw_usd") + size * ANY_ENTRY
    return both(desk.assess(one(case.side, abs(size), ANY_ENTRY, case.number("max_leverage"), margin=margin)))


@by_id("hl-mark-*")
def mark(case: Case, desk: Desk) -> Answers:
    """Mark price: median of the anchored oracle price, the own book's median, and other venues."""
    anchored = basis_price(case.number("oracle"), basis_average=case.number("ema"))
    bid, ask, last = (case.number(name) for name in ("bid", "ask", "last"))
    return {
        "inner_median": median_price(bid, ask, last),
        "mark": oracle_mark(anchored, bid=bid, ask=ask, last=last, elsewhere=case.number("cex")),
    }


@by_id("hl-tier-deduction*")
def tier_deduction(case: Case, desk: Desk) -> Answers:
    """Rates and deductions of two tiers, and maintenance of a value."""
    levels = [case.number(name) for name in ("lev1", "lev2", "maxLev1", "maxLev2") if name in case]
    rates = [half_of_initial(each) for each in levels]
    bound = case.number("limit", "lower", "c1", "bound")
    answers: Answers = {"deduction": deductions([ZERO, bound], rates)[1]}
    for number, rate in enumerate(rates, 1):
        answers |= {f"rate{number}": rate, f"r{number}": rate}
    if "ntl" in case or "notional" in case:
        value = case.number("ntl", "notional")
        document = one(Side.LONG, ONE, value, levels[0], balance=value)
        document["instruments"]["XYZ"]["tiers"] = [
            {"maintenance_rate": rates[0], "max_leverage": levels[0], "up_to": bound},
            {"maintenance_rate": rates[1], "max_leverage": levels[1]},
        ]
        answers["mm"] = desk.assess(document).first.maintenance_margin
    return answers


@by_id("hl-funding-*")
def hourly_funding(case: Case, desk: Desk) -> Answers:
    """Rate of an hour: an eighth of the rate that premium and interest give for eight hours."""
    rate = funding_rate(
        case.number("premium", "P", "p"),
        interest=case.number("interest", "I", default=Decimal("0.0001")),
        band=Decimal("0.0005"),
        interval=ONE,
        full_interval=Decimal(8),
    )
    return {"*": rate}
