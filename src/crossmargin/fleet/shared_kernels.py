"""Pools that share collateral between currencies: one account, in USD. Twin: `twin.shared`.

The entries of such a pool stand by currency. Each currency begins with a head: an entry in a lane of its own, whose
price is the currency's USD price and whose quantity is the pool's cash in it. With E = cash + sum quantity x of one
currency, p its USD price:

    worth       = sum p counted(E)          or, where PnL counts in full, sum p E with cash that is counted already
    requirement = sum p (sum slope n - deduction + loan(-E))

`counted` is linear by slices above zero, and counts a debt in full; `loan` is one rate of the whole debt, by its size.
A pool without a head (an isolated position) is in its own currency. Where slices or loan tiers are not known, or a
debt lies too near a bound, the requirement is NaN, which decides nothing.
"""

from typing import NamedTuple

import numpy as np

from crossmargin.fleet.arrays import UNIT, Bools, Codes, Floats, Ints
from crossmargin.fleet.jit import inlined, kernel
from crossmargin.fleet.kernels import UNDECIDED, verdict
from crossmargin.fleet.ladder_kernels import signed

__all__ = [
    "OPERATIONS",
    "Sharing",
    "counted",
    "evaluate_shared",
    "initial_shared",
    "loan_tier",
    "revalue_shared",
    "ruled",
]

OPERATIONS = 40.0


class Sharing(NamedTuple):
    """How currencies count; by lane, by slice, by tier of loans.

    Attributes:
        used: Whether any pool shares collateral or holds options; if not, nothing else is read.
        in_full: Whether PnL counts in full.
        margined: Whether a debt needs margin.
        head: By lane: whether it is a currency's.
        weight: By lane: whether what is held counts in the worth (1), or is only needed (0).
        debt: By lane: what one unit of debt counts.
        slices: By lane: first of its slices, and the end of the last.
        start: By slice: amount at which it begins.
        value: What all slices below it count together.
        rate: What one unit in it counts.
        loans: By lane: first of its loan tiers, and the end of the last.
        bound: By loan tier: largest debt.
        needs: Maintenance rate.
        begins: Initial rate.
        least: By lane: what one more unit of equity adds to D_c at least.
        most: And at most.
        steepest: The largest of all, over both thresholds.
    """

    used: bool
    in_full: bool
    margined: bool
    head: Bools
    weight: Floats
    debt: Floats
    slices: Ints
    start: Floats
    value: Floats
    rate: Floats
    loans: Ints
    bound: Floats
    needs: Floats
    begins: Floats
    least: Floats
    most: Floats
    steepest: float


@kernel
def counted(amount: float, lane: int, debt: Floats, slices: Ints, start: Floats, value: Floats, rate: Floats) -> float:
    """How much of an amount counts; NaN where that is not known."""
    if amount <= 0.0:
        return float(amount * debt[lane])
    s = slices[lane, 1] - 1
    if s < slices[lane, 0]:
        return np.nan
    while start[s] > amount:
        s -= 1
    return float(value[s] + (amount - start[s]) * rate[s])


@kernel
def loan_tier(owed: float, error: float, lane: int, loans: Ints, bound: Floats) -> int:
    """Tier of a debt; -1 where there is none, -2 where it is not known or too near a bound."""
    if owed <= -error:
        return -1
    j, last = loans[lane, 0], loans[lane, 1] - 1
    if j > last:
        return -2
    if owed <= 0.0:
        return -1
    while j < last and owed > bound[j] + error:
        j += 1
    return int(-2 if abs(owed - bound[j]) <= error else j)


@kernel
def closed(
    lane: int, p: float, equity: float, need: float, gross: float, blur: float, count: float,
    unit_error: float, sharing: Sharing,
) -> tuple[float, float, float]:  # fmt: skip
    """Worth, requirement and error of one currency, in USD; of a pool without a head, in its own currency."""
    if lane < 0:
        return equity, need, blur + unit_error * count * gross
    worth = equity
    if not sharing.in_full:
        worth = counted(equity, lane, sharing.debt, sharing.slices, sharing.start, sharing.value, sharing.rate)
    if sharing.margined:
        j = loan_tier(-equity, blur + 1.01 * UNIT * count * gross, lane, sharing.loans, sharing.bound)
        if j >= 0:
            need -= equity * sharing.needs[j]
        elif j < -1:
            need += np.nan
    return p * worth, p * need, p * (blur * sharing.steepest + unit_error * count * gross)


