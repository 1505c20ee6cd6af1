"""Money and positions as the engine keeps them: cells, transfers between them, and what is held exactly.

A cell is a name and a currency. Balances of all cells of a currency sum to zero, always:

    cash/ACCOUNT          realised money of an account; of ``insurance:...`` the fund's
    margin/POSITION       margin put aside for an isolated position
    position/POSITION     what a position has received less what it has paid: -cost of a long, +proceeds of a short
    clearing              the other end of a fill while its second side is being written; zero after each event
    assets/POSITION       what a spot-margin position holds
    loans, interest       minus all that is owed on spot-margin positions; the interest in it, which the lender earned
    fees, rounding        what the venue charged; what division left over
    outside               minus all that was ever deposited and not yet withdrawn
    house                 what the venue itself paid when no one else could
"""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.account import MarginMode, Order, OrderSide, Side
from crossmargin.domain.arithmetic import ZERO

__all__ = ["QUANTUM", "Held", "PositionKey", "Ticket", "Transfer"]

QUANTUM = Decimal("0.00000001")
"""The smallest amount that a transfer may move."""


class PositionKey(Struct, frozen=True, gc=False, order=True):
    """What tells one position from another: account, instrument, side, margin mode."""

    account: str
    instrument: str
    side: Side
    margin_mode: MarginMode

    @property
    def cell(self) -> str:
        """Its name inside cells: ``ann/BTC-USDT-SWAP/long/cross``."""
        return "/".join((self.account, self.instrument, self.side, self.margin_mode))


class Held(Struct, frozen=True, gc=False, kw_only=True):
    """An open position; its cost and its isolated margin are cells of the ledger.

    Attributes:
        key: Whose, in what, which side, which pool.
        contracts: Size, zero once it is closed.
        entry_price: Average price as the venue keeps it: closing does not move it.
        leverage: Leverage chosen for it.
        opened: Number of the fill that opened it; breaks ties, so that names never do.
        margin_currency: Spot-margin: the currency that backs it.
        liability: Spot-margin: what was borrowed and is not repaid.
        interest: Spot-margin: interest on it, not repaid.
        weight: Spot-margin: all that was ever opened, the weight of the average price.
    """

    key: PositionKey
    contracts: Decimal
    entry_price: Decimal
    leverage: Decimal
    opened: int
    margin_currency: str = ""
    liability: Decimal = ZERO
    interest: Decimal = ZERO
    weight: Decimal = ZERO


class Transfer(Struct, frozen=True, gc=False, array_like=True):
    """Money that moves: out of `debit`, into `credit`. The amount is above zero and a multiple of the quantum."""

    debit: str
    credit: str
    currency: str
    amount: Decimal
    reason: str


class Ticket(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """An order that was accepted and is not finished.

    Attributes:
        id: The engine's id: ``o1``, ``o2`` ...
        account: Whose.
        client_id: The user's own id, empty when none was given.
        order: The order itself, with what is filled so far.
        priority: Rank in time; an amendment that loses its place gets a new one.
        state: ``waiting`` for its trigger, ``working`` while it takes, ``resting`` in the book.
        rises: Whether the trigger fires when the price rises to it (False: falls to it).
        extreme: Best price, or equity, that a trailing stop has seen.
        idle: Whether a trailing stop has yet to reach its activation price.
        parent: The order whose fill brought this stop into being; it ends with its position.
    """

    id: str
    account: str
    client_id: str
    order: Order
    priority: int
    state: str = "working"
    rises: bool = False
    extreme: Decimal = ZERO
    idle: bool = False
    parent: str = ""

    @property
    def closes(self) -> PositionKey:
        """The position that a reduce-only order closes."""
        side = Side.LONG if self.order.side == OrderSide.SELL else Side.SHORT
        return PositionKey(self.account, self.order.instrument, side, self.order.margin_mode)
