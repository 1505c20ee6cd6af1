"""Where a market's prices come from, as the house asks for them: sources of an index, and a contract's own price."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from crossmargin.engine.state import State
from crossmargin.market.listing import Line
from crossmargin.market.tape import Past, PriceKind, Settled
from crossmargin.prices.health import Quote

__all__ = ["Prices"]


class Prices(Protocol):
    """A source of prices; asked at ascending times, after `start`."""

    def start(self, time: int, view: State, lines: Sequence[Line]) -> None:
        """Begin at a time; where the venue has prices already, go on from them."""

    def add(self, line: Line) -> None:
        """One more instrument is listed."""

    def read(self, time: int) -> Mapping[str, Sequence[Quote]]:
        """What the sources of each index pair say."""

    def mark(self, line: Line, index: Decimal) -> Quote | None:
        """A contract's mark, given its index; None where nothing is known of it."""

    def put(self, line: Line, price: Decimal, time: int) -> None:
        """Make a price the index of its coin and the contract's mark, from now on.

        Raises:
            InputError: these prices are not ours to move.
        """

    def volatility(self, line: Line) -> float:
        """The usual one of a contract's price, of a year."""

    def past(self, kind: PriceKind, name: str) -> Past:
        """Bars before the start."""

    def settled(self, line: Line) -> Iterable[Settled]:
        """Funding settled before the start."""

    def close(self) -> None:
        """Let go of whatever was opened."""
