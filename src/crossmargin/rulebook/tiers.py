"""Tiers: the maintenance rate, largest leverage and size cap that belong to a position's size."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient

__all__ = ["Tier", "TierTable", "deductions", "largest_leverage"]


class Tier(Struct, frozen=True, kw_only=True):
    """One bracket.

    Attributes:
        maintenance_rate: Maintenance margin as a fraction of position value.
        up_to: Upper bound of the size, None on an open-ended last tier.
        max_leverage: Largest leverage allowed, None when not limited.
        initial_rate: Initial margin as a fraction, where the venue publishes one.
        deduction: Amount taken off under the marginal scheme, settlement currency.
        slope: What both rates grow by per unit of base, for venues whose rates are linear in size.
        open_interest_low: Open interest (notional) up to which the initial rate holds.
        open_interest_high: Open interest at which the initial rate reaches 1.
        factor: Options only: the multiplier that grows with the account's short size.
    """

    maintenance_rate: Decimal
    up_to: Decimal | None = None
    max_leverage: Decimal | None = None
    initial_rate: Decimal | None = None
    deduction: Decimal = ZERO
    slope: Decimal = ZERO
    open_interest_low: Decimal | None = None
    open_interest_high: Decimal | None = None
    factor: Decimal = ONE


class TierTable(Struct, frozen=True, kw_only=True):
    """The tiers of one family of instruments under one margin mode.

    Attributes:
        tiers: Ascending.
        unit: What the bounds count: contracts, notional, borrowed, or base.
        scheme: ``whole``: one rate for the whole position. ``marginal``: rate x value - deduction, continuous.
            ``of_initial``: the rate is a fraction of the initial margin.
        inclusive: Whether a size equal to `up_to` still belongs to the tier.
        effective_from: First day of the table.
        source: Where it was read.
    """

    tiers: tuple[Tier, ...]
    unit: str = "notional"
    scheme: str = "whole"
    inclusive: bool = True
    effective_from: date | None = None
    source: str = ""

    def index_of(self, size: Decimal) -> int:
        """Position (from 0) of the tier that a size falls in; sizes above the last tier stay in it."""
        tiers = self.tiers
        for index, tier in enumerate(tiers):
            bound = tier.up_to
            if bound is None or size < bound or (self.inclusive and size == bound):
                return index
        return len(tiers) - 1

    def cap_at(self, leverage: Decimal) -> Decimal | None:
        """Largest size allowed at a leverage: bound of the highest tier that admits it.

        None means no cap; zero means that no tier admits the leverage.
        Source: research on OKX position tiers, rule "position cap by leverage".
        """
        cap: Decimal | None = ZERO
        for tier in self.tiers:
            if tier.max_leverage is None or tier.max_leverage >= leverage:
                cap = tier.up_to
        return cap


def deductions(floors: Sequence[Decimal], rates: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """Deduction ("cum") of each bracket, which makes maintenance continuous at every bound.

        deduction_n = deduction_(n-1) + floor_n x (rate_n - rate_(n-1))

    Args:
        floors: Lower bound of each bracket, starting at 0.
        rates: Maintenance rate of each bracket.

    Source: Binance USDS-M leverage and margin FAQ; the same recursion as Bybit's mmDeduction.

    >>> deductions([Decimal(0), Decimal(50_000)], [Decimal("0.004"), Decimal("0.005")])
    (Decimal('0'), Decimal('50.000'))
    """
    return _deductions(floors, rates)


@exact
def _deductions(floors: Sequence[Decimal], rates: Sequence[Decimal]) -> tuple[Decimal, ...]:
    found = [ZERO]
    for index in range(1, len(floors)):
        found.append(found[-1] + floors[index] * (rates[index] - rates[index - 1]))
    return tuple(found)


@exact
def largest_leverage(table: TierTable, margin: Decimal) -> Decimal | None:
    """Largest leverage at which a margin may be used, so that margin x leverage lies in a tier that allows it.

    Args:
        table: Tiers in notional, each with its largest leverage.
        margin: Margin put up, settlement currency, above zero.

    Returns:
        The leverage, or None when no tier can hold the margin.

    Source: freqtrade's published cases for Binance brackets.

    >>> tiers = (Tier(maintenance_rate=ZERO, up_to=Decimal(100), max_leverage=Decimal(20)),)
    >>> largest_leverage(TierTable(tiers=tiers), Decimal(10))
    Decimal('10')
    """
    best: Decimal | None = None
    floor = ZERO
    for tier in table.tiers:
        allowed = tier.max_leverage if tier.max_leverage is not None else ONE
        if tier.up_to is not None and allowed * margin > tier.up_to:
            allowed = quotient(tier.up_to, margin)
        if allowed * margin >= floor and (best is None or allowed > best):
            best = allowed
        floor = tier.up_to if tier.up_to is not None else floor
    return best
