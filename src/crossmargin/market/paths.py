"""Generated prices: straight lines in log price through waypoints, with seeded noise between them.

Floats draw the path here; what comes out are prices on a tick, and from then on they are exact. At a waypoint
the noise is zero, so that a level that the sources report is met to the tick.
"""

from bisect import bisect_right
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from math import exp, log, sqrt
from random import Random
from typing import Any

from msgspec import Struct

from crossmargin.domain.arithmetic import ONE, ZERO, floor_to, scaled
from crossmargin.domain.documents import Moment, convert, parse_toml, read_text
from crossmargin.domain.numbers import NonNegative, Positive, number
from crossmargin.errors import InputError, MissingDataError
from crossmargin.market.candles import Bar, Candles, Tape, tape

__all__ = ["Like", "Scenario", "Waypoint", "generate", "named_scenarios", "read_scenario", "scenario_of"]

MINUTE_MS = 60_000
_STEPS = 4  # price points a minute
_DIGITS = 6  # of a generated price, where the instrument has no tick
_TWO = Decimal(2)
_MARKET_SHARE = 0.7  # of the noise's variance: coins move together


class Waypoint(Struct, frozen=True):
    """A level at a minute from the start; `public` tells a reported level from an estimated one."""

    minute: Decimal
    level: Decimal
    public: bool


