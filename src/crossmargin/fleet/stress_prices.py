"""Prices under scenarios: of each lane of the kernels, and of the currencies that pools are in."""

import numpy as np

from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.marks import Marks
from crossmargin.errors import MissingDataError
from crossmargin.fleet.arrays import Floats, Ints
from crossmargin.fleet.option_lanes import option_price
from crossmargin.fleet.option_moves import moved_marks
from crossmargin.fleet.pack import Fleet, prices
from crossmargin.fleet.pools import ACCOUNT
from crossmargin.fleet.scenarios import Scenarios
from crossmargin.fleet.tables import CURRENCY, INITIAL, WAKE_ONLY
from crossmargin.margin.options import forward_price
from crossmargin.margin.prices_usd import usd_price

__all__ = ["currencies", "pool_values", "scenario_prices", "usd_values"]

STABLE = ("USD", "USDT", "USDC")


def scenario_prices(fleet: Fleet, marks: Marks, scenarios: Scenarios) -> Floats:
    """Price of each lane in each scenario; a currency's lane has its USD value.

    Options follow their underlying by Black's formula, `option_moves` says how.
    """
    row = {name: index for index, name in enumerate(scenarios.instruments)}
    lanes = fleet.tables.lanes
    coin = {name: index for index, name in enumerate(fleet.currencies)}
    worth = usd_values(fleet, marks, scenarios) if fleet.coins else np.zeros((0, 0))
    now = prices(fleet, marks)
    options: dict[str, tuple[Floats, Floats]] = {}
    found = np.empty((len(lanes), len(scenarios)))
    for index, lane in enumerate(lanes):
        if lane.mode == CURRENCY:
            found[index] = worth[coin[lane.instrument.settle]]
            continue
        if lane.instrument.id not in row:
            raise MissingDataError(f'scenarios: none moves or keeps "{lane.instrument.id}"')
        factor = scenarios.factor[row[lane.instrument.id]]
        if lane.instrument.kind == Kind.OPTION and lane.mode == WAKE_ONLY:
            found[index] = now[index]  # of accounts that are left out
            continue
        if lane.instrument.kind == Kind.OPTION:
            if lane.instrument.id not in options:
                options[lane.instrument.id] = _option_prices(lane.instrument, marks, factor, scenarios.implied_factor)
            mark, forward = options[lane.instrument.id]
            found[index] = [
                option_price(lane.instrument, lane.mode, value, fleet.rulebook.rules.option)
                for value in (forward if lane.mode == INITIAL else mark).tolist()
            ]
            continue
        found[index] = now[index] / factor if lane.instrument.inverse else now[index] * factor
    return found


def _option_prices(instrument: Instrument, marks: Marks, factor: Floats, volatility: float) -> tuple[Floats, Floats]:
    """An option's mark and the forward price of its underlying in each scenario."""
    mark, forward = float(marks.mark_of(instrument.id)), float(forward_price(instrument, marks))
    return moved_marks(instrument, mark, forward, factor, volatility), forward * factor


def currencies(fleet: Fleet) -> Ints:
    """Currency of each pool, an isolated one's by its instrument; 0 where a whole account stands."""
    settle = {name: code for code, name in enumerate(fleet.currencies)}
    of_lane = np.array([settle[lane.instrument.settle] for lane in fleet.tables.lanes] or [0])
    found = np.maximum(fleet.currency.astype(np.int64), 0)
    alone = np.flatnonzero(fleet.position >= 0)
    found[alone] = of_lane[fleet.row[fleet.start[alone]].astype(np.int64) >> fleet.tables.shift]
    return found


def usd_values(fleet: Fleet, marks: Marks, scenarios: Scenarios) -> Floats:
    """USD value of each currency in each scenario.

    Without a USD price of its own it is worth the mark of the inverse contract that settles in it. It moves with that
    contract, else with whatever has it as base; USD coins stay.
    """
    index = {name: k for k, name in enumerate(scenarios.instruments)}
    contracts = [lane.instrument for lane in fleet.tables.lanes if lane.instrument.kind != Kind.OPTION]
    inverse = {each.settle: each.id for each in contracts if each.inverse}
    based = {fleet.rulebook.instrument(name).base: name for name in reversed(scenarios.instruments)}
    rows = []
    for currency in fleet.currencies:
        now = usd_price(marks, currency)
        if now is None and currency in inverse:
            now = marks.mark_of(inverse[currency])
        if now is None and currency not in STABLE:
            raise MissingDataError(f"no USD price of {currency}: add [fx] {currency} = ...")
        mover = next((name for name in (inverse.get(currency), based.get(currency)) if name in index), None)
        factor = np.ones(len(scenarios)) if mover is None else scenarios.factor[index[mover]]
        rows.append(float(now or 1) * factor)
    return np.array(rows).reshape(len(fleet.currencies), len(scenarios))


def pool_values(fleet: Fleet, worth: Floats) -> Floats:
    """USD value of each pool's currency in one scenario; a pool that shares collateral is in USD."""
    return np.where(fleet.currency == ACCOUNT, 1.0, worth[currencies(fleet)])
