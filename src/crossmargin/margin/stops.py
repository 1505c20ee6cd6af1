"""Stops: whether a stop or the liquidation comes first, and a price that leaves before the liquidation."""

from decimal import Decimal

from crossmargin.domain.arithmetic import exact

__all__ = ["first_exit", "liquidated_first", "price_before_liquidation"]


def liquidated_first(stop: Decimal, liquidation: Decimal | None, *, falling: bool) -> bool:
    """Whether a price on its way to a stop meets the liquidation price before it, or at the same time.

        falling:  liquidation >= stop        rising:  liquidation <= stop

    Args:
        stop: Trigger price of the stop, quote currency per unit of base.
        liquidation: Liquidation price on the same side of the mark; None when there is none.
        falling: Whether the price comes from above.

    Source: docs/spec.md 2 B6 ("whether liquidation comes first").

    >>> liquidated_first(Decimal(90), Decimal(80), falling=True)
    False
    """
    if liquidation is None:
        return False
    return liquidation >= stop if falling else liquidation <= stop


def first_exit(stop: Decimal, liquidation: Decimal | None, *, falling: bool) -> Decimal:
    """Price at which a position is out: the stop, or the liquidation that comes before it.

        falling:  max(stop, liquidation)        rising:  min(stop, liquidation)

    Source: docs/spec.md 2 B6; freqtrade's published cases of a stop beside a liquidation price.

    >>> first_exit(Decimal("2.2"), Decimal("3.8"), falling=False)
    Decimal('2.2')
    """
    if liquidation is not None and liquidated_first(stop, liquidation, falling=falling):
        return liquidation
    return stop


@exact
def price_before_liquidation(liquidation: Decimal, *, entry_price: Decimal, share: Decimal) -> Decimal:
    """Price that lies a share of the way from the liquidation price back to the entry price.

        liquidation + share x (entry - liquidation)

    Args:
        liquidation: Liquidation price, quote currency per unit of base.
        entry_price: Average open price; above the liquidation price of a long, below that of a short.
        share: 0 is the liquidation price itself, 1 the entry price.

    Source: docs/spec.md 2 B6; the liquidation buffer of freqtrade's published cases.

    >>> price_before_liquidation(Decimal(80), entry_price=Decimal(100), share=Decimal("0.05"))
    Decimal('81.00')
    """
    return liquidation + share * (entry_price - liquidation)
