"""How much may leave: the largest withdrawal, and the largest removal of isolated margin."""

from decimal import Decimal

from crossmargin.domain.account import MarginMode, Position
from crossmargin.domain.arithmetic import ZERO, exact, floor_to, quotient
from crossmargin.errors import UnsupportedError
from crossmargin.margin.assess import Assessment

__all__ = ["largest_removal", "largest_withdrawal"]


@exact
def largest_withdrawal(assessment: Assessment, currency: str) -> Decimal:
    """Most that may be withdrawn or transferred out, rounded down to the currency's quantum.

        max(0, min(balance, balance + min(0, floating PnL) - in use))

    Unrealised gains are not money: they neither leave nor stand in for margin. (Paper profits that could be
    withdrawn emptied more than one venue.)

    Source: SPEC 2 B7; research/reliability.md L10.
    """
    figures = assessment.currencies.get(currency)
    if figures is None:
        return ZERO
    free = figures.balance + min(ZERO, figures.floating_pnl) - figures.in_use
    return floor_to(max(ZERO, min(figures.balance, free)), assessment.account.quantum(currency))


@exact
def largest_removal(assessment: Assessment, position: Position) -> Decimal:
    """Most margin that may be taken from an isolated position, rounded down to the currency's quantum.

        max(0, margin - entry value / leverage + min(0, PnL))

    Raises:
        UnsupportedError: the rulebook has no sourced rule.

    Source: research/venues.md 1.2 (OKX, observed).
    """
    if assessment.rulebook.rules.isolated_removal == "none":
        raise UnsupportedError(f"{assessment.rulebook.venue}: no sourced rule for removing isolated margin")
    assert position.margin_mode == MarginMode.ISOLATED
    pool = assessment.isolated[position.id]
    leg = pool.legs[0]
    spare = pool.fixed - quotient(leg.entry_value, position.leverage) + min(ZERO, leg.pnl)
    return floor_to(max(ZERO, spare), assessment.account.quantum(leg.currency))
