"""dYdX v4, the tests of the chain's own code: one handler a kind, from account files wherever something is held."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from tests.conformance.desk import Desk, View
from tests.conformance.dydx import Market, account
from tests.conformance.registry import Answer, Answers, Handler, by_formula
from tests.conformance.vectors import Case, yes

from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient
from crossmargin.domain.numbers import Amount
from crossmargin.margin import assess, changes
from crossmargin.margin.admission import admit_new
from crossmargin.margin.deleveraging import (
    Holding,
    LiquidationOrder,
    bankruptcy_quote,
    close_limits,
    closes,
    fillable_price,
    first_in_queue,
    fund_covers,
    insurance_delta,
    left_of_budget,
    may_deleverage,
    may_settle_at_oracle,
    offset,
    value_of_fill,
)
from crossmargin.margin.initial import open_interest_rate
from crossmargin.margin.pool import Risk
from crossmargin.margin.transition import Transition, covers_initial, covers_maintenance, risk_order, transition
from crossmargin.prices.funding import index_settlement
from crossmargin.rulebook import load

INVALID: Answers = {"error=invalid_delta": ONE}
LARGEST_PRICE = Decimal(10) ** 18
RATE_STEP = Decimal("0.000001")


def by_kind(*kinds: str) -> Callable[[Handler], Handler]:
    """Register the handler of kinds of this engine."""
    return by_formula(*(f"dydx {kind}" for kind in kinds))


def param(case: Case, name: str, default: Any = None) -> Any:  # noqa: ANN401 - any JSON
    """A parameter."""
    found = case.inputs["params"].get(name, default)
    assert found is not None, f"no parameter {name}"
    return found


def step_of(case: Case) -> Decimal:
    """Quantum of the quote currency."""
    found: Decimal = case.inputs["params"].get("quote_step", ONE)
    return found


def signed(row: Any) -> Decimal:  # noqa: ANN401 - any JSON
    """Size of a position, written alone or in a table."""
    size: Decimal = row["size"] if isinstance(row, dict) else row
    return size


@exact
def document(case: Case, cash: Decimal, sizes: dict[str, Decimal], *, interest: dict[str, Decimal] | None = None
             ) -> dict[str, Any]:  # fmt: skip
    """An account file with the case's instruments and these holdings; open interest is given in base units."""
    markets = {}
    for name, terms in case.inputs["instruments"].items():
        price = case.inputs["marks"].get(name, ONE)
        held = (interest or {}).get(name)
        markets[f"{name}-USD"] = Market(
            sizes.get(name, ZERO),
            price,
            initial=terms["im_rate"],
            fraction=terms["mm_fraction_of_im"],
            open_interest=None if held is None else held * price,
            low=terms["oi_notional_lower_cap"],
            high=terms["oi_notional_upper_cap"],
        )
    return account(cash, markets, step=step_of(case))


@exact
def settled(case: Case, given: dict[str, Any]) -> Decimal:
    """Cash of an account once the funding that its positions still owe is settled."""
    cash: Decimal = given.get("cash", ZERO)
    for name, row in given.get("positions", {}).items():
        if isinstance(row, dict) and "last_funding_index" in row:
            cash += index_settlement(
                row["size"],
                index=case.inputs["params"]["funding_index"][name],
                settled_index=row["last_funding_index"],
                step=step_of(case),
            )
    return cash


def sizes_of(given: dict[str, Any]) -> dict[str, Decimal]:
    """Signed sizes of an account."""
    return {name: signed(row) for name, row in given.get("positions", {}).items()}


def view_of(case: Case, desk: Desk, given: dict[str, Any] | None = None, **more: Any) -> View:
    """Assess an account of the case, funding settled."""
    given = case.inputs["account"] if given is None else given
    return desk.assess(document(case, settled(case, given), sizes_of(given), **more))


def totals(row: dict[str, Decimal], *, initial: Decimal = ZERO) -> Risk:
    """A state that is given by its totals."""
    return Risk(
        available=row["net_collateral"] if "net_collateral" in row else row["equity"],
        initial=row.get("im", initial),
        maintenance=row.get("mm", ZERO),
        fees=ZERO,
    )


