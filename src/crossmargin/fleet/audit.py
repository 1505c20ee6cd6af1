"""The kernel held against the exact assessment, pool by pool."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from crossmargin.domain.marks import Marks
from crossmargin.fleet import twin
from crossmargin.fleet.arrays import Floats
from crossmargin.fleet.exact import decide
from crossmargin.fleet.frames import Folder, read_part
from crossmargin.fleet.pack import Fleet, pack, prices
from crossmargin.fleet.screen import UNDECIDED, Screen, revalued

__all__ = ["Audit", "audit"]


class Audit(NamedTuple):
    """What an audit found.

    Attributes:
        pools: How many were assessed.
        differing: Statuses that the kernel had otherwise.
        undecided: Pools that the kernel left to the exact function.
        share: The largest error of a figure, as a share of what is certified.
    """

    pools: int
    differing: int
    undecided: int
    share: float


def audit(
    folder: Folder, marks: Marks, *, sample: int, seed: int, told: Callable[[int], None] = lambda _: None
) -> Audit:
    """Draw pools evenly from all parts and assess each exactly."""
    random = np.random.default_rng(seed)
    found = Audit(0, 0, 0, 0.0)
    for index, part in enumerate(folder.files()):
        fleet = pack(read_part(part), folder.rulebook)
        wanted = min(len(fleet), -(-sample // len(folder.parts)), sample - found.pools)
        drawn = random.choice(len(fleet), wanted, replace=False)
        found = _audited(fleet, marks, [int(pool) for pool in drawn], found)
        told(index + 1)
    return found


def _audited(fleet: Fleet, marks: Marks, drawn: list[int], found: Audit) -> Audit:
    price = prices(fleet, marks)
    valued = revalued(fleet, price)
    for pool in drawn:
        share, differs, undecided = _one(valued, pool, marks, price)
        found = Audit(found.pools + 1, found.differing + differs, found.undecided + undecided, max(found.share, share))
    return found


def _one(valued: Screen, pool: int, marks: Marks, price: Floats) -> tuple[float, bool, bool]:
    exact = decide(valued.fleet, pool, marks)
    if valued.status[pool] == UNDECIDED:
        return 0.0, False, True
    names = ("equity", "initial", "required")
    error = max(abs(float(getattr(valued, name)[pool]) - float(getattr(exact, name))) for name in names)
    *_, allowed = twin.figures(valued.fleet, price, pool)
    return error / allowed if allowed else error, bool(valued.status[pool] != exact.status), False
