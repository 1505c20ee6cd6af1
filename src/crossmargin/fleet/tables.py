"""Tier tables as flat arrays: one lane for each instrument and margin mode, one row for each tier.

In a row the requirement is `slope x n - deduction`, n the position's value. Rows of a lane stand together, `1 << shift`
apart, so that a position needs one number: its row. `low` and `high` bound the values for which a row holds:

    marginal, by value     the bounds meet: the requirement is continuous, so either row is right at a bound
    whole, by value        the bounds stay apart by more than any rounding: between them nothing is decided in floats
    by contracts           0 and infinity: the size alone picks the row, once, when the fleet is packed
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import numpy as np

from crossmargin.domain.account import MarginMode
from crossmargin.domain.arithmetic import EXACT
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.errors import UnsupportedError
from crossmargin.fleet.arrays import UNIT, Bools, Floats, Ints
from crossmargin.margin.legs import closing_fee_rate
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.tiers import TierTable

__all__ = [
    "BASE",
    "CROSS",
    "CURRENCY",
    "FEE",
    "INITIAL",
    "ISOLATED",
    "LANES",
    "MARK",
    "OPTION_LANES",
    "SWAP_LANES",
    "WAKE_ONLY",
    "WORTH",
    "Lane",
    "Tables",
    "tables_of",
]

CROSS, ISOLATED, WAKE_ONLY, WORTH, MARK, BASE, FEE, INITIAL, CURRENCY = range(9)
LANES = 8
SWAP_LANES, OPTION_LANES = (CROSS, ISOLATED, WAKE_ONLY), (WAKE_ONLY, WORTH, MARK, BASE, FEE, INITIAL)
"""Lanes an instrument may have: cross, isolated, and one without requirement for accounts that are assessed exactly;
an option has one for its worth and four for what a short one needs, `option_lanes` says which.

Where accounts share collateral, a currency has a lane too: its price is the currency's USD price.
"""

GAP = 32 * UNIT
ROUNDED = 1e-12
RATE_LEAST = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Lane:
    """What pack needs to know of a lane beyond the kernels' arrays."""

    instrument: Instrument
    mode: int
    table: TierTable | None
    group: str | None
    by_value: bool

    @property
    def mover(self) -> str:
        """Name under which a tick moves the lane's price: instrument, currency, ``forward:BTC``; none for a fee."""
        if self.mode == INITIAL:
            return f"forward:{self.instrument.underlying}"
        return "" if self.mode == FEE else self.instrument.id


@dataclass(frozen=True, slots=True)
class Tables:
    """The kernels' tables.

    Attributes:
        lanes: Instrument and margin mode of each lane.
        shift: Rows of lane i start at `i << shift`.
        slope: Maintenance rate and closing fee.
        deduction: Amount off, settlement currency.
        low: Least value of a position in the row.
        high: Largest value.
        whole: Whether the lane's requirement jumps at its bounds.
        inverse: Whether the lane's price is 1 / mark.
        slope_max: The largest slope.
        least_rate: The least requirement of a unit of value, in any row of a lane that has a table.
    """

    lanes: tuple[Lane, ...]
    shift: int
    slope: Floats
    deduction: Floats
    low: Floats
    high: Floats
    whole: Bools
    inverse: Bools
    slope_max: float
    least_rate: float

    @property
    def rows(self) -> Floats:
        """Room for a price, slope, low and high of each row side by side: one line of the cache instead of four."""
        return np.stack([np.zeros(len(self.slope)), self.slope, self.low, self.high], axis=1).ravel()

    @property
    def instruments(self) -> tuple[str, ...]:
        """Instrument id of each lane."""
        return tuple(lane.instrument.id for lane in self.lanes)

    def lanes_of(self) -> dict[str, list[int]]:
        """Lanes by the name under which a tick moves them."""
        found: dict[str, list[int]] = {}
        for index, name in enumerate(self.movers):
            found.setdefault(name, []).append(index)
        return found

    @property
    def movers(self) -> tuple[str, ...]:
        """Name under which a tick moves each lane."""
        return tuple(lane.mover for lane in self.lanes)


def tables_of(rulebook: Rulebook, wanted: Sequence[tuple[str, int]]) -> Tables:
    """Tables of some instruments under some margin modes.

    Raises:
        MissingDataError: an instrument, fee or table that the rulebook has not.
        UnsupportedError: a table that the kernels don't cover.
    """
    lanes = tuple(
        _currency(name) if mode == CURRENCY else _lane(rulebook, rulebook.instrument(name), mode)
        for name, mode in wanted
    )
    longest = max((len(lane.table.tiers) for lane in lanes if lane.table), default=1)
    shift = (longest - 1).bit_length()
    size = max(len(lanes), 1) << shift
    slope, deduction = np.zeros(size), np.zeros(size)
    low, high = np.full(size, np.inf), np.full(size, np.inf)
    for index, lane in enumerate(lanes):
        _fill(rulebook, lane, index << shift, (slope, deduction, low, high))
    tabled = np.repeat([lane.table is not None for lane in lanes] or [False], 1 << shift) & (low < np.inf)
    least = _least_rates(slope, deduction, low, high)
    for row in np.flatnonzero(tabled & (least < 0.0))[:1].tolist():
        name = lanes[row >> shift].instrument.id
        raise UnsupportedError(
            f'{rulebook.venue}: "{name}": a requirement below zero is not covered by the fleet kernels'
        )
    return Tables(
        lanes=lanes,
        shift=shift,
        slope=slope,
        deduction=deduction,
        low=low,
        high=high,
        whole=np.array([lane.by_value and _jumps(lane) for lane in lanes], np.bool_),
        inverse=np.array([lane.instrument.inverse and lane.mode in SWAP_LANES for lane in lanes], np.bool_),
        slope_max=float(slope.max()),
        least_rate=float(least[tabled].min(initial=np.inf)),
    )


