"""What each position contributes: its share of equity and maintenance, its leverage, its effect on the ratio."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.arithmetic import exact, quotient, total
from crossmargin.margin.assess import Assessment
from crossmargin.margin.pool import Risk, requirements

__all__ = ["Share", "shares"]


class Share(Struct, frozen=True, kw_only=True):
    """One position inside its pool; None where the base is zero.

    Attributes:
        share_of_equity: Position value / what supports the pool: its effective leverage on the pool.
        share_of_maintenance: Its maintenance and fee / those of the pool.
        effective_leverage: Position value / (initial margin + floating PnL).
        ratio_without: The pool's ratio if the position were closed at mark without fee; None: nothing required then.
    """

    share_of_equity: Decimal | None
    share_of_maintenance: Decimal | None
    effective_leverage: Decimal | None
    ratio_without: Decimal | None


@exact
def shares(assessment: Assessment) -> dict[str, Share]:
    """Contribution of every position, by position id.

    Source: SPEC 2 B1.
    """
    found = {}
    for position in assessment.account.positions:
        pool = assessment.pool_of(position)
        index = next(i for i, leg in enumerate(pool.legs) if leg.holding is position)
        leg, needs = pool.legs[index], pool.requirements[index]
        own = needs.maintenance + needs.fee
        risk = pool.risk
        rest = requirements(each for each in pool.legs if each is not leg)
        without = Risk(
            available=risk.available,
            initial=risk.initial,
            maintenance=total(each.maintenance for each in rest),
            fees=total(each.fee for each in rest),
        )
        backing = leg.initial + leg.pnl
        found[position.id] = Share(
            share_of_equity=quotient(leg.value, risk.available) if risk.available > 0 else None,
            share_of_maintenance=quotient(own, risk.required) if risk.required else None,
            effective_leverage=quotient(leg.value, backing) if backing > 0 else None,
            ratio_without=without.ratio,
        )
    return found
