"""The state hash: a sum of the hashes of all entities, so that a command costs what it changed.

Each entity is written in one canonical form (msgpack of key and value, decimals as text), hashed with BLAKE2b, and
added modulo 2**256. Two states are the same when their entities are; no order of insertion, process or hash seed
enters.
"""

from hashlib import blake2b

import msgspec

from crossmargin.engine.snapshot import entities
from crossmargin.engine.state import EntityKey, State

__all__ = ["StateHash", "whole"]

_ENCODE = msgspec.msgpack.Encoder(decimal_format="string").encode
_MODULUS = 1 << 256


class StateHash:
    """Hash of a state, kept up to date from what commands changed."""

    __slots__ = ("_parts", "_total")

    def __init__(self) -> None:
        """Hash of the empty state."""
        self._parts: dict[EntityKey, int] = {}
        self._total = 0

    def update(self, state: State) -> None:
        """Take in what changed since the last time."""
        parts, number, encode = self._parts, int.from_bytes, _ENCODE
        total = self._total
        for item in state.dirty.items():
            key, value = item
            total -= parts.pop(key, 0)
            if value is not None:
                new = parts[key] = number(blake2b(encode(item), digest_size=32).digest(), "big")
                total += new
        self._total = total % _MODULUS
        state.dirty.clear()

    def digest(self) -> bytes:
        """32 bytes."""
        return self._total.to_bytes(32, "big")


def whole(state: State) -> bytes:
    """The same hash from scratch, over every entity."""
    total = sum(_entity(key, value) for key, value in entities(state))
    return (total % _MODULUS).to_bytes(32, "big")


def _entity(key: EntityKey, value: object) -> int:
    return int.from_bytes(blake2b(_ENCODE((key, value)), digest_size=32).digest(), "big")
