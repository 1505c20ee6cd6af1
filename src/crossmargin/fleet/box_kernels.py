"""The certified safe box of a pool: the prices inside which its status provably stays.

`D_c = equity - c x requirement` decides a status (c = 1 liquidation, c = warn). It is a sum over positions; in each
price it is concave where tiers are marginal, linear within a tier where they are whole. So slopes at the ends of a
range bound what a move inside it can cost. The distance of D_c from zero, less the certified error, is divided among
the positions by what they may lose and how much they move: that is the box. While every price stays inside,
the status stays.
"""

from typing import Any

import numpy as np

from crossmargin.fleet.arrays import UNIT, Bools, Codes, Floats, Ints
from crossmargin.fleet.jit import inlined, kernel
from crossmargin.fleet.kernels import LIQUIDATION
from crossmargin.fleet.ladder_kernels import put, signed, unhook
from crossmargin.fleet.shared_kernels import OPERATIONS, Sharing, counted, loan_tier

__all__ = ["rebox", "rebox_shared"]

RANGE = 0.2
SHAVED = 1.0 - 1e-9
NEVER = 1e300


@inlined
def room(distance: float, error: float) -> float:
    """What positions may lose or gain together; none where the error of one that seems to lose nothing is as much."""
    left = distance - 2.0 * error
    return left * SHAVED if left > error else 0.0


@inlined
def losses(
    falls: float, rises: float, size: float, j: int, c: float, slope: Floats, low: Floats, high: Floats, whole: bool
) -> Any:  # noqa: ANN401 - a pair
    """What D_c can lose per relative move, falling and rising, within the range; a whole tier is not left.

    `falls` is what a fall takes off the worth at most, `rises` what a rise adds at least, per unit of value: +1 a long,
    -1 a short.
    """
    down, up = j, j
    if not whole:
        while size * (1.0 - RANGE) < low[down]:
            down -= 1
        while size * (1.0 + RANGE) > high[up]:
            up += 1
    return max(falls - c * slope[down], 0.0), max(c * slope[up] - rises, 0.0)


@inlined
def gains(
    falls: float, rises: float, size: float, j: int, c: float, slope: Floats, low: Floats, high: Floats, whole: bool
) -> Any:  # noqa: ANN401 - a pair
    """What D_c can gain per relative move, falling and rising: the tangent bounds it; at a bound, the steeper one.

    `falls` is what a fall takes off the worth at least, `rises` what a rise adds at most.
    """
    down, up = j, j
    if not whole:
        if size * SHAVED < low[j]:
            down -= 1
        if size > high[j] * SHAVED:
            up += 1
    return max(c * slope[up] - falls, 0.0), max(rises - c * slope[down], 0.0)


@inlined
def ever(sign: float, j: int, c: float, slope: Floats, low: Floats, high: Floats, shift: int, whole: bool) -> Any:  # noqa: ANN401 - a pair
    """Whether D_c can lose falling, and rising, at any price whatever; a whole tier is not left."""
    gentle, steep = j, j
    if not whole and (low[j] > 0.0 or high[j] < np.inf):
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
    room_fall = room(worth - c_fall * need, error) if state < LIQUIDATION else 0.0
    room_rise = room(c_rise * need - worth, error) if state > 0 else 0.0
    exact_only = exact_only or (state < LIQUIDATION and room_fall == 0.0) or (state > 0 and room_rise == 0.0)
    lost, gained = 0.0, 0.0
    if not exact_only:
        for k in range(start[a], stop[a]):
            j = signed(row[k])
            lane = j >> shift
            size = abs(quantity[k]) * price[lane]
            sign = 1.0 if quantity[k] > 0.0 else -1.0
            if state < LIQUIDATION:
                fall, rise = losses(sign, sign, size, j, c_fall, slope, low, high, whole[lane])
                lost += np.sqrt(max(fall, rise) * size * sigma[lane])
            if state > 0:
                fall, rise = gains(sign, sign, size, j, c_rise, slope, low, high, whole[lane])
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
                fall_ever, rise_ever = ever(sign, j, c_fall, slope, low, high, shift, whole[lane])
                fall, rise = losses(sign, sign, size, j, c_fall, slope, low, high, whole[lane])
                reach = width(share_fall, max(fall, rise) * size, sigma[lane])
                below = reach if fall_ever else below
                above = reach if rise_ever else above
            if state > 0:
                fall, rise = gains(sign, sign, size, j, c_rise, slope, low, high, whole[lane])
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
def part(
    k: int, end: int, row: Codes, quantity: Floats, price: Floats, slope: Floats, deduction: Floats, shift: int,
    head: Bools, weight: Floats,
) -> tuple[float, float, float, int]:  # fmt: skip
    """Equity, requirement, gross value and number of positions of the currency whose head is k."""
    equity, need, gross, count = quantity[k], 0.0, abs(quantity[k]), 0
    for i in range(k + 1, end):
        j = signed(row[i])
        if head[j >> shift]:
            break
        value = quantity[i] * price[j >> shift]
        equity += weight[j >> shift] * value
        need += slope[j] * abs(value) - deduction[j]
        gross += abs(value)
        count += 1
    return equity, need, gross, count


