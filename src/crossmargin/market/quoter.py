"""What every house maker can do: see its own orders and what it holds, and say what should change."""

from decimal import Decimal

from crossmargin.domain import command as c
from crossmargin.domain.account import OrderSide
from crossmargin.domain.ledger import Ticket
from crossmargin.engine.state import State
from crossmargin.market.listing import Line

__all__ = ["Quoter", "price_of", "sides_of"]


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
