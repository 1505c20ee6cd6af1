"""Leverage, isolated margin, and how much an order or a transfer may be."""

from decimal import localcontext
from typing import Any

from crossmargin.domain import command as c
from crossmargin.domain.account import MarginMode, Order, OrderSide, PositionMode, Side
from crossmargin.domain.arithmetic import EXACT, ZERO
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.errors import CrossMarginError
from crossmargin.margin.limits import largest_order
from crossmargin.margin.withdrawal import largest_withdrawal
from crossmargin.server.okx.account import hedged, owner_of, refuse_if
from crossmargin.server.okx.answers import OkxError, Row, text
from crossmargin.server.okx.call import Call
from crossmargin.server.okx.names import inst_type
from crossmargin.server.okx.public import TYPES

__all__ = [
    "add_margin", "leverage_info", "max_avail_size", "max_size", "max_withdrawal", "set_leverage", "trade_fee",
]  # fmt: skip

_MARGIN = ("cross", "isolated")
_SIZED_MAX = 5
_BUSY = 50


def leverage_info(call: Call) -> list[Row]:
    """``GET account/leverage-info``: leverage that was chosen."""
    mode = MarginMode(call.choice("mgnMode", _MARGIN))
    rows = []
    for name in call.instruments() or [call.required("instId")]:
        instrument = call.exchange.listed(name)
        rows += _leverage_rows(call, instrument, mode)
    return rows


def _leverage_rows(call: Call, instrument: Instrument, mode: MarginMode) -> list[Row]:
    state = call.exchange.venue.state
    chosen = owner_of(call).leverage.get((instrument.id, mode), state.rulebook.rules.default_leverage)
    sides = ["long", "short"] if hedged(call) and mode == MarginMode.ISOLATED else ["net"]
    return [
        {"instId": instrument.id, "ccy": "", "mgnMode": mode.value, "posSide": side, "lever": text(chosen)}
        for side in sides
    ]


async def set_leverage(call: Call) -> list[Row]:
    """``POST account/set-leverage``: another leverage, open positions and orders included."""
    lever = call.needed("lever")
    mode = MarginMode(call.choice("mgnMode", _MARGIN))
    instrument = call.instrument()
    if instrument.kind not in (Kind.PERPETUAL, Kind.FUTURE, Kind.MARGIN):
        raise OkxError("51000", "Parameter instId error: it is not traded with leverage")
    side = call.choice("posSide", ("net", "long", "short"), "net")
    venue = call.exchange.venue
    command = c.SetLeverage(
        account=call.account, instrument=instrument.id, leverage=lever, margin_mode=mode, time=venue.now()
    )
    refuse_if(await venue.submit(command), {"leverage_above_tier": "59102"})
    return [{"instId": instrument.id, "lever": text(lever), "mgnMode": mode.value, "posSide": side}]


async def add_margin(call: Call) -> list[Row]:
    """``POST account/position/margin-balance``: ``add`` or ``reduce``."""
    instrument = call.instrument()
    kind = call.choice("type", ("add", "reduce"))
    amount = call.needed("amt")
    side = _isolated_side(call, instrument.id, call.choice("posSide", ("net", "long", "short"), "net"))
    venue = call.exchange.venue
    make = c.AddMargin if kind == "add" else c.RemoveMargin
    command = make(account=call.account, instrument=instrument.id, side=side, amount=amount, time=venue.now())
    refuse_if(await venue.submit(command), {"unknown_position": "59300", "margin_not_removable": "59301"})
    held = venue.state.owners[call.account]
    lever = held.leverage.get((instrument.id, MarginMode.ISOLATED), venue.state.rulebook.rules.default_leverage)
    return [
        {
            "instId": instrument.id,
            "posSide": call.text("posSide", "net"),
            "amt": text(amount),
            "type": kind,
            "leverage": text(lever),
            "ccy": instrument.settle,
        }
    ]


def _isolated_side(call: Call, name: str, side: str) -> Side:
    """The side of the isolated position that is meant."""
    if side != "net":
        return Side(side)
    for key in owner_of(call).positions:
        if key.instrument == name and key.margin_mode == MarginMode.ISOLATED:
            return key.side
    raise OkxError("59300", "Margin call failed. Position does not exist.")


