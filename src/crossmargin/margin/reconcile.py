"""Reconciliation: our figures beside those a venue reported, each difference with its likely cause."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec
from msgspec import Struct

from crossmargin.domain.account import Account, Position
from crossmargin.domain.arithmetic import ZERO, exact, floor_to, plain, quotient
from crossmargin.domain.marks import Marks
from crossmargin.margin.assess import Assessment, PositionFigures, assess
from crossmargin.margin.position_prices import printed_liquidation_price
from crossmargin.rulebook.model import Rulebook

__all__ = ["Difference", "Reported", "reconcile"]

_SMALL = Decimal("1e-6")
_STEP, _HALF_STEP = Decimal("0.000001"), Decimal("0.0000005")


class Reported(Struct, frozen=True, kw_only=True):
    """What a venue says of one position, under our names.

    Attributes:
        instrument: Venue id or unified name.
        side: ``long`` or ``short``.
        figures: Reported figures by our names: notional, floating_pnl, initial_margin, maintenance_margin,
            margin_ratio, liquidation_price, mark_price, entry_price, contracts, leverage.
    """

    instrument: str
    side: str
    figures: dict[str, Decimal]


class Difference(Struct, frozen=True, kw_only=True):
    """One figure of one position, ours and theirs.

    Attributes:
        position: Position id.
        figure: Our name.
        ours: What we compute, None where we have none.
        reported: What the venue says.
        difference: Ours minus theirs.
        cause: ``agrees``, or the likely cause.
    """

    position: str
    figure: str
    ours: Decimal | None
    reported: Decimal
    difference: Decimal | None
    cause: str


@exact
def reconcile(
    account: Account, marks: Marks, rulebook: Rulebook, reported: tuple[Reported, ...]
) -> tuple[Difference, ...]:
    """Compare every reported figure with ours.

    A figure agrees within 1e-6 of its size. For one that does not, causes are tried in this order: another mark (ours
    computed again at the venue's mark agrees), another tier (the reported maintenance over the notional is another rate
    than ours), a fee (the difference is the closing fee), the entry price; else it stays unexplained.

    Source: docs/spec.md 2 B9.
    """
    theirs = {rulebook.instrument(each.instrument).id: each for each in reported}
    new_marks = {
        name: each.figures["mark_price"] for name, each in theirs.items() if each.figures.get("mark_price", ZERO) > 0
    }
    here = assess(account, marks, rulebook)
    there = assess(account, msgspec.structs.replace(marks, mark={**marks.mark, **new_marks}), rulebook)
    found = []
    for position, mine, again in zip(account.positions, here.positions, there.positions, strict=True):
        said = _said(position, mine, reported, rulebook)
        if said is None:
            continue
        ours, at_their_mark = _figures(here, position, mine), _figures(there, position, again)
        for name, value in said.figures.items():
            if name in ours:
                found.append(_difference(position, name, value, ours, at_their_mark, mine, said.figures))
    return tuple(found)


def _said(
    position: Position, mine: PositionFigures, reported: tuple[Reported, ...], rulebook: Rulebook
) -> Reported | None:
    for each in reported:
        if rulebook.instrument(each.instrument).id == mine.instrument and each.side == position.side:
            return each
    return None


def _figures(assessment: Assessment, position: Position, mine: PositionFigures) -> dict[str, Decimal | None]:
    printed = printed_liquidation_price(assessment, position)
    names = ("notional", "floating_pnl", "initial_margin", "maintenance_margin", "margin_ratio", "mark_price",
             "entry_price", "contracts", "leverage")  # fmt: skip
    return {**{name: getattr(mine, name) for name in names}, "liquidation_price": printed.value}


def _difference(
    position: Position, name: str, value: Decimal, ours: Mapping[str, Decimal | None],
    at_their_mark: Mapping[str, Decimal | None], mine: PositionFigures, said: Mapping[str, Decimal],
) -> Difference:  # fmt: skip
    own = ours[name]
    gap = None if own is None else own - value
    cause = "we have no such figure" if own is None else _cause(name, value, ours, at_their_mark, mine, said)
    return Difference(position=position.id, figure=name, ours=own, reported=value, difference=gap, cause=cause)


def _cause(
    name: str, value: Decimal, ours: Mapping[str, Decimal | None], at_their_mark: Mapping[str, Decimal | None],
    mine: PositionFigures, said: Mapping[str, Decimal],
) -> str:  # fmt: skip
    own = ours[name]
    assert own is not None
    if _near(own, value):
        return "agrees"
    again = at_their_mark[name]
    if again is not None and _near(again, value) and name != "mark_price":
        return f"other mark: agrees at the venue's {plain(said['mark_price'])}"
    if name == "mark_price":
        return "other mark"
    if name == "entry_price" and "entry_price" in said:
        return "other entry price"
    return _rule_cause(name, value, again if again is not None else own, mine, said)


def _rule_cause(name: str, value: Decimal, own: Decimal, mine: PositionFigures, said: Mapping[str, Decimal]) -> str:
    """What is left when prices agree: a fee, a tier, or what the file leaves out."""
    if name == "maintenance_margin" and _near(own + mine.liquidation_fee, value):
        return "fee: the venue counts the closing fee in"
    theirs = said.get("notional", mine.notional)
    follows = name in ("maintenance_margin", "margin_ratio", "liquidation_price")
    if follows and "maintenance_margin" in said and theirs:
        rate = quotient(said["maintenance_margin"], abs(theirs))
        own_rate = quotient(mine.maintenance_margin, mine.notional)
        if not _near(rate, own_rate):
            return f"stale or other tier: the venue charges {plain(_short(rate))}, ours {plain(_short(own_rate))}"
    if name in ("margin_ratio", "liquidation_price") and mine.liquidation_fee:
        return "fee rate, or orders and balances that the file leaves out"
    return "unexplained"


def _near(ours: Decimal, theirs: Decimal) -> bool:
    return abs(ours - theirs) <= _SMALL * max(abs(ours), abs(theirs), _SMALL)


def _short(rate: Decimal) -> Decimal:
    """A rate to six places, for a sentence."""
    return floor_to(rate + _HALF_STEP, _STEP)
