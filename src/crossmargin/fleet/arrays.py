"""Names of the array types, and the amounts of exact columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["UNIT", "Amounts", "Bools", "Decimals", "Floats", "Ints", "Scaled", "joined_amounts"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[Any]
"""Small whole numbers: a status, a side, a row of a table; their width follows their largest value."""

UNIT = 2.0**-53
"""Largest relative error of one float operation or conversion."""

PLACES_MAX = 18


class Amounts(Protocol):
    """A column of exact amounts."""

    def floats(self) -> Floats:
        """Each amount as the nearest float, two units of the last place off at most."""

    def decimal(self, index: int) -> Decimal:
        """One amount, exactly."""

    def take(self, indices: Ints) -> "Amounts":
        """Some of the amounts."""

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Scaled:
    """Amounts as whole numbers of the last decimal place: units x 10^-places.

    >>> Scaled(np.array([12345]), 2).decimal(0)
    Decimal('123.45')
    """

    units: Ints
    places: int

    def __post_init__(self) -> None:
        if not 0 <= self.places <= PLACES_MAX:
            raise ValueError(f"places: {self.places} is not from 0 to {PLACES_MAX}")

    def floats(self) -> Floats:
        """One rounding for the whole number if it is long, one for the power of ten, which is exact itself."""
        return self.units / np.float64(10**self.places)

    def decimal(self, index: int) -> Decimal:
        """Units moved by the decimal places."""
        return Decimal(int(self.units[index])).scaleb(-self.places)

    def take(self, indices: Ints) -> "Scaled":
        """The same places."""
        return Scaled(self.units[indices], self.places)

    def __len__(self) -> int:
        return len(self.units)


@dataclass(frozen=True, slots=True)
class Decimals:
    """Amounts of any length, one Decimal each."""

    values: Sequence[Decimal]

    def floats(self) -> Floats:
        """The nearest float of each."""
        convert: Callable[[Decimal], float] = float
        return np.fromiter(map(convert, self.values), np.float64, len(self.values))

    def decimal(self, index: int) -> Decimal:
        """As it was given."""
        return self.values[index]

    def take(self, indices: Ints) -> "Decimals":
        """Some of them."""
        return Decimals([self.values[index] for index in indices.tolist()])

    def __len__(self) -> int:
        return len(self.values)


def joined_amounts(columns: Sequence[Amounts]) -> Amounts:
    """Columns one after the other: whole numbers where all have the same places, else one Decimal each."""
    scaled = [each for each in columns if isinstance(each, Scaled)]
    if len(scaled) == len(columns) and len({each.places for each in scaled}) == 1:
        return Scaled(np.concatenate([each.units for each in scaled]), scaled[0].places)
    return Decimals([each.decimal(index) for each in columns for index in range(len(each))])
