"""Collateral shared by several currencies: what is left of it for one of them."""

from collections.abc import Iterable
from decimal import Decimal

from crossmargin.domain.arithmetic import ZERO, exact, quotient

__all__ = ["collateral_left", "exchange_needed"]


@exact
def collateral_left(holdings: Iterable[tuple[Decimal, Decimal]], *, maintenance_elsewhere: Decimal = ZERO) -> Decimal:
    """Value of all collateral less the maintenance margin that positions in other currencies already claim.

        sum of amount x price - maintenance elsewhere

    Args:
        holdings: Amount and price of each asset; the prices in the currency asked about.
        maintenance_elsewhere: Maintenance margin of positions outside that currency, converted into it.

    Returns:
        The currency asked about; negative when more is claimed than there is.

    Source: Binance credits FAQ, LEAN's tests of it. Haircuts (docs/sources.md 5.2) belong in the prices.

    >>> collateral_left([(Decimal(1000), Decimal(1)), (Decimal("0.5"), Decimal(16_000))],
    ...                 maintenance_elsewhere=Decimal(640))
    Decimal('8360.0')
    """
    return sum((amount * price for amount, price in holdings), ZERO) - maintenance_elsewhere


@exact
def exchange_needed(debt: Decimal, *, ratio: Decimal) -> Decimal:
    """Collateral that an automatic exchange sells to pay a debt, when it counts at a ratio below 1: debt / ratio.

    Args:
        debt: What is owed, zero or more.
        ratio: Exchange ratio of the collateral, 0 to 1, above zero.

    Returns:
        Collateral of the same worth, half-even to 28 digits.

    Source: docs/sources.md 5.2, vector bn-multi-asset-haircut (Binance).

    >>> exchange_needed(Decimal("19506.435"), ratio=Decimal("0.975"))
    Decimal('20006.6')
    """
    return quotient(debt, ratio)
