"""Columns and a rulebook -> the arrays of the kernels. The only place where a Decimal becomes a float.

A pool is a row: an account's cross positions settled in one currency, or one isolated position. With x the lane's price
(the mark, or 1 / mark of an inverse contract):

    equity      = cash + sum quantity x          cash: balance or isolated margin less the positions' cost
    requirement = sum slope |quantity| x - deduction
    initial     = sum rate |quantity| x          rate = 1 / leverage
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

import msgspec
import numpy as np

from crossmargin.domain.arithmetic import EXACT, ONE
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError, MissingDataError
from crossmargin.fleet.arrays import UNIT, Amounts, Bools, Codes, Floats, Ints, Scaled
from crossmargin.fleet.columns import Columns
from crossmargin.fleet.coverage import check_covered
from crossmargin.fleet.option_lanes import Terms, option_price, options_in, terms_of
from crossmargin.fleet.shared_kernels import Sharing
from crossmargin.fleet.sharing import codes_of, heads_of, sharing_of
from crossmargin.fleet.tables import (
    BASE,
    CROSS,
    CURRENCY,
    FEE,
    INITIAL,
    ISOLATED,
    LANES,
    MARK,
    OPTION_LANES,
    SWAP_LANES,
    WAKE_ONLY,
    WORTH,
    Lane,
    Tables,
    tables_of,
    tier_by_size,
    tiers_by_size,
)
from crossmargin.margin.options import forward_price
from crossmargin.margin.prices_usd import usd_price
from crossmargin.rulebook.model import Rulebook

__all__ = ["ACCOUNT", "WHOLE", "Fleet", "pack", "pinned", "price_of", "prices"]

ALONE, WHOLE, ACCOUNT = -1, -2, -3
SLACK = 1.01 * UNIT
ROWS_MAX = 1 << 16
SHORT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What the kernels read.

    Attributes:
        columns, rulebook: What it was packed from; the exact function is asked with them.
        tables: Tier tables by lane.
        sharing: How currencies count, where collateral is shared.
        owner: Account of each pool.
        currency: Currency of a cross pool, -1 an isolated one, -2 a whole account that is assessed exactly, -3 an
            account whose currencies share collateral.
        currencies: Names behind `currency`.
        position: Position of an isolated pool in the columns, else -1.
        bounds: First entry of each pool, and the end of the last. An entry is a position, or the head of a currency
            where collateral is shared; `shared_kernels` says more.
        row: Lane and tier of each position; kernels write the tier that they found back.
        quantity: Signed size in units of 1 / price.
        rate: Place of each position's 1 / leverage among `rates`.
        rates: Each 1 / leverage that occurs.
        blur: Largest error of each head's quantity; empty where there are no heads.
        cash: What no price moves.
        slack: Largest error of cash; infinite where only the exact function may decide.
        warn: Ratio at which a pool is warned.
    """

    columns: Columns
    rulebook: Rulebook
    tables: Tables
    sharing: Sharing
    owner: Ints
    currency: Codes
    currencies: tuple[str, ...]
    position: Ints
    bounds: Ints
    row: Codes
    quantity: Floats
    blur: Floats
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
    def forwards(self) -> dict[str, str]:
        """Underlying by the name under which its forward price moves."""
        return {lane.mover: lane.instrument.underlying for lane in self.tables.lanes if lane.mode == INITIAL}

    @property
    def coins(self) -> frozenset[str]:
        """Currencies whose USD price the kernels need."""
        return frozenset(lane.instrument.settle for lane in self.tables.lanes if lane.mode == CURRENCY)

    @property
    def unit_error(self) -> float:
        """Certified error of `equity - c x requirement`, per unit of (positions + 20) x (|cash| + gross value).

        docs/fleet.md derives it; c is the warning ratio, the larger of the two.
        """
        return 1.01 * UNIT * (self.sharing.steepest + self.warn * self.tables.slope_max)


def prices(fleet: Fleet, marks: Marks) -> Floats:
    """Price of each lane.

    Raises:
        MissingDataError: an instrument that is held has no mark, or a currency that is shared no USD price.
    """
    return np.array([price_of(lane, _mark(lane, marks), fleet.rulebook) for lane in fleet.tables.lanes])


def pinned(fleet: Fleet, marks: Marks) -> Marks:
    """The same marks, with the USD price of each shared currency said outright: it moves under its own name from here.

    Raises:
        InputError: an option of the fleet has a forward price of its own.
    """
    for lane in fleet.tables.lanes:
        if lane.mode == INITIAL and lane.instrument.id in marks.forward:
            raise InputError("marks.forward", lane.instrument.id, "a watch takes forward prices by underlying")
    said = {name: price for name in fleet.coins if (price := usd_price(marks, name)) is not None}
    return msgspec.structs.replace(marks, fx={**marks.fx, **said}) if said else marks


def _mark(lane: Lane, marks: Marks) -> Decimal:
    if lane.mode == FEE:
        return ONE
    if lane.mode == INITIAL:
        return forward_price(lane.instrument, marks)
    if lane.mode != CURRENCY:
        return marks.mark_of(lane.instrument.id)
    price = usd_price(marks, lane.instrument.settle)
    if price is None:
        raise MissingDataError(f"fx.{lane.instrument.settle}: collateral is shared in USD: its price is needed")
    return price


