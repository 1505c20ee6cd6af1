"""The gauge: a margin ratio on a logarithmic scale, since a linear one shows every living account at the same place."""

from decimal import Context, Decimal
from typing import Any

from crossmargin.formats.human import human, percent
from crossmargin.margin.assess import Assessment
from crossmargin.margin.pool import Pool, Status

__all__ = ["TICKS", "WIDTH", "gauge", "place", "worst"]

WIDTH = 1000
_LOW, _HIGH = Decimal("0.5"), Decimal(100)
_ROUGH = Context(prec=9)
_WORDS = {
    Status.SAFE: "Safe",
    Status.WARNING: "Warning: liquidation is near",
    Status.LIQUIDATION: "Liquidation: positions are closed",
}


def place(ratio: Decimal) -> int:
    """Where a ratio stands: 50 % at the left end, 10,000 % at the right one, beyond them at the end.

    >>> place(Decimal("0.5")), place(Decimal(100)), place(Decimal(-1)), place(Decimal(1000))
    (0, 1000, 0, 1000)
    """
    if ratio <= _LOW:
        return 0
    part = _ROUGH.divide(_ROUGH.ln(_ROUGH.divide(ratio, _LOW)), _ROUGH.ln(_ROUGH.divide(_HIGH, _LOW)))
    return min(WIDTH, int(_ROUGH.multiply(part, Decimal(WIDTH))))


TICKS = tuple((place(Decimal(ratio)), f"{ratio * 100:,} %") for ratio in (1, 3, 10, 100))
"""Marks of the scale: 100 % is liquidation, 300 % is the warning."""


def worst(assessment: Assessment) -> Pool | None:
    """The pool that is nearest to its liquidation; None where nothing is required."""
    pools = [pool for pool in (*assessment.cross.values(), *assessment.isolated.values()) if pool.ratio is not None]
    return min(pools, key=lambda pool: (-pool.status.severity, pool.ratio or Decimal(0)), default=None)


def gauge(assessment: Assessment) -> dict[str, Any]:
    """Place, figure and words of the worst pool."""
    pool = worst(assessment)
    if pool is None or pool.ratio is None:
        return {
            "at": WIDTH, "status": "none", "ratio": "none", "exact": "",
            "told": "Nothing is required: no position and no order needs maintenance margin.",
        }  # fmt: skip
    needs, has = pool.risk.required, pool.risk.available
    figures = f"{pool.name}: {human(has)} support, {human(needs)} {pool.currency} are required"
    return {
        "at": place(pool.ratio),
        "status": pool.status.value,
        "ratio": percent(pool.ratio),
        "exact": str(pool.ratio),
        "told": f"{_WORDS[pool.status]}. {figures}.",
    }
