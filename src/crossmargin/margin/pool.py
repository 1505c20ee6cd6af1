"""Pools: what shares collateral. One per settlement currency, and one for each isolated position."""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from crossmargin.domain.account import Order, Position
from crossmargin.domain.arithmetic import ZERO, added, ceil_to, quotient
from crossmargin.margin.legs import Leg, Requirement, requirement
from crossmargin.rulebook.rules import Rules

__all__ = ["Pool", "Risk", "Status", "requirements", "status_of"]


class Status(StrEnum):
    """How a pool stands."""

    SAFE = "safe"
    WARNING = "warning"
    LIQUIDATION = "liquidation"

    @property
    def severity(self) -> int:
        """0 safe, 1 warning, 2 liquidation."""
        return _SEVERITY[self]


_SEVERITY = {status: place for place, status in enumerate(Status)}


class Risk(Struct, frozen=True, gc=False, kw_only=True):
    """The verdict on one pool, all in its currency.

    Attributes:
        available: What supports the pool.
        initial: Initial margin of positions and orders.
        maintenance: Maintenance margin.
        fees: Closing fees that the venue adds to maintenance.
    """

    available: Decimal
    initial: Decimal
    maintenance: Decimal
    fees: Decimal

    def __add__(self, other: "Risk") -> "Risk":
        """Add two pools of the same currency."""
        return Risk(
            available=added(self.available, other.available),
            initial=added(self.initial, other.initial),
            maintenance=added(self.maintenance, other.maintenance),
            fees=added(self.fees, other.fees),
        )

    @property
    def required(self) -> Decimal:
        """Maintenance margin and closing fees, exact whatever the caller's decimal context."""
        return added(self.maintenance, self.fees)

    @property
    def ratio(self) -> Decimal | None:
        """What supports / what is required, None when nothing is required."""
        required = self.required
        return quotient(self.available, required) if required else None


class Pool(Struct, frozen=True, gc=False, kw_only=True):
    """One pool: its legs, their requirements and the verdict.

    Attributes:
        currency: Currency of every amount.
        isolated: The isolated position that is the whole pool, None for a cross pool.
        legs: Positions first, then opening orders.
        requirements: Maintenance and fee of each leg, in the order of legs.
        fixed: The part of `risk.available` that no price moves: cash or isolated margin less holds.
        risk: The verdict.
        ratio: What supports / what is required, None when nothing is required.
        status: Safe, warning or liquidation.
    """

    currency: str
    isolated: Position | None
    legs: tuple[Leg, ...]
    requirements: tuple[Requirement, ...]
    fixed: Decimal
    risk: Risk
    ratio: Decimal | None
    status: Status

    @property
    def name(self) -> str:
        """The isolated position's id, or ``USDT cross``."""
        return f"{self.currency} cross" if self.isolated is None else self.isolated.id

    @property
    def positions(self) -> list[Leg]:
        """Legs that are positions."""
        return [leg for leg in self.legs if not isinstance(leg.holding, Order)]


def requirements(legs: Iterable[Leg], step: Decimal | None = None) -> list[Requirement]:
    """Requirement of every leg, each in the tier of its group's whole size, rounded up to a step where there is one.

    Source: docs/sources.md 1.3.1, 4.3.
    """
    legs = tuple(legs)
    sizes: dict[str, Decimal] = {}
    for leg in legs:
        if leg.group is not None:
            sizes[leg.group] = sizes.get(leg.group, ZERO) + leg.size
    found = [
        requirement(
            leg,
            0 if leg.table is None else leg.table.index_of(leg.size if leg.group is None else sizes[leg.group]),
            leg.value,
        )
        for leg in legs
    ]
    return found if step is None else [_rounded(leg, each, step) for leg, each in zip(legs, found, strict=True)]


def _rounded(leg: Leg, exactly: Requirement, step: Decimal) -> Requirement:
    """Round up; a fraction of the initial margin is taken of the initial margin as rounded (docs/sources.md 9.1)."""
    maintenance = exactly.maintenance
    if leg.table is not None and exactly.tier is not None and leg.table.scheme == "of_initial":
        row = leg.table.tiers[exactly.tier]
        maintenance = ceil_to(leg.value * (row.initial_rate or ZERO), step) * row.maintenance_rate
    return Requirement(ceil_to(maintenance, step), exactly.fee, exactly.tier)


def status_of(risk: Risk, rules: Rules) -> Status:
    """Compare what supports with what is required, without a division.

    Source: docs/spec.md 1 "margin ratio": warn at <= warn_at, liquidate by the rulebook's trigger at 1.
    """
    required = risk.required
    if rules.triggered(risk.available, required):
        return Status.LIQUIDATION
    if required and risk.available <= rules.warn_at * required:
        return Status.WARNING
    return Status.SAFE
