"""Holds: what each live order freezes, and in which currency."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from crossmargin.domain.account import (
    Account,
    MarginMode,
    Order,
    OrderSide,
    OrderState,
    Position,
    PositionMode,
    Side,
)
from crossmargin.domain.arithmetic import ZERO, quotient
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.marks import Marks
from crossmargin.margin.legs import Leg, fee_at_bankruptcy, taker_fee
from crossmargin.margin.options import closing_hold, opening_hold, short_option_margin
from crossmargin.margin.valuation import notional
from crossmargin.rulebook.model import Rulebook

__all__ = ["Hold", "HoldKind", "holds_of", "netting", "opening_contracts", "order_price"]

_WORST_SELL = Decimal("1.0015")


class HoldKind(StrEnum):
    """Why an amount is held."""

    CROSS = "cross order"
    ISOLATED = "isolated order"
    SPOT = "spot order"
    OPTION_BUY = "option buy"


class Hold(Struct, frozen=True, gc=False, kw_only=True):
    """What one order holds.

    Attributes:
        order: The order.
        instrument: Its instrument.
        currency: Currency held.
        kind: Why.
        contracts: The part that opens.
        value: Value of that part at the order's price.
        whole: Value of the whole remaining size at the same price.
        margin: Margin held.
        fee: Fee held.
        open_loss: Immediate loss against the mark that the venue counts as cost.
    """

    order: Order
    instrument: Instrument
    currency: str
    kind: HoldKind
    contracts: Decimal
    value: Decimal
    whole: Decimal
    margin: Decimal
    fee: Decimal = ZERO
    open_loss: Decimal = ZERO


def holds_of(account: Account, marks: Marks, rulebook: Rulebook) -> list[Hold]:
    """Holds of all resting live orders, in the account's order.

    Source: docs/spec.md 1 "in use".
    """
    live = [order for order in account.orders if order.state == OrderState.LIVE and order.resting]
    if not live:
        return []
    opening = opening_contracts(live, account.positions, account.position_mode)
    return [hold_of(order, part, account, marks, rulebook) for order, part in zip(live, opening, strict=True)]


def opening_contracts(orders: Sequence[Order], positions: Iterable[Position], mode: PositionMode) -> list[Decimal]:
    """The part of each order that would open or enlarge a position.

    One-way: an order against the position first closes it, only the excess opens; earlier orders come first.
    Hedge: an order opens when it builds its own position side, else it closes. Reduce-only never opens.

    Source: docs/sources.md 1.2: closing orders hold nothing, of a larger one only the excess opens.
    """
    held = {(each.instrument, each.margin_mode, each.side): each.contracts for each in positions}
    parts = []
    for order in orders:
        if order.reduce_only:
            parts.append(ZERO)
        elif mode == PositionMode.HEDGE and order.position_side is not None:
            parts.append(order.remaining if order.position_side is order.side.opens else ZERO)
        else:
            key = (order.instrument, order.margin_mode, _against(order.side))
            closing = min(order.remaining, held.get(key, ZERO))
            if closing:
                held[key] -= closing
            parts.append(order.remaining - closing)
    return parts


def hold_of(order: Order, contracts: Decimal, account: Account, marks: Marks, rulebook: Rulebook) -> Hold:
    """The hold of one order whose opening part is known.

    Source: docs/sources.md 1.2 (OKX), 4.2 (Binance).
    """
    instrument = rulebook.instrument(order.instrument)
    if instrument.kind == Kind.OPTION:
        return _option_hold(order, contracts, account, marks, rulebook)
    if instrument.kind == Kind.SPOT or order.margin_mode == MarginMode.CASH:
        return _spot_hold(order, instrument, marks)
    price = order_price(order, instrument, marks, rulebook)
    currency = order.margin_currency or instrument.settle
    value = _value_in(currency, instrument, contracts, price)
    whole = value if contracts == order.remaining else _value_in(currency, instrument, order.remaining, price)
    rules = rulebook.rules
    fee = _order_fee(order, value, instrument, rulebook) if value and rules.orders_hold else ZERO
    kind = HoldKind.ISOLATED if order.margin_mode == MarginMode.ISOLATED else HoldKind.CROSS
    return Hold(
        order=order,
        instrument=instrument,
        currency=currency,
        kind=kind,
        contracts=contracts,
        value=value,
        whole=whole,
        margin=quotient(value, order.leverage) if rules.orders_hold else ZERO,
        fee=fee,
        open_loss=_open_loss(order, contracts, instrument, marks) if rules.open_loss else ZERO,
    )


def _order_fee(order: Order, value: Decimal, instrument: Instrument, rulebook: Rulebook) -> Decimal:
    """Fee held with an opening order: none, the taker fee, or the fees to open and to close at the bankruptcy price."""
    rule = rulebook.rules.order_fee
    if rule == "none":
        return ZERO
    rate = taker_fee(instrument, rulebook)
    if rule == "taker":
        return value * rate
    closing = fee_at_bankruptcy(order.side.sign, value, leverage=order.leverage, inverse=instrument.inverse, rate=rate)
    return value * rate + closing


def order_price(order: Order, instrument: Instrument, marks: Marks, rulebook: Rulebook) -> Decimal:
    """Price at which an opening order is valued: its own, or the venue's worse one for sells.

    A market order has no price of its own and is valued at mark.

    Source: docs/sources.md 1.1.3, 4.2.
    """
    own = order.price if order.price is not None else marks.mark_of(instrument.id)
    if rulebook.rules.order_price == "worst_for_sells" and order.side == OrderSide.SELL:
        return worst_sell_price(own, last=marks.last_of(instrument.id), mark=marks.mark_of(instrument.id))
    return own


def worst_sell_price(price: Decimal, *, last: Decimal, mark: Decimal) -> Decimal:
    """Assuming price of a sell order: max(last x 1.0015, mark, its price).

    Source: docs/sources.md 4.2, vector bn-open-cost-short-new (Binance).
    """
    return max(last * _WORST_SELL, mark, price)


def open_loss(side: OrderSide, *, base_size: Decimal, price: Decimal, mark: Decimal) -> Decimal:
    """Loss that an order would show against the mark at once: size x |min(0, s x (mark - price))|.

    Source: docs/sources.md 4.2, vector bn-open-cost-2020 (Binance).
    """
    return base_size * max(ZERO, -side.sign * (mark - price))


def netting(legs: Iterable[Leg], holds: Iterable[Hold], mode: PositionMode) -> dict[str, Decimal]:
    """What one-way netting takes off the order margins, by instrument; zero or negative.

        margin of position and orders = max(|P + buys|, |P - sells|)

    P is the position's value / leverage with its sign, buys and sells are orders at their own price / leverage. In
    hedge mode nothing nets.

    Source: docs/sources.md 1.2 (OKX since October 2024) and 4.2 (Binance).
    """
    if mode == PositionMode.HEDGE:
        return {}
    books: dict[str, list[Hold]] = {}
    for hold in holds:
        if hold.kind == HoldKind.CROSS and hold.instrument.kind != Kind.OPTION:
            books.setdefault(hold.instrument.id, []).append(hold)
    margins = {leg.instrument.id: _signed_margin(leg) for leg in legs}
    return {
        instrument: amount
        for instrument, book in books.items()
        if (amount := _netted(margins.get(instrument, ZERO), book))
    }


def holds_anything(hold: Hold) -> bool:
    """Whether an order counts in netting: not when it is reduce-only, nor where resting orders hold nothing.

    Source: docs/sources.md 1.2, 7.2.
    """
    return not hold.order.reduce_only and (bool(hold.margin) or not hold.contracts)


def _netted(position_margin: Decimal, book: list[Hold]) -> Decimal:
    """Each order and the position count at their own leverage, which one instrument shares on most venues."""
    buys, sells, standalone = ZERO, ZERO, ZERO
    for hold in book:
        whole = quotient(hold.whole, hold.order.leverage) if holds_anything(hold) else ZERO
        if hold.order.side == OrderSide.BUY:
            buys += whole
        else:
            sells += whole
        standalone += hold.margin
    largest = max(abs(position_margin + buys), abs(position_margin - sells))
    return largest - abs(position_margin) - standalone


def _value_in(currency: str, instrument: Instrument, contracts: Decimal, price: Decimal) -> Decimal:
    """Value of an order; a spot-margin order backed by the base coin counts in that coin."""
    if instrument.kind == Kind.MARGIN and currency == instrument.base:
        return contracts
    return notional(instrument, contracts, price)


def _signed_margin(leg: Leg) -> Decimal:
    position = leg.holding
    assert isinstance(position, Position)
    return position.side.sign * quotient(leg.value, position.leverage)


def _against(side: OrderSide) -> Side:
    return Side.SHORT if side == OrderSide.BUY else Side.LONG


def _open_loss(order: Order, contracts: Decimal, instrument: Instrument, marks: Marks) -> Decimal:
    if order.price is None:
        return ZERO
    mark = marks.mark_of(instrument.id)
    return open_loss(order.side, base_size=contracts * instrument.unit, price=order.price, mark=mark)


def _spot_hold(order: Order, instrument: Instrument, marks: Marks) -> Hold:
    """A spot sell holds the base coin, a spot buy the quote amount at the order's price."""
    price = order.price if order.price is not None else marks.mark_of(instrument.id)
    selling = order.side == OrderSide.SELL
    amount = order.remaining if selling else order.remaining * price
    return Hold(
        order=order,
        instrument=instrument,
        currency=instrument.base if selling else instrument.quote,
        kind=HoldKind.SPOT,
        contracts=order.remaining,
        value=amount,
        whole=amount,
        margin=amount,
    )


