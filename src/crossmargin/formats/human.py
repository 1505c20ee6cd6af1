"""Numbers for the eye, in tables and on pages; programs get plain decimal text instead."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

from crossmargin.domain.arithmetic import plain

__all__ = ["human", "percent", "sentence"]

_SHOWN = Context(prec=400, rounding=ROUND_HALF_EVEN)
_DUST = Decimal("1e-12")
_AMOUNT = re.compile(r"(?<![\w.,:[-])-?[0-9]+(?:\.[0-9]+)?(?![\w:\]-]|\.[0-9])")


def human(value: Decimal | str | None, places: int | None = None) -> str:
    """A number for the eye: thousands apart, as many places as its size deserves; "-" where there is none.

    >>> human(Decimal("76854.27135678")), human(Decimal("0.000123456789")), human(None), human(Decimal(10000))
    ('76,854.27', '0.00012345679', '-', '10,000')
    """
    if value is None or value == "":
        return "-"
    number = Decimal(value)
    if not number:
        return "0"
    if abs(number) < _DUST:
        return "~0"
    if places is None:
        places = 2 if number.adjusted() > 1 else 4
        if number.adjusted() < 0:
            places = 7 - number.adjusted()
    shown = plain(number.quantize(Decimal(1).scaleb(-places), context=_SHOWN))
    whole, point, fraction = shown.partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-')):,}{point}{fraction}"


def percent(value: Decimal | str | None, places: int = 2) -> str:
    """A fraction as a percentage."""
    return "-" if value is None or value == "" else f"{human(Decimal(value) * 100, places)} %"


def sentence(text: str) -> str:
    """A sentence for the eye: the amounts in it as in tables; names, codes and numbers with a unit glued on stay.

    >>> sentence("needs 1234.567890123 USDT, has 0 USDT (free margin) [51008]")
    'needs 1,234.57 USDT, has 0 USDT (free margin) [51008]'
    """
    return _AMOUNT.sub(lambda found: human(found[0]), text)