@kernel
def evaluate_shared(
    a: int, start: Ints, stop: Ints, row: Codes, quantity: Floats, blur: Floats, cash: Floats, slack: Floats,
    price: Floats, slope: Floats, deduction: Floats, low: Floats, high: Floats, shift: int, unit_error: float,
    sharing: Sharing,
) -> tuple[float, float, float]:  # fmt: skip
    """Worth, requirement and certified error of one pool."""
    count = 2.0 * (stop[a] - start[a]) + OPERATIONS
    all_worth, all_need, all_error = 0.0, 0.0, 0.0
    current, p, unsure = signed(-1), 1.0, slack[a]
    equity, need, gross = cash[a], 0.0, abs(cash[a])
    for k in range(start[a], stop[a]):
        j = signed(row[k])
        lane = j >> shift
        if sharing.head[lane]:
            worth, needed, error = closed(current, p, equity, need, gross, unsure, count, unit_error, sharing)
            all_worth, all_need, all_error = all_worth + worth, all_need + needed, all_error + error
            current, p, unsure = lane, price[lane], blur[k]
            equity, need, gross = quantity[k], 0.0, abs(quantity[k])
            continue
        value = quantity[k] * price[lane]
        size = abs(value)
        while size < low[j]:
            j -= 1
        while size > high[j]:
            j += 1
        row[k] = j
        if size < low[j]:
            need += np.nan
        equity += sharing.weight[lane] * value
        gross += size
        need += slope[j] * size - deduction[j]
    worth, needed, error = closed(current, p, equity, need, gross, unsure, count, unit_error, sharing)
    return all_worth + worth, all_need + needed, all_error + error


@kernel
def initial_shared(
    a: int, start: Ints, stop: Ints, row: Codes, quantity: Floats, blur: Floats, rate: Codes, rates: Floats,
    price: Floats, shift: int, sharing: Sharing,
) -> float:  # fmt: skip
    """Initial margin of one pool, that of its debts included."""
    total, margin, equity, gross, unsure, p, current = 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, signed(-1)
    count = 2.0 * (stop[a] - start[a]) + OPERATIONS
    for k in range(start[a], stop[a] + 1):
        lane = signed(row[k]) >> shift if k < stop[a] else signed(-1)
        if lane < 0 or sharing.head[lane]:
            if current >= 0 and sharing.margined:
                j = loan_tier(-equity, unsure + 1.01 * UNIT * count * gross, current, sharing.loans, sharing.bound)
                if j >= 0:
                    margin -= equity * sharing.begins[j]
            total += p * margin
            if lane >= 0:
                current, p, margin, unsure = lane, price[lane], 0.0, blur[k]
                equity, gross = quantity[k], abs(quantity[k])
            continue
        value = quantity[k] * price[lane]
        equity += sharing.weight[lane] * value
        gross += abs(value)
        margin += rates[rate[k]] * abs(value)
    return total


@inlined
def ruled(worth: float, need: float, warn: float, error: float) -> int:
    """Status of a pool that shares collateral: a debt of a hair needs something, none needs nothing, and decides."""
    if error > 0.0 and not need > error and not worth > error:  # so is a worth that is not known, NaN
        return UNDECIDED
    return verdict(worth, need, warn, error)


@kernel
def revalue_shared(
    bounds: Ints, row: Codes, quantity: Floats, blur: Floats, rate: Codes, rates: Floats, cash: Floats, slack: Floats,
    price: Floats, slope: Floats, deduction: Floats, low: Floats, high: Floats, shift: int, warn: float,
    unit_error: float, sharing: Sharing,
    equity: Floats, initial: Floats, required: Floats, ratio: Floats, status: Codes, error: Floats,
) -> None:  # fmt: skip
    """As `kernels.revalue`, and the certified error of each pool; the last six arguments are written."""
    start, stop = bounds[:-1], bounds[1:]
    for a in range(cash.size):
        worth, need, unsure = evaluate_shared(
            a, start, stop, row, quantity, blur, cash, slack, price, slope, deduction, low, high, shift, unit_error,
            sharing,
        )  # fmt: skip
        equity[a], required[a], ratio[a], error[a] = worth, need, worth / need, unsure
        initial[a] = initial_shared(
            a, start, stop, row, quantity, blur, rate, rates, price, shift, sharing
        )  # fmt: skip
        status[a] = ruled(worth, need, warn, unsure)
