"""USD price of a currency by the venue's chain."""

from decimal import Decimal

from crossmargin.domain.arithmetic import ONE, exact
from crossmargin.domain.marks import Marks

__all__ = ["usd_price"]

_BRIDGES = ("USDT", "USDC", "BTC")


@exact
def usd_price(marks: Marks, currency: str) -> Decimal | None:
    """USD price of a currency, None when no chain of prices reaches USD.

    In this order: its USD price ([fx], or index X-USD), its USDT pair x USDT/USD, its USDC pair x USDC/USD, its BTC
    pair x BTC/USD. A pair is looked up in the index, then in marks and last prices.

    Source: docs/spec.md 1 "total equity in USD".

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


def _pair(marks: Marks, currency: str, quote: str) -> Decimal | None:
    name = f"{currency}-{quote}"
    return marks.index.get(name) or marks.mark.get(name) or marks.last.get(name)
