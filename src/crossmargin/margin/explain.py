"""explain(assessment, figure): the labelled lines whose sum is the figure.

Sums are printed from the very entries that were added; quotients are split over their numerator's entries.
"""

from decimal import Decimal

from msgspec import Struct, structs

from crossmargin.domain.arithmetic import ZERO, exact, floor_to, plain, quotient
from crossmargin.errors import InputError
from crossmargin.margin.account_pool import ACCOUNT_POOL
from crossmargin.margin.assess import NOTHING_REQUIRED, Assessment, CurrencyFigures, PositionFigures, assess
from crossmargin.margin.holds import Hold
from crossmargin.margin.legs import Leg
from crossmargin.margin.line_texts import (
    formula_of,
    inputs_of,
    label_of,
    rule_of,
    tier_of,
)
from crossmargin.margin.liquidation_price import liquidation_price
from crossmargin.margin.position_prices import bankruptcy_price, break_even_price
from crossmargin.margin.prices_usd import usd_price
from crossmargin.margin.sheet import Entry, EntryKind
from crossmargin.margin.usd import account_figures

__all__ = ["Explanation", "Line", "explain", "explainable"]


class Line(Struct, frozen=True, kw_only=True):
    """One labelled amount.

    Attributes:
        label: What it is.
        amount: Signed contribution to the figure.
        formula: How it was computed.
        inputs: What the formula took.
        tier: Tier (from 1), where one decided.
        rule: Key of the rulebook that decided, empty where none did.
        source: Where the rule or tier was read.
    """

    label: str
    amount: Decimal
    formula: str = ""
    inputs: dict[str, Decimal | str] = {}
    tier: int | None = None
    rule: str = ""
    source: str = ""


class Explanation(Struct, frozen=True, kw_only=True):
    """A figure and the lines that add up to it; value None has a reason and no lines."""

    figure: str
    value: Decimal | None
    unit: str
    lines: tuple[Line, ...]
    reason: str = ""


_CURRENCY = tuple(name for name in CurrencyFigures.__struct_fields__ if name != "status")
_POSITION = (
    "notional", "floating_pnl", "initial_margin", "maintenance_margin", "liquidation_fee", "margin_ratio",
    "liquidation_price", "bankruptcy_price", "break_even_price", "distance",
)  # fmt: skip


def explainable(assessment: Assessment) -> tuple[str, ...]:
    """Every name that `explain` accepts for this account.

    Source: docs/spec.md 4 "explain FIGURE".
    """
    names = [f"{currency}.{name}" for currency in assessment.currencies for name in _CURRENCY]
    names += [f"{each.id}.{name}" for each in assessment.positions for name in _POSITION]
    if assessment.account_sheet is not None:
        names += [f"account.{name}" for name in _ACCOUNT]
    return (*names, "account.total_equity_usd")


@exact
def explain(assessment: Assessment, figure: str) -> Explanation:
    """Explain one figure.

    Args:
        assessment: The account; lines are computed again if it was assessed without them.
        figure: ``USDT.margin_ratio``, ``BTC-USDT-SWAP.liquidation_price`` (instrument or position id),
            ``account.total_equity_usd``; a bare name like ``in_use`` means the currency that stands worst, one that
            only positions have, like ``distance``, the only position.

    Raises:
        InputError: no such figure; the message lists what there is.

    Source: docs/spec.md 2 B8 and 4; DESIGN decision 3: the lines are the implementation.
    """
    if not any(sheet.entries is not None for sheet in assessment.sheets.values()):
        assessment = assess(assessment.account, assessment.marks, assessment.rulebook, lines=True)
    owner, _, name = figure.rpartition(".")
    if figure in ("total_equity_usd", "account.total_equity_usd"):
        return _total_usd(assessment)
    if owner == "account" and assessment.account_sheet is not None and name in _ACCOUNT:
        return _account(assessment, name)
    if not owner and name in _CURRENCY:
        owner = _worst(assessment)
    if owner in assessment.currencies and name in _CURRENCY:
        return _currency(assessment, owner, name)
    found = [each for each in assessment.positions if not owner or owner in _names(assessment, each)]
    if len(found) == 1 and name in _POSITION:
        return _position(assessment, found[0], name)
    if len(found) > 1 and name in _POSITION:
        raise InputError("explain", figure, f"say which: {', '.join(f'{each.id}.{name}' for each in found)}")
    owners = [*assessment.currencies, *(each.id for each in assessment.positions)]
    names = _POSITION if found and owner else _CURRENCY
    raise InputError(
        "explain", figure, f"expected OWNER.FIGURE: owners {', '.join(owners)}; figures {', '.join(names)}"
    )