def price_of(lane: Lane, mark: Decimal, rulebook: Rulebook) -> float:
    """Price of a lane for the kernels: the mark, 1 / mark of an inverse contract, or what an option's lane makes of it.

    Raises:
        InputError: the mark is not above zero.
    """
    if not mark.is_finite() or mark <= 0:
        raise InputError("marks", "", f"a mark has to be above zero, got {mark}")
    if lane.mode in {WORTH, MARK, BASE, FEE, INITIAL}:
        return option_price(lane.instrument, lane.mode, float(mark), rulebook.rules.option)
    return 1.0 / float(mark) if lane.instrument.inverse else float(mark)


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
    mode = rulebook.rules.account_modes[0]
    if columns.originals is None and columns.account_mode != mode:
        columns = replace(columns, account_mode=mode)
    shared = rulebook.rules.pool_scope == "account"
    beyond = np.zeros(len(columns), np.bool_) if columns.beyond is None else columns.beyond
    holder = np.repeat(np.arange(len(columns)), np.diff(columns.start))
    settles = [rulebook.instrument(name).settle for name in columns.instruments]
    names = tuple(dict.fromkeys([*columns.currencies, *settles, *(rulebook.instrument(name).settle for name in also)]))
    options = options_in(columns, rulebook, beyond[holder])
    tables, lane = _lanes(columns, rulebook, (beyond[holder], options), also, names if shared else ())
    pools = _pools(columns, rulebook, names, beyond, holder, shared=shared)
    quantity, cost = _sizes(columns, tables, lane)
    cost[options] = 0.0
    cash, slack = _cash(columns, pools, cost, shared=shared)
    slack[beyond[pools.owner]] = np.inf
    rates, rate = _rates(columns.leverage)
    rate[options] = len(rates) - 2
    entries = _Entries(pools.pool, lane, quantity, np.arange(len(lane)), rate, np.zeros(0))
    if len(options):
        entries = _with_terms(entries, terms_of(columns, rulebook, options), tables, lane, len(rates))
    sharing = sharing_of(rulebook, tables.lanes, float(rulebook.rules.warn_at))
    if shared:
        coins = _Coins(names, settles, codes_of(tables.lanes, names), sharing)
        entries = _with_heads(columns, entries, pools, cost, coins)
    else:
        order = np.argsort(entries.pool, kind="stable")
        entries = _Entries(
            entries.pool[order], entries.lane[order], entries.quantity[order], entries.source[order],
            entries.rate[order], entries.blur,
        )  # fmt: skip
    row = _rows(columns, tables, entries.lane, entries.source, entries.pool, slack)
    return Fleet(
        columns=columns,
        rulebook=rulebook,
        tables=tables,
        sharing=sharing,
        owner=pools.owner,
        currency=pools.currency,
        currencies=names,
        position=pools.position,
        bounds=np.searchsorted(entries.pool, np.arange(len(pools.owner) + 1)),
        row=row,
        quantity=entries.quantity,
        blur=entries.blur,
        rate=entries.rate,
        rates=rates,
        cash=cash,
        slack=slack,
        warn=float(rulebook.rules.warn_at),
    )


class _Pools(NamedTuple):
    """Owner, currency and position of each pool; pool of each position; pool and index of each balance that counts."""

    owner: Ints
    currency: Codes
    position: Ints
    pool: Ints
    balances: tuple[Ints, Ints]


class _Entries(NamedTuple):
    """Pool, lane and quantity of each entry; its position in the columns, -1 a currency's head; error of a head.

    `rate` is the place of 1 / leverage; the last two of `rates` are 0 and 1.
    """

    pool: Ints
    lane: Ints
    quantity: Floats
    source: Ints
    rate: Codes
    blur: Floats


def _with_terms(entries: _Entries, terms: Terms, tables: Tables, lane: Ints, rates: int) -> _Entries:
    """Entries and what short options need."""
    codes = {(each.instrument.id, each.mode): code for code, each in enumerate(tables.lanes)}
    names = [tables.lanes[each].instrument.id for each in lane[terms.position].tolist()]
    lanes = [codes[name, mode] for name, mode in zip(names, terms.mode.tolist(), strict=True)]
    rate = np.where(terms.rate > 0.0, rates - 1, rates - 2).astype(entries.rate.dtype)
    return _Entries(
        np.concatenate([entries.pool, entries.pool[terms.position]]),
        np.concatenate([entries.lane, np.array(lanes, np.int64)]),
        np.concatenate([entries.quantity, terms.quantity]),
        np.concatenate([entries.source, terms.position]),
        np.concatenate([entries.rate, rate]),
        entries.blur,
    )


class _Coins(NamedTuple):
    """Names of currencies, settlement currency of each instrument, lane of each currency, and how they count."""

    names: tuple[str, ...]
    settles: list[str]
    lanes: Ints
    sharing: Sharing


