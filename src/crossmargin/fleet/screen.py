"""screen(fleet, marks): every pool at given marks, no decision wrong.

The kernel decides what it can within its certified error, `margin.assess` the rest.
"""

from dataclasses import dataclass

import numpy as np

from crossmargin.domain.marks import Marks
from crossmargin.fleet.arrays import Codes, Floats, Ints
from crossmargin.fleet.exact import decide
from crossmargin.fleet.pack import Fleet, prices

__all__ = ["STATUSES", "Screen", "screen"]

STATUSES = ("safe", "warning", "liquidation")
UNDECIDED = 3


@dataclass(frozen=True, slots=True)
class Screen:
    """Figures of every pool.

    Attributes:
        fleet: What was screened.
        equity: What supports the pool: balance, or isolated margin, and floating PnL.
        initial: Initial margin.
        required: Maintenance margin and closing fee.
        ratio: equity / required; infinite or NaN where nothing is required.
        status: 0 safe, 1 warning, 2 liquidation.
        exactly: Pools that `margin.assess` decided.
    """

    fleet: Fleet
    equity: Floats
    initial: Floats
    required: Floats
    ratio: Floats
    status: Codes
    exactly: Ints

    def accounts(self) -> Codes:
        """Status of each account: that of its worst pool."""
        worst = np.zeros(len(self.fleet.columns), np.uint8)
        np.maximum.at(worst, self.fleet.owner, self.status)
        return worst


def screen(fleet: Fleet, marks: Marks) -> Screen:
    """Revalue and judge every pool.

    Raises:
        MissingDataError: an instrument that is held has no mark.
    """
    found = revalued(fleet, prices(fleet, marks))
    exactly = np.flatnonzero(found.status == UNDECIDED)
    for pool in exactly.tolist():
        figures = decide(fleet, pool, marks)
        found.equity[pool], found.initial[pool], found.required[pool], found.status[pool] = figures
        found.ratio[pool] = figures.equity / figures.required if figures.required else np.inf
    return Screen(fleet, found.equity, found.initial, found.required, found.ratio, found.status, exactly)


def revalued(fleet: Fleet, price: Floats) -> Screen:
    """What the kernel says alone: status 3 is undecided."""
    from crossmargin.fleet.kernels import revalue
    from crossmargin.fleet.shared_kernels import revalue_shared

    tables, count = fleet.tables, len(fleet)
    equity, initial, required, ratio, error = (np.empty(count) for _ in range(5))
    status = np.empty(count, np.uint8)
    if fleet.sharing.used:
        revalue_shared(
            fleet.bounds.astype(np.int64), fleet.row, fleet.quantity, fleet.blur, fleet.rate, fleet.rates, fleet.cash,
            fleet.slack, price, tables.slope, tables.deduction, tables.low, tables.high, tables.shift, fleet.warn,
            fleet.unit_error, fleet.sharing, equity, initial, required, ratio, status, error,
        )  # fmt: skip
    else:
        revalue(
            fleet.bounds, fleet.row, fleet.quantity, fleet.rate, fleet.rates, fleet.cash, fleet.slack, fleet.deducted,
            price, tables.rows, tables.deduction, tables.shift, fleet.warn, fleet.unit_error, fleet.largest,
            tables.least_rate, equity, initial, required, ratio, status,
        )  # fmt: skip
    return Screen(fleet, equity, initial, required, ratio, status, np.empty(0, np.int64))