def _names(assessment: Assessment, figures: PositionFigures) -> set[str]:
    """What a position may be called: its id, or its instrument alone; by the venue's name or the unified one."""
    unified = assessment.rulebook.instrument(figures.instrument).unified or figures.instrument
    rest = figures.id.removeprefix(figures.instrument)
    return {figures.id, figures.instrument, unified, unified + rest}


def _worst(assessment: Assessment) -> str:
    """The currency whose ratio is lowest, else the first."""
    ratios = {name: each.margin_ratio for name, each in assessment.currencies.items() if each.margin_ratio is not None}
    if ratios:
        return min(ratios, key=lambda name: ratios[name])
    if not assessment.currencies:
        raise InputError("explain", "", "the account holds nothing")
    return next(iter(assessment.currencies))


def _line(assessment: Assessment, entry: Entry) -> Line:
    rule = rule_of(entry)
    return Line(
        label=label_of(entry),
        amount=entry.amount,
        formula=formula_of(entry, assessment.rulebook.rules),
        inputs=inputs_of(entry),
        tier=tier_of(entry),
        rule=rule,
        source=_source(assessment, entry, rule),
    )


def _source(assessment: Assessment, entry: Entry, rule: str) -> str:
    if entry.kind is EntryKind.MAINTENANCE and isinstance(entry.of, tuple):
        table = entry.of[0].table
        if table is not None and table.source:
            return str(table.source)
    return assessment.rulebook.source if rule else ""


def _currency(assessment: Assessment, currency: str, name: str) -> Explanation:
    sheet, figures = assessment.sheets[currency], assessment.currencies[currency]
    value: Decimal | None = getattr(figures, name)
    if assessment.account_sheet is not None and name in ("free_margin", "available_balance", "margin_ratio"):
        return _shared(currency, name, value, assessment)
    ratios = {
        "margin_ratio": (_supports(assessment), "requires", NOTHING_REQUIRED),
        "leverage": ("cross_exposure", "supports", "balance + floating PnL is not above zero"),
        "exposure_ratio": ("equity", "exposure", "no position is open"),
    }
    if name in ratios:
        above, below, reason = ratios[name]
        if value is None:
            return Explanation(figure=f"{currency}.{name}", value=None, unit="", lines=(), reason=reason)
        lines = _divided(assessment, sheet.entries_of(above), sheet.figure(below), value, below)
        return Explanation(figure=f"{currency}.{name}", value=value, unit="", lines=lines)
    assert value is not None
    shown = "uncommitted" if name in ("free_margin", "available_balance") else name
    lines = tuple(_line(assessment, entry) for entry in sheet.entries_of(shown))
    if name == "available_balance":
        lines = (*lines, _gains_left_out(assessment, figures.floating_pnl))
    return _summed(f"{currency}.{name}", value, currency, lines, "not below zero")


_ACCOUNT = {
    "adjusted_equity": "adjusted_equity",
    "initial_margin_usd": "account_initial",
    "maintenance_margin_usd": "account_maintenance",
    "margin_ratio": "adjusted_equity",
}


def _account(assessment: Assessment, name: str) -> Explanation:
    """A figure of an account that is one pool in USD."""
    sheet, pool = assessment.account_sheet, assessment.cross[ACCOUNT_POOL]
    assert sheet is not None
    figure, shown = f"account.{name}", _ACCOUNT[name]
    if name == "margin_ratio":
        if pool.ratio is None:
            return Explanation(figure=figure, value=None, unit="", lines=(), reason=NOTHING_REQUIRED)
        lines = _divided(assessment, sheet.entries_of(shown), pool.risk.required, pool.ratio, "requires")
        return Explanation(figure=figure, value=pool.ratio, unit="", lines=lines)
    lines = tuple(_in_usd(assessment, entry) for entry in sheet.entries_of(shown))
    return _summed(figure, sheet.figure(shown), "USD", lines, "rounding")


