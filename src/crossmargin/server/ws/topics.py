"""Topics: what a channel says about one thing. A push is rendered once, however many listen."""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from crossmargin.server.exchange import Exchange
from crossmargin.server.history import Changes
from crossmargin.server.okx.answers import Row
from crossmargin.server.ws.frames import data_of, push

if TYPE_CHECKING:
    from crossmargin.server.ws.outbox import Outbox

__all__ = ["Client", "Events", "Seen", "Source", "State", "Table", "Topic"]


class Client(Protocol):
    """A connection, as far as a topic knows it."""

    outbox: "Outbox"

    def end(self, code: int, reason: str) -> None:
        """Close the connection."""


class Seen:
    """What has changed, counted: a topic that sees the same count has nothing to say.

    Attributes:
        trades: Number of the newest trade of each instrument.
        market: Counts changes of listings, funding and health.
    """

    def __init__(self) -> None:
        """Nothing has."""
        self.trades: dict[str, int] = {}
        self.market = 0

    def note(self, changes: Changes) -> None:
        """Count the changes of a group of commands."""
        for trade in changes.trades:
            self.trades[trade.instrument] = trade.number
        if changes.market:
            self.market += 1


class Source(Struct, frozen=True):
    """Where a topic's rows come from.

    Attributes:
        stamp: Something that changes whenever the rows do, and is cheap.
        rows: The rows themselves.
        interval_ms: Pushed no more often than this.
    """

    stamp: Callable[[Exchange, Seen, str], Hashable]
    rows: Callable[[Exchange, str], list[Row] | list[list[str]]]
    interval_ms: int


class Topic:
    """Who listens, and when they were last told.

    Args:
        exchange: What is shown.
        seen: What has changed.
        name: Instrument, pair or kind of instrument.
    """

    interval_ms = 0

    def __init__(self, exchange: Exchange, seen: Seen, name: str) -> None:
        """Nobody listens yet."""
        self.exchange, self.seen, self.name = exchange, seen, name
        self.listeners: dict[tuple[Client, str], None] = {}
        self._due = 0

    @property
    def audience(self) -> list[Client]:
        """Who listens."""
        return [listener for listener, _ in self.listeners]

    def add(self, listener: Client, arg: str) -> None:
        """One more listens, and is told what there is."""
        self.listeners[listener, arg] = None
        self.greet(listener, arg)

    def remove(self, listener: Client, arg: str) -> None:
        """One less listens."""
        self.listeners.pop((listener, arg), None)
        listener.outbox.drop((self, arg))

    def greet(self, listener: Client, arg: str) -> None:
        """Tell one who has just come."""

    def pulse(self, now: int) -> None:
        """Tell everyone, if there is something new and it is time."""
        if now >= self._due and self.listeners and self.tell():
            self._due = now + self.interval_ms

    def tell(self) -> bool:
        """Tell everyone what is new; whether anything was."""
        return False


class State(Topic):
    """Something of which only the present matters: a client that is slow is shown the newest."""

    def __init__(self, source: Source, exchange: Exchange, seen: Seen, name: str) -> None:
        """Take the rows from a source."""
        super().__init__(exchange, seen, name)
        self._source = source
        self.interval_ms = source.interval_ms
        self._stamp: Hashable = None

    def greet(self, listener: Client, arg: str) -> None:
        """Show what is there; nothing where there is nothing yet."""
        if len(self.listeners) == 1:
            self._stamp = self._source.stamp(self.exchange, self.seen, self.name)
        rows = self._source.rows(self.exchange, self.name)
        if rows:
            listener.outbox.show((self, arg), push(arg, data_of(rows)))

    def tell(self) -> bool:
        """Render once, show to all."""
        stamp = self._source.stamp(self.exchange, self.seen, self.name)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        rows = self._source.rows(self.exchange, self.name)
        tail = data_of(rows)
        for listener, arg in self.listeners if rows else ():
            listener.outbox.show((self, arg), push(arg, tail))
        return True


class Table(Topic):
    """Rows with keys, of which those are told that have changed: each once, so none may be lost."""

    def __init__(self, source: Source, key: Callable[[Row], str], exchange: Exchange, seen: Seen, name: str) -> None:
        """Take the rows from a source and tell them apart by a key."""
        super().__init__(exchange, seen, name)
        self._source, self._key = source, key
        self.interval_ms = source.interval_ms
        self._stamp: Hashable = None
        self._told: dict[str, Row] = {}

    def greet(self, listener: Client, arg: str) -> None:
        """Show all rows."""
        listener.outbox.put(push(arg, data_of(self._source.rows(self.exchange, self.name))))

    def tell(self) -> bool:
        """Tell the rows that are new or different."""
        stamp = self._source.stamp(self.exchange, self.seen, self.name)
        if stamp == self._stamp:
            return False
        first, self._stamp = self._stamp is None, stamp
        rows = {self._key(row): row for row in self._source.rows(self.exchange, self.name)}  # type: ignore[arg-type]
        fresh = [row for key, row in rows.items() if self._told.get(key) != row]
        self._told = rows  # type: ignore[assignment]
        if not fresh or first:
            return False
        tail = data_of(fresh)
        for listener, arg in self.listeners:
            listener.outbox.put(push(arg, tail))
        return True


class Events(Topic):
    """Things that happen, each of which is told in order; whoever is too slow for them is disconnected."""

    def happened(self, rows: list[Row]) -> None:
        """Tell everyone."""
        tail = data_of(rows)
        for listener, arg in self.listeners:
            listener.outbox.put(push(arg, tail))
