"""Legs: what each position, and the opening part of each order, brings into its pool.

A leg knows its value now and how value and PnL follow the price. Assessment reads it at today's mark, the
liquidation price at any mark: both stand on the same numbers.
"""

from decimal import Decimal
from enum import IntEnum
from typing import Any

from msgspec import Struct

from crossmargin.domain.account import MarginMode, Order, Position, Side
from crossmargin.domain.arithmetic import ONE, ZERO, quotient, scaled
from crossmargin.domain.instrument import ContractType, Instrument, Kind
from crossmargin.domain.marks import Marks
from crossmargin.errors import MissingDataError
from crossmargin.margin.initial import initial_margin, rate_at
from crossmargin.margin.options import short_option_margin
from crossmargin.margin.valuation import (
    held_in,
    option_value,
    spot_margin_pnl,
    spot_margin_value,
    value_at,
)
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.tiers import TierTable

__all__ = ["Leg", "Path", "Requirement", "closing_fee_rate", "order_leg", "position_leg", "requirement"]


class Path(IntEnum):
    """How an amount follows the price p: not at all, with p, or with 1 / p."""

    FIXED = 0
    DIRECT = 1
    RECIPROCAL = 2


class Leg(Struct, frozen=True, gc=False, kw_only=True):
    """One position, or the opening part of one live order, seen from its pool.

    Attributes:
        holding: The position or order itself.
        instrument: Its instrument.
        currency: Currency of the pool.
        mark: Mark price now.
        contracts: Size.
        value: Position value now, pool currency.
        pnl: Floating PnL now, pool currency; zero for orders and options.
        entry_value: Position value at the entry price.
        swing: What the PnL gains when the price path doubles: moves as `path` says.
        path: How PnL follows the price.
        value_path: How value, and with it the requirement, follows the price.
        table: Tiers, None where nothing is required.
        group: What shares the tier; None stands alone.
        size: What the leg adds to the group's size, in the table's unit.
        closing_fee: Fee rate added to maintenance in the ratio.
        fixed_fee: Closing fee that does not follow the price: at the bankruptcy price.
        initial: Initial margin of a position: value / leverage, or the option formula's.
        maintenance: Maintenance margin, where a formula of its own gives it (short options).
        option_value: Market value of an option.
    """

    holding: Position | Order
    instrument: Instrument
    currency: str
    mark: Decimal
    contracts: Decimal
    value: Decimal
    pnl: Decimal = ZERO
    entry_value: Decimal = ZERO
    swing: Decimal = ZERO
    path: Path = Path.FIXED
    value_path: Path = Path.FIXED
    table: TierTable | None = None
    group: str | None = None
    size: Decimal = ZERO
    closing_fee: Decimal = ZERO
    fixed_fee: Decimal = ZERO
    initial: Decimal = ZERO
    maintenance: Decimal | None = None
    option_value: Decimal = ZERO

    def base_size(self, value: Decimal) -> Decimal:
        """Size in units of base when the leg is worth `value`."""
        return value if self.instrument.inverse else self.contracts * self.instrument.unit


class Requirement(Struct, frozen=True, gc=False):
    """Maintenance margin and closing fee of one leg, and the tier (from 0) that set them."""

    maintenance: Decimal
    fee: Decimal
    tier: int | None


def requirement(leg: Leg, tier: int, value: Decimal) -> Requirement:
    """Maintenance margin and closing fee of a leg at a value, in a tier, before rounding.

        maintenance = value x (rate + slope x size) - deduction
                      or a fraction of the initial margin: value x initial rate x rate
        fee         = value x taker;   spot-margin: (value + maintenance) x taker;   or fixed at the bankruptcy price

    Source: docs/spec.md 1; docs/sources.md 1.1.1, 1.3.2 (the spot-margin form follows from the liquidation estimates),
    4.3 (deduction), 6.2 (fee at bankruptcy), 8.2 (slope), 9.1 (fraction).
    """
    if leg.table is None:
        return Requirement(leg.maintenance or ZERO, value * leg.closing_fee, None)
    row = leg.table.tiers[tier]
    rate = row.maintenance_rate if not row.slope else rate_at(row.maintenance_rate, row, leg.base_size(value))
    if leg.table.scheme == "of_initial":
        rate *= row.initial_rate or ZERO
    # A rate that grows with a size in coin multiplies two quotients: the product is one too, of 28 digits.
    maintenance = (scaled(value, rate, ONE) if row.slope else value * rate) - row.deduction
    fee = leg.fixed_fee
    if leg.closing_fee:
        charged = value + maintenance if leg.instrument.kind == Kind.MARGIN else value
        fee += charged * leg.closing_fee
    return Requirement(maintenance, fee, tier)


