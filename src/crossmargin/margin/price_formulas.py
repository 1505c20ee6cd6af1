"""Closed-form prices, as venues print them: liquidation, bankruptcy, break-even. Public formulas without an account.

Symbols: k size in base units (linear) or face in quote units (inverse), E entry, s = +1 long or -1 short, r what is
required as a fraction of value (maintenance rate plus fees), t taker fee.
"""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.account import Side
from crossmargin.domain.arithmetic import ONE, ZERO, ceil_to, exact, floor_to, quotient, scaled

__all__ = [
    "NO_LEG",
    "PriceLeg",
    "break_even_with_fees",
    "early_tick",
    "entry_fee_break_even",
    "inverse_bankruptcy_price",
    "inverse_price",
    "linear_bankruptcy_price",
    "linear_price",
    "round_trip_break_even",
    "spot_margin_price",
]


class PriceLeg(Struct, frozen=True):
    """Size, entry price and required rate of the long or the short side of one instrument."""

    size: Decimal
    entry_price: Decimal
    required_rate: Decimal = ZERO


NO_LEG = PriceLeg(ZERO, ONE)


@exact
def linear_price(
    cash: Decimal, *, long: PriceLeg = NO_LEG, short: PriceLeg = NO_LEG, deduction: Decimal = ZERO
) -> Decimal | None:
    """Price at which cash and PnL equal what linear legs require.

        price = (kL EL - kS ES - cash - deduction) / (kL - kS - kL rL - kS rS)

    One leg alone is the isolated or one-way case; deduction is the sum of bracket deductions; cash is the margin of an
    isolated position, or the balance with other positions' PnL added and their maintenance taken off.

    Returns:
        The price, or None when it is not above zero.

    Source: docs/sources.md 1.4 (OKX) and 4.4 (Binance); reproduced by recorded and published examples.

    >>> linear_price(Decimal(3000), short=PriceLeg(Decimal(10), Decimal(3000), Decimal("0.005")))
    Decimal('3283.582089552238805970149254')
    """
    above = long.size * long.entry_price - short.size * short.entry_price - cash - deduction
    below = long.size * (ONE - long.required_rate) - short.size * (ONE + short.required_rate)
    return _positive(above, below)


@exact
def inverse_price(
    cash: Decimal, *, long: PriceLeg = NO_LEG, short: PriceLeg = NO_LEG, deduction: Decimal = ZERO
) -> Decimal | None:
    """Price at which coin cash and PnL equal what inverse legs require.

        price = (kL (1 + rL) - kS (1 - rS)) / (cash + deduction + kL / EL - kS / ES)

    Returns:
        The price, or None: a short whose cash covers kS / ES has none.

    Source: docs/sources.md 1.4 (longs reproduced by recorded answers, shorts by symmetry) and 5.1.

    >>> inverse_price(Decimal(1), long=PriceLeg(Decimal(100_000), Decimal(100_000)))
    Decimal('50000')
    """
    above = long.size * (ONE + long.required_rate) - short.size * (ONE - short.required_rate)
    held = quotient(long.size, long.entry_price) - quotient(short.size, short.entry_price)
    return _positive(above, cash + deduction + held)


@exact
def linear_bankruptcy_price(side: Side, *, size: Decimal, entry_price: Decimal, margin: Decimal) -> Decimal | None:
    """Price at which a linear position's margin is used up: E - s x margin / k; None when not above zero.

    Source: docs/sources.md 1.4 (zero-equity price).

    >>> linear_bankruptcy_price(Side.LONG, size=Decimal(2), entry_price=Decimal(100), margin=Decimal(20))
    Decimal('90')
    """
    return _positive(size * entry_price - side.sign * margin, size)


