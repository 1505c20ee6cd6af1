"""Options on a forward: what one is worth in units of the forward, and the spread that a price implies.

These are floats: a made-up market quotes by them and a stress moves options by them. No margin is decided here.
"""

from math import log
from statistics import NormalDist

from crossmargin.errors import InputError

__all__ = ["implied_spread", "option_value"]

_NORMAL = NormalDist()
_SPREAD_MAX = 64.0
"""At this spread an option is worth its bound to the last digit."""
_HALVINGS = 64


def option_value(ratio: float, spread: float, *, call: bool) -> float:
    """Value of an option in units of its underlying's forward price, undiscounted.

        call = N(d1) - k N(d2)        put = k N(-d2) - N(-d1)
        k    = strike / forward,   d1 = -ln(k) / s + s / 2,   d2 = d1 - s

    Args:
        ratio: k, above zero.
        spread: s, the standard deviation of the forward's logarithm until expiry: volatility x sqrt(years).
        call: Whether it is a call.

    Returns:
        From 0 to 1 for a call, to k for a put. At a spread of zero what exercise would bring.

    Source: F. Black, The pricing of commodity contracts, Journal of Financial Economics 3 (1976).

    >>> round(option_value(1.0, 0.25 * (1 / 3) ** 0.5, call=False), 4)
    0.0575
    """
    if spread <= 0.0:
        return max(1.0 - ratio, 0.0) if call else max(ratio - 1.0, 0.0)
    first = -log(ratio) / spread + spread / 2
    second = first - spread
    if call:
        return _NORMAL.cdf(first) - ratio * _NORMAL.cdf(second)
    return ratio * _NORMAL.cdf(-second) - _NORMAL.cdf(-first)


def implied_spread(ratio: float, price: float, *, call: bool) -> float:
    """The spread at which an option is worth a price; 0 where it costs no more than exercise would bring.

    Args:
        ratio: Strike / forward, above zero.
        price: In units of the forward.
        call: Whether it is a call.

    Raises:
        InputError: no spread gives a price so high: a call costs less than its underlying, a put less than its strike.

    Source: `option_value`, by halving an interval: the value rises with the spread.
    """
    bound = 1.0 if call else ratio
    if not price < bound:
        raise InputError("option", "", f"{price:g} of the forward price is no price: it has to be below {bound:g}")
    low, high = 0.0, _SPREAD_MAX
    if price <= option_value(ratio, low, call=call):
        return low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if option_value(ratio, middle, call=call) < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2
