"""A journal in memory: for tests, replays and what-ifs."""

from crossmargin.journal.record import Row

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps rows in a list."""

    def __init__(self, place: str = "memory") -> None:
        """Start empty."""
        self.place = place
        self._header: bytes | None = None
        self._rows: list[Row] = []
        self._snapshots: list[tuple[int, bytes]] = []

    def header(self) -> bytes | None:
        """What the journal starts with."""
        return self._header

    def start(self, header: bytes) -> None:
        """Start a new journal."""
        self._header = header

    def append(self, rows: list[Row]) -> None:
        """Keep a batch."""
        self._rows += rows

    def rows(self, after: int = 0) -> list[Row]:
        """Rows after a sequence number."""
        return self._rows[after:]

    def last(self) -> Row | None:
        """The last row."""
        return self._rows[-1] if self._rows else None

    def save(self, sequence: int, snapshot: bytes) -> None:
        """Keep a snapshot."""
        self._snapshots.insert(0, (sequence, snapshot))

    def snapshots(self) -> list[tuple[int, bytes]]:
        """Snapshots, the newest first."""
        return list(self._snapshots)
