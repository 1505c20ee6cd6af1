"""Funding of perpetuals: the rate that a premium gives, and what one settlement pays."""

from collections.abc import Sequence
from decimal import Decimal

from crossmargin.domain.account import Side
from crossmargin.domain.arithmetic import ZERO, exact, floor_to, quotient, scaled

__all__ = [
    "damped_premium",
    "funding_cap",
    "funding_index_change",
    "funding_payment",
    "funding_rate",
    "impact_notional",
    "index_settlement",
    "interest_component",
    "median_premium",
    "weighted_premium",
]


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

    Source: docs/sources.md 1.6 (OKX), 4.6 (Binance).

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

    Source: docs/sources.md 4.6 (Binance since September 2025), 1.6 (OKX); vector bn-funding-rule.

    >>> funding_rate(Decimal("0.001"), interest=Decimal("0.0001"), band=Decimal("0.0005"),
    ...              interval=Decimal(4), full_interval=Decimal(8))
    Decimal('0.00025')
    """
    pulled = premium + min(band, max(-band, interest - premium))
    return scaled(pulled, interval, full_interval)


@exact
def weighted_premium(samples: Sequence[Decimal]) -> Decimal:
    """Average premium of an interval: sample i weighs i, so that the newest counts most.

        (1 x p1 + 2 x p2 + ... + n x pn) / (1 + 2 + ... + n)

    Args:
        samples: Premiums over the index, oldest first, at least one.

    Returns:
        A fraction, half-even to 28 digits.

    Source: docs/sources.md 4.6 (Binance), 6.6 (Bybit), vector by-funding-weights.

    >>> weighted_premium([Decimal("0.0012"), Decimal("0.0006"), Decimal("0.0003")])
    Decimal('0.00055')
    """
    count = len(samples)
    weighted = sum((weight * each for weight, each in enumerate(samples, 1)), ZERO)
    return quotient(2 * weighted, Decimal(count * (count + 1)))


@exact
def median_premium(samples: Sequence[Decimal], *, least: int = 0) -> Decimal:
    """Median of premium votes, padded with zeros to a least number of votes; of an even number the mean of the middle.

    Args:
        samples: Premiums over the index, at least one of samples or least.
        least: Number of votes up to which zeros are added.

    Source: docs/sources.md 9.5 (dYdX v4).

    >>> median_premium([Decimal(3), Decimal(5)], least=3)
    Decimal('3')
    """
    votes = sorted([*samples, *[ZERO] * max(0, least - len(samples))])
    middle = len(votes) // 2
    return votes[middle] if len(votes) % 2 else quotient(votes[middle - 1] + votes[middle], Decimal(2))


@exact
def interest_component(quote_rate: Decimal, *, base_rate: Decimal, settlements: Decimal) -> Decimal:
    """Interest part of the funding rate of one interval: (quote rate - base rate) / settlements a day.

    Args:
        quote_rate: Daily interest of the quote currency, a fraction.
        base_rate: Daily interest of the base currency, a fraction.
        settlements: Number of settlements a day, above zero.

    Source: docs/sources.md 6.6, vector by-interest-rate (Bybit).

    >>> interest_component(Decimal("0.0006"), base_rate=Decimal("0.0003"), settlements=Decimal(3))
    Decimal('0.0001')
    """
    return quotient(quote_rate - base_rate, settlements)


@exact
def damped_premium(premium: Decimal, *, damper: Decimal) -> Decimal:
    """Funding rate of a contract that pays continuously: the premium outside a band around zero, nothing inside.

        max(damper, premium) + min(-damper, premium)

    Args:
        premium: Premium of the mark over the index, a fraction for the full interval.
        damper: Half the width of the band, zero or more.

    Source: docs/sources.md 8.6 (Deribit).

    >>> damped_premium(Decimal("0.0010"), damper=Decimal("0.00025")), damped_premium(ZERO, damper=Decimal("0.00025"))
    (Decimal('0.00075'), Decimal('0.00000'))
    """
    return max(damper, premium) + min(-damper, premium)


@exact
def funding_cap(factor: Decimal, *, initial_rate: Decimal, maintenance_rate: Decimal) -> Decimal:
    """Largest funding rate of a full interval, either way: factor x (initial rate - maintenance rate).

    Source: docs/sources.md 9.5, vector dx-funding-cap (dYdX v4: factor 6, 8 hours).

    >>> funding_cap(Decimal(6), initial_rate=Decimal("0.05"), maintenance_rate=Decimal("0.03"))
    Decimal('0.12')
    """
    return factor * (initial_rate - maintenance_rate)


@exact
def impact_notional(amount: Decimal, *, initial_rate: Decimal) -> Decimal:
    """Value at which impact prices are read off the book: amount / initial rate.

    Args:
        amount: Margin of the trade, quote currency (500 USDC, 200 USDT).
        initial_rate: Initial margin rate, above zero.

    Source: docs/sources.md 9.5, vector dx-impact-notional (dYdX v4); 4.6 (Binance).

    >>> impact_notional(Decimal(500), initial_rate=Decimal("0.16"))
    Decimal('3125')
    """
    return quotient(amount, initial_rate)


@exact
def funding_index_change(
    rate: Decimal, *, price: Decimal, elapsed: Decimal, full_interval: Decimal, step: Decimal
) -> Decimal:
    """What one unit of base has paid after some time, cut to the step towards zero.

        rate x (elapsed / full interval) x price

    Args:
        rate: Funding rate of a full interval, a fraction of either sign.
        price: Oracle price, quote currency per unit of base.
        elapsed: Time since the index last changed.
        full_interval: The time that the rate is quoted for (8 hours), same unit, above zero.
        step: Smallest change of the index.

    Returns:
        Quote currency per unit of base; longs pay while it is positive.

    Source: docs/sources.md 9.5 (dYdX v4).

    >>> funding_index_change(Decimal("-0.001"), price=Decimal(50_001), elapsed=Decimal(1), full_interval=Decimal(8),
    ...                      step=Decimal("0.001"))
    Decimal('-6.250')
    """
    paid = abs(rate) * price * elapsed
    unit = full_interval * step
    amount = quotient(floor_to(paid, unit), unit) * step
    return amount if rate > 0 else -amount


@exact
def index_settlement(size: Decimal, *, index: Decimal, settled_index: Decimal, step: Decimal) -> Decimal:
    """What a position receives since its funding was last settled, rounded down to the step.

        - (index - settled index) x size

    Args:
        size: Signed size in base units.
        index: Funding index now, quote currency per unit of base.
        settled_index: Index at the last settlement of this position.
        step: Quantum of the quote currency: what is owed is rounded up, what is received down.

    Returns:
        Quote currency; negative when the position pays.

    Source: docs/sources.md 9.5 (dYdX v4).

    >>> index_settlement(Decimal(-2), index=Decimal("1.25"), settled_index=Decimal(1), step=Decimal("0.01"))
    Decimal('0.50')
    """
    return floor_to((settled_index - index) * size, step)
