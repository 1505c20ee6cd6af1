"""What accounts are told: events in order at once, balances and positions as they stand at the next pulse."""

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from crossmargin.domain.account import PositionMode
from crossmargin.server.exchange import Exchange
from crossmargin.server.history import Changes, FillRecord, OrderRecord, PositionRecord
from crossmargin.server.keys import Key
from crossmargin.server.okx.account import balance, position_rows
from crossmargin.server.okx.answers import Row, text
from crossmargin.server.okx.call import Call
from crossmargin.server.okx.names import trade_id
from crossmargin.server.okx.rows.positions import flat_row
from crossmargin.server.ws import rows
from crossmargin.server.ws.frames import data_of, push
from crossmargin.server.ws.topics import Client

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AccountFeed", "Own"]

_REFRESH_MS = 1_000
_FILTERS = ("instType", "instId", "algoId")
_FAMILIES = ("instFamily", "uly")
_TEXTS = (*_FILTERS, *_FAMILIES, "ccy", "extraParams")
_WARNED = "warned"
_SNAPSHOT, _UPDATE = "snapshot", "event_update"


class Own(Struct, frozen=True, eq=False):
    """One subscription to a channel of an account.

    Attributes:
        listener: Who hears it.
        key: In whose name.
        channel: Which channel.
        arg: As it was sent, with the account's number.
        given: The same, read.
    """

    listener: Client
    key: Key
    channel: str
    arg: str
    given: dict[str, Any]

    def wants(self, row: Row) -> bool:
        """Whether a row is one of those that were asked for."""
        for name in _FILTERS:
            asked = self.given.get(name, "")
            if asked not in ("", "ANY") and asked != row.get(name, asked):
                return False
        return all(f"{row['instId']}-".startswith(self.given.get(name, "")) for name in _FAMILIES)

    @property
    def readable(self) -> bool:
        """Whether everything that it was asked with is text."""
        return all(isinstance(self.given.get(name, ""), str) for name in _TEXTS)

    @property
    def currency(self) -> str:
        """The currencies that are asked for; empty: all."""
        return str(self.given.get("ccy", ""))

    @property
    def steady(self) -> bool:
        """Whether events alone are wanted: ``updateInterval`` is 0 in ``extraParams``."""
        try:
            more = msgspec.json.decode(str(self.given.get("extraParams") or "{}"))
        except msgspec.DecodeError:
            return False
        return isinstance(more, dict) and more.get("updateInterval") == "0"

    def tell(self, found: list[Row], event_type: str = "") -> None:
        """An event, of which none may be lost."""
        self.listener.outbox.put(push(self.arg, data_of(found, event_type=event_type)))

    def show(self, found: list[Row], event_type: str) -> None:
        """A state, which a newer one may replace."""
        self.listener.outbox.show(self, push(self.arg, data_of(found, event_type=event_type)))


