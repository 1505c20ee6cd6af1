"""Reading a journal back: verify the chain, rebuild the state from its events, or decide everything again."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from crossmargin.domain.event import Event
from crossmargin.engine.engine import Engine
from crossmargin.engine.nominate import Nominate
from crossmargin.errors import JournalError
from crossmargin.journal.record import ROOT, Record, Store, chained, decoded, fingerprint, header_of
from crossmargin.journal.snapshot import opened
from crossmargin.rulebook.model import Rulebook

__all__ = ["Difference", "rebuild", "records", "rerun", "resumed", "verify"]

Books = Mapping[str, Rulebook]


class Difference(Struct, frozen=True):
    """A command that came out otherwise when it was decided again."""

    recorded: Record
    events: tuple[Event, ...]


def verify(store: Store) -> int:
    """Check header, numbers, chain and end of a journal.

    Returns:
        How many records there are.

    Raises:
        JournalError: something is damaged, and where.
    """
    return sum(1 for _ in records(store))


def records(store: Store, after: int = 0, previous: bytes = ROOT) -> Iterator[tuple[Record, bytes]]:
    """Records after a sequence number with their digests, each checked against the one before.

    Raises:
        JournalError: a gap, a digest that does not fit, or an end that is not where the head says.
    """
    raw = store.header()
    if raw is None:
        if store.last() is not None:
            raise JournalError(store.place, "has records but no header")
        return
    header_of(raw, store.place)
    expected = after
    digest = chained(ROOT, raw) if previous == ROOT else previous
    for row in store.rows(after):
        expected += 1
        place = f"{store.place}, record {expected}"
        if row.sequence != expected:
            raise JournalError(place, f"missing; the next is {row.sequence}")
        if chained(digest, row.body) != row.digest:
            raise JournalError(place, "damaged: its digest does not fit")
        digest = row.digest
        record = decoded(row, store.place)
        if record.sequence != row.sequence:
            raise JournalError(place, f"holds record {record.sequence}")
        yield record, digest
    last = store.last()
    if (last.sequence, last.digest) != (expected, digest) if last is not None else expected != 0:
        raise JournalError(store.place, f"ends at record {expected}, and its head says otherwise")


def rebuild(store: Store, rulebook: Rulebook, rulebooks: Books | None = None) -> Engine:
    """The state as the events left it, every hash compared; nothing is decided again.

    Raises:
        JournalError: damage, another rulebook, or a state that differs from what was recorded.
    """
    engine = Engine(rulebook, rulebooks, plain=True)
    _same_start(store, engine, rulebook)
    for record, _ in records(store):
        _apply(store, engine, record)
    return engine.awake()


def resumed(
    store: Store, rulebook: Rulebook, rulebooks: Books | None = None, nominate: Nominate | None = None
) -> tuple[Engine, bytes]:
    """The state from the newest snapshot that is whole, and the records after it; with the last digest."""
    raw = store.header()
    assert raw is not None
    engine, digest = Engine(rulebook, rulebooks, plain=True), chained(ROOT, raw)
    _same_start(store, engine, rulebook)
    for _, body in store.snapshots():
        found = opened(body, rulebook, rulebooks or {})
        if found is not None:
            engine, digest = found
            break
    for record, following in records(store, engine.sequence, digest):
        _apply(store, engine, record)
        digest = following
    return engine.awake(nominate), digest


def rerun(
    store: Store, rulebook: Rulebook, rulebooks: Books | None = None, nominate: Nominate | None = None
) -> tuple[Engine, list[Difference]]:
    """Decide every command again, perhaps under other rules: what would that venue have done?

    Returns:
        The engine at the end, and every command whose events differ from the recorded ones.
    """
    engine = Engine(rulebook, rulebooks, nominate)
    differences = []
    for record, _ in records(store):
        outcome = engine.submit(record.command)
        if outcome.events != record.events:
            differences.append(Difference(record, outcome.events))
    return engine, differences


def _same_start(store: Store, engine: Engine, rulebook: Rulebook) -> None:
    raw = store.header()
    if raw is None:
        return
    header = header_of(raw, store.place)
    if header.rules != fingerprint(rulebook) or header.first != engine.digest():
        raise JournalError(store.place, f"written under other rules of {header.venue}; a rerun can compare them")


def _apply(store: Store, engine: Engine, record: Record) -> None:
    outcome = engine.replay(record.command, record.events)
    if outcome.state != record.state:
        raise JournalError(f"{store.place}, record {record.sequence}", "its events lead to another state than recorded")
