"""The watch's kernels: judge pools, lay their boxes, play ticks.

A pool hangs by the edges of its box (`box_kernels`) in ladders by price (`ladder_kernels`); a tick wakes the pools
whose edge it passed. Outer kernels take the arrays as tuples and unpack them once; inner ones take them one by one,
which compiles to less. `sharing` is None where no pool shares collateral: the branch for those that do is not compiled.
"""

from typing import NamedTuple

import numpy as np

from crossmargin.fleet.arrays import Bools, Codes, Floats, Ints
from crossmargin.fleet.box_kernels import rebox, rebox_shared
from crossmargin.fleet.jit import fused, kernel, prefetch
from crossmargin.fleet.kernels import FIELDS, SAFE, UNDECIDED, verdict
from crossmargin.fleet.ladder_kernels import Hooks, crowd, signed, unhook, walk
from crossmargin.fleet.shared_kernels import Sharing, evaluate_shared, ruled

__all__ = ["Book", "Tiers", "advance", "drop", "judge", "lay", "sweep"]


class Book(NamedTuple):
    """Pools and positions, as in `pack.Fleet`."""

    start: Ints
    stop: Ints
    row: Codes
    quantity: Floats
    blur: Floats
    cash: Floats
    slack: Floats


class Tiers(NamedTuple):
    """Tier tables, as in `tables.Tables`, and what bounds the error."""

    slope: Floats
    deduction: Floats
    low: Floats
    high: Floats
    whole: Bools
    shift: int
    warn: float
    unit_error: float
    least_rate: float


