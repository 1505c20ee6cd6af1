"""Orders as the venue writes them, read into commands."""

from decimal import Decimal
from typing import Any

from crossmargin.domain import command as c
from crossmargin.domain.account import (
    AttachedStop,
    MarginMode,
    OrderSide,
    OrderType,
    PositionMode,
    Side,
    TimeInForce,
    TriggerBy,
)
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.server.exchange import Exchange
from crossmargin.server.okx.answers import OkxError, text
from crossmargin.server.okx.call import Call, Parameters

__all__ = ["attached_stops", "instrument_in", "order_command", "side_of", "stop_in", "trigger_by"]

_TYPES: dict[str, tuple[OrderType, TimeInForce]] = {
    "market": (OrderType.MARKET, TimeInForce.IOC),
    "limit": (OrderType.LIMIT, TimeInForce.GTC),
    "post_only": (OrderType.POST_ONLY, TimeInForce.GTC),
    "ioc": (OrderType.LIMIT, TimeInForce.IOC),
    "fok": (OrderType.LIMIT, TimeInForce.FOK),
    "optimal_limit_ioc": (OrderType.MARKET, TimeInForce.IOC),
}
_MODES = ("cross", "isolated", "cash")
_MARKET = "-1"


def instrument_in(exchange: Exchange, given: Parameters) -> Instrument:
    """The instrument of an order, by ``instId`` or ``instIdCode``."""
    code = given.text("instIdCode")
    if "instId" not in given and code.isascii() and code.isdigit() and code == code.lstrip("0")[:9]:
        return exchange.listed(exchange.named_by(int(code)))
    return exchange.listed(given.required("instId"))


def order_command(call: Call, given: Parameters, now: int) -> c.PlaceOrder:
    """One order of trade/order, trade/batch-orders and the WebSocket.

    Raises:
        OkxError: a parameter is missing or wrong.
    """
    instrument = instrument_in(call.exchange, given)
    kind, terms = _TYPES[given.choice("ordType", tuple(_TYPES))]
    price = given.needed("px") if kind != OrderType.MARKET else None
    side = OrderSide(given.choice("side", ("buy", "sell")))
    loss, profit = attached_stops(given)
    mode = MarginMode(given.choice("tdMode", _MODES))
    size = given.needed("sz")
    spends = _spends(given, instrument, kind, side, mode)
    if not spends and instrument.lot_size is not None and size % instrument.lot_size:
        raise OkxError("51121", f"Order quantity must be a multiple of the lot size {text(instrument.lot_size)}.")
    return c.PlaceOrder(
        account=call.account,
        instrument=instrument.id,
        side=side,
        contracts=ZERO if spends else size,
        quote_size=size if spends else None,
        price=price,
        type=kind,
        time_in_force=terms,
        margin_mode=mode,
        position_side=None if mode == MarginMode.CASH else side_of(call, given),
        reduce_only=given.flag("reduceOnly"),
        client_id=given.client_id(),
        stop_loss=loss,
        take_profit=profit,
        time=now,
    )


def _spends(given: Parameters, instrument: Instrument, kind: OrderType, side: OrderSide, mode: MarginMode) -> bool:
    """Whether ``sz`` is money: of a spot purchase at market, unless ``tgtCcy`` says base."""
    unit = given.choice("tgtCcy", ("base_ccy", "quote_ccy"), "quote_ccy")
    spot = mode == MarginMode.CASH and instrument.kind in (Kind.SPOT, Kind.MARGIN)
    return spot and kind == OrderType.MARKET and side == OrderSide.BUY and unit == "quote_ccy"


def side_of(call: Call, given: Parameters) -> Side | None:
    """``posSide``: needed in hedge mode, net or absent in one-way mode."""
    owner = call.exchange.venue.state.owners.get(call.account)
    hedged = owner is not None and owner.position_mode == PositionMode.HEDGE
    side = given.choice("posSide", ("net", "long", "short"), "net")
    if hedged is (side == "net"):
        raise OkxError("51000", "Parameter posSide error")
    return None if side == "net" else Side(side)


def trigger_by(given: Parameters, name: str) -> TriggerBy:
    """Which price a trigger looks at: the last one unless it says otherwise."""
    return TriggerBy(given.choice(name, ("last", "mark", "index"), "last"))


def stop_in(given: Parameters, prefix: str) -> AttachedStop | None:
    """``slTriggerPx`` and what belongs to it (or ``tp``); None where there is none."""
    trigger = given.number(f"{prefix}TriggerPx")
    if trigger is None:
        return None
    return AttachedStop(
        trigger_price=trigger,
        trigger_by=trigger_by(given, f"{prefix}TriggerPxType"),
        price=limit_of(given, f"{prefix}OrdPx"),
    )


def limit_of(given: Parameters, name: str) -> Decimal | None:
    """The price of an order that will be sent: absent or -1 is a market order."""
    return None if given.text(name, _MARKET) == _MARKET else given.number(name)


def attached_stops(given: Parameters) -> tuple[AttachedStop | None, AttachedStop | None]:
    """Stop-loss and take-profit that come with an order, in the list ``attachAlgoOrds`` or beside the order's terms."""
    attached: Any = given.given.get("attachAlgoOrds")
    if attached is None or attached == []:
        return stop_in(given, "sl"), stop_in(given, "tp")
    if not isinstance(attached, list) or not all(isinstance(each, dict) for each in attached):
        raise OkxError("51000", "Parameter attachAlgoOrds error")
    if len(attached) > 1:
        raise OkxError("51000", "Parameter attachAlgoOrds error: split take-profits are not offered here")
    one = Parameters(attached[0])
    return stop_in(one, "sl"), stop_in(one, "tp")
