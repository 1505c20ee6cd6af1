"""OKX futures mode and options: each vector by its id, from an account file unless it holds nothing."""

import re
from decimal import Decimal
from typing import Any

from tests.conformance.desk import Desk, View, contract, there
from tests.conformance.registry import Answers, by_id
from tests.conformance.vectors import Case, yes

from crossmargin.domain.account import Account, MarginMode, OrderSide, Side
from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient
from crossmargin.domain.numbers import NonNegative, Positive
from crossmargin.margin import changes
from crossmargin.margin.admission import admit_new
from crossmargin.margin.limits import largest_order

TEN = Decimal(10)


@by_id("okx-fm-free-margin-order-check")
@exact
def free_margin(case: Case, desk: Desk) -> Answers:
    """The account of the help page: each amount in use becomes the position or order that has it, fees zero."""
    mark, order_price = Decimal(105_000), Decimal(100_000)
    face = case.number("cross_fut_pos") * TEN * mark
    owed = case.number("cross_margin_pos") * TEN * mark
    open_margin = [{"maintenance_rate": "0.03", "unit": "borrowed"}]
    open_swap = [{"maintenance_rate": "0.004", "unit": "contracts"}]
    inverse = contract("BTC", "USD", inverse=True, contract_value="100", taker_fee="0", tiers=open_swap)
    document: dict[str, Any] = {
        "venue": "okx",
        "balances": {"BTC": case.number("balance")},
        "positions": [
            {
                "instrument": "BTC-USD-SWAP",
                "side": "long",
                "contracts": quotient(face, Decimal(100)),
                "entry_price": quotient(face, quotient(face, mark) + case.number("upl_swap")),
                "leverage": "10",
            },
            {
                "instrument": "BTC-USDT",
                "side": "long",
                "margin_currency": "BTC",
                "assets": case.number("cross_margin_pos") * TEN + case.number("upl_margin"),
                "liability": owed,
                "leverage": "10",
            },
            {
                "instrument": "BTC-USDT",
                "side": "long",
                "margin_mode": "isolated",
                "margin_currency": "BTC",
                "margin": "100",
                "assets": "1000",
                "liability": mark * 1000,
                "leverage": "10",
            },
        ],
        "orders": [
            {
                "instrument": "BTC-USD-SWAP",
                "side": "buy",
                "price": order_price,
                "contracts": quotient(case.number("cross_fut_orders") * TEN * order_price, Decimal(100)),
                "leverage": "10",
            },
            {
                "instrument": "BTC-USDT",
                "side": "buy",
                "price": mark,
                "contracts": case.number("cross_margin_orders") * TEN,
                "margin_currency": "BTC",
                "leverage": "10",
            },
            {
                "instrument": "BTC-USDT",
                "side": "buy",
                "price": mark,
                "contracts": case.number("iso_open_orders") * TEN,
                "margin_currency": "BTC",
                "margin_mode": "isolated",
                "leverage": "10",
            },
        ],
        "marks": dict.fromkeys(("BTC-USD-SWAP", "BTC-USDT", "BTC-USD-FUTURE"), mark),
        "instruments": {
            "BTC-USD-SWAP": inverse,
            "BTC-USD-FUTURE": {**inverse, "kind": "future"},
            "BTC-USDT": {"taker_fee": "0", "tiers": open_margin},
        },
    }
    view = desk.assess(document)

    def asked(value: Decimal, leverage: Decimal) -> Any:  # noqa: ANN401 - the figures of a new order
        contracts = quotient(value * mark, Decimal(100))
        order = {
            "instrument": "BTC-USD-FUTURE",
            "side": "buy",
            "state": "new",
            "price": mark,
            "contracts": contracts,
            "leverage": leverage,
        }
        return admit_new(desk.assess({**document, "orders": [*document["orders"], order]}).assessment)[-1]

    order_a = asked(case.number("order_a") * TEN, TEN)
    order_b = asked(case.number("order_b_value"), case.number("order_b_lever"))
    return {
        "in_use": view.only.in_use,
        "free_margin_availEq": view.only.free_margin,
        "order_a_accepted(1=yes)": yes(order_a.accepted),
        "order_b_margin": order_b.margin,
        "order_b_accepted": yes(order_b.accepted),
    }


