"""Snapshots on the shelf: all entities of a state, sealed with the record that they belong to."""

from collections.abc import Mapping
from hashlib import blake2b

import msgspec
from msgspec import Struct

from crossmargin.engine.engine import Engine
from crossmargin.engine.snapshot import entities, restored
from crossmargin.rulebook.model import Rulebook

__all__ = ["opened", "sealed"]

_ENCODER = msgspec.msgpack.Encoder(decimal_format="string")


class _Snapshot(Struct, frozen=True, array_like=True):
    sequence: int
    time: int
    digest: bytes
    state: bytes
    found: list[tuple[tuple[str, ...], msgspec.Raw]]


_DECODER = msgspec.msgpack.Decoder(_Snapshot)


def sealed(engine: Engine, digest: bytes) -> bytes:
    """A snapshot of an engine after the record with this digest."""
    found = [(key, msgspec.Raw(_ENCODER.encode(value))) for key, value in entities(engine.state)]
    body = _ENCODER.encode(_Snapshot(engine.sequence, engine.state.time, digest, engine.digest(), found))
    return blake2b(body, digest_size=32).digest() + body


def opened(raw: bytes, rulebook: Rulebook, rulebooks: Mapping[str, Rulebook]) -> tuple[Engine, bytes] | None:
    """The engine of a snapshot and the digest of its record; None when the snapshot is damaged."""
    seal, body = raw[:32], raw[32:]
    if blake2b(body, digest_size=32).digest() != seal:
        return None
    snapshot = _DECODER.decode(body)
    state = restored(rulebook, rulebooks, snapshot.found)
    engine = Engine.at(state, snapshot.sequence, snapshot.time)
    return (engine, snapshot.digest) if engine.digest() == snapshot.state else None
