"""stress(fleet, marks, scenarios): what a shock would do to every pool, in total and one by one.

Figures here are floats and decide nothing. They are sums that can be added over parts of a fleet, so that a fleet in
many files is stressed file by file, anywhere.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np

from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError
from crossmargin.fleet.arrays import Bools, Floats, Ints
from crossmargin.fleet.exact import decide
from crossmargin.fleet.pack import Fleet, prices
from crossmargin.fleet.scenarios import Scenarios
from crossmargin.fleet.screen import revalued
from crossmargin.fleet.stress_prices import currencies, pool_values, scenario_prices, usd_values
from crossmargin.fleet.tables import BASE, FEE, INITIAL, MARK, WORTH

__all__ = ["Stressed", "Totals", "merged", "stress"]

TOP = 10


@dataclass(frozen=True, slots=True)
class Totals:
    """What scenarios do to a fleet or a part of it, in USD; every field adds up over parts.

    Attributes:
        pnl: Profit by scenario.
        shortfall: What pools lack to their requirement, by scenario.
        insurance: What pools owe when all is lost, by scenario: the need of an insurance fund.
        liquidated: Pools at or below their requirement, by scenario.
        accounts: Accounts, those of pools left out among them.
        pools: Pools stressed.
        left_out: Pools that only the exact function can value, which no total counts.
        lost: Shortfall of all pools over all scenarios.
        lost_squares: Sum over pools of the square of theirs.
        top: The accounts with the greatest shortfall over all scenarios, the greatest first.
    """

    pnl: Floats
    shortfall: Floats
    insurance: Floats
    liquidated: Floats
    accounts: int
    pools: int
    left_out: int
    lost: float
    lost_squares: float
    top: tuple[tuple[str, float], ...]

    @property
    def concentration(self) -> float:
        """Share of the greatest account in all shortfall; 0 where there is none."""
        return self.top[0][1] / self.lost if self.lost else 0.0

    @property
    def effective_number(self) -> float:
        """How many equal pools would spread the shortfall as much; 0 where there is none."""
        return self.lost**2 / self.lost_squares if self.lost_squares else 0.0

    def __add__(self, other: "Totals") -> "Totals":
        """Two parts of one fleet, an account wholly in one of them."""
        top = sorted((*self.top, *other.top), key=lambda each: (-each[1], each[0]))[:TOP]
        return Totals(
            self.pnl + other.pnl,
            self.shortfall + other.shortfall,
            self.insurance + other.insurance,
            self.liquidated + other.liquidated,
            self.accounts + other.accounts,
            self.pools + other.pools,
            self.left_out + other.left_out,
            self.lost + other.lost,
            self.lost_squares + other.lost_squares,
            tuple(top),
        )


def merged(parts: list[Totals]) -> Totals:
    """All parts as one; the order of parts changes no figure beyond the last digits.

    Raises:
        InputError: there are none.
    """
    if not parts:
        raise InputError("stress", "", "there is nothing to stress")
    return reduce(Totals.__add__, parts)


@dataclass(frozen=True, slots=True)
class Stressed:
    """Totals, and by pool the worst margin, the shortfall summed over scenarios (USD) and in how many it is hit."""

    totals: Totals
    worst: Floats
    lost: Floats
    hits: Ints


def stress(fleet: Fleet, marks: Marks, scenarios: Scenarios) -> Stressed:
    """Value every pool under every scenario.

    Raises:
        InputError: an option's mark that no volatility explains.
        MissingDataError: an instrument without a mark or a scenario, an option without the forward price of its
            underlying, a settlement currency without a USD price, or collateral without known rates.
    """
    price, worth = scenario_prices(fleet, marks, scenarios), usd_values(fleet, marks, scenarios)
    left_out = ~np.isfinite(fleet.slack)
    losses = _shared_losses if fleet.sharing.used else _losses
    shortfall, insurance, liquidated, worst, lost, hits = losses(fleet, price, worth, left_out)
    if np.isnan(worst).any():  # a debt too near a tier bound, or without a known tier
        decide(fleet, int(np.isnan(worst).argmax()), marks)
        left_out |= np.isnan(worst)
        shortfall, insurance, liquidated, worst, lost, hits = losses(fleet, price, worth, left_out)
    totals = Totals(
        pnl=_pnl(fleet, price, worth, prices(fleet, marks), left_out),
        shortfall=shortfall,
        insurance=insurance,
        liquidated=liquidated,
        accounts=len(fleet.columns),
        pools=int((~left_out).sum()),
        left_out=int(left_out.sum()),
        lost=float(lost.sum()),
        lost_squares=float(lost @ lost),
        top=_top(fleet, lost),
    )
    return Stressed(totals, worst, lost, hits)


_Losses = tuple[Floats, Floats, Floats, Floats, Floats, Ints]
"""Shortfall, insurance need and pools liquidated by scenario; worst margin, shortfall and hits by pool."""


def _losses(fleet: Fleet, price: Floats, worth: Floats, left_out: Bools) -> _Losses:
    """Every scenario in one kernel."""
    from crossmargin.fleet import stress_kernels as kernels

    tables, pools, count = fleet.tables, len(fleet), price.shape[1]
    padded, worths = _padded(price, kernels.BLOCK), _padded(worth, kernels.BLOCK)
    shortfall, insurance, liquidated = (np.zeros(padded.shape[1]) for _ in range(3))
    worst, lost, hits = np.full(pools, np.inf), np.zeros(pools), np.zeros(pools, np.int64)
    currency = currencies(fleet)
    skipped = left_out | ~_needing(fleet)
    kernels.stress(
        fleet.start, fleet.stop, fleet.row, fleet.quantity, fleet.cash, currency, skipped, padded,
        price.min(axis=1, initial=np.inf), price.max(axis=1, initial=0.0), worths, tables.slope, tables.deduction,
        tables.low, tables.high, tables.whole, tables.shift, count, shortfall, insurance, liquidated, worst, lost, hits,
    )  # fmt: skip
    return shortfall[:count], insurance[:count], liquidated[:count], worst, lost, hits


def _shared_losses(fleet: Fleet, price: Floats, worth: Floats, left_out: Bools) -> _Losses:
    """One revaluation a scenario: where collateral is shared, a margin is no sum over positions."""
    pools, count = len(fleet), price.shape[1]
    shortfall, insurance, liquidated = (np.zeros(count) for _ in range(3))
    worst, lost, hits = np.full(pools, np.inf), np.zeros(pools), np.zeros(pools, np.int64)
    held = ~left_out & (fleet.start < fleet.stop)
    pool, lane, amount = _apart(fleet)
    for case in range(count):
        found = revalued(fleet, price[:, case])
        value = pool_values(fleet, worth[:, case])
        owned = found.equity + np.bincount(pool, amount * price[lane, case], pools)
        margin = found.equity - found.required
        hit = held & (margin <= 0.0) & (found.required != 0.0)
        lacking = np.where(hit, -margin, 0.0) * value
        shortfall[case], liquidated[case] = lacking.sum(), hit.sum()
        insurance[case] = (np.maximum(-owned, 0.0) * value)[hit].sum()
        worst = np.where(held, np.minimum(worst, margin), worst)
        lost += lacking
        hits += hit
    return shortfall, insurance, liquidated, worst, lost, hits


def _needing(fleet: Fleet) -> Bools:
    """Pools of which something may be required: nobody is due who needs nothing, whatever he owes."""
    lane = fleet.row.astype(np.int64) >> fleet.tables.shift
    rates = fleet.tables.slope.reshape(-1, 1 << fleet.tables.shift).max(axis=1)
    pool = np.repeat(np.arange(len(fleet)), fleet.stop - fleet.start)
    found: Bools = np.bincount(pool, np.abs(fleet.quantity) * rates[lane], len(fleet)) > 0.0
    return found


def _apart(fleet: Fleet) -> tuple[Ints, Ints, Floats]:
    """Pool, lane and amount of the options whose value is the pool's, though the venue's equity doesn't count it."""
    lane = fleet.row.astype(np.int64) >> fleet.tables.shift
    worth = np.array([each.mode == WORTH for each in fleet.tables.lanes] or [False])
    mine = np.flatnonzero(worth[lane] & (fleet.sharing.weight[lane] == 0.0))
    return np.repeat(np.arange(len(fleet)), fleet.stop - fleet.start)[mine], lane[mine], fleet.quantity[mine]


