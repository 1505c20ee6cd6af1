"""Commands: every way in which the engine's state can change. Each is a value that carries its time.

Times are milliseconds since 1970. The engine never asks for the time; where a command comes late, the engine's time
stays where it is.
"""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from crossmargin.domain.account import (
    AttachedStop,
    MarginMode,
    OrderSide,
    OrderType,
    PositionMode,
    Side,
    TimeInForce,
    Trailing,
    TriggerBy,
)

__all__ = [
    "AccrueInterest",
    "AddMargin",
    "AmendOrder",
    "CancelAll",
    "CancelOrder",
    "ChangeRulebook",
    "CloseAll",
    "ClosePosition",
    "Command",
    "Deposit",
    "FundInsurance",
    "ListInstrument",
    "PlaceOrder",
    "PriceState",
    "RemoveMargin",
    "Send",
    "SetCancelTimer",
    "SetIndex",
    "SetLeverage",
    "SetMarginMode",
    "SetMark",
    "SetPositionMode",
    "SetPriceState",
    "SettleExpiry",
    "SettleFunding",
    "SwitchTrading",
    "Tick",
    "Withdraw",
]

PriceState = Literal["healthy", "suspect", "stale", "frozen"]


class _Command(
    Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"
):
    """What all have in common: `time`, milliseconds since 1970."""

    time: int = 0


class Deposit(_Command, frozen=True, kw_only=True, tag="deposit"):
    """Money arrives from outside; the first deposit opens the account. A reference counts once."""

    account: str
    currency: str
    amount: Decimal
    reference: str = ""


class Withdraw(_Command, frozen=True, kw_only=True, tag="withdraw"):
    """Money leaves; unrealised gains do not. A reference counts once."""

    account: str
    currency: str
    amount: Decimal
    reference: str = ""


class Send(_Command, frozen=True, kw_only=True, tag="send"):
    """Money moves from one account to another: both legs, or neither.

    Attributes:
        opens: Whether an account that receives for the first time is opened; else it has to be there.
    """

    account: str
    to: str
    currency: str
    amount: Decimal
    opens: bool = False


class FundInsurance(_Command, frozen=True, kw_only=True, tag="fund_insurance"):
    """Money is paid into an insurance fund; `scope` as the rulebook scopes it: a currency or a family."""

    scope: str
    currency: str
    amount: Decimal


class PlaceOrder(_Command, frozen=True, kw_only=True, tag="place_order"):
    """An order of any type. The same client id with the same order is answered with the same order.

    Attributes:
        trigger_price: Of trigger, stop-loss and take-profit orders.
        trigger_by: Price that is watched.
        stop_loss, take_profit: Of an OCO order: whichever fires first cancels the other. Of an order that opens: the
            stops that its fill brings with it.
        trailing: Of a trailing stop: by fraction or distance, on last or mark price or on the account's equity.
        margin_currency: Of spot-margin: base or quote, whichever backs it; the quote unless said.
        quote_size: In place of contracts, of a spot purchase at market: the amount of quote currency to spend.
    """

    account: str
    instrument: str
    side: OrderSide
    contracts: Decimal = Decimal(0)
    price: Decimal | None = None
    type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    margin_mode: MarginMode = MarginMode.CROSS
    position_side: Side | None = None
    reduce_only: bool = False
    client_id: str = ""
    trigger_price: Decimal | None = None
    trigger_by: TriggerBy = TriggerBy.LAST
    stop_loss: AttachedStop | None = None
    take_profit: AttachedStop | None = None
    trailing: Trailing | None = None
    quote_size: Decimal | None = None
    margin_currency: str = ""


class AmendOrder(_Command, frozen=True, kw_only=True, tag="amend_order"):
    """Another size, price or attached stop for a resting order, or another trigger for a waiting one.

    A smaller size at the same price keeps its place in the queue. What is not given stays.
    """

    account: str
    order: str
    contracts: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    stop_loss: AttachedStop | None = None
    take_profit: AttachedStop | None = None


class CancelOrder(_Command, frozen=True, kw_only=True, tag="cancel_order"):
    """Cancel one order, by the engine's id or by the client's."""

    account: str
    order: str


class CancelAll(_Command, frozen=True, kw_only=True, tag="cancel_all"):
    """Cancel every order of an account, of one instrument if named."""

    account: str
    instrument: str = ""


