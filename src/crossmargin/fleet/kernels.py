"""Revaluation of every pool at given prices. Twin: `twin.revalue`.

What makes it fast: the tier is kept with the position and only checked, and what the kept tiers deduct is kept with the
pool; a tier's numbers stand side by side, its price among them; leverages are places in a short table, since accounts
use few; indices are unsigned, so that no code for negative ones is made. For most pools a bound is enough that needs no
sum of its own; only the few that it leaves undecided add up their gross value.
"""

import numpy as np

from crossmargin.fleet.arrays import Codes, Floats
from crossmargin.fleet.jit import fused, inlined

__all__ = ["LIQUIDATION", "SAFE", "UNDECIDED", "WARNING", "deductions", "revalue", "verdict", "write_prices"]

SAFE, WARNING, LIQUIDATION, UNDECIDED = range(4)
FIELDS = np.uint64(4)


@inlined
def verdict(equity: float, required: float, warn: float, error: float) -> int:
    """Status of a pool, UNDECIDED where the error of its figures could change it.

    Nobody is due who needs nothing, whatever he owes. A comparison with NaN is false, so a requirement between two
    tiers, which is NaN, decides nothing.
    """
    over, over_warning = equity - required, equity - warn * required
    if abs(over) > error and abs(over_warning) > error:
        return (int(over <= 0.0) + int(over_warning <= 0.0)) * int(required != 0.0)
    if required == 0.0 and error < np.inf:
        return 0
    return 3


@fused
def write_prices(tiers: Floats, price: Floats, shift: int) -> None:
    """The price of its lane into each row."""
    for j in range(tiers.size >> 2):
        tiers[np.uint64(j) * FIELDS] = price[j >> shift]


@fused
def gross_value(first: int, last: int, row: Codes, quantity: Floats, tiers: Floats) -> float:
    """Sum of the positions' values, whichever their sides."""
    gross = 0.0
    for k in range(first, last):
        gross += abs(quantity[k]) * tiers[np.uint64(row[k]) * FIELDS]
    return gross


@fused
def deductions(first: int, last: int, row: Codes, deduction: Floats) -> float:
    """Sum of what the positions' tiers deduct."""
    total = 0.0
    for k in range(first, last):
        total += deduction[row[k]]
    return total


@fused
def revalue(
    bounds: Codes, row: Codes, quantity: Floats, rate: Codes, rates: Floats, cash: Floats, slack: Floats,
    deducted: Floats, price: Floats, tiers: Floats, deduction: Floats, shift: int,
    warn: float, unit_error: float, largest: int, least_rate: float,
    equity: Floats, initial: Floats, required: Floats, ratio: Floats, status: Codes,
) -> None:  # fmt: skip
    """Equity, initial margin, requirement, ratio and status of every pool; the last five arguments are written.

    So are `row` and `deducted`, where a position has left its tier, and the first of the four fields of `tiers`, the
    price. A pool of such a position has NaN for its deductions until they are added up again, which decides nothing.
    `largest` is the most positions of a pool, `least_rate` the least requirement of a unit of value.
    """
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    write_prices(tiers, price, shift)
    each = unit_error * (2.0 * largest + 20.0)
    last = np.uint64(bounds[0])
    for a in range(cash.size):
        worth, margin, need = cash[a], 0.0, 0.0
        error = slack[a] + each * abs(worth)
        first, last = last, np.uint64(bounds[a + 1])
        for k in range(first, last):
            t = np.uint64(row[k]) << two
            value = quantity[k] * tiers[t]
            size = abs(value)
            if size < tiers[t + two] or size > tiers[t + three]:
                while size < tiers[t + two]:
                    t -= FIELDS
                while size > tiers[t + three]:
                    t += FIELDS
                row[k], deducted[a] = t >> two, np.nan
                if size < tiers[t + two]:
                    need += np.nan
            worth += value
            margin += rates[np.uint64(rate[k])] * size
            need += tiers[t + one] * size
        held = need - deducted[a]
        equity[a], initial[a], required[a], ratio[a] = worth, margin, held, worth / held
        error += each / least_rate * abs(held)
        if worth - warn * held > error:
            status[a] = SAFE
            continue
        status[a] = verdict(worth, held, warn, error)
        if status[a] == UNDECIDED:
            deducted[a] = deductions(int(first), int(last), row, deduction)
            held = need - deducted[a]
            gross = abs(cash[a]) + gross_value(int(first), int(last), row, quantity, tiers)
            required[a], ratio[a] = held, worth / held
            count = 2.0 * np.float64(last - first) + 20.0
            status[a] = verdict(worth, held, warn, slack[a] + unit_error * count * gross)
