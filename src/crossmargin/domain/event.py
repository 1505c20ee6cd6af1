"""Events: what happened. State is the fold of events; `transfers` and `positions` say what they changed."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.account import MarginMode, PositionMode, Side
from crossmargin.domain.ledger import Held, PositionKey, Ticket, Transfer
from crossmargin.domain.refusal import Refusal

__all__ = [
    "AccountOpened",
    "DeficitCovered",
    "Deleveraged",
    "Event",
    "ExpirySettled",
    "Filled",
    "FundingSettled",
    "IndexSet",
    "InstrumentListed",
    "InterestAccrued",
    "LegsNetted",
    "LeverageSet",
    "LiquidationDeferred",
    "LiquidationEnded",
    "LiquidationFill",
    "LiquidationStarted",
    "LiquidationStep",
    "MarginModeSet",
    "MarkSet",
    "MoneyMoved",
    "OrderAccepted",
    "OrderAmended",
    "OrderCancelled",
    "OrderRested",
    "OrderShrunk",
    "OrderTrailed",
    "OrderTriggered",
    "PositionModeSet",
    "PriceStateSet",
    "Refused",
    "Repeated",
    "RulebookChanged",
    "TakenOver",
    "TimePassed",
    "TimerSet",
    "TradingSwitched",
    "Warned",
    "WarningLifted",
]


class _Event(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="kind"):
    """Common part: money that moved, and positions as they are afterwards (a size of zero is gone)."""

    transfers: tuple[Transfer, ...] = ()
    positions: tuple[Held, ...] = ()


class Refused(_Event, frozen=True, kw_only=True, tag="refused"):
    """A command was refused; nothing changed."""

    account: str
    refusal: Refusal
    client_id: str = ""


class Repeated(_Event, frozen=True, kw_only=True, tag="repeated"):
    """A command that was accepted before: the answer is what it was, nothing changed."""

    account: str
    client_id: str
    order: str = ""


class AccountOpened(_Event, frozen=True, kw_only=True, tag="account_opened"):
    """An account exists from now on; its number breaks ties."""

    account: str
    number: int


class MoneyMoved(_Event, frozen=True, kw_only=True, tag="money_moved"):
    """A deposit, withdrawal, transfer, or margin put aside or taken back."""

    account: str
    reason: str
    reference: str = ""


class OrderAccepted(_Event, frozen=True, kw_only=True, tag="order_accepted"):
    """An order is in: it waits for its trigger, or starts to work."""

    ticket: Ticket
    digest: str = ""


class OrderRested(_Event, frozen=True, kw_only=True, tag="order_rested"):
    """What an order did not fill at once stands in the book."""

    order: str


class OrderAmended(_Event, frozen=True, kw_only=True, tag="order_amended"):
    """An order has another size or price; `kept` says whether it kept its place."""

    ticket: Ticket
    kept: bool


class OrderCancelled(_Event, frozen=True, kw_only=True, tag="order_cancelled"):
    """What is left of an order is gone, and why."""

    order: str
    account: str
    why: str


class OrderShrunk(_Event, frozen=True, kw_only=True, tag="order_shrunk"):
    """A reduce-only order gave up what its position no longer has."""

    order: str
    contracts: Decimal


class OrderTriggered(_Event, frozen=True, kw_only=True, tag="order_triggered"):
    """A waiting order fired at a price (or an equity) and works from now on as `ticket` says."""

    ticket: Ticket
    at: Decimal


class OrderTrailed(_Event, frozen=True, kw_only=True, tag="order_trailed"):
    """A trailing stop follows a new extreme."""

    order: str
    extreme: Decimal


class Filled(_Event, frozen=True, kw_only=True, tag="filled"):
    """Two orders met, at the price of the one that rested."""

    instrument: str
    price: Decimal
    contracts: Decimal
    taker: str
    maker: str
    taker_account: str
    maker_account: str
    taker_buys: bool


class LeverageSet(_Event, frozen=True, kw_only=True, tag="leverage_set"):
    """Leverage of an instrument; positions and `tickets` carry it already."""

    account: str
    instrument: str
    margin_mode: MarginMode
    leverage: Decimal
    tickets: tuple[Ticket, ...] = ()


class MarginModeSet(_Event, frozen=True, kw_only=True, tag="margin_mode_set"):
    """A position moved between cross and isolated."""

    account: str
    instrument: str
    side: Side
    margin_mode: MarginMode


class PositionModeSet(_Event, frozen=True, kw_only=True, tag="position_mode_set"):
    """An account trades one-way or hedged from now on."""

    account: str
    position_mode: PositionMode


class TimerSet(_Event, frozen=True, kw_only=True, tag="timer_set"):
    """The dead man's timer of an account; zero: none."""

    account: str
    at: int


class InstrumentListed(_Event, frozen=True, kw_only=True, tag="instrument_listed"):
    """An instrument is open for trading."""

    instrument: str
    open_interest_max: Decimal | None = None


class RulebookChanged(_Event, frozen=True, kw_only=True, tag="rulebook_changed"):
    """Other rules hold."""

    rulebook: str


class MarkSet(_Event, frozen=True, kw_only=True, tag="mark_set"):
    """A new mark price, perhaps with a last price, for an option with the forward price of its underlying."""

    instrument: str
    price: Decimal
    last: Decimal | None = None
    forward: Decimal | None = None