def swap_account(case: Case, mode: str, *, inverse: bool) -> dict[str, Any]:
    """An account file that holds the one contract of a case."""
    name = "XYZ-USD-SWAP" if inverse else "XYZ-USDT-SWAP"
    settle = "XYZ" if inverse else "USDT"
    position: dict[str, Any] = {
        "instrument": name,
        "side": case.side.value,
        "contracts": case.number("pos"),
        "entry_price": case.number("avgPx"),
        "leverage": case.number("lever", default=ONE),
        "margin_mode": mode,
    }
    if "margin" in case and mode == "isolated":
        position["margin"] = case.number("margin")
    details = {
        "contract_value": case.number("ctVal", default=ONE),
        "taker_fee": case.number("taker"),
        "tick_size": case.number("tickSz", default=ONE),
        "tiers": [{"maintenance_rate": case.number("mmr_rate", "mmr"), "unit": "contracts"}],
    }
    return {
        "venue": "okx",
        "balances": {settle: case.number("cashBal", default=ZERO)},
        "positions": [position],
        "marks": {name: case.number("markPx")},
        "instruments": {name: contract("XYZ", settle if not inverse else "USD", inverse=inverse, **details)},
    }


def swap_answers(view: View) -> Answers:
    """Figures of the first position and its currency under the names of the venue."""
    figures = view.first
    return {
        "upl": figures.floating_pnl,
        "imr": view.only.initial_margin,
        "mmr": view.only.maintenance_margin,
        "mmr_amount": figures.maintenance_margin,
        "mgnRatio": there(figures.margin_ratio),
        "liqPx": view.printed(),
        "bePx": view.break_even(),
        "uplRatio": there(figures.pnl_ratio),
        "notional": figures.notional,
        "eq": view.only.equity,
        "availEq": view.only.free_margin,
        "availBal": view.only.available_balance,
    }


@by_id("okx-iso-linear-*", "okx-iso-inverse-*")
def isolated(case: Case, desk: Desk) -> Answers:
    """One isolated position; its margin is also computed by leaving it out of the file."""
    document = swap_account(case, "isolated", inverse="inverse" in case.id)
    answers = swap_answers(desk.assess(document))
    document["positions"][0].pop("margin", None)
    return {**answers, "margin": there(desk.assess(document).first.margin)}


@by_id("okx-cross-linear-*", "okx-cross-inverse-*")
def cross(case: Case, desk: Desk) -> Answers:
    """One cross position; wealth in other coins stands beside it and must not help."""
    document = swap_account(case, "cross", inverse="inverse" in case.id)
    document["balances"]["OKB"] = case.number("other_eq_usd", default=ZERO)
    view = desk.assess(document)
    return {**swap_answers(view), "notionalLever": there(view.only.leverage)}


def hedge_account(case: Case, tiers: list[dict[str, Any]]) -> dict[str, Any]:
    """A long and a short of one expiry future."""
    name = "XYZ-USDT-FUTURE"
    legs = (("long", "posL", "avgL"), ("short", "posS", "avgS"))
    return {
        "venue": "okx",
        "position_mode": "hedge",
        "balances": {"USDT": case.number("cashBal")},
        "positions": [
            {
                "instrument": name,
                "side": side,
                "contracts": case.number(size),
                "entry_price": case.number(entry),
                "leverage": case.number("lever"),
            }
            for side, size, entry in legs
        ],
        "marks": {name: case.number("markPx")},
        "instruments": {
            name: contract(
                "XYZ",
                "USDT",
                kind="future",
                contract_value=case.number("ctVal", default=ONE),
                taker_fee=case.number("taker"),
                tiers=tiers,
            )
        },
    }


@by_id("okx-cross-hedge-both-legs")
@exact
def hedge_legs(case: Case, desk: Desk) -> Answers:
    """Both legs are charged at the rate of the tier that their sum falls in."""
    tiers = [
        {"maintenance_rate": case.number("mmr_tier1"), "unit": "contracts", "up_to": case.number("tier1_max")},
        {"maintenance_rate": case.number("mmr_tier2"), "unit": "contracts"},
    ]
    view = desk.assess(hedge_account(case, tiers))
    legs = view.assessment.cross["USDT"].legs
    return {
        "tier_size_abs_sum": sum((leg.size for leg in legs), ZERO),
        "imr_total": view.only.initial_margin,
        "mmr_total_tier2": view.only.maintenance_margin,
        "upl_total": view.only.floating_pnl,
        "mgnRatio": there(view.only.margin_ratio),
        "liqPx": (view.printed(), view.liquidation()),
        "bePx_short": view.break_even(1),
    }