class ClosePosition(_Command, frozen=True, kw_only=True, tag="close_position"):
    """Close one position at once, by a reduce-only market order for all of it."""

    account: str
    instrument: str
    side: Side
    margin_mode: MarginMode = MarginMode.CROSS


class CloseAll(_Command, frozen=True, kw_only=True, tag="close_all"):
    """Cancel every order of an account, then close every position."""

    account: str


class SetCancelTimer(_Command, frozen=True, kw_only=True, tag="set_cancel_timer"):
    """Dead man's timer: unless it is set again before `at`, all orders are cancelled. Zero takes it off."""

    account: str
    at: int


class SetLeverage(_Command, frozen=True, kw_only=True, tag="set_leverage"):
    """Leverage of an instrument under a margin mode, open positions and orders included."""

    account: str
    instrument: str
    leverage: Decimal
    margin_mode: MarginMode = MarginMode.CROSS


class SetMarginMode(_Command, frozen=True, kw_only=True, tag="set_margin_mode"):
    """Move an open position to the other margin mode; re-evaluated first."""

    account: str
    instrument: str
    side: Side
    margin_mode: MarginMode


class SetPositionMode(_Command, frozen=True, kw_only=True, tag="set_position_mode"):
    """One-way or hedge; only without positions and orders."""

    account: str
    position_mode: PositionMode


class AddMargin(_Command, frozen=True, kw_only=True, tag="add_margin"):
    """Balance becomes margin of an isolated position."""

    account: str
    instrument: str
    side: Side
    amount: Decimal


class RemoveMargin(_Command, frozen=True, kw_only=True, tag="remove_margin"):
    """Margin of an isolated position returns to the balance."""

    account: str
    instrument: str
    side: Side
    amount: Decimal


class ListInstrument(_Command, frozen=True, kw_only=True, tag="list_instrument"):
    """Open an instrument of the rulebook for trading, perhaps with a cap on its open interest, in contracts."""

    instrument: str
    open_interest_max: Decimal | None = None


class ChangeRulebook(_Command, frozen=True, kw_only=True, tag="change_rulebook"):
    """From now on other rules hold: the name of one of the rulebooks that the engine was given."""

    rulebook: str


class SetMark(_Command, frozen=True, kw_only=True, tag="set_mark"):
    """The mark price of an instrument, the last price where it is known, and an option's forward price."""

    instrument: str
    price: Decimal
    last: Decimal | None = None
    forward: Decimal | None = None


class SetIndex(_Command, frozen=True, kw_only=True, tag="set_index"):
    """The index price of a pair, for example ``BTC-USDT``."""

    pair: str
    price: Decimal


class SetPriceState(_Command, frozen=True, kw_only=True, tag="set_price_state"):
    """Whether an instrument's prices can be trusted; on any but healthy ones nobody is liquidated."""

    instrument: str
    state: PriceState


class SettleFunding(_Command, frozen=True, kw_only=True, tag="settle_funding"):
    """One funding settlement of a perpetual; a period counts once."""

    instrument: str
    rate: Decimal
    period: int


class AccrueInterest(_Command, frozen=True, kw_only=True, tag="accrue_interest"):
    """Interest of one period, usually an hour, on all that is borrowed in a currency; a period counts once."""

    currency: str
    rate: Decimal
    period: int


class SettleExpiry(_Command, frozen=True, kw_only=True, tag="settle_expiry"):
    """A future or an option ends: orders are cancelled, positions are settled, trading stops.

    The price is that of the underlying: a future is settled at it, an option pays what exercising it is worth.
    """

    instrument: str
    price: Decimal


class SwitchTrading(_Command, frozen=True, kw_only=True, tag="switch_trading"):
    """Kill switch, of one instrument or of all: off cancels every working order; only closing is accepted."""

    on: bool
    instrument: str = ""


class Tick(_Command, frozen=True, kw_only=True, tag="tick"):
    """Time passes; timers that are due fire."""


Command = (
    Deposit
    | Withdraw
    | Send
    | FundInsurance
    | PlaceOrder
    | AmendOrder
    | CancelOrder
    | CancelAll
    | ClosePosition
    | CloseAll
    | SetCancelTimer
    | SetLeverage
    | SetMarginMode
    | SetPositionMode
    | AddMargin
    | RemoveMargin
    | ListInstrument
    | ChangeRulebook
    | SetMark
    | SetIndex
    | SetPriceState
    | SettleFunding
    | AccrueInterest
    | SettleExpiry
    | SwitchTrading
    | Tick
)
