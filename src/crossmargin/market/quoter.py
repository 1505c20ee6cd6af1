"""What every house maker can do: see its own orders and what it holds, and say what should change."""

from collections.abc import Sequence
from decimal import Decimal

from crossmargin.domain import command as c
from crossmargin.domain.account import OrderSide
from crossmargin.domain.ledger import Ticket
from crossmargin.engine.state import State
from crossmargin.market.listing import Line

__all__ = ["Level", "Quoter", "price_of", "sides_of"]

FEW = 3  # orders a side that always stand
Level = tuple[Decimal, Decimal]
"""Price and contracts."""


class Quoter:
    """One house account that quotes one instrument.

    Args:
        line: The instrument and its terms.
        full: First levels' worth at which it only reduces what it holds.
    """

    def __init__(self, line: Line, full: int) -> None:
        """Remember nothing of orders: they are in the engine."""
        self.line = line
        self._full = float(line.terms.depth) * full

    def inventory(self, view: State, mark: Decimal) -> float:
        """What it holds, as a share of what it may hold; from -1 to 1."""
        held = self.line.usd(self.line.held(view, self.line.maker), mark)
        return min(1.0, max(-1.0, held / self._full))

    def orders(self, view: State, side: OrderSide) -> list[Ticket]:
        """Its orders on one side, the oldest first."""
        owner = view.owners.get(self.line.maker)
        return [] if owner is None else [each for each in owner.unfinished() if each.order.side == side]

    def rearranged(
        self, side: OrderSide, spare: Sequence[Ticket], urgent: int, empty: Sequence[Level],
        resized: Sequence[c.Command], standing: int, time: int, room: int,
    ) -> list[c.Command]:  # fmt: skip
        """Orders that stand nowhere go where none stands, the nearest first.

        Args:
            side: Of all of them.
            spare: Orders that should stand elsewhere, those that can't wait first.
            urgent: How many can't wait.
            empty: Where an order should stand and none does.
            resized: Orders that stand well, and want another size.
            standing: How many orders stand well.
            time: Of the commands.
            room: How many changes that could wait may be made; of few orders, as many as bring them back to a few.
        """
        moved = [self.amending(ticket, *level, time) for ticket, level in zip(spare, empty, strict=False)]
        moved += [self.cancelling(ticket, time) for ticket in spare[len(empty) :]]
        placed = [self.placing(side, *level, time) for level in empty[len(spare) :]]
        later = [*placed, *moved[urgent:], *resized]
        return [*moved[:urgent], *later[: max(room, FEW - standing - urgent)]]

    def placing(self, side: OrderSide, price: Decimal, contracts: Decimal, time: int) -> c.Command:
        """One more order."""
        return c.PlaceOrder(
            account=self.line.maker,
            instrument=self.line.id,
            side=side,
            price=price,
            contracts=contracts,
            margin_mode=self.line.margin_mode,
            time=time,
        )

    def amending(self, ticket: Ticket, price: Decimal, contracts: Decimal, time: int) -> c.Command:
        """An order elsewhere, or with another size left to fill."""
        return c.AmendOrder(
            account=self.line.maker,
            order=ticket.id,
            price=price,
            contracts=ticket.order.filled + contracts,
            time=time,
        )

    def cancelling(self, ticket: Ticket, time: int) -> c.Command:
        """An order less."""
        return c.CancelOrder(account=self.line.maker, order=ticket.id, time=time)

    def withdrawing(self, time: int) -> c.Command:
        """All orders gone."""
        return c.CancelAll(account=self.line.maker, instrument=self.line.id, time=time)


def price_of(ticket: Ticket) -> Decimal:
    """Price of a resting order."""
    assert ticket.order.price is not None
    return ticket.order.price


def sides_of(view: State, line: Line, mark: Decimal) -> tuple[OrderSide, OrderSide]:
    """Both sides; the one that the mark runs into gives way first, so that the other does not meet it."""
    before = view.marks.mark.get(line.id)
    falls = before is not None and mark < before
    return (OrderSide.BUY, OrderSide.SELL) if falls else (OrderSide.SELL, OrderSide.BUY)
