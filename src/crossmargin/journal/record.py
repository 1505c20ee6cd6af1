"""Records: one command, what came of it, and the hash of the state afterwards, chained to the record before.

    digest = BLAKE2b-256(digest of the record before || body)

A changed byte anywhere changes a digest, and with it every digest that follows.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Protocol

import msgspec
from msgspec import Struct

from crossmargin.domain.command import Command
from crossmargin.domain.event import Event
from crossmargin.errors import JournalError
from crossmargin.rulebook.model import Rulebook

__all__ = ["FORMAT", "Header", "Record", "Row", "Store", "chained", "decoded", "encoded", "fingerprint", "header_of"]

FORMAT = 3
ROOT = bytes(32)

_ENCODER = msgspec.msgpack.Encoder(decimal_format="string")


class Record(Struct, frozen=True, gc=False, array_like=True):
    """One command and what came of it."""

    sequence: int
    command: Command
    events: tuple[Event, ...]
    state: bytes


class Header(Struct, frozen=True, gc=False, kw_only=True):
    """What a journal starts with.

    Attributes:
        format: Version of the form of records.
        venue: Rulebook that the engine started with.
        rules: Fingerprint of that rulebook; a rebuild under other rules is refused, a rerun says so.
        first: State hash of the empty engine.
    """

    format: int
    venue: str
    rules: str
    first: bytes


class Row(Struct, frozen=True, gc=False):
    """A record as a store keeps it."""

    sequence: int
    body: bytes
    digest: bytes


class Store(Protocol):
    """What keeps rows: in order, without gaps, all of a batch or none of it."""

    place: str

    def header(self) -> bytes | None:
        """What the journal starts with, None in a new one."""

    def start(self, header: bytes) -> None:
        """Start a new journal."""

    def append(self, rows: list[Row]) -> None:
        """Keep a batch; it is durable when this returns."""

    def rows(self, after: int = 0) -> Iterable[Row]:
        """Rows after a sequence number, in order."""

    def last(self) -> Row | None:
        """The last row as the store's own index names it."""

    def save(self, sequence: int, snapshot: bytes) -> None:
        """Keep a snapshot beside the rows."""

    def snapshots(self) -> list[tuple[int, bytes]]:
        """Snapshots, the newest first."""


_DECODER = msgspec.msgpack.Decoder(Record)
_HEADER = msgspec.msgpack.Decoder(Header)


def encoded(record: Record, previous: bytes) -> Row:
    """A record as a row that follows another."""
    body = _ENCODER.encode(record)
    return Row(record.sequence, body, chained(previous, body))


def decoded(row: Row, place: str) -> Record:
    """The record of a row.

    Raises:
        JournalError: the body cannot be read.
    """
    try:
        return _DECODER.decode(row.body)
    except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
        raise JournalError(f"{place}, record {row.sequence}", f"cannot be read: {error}") from None


def chained(previous: bytes, body: bytes) -> bytes:
    """Digest of a body that follows another."""
    return blake2b(previous + body, digest_size=32).digest()


def header_of(raw: bytes, place: str) -> Header:
    """Read a header.

    Raises:
        JournalError: it is damaged or of a newer form.
    """
    try:
        header = _HEADER.decode(raw)
    except (msgspec.MsgspecError, ValueError) as error:
        raise JournalError(place, f"its header cannot be read: {error}") from None
    if header.format != FORMAT:
        raise JournalError(place, f"form {header.format}; this version reads form {FORMAT}")
    return header


def fingerprint(rulebook: Rulebook) -> str:
    """Digest of everything that a rulebook says."""
    content = {name: getattr(rulebook, name) for name in ("rules", "liquidation", "instruments", "templates", "tiers")}
    pairs = sorted((repr(key), repr(value)) for key, value in content.items())
    return blake2b(_ENCODER.encode(pairs), digest_size=16).hexdigest()
