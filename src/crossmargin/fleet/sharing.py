"""What collateral counts and debts need, as arrays; and the heads that begin each currency of a pool."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from crossmargin.domain.account import MarginMode
from crossmargin.domain.arithmetic import ONE, ZERO, exact
from crossmargin.fleet.arrays import UNIT, Codes, Floats, Ints
from crossmargin.fleet.shared_kernels import Sharing
from crossmargin.fleet.tables import BASE, CURRENCY, FEE, INITIAL, MARK, WORTH, Lane
from crossmargin.rulebook.collateral import Collateral
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.rules import Rules
from crossmargin.rulebook.tiers import Tier

__all__ = ["Heads", "heads_of", "sharing_of"]

SLACK = 1.01 * UNIT


class Heads(NamedTuple):
    """One entry for each currency that a pool has cash or positions in.

    Attributes:
        pool: Its pool.
        currency: Its currency.
        cash: Balance, or where PnL counts in full what counts of it, less the cost of the positions.
        blur: Largest error of that.
    """

    pool: Ints
    currency: Ints
    cash: Floats
    blur: Floats


def heads_of(
    balances: tuple[Ints, Ints, Floats], positions: tuple[Ints, Ints, Floats], lanes: Ints, sharing: Sharing
) -> Heads:
    """Heads of all pools that share collateral, by pool and currency.

    Args:
        balances: Pool, currency and amount of each balance.
        positions: Pool, currency and cost of each position.
        lanes: Lane of each currency.
        sharing: How currencies count.
    """
    held, currencies = balances[2] != 0.0, len(lanes)
    pool, currency, amounts = (each[held] for each in balances)
    keys = np.concatenate([pool * currencies + currency, positions[0] * currencies + positions[1]])
    known, place = np.unique(keys, return_inverse=True)
    count = len(known)
    own, spent = place[: len(pool)], place[len(pool) :]
    gross = np.bincount(own, np.abs(amounts), count) + np.bincount(spent, np.abs(positions[2]), count)
    if sharing.in_full:
        amounts = _counted(amounts, lanes[currency], sharing)
        gross += np.bincount(own, np.abs(amounts), count)
    cash = np.bincount(own, amounts, count).astype(np.float64) - np.bincount(spent, positions[2], count)
    blur = SLACK * (np.bincount(spent, minlength=count) + 20) * gross
    return Heads(known // currencies, known % currencies, cash, blur)


def _counted(amounts: Floats, lane: Ints, sharing: Sharing) -> Floats:
    """How much of each amount counts; NaN where that is not known."""
    found = amounts * sharing.debt[lane]
    for each in np.unique(lane).tolist():
        mine = np.flatnonzero((lane == each) & (amounts > 0.0))
        first, last = sharing.slices[each].tolist()
        if first == last:
            found[mine] = np.nan
            continue
        at = first + np.searchsorted(sharing.start[first:last], amounts[mine], side="right") - 1
        found[mine] = sharing.value[at] + (amounts[mine] - sharing.start[at]) * sharing.rate[at]
    return found


def sharing_of(rulebook: Rulebook, lanes: Sequence[Lane], warn: float) -> Sharing:
    """Slices and loan tiers of each lane that is a currency's."""
    rules = rulebook.rules
    count, in_full, margined = len(lanes), rules.collateral_pnl == "in_full", rules.borrowing == "margined"
    debt, least, most = np.ones(count), np.ones(count), np.ones(count)
    slices, loans = np.zeros((count, 2), np.int64), np.zeros((count, 2), np.int64)
    starts: list[float] = []
    values: list[float] = []
    rates: list[float] = []
    tiers: list[Tier] = []
    for index, lane in enumerate(lanes):
        if lane.mode != CURRENCY:
            continue
        name = lane.instrument.settle
        known = rulebook.collateral.get(name)
        debt[index] = float(ONE if known is None else _buffered(known.ask_buffer))
        found = _slices(known)
        slices[index] = len(starts), len(starts) + len(found)
        for start, value, rate in found:
            starts, values, rates = [*starts, float(start)], [*values, float(value)], [*rates, float(rate)]
        table = rulebook.tiers.get(("borrow", name, MarginMode.CROSS)) if margined else None
        offered = table.tiers if table is not None else ()
        loans[index] = len(tiers), len(tiers) + len(offered)
        tiers += offered
        if not in_full:
            per_unit = [debt[index], *(float(rate) for _, _, rate in found)]
            least[index], most[index] = min(per_unit), max(per_unit)
        most[index] += warn * max((float(each.maintenance_rate) for each in offered), default=0.0)
    return Sharing(
        rules.pool_scope == "account" or any(lane.mode == WORTH for lane in lanes), in_full, margined,
        np.array([lane.mode == CURRENCY for lane in lanes], np.bool_),
        np.array([_weight(lane, rules) for lane in lanes]), debt, slices,
        np.array(starts), np.array(values), np.array(rates), loans,
        np.array([np.inf if each.up_to is None else float(each.up_to) for each in tiers]),
        np.array([float(each.maintenance_rate) for each in tiers]),
        np.array([float(each.initial_rate or 0) for each in tiers]),
        least, most, float(max(most.max(initial=1.0), debt.max(initial=1.0), -least.min(initial=0.0))),
    )  # fmt: skip


def _weight(lane: Lane, rules: Rules) -> float:
    """What an option is worth counts where collateral is shared; what is needed for a short one never does."""
    if lane.mode == WORTH:
        return float(rules.pool_scope == "account")
    return float(lane.mode not in {MARK, BASE, FEE, INITIAL})


@exact
def _buffered(buffer: Decimal) -> Decimal:
    return ONE + buffer


@exact
def _slices(known: Collateral | None) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Where each slice begins, what those below it count, and what one unit in it counts; none where not known."""
    if known is None or (known.enabled and not known.slices):
        return []
    if not known.enabled:
        return [(ZERO, ZERO, ZERO)]
    found, start, value, bid = [], ZERO, ZERO, ONE - known.bid_buffer
    for each in known.slices:
        rate = each.rate * bid
        found.append((start, value, rate))
        if each.up_to is None:
            return found
        start, value = each.up_to, value + (each.up_to - start) * rate
    return [*found, (start, value, ZERO)]


def codes_of(lanes: Sequence[Lane], currencies: Sequence[str]) -> Codes:
    """Lane of each currency, -1 where it has none."""
    found = {lane.instrument.settle: index for index, lane in enumerate(lanes) if lane.mode == CURRENCY}
    return np.array([found.get(name, -1) for name in currencies] or [-1], np.int64)
