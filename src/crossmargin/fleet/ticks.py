"""Ticks as the watch plays them: sets of marks that move at once, one set after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from crossmargin.domain.arithmetic import ONE
from crossmargin.domain.instrument import Kind
from crossmargin.errors import InputError
from crossmargin.fleet.arrays import Amounts, Decimals, Floats, Ints, Scaled
from crossmargin.fleet.pack import Fleet, price_of

__all__ = ["Ticks", "ticks_of", "ticks_of_columns"]

UNITS_MAX = 2**53


@dataclass(frozen=True, slots=True)
class Ticks:
    """Tick t moves the lanes of entries `start[t]` to `start[t + 1]`.

    Attributes:
        start: First entry of each tick, and the end of the last.
        lane: Lane of each entry.
        price: Its price for the kernels.
        mark: Its mark, exactly.
        instruments: Name that moves each lane.
    """

    start: Ints
    lane: Ints
    price: Floats
    mark: Amounts
    instruments: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.start) - 1

    def marks(self, begin: int, end: int) -> dict[str, Decimal]:
        """Exact marks that ticks from `begin` to before `end` leave behind."""
        first, last = int(self.start[begin]), int(self.start[end])
        lanes, nearest = np.unique(self.lane[first:last][::-1], return_index=True)
        pairs = zip(lanes.tolist(), nearest.tolist(), strict=True)
        return {self.instruments[lane]: self.mark.decimal(last - 1 - back) for lane, back in pairs}


def ticks_of(fleet: Fleet, sequence: Sequence[Mapping[str, Decimal]]) -> Ticks:
    """Ticks of exact marks; instruments that nobody holds are left out.

    Raises:
        InputError: a mark that is not above zero, or another price of USD than 1.
    """
    lanes_of = fleet.tables.lanes_of()
    starts, lanes, values, marks = [0], [], [], []
    for moved in sequence:
        if moved.get("USD", ONE) != ONE:
            raise InputError("marks", "USD", "is what all prices are in: it costs 1")
        for name, mark in moved.items():
            for lane in lanes_of.get(name, ()):
                lanes.append(lane)
                values.append(price_of(fleet.tables.lanes[lane], mark, fleet.rulebook))
                marks.append(mark)
        starts.append(len(lanes))
    return Ticks(
        np.array(starts, np.int64),
        np.array(lanes, np.int64),
        np.array(values, np.float64),
        Decimals(marks),
        fleet.tables.movers,
    )


def ticks_of_columns(fleet: Fleet, instruments: Sequence[str], marks: Scaled) -> Ticks:
    """Ticks of one mark each: the first instrument's, the second's, and so on round by round.

    Raises:
        InputError: a mark that is not above zero, marks that are no whole number of rounds, or of so many digits that
            floats don't tell them apart.
    """
    lanes_of = fleet.tables.lanes_of()
    width = [len(lanes_of.get(name, ())) for name in instruments]
    rounds, rest = divmod(len(marks), len(instruments))
    if rest or (len(marks) and marks.units.min() <= 0):
        raise InputError("marks", "", "has to hold whole rounds of marks above zero")
    if len(marks) and marks.units.max() > UNITS_MAX:
        raise InputError(
            "marks", "", f"{marks.units.max()} units are more than {UNITS_MAX}: floats don't tell them apart"
        )
    entry = np.repeat(np.arange(len(marks)), np.tile(width, rounds))
    lane = np.tile(np.array([each for name in instruments for each in lanes_of.get(name, ())], np.int64), rounds)
    price = marks.floats()[entry]
    inverse = fleet.tables.inverse[lane]
    price[inverse] = 1.0 / price[inverse]
    for code, each in enumerate(fleet.tables.lanes):
        if each.instrument.kind == Kind.OPTION:
            for index in np.flatnonzero(lane == code).tolist():
                price[index] = price_of(each, marks.decimal(int(entry[index])), fleet.rulebook)
    start = np.concatenate([[0], np.cumsum(np.tile(width, rounds))]).astype(np.int64)
    return Ticks(start, lane, price, marks.take(entry), fleet.tables.movers)
