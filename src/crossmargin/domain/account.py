"""What an account holds and has ordered. Frozen values; prices are not here (see `marks`)."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import force_setattr

from crossmargin.domain.arithmetic import ONE, ZERO

__all__ = [
    "Account",
    "AccountMode",
    "AttachedStop",
    "MarginMode",
    "Order",
    "OrderSide",
    "OrderState",
    "OrderType",
    "Position",
    "PositionMode",
    "Side",
    "TimeInForce",
    "Trailing",
    "TriggerBy",
]


class AccountMode(StrEnum):
    """How collateral is shared: one pool a currency, one pool a USD value, or by scenario."""

    SINGLE_CURRENCY = "single_currency"
    MULTI_CURRENCY = "multi_currency"
    PORTFOLIO = "portfolio"


class PositionMode(StrEnum):
    """One net position an instrument, or a long and a short side by side."""

    ONE_WAY = "one_way"
    HEDGE = "hedge"


class MarginMode(StrEnum):
    """Which pool backs a position or order."""

    CROSS = "cross"
    ISOLATED = "isolated"
    CASH = "cash"


class Side(StrEnum):
    """Direction of a position."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """+1 long, -1 short."""
        return 1 if self is _LONG else -1


class OrderSide(StrEnum):
    """Direction of an order."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 buy, -1 sell."""
        return 1 if self is _BUY else -1

    @property
    def opens(self) -> Side:
        """The side of the position that this order builds."""
        return _LONG if self is _BUY else _SHORT


class OrderState(StrEnum):
    """A live order holds margin; a new one asks whether it would be admitted."""

    LIVE = "live"
    NEW = "new"


class OrderType(StrEnum):
    """Kinds of order; those that wait for a trigger hold no margin until they fire."""

    LIMIT = "limit"
    MARKET = "market"
    POST_ONLY = "post_only"
    TRIGGER = "trigger"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    OCO = "oco"
    TRAILING = "trailing"


class TimeInForce(StrEnum):
    """How long an order rests: until cancelled, not at all, or all at once or nothing."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class TriggerBy(StrEnum):
    """The price that fires a trigger."""

    LAST = "last"
    MARK = "mark"
    INDEX = "index"


class AttachedStop(Struct, frozen=True, gc=False, kw_only=True):
    """A stop-loss or take-profit attached to an order or position.

    Attributes:
        trigger_price: Price that fires it, quote currency per unit of base.
        trigger_by: Which price is watched.
        price: Limit price of the order it sends; None sends a market order.
    """

    trigger_price: Decimal
    trigger_by: TriggerBy = TriggerBy.LAST
    price: Decimal | None = None


class Trailing(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A trailing stop: a fraction or a distance, on last or mark price or on account equity.

    Attributes:
        percent: Fraction of the extreme.
        distance: Distance from the extreme.
        on: What it follows.
        active_price: It follows nothing before this has been reached.
    """

    percent: Decimal | None = None
    distance: Decimal | None = None
    on: str = "last"
    active_price: Decimal | None = None


class Position(Struct, frozen=True, gc=False, kw_only=True):
    """One holding in one instrument, on one side, under one margin mode.

    Attributes:
        instrument: The venue's instrument id.
        side: Long or short.
        margin_mode: Pool that backs it.
        contracts: Size, >= 0, in contracts (base units for a margin pair).
        entry_price: Average open price, quote currency per unit of base.
        leverage: Chosen leverage; initial margin is value / leverage.
        margin: Isolated margin, settlement currency; None on a cross position.
        fee: Fees paid so far, settlement currency; paid = negative.
        funding_fee: Funding received so far; paid = negative.
        realized_pnl: PnL of the parts already closed, fees and funding excluded.
        margin_currency: Spot-margin only: the currency that backs it (base or quote).
        assets: Spot-margin only: what was bought (base, long) or received (quote, short), margin excluded.
        available_assets: Spot-margin only: the part of assets not in open orders.
        liability: Spot-margin only: amount borrowed (quote if long, base if short).
        interest: Spot-margin only: interest accrued on it, same currency.
    """

    instrument: str
    side: Side
    margin_mode: MarginMode = MarginMode.CROSS
    contracts: Decimal = ZERO
    entry_price: Decimal = ZERO
    leverage: Decimal = ONE
    margin: Decimal | None = None
    fee: Decimal = ZERO
    funding_fee: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    margin_currency: str | None = None
    assets: Decimal = ZERO
    available_assets: Decimal | None = None
    liability: Decimal = ZERO
    interest: Decimal = ZERO

    def __post_init__(self) -> None:
        """Accept plain words for sides and modes, and refuse what no position can be."""
        if self.side.__class__ is not Side:
            force_setattr(self, "side", Side(self.side))
        if self.margin_mode.__class__ is not MarginMode:
            force_setattr(self, "margin_mode", MarginMode(self.margin_mode))
        if self.contracts < 0 or self.assets < 0 or self.liability < 0:
            raise ValueError(f"{self.instrument}: size, assets and liability are zero or more; side says the direction")
        if self.leverage <= 0:
            raise ValueError(f"{self.instrument}: leverage must be above zero, got {self.leverage}")

    @property
    def id(self) -> str:
        """Name in reports: instrument, side and margin mode."""
        return f"{self.instrument}:{self.side}:{self.margin_mode}"

    @property
    def debt(self) -> Decimal:
        """Liability and interest together."""
        return self.liability + self.interest