def _least_rates(slope: Floats, deduction: Floats, low: Floats, high: Floats) -> Floats:
    """Least of slope - deduction / value in each row: it is monotone in the value, so that it stands at an end.

    What ends at zero has nothing to deduct from. A last digit below zero is the rounding of a tier that begins at zero.
    """
    ends = np.stack([np.where(low > 0.0, low, np.inf), np.where(high > 0.0, high, np.inf)])
    least = (slope - deduction / ends).min(axis=0)
    return np.where(np.abs(least) <= ROUNDED * slope, 0.0, least)


def _currency(name: str) -> Lane:
    """A currency as a lane: what is held is the coin itself, and nothing is required of it."""
    coin = Instrument(id=name, kind=Kind.SPOT, base=name, quote="USD", settle=name)
    return Lane(coin, CURRENCY, None, None, False)


def _lane(rulebook: Rulebook, instrument: Instrument, mode: int) -> Lane:
    if mode not in {CROSS, ISOLATED}:
        return Lane(instrument, mode, None, None, False)
    margin_mode = MarginMode.ISOLATED if mode == ISOLATED else MarginMode.CROSS
    table = rulebook.tier_table(instrument, margin_mode)
    by_value = table.unit == "notional" or (table.unit == "base" and instrument.inverse)
    fee = closing_fee_rate(instrument, rulebook)
    problem = _uncovered(table, by_value=by_value) or _uneven(table, fee, by_value=by_value)
    if problem is not None:
        raise UnsupportedError(f'{rulebook.venue}: "{instrument.id}": {problem} is not covered by the fleet kernels')
    rule = rulebook.rules.isolated_tier_group if mode == ISOLATED else rulebook.rules.tier_group
    group = None
    if rule != "leg" and table.scheme != "marginal":
        group = f"{instrument.kind}:{instrument.family or instrument.id}" if rule == "family" else instrument.id
    return Lane(instrument, mode, table, group, by_value)


def _uncovered(table: TierTable, *, by_value: bool) -> str | None:
    """What the kernels don't have, if there is something."""
    if table.scheme not in {"whole", "marginal"} or table.unit not in {"notional", "contracts", "base"}:
        return f'a table of scheme "{table.scheme}" and unit "{table.unit}"'
    if table.tiers[0].deduction:
        return "a first tier with a deduction"
    if any(tier.slope for tier in table.tiers):
        return "a rate that grows with the size"
    if not by_value and any(tier.deduction for tier in table.tiers):
        return f"a deduction where tiers go by {table.unit}"
    return None


def _uneven(table: TierTable, fee: Decimal, *, by_value: bool) -> str | None:
    """What would make a requirement bend or jump where the watch counts on neither, if there is something."""
    rates = [EXACT.add(tier.maintenance_rate, fee) for tier in table.tiers]
    if any(0 < rate < RATE_LEAST for rate in rates):
        return f"a rate below {RATE_LEAST}"
    if not by_value or table.scheme != "marginal" or len(rates) == 1:
        return None
    if rates[0] == 0:
        return "a marginal tier that needs nothing"
    for low, high, rise in zip(table.tiers, table.tiers[1:], (b - a for a, b in pairwise(rates)), strict=False):
        if rise < 0:
            return "a marginal rate that falls"
        if low.up_to is None or EXACT.multiply(low.up_to, rise) != EXACT.subtract(high.deduction, low.deduction):
            return "a requirement that jumps between marginal tiers"
    return None


def _jumps(lane: Lane) -> bool:
    return lane.table is not None and lane.table.scheme != "marginal" and len(lane.table.tiers) > 1


def _fill(rulebook: Rulebook, lane: Lane, first: int, into: tuple[Floats, Floats, Floats, Floats]) -> None:
    """Write a lane's rows."""
    slope, deduction, low, high = into
    if lane.table is None:
        low[first], slope[first] = 0.0, float(lane.mode in {MARK, BASE, FEE})
        return
    fee = closing_fee_rate(lane.instrument, rulebook)
    bounds = [float(tier.up_to) for tier in lane.table.tiers[:-1] if tier.up_to is not None]
    gap = GAP if _jumps(lane) else 0.0
    for index, tier in enumerate(lane.table.tiers):
        row = first + index
        slope[row] = float(EXACT.add(tier.maintenance_rate, fee))
        deduction[row] = float(tier.deduction)
        low[row] = bounds[index - 1] * (1 + gap) if index and lane.by_value else 0.0
        high[row] = bounds[index] * (1 - gap) if index < len(bounds) and lane.by_value else np.inf


def tier_by_size(lane: Lane, size: Decimal) -> int:
    """Tier of a group's size."""
    return 0 if lane.table is None else lane.table.index_of(size)


def tiers_by_size(lane: Lane, sizes: Floats) -> tuple[Ints, Bools]:
    """Tier of each size, and whether the size lies too near a bound to be sure."""
    bounds = np.array([float(tier.up_to or 0) for tier in lane.table.tiers[:-1]] if lane.table else [])
    found = np.searchsorted(bounds, sizes)
    if not len(bounds):
        return found, np.zeros(len(sizes), np.bool_)
    near = np.abs(bounds[np.minimum(found, len(bounds) - 1)] - sizes)
    near = np.minimum(near, np.abs(bounds[np.maximum(found - 1, 0)] - sizes))
    return found, near <= 1e-9 * sizes
