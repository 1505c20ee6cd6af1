"""The certified safe boxes and their ladders: which pools a tick can change, without looking at the others.

`D_c = equity - c x requirement` decides a status (c = 1 liquidation, c = warn). It is a sum over positions; in each
price it is concave where tiers are marginal, linear within a tier where they are whole. So slopes at the ends of a
range bound what a move inside it can cost. The distance of D_c from zero, less the certified error, is divided among
the positions by what they may lose and how much they move: that is the box. While every price stays inside,
the status stays.

A box has up to two edges a position. They hang in ladders, one for falling and one for rising prices of each lane, in
buckets of one basis point of the reference price. A tick walks the buckets between old and new price and wakes the
pools whose edge it passed. An edge may hang nearer than it lies (it was moved outward and not re-hung): the walk
re-hangs it.

Slot of an edge: `2 k` below and `2 k + 1` above the price of position k. Ladder: `2 lane` and `2 lane + 1`. What a wake
touches lies close together, since cache misses are what it costs: `hang` has a row of sixteen bytes for each slot.
Outer kernels take the arrays as tuples and unpack them once; inner ones take them one by one, which compiles to less.
"""

from typing import Any, NamedTuple

import numpy as np

from crossmargin.fleet.arrays import Bools, Codes, Floats, Ints
from crossmargin.fleet.jit import inlined, kernel
from crossmargin.fleet.kernels import LIQUIDATION, UNDECIDED, verdict

__all__ = [
    "BUCKETS",
    "Book",
    "Hooks",
    "Tiers",
    "advance",
    "drop",
    "judge",
    "lay",
    "recentre",
    "sweep",
]

BUCKETS = 1 << 13
WIDTH = 1e-4
RANGE = 0.2
KEPT = 0.5
SHAVED = 1.0 - 1e-9
NEVER = 1e300


class Book(NamedTuple):
    """Pools and positions, as in `pack.Fleet`."""

    start: Ints
    stop: Ints
    row: Codes
    quantity: Floats
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


class Hooks(NamedTuple):
    """Ladders.

    Attributes:
        top: By ladder and bucket: first slot (-1 none), and how many hang there.
        hang: By slot: the slots after and before it, its bucket (-1: not hung), its pool.
        edge: By slot: the price that wakes.
        price: By lane: the price now.
        reference: By lane: the price in the middle of its ladders.
        sigma: By lane: standard deviation of a second, relative; it sets the pace and decides nothing.
    """

    top: Codes
    hang: Codes
    edge: Floats
    price: Floats
    reference: Floats
    sigma: Floats


AFTER, BEFORE, BUCKET, POOL = range(4)


@inlined
def signed(row: Any) -> Any:  # noqa: ANN401 - whatever width the rows have
    """A row as a signed number, from which one can be taken."""
    return np.int64(row)


@inlined
def bucket_of(price: float, reference: float) -> int:
    """Bucket of a price; what lies outside the ladder hangs at its end."""
    found = int(np.floor((price / reference - 1.0) / WIDTH)) + BUCKETS // 2
    return min(max(found, 0), BUCKETS - 1)


@inlined
def unhook(slot: int, ladder: int, top: Codes, hang: Codes) -> None:
    """Take an edge off its ladder."""
    place = hang[slot, BUCKET]
    if place >= 0:
        before, after = hang[slot, BEFORE], hang[slot, AFTER]
        if before >= 0:
            hang[before, AFTER] = after
        else:
            top[ladder, place, 0] = after
        if after >= 0:
            hang[after, BEFORE] = before
        top[ladder, place, 1] -= 1
        hang[slot, BUCKET] = -1


@inlined
def hook(slot: int, ladder: int, place: int, top: Codes, hang: Codes) -> None:
    """Hang an edge into a bucket."""
    after = top[ladder, place, 0]
    hang[slot, AFTER], hang[slot, BEFORE], hang[slot, BUCKET] = after, -1, place
    if after >= 0:
        hang[after, BEFORE] = slot
    top[ladder, place, 0] = slot
    top[ladder, place, 1] += 1


