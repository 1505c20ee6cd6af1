"""Mark price of a perpetual: the median of a funding price, a basis price and the contract's own."""

from decimal import Decimal

from crossmargin.domain.arithmetic import exact, scaled

__all__ = ["basis_price", "funding_price", "median_price", "oracle_mark"]


@exact
def funding_price(index: Decimal, *, rate: Decimal, time_left: Decimal, interval: Decimal) -> Decimal:
    """Index plus the part of the last funding rate that is still to come ("price 1").

        index x (1 + rate x time left / interval)

    Args:
        index: Index price, quote currency per unit of base.
        rate: Last funding rate, a fraction for one interval.
        time_left: Time until the next funding, in the unit of interval.
        interval: Time between two fundings, above zero.

    Returns:
        Quote currency per unit of base; only the quotient is rounded, to 28 digits.

    Source: docs/sources.md 4.6 (Binance), vectors bn-mark-price1 and bn-mark-median.

    >>> funding_price(Decimal(10_000), rate=Decimal("0.0003"), time_left=Decimal(4), interval=Decimal(8))
    Decimal('10001.5000')
    """
    return index + scaled(index * rate, time_left, interval)


@exact
def basis_price(index: Decimal, *, basis_average: Decimal) -> Decimal:
    """Index plus the moving average of its distance to the middle of the book ("price 2").

        index + average of ((bid + ask) / 2 - index)

    Args:
        index: Index price, quote currency per unit of base.
        basis_average: The average, same unit, of either sign.

    Returns:
        Quote currency per unit of base.

    Source: docs/sources.md 4.6 (Binance) and 1.6 (OKX: this alone is the mark).

    >>> basis_price(Decimal(10_000), basis_average=Decimal(3))
    Decimal('10003')
    """
    return index + basis_average


def median_price(first: Decimal, second: Decimal, third: Decimal) -> Decimal:
    """The middle one of three prices, so that no single one can move the mark alone.

    Source: docs/sources.md 4.6 (Binance), vector bn-mark-median.

    >>> median_price(Decimal(10_001), Decimal(10_007), Decimal(10_003))
    Decimal('10003')
    """
    return sorted((first, second, third))[1]


def oracle_mark(anchored: Decimal, *, bid: Decimal, ask: Decimal, last: Decimal, elsewhere: Decimal) -> Decimal:
    """Mark price as a median of three, one of which is itself the median of the own book's bid, ask and last price.

        median(anchored, median(bid, ask, last), elsewhere)

    Args:
        anchored: Oracle price plus the moving average of the distance to it (`basis_price`).
        bid: Best bid.
        ask: Best ask.
        last: Last price.
        elsewhere: Weighted median of the same contract on other venues.

    Source: docs/sources.md 7.6, vector hl-mark-median (Hyperliquid).

    >>> oracle_mark(Decimal(102), bid=Decimal(98), ask=Decimal(101), last=Decimal(109), elsewhere=Decimal(95))
    Decimal('101')
    """
    return median_price(anchored, median_price(bid, ask, last), elsewhere)
