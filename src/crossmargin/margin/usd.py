"""USD values by the venue's price chain."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.arithmetic import ZERO, exact
from crossmargin.margin.account_pool import ACCOUNT_POOL
from crossmargin.margin.assess import NOTHING_REQUIRED, Assessment
from crossmargin.margin.prices_usd import usd_price

__all__ = ["AccountFigures", "account_figures"]


class AccountFigures(Struct, frozen=True, kw_only=True):
    """The whole account in USD; None with a reason where a price is missing or the mode has no such figure."""

    total_equity_usd: Decimal | None
    adjusted_equity: Decimal | None
    initial_margin_usd: Decimal | None
    maintenance_margin_usd: Decimal | None
    margin_ratio: Decimal | None
    status: str
    reasons: dict[str, str]


@exact
def account_figures(assessment: Assessment) -> AccountFigures:
    """Equity and margins of all currencies in USD.

        total = sum over currencies of amount x USD price

    Source: docs/spec.md 1 and 4 "account". In single-currency mode there is no account-wide ratio: each currency is its
    own pool, `status` is that of the worst.
    """
    reasons = {
        "account.adjusted_equity": "single-currency mode: collateral is not shared between currencies",
        "account.margin_ratio": "single-currency mode: each currency is its own pool, see currencies",
    }
    prices = {currency: usd_price(assessment.marks, currency) for currency in assessment.currencies}
    missing = [
        currency
        for currency, figures in assessment.currencies.items()
        if prices[currency] is None and (figures.equity or figures.initial_margin)
    ]
    if missing:
        reason = f"no USD price of {', '.join(missing)}: add [fx] {missing[0]} = ..."
        names = ("total_equity_usd", "initial_margin_usd", "maintenance_margin_usd")
        reasons.update({f"account.{name}": reason for name in names})

    def in_usd(name: str) -> Decimal | None:
        if missing:
            return None
        amounts = [(getattr(each, name), prices[currency]) for currency, each in assessment.currencies.items()]
        return sum((amount * price for amount, price in amounts if price is not None), ZERO)

    whole = assessment.cross.get(ACCOUNT_POOL)
    if whole is not None:
        reasons.pop("account.adjusted_equity")
        reasons["account.margin_ratio"] = NOTHING_REQUIRED
        return AccountFigures(
            total_equity_usd=in_usd("equity"),
            adjusted_equity=whole.risk.available,
            initial_margin_usd=whole.risk.initial,
            maintenance_margin_usd=whole.risk.maintenance,
            margin_ratio=whole.ratio,
            status=assessment.status,
            reasons={
                name: why for name, why in reasons.items() if name != "account.margin_ratio" or whole.ratio is None
            },
        )
    return AccountFigures(
        total_equity_usd=in_usd("equity"),
        adjusted_equity=None,
        initial_margin_usd=in_usd("initial_margin"),
        maintenance_margin_usd=in_usd("maintenance_margin"),
        margin_ratio=None,
        status=assessment.status,
        reasons=reasons,
    )