@by_id("okx-cross-hedge-plus-open-order")
def hedge_order(case: Case, desk: Desk) -> Answers:
    """A resting buy and an isolated position beside the two legs; balance fields as the venue names them."""
    document = hedge_account(case, [{"maintenance_rate": case.number("mmr_rate"), "unit": "contracts"}])
    name = "XYZ-USDT-FUTURE"
    liquidation_alone = desk.assess(document).printed()
    document["orders"] = [
        {
            "instrument": name,
            "side": "buy",
            "position_side": "long",
            "contracts": case.number("ordSz"),
            "price": case.number("ordPx"),
            "leverage": case.number("lever"),
        }
    ]
    document["positions"].append(
        {
            "instrument": "OTHER-USDT-SWAP",
            "side": "long",
            "contracts": "1",
            "entry_price": "1000",
            "leverage": "1",
            "margin_mode": "isolated",
            "margin": case.number("isoEq"),
        }
    )
    document["marks"]["OTHER-USDT-SWAP"] = "1000"
    document["instruments"]["OTHER-USDT-SWAP"] = contract(
        "OTHER", "USDT", taker_fee="0", tick_size="1", tiers=[{"maintenance_rate": "0.01", "unit": "contracts"}]
    )
    view = desk.assess(document)
    assert view.printed() == liquidation_alone, "an open order moved the printed liquidation price"
    return {
        "ordFrozen": (view.assessment.holds[0].margin, Decimal(view.fields["ordFrozen"])),
        "imr": view.only.initial_margin,
        "mmr": view.only.maintenance_margin,
        "availBal": view.only.available_balance,
        "frozenBal": Decimal(view.fields["frozenBal"]),
        "eq": view.only.equity,
        "mgnRatio": there(view.only.margin_ratio),
    }


@by_id("okx-cross-mgnratio-pending-inverse")
@exact
def pending_inverse(case: Case, desk: Desk) -> Answers:
    """The recorded answer hides the position; margins and leverage give it back, mark included.

    All value at mark is mmr / rate. What the order (at its own price) leaves of imr, times the leverage, is the
    position's value; the rest of the value is the order at mark, which gives the mark itself.
    """
    face = case.number("ordSz") * case.number("ctVal")
    lever, rate = case.number("ordLever"), case.number("mmr_rate")
    order_margin = quotient(quotient(face, case.number("ordPx")), lever)
    position_value = (case.number("imr") - order_margin) * lever
    mark = quotient(face, quotient(case.number("mmr"), rate) - position_value)
    name = "BTC-USD-SWAP"

    def view(balance: Decimal) -> View:
        return desk.assess(
            {
                "venue": "okx",
                "balances": {"BTC": balance},
                "positions": [
                    {
                        "instrument": name,
                        "side": "long",
                        "contracts": quotient(position_value * mark, case.number("ctVal")),
                        "entry_price": mark,
                        "leverage": lever,
                    }
                ],
                "orders": [
                    {
                        "instrument": name,
                        "side": "buy",
                        "contracts": case.number("ordSz"),
                        "price": case.number("ordPx"),
                        "leverage": lever,
                    }
                ],
                "marks": {name: mark},
                "instruments": {
                    name: {
                        "contract_value": case.number("ctVal"),
                        "taker_fee": case.number("taker"),
                        "tiers": [{"maintenance_rate": rate, "unit": "contracts"}],
                    }
                },
            }
        )

    at_equity = view(case.number("eq"))
    fee = at_equity.assessment.holds[0].fee
    answered = view(case.number("availBal") + case.number("imr") + fee)
    return {
        "mgnRatio": there(answered.only.margin_ratio),
        "eq_minus_fee": at_equity.assessment.cross["BTC"].risk.available,
        "ordFrozen": answered.assessment.holds[0].margin,
    }


@by_id("okx-order-freeze-taker")
def order_freeze(case: Case, desk: Desk) -> Answers:
    """A resting isolated order, post-only at that, holds its margin and the taker fee."""
    name = "BTC-USDT-SWAP"
    view = desk.assess(
        {
            "venue": "okx",
            "balances": {"USDT": "10000"},
            "orders": [
                {
                    "instrument": name,
                    "side": "buy",
                    "type": "post_only",
                    "margin_mode": "isolated",
                    "contracts": case.number("sz"),
                    "price": case.number("px"),
                    "leverage": case.number("lever"),
                }
            ],
            "marks": {name: case.number("px")},
            "instruments": {name: {"contract_value": case.number("ctVal"), "taker_fee": case.number("taker")}},
        }
    )
    return {"margin": view.assessment.holds[0].margin, "frozen_total": view.only.in_use}


