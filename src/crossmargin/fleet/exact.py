"""The exact function behind the kernels: `margin.assess` of one account of a fleet."""

from typing import NamedTuple

from crossmargin.domain.marks import Marks
from crossmargin.fleet.pack import Fleet
from crossmargin.fleet.pools import ACCOUNT, WHOLE
from crossmargin.margin.account_pool import ACCOUNT_POOL
from crossmargin.margin.assess import assess
from crossmargin.margin.pool import Pool, Status

__all__ = ["Exact", "decide"]


class Exact(NamedTuple):
    """Exact figures of a pool, as floats for the arrays, and its status."""

    equity: float
    initial: float
    required: float
    status: int


def decide(fleet: Fleet, pool: int, marks: Marks) -> Exact:
    """Assess a pool's account exactly and read the pool off the assessment."""
    columns, currency = fleet.columns, int(fleet.currency[pool])
    account = columns.account(int(fleet.owner[pool]))
    found = assess(account, marks, fleet.rulebook)
    if currency == WHOLE:
        pools = [*found.cross.values(), *found.isolated.values()]
        worst = max(pools, key=lambda each: each.status.severity)
        return _figures(worst, found.status)
    if currency == ACCOUNT:
        mine = found.cross[ACCOUNT_POOL]
    elif fleet.position[pool] >= 0:
        mine = found.isolated[columns.position(int(fleet.position[pool])).id]
    else:
        mine = found.cross[fleet.currencies[currency]]
    return _figures(mine, mine.status)


def _figures(pool: Pool, status: Status) -> Exact:
    risk = pool.risk
    return Exact(float(risk.available), float(risk.initial), float(risk.required), status.severity)
