"""A journal in one SQLite file: one exclusive connection, write-ahead log, every commit synced before it returns.

A batch is one transaction: all of it or none. The last row's number and digest are kept in a table of their own and
changed in the same transaction, so that rows that vanish from the middle or the end of a damaged file are missed. An
error of the disk is never retried: the caller has to end the process, because nobody knows what was written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from crossmargin.errors import JournalError
from crossmargin.journal.record import Row

__all__ = ["SQLiteStore"]

_APPLICATION = 0x63726D67
_SCHEMA = """
CREATE TABLE header(id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL) STRICT;
CREATE TABLE journal(sequence INTEGER PRIMARY KEY, body BLOB NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE head(id INTEGER PRIMARY KEY CHECK (id = 1), sequence INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE snapshot(sequence INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
"""


class SQLiteStore:
    """Keeps rows in a file.

    Args:
        path: The file; it is made when it does not exist, unless it is only read.
        vfs: Name of an apsw VFS, for tests that cut the power.
        read_only: Open without the right to write.

    Raises:
        JournalError: no SQLite file, no journal of ours, damaged, or held by another writer.
    """

    def __init__(self, path: str | Path, *, vfs: str | None = None, read_only: bool = False) -> None:
        """Open the file and take the lock."""
        self.place = str(path)
        if read_only and vfs is None and not Path(path).is_file():
            raise JournalError(self.place, "no such file")
        flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        with self._errors():
            self._db = apsw.Connection(self.place, flags=flags, vfs=vfs)
            try:
                self._prepare(read_only=read_only)
            except BaseException:
                self._db.close()
                raise

    def _prepare(self, *, read_only: bool) -> None:
        db = self._db
        if not read_only:
            db.pragma("locking_mode", "EXCLUSIVE")
            db.pragma("journal_mode", "WAL")
        db.pragma("synchronous", "FULL")
        db.pragma("mmap_size", 0)
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if not tables and not read_only:
            with db:
                db.pragma("application_id", _APPLICATION)
                db.execute(_SCHEMA)
        elif tables != {"header", "journal", "head", "snapshot"} or db.pragma("application_id") != _APPLICATION:
            raise JournalError(self.place, "not a journal of this program")
        elif not read_only:
            with db:  # takes the write lock now, so that a second writer fails here and not later
                db.execute("UPDATE head SET sequence = sequence")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except apsw.BusyError:
            raise JournalError(self.place, "another process writes to it") from None
        except (apsw.Error, UnicodeDecodeError) as error:  # the latter: a damaged type says text where bytes are
            raise JournalError(self.place, f"{type(error).__name__}: {error}") from None

    def header(self) -> bytes | None:
        """What the journal starts with."""
        with self._errors():
            found = list(self._db.execute("SELECT body FROM header"))
        if found and not isinstance(found[0][0], bytes):
            raise JournalError(self.place, "its header is damaged")
        return found[0][0] if found else None

    def start(self, header: bytes) -> None:
        """Start a new journal."""
        with self._errors(), self._db:
            self._db.execute("INSERT INTO header VALUES (1, ?)", (header,))

    def append(self, rows: list[Row]) -> None:
        """Keep a batch; when this returns it is on disk."""
        if not rows:
            return
        with self._errors(), self._db:
            self._db.executemany(
                "INSERT INTO journal VALUES (?, ?, ?)", [(each.sequence, each.body, each.digest) for each in rows]
            )
            last = rows[-1]
            self._db.execute("REPLACE INTO head VALUES (1, ?, ?)", (last.sequence, last.digest))

    def rows(self, after: int = 0) -> Iterator[Row]:
        """Rows after a sequence number, in order."""
        query = "SELECT sequence, body, digest FROM journal WHERE sequence > ? ORDER BY sequence"
        with self._errors():
            for sequence, body, digest in self._db.execute(query, (after,)):
                if not (isinstance(sequence, int) and isinstance(body, bytes) and isinstance(digest, bytes)):
                    raise JournalError(f"{self.place}, record {sequence}", "damaged: not the types that were written")
                yield Row(sequence, body, digest)

    def last(self) -> Row | None:
        """Number and digest of the last row, as the head says."""
        with self._errors():
            found = list(self._db.execute("SELECT sequence, digest FROM head"))
        return Row(found[0][0], b"", found[0][1]) if found else None

    def save(self, sequence: int, snapshot: bytes) -> None:
        """Keep a snapshot; the two newest stay."""
        with self._errors(), self._db:
            self._db.execute("REPLACE INTO snapshot VALUES (?, ?)", (sequence, snapshot))
            newest = "SELECT sequence FROM snapshot ORDER BY sequence DESC LIMIT 2"
            self._db.execute(f"DELETE FROM snapshot WHERE sequence NOT IN ({newest})")

    def snapshots(self) -> list[tuple[int, bytes]]:
        """Snapshots, the newest first."""
        with self._errors():
            return list(self._db.execute("SELECT sequence, body FROM snapshot ORDER BY sequence DESC"))

    def close(self) -> None:
        """Give the file back."""
        with self._errors():
            self._db.close()
