"""Whether an account may go from one state to another: covered before, covered after, and which state is riskier."""

from enum import StrEnum

from crossmargin.domain.arithmetic import exact
from crossmargin.margin.pool import Risk

__all__ = ["Transition", "covers_initial", "covers_maintenance", "risk_order", "transition"]


class Transition(StrEnum):
    """Verdict on a change of state."""

    SUCCESS = "success"
    NEWLY_UNDERCOLLATERALIZED = "newly_undercollateralized"
    STILL_UNDERCOLLATERALIZED = "still_undercollateralized"


@exact
def covers_initial(risk: Risk) -> bool:
    """Whether what supports a pool covers its initial margin: available >= initial.

    Source: docs/sources.md 9.2.
    """
    return risk.available >= risk.initial


@exact
def covers_maintenance(risk: Risk) -> bool:
    """Whether what supports a pool covers all that it requires: available >= maintenance + closing fees.

    Source: docs/sources.md 9.4 (equality is safe).
    """
    return risk.available >= risk.required


@exact
def transition(before: Risk, after: Risk) -> Transition:
    """Judge a change of state by the initial margin afterwards; an undercollateralised account may only improve.

        after covers its initial margin                    success
        before covered its initial margin                  newly undercollateralised
        nothing required on one side alone                 still undercollateralised
        nothing required on both sides                     success if more is available than before
        both require                                       success if no more is required than before, and
                                                           available' x required >= available x required'

    The last line compares the ratios without a division. With nothing required on both sides there is no position,
    so what is available is a debt, and only a smaller debt is an improvement.

    Args:
        before: The pool as it is, its initial margin at today's rates.
        after: The pool as it would be.

    Source: docs/sources.md 9.2 (dYdX v4, chain code of account updates).

    >>> from decimal import Decimal
    >>> def state(available: int, initial: int, maintenance: int) -> Risk:
    ...     return Risk(available=Decimal(available), initial=Decimal(initial), maintenance=Decimal(maintenance),
    ...                 fees=Decimal(0))
    >>> transition(state(8, 20, 10), state(5, 10, 5)).value
    'success'
    >>> transition(state(8, 20, 10), state(7, 20, 10)).value
    'still_undercollateralized'
    """
    if covers_initial(after):
        return Transition.SUCCESS
    if covers_initial(before):
        return Transition.NEWLY_UNDERCOLLATERALIZED
    had, has = before.required, after.required
    if not had or not has:
        improved = had == has and after.available > before.available
    else:
        improved = has <= had and after.available * had >= before.available * has
    return Transition.SUCCESS if improved else Transition.STILL_UNDERCOLLATERALIZED


@exact
def risk_order(first: Risk, second: Risk) -> int:
    """Which of two pools is riskier: +1 the first, -1 the second, 0 neither.

        required1 x available2  against  required2 x available1;   then the larger requirement;   then the smaller
        available amount

    Two pools that both owe more than they have come out the other way round by this product, as they do at the venue.

    Source: v4-chain risk comparison (dYdX v4), docs/sources.md 9.2.

    >>> from decimal import Decimal
    >>> thin = Risk(available=Decimal(100), initial=Decimal(0), maintenance=Decimal(150), fees=Decimal(0))
    >>> thick = Risk(available=Decimal(100), initial=Decimal(0), maintenance=Decimal(50), fees=Decimal(0))
    >>> risk_order(thin, thick)
    1
    """
    own = (first.required * second.available, first.required, second.available)
    other = (second.required * first.available, second.required, first.available)
    return (own > other) - (own < other)
