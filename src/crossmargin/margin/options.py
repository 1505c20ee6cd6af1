"""Margin of options: a long needs none, a short needs a share of the underlying plus its mark price."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.account import MarginMode, Order, OrderSide
from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient
from crossmargin.domain.instrument import Instrument, OptionType
from crossmargin.domain.marks import Marks
from crossmargin.errors import MissingDataError, UnsupportedError
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.rules import OptionRates

__all__ = ["OptionMargin", "closing_hold", "exercise_value", "opening_hold", "short_option_margin"]


class OptionMargin(Struct, frozen=True):
    """Initial and maintenance margin of a short option position, settlement currency."""

    initial: Decimal
    maintenance: Decimal


@exact
def short_option_margin(
    instrument: Instrument, contracts: Decimal, marks: Marks, rulebook: Rulebook, *, average_price: Decimal = ZERO
) -> OptionMargin:
    """Margin of a short option position.

        initial      = (max(a, b - OTM / forward) x U x factor + premium) x unit x n
        maintenance  = call: (c x U x factor + mark + fee x U) x unit x n
                       put:  (max(c x U, c x mark) x factor + mark + fee x U) x unit x n
        U            = 1 if the option settles in coin, the forward price if in the quote currency
        OTM          = call: max(0, strike - forward)      put: max(0, forward - strike)

    a, b and c (by base currency) are the rulebook's ``rules.option``; factor is the tier's, 1 without tiers.

    Raises:
        UnsupportedError: the rulebook has no sourced rates for this venue or base currency.
        MissingDataError: strike, option type or forward price was not given.

    Source: docs/sources.md 1.3.3 (OKX; maintenance documented, not reproduced by numbers).
    """
    rates = _rates(instrument, rulebook)
    mark = marks.mark_of(instrument.id)
    factor = _factor(instrument, contracts, rulebook)
    forward = forward_price(instrument, marks)
    # In coin the underlying is worth 1; options that settle in the quote currency are scaled by its price.
    underlying = ONE if instrument.settle == instrument.base else forward
    premium = mark if rates.premium == "mark" else max(mark, average_price)
    initial = initial_rate(instrument, marks, rates) * underlying * factor + premium
    least: Decimal = rates.maintenance[instrument.base]
    base = least * underlying
    if instrument.option_type == OptionType.PUT or rates.maintenance_of != "underlying":
        base = max(base, least * mark)
    maintenance = base * factor + mark + rates.underlying_fee * underlying
    if rates.initial_covers_maintenance:
        initial = max(initial, maintenance)
    face = contracts * instrument.unit
    return OptionMargin(initial * face, maintenance * face)


def forward_price(instrument: Instrument, marks: Marks) -> Decimal:
    """Forward price of an option's underlying.

    Raises:
        MissingDataError: there is none.

    Source: docs/sources.md 1.3.3.
    """
    forward = marks.forward.get(instrument.id) or marks.forward.get(instrument.underlying)
    if forward is None:
        raise MissingDataError(
            f'forward."{instrument.underlying}": options need the forward price of their underlying: add [forward]'
        )
    return forward


def initial_rate(instrument: Instrument, marks: Marks, rates: OptionRates) -> Decimal:
    """max(a, b - OTM / forward), a fraction of the underlying.

    Source: docs/sources.md 1.3.3.
    """
    forward = forward_price(instrument, marks)
    if instrument.strike is None or instrument.option_type is None:
        raise MissingDataError(f'instruments."{instrument.id}": strike and option_type are needed')
    distance = instrument.strike - forward
    if instrument.option_type == OptionType.PUT:
        distance = -distance
    out_of_the_money = max(ZERO, distance)
    return max(rates.initial_floor, rates.initial_start - quotient(out_of_the_money, forward))


@exact
def opening_hold(order: Order, contracts: Decimal, fee_rate: Decimal, marks: Marks, rulebook: Rulebook) -> Decimal:
    """Amount that an option order to open holds, fee included.

        buy:   (price x unit + fee) x n
        sell:  (max(initial margin per coin - price, floor) x unit + fee) x n,     fee = fee rate x unit

    Source: docs/sources.md 1.3.3.
    """
    instrument = rulebook.instrument(order.instrument)
    price = order.price if order.price is not None else marks.mark_of(instrument.id)
    unit, fee = instrument.unit, fee_rate * instrument.unit
    if order.side == OrderSide.BUY:
        return (price * unit + fee) * contracts
    rates = _rates(instrument, rulebook)
    per_coin = initial_rate(instrument, marks, rates) * _factor(instrument, contracts, rulebook)
    needed = max(per_coin + marks.mark_of(instrument.id) - price, rates.order_floor)
    return (needed * unit + fee) * contracts


@exact
def closing_hold(
    side: OrderSide,
    *,
    contracts: Decimal,
    price: Decimal,
    unit: Decimal,
    fee_rate: Decimal,
    initial_per_coin: Decimal,
) -> Decimal:
    """Amount that an option order to close holds.

        buy to close:   max(price - initial margin per coin + fee rate, 0) x unit x n
        sell to close:  max(fee rate - price, 0) x unit x n

    Source: docs/sources.md 1.3.3, vector okx-option-close-orders.
    """
    if side == OrderSide.BUY:
        return max(price - initial_per_coin + fee_rate, ZERO) * unit * contracts
    return max(fee_rate - price, ZERO) * unit * contracts


@exact
def exercise_value(instrument: Instrument, contracts: Decimal, price: Decimal) -> Decimal:
    """What exercising an option pays when its underlying is settled at a price, settlement currency.

        call:  max(0, S - K) x unit x n        put:  max(0, K - S) x unit x n        in coin: the same / S

    Source: docs/sources.md 1.3.3.

    >>> from crossmargin.domain.instrument import Kind
    >>> call = Instrument(id="X", kind=Kind.OPTION, base="BTC", quote="USD", settle="BTC", strike=Decimal(40_000),
    ...                   option_type=OptionType.CALL)
    >>> exercise_value(call, Decimal(2), Decimal(50_000))
    Decimal('0.4')
    """
    if instrument.strike is None or instrument.option_type is None:
        raise MissingDataError(f'instruments."{instrument.id}": strike and option_type are needed')
    gain = price - instrument.strike
    if instrument.option_type == OptionType.PUT:
        gain = -gain
    amount = max(ZERO, gain) * instrument.unit * contracts
    return quotient(amount, price) if instrument.settle == instrument.base else amount


def _rates(instrument: Instrument, rulebook: Rulebook) -> OptionRates:
    rates = rulebook.rules.option
    if rates is None or instrument.base not in rates.maintenance:
        raise UnsupportedError(f"{rulebook.venue}: no sourced margin rule for short {instrument.base} options")
    return rates


def _factor(instrument: Instrument, contracts: Decimal, rulebook: Rulebook) -> Decimal:
    """The factor of the tier of the short size; 1 where no tiers are given."""
    for family in (instrument.id, instrument.family):
        table = rulebook.tiers.get((instrument.kind, family, MarginMode.CROSS))
        if table is not None:
            return table.tiers[table.index_of(contracts)].factor
    return ONE
