"""What each position contributes: its share of equity and maintenance, its leverage, its effect on the ratio."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient, total
from crossmargin.margin.account_pool import ACCOUNT_POOL, counted_at
from crossmargin.margin.assess import Assessment
from crossmargin.margin.legs import Leg
from crossmargin.margin.pool import Risk, requirements
from crossmargin.margin.prices_usd import usd_price

__all__ = ["Share", "shares"]


class Share(Struct, frozen=True, kw_only=True):
    """One position inside its pool; None where the base is zero.

    Attributes:
        share_of_equity: Position value / what supports the pool: its effective leverage on the pool.
        share_of_maintenance: Its maintenance and fee / those of the pool.
        effective_leverage: Position value / (initial margin + floating PnL).
        ratio_without: The pool's ratio if the position were closed at mark without fee, the tiers of the others as they
            are; None: nothing required then.
    """

    share_of_equity: Decimal | None
    share_of_maintenance: Decimal | None
    effective_leverage: Decimal | None
    ratio_without: Decimal | None


@exact
def shares(assessment: Assessment) -> dict[str, Share]:
    """Contribution of every position, by position id.

    Source: docs/spec.md 2 B1.
    """
    found = {}
    for position in assessment.account.positions:
        pool = assessment.pool_of(position)
        index = next(i for i, leg in enumerate(pool.legs) if leg.holding is position)
        leg, needs = pool.legs[index], pool.requirements[index]
        price = account_price(assessment, leg.currency) if pool.isolated is None else ONE
        own = (needs.maintenance + needs.fee) * price
        risk = pool.risk
        others = [each for each in pool.legs if each is not leg]
        step = assessment.rulebook.rules.requirement_step
        prices = [account_price(assessment, each.currency) if pool.isolated is None else ONE for each in others]
        rest = list(zip(requirements(others, step), prices, strict=True))
        borrowed = assessment.sheet_of(pool).figure("borrowed") if pool.isolated is None else ZERO
        without = Risk(
            available=risk.available + (_realised(assessment, leg, price) if pool.isolated is None else ZERO),
            initial=risk.initial,
            maintenance=total(each.maintenance * price for each, price in rest) + borrowed,
            fees=total(each.fee * price for each, price in rest),
        )
        backing = leg.initial + leg.pnl
        found[position.id] = Share(
            share_of_equity=quotient(leg.value * price, risk.available) if risk.available > 0 else None,
            share_of_maintenance=quotient(own, risk.required) if risk.required else None,
            effective_leverage=quotient(leg.value, backing) if backing > 0 else None,
            ratio_without=without.ratio,
        )
    return found


def _realised(assessment: Assessment, leg: Leg, price: Decimal) -> Decimal:
    """What the account's collateral gains when a PnL that counts in full becomes cash, which counts by its slices.

    Source: docs/sources.md 5.2 (Binance), 6.1 (Bybit).
    """
    rulebook = assessment.rulebook
    if ACCOUNT_POOL not in assessment.cross or rulebook.rules.collateral_pnl == "discounted" or not leg.pnl:
        return ZERO
    sheet = assessment.sheets[leg.currency]
    cash = sheet.figure("balance") - sheet.figure("interest")
    (was, at), (now, at_now) = (
        counted_at(leg.currency, each, price, rulebook) if each else (ZERO, ZERO) for each in (cash, cash + leg.pnl)
    )
    return now * at_now - was * at - leg.pnl * price


def account_price(assessment: Assessment, currency: str) -> Decimal:
    """Factor from a leg's currency to its cross pool's: the USD price in an account pool, else 1.

    Source: docs/spec.md 2 A5.
    """
    if ACCOUNT_POOL not in assessment.cross:
        return ONE
    return usd_price(assessment.marks, currency) or ONE
