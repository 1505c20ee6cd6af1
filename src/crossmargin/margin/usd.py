"""USD values by the venue's price chain."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.arithmetic import ONE, ZERO, exact
from crossmargin.domain.marks import Marks
from crossmargin.margin.assess import Assessment

__all__ = ["AccountFigures", "account_figures", "usd_price"]

_BRIDGES = ("USDT", "USDC", "BTC")


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
def usd_price(marks: Marks, currency: str) -> Decimal | None:
    """USD price of a currency, None when no chain of prices reaches USD.

    In this order: its USD price ([fx], or index X-USD), its USDT pair x USDT/USD, its USDC pair x USDC/USD, its BTC
    pair x BTC/USD. A pair is looked up in the index, then in marks and last prices.

    Source: SPEC 1 "total equity in USD".

    >>> usd_price(Marks(fx={"USDT": Decimal("0.9997")}, index={"ETH-USDT": Decimal(3000)}), "ETH")
    Decimal('2999.1000')
    """
    if currency == "USD":
        return ONE
    direct = marks.fx.get(currency) or marks.index.get(f"{currency}-USD")
    if direct is not None:
        return direct
    for bridge in _BRIDGES:
        pair = _pair(marks, currency, bridge) if currency != bridge else None
        if pair is None:
            continue
        bridged = marks.fx.get(bridge) or marks.index.get(f"{bridge}-USD")
        if bridged is None and bridge == "BTC":
            bridged = usd_price(marks, "BTC") if _pair(marks, "BTC", "USDT") else None
        if bridged is not None:
            return pair * bridged
    return None


@exact
def account_figures(assessment: Assessment) -> AccountFigures:
    """Equity and margins of all currencies in USD.

        total = sum over currencies of amount x USD price

    Source: SPEC 1 and 4 "account". In single-currency mode there is no account-wide ratio: each currency is its own
    pool, `status` is that of the worst.
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

    return AccountFigures(
        total_equity_usd=in_usd("equity"),
        adjusted_equity=None,
        initial_margin_usd=in_usd("initial_margin"),
        maintenance_margin_usd=in_usd("maintenance_margin"),
        margin_ratio=None,
        status=assessment.status,
        reasons=reasons,
    )


def _pair(marks: Marks, currency: str, quote: str) -> Decimal | None:
    name = f"{currency}-{quote}"
    return marks.index.get(name) or marks.mark.get(name) or marks.last.get(name)
