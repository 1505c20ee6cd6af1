"""The kernels again in plain Python, one line a thought: what the tests hold the fast ones against."""

from math import inf, isnan, nan

from crossmargin.fleet.arrays import Floats
from crossmargin.fleet.pack import Fleet

__all__ = ["Valued", "requirement", "revalue", "stress", "verdict"]

Valued = tuple[float, float, float, int]
"""Equity, initial margin, requirement, status."""


def verdict(equity: float, required: float, *, warn: float, error: float) -> int:
    """0 safe, 1 warning, 2 liquidation, 3 undecided."""
    if required == 0 and error < inf:
        return 0
    if isnan(required) or abs(equity - required) <= error or abs(equity - warn * required) <= error:
        return 3
    if equity <= required:
        return 2
    return 1 if equity <= warn * required else 0


def requirement(fleet: Fleet, row: int, size: float) -> float:
    """Maintenance margin and closing fee of a value, in the row that holds it; NaN between two rows."""
    tables = fleet.tables
    lane = row >> tables.shift
    rows = range(lane << tables.shift, (lane + 1) << tables.shift)
    if tables.high[row] == inf and tables.low[row] == 0.0:
        return float(tables.slope[row] * size - tables.deduction[row])
    for each in rows:
        if tables.low[each] <= size <= tables.high[each]:
            return float(tables.slope[each] * size - tables.deduction[each])
    return nan


def revalue(fleet: Fleet, price: Floats) -> list[Valued]:
    """Every pool, as `kernels.revalue`."""
    return [value(fleet, price, pool) for pool in range(len(fleet))]


def value(fleet: Fleet, price: Floats, pool: int) -> Valued:
    """One pool."""
    equity = float(fleet.cash[pool])
    gross, initial, required = abs(equity), 0.0, 0.0
    held = range(int(fleet.start[pool]), int(fleet.stop[pool]))
    for k in held:
        row = int(fleet.row[k])
        amount = float(fleet.quantity[k] * price[row >> fleet.tables.shift])
        equity += amount
        gross += abs(amount)
        initial += float(fleet.rates[fleet.rate[k]]) * abs(amount)
        required += requirement(fleet, row, abs(amount))
    error = float(fleet.slack[pool]) + fleet.unit_error * (len(held) + 20) * gross
    return equity, initial, required, verdict(equity, required, warn=fleet.warn, error=error)


def stress(fleet: Fleet, price: Floats, worth: Floats) -> tuple[list[float], list[float], list[int]]:
    """Shortfall, insurance need and pools liquidated by scenario, as `stress_kernels.stress`.

    `price` has a column for each scenario; `worth` the value of each pool's currency in it.
    """
    shortfall, insurance, liquidated = [], [], []
    for s in range(price.shape[1]):
        valued = revalue(fleet, price[:, s])
        hit = [
            (float(worth[pool, s]), equity, required)
            for pool, (equity, _, required, _) in enumerate(valued)
            if fleet.stop[pool] > fleet.start[pool] and fleet.slack[pool] < inf and equity <= required
        ]
        shortfall.append(sum((required - equity) * value for value, equity, required in hit))
        insurance.append(sum(-equity * value for value, equity, _ in hit if equity < 0))
        liquidated.append(len(hit))
    return shortfall, insurance, liquidated
