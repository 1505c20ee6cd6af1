"""What a position is worth: its value and its floating PnL, product by product.

Symbols: n contracts, unit = contract value x multiplier, M mark, E entry, s = +1 long or -1 short.
"""

from decimal import Decimal

from crossmargin.domain.account import Position, Side
from crossmargin.domain.arithmetic import exact, quotient
from crossmargin.domain.instrument import ContractType, Instrument, Kind

__all__ = ["floating_pnl", "notional", "option_value", "spot_margin_pnl", "spot_margin_value"]


@exact
def notional(instrument: Instrument, contracts: Decimal, price: Decimal) -> Decimal:
    """Value of a number of contracts at a price.

        linear:  n x unit x price        inverse:  n x unit / price        option:  n x unit (face value)

    Args:
        instrument: What is held.
        contracts: Size in contracts, zero or more.
        price: Quote currency per unit of base, above zero.

    Returns:
        Settlement currency (options: the currency of the contract value).

    Source: docs/spec.md 1 "position value"; docs/sources.md 1.1.2.

    >>> swap = Instrument(id="X", kind=Kind.PERPETUAL, base="BTC", quote="USDT", settle="USDT",
    ...                   contract_value=Decimal("0.01"))
    >>> notional(swap, Decimal(100), Decimal(95_000))
    Decimal('95000.00')
    """
    return value_at(instrument, contracts, price)


def value_at(instrument: Instrument, contracts: Decimal, price: Decimal) -> Decimal:
    """As `notional`, for callers that are in the exact context already.

    Source: see `notional`.
    """
    face = contracts * instrument.contract_value * instrument.multiplier
    if instrument.kind == Kind.OPTION:
        return face
    return quotient(face, price) if instrument.contract_type == ContractType.INVERSE else face * price


@exact
def floating_pnl(
    instrument: Instrument, side: Side, contracts: Decimal, *, entry_price: Decimal, mark_price: Decimal
) -> Decimal:
    """Unrealised profit of futures, perpetuals and options at the mark price.

        linear:   s x n x unit x (M - E)
        inverse:  s x (n x unit / E - n x unit / M)
        option:   s x n x unit x (M - E)

    Returns:
        Settlement currency; a loss is negative.

    Source: docs/spec.md 1 "floating PnL"; docs/sources.md 1.1.2, reproduced by recorded answers.

    >>> swap = Instrument(id="X", kind=Kind.PERPETUAL, base="ETH", quote="USDT", settle="USDT")
    >>> floating_pnl(swap, Side.SHORT, Decimal(10), entry_price=Decimal(3000), mark_price=Decimal(3300))
    Decimal('-3000')
    """
    if instrument.kind == Kind.OPTION:
        return side.sign * contracts * instrument.unit * (mark_price - entry_price)
    at_entry, at_mark = (
        value_at(instrument, contracts, entry_price),
        value_at(instrument, contracts, mark_price),
    )
    return side.sign * (at_entry - at_mark if instrument.inverse else at_mark - at_entry)


@exact
def option_value(instrument: Instrument, side: Side, contracts: Decimal, mark_price: Decimal) -> Decimal:
    """Market value of an option position: s x n x unit x M; negative for a short.

    Source: docs/spec.md 1 "equity"; docs/sources.md 1.1.1.
    """
    return side.sign * contracts * instrument.unit * mark_price


@exact
def spot_margin_value(instrument: Instrument, position: Position, mark_price: Decimal) -> Decimal:
    """Value of a spot-margin position: what it owes, in the currency that backs it.

        long,  base as margin:   (liability + interest) / M
        long,  quote as margin:   liability + interest
        short, base as margin:    liability + interest
        short, quote as margin:  (liability + interest) x M

    Source: docs/spec.md 1 "spot-margin IM"; docs/sources.md 1.3.2.
    """
    in_base = position.margin_currency == instrument.base
    if position.side == Side.LONG:
        return quotient(position.debt, mark_price) if in_base else position.debt
    return position.debt if in_base else position.debt * mark_price


@exact
def spot_margin_pnl(instrument: Instrument, position: Position, mark_price: Decimal) -> Decimal:
    """Unrealised profit of a spot-margin position, in the currency that backs it.

        long,  base as margin:   assets - (liability + interest) / M
        long,  quote as margin:  assets x M - (liability + interest)
        short, base as margin:   assets / M - (liability + interest)
        short, quote as margin:  assets - (liability + interest) x M

    Source: docs/spec.md 1 "floating PnL"; docs/sources.md 1.3.2.
    """
    in_base = position.margin_currency == instrument.base
    if position.side == Side.LONG:
        assets = position.assets if in_base else position.assets * mark_price
    else:
        assets = quotient(position.assets, mark_price) if in_base else position.assets
    return assets - spot_margin_value(instrument, position, mark_price)


def held_in(instrument: Instrument, position: Position) -> str:
    """Currency whose pool a position belongs to: its margin currency, else the settlement currency.

    Source: docs/spec.md 1 "pool".
    """
    return position.margin_currency or instrument.settle
