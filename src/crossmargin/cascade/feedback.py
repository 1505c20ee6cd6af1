"""deepened(fleet, marks, scenarios, depth): the same scenarios with what their own liquidations do to prices.

In each scenario every pool at or below its requirement is closed at market: longs are sold, shorts bought back. The net
amount of a coin moves its price, and whoever is caught by the new price is closed too. The set of closed pools only
grows, so this ends: at the fixed point nobody else is caught.

    price = shocked price x exp(-1 % x net amount sold / depth)

Amounts are in USD at the shocked price. These are floats and decide nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError, UnsupportedError
from crossmargin.fleet.arrays import Bools, Floats, Ints
from crossmargin.fleet.pack import Fleet
from crossmargin.fleet.scenarios import Scenarios
from crossmargin.fleet.screen import revalued
from crossmargin.fleet.stress_prices import currencies, scenario_prices, usd_values

__all__ = ["Deepened", "deepened"]

STEP = 0.01


@dataclass(frozen=True, slots=True)
class Deepened:
    """Scenarios at their fixed points.

    Attributes:
        scenarios: Factors with the impact in them.
        rounds: How often prices moved in each scenario; 0 where the shock closes nobody.
        sold: Net USD amount sold of each instrument's coin, rows by instrument; bought is negative.
    """

    scenarios: Scenarios
    rounds: Ints
    sold: Floats


def deepened(fleet: Fleet, marks: Marks, scenarios: Scenarios, depth: Mapping[str, float]) -> Deepened:
    """Let liquidations move prices until nobody else is caught.

    Args:
        fleet: All accounts whose liquidations count.
        marks: Prices now.
        scenarios: The shocks.
        depth: USD that move a coin by 1 %; ``*`` stands for every coin that is not named.

    Raises:
        InputError: a depth that is not above zero, or a coin without one.
        UnsupportedError: collateral is shared between currencies.
    """
    if fleet.sharing.used:
        raise UnsupportedError("cascade: options, and currencies that share collateral, are not covered")
    if not fleet.tables.lanes:  # nobody holds anything
        return Deepened(scenarios, np.zeros(len(scenarios), np.int64), np.zeros(scenarios.factor.shape))
    coins, coin = _coins(fleet)
    deep = _depths(coins, depth)
    exposure = _Exposure(fleet, marks, scenarios, coin, len(coins))
    found, rounds = scenarios.factor.copy(), np.zeros(len(scenarios), np.int64)
    sold = np.zeros((len(coins), len(scenarios)))
    for case in range(len(scenarios)):
        sold[:, case], rounds[case] = _settled(exposure, case, deep)
    row = {name: coins.index(fleet.tables.lanes[k].instrument.base) for k, name in enumerate(fleet.tables.instruments)}
    moved = np.array([row.get(name, -1) for name in scenarios.instruments])
    amounts = np.where(moved[:, None] >= 0, sold[moved], 0.0)
    depths = np.where(moved >= 0, deep[moved], 1.0)[:, None]
    found *= np.exp(-STEP * amounts / depths)
    cases = Scenarios(scenarios.names, scenarios.instruments, found, scenarios.probability, scenarios.implied_factor)
    return Deepened(cases, rounds, amounts)


def _coins(fleet: Fleet) -> tuple[list[str], Ints]:
    """Coins of the fleet, and the coin of each lane."""
    names = [lane.instrument.base for lane in fleet.tables.lanes]
    coins = list(dict.fromkeys(names))
    return coins, np.array([coins.index(name) for name in names], np.int64)


def _depths(coins: list[str], depth: Mapping[str, float]) -> Floats:
    for name, amount in depth.items():
        if not amount > 0:
            raise InputError("depth", name, f"has to be above zero, got {amount}")
    missing = [coin for coin in coins if coin not in depth and "*" not in depth]
    if missing:
        raise InputError("depth", missing[0], "has none: name it, or give * for all others")
    return np.array([depth.get(coin, depth.get("*", 1.0)) for coin in coins])


class _Exposure:
    """What each pool would sell, and who is caught at given prices."""

    def __init__(self, fleet: Fleet, marks: Marks, scenarios: Scenarios, coin: Ints, coins: int) -> None:
        self.fleet, self.coin, self.coins = fleet, coin, coins
        self.price = scenario_prices(fleet, marks, scenarios)
        self.inverse = fleet.tables.inverse
        self.lane = fleet.row.astype(np.int64) >> fleet.tables.shift
        self.pool = np.repeat(np.arange(len(fleet)), fleet.stop - fleet.start)
        self.worth = usd_values(fleet, marks, scenarios)[currencies(fleet)]
        self.stressed = np.isfinite(fleet.slack)

    def amounts(self, case: int) -> Floats:
        """USD amount of each position at the shocked price, a short's negative."""
        size = self.fleet.quantity
        linear = size * self.price[self.lane, case] * self.worth[self.pool, case]
        return np.where(self.inverse[self.lane], -size, linear)

    def caught(self, case: int, impact: Floats) -> Bools:
        """Pools at or below their requirement, prices moved by a factor of each coin."""
        factor = impact[self.coin]
        price = self.price[:, case] * np.where(self.inverse, 1.0 / factor, factor)
        valued = revalued(self.fleet, price)
        held = self.fleet.stop > self.fleet.start
        found: Bools = (valued.equity <= valued.required) & (valued.required != 0.0) & self.stressed & held
        return found


def _settled(exposure: _Exposure, case: int, depth: Floats) -> tuple[Floats, int]:
    """Net amount sold of each coin at the fixed point of one scenario, and the rounds that it took."""
    amounts = exposure.amounts(case)
    lane_coin = exposure.coin[exposure.lane]
    closed = np.zeros(len(exposure.fleet), np.bool_)
    sold: Floats = np.zeros(exposure.coins)
    rounds = 0
    while True:
        caught = exposure.caught(case, np.exp(-STEP * sold / depth)) | closed
        if caught.sum() == closed.sum():
            return sold, rounds
        closed, rounds = caught, rounds + 1
        sold = np.bincount(lane_coin, np.where(closed[exposure.pool], amounts, 0.0), exposure.coins).astype(np.float64)
