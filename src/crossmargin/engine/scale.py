"""Scales: what a rulebook says of one instrument, in the form that bounds need; none where they do not reach.

A scale is only ever on the safe side: its rates are those of the tier or higher, so that a requirement made of it is
never below the exact one.
"""

from decimal import ROUND_CEILING, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

from msgspec import Struct

from crossmargin.domain.account import AccountMode, MarginMode
from crossmargin.domain.arithmetic import ZERO, quotient
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.ledger import QUANTUM
from crossmargin.errors import MissingDataError
from crossmargin.margin.legs import closing_fee_rate
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.tiers import TierTable

__all__ = ["NOISE", "REACH", "UP", "Scale", "covers", "covers_orders", "scale_of"]

UP = Context(prec=28, rounding=ROUND_CEILING, traps=[InvalidOperation, DivisionByZero, Overflow])
_WIDE_UP = Context(prec=120, rounding=ROUND_CEILING, traps=[InvalidOperation, DivisionByZero, Overflow])
REACH = Decimal("0.25")
"""The largest relative move of a price over which a rate is used."""
_ROOM = 1 + REACH
NOISE = Decimal("1E-12")
"""More than any rounding of a quotient to 28 digits makes of a rate."""


class Scale(Struct, frozen=True, kw_only=True):
    """One instrument as bounds see it.

    Attributes:
        settle: Currency of its pool.
        unit: Face of one contract.
        inverse: Whether it is worth face / price.
        at_entry: Whether requirements value a position at its entry.
        order_fee: Fee rate held with an opening order.
        taker: Fee rate of a fill, zero for a rebate.
        rates: Upper bound of a tier and the highest rate up to there, closing fee included.
        size: What tier bounds count.
        group: What shares a tier.
        table: The tiers.
        lot, least: Size step and smallest size of an order.
    """

    settle: str
    unit: Decimal
    inverse: bool
    at_entry: bool
    order_fee: Decimal
    taker: Decimal
    rates: tuple[tuple[Decimal | None, Decimal], ...]
    size: str
    group: str
    table: TierTable
    lot: Decimal | None
    least: Decimal | None

    def value(self, contracts: Decimal, price: Decimal) -> Decimal:
        """Value of contracts at a price: the same number as the rules come to."""
        face = contracts * self.unit
        return quotient(face, price) if self.inverse else face * price

    def sized(self, contracts: Decimal, value: Decimal) -> Decimal:
        """Size in what tier bounds count; where they count value, with room for a price that moves by `REACH`."""
        if self.size == "contracts":
            return contracts
        return contracts * self.unit if self.size == "base" and not self.inverse else value * _ROOM

    @property
    def counts_contracts(self) -> bool:
        """Whether a size says all about the tier, whatever the price."""
        return self.size == "contracts" or (self.size == "base" and not self.inverse)

    def rate(self, size: Decimal) -> Decimal:
        """A rate that no position up to a size exceeds."""
        rates = self.rates
        for bound, rate in rates:
            if bound is None or size < bound:
                return rate
        return rates[-1][1]

    def hold(self, value: Decimal, leverage: Decimal) -> Decimal:
        """What an opening order of a value holds at most, in whole quanta, so that sums of it stay exact."""
        held = UP.divide(value, leverage)
        if self.order_fee:
            held = UP.add(held, UP.multiply(value, self.order_fee))
        return _WIDE_UP.quantize(held, QUANTUM)


def covers(rulebook: Rulebook) -> bool:
    """Whether the rules are such that bounds of positions hold: currency pools, requirements that are not rounded."""
    rules = rulebook.rules
    return (
        rules.pool_scope == "currency"
        and AccountMode.SINGLE_CURRENCY in rules.account_modes
        and rules.requirement_step is None
        and rules.closing_fee in ("none", "taker_at_mark")
    )


def covers_orders(rulebook: Rulebook) -> bool:
    """Whether bounds of live orders hold too: margin by leverage, each at its own price, in need of what it holds."""
    rules = rulebook.rules
    return (
        rules.initial_margin == "leverage"
        and rules.order_price == "order"
        and rules.order_fee in ("none", "taker")
        and rules.admission in ("hold", "hold_and_immediate_loss")
        and MarginMode.CROSS in rules.margin_modes
        and not rules.open_loss
    )


def scale_of(rulebook: Rulebook, instrument: Instrument, mode: MarginMode) -> Scale | None:
    """The scale of a future or perpetual with known fees and tiers that are a rate and no more; None for others."""
    if instrument.kind not in (Kind.PERPETUAL, Kind.FUTURE) or instrument.taker_fee is None:
        return None
    try:
        table = rulebook.tier_table(instrument, mode)
    except MissingDataError:
        return None
    if table.scheme == "of_initial" or any(tier.slope or tier.deduction < 0 for tier in table.tiers):
        return None
    rules = rulebook.rules
    alone = rules.tier_group == "leg" or table.scheme == "marginal"
    family = instrument.family if rules.tier_group == "family" and not alone else ""
    return Scale(
        settle=instrument.settle,
        unit=instrument.unit,
        inverse=instrument.inverse,
        at_entry=rules.position_value_at == "entry",
        order_fee=max(ZERO, instrument.taker_fee) if rules.order_fee == "taker" else ZERO,
        taker=max(ZERO, instrument.taker_fee),
        rates=_rising(table, closing_fee_rate(instrument, rulebook)),
        size=table.unit,
        group=f"{instrument.kind}:{family}" if family else instrument.id,
        table=table,
        lot=instrument.lot_size,
        least=instrument.min_size,
    )


def _rising(table: TierTable, closing: Decimal) -> tuple[tuple[Decimal | None, Decimal], ...]:
    found, highest = [], ZERO
    for tier in table.tiers:
        highest = max(highest, tier.maintenance_rate)
        found.append((tier.up_to, max(ZERO, highest + closing) + NOISE))
    return tuple(found)
