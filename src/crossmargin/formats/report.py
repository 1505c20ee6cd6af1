"""The report: an assessment as the one JSON object that programs rely on (docs/spec.md 4).

Every amount is a decimal string without exponent; a figure that does not exist is null with its reason.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossmargin.domain.arithmetic import exact, plain, quotient
from crossmargin.margin.account_pool import ACCOUNT_POOL
from crossmargin.margin.admission import admit_new
from crossmargin.margin.assess import NOTHING_REQUIRED, Assessment, PositionFigures
from crossmargin.margin.explain import Explanation
from crossmargin.margin.liquidation_price import liquidation_prices
from crossmargin.margin.pool import Status
from crossmargin.margin.position_prices import bankruptcy_price, break_even_price, printed_liquidation_price
from crossmargin.margin.shares import shares
from crossmargin.margin.usd import account_figures
from crossmargin.margin.withdrawal import largest_withdrawal

__all__ = ["explanation_report", "jsonable", "report"]


@exact
def report(assessment: Assessment, assumptions: tuple[str, ...] = ()) -> dict[str, Any]:
    """Build the report of an assessment, ready for `json.dumps`."""
    reasons: dict[str, str] = {}
    account = account_figures(assessment)
    reasons.update(account.reasons)
    positions = _positions(assessment, reasons)
    return {
        "venue": assessment.rulebook.venue,
        "rulebook": assessment.rulebook.id,
        "status": assessment.status.value,
        "assumptions": [*assessment.rulebook.assumptions, *assumptions],
        "currencies": {name: _currency(assessment, name, reasons) for name in assessment.currencies},
        "account": {
            "total_equity_usd": jsonable(account.total_equity_usd),
            "adjusted_equity": jsonable(account.adjusted_equity),
            "initial_margin_usd": jsonable(account.initial_margin_usd),
            "maintenance_margin_usd": jsonable(account.maintenance_margin_usd),
            "margin_ratio": jsonable(account.margin_ratio),
            "status": account.status,
        },
        "positions": positions,
        "orders": [
            {
                "id": each.id,
                "instrument": each.instrument,
                "side": each.side,
                "state": each.state,
                "margin": plain(each.margin),
                "fee": plain(each.fee),
                "accepted": each.accepted,
                "reason": each.reason,
            }
            for each in admit_new(assessment)
        ],
        "venue_fields": _venue_fields(assessment, positions),
        "warnings": _warnings(assessment),
        "reasons": reasons,
    }


def jsonable(value: Any) -> Any:  # noqa: ANN401 - any figure
    """A figure as JSON holds it: amounts as plain decimal text."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return {key: jsonable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(each) for each in value]
    if isinstance(value, str) or value is None or isinstance(value, (bool, int)):
        return value if not isinstance(value, Status) else value.value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def explanation_report(explanation: Explanation) -> dict[str, Any]:
    """An explanation as JSON: figure, value, lines, and a reason where there is no value."""
    return {
        "figure": explanation.figure,
        "value": jsonable(explanation.value),
        "unit": explanation.unit,
        "lines": [
            {
                "label": line.label,
                "amount": plain(line.amount),
                "formula": line.formula,
                "inputs": jsonable(line.inputs),
                "tier": line.tier,
                "rule": line.rule,
                "source": line.source,
            }
            for line in explanation.lines
        ],
        "reason": explanation.reason or None,
    }


def _currency(assessment: Assessment, name: str, reasons: dict[str, str]) -> dict[str, Any]:
    figures = assessment.currencies[name]
    shared = ACCOUNT_POOL in assessment.cross
    absent = {
        "margin_ratio": "the account is one pool: see account.margin_ratio" if shared else NOTHING_REQUIRED,
        "leverage": "balance + floating PnL is not above zero",
        "exposure_ratio": "no position is open",
    }
    found = {field: jsonable(getattr(figures, field)) for field in figures.__struct_fields__}
    reasons.update({f"currencies.{name}.{field}": why for field, why in absent.items() if found[field] is None})
    return found


def _positions(assessment: Assessment, reasons: dict[str, str]) -> list[dict[str, Any]]:
    liquidation, contributions = liquidation_prices(assessment), shares(assessment)
    found = []
    for index, (figures, position) in enumerate(zip(assessment.positions, assessment.account.positions, strict=True)):
        at = f"positions.{index}"
        price = liquidation[position.id]
        bankruptcy, break_even = (
            bankruptcy_price(assessment, position),
            break_even_price(assessment, position),
        )
        row = {field: jsonable(getattr(figures, field)) for field in figures.__struct_fields__}
        row |= {
            "liquidation_price": jsonable(price.price),
            "liquidation_price_down": jsonable(price.down),
            "liquidation_price_up": jsonable(price.up),
            "bankruptcy_price": jsonable(bankruptcy.value),
            "break_even_price": jsonable(break_even.value),
            "distance": jsonable(price.distance),
        }
        share = contributions[position.id]
        row |= {field: jsonable(getattr(share, field)) for field in share.__struct_fields__}
        why = {
            "liquidation_price": price.reason,
            "distance": price.reason,
            "bankruptcy_price": bankruptcy.reason,
            "break_even_price": break_even.reason,
            "margin": "only isolated positions have a margin of their own",
            "margin_ratio": NOTHING_REQUIRED,
            "pnl_ratio": "no opening value is known",
            "tier": "nothing of this position is looked up in tiers",
        }
        reasons.update({f"{at}.{field}": text for field, text in why.items() if row[field] is None and text})
        found.append(row)
    return found