class Like(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose levels a coin follows, and how strongly: (level / first level) ^ strength."""

    coin: str
    strength: Positive = Positive(1)


class Scenario(Struct, frozen=True, kw_only=True):
    """A named path.

    Attributes:
        name: How it is asked for.
        title: One line for people.
        start: UTC time of its first minute.
        levels: Waypoints by coin, ascending by minute.
        noise: Standard deviation of the log price a minute.
        like: Whose levels a coin follows; a coin that isn't named follows its own.
        absolute: Whether levels are the prices themselves instead of a shape to be scaled.
        sources: Where the public levels were read.
    """

    name: str
    title: str
    start: int
    levels: dict[str, tuple[Waypoint, ...]]
    noise: Decimal = ZERO
    like: dict[str, Like] = {}
    absolute: bool = False
    sources: tuple[str, ...] = ()

    def followed_by(self, coin: str) -> Like:
        """Whose levels a coin follows.

        Raises:
            MissingDataError: there are none; the message says how to choose.
        """
        like = self.like.get(coin, Like(coin=coin))
        if like.coin not in self.levels:
            known = ", ".join(self.levels)
            raise MissingDataError(
                f"{self.name} has no levels of {like.coin}, it knows {known}: choose one, for example "
                f"--like {coin}={next(iter(self.levels))}"
            )
        return like

    @property
    def minutes(self) -> int:
        """Length in whole minutes."""
        last = max(points[-1].minute for points in self.levels.values())
        return int(last.to_integral_value("ROUND_CEILING"))


class _Entry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A scenario as its file writes it."""

    title: str = ""
    start: Moment | None = None
    noise: NonNegative = NonNegative(0)
    absolute: bool = False
    sources: tuple[str, ...] = ()
    of: str | None = None
    like: dict[str, Like] = {}
    levels: dict[str, tuple[tuple[Any, ...], ...]] = {}


@lru_cache(maxsize=1)
def named_scenarios() -> dict[str, Scenario]:
    """The scenarios that ship with the package, by name."""
    source = resources.files("crossmargin.market") / "crashes.toml"
    document = parse_toml(source.read_text("utf-8"), source.name)
    found: dict[str, Scenario] = {}
    for name, raw in document.items():
        found[name] = _scenario(name, convert(raw, _Entry, source.name, name), source.name, found)
    return found


def read_scenario(path: str) -> Scenario:
    """Read a scenario of one's own: a TOML file with title, start, levels and perhaps noise, absolute, like.

    Raises:
        InputError: file, key and problem.
    """
    name = path.replace("\\", "/").rpartition("/")[2].removesuffix(".toml")
    return scenario_of(name, parse_toml(read_text(path), path), path)


def scenario_of(name: str, document: object, source: str) -> Scenario:
    """A scenario from a parsed document.

    Raises:
        InputError: source, key and problem.
    """
    entry = convert(document, _Entry, source)
    return _scenario(name, entry, source, named_scenarios() if entry.of else {})


def _scenario(name: str, entry: _Entry, source: str, known: Mapping[str, Scenario]) -> Scenario:
    base = known.get(entry.of) if entry.of else None
    if entry.of and base is None:
        raise InputError(source, "of", f"{entry.of!r} is not a known path: choose one of {', '.join(known)}")
    if base is not None:
        return Scenario(name=name, title=entry.title or base.title, start=base.start, levels=base.levels,
                        noise=base.noise, like=base.like | entry.like, sources=base.sources)  # fmt: skip
    if entry.start is None or not entry.levels:
        raise InputError(source, name, "a path needs start and levels")
    return Scenario(
        name=name,
        title=entry.title or name,
        start=int(entry.start.timestamp()) * 1000,
        levels={coin: _waypoints(f"levels.{coin}", points, source) for coin, points in entry.levels.items()},
        noise=Decimal(entry.noise),
        like=entry.like,
        absolute=entry.absolute,
        sources=entry.sources,
    )


def _waypoints(field: str, raw: tuple[tuple[Any, ...], ...], source: str) -> tuple[Waypoint, ...]:
    points: list[Waypoint] = []
    for index, each in enumerate(raw):
        where = f"{field}[{index}]"
        try:
            minute, level, mark = each
            point = Waypoint(_grid(minute), number(level), {"p": True, "e": False}[mark])
        except (ValueError, KeyError, TypeError) as error:
            problem = f'{error}: expected [minute, "level", "p" or "e"]'
            raise InputError(source, where, problem) from None
        if point.level <= 0 or point.minute < 0:
            raise InputError(source, where, "level must be above zero, minute zero or more")
        if point.minute != 0 if not points else point.minute <= points[-1].minute:
            raise InputError(source, where, "minutes start at 0 and ascend")
        points.append(point)
    return tuple(points)


def _grid(raw: object) -> Decimal:
    """A minute on the grid of price points."""
    minute = number(raw)
    if (minute * _STEPS) % 1:
        raise ValueError(f"minute {minute} is not a multiple of a quarter")
    return minute


def generate(
    scenario: Scenario, coins: Mapping[str, str], starts: Mapping[str, Decimal],
    *, seed: int = 1, ticks: Mapping[str, Decimal | None] | None = None,
) -> Tape:  # fmt: skip
    """Draw a scenario.

    Args:
        scenario: The path.
        coins: Coin (base currency) by instrument id.
        starts: First price by instrument id; not asked for where the levels are prices themselves.
        seed: Same seed, same prices, on any machine.
        ticks: Price step by instrument id; where there is none a price keeps six digits.

    Returns:
        Minute bars by instrument, the generated price standing for the mark.

    Raises:
        MissingDataError: the scenario has no levels of a coin, or there is no price to start from.
    """
    common = _gaussians(f"{seed}:market", scenario.minutes * _STEPS)
    candles = {}
    for name, coin in coins.items():
        start = None if scenario.absolute else starts.get(name)
        if start is None and not scenario.absolute:
            raise MissingDataError(f"{name}: no price to start the path from")
        own = _gaussians(f"{seed}:{coin}", scenario.minutes * _STEPS)
        shocks = [sqrt(_MARKET_SHARE) * a + sqrt(1 - _MARKET_SHARE) * b for a, b in zip(common, own, strict=True)]
        candles[name] = Candles(scenario.name, _bars(scenario, coin, start, shocks, (ticks or {}).get(name)))
    return tape(candles, assumptions=_told(scenario, coins, seed))


def _told(scenario: Scenario, coins: Mapping[str, str], seed: int) -> list[str]:
    scaled = "levels are prices" if scenario.absolute else "scaled to start at the account's own prices"
    noise = f"noise {scenario.noise} a minute"
    lines = [f"generated prices: {scenario.name}, seed {seed}, bars of 1 min, {noise}, {scaled}"]
    for coin in dict.fromkeys(coins.values()):
        like = scenario.followed_by(coin)
        points = scenario.levels[like.coin]
        public = sum(point.public for point in points)
        line = f"{coin} goes through {len(points)} levels of {like.coin}: {public} public, the rest estimated"
        lines.append(line if like.strength == 1 else f"{line}; its move to the power {like.strength}")
    return lines


def _gaussians(seed: str, count: int) -> list[float]:
    random = Random(seed)
    return [random.gauss(0.0, 1.0) for _ in range(count)]


def _bars(
    scenario: Scenario, coin: str, start: Decimal | None, shocks: list[float], tick: Decimal | None
) -> tuple[Bar, ...]:
    like = scenario.followed_by(coin)
    points = scenario.levels[like.coin]
    first = points[0].level if start is None else start
    step = tick or ONE.scaleb(first.adjusted() - _DIGITS + 1)
    sigma = float(scenario.noise) / sqrt(_STEPS)
    logs = _log_path(points, float(like.strength), [sigma * shock for shock in shocks])

    def priced(index: int) -> Decimal:
        return max(step, _on_tick(Decimal(repr(float(first) * exp(logs[index]))), step))

    prices = _exact_at_waypoints([priced(index) for index in range(len(logs))], points, first, like, step)
    return tuple(
        Bar(scenario.start + minute * MINUTE_MS, inside[0], max(inside), min(inside), inside[-1])
        for minute in range(scenario.minutes)
        if (inside := prices[minute * _STEPS : (minute + 1) * _STEPS + 1])
    )


def _on_tick(price: Decimal, tick: Decimal) -> Decimal:
    return floor_to(price + scaled(tick, ONE, _TWO), tick)


def _log_path(points: tuple[Waypoint, ...], strength: float, shocks: list[float]) -> list[float]:
    """Log price against the start at each grid point: straight lines, and noise that dies at waypoints."""
    at = [int(point.minute * _STEPS) for point in points]
    base = log(float(points[0].level))
    level = [strength * (log(float(point.level)) - base) for point in points]
    walk = [0.0]
    for shock in shocks:
        walk.append(walk[-1] + shock)
    path = []
    for index in range(len(walk)):
        left = bisect_right(at, index) - 1
        if left + 1 == len(at):
            end = len(walk) - 1
            share = (index - at[left]) / (end - at[left]) if end > at[left] else 0.0
            straight = level[left]
        else:
            end = at[left + 1]
            share = (index - at[left]) / (end - at[left])
            straight = level[left] + share * (level[left + 1] - level[left])
        bridge = walk[index] - walk[at[left]] - share * (walk[end] - walk[at[left]])
        path.append(straight + bridge)
    return path


def _exact_at_waypoints(
    prices: list[Decimal], points: tuple[Waypoint, ...], first: Decimal, like: Like, step: Decimal
) -> list[Decimal]:
    """Put the level itself at each waypoint that no power has bent."""
    if like.strength == 1:
        for point in points:
            price = point.level
            if first != points[0].level:
                price = _on_tick(scaled(point.level, first, points[0].level), step)
            prices[int(point.minute * _STEPS)] = price
    return prices
