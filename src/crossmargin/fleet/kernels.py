"""Revaluation of every pool at given prices. Twin: `twin.revalue`.

What makes it fast: the tier is kept with the position and only checked; indices are unsigned, so that no code for
negative ones is made; the arrays of one position stand side by side in memory order.
"""

import numpy as np

from crossmargin.fleet.arrays import Bools, Codes, Floats, Ints
from crossmargin.fleet.jit import inlined, kernel

__all__ = ["LIQUIDATION", "SAFE", "UNDECIDED", "WARNING", "revalue", "verdict"]

SAFE, WARNING, LIQUIDATION, UNDECIDED = range(4)


@inlined
def verdict(equity: float, required: float, warn: float, error: float) -> int:
    """Status of a pool, UNDECIDED where the error of its figures could change it.

    A comparison with NaN is false, so a requirement between two tiers, which is NaN, decides nothing.
    """
    over, over_warning = equity - required, equity - warn * required
    if abs(over) > error and abs(over_warning) > error:
        return int(over <= 0.0) + int(over_warning <= 0.0)
    if required == 0.0 and error < np.inf:
        return 0
    return 3


@kernel
def revalue(
    start: Ints, stop: Ints, row: Codes, quantity: Floats, rate: Floats, cash: Floats, slack: Floats, price: Floats,
    slope: Floats, deduction: Floats, low: Floats, high: Floats, shift: int, warn: float, unit_error: float,
    equity: Floats, initial: Floats, required: Floats, ratio: Floats, status: Codes,
) -> None:  # fmt: skip
    """Equity, initial margin, requirement, ratio and status of every pool; the last five arguments are written."""
    one, by = np.uint64(1), np.uint64(shift)
    for a in range(cash.size):
        worth, gross, start_margin, need = cash[a], abs(cash[a]), 0.0, 0.0
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
            start_margin += rate[k] * size
            need += slope[j] * size - deduction[j]
        error = slack[a] + unit_error * (np.float64(last - first) + 20.0) * gross
        equity[a] = worth
        initial[a] = start_margin
        required[a] = need
        ratio[a] = worth / need
        status[a] = verdict(worth, need, warn, error)


def all_decided(status: Codes) -> Bools:
    """Which pools were decided in floats."""
    decided: Bools = status != UNDECIDED
    return decided
