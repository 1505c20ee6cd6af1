"""One account inside the engine: settings, positions, orders, and the frozen account that the rules look at."""

from decimal import Decimal

from crossmargin.domain.account import MarginMode, PositionMode
from crossmargin.domain.ledger import Held, PositionKey, Ticket

__all__ = ["Load", "Owner"]


class Load:
    """What the live orders of an account hold at most, carried forward from order to order.

    Attributes:
        orders: Each one's share in `contracts` and `costs`; None for one that bounds do not reach.
        contracts: Contracts by instrument.
        costs: What they hold, by currency.
        outside: How many orders bounds do not reach.
    """

    __slots__ = ("contracts", "costs", "orders", "outside")

    def __init__(self) -> None:
        """Without orders."""
        self.orders: dict[str, tuple[str, Decimal, str, Decimal] | None] = {}
        self.contracts: dict[str, Decimal] = {}
        self.costs: dict[str, Decimal] = {}
        self.outside = 0

    def __eq__(self, other: object) -> bool:
        """Whether another one holds the same."""
        return isinstance(other, Load) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]


class Owner:
    """Mutable cells of one account; changed by `apply` alone.

    Attributes:
        id: Name.
        number: Rank of opening, which breaks ties; a name never does.
        internal: Whether it is an insurance fund, which places no orders.
        position_mode: One-way or hedge.
        timer: When the dead man's timer fires; 0 never.
        currencies: Currencies in which it has, or had, money.
        positions: Open positions.
        orders: Unfinished orders.
        reducing: Those of them that only reduce.
        leverage: Leverage chosen by instrument and margin mode.
        clients: Digest and engine id of each order accepted under a client id.
        cash: Name of its cash cells.
        load: What its live orders hold at most.
        warned: Pools that were warned and not yet lifted.
    """

    __slots__ = (
        "cash", "clients", "currencies", "id", "internal", "leverage", "load", "number", "orders", "position_mode",
        "positions", "reducing", "timer", "warned",
    )  # fmt: skip

    def __init__(self, name: str, number: int) -> None:
        """Open an account."""
        self.id = name
        self.number = number
        self.internal = name.startswith("insurance:")
        self.position_mode = PositionMode.ONE_WAY
        self.timer = 0
        self.cash = f"cash/{name}"
        self.load = Load()
        self.currencies: dict[str, None] = {}
        self.positions: dict[PositionKey, Held] = {}
        self.orders: dict[str, Ticket] = {}
        self.reducing: dict[str, None] = {}
        self.leverage: dict[tuple[str, MarginMode], Decimal] = {}
        self.clients: dict[str, tuple[str, str]] = {}
        self.warned: dict[str, None] = {}

    def live(self) -> list[Ticket]:
        """Orders that are in the book or at work, the oldest first; waiting ones hold no margin."""
        return [each for each in self.unfinished() if each.state != "waiting"]

    def attached(self, instrument: str) -> list[Ticket]:
        """Waiting stops that came with a fill in an instrument, the oldest first."""
        waiting = [each for each in self.orders.values() if each.parent and each.state == "waiting"]
        found = [each for each in waiting if each.order.instrument == instrument]
        return sorted(found, key=lambda each: each.priority)

    def unfinished(self) -> list[Ticket]:
        """All orders, the oldest first: an order that does not depend on how this state came about."""
        return sorted(self.orders.values(), key=lambda each: each.priority)

    def held(self) -> list[Held]:
        """All positions, the oldest first; those of one fill by side."""
        return sorted(self.positions.values(), key=lambda each: (each.opened, each.key.side, each.key.instrument))
