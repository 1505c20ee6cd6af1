"""What we read of ccxt's unified answers. Any field but the symbol may be null; fields left unread pass.

``info`` is the venue's own answer inside ccxt's: its texts keep digits that binary fractions have lost.
"""

from typing import Any

from msgspec import Struct

from crossmargin.domain.account import AccountMode
from crossmargin.domain.documents import Moment
from crossmargin.domain.numbers import Amount, Positive

__all__ = ["Saved", "SavedOrder", "SavedPosition", "SavedTicker", "text_in"]


class SavedPosition(Struct, rename="camel", kw_only=True):
    """One element of `fetch_positions`."""

    symbol: str
    side: str | None = None
    contracts: Amount | None = None
    contract_size: Amount | None = None
    entry_price: Amount | None = None
    mark_price: Amount | None = None
    leverage: Amount | None = None
    margin_mode: str | None = None
    position_margin: Amount | None = None
    collateral: Amount | None = None
    initial_margin: Amount | None = None
    notional: Amount | None = None
    unrealized_pnl: Amount | None = None
    hedged: bool | None = None
    info: dict[str, Any] | None = None


class SavedOrder(Struct, rename="camel", kw_only=True):
    """One element of `fetch_open_orders`."""

    symbol: str
    id: str | None = None
    type: str | None = None
    side: str | None = None
    status: str | None = None
    price: Amount | None = None
    amount: Amount | None = None
    filled: Amount | None = None
    remaining: Amount | None = None
    time_in_force: str | None = None
    post_only: bool | None = None
    reduce_only: bool | None = None
    trigger_price: Amount | None = None
    stop_loss_price: Amount | None = None
    take_profit_price: Amount | None = None
    info: dict[str, Any] | None = None


class SavedTicker(Struct, rename="camel", kw_only=True):
    """One element of `fetch_tickers`."""

    last: Amount | None = None
    mark_price: Amount | None = None


class Saved(Struct, forbid_unknown_fields=True, kw_only=True):
    """The answers together, and what ccxt does not know.

    Attributes:
        balance: `fetch_balance` of the derivatives wallet.
        positions: `fetch_positions`.
        orders: `fetch_open_orders`.
        tickers: `fetch_tickers`, for last prices and for marks that the positions lack.
        venue: Rule set, or ccxt's id of the exchange.
        as_of: Day or time that picks the dated rules.
        account_mode: How collateral is shared, where `balance` does not tell.
        marks: Mark prices by symbol; they replace those of the positions.
        instruments: As in the account file: tiers and fees of instruments that the rulebook does not know.
    """

    balance: dict[str, Any]
    positions: list[SavedPosition]
    orders: list[SavedOrder] = []
    tickers: dict[str, SavedTicker] = {}
    venue: str | None = None
    as_of: Moment | None = None
    account_mode: AccountMode | None = None
    marks: dict[str, Positive] = {}
    instruments: dict[str, dict[str, Any]] = {}


def text_in(info: dict[str, Any] | None, *keys: str) -> tuple[str, Any]:
    """First of the venue's own keys that holds something: the key and its value, or two empty texts."""
    for key in keys:
        value = (info or {}).get(key)
        if value is not None and value != "":
            return key, value
    return "", ""
