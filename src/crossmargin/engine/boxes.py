"""Boxes: the engine's own nomination. Each account has a range of prices inside which its pools provably stay safe.

A pool is safe while supports > w x requires. When each price p moves inside p / (1 + r) ... p x (1 + r), no value moves
by more than r times itself, so that

    r = (supports - w x requires) / sum of value x (1 + w x rate)

is a box. Its edges hang in two heaps for each instrument; a mark wakes whom it carries past an edge, and they get a new
box, or stay loose and are looked at exactly at every mark until they are safe again.
"""

from collections.abc import Collection
from decimal import ROUND_FLOOR, Context, Decimal
from heapq import heapify, heappop, heappush

from crossmargin.domain.arithmetic import ONE
from crossmargin.engine.owner import Owner
from crossmargin.engine.scale import REACH, UP
from crossmargin.engine.standing import Standing
from crossmargin.engine.state import State

__all__ = ["Boxes"]

_DOWN = Context(prec=28, rounding=ROUND_FLOOR)
_INSIDE = Decimal("0.99")
_SPARE = 64

Edge = tuple[Decimal, int, str]
"""Upper edge, or minus the lower one; the number of the box; the account."""


class Boxes:
    """Ranges of all accounts of one engine; to be asked as `crossmargin.engine.nominate.Nominate`."""

    __slots__ = ("_edges", "_laid", "_loose", "_number")

    def __init__(self) -> None:
        """Without a box."""
        self._edges: dict[tuple[str, int], list[Edge]] = {}
        self._laid: dict[str, int] = {}
        self._loose: dict[str, None] = {}
        self._number = 0

    def __call__(
        self, state: State, instrument: str, _before: Decimal | None, changed: Collection[str]
    ) -> Collection[str]:
        """Whom the new mark of an instrument may have brought to an edge; everyone else is safe where it is."""
        for account in changed:
            self._loosen(account)
        mark = state.marks.mark[instrument]
        for sign in (1, -1):
            self._wake(instrument, sign, mark * sign)
        holders = state.holders.get(instrument, {})
        loose = self._loose
        asked = [each for each in loose if each in holders] if len(loose) < len(holders) else [*holders]
        return [each for each in asked if each in loose and not self._settled(state, state.owners[each])]

    def _loosen(self, account: str) -> None:
        self._laid.pop(account, None)
        self._loose[account] = None

    def _wake(self, instrument: str, sign: int, mark: Decimal) -> None:
        """Take down the edges that a mark has passed, and those that belong to no box any more."""
        edges = self._edges.get((instrument, sign))
        if edges is None:
            return
        laid = self._laid
        if len(edges) > _SPARE + 4 * len(laid):
            edges[:] = [each for each in edges if laid.get(each[2]) == each[1]]
            heapify(edges)
        while edges and edges[0][0] < mark:
            _, number, account = heappop(edges)
            if laid.get(account) == number:
                self._loosen(account)

    def _settled(self, state: State, owner: Owner) -> bool:
        """Lay the box of an account; False where it is not surely safe now."""
        if owner.positions and not owner.internal:
            safe = state.bounds.safe(owner)
            if safe is None:
                return False
            self._number += 1
            self._laid[owner.id] = self._number
            for pool in safe.values():
                self._lay(state, owner.id, pool)
        del self._loose[owner.id]
        return True

    def _lay(self, state: State, account: str, pool: Standing) -> None:
        """Hang up the edges of one pool, a hair inside of where its distance would be used up."""
        distance = pool.supports - state.bounds.warn * pool.requires
        for name in pool.names:
            reach = ONE + min(REACH, _DOWN.multiply(_DOWN.divide(distance, pool.gross), _INSIDE))
            mark = state.marks.mark[name]
            low, high = UP.divide(mark, reach), _DOWN.multiply(mark, reach)
            heappush(self._edges.setdefault((name, 1), []), (high, self._number, account))
            heappush(self._edges.setdefault((name, -1), []), (-low, self._number, account))
