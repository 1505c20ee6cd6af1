"""Columns and a rulebook -> the arrays of the kernels. The only place where a Decimal becomes a float.

A pool is a row: an account's cross positions settled in one currency, or one isolated position. With x the lane's price
(the mark, or 1 / mark of an inverse contract):

    equity      = cash + sum quantity x          cash: balance or isolated margin less the positions' cost
    requirement = sum slope |quantity| x - deduction
    initial     = sum rate |quantity| x          rate = 1 / leverage
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from crossmargin.domain.arithmetic import EXACT
from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError
from crossmargin.fleet.arrays import UNIT, Amounts, Bools, Codes, Floats, Ints, Scaled
from crossmargin.fleet.columns import Columns
from crossmargin.fleet.coverage import check_covered
from crossmargin.fleet.tables import CROSS, ISOLATED, LANES, WAKE_ONLY, Tables, tables_of, tier_by_size, tiers_by_size
from crossmargin.rulebook.model import Rulebook

__all__ = ["Fleet", "pack", "price_of", "prices"]

ALONE = -1
SLACK = 1.01 * UNIT
ROWS_MAX = 1 << 16
SHORT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What the kernels read.

    Attributes:
        columns, rulebook: What it was packed from; the exact function is asked with them.
        tables: Tier tables by lane.
        owner: Account of each pool.
        currency: Currency of a cross pool, -1 an isolated one, -2 a whole account that is assessed exactly.
        currencies: Names behind `currency`.
        position: Position of an isolated pool in the columns, else -1.
        bounds: First position of each pool, and the end of the last.
        row: Lane and tier of each position; kernels write the tier that they found back.
        quantity: Signed size in units of 1 / price.
        rate: Place of each position's 1 / leverage among `rates`.
        rates: Each 1 / leverage that occurs.
        cash: What no price moves.
        slack: Largest error of cash; infinite where only the exact function may decide.
        warn: Ratio at which a pool is warned.
    """

    columns: Columns
    rulebook: Rulebook
    tables: Tables
    owner: Ints
    currency: Codes
    currencies: tuple[str, ...]
    position: Ints
    bounds: Ints
    row: Codes
    quantity: Floats
    rate: Codes
    rates: Floats
    cash: Floats
    slack: Floats
    warn: float

    def __len__(self) -> int:
        return len(self.owner)

    @property
    def start(self) -> Ints:
        """First position of each pool."""
        return self.bounds[:-1]

    @property
    def stop(self) -> Ints:
        """One past its last."""
        return self.bounds[1:]

    @property
    def unit_error(self) -> float:
        """Certified error of `equity - c x requirement`, per unit of (positions + 20) x (|cash| + gross value).

        docs/fleet.md derives it; c is the warning ratio, the larger of the two.
        """
        return 1.01 * UNIT * (1.0 + self.warn * self.tables.slope_max)


def prices(fleet: Fleet, marks: Marks) -> Floats:
    """Price of each lane.

    Raises:
        MissingDataError: an instrument that is held has no mark.
    """
    lanes = fleet.tables.lanes
    return np.array([price_of(marks.mark_of(lane.instrument.id), lane.instrument.inverse) for lane in lanes])


def price_of(mark: Decimal, inverse: bool) -> float:
    """The mark, or 1 / mark of an inverse contract.

    Raises:
        InputError: the mark is not above zero.
    """
    if not mark.is_finite() or mark <= 0:
        raise InputError("marks", "", f"a mark has to be above zero, got {mark}")
    return 1.0 / float(mark) if inverse else float(mark)


def pack(columns: Columns, rulebook: Rulebook, also: Sequence[str] = ()) -> Fleet:
    """Turn accounts into arrays.

    Args:
        columns: The accounts.
        rulebook: Their venue's rules.
        also: Instruments that nobody holds yet but a change of an account may bring.

    Raises:
        UnsupportedError: a rule of the venue that the kernels don't have, by name.
        MissingDataError: an instrument, fee or tier table that the rulebook has not.
    """
    check_covered(rulebook)
    _check_isolated(columns)
    beyond = np.zeros(len(columns), np.bool_) if columns.beyond is None else columns.beyond
    holder = np.repeat(np.arange(len(columns)), np.diff(columns.start))
    tables, lane = _lanes(columns, rulebook, beyond[holder], also)
    names = dict.fromkeys([*columns.currencies, *(rulebook.instrument(name).settle for name in columns.instruments)])
    owner, currency, position, pool, cash_of = _pools(columns, rulebook, tuple(names), beyond, holder)
    order = np.argsort(pool, kind="stable")
    pool, lane = pool[order], lane[order]
    quantity, cost = _sizes(columns, tables, lane, order)
    bounds = np.searchsorted(pool, np.arange(len(owner) + 1))
    cash, slack = _cash(columns, owner, position, cash_of, (pool, cost))
    slack[beyond[owner]] = np.inf
    row = _rows(columns, tables, lane, order, pool, slack)
    rates, rate = _rates(columns.leverage)
    return Fleet(
        columns=columns,
        rulebook=rulebook,
        tables=tables,
        owner=owner,
        currency=currency,
        currencies=tuple(names),
        position=position,
        bounds=bounds,
        row=row,
        quantity=quantity,
        rate=rate[order],
        rates=rates,
        cash=cash,
        slack=slack,
        warn=float(rulebook.rules.warn_at),
    )


