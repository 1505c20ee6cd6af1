"""Every pool under every scenario. Twin: `twin.stress`.

Only the tiers that a position can reach within the scenarios are evaluated: mostly one, and then a position is two
fused multiply-adds a scenario. Positions go two by two. Loops touch few arrays each, so that they vectorise. Pools
that no scenario of a block endangers add nothing to any total and are left at once.
"""

from typing import Any

import numpy as np

from crossmargin.fleet.arrays import Bools, Codes, Floats, Ints
from crossmargin.fleet.jit import inlined, relaxed

__all__ = ["BLOCK", "stress"]

BLOCK = 256


@relaxed
def begin_two(
    equity: Floats, need: Floats, price: Floats, price2: Floats, size: float, size2: float, slope: float,
    slope2: float, cash: float,
) -> None:  # fmt: skip
    """The first two positions of a pool, over whatever the arrays held."""
    for s in range(equity.size):
        equity[s] = cash + size * price[s] + size2 * price2[s]
        need[s] = slope * price[s] + slope2 * price2[s]


@relaxed
def begin_none(equity: Floats, need: Floats, cash: float) -> None:
    """No position yet."""
    for s in range(equity.size):
        equity[s] = cash
        need[s] = 0.0


@relaxed
def add_two(
    equity: Floats, need: Floats, price: Floats, price2: Floats, size: float, size2: float, slope: float, slope2: float
) -> None:
    """Two positions that stay in their tiers."""
    for s in range(equity.size):
        equity[s] += size * price[s] + size2 * price2[s]
        need[s] += slope * price[s] + slope2 * price2[s]


@relaxed
def add_one(equity: Floats, need: Floats, price: Floats, size: float, slope: float) -> None:
    """One position that stays in its tier."""
    for s in range(equity.size):
        equity[s] += size * price[s]
        need[s] += slope * price[s]


@relaxed
def add_marginal(
    equity: Floats, need: Floats, price: Floats, size: float, slope: Floats, deduction: Floats, down: int, up: int
) -> None:
    """A position that may cross bounds: its requirement is the largest of the tiers' lines."""
    held = abs(size)
    if up == down + 1:
        slope1, slope2, off1, off2 = held * slope[down], held * slope[up], deduction[down], deduction[up]
        for s in range(equity.size):
            equity[s] += size * price[s]
            one, other = slope1 * price[s] - off1, slope2 * price[s] - off2
            need[s] += one if one > other else other
        return
    for s in range(equity.size):
        equity[s] += size * price[s]
        most = slope[down] * held * price[s] - deduction[down]
        for j in range(down + 1, up + 1):
            line = slope[j] * held * price[s] - deduction[j]
            most = line if line > most else most
        need[s] += most


@relaxed
def add_whole(
    equity: Floats, need: Floats, price: Floats, size: float, slope: Floats, high: Floats, down: int, up: int
) -> None:
    """A position whose one rate jumps at bounds."""
    held = abs(size)
    for s in range(equity.size):
        equity[s] += size * price[s]
        value, j = held * price[s], down
        while j < up and value > high[j]:
            j += 1
        need[s] += slope[j] * value


@relaxed
def lowest_margin(equity: Floats, need: Floats, off: float) -> float:
    """Turn `need` into equity less requirement, and return the least."""
    least = float(equity[0] - need[0] + off)
    for s in range(equity.size):
        over = equity[s] - need[s] + off
        need[s] = over
        least = over if over < least else least
    return least


@inlined
def signed(row: Any) -> Any:  # noqa: ANN401 - whatever width the rows have
    """A row as a signed number, from which one can be taken."""
    return np.int64(row)


@relaxed
def stress(
    start: Ints, stop: Ints, row: Codes, quantity: Floats, cash: Floats, currency: Ints, skipped: Bools,
    price: Floats, least: Floats, most: Floats, worth: Floats,
    slope: Floats, deduction: Floats, low: Floats, high: Floats, whole: Bools, shift: int, count: int,
    shortfall: Floats, insurance: Floats, liquidated: Floats, worst: Floats, lost: Floats, hits: Ints,
) -> None:  # fmt: skip
    """Totals by scenario and figures by pool; the last six arrays are added to.

    `price` has a row for each lane and a column for each scenario; columns beyond `count` fill the last block. `least`
    and `most` are its extremes; `worth` turns a pool's currency into the reporting currency.
    """
    equity, need = np.empty(BLOCK), np.empty(BLOCK)
    for first in range(0, price.shape[1], BLOCK):
        last = first + BLOCK
        for a in range(cash.size):
            if skipped[a]:
                continue
            off, begun, waiting, other, size2, slope2 = 0.0, False, False, 0, 0.0, 0.0
            for k in range(start[a], stop[a]):
                j = signed(row[k])
                lane, size = j >> shift, quantity[k]
                held = abs(size)
                while held * least[lane] < low[j]:
                    j -= 1
                while held * least[lane] > high[j]:
                    j += 1
                up = j
                while held * most[lane] > high[up]:
                    up += 1
                if up == j:
                    off += deduction[j]
                    if not waiting:
                        other, size2, slope2, waiting = lane, size, held * slope[j], True
                        continue
                    waiting = False
                    if begun:
                        add_two(
                            equity, need, price[other, first:last], price[lane, first:last], size2, size, slope2,
                            held * slope[j],
                        )  # fmt: skip
                    else:
                        begin_two(
                            equity, need, price[other, first:last], price[lane, first:last], size2, size, slope2,
                            held * slope[j], cash[a],
                        )  # fmt: skip
                        begun = True
                    continue
                if not begun:
                    begin_none(equity, need, cash[a])
                    begun = True
                if whole[lane]:
                    add_whole(equity, need, price[lane, first:last], size, slope, high, j, up)
                else:
                    add_marginal(equity, need, price[lane, first:last], size, slope, deduction, j, up)
            if not begun:
                begin_none(equity, need, cash[a])
            if waiting:
                add_one(equity, need, price[other, first:last], size2, slope2)
            lowest = lowest_margin(equity, need, off)
            worst[a] = min(worst[a], lowest)
            if lowest <= 0.0:
                for s in range(min(BLOCK, count - first)):
                    if need[s] <= 0.0:
                        value = worth[currency[a], first + s]
                        liquidated[first + s] += 1.0
                        hits[a] += 1
                        shortfall[first + s] -= need[s] * value
                        lost[a] -= need[s] * value
                        if equity[s] < 0.0:
                            insurance[first + s] -= equity[s] * value