def position_leg(position: Position, marks: Marks, rulebook: Rulebook) -> Leg:
    """Build the leg of a position.

    Source: docs/spec.md 1 "position value", "floating PnL".
    """
    instrument = rulebook.instrument(position.instrument)
    if instrument.kind == Kind.OPTION:
        return _option_leg(position, instrument, marks, rulebook)
    if instrument.kind in (Kind.MARGIN, Kind.SPOT):
        return _spot_margin_leg(position, instrument, marks, rulebook)
    mark = marks.mark_of(instrument.id)
    at_mark = value_at(instrument, position.contracts, mark)
    at_entry = value_at(instrument, position.contracts, position.entry_price)
    at_entry_price = rulebook.rules.position_value_at == "entry"
    value = at_entry if at_entry_price else at_mark
    inverse = instrument.contract_type == ContractType.INVERSE
    gain = at_entry - at_mark if inverse else at_mark - at_entry
    swing = -at_mark if inverse else at_mark
    if position.side == Side.SHORT:
        gain, swing = -gain, -swing
    path = Path.RECIPROCAL if inverse else Path.DIRECT
    table = rulebook.tier_table(instrument, position.margin_mode)
    size = _size(table, instrument, position.contracts, value, position.liability)
    fixed_fee = _fee_at_bankruptcy(position, instrument, at_entry, rulebook)
    return Leg(
        holding=position,
        instrument=instrument,
        currency=instrument.settle,
        mark=mark,
        contracts=position.contracts,
        value=value,
        pnl=gain,
        entry_value=at_entry,
        swing=swing,
        path=path,
        value_path=Path.FIXED if at_entry_price else path,
        initial=_initial(position, instrument, value, size, table, marks, rulebook)
        + (fixed_fee if rulebook.rules.closing_fee_in_initial else ZERO),
        table=table,
        group=_group(instrument, position.margin_mode, table, rulebook),
        size=size,
        closing_fee=closing_fee_rate(instrument, rulebook),
        fixed_fee=fixed_fee,
    )


def order_leg(order: Order, contracts: Decimal, marks: Marks, rulebook: Rulebook) -> Leg | None:
    """Build the leg of an order's opening part, for venues that require maintenance margin for orders too.

    The order has no PnL; it is valued at mark. Spot-margin orders count what they would borrow.

    Source: docs/sources.md 1.1: maintenance and tier size count opening orders.
    """
    instrument = rulebook.instrument(order.instrument)
    rules = rulebook.rules
    if instrument.kind == Kind.OPTION or not (rules.order_maintenance or rules.tier_includes_orders):
        return None
    mark = marks.mark_of(instrument.id)
    table = rulebook.tier_table(instrument, order.margin_mode)
    path = Path.RECIPROCAL if instrument.inverse else Path.DIRECT
    value, borrowed = value_at(instrument, contracts, mark), ZERO
    currency = order.margin_currency or instrument.settle
    if instrument.kind == Kind.MARGIN:
        borrowed = contracts if order.side.sign < 0 else contracts * (order.price or mark)
        if currency == instrument.base:
            value, path = contracts, Path.FIXED
    return Leg(
        holding=order,
        instrument=instrument,
        currency=currency,
        mark=mark,
        contracts=contracts,
        value=value,
        value_path=path,
        table=table,
        group=_group(instrument, order.margin_mode, table, rulebook),
        size=_size(table, instrument, contracts, value, borrowed),
        closing_fee=closing_fee_rate(instrument, rulebook),
    )


def closing_fee_rate(instrument: Instrument, rulebook: Rulebook) -> Decimal:
    """Fee rate that the venue adds to maintenance: the taker rate, or zero.

    Source: docs/sources.md 1.1.1.
    """
    if rulebook.rules.closing_fee != "taker_at_mark":
        return ZERO
    return taker_fee(instrument, rulebook)


def fee_at_bankruptcy(side_sign: int, value: Decimal, *, leverage: Decimal, inverse: bool, rate: Decimal) -> Decimal:
    """Fee to close at the bankruptcy price.

        linear:   value x (1 - s / leverage) x rate        inverse:  value x (1 + s / leverage) x rate

    Args:
        side_sign: +1 long, -1 short.
        value: Value at the entry (or order) price, settlement currency.
        leverage: Of the position or order.
        inverse: Whether the contract pays in coin.
        rate: Taker fee rate.

    Source: docs/sources.md 6.2, vectors by-order-cost-linear and -inverse (Bybit).
    """
    shift = quotient(value, leverage) * (side_sign if inverse else -side_sign)
    return (value + shift) * rate


