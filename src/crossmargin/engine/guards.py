"""Guards: the questions that a command must answer before anything happens, in the order of `RejectReason`."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache

from crossmargin.domain import command as c
from crossmargin.domain.account import MarginMode, Order, OrderSide, OrderType, Side, TimeInForce
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.ledger import QUANTUM
from crossmargin.domain.refusal import Refusal, RejectReason
from crossmargin.engine.loan import closable, on_loan
from crossmargin.engine.state import State
from crossmargin.errors import InputError, MissingDataError
from crossmargin.margin.admission import refuse
from crossmargin.matching.triggers import WAITING
from crossmargin.rulebook.model import Rulebook

__all__ = [
    "check_shape",
    "incomplete",
    "known",
    "levered",
    "listable",
    "misbacked",
    "misquoted",
    "price_problem",
    "reducible",
    "tradable",
    "waits",
    "wrong_mode",
]

# Members by a name of their own: looked up on its class, one costs ten times as much.
_BUY = OrderSide.BUY
_LONG = Side.LONG
_SHORT = Side.SHORT
_MARKET = OrderType.MARKET
_OCO = OrderType.OCO
_ISOLATED = MarginMode.ISOLATED
_CASH = MarginMode.CASH
_OPTION = Kind.OPTION
_MARGIN = Kind.MARGIN

_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_WHOLE_DIGITS_MAX = 18
_PLACES_MAX = 12
_SIZES = (
    "amount",
    "contracts",
    "price",
    "leverage",
    "trigger_price",
    "last",
    "open_interest_max",
    "quote_size",
    "forward",
)
_NAMES = ("account", "to", "client_id", "reference")
_REST = ("amount", "rate", "stop_loss", "take_profit", "trailing")
_CARRIERS = (OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY, OrderType.TRIGGER)
_LEVERED = (Kind.PERPETUAL, Kind.FUTURE, Kind.MARGIN)
_COINS = (Kind.SPOT, Kind.MARGIN)


def check_shape(command: c.Command) -> None:
    """Refuse what no command can be; such a command never enters the journal.

    Raises:
        InputError: a size or price that is not a finite number above zero with at most 18 digits before and 12 after
            the point, an amount that is no multiple of the quantum, or a name of other characters than letters,
            digits, dot, dash and underscore.
    """
    kind = command.__class__.__name__
    sizes, names, rest = _fields(command.__class__)
    for field in sizes:
        value = getattr(command, field)
        if value is not None and not (field == "contracts" and not value and _by_quote(command)):
            _size(kind, field, value)
    for field in names:
        name = getattr(command, field)
        if name and not _NAME.fullmatch(name):
            raise InputError(kind, field, f"{name[:40]!r}: letters, digits, dot, dash and underscore, at most 64")
    if any([getattr(command, field) is not None for field in rest]):
        _check_rest(command, kind)


@cache
def _fields(kind: type[c.Command]) -> tuple[tuple[str, ...], ...]:
    """Sizes and names of a kind of command, and what else of it has to be checked."""
    return tuple(tuple(name for name in names if name in kind.__struct_fields__) for names in (_SIZES, _NAMES, _REST))


def _check_rest(command: c.Command, kind: str) -> None:
    for field, value in _nested(command):
        _size(kind, field, value)
    _rate(kind, command)
    amount = getattr(command, "amount", None)
    if amount is not None and amount % QUANTUM:
        raise InputError(kind, "amount", f"{amount} is no multiple of {QUANTUM}")


def _rate(kind: str, command: c.Command) -> None:
    rate = getattr(command, "rate", None)
    if rate is not None and not (isinstance(rate, Decimal) and rate.is_finite() and abs(rate) < 1):
        raise InputError(kind, "rate", f"{rate} is no rate between -1 and 1")
    if isinstance(command, c.AccrueInterest) and command.rate < 0:
        raise InputError(kind, "rate", f"{command.rate} is below zero: interest is not")


def _by_quote(command: c.Command) -> bool:
    """Whether an order names what it spends and leaves its size open."""
    return isinstance(command, c.PlaceOrder) and command.quote_size is not None and command.contracts == 0


def _nested(command: c.Command) -> Iterator[tuple[str, object]]:
    """Sizes inside attached stops and trailing stops."""
    if not isinstance(command, c.PlaceOrder | c.AmendOrder):
        return
    parts: list[tuple[str, object]] = [("stop_loss", command.stop_loss), ("take_profit", command.take_profit)]
    if isinstance(command, c.PlaceOrder):
        parts.append(("trailing", command.trailing))
    for name, part in parts:
        if part is None:
            continue
        for field in ("trigger_price", "price", "percent", "distance", "active_price"):
            value = getattr(part, field, None)
            if value is not None:
                yield f"{name}.{field}", value


def _size(kind: str, field: str, value: object) -> None:
    if not isinstance(value, Decimal) or not value.is_finite() or value <= ZERO:
        raise InputError(kind, field, f"{value} is not a number above zero")
    text = str(value)
    if len(text) <= _PLACES_MAX and "E" not in text:
        return
    exponent = value.as_tuple().exponent
    if value.adjusted() >= _WHOLE_DIGITS_MAX or (isinstance(exponent, int) and -exponent > _PLACES_MAX):
        raise InputError(kind, field, f"{value} has more than 18 digits before or 12 after the point")


def known(state: State, account: str) -> Refusal | None:
    """The account exists."""
    owner = state.owners.get(account)
    if owner is None or owner.internal:
        return refuse(state.rulebook, RejectReason.UNKNOWN_ACCOUNT, note=account)
    return None


def tradable(state: State, instrument: str) -> Refusal | None:
    """The instrument is listed."""
    if instrument not in state.listings:
        return refuse(state.rulebook, RejectReason.UNKNOWN_INSTRUMENT, note=instrument)
    return None


def listable(rulebook: Rulebook, instrument: Instrument) -> str:
    """Why an instrument cannot be traded here; empty when it can."""
    if instrument.kind == _OPTION:
        return _listable_option(rulebook, instrument)
    if instrument.kind in _COINS and _CASH not in rulebook.rules.margin_modes:
        return "spot is not traded here"
    if instrument.kind in _COINS and instrument.unit != 1:
        return "a spot pair is counted in coins: its contract value is 1"
    if instrument.taker_fee is None or instrument.maker_fee is None:
        return "its fees are not known"
    return ""


def _listable_option(rulebook: Rulebook, instrument: Instrument) -> str:
    """Options settle in coin, under rules that say what a short one needs and that let no open gains pay premiums."""
    rates, rules = rulebook.rules.option, rulebook.rules
    checks = {
        "its strike or type is not known": instrument.strike is None or instrument.option_type is None,
        "options that settle in their coin are traded here": instrument.settle != instrument.base or instrument.inverse,
        "these rules have no margin for it": rates is None or instrument.base not in rates.maintenance,
        "open gains would pay for it": rules.available_balance != "without_gains",
        "its fees are not known": instrument.taker_fee is None or instrument.maker_fee is None,
    }
    return next((why for why, wrong in checks.items() if wrong), "")


def levered(state: State, instrument: Instrument) -> Refusal | None:
    """Leverage is for contracts and for coins on borrowed money."""
    if instrument.kind in _LEVERED and _tiered(state, instrument):
        return None
    return refuse(state.rulebook, RejectReason.MODE_NOT_OFFERED, note=f"{instrument.kind.value} has no leverage here")


def wrong_mode(state: State, instrument: Instrument, order: Order) -> Refusal | None:
    """Coins are exchanged in cash, or on loan where tiers say what that needs; options stand in the cross pool."""
    if instrument.kind == _MARGIN and order.margin_mode != _CASH and _tiered(state, instrument):
        return None
    isolated_option = instrument.kind == _OPTION and order.margin_mode == _ISOLATED
    if not isolated_option and (instrument.kind in _COINS) is (order.margin_mode == _CASH):
        return None
    note = f"{order.margin_mode.value}: {instrument.kind.value} is not traded so"
    return refuse(state.rulebook, RejectReason.MODE_NOT_OFFERED, note=note)


def _tiered(state: State, instrument: Instrument) -> bool:
    """Whether the rules know what an instrument needs, in every mode that borrows."""
    modes = [mode for mode in state.rulebook.rules.margin_modes if mode != MarginMode.CASH]
    try:
        return all(state.rulebook.tier_table(instrument, mode) for mode in modes)
    except MissingDataError:
        return False


def misbacked(instrument: Instrument, order: c.PlaceOrder) -> str:
    """Only what borrows coins chooses the currency that backs it, base or quote; empty when all is well."""
    if not order.margin_currency:
        return ""
    if not on_loan(instrument, order):
        return "margin_currency is for spot-margin"
    if order.margin_currency in (instrument.base, instrument.quote):
        return ""
    return f"margin_currency is {instrument.base} or {instrument.quote}"


def misquoted(order: c.PlaceOrder) -> str:
    """Only a spot purchase at market may say what it spends, and then it says no size; empty when all is well."""
    if order.quote_size is None:
        return ""
    market = order.type == _MARKET and order.margin_mode == _CASH
    if market and order.side == _BUY and not order.contracts:
        return ""
    return "quote_size is for spot purchases at market, in place of contracts"


def incomplete(order: Order) -> str:
    """What an order of its type lacks, or has too much of; empty when it is complete."""
    if not _COMPLETE[order.type](order):
        return f"a {order.type.value.replace('_', ' ')} order lacks its price, trigger or distance"
    return _overloaded(order)


def _triggered(order: Order) -> bool:
    return order.trigger_price is not None


def _trailing(order: Order) -> bool:
    trailing = order.trailing
    if trailing is None or (trailing.percent is None) is (trailing.distance is None):
        return False
    return trailing.on in ("last", "mark", "equity")


_COMPLETE: dict[OrderType, Callable[[Order], bool]] = {
    OrderType.LIMIT: lambda order: order.price is not None,
    OrderType.POST_ONLY: lambda order: order.price is not None and order.time_in_force == TimeInForce.GTC,
    OrderType.MARKET: lambda order: order.price is None,
    OrderType.TRIGGER: _triggered,
    OrderType.STOP_LOSS: _triggered,
    OrderType.TAKE_PROFIT: _triggered,
    OrderType.OCO: lambda order: order.stop_loss is not None and order.take_profit is not None,
    OrderType.TRAILING: _trailing,
}


def _overloaded(order: Order) -> str:
    """Stops come with what opens a position; an OCO order is made of them."""
    if order.type == _OCO or (order.stop_loss is None and order.take_profit is None):
        return ""
    if order.type not in _CARRIERS:
        return f"a {order.type.value.replace('_', ' ')} order carries no stops"
    if order.margin_mode == _CASH:
        return "a spot order carries no stops"
    closes = order.reduce_only or order.position_side not in (None, order.side.opens)
    return "an order that only closes carries no stops" if closes else ""


def price_problem(state: State, order: Order, *, waits: bool) -> Refusal | None:
    """A limit price is on the tick, and near enough to the mark unless the order waits."""
    price, instrument = order.price, state.instrument(order.instrument)
    if price is None:
        return None
    tick = instrument.tick_size
    if tick is not None and price % tick:
        return refuse(state.rulebook, RejectReason.PRICE_OFF_TICK, needs=tick, has=price, unit=instrument.quote)
    mark = state.marks.mark_of(instrument.id)
    if not waits and state.outside_band(instrument.id, price) and not _spared(state, order, price, mark):
        return refuse(
            state.rulebook,
            RejectReason.PRICE_OUTSIDE_BAND,
            needs=price,
            has=mark,
            unit=instrument.quote,
            note="price and mark",
        )
    return None


def _spared(state: State, order: Order, price: Decimal, mark: Decimal) -> bool:
    """Whether a price outside the band is better than the mark for who orders, and the venue minds only the others."""
    better = price < mark if order.side == _BUY else price > mark
    return better and state.rulebook.liquidation.band_refuses == "worse_than_mark"


def reducible(state: State, order: c.PlaceOrder) -> Decimal:
    """What a new reduce-only order may still close: the position less what such orders cover already."""
    side = _LONG if order.side.sign < 0 else _SHORT
    owner = state.owners[order.account]
    held = ZERO
    for key, each in owner.positions.items():
        if (key.instrument, key.margin_mode, key.side) == (order.instrument, order.margin_mode, side):
            held = closable(state, each) if each.margin_currency else each.contracts
    for ticket in owner.live():
        live = ticket.order
        same = (live.instrument, live.margin_mode, live.side) == (order.instrument, order.margin_mode, order.side)
        if live.reduce_only and same:
            held -= live.remaining
    return max(ZERO, held)


def waits(kind: OrderType) -> bool:
    """Whether orders of a type wait for a trigger."""
    return kind in WAITING
