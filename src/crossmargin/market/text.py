"""``--market TEXT`` becomes a market, or one clear line.

generated[:SEED][,EVENT@AFTER[xSPEED]]...     for example generated:7,crash-2025-10-10@60sx10
"""

import re

from crossmargin.errors import InputError
from crossmargin.market.generated import GeneratedPrices
from crossmargin.market.listing import read_listing, venue
from crossmargin.market.market import Market
from crossmargin.market.paths import named_scenarios
from crossmargin.market.walk import Happening

__all__ = ["open_market"]

_SEED = re.compile(r"[A-Za-z0-9_-]{1,40}")
_EVENT = re.compile(r"([a-z0-9-]+)@([0-9]{1,6})(ms|s|m|h)(?:x([0-9]{1,4}))?")
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_FORMS = "generated[:SEED][,EVENT@AFTER[xSPEED]]..."


def open_market(text: str) -> Market:
    """Make the market that a text describes; it draws nothing before its `opening`.

    Raises:
        InputError: one line that says what would be right.

    >>> [command.instrument for command in open_market("generated:7").opening(0)[:2]]
    ['BTC-USDT-SWAP', 'ETH-USDT-SWAP']
    """
    kind, _, rest = text.partition(":")
    kind, comma, events = kind.partition(",")
    if kind != "generated":
        raise InputError("--market", "", f"{text[:60]!r} is not known: write {_FORMS}")
    if comma:
        rest = f",{events}" + (f":{rest}" if rest else "")
    seed, *said = rest.split(",")
    if seed and not _SEED.fullmatch(seed):
        raise InputError("--market", "", f"{seed[:40]!r} is no seed: letters, digits, dash and underscore, at most 40")
    return generated(seed or "1", [happening(each) for each in said])


def generated(seed: str, happenings: list[Happening]) -> Market:
    """A generated market."""
    listing = read_listing()
    return Market(venue(), listing, GeneratedPrices(listing.coins, seed, happenings), seed)


def happening(text: str) -> Happening:
    """Read ``crash-2025-10-10@60sx10``: a named path, how long after the opening, and how many times faster.

    Raises:
        InputError: no such path, or another form.
    """
    found = _EVENT.fullmatch(text)
    if found is None:
        raise InputError(
            "--market", "", f"{text[:60]!r} is no event: write NAME@AFTER, for example crash-2025-10-10@60s"
        )
    name, after, unit, speed = found.groups()
    scenario = named_scenarios().get(name)
    if scenario is None:
        raise InputError("--market", "", f"{name!r} is not known: choose one of {', '.join(named_scenarios())}")
    if speed is not None and not int(speed):
        raise InputError("--market", "", f"{text[:60]!r}: a speed is 1 or more")
    return Happening(scenario=scenario, after=int(after) * _UNITS[unit], speed=float(speed or 1))
