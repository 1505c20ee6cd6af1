"""Records of the history: one frozen value for each order, algo order, fill, bill and position of an account."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.account import Order, OrderSide
from crossmargin.domain.arithmetic import ONE, ZERO, quotient
from crossmargin.domain.ledger import PositionKey

__all__ = [
    "AlgoRecord",
    "BillRecord",
    "Changes",
    "FillRecord",
    "Notice",
    "OrderRecord",
    "PositionRecord",
    "PublicTrade",
    "Step",
    "average",
]


class OrderRecord(Struct, frozen=True, kw_only=True):
    """An order that works or has worked.

    Attributes:
        number: The engine's number of it, which is also its place in time.
        account, client_id: Whose, and under which id of theirs.
        order: Its terms and what is filled.
        state: ``live``, ``partially_filled``, ``filled`` or ``canceled``.
        why: Of a cancellation.
        created, updated: Milliseconds.
        weight: Sum of size x price (inverse: of size / price), behind the average.
        inverse: Which of the two `weight` is.
        fee: Paid so far: negative is paid, positive received.
        fee_currency: Currency of `fee`.
        pnl: Realised by its fills, fees excluded.
        last: Its newest fill.
        algo: Number of the waiting order that sent it; 0 none.
    """

    number: int
    account: str
    client_id: str
    order: Order
    state: str
    why: str = ""
    created: int
    updated: int
    weight: Decimal = ZERO
    inverse: bool = False
    fee: Decimal = ZERO
    fee_currency: str = ""
    pnl: Decimal = ZERO
    last: "FillRecord | None" = None
    algo: int = 0

    @property
    def average(self) -> Decimal | None:
        """Average fill price; None without a fill."""
        return average(self.order.filled, self.weight, inverse=self.inverse)


class AlgoRecord(Struct, frozen=True, kw_only=True):
    """An order that waits, or has waited, for a price.

    Attributes:
        number: The engine's number; the order that it sends has the same.
        order: Its terms while it waited.
        state: ``live``, ``effective`` or ``canceled``.
        at: Price (or equity) at which it fired.
        sent: Price of the order that it sent, None for a market order.
        parent: Number of the order that it was attached to; 0 none.
    """

    number: int
    account: str
    client_id: str
    order: Order
    state: str
    why: str = ""
    created: int
    updated: int
    at: Decimal | None = None
    sent: Decimal | None = None
    extreme: Decimal = ZERO


class FillRecord(Struct, frozen=True, kw_only=True):
    """One side of a fill.

    Attributes:
        number: Its own number; fills of both sides count.
        trade: Number of the trade, which both sides share.
        order: Number of the order; 0 for forced closes, which have none.
        kind: ``trade``, ``liquidation``, ``adl`` or ``delivery``.
    """

    number: int
    trade: int
    account: str
    order: int
    client_id: str = ""
    instrument: str
    side: OrderSide
    position_side: str = "net"
    price: Decimal
    contracts: Decimal
    fee: Decimal
    fee_currency: str
    pnl: Decimal
    taker: bool
    time: int
    kind: str = "trade"
    bill: int = 0


class Step(Struct, frozen=True):
    """One state that an order or a waiting order took.

    Attributes:
        record: As it was then.
        fill: The fill that led to it, if it was one.
    """

    record: OrderRecord | AlgoRecord
    fill: FillRecord | None = None


class BillRecord(Struct, frozen=True, kw_only=True):
    """One change of a balance; `balance` is what it came to, and is where the next bill of that currency starts.

    Attributes:
        kind: ``trade``, ``margin``, ``funding``, ``interest``, ``deposit``, ``withdrawal``, ``transfer``,
            ``liquidation``, ``adl``, ``delivery`` or ``deficit``.
        change: What the balance gained; fee and profit of a trade included.
        fee, pnl: Parts of it.
        other: The other account of a transfer.
    """

    number: int
    account: str
    currency: str
    kind: str
    change: Decimal
    balance: Decimal
    fee: Decimal = ZERO
    pnl: Decimal = ZERO
    instrument: str = ""
    order: int = 0
    client_id: str = ""
    trade: int = 0
    side: str = ""
    position_side: str = ""
    margin_mode: str = ""
    price: Decimal | None = None
    contracts: Decimal | None = None
    taker: bool = True
    other: str = ""
    time: int


class PositionRecord(Struct, frozen=True, kw_only=True):
    """A position from its first fill to its last.

    Attributes:
        number: Its own number.
        key: Whose, in what, which side, which pool.
        contracts: Size now; zero once it is closed.
        largest: Its largest size.
        closed: What was closed of it so far.
        weight: Sum of closed size x price (inverse: / price).
        inverse: Which of the two `weight` is.
        fee, funding, penalty, pnl: What it brought: paid is negative.
        ended: How its last part was closed: ``close``, ``liquidation``, ``adl``, ``delivery``.
        trade: Number of the newest trade that changed it.
    """

    number: int
    key: PositionKey
    settle: str
    contracts: Decimal
    entry_price: Decimal
    leverage: Decimal = ONE
    largest: Decimal
    closed: Decimal = ZERO
    weight: Decimal = ZERO
    inverse: bool = False
    fee: Decimal = ZERO
    funding: Decimal = ZERO
    penalty: Decimal = ZERO
    pnl: Decimal = ZERO
    ended: str = ""
    created: int
    updated: int
    trade: int = 0

    @property
    def average_close(self) -> Decimal | None:
        """Average closing price; None while nothing was closed."""
        return average(self.closed, self.weight, inverse=self.inverse)


class PublicTrade(Struct, frozen=True, kw_only=True):
    """A trade as everyone sees it; `side` is the taker's."""

    number: int
    instrument: str
    side: OrderSide
    price: Decimal
    contracts: Decimal
    time: int


class Notice(Struct, frozen=True, kw_only=True):
    """Something that happened to an account, for people: liquidations, warnings, deleveraging.

    Attributes:
        kind: The event's tag.
        text: What happened, in one line.
    """

    time: int
    account: str
    kind: str
    instrument: str = ""
    text: str = ""


class Changes:
    """What a group of commands changed, for whoever listens; records are as they are afterwards, each once, in order.

    Attributes:
        orders, algos: By number.
        steps: Every state that orders and waiting orders took, in order of time.
        fills, bills, trades, notices: In order of time.
        positions: By cell, the closed ones included.
        accounts: Accounts whose money, positions, orders or settings changed.
        marks, indices: New prices.
        market: Instruments whose listing, state or funding changed.
    """

    __slots__ = (
        "accounts", "algos", "bills", "fills", "indices", "market", "marks", "notices", "orders", "positions",
        "sequence", "steps", "time", "trades",
    )  # fmt: skip

    def __init__(self) -> None:
        """Start with nothing."""
        self.sequence = 0
        self.time = 0
        self.orders: dict[int, OrderRecord] = {}
        self.algos: dict[int, AlgoRecord] = {}
        self.steps: list[Step] = []
        self.fills: list[FillRecord] = []
        self.bills: list[BillRecord] = []
        self.positions: dict[str, PositionRecord] = {}
        self.trades: list[PublicTrade] = []
        self.notices: list[Notice] = []
        self.accounts: dict[str, None] = {}
        self.marks: dict[str, Decimal] = {}
        self.indices: dict[str, Decimal] = {}
        self.market: dict[str, None] = {}


def average(size: Decimal, weight: Decimal, *, inverse: bool) -> Decimal | None:
    """Average price of fills: weight / size, or size / weight where weights are size / price."""
    if not size or not weight:
        return None
    return quotient(size, weight) if inverse else quotient(weight, size)
