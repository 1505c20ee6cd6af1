"""Scenarios: by how much each instrument's price moves in each of many cases.

A move is relative: -0.3 is a fall by 30 %. A price never falls by more than 99 %.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from crossmargin.errors import InputError
from crossmargin.fleet.arrays import Floats
from crossmargin.rulebook.model import Rulebook

__all__ = ["Scenarios", "by_betas", "grid", "of_coins", "student_t"]

LEAST = 0.01
FACTOR_LEAST, FACTOR_MOST = 1e-6, 1e6
TAIL_LEAST = 2.0


@dataclass(frozen=True, slots=True)
class Scenarios:
    """Factors by instrument and case.

    Attributes:
        names: One for each case.
        instruments: One for each row.
        factor: Price after / price before, rows by instrument, columns by case; of an option, of its underlying.
        probability: Whether every case is as likely as any other (a Monte Carlo), so that means and tails make sense.
        implied_factor: What the implied volatility of options is multiplied by, in every case.
    """

    names: tuple[str, ...]
    instruments: tuple[str, ...]
    factor: Floats
    probability: bool = False
    implied_factor: float = 1.0

    def __post_init__(self) -> None:
        if self.factor.shape != (len(self.instruments), len(self.names)):
            raise InputError("scenarios", "factor", f"shape {self.factor.shape} does not fit the names")
        if not np.all((self.factor >= FACTOR_LEAST) & (self.factor <= FACTOR_MOST)):
            raise InputError("scenarios", "factor", f"has to lie from {FACTOR_LEAST:g} to {FACTOR_MOST:g}")
        if not 0.0 < self.implied_factor < np.inf:
            raise InputError("scenarios", "implied_factor", f"has to be above zero, got {self.implied_factor}")

    def __len__(self) -> int:
        return len(self.names)


def _scenarios(
    names: Sequence[str], instruments: Sequence[str], moves: Floats, *, probability: bool = False
) -> Scenarios:
    factor = np.ascontiguousarray(np.maximum(1.0 + moves, LEAST))
    return Scenarios(tuple(names), tuple(instruments), factor, probability)


def grid(
    rulebook: Rulebook, instruments: Sequence[str], coin: str, moves: Sequence[float], others: Sequence[float]
) -> Scenarios:
    """Each move of one coin with each move of all the others; the coin's moves are the slower ones."""
    is_coin = np.array([rulebook.instrument(name).base == coin for name in instruments])
    pairs = [(one, other) for one in moves for other in others]
    table = np.array([[one if mine else other for one, other in pairs] for mine in is_coin], np.float64)
    names = [f"{coin} {one:+.0%}, others {other:+.0%}" for one, other in pairs]
    return _scenarios(names, instruments, table.reshape(len(instruments), len(pairs)))


def of_coins(rulebook: Rulebook, instruments: Sequence[str], shocks: Mapping[str, Mapping[str, float]]) -> Scenarios:
    """Named shocks, each a move by coin; coins that a shock does not name move as its ``*`` says, or not at all."""
    bases = [rulebook.instrument(name).base for name in instruments]
    table = [[moves.get(base, moves.get("*", 0.0)) for moves in shocks.values()] for base in bases]
    return _scenarios(list(shocks), instruments, np.array(table, np.float64).reshape(len(instruments), len(shocks)))


def by_betas(
    rulebook: Rulebook, instruments: Sequence[str], betas: Mapping[str, float], moves: Sequence[float]
) -> Scenarios:
    """A common factor moves; each coin follows by its beta, 1 where none is given."""
    beta = np.array([betas.get(rulebook.instrument(name).base, 1.0) for name in instruments])
    return _scenarios([f"market {move:+.1%}" for move in moves], instruments, np.outer(beta, np.array(moves)))


def student_t(
    rulebook: Rulebook,
    instruments: Sequence[str],
    coins: Sequence[str],
    covariance: Floats,
    *,
    count: int,
    degrees: float = 4.0,
    seed: int = 1,
) -> Scenarios:
    """Draw moves of coins from a multivariate Student t with a covariance; the same seed gives the same draws.

    Raises:
        InputError: a covariance that is none, too few degrees of freedom for one, or a coin that it leaves out.
    """
    if degrees <= TAIL_LEAST:
        raise InputError("scenarios", "degrees", f"has to be above 2 for a covariance to exist, got {degrees}")
    if covariance.shape != (len(coins), len(coins)) or not np.allclose(covariance, covariance.T):
        raise InputError("scenarios", "covariance", f"has to be symmetric, {len(coins)} by {len(coins)}")
    values, vectors = np.linalg.eigh(covariance)
    if values.min() < -1e-12 * abs(values.max()):
        raise InputError("scenarios", "covariance", "has a negative eigenvalue: no covariance has")
    missing = {rulebook.instrument(name).base for name in instruments} - set(coins)
    if missing:
        raise InputError("scenarios", "coins", f"no covariance of {', '.join(sorted(missing))}")
    random = np.random.default_rng(seed)
    normal = vectors @ (np.sqrt(np.maximum(values, 0.0))[:, None] * random.standard_normal((len(coins), count)))
    moves = normal * np.sqrt((degrees - 2.0) / random.chisquare(degrees, count))
    row = {coin: index for index, coin in enumerate(coins)}
    chosen = [row[rulebook.instrument(name).base] for name in instruments]
    return _scenarios([f"draw {n}" for n in range(count)], instruments, moves[chosen], probability=True)