class Order(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """An order, resting (live) or asked about (new).

    Attributes:
        instrument: The venue's instrument id.
        side: Buy or sell.
        contracts: Ordered size, in contracts.
        price: Limit price; None on a market order.
        state: Live orders hold margin, new ones are admitted or refused.
        type: Kind of order.
        time_in_force: How long it rests.
        position_side: Hedge mode: the side it opens or closes.
        margin_mode: Pool that backs it.
        leverage: Leverage of the position it opens.
        reduce_only: It never opens.
        filled: Part already filled, in contracts.
        margin_currency: Spot-margin only.
        trigger_price: Price that fires a trigger order.
        trigger_by: Price watched by the trigger.
        stop_loss: Attached stop-loss.
        take_profit: Attached take-profit.
        trailing: Trailing stop.
        id: The user's or venue's id.
    """

    instrument: str
    side: OrderSide
    contracts: Decimal
    price: Decimal | None = None
    state: OrderState = OrderState.LIVE
    type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    position_side: Side | None = None
    margin_mode: MarginMode = MarginMode.CROSS
    leverage: Decimal = ONE
    reduce_only: bool = False
    filled: Decimal = ZERO
    margin_currency: str | None = None
    trigger_price: Decimal | None = None
    trigger_by: TriggerBy = TriggerBy.LAST
    stop_loss: AttachedStop | None = None
    take_profit: AttachedStop | None = None
    trailing: Trailing | None = None
    id: str = ""

    def __post_init__(self) -> None:
        """Accept plain words for sides and modes, and refuse what no order can be."""
        for name, kind in _ORDER_WORDS:
            word = getattr(self, name)
            if word.__class__ is not kind:
                force_setattr(self, name, kind(word))
        if self.contracts < self.filled or self.filled < 0:
            raise ValueError(f"{self.instrument}: {self.filled} filled of {self.contracts}")
        if self.leverage <= 0:
            raise ValueError(f"{self.instrument}: leverage must be above zero, got {self.leverage}")

    @property
    def remaining(self) -> Decimal:
        """Size not yet filled, in contracts."""
        return self.contracts - self.filled

    @property
    def resting(self) -> bool:
        """Whether it is in the book; an order that waits for its trigger is not."""
        return self.type in _RESTING


class Account(Struct, frozen=True, gc=False, kw_only=True):
    """Balances, positions and orders at one moment.

    Attributes:
        balances: Realised cash per currency; the margin of isolated positions is not in it.
        positions: Open positions; the order means nothing.
        orders: Live and new orders; new ones are admitted in this order.
        account_mode: How collateral is shared.
        position_mode: One-way or hedge.
        interest: Accrued interest not yet charged, per currency.
        bot_frozen: Amounts lent to trading bots, per currency.
        quanta: Smallest unit of a currency, for amounts to deposit or withdraw.
        as_of: Moment of the snapshot, which picks the dated rules.
    """

    balances: dict[str, Decimal] = {}
    positions: tuple[Position, ...] = ()
    orders: tuple[Order, ...] = ()
    account_mode: AccountMode = AccountMode.SINGLE_CURRENCY
    position_mode: PositionMode = PositionMode.ONE_WAY
    interest: dict[str, Decimal] = {}
    bot_frozen: dict[str, Decimal] = {}
    quanta: dict[str, Decimal] = {}
    as_of: datetime | None = None

    def balance(self, currency: str) -> Decimal:
        """Cash in one currency, zero when it has none."""
        return self.balances.get(currency, ZERO)

    def quantum(self, currency: str) -> Decimal:
        """Smallest amount of a currency that can move: 1e-8 unless the account says otherwise."""
        return self.quanta.get(currency, _QUANTUM)


_QUANTUM = Decimal("0.00000001")
# Members by a name of their own: looked up on its class, one costs ten times as much.
_LONG, _SHORT, _BUY = Side.LONG, Side.SHORT, OrderSide.BUY
_RESTING = (OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY)
_ORDER_WORDS = (("side", OrderSide), ("state", OrderState), ("type", OrderType), ("margin_mode", MarginMode))
