"""Revaluation of every pool at given prices. Twin: `twin.revalue`.

What makes it fast: the tier is kept with the position and only checked; a tier's numbers stand side by side; leverages
are places in a short table, since accounts use few; indices are unsigned, so that no code for negative ones is made.
"""

import numpy as np

from crossmargin.fleet.arrays import Codes, Floats, Ints
from crossmargin.fleet.jit import inlined, kernel

__all__ = ["LIQUIDATION", "SAFE", "UNDECIDED", "WARNING", "revalue", "verdict"]

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


@kernel
def revalue(
    bounds: Ints, row: Codes, quantity: Floats, rate: Codes, rates: Floats, cash: Floats, slack: Floats, price: Floats,
    tiers: Floats, shift: int, warn: float, unit_error: float,
    equity: Floats, initial: Floats, required: Floats, ratio: Floats, status: Codes,
) -> None:  # fmt: skip
    """Equity, initial margin, requirement, ratio and status of every pool; the last five arguments are written."""
    one, two, three, by = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(shift)
    last = np.uint64(bounds[0])
    for a in range(cash.size):
        worth, gross, start_margin, need = cash[a], abs(cash[a]), 0.0, 0.0
        first, last = last, np.uint64(bounds[a + 1])
        for k in range(first, last):
            j = np.uint64(row[k])
            value = quantity[k] * price[j >> by]
            size = abs(value)
            t = j << two
            if size < tiers[t + two] or size > tiers[t + three]:
                while size < tiers[t + two]:
                    t -= FIELDS
                while size > tiers[t + three]:
                    t += FIELDS
                row[k] = t >> two
                if size < tiers[t + two]:
                    need += np.nan
            worth += value
            gross += size
            start_margin += rates[np.uint64(rate[k])] * size
            need += tiers[t] * size - tiers[t + one]
        error = slack[a] + unit_error * (np.float64(last - first) + 20.0) * gross
        equity[a] = worth
        initial[a] = start_margin
        required[a] = need
        ratio[a] = worth / need
        status[a] = verdict(worth, need, warn, error)
