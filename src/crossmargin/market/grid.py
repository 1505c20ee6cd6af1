"""A maker for prices of few ticks, as options have: it quotes points of a grid, and moves when the mark passes one."""

from decimal import Decimal

from crossmargin.domain import command as c
from crossmargin.domain.account import OrderSide
from crossmargin.domain.arithmetic import ceil_to, floor_to
from crossmargin.domain.ledger import Ticket
from crossmargin.engine.state import State
from crossmargin.market.listing import Line
from crossmargin.market.quoter import Quoter, price_of, sides_of

__all__ = ["GridMaker"]

LEVELS = 5
GRID = 5  # ticks from one point to the next
GROWS = 1.3
INVENTORY_LEVELS = 60  # first levels' worth at which it only reduces


class GridMaker(Quoter):
    """Quotes one instrument for one house account.

    Args:
        line: The instrument and its terms.
    """

    def __init__(self, line: Line) -> None:
        """Nothing of the past matters to it."""
        super().__init__(line, INVENTORY_LEVELS)

    def watch(self, mark: Decimal, time: int) -> None:
        """Its depth does not depend on the past."""

    def forget(self, mark: Decimal, time: int) -> None:
        """There is nothing to forget."""

    def ladder(self, side: OrderSide, mark: Decimal, inventory: float) -> dict[Decimal, Decimal]:
        """Contracts by price: the grid's points next to the mark, the nearest first."""
        step = GRID * self.line.tick
        buys = side == OrderSide.BUY
        first = floor_to(mark - self.line.tick, step) if buys else ceil_to(mark + self.line.tick, step)
        share = max(0.0, 1 - max(0.0, side.sign * inventory))
        found = {}
        for level in range(LEVELS):
            price = first - side.sign * level * step
            if price > 0:
                usd = float(self.line.terms.depth) * GROWS**level * share
                found[price] = self.line.contracts(usd, mark)
        if buys and not found and mark > self.line.tick:
            found[self.line.tick] = self.line.least
        return found

    def requote(self, view: State, mark: Decimal, time: int, room: int) -> list[c.Command]:
        """Bring the quotes to the points next to a mark; what stands on one of them stays."""
        inventory = self.inventory(view, mark)
        changes: list[c.Command] = []
        for side in sides_of(view, self.line, mark):
            changes += self._side(view, side, mark, self.ladder(side, mark, inventory), time, room)
        return changes

    def _side(
        self, view: State, side: OrderSide, mark: Decimal, levels: dict[Decimal, Decimal], time: int, room: int
    ) -> list[c.Command]:
        standing: dict[Decimal, Ticket] = {}
        spare: list[Ticket] = []
        for ticket in self.orders(view, side):
            price = price_of(ticket)
            if price in levels and price not in standing:
                standing[price] = ticket
            else:
                spare.append(ticket)
        urgent = [each for each in spare if (price_of(each) - mark) * side.sign >= 0]
        spare = [*urgent, *(each for each in spare if each not in urgent)]
        empty = [(price, size) for price, size in levels.items() if price not in standing]
        resized = [
            self.amending(ticket, price, levels[price], time)
            for price, ticket in standing.items()
            if not levels[price] <= 2 * ticket.order.remaining <= 4 * levels[price]
        ]
        return self.rearranged(side, spare, len(urgent), empty, resized, len(standing), time, room)

    def fresh(
        self, view: State, mark: Decimal, time: int, *, around: Decimal, band: Decimal, levels: int = LEVELS
    ) -> list[c.Command]:
        """Take everything back and quote anew."""
        inventory = self.inventory(view, mark)
        found: list[c.Command] = [self.withdrawing(time)]
        for side in OrderSide:
            for price, size in list(self.ladder(side, mark, inventory).items())[:levels]:
                found.append(self.placing(side, price, size, time))
        return found