def max_size(call: Call) -> list[Row]:
    """``GET account/max-size``: the largest order that would be admitted, at a price or at the mark."""
    mode = MarginMode(call.choice("tdMode", ("cross", "isolated", "cash")))
    price = call.number("px")
    rows = []
    busy = len(owner_of(call).orders) > _BUSY  # each instrument costs as much as there are orders
    for name in call.instruments(most=1 if busy else _SIZED_MAX) or [call.required("instId")]:
        instrument = call.exchange.listed(name)
        sizes = {side: _largest(call, instrument, mode, side, price) for side in OrderSide}
        buy, sell = text(sizes[OrderSide.BUY]), text(sizes[OrderSide.SELL])
        rows.append({"instId": name, "ccy": instrument.settle, "maxBuy": buy, "maxSell": sell})
    return rows


def _largest(call: Call, instrument: Instrument, mode: MarginMode, side: OrderSide, price: Any) -> Any:  # noqa: ANN401
    state = call.exchange.venue.state
    owner = owner_of(call)
    leverage = owner.leverage.get((instrument.id, mode), state.rulebook.rules.default_leverage)
    leg = None if owner.position_mode == PositionMode.ONE_WAY else side.opens
    order = Order(
        instrument=instrument.id,
        side=side,
        contracts=instrument.lot_size or ZERO,
        price=price or state.marks.mark_of(instrument.id),
        margin_mode=mode,
        leverage=leverage,
        position_side=leg,
    )
    with localcontext(EXACT):
        try:
            return largest_order(state.account(owner.id), order, state.marks, state.rulebook) if owner.number else ZERO
        except CrossMarginError as error:
            raise OkxError("51000", str(error)) from None


def max_avail_size(call: Call) -> list[Row]:
    """``GET account/max-avail-size``: the balance (or coins) that an order may use."""
    mode = call.choice("tdMode", ("cross", "isolated", "cash"))
    rows = []
    for name in call.instruments() or [call.required("instId")]:
        instrument = call.exchange.listed(name)
        spot = instrument.kind in (Kind.SPOT, Kind.MARGIN)
        buys = _available(call, instrument.quote if spot else instrument.settle, free=mode == "cross")
        sells = _available(call, instrument.base if spot else instrument.settle, free=mode == "cross")
        rows.append({"instId": name, "availBuy": text(buys), "availSell": text(sells)})
    return rows


def _available(call: Call, currency: str, *, free: bool) -> Any:  # noqa: ANN401 - an amount
    if not owner_of(call).number:
        return ZERO
    figures = call.exchange.venue.assessment(call.account).currencies.get(currency)
    if figures is None:
        return ZERO
    return figures.free_margin if free else figures.available_balance


def max_withdrawal(call: Call) -> list[Row]:
    """``GET account/max-withdrawal``: what may leave, without unrealised gains."""
    if not owner_of(call).number:
        return []
    found = call.exchange.venue.assessment(call.account)
    wanted = call.instruments("ccy")
    names = [name for name in found.currencies if not wanted or name in wanted]
    with localcontext(EXACT):
        amounts = {name: text(largest_withdrawal(found, name)) for name in names}
    return [
        {"ccy": name, "maxWd": most, "maxWdEx": most, "spotOffsetMaxWd": most, "spotOffsetMaxWdEx": most}
        for name, most in amounts.items()
    ]


def trade_fee(call: Call) -> list[Row]:
    """``GET account/trade-fee``: a fee that is charged is negative."""
    kind = call.choice("instType", TYPES)
    found = [each for each in call.exchange.instruments() if inst_type(each) == ("SPOT" if kind == "MARGIN" else kind)]
    name = call.text("instId")
    chosen = next((each for each in found if name in ("", each.id)), None)
    if chosen is None:
        raise OkxError("51001", "Instrument ID does not exist")
    maker, taker = (ZERO if rate is None else -rate for rate in (chosen.maker_fee, chosen.taker_fee))
    spot = kind in ("SPOT", "MARGIN")
    return [
        {
            "category": "1",
            "level": "Lv1",
            "instType": kind,
            "maker": text(maker),
            "taker": text(taker),
            "makerU": "" if spot else text(maker),
            "takerU": "" if spot else text(taker),
            "makerUSDC": text(maker),
            "takerUSDC": text(taker),
            "delivery": "",
            "exercise": "",
            "ruleType": "normal",
            "fiat": [],
            "feeGroup": [],
            "ts": str(call.exchange.now()),
        }
    ]