def _in_usd(assessment: Assessment, entry: Entry) -> Line:
    """A line of the account: what a leg or an order brings was multiplied by the price of its currency."""
    line = _line(assessment, entry)
    of = entry.of[0] if isinstance(entry.of, tuple) else entry.of
    price = usd_price(assessment.marks, of.currency) if isinstance(of, Leg | Hold) else None
    if price is None:
        return line
    return structs.replace(line, formula=f"{line.formula}, x USD price", inputs={**line.inputs, "USD price": price})


def _shared(currency: str, name: str, value: Decimal | None, assessment: Assessment) -> Explanation:
    """What a currency takes from the account's pool."""
    figure = f"{currency}.{name}"
    if value is None:
        reason = "the account is one pool: see account.margin_ratio"
        return Explanation(figure=figure, value=None, unit="", lines=(), reason=reason)
    risk = assessment.cross[ACCOUNT_POOL].risk
    inputs: dict[str, Decimal | str] = {"adjusted equity": risk.available, "initial margin": risk.initial}
    formula = "max(0, adjusted equity - initial margin) / USD price"
    if name == "available_balance":
        formula += ", at most the balance less holds"
    line = Line(label="free margin of the account", amount=value, formula=formula, inputs=inputs)
    return Explanation(figure=figure, value=value, unit=currency, lines=(line,))


def _gains_left_out(assessment: Assessment, floating: Decimal) -> Line:
    """What sets the available balance apart from the free margin, under the rulebook's rule; often nothing."""
    rulebook = assessment.rulebook
    left_out = rulebook.rules.available_balance == "without_gains"
    return Line(
        label="unrealised gains left out" if left_out else "unrealised gains count",
        amount=-max(ZERO, floating) if left_out else ZERO,
        formula="min(0, floating PnL) in place of floating PnL" if left_out else "as free margin",
        rule="available_balance",
        source=rulebook.source,
    )


def _supports(assessment: Assessment) -> str:
    return "supports_after_holds" if assessment.rulebook.rules.ratio_deducts_holds else "supports"


def _summed(figure: str, value: Decimal, unit: str, lines: tuple[Line, ...], rest: str) -> Explanation:
    """Add a last line where a floor or rounding separates the sum from the figure."""
    gap = value - sum((line.amount for line in lines), ZERO)
    if gap:
        lines = (*lines, Line(label=rest, amount=gap))
    return Explanation(figure=figure, value=value, unit=unit, lines=lines)


def _divided(
    assessment: Assessment, entries: list[Entry], below: Decimal, value: Decimal, name: str
) -> tuple[Line, ...]:
    """Each numerator entry over the denominator; what rounding leaves is a line of its own."""
    parts = [quotient(entry.amount, below) for entry in entries]
    # Four digits fewer than the figure has, so that adding the lines up is exact at 28 digits too.
    step = Decimal(1).scaleb(max((part.adjusted() for part in (*parts, value) if part), default=0) - 23)
    lines = []
    for entry, part in zip(entries, parts, strict=True):
        inputs: dict[str, Decimal | str] = {"amount": entry.amount, name: below}
        share = floor_to(part, step)
        lines.append(Line(label=label_of(entry), amount=share, formula=f"amount / {name}", inputs=inputs))
    return _summed("", value, "", tuple(lines), "rounding of the quotients").lines


def _position(assessment: Assessment, figures: PositionFigures, name: str) -> Explanation:
    position = next(each for each in assessment.account.positions if each.id == figures.id)
    pool = assessment.pool_of(position)
    index = next(i for i, leg in enumerate(pool.legs) if leg.holding is position)
    leg, charge = pool.legs[index], pool.requirements[index]
    figure = f"{figures.id}.{name}"
    if name == "margin_ratio":
        if pool.isolated is None:
            account = assessment.account_sheet is not None
            return _account(assessment, name) if account else _currency(assessment, pool.currency, name)
        value = pool.risk.ratio
        if value is None:
            return Explanation(figure=figure, value=None, unit="", lines=(), reason=NOTHING_REQUIRED)
        entries = [
            Entry(EntryKind.ISOLATED_MARGIN, pool.fixed, leg),
            Entry(EntryKind.ISOLATED_PNL, leg.pnl, leg),
        ]
        return Explanation(
            figure=figure,
            value=value,
            unit="",
            lines=_divided(assessment, entries, pool.risk.required, value, "requires"),
        )
    kinds = {
        "notional": (EntryKind.EXPOSURE, leg.value, leg),
        "floating_pnl": (EntryKind.PNL, figures.floating_pnl, leg),
        "initial_margin": (EntryKind.POSITION_MARGIN, figures.initial_margin, leg),
        "maintenance_margin": (EntryKind.MAINTENANCE, charge.maintenance, (leg, charge)),
        "liquidation_fee": (EntryKind.CLOSING_FEE, charge.fee, (leg, charge)),
    }
    if name in kinds:
        line = _line(assessment, Entry(*kinds[name]))
        return Explanation(figure=figure, value=line.amount, unit=leg.currency, lines=(line,))
    return _price(assessment, figures, name)


