"""Building pools: what supports each one, what it requires, and the entries behind both."""

from decimal import Decimal

from crossmargin.domain.account import Account, Position
from crossmargin.domain.arithmetic import quotient
from crossmargin.margin.holds import Hold, HoldKind, netting
from crossmargin.margin.legs import Leg, Requirement
from crossmargin.margin.pool import Pool, Risk, requirements, status_of
from crossmargin.margin.sheet import EntryKind, Sheet
from crossmargin.rulebook.model import Rulebook

__all__ = ["currency_pool", "isolated_margin", "isolated_pool", "write_holds", "write_leg"]


def write_holds(sheets: dict[str, Sheet], cross: dict[str, list[Leg]], holds: list[Hold], account: Account) -> None:
    """Write what live orders hold; an isolated order counts with its fee, a cross one apart from it.

    Source: docs/spec.md 1 "in use".
    """
    for hold in holds:
        sheet = sheets[hold.currency]
        if hold.kind == HoldKind.ISOLATED:
            sheet.add(EntryKind.ISOLATED_ORDER, hold.margin + hold.fee + hold.open_loss, hold)
            continue
        if hold.kind == HoldKind.CROSS:
            sheet.add(EntryKind.ORDER_MARGIN, hold.margin, hold)
        else:
            spot = hold.kind == HoldKind.SPOT
            sheet.add(EntryKind.SPOT_HOLD if spot else EntryKind.OPTION_HOLD, hold.margin, hold)
        sheet.add(EntryKind.ORDER_FEE, hold.fee, hold)
        sheet.add(EntryKind.OPEN_LOSS, hold.open_loss, hold)
    if holds:
        for currency, sheet in sheets.items():
            positions = [leg for leg in cross.get(currency, ()) if isinstance(leg.holding, Position)]
            mine = [hold for hold in holds if hold.currency == currency]
            for instrument, amount in netting(positions, mine, account.position_mode).items():
                sheet.add(EntryKind.NETTING, amount, instrument)


def currency_pool(currency: str, legs: list[Leg], sheet: Sheet, rulebook: Rulebook) -> Pool:
    """The cross pool of one currency.

    Source: docs/spec.md 1 "pool", "margin ratio"; docs/sources.md 1.1.1.
    """
    charges = requirements(legs, rulebook.rules.requirement_step)
    for leg, charge in zip(legs, charges, strict=True):
        write_leg(sheet, leg, charge)
    supports = "supports_after_holds" if rulebook.rules.ratio_deducts_holds else "supports"
    risk = Risk(
        available=sheet.figure(supports),
        initial=sheet.figure("initial_margin"),
        maintenance=sheet.figure("maintenance_margin"),
        fees=sheet.figure("liquidation_fee"),
    )
    return Pool(
        currency=currency,
        isolated=None,
        legs=tuple(legs),
        requirements=tuple(charges),
        fixed=risk.available - sheet.figure("floating_pnl"),
        risk=risk,
        ratio=risk.ratio,
        status=status_of(risk, rulebook.rules),
    )


def write_leg(sheet: Sheet, leg: Leg, charge: Requirement) -> None:
    """Write what a cross leg is worth and needs.

    Source: docs/spec.md 1.
    """
    sheet.add(EntryKind.MAINTENANCE, charge.maintenance, (leg, charge))
    sheet.add(EntryKind.CLOSING_FEE, charge.fee, (leg, charge))
    if isinstance(leg.holding, Position):
        sheet.add(EntryKind.PNL, leg.pnl, leg)
        sheet.add(EntryKind.POSITION_MARGIN, leg.initial, leg)
        sheet.add(EntryKind.EXPOSURE, leg.value, leg)
        sheet.add(EntryKind.OPTION_VALUE, leg.option_value, leg)


def isolated_pool(leg: Leg, sheet: Sheet, rulebook: Rulebook) -> Pool:
    """The pool that one isolated position is.

    Source: docs/spec.md 1 "pool"; docs/sources.md 1.1.1.
    """
    position = leg.holding
    assert isinstance(position, Position)
    margin = isolated_margin(position, leg)
    charges = requirements((leg,), rulebook.rules.requirement_step)
    sheet.add(EntryKind.ISOLATED_MARGIN, margin, leg)
    sheet.add(EntryKind.ISOLATED_PNL, leg.pnl, leg)
    sheet.add(EntryKind.ISOLATED_EXPOSURE, leg.value, leg)
    risk = Risk(
        available=margin + leg.pnl,
        initial=leg.initial,
        maintenance=charges[0].maintenance,
        fees=charges[0].fee,
    )
    return Pool(
        currency=leg.currency,
        isolated=position,
        legs=(leg,),
        requirements=tuple(charges),
        fixed=margin,
        risk=risk,
        ratio=risk.ratio,
        status=status_of(risk, rulebook.rules),
    )


def isolated_margin(position: Position, leg: Leg) -> Decimal:
    """Margin of an isolated position: as given, else entry value / leverage.

    Source: docs/spec.md 4 "isolated: margin (default entry notional / leverage)".
    """
    return quotient(leg.entry_value, position.leverage) if position.margin is None else position.margin
