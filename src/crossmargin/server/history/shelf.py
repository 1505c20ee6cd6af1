"""The tables of the history, in an SQLite file beside the journal, or in memory.

Every batch is one transaction that also notes the number of the last record it holds; a file that is damaged, or that
says it is ahead of its journal, is thrown away and made again.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import msgspec

from crossmargin.errors import JournalError
from crossmargin.server.history.records import AlgoRecord, BillRecord, FillRecord, OrderRecord, PositionRecord

__all__ = ["Kept", "Shelf"]

Kept = OrderRecord | AlgoRecord | FillRecord | BillRecord | PositionRecord

_VERSION = 1
_LOOKED_AT = 2_000
_SCHEMA = """
CREATE TABLE mark(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
CREATE TABLE orders(number INTEGER PRIMARY KEY, account TEXT, instrument TEXT, client TEXT, state TEXT,
                    created INTEGER, body BLOB) STRICT;
CREATE TABLE algos(number INTEGER PRIMARY KEY, account TEXT, instrument TEXT, client TEXT, state TEXT,
                   created INTEGER, body BLOB) STRICT;
CREATE TABLE fills(number INTEGER PRIMARY KEY, account TEXT, instrument TEXT, parent INTEGER, bill INTEGER,
                   created INTEGER, body BLOB) STRICT;
CREATE TABLE bills(number INTEGER PRIMARY KEY, account TEXT, instrument TEXT, currency TEXT, kind TEXT,
                   created INTEGER, body BLOB) STRICT;
CREATE TABLE positions(number INTEGER PRIMARY KEY, account TEXT, instrument TEXT, state TEXT, created INTEGER,
                       body BLOB) STRICT;
CREATE TABLE balances(account TEXT, currency TEXT, amount TEXT, PRIMARY KEY (account, currency)) STRICT;
"""
_INDICES = "".join(f"CREATE INDEX {t}_of ON {t}(account, number);" for t in ("algos", "fills", "bills", "positions"))
_INDICES += "CREATE INDEX orders_of ON orders(account, number); CREATE INDEX orders_client ON orders(account, client);"
_INDICES += "CREATE INDEX fills_order ON fills(parent);"
_ENCODE = msgspec.msgpack.Encoder(decimal_format="string").encode
_TABLES: dict[type, str] = {
    OrderRecord: "orders", AlgoRecord: "algos", FillRecord: "fills", BillRecord: "bills", PositionRecord: "positions",
}  # fmt: skip
_DECODERS: dict[type, msgspec.msgpack.Decoder[Any]] = {kind: msgspec.msgpack.Decoder(kind) for kind in _TABLES}


class Shelf:
    """Keeps records.

    Args:
        path: The file; ``:memory:`` keeps them in memory.

    Raises:
        JournalError: the file cannot be opened or made.
    """

    def __init__(self, path: str | Path = ":memory:") -> None:
        """Open, or make anew what cannot be trusted."""
        self.place = str(path)
        try:
            self._db = self._opened()
        except (apsw.Error, ValueError):
            self.throw_away()

    def _opened(self) -> apsw.Connection:
        db = apsw.Connection(self.place)
        try:
            db.pragma("locking_mode", "EXCLUSIVE")
            db.pragma("journal_mode", "WAL")
            db.pragma("synchronous", "NORMAL")
            version = db.pragma("user_version")
            if version == 0:
                with db:
                    db.execute(_SCHEMA + _INDICES)
                    db.pragma("user_version", _VERSION)
            elif version != _VERSION or db.pragma("quick_check") != "ok":
                raise ValueError(self.place)
        except BaseException:
            db.close()
            raise
        return db

    def throw_away(self) -> None:
        """Start with empty tables."""
        if hasattr(self, "_db"):
            self._db.close()
        if self.place != ":memory:":
            for ending in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    Path(self.place + ending).unlink()
        try:
            self._db = self._opened()
        except (apsw.Error, ValueError) as error:
            raise JournalError(self.place, str(error)) from None

    def marks(self) -> dict[str, int]:
        """Counters as of the last batch."""
        return dict(self._db.execute("SELECT name, value FROM mark"))

    def balances(self) -> list[tuple[str, str, str]]:
        """The balance at which the next bill starts, by account and currency."""
        return list(self._db.execute("SELECT account, currency, amount FROM balances"))

    def keep(self, records: Iterable[Kept], balances: Iterable[tuple[str, str, str]], marks: dict[str, int]) -> None:
        """Write a batch."""
        rows: dict[str, list[tuple[Any, ...]]] = {}
        for each in records:
            table = _TABLES[type(each)]
            rows.setdefault(table, []).append(_row(each))
        with self._db:
            for table, found in rows.items():
                places = ",".join("?" * len(found[0]))
                self._db.executemany(f"REPLACE INTO {table} VALUES ({places})", found)
            self._db.executemany("REPLACE INTO balances VALUES (?, ?, ?)", balances)
            self._db.executemany("REPLACE INTO mark VALUES (?, ?)", marks.items())

    def find(
        self,
        kind: type[Any],
        where: dict[str, Any],
        *,
        limit: int = 100,
        oldest_first: bool = False,
        by: str = "number",
        keep: Callable[[Any], bool] | None = None,
    ) -> list[Any]:
        """Records that meet every condition, the newest first.

        Args:
            kind: Which record.
            where: Column to value; a list means any of them; ``number<``, ``number>``, ``created>=`` and so on compare.
            limit: At most so many.
            oldest_first: Turn the order round.
            by: Column that says what is newer; numbers decide between equals.
            keep: What no column says; asked of each record until there are enough, of 2,000 at most.
        """
        conditions, values = [], []
        for name, value in where.items():
            if isinstance(value, (list, tuple)):
                conditions.append(f"{name} IN ({','.join('?' * len(value))})")
                values += list(value)
            else:
                conditions.append(f"{name} ?" if name[-1] in "<>=" else f"{name} = ?")
                values.append(value)
        clause = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        order = "ASC" if oldest_first else "DESC"
        query = f"SELECT body FROM {_TABLES[kind]} {clause} ORDER BY {by} {order}, number {order} LIMIT ?"
        decode = _DECODERS[kind].decode
        looked = limit if keep is None else _LOOKED_AT
        found = (decode(body) for (body,) in self._db.execute(query, (*values, looked)))
        return list(islice(found if keep is None else filter(keep, found), limit))

    def close(self) -> None:
        """Give the file back."""
        self._db.close()


def _row(record: Kept) -> tuple[Any, ...]:
    body = _ENCODE(record)
    if isinstance(record, (OrderRecord, AlgoRecord)):
        name = record.order.instrument
        return (record.number, record.account, name, record.client_id, record.state, record.created, body)
    if isinstance(record, FillRecord):
        return (record.number, record.account, record.instrument, record.order, record.bill, record.time, body)
    if isinstance(record, BillRecord):
        name = record.instrument
        return (record.number, record.account, name, record.currency, record.kind, record.time, body)
    state = "open" if record.contracts else "closed"
    return (record.number, record.key.account, record.key.instrument, state, record.updated, body)
