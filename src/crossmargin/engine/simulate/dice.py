"""Dice: a seeded stream of whole numbers, the same on every machine (splitmix64, in integers)."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

__all__ = ["Dice"]

Thing = TypeVar("Thing")

_MASK = (1 << 64) - 1


class Dice:
    """A stream of numbers that depends on its seed alone."""

    def __init__(self, seed: int) -> None:
        """Start the stream."""
        self._state = seed & _MASK

    def next(self) -> int:
        """The next number of 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, bound: int) -> int:
        """A number from 0 to bound - 1."""
        return self.next() % bound

    def between(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, per_mille: int) -> bool:
        """True in so many of a thousand cases."""
        return self.below(1000) < per_mille

    def pick(self, things: Sequence[Thing]) -> Thing:
        """One of some things."""
        return things[self.below(len(things))]

    def weighted(self, weights: dict[Thing, int]) -> Thing:
        """One of some things, by weight."""
        left = self.below(sum(weights.values()))
        for thing, weight in weights.items():
            left -= weight
            if left < 0:
                return thing
        raise AssertionError("weights are above zero")

    def amount(self, low: int, high: int, step: str) -> Decimal:
        """A multiple of a step, between low and high steps."""
        return self.between(low, high) * Decimal(step)
