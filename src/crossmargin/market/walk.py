"""A seeded random walk of several coins that move together, and crashes laid over it.

Floats draw; what leaves this package as a price has been put on a tick.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import exp, log, sqrt
from random import Random

from msgspec import Struct

from crossmargin.market.listing import YEAR_MS, Coin
from crossmargin.market.paths import Scenario, Waypoint

__all__ = ["Happening", "Walk"]

MINUTE_MS = 60_000
LEADER = "BTC"


class Happening(Struct, frozen=True, kw_only=True):
    """A named path that is laid over the walk.

    Attributes:
        scenario: Its levels, as moves from the first.
        after: Milliseconds from the market's opening.
        speed: How many times faster than it was it passes.
    """

    scenario: Scenario
    after: int
    speed: float = 1

    def offset(self, coin: str, elapsed: int) -> float:
        """What it has added to a coin's log price by now. A coin without levels follows the leader, if it has any."""
        minute = (elapsed - self.after) * self.speed / MINUTE_MS
        if minute <= 0:
            return 0
        like = self.scenario.like.get(coin)
        followed, strength = (like.coin, float(like.strength)) if like is not None else (coin, 1.0)
        points = self.scenario.levels.get(followed) or self.scenario.levels.get(LEADER)
        return 0 if points is None else strength * _log_move(points, minute)


def _log_move(points: Sequence[Waypoint], minute: float) -> float:
    """Log of the level against the first, on straight lines between waypoints; the last level stays."""
    base = log(float(points[0].level))
    for before, after in pairwise(points):
        if minute < float(after.minute):
            share = (minute - float(before.minute)) / float(after.minute - before.minute)
            low, high = log(float(before.level)), log(float(after.level))
            return low + share * (high - low) - base
    return log(float(points[-1].level)) - base


class Walk:
    """Prices of all coins at a moment; each step is drawn when it is asked for.

    Args:
        coins: Their habits.
        seed: Same seed and same times, same prices.
        start: Time of the first price.
        levels: First prices; those of the coins, where nothing else is given.
        happenings: What is laid over the walk.
    """

    def __init__(
        self, coins: Mapping[str, Coin], seed: str, start: int, levels: Mapping[str, float],
        happenings: Sequence[Happening] = (),
    ) -> None:  # fmt: skip
        """Stand at the start."""
        self._coins = dict(coins)
        self._random = Random(f"{seed}:walk")
        self._start = self._time = start
        self._logs = {name: log(levels[name]) for name in coins}
        self._happenings = tuple(happenings)

    def at(self, time: int) -> dict[str, float]:
        """Prices at a time, which must not lie before the last one asked for; none is drawn for the same time again."""
        elapsed = max(0, time - self._time)
        if elapsed:
            common = self._random.gauss(0, 1)
            for name, coin in self._coins.items():
                shock = shock_of(coin, common, self._random.gauss(0, 1))
                self._logs[name] += float(coin.volatility) * sqrt(elapsed / YEAR_MS) * shock
            self._time = time
        passed = self._time - self._start
        return {
            name: exp(self._logs[name] + sum(each.offset(name, passed) for each in self._happenings))
            for name in self._coins
        }

    def shift(self, coin: str, factor: float) -> None:
        """Multiply a coin's price, from now on."""
        self._logs[coin] += log(factor)


def shock_of(coin: Coin, common: float, own: float) -> float:
    """A standard normal that has the coin's correlation with the common factor."""
    share = float(coin.correlation)
    return share * common + sqrt(1 - share * share) * own