@by_id("okx-max-size-linear")
def largest_sizes(case: Case, desk: Desk) -> Answers:
    """The largest order that admission lets through, one lot more being refused."""
    answers: Answers = {}
    for wanted in case.expected:
        found = re.fullmatch(r"(iso|cross)_max(Buy|Sell)_px(\d)", wanted.name)
        assert found is not None, f"no handler for the figure {wanted.name}"
        mode, side, number = found.groups()
        book = desk.read(
            {
                "venue": "okx",
                "balances": {"USDT": case.number("avail")},
                "orders": [
                    {
                        "instrument": "ETH-USDT-SWAP",
                        "side": side.lower(),
                        "state": "new",
                        "margin_mode": {"iso": "isolated", "cross": "cross"}[mode],
                        "contracts": case.number("lot"),
                        "price": case.number(f"px{number}"),
                        "leverage": case.number("lever"),
                    }
                ],
                "marks": {"ETH-USDT-SWAP": case.number(f"mk{number}", "mk1")},
                "instruments": {
                    "ETH-USDT-SWAP": {
                        "contract_value": case.number("ctVal"),
                        "taker_fee": case.number("taker"),
                        "lot_size": case.number("lot"),
                    }
                },
            }
        )
        empty = Account(balances=book.account.balances)
        answers[wanted.name] = largest_order(empty, book.account.orders[0], book.marks, book.rulebook)
    return answers


@by_id("okx-isolated-cashflow")
@exact
def isolated_cashflow(case: Case, desk: Desk) -> Answers:
    """Open 4, close 1, close 3: the what-if moves margin, PnL and fees as the bills do."""
    name = "BTC-USDT-SWAP"
    document = {
        "venue": "okx",
        "balances": {"USDT": case.number("cash0")},
        "marks": {name: case.number("avg")},
        "instruments": {name: {"contract_value": case.number("ctVal"), "taker_fee": case.number("taker")}},
    }
    opening = changes.Fill(
        instrument=name,
        side=OrderSide.BUY,
        contracts=Positive(4),
        price=Positive(case.number("avg")),
        margin_mode=MarginMode.ISOLATED,
        leverage=Positive(case.number("lever")),
    )
    closes = [
        changes.Close(
            instrument=name,
            side=Side.LONG,
            margin_mode=MarginMode.ISOLATED,
            contracts=Positive(size),
            price=Positive(case.number(price)),
        )
        for size, price in ((1, "px1"), (3, "px3"))
    ]
    opened = View(desk.what_if(document, opening).after)
    reduced = View(desk.what_if(document, opening, closes[0]).after)
    closed = desk.what_if(document, opening, *closes).after
    return {
        "margin_open": there(opened.first.margin),
        "cash_after_open": opened.only.balance,
        "margin_released_1_of_4": there(opened.first.margin) - there(reduced.first.margin),
        "pnl_close1": reduced.position().realized_pnl,
        "cash_after_close1": reduced.only.balance,
        "bePx_after_close1": reduced.break_even(),
        "cash_end": closed.account.balance("USDT"),
    }


@by_id("okx-liq-cross-inverse")
@exact
def liquidation_steps(case: Case, desk: Desk) -> Answers:
    """Two forced closes: each step is charged the taker fee and the maintenance rate of the part that it closes."""
    name = "ETH-USD-SWAP"
    sizes, prices = (case.number("sz1"), case.number("sz2")), (case.number("px1"), case.number("px2"))
    tiers = [
        {"maintenance_rate": case.number("mmr_t1"), "unit": "contracts", "up_to": sizes[1]},
        {"maintenance_rate": case.number("mmr_t2"), "unit": "contracts"},
    ]

    def account(contracts: Decimal, mark: Decimal) -> dict[str, Any]:
        return {
            "venue": "okx",
            "balances": {"ETH": case.number("cash")},
            "positions": [
                {
                    "instrument": name,
                    "side": "long",
                    "contracts": contracts,
                    "entry_price": case.number("avg"),
                    "leverage": "100",
                }
            ],
            "marks": {name: mark},
            "instruments": {
                name: {
                    "contract_value": case.number("ctVal"),
                    "taker_fee": case.number("taker"),
                    "tiers": tiers,
                }
            },
        }

    # The part that a step closes, as a position of its own at the price of the fill.
    parts = [desk.assess(account(size, price)).first for size, price in zip(sizes, prices, strict=True)]
    steps = [
        changes.Close(
            instrument=name,
            side=Side.LONG,
            contracts=Positive(size),
            price=Positive(price),
            fee=NonNegative(part.liquidation_fee + part.maintenance_margin),
        )
        for size, price, part in zip(sizes, prices, parts, strict=True)
    ]
    whole = account(sizes[0] + sizes[1], prices[0])
    view = desk.assess(whole)
    lower_tier = view.assessment.rulebook.tier_table(view.assessment.rulebook.instrument(name), MarginMode.CROSS).tiers[
        there_tier(view) - 2
    ]
    after_one = desk.what_if(whole, steps[0]).after
    after_two = desk.what_if(whole, *steps).after
    left = after_one.account.positions[0]
    return {
        "size_after_step1": (left.contracts, there(lower_tier.up_to)),
        "fee1": -parts[0].liquidation_fee,
        "bill1_pnl_incl_penalty": parts[0].floating_pnl - parts[0].maintenance_margin,
        "cash_after1": after_one.account.balance("ETH"),
        "bill2_pnl_incl_penalty": parts[1].floating_pnl - parts[1].maintenance_margin,
        "cash_after2": after_two.account.balance("ETH"),
    }


