"""One open order of ccxt in the account file's shape."""

from decimal import Decimal
from typing import Any

from crossmargin.domain.account import MarginMode, OrderSide, OrderType, Side
from crossmargin.domain.arithmetic import ZERO, plain
from crossmargin.domain.numbers import shown
from crossmargin.errors import InputError
from crossmargin.formats.ccxt_shape import SavedOrder, text_in

__all__ = ["is_open", "margin_mode_of", "order_entry", "position_side_of"]

_TYPES = {
    "limit": OrderType.LIMIT,
    "market": OrderType.MARKET,
    "post_only": OrderType.POST_ONLY,
    "limit_maker": OrderType.POST_ONLY,
    "optimal_limit_ioc": OrderType.MARKET,
    "trigger": OrderType.TRIGGER,
    "conditional": OrderType.STOP_LOSS,
    "stop": OrderType.STOP_LOSS,
    "stop_limit": OrderType.STOP_LOSS,
    "stop_market": OrderType.STOP_LOSS,
    "stop_loss": OrderType.STOP_LOSS,
    "stop_loss_limit": OrderType.STOP_LOSS,
    "take_profit": OrderType.TAKE_PROFIT,
    "take_profit_limit": OrderType.TAKE_PROFIT,
    "take_profit_market": OrderType.TAKE_PROFIT,
    "oco": OrderType.OCO,
    "trailing_stop_market": OrderType.TRAILING,
    "move_order_stop": OrderType.TRAILING,
}
_TIMES = {"GTC": "gtc", "GTD": "gtc", "PO": "gtc", "GTX": "gtc", "IOC": "ioc", "FOK": "fok"}
_POST_ONLY = ("PO", "GTX")


def is_open(order: SavedOrder) -> bool:
    """Whether the order still rests; an answer without a status is one of open orders."""
    return order.status in (None, "open")


def margin_mode_of(order: SavedOrder) -> MarginMode | None:
    """The margin mode that the venue notes on the order, if it does."""
    text = str(text_in(order.info, "tdMode")[1])
    return MarginMode(text) if text in tuple(MarginMode) else None


def position_side_of(order: SavedOrder) -> Side | None:
    """The side that the order opens or closes; only an account in hedge mode has it."""
    text = str(text_in(order.info, "posSide", "positionSide")[1]).lower()
    return Side(text) if text in tuple(Side) else None


def order_entry(order: SavedOrder, where: str, source: str) -> dict[str, Any]:
    """Everything of an order but its instrument and margin mode.

    Raises:
        InputError: a type, time in force or amount that is missing or not known.
    """
    kind = _kind(order, where, source)
    side = _chosen(order.side, {each.value: each.value for each in OrderSide}, f"{where}.side", source)
    entry: dict[str, Any] = {"side": side, "state": "live", "type": kind.value}
    entry["time_in_force"] = _chosen(order.time_in_force or "GTC", _TIMES, f"{where}.timeInForce", source)
    entry["reduce_only"] = bool(order.reduce_only)
    if order.amount is None:
        raise InputError(source, f"{where}.amount", "null: the size of the order is not known")
    entry["contracts"], entry["filled"] = plain(order.amount), plain(_filled(order, order.amount))
    if order.id:
        entry["id"] = order.id
    if order.price is not None and order.price > 0 and kind is not OrderType.MARKET:  # -1: at the market
        entry["price"] = plain(order.price)
    _, leverage = text_in(order.info, "lever")
    if leverage:
        entry["leverage"] = leverage
    return entry | _triggers(order, kind)


def _kind(order: SavedOrder, where: str, source: str) -> OrderType:
    kind: OrderType = _chosen(order.type, _TYPES, f"{where}.type", source)
    if kind is OrderType.LIMIT and (order.post_only or order.time_in_force in _POST_ONLY):
        kind = OrderType.POST_ONLY
    waits = order.trigger_price is not None and kind in (
        OrderType.LIMIT,
        OrderType.MARKET,
        OrderType.POST_ONLY,
    )
    return OrderType.TRIGGER if waits else kind


def _chosen(text: str | None, table: dict[str, Any], field: str, source: str) -> Any:  # noqa: ANN401 - the table's
    if text not in table:
        raise InputError(source, field, f"{shown(text)} is not one of {', '.join(table)}")
    return table[text]


def _filled(order: SavedOrder, amount: Decimal) -> Decimal:
    if order.filled is not None:
        return order.filled
    return ZERO if order.remaining is None else amount - order.remaining


def _triggers(order: SavedOrder, kind: OrderType) -> dict[str, Any]:
    """The trigger of an order that waits, or the stops attached to one that rests."""
    stop, take = order.stop_loss_price, order.take_profit_price
    if kind in (OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY):
        attached = {"stop_loss": stop, "take_profit": take}
        return {key: {"trigger_price": plain(price)} for key, price in attached.items() if price}
    trigger = order.trigger_price or stop or take
    return {"trigger_price": plain(trigger)} if trigger else {}
