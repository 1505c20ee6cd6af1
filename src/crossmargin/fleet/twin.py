"""The kernels again in plain Python, one line a thought: what the tests hold the fast ones against."""

from itertools import pairwise
from math import inf, isnan, nan

import numpy as np

from crossmargin.fleet.arrays import UNIT, Floats
from crossmargin.fleet.pack import Fleet
from crossmargin.fleet.tables import WORTH

__all__ = ["Valued", "figures", "requirement", "revalue", "stress", "verdict"]

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
    equity, initial, required, error = figures(fleet, price, pool)
    if fleet.sharing.used and error > 0 and not required > error and not equity > error:
        return equity, initial, required, 3
    return equity, initial, required, verdict(equity, required, warn=fleet.warn, error=error)


def figures(fleet: Fleet, price: Floats, pool: int) -> tuple[float, float, float, float]:
    """Equity, initial margin, requirement and certified error of one pool."""
    first, last = int(fleet.bounds[pool]), int(fleet.bounds[pool + 1])
    if fleet.sharing.used:
        return shared(fleet, price, pool, range(first, last))
    equity, initial, required, gross = positions(fleet, price, float(fleet.cash[pool]), range(first, last))
    return equity, initial, required, float(fleet.slack[pool]) + fleet.unit_error * (2 * (last - first) + 20) * gross


def shared(fleet: Fleet, price: Floats, pool: int, held: range) -> tuple[float, float, float, float]:
    """The same of a pool whose currencies share collateral: currency by currency, each from its head on."""
    lanes = [int(fleet.row[k]) >> fleet.tables.shift for k in held]
    heads = [k for k, lane in zip(held, lanes, strict=True) if fleet.sharing.head[lane]]
    parts = [currency(fleet, price, k, range(k + 1, end)) for k, end in pairwise([*heads, held.stop])]
    parts.append(alone(fleet, price, pool, range(held.start, heads[0] if heads else held.stop)))
    equity, initial, required, error = (sum(each) for each in zip(*parts, strict=True))
    return equity, initial, required, error


def alone(fleet: Fleet, price: Floats, pool: int, held: range) -> tuple[float, float, float, float]:
    """What stands before the first head: nothing, or a pool in its own currency."""
    equity, initial, required, gross = positions(fleet, price, float(fleet.cash[pool]), held)
    error = float(fleet.slack[pool]) + fleet.unit_error * (2 * len(held) + 40) * gross
    return equity, initial, required, error


def positions(fleet: Fleet, price: Floats, cash: float, held: range) -> tuple[float, float, float, float]:
    """Equity, initial margin, requirement and gross value of cash and some positions."""
    equity, initial, required, gross = cash, 0.0, 0.0, abs(cash)
    for k in held:
        row = int(fleet.row[k])
        amount = float(fleet.quantity[k] * price[row >> fleet.tables.shift])
        equity += amount * float(fleet.sharing.weight[row >> fleet.tables.shift])
        gross += abs(amount)
        initial += float(fleet.rates[fleet.rate[k]]) * abs(amount)
        required += requirement(fleet, row, abs(amount))
    return equity, initial, required, gross


def currency(fleet: Fleet, price: Floats, head: int, held: range) -> tuple[float, float, float, float]:
    """One currency of a pool, in USD."""
    sharing, lane, cash = fleet.sharing, int(fleet.row[head]) >> fleet.tables.shift, float(fleet.quantity[head])
    equity, initial, required, gross = positions(fleet, price, cash, held)
    pool = int(np.searchsorted(fleet.bounds, head, side="right")) - 1
    count = 2 * (int(fleet.bounds[pool + 1]) - int(fleet.bounds[pool])) + 40
    worth = equity if sharing.in_full else counted(fleet, lane, equity)
    blur = float(fleet.blur[head])
    if sharing.margined and -equity > -(near := blur + 1.01 * UNIT * count * gross):
        needs, begins = loan(fleet, lane, -equity, near)
        required, initial = required + needs, initial + begins
    p = float(price[lane])
    return p * worth, p * initial, p * required, p * (blur * sharing.steepest + fleet.unit_error * count * gross)


def counted(fleet: Fleet, lane: int, amount: float) -> float:
    """How much of an amount counts."""
    sharing = fleet.sharing
    if amount <= 0:
        return amount * float(sharing.debt[lane])
    mine = range(*sharing.slices[lane].tolist())
    begun = [s for s in mine if sharing.start[s] <= amount]
    if not begun:
        return nan
    return float(sharing.value[begun[-1]] + (amount - sharing.start[begun[-1]]) * sharing.rate[begun[-1]])


def loan(fleet: Fleet, lane: int, owed: float, near: float) -> tuple[float, float]:
    """Maintenance and initial margin of a debt; NaN where its tier is not sure."""
    sharing = fleet.sharing
    mine = range(*sharing.loans[lane].tolist())
    if not mine:
        return nan, 0.0
    if owed <= 0:
        return 0.0, 0.0
    j = next((j for j in mine if owed <= sharing.bound[j] + near), mine[-1])
    if abs(owed - sharing.bound[j]) <= near:
        return nan, 0.0
    return owed * float(sharing.needs[j]), owed * float(sharing.begins[j])


def apart(fleet: Fleet, price: Floats, pool: int) -> float:
    """Value of a pool's options where the equity doesn't count it."""
    found = 0.0
    for k in range(int(fleet.bounds[pool]), int(fleet.bounds[pool + 1])):
        lane = int(fleet.row[k]) >> fleet.tables.shift
        if fleet.tables.lanes[lane].mode == WORTH and not fleet.sharing.weight[lane]:
            found += float(fleet.quantity[k] * price[lane])
    return found


def stress(fleet: Fleet, price: Floats, worth: Floats) -> tuple[list[float], list[float], list[int]]:
    """Shortfall, insurance need and pools liquidated by scenario, as `stress_kernels.stress`.

    `price` has a column for each scenario; `worth` the value of each pool's currency in it.
    """
    shortfall, insurance, liquidated = [], [], []
    for s in range(price.shape[1]):
        valued = revalue(fleet, price[:, s])
        hit = [
            (float(worth[pool, s]), equity, required, equity + apart(fleet, price[:, s], pool))
            for pool, (equity, _, required, _) in enumerate(valued)
            if fleet.bounds[pool + 1] > fleet.bounds[pool]
            and fleet.slack[pool] < inf
            and equity <= required
            and required
        ]
        shortfall.append(sum((required - equity) * value for value, equity, required, _ in hit))
        insurance.append(sum(-owned * value for value, _, _, owned in hit if owned < 0))
        liquidated.append(len(hit))
    return shortfall, insurance, liquidated
