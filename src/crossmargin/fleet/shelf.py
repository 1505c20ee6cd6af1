"""The watch's own arrays: pools and positions that accounts may change, and the ladders that their edges hang on."""

from collections.abc import Sequence

import numpy as np

from crossmargin.domain.account import Account
from crossmargin.errors import InputError
from crossmargin.fleet import ladder_kernels as ladders
from crossmargin.fleet import watch_kernels as kernels
from crossmargin.fleet.arrays import Codes, Floats, Ints
from crossmargin.fleet.columns import columns_of
from crossmargin.fleet.pack import Fleet, pack

__all__ = ["Shelf"]

SPARE = 8


class Shelf:
    """Arrays of the watch's kernels; they begin as the fleet's and grow by an eighth when an account needs more.

    Attributes:
        fleet: What they were made from.
        book: Pools and positions.
        hooks: Ladders.
        state: Status of each pool.
        owner: Account of each pool.
    """

    def __init__(self, fleet: Fleet, state: Codes, price: Floats, sigma: Floats) -> None:
        """Copy what may change."""
        self.fleet, self.state = fleet, state.copy()
        self.book = kernels.Book(
            fleet.start.copy(), fleet.stop.copy(), fleet.row.copy(), fleet.quantity.copy(), fleet.blur.copy(),
            fleet.cash.copy(), fleet.slack.copy(),
        )  # fmt: skip
        positions = len(fleet.quantity)
        hang = np.full((2 * positions, 4), -1, np.int32)
        hang[:, ladders.POOL] = np.repeat(np.arange(len(fleet)), 2 * (fleet.stop - fleet.start))
        top = np.zeros((2 * len(price), ladders.BUCKETS, 2), np.int32)
        self.hooks = ladders.Hooks(top, hang, np.zeros(2 * positions), price.copy(), price.copy(), sigma)
        self.owner = fleet.owner
        self._by_owner = np.argsort(fleet.owner, kind="stable")
        self._sorted = fleet.owner[self._by_owner]
        self._room = fleet.stop - fleet.start
        self._used = (len(fleet), positions)
        self._pools: dict[int, list[int]] = {}
        self._homes: dict[int, tuple[Fleet, int]] = {}

    def clear(self) -> None:
        """Take every edge off, and let each ladder begin at its current price."""
        self.hooks.top[:, :, 0] = -1
        self.hooks.top[:, :, 1] = 0
        self.hooks.hang[:, ladders.BUCKET] = -1
        self.hooks.reference[:] = self.hooks.price

    def home(self, pool: int) -> tuple[Fleet, int]:
        """Where the exact function finds a pool: in the fleet, or in that of its changed account alone."""
        return self._homes.get(pool, (self.fleet, pool))

    def account(self, pool: int) -> str:
        """Name of a pool's account."""
        return str(self.fleet.columns.ids[self.owner[pool]])

    def replace(self, account: int, to: Account) -> list[int]:
        """Put an account's new pools in the place of its old ones.

        Returns:
            Its pools, emptied ones among them.
        """
        name = str(self.fleet.columns.ids[account])
        alone = pack(columns_of([to], self.fleet.rulebook, [name]), self.fleet.rulebook)
        rows = self._rows(alone)
        pools = self._pools.get(account)
        if pools is None:
            first, last = np.searchsorted(self._sorted, [account, account + 1])
            pools = self._by_owner[first:last].tolist()
        for pool in pools:
            kernels.drop(pool, self.book, self.fleet.tables.shift, self.hooks)
        pools = pools + [self._new_pool(account) for _ in range(len(alone) - len(pools))]
        for index, pool in enumerate(pools):
            self._write(pool, alone, index, rows)
        self._pools[account] = pools
        return pools

    def _rows(self, alone: Fleet) -> Ints:
        """The account's rows, counted in the fleet's tables."""
        ours = {(lane.instrument.id, lane.mode): code for code, lane in enumerate(self.fleet.tables.lanes)}
        codes = []
        for lane in alone.tables.lanes:
            code = ours.get((lane.instrument.id, lane.mode))
            if code is None:
                raise InputError("account", lane.instrument.id, "the fleet was packed without it: name it in `also`")
            codes.append(code)
        shift = alone.tables.shift
        tier = alone.row & ((1 << shift) - 1)
        lanes = np.array(codes or [0], np.int64)[alone.row.astype(np.int64) >> shift]
        rows: Ints = (lanes << self.fleet.tables.shift) + tier
        return rows

    def _write(self, pool: int, alone: Fleet, index: int, rows: Ints) -> None:
        """Fill a pool; one that the account no longer has is left empty, so that nothing is required of it."""
        self._homes[pool] = (alone, min(index, len(alone) - 1))
        if index >= len(alone):
            self.book.stop[pool] = self.book.start[pool]
            self.book.cash[pool] = self.book.slack[pool] = 0.0
            return
        held = slice(int(alone.start[index]), int(alone.stop[index]))
        count = held.stop - held.start
        if count > self._room[pool]:
            self.book.start[pool] = self._new_positions(count)
            self._room[pool] = count
        first = int(self.book.start[pool])
        mine = slice(first, first + count)
        self.book.stop[pool] = mine.stop
        self.book.row[mine], self.book.quantity[mine] = rows[held], alone.quantity[held]
        if len(self.book.blur):
            self.book.blur[mine] = alone.blur[held]
        self.hooks.hang[2 * mine.start : 2 * mine.stop, ladders.POOL] = pool
        self.book.cash[pool], self.book.slack[pool] = alone.cash[index], alone.slack[index]

    def _new_pool(self, account: int) -> int:
        pool, positions = self._used
        if pool == len(self.state):
            more = len(self.state) // SPARE + SPARE
            book = self.book
            start, stop, cash, slack = _longer([book.start, book.stop, book.cash, book.slack], more, 0)
            self.book = book._replace(start=start, stop=stop, cash=cash, slack=slack)
            self.state, self.owner, self._room = _longer([self.state, self.owner, self._room], more, 0)
        self.owner[pool] = account
        self._used = (pool + 1, positions)
        return pool

    def _new_positions(self, count: int) -> int:
        pools, first = self._used
        if first + count > len(self.book.row):
            more = len(self.book.row) // SPARE + SPARE + count
            row, quantity = _longer([self.book.row, self.book.quantity], more, 0)
            (blur,) = _longer([self.book.blur], more if len(self.book.blur) else 0, 0)
            self.book = self.book._replace(row=row, quantity=quantity, blur=blur)
            hang = np.concatenate([self.hooks.hang, np.full((2 * more, 4), -1, np.int32)])
            (edge,) = _longer([self.hooks.edge], 2 * more, 0)
            self.hooks = self.hooks._replace(hang=hang, edge=edge)
        self._used = (pools, first + count)
        return first


def _longer(arrays: Sequence[Codes], more: int, filled: int) -> list[Codes]:
    return [np.concatenate([each, np.full(more, filled, each.dtype)]) for each in arrays]