@exact
def inverse_bankruptcy_price(side: Side, *, face: Decimal, entry_price: Decimal, margin: Decimal) -> Decimal | None:
    """Price at which an inverse position's coin margin is used up: k / (k / E + s x margin), None if not above zero.

    Source: docs/sources.md 6.4: E x L / (L + 1) for a long, E x L / (L - 1) for a short.
    """
    return _positive(face, quotient(face, entry_price) + side.sign * margin)


@exact
def early_tick(side: Side, *, price: Decimal, tick: Decimal) -> Decimal:
    """A liquidation or bankruptcy price on the tick that the market meets first: up for a long, down for a short.

    Source: docs/sources.md 6.1, vector by-bankruptcy-inverse-tick (Bybit).

    >>> early_tick(Side.LONG, price=Decimal("7735.37"), tick=Decimal("0.5"))
    Decimal('7735.5')
    """
    return ceil_to(price, tick) if side == Side.LONG else floor_to(price, tick)


@exact
def round_trip_break_even(side: Side, *, entry_price: Decimal, taker_fee: Decimal) -> Decimal:
    """Break-even price of a position just opened, both fees at the taker rate: E (1 + s t) / (1 - s t).

    The same for linear and inverse contracts.
    Source: docs/sources.md 1.1.2, recorded answers of OKX.
    """
    fee = side.sign * taker_fee
    return scaled(entry_price, ONE + fee, ONE - fee)


@exact
def break_even_with_fees(
    side: Side, *, size: Decimal, entry_price: Decimal, taker_fee: Decimal, fees_paid: Decimal, realized_pnl: Decimal,
    inverse: bool = False,
) -> Decimal | None:  # fmt: skip
    """Break-even price that also recovers fees already paid and losses already realised.

        linear:   (k E + s (fees - realised)) / (k (1 - s t))
        inverse:  k (1 + s t) / (k / E - s (fees - realised))

    Source: docs/sources.md 1.1.2, vector okx-isolated-cashflow (linear long); the others by the same equation.
    """
    fee = side.sign * taker_fee
    owed = side.sign * (fees_paid - realized_pnl)
    if inverse:
        return _positive(size * (ONE + fee), quotient(size, entry_price) - owed)
    return _positive(size * entry_price + owed, size * (ONE - fee))


@exact
def entry_fee_break_even(side: Side, *, entry_price: Decimal, fee_rate: Decimal) -> Decimal:
    """Break-even price that recovers one fee on the entry value: E (1 + s x fee).

    Source: Binance positionRisk answers quoted in ccxt's documentation.
    """
    return entry_price * (ONE + side.sign * fee_rate)


@exact
def spot_margin_price(
    side: Side, *, debt: Decimal, assets: Decimal, margin: Decimal, margin_in_base: bool,
    maintenance_rate: Decimal, taker_fee: Decimal,
) -> Decimal | None:  # fmt: skip
    """Estimated liquidation price of an isolated spot-margin position; w = debt x (1 + r) x (1 + t).

        long,  base as margin:   w / (assets + margin)
        long,  quote as margin:  (w - margin) / assets
        short, base as margin:   assets / (w - margin)
        short, quote as margin:  (assets + margin) / w

    Source: docs/sources.md 1.3.2 (documented; shorts unconfirmed).

    >>> spot_margin_price(Side.LONG, debt=Decimal(10_005), assets=Decimal(1), margin=Decimal("0.1"),
    ...     margin_in_base=True, maintenance_rate=Decimal("0.03"), taker_fee=Decimal("0.001"))
    Decimal('9377.6865')
    """
    owed = debt * (ONE + maintenance_rate) * (ONE + taker_fee)
    if side == Side.LONG:
        return _positive(owed, assets + margin) if margin_in_base else _positive(owed - margin, assets)
    return _positive(assets, owed - margin) if margin_in_base else _positive(assets + margin, owed)


def _positive(above: Decimal, below: Decimal) -> Decimal | None:
    """The quotient, when it is a price."""
    if not below or (above > 0) is not (below > 0) or not above:
        return None
    return quotient(above, below)