def _with_heads(columns: Columns, entries: _Entries, pools: _Pools, cost: Floats, coins: _Coins) -> _Entries:
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
    return _Entries(
        every_pool[order],
        np.concatenate([coins.lanes[heads.currency], entries.lane])[order],
        np.concatenate([heads.cash, entries.quantity])[order],
        np.concatenate([none, entries.source])[order],
        np.concatenate([np.zeros(len(none), entries.rate.dtype), entries.rate])[order],
        np.concatenate([heads.blur, np.zeros(len(entries.lane))])[order],
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


def _lanes(
    columns: Columns, rulebook: Rulebook, kinds: tuple[Bools, Ints], also: Sequence[str], currencies: Sequence[str]
) -> tuple[Tables, Ints]:
    """Tables of the lanes in use, and the lane of each position; an option's is that of its worth."""
    exact, options = kinds
    mode = np.where(exact, WAKE_ONLY, np.where(columns.isolated, ISOLATED, CROSS))
    mode[options] = WORTH
    key, lane = _codes(columns.instrument * LANES + mode, len(columns.instruments) * LANES)
    wanted = [(columns.instruments[each // LANES], each % LANES) for each in key.tolist()]
    offered = [*also, *(columns.instruments[code] for code in np.unique(columns.instrument[options]).tolist())]
    further = [(each.id, mode) for each in map(rulebook.instrument, offered) for mode in _modes(each)]
    heads = [(name, CURRENCY) for name in currencies]
    return tables_of(rulebook, list(dict.fromkeys([*wanted, *further, *heads]))), lane


def _modes(instrument: Instrument) -> tuple[int, ...]:
    return OPTION_LANES if instrument.kind == Kind.OPTION else SWAP_LANES


def _codes(keys: Ints, count: int) -> tuple[Ints, Ints]:
    """Keys in use, ascending, and for each key its place among them; keys lie below `count`."""
    used = np.zeros(count, np.bool_)
    used[keys] = True
    place = np.cumsum(used) - 1
    return np.flatnonzero(used), place[keys]


def _pools(
    columns: Columns, rulebook: Rulebook, names: tuple[str, ...], beyond: Bools, holder: Ints, *, shared: bool
) -> _Pools:
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
    known, place = _codes(np.concatenate([balances[kept], keys[~apart]]), len(columns) * width)
    isolated = np.flatnonzero(apart)
    pool = np.empty(len(keys), np.int64)
    pool[~apart] = place[len(kept) :]
    pool[isolated] = len(known) + np.arange(len(isolated))
    code = np.where(known % width == width - 1, WHOLE, ACCOUNT if shared else known % width)
    return _Pools(
        np.concatenate([known // width, holder[isolated]]),
        np.concatenate([code, np.full(len(isolated), ALONE)]).astype(np.int32),
        np.concatenate([np.full(len(known), -1), isolated]),
        pool,
        (place[: len(kept)], kept),
    )


def _sizes(columns: Columns, tables: Tables, lane: Ints) -> tuple[Floats, Floats]:
    """Quantity and cost of each position: three and five roundings."""
    inverse = tables.inverse[lane] if len(lane) else np.zeros(0, np.bool_)
    unit = np.array([float(each.instrument.unit) if each.mode != WAKE_ONLY else 0.0 for each in tables.lanes] or [0.0])
    quantity = columns.contracts.floats() * unit[lane] * columns.side
    quantity[inverse] = -quantity[inverse]
    entry = columns.entry_price.floats()
    if len(entry) and not entry.min() > 0.0:
        raise InputError("columns", "entry_price", "has to be above zero")
    return quantity, np.where(inverse, quantity / entry, quantity * entry)


def _cash(columns: Columns, pools: _Pools, cost: Floats, *, shared: bool) -> tuple[Floats, Floats]:
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


def _rates(leverage: Amounts) -> tuple[Floats, Codes]:
    """Each 1 / leverage that occurs, and its place for each position: accounts use few."""
    if isinstance(leverage, Scaled) and len(leverage) and 0 <= leverage.units.min() <= leverage.units.max() < SHORT:
        known, place = _codes(leverage.units, int(leverage.units.max()) + 1)
        values = Scaled(known, leverage.places).floats()
    else:
        values, place = np.unique(leverage.floats(), return_inverse=True)
    narrow = next(kind for kind in (np.uint8, np.uint16, np.uint32) if len(values) + 2 <= np.iinfo(kind).max)
    return np.append(1.0 / values, [0.0, 1.0]), place.astype(narrow)


def _rows(columns: Columns, tables: Tables, lane: Ints, order: Ints, pool: Ints, slack: Floats) -> Codes:
    """Row of each position; only the exact function decides pools whose tier follows several values at once."""
    row = lane << tables.shift
    group_names = {name: code for code, name in enumerate(sorted({each.group or "" for each in tables.lanes}))}
    group = np.array([group_names[each.group or ""] if each.group else -1 for each in tables.lanes] or [-1])
    contracts = np.append(columns.contracts.floats(), 0.0)[order]  # a head, -1, has none
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