class IndexSet(_Event, frozen=True, kw_only=True, tag="index_set"):
    """A new index price."""

    pair: str
    price: Decimal


class PriceStateSet(_Event, frozen=True, kw_only=True, tag="price_state_set"):
    """Whether the prices of an instrument can be trusted."""

    instrument: str
    state: str


class FundingSettled(_Event, frozen=True, kw_only=True, tag="funding_settled"):
    """Longs and shorts paid each other; what rounding left is in the rounding cell."""

    instrument: str
    rate: Decimal
    mark: Decimal
    period: int


class InterestAccrued(_Event, frozen=True, kw_only=True, tag="interest_accrued"):
    """Whoever owes a currency owes the interest of a period more."""

    currency: str
    rate: Decimal
    period: int


class ExpirySettled(_Event, frozen=True, kw_only=True, tag="expiry_settled"):
    """All positions of an expired future, or of an option that was exercised or lapsed, were settled at a price."""

    instrument: str
    price: Decimal


class TradingSwitched(_Event, frozen=True, kw_only=True, tag="trading_switched"):
    """Kill switch, of one instrument or (empty) of all."""

    on: bool
    instrument: str = ""


class TimePassed(_Event, frozen=True, kw_only=True, tag="time_passed"):
    """The engine's time moved."""

    time: int


class Warned(_Event, frozen=True, kw_only=True, tag="warned"):
    """A pool's ratio fell to the warning level."""

    account: str
    pool: str
    ratio: Decimal


class WarningLifted(_Event, frozen=True, kw_only=True, tag="warning_lifted"):
    """A pool that was warned is safe again, with a distance."""

    account: str
    pool: str


class LiquidationDeferred(_Event, frozen=True, kw_only=True, tag="liquidation_deferred"):
    """A pool is due, but a price that it needs is not healthy."""

    account: str
    pool: str
    instrument: str


class LiquidationStarted(_Event, frozen=True, kw_only=True, tag="liquidation_started"):
    """A pool reached the trigger. Bankruptcy prices are fixed here, over the full positions, once.

    Attributes:
        supports, requires: The two sides of the ratio.
        bankruptcy: Bankruptcy price by position, None where no price uses its share up.
    """

    account: str
    pool: str
    supports: Decimal
    requires: Decimal
    bankruptcy: dict[str, Decimal | None] = {}


class LiquidationStep(_Event, frozen=True, kw_only=True, tag="liquidation_step"):
    """What is closed next: phase (``opposite_legs``, ``delta_hedged``, ``unhedged``), position, size."""

    account: str
    pool: str
    phase: str
    position: PositionKey
    contracts: Decimal


class LegsNetted(_Event, frozen=True, kw_only=True, tag="legs_netted"):
    """Opposite legs of one contract were closed against each other at mark."""

    account: str
    instrument: str
    contracts: Decimal
    price: Decimal


class LiquidationFill(_Event, frozen=True, kw_only=True, tag="liquidation_fill"):
    """A step met a resting order, no worse than the bankruptcy price; `fee` went to the insurance fund."""

    account: str
    instrument: str
    price: Decimal
    contracts: Decimal
    maker: str
    maker_account: str
    account_buys: bool
    fee: Decimal = Decimal(0)


class TakenOver(_Event, frozen=True, kw_only=True, tag="taken_over"):
    """The insurance fund took a part of a position over at its bankruptcy value."""

    account: str
    fund: str
    position: PositionKey
    contracts: Decimal
    value: Decimal


class Deleveraged(_Event, frozen=True, kw_only=True, tag="deleveraged"):
    """A position in the ranking was closed against the bankrupt one.

    Attributes:
        trigger: Why: ``fund_exhausted`` or ``fund_bankrupt``.
        rank: Place of the victim in the ranking, from 1.
        score: The figure that ranked it.
        value: Value at which both were closed.
        haircut: What the victim lost against the mark; negative where it gained.
    """

    account: str
    victim: PositionKey
    position: PositionKey
    contracts: Decimal
    value: Decimal
    haircut: Decimal
    trigger: str
    rank: int
    score: Decimal


class DeficitCovered(_Event, frozen=True, kw_only=True, tag="deficit_covered"):
    """Who paid what an account could not: ``insurance`` or ``house``."""

    account: str
    pool: str
    currency: str
    amount: Decimal
    by: str


class LiquidationEnded(_Event, frozen=True, kw_only=True, tag="liquidation_ended"):
    """The pool is safe or empty."""

    account: str
    pool: str
    supports: Decimal
    requires: Decimal


Event = (
    Refused
    | Repeated
    | AccountOpened
    | MoneyMoved
    | OrderAccepted
    | OrderRested
    | OrderAmended
    | OrderCancelled
    | OrderShrunk
    | OrderTriggered
    | OrderTrailed
    | Filled
    | LeverageSet
    | MarginModeSet
    | PositionModeSet
    | TimerSet
    | InstrumentListed
    | RulebookChanged
    | MarkSet
    | IndexSet
    | PriceStateSet
    | FundingSettled
    | InterestAccrued
    | ExpirySettled
    | TradingSwitched
    | TimePassed
    | Warned
    | WarningLifted
    | LiquidationDeferred
    | LiquidationStarted
    | LiquidationStep
    | LegsNetted
    | LiquidationFill
    | TakenOver
    | Deleveraged
    | DeficitCovered
    | LiquidationEnded
)