def _warnings(assessment: Assessment) -> list[str]:
    rules, found = assessment.rulebook.rules, []
    for pool in (*assessment.cross.values(), *assessment.isolated.values()):
        if pool.status is Status.LIQUIDATION:
            found.append(f"{pool.name}: the ratio has reached the trigger: the venue liquidates")
        elif pool.status is Status.WARNING:
            found.append(f"{pool.name}: the ratio is at or below {plain(rules.warn_at)}")
        cost = assessment.sheet_of(pool).figure("order_margin") if pool.isolated is None else None
        if cost and rules.cancels_orders_first and pool.risk.available < pool.risk.maintenance + cost:
            found.append(f"{pool.name}: risk control would cancel opening orders")
        for leg, needs in zip(pool.legs, pool.requirements, strict=True):
            last = leg.table.tiers[-1].up_to if leg.table is not None else None
            if last is not None and needs.tier == len(leg.table.tiers) - 1 and leg.size > last:  # type: ignore[union-attr]
                found.append(f"{leg.instrument.id}: the size lies above the last known tier, whose rate is used")
    return found


def _venue_fields(assessment: Assessment, positions: list[dict[str, Any]]) -> dict[str, Any]:
    """Our figures under the venue's own names and in its own direction, as the rulebook maps them."""
    names = assessment.rulebook.venue_fields
    if not names:
        return {}
    printed = [printed_liquidation_price(assessment, each) for each in assessment.account.positions]
    rows = []
    for figures, row, price in zip(assessment.positions, positions, printed, strict=True):
        needed = figures.maintenance_margin + figures.liquidation_fee
        known = {**row, "venue_liquidation_price": jsonable(price.value), "maintenance_with_fee": plain(needed)}
        rows.append({field: _mapped(rule, known, figures) for field, rule in names.get("position", {}).items()})
    currencies = {}
    for currency in assessment.currencies:
        known = _currency_names(assessment, currency)
        currencies[currency] = {field: _mapped(rule, known) for field, rule in names.get("currency", {}).items()}
    whole = _account_names(assessment)
    account = {field: _mapped(rule, whole) for field, rule in names.get("account", {}).items()}
    return {"currencies": currencies, "positions": rows, "account": account}


def _currency_names(assessment: Assessment, currency: str) -> dict[str, str | None]:
    """Figures of a currency, and the sums that only venues name."""
    figures, sheet = assessment.currencies[currency], assessment.sheets[currency]
    known = {field: jsonable(getattr(figures, field)) for field in figures.__struct_fields__}
    margins = sum((p.fixed for p in assessment.isolated.values() if p.currency == currency), figures.balance)
    known["maintenance_with_fee"] = plain(figures.maintenance_margin + figures.liquidation_fee)
    known["supports"] = plain(sheet.figure("supports"))
    if "largest_withdrawal" in assessment.rulebook.venue_fields.get("currency", {}).values():
        known["largest_withdrawal"] = plain(largest_withdrawal(assessment, currency))
    known["order_margin"] = plain(sheet.figure("order_margin"))
    known["wallet"] = plain(margins)
    known["total_pnl"] = plain(figures.equity - margins - figures.option_value)
    known["frozen"] = plain(figures.isolated_equity + figures.in_use)
    return known


def _account_names(assessment: Assessment) -> dict[str, Any]:
    """Figures of the account, and the sums that only venues name."""
    figures = account_figures(assessment)
    known = {field: jsonable(getattr(figures, field)) for field in figures.__struct_fields__ if field != "reasons"}
    whole = assessment.cross.get(ACCOUNT_POOL)
    if whole is not None:
        known["maintenance_with_fee_usd"] = plain(whole.risk.required)
        supported = whole.risk.available > 0
        known["initial_rate"] = plain(quotient(whole.risk.initial, whole.risk.available)) if supported else None
    return known


def _mapped(rule: str, known: Mapping[str, Any], figures: PositionFigures | None = None) -> str:
    """One venue field: a figure by name, behind an optional ``inverse:``, ``signed:``, ``cross:`` or ``isolated:``.

    A field that does not apply is the empty string, as venues print it.
    """
    how, _, name = rule.rpartition(":")
    value = known[name]
    if value is None or (figures is not None and how in ("cross", "isolated") and figures.margin_mode != how):
        return ""
    if how == "inverse":
        return plain(quotient(Decimal(1), Decimal(value))) if Decimal(value) else ""
    if how == "signed" and figures is not None and figures.side == "short":
        return plain(-Decimal(value))
    return str(value)
