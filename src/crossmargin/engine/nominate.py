"""Nomination: which accounts a new mark may have brought to a warning, to risk control or to the trigger.

The engine looks exactly at whoever is nominated, so a nomination may name too many and must leave nobody out. It is
any callable of this form:

    nominate(state, instrument, before, changed) -> names of accounts

`state` already holds the new mark of the instrument, `before` is the one that it replaced (None: the first); `changed`
are the accounts in which anything but a price has changed since the last call, of whatever instrument, so that an index
knows what to lay anew. Who is already warned, and the insurance funds, are looked at in any case.
"""

from collections.abc import Callable, Collection, Iterable
from decimal import Decimal

from crossmargin.engine.state import State

__all__ = ["Nominate", "everyone", "nominated"]

Nominate = Callable[[State, str, Decimal | None, Collection[str]], Iterable[str]]


def everyone(state: State, instrument: str, _before: Decimal | None, _changed: Collection[str]) -> Iterable[str]:
    """All who hold the instrument or have an order in it: what other nominations are measured against."""
    return state.holders.get(instrument, ())


def nominated(state: State, nominate: Nominate) -> list[str]:
    """Whom the marks that have moved may touch; the notes of what moved and changed start anew."""
    found: list[str] = []
    for instrument, before in state.moved.items():
        found += nominate(state, instrument, before, state.changed)
        state.changed.clear()
        holders = state.holders.get(instrument, {})
        found += [name for name in state.watched if name in holders]
    state.moved.clear()
    return found
