"""Generated prices: a correlated walk, three sources that see it with a little noise, and a premium for contracts."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from math import exp, sqrt
from random import Random

from crossmargin.engine.state import State
from crossmargin.market.listing import Coin, Line
from crossmargin.market.past import GeneratedPast
from crossmargin.market.tape import Past, PriceKind, Settled
from crossmargin.market.walk import Happening, Walk
from crossmargin.prices.health import Quote
from crossmargin.prices.mark import basis_price

__all__ = ["GeneratedPrices"]

SOURCES = ("first", "second", "third")
SOURCE_NOISE = 0.00002
PREMIUM_SPREAD = 0.0004
PREMIUM_FADES_MS = 1_800_000
FADES_LAST_MS = 86_400_000  # before a dated contract ends, its price closes in on the index
_PREMIUM_DIGITS = 8


class GeneratedPrices:
    """Prices that are drawn.

    Args:
        coins: How each coin moves.
        seed: Same seed and same times, same prices.
        happenings: Crashes and pumps to come.
    """

    def __init__(self, coins: Mapping[str, Coin], seed: str, happenings: Sequence[Happening] = ()) -> None:
        """Draw nothing before `start`."""
        self._coins, self._seed, self._happenings = dict(coins), seed, tuple(happenings)
        self._lines: dict[str, Line] = {}
        self._random = Random(f"{seed}:prices")
        self._wander: dict[str, float] = {}
        self._time = 0

    def start(self, time: int, view: State, lines: Sequence[Line]) -> None:
        """First prices are those of the coins, or those that the venue has already."""
        levels = {name: float(coin.price) for name, coin in self._coins.items()}
        for line in reversed(lines):
            known = view.marks.index.get(line.pair)
            if known is not None:
                levels[line.instrument.base] = float(known)
        self._time = time
        self._walk = Walk(self._coins, self._seed, time, levels, self._happenings)
        self._past = GeneratedPast(self._coins, levels, self._lines, self._seed, time)
        for line in lines:
            self.add(line)

    def add(self, line: Line) -> None:
        """Its price starts at its mean distance from the index."""
        self._lines[line.id] = line
        self._wander[line.id] = 0.0

    def read(self, time: int) -> Mapping[str, Sequence[Quote]]:
        """What each source says now; premiums wander on."""
        levels = self._walk.at(time)
        kept = exp((self._time - time) / PREMIUM_FADES_MS)
        self._time = time
        for name, line in self._lines.items():
            if not line.spot:
                shock = PREMIUM_SPREAD * sqrt(1 - kept * kept) * self._random.gauss(0, 1)
                self._wander[name] = kept * self._wander[name] + shock
        pairs = {line.pair: line for line in reversed(self._lines.values())}
        return {pair: self._said(line, levels[line.instrument.base], time) for pair, line in pairs.items()}

    def _said(self, line: Line, level: float, time: int) -> tuple[Quote, ...]:
        return tuple(
            Quote(source=name, price=line.on_tick(level * (1 + self._random.gauss(0, SOURCE_NOISE))), time=time)
            for name in SOURCES
        )

    def mark(self, line: Line, index: Decimal) -> Quote | None:
        """The index and the contract's premium."""
        premium = Decimal(f"{self._premium(line):.{_PREMIUM_DIGITS}f}")
        return Quote(source="basis", price=basis_price(index, basis_average=index * premium), time=self._time)

    def _premium(self, line: Line) -> float:
        """What the contract's price is over the index; of a dated one it shrinks to nothing towards the end."""
        return line.mean_premium(self._time) + self._wander[line.id] * min(1.0, line.left(self._time) / FADES_LAST_MS)

    def put(self, line: Line, price: Decimal, time: int) -> None:
        """The whole coin moves; the contract named has no premium for now."""
        coin = line.instrument.base
        self._walk.shift(coin, float(price) / self._walk.at(time)[coin])
        self._wander[line.id] = -line.mean_premium(time)

    def volatility(self, line: Line) -> float:
        """That of the coin."""
        return float(self._coins[line.instrument.base].volatility)

    def past(self, kind: PriceKind, name: str) -> Past:
        """Drawn backwards from the first price."""
        return self._past.bars(kind, name)

    def settled(self, line: Line) -> Iterable[Settled]:
        """Drawn around the mean premium."""
        return self._past.settled(line)

    def close(self) -> None:
        """Nothing is open."""
