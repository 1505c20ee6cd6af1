"""Prices of a live venue: asked for in the background, judged like any other, never traded on.

A venue that falls silent, or repeats itself, lets prices grow stale; a source that differs from the other makes them
suspect. Neither is an error of ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from threading import Event, Thread

from crossmargin.domain.instrument import Kind
from crossmargin.engine.state import State
from crossmargin.errors import InputError, MissingDataError
from crossmargin.market.feed import Feed, Said, Snapshot
from crossmargin.market.listing import Coin, Line
from crossmargin.market.series import Candle
from crossmargin.market.tape import Past, PriceKind, Settled
from crossmargin.prices.health import HealthRules, Quote
from crossmargin.prices.mark import basis_price

__all__ = ["LIVE_RULES", "LivePrices"]

PERIOD_S = 2.0
TRIES = 3
PATIENCE_S = 10.0
LIVE_RULES = HealthRules(quorum=1, age_max=15_000)
_DIGITS = 8


class LivePrices:
    """Prices that a venue says now.

    Args:
        feed: Asks the venue.
        coins: Habits of the coins.
        period: Seconds between two questions; 0 asks whenever prices are read, in the reader's own time.
    """

    def __init__(self, feed: Feed, coins: Mapping[str, Coin], period: float = PERIOD_S) -> None:
        """Ask nothing yet."""
        self._feed, self._coins, self._period = feed, dict(coins), period
        self._lines: dict[str, Line] = {}
        self._newest: Snapshot | None = None
        self._seen: dict[tuple[str, str], tuple[Said, int]] = {}
        self._past: dict[str, Past] = {}
        self._stop = Event()
        self._thread: Thread | None = None
        self._time = 0

    def start(self, time: int, view: State, lines: Sequence[Line]) -> None:
        """Ask until every coin has a price; then go on asking in the background.

        Raises:
            MissingDataError: the venue gives none.
        """
        wanted = {line.instrument.base for line in lines}
        for _ in range(TRIES):
            self._newest = self._feed.ask()
            if self._newest is not None and all(self._newest.spot.get(coin) for coin in wanted):
                break
        else:
            why = self._feed.failure or "no price of " + ", ".join(sorted(wanted - set(self._priced())))
            raise MissingDataError(f"--market: live:{self._feed.venue} gives no prices: {why}")
        for line in lines:
            self.add(line)
        self._take(time)
        for coin in sorted(wanted):
            self._past[coin] = self._bars(coin)
        if self._period:
            self._thread = Thread(target=self._ask_on, name="live-prices", daemon=True)
            self._thread.start()

    def _priced(self) -> list[str]:
        return [] if self._newest is None else [coin for coin, said in self._newest.spot.items() if said]

    def _ask_on(self) -> None:
        while not self._stop.wait(self._period):
            found = self._feed.ask()
            if found is not None:
                self._newest = found

    def add(self, line: Line) -> None:
        """One more contract on a coin whose price is asked for."""
        self._lines[line.id] = line

    def read(self, time: int) -> Mapping[str, Sequence[Quote]]:
        """What each source said last; only what is new counts as said now."""
        if not self._period:
            self._newest = self._feed.ask()
        self._take(time)
        found: dict[str, Sequence[Quote]] = {}
        for line in self._lines.values():
            coin = line.instrument.base
            found[line.pair] = tuple(
                Quote(source=source, price=line.on_tick(said.price), time=at)
                for (name, source), (said, at) in self._seen.items()
                if name == coin
            )
        return found

    def _take(self, time: int) -> None:
        """Note what the newest answer says that had not been said before."""
        self._time, newest = time, self._newest
        self._newest = None
        if newest is None:
            return
        for coin, sources in newest.spot.items():
            for source, said in sources.items():
                self._note((coin, source), said, time)
        for symbol, said in newest.marks.items():
            self._note((symbol, "mark"), said, time)

    def _note(self, key: tuple[str, str], said: Said, time: int) -> None:
        before = self._seen.get(key)
        if before is None or said.time is None or said.time != before[0].time:
            self._seen[key] = (said, time)

    def mark(self, line: Line, index: Decimal) -> Quote | None:
        """The venue's own mark of a perpetual; of others the index and the basis of a dated contract."""
        if line.instrument.kind == Kind.PERPETUAL:
            found = self._seen.get((line.instrument.unified, "mark"))
            if found is None:
                return None
            return Quote(source="mark", price=line.on_tick(found[0].price), time=found[1])
        premium = Decimal(f"{line.mean_premium(self._time):.{_DIGITS}f}")
        return Quote(source="basis", price=basis_price(index, basis_average=index * premium), time=self._time)

    def volatility(self, line: Line) -> float:
        """The usual one of the coin."""
        return float(self._coins[line.instrument.base].volatility)

    def past(self, _kind: PriceKind, name: str) -> Past:
        """The venue's bars of the coin; nobody traded here."""
        line = next((each for each in self._lines.values() if name in (each.id, each.pair)), None)
        return Past() if line is None else self._past.get(line.instrument.base, Past())

    def _bars(self, coin: str) -> Past:
        minutes, hours = (self._candles(coin, bar) for bar in ("1m", "1h"))
        return Past(minutes, hours)

    def _candles(self, coin: str, bar: str) -> tuple[Candle, ...]:
        found = []
        for time, prices in self._feed.bars(f"{coin}/USDT", bar):
            opened, high, low, close = (Decimal(repr(each)) for each in prices)
            found.append(Candle(time=time, open=opened, high=high, low=low, close=close))
        return tuple(found)

    def settled(self, line: Line) -> Iterable[Settled]:
        """Nothing was settled here before."""
        return ()

    def put(self, line: Line, price: Decimal, time: int) -> None:
        """Refused.

        Raises:
            InputError: always: a live price is not ours to move.
        """
        raise InputError("price", "", f"{line.id} follows a live venue: only a generated market can be moved")

    def close(self) -> None:
        """Ask no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
