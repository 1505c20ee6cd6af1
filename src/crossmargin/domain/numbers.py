"""The only door where text becomes a number: the number grammar of JSON, in ASCII, with bounds.

Python's own ``Decimal`` accepts ``NaN``, ``1_000``, full-width digits and ``1E+999999`` (nine characters that
freeze a process for a minute); a price may be none of these.
"""

import re
from decimal import Decimal
from enum import StrEnum
from reprlib import Repr

__all__ = ["Amount", "NonNegative", "Positive", "RawNumber", "Sign", "number", "shown"]

_GRAMMAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
_LENGTH_MAX = 60
_WHOLE_DIGITS_MAX = 18
_PLACES_MAX = 28
_SHOWN_MAX = 40
_CONSTANTS = {None: "null", True: "true", False: "false"}


class RawNumber(str):
    """A number exactly as a JSON or TOML file writes it, not yet read."""

    __slots__ = ()


class Sign(StrEnum):
    """Which signs a field admits."""

    ANY = "a number"
    NON_NEGATIVE = "a number, zero or more"
    POSITIVE = "a number above zero"


class Amount(Decimal):
    """A decimal of either sign, as a field type."""


class NonNegative(Amount):
    """A decimal that is zero or more, as a field type."""


class Positive(NonNegative):
    """A decimal above zero, as a field type."""


def number(raw: object, sign: Sign = Sign.ANY) -> Decimal:
    """Read one number.

    Args:
        raw: Text, or an integer (never a float or a boolean: their digits are lost or were never there).
        sign: Which signs are admitted.

    Returns:
        The exact decimal: at most 18 digits before and 28 after the point.

    Raises:
        ValueError: with a message that shows the value and says what would be right.

    >>> number("0.10000000000000000001")
    Decimal('0.10000000000000000001')
    >>> number("1_000")
    Traceback (most recent call last):
    ValueError: '1_000' is not a number: write plain digits, for example "1234.5"
    """
    if isinstance(raw, bool) or not isinstance(raw, (str, int)):
        raise ValueError(f'{shown(raw)} is not a number: write it as text, for example "1234.5"')
    if isinstance(raw, int) and abs(raw) >= 10**_WHOLE_DIGITS_MAX:
        raise ValueError(f"{shown(raw)} is out of bounds: at most {_WHOLE_DIGITS_MAX} digits before the point")
    text = str(raw)
    if len(text) > _LENGTH_MAX or not _GRAMMAR.fullmatch(text):
        raise ValueError(f'{shown(text)} is not a number: write plain digits, for example "1234.5"')
    value = Decimal(text)
    if value.adjusted() >= _WHOLE_DIGITS_MAX:
        raise ValueError(f"{text} is out of bounds: at most {_WHOLE_DIGITS_MAX} digits before the point")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > _PLACES_MAX:
        raise ValueError(f"{text} is out of bounds: at most {_PLACES_MAX} digits after the point")
    if (sign is Sign.POSITIVE and value <= 0) or (sign is Sign.NON_NEGATIVE and value < 0):
        raise ValueError(f"{text} is out of bounds: expected {sign.value}")
    return value if value else abs(value)


def shown(raw: object) -> str:
    r"""Show any value in a message: one line, at most 40 characters, none that acts on a terminal.

    >>> shown("1\n"), shown(None), shown([1, [2, [3]]])
    ("'1\\n'", 'null', '[1, [2, [...]]]')
    """
    if raw is None or isinstance(raw, bool):
        return _CONSTANTS[raw]
    if isinstance(raw, int) and abs(raw) >= 10**_SHOWN_MAX:
        return f"a whole number of {raw.bit_length()} bits"
    text = repr(str(raw[: _SHOWN_MAX + 1])) if isinstance(raw, str) else _SHORT.repr(raw)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."


_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict = 2, 3, 3