def _price(assessment: Assessment, figures: PositionFigures, name: str) -> Explanation:
    position = next(each for each in assessment.account.positions if each.id == figures.id)
    figure, unit = f"{figures.id}.{name}", assessment.rulebook.instrument(figures.instrument).quote
    if name in ("liquidation_price", "distance"):
        return _liquidation(assessment, figures, name)
    found = (bankruptcy_price if name == "bankruptcy_price" else break_even_price)(assessment, position)
    if found.value is None:
        return Explanation(figure=figure, value=None, unit=unit, lines=(), reason=found.reason)
    if name == "bankruptcy_price":
        mark = Line(label="mark price", amount=figures.mark_price)
        move = Line(
            label="move until nothing supports the pool",
            amount=found.value - figures.mark_price,
            formula="available / change of PnL per unit of price",
            inputs={"available": assessment.pool_of(position).risk.available},
        )
        return Explanation(figure=figure, value=found.value, unit=unit, lines=(mark, move))
    entry = Line(label="entry price", amount=figures.entry_price)
    rule = assessment.rulebook.rules.break_even
    fees = Line(
        label="fees and what was realised, per unit",
        amount=found.value - figures.entry_price,
        formula=rule.replace("_", " "),
        inputs={"taker fee": assessment.rulebook.instrument(figures.instrument).taker_fee or ZERO},
        rule="break_even",
        source=assessment.rulebook.source,
    )
    return Explanation(figure=figure, value=found.value, unit=unit, lines=(entry, fees))


def _liquidation(assessment: Assessment, figures: PositionFigures, name: str) -> Explanation:
    """Mark price, then one line for the way through each tier until the ratio reaches the trigger."""
    position = next(each for each in assessment.account.positions if each.id == figures.id)
    found = liquidation_price(assessment, position)
    figure, unit = f"{figures.id}.{name}", assessment.rulebook.instrument(figures.instrument).quote
    if found.price is None or found.crossing is None or found.distance is None:
        return Explanation(figure=figure, value=None, unit=unit, lines=(), reason=found.reason)
    mark = figures.mark_price
    if name == "distance":
        inputs: dict[str, Decimal | str] = {"liquidation price": found.price, "mark": mark}
        line = Line(label="distance", amount=found.distance, formula="|liquidation - mark| / mark", inputs=inputs)
        return Explanation(figure=figure, value=found.distance, unit="", lines=(line,))
    pool = assessment.pool_of(position)
    steps = [Line(label="mark price", amount=mark)]
    inputs = {"available": pool.risk.available, "required": pool.risk.required}
    before = mark
    for move in found.crossing.bounds:
        price = move.price(mark)
        steps.append(Line(label=f"move to the tier bound at {plain(price)}", amount=price - before, inputs=inputs))
        before = price
    steps.append(
        Line(
            label="the requirement jumps here" if found.crossing.jump else "move until available = required",
            amount=found.price - before,
            formula="surplus / change of surplus per unit of price",
            inputs=inputs,
            rule="trigger",
            source=assessment.rulebook.source,
        )
    )
    return Explanation(figure=figure, value=found.price, unit=unit, lines=tuple(steps))


def _total_usd(assessment: Assessment) -> Explanation:
    figures = account_figures(assessment)
    name = "account.total_equity_usd"
    value = figures.total_equity_usd
    if value is None:
        return Explanation(figure=name, value=None, unit="USD", lines=(), reason=figures.reasons[name])
    lines = []
    for currency, each in assessment.currencies.items():
        price = usd_price(assessment.marks, currency)
        if price is not None:
            inputs: dict[str, Decimal | str] = {"equity": each.equity, "USD price": price}
            lines.append(
                Line(
                    label=f"{currency} equity",
                    amount=each.equity * price,
                    formula="equity x USD price",
                    inputs=inputs,
                )
            )
    return Explanation(figure=name, value=value, unit="USD", lines=tuple(lines))
