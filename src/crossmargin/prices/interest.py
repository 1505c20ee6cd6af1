"""Interest on borrowed coins."""

from decimal import ROUND_CEILING, Decimal

from crossmargin.domain.arithmetic import ONE, ceil_to, exact, quotient, scaled

__all__ = ["borrowing_interest", "charged_hours", "rollover_interest"]

_HOURS_A_DAY = Decimal(24)


def charged_hours(hours: Decimal) -> Decimal:
    """Hours that are charged for: every hour begun counts whole.

    Source: Binance margin interest as reproduced in freqtrade's tests; docs/sources.md 1.3.2.

    >>> charged_hours(Decimal("4.9"))
    Decimal('5')
    """
    return hours.to_integral_value(ROUND_CEILING)


@exact
def borrowing_interest(borrowed: Decimal, *, daily_rate: Decimal, hours: Decimal) -> Decimal:
    """Interest on an amount borrowed for some hours.

        borrowed x daily rate x hours rounded up / 24

    Args:
        borrowed: Amount, zero or more.
        daily_rate: Interest of a day, a fraction.
        hours: Time since the loan was taken, zero or more.

    Returns:
        The currency borrowed; half-even to 28 digits.

    Source: Binance margin interest as reproduced in freqtrade's tests; docs/sources.md 1.3.2.

    >>> borrowing_interest(Decimal(60), daily_rate=Decimal("0.0005"), hours=Decimal("0.2"))
    Decimal('0.00125')
    """
    return scaled(borrowed * daily_rate, charged_hours(hours), _HOURS_A_DAY)


@exact
def rollover_interest(borrowed: Decimal, *, period_rate: Decimal, hours: Decimal, period: Decimal) -> Decimal:
    """Interest where the loan is charged once when it is taken and once for every period begun since.

        borrowed x rate x (1 + hours / period rounded up)

    Args:
        borrowed: Amount, zero or more.
        period_rate: Interest of one period, a fraction.
        hours: Time since the loan was taken, zero or more.
        period: Length of a period in hours, above zero.

    Returns:
        The currency borrowed.

    Source: Kraken margin fees as reproduced in freqtrade's tests (4 hours).

    >>> rollover_interest(Decimal(60), period_rate=Decimal("0.00025"), hours=Decimal(5), period=Decimal(4))
    Decimal('0.04500')
    """
    return borrowed * period_rate * (ONE + quotient(ceil_to(hours, period), period))
