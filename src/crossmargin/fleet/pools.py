"""Pools: what shares collateral becomes one row, and the cash that stands behind it."""

from typing import NamedTuple

import numpy as np

from crossmargin.errors import InputError
from crossmargin.fleet.arrays import UNIT, Bools, Codes, Floats, Ints
from crossmargin.fleet.columns import Columns
from crossmargin.rulebook.model import Rulebook

__all__ = ["ACCOUNT", "ALONE", "WHOLE", "Pools", "cash_of", "check_isolated", "dense_codes", "pools_of"]

ALONE, WHOLE, ACCOUNT = -1, -2, -3
"""In the place of a pool's currency: an isolated position, an account that is assessed exactly, one that is in USD."""

SLACK = 1.01 * UNIT


class Pools(NamedTuple):
    """Owner, currency and position of each pool; pool of each position; pool and index of each balance that counts."""

    owner: Ints
    currency: Codes
    position: Ints
    pool: Ints
    balances: tuple[Ints, Ints]


def pools_of(
    columns: Columns, rulebook: Rulebook, names: tuple[str, ...], beyond: Bools, holder: Ints, *, shared: bool
) -> Pools:
    """A pool for each currency of an account, or one for all; one for each isolated position."""
    codes = {name: 0 if shared else code for code, name in enumerate(names)}
    width = len(codes) + 1
    settle = np.array([codes[rulebook.instrument(name).settle] for name in columns.instruments] or [0], np.int64)
    of_position = np.where(beyond[holder], width - 1, settle[columns.instrument])
    balances = np.repeat(np.arange(len(columns)), np.diff(columns.balance_start)) * width
    balances += np.array([codes[name] for name in columns.currencies] or [0], np.int64)[columns.balance_currency]
    kept = np.flatnonzero(~beyond[balances // width])
    apart = columns.isolated & ~beyond[holder]
    keys = holder * width + of_position
    known, place = dense_codes(np.concatenate([balances[kept], keys[~apart]]), len(columns) * width)
    isolated = np.flatnonzero(apart)
    pool = np.empty(len(keys), np.int64)
    pool[~apart] = place[len(kept) :]
    pool[isolated] = len(known) + np.arange(len(isolated))
    code = np.where(known % width == width - 1, WHOLE, ACCOUNT if shared else known % width)
    return Pools(
        np.concatenate([known // width, holder[isolated]]),
        np.concatenate([code, np.full(len(isolated), ALONE)]).astype(np.int32),
        np.concatenate([np.full(len(known), -1), isolated]),
        pool,
        (place[: len(kept)], kept),
    )


def cash_of(columns: Columns, pools: Pools, cost: Floats, *, shared: bool) -> tuple[Floats, Floats]:
    """Cash of each pool and its largest error: conversions and one rounding for each addition.

    Where collateral is shared, the cash of an account stands in its heads.
    """
    count = len(pools.owner)
    cash, mine = np.zeros(count), pools.pool
    if shared:
        alone_only = pools.position[mine] >= 0
        mine, cost = mine[alone_only], cost[alone_only]
    else:
        pool, index = pools.balances
        if len(pool) and np.bincount(pool).max() > 1:
            raise InputError("columns", "balance_currency", "an account has two balances in one currency")
        cash[pool] = columns.balance.floats()[index]
    alone = np.flatnonzero(pools.position >= 0)
    held = pools.position[alone]
    spent = np.bincount(mine, np.abs(cost), count)
    default = spent[alone] / columns.leverage.floats()[held]
    cash[alone] = np.where(columns.margin_given[held], columns.margin.floats()[held], default)
    gross = np.abs(cash) + spent
    many = np.bincount(mine, minlength=count)
    cash = cash - np.bincount(mine, cost, count)
    slack = np.asarray(SLACK * (many + 10) * gross, np.float64)
    return cash, slack


def check_isolated(columns: Columns) -> None:
    """An account has one isolated position in an instrument and on a side: its name is its pool's."""
    alone = np.flatnonzero(columns.isolated)
    holder = np.searchsorted(columns.start, alone, side="right") - 1
    key = (holder * len(columns.instruments) + columns.instrument[alone]) * 2 + (columns.side[alone] > 0)
    unique, count = np.unique(key, return_counts=True)
    if len(unique) != len(key):
        account = columns.ids[int(unique[count > 1][0]) // (2 * len(columns.instruments))]
        raise InputError("columns", f'account "{account}"', "holds two isolated positions in one instrument and side")


def dense_codes(keys: Ints, count: int) -> tuple[Ints, Ints]:
    """Keys in use, ascending, and for each key its place among them; keys lie below `count`."""
    used = np.zeros(count, np.bool_)
    used[keys] = True
    place = np.cumsum(used) - 1
    return np.flatnonzero(used), place[keys]
