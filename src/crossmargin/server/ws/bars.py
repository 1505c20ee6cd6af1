"""Candles: the bar that runs, and each one once more when it is over."""

from collections.abc import Hashable

from crossmargin.market.series import Candle
from crossmargin.market.tape import PriceKind
from crossmargin.server.exchange import Exchange
from crossmargin.server.okx.market import candle_row
from crossmargin.server.ws.frames import data_of, push
from crossmargin.server.ws.topics import Client, Seen, Topic

__all__ = ["Bars"]

_MINUTE_MS = 60_000


class Bars(Topic):
    """Bars of an instrument, or of a pair.

    Args:
        of: Whether of trades, marks or the index.
        bar: Their length.
    """

    interval_ms = 500

    def __init__(self, of: PriceKind, bar: str, exchange: Exchange, seen: Seen, name: str) -> None:
        """No bar is told yet."""
        super().__init__(exchange, seen, name)
        self._of, self._bar = of, bar
        self._instrument = exchange.listed(name) if of == "last" else None
        self._stamp: Hashable = None
        self._told = 0

    def _newest(self, most: int) -> list[Candle]:
        return self.exchange.market.tape.candles(self.name, self._bar, limit=most, of=self._of)

    def _data(self, bar: Candle) -> str:
        return data_of([candle_row(bar, self._instrument)])

    def _now(self) -> Hashable:
        """What the newest bar rests on."""
        marks, minute = self.exchange.venue.state.marks, self.exchange.market.tape.time // _MINUTE_MS
        if self._of == "last":
            return minute, self.seen.trades.get(self.name), marks.last.get(self.name)
        return minute, (marks.mark if self._of == "mark" else marks.index).get(self.name)

    def greet(self, listener: Client, arg: str) -> None:
        """The bar that runs."""
        for bar in self._newest(1):
            if len(self.listeners) == 1:
                self._told, self._stamp = bar.time, self._now()
            listener.outbox.show((self, arg), push(arg, self._data(bar)))

    def tell(self) -> bool:
        """The bar that runs, after the one before it if that has just ended."""
        stamp = self._now()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        bars = self._newest(2)
        if not bars:
            return False
        over = [self._data(bar) for bar in bars[1:] if bar.time == self._told]
        tail = self._data(bars[0])
        self._told = bars[0].time
        for listener, arg in self.listeners:
            for each in over:
                listener.outbox.put(push(arg, each))
            listener.outbox.show((self, arg), push(arg, tail))
        return True