def _check_isolated(columns: Columns) -> None:
    """An account has one isolated position in an instrument and on a side: its name is its pool's."""
    alone = np.flatnonzero(columns.isolated)
    holder = np.searchsorted(columns.start, alone, side="right") - 1
    key = (holder * len(columns.instruments) + columns.instrument[alone]) * 2 + (columns.side[alone] > 0)
    unique, count = np.unique(key, return_counts=True)
    if len(unique) != len(key):
        account = columns.ids[int(unique[count > 1][0]) // (2 * len(columns.instruments))]
        raise InputError("columns", f'account "{account}"', "holds two isolated positions in one instrument and side")


def _lanes(columns: Columns, rulebook: Rulebook, exact: Bools, also: Sequence[str]) -> tuple[Tables, Ints]:
    """Tables of the lanes in use, and the lane of each position."""
    mode = np.where(exact, WAKE_ONLY, np.where(columns.isolated, ISOLATED, CROSS))
    key, lane = _codes(columns.instrument * LANES + mode, len(columns.instruments) * LANES)
    wanted = [(columns.instruments[each // LANES], each % LANES) for each in key.tolist()]
    further = [(rulebook.instrument(name).id, each) for name in also for each in range(LANES)]
    return tables_of(rulebook, list(dict.fromkeys([*wanted, *further]))), lane


def _codes(keys: Ints, count: int) -> tuple[Ints, Ints]:
    """Keys in use, ascending, and for each key its place among them; keys lie below `count`."""
    used = np.zeros(count, np.bool_)
    used[keys] = True
    place = np.cumsum(used) - 1
    return np.flatnonzero(used), place[keys]


def _pools(
    columns: Columns, rulebook: Rulebook, names: tuple[str, ...], beyond: Bools, holder: Ints
) -> tuple[Ints, Codes, Ints, Ints, tuple[Ints, Ints]]:
    """Owner, currency and position of each pool; pool of each position; pool and index of each balance."""
    codes = {name: code for code, name in enumerate(names)}
    width = len(codes) + 1
    settle = np.array([codes[rulebook.instrument(name).settle] for name in columns.instruments] or [0], np.int64)
    of_position = np.where(beyond[holder], width - 1, settle[columns.instrument])
    balances = np.repeat(np.arange(len(columns)), np.diff(columns.balance_start)) * width
    balances += np.array([codes[name] for name in columns.currencies] or [0], np.int64)[columns.balance_currency]
    kept = np.flatnonzero(~beyond[balances // width])
    apart = columns.isolated & ~beyond[holder]
    keys = holder * width + of_position
    known, place = _codes(np.concatenate([balances[kept], keys[~apart]]), len(columns) * width)
    isolated = np.flatnonzero(apart)
    pool = np.empty(len(keys), np.int64)
    pool[~apart] = place[len(kept) :]
    pool[isolated] = len(known) + np.arange(len(isolated))
    currency = np.concatenate([known % width, np.full(len(isolated), ALONE)])
    currency[currency == width - 1] = -2
    return (
        np.concatenate([known // width, holder[isolated]]),
        currency.astype(np.int32),
        np.concatenate([np.full(len(known), -1), isolated]),
        pool,
        (place[: len(kept)], kept),
    )


def _sizes(columns: Columns, tables: Tables, lane: Ints, order: Ints) -> tuple[Floats, Floats]:
    """Quantity and cost of each position: three and five roundings."""
    inverse = tables.inverse[lane] if len(lane) else np.zeros(0, np.bool_)
    unit = np.array([float(each.instrument.unit) if each.mode != WAKE_ONLY else 0.0 for each in tables.lanes] or [0.0])
    quantity = columns.contracts.floats()[order] * unit[lane] * columns.side[order]
    quantity[inverse] = -quantity[inverse]
    entry = columns.entry_price.floats()[order]
    if len(entry) and not entry.min() > 0.0:
        raise InputError("columns", "entry_price", "has to be above zero")
    return quantity, np.where(inverse, quantity / entry, quantity * entry)


def _rates(leverage: Amounts) -> tuple[Floats, Codes]:
    """Each 1 / leverage that occurs, and its place for each position: accounts use few."""
    if isinstance(leverage, Scaled) and len(leverage) and 0 <= leverage.units.min() <= leverage.units.max() < SHORT:
        known, place = _codes(leverage.units, int(leverage.units.max()) + 1)
        values = Scaled(known, leverage.places).floats()
    else:
        values, place = np.unique(leverage.floats(), return_inverse=True)
    narrow = next(kind for kind in (np.uint8, np.uint16, np.uint32) if len(values) <= np.iinfo(kind).max)
    return 1.0 / values, place.astype(narrow)


def _cash(
    columns: Columns, owner: Ints, position: Ints, balances: tuple[Ints, Ints], costs: tuple[Ints, Floats]
) -> tuple[Floats, Floats]:
    """Cash of each pool and its largest error: conversions and one rounding for each addition."""
    pool, cost = costs
    cash = np.zeros(len(owner))
    amounts = columns.balance.floats()[balances[1]]
    if len(balances[0]) and np.bincount(balances[0]).max() > 1:
        raise InputError("columns", "balance_currency", "an account has two balances in one currency")
    cash[balances[0]] = amounts
    alone = np.flatnonzero(position >= 0)
    held = position[alone]
    spent = np.bincount(pool, np.abs(cost), len(owner))
    default = spent[alone] / columns.leverage.floats()[held]
    cash[alone] = np.where(columns.margin_given[held], columns.margin.floats()[held], default)
    gross = np.abs(cash) + spent
    count = np.bincount(pool, minlength=len(owner))
    cash = cash - np.bincount(pool, cost, len(owner))
    slack = np.asarray(SLACK * (count + 10) * gross, np.float64)
    return cash, slack


def _rows(columns: Columns, tables: Tables, lane: Ints, order: Ints, pool: Ints, slack: Floats) -> Codes:
    """Row of each position; only the exact function decides pools whose tier follows several values at once."""
    row = lane << tables.shift
    group_names = {name: code for code, name in enumerate(sorted({each.group or "" for each in tables.lanes}))}
    group = np.array([group_names[each.group or ""] if each.group else -1 for each in tables.lanes] or [-1])
    contracts = columns.contracts.floats()[order]
    in_base = [each.table is not None and each.table.unit == "base" for each in tables.lanes] or [False]
    unit = np.array([float(each.instrument.unit) for each in tables.lanes] or [1.0])
    contracts = np.where(np.array(in_base)[lane], contracts * unit[lane], contracts)
    sizes = _group_sizes(group[lane], pool, len(group_names), contracts)
    for index, each in enumerate(tables.lanes):
        if each.table is None or len(each.table.tiers) == 1:
            continue
        mine = np.flatnonzero(lane == index)
        if each.by_value:
            shared = mine[sizes[mine] > contracts[mine]] if each.group else mine[:0]
            slack[pool[shared]] = np.inf
            continue
        tier, unsure = tiers_by_size(each, sizes[mine])
        for k in np.flatnonzero(unsure).tolist():
            tier[k] = tier_by_size(each, _exact_size(columns, tables, lane, order, pool, int(mine[k])))
        row[mine] += tier
    return row.astype(np.uint16 if len(tables.slope) <= ROWS_MAX else np.uint32)


def _group_sizes(group: Ints, pool: Ints, groups: int, contracts: Floats) -> Floats:
    """Contracts of everything that shares a position's tier."""
    sizes = contracts.copy()
    shared = np.flatnonzero(group >= 0)
    _, where = np.unique(pool[shared] * groups + group[shared], return_inverse=True)
    sizes[shared] = np.bincount(where, contracts[shared])[where] if len(shared) else contracts[shared]
    return sizes


def _exact_size(columns: Columns, tables: Tables, lane: Ints, order: Ints, pool: Ints, index: int) -> Decimal:
    """Size of the group of one position, in the unit of its table."""
    mine = tables.lanes[lane[index]]
    first, last = np.searchsorted(pool, [pool[index], pool[index] + 1])
    total = Decimal(0)
    for k in range(first, last):
        other = tables.lanes[lane[k]]
        if k == index or (mine.group is not None and other.group == mine.group):
            size = columns.contracts.decimal(int(order[k]))
            in_base = mine.table is not None and mine.table.unit == "base"
            total = EXACT.add(total, EXACT.multiply(size, other.instrument.unit) if in_base else size)
    return total
