"""Telling commands as lines of a story, so that a run can be played again, cut down and read."""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from crossmargin.domain import command as c
from crossmargin.domain.account import MarginMode, OrderSide, OrderType, TimeInForce

__all__ = ["line_of", "story_of"]

_ENCODE = msgspec.json.Encoder(decimal_format="string").encode
_PLAIN_ORDERS = (OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY)
_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(c.PlaceOrder)}
_SAID = {
    *("account", "instrument", "side", "contracts", "price", "type", "time", "time_in_force"),
    *("margin_mode", "position_side", "reduce_only", "client_id", "quote_size"),
    "margin_currency",
}


def story_of(commands: Iterable[c.Command]) -> Iterator[str]:
    """Lines that give the engine these commands at their times."""
    time = 0
    for command in commands:
        if command.time != time:
            time = command.time
            yield f"at {time}"
        yield line_of(command)


def line_of(command: c.Command) -> str:
    """The line of one command; what has no verb of its own is told as `do JSON`."""
    tell = _TELL.get(type(command))
    told = tell(command) if tell is not None else ""
    return told or f"do {_ENCODE(msgspec.structs.replace(command, time=0)).decode()}"


def _order(command: c.PlaceOrder) -> str:
    """A plain order; one that waits, or carries stops, has no short form."""
    other = any(getattr(command, name) != _DEFAULTS[name] for name in _DEFAULTS.keys() - _SAID)
    if other or command.type not in _PLAIN_ORDERS or (command.price is None) != (command.type == OrderType.MARKET):
        return ""
    words = ["bid" if command.side == OrderSide.BUY else "ask", command.account, _digits(command.contracts)]
    words += [command.instrument, "@", "market" if command.price is None else _digits(command.price)]
    words += ["post_only"] if command.type == OrderType.POST_ONLY else []
    words += [command.time_in_force.value] if command.time_in_force != TimeInForce.GTC else []
    words += {MarginMode.ISOLATED: ["isolated"], MarginMode.CASH: ["spot"]}.get(command.margin_mode, [])
    words += ["reduce"] if command.reduce_only else []
    words += [command.position_side.value] if command.position_side is not None else []
    words += [f"id={command.client_id}"] if command.client_id else []
    words += [f"ccy={command.margin_currency}"] if command.margin_currency else []
    return " ".join(words) + _given("spend", command.quote_size)


def _isolated(mode: MarginMode) -> str:
    return " isolated" if mode == MarginMode.ISOLATED else ""


def _digits(value: Decimal) -> str:
    """Every digit as it was given: a state's hash tells 1.0 from 1."""
    return f"{value:f}"


def _given(key: str, value: Decimal | None) -> str:
    return f" {key}={_digits(value)}" if value is not None else ""


def _money(verb: str) -> Callable[[Any], str]:
    def tell(command: c.Deposit | c.Withdraw) -> str:
        words = f"{verb} {command.account} {_digits(command.amount)} {command.currency}"
        if command.reference:
            return f"{words} {command.reference}" if verb == "deposit" else ""
        return words

    return tell


_TELL: dict[type, Callable[[Any], str]] = {
    c.Deposit: _money("deposit"),
    c.Withdraw: _money("withdraw"),
    c.Send: lambda s: f"send {s.account} {s.to} {_digits(s.amount)} {s.currency}",
    c.FundInsurance: lambda s: f"insurance {s.scope} {_digits(s.amount)} {s.currency}",
    c.PlaceOrder: _order,
    c.CancelOrder: lambda s: f"cancel {s.account} {s.order}",
    c.CancelAll: lambda s: "" if s.instrument else f"cancel {s.account} all",
    c.ClosePosition: lambda s: f"close {s.account} {s.instrument} {s.side.value}{_isolated(s.margin_mode)}",
    c.CloseAll: lambda s: f"close {s.account} all",
    c.SetCancelTimer: lambda s: f"timer {s.account} {s.at}",
    c.SetPositionMode: lambda s: f"mode {s.account} {s.position_mode.value}",
    c.SetMarginMode: lambda s: f"mode {s.account} {s.instrument} {s.side.value} {s.margin_mode.value}",
    c.AddMargin: lambda s: f"margin {s.account} {s.instrument} {s.side.value} +{_digits(s.amount)}",
    c.RemoveMargin: lambda s: f"margin {s.account} {s.instrument} {s.side.value} -{_digits(s.amount)}",
    c.ListInstrument: lambda s: f"list {s.instrument}" + _given("cap", s.open_interest_max),
    c.SetMark: lambda s: (
        f"mark {s.instrument} {_digits(s.price)}" + _given("last", s.last) + _given("forward", s.forward)
    ),
    c.SetIndex: lambda s: f"index {s.pair} {_digits(s.price)}",
    c.SetPriceState: lambda s: f"prices {s.instrument} {s.state}",
    c.SettleFunding: lambda s: f"funding {s.instrument} {_digits(s.rate)} period={s.period}",
    c.AccrueInterest: lambda s: f"interest {s.currency} {_digits(s.rate)} period={s.period}",
    c.SettleExpiry: lambda s: f"expiry {s.instrument} {_digits(s.price)}",
    c.SwitchTrading: lambda s: f"trading {'on' if s.on else 'off'} {s.instrument}".rstrip(),
}