def _pnl(fleet: Fleet, price: Floats, worth: Floats, now: Floats, left_out: Bools) -> Floats:
    """Profit of all pools: linear in the lanes' prices, so one product of a vector and a matrix."""
    pool = np.repeat(np.arange(len(fleet)), fleet.stop - fleet.start)
    lane = fleet.row.astype(np.int64) >> fleet.tables.shift
    needed = np.array([each.mode in {MARK, BASE, FEE, INITIAL} for each in fleet.tables.lanes] or [False])
    held = np.where(left_out[pool] | fleet.sharing.head[lane] | needed[lane], 0.0, fleet.quantity)
    net = np.bincount(lane, held, len(now))
    settle = {name: code for code, name in enumerate(fleet.currencies)}
    of_lane = np.array([settle[each.instrument.settle] for each in fleet.tables.lanes] or [0])[: len(now)]
    gained: Floats = ((price - now[:, None]) * net[:, None] * worth[of_lane]).sum(axis=0)
    return gained


def _padded(table: Floats, block: int) -> Floats:
    """As many columns as fill whole blocks; the added ones repeat the first and are counted nowhere."""
    surplus = -table.shape[1] % block
    return np.ascontiguousarray(np.concatenate([table, np.repeat(table[:, :1], surplus, axis=1)], axis=1))


def _top(fleet: Fleet, lost: Floats) -> tuple[tuple[str, float], ...]:
    """The accounts with the greatest shortfall."""
    by_account = np.bincount(fleet.owner, lost, len(fleet.columns))
    greatest = np.argsort(-by_account, kind="stable")[:TOP]
    return tuple((str(fleet.columns.ids[a]), float(by_account[a])) for a in greatest.tolist() if by_account[a] > 0)
