"""What has to be there in cash when an order is filled: for spot, and for premiums. Open gains pay for nothing."""

from decimal import Decimal

from crossmargin.domain.account import MarginMode, Order, OrderSide, Side
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.ledger import PositionKey, Ticket
from crossmargin.engine.settle import charged, fee_of, value_of
from crossmargin.engine.state import State

__all__ = ["can_pay", "given_in", "spot"]

# Members by a name of their own: looked up on its class, one costs ten times as much.
_CASH, _OPTION = MarginMode.CASH, Kind.OPTION


def spot(order: Order) -> bool:
    """Whether an order exchanges coins instead of opening a position."""
    return order.margin_mode == _CASH


def given_in(instrument: Instrument, side: OrderSide) -> str:
    """Currency that a side of a spot fill gives away: a purchase the quote, a sale the base."""
    return instrument.quote if side == OrderSide.BUY else instrument.base


def _given(instrument: Instrument, order: Order, contracts: Decimal) -> Decimal:
    assert order.price is not None
    return contracts if order.side == OrderSide.SELL else value_of(instrument, contracts, order.price)


def _premium(state: State, maker: Ticket, contracts: Decimal) -> Decimal:
    """Premium and fee of the part that opens; what closes a short option may be paid out of the pool."""
    order, instrument = maker.order, state.instrument(maker.order.instrument)
    assert order.price is not None
    short = state.held(PositionKey(maker.account, instrument.id, Side.SHORT, order.margin_mode))
    if short is not None and order.position_side != Side.LONG:
        contracts = max(ZERO, contracts - short.contracts)
    fee = fee_of(charged(instrument, contracts, ZERO), instrument.maker_fee or ZERO)
    return value_of(instrument, contracts, order.price) + max(ZERO, fee)


def can_pay(state: State, maker: Ticket, contracts: Decimal, spent: dict[str, Decimal] | None = None) -> bool:
    """Whether a resting order's owner has what a fill of it takes, beside what earlier fills of the same walk took."""
    order, instrument = maker.order, state.instrument(maker.order.instrument)
    premium = instrument.kind == _OPTION and order.side == OrderSide.BUY
    if not (premium or spot(order)):
        return True
    takes = _premium(state, maker, contracts) if premium else _given(instrument, order, contracts)
    gone = ZERO if spent is None else spent.get(maker.account, ZERO)
    currency = instrument.settle if premium else given_in(instrument, order.side)
    if takes and gone + takes > state.cash(maker.account, currency):
        return False
    if spent is not None:
        spent[maker.account] = gone + takes
    return True
