"""Collateral: how much of a currency counts, slice by slice."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.arithmetic import ZERO, exact

__all__ = ["Collateral", "Slice"]


class Slice(Struct, frozen=True, kw_only=True):
    """A slice of a currency's amount and the rate at which it counts.

    Attributes:
        rate: Fraction of the value that counts, 0 to 1.
        up_to: Upper bound of the slice in units of the currency; None on an open-ended last slice.
    """

    rate: Decimal
    up_to: Decimal | None = None


class Collateral(Struct, frozen=True, kw_only=True):
    """How one currency counts as collateral.

    Attributes:
        slices: Ascending; what lies above a last bounded slice counts for nothing.
        enabled: Whether a positive amount counts at all (users may exclude a coin).
        bid_buffer: Taken off the index for positive amounts.
        ask_buffer: Put on the index for negative amounts.
        source: Where it was read.
    """

    slices: tuple[Slice, ...]
    enabled: bool = True
    bid_buffer: Decimal = ZERO
    ask_buffer: Decimal = ZERO
    source: str = ""

    @exact
    def counted(self, amount: Decimal) -> Decimal:
        """Amount that counts: each slice at its own rate; a negative amount counts in full.

        Source: docs/sources.md 2.1 (OKX), 5.2 (Binance), 6.1 (Bybit).

        >>> usdt = Collateral(slices=(Slice(rate=Decimal(1), up_to=Decimal(5)), Slice(rate=Decimal("0.9"))))
        >>> usdt.counted(Decimal(7)), usdt.counted(Decimal(-7))
        (Decimal('6.8'), Decimal('-7'))
        """
        if amount <= 0:
            return amount
        if not self.enabled:
            return ZERO
        counted, floor = ZERO, ZERO
        for each in self.slices:
            top = amount if each.up_to is None else min(amount, each.up_to)
            if top > floor:
                counted += (top - floor) * each.rate
                floor = top
        return counted

    @property
    def bounds(self) -> tuple[Decimal, ...]:
        """Amounts at which the rate changes, zero included."""
        return (ZERO, *(each.up_to for each in self.slices if each.up_to is not None))