def _option_hold(order: Order, contracts: Decimal, account: Account, marks: Marks, rulebook: Rulebook) -> Hold:
    instrument = rulebook.instrument(order.instrument)
    fee_rate = taker_fee(instrument, rulebook)
    amount = opening_hold(order, contracts, fee_rate, marks, rulebook) if contracts else ZERO
    closing = order.remaining - contracts
    if closing:
        price = order.price if order.price is not None else marks.mark_of(instrument.id)
        amount += closing_hold(
            order.side,
            contracts=closing,
            price=price,
            unit=instrument.unit,
            fee_rate=fee_rate,
            initial_per_coin=_initial_per_coin(order, account, marks, rulebook),
        )
    buying = order.side == OrderSide.BUY
    face = contracts * instrument.unit
    return Hold(
        order=order,
        instrument=instrument,
        currency=instrument.settle,
        kind=HoldKind.OPTION_BUY if buying else HoldKind.CROSS,
        contracts=contracts,
        value=face,
        whole=face,
        margin=amount,
    )


def _initial_per_coin(order: Order, account: Account, marks: Marks, rulebook: Rulebook) -> Decimal:
    """Initial margin per coin of the short position that a buy order closes; zero when it closes a long."""
    for position in account.positions:
        if position.instrument == order.instrument and position.side == Side.SHORT:
            instrument = rulebook.instrument(order.instrument)
            margin = short_option_margin(instrument, position.contracts, marks, rulebook)
            return quotient(margin.initial, position.contracts * instrument.unit)
    return ZERO