class AccountFeed:
    """Tells one account's listeners what happens to it.

    Args:
        exchange: What is told of.
        key: A key of the account.
    """

    def __init__(self, exchange: Exchange, key: Key) -> None:
        """Nobody listens yet."""
        self.exchange, self.account = exchange, key.account
        self._call = Call(exchange, key, {})
        self._owns: dict[str, dict[Own, None]] = {}
        self._closed: list[PositionRecord] = []
        self._changed = self._moved = False
        self._refreshed = 0

    def __bool__(self) -> bool:
        """Whether anybody listens."""
        return any(self._owns.values())

    def add(self, own: Own) -> None:
        """One more listens, and is told how things stand."""
        self._owns.setdefault(own.channel, {})[own] = None
        if own.channel == "account":
            own.show(self._balance(own.currency), _SNAPSHOT)
        elif own.channel == "positions":
            own.show([row for row in self._positions() if own.wants(row)], _SNAPSHOT)
        elif own.channel == "balance_and_position":
            own.tell([self._whole()])

    def remove(self, own: Own) -> None:
        """One less listens."""
        self._owns.get(own.channel, {}).pop(own, None)
        own.listener.outbox.drop(own)

    @property
    def audience(self) -> list[Client]:
        """Who listens."""
        return [own.listener for owns in self._owns.values() for own in owns]

    def _of(self, channel: str) -> "Iterable[Own]":
        return self._owns.get(channel, ())

    # ------------------------------------------------------------------ events

    def take(self, changes: Changes) -> None:
        """Tell what happened in order, and note what has to be shown anew."""
        self._steps(changes)
        fills = [each for each in changes.fills if each.account == self.account]
        for own in self._of("fills"):
            for fill in fills:
                if own.wants(found := rows.fill_in_short(fill)):
                    own.tell([found])
        if "balance_and_position" in self._owns:
            self._events(changes, fills)
        if any(each.account == self.account and each.kind == _WARNED for each in changes.notices):
            self._warn()
        self._closed += [
            each for each in changes.positions.values() if not each.contracts and each.key.account == self.account
        ]
        self._changed = True

    def _steps(self, changes: Changes) -> None:
        if "orders" not in self._owns and "orders-algo" not in self._owns:
            return
        for step in changes.steps:
            if step.record.account != self.account:
                continue
            row = rows.step_row(step, self.exchange)
            for own in self._of("orders" if isinstance(step.record, OrderRecord) else "orders-algo"):
                if own.wants(row):
                    own.tell([row])

    def _events(self, changes: Changes, fills: list[FillRecord]) -> None:
        """One push for each kind of thing that happened; the last that can have changed positions names them."""
        bills: dict[str, dict[str, Row]] = {}
        for bill in changes.bills:
            if bill.account == self.account:
                kind = rows.EVENT_TYPES.get(bill.kind, "transferred")
                bills.setdefault(kind, {})[bill.currency] = rows.balance_data(bill)
        changed = [each for each in changes.positions.values() if each.key.account == self.account]
        kinds = [*dict.fromkeys((*bills, *(rows.EVENT_TYPES[each.kind] for each in fills)))]
        if changed and not kinds:
            kinds = ["set_leverage"]
        moving = next((kind for kind in reversed(kinds) if kind != "transferred"), "")
        for kind in kinds:
            positions = changed if kind == moving else []
            trades = [each for each in fills if rows.EVENT_TYPES[each.kind] == kind]
            row = self._event(kind, [*bills.get(kind, {}).values()], positions, trades)
            for own in self._of("balance_and_position"):
                own.tell([row])

    def _event(self, kind: str, balances: list[Row], positions: list[PositionRecord], fills: list[FillRecord]) -> Row:
        return {
            "pTime": str(self.exchange.now()),
            "eventType": kind,
            "balData": balances,
            "posData": [rows.position_data(each, self.exchange, hedged=self._hedged) for each in positions],
            "trades": [{"instId": each.instrument, "tradeId": trade_id(each.trade)} for each in fills],
        }

    def _warn(self) -> None:
        found = [row for row, _ in position_rows(self._call)]
        for own in self._of("liquidation-warning"):
            if mine := [row for row in found if own.wants(row)]:
                own.tell(mine)

    def moved(self) -> None:
        """A mark under one of its positions has moved."""
        self._moved = True

    # ------------------------------------------------------------------ states

    def pulse(self, now: int) -> None:
        """Show balances and positions, if they changed, or if marks moved and it is time."""
        refresh = self._moved and now >= self._refreshed + _REFRESH_MS
        if not self._changed and not refresh:
            return
        events, self._changed, self._moved = self._changed, False, False
        self._refreshed = now
        closed, self._closed = self._closed, []
        event_type = _UPDATE if events else _SNAPSHOT
        balances = cache(self._balance)
        for own in self._of("account"):
            if events or not own.steady:
                own.show(balances(own.currency), event_type)
        asked = [own for own in self._of("positions") if events or not own.steady]
        if asked:
            self._show_positions(asked, [self._flat(each) for each in closed], event_type)

    def _show_positions(self, asked: list[Own], closed: list[Row], event_type: str) -> None:
        standing = self._positions()
        for own in asked:
            flat, found = ([row for row in each if own.wants(row)] for each in (closed, standing))
            if flat:
                own.tell([*flat, *found], event_type)
            elif found:
                own.show(found, event_type)

    def _flat(self, record: PositionRecord) -> Row:
        row = flat_row(record, self.exchange.listed(record.key.instrument), hedged=self._hedged)
        return {**row, "pTime": str(self.exchange.now())}

    def _positions(self) -> list[Row]:
        now = str(self.exchange.now())
        return [{**row, "pTime": now} for row, _ in position_rows(self._call)]

    def _balance(self, currency: str) -> list[Row]:
        return balance(Call(self.exchange, self._call.key, {"ccy": currency}))

    def _whole(self) -> Row:
        """How balances and positions stand."""
        history, now = self.exchange.venue.history, str(self.exchange.now())
        balances = [
            {"ccy": currency, "cashBal": text(amount), "uTime": now}
            for (account, currency), amount in history.balances.items()
            if account == self.account
        ]
        return self._event("snapshot", balances, [each for each in history.open.values() if self._is_mine(each)], [])

    def _is_mine(self, record: PositionRecord) -> bool:
        return record.key.account == self.account

    @property
    def _hedged(self) -> bool:
        owner = self.exchange.venue.state.owners.get(self.account)
        return owner is not None and owner.position_mode == PositionMode.HEDGE
