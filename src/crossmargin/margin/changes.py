"""Changes that a what-if applies: orders, fills, money moved, settings, prices, funding, stops."""

from typing import Literal

from msgspec import Struct

from crossmargin.domain.account import MarginMode, OrderSide, OrderType, PositionMode, Side
from crossmargin.domain.numbers import Amount, NonNegative, Positive

__all__ = [
    "AddMargin",
    "Change",
    "Close",
    "Deposit",
    "Fill",
    "Funding",
    "Interest",
    "NewOrder",
    "PriceMove",
    "RemoveMargin",
    "SetLeverage",
    "SetMarginMode",
    "SetPositionMode",
    "Stop",
    "Transfer",
    "Withdrawal",
]


class _Base(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """Common shape: a table with a `kind`."""


class NewOrder(_Base, frozen=True, kw_only=True, tag="order"):
    """Place an order: admitted, it rests and holds margin; else refused."""

    instrument: str
    side: OrderSide
    contracts: Positive
    price: Positive | None = None
    type: OrderType = OrderType.LIMIT
    margin_mode: MarginMode = MarginMode.CROSS
    leverage: Positive | None = None
    position_side: Side | None = None
    reduce_only: bool = False
    margin_currency: str | None = None


class Fill(_Base, frozen=True, kw_only=True, tag="fill"):
    """An execution: opens, enlarges, reduces or turns a position (or buys and sells coins in cash mode).

    fee: Amount charged, settlement currency; absent = taker rate x value.
    """

    instrument: str
    side: OrderSide
    contracts: Positive
    price: Positive
    margin_mode: MarginMode = MarginMode.CROSS
    leverage: Positive | None = None
    position_side: Side | None = None
    margin_currency: str | None = None
    fee: Amount | None = None


class Close(_Base, frozen=True, kw_only=True, tag="close"):
    """Close a position, whole or in part; spot-margin positions close by the venue's repayment rules."""

    instrument: str
    side: Side
    margin_mode: MarginMode = MarginMode.CROSS
    contracts: Positive | None = None
    price: Positive | None = None
    fee: Amount | None = None


class Deposit(_Base, frozen=True, kw_only=True, tag="deposit"):
    """Money arrives in the trading account."""

    currency: str
    amount: Positive


class Withdrawal(_Base, frozen=True, kw_only=True, tag="withdrawal"):
    """Money leaves the trading account."""

    currency: str
    amount: Positive


class Transfer(_Base, frozen=True, kw_only=True, tag="transfer"):
    """Money moves between the trading account and another wallet of the same user."""

    currency: str
    amount: Positive
    direction: Literal["in", "out"]


class AddMargin(_Base, frozen=True, kw_only=True, tag="add_margin"):
    """Balance becomes margin of an isolated position."""

    instrument: str
    side: Side
    amount: Positive


class RemoveMargin(_Base, frozen=True, kw_only=True, tag="remove_margin"):
    """Margin of an isolated position returns to the balance."""

    instrument: str
    side: Side
    amount: Positive


class SetLeverage(_Base, frozen=True, kw_only=True, tag="leverage"):
    """Change the leverage of an instrument, positions and orders included."""

    instrument: str
    leverage: Positive
    margin_mode: MarginMode = MarginMode.CROSS
    side: Side | None = None


class SetMarginMode(_Base, frozen=True, kw_only=True, tag="margin_mode"):
    """Move an open position between cross and isolated."""

    instrument: str
    side: Side
    margin_mode: MarginMode


class SetPositionMode(_Base, frozen=True, kw_only=True, tag="position_mode"):
    """Switch between one-way and hedge."""

    position_mode: PositionMode


class PriceMove(_Base, frozen=True, kw_only=True, tag="price"):
    """Prices change: new marks by instrument, or a move as a fraction by coin (-0.2 = -20 %)."""

    marks: dict[str, Positive] = {}
    moves: dict[str, Amount] = {}


class Funding(_Base, frozen=True, kw_only=True, tag="funding"):
    """One funding settlement at these rates; absent = the account file's [funding_rate]."""

    rates: dict[str, Amount] = {}


class Interest(_Base, frozen=True, kw_only=True, tag="interest"):
    """Hours of interest on a spot-margin liability at an hourly rate."""

    instrument: str
    side: Side
    hourly_rate: NonNegative
    hours: Positive
    margin_mode: MarginMode = MarginMode.CROSS


class Stop(_Base, frozen=True, kw_only=True, tag="stop"):
    """A stop: the mark goes to the trigger, the position is closed there minus slippage, fees paid.

    slippage: Fraction of the trigger price lost on the way out (0.002 = 0.2 %).
    """

    instrument: str
    side: Side
    trigger_price: Positive
    slippage: NonNegative = NonNegative(0)
    margin_mode: MarginMode = MarginMode.CROSS
    contracts: Positive | None = None
    fee: Amount | None = None


Change = (
    NewOrder
    | Fill
    | Close
    | Deposit
    | Withdrawal
    | Transfer
    | AddMargin
    | RemoveMargin
    | SetLeverage
    | SetMarginMode
    | SetPositionMode
    | PriceMove
    | Funding
    | Interest
    | Stop
)
