"""Exact decimal arithmetic: one context, and the only places where a result is rounded.

Everything that decides runs in `EXACT`: 60 digits, and a sum or product that would not fit raises instead of
rounding. Division cannot be exact in general, so it exists only here, under names that say their rounding.
"""

from collections.abc import Callable, Iterable
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    getcontext,
    localcontext,
)
from functools import wraps
from typing import ParamSpec, TypeVar

from crossmargin.errors import PrecisionError

__all__ = [
    "EXACT",
    "ONE",
    "ZERO",
    "added",
    "ceil_to",
    "exact",
    "floor_to",
    "narrow",
    "plain",
    "quotient",
    "root",
    "scaled",
    "total",
    "wide",
]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

ZERO = Decimal(0)
ONE = Decimal(1)

DIGITS = 60
EXACT = Context(
    prec=DIGITS,
    rounding=ROUND_HALF_EVEN,
    traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, FloatOperation],
)
_QUOTIENT = Context(prec=28, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_WIDE = Context(prec=400, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_WIDE_EXACT = Context(prec=400, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, FloatOperation])


def wide(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run a function with 400 exact digits: for solving equations, where figures of 60 digits are multiplied."""

    @wraps(function)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with localcontext(_WIDE_EXACT):
            return function(*args, **kwargs)

    return wrapped


def exact(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run a function in the exact context, whatever context its caller has."""

    @wraps(function)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        if getcontext().prec >= DIGITS:
            return function(*args, **kwargs)
        try:
            with localcontext(EXACT):
                return function(*args, **kwargs)
        except Inexact:
            raise PrecisionError(
                f"{function.__name__}: a figure needs more than {DIGITS} digits: shorten the numbers given"
            ) from None

    return wrapped


def quotient(numerator: Decimal, denominator: Decimal) -> Decimal:
    """Return numerator / denominator, rounded half-even to 28 significant digits.

    >>> quotient(Decimal(1), Decimal(3))
    Decimal('0.3333333333333333333333333333')
    """
    return _QUOTIENT.divide(numerator, denominator)


def scaled(amount: Decimal, numerator: Decimal, denominator: Decimal) -> Decimal:
    """Return amount x numerator / denominator, rounded once, half-even, to 28 digits.

    >>> scaled(Decimal(7), Decimal(2), Decimal(3))
    Decimal('4.666666666666666666666666667')
    """
    return _QUOTIENT.divide(_WIDE.multiply(amount, numerator), denominator)


def root(square: Decimal) -> Decimal:
    """Return the square root, half-even to 28 digits.

    >>> root(Decimal(2))
    Decimal('1.414213562373095048801688724')
    """
    return _QUOTIENT.sqrt(square)


def floor_to(amount: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of step that is not above amount.

    >>> floor_to(Decimal("-0.25"), Decimal("0.1"))
    Decimal('-0.3')
    """
    return _WIDE.multiply(_WIDE.divide(amount, step).to_integral_value(ROUND_FLOOR), step)


def ceil_to(amount: Decimal, step: Decimal) -> Decimal:
    """Return the smallest multiple of step that is not below amount.

    >>> ceil_to(Decimal("0.21"), Decimal("0.1"))
    Decimal('0.3')
    """
    return _WIDE.multiply(_WIDE.divide(amount, step).to_integral_value(ROUND_CEILING), step)


def narrow(amount: Decimal) -> Decimal:
    """Round half-even to 28 digits, as every quotient is."""
    return _QUOTIENT.plus(amount)


def added(one: Decimal, other: Decimal) -> Decimal:
    """Return the exact sum, whatever context the caller has (a property has no context of its own)."""
    return _WIDE_EXACT.add(one, other)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum."""
    return sum(amounts, ZERO)


def plain(amount: Decimal) -> str:
    """Write a number in full, without exponent and without trailing zeros.

    >>> plain(Decimal("1E+3")), plain(Decimal("0.50")), plain(Decimal("-0.0"))
    ('1000', '0.5', '0')
    """
    if not amount:
        return "0"
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
