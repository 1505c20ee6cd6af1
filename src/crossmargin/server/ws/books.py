"""Order books: a snapshot, then changes, each naming the one before it."""

import zlib
from itertools import zip_longest

from crossmargin.server.exchange import Exchange
from crossmargin.server.okx.answers import Row
from crossmargin.server.okx.market import Level, depth
from crossmargin.server.ws.frames import data_of, push
from crossmargin.server.ws.topics import Client, Seen, Topic

__all__ = ["Book", "checksum"]

_FIRST = -1
_CHECKED = 25
_SIGN = 1 << 31

Side = dict[str, Level]


class Book(Topic):
    """A book to a depth. Whoever lags behind the chain is given a snapshot, with which a chain begins anew.

    Args:
        levels: Depth.
        interval_ms: Shortest time between two pushes.
    """

    def __init__(self, levels: int, interval_ms: int, exchange: Exchange, seen: Seen, name: str) -> None:
        """Nothing is shown yet."""
        super().__init__(exchange, seen, name)
        self.interval_ms = interval_ms
        self._levels = levels
        self._version = _FIRST
        self._asks: Side = {}
        self._bids: Side = {}

    def _look(self) -> None:
        asks, bids = depth(self.exchange, self.name, self._levels)
        self._version = self.exchange.venue.state.books[self.name].version
        self._asks, self._bids = {each[0]: each for each in asks}, {each[0]: each for each in bids}

    def greet(self, listener: Client, arg: str) -> None:
        """A snapshot as of the last push, from which the next one goes on."""
        if len(self.listeners) == 1:
            self._look()
        listener.outbox.show((self, arg), push(arg, self._snapshot()))

    def tell(self) -> bool:
        """What changed since the last push; a snapshot for those who have not taken that one yet."""
        if self.exchange.venue.state.books[self.name].version == self._version:
            return False
        before, asks, bids = self._version, self._asks, self._bids
        self._look()
        update = self._tail("update", _changes(asks, self._asks), _changes(bids, self._bids), before)
        snapshot = ""
        for listener, arg in self.listeners:
            tail = update
            if listener.outbox.holds((self, arg)):
                tail = snapshot = snapshot or self._snapshot()
            listener.outbox.show((self, arg), push(arg, tail))
        return True

    def _snapshot(self) -> str:
        return self._tail("snapshot", [*self._asks.values()], [*self._bids.values()], _FIRST)

    def _tail(self, action: str, asks: list[Level], bids: list[Level], before: int) -> str:
        row: Row = {
            "asks": asks,
            "bids": bids,
            "ts": str(self.exchange.now()),
            "checksum": checksum([*self._asks.values()], [*self._bids.values()]),
            "seqId": self._version,
            "prevSeqId": before,
        }
        return data_of([row], action)


def _changes(old: Side, new: Side) -> list[Level]:
    """Levels that are gone, with size 0, and those that are new or different."""
    gone = [[price, "0", "0", "0"] for price in old if price not in new]
    return [*gone, *(level for price, level in new.items() if old.get(price) != level)]


def checksum(asks: list[Level], bids: list[Level]) -> int:
    """CRC-32, signed, over price and size of the 25 best bids and asks in turn.

    >>> checksum([["3366.8", "9"], ["3368", "8"]], [["3366.1", "7"], ["3366", "6"]])  # the venue's own example
    -1881014294
    """
    pairs = zip_longest(bids[:_CHECKED], asks[:_CHECKED])
    text = ":".join(f"{level[0]}:{level[1]}" for pair in pairs for level in pair if level is not None)
    found = zlib.crc32(text.encode())
    return found - 2 * _SIGN if found >= _SIGN else found