@by_kind("margin_requirement")
@exact
def margin_requirement(case: Case, desk: Desk) -> Answers:
    """Initial and maintenance margin, rounded up; the initial rate scaled by open interest."""
    given = case.inputs["account"]
    sizes, marks = sizes_of(given), case.inputs["marks"]
    interest = {name: value for name, value in param(case, "open_interest").items() if value}
    whole = document(case, given["cash"], sizes, interest=interest)
    for name in sizes:
        if marks[name] >= LARGEST_PRICE:
            # A file holds 18 digits before the point: contracts of ten coins, priced by the coin's tenth.
            whole["instruments"][f"{name}-USD"]["contract_value"] = Decimal(10)
            price = marks[name] * Decimal("0.1")
            whole["marks"][f"{name}-USD"] = whole["positions"][0]["entry_price"] = price
            whole["balances"]["USDC"] = given["cash"]
    if all(marks.values()):
        risk = desk.assess(whole).risk
    else:
        # A price of zero is refused in a file, so it is put under the account that was read.
        for name in sizes:
            whole["marks"][f"{name}-USD"] = whole["positions"][0]["entry_price"] = ONE
        book = desk.read(whole)
        at_zero = msgspec.structs.replace(book.marks, mark=dict.fromkeys(book.marks.mark, ZERO))
        risk = View(assess(book.account, at_zero, book.rulebook)).risk
    return {"im": risk.initial, "mm": risk.maintenance}


@by_kind("effective_im_rate")
def effective_rate(case: Case, desk: Desk) -> Answers:
    """Initial rate at an open interest."""
    name, terms = next(iter(case.inputs["instruments"].items()))
    rate = open_interest_rate(
        terms["im_rate"],
        open_interest=param(case, "open_interest_notional")[name],
        low=terms["oi_notional_lower_cap"],
        high=terms["oi_notional_upper_cap"],
    )
    assert param(case, "rate_step") == RATE_STEP, "another step of the rate"
    return {"im_rate": rate}


@by_kind("account_totals")
def account_totals(case: Case, desk: Desk) -> Answers:
    """Equity, initial and maintenance margin of an account, its funding settled first."""
    view = view_of(case, desk)
    return {"equity": view.risk.available, "im": view.risk.initial, "mm": view.risk.maintenance}


@by_kind("funding_settlement")
@exact
def funding(case: Case, desk: Desk) -> Answers:
    """What a position receives since it was last settled, in raw integers.

    At a price of 1 the change of the index is the rate of one settlement of the position in an account file.
    """
    name, row = next(iter(case.inputs["account"]["positions"].items()))
    index, settled_index = param(case, "funding_index")[name], row["last_funding_index"]
    paid = index_settlement(row["size"], index=index, settled_index=settled_index, step=ONE)
    market = f"{name}-USD"
    held = account(ZERO, {market: Market(row["size"], ONE, initial=ZERO, fraction=ZERO)})
    outcome = desk.what_if(held, changes.Funding(rates={market: Amount(index - settled_index)}))
    return {"funding_cash": (paid, outcome.after.account.balance("USDC") - outcome.before.account.balance("USDC"))}


@by_kind("is_initial_collateralized")
def initially_covered(case: Case, desk: Desk) -> Answers:
    """Whether a state covers its initial margin."""
    return {"result": yes(covers_initial(totals(case.inputs["params"])))}


@by_kind("is_maintenance_collateralized")
def maintained(case: Case, desk: Desk) -> Answers:
    """Whether a state covers its maintenance margin."""
    return {"result": yes(covers_maintenance(totals(case.inputs["params"])))}


@by_kind("is_liquidatable")
def liquidatable(case: Case, desk: Desk) -> Answers:
    """Whether a state is liquidated: by the rulebook's trigger; of an account, by its status too."""
    rules = load("dydx").rules
    if not case.inputs["account"]:
        risk = totals(case.inputs["params"])
        return {"result": yes(rules.triggered(risk.available, risk.required))}
    view = view_of(case, desk)
    by_status = view.assessment.status.value == "liquidation"
    return {"result": (yes(rules.triggered(view.risk.available, view.risk.required)), yes(by_status))}


@by_kind("risk_order")
def riskier(case: Case, desk: Desk) -> Answers:
    """Which of two states is riskier."""
    order = risk_order(totals(param(case, "first")), totals(param(case, "second")))
    return {"cmp": Decimal(order)}


