"""Venues that we ship no rulebook for: their published isolated prices, on plain rules in an account file."""

from decimal import Decimal
from typing import Any

from tests.conformance.desk import Desk, View, contract
from tests.conformance.registry import Answer, by_formula
from tests.conformance.vectors import Case

from crossmargin.domain.arithmetic import ONE, exact, quotient


def isolated(case: Case, *, entry: Decimal, rate: Decimal, at_entry: bool, size: Decimal = ONE, **position: Any
             ) -> dict[str, Any]:  # fmt: skip
    """An account file with one isolated position, its maintenance of the value at mark or at entry."""
    name = "XYZ-USDT-SWAP"
    return {
        "venue": "textbook-entry" if at_entry else "textbook",
        "balances": {},
        "positions": [
            {
                "instrument": name,
                "side": case.side.value,
                "contracts": size,
                "entry_price": entry,
                "margin_mode": "isolated",
                **{"leverage": ONE, **position},
            }
        ],
        "marks": {name: entry},
        "instruments": {name: contract("XYZ", "USDT", taker_fee="0", tiers=[{"maintenance_rate": rate}])},
    }


def held(case: Case, desk: Desk, **terms: Any) -> View:
    """Assess it."""
    return desk.assess(isolated(case, **terms))


@by_formula("liq_delta_isolated")
def bankruptcy_first(case: Case, desk: Desk) -> list[Answer]:
    """Delta: bankruptcy price, and the price earlier by the maintenance margin of the value at entry."""
    view = held(
        case, desk, entry=case.number("entry"), rate=case.number("mmr"), at_entry=True, size=case.number("qty"),
        margin=case.number("margin"),
    )  # fmt: skip
    return [view.bankruptcy(), view.liquidation()]


@by_formula("liq_mexc_isolated")
def by_leverage(case: Case, desk: Desk) -> Answer | list[Answer]:
    """Margin by leverage, maintenance of the value at entry; the bankruptcy price where it is asked for too."""
    view = held(
        case, desk, entry=case.number("entry"), rate=case.number("mmr"), at_entry=True,
        leverage=case.number("leverage"),
    )  # fmt: skip
    prices: list[Answer] = [view.liquidation(), view.bankruptcy()]
    return prices if len(case.expected) > 1 else prices[0]


@by_formula("liq_margin_pool")
@exact
def by_amounts(case: Case, desk: Desk) -> Answer:
    """KuCoin: margin and maintenance margin of the position are given as amounts."""
    entry, size = case.number("entry"), case.number("qty")
    rate = quotient(case.number("pos_maint"), entry * size)
    view = held(case, desk, entry=entry, rate=rate, at_entry=True, size=size, margin=case.number("pos_margin"))
    return view.liquidation()


@by_formula("liq_htx_linear")
def by_adjustment(case: Case, desk: Desk) -> Answer:
    """HTX: maintenance is the value at mark times adjustment factor / leverage."""
    rate = quotient(case.number("adjust_factor"), case.number("leverage"))
    view = held(
        case, desk, entry=case.number("cost_hold"), rate=rate, at_entry=False, size=case.number("qty"),
        margin=case.number("margin_static"),
    )  # fmt: skip
    return view.liquidation()
