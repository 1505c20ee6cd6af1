"""Every pool under every scenario. Twin: `twin.stress`.

What counts is the margin, equity less requirement: a position that stays in its tier is one multiply-add a scenario.
Only tiers that a position can reach within the scenarios are evaluated, mostly one. Positions go five by five, and
loops touch few arrays each, so that they vectorise. Equity by itself is worked out only where it could be gone too.
"""

import numpy as np

from crossmargin.fleet.arrays import Bools, Codes, Floats, Ints
from crossmargin.fleet.jit import lesser, relaxed
from crossmargin.fleet.ladder_kernels import signed

__all__ = ["BLOCK", "stress"]

BLOCK = 512
FIVE = 5


@relaxed
def begin_five(
    values: Floats, amount: float, one: Floats, two: Floats, three: Floats, four: Floats, five: Floats, rate: Floats
) -> None:
    """An amount and five products, over whatever the array held."""
    rate1, rate2, rate3, rate4, rate5 = rate[0], rate[1], rate[2], rate[3], rate[4]
    for s in range(values.size):
        values[s] = amount + rate1 * one[s] + rate2 * two[s] + rate3 * three[s] + rate4 * four[s] + rate5 * five[s]


@relaxed
def add_five(values: Floats, one: Floats, two: Floats, three: Floats, four: Floats, five: Floats, rate: Floats) -> None:
    """Five products more."""
    rate1, rate2, rate3, rate4, rate5 = rate[0], rate[1], rate[2], rate[3], rate[4]
    for s in range(values.size):
        values[s] += rate1 * one[s] + rate2 * two[s] + rate3 * three[s] + rate4 * four[s] + rate5 * five[s]


@relaxed
def weigh(values: Floats, amount: float, block: Floats, lane: Ints, rate: Floats, count: int) -> None:
    """An amount and the sum of rate x price of the first `count` lanes; up to five places behind them are written."""
    while count % FIVE or not count:
        lane[count], rate[count] = lane[0], 0.0
        count += 1
    for k in range(0, count, FIVE):
        one, two, three, four, five = (
            block[lane[k]], block[lane[k + 1]], block[lane[k + 2]], block[lane[k + 3]], block[lane[k + 4]]
        )  # fmt: skip
        if k == 0:
            begin_five(values, amount, one, two, three, four, five, rate)
        else:
            add_five(values, one, two, three, four, five, rate[k:])


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
def lowest_of(values: Floats) -> float:
    """The least of them."""
    least = np.inf
    for s in range(values.size):
        least = lesser(least, values[s])
    return float(least)


@relaxed
def sort_out(
    first: int, last: int, row: Codes, quantity: Floats, least: Floats, most: Floats, slope: Floats, deduction: Floats,
    low: Floats, high: Floats, shift: int, lanes: Ints, rates: Floats, crossing: Ints,
) -> tuple[float, float, int, int]:  # fmt: skip
    """Split a pool's positions: those that stay in their tiers give lanes and rates, the others position and tiers.

    Returns deductions and least requirement of the first, and how many there are of each.
    """
    off, floor, staying, crosses = 0.0, 0.0, 0, 0
    for k in range(first, last):
        j = signed(row[k])
        lane, held = j >> shift, abs(quantity[k])
        while held * least[lane] < low[j]:
            j -= 1
        while held * least[lane] > high[j]:
            j += 1
        up = j
        while held * most[lane] > high[up]:
            up += 1
        if up == j:
            off += deduction[j]
            floor += held * slope[j] * least[lane] - deduction[j]
            lanes[staying], rates[staying] = lane, quantity[k] - held * slope[j]
            staying += 1
        else:
            crossing[crosses, 0], crossing[crosses, 1], crossing[crosses, 2] = k, j, up
            crosses += 1
    return off, floor, staying, crosses


@relaxed
def add_losses(margin: Floats, off: float, value: Floats, shortfall: Floats, liquidated: Floats) -> tuple[float, float]:
    """What a pool lacks, by scenario; returns the sum and in how many scenarios."""
    loss, count = 0.0, 0.0
    for s in range(value.size):
        lacking = -(margin[s] + off)
        hit = 1.0 if lacking >= 0.0 else 0.0
        usd = lacking * value[s] * hit
        shortfall[s] += usd
        liquidated[s] += hit
        loss += usd
        count += hit
    return loss, count


@relaxed
def add_insurance(equity: Floats, value: Floats, insurance: Floats) -> None:
    """What a pool owes when all is lost, by scenario."""
    for s in range(value.size):
        insurance[s] -= lesser(equity[s], 0.0) * value[s]


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
    largest = 0
    for a in range(cash.size):
        largest = max(largest, stop[a] - start[a])
    lanes, rates = np.zeros(largest + FIVE, np.int64), np.empty(largest + FIVE)
    crossing = np.empty((largest, 3), np.int64)
    values = np.empty(BLOCK)
    block = np.empty((price.shape[0], BLOCK))  # rows one after another: rows of the whole table share their cache lines
    for first in range(0, price.shape[1], BLOCK):
        last = min(first + BLOCK, count)
        block[:, :] = price[:, first : first + BLOCK]
        for a in range(cash.size):
            if skipped[a]:
                continue
            off, floor, staying, crosses = sort_out(
                start[a], stop[a], row, quantity, least, most, slope, deduction, low, high, shift, lanes, rates,
                crossing,
            )  # fmt: skip
            weigh(values, cash[a], block, lanes, rates, staying)
            for c in range(crosses):
                k, down, up = crossing[c, 0], crossing[c, 1], crossing[c, 2]
                if whole[down >> shift]:
                    add_whole(values, block[down >> shift], quantity[k], slope, high, down, up)
                else:
                    add_marginal(values, block[down >> shift], quantity[k], slope, deduction, down, up)
            lowest = lowest_of(values) + off
            worst[a] = min(worst[a], lowest)
            if lowest > 0.0:
                continue
            value = worth[currency[a], first:last]
            loss, hit = add_losses(values, off, value, shortfall[first:last], liquidated[first:last])
            lost[a] += loss
            hits[a] += int(hit)
            if lowest < -floor:
                held = stop[a] - start[a]
                for k in range(held):
                    lanes[k], rates[k] = signed(row[start[a] + k]) >> shift, quantity[start[a] + k]
                weigh(values, cash[a], block, lanes, rates, held)
                add_insurance(values, value, insurance[first:last])
