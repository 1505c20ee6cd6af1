"""Auto-deleveraging: who stands first in the queue."""

from decimal import Decimal

from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient

__all__ = ["pool_drawdown", "profit_on_wallet", "profit_times_risk"]


@exact
def profit_on_wallet(floating_pnl: Decimal, *, wallet: Decimal) -> Decimal:
    """Profit of a position as a multiple of the wallet behind it; a loss counts as none.

        max(0, floating PnL) / max(1, wallet)

    Args:
        floating_pnl: Unrealised PnL, margin currency.
        wallet: Wallet balance, same currency.

    Returns:
        A fraction, half-even to 28 digits.

    Source: docs/sources.md 4.5 (Binance), vector bn-adl-rank-user-numbers.

    >>> profit_on_wallet(Decimal(30), wallet=Decimal(20))
    Decimal('1.5')
    """
    return quotient(max(ZERO, floating_pnl), max(ONE, wallet))


@exact
def profit_times_risk(floating_pnl: Decimal, *, wallet: Decimal, required_share: Decimal) -> Decimal:
    """Score by which a venue queues positions for auto-deleveraging, highest first.

        profit on wallet x required share

    Args:
        floating_pnl: Unrealised PnL, margin currency.
        wallet: Wallet balance, same currency.
        required_share: Maintenance margin / margin balance, the inverse of our margin ratio.

    Returns:
        A score without unit; zero for a position in loss.

    Source: docs/sources.md 4.5 (Binance), vector bn-adl-rank-user-numbers.

    >>> profit_times_risk(Decimal(30), wallet=Decimal(20), required_share=Decimal("0.2"))
    Decimal('0.30')
    """
    return profit_on_wallet(floating_pnl, wallet=wallet) * required_share


@exact
def pool_drawdown(now: Decimal, *, peak: Decimal) -> Decimal:
    """How far an insurance pool stands below its peak, a fraction that is negative below it: (now - peak) / peak.

    Args:
        now: Result of the pool now.
        peak: Its highest of the last hours, above zero.

    Source: docs/sources.md 6.5 (Bybit: deleveraging starts at -0.3).

    >>> pool_drawdown(Decimal(70), peak=Decimal(100))
    Decimal('-0.3')
    """
    return quotient(now - peak, peak)
