"""The certified safe box of a pool: the prices inside which its status provably stays.

`D_c = equity - c x requirement` decides a status (c = 1 liquidation, c = warn). It is a sum over positions; in each
price it is concave where tiers are marginal, linear within a tier where they are whole. So slopes at the ends of a
range bound what a move inside it can cost. The distance of D_c from zero, less the certified error, is divided among
the positions by what they may lose and how much they move: that is the box. While every price stays inside,
the status stays.
"""

from typing import Any

import numpy as np

from crossmargin.fleet.arrays import Bools, Codes, Floats, Ints
from crossmargin.fleet.jit import inlined, kernel
from crossmargin.fleet.kernels import LIQUIDATION
from crossmargin.fleet.ladder_kernels import put, signed, unhook

__all__ = ["rebox"]

RANGE = 0.2
SHAVED = 1.0 - 1e-9
NEVER = 1e300


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
