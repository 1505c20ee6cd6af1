"""Words for the lines of an explanation: label, formula and inputs of every kind of entry."""

from decimal import Decimal

from crossmargin.domain.account import Order, Position
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.instrument import Kind
from crossmargin.margin.holds import Hold
from crossmargin.margin.legs import Leg, Requirement
from crossmargin.margin.sheet import Entry, EntryKind, Noted
from crossmargin.rulebook.rules import Rules

__all__ = ["formula_of", "inputs_of", "label_of", "rule_of", "tier_of"]

_K = EntryKind
_TEXTS: dict[EntryKind, tuple[str, str, str]] = {
    # kind: (label, formula, key of the rulebook that decides)
    _K.BALANCE: ("balance", "cash of the currency; isolated margins are not in it", ""),
    _K.PNL: ("floating PnL", "", "position_value_at"),
    _K.ISOLATED_MARGIN: ("isolated margin", "margin given, else entry value / leverage", ""),
    _K.ISOLATED_PNL: ("isolated floating PnL", "", ""),
    _K.OPTION_VALUE: ("option value", "side x mark x contracts x unit", "option"),
    _K.POSITION_MARGIN: ("initial margin", "position value / leverage", "position_value_at"),
    _K.ORDER_MARGIN: ("order margin", "order value / leverage", "order_price"),
    _K.NETTING: (
        "one-way netting",
        "max(|position + buys|, |position - sells|) - what each alone needs",
        "netting_price",
    ),
    _K.ORDER_FEE: ("order fee", "order value x taker fee", "order_fee"),
    _K.OPEN_LOSS: ("open loss", "size x |min(0, side x (mark - price))|", "open_loss"),
    _K.ISOLATED_ORDER: ("isolated order", "order value / leverage + fee", "order_fee"),
    _K.SPOT_HOLD: ("spot order", "sell: size; buy: size x price", ""),
    _K.OPTION_HOLD: ("option buy", "(price x unit + fee) x contracts", "option"),
    _K.INTEREST: ("accrued interest", "interest of the currency", ""),
    _K.BOTS: ("lent to bots", "amount lent to trading bots", ""),
    _K.MAINTENANCE: ("maintenance margin", "position value x maintenance rate - deduction", "tier_group"),
    _K.CLOSING_FEE: ("closing fee", "position value x taker fee", "closing_fee"),
    _K.COLLATERAL: ("collateral", "amount x USD price x collateral rate, slice by slice", "collateral_pnl"),
    _K.BORROW_INITIAL: ("initial margin of the debt", "debt x USD price x initial rate of its tier", "borrowing"),
    _K.BORROW_MAINTENANCE: ("maintenance of the debt", "debt x USD price x maintenance rate of its tier", "borrowing"),
    _K.EXPOSURE: ("position value", "", "position_value_at"),
    _K.ISOLATED_EXPOSURE: ("isolated position value", "", "position_value_at"),
}


_BY_RULE: dict[tuple[EntryKind, str, str], str] = {
    # (kind, key of the rulebook, its value): formula in place of the one above
    (_K.POSITION_MARGIN, "initial_margin", "rate"): "position value x (initial rate + slope x size)",
    (_K.POSITION_MARGIN, "initial_margin", "rate_by_open_interest"): (
        "position value x initial rate scaled by open interest, or / leverage if that is more"
    ),
    (_K.MAINTENANCE, "tier_scheme", "of_initial"): "position value x initial rate x maintenance rate",
    (_K.MAINTENANCE, "initial_margin", "rate"): "position value x (maintenance rate + slope x size)",
    (_K.CLOSING_FEE, "closing_fee", "taker_at_bankruptcy"): (
        "value at entry x (1 - side / leverage; inverse: +) x taker fee"
    ),
    (_K.ORDER_FEE, "order_fee", "open_and_close"): (
        "order value x taker fee, to open and, x (1 - side / leverage; inverse: +), to close"
    ),
}


def label_of(entry: Entry) -> str:
    """What the amount is and whose."""
    label = _TEXTS[entry.kind][0]
    of = entry.of[0] if isinstance(entry.of, tuple) else entry.of
    if isinstance(of, Leg):
        return f"{label}, {_name(of.holding)}"
    if isinstance(of, Hold):
        return f"{label}, {of.order.side} {of.instrument.id} {of.order.id}".rstrip()
    if isinstance(of, Noted):
        return f"{label}, {of.name}"
    return f"{label}, {of}" if isinstance(of, str) else label


def rule_of(entry: Entry) -> str:
    """Key of the rulebook that decides this amount; empty where no rule is involved."""
    return _TEXTS[entry.kind][2]


