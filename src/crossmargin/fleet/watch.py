"""The watch: after every tick, the exact set of pools that changed their status, at the cost of those near an edge.

    watch = Watch(fleet, marks)
    for change in watch.tick({"BTC-USDT-SWAP": Decimal("60123.4")}):
        print(change.account, change.before, change.now)

A tick that would wake too many pools (a crash) is decided by one sweep instead. The boxes are laid again when `settle`
is called, or by themselves after so many more ticks that the sweeps have cost as much.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec
import numpy as np

from crossmargin.domain.account import Account
from crossmargin.domain.marks import Marks
from crossmargin.fleet import watch_kernels as kernels
from crossmargin.fleet.arrays import Codes, Ints
from crossmargin.fleet.changes import Change, Changes
from crossmargin.fleet.exact import decide
from crossmargin.fleet.ladder_kernels import recentre
from crossmargin.fleet.pack import Fleet, pinned, prices
from crossmargin.fleet.screen import UNDECIDED, screen
from crossmargin.fleet.shelf import Shelf
from crossmargin.fleet.tables import BASE, FEE, INITIAL
from crossmargin.fleet.ticks import Ticks, ticks_of

__all__ = ["Change", "Changes", "Watch"]

DEVIATION = 1e-4
"""Standard deviation of a second where none is given: some 56 % a year. It sets the pace, it decides nothing."""
SWEEPS_MAX = 64
CROWD_SHARE, CROWD_LEAST = 60, 256
OFF_CENTRE = 0.3
NOTHING_MORE, SWEEP, EXACT = range(3)


class Watch:
    """Statuses of a fleet, kept exact tick by tick.

    Attributes:
        fleet: What is watched.
        wakes: Pools evaluated so far because an edge of theirs was passed.
        sweeps: Ticks decided by a sweep.
        exactly: Decisions by `margin.assess`.
    """

    def __init__(self, fleet: Fleet, marks: Marks, deviations: Mapping[str, float] | None = None) -> None:
        """Judge every pool and lay its box; `deviations` of a second by instrument, relative, only set the pace."""
        self.fleet = fleet
        self.wakes = self.sweeps = self.exactly = 0
        self._marks, self._synced = pinned(fleet, marks), (ticks_of(fleet, []), 0)
        tables = fleet.tables
        self._tiers = kernels.Tiers(
            tables.slope, tables.deduction, tables.low, tables.high, tables.whole, tables.shift, fleet.warn,
            fleet.unit_error, tables.least_rate,
        )  # fmt: skip
        self._sharing = fleet.sharing if fleet.sharing.used else None
        sigma = np.array([(deviations or {}).get(name, DEVIATION) for name in tables.movers])
        self._shelf = Shelf(fleet, screen(fleet, marks).status, prices(fleet, marks), sigma)
        self._stale = 0
        self._make_room()
        self.settle()

    @property
    def state(self) -> Codes:
        """Status of each pool now: 0 safe, 1 warning, 2 liquidation."""
        return self._shelf.state

    @property
    def owner(self) -> Ints:
        """Account of each pool."""
        return self._shelf.owner

    @property
    def marks(self) -> Marks:
        """Current marks, exact."""
        return self._marks

    def settle(self) -> None:
        """Lay every box anew: at the start, and behind a tick that a sweep decided."""
        shelf = self._shelf
        shelf.clear()
        every = np.arange(len(shelf.state))
        kernels.lay(every, shelf.book, self._tiers, self._sharing, shelf.hooks, shelf.state)
        self._stale = 0

    def mismatches(self) -> int:
        """How many statuses a full sweep, exact decisions included, would correct: none, as tests and benches show."""
        changed, codes = self._judged()
        pools, became = changed.tolist(), codes.tolist()
        unsure = [self._exactly(pool) if now == UNDECIDED else now for pool, now in zip(pools, became, strict=True)]
        return sum(now != self.state[pool] for pool, now in zip(pools, unsure, strict=True))

    def tick(self, marks: Mapping[str, Decimal]) -> Changes:
        """Move some marks at once; a shared currency's USD price moves under its name, a forward as `forward:BTC`.

        Returns:
            Every pool whose status changed, exactly.

        Raises:
            InputError: a mark that is not above zero. Nothing is changed then.
        """
        ticks = ticks_of(self.fleet, [marks])
        if self._hidden(ticks):
            self._stale = max(self._stale, 1)
        return self.play(ticks)

    def _hidden(self, ticks: Ticks) -> bool:
        """Whether a mark moves by less than floats see: no edge is passed, and only a sweep asks whoever is near."""
        still = np.flatnonzero(ticks.price == self._shelf.hooks.price[ticks.lane])
        now, lanes = self._marks, self.fleet.tables.lanes
        for index in still.tolist():
            name = ticks.instruments[ticks.lane[index]]
            if lanes[ticks.lane[index]].mode in {BASE, FEE, INITIAL}:
                continue  # flat in their mark, exactly
            known = now.mark.get(name) or now.fx.get(name) or now.forward.get(name.removeprefix("forward:"))
            if known is not None and known != ticks.mark.decimal(index):
                return True
        return False

    def play(self, ticks: Ticks) -> Changes:
        """Play ticks one after the other, each decided before the next."""
        found: list[Ints] = []
        done = 0
        while done < len(ticks):
            if self._stale:
                found.append(self._sweep(ticks, done))
                done += 1
                continue
            done, rows, needed = self._advance(ticks, done)
            unsure = rows[:, 3] == UNDECIDED
            found.append(rows[~unsure])
            if needed == SWEEP:
                found.append(self._sweep(ticks, done))
                done += 1
            elif needed == EXACT:
                found.append(self._ask(ticks, done, rows[unsure]))
        self._sync(ticks, done)
        self._recentre()
        return Changes(found, self._shelf.account)

    def change(self, account: int, to: Account) -> Changes:
        """Replace an account (a fill, funding, a deposit); its new positions cost one wake.

        Raises:
            UnsupportedError, MissingDataError: as `pack`.
            InputError: an instrument that the fleet was not packed with.
        """
        shelf = self._shelf
        pools = shelf.replace(account, to)
        before = shelf.state[pools]
        for pool in pools:
            now = kernels.judge(pool, shelf.book, self._tiers, self._sharing, shelf.hooks.price)
            shelf.state[pool] = self._exactly(pool) if now == UNDECIDED else now
        if len(shelf.state) != len(self._queued):
            self._make_room()
        kernels.lay(np.array(pools, np.int64), shelf.book, self._tiers, self._sharing, shelf.hooks, shelf.state)
        rows = _rows(0, np.array(pools, np.int64), before, shelf.state[pools])
        return Changes([rows], shelf.account)

    def _advance(self, ticks: Ticks, begin: int) -> tuple[int, "np.ndarray[tuple[int, int], np.dtype[np.int64]]", int]:
        shelf = self._shelf
        self._counters[0] = 0
        done, written, needed = kernels.advance(
            ticks.start, ticks.lane, ticks.price, begin, self._limit, shelf.book, self._tiers, self._sharing,
            shelf.hooks, shelf.state, self._queued, self._woken, self._figures, self._changes, self._counters,
        )  # fmt: skip
        self.wakes += int(self._counters[0])
        return done, self._changes[:written].copy(), needed

    def _ask(self, ticks: Ticks, done: int, rows: Ints) -> Ints:
        """Let the exact function decide what the last tick left open, and lay those boxes."""
        self._sync(ticks, done)
        shelf, pools = self._shelf, rows[:, 1].copy()
        for pool in pools.tolist():
            shelf.state[pool] = self._exactly(pool)
        kernels.lay(pools, shelf.book, self._tiers, self._sharing, shelf.hooks, shelf.state)
        return _rows(int(rows[0, 0]), pools, rows[:, 2], shelf.state[pools])

    def _sweep(self, ticks: Ticks, done: int) -> Ints:
        """Decide one tick by judging every pool."""
        shelf, mine = self._shelf, slice(int(ticks.start[done]), int(ticks.start[done + 1]))
        shelf.hooks.price[ticks.lane[mine]] = ticks.price[mine]
        pools, became = self._judged()
        unsure = np.flatnonzero(became == UNDECIDED).tolist()
        if unsure:
            self._sync(ticks, done + 1)
        for index in unsure:
            became[index] = self._exactly(int(pools[index]))
        before = shelf.state[pools]
        shelf.state[pools] = became
        self.sweeps += 1
        self._stale += 1
        if self._stale >= SWEEPS_MAX:
            self.settle()
        return _rows(done, pools, before, became)

    def _judged(self) -> tuple[Ints, Codes]:
        """Pools whose status a sweep finds to be another, or undecided; and what it finds."""
        shelf = self._shelf
        count = kernels.sweep(
            shelf.book, self._tiers, self._sharing, shelf.hooks.price, shelf.state, self._changed, self._became
        )
        return self._changed[:count].copy(), self._became[:count].copy()

    def _exactly(self, pool: int) -> int:
        self.exactly += 1
        return decide(*self._shelf.home(pool), self._marks).status

    def _sync(self, ticks: Ticks, done: int) -> None:
        """Bring the exact marks up to the ticks that were played."""
        begun = self._synced[1] if self._synced[0] is ticks else 0
        if done > begun:
            now, coins, forwards = self._marks, self.fleet.coins, self.fleet.forwards
            mark, fx, forward = dict(now.mark), dict(now.fx), dict(now.forward)
            for name, price in ticks.marks(begun, done).items():
                if name in forwards:
                    forward[forwards[name]] = price
                else:
                    (fx if name in coins else mark)[name] = price
            self._marks = msgspec.structs.replace(now, mark=mark, fx=fx, forward=forward)
            self._synced = (ticks, done)

    def _recentre(self) -> None:
        """Move ladders whose price has gone far from their middle."""
        hooks = self._shelf.hooks
        for lane in np.flatnonzero(np.abs(hooks.price / hooks.reference - 1.0) > OFF_CENTRE).tolist():
            if not self._stale:
                recentre(lane, hooks)

    def _make_room(self) -> None:
        """Room for what one tick may wake, and for a sweep."""
        pools = len(self._shelf.state)
        self._limit = max(CROWD_LEAST, pools // CROWD_SHARE)
        self._queued = np.zeros(pools, np.bool_)
        self._woken = np.empty(self._limit + 1, np.int64)
        self._figures = np.empty((self._limit + 1, 4))
        self._changes = np.empty((4 * self._limit + 4, 4), np.int64)
        self._counters = np.zeros(1, np.int64)
        self._changed, self._became = np.empty(pools, np.int64), np.empty(pools, np.uint8)


def _rows(tick: int, pools: Ints, before: Codes, now: Codes) -> Ints:
    """Rows of the pools whose status is another."""
    other = np.flatnonzero(before != now)
    rows = np.empty((len(other), 4), np.int64)
    rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] = tick, pools[other], before[other], now[other]
    return rows