def there_tier(view: View) -> int:
    """Tier (from 1) of the first position."""
    tier = view.first.tier
    assert tier is not None
    return tier


@by_id("okx-mgnratio-floor")
@exact
def ratio_floor(case: Case, desk: Desk) -> Answers:
    """A position just opened with no more than its initial margin, at the top leverage of each tier.

    The vector's adverse move keeps the requirement at its opening value: the rule that values positions at entry.
    """

    def view(tier: str, valued_at: str) -> View:
        name, price, leverage = "BTC-USDT-SWAP", Decimal(60_000), case.number(f"l{tier}")
        return desk.assess(
            {
                "venue": "okx",
                "rules": {"position_value_at": valued_at},
                "balances": {"USDT": quotient(price, leverage)},
                "positions": [
                    {
                        "instrument": name,
                        "side": "long",
                        "contracts": "1",
                        "entry_price": price,
                        "leverage": leverage,
                    }
                ],
                "marks": {name: price},
                "instruments": {
                    name: {
                        "contract_value": "1",
                        "taker_fee": case.number("taker"),
                        "tiers": [{"maintenance_rate": case.number(f"m{tier}"), "unit": "contracts"}],
                    }
                },
            }
        )

    ratios: Answers = {f"tier{tier}": there(view(tier, "mark").only.margin_ratio) for tier in "123"}
    return {**ratios, "adverse_move_tier1": view("1", "entry").distance()}


@by_id("okx-position-cap-by-leverage")
def position_cap(case: Case, desk: Desk) -> Answers:
    """Position, resting order and new order together against the cap of the leverage."""
    name = "MASK-USDT-SWAP"
    tiers = [
        {
            "up_to": case.number(f"t{n}_max"),
            "max_leverage": case.number(f"t{n}_lev"),
            "maintenance_rate": Decimal(n) * Decimal("0.01"),
            "unit": "contracts",
        }
        for n in (1, 2, 3)
    ]

    def asked(contracts: Decimal) -> Any:  # noqa: ANN401 - the figures of a new order
        common = {"instrument": name, "leverage": case.number("t1_lev")}
        buy = {**common, "side": "buy", "price": "1"}
        document = {
            "venue": "okx",
            "balances": {"USDT": "1000000"},
            "positions": [{**common, "side": "long", "contracts": case.number("held"), "entry_price": "1"}],
            "orders": [
                {**buy, "contracts": case.number("pending")},
                {**buy, "contracts": contracts, "state": "new"},
            ],
            "marks": {name: "1"},
            "instruments": {name: contract("MASK", "USDT", taker_fee="0.0005", tiers=tiers)},
        }
        view = desk.assess(document)
        rulebook = view.assessment.rulebook
        table = rulebook.tier_table(rulebook.instrument(name), MarginMode.CROSS)
        return admit_new(view.assessment)[-1], table

    accepted, table = asked(case.number("new_ok"))
    refused, _ = asked(case.number("new_bad"))
    return {
        "cap_at_40x": there(table.cap_at(case.number("lev"))),
        "order_100_ok": yes(accepted.accepted and table.cap_at(case.number("t1_lev")) == case.number("cap50")),
        "order_200_rejected_51004": yes(refused.refusal is not None and refused.refusal.code == "51004"),
    }
