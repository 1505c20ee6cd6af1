"""Waiting orders: when they fire, and what they become."""

from decimal import Decimal

import msgspec

from crossmargin.domain.account import AttachedStop, Order, OrderSide, OrderType, TimeInForce, Trailing
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.ledger import Ticket

__all__ = ["armed", "fired", "trail", "watched", "worked"]

WAITING = (OrderType.TRIGGER, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT, OrderType.OCO, OrderType.TRAILING)


def watched(order: Order) -> tuple[str, ...]:
    """What a waiting order looks at: ``last``, ``mark``, ``index`` or ``equity``."""
    if order.trailing is not None:
        return (order.trailing.on,)
    if order.type == OrderType.OCO:
        return tuple(dict.fromkeys(each.trigger_by.value for each in _both(order)))
    return (order.trigger_by.value,)


def armed(ticket: Ticket, price: Decimal) -> Ticket:
    """The ticket at the moment it is placed: the side from which its trigger is reached, or its first extreme."""
    order = ticket.order
    if order.type == OrderType.TRAILING:
        assert order.trailing is not None
        starts = order.trailing.active_price
        idle = starts is not None and starts != price
        return msgspec.structs.replace(ticket, extreme=price, idle=idle, rises=starts is not None and starts > price)
    if order.type == OrderType.OCO:
        return ticket
    assert order.trigger_price is not None
    return msgspec.structs.replace(ticket, rises=order.trigger_price > price)


def trail(ticket: Ticket, price: Decimal) -> Decimal | None:
    """A new extreme of a trailing stop: higher for one that sells (or follows equity), lower for one that buys.

    The first is the price that reaches its activation price.
    """
    if ticket.order.type != OrderType.TRAILING:
        return None
    if ticket.idle:
        starts = _trailing(ticket.order).active_price
        assert starts is not None
        return price if _reached(starts, price, rises=ticket.rises) else None
    better = price > ticket.extreme if _follows_up(ticket.order) else price < ticket.extreme
    return price if better else None


def fired(ticket: Ticket, source: str, price: Decimal) -> Order | None:
    """The order that a waiting one sends when what it watches is at a price; None while it waits.

    A trailing stop fires when the price has come back from its extreme by the distance, or by the fraction of it.
    """
    order = ticket.order
    if order.type == OrderType.OCO:
        for stop, rises in _oco(order):
            if stop.trigger_by.value == source and _reached(stop.trigger_price, price, rises=rises):
                return worked(order, stop.price)
        return None
    if source not in watched(order):
        return None
    if order.type == OrderType.TRAILING:
        back = not ticket.idle and _came_back(ticket, _trailing(order), price)
        return worked(order, None) if back else None
    assert order.trigger_price is not None
    return worked(order, order.price) if _reached(order.trigger_price, price, rises=ticket.rises) else None


def worked(order: Order, price: Decimal | None) -> Order:
    """The limit or (without a price) market order that a fired one becomes; the other half of an OCO is gone."""
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    terms = TimeInForce.IOC if price is None else order.time_in_force
    stop, profit = order.stop_loss, order.take_profit
    if order.type == OrderType.OCO:
        stop = profit = None
    return msgspec.structs.replace(
        order, type=kind, price=price, time_in_force=terms, stop_loss=stop, take_profit=profit
    )


def _reached(trigger: Decimal, price: Decimal, *, rises: bool) -> bool:
    return price >= trigger if rises else price <= trigger


def _came_back(ticket: Ticket, trailing: Trailing, price: Decimal) -> bool:
    extreme = ticket.extreme
    back = extreme - price if _follows_up(ticket.order) else price - extreme
    if trailing.distance is not None:
        return back >= trailing.distance
    assert trailing.percent is not None
    return back >= max(ZERO, trailing.percent * extreme) and back > 0


def _follows_up(order: Order) -> bool:
    return order.side == OrderSide.SELL or (order.trailing is not None and order.trailing.on == "equity")


def _trailing(order: Order) -> Trailing:
    assert order.trailing is not None
    return order.trailing


def _both(order: Order) -> tuple[AttachedStop, AttachedStop]:
    assert order.stop_loss is not None
    assert order.take_profit is not None
    return order.stop_loss, order.take_profit


def _oco(order: Order) -> tuple[tuple[AttachedStop, bool], tuple[AttachedStop, bool]]:
    """Both triggers with their direction: an order that sells stops below and takes its profit above."""
    stop, profit = _both(order)
    selling = order.side == OrderSide.SELL
    return (stop, not selling), (profit, selling)