@by_kind("state_transition")
@exact
def change_of_state(case: Case, desk: Desk) -> Answers:
    """Whether a change is allowed: of totals, or of an account before and after an update."""
    params = case.inputs["params"]
    if not case.inputs["account"]:
        # Totals are asked about only where the new state is below its initial margin, which is not given.
        after = totals(params["new"], initial=abs(params["new"]["equity"]) + 1)
        return verdict(transition(totals(params["old"]), after))
    given, update = case.inputs["account"], params["update"]
    cash, sizes = settled(case, given), sizes_of(given)
    interest = dict(params["open_interest"])
    later = {name: interest.get(name, ZERO) + more for name, more in params["open_interest_change"].items()}
    before = desk.assess(document(case, cash, sizes, interest=interest))
    changed = {
        name: sizes.get(name, ZERO) + update["positions"].get(name, ZERO) for name in {**sizes, **update["positions"]}
    }
    after_file = document(case, cash + update["cash"], changed, interest={**interest, **later})
    found = transition(before.risk, desk.assess(after_file).risk)
    if len(update["positions"]) == 1:
        name, size = next(iter(update["positions"].items()))
        price = quotient(update["cash"], -size)
        if price > 0:
            start = document(case, cash, sizes, interest={**interest, **later})
            admitted = order_admitted(desk, start, f"{name}-USD", size, price)
            assert admitted == (found is Transition.SUCCESS), f"the order is admitted: {admitted}, the update {found}"
    return verdict(found)


def order_admitted(desk: Desk, start: dict[str, Any], instrument: str, size: Decimal, price: Decimal) -> bool:
    """Whether an order that would make the same change is admitted."""
    order = {
        "instrument": instrument,
        "side": "buy" if size > 0 else "sell",
        "state": "new",
        "contracts": abs(size),
        "price": price,
        "leverage": "1",
    }
    return bool(admit_new(desk.assess({**start, "orders": [order]}).assessment)[-1].accepted)


def verdict(found: Transition) -> Answers:
    """A verdict as the file of engines words it."""
    return {f"result={found.value}": ONE}


class Close:
    """A part of an account's position about to be closed, with the account before and without that part."""

    def __init__(self, case: Case, desk: Desk, given: dict[str, Any], symbol: str, change: Decimal) -> None:
        """Read both accounts."""
        self.case, self.symbol, self.change = case, symbol, change
        self.price: Decimal = case.inputs["marks"][symbol]
        self.size = signed(given["positions"][symbol])
        self.before = view_of(case, desk, given)
        self.valid = closes(self.size, change)
        if self.valid:
            rest = {**sizes_of(given), symbol: self.size + change}
            self.after = desk.assess(document(case, settled(case, given), rest))

    @property
    def quote(self) -> Decimal:
        """What the account receives at the bankruptcy price."""
        return self._quote()

    @exact
    def _quote(self) -> Decimal:
        return bankruptcy_quote(
            self.before.risk.available,
            maintenance=self.before.risk.maintenance,
            value_change=self.change * self.price,
            maintenance_change=self.after.risk.maintenance - self.before.risk.maintenance,
            step=step_of(self.case),
        )


def close_of(case: Case, desk: Desk, key: str) -> Close:
    """The part that the case closes."""
    row = param(case, key)
    return Close(case, desk, case.inputs["account"], row["symbol"], row["delta"])


@by_kind("bankruptcy_price")
def bankruptcy(case: Case, desk: Desk) -> Answers:
    """Quote amount at which a part of a position is closed."""
    close = close_of(case, desk, "close")
    return {"quote_delta": close.quote} if close.valid else INVALID


@by_kind("liquidation_limit_price")
def limit_price(case: Case, desk: Desk) -> Answers:
    """Limit of the liquidation order."""
    close = close_of(case, desk, "close")
    figures = next(each for each in close.before.assessment.positions if each.instrument == f"{close.symbol}-USD")
    price = fillable_price(
        close.size,
        oracle_price=close.price,
        available=close.before.risk.available,
        maintenance=close.before.risk.maintenance,
        position_maintenance=figures.maintenance_margin,
        bankruptcy_adjustment=param(case, "bankruptcy_adjustment"),
        spread=param(case, "spread_to_mm"),
    )
    return {"price": price} if close.valid else INVALID


