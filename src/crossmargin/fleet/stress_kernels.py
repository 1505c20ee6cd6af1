"""Every pool under every scenario. Twin: `twin.stress`.

What counts is the margin, equity less requirement: a position that stays in its tier is one multiply-add a scenario.
Only tiers that a position can reach within the scenarios are evaluated, mostly one. Positions go three by three, and
loops touch few arrays each, so that they vectorise. Equity by itself is worked out only where the margin is gone.
"""

import numpy as np

from crossmargin.fleet.arrays import Bools, Codes, Floats, Ints
from crossmargin.fleet.jit import relaxed
from crossmargin.fleet.ladder_kernels import signed

__all__ = ["BLOCK", "stress"]

BLOCK = 512


@relaxed
def begin(margin: Floats, cash: float) -> None:
    """No position yet."""
    for s in range(margin.size):
        margin[s] = cash


@relaxed
def begin_three(
    margin: Floats, price: Floats, price2: Floats, price3: Floats, rate: float, rate2: float, rate3: float, cash: float
) -> None:
    """The first three positions of a pool, over whatever the array held."""
    for s in range(margin.size):
        margin[s] = cash + rate * price[s] + rate2 * price2[s] + rate3 * price3[s]


@relaxed
def add_three(
    margin: Floats, price: Floats, price2: Floats, price3: Floats, rate: float, rate2: float, rate3: float
) -> None:
    """Three positions that stay in their tiers."""
    for s in range(margin.size):
        margin[s] += rate * price[s] + rate2 * price2[s] + rate3 * price3[s]


@relaxed
def add_two(margin: Floats, price: Floats, price2: Floats, rate: float, rate2: float) -> None:
    """Two of them."""
    for s in range(margin.size):
        margin[s] += rate * price[s] + rate2 * price2[s]


@relaxed
def add_one(margin: Floats, price: Floats, rate: float) -> None:
    """One of them."""
    for s in range(margin.size):
        margin[s] += rate * price[s]


@relaxed
def add_marginal(
    margin: Floats, price: Floats, size: float, slope: Floats, deduction: Floats, down: int, up: int
) -> None:
    """A position that may cross bounds: its requirement is the largest of the tiers' lines."""
    held = abs(size)
    if up == down + 1:
        rate, rate2 = size - held * slope[down], size - held * slope[up]
        off, off2 = deduction[down], deduction[up]
        for s in range(margin.size):
            one, other = rate * price[s] + off, rate2 * price[s] + off2
            margin[s] += one if one < other else other
        return
    for s in range(margin.size):
        most = slope[down] * held * price[s] - deduction[down]
        for j in range(down + 1, up + 1):
            line = slope[j] * held * price[s] - deduction[j]
            most = line if line > most else most
        margin[s] += size * price[s] - most


@relaxed
def add_whole(margin: Floats, price: Floats, size: float, slope: Floats, high: Floats, down: int, up: int) -> None:
    """A position whose one rate jumps at bounds."""
    held = abs(size)
    for s in range(margin.size):
        value, j = held * price[s], down
        while j < up and value > high[j]:
            j += 1
        margin[s] += size * price[s] - slope[j] * value


@relaxed
def lowest_of(margin: Floats) -> float:
    """The least margin; eight at a time, since each minimum waits for the one before it."""
    a, b, c, d = margin[0], margin[1], margin[2], margin[3]
    e, f, g, h = margin[4], margin[5], margin[6], margin[7]
    for s in range(0, margin.size, 8):
        a = margin[s] if margin[s] < a else a
        b = margin[s + 1] if margin[s + 1] < b else b
        c = margin[s + 2] if margin[s + 2] < c else c
        d = margin[s + 3] if margin[s + 3] < d else d
        e = margin[s + 4] if margin[s + 4] < e else e
        f = margin[s + 5] if margin[s + 5] < f else f
        g = margin[s + 6] if margin[s + 6] < g else g
        h = margin[s + 7] if margin[s + 7] < h else h
    return float(min(a, b, c, d, e, f, g, h))


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
    margin = np.empty(BLOCK)
    block = np.empty((price.shape[0], BLOCK))  # rows one after another: rows of the whole table share their cache lines
    for first in range(0, price.shape[1], BLOCK):
        last = first + BLOCK
        block[:, :] = price[:, first:last]
        for a in range(cash.size):
            if skipped[a]:
                continue
            off, begun, waiting = 0.0, False, 0
            lane1, lane2, rate1, rate2 = 0, 0, 0.0, 0.0
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
                    rate = size - held * slope[j]
                    waiting += 1
                    if waiting == 1:
                        lane1, rate1 = lane, rate
                    elif waiting == 2:  # noqa: PLR2004 - the second of three
                        lane2, rate2 = lane, rate
                    else:
                        rows = block[lane1], block[lane2], block[lane]
                        if begun:
                            add_three(margin, rows[0], rows[1], rows[2], rate1, rate2, rate)
                        else:
                            begin_three(margin, rows[0], rows[1], rows[2], rate1, rate2, rate, cash[a])
                        begun, waiting = True, 0
                    continue
                if not begun:
                    begin(margin, cash[a])
                    begun = True
                if whole[lane]:
                    add_whole(margin, block[lane], size, slope, high, j, up)
                else:
                    add_marginal(margin, block[lane], size, slope, deduction, j, up)
            if not begun:
                begin(margin, cash[a])
            if waiting == 1:
                add_one(margin, block[lane1], rate1)
            elif waiting:
                add_two(margin, block[lane1], block[lane2], rate1, rate2)
            lowest = lowest_of(margin) + off
            worst[a] = min(worst[a], lowest)
            if lowest <= 0.0:
                for s in range(first, min(last, count)):
                    lacking = -(margin[s - first] + off)
                    if lacking >= 0.0:
                        value = worth[currency[a], s]
                        liquidated[s] += 1.0
                        hits[a] += 1
                        shortfall[s] += lacking * value
                        lost[a] += lacking * value
                        equity = cash[a]
                        for k in range(start[a], stop[a]):
                            equity += quantity[k] * price[signed(row[k]) >> shift, s]
                        if equity < 0.0:
                            insurance[s] -= equity * value
