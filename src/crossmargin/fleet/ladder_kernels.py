"""Ladders: edges of boxes by price, so that a tick finds those that it passes without looking at the others.

An edge hangs in one of two ladders of its lane, one for falling and one for rising prices, in buckets of one basis
point of the reference price. A tick walks the buckets between old and new price and wakes the pools whose edge it
passed. An edge may hang nearer than it lies (it was moved outward and not re-hung): the walk re-hangs it.

Slot of an edge: `2 k` below and `2 k + 1` above the price of position k. Ladder: `2 lane` and `2 lane + 1`. What a wake
touches lies close together, since cache misses are what it costs: `hang` has a row of sixteen bytes for each slot.
"""

from typing import Any, NamedTuple

import numpy as np

from crossmargin.fleet.arrays import Bools, Codes, Floats, Ints
from crossmargin.fleet.jit import inlined, kernel

__all__ = ["BUCKET", "BUCKETS", "POOL", "Hooks", "crowd", "hook", "put", "recentre", "signed", "unhook", "walk"]

BUCKETS = 1 << 13
WIDTH = 1e-4
KEPT = 0.5
AFTER, BEFORE, BUCKET, POOL = range(4)


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


@inlined
def signed(row: Any) -> Any:  # noqa: ANN401 - whatever width the rows have
    """A row as a signed number, from which one can be taken."""
    return np.int64(row)


@inlined
def bucket_of(price: float, reference: float) -> int:
    """Bucket of a price; what lies outside the ladder hangs at its end."""
    steps = min(max(np.floor((price / reference - 1.0) / WIDTH), -float(BUCKETS)), float(BUCKETS))
    return min(max(int(steps) + BUCKETS // 2, 0), BUCKETS - 1)


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
