"""``--market TEXT`` becomes a market, or one clear line.

generated[:SEED][,EVENT@AFTER[xSPEED]]...     for example generated:7,crash-2025-10-10@60sx10
replay:FOLDER[@TIME]                          for example replay:candles@2025-05-10T12:00
live:VENUE                                    a venue that ccxt knows: live:okx
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from crossmargin.errors import InputError
from crossmargin.market.feed import Feed
from crossmargin.market.generated import GeneratedPrices
from crossmargin.market.listing import lines_of, read_listing, venue
from crossmargin.market.live import LIVE_RULES, PERIOD_S, LivePrices
from crossmargin.market.market import Market
from crossmargin.market.paths import named_scenarios
from crossmargin.market.replay import ReplayPrices, read_folder
from crossmargin.market.walk import Happening
from crossmargin.prices.health import HealthRules

__all__ = ["live_market", "open_market"]

_SEED = re.compile(r"[A-Za-z0-9_-]{1,40}")
_EVENT = re.compile(r"([a-z0-9-]+)@([0-9]{1,6})(ms|s|m|h)(?:x([0-9]{1,4}))?")
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_FORMS = "generated[:SEED][,EVENT@AFTER[xSPEED]]..., replay:FOLDER[@TIME] or live:VENUE"
_SPEED_MAX = 100_000
ONE_SOURCE = HealthRules(quorum=1)


def open_market(text: str, speed: float = 1) -> Market:
    """Make the market that a text describes; it draws nothing before its `opening`.

    Args:
        text: One of the forms above.
        speed: How many times faster recorded prices are played than they were.

    Raises:
        InputError, MissingDataError: one line that says what would be right.

    >>> [command.instrument for command in open_market("generated:7").opening(0)[:2]]
    ['BTC-USDT-SWAP', 'ETH-USDT-SWAP']
    """
    kind = text.partition(":")[0].partition(",")[0]
    make = _KINDS.get(kind)
    if make is None:
        raise InputError("--market", "", f"{text[:60]!r} is not known: write {_FORMS}")
    if not 0 < speed <= _SPEED_MAX:
        raise InputError("--speed", "", f"{speed} is no speed: above 0, at most {_SPEED_MAX}")
    if speed != 1 and kind != "replay":
        raise InputError("--speed", "", f"only recorded prices are played at a speed, not {text[:60]!r}")
    return make(text.removeprefix(kind).removeprefix(":"), speed)


def _generated(text: str, _speed: float) -> Market:
    seed, *said = text.split(",")
    if seed and not _SEED.fullmatch(seed):
        raise InputError("--market", "", f"{seed[:40]!r} is no seed: letters, digits, dash and underscore, at most 40")
    listing, seed = read_listing(), seed or "1"
    prices = GeneratedPrices(listing.coins, seed, [happening(each) for each in said])
    return Market(venue(), listing, prices, seed)


def happening(text: str) -> Happening:
    """Read ``crash-2025-10-10@60sx10``: a named path, how long after the opening, and how many times faster.

    Raises:
        InputError: no such path, or another form.
    """
    found = _EVENT.fullmatch(text)
    if found is None:
        example = "crash-2025-10-10@60s"
        raise InputError("--market", "", f"{text[:60]!r} is no event: write NAME@AFTER, for example {example}")
    name, after, unit, speed = found.groups()
    scenario = named_scenarios().get(name)
    if scenario is None:
        raise InputError("--market", "", f"{name!r} is not known: choose one of {', '.join(named_scenarios())}")
    if speed is not None and not int(speed):
        raise InputError("--market", "", f"{text[:60]!r}: a speed is 1 or more")
    return Happening(scenario=scenario, after=int(after) * _UNITS[unit], speed=float(speed or 1))


def _replay(text: str, speed: float) -> Market:
    folder, at, moment = text.rpartition("@")
    since = _moment(moment) if at else None
    if since is None:
        folder = text
    if not folder:
        raise InputError("--market", "", "replay: which folder? write replay:FOLDER")
    listing = read_listing()
    reels = read_folder(folder, listing.coins)
    prices = ReplayPrices(reels, listing.coins, speed=speed, since=since)
    return Market(venue(), listing.recorded(reels), prices, "replay", ONE_SOURCE)


def _moment(text: str) -> int | None:
    """UTC milliseconds of a day or a time, None where a text is neither."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1000)


def _live(text: str, _speed: float) -> Market:
    return live_market(text or "okx")


def live_market(name: str, config: Mapping[str, Any] | None = None, period: float = PERIOD_S) -> Market:
    """A market that follows a live venue.

    Args:
        name: The venue's name in ccxt.
        config: For ccxt, for example other addresses.
        period: Seconds between two questions.

    Raises:
        InputError: ccxt is not installed, or does not know the venue.
    """
    whole, rulebook = read_listing(), venue()
    listing = whole.recorded(whole.coins)
    contracts = [line.instrument.unified for line in lines_of(listing, rulebook) if line.funded]
    prices = LivePrices(Feed(name, listing.coins, contracts, config), listing.coins, period)
    return Market(rulebook, listing, prices, "live", LIVE_RULES)


_KINDS: dict[str, Callable[[str, float], Market]] = {"generated": _generated, "replay": _replay, "live": _live}