def taker_fee(instrument: Instrument, rulebook: Rulebook) -> Decimal:
    """Taker fee rate of an instrument.

    Raises:
        MissingDataError: the rulebook has none.

    Source: the rulebook, or the account file.
    """
    if instrument.taker_fee is None:
        raise MissingDataError(
            f'{rulebook.venue}: taker_fee of "{instrument.id}" is not known: give it under '
            f'[instruments."{instrument.id}"] taker_fee = "0.0005"'
        )
    return instrument.taker_fee


def _spot_margin_leg(position: Position, instrument: Instrument, marks: Marks, rulebook: Rulebook) -> Leg:
    mark = marks.mark_of(instrument.id)
    value = spot_margin_value(instrument, position, mark)
    pnl = spot_margin_pnl(instrument, position, mark)
    in_base = held_in(instrument, position) == instrument.base
    # Whatever is not in the currency of the pool moves: the debt of a long on base and of a short on quote,
    # the assets of a long on quote and of a short on base.
    debt_moves = in_base == (position.side == Side.LONG)
    path = Path.RECIPROCAL if in_base else Path.DIRECT
    table = rulebook.tier_table(instrument, position.margin_mode)
    return Leg(
        holding=position,
        instrument=instrument,
        currency=held_in(instrument, position),
        mark=mark,
        contracts=position.contracts,
        value=value,
        pnl=pnl,
        entry_value=position.contracts if in_base else position.contracts * position.entry_price,
        swing=-value if debt_moves else pnl + value,
        path=path,
        value_path=path if debt_moves else Path.FIXED,
        initial=quotient(value, position.leverage),
        table=table,
        group=_group(instrument, position.margin_mode, table, rulebook),
        size=_size(table, instrument, position.contracts, value, position.liability),
        closing_fee=closing_fee_rate(instrument, rulebook),
    )


def _option_leg(position: Position, instrument: Instrument, marks: Marks, rulebook: Rulebook) -> Leg:
    mark = marks.mark_of(instrument.id)
    worth = option_value(instrument, position.side, position.contracts, mark)
    common: dict[str, Any] = {
        "holding": position,
        "instrument": instrument,
        "currency": instrument.settle,
        "mark": mark,
        "contracts": position.contracts,
        "value": value_at(instrument, position.contracts, mark),
        "option_value": worth,
        "entry_value": position.contracts * instrument.unit * position.entry_price,
    }
    if position.side == Side.LONG:
        return Leg(**common, maintenance=ZERO)
    margin = short_option_margin(instrument, position.contracts, marks, rulebook, average_price=position.entry_price)
    return Leg(
        **common,
        initial=margin.initial,
        maintenance=margin.maintenance,
        closing_fee=closing_fee_rate(instrument, rulebook),
    )


def _initial(
    position: Position, instrument: Instrument, value: Decimal, size: Decimal, table: TierTable, marks: Marks,
    rulebook: Rulebook,
) -> Decimal:  # fmt: skip
    if rulebook.rules.initial_margin == "leverage":
        return quotient(value, position.leverage)
    row = table.tiers[table.index_of(size)]
    base = value if instrument.inverse else position.contracts * instrument.unit
    return initial_margin(
        value, leverage=position.leverage, size=base, row=row, rules=rulebook.rules, marks=marks,
        instrument=instrument.id,
    )  # fmt: skip


def _fee_at_bankruptcy(position: Position, instrument: Instrument, at_entry: Decimal, rulebook: Rulebook) -> Decimal:
    if rulebook.rules.closing_fee != "taker_at_bankruptcy":
        return ZERO
    return fee_at_bankruptcy(
        position.side.sign, at_entry, leverage=position.leverage, inverse=instrument.inverse,
        rate=taker_fee(instrument, rulebook),
    )  # fmt: skip


def _group(instrument: Instrument, mode: MarginMode, table: TierTable, rulebook: Rulebook) -> str | None:
    """Name of what shares a tier; marginal tables always stand alone, their deduction is per leg."""
    rules = rulebook.rules
    rule = rules.isolated_tier_group if mode == MarginMode.ISOLATED else rules.tier_group
    if rule == "leg" or table.scheme == "marginal":
        return None
    return f"{instrument.kind}:{instrument.family or instrument.id}" if rule == "family" else instrument.id


def _size(table: TierTable, instrument: Instrument, contracts: Decimal, value: Decimal, borrowed: Decimal) -> Decimal:
    """What a leg adds to the size that picks the tier, in the table's unit."""
    if table.unit == "contracts":
        return contracts
    if table.unit == "borrowed":
        return borrowed
    if table.unit == "base" and not instrument.inverse:
        return contracts * instrument.unit
    return value
