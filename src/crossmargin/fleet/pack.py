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

import msgspec
import numpy as np

from crossmargin.domain.arithmetic import ONE
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError, MissingDataError
from crossmargin.fleet.arrays import UNIT, Bools, Codes, Floats, Ints
from crossmargin.fleet.columns import Columns
from crossmargin.fleet.coverage import check_covered
from crossmargin.fleet.entries import Coins, Entries, bounds_of, rates_of, rows_of, sizes_of, with_heads, with_terms
from crossmargin.fleet.option_lanes import option_price, options_in, terms_of
from crossmargin.fleet.pools import cash_of, check_isolated, dense_codes, pools_of
from crossmargin.fleet.shared_kernels import Sharing
from crossmargin.fleet.sharing import codes_of, sharing_of
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
)
from crossmargin.margin.options import forward_price
from crossmargin.margin.prices_usd import usd_price
from crossmargin.rulebook.model import Rulebook

__all__ = ["Fleet", "pack", "pinned", "price_of", "prices"]


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
        deducted: What the tiers of a pool's positions deduct together; written back with them.
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
    bounds: Codes
    row: Codes
    deducted: Floats
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
        return self.bounds[:-1].astype(np.int64)

    @property
    def stop(self) -> Ints:
        """One past its last."""
        return self.bounds[1:].astype(np.int64)

    @property
    def largest(self) -> int:
        """Entries of the pool that has the most."""
        return int((self.stop - self.start).max(initial=0))

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
        """Certified error of `equity - c x requirement`, per unit of (2 positions + 20) x (|cash| + gross value).

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
    check_isolated(columns)
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
    pools = pools_of(columns, rulebook, names, beyond, holder, shared=shared)
    quantity, cost = sizes_of(columns, tables, lane)
    cost[options] = 0.0
    cash, slack = cash_of(columns, pools, cost, shared=shared)
    slack[beyond[pools.owner]] = np.inf
    rates, rate = rates_of(columns.leverage)
    rate[options] = len(rates) - 2
    entries = Entries(pools.pool, lane, quantity, np.arange(len(lane)), rate, np.zeros(0))
    if len(options):
        entries = with_terms(entries, terms_of(columns, rulebook, options), tables, lane, len(rates))
    sharing = sharing_of(rulebook, tables.lanes, float(rulebook.rules.warn_at))
    if shared:
        coins = Coins(names, settles, codes_of(tables.lanes, names), sharing)
        entries = with_heads(columns, entries, pools, cost, coins)
    else:
        order = np.argsort(entries.pool, kind="stable")
        entries = Entries(
            entries.pool[order], entries.lane[order], entries.quantity[order], entries.source[order],
            entries.rate[order], entries.blur,
        )  # fmt: skip
    row = rows_of(columns, tables, entries.lane, entries.source, entries.pool, slack)
    return Fleet(
        columns=columns,
        rulebook=rulebook,
        tables=tables,
        sharing=sharing,
        owner=pools.owner,
        currency=pools.currency,
        currencies=names,
        position=pools.position,
        bounds=bounds_of(entries.pool, len(pools.owner)),
        row=row,
        deducted=np.bincount(entries.pool, tables.deduction[row], len(pools.owner)).astype(np.float64),
        quantity=entries.quantity,
        blur=entries.blur,
        rate=entries.rate,
        rates=rates,
        cash=cash,
        slack=slack,
        warn=float(rulebook.rules.warn_at),
    )


def _lanes(
    columns: Columns, rulebook: Rulebook, kinds: tuple[Bools, Ints], also: Sequence[str], currencies: Sequence[str]
) -> tuple[Tables, Ints]:
    """Tables of the lanes in use, and the lane of each position; an option's is that of its worth."""
    exact, options = kinds
    mode = np.where(exact, WAKE_ONLY, np.where(columns.isolated, ISOLATED, CROSS))
    mode[options] = WORTH
    key, lane = dense_codes(columns.instrument * LANES + mode, len(columns.instruments) * LANES)
    wanted = [(columns.instruments[each // LANES], each % LANES) for each in key.tolist()]
    offered = [*also, *(columns.instruments[code] for code in np.unique(columns.instrument[options]).tolist())]
    further = [(each.id, mode) for each in map(rulebook.instrument, offered) for mode in _modes(each)]
    heads = [(name, CURRENCY) for name in currencies]
    return tables_of(rulebook, list(dict.fromkeys([*wanted, *further, *heads]))), lane


def _modes(instrument: Instrument) -> tuple[int, ...]:
    return OPTION_LANES if instrument.kind == Kind.OPTION else SWAP_LANES