@kernel
def to_next_loan(equity: float, error: float, lane: int, loans: Ints, bound: Floats, begins: bool) -> float:
    """How far equity may move before its debt changes tier, or begins; a debt without tiers may not come about."""
    first, last = loans[lane, 0], loans[lane, 1]
    if first == last:
        return max(equity - error, 0.0)
    owed, j = -equity, first
    while j < last - 1 and owed > bound[j]:
        j += 1
    nearest = bound[j] - owed
    if j > first:
        nearest = min(nearest, owed - bound[j - 1])
    if begins:
        nearest = min(nearest, abs(owed))
    return float(max(nearest - error, 0.0))


@kernel
def rebox_shared(
    a: int, worth: float, need: float, error: float, state: int, start: Ints, stop: Ints, row: Codes, quantity: Floats,
    blur: Floats, slope: Floats, deduction: Floats, low: Floats, high: Floats, whole: Bools, shift: int, warn: float,
    sharing: Sharing,
    top: Codes, hang: Codes, edge: Floats, price: Floats, reference: Floats, sigma: Floats,
) -> None:  # fmt: skip
    """As `rebox` for a pool whose currencies share collateral.

    With p the price of a currency and f its counted equity less c times its requirement, p' f' - p f = p' (f' - f) +
    (p' - p) f: positions may lose by p' at most, the range above p; the head may lose |f| for each unit of p. How much
    f loses with its equity lies from `least` to `most`. Every entry has both edges, so that nothing leaves its range.
    """
    exact_only = not (error < np.inf and abs(need) < np.inf and abs(worth) < np.inf)
    c_fall = warn if state == 0 else 1.0
    c_rise = warn if state == 1 else 1.0
    room_fall = room(worth - c_fall * need, error) if state < LIQUIDATION else 0.0
    room_rise = room(c_rise * need - worth, error) if state > 0 else 0.0
    exact_only = exact_only or (state < LIQUIDATION and room_fall == 0.0) or (state > 0 and room_rise == 0.0)
    lost, gained, share_fall, share_rise = 0.0, 0.0, NEVER, NEVER
    for again in range(2):
        p, least, most, reach_of_part = 1.0, 1.0, 1.0, NEVER
        if again:
            share_fall = room_fall / lost if lost > 0.0 else NEVER
            share_rise = room_rise / gained if gained > 0.0 else NEVER
        for k in range(start[a], stop[a]):
            j = signed(row[k])
            lane = j >> shift
            fall, rise = 0.0, 0.0
            nearest = NEVER
            if exact_only:
                nearest = 0.0
            elif sharing.head[lane]:
                equity, needed, gross, count = part(
                    k, stop[a], row, quantity, price, slope, deduction, shift, sharing.head, sharing.weight
                )  # fmt: skip
                value, owed = equity, 0.0
                if not sharing.in_full:
                    value = counted(
                        equity, lane, sharing.debt, sharing.slices, sharing.start, sharing.value, sharing.rate
                    )  # fmt: skip
                if sharing.margined:
                    off = 2.0 * (blur[k] + 1.01 * UNIT * (2.0 * (stop[a] - start[a]) + OPERATIONS) * gross)
                    tier = loan_tier(-equity, 0.0, lane, sharing.loans, sharing.bound)
                    owed = -equity * sharing.needs[tier] if tier >= 0 else 0.0
                    alone = need <= (1.0 + 1e-9) * owed * price[lane]  # a status jumps where nothing is needed any more
                    reach_of_part = to_next_loan(equity, off, lane, sharing.loans, sharing.bound, alone) / max(count, 1)
                p, least, most = price[lane] * (1.0 + RANGE), sharing.least[lane], sharing.most[lane]
                fall = abs(value - c_fall * (needed + owed)) * price[lane]
                rise = abs(value - c_rise * (needed + owed)) * price[lane]
            else:
                size = abs(quantity[k]) * price[lane]
                far, near = (most, least) if quantity[k] > 0.0 else (-least, -most)
                far, near = far * sharing.weight[lane], near * sharing.weight[lane]
                one, other = losses(far, near, size, j, c_fall, slope, low, high, whole[lane])
                fall = max(one, other) * size * p
                one, other = gains(near, far, size, j, c_rise, slope, low, high, whole[lane])
                rise = max(one, other) * size * p
                nearest = reach_of_part / size if size > 0.0 else NEVER
            if not again:
                lost += np.sqrt(fall * sigma[lane]) if state < LIQUIDATION else 0.0
                gained += np.sqrt(rise * sigma[lane]) if state > 0 else 0.0
                continue
            reach = min(nearest, RANGE)
            if state < LIQUIDATION:
                reach = min(reach, width(share_fall, fall, sigma[lane]))
            if state > 0:
                reach = min(reach, width(share_rise, rise, sigma[lane]))
            below, above = reach, reach
            if whole[lane] and not exact_only and abs(quantity[k]) > 0.0:
                size = abs(quantity[k]) * price[lane]
                if low[j] > 0.0:
                    below = min(below, max(1.0 - low[j] / size - 1e-12, 0.0))
                if high[j] < np.inf:
                    above = min(above, max(high[j] / size - 1.0 - 1e-12, 0.0))
            put(2 * k, 2 * lane, price[lane] * (1.0 - below), price[lane], reference[lane], top, hang, edge)
            put(2 * k + 1, 2 * lane + 1, price[lane] * (1.0 + above), price[lane], reference[lane], top, hang, edge)
