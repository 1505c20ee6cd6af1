"""What a tick changed: rows of numbers, which become words when somebody reads them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, overload

import numpy as np

from crossmargin.fleet.arrays import Ints
from crossmargin.fleet.screen import STATUSES

__all__ = ["Change", "Changes"]


class Change(NamedTuple):
    """A pool whose status is another since a tick.

    Attributes:
        tick: Which of the ticks given, from 0.
        pool: Row in the fleet.
        account: Name of its account.
        before: Status before.
        now: Status now.
    """

    tick: int
    pool: int
    account: str
    before: str
    now: str


class Changes(Sequence[Change]):
    """Changes in the order of ticks; a crash makes many, so each is put into words only when it is asked for."""

    def __init__(self, rows: Sequence[Ints], name: Callable[[int], str]) -> None:
        """Rows of tick, pool, status before and now; and the account of a pool."""
        self.rows = np.concatenate([*rows, np.empty((0, 4), np.int64)])
        self._name = name

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Change: ...

    @overload
    def __getitem__(self, index: slice) -> "Changes": ...

    def __getitem__(self, index: int | slice) -> "Change | Changes":
        """One change, or some."""
        if isinstance(index, slice):
            return Changes([self.rows[index]], self._name)
        tick, pool, before, now = self.rows[index].tolist()
        return Change(tick, pool, self._name(pool), STATUSES[before], STATUSES[now])
