"""Prices from candle files, played at a chosen speed: one file a coin, its bars walked through by four points each.

Between two points the price lies on the line; where the files have no bar, and after their end, nothing new is said,
so that prices grow stale.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from math import sqrt
from os.path import isdir
from pathlib import Path
from random import Random

from crossmargin.domain.documents import one_line
from crossmargin.engine.state import State
from crossmargin.errors import InputError, MissingDataError
from crossmargin.market.candles import Bar, read_candles
from crossmargin.market.listing import Coin, Line
from crossmargin.market.past import HOURS, MINUTES, POINTS, past_of
from crossmargin.market.rows import ENDINGS, Window
from crossmargin.market.series import HOUR_MS, MINUTE_MS
from crossmargin.market.tape import Past, PriceKind, Settled
from crossmargin.prices.health import Quote
from crossmargin.prices.mark import basis_price

__all__ = ["Reel", "ReplayPrices", "read_folder"]

_QUOTES = ("USDT", "USDC", "USD")
_NAME = re.compile(r"[A-Z0-9]+")
_NOT_LAST = ("mark", "funding", "index", "premium")
_DIGITS = 8


class Reel:
    """The bars of one coin as a line through time.

    Args:
        bars: Ascending.
    """

    def __init__(self, bars: Sequence[Bar]) -> None:
        """Find the length of a bar."""
        self._bars = bars
        self._times = [bar.time_ms for bar in bars]
        self.step = min((after - before for before, after in pairwise(self._times)), default=MINUTE_MS)
        self.first, self.end = self._times[0], self._times[-1] + self.step

    def at(self, time: float) -> float | None:
        """The price at a moment, None where no bar covers it."""
        place = bisect_right(self._times, time) - 1
        if place < 0 or time >= self._times[place] + self.step:
            return None
        bar = self._bars[place]
        rises = bar.close >= bar.open
        points = [
            float(each)
            for each in (bar.open, bar.low if rises else bar.high, bar.high if rises else bar.low, bar.close)
        ]
        way = (time - self._times[place]) / self.step * (len(points) - 1)
        leg = int(way)
        return points[leg] + (way - leg) * (points[leg + 1] - points[leg])


def read_folder(folder: str, coins: Iterable[str]) -> dict[str, Reel]:
    """Bars of every coin that the files of a folder price.

    Args:
        folder: Files named after a pair: ``BTCUSDT_1m.csv.gz``, ``BTC_USDT_USDT-1h-futures.feather``, ``BTC-USDT.csv``.
        coins: Those that the market trades; files of others are left alone.

    Raises:
        InputError: no such folder, a file that can't be read, or two for one coin.
        MissingDataError: none of the files prices a coin of the market.
    """
    if not isdir(folder):  # which finds none under a name that can't be one, where Path.is_dir may raise
        raise InputError("--market", "", f"{one_line(folder)}: no such folder")
    path = Path(folder)
    found: dict[str, Reel] = {}
    came_from: dict[str, str] = {}
    for file in sorted(each.as_posix() for each in path.iterdir() if each.name.endswith(ENDINGS)):
        coin = _coin_of(file)
        if coin is None or coin not in coins:
            continue
        if coin in found:
            raise InputError("--market", coin, f"both {came_from[coin]} and {file} price it: keep one")
        held = read_candles(file, Window())
        if len(held) > 1:
            raise InputError(file, "symbol", "one file holds one pair")
        found[coin], came_from[coin] = Reel(next(iter(held.values())).bars), file
    if not found:
        known = ", ".join(sorted(coins))
        raise MissingDataError(f"--market: {folder}: no candle file named after a pair of {known}, as BTCUSDT_1m.csv")
    return found


def _coin_of(path: str) -> str | None:
    """The coin that a file name tells, None for files of mark prices and funding."""
    name = Path(path).name
    if any(word in name.lower() for word in _NOT_LAST):
        return None
    head = _NAME.match(name)
    if head is None:
        return None
    for quote in _QUOTES:
        if head[0].endswith(quote) and head[0] != quote:
            return head[0].removesuffix(quote)
    return head[0]


class ReplayPrices:
    """Prices that were recorded.

    Args:
        reels: Bars by coin.
        coins: Habits of the coins: how fast they usually move.
        speed: How many times faster than it was the past is played.
        since: Where to begin, UTC milliseconds; None at the first moment that all coins have.
    """

    def __init__(
        self, reels: Mapping[str, Reel], coins: Mapping[str, Coin], *, speed: float = 1, since: int | None = None
    ) -> None:
        """Find the stretch that all coins share.

        Raises:
            MissingDataError: there is none, or it does not hold the moment asked for.
        """
        self._reels, self._coins, self._speed = dict(reels), dict(coins), speed
        first, end = max(each.first for each in reels.values()), min(each.end for each in reels.values())
        self._since = first if since is None else since
        if not first <= self._since < end:
            raise MissingDataError("--market: the files have no moment in common there")
        self._lines: dict[str, Line] = {}
        self._opened = self._time = 0
        self._said: dict[str, tuple[float, int]] = {}

    def start(self, time: int, view: State, lines: Sequence[Line]) -> None:
        """The first moment is now."""
        self._opened = self._time = time
        for line in lines:
            self.add(line)

    def add(self, line: Line) -> None:
        """One more contract on a coin that is played."""
        self._lines[line.id] = line

    def read(self, time: int) -> Mapping[str, Sequence[Quote]]:
        """What the bars say; where they say nothing, what they said last, at that time."""
        self._time = time
        for coin in self._reels:
            price = self._price(coin, time)
            if price is not None:
                self._said[coin] = (price, time)
        found = {}
        for line in self._lines.values():
            price, said = self._said[line.instrument.base]
            found[line.pair] = (Quote(source="bars", price=line.on_tick(price), time=said),)
        return found

    def _price(self, coin: str, time: int) -> float | None:
        return self._reels[coin].at(self._since + (time - self._opened) * self._speed)

    def mark(self, line: Line, index: Decimal) -> Quote | None:
        """The index, and the basis of a dated contract: files say nothing of premiums."""
        premium = Decimal(f"{line.mean_premium(self._time):.{_DIGITS}f}")
        _, said = self._said[line.instrument.base]
        return Quote(source="basis", price=basis_price(index, basis_average=index * premium), time=said)

    def put(self, line: Line, price: Decimal, time: int) -> None:
        """Refused.

        Raises:
            InputError: always: what was recorded is not ours to move.
        """
        raise InputError("price", "", f"{line.id} follows recorded prices: only a generated market can be moved")

    def volatility(self, line: Line) -> float:
        """That of the coin, at this speed."""
        return float(self._coins[line.instrument.base].volatility) * sqrt(self._speed)

    def past(self, kind: PriceKind, name: str) -> Past:
        """What the bars before the first moment would have shown at this speed; nobody traded here."""
        lines = self._lines.values()
        line = next((each for each in lines if kind == "index" and each.pair == name), self._lines.get(name))
        if line is None:
            return Past()
        end = self._opened // MINUTE_MS * MINUTE_MS
        fine = self._backwards(line.instrument.base, end, MINUTE_MS // POINTS, MINUTES * POINTS)
        turn = -(-(end - (len(fine) - 1) // POINTS * MINUTE_MS) // HOUR_MS) * HOUR_MS
        coarse = self._backwards(line.instrument.base, turn, HOUR_MS // POINTS, HOURS * POINTS)
        return past_of(line, kind, fine, coarse, opened=self._opened, random=Random(name), busy=0)

    def _backwards(self, coin: str, end: int, step: int, count: int) -> list[float]:
        """Prices a step apart that lead to a time, as far back as there are any."""
        found: list[float] = []
        for number in range(count + 1):
            price = self._price(coin, end - number * step)
            if price is None:
                break
            found.append(price)
        return found[::-1]

    def settled(self, line: Line) -> Iterable[Settled]:
        """Nothing was settled here before."""
        return ()

    def close(self) -> None:
        """Nothing is open."""
