"""Entries: positions, heads of currencies and what options need, in the order of their pools."""

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from crossmargin.domain.arithmetic import EXACT
from crossmargin.errors import InputError
from crossmargin.fleet.arrays import Amounts, Codes, Floats, Ints, Scaled
from crossmargin.fleet.columns import Columns
from crossmargin.fleet.option_lanes import Terms
from crossmargin.fleet.pools import ACCOUNT, Pools, dense_codes
from crossmargin.fleet.shared_kernels import Sharing
from crossmargin.fleet.sharing import heads_of
from crossmargin.fleet.tables import WAKE_ONLY, Tables, tier_by_size, tiers_by_size

__all__ = ["Coins", "Entries", "bounds_of", "rates_of", "rows_of", "sizes_of", "with_heads", "with_terms"]

ROWS_MAX = 1 << 16
SHORT = 1 << 20


class Entries(NamedTuple):
    """Pool, lane and quantity of each entry; its position in the columns, -1 a currency's head; error of a head.

    `rate` is the place of 1 / leverage; the last two of `rates` are 0 and 1.
    """

    pool: Ints
    lane: Ints
    quantity: Floats
    source: Ints
    rate: Codes
    blur: Floats


class Coins(NamedTuple):
    """Names of currencies, settlement currency of each instrument, lane of each currency, and how they count."""

    names: tuple[str, ...]
    settles: list[str]
    lanes: Ints
    sharing: Sharing


def with_terms(entries: Entries, terms: Terms, tables: Tables, lane: Ints, rates: int) -> Entries:
    """Entries and what short options need."""
    codes = {(each.instrument.id, each.mode): code for code, each in enumerate(tables.lanes)}
    names = [tables.lanes[each].instrument.id for each in lane[terms.position].tolist()]
    lanes = [codes[name, mode] for name, mode in zip(names, terms.mode.tolist(), strict=True)]
    rate = np.where(terms.rate > 0.0, rates - 1, rates - 2).astype(entries.rate.dtype)
    return Entries(
        np.concatenate([entries.pool, entries.pool[terms.position]]),
        np.concatenate([entries.lane, np.array(lanes, np.int64)]),
        np.concatenate([entries.quantity, terms.quantity]),
        np.concatenate([entries.source, terms.position]),
        np.concatenate([entries.rate, rate]),
        entries.blur,
    )


def with_heads(columns: Columns, entries: Entries, pools: Pools, cost: Floats, coins: Coins) -> Entries:
    """Entries by pool and currency, each currency behind its head."""
    code = {name: index for index, name in enumerate(coins.names)}
    ours = np.array([code[name] for name in coins.settles] or [0], np.int64)[columns.instrument]
    balance_code = np.array([code[name] for name in columns.currencies] or [0], np.int64)[columns.balance_currency]
    settle = ours[entries.source]
    cross = pools.currency[pools.pool] == ACCOUNT
    pool, index = pools.balances
    if len(np.unique(pool * len(code) + balance_code[index])) != len(pool):
        raise InputError("columns", "balance_currency", "an account has two balances in one currency")
    heads = heads_of(
        (pool, balance_code[index], columns.balance.floats()[index]),
        (pools.pool[cross], ours[cross], cost[cross]),
        coins.lanes,
        coins.sharing,
    )
    every_pool = np.concatenate([heads.pool, entries.pool])
    place = np.concatenate([2 * heads.currency, 2 * settle + 1])
    order = np.lexsort((place, every_pool))
    none = np.full(len(heads.pool), -1)
    return Entries(
        every_pool[order],
        np.concatenate([coins.lanes[heads.currency], entries.lane])[order],
        np.concatenate([heads.cash, entries.quantity])[order],
        np.concatenate([none, entries.source])[order],
        np.concatenate([np.zeros(len(none), entries.rate.dtype), entries.rate])[order],
        np.concatenate([heads.blur, np.zeros(len(entries.lane))])[order],
    )