def formula_of(entry: Entry, rules: Rules) -> str:
    """The formula in plain characters, in the product's own form, as the rulebook has it."""
    formula = _formula_by(entry.kind, rules)
    of = entry.of[0] if isinstance(entry.of, tuple) else entry.of
    if not isinstance(of, Leg):
        return formula
    if entry.kind in (_K.PNL, _K.ISOLATED_PNL):
        return pnl_formula(of)
    if entry.kind in (_K.EXPOSURE, _K.ISOLATED_EXPOSURE):
        return value_formula(of)
    if entry.kind is _K.CLOSING_FEE and of.instrument.kind == Kind.MARGIN:
        return "(position value + maintenance margin) x taker fee"
    if of.instrument.kind == Kind.OPTION and entry.kind in (_K.POSITION_MARGIN, _K.MAINTENANCE):
        return "short option: rate of the underlying x factor + mark, x face"
    return formula


def _formula_by(kind: EntryKind, rules: Rules) -> str:
    formula = _TEXTS[kind][1]
    for (of, key, value), text in _BY_RULE.items():
        if of is kind and getattr(rules, key) == value:
            formula = text
    if rules.requirement_step is not None and kind in (_K.POSITION_MARGIN, _K.MAINTENANCE):
        formula += ", rounded up"
    if rules.closing_fee_in_initial and kind is _K.POSITION_MARGIN:
        formula += " + closing fee"
    return formula


def pnl_formula(leg: Leg) -> str:
    """Floating PnL in the product's own form."""
    if leg.instrument.kind == Kind.MARGIN:
        return "assets - (liability + interest), both in the currency that backs the position"
    if leg.instrument.inverse:
        return "side x (contracts x unit / entry - contracts x unit / mark)"
    return "side x contracts x unit x (mark - entry)"


def value_formula(leg: Leg) -> str:
    """Position value in the product's own form."""
    if leg.instrument.kind == Kind.MARGIN:
        return "liability + interest, in the currency that backs the position"
    if leg.instrument.kind == Kind.OPTION:
        return "contracts x unit (face value)"
    return "contracts x unit / price" if leg.instrument.inverse else "contracts x unit x price"


def tier_of(entry: Entry) -> int | None:
    """Tier (from 1) behind a maintenance margin or fee."""
    if isinstance(entry.of, tuple) and isinstance(entry.of[1], Requirement) and entry.of[1].tier is not None:
        return int(entry.of[1].tier) + 1
    return None


def inputs_of(entry: Entry) -> dict[str, Decimal | str]:
    """Numbers that the formula takes."""
    of = entry.of
    if isinstance(of, tuple):
        leg, charge = of
        return _requirement_inputs(leg, charge)
    if isinstance(of, Leg):
        return _leg_inputs(of)
    if isinstance(of, Noted):
        return of.inputs
    if isinstance(of, Hold):
        inputs: dict[str, Decimal | str] = {"order value": of.value, "leverage": of.order.leverage}
        if of.order.price is not None:
            inputs["price"] = of.order.price
        return {"opening contracts": of.contracts, **inputs}
    return {}


def _name(holding: Position | Order) -> str:
    return holding.id if isinstance(holding, Position) else f"order {holding.side} {holding.instrument} {holding.id}"


def _leg_inputs(leg: Leg) -> dict[str, Decimal | str]:
    holding = leg.holding
    inputs: dict[str, Decimal | str] = {
        "position value": leg.value,
        "mark": leg.mark,
        "leverage": holding.leverage,
    }
    if isinstance(holding, Position) and holding.liability:
        return {
            **inputs,
            "assets": holding.assets,
            "liability": holding.liability,
            "interest": holding.interest,
        }
    if isinstance(holding, Position):
        return {
            "contracts": leg.contracts,
            "unit": leg.instrument.unit,
            "entry": holding.entry_price,
            **inputs,
        }
    return inputs


def _requirement_inputs(leg: Leg, charge: Requirement) -> dict[str, Decimal | str]:
    inputs: dict[str, Decimal | str] = {"position value": leg.value}
    if leg.table is not None and charge.tier is not None:
        row = leg.table.tiers[charge.tier]
        inputs |= {"maintenance rate": row.maintenance_rate, "deduction": row.deduction}
        if row.slope:
            inputs |= {"slope": row.slope, "size": leg.base_size(leg.value)}
        if leg.table.scheme == "of_initial":
            inputs["initial rate"] = row.initial_rate or ZERO
    if leg.closing_fee:
        inputs["taker fee"] = leg.closing_fee
    return inputs
