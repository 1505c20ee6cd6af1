"""What a generated market would have shown before it opened: bars that lead to its first price."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import exp, log, sqrt
from random import Random

from crossmargin.domain.arithmetic import ZERO
from crossmargin.market.listing import YEAR_MS, Coin, Line
from crossmargin.market.series import HOUR_MS, MINUTE_MS, Candle, joined
from crossmargin.market.settlements import PERIOD_MS, rate_of
from crossmargin.market.tape import Past, PriceKind, Settled, amounts_of
from crossmargin.market.walk import shock_of

__all__ = ["HOURS", "MINUTES", "POINTS", "GeneratedPast", "past_of"]

POINTS = 4  # prices a bar
MINUTES = 1_440
HOURS = 960
SETTLEMENTS = 60
BUSY = 0.4  # first levels traded a minute
PREMIUM_SPREAD = 0.0006


class GeneratedPast:
    """Draws the past of every coin backwards from its first price, once it is asked for.

    Args:
        coins: Their habits.
        levels: First prices.
        lines: What is listed by now, by id.
        seed: Same seed, same past.
        opened: Time of the first price.
    """

    def __init__(
        self, coins: Mapping[str, Coin], levels: Mapping[str, float], lines: Mapping[str, Line], seed: str, opened: int
    ) -> None:
        """Draw nothing yet."""
        self._coins, self._levels, self._seed = dict(coins), dict(levels), seed
        self._lines = lines
        self._opened = opened
        self._paths: dict[str, tuple[list[float], list[float]]] = {}

    def bars(self, kind: PriceKind, name: str) -> Past:
        """Bars of one price before the opening."""
        line = next(
            (each for each in self._lines.values() if kind == "index" and each.pair == name), self._lines.get(name)
        )
        if line is None:
            return Past()
        fine, coarse = self._path(line.instrument.base)
        random = Random(f"{self._seed}:past:{kind}:{name}")
        return past_of(line, kind, fine, coarse, opened=self._opened, random=random, busy=BUSY)

    def settled(self, line: Line) -> list[Settled]:
        """Funding that would have been settled before the opening."""
        random = Random(f"{self._seed}:settled:{line.id}")
        last = self._opened // PERIOD_MS
        found = []
        for period in range(last - SETTLEMENTS + 1, last + 1):
            premium = Decimal(f"{random.gauss(float(line.terms.premium), PREMIUM_SPREAD):.8f}")
            found.append(Settled(time=period * PERIOD_MS, rate=rate_of(premium)))
        return found

    def _path(self, coin: str) -> tuple[list[float], list[float]]:
        """Prices of a coin, ascending in time to the first price: by quarters of a minute, before that of an hour."""
        found = self._paths.get(coin)
        if found is None:
            level = log(self._levels[coin])
            minutes = self._back(coin, "minutes", level, MINUTES * POINTS, MINUTE_MS)
            hours = self._back(coin, "hours", minutes[0], HOURS * POINTS, HOUR_MS)
            found = self._paths[coin] = ([exp(each) for each in minutes], [exp(each) for each in hours])
        return found

    def _back(self, coin: str, grid: str, end: float, count: int, step: int) -> list[float]:
        habits = self._coins[coin]
        common, own = Random(f"{self._seed}:past:{grid}"), Random(f"{self._seed}:past:{grid}:{coin}")
        scale = float(habits.volatility) * sqrt(step / POINTS / YEAR_MS)
        path = [end]
        for _ in range(count):
            path.append(path[-1] - scale * shock_of(habits, common.gauss(0, 1), own.gauss(0, 1)))
        return path[::-1]


def past_of(
    line: Line, kind: PriceKind, fine: Sequence[float], coarse: Sequence[float], *,
    opened: int, random: Random, busy: float,
) -> Past:  # fmt: skip
    """Bars of an instrument from the prices of its coin.

    Args:
        line: The instrument.
        kind: Whose bars: those of an index are the coin's own, others carry the contract's premium.
        fine: Prices by quarters of a minute, the last one at the opening.
        coarse: Prices by quarters of an hour, the last one where the fine ones begin.
        opened: When the market opened.
        random: Of volumes, and of where between bid and ask trades were.
        busy: How much was traded, in first levels a minute.
    """
    end = opened // MINUTE_MS * MINUTE_MS
    first = end - (len(fine) - 1) // POINTS * MINUTE_MS
    minutes = _bars(line, kind, fine, first, MINUTE_MS, random, busy)
    turn = -(-first // HOUR_MS) * HOUR_MS
    early = _bars(line, kind, coarse, turn - (len(coarse) - 1) // POINTS * HOUR_MS, HOUR_MS, random, busy)
    late: dict[int, list[Candle]] = {}
    for bar in minutes:
        late.setdefault(bar.time // HOUR_MS * HOUR_MS, []).append(bar)
    full = [(time, bars) for time, bars in late.items() if time >= turn]
    return Past(tuple(minutes), (*early, *(joined(bars, time, closed=time + HOUR_MS <= end) for time, bars in full)))


def _bars(
    line: Line, kind: PriceKind, path: Sequence[float], first: int, step: int, random: Random, busy: float
) -> list[Candle]:
    premium = 0 if kind == "index" else line.mean_premium(first)
    width = float(line.terms.touch) if kind == "last" else 0.0
    found = []
    for number in range((len(path) - 1) // POINTS):
        points = path[number * POINTS : (number + 1) * POINTS + 1]
        prices = [line.on_tick(each * (1 + premium + width * random.uniform(-1, 1))) for each in points]
        usd = float(line.terms.depth) * busy * random.expovariate(1) * (step / MINUTE_MS)
        contracts = line.contracts(usd, prices[-1]) if kind == "last" and busy else ZERO
        base, quote = amounts_of(line.instrument, contracts, prices[-1])
        found.append(
            Candle(
                time=first + number * step, open=prices[0], high=max(prices), low=min(prices), close=prices[-1],
                contracts=contracts, base=base, quote=quote,
            )
        )  # fmt: skip
    return found
