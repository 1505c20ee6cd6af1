"""What has to be there in cash when an order is filled: coins and money of spot. Unrealised gains pay for nothing."""

from decimal import Decimal

from crossmargin.domain.account import MarginMode, Order, OrderSide
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.instrument import Instrument
from crossmargin.domain.ledger import Ticket
from crossmargin.engine.settle import value_of
from crossmargin.engine.state import State

__all__ = ["can_pay", "given_in", "spot"]


def spot(order: Order) -> bool:
    """Whether an order exchanges coins instead of opening a position."""
    return order.margin_mode == MarginMode.CASH


def given_in(instrument: Instrument, side: OrderSide) -> str:
    """Currency that a side of a spot fill gives away: a purchase the quote, a sale the base."""
    return instrument.quote if side == OrderSide.BUY else instrument.base


def can_pay(state: State, maker: Ticket, contracts: Decimal, spent: dict[str, Decimal] | None = None) -> bool:
    """Whether a resting order's owner has what a fill of it takes, beside what earlier fills of the same walk took."""
    order = maker.order
    if not spot(order):
        return True
    assert order.price is not None
    instrument = state.instrument(order.instrument)
    gone = ZERO if spent is None else spent.get(maker.account, ZERO)
    takes = contracts if order.side == OrderSide.SELL else value_of(instrument, contracts, order.price)
    if gone + takes > state.cash(maker.account, given_in(instrument, order.side)):
        return False
    if spent is not None:
        spent[maker.account] = gone + takes
    return True
