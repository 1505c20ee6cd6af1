"""The ladder as JSON: where each leg alone, and a common move of the market, would liquidate an account."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossmargin.formats.report import jsonable
from crossmargin.margin.assess import Assessment
from crossmargin.margin.liquidation_price import liquidation_prices
from crossmargin.margin.moves import market_moves
from crossmargin.margin.position_prices import bankruptcy_price, printed_liquidation_price

__all__ = ["ladder_report"]


def ladder_report(
    assessment: Assessment, betas: Mapping[str, Decimal], assumptions: tuple[str, ...] = ()
) -> dict[str, Any]:
    """What `crossmargin liq FILE --json` prints.

    Args:
        assessment: The account.
        betas: How each coin moves with the market; without any the common move is left out.
        assumptions: Those of the file.
    """
    found: dict[str, Any] = {
        "venue": assessment.rulebook.venue,
        "rulebook": assessment.rulebook.id,
        "legs": _legs(assessment),
    }
    if betas:
        found["market"] = _market(assessment, betas)
    found["assumptions"] = [*assumptions, *_held(assessment)]
    return found


def _held(assessment: Assessment) -> list[str]:
    options = [leg for pool in assessment.cross.values() for leg in pool.legs if leg.option_value]
    return ["option marks and margins stay as they are while the underlying moves"] if options else []


def _legs(assessment: Assessment) -> list[dict[str, Any]]:
    prices = liquidation_prices(assessment)
    rows = []
    for position, figures in zip(assessment.account.positions, assessment.positions, strict=True):
        price = prices[position.id]
        printed = printed_liquidation_price(assessment, position)
        row = {
            "id": position.id,
            "mark_price": figures.mark_price,
            "liquidation_price": price.price,
            "down": price.down,
            "up": price.up,
            "distance": price.distance,
            "bankruptcy_price": bankruptcy_price(assessment, position).value,
            "venue_prints": printed.value,
            "reason": price.reason or None,
            "venue_reason": printed.reason or None,
        }
        rows.append({name: jsonable(value) for name, value in row.items()})
    return rows


def _market(assessment: Assessment, betas: Mapping[str, Decimal]) -> list[dict[str, Any]]:
    return [
        {name: jsonable(getattr(each, name)) for name in each.__struct_fields__}
        for each in market_moves(assessment, dict(betas))
    ]
