"""Options of a market: which strikes are listed, and what they are worth in coin by the forward and one volatility."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from math import sqrt

from crossmargin.domain.instrument import Kind, OptionType
from crossmargin.errors import MissingDataError
from crossmargin.market.listing import YEAR_MS, Line, Listing, OptionTerms, line_of
from crossmargin.models.black76 import option_value
from crossmargin.rulebook.model import Rulebook

__all__ = ["forward_of", "options_of", "worth"]

_FORWARD_STEP = Decimal("0.1")


def options_of(
    listing: Listing, rulebook: Rulebook, expiry: datetime, index: dict[str, Decimal], listed: Iterable[str]
) -> tuple[Line, ...]:
    """The options with an expiry, around today's index, and those that are listed already.

    Args:
        listing: Patterns of ids, and which strikes.
        rulebook: Knows the patterns.
        expiry: When new ones end.
        index: By pair; a pair without one gets no options.
        listed: Ids of options that are still open.
    """
    names: dict[str, OptionTerms] = {}
    for name in listed:
        pattern = next((each for each in listing.options if _pair(each) == _pair(name)), None)
        if pattern is not None:
            names[name] = listing.options[pattern]
    day = expiry.strftime("%y%m%d")
    for pattern, terms in listing.options.items():
        open_already = any(_pair(name) == _pair(pattern) and day in name for name in names)
        price = index.get(_pair(pattern))
        if price is not None and not open_already:
            names.update({pattern.format(expiry=day, **each): terms for each in _strikes(terms, price)})
    found = (line_of(listing, rulebook, name, terms.quoting, terms) for name, terms in names.items())
    return tuple(line for line in found if line is not None and line.instrument.kind == Kind.OPTION)


def _pair(name: str) -> str:
    return "-".join(name.split("-")[:2])


def _strikes(terms: OptionTerms, index: Decimal) -> list[dict[str, str]]:
    """Strike and right of each option, strikes on their step."""
    found = []
    for right, distances in (("C", terms.calls), ("P", terms.puts)):
        for distance in distances:
            steps = max(1, round(float(index) * (1 + float(distance)) / float(terms.strike_step)))
            found.append({"strike": str(int(steps * terms.strike_step)), "right": right})
    return found


def forward_of(line: Line, index: Decimal, basis: Decimal, time: int) -> Decimal:
    """Price of the underlying for the day of expiry."""
    forward = float(index) * (1 + float(basis) * line.left(time) / YEAR_MS)
    return Decimal(round(forward / float(_FORWARD_STEP))) * _FORWARD_STEP


def worth(line: Line, forward: Decimal, volatility: Decimal, time: int) -> Decimal:
    """What an option is worth in coin, on its tick, at least one: Black's formula, divided by the forward.

        `black76.option_value` at strike / forward, with a spread of volatility x sqrt(years left)

    Raises:
        MissingDataError: the instrument has no strike.
    """
    strike = line.instrument.strike
    if strike is None:
        raise MissingDataError(f"{line.id} has no strike")
    spread = float(volatility) * sqrt(max(line.left(time), 1.0) / YEAR_MS)
    call = line.instrument.option_type == OptionType.CALL
    return line.on_tick(option_value(float(strike) / float(forward), spread, call=call))
