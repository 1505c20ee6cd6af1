"""Snapshots: the list of all entities, and a state built from one."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from crossmargin.domain.account import MarginMode, PositionMode
from crossmargin.domain.ledger import Held, Ticket
from crossmargin.engine.owner import Owner
from crossmargin.engine.state import EntityKey, State
from crossmargin.matching.book import Book
from crossmargin.rulebook.model import Rulebook

__all__ = ["entities", "restored"]

Entity = tuple[EntityKey, Any]


def entities(state: State) -> Iterator[Entity]:
    """Every fact, in an order in which they can be put back: what a snapshot writes and a full hash covers."""
    yield ("rulebook",), state.rulebook_name
    yield ("counters",), state.counters
    for owner in state.owners.values():
        yield from _of_owner(owner)
    yield from _of_market(state)
    yield from _of_money(state)
    for ticket in sorted(state.tickets.values(), key=lambda each: each.priority):
        yield ("order", ticket.id), ticket


def _of_market(state: State) -> Iterator[Entity]:
    for name, (_, cap) in state.listings.items():
        yield ("listing", name), (cap,)
    for kind, table in _tables(state).items():
        for name, value in table.items():
            yield (kind, name), value
    for name in state.stopped:
        yield ("stopped", name), True


def _of_money(state: State) -> Iterator[Entity]:
    for currency, cells in state.cells.items():
        for name, amount in cells.items():
            yield ("cell", currency, name), amount
    for owner in state.owners.values():
        for held in owner.positions.values():
            yield ("position", held.key.cell), held


def _of_owner(owner: Owner) -> Iterator[Entity]:
    yield ("account", owner.id), (owner.number, owner.position_mode.value, owner.timer)
    for (instrument, mode), leverage in owner.leverage.items():
        yield ("leverage", owner.id, instrument, mode.value), leverage
    for client, answer in owner.clients.items():
        yield ("client", owner.id, client), answer
    for pool in owner.warned:
        yield ("warned", owner.id, pool), True


def _tables(state: State) -> dict[str, dict[str, Any]]:
    """Facts that are one value for one name."""
    return {
        "mark": state.marks.mark,
        "index": state.marks.index,
        "last": state.marks.last,
        "forward": state.marks.forward,
        "price_state": state.price_states,
        "reference": state.references,
        "period": state.periods,
    }


def restored(
    rulebook: Rulebook, rulebooks: Mapping[str, Rulebook], found: list[tuple[EntityKey, msgspec.Raw]]
) -> State:
    """The state whose entities these are."""
    state = State(rulebook, rulebooks)
    for key, raw in found:
        kind = key[0]
        decoder, put = _RESTORE[kind]
        put(state, key, decoder.decode(raw))
    return state


def _rulebook(state: State, _key: EntityKey, name: str) -> None:
    if name:
        state.change_rulebook(name)
    state.dirty["rulebook",] = name


def _account(state: State, key: EntityKey, value: tuple[int, str, int]) -> None:
    owner = Owner(key[1], value[0])
    state.open_account(owner)
    owner.position_mode = PositionMode(value[1])
    owner.timer = value[2]
    if owner.timer:
        state.timers[owner.id] = owner.timer
    state.dirty[key] = value


def _leverage(state: State, key: EntityKey, value: Decimal) -> None:
    state.owners[key[1]].leverage[key[2], MarginMode(key[3])] = value
    state.dirty[key] = value


def _client(state: State, key: EntityKey, value: tuple[str, str]) -> None:
    state.owners[key[1]].clients[key[2]] = value
    state.dirty[key] = value


def _warned(state: State, key: EntityKey, _value: bool) -> None:
    state.warn(key[1], key[2])


def _listing(state: State, key: EntityKey, value: tuple[Decimal | None]) -> None:
    state.listings[key[1]] = (state.rulebook.instrument(key[1]), value[0])
    state.books[key[1]] = Book()
    state.dirty[key] = value


def _table(state: State, key: EntityKey, value: Any) -> None:  # noqa: ANN401 - a price, a word or a number
    _tables(state)[key[0]][key[1]] = value
    state.dirty[key] = value


def _stopped(state: State, key: EntityKey, value: bool) -> None:
    state.stopped[key[1]] = None
    state.dirty[key] = value


def _cell(state: State, key: EntityKey, value: Decimal) -> None:
    _, currency, name = key
    state.cells.setdefault(currency, {})[name] = value
    kind, _, account = name.partition("/")
    if kind == "cash" and account in state.owners:
        state.owners[account].currencies[currency] = None
    state.dirty[key] = value


def _counters(state: State, _key: EntityKey, value: dict[str, int]) -> None:
    for counter, number in value.items():
        state.count(counter, number)


def _position(state: State, _key: EntityKey, value: Held) -> None:
    state.put_position(value)


def _order(state: State, _key: EntityKey, value: Ticket) -> None:
    state.put_ticket(value)


Putter = Callable[[State, EntityKey, Any], None]


def _reads(kind: Any, put: Putter) -> tuple[msgspec.msgpack.Decoder[Any], Putter]:  # noqa: ANN401 - a type
    return msgspec.msgpack.Decoder(kind), put


_RESTORE: dict[str, tuple[msgspec.msgpack.Decoder[Any], Putter]] = {
    "rulebook": _reads(str, _rulebook),
    "counters": _reads(dict[str, int], _counters),
    "account": _reads(tuple[int, str, int], _account),
    "leverage": _reads(Decimal, _leverage),
    "client": _reads(tuple[str, str], _client),
    "warned": _reads(bool, _warned),
    "listing": _reads(tuple[Decimal | None], _listing),
    "mark": _reads(Decimal, _table),
    "index": _reads(Decimal, _table),
    "last": _reads(Decimal, _table),
    "forward": _reads(Decimal, _table),
    "price_state": _reads(str, _table),
    "reference": _reads(str, _table),
    "period": _reads(int, _table),
    "stopped": _reads(bool, _stopped),
    "cell": _reads(Decimal, _cell),
    "position": _reads(Held, _position),
    "order": _reads(Ticket, _order),
}