@inlined
def put(
    slot: int, ladder: int, to: float, price: float, reference: float, top: Codes, hang: Codes, edge: Floats
) -> None:
    """Set an edge. An old one inside the new box is safe too: it stays unless that costs too much room."""
    place = bucket_of(to, reference)
    hanging = hang[slot, BUCKET]
    if hanging >= 0:
        room, had = (price - to, price - edge[slot]) if ladder & 1 == 0 else (to - price, edge[slot] - price)
        if KEPT * room <= had <= room:
            return
        if hanging != place:
            unhook(slot, ladder, top, hang)
            hook(slot, ladder, place, top, hang)
    else:
        hook(slot, ladder, place, top, hang)
    edge[slot] = to


@kernel
def evaluate(
    a: int, start: Ints, stop: Ints, row: Codes, quantity: Floats, cash: Floats, slack: Floats, price: Floats,
    slope: Floats, deduction: Floats, low: Floats, high: Floats, shift: int, unit_error: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Equity, requirement and certified error of one pool; as the loop of `kernels.revalue`."""
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
    return worth, need, slack[a] + unit_error * (np.float64(last - first) + 20.0) * gross


@inlined
def losses(sign: float, size: float, j: int, c: float, slope: Floats, low: Floats, high: Floats, whole: bool) -> Any:  # noqa: ANN401 - a pair
    """What D_c can lose per relative move, falling and rising, within the range; a whole tier is not left."""
    down, up = j, j
    if not whole:
        while size * (1.0 - RANGE) < low[down]:
            down -= 1
        while size * (1.0 + RANGE) > high[up]:
            up += 1
    return max(sign - c * slope[down], 0.0), max(c * slope[up] - sign, 0.0)


@inlined
def gains(sign: float, size: float, j: int, c: float, slope: Floats, low: Floats, high: Floats, whole: bool) -> Any:  # noqa: ANN401 - a pair
    """What D_c can gain per relative move, falling and rising: the tangent bounds it; at a bound, the steeper one."""
    down, up = j, j
    if not whole:
        if size * SHAVED < low[j]:
            down -= 1
        if size > high[j] * SHAVED:
            up += 1
    return max(c * slope[up] - sign, 0.0), max(sign - c * slope[down], 0.0)


@inlined
def ever(sign: float, j: int, c: float, slope: Floats, low: Floats, high: Floats, shift: int) -> Any:  # noqa: ANN401 - a pair
    """Whether D_c can lose falling, and rising, at any price whatever."""
    gentle, steep = j, j
    if low[j] > 0.0 or high[j] < np.inf:
        gentle = (j >> shift) << shift
        while high[steep] < np.inf:
            steep += 1
    return sign - c * slope[gentle] > 0.0, c * slope[steep] - sign > 0.0


@inlined
def width(share: float, cost: float, sigma: float) -> float:
    """Relative width for a position that loses `cost` per relative move.

    The widths w with sum cost w = room that make the fewest exits, some sum (sigma / w)^2, go by the cube root of
    sigma^2 / cost; with the square root of sigma / cost there are 4 % more exits and no cube root to take.
    """
    return min(share * np.sqrt(sigma / cost), RANGE) if cost > 0.0 else RANGE


@kernel
def rebox(
    a: int, worth: float, need: float, error: float, state: int,
    start: Ints, stop: Ints, row: Codes, quantity: Floats,
    slope: Floats, low: Floats, high: Floats, whole: Bools, shift: int, warn: float,
    top: Codes, hang: Codes, edge: Floats, price: Floats, reference: Floats, sigma: Floats,
) -> None:  # fmt: skip
    """Lay a pool's box around the current prices. A pool that only the exact function decides gets one of no width."""
    exact_only = not (error < np.inf and abs(need) < np.inf)
    c_fall = warn if state == 0 else 1.0
    c_rise = warn if state == 1 else 1.0
    room_fall = max(worth - c_fall * need - 2.0 * error, 0.0) * SHAVED if state < LIQUIDATION else 0.0
    room_rise = max(c_rise * need - worth - 2.0 * error, 0.0) * SHAVED if state > 0 else 0.0
    lost, gained = 0.0, 0.0
    if not exact_only:
        for k in range(start[a], stop[a]):
            j = signed(row[k])
            lane = j >> shift
            size = abs(quantity[k]) * price[lane]
            sign = 1.0 if quantity[k] > 0.0 else -1.0
            if state < LIQUIDATION:
                fall, rise = losses(sign, size, j, c_fall, slope, low, high, whole[lane])
                lost += np.sqrt(max(fall, rise) * size * sigma[lane])
            if state > 0:
                fall, rise = gains(sign, size, j, c_rise, slope, low, high, whole[lane])
                gained += np.sqrt(max(fall, rise) * size * sigma[lane])
    share_fall = room_fall / lost if lost > 0.0 else NEVER
    share_rise = room_rise / gained if gained > 0.0 else NEVER
    for k in range(start[a], stop[a]):
        j = signed(row[k])
        lane = j >> shift
        size = abs(quantity[k]) * price[lane]
        sign = 1.0 if quantity[k] > 0.0 else -1.0
        below, above = NEVER, NEVER
        if exact_only:
            below, above = 0.0, 0.0
        else:
            if state < LIQUIDATION:
                fall_ever, rise_ever = ever(sign, j, c_fall, slope, low, high, shift)
                fall, rise = losses(sign, size, j, c_fall, slope, low, high, whole[lane])
                reach = width(share_fall, max(fall, rise) * size, sigma[lane])
                below = reach if fall_ever else below
                above = reach if rise_ever else above
            if state > 0:
                fall, rise = gains(sign, size, j, c_rise, slope, low, high, whole[lane])
                reach = width(share_rise, max(fall, rise) * size, sigma[lane])
                below = min(below, reach) if fall > 0.0 else below
                above = min(above, reach) if rise > 0.0 else above
            if whole[lane] and size > 0.0:
                if low[j] > 0.0:
                    below = min(below, max(1.0 - low[j] / size - 1e-12, 0.0))
                if high[j] < np.inf:
                    above = min(above, max(high[j] / size - 1.0 - 1e-12, 0.0))
        if below < NEVER:
            put(2 * k, 2 * lane, price[lane] * (1.0 - below), price[lane], reference[lane], top, hang, edge)
        else:
            unhook(2 * k, 2 * lane, top, hang)
        if above < NEVER:
            put(2 * k + 1, 2 * lane + 1, price[lane] * (1.0 + above), price[lane], reference[lane], top, hang, edge)
        else:
            unhook(2 * k + 1, 2 * lane + 1, top, hang)


@kernel
def drop(a: int, book: Book, shift: int, hooks: Hooks) -> None:
    """Take every edge of a pool off the ladders."""
    row, top, hang = book.row, hooks.top, hooks.hang
    for k in range(book.start[a], book.stop[a]):
        lane = signed(row[k]) >> shift
        unhook(2 * k, 2 * lane, top, hang)
        unhook(2 * k + 1, 2 * lane + 1, top, hang)


@kernel
def judge(a: int, book: Book, tiers: Tiers, price: Floats) -> int:
    """Status of one pool, or UNDECIDED."""
    worth, need, error = evaluate(
        a, book.start, book.stop, book.row, book.quantity, book.cash, book.slack, price,
        tiers.slope, tiers.deduction, tiers.low, tiers.high, tiers.shift, tiers.unit_error,
    )  # fmt: skip
    return verdict(worth, need, tiers.warn, error)


@kernel
def lay(pools: Ints, book: Book, tiers: Tiers, hooks: Hooks, state: Codes) -> None:
    """Lay the boxes of some pools, whose statuses are known."""
    start, stop, row, quantity, cash, slack = book
    slope, deduction, low, high, whole, shift, warn, unit_error = tiers
    top, hang, edge, price, reference, sigma = hooks
    for x in range(pools.size):
        a = pools[x]
        worth, need, error = evaluate(
            a, start, stop, row, quantity, cash, slack, price, slope, deduction, low, high, shift, unit_error,
        )  # fmt: skip
        rebox(
            a, worth, need, error, state[a], start, stop, row, quantity, slope, low, high, whole, shift, warn,
            top, hang, edge, price, reference, sigma,
        )  # fmt: skip


@kernel
def sweep(book: Book, tiers: Tiers, price: Floats, state: Codes, changed: Ints, became: Codes) -> int:
    """Judge every pool; those whose status is another now, or undecided, are listed. Twin: `twin.revalue`."""
    start, stop, row, quantity, cash, slack = book
    slope, deduction, low, high, _, shift, warn, unit_error = tiers
    one, by = np.uint64(1), np.uint64(shift)
    found = 0
    for a in range(state.size):
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
        now = verdict(worth, need, warn, slack[a] + unit_error * (np.float64(last - first) + 20.0) * gross)
        if now != state[a]:
            changed[found] = a
            became[found] = now
            found += 1
    return found


@kernel
def walk(
    lane: int, to: float, top: Codes, hang: Codes, edge: Floats, price: Floats, reference: Floats, queued: Bools,
    woken: Ints, found: int,
) -> int:  # fmt: skip
    """Move a lane's price; unhook the edges that it passed and list their pools, each once."""
    falling = to < price[lane]
    ladder = 2 * lane if falling else 2 * lane + 1
    place, end = bucket_of(price[lane], reference[lane]), bucket_of(to, reference[lane])
    step = -1 if falling else 1
    price[lane] = to
    while True:
        slot = signed(top[ladder, place, 0])
        while slot >= 0:
            after = signed(hang[slot, AFTER])
            at = edge[slot]
            if (to <= at) if falling else (to >= at):
                unhook(slot, ladder, top, hang)
                a = hang[slot, POOL]
                if not queued[a]:
                    queued[a] = True
                    woken[found] = a
                    found += 1
            else:
                right_place = bucket_of(at, reference[lane])
                if right_place != place:
                    unhook(slot, ladder, top, hang)
                    hook(slot, ladder, right_place, top, hang)
            slot = after
        if place == end:
            return found
        place += step


@kernel
def crowd(
    begin: int, end: int, lanes: Ints, to: Floats, top: Codes, price: Floats, reference: Floats, enough: int
) -> int:
    """How many edges hang between old and new prices; stops counting when it is enough."""
    total = 0
    for x in range(begin, end):
        lane = lanes[x]
        ladder = 2 * lane if to[x] < price[lane] else 2 * lane + 1
        one_end, other = bucket_of(price[lane], reference[lane]), bucket_of(to[x], reference[lane])
        for place in range(min(one_end, other), max(one_end, other) + 1):
            total += top[ladder, place, 1]
        if total > enough:
            return total
    return total


@kernel
def advance(
    tick: Ints, lanes: Ints, to: Floats, begin: int, limit: int, book: Book, tiers: Tiers, hooks: Hooks,
    state: Codes, queued: Bools, woken: Ints, figures: Floats, changes: Ints, counters: Ints,
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
    start, stop, row, quantity, cash, slack = book
    slope, deduction, low, high, whole, shift, warn, unit_error = tiers
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
        unsure = 0
        for w in range(found):
            a = woken[w]
            queued[a] = False
            worth, need, error = evaluate(
                a, start, stop, row, quantity, cash, slack, price, slope, deduction, low, high, shift, unit_error,
            )  # fmt: skip
            figures[w, 0], figures[w, 1], figures[w, 2] = worth, need, error
            now = verdict(worth, need, warn, error)
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
            if unsure == 0 or verdict(worth, need, warn, error) != UNDECIDED:
                rebox(
                    a, worth, need, error, state[a], start, stop, row, quantity, slope, low, high, whole, shift, warn,
                    top, hang, edge, price, reference, sigma,
                )  # fmt: skip
        if unsure:
            return t + 1, written, 2
    return tick.size - 1, written, 0


@kernel
def recentre(lane: int, hooks: Hooks) -> None:
    """Give a lane's ladders the current price as reference and hang every edge anew."""
    top, hang, edge = hooks.top, hooks.hang, hooks.edge
    chain = signed(-1)
    for ladder in (2 * lane, 2 * lane + 1):
        for place in range(BUCKETS):
            slot = signed(top[ladder, place, 0])
            while slot >= 0:
                after = signed(hang[slot, AFTER])
                hang[slot, AFTER] = chain
                chain = slot
                slot = after
            top[ladder, place, 0], top[ladder, place, 1] = -1, 0
    hooks.reference[lane] = hooks.price[lane]
    while chain >= 0:
        after = signed(hang[chain, AFTER])
        hook(chain, 2 * lane + (chain & 1), bucket_of(edge[chain], hooks.reference[lane]), top, hang)
        chain = after
