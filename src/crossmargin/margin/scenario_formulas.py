"""Portfolio margin, the closed formulas only: what a price bucket costs, and how charges add up to a requirement."""

from collections.abc import Iterable
from decimal import Decimal

from crossmargin.domain.arithmetic import ONE, ZERO, exact, scaled

__all__ = ["bucket_pnl", "matrix_margin", "matrix_requirements", "offset_gain", "roll_charge", "unit_maintenance"]


@exact
def bucket_pnl(size: Decimal, *, shock: Decimal, inverse: bool) -> Decimal:
    """Profit of a position when the index moves by a shock, per unit of its value now.

        inverse:  size x (1 - 1 / (1 + shock))  in coin        linear:  size x shock  in quote currency

    Args:
        size: Signed value of the position, coin (inverse) or quote currency (linear).
        shock: Move of the index as a fraction, above -1.
        inverse: Whether the contract pays in coin.

    Source: docs/sources.md 8.3, vector db-pm-matrix-example (Deribit).

    >>> bucket_pnl(Decimal(3), shock=Decimal("0.25"), inverse=True)
    Decimal('0.6')
    """
    return scaled(size, shock, ONE + shock) if inverse else size * shock


@exact
def roll_charge(sizes: Iterable[Decimal], *, least: Decimal, annual: Decimal = ZERO, years: Decimal = ZERO) -> Decimal:
    """Charge for the distance between a future and the index: sum of |size| x max(least, annual x years).

    Args:
        sizes: Signed values of the positions of one index.
        least: Least move.
        annual: Move for each year to expiry.
        years: Time to expiry.

    Source: docs/sources.md 8.3 (Deribit).

    >>> roll_charge([Decimal(3), Decimal(-1)], least=Decimal("0.01"))
    Decimal('0.04')
    """
    return sum((abs(size) for size in sizes), ZERO) * max(least, annual * years)


@exact
def matrix_margin(pnls: Iterable[Decimal], *, roll: Decimal) -> Decimal:
    """Margin of a scenario grid: the loss of its worst bucket (zero if none loses) and the roll charge.

    Source: docs/sources.md 8.3 (Deribit).

    >>> matrix_margin([Decimal(5), Decimal(-7)], roll=Decimal(1))
    Decimal('8')
    """
    return max(ZERO, -min(pnls, default=ZERO)) + roll


@exact
def offset_gain(pnl: Decimal, *, share: Decimal) -> Decimal:
    """Part of a bucket's gain that counts against the losses of other index pairs: share x max(0, profit).

    Source: docs/sources.md 8.3, vector db-pm-live-eth (Deribit).

    >>> offset_gain(Decimal(5), share=Decimal("0.6")), offset_gain(Decimal(-5), share=Decimal("0.6"))
    (Decimal('3.0'), Decimal('0.0'))
    """
    return share * max(ZERO, pnl)


@exact
def unit_maintenance(worst_of: Iterable[Decimal], *, added: Iterable[Decimal], least: Decimal) -> Decimal:
    """Maintenance margin of one risk unit: the worst scenario, the charges on top of it, and a least charge.

        max(max(worst_of) + sum(added), least)

    Args:
        worst_of: Spot shock, theta and extreme move: the greatest counts.
        added: Basis, vega, interest rate and de-peg charges: all count.
        least: Minimum charge.

    Source: docs/sources.md 3, vector okx-pm-imr (OKX).

    >>> unit_maintenance([Decimal(9), Decimal(1)], added=[Decimal(2)], least=Decimal(4))
    Decimal('11')
    """
    return max(max(worst_of) + sum(added, ZERO), least)


@exact
def matrix_requirements(matrix: Decimal, *, factor: Decimal, added: Decimal = ZERO) -> tuple[Decimal, Decimal]:
    """Initial and maintenance margin of a scenario grid: the matrix margin with what is added; a share of it alone.

        initial = matrix + added        maintenance = factor x matrix

    Args:
        matrix: Margin of the grid (`matrix_margin`).
        factor: Maintenance as a share of it (0.8 in the recorded answers).
        added: Margin of open orders and of market-maker protection: maintenance ignores it.

    Source: docs/sources.md 8.3, vector db-pm-matrix-example (Deribit).

    >>> matrix_requirements(Decimal(10), factor=Decimal("0.8"), added=Decimal(1))
    (Decimal('11'), Decimal('8.0'))
    """
    return matrix + added, factor * matrix