@kernel
def evaluate(
    a: int, start: Ints, stop: Ints, row: Codes, quantity: Floats, cash: Floats, slack: Floats, price: Floats,
    slope: Floats, deduction: Floats, low: Floats, high: Floats, shift: int, unit_error: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Equity, requirement and certified error of one pool; the error by the full sum."""
    one, by = np.uint64(1), np.uint64(shift)
    worth, gross, need = cash[a], abs(cash[a]), 0.0
    first, last = np.uint64(start[a]), np.uint64(stop[a])
    for k in range(first, last):
        j = np.uint64(row[k])
        value = quantity[k] * price[j >> by]
        size = abs(value)
        if size < low[j] or size > high[j]:
            while size < low[j]:
                j -= one
            while size > high[j]:
                j += one
            row[k] = j
            if size < low[j]:
                need += np.nan
        worth += value
        gross += size
        need += slope[j] * size - deduction[j]
    return worth, need, slack[a] + unit_error * (2.0 * np.float64(last - first) + 20.0) * gross


@kernel
def drop(a: int, book: Book, shift: int, hooks: Hooks) -> None:
    """Take every edge of a pool off the ladders."""
    row, top, hang = book.row, hooks.top, hooks.hang
    for k in range(book.start[a], book.stop[a]):
        lane = signed(row[k]) >> shift
        unhook(2 * k, 2 * lane, top, hang)
        unhook(2 * k + 1, 2 * lane + 1, top, hang)


@kernel
def judge(a: int, book: Book, tiers: Tiers, sharing: Sharing | None, price: Floats) -> int:
    """Status of one pool, or UNDECIDED."""
    if sharing is not None:
        worth, need, error = evaluate_shared(
            a, book.start, book.stop, book.row, book.quantity, book.blur, book.cash, book.slack, price,
            tiers.slope, tiers.deduction, tiers.low, tiers.high, tiers.shift, tiers.unit_error, sharing,
        )  # fmt: skip
        return ruled(worth, need, tiers.warn, error)
    worth, need, error = evaluate(
        a, book.start, book.stop, book.row, book.quantity, book.cash, book.slack, price,
        tiers.slope, tiers.deduction, tiers.low, tiers.high, tiers.shift, tiers.unit_error,
    )  # fmt: skip
    return verdict(worth, need, tiers.warn, error)


@kernel
def lay(pools: Ints, book: Book, tiers: Tiers, sharing: Sharing | None, hooks: Hooks, state: Codes) -> None:
    """Lay the boxes of some pools, whose statuses are known."""
    start, stop, row, quantity, blur, cash, slack = book
    slope, deduction, low, high, whole, shift, warn, unit_error, _ = tiers
    top, hang, edge, price, reference, sigma = hooks
    for x in range(pools.size):
        a = pools[x]
        if sharing is not None:
            worth, need, error = evaluate_shared(
                a, start, stop, row, quantity, blur, cash, slack, price, slope, deduction, low, high, shift,
                unit_error, sharing,
            )  # fmt: skip
            rebox_shared(
                a, worth, need, error, state[a], start, stop, row, quantity, blur, slope, deduction, low, high, whole,
                shift, warn, sharing, top, hang, edge, price, reference, sigma,
            )  # fmt: skip
        else:
            worth, need, error = evaluate(
                a, start, stop, row, quantity, cash, slack, price, slope, deduction, low, high, shift, unit_error,
            )  # fmt: skip
            rebox(
                a, worth, need, error, state[a], start, stop, row, quantity, slope, low, high, whole, shift, warn,
                top, hang, edge, price, reference, sigma,
            )  # fmt: skip


@kernel
def sweep(
    book: Book, tiers: Tiers, sharing: Sharing | None, price: Floats, state: Codes, changed: Ints, became: Codes
) -> int:
    """Judge every pool; those whose status is another now, or undecided, are listed."""
    if sharing is None:
        return sweep_alone(book, tiers, price, state, changed, became)
    found = 0
    for a in range(state.size):
        now = judge(a, book, tiers, sharing, price)
        if now != state[a]:
            changed[found], became[found] = a, now
            found += 1
    return found


@fused
def sweep_alone(book: Book, tiers: Tiers, price: Floats, state: Codes, changed: Ints, became: Codes) -> int:
    """Where no collateral is shared; by the bound of `kernels.revalue` that needs no sum. Twin: `twin.revalue`."""
    start, stop, row, quantity, _, cash, slack = book
    slope, deduction, low, high, _, shift, warn, unit_error, least_rate = tiers
    one, two, three, by = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(shift)
    fields, per_need = side_by_side(slope, deduction, low, high), 1.0 / least_rate
    found = 0
    for a in range(state.size):
        worth, need = cash[a], 0.0
        first, last = np.uint64(start[a]), np.uint64(stop[a])
        for k in range(first, last):
            j = np.uint64(row[k])
            value = quantity[k] * price[j >> by]
            size = abs(value)
            t = j << two
            if size < fields[t + two] or size > fields[t + three]:
                while size < fields[t + two]:
                    t -= FIELDS
                while size > fields[t + three]:
                    t += FIELDS
                row[k] = t >> two
                if size < fields[t + two]:
                    need += np.nan
            worth += value
            need += fields[t] * size - fields[t + one]
        each = unit_error * (2.0 * np.float64(np.int64(last - first)) + 20.0)
        now = SAFE
        if not worth - warn * need > slack[a] + each * (abs(cash[a]) + abs(need) * per_need):
            worth, need, error = evaluate(
                a, start, stop, row, quantity, cash, slack, price, slope, deduction, low, high, shift, unit_error
            )
            now = verdict(worth, need, warn, error)
        if now != state[a]:
            changed[found], became[found] = a, now
            found += 1
    return found


@kernel
def side_by_side(slope: Floats, deduction: Floats, low: Floats, high: Floats) -> Floats:
    """The four numbers of each row in one line of the cache."""
    fields = np.empty(4 * slope.size)
    for j in range(slope.size):
        fields[4 * j], fields[4 * j + 1], fields[4 * j + 2], fields[4 * j + 3] = slope[j], deduction[j], low[j], high[j]
    return fields


@kernel
def fetch(
    woken: Ints, found: int, start: Ints, stop: Ints, row: Codes, quantity: Floats, cash: Floats, slack: Floats,
    hang: Codes, edge: Floats, state: Codes,
) -> None:  # fmt: skip
    """Ask for all that a wake reads, of all pools at once: one waits for memory together, not one after the other."""
    for w in range(found):
        a = woken[w]
        prefetch(start, a)
        prefetch(stop, a)
        prefetch(cash, a)
        prefetch(slack, a)
        prefetch(state, a)
    for w in range(found):
        for k in range(start[woken[w]], stop[woken[w]], 2):
            prefetch(row, k)
            prefetch(quantity, k)
            prefetch(hang, 2 * k)
            prefetch(edge, 2 * k)


@kernel
def advance(
    tick: Ints, lanes: Ints, to: Floats, begin: int, limit: int, book: Book, tiers: Tiers, sharing: Sharing | None,
    hooks: Hooks, state: Codes, queued: Bools, woken: Ints, figures: Floats, changes: Ints, counters: Ints,
) -> tuple[int, int, int]:  # fmt: skip
    """Play ticks until all are done or Python is needed.

    Tick t moves `lanes[tick[t]:tick[t + 1]]` to their prices at once. Phase 1 evaluates what it woke: the changes are
    known then. Phase 2 lays the new boxes.

    Returns:
        How many ticks are done; how many rows of `changes` (tick, pool, status before, now) were written; and what is
        needed: 0 nothing, 1 a sweep (the tick is too large for the ladders, nothing was moved yet), 2 the exact
        function: rows whose status is UNDECIDED now, their boxes are to be laid when it has spoken; 3 more room for
        changes.
    """
    start, stop, row, quantity, blur, cash, slack = book
    slope, deduction, low, high, whole, shift, warn, unit_error, _ = tiers
    top, hang, edge, price, reference, sigma = hooks
    written = 0
    for t in range(begin, tick.size - 1):
        if written + limit > changes.shape[0]:
            return t, written, 3
        if crowd(tick[t], tick[t + 1], lanes, to, top, price, reference, limit) > limit:
            return t, written, 1
        found = 0
        for x in range(tick[t], tick[t + 1]):
            if to[x] != price[lanes[x]]:
                found = walk(lanes[x], to[x], top, hang, edge, price, reference, queued, woken, found)
        fetch(woken, found, start, stop, row, quantity, cash, slack, hang, edge, state)
        unsure = 0
        for w in range(found):
            a = woken[w]
            queued[a] = False
            if sharing is not None:
                worth, need, error = evaluate_shared(
                    a, start, stop, row, quantity, blur, cash, slack, price, slope, deduction, low, high, shift,
                    unit_error, sharing,
                )  # fmt: skip
            else:
                worth, need, error = evaluate(
                    a, start, stop, row, quantity, cash, slack, price, slope, deduction, low, high, shift, unit_error,
                )  # fmt: skip
            figures[w, 0], figures[w, 1], figures[w, 2] = worth, need, error
            now = verdict(worth, need, warn, error) if sharing is None else ruled(worth, need, warn, error)
            figures[w, 3] = now
            if now != state[a]:
                changes[written, 0], changes[written, 1] = t, a
                changes[written, 2], changes[written, 3] = state[a], now
                written += 1
                if now == UNDECIDED:
                    unsure += 1
                else:
                    state[a] = now
        counters[0] += found
        for w in range(found):
            a = woken[w]
            worth, need, error = figures[w, 0], figures[w, 1], figures[w, 2]
            if figures[w, 3] != UNDECIDED:
                if sharing is not None:
                    rebox_shared(
                        a, worth, need, error, state[a], start, stop, row, quantity, blur, slope, deduction, low, high,
                        whole, shift, warn, sharing, top, hang, edge, price, reference, sigma,
                    )  # fmt: skip
                else:
                    rebox(
                        a, worth, need, error, state[a], start, stop, row, quantity, slope, low, high, whole, shift,
                        warn, top, hang, edge, price, reference, sigma,
                    )  # fmt: skip
        if unsure:
            return t + 1, written, 2
    return tick.size - 1, written, 0
