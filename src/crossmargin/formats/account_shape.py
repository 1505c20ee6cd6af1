"""The shape of an account file: every table and key, as Structs.

Field names, units and defaults are explained in docs/reference/account-file.md.
"""

from typing import Any, Literal

from msgspec import Struct

from crossmargin.domain.account import (
    AccountMode,
    MarginMode,
    OrderSide,
    OrderState,
    OrderType,
    PositionMode,
    Side,
    TimeInForce,
    TriggerBy,
)
from crossmargin.domain.documents import (
    Moment,
)
from crossmargin.domain.instrument import ContractType, Kind, OptionType
from crossmargin.domain.numbers import Amount, NonNegative, Positive
from crossmargin.rulebook.load import CollateralEntry, TierRow

__all__ = [
    "AccountFile",
    "CollateralEntry",
    "CurrencyEntry",
    "InstrumentEntry",
    "OrderEntry",
    "PositionEntry",
    "StopEntry",
    "TierEntry",
    "TrailingEntry",
]


class StopEntry(Struct, forbid_unknown_fields=True, kw_only=True):
    """A stop-loss or take-profit attached to an order."""

    trigger_price: Positive
    trigger_by: TriggerBy = TriggerBy.LAST
    price: Positive | None = None


class TrailingEntry(Struct, forbid_unknown_fields=True, kw_only=True):
    """A trailing stop."""

    percent: Positive | None = None
    distance: Positive | None = None
    on: Literal["last", "mark", "equity"] = "last"


class PositionEntry(Struct, forbid_unknown_fields=True, kw_only=True):
    """One `[[positions]]` table."""

    instrument: str
    side: Side
    margin_mode: MarginMode = MarginMode.CROSS
    contracts: NonNegative | None = None
    base_size: NonNegative | None = None
    quote_size: NonNegative | None = None
    entry_price: Positive | None = None
    leverage: Positive | None = None
    margin: NonNegative | None = None
    fee: Amount = Amount(0)
    funding_fee: Amount = Amount(0)
    realized_pnl: Amount = Amount(0)
    margin_currency: str | None = None
    assets: NonNegative | None = None
    available_assets: NonNegative | None = None
    liability: NonNegative | None = None
    liability_currency: str | None = None
    interest: NonNegative = NonNegative(0)


class OrderEntry(Struct, forbid_unknown_fields=True, kw_only=True):
    """One `[[orders]]` table."""

    instrument: str
    side: OrderSide
    state: OrderState = OrderState.LIVE
    price: Positive | None = None
    contracts: NonNegative | None = None
    base_size: NonNegative | None = None
    quote_size: NonNegative | None = None
    id: str = ""
    type: OrderType | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    position_side: Side | None = None
    margin_mode: MarginMode = MarginMode.CROSS
    leverage: Positive | None = None
    reduce_only: bool = False
    filled: NonNegative = NonNegative(0)
    margin_currency: str | None = None
    trigger_price: Positive | None = None
    trigger_by: TriggerBy = TriggerBy.LAST
    stop_loss: StopEntry | None = None
    take_profit: StopEntry | None = None
    trailing: TrailingEntry | None = None


class TierEntry(TierRow, forbid_unknown_fields=True, kw_only=True):
    """One tier of an instrument defined in the file."""

    unit: Literal["contracts", "notional", "borrowed", "base"] | None = None
    margin_mode: Literal["cross", "isolated"] | None = None


class InstrumentEntry(Struct, forbid_unknown_fields=True, kw_only=True):
    """One `[instruments.ID]` table: defines an instrument, or overrides a known one in part."""

    kind: Kind | None = None
    contract_type: ContractType | None = None
    base: str | None = None
    quote: str | None = None
    settle: str | None = None
    contract_value: Positive | None = None
    contract_value_currency: str | None = None
    multiplier: Positive | None = None
    family: str | None = None
    unified: str | None = None
    expiry: Moment | None = None
    option_type: OptionType | None = None
    strike: Positive | None = None
    taker_fee: Amount | None = None
    maker_fee: Amount | None = None
    tick_size: Positive | None = None
    lot_size: Positive | None = None
    min_size: Positive | None = None
    tiers: tuple[TierEntry, ...] = ()


class CurrencyEntry(Struct, forbid_unknown_fields=True, kw_only=True):
    """One `[currencies.X]` table."""

    quantum: Positive


class AccountFile(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    venue: str
    account_mode: AccountMode | None = None
    as_of: Moment | None = None
    position_mode: PositionMode = PositionMode.ONE_WAY
    rules: dict[str, Any] = {}
    balances: dict[str, Amount] = {}
    liabilities: dict[str, NonNegative] = {}
    interest: dict[str, NonNegative] = {}
    bot_frozen: dict[str, NonNegative] = {}
    collateral: dict[str, CollateralEntry] = {}
    currencies: dict[str, CurrencyEntry] = {}
    positions: tuple[PositionEntry, ...] = ()
    orders: tuple[OrderEntry, ...] = ()
    marks: dict[str, Positive] = {}
    index: dict[str, Positive] = {}
    fx: dict[str, Positive] = {}
    last: dict[str, Positive] = {}
    forward: dict[str, Positive] = {}
    funding_rate: dict[str, Amount] = {}
    open_interest: dict[str, NonNegative] = {}
    volatility: dict[str, NonNegative] = {}
    betas: dict[str, Amount] = {}
    instruments: dict[str, InstrumentEntry] = {}