@by_kind("insurance_fund_delta")
def insurance(case: Case, desk: Desk) -> Answers:
    """What the fund gains or pays at a fill."""
    close, row = close_of(case, desk, "fill"), param(case, "fill")
    if not close.valid:
        return INVALID
    delta = insurance_delta(
        value_of_fill(row["delta"], price=row["price"], step=step_of(case)),
        bankruptcy=close.quote,
        fee_rate=param(case, "max_liquidation_fee_rate"),
        step=step_of(case),
    )
    return {"insurance_fund_delta": delta}


@by_kind("insurance_fund_can_pay")
def fund(case: Case, desk: Desk) -> Answers:
    """Whether the fund can pay."""
    return {"result": yes(fund_covers(param(case, "balance"), delta=param(case, "delta")))}


@by_kind("adl_trigger")
def deleveraging_due(case: Case, desk: Desk) -> Answers:
    """Whether an account is closed against others, and at which price."""
    available = view_of(case, desk).risk.available
    closing_down = bool(param(case, "market_in_final_settlement"))
    return {
        "at_bankruptcy_price": yes(may_deleverage(available)),
        "at_oracle_price": yes(may_settle_at_oracle(available, closing_down=closing_down)),
    }


@by_kind("adl")
@exact
def deleveraging(case: Case, desk: Desk) -> Answers:
    """Both accounts after an offset, each of which may only go where its rules allow."""
    row, accounts = param(case, "close"), case.inputs["account"]
    symbol, change = row["symbol"], row["delta"]
    close = Close(case, desk, accounts["liquidated"], symbol, change)
    given = {name: accounts[name] for name in ("liquidated", "counterparty")}
    held = [Holding(settled(case, each), signed(each["positions"][symbol])) for each in given.values()]
    if not close.valid or not closes(held[1].size, -change):
        return INVALID
    at_bankruptcy = param(case, "price_mode") == "bankruptcy"
    quote = close.quote if at_bankruptcy else value_of_fill(change, price=close.price, step=step_of(case))
    sides = offset(*held, change=change, quote=quote)
    answers: Answers = {}
    allowed = True
    for (name, before), side in zip(given.items(), sides, strict=True):
        sizes = {key: size for key, size in {**sizes_of(before), symbol: side.size}.items() if size}
        after = desk.assess(document(case, side.cash, sizes))
        allowed &= transition(view_of(case, desk, before).risk, after.risk) is Transition.SUCCESS
        answers |= {f"{name}.cash": side.cash, f"{name}.positions": Decimal(len(after.assessment.positions))}
        answers |= {f"{name}.positions.{key}": size for key, size in sizes.items()}
    return {**answers, "allowed": yes(allowed)}


@by_kind("liquidation_size_limits")
def size_limits(case: Case, desk: Desk) -> Answers:
    """Smallest and largest part that a step may close."""
    least, most = close_limits(
        param(case, "position_notional"), least=param(case, "min_notional"), portion=param(case, "max_portion")
    )
    return {"min": least, "max": most}


@by_kind("liquidation_block_limits")
def block_limits(case: Case, desk: Desk) -> Answers:
    """What is left of an account's budgets for a block."""
    budgets = {
        "notional": left_of_budget(param(case, "max_notional_per_block"), used=param(case, "used_notional")),
        "insurance": left_of_budget(
            param(case, "max_insurance_lost_per_block"), used=max(ZERO, -param(case, "insurance_delta_used"))
        ),
    }
    names = {"notional": "max_notional", "insurance": "max_insurance_lost"}
    return {
        (f"error_{key}=already_exceeded" if left is None else names[key]): ONE if left is None else left
        for key, left in budgets.items()
    }


@by_kind("liquidation_order_priority")
def priority(case: Case, desk: Desk) -> Answers:
    """Which liquidation order is matched first."""
    orders = [LiquidationOrder(each["size"], each["limit_price"]) for each in param(case, "orders")]
    oracle: Decimal = next(iter(case.inputs["marks"].values()))
    found: Answer = Decimal(first_in_queue(orders, oracle_price=oracle))
    return {"first_index": found}
