"""The order book: best price first, and at one price the oldest first."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

from crossmargin.domain.account import OrderSide
from crossmargin.domain.ledger import Ticket

__all__ = ["Book"]

# Members by a name of their own: looked up on its class, one costs ten times as much.
_BUY, _SELL = OrderSide.BUY, OrderSide.SELL


class Book:
    """Resting orders of one instrument.

    Each side is a sorted list of prices and, for each price, the tickets in order of arrival. What is asked of it is
    read-only; `add`, `replace` and `remove` are called by the engine when it applies an event.

    Attributes:
        version: Counts changes, so that whoever shows the book knows when to look again.
    """

    __slots__ = ("_levels", "_prices", "version")

    def __init__(self) -> None:
        """Start empty."""
        self.version = 0
        self._prices: dict[OrderSide, list[Decimal]] = {side: [] for side in OrderSide}
        self._levels: dict[OrderSide, dict[Decimal, dict[str, Ticket]]] = {side: {} for side in OrderSide}

    def add(self, ticket: Ticket) -> None:
        """Put a ticket behind all that stand at its price."""
        self.version += 1
        order = ticket.order
        assert order.price is not None
        levels = self._levels[order.side]
        level = levels.get(order.price)
        if level is None:
            level = levels[order.price] = {}
            insort(self._prices[order.side], order.price)
        level[ticket.id] = ticket

    def replace(self, ticket: Ticket) -> None:
        """Another size for a ticket that keeps its price and place."""
        self.version += 1
        order = ticket.order
        assert order.price is not None
        self._levels[order.side][order.price][ticket.id] = ticket

    def remove(self, ticket: Ticket) -> None:
        """Take a ticket out; the last one at a price takes the price with it."""
        self.version += 1
        side, price = ticket.order.side, ticket.order.price
        assert price is not None
        level = self._levels[side][price]
        del level[ticket.id]
        if not level:
            del self._levels[side][price]
            prices = self._prices[side]
            del prices[bisect_left(prices, price)]

    def best(self, side: OrderSide) -> Decimal | None:
        """Highest bid or lowest ask."""
        prices = self._prices[side]
        if not prices:
            return None
        return prices[-1] if side == _BUY else prices[0]

    def first(self, taker: OrderSide, limit: Decimal | None) -> Ticket | None:
        """The resting order that a taker meets next, None when none stands at its limit or better."""
        maker = _SELL if taker == _BUY else _BUY
        price = self.best(maker)
        if price is None or (limit is not None and not _acceptable(taker, limit, price)):
            return None
        return next(iter(self._levels[maker][price].values()))

    def walk(self, taker: OrderSide, limit: Decimal | None) -> Iterator[Ticket]:
        """All resting orders that a taker would meet, in order; the book must not change meanwhile."""
        maker = _SELL if taker == _BUY else _BUY
        prices = self._prices[maker]
        for price in prices if taker == _BUY else reversed(prices):
            if limit is not None and not _acceptable(taker, limit, price):
                return
            yield from self._levels[maker][price].values()

    def depth(self, side: OrderSide) -> list[tuple[Decimal, Decimal]]:
        """Price and size of each level, best first."""
        return [(price, size) for price, size, _ in self.levels(side)]

    def levels(self, side: OrderSide, most: int | None = None) -> list[tuple[Decimal, Decimal, int]]:
        """Price, size and number of orders of each level, best first, at most so many."""
        prices = self._prices[side]
        ordered = reversed(prices) if side == _BUY else iter(prices)
        levels = self._levels[side]
        return [
            (price, sum((each.order.remaining for each in levels[price].values()), Decimal(0)), len(levels[price]))
            for price in islice(ordered, most)
        ]


def _acceptable(taker: OrderSide, limit: Decimal, price: Decimal) -> bool:
    return price <= limit if taker == _BUY else price >= limit
