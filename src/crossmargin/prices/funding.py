"""Funding of perpetuals: the rate that a premium gives, and what one settlement pays."""

from decimal import Decimal

from crossmargin.domain.account import Side
from crossmargin.domain.arithmetic import exact, scaled

__all__ = ["funding_payment", "funding_rate"]


@exact
def funding_payment(side: Side, *, value: Decimal, rate: Decimal) -> Decimal:
    """What a position receives at one settlement; negative when it pays.

        - s x value x rate          (longs pay shorts while the rate is positive)

    Args:
        side: Direction of the position.
        value: Position value at the mark price, settlement currency, zero or more.
        rate: Rate of this settlement, a fraction of the value.

    Returns:
        Settlement currency, unrounded.

    Source: research/venues.md 1.6 (OKX), 4.6 (Binance).

    >>> funding_payment(Side.LONG, value=Decimal(20), rate=Decimal("0.0001"))
    Decimal('-0.0020')
    """
    return -side.sign * value * rate


@exact
def funding_rate(
    premium: Decimal, *, interest: Decimal, band: Decimal, interval: Decimal, full_interval: Decimal
) -> Decimal:
    """Rate of one settlement from the average premium over its interval.

        (premium + clamp(interest - premium, -band, +band)) x interval / full interval

    Args:
        premium: Average premium of the contract over the index, a fraction.
        interest: Interest rate of a full interval, a fraction (0.0001 on most contracts).
        band: How far interest may pull the rate away from the premium, zero or more (0.0005).
        interval: Time between two settlements of this contract.
        full_interval: The time that premium and interest are quoted for, same unit (8 hours), above zero.

    Returns:
        A fraction of position value for one settlement, half-even to 28 digits.

    Source: research/venues.md 4.6 (Binance since September 2025), 1.6 (OKX); vector bn-funding-rule.

    >>> funding_rate(Decimal("0.001"), interest=Decimal("0.0001"), band=Decimal("0.0005"),
    ...              interval=Decimal(4), full_interval=Decimal(8))
    Decimal('0.00025')
    """
    pulled = premium + min(band, max(-band, interest - premium))
    return scaled(pulled, interval, full_interval)
