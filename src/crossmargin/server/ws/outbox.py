"""What waits for one client. Events wait in order and none is lost; of a state only the newest is kept."""

import asyncio
from collections.abc import Callable, Hashable

from msgspec import Struct

__all__ = ["Ending", "Outbox"]


class Ending(Struct, frozen=True):
    """The last thing that is sent: why the connection is closed."""

    code: int
    reason: str


class Outbox:
    """A bounded queue of text messages.

    Args:
        frames, octets: How many may wait, and how long they may be together.
        full: Called once when another one does not fit; from then on nothing is taken in.
    """

    def __init__(self, frames: int, octets: int, full: Callable[[], None]) -> None:
        """Start empty."""
        self.octets = 0
        self._frames_max, self._octets_max, self._full = frames, octets, full
        self._waiting: dict[Hashable, str] = {}
        self._count = 0
        self._ending: Ending | None = None
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def put(self, frame: str) -> None:
        """Add an event: it is delivered, or the connection ends."""
        self._count += 1
        self._add(self._count, frame)

    def show(self, slot: Hashable, frame: str) -> None:
        """Put a state in place of an older one that still waits."""
        self.drop(slot)
        self._add(slot, frame)

    def holds(self, slot: Hashable) -> bool:
        """Whether a state still waits."""
        return slot in self._waiting

    def drop(self, slot: Hashable) -> None:
        """Forget a state that nobody wants any more."""
        old = self._waiting.pop(slot, None)
        if old is not None:
            self.octets -= len(old)

    def _add(self, slot: Hashable, frame: str) -> None:
        if self._ending is not None:
            return
        if len(self._waiting) >= self._frames_max or self.octets + len(frame) > self._octets_max:
            self._full()
            return
        self._waiting[slot] = frame
        self.octets += len(frame)
        self._ready.set()

    def end(self, code: int, reason: str) -> None:
        """Nothing more is sent but why."""
        if self._ending is None:
            self._ending = Ending(code, reason)
            self._waiting.clear()
            self.octets = 0
            self._ready.set()

    async def take(self) -> str | Ending:
        """The next message; waits until there is one."""
        await self._ready.wait()
        if self._ending is not None:
            return self._ending
        slot = next(iter(self._waiting))
        frame = self._waiting.pop(slot)
        self.octets -= len(frame)
        if not self._waiting:
            self._ready.clear()
        return frame