def sizes_of(columns: Columns, tables: Tables, lane: Ints) -> tuple[Floats, Floats]:
    """Quantity and cost of each position: three and five roundings."""
    inverse = tables.inverse[lane] if len(lane) else np.zeros(0, np.bool_)
    unit = np.array([float(each.instrument.unit) if each.mode != WAKE_ONLY else 0.0 for each in tables.lanes] or [0.0])
    quantity = columns.contracts.floats() * unit[lane] * columns.side
    quantity[inverse] = -quantity[inverse]
    entry = columns.entry_price.floats()
    if len(entry) and not entry.min() > 0.0:
        raise InputError("columns", "entry_price", "has to be above zero")
    return quantity, np.where(inverse, quantity / entry, quantity * entry)


def bounds_of(pool: Ints, pools: int) -> Codes:
    """First entry of each pool, and the end of the last, as narrow as they fit."""
    found = np.searchsorted(pool, np.arange(pools + 1))
    return found.astype(np.uint32 if len(pool) < 1 << 32 else np.int64)


def rates_of(leverage: Amounts) -> tuple[Floats, Codes]:
    """Each 1 / leverage that occurs, and its place for each position: accounts use few."""
    if isinstance(leverage, Scaled) and len(leverage) and 0 <= leverage.units.min() <= leverage.units.max() < SHORT:
        known, place = dense_codes(leverage.units, int(leverage.units.max()) + 1)
        values = Scaled(known, leverage.places).floats()
    else:
        values, place = np.unique(leverage.floats(), return_inverse=True)
    narrow = next(kind for kind in (np.uint8, np.uint16, np.uint32) if len(values) + 2 <= np.iinfo(kind).max)
    return np.append(1.0 / values, [0.0, 1.0]), place.astype(narrow)


def rows_of(columns: Columns, tables: Tables, lane: Ints, order: Ints, pool: Ints, slack: Floats) -> Codes:
    """Row of each position; only the exact function decides pools whose tier follows several values at once."""
    row = lane << tables.shift
    group_names = {name: code for code, name in enumerate(sorted({each.group or "" for each in tables.lanes}))}
    group = np.array([group_names[each.group or ""] if each.group else -1 for each in tables.lanes] or [-1])
    contracts = np.append(columns.contracts.floats(), 0.0)[order]  # a head, -1, has none
    in_base = [each.table is not None and each.table.unit == "base" for each in tables.lanes] or [False]
    unit = np.array([float(each.instrument.unit) for each in tables.lanes] or [1.0])
    contracts = np.where(np.array(in_base)[lane], contracts * unit[lane], contracts)
    sizes = _group_sizes(group[lane], pool, len(group_names), contracts)
    slack[_mixed(tables, lane, pool, group[lane], len(group_names))] = np.inf
    for index, each in enumerate(tables.lanes):
        if each.table is None or len(each.table.tiers) == 1 or each.by_value:
            continue
        mine = np.flatnonzero(lane == index)
        tier, unsure = tiers_by_size(each, sizes[mine])
        for k in np.flatnonzero(unsure).tolist():
            tier[k] = tier_by_size(each, _exact_size(columns, tables, lane, order, pool, int(mine[k])))
        row[mine] += tier
    return row.astype(np.uint16 if len(tables.slope) <= ROWS_MAX else np.uint32)


def _mixed(tables: Tables, lane: Ints, pool: Ints, group: Ints, groups: int) -> Ints:
    """Pools in which a position that goes by value shares its tier with another."""
    by_value = np.array([each.by_value for each in tables.lanes] or [False])
    shared = np.flatnonzero(group >= 0)
    _, where = np.unique(pool[shared] * groups + group[shared], return_inverse=True)
    mixed = (np.bincount(where)[where] > 1) & (np.bincount(where, by_value[lane[shared]])[where] > 0)
    return np.unique(pool[shared[mixed]])


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
            in_base = other.table is not None and other.table.unit == "base"
            total = EXACT.add(total, EXACT.multiply(size, other.instrument.unit) if in_base else size)
    return total
