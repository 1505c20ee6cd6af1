"""How much may leave: the largest withdrawal, and the largest removal of isolated margin."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from crossmargin.domain.account import MarginMode, Position
from crossmargin.domain.arithmetic import ZERO, exact, floor_to, quotient
from crossmargin.errors import MissingDataError, UnsupportedError
from crossmargin.margin.account_pool import ACCOUNT_POOL
from crossmargin.margin.assess import Assessment, assess
from crossmargin.margin.limits import last_true
from crossmargin.margin.prices_usd import usd_price

__all__ = ["largest_removal", "largest_withdrawal"]


@exact
def largest_withdrawal(assessment: Assessment, currency: str) -> Decimal:
    """Most that may be withdrawn or transferred out, rounded down to the currency's quantum.

        free_margin_without_gains  max(0, min(balance, balance + min(0, floating PnL) - in use)); in an account pool
                                   the most that leaves initial margin covered by what is not unrealised gain
        over_initial               max(0, equity - initial margin)
        over_initial_and_tenth     max(0, equity - max(initial margin, 10 % of position value))

    Under the first rule unrealised gains are not money: they neither leave nor stand in for margin. (Paper profits that
    could be withdrawn emptied more than one venue.)

    Source: docs/spec.md 2 B7; docs/engine.md L10; docs/sources.md 9.2 (over_initial), 7.1 (tenth).
    """
    figures = assessment.currencies.get(currency)
    if figures is None:
        return ZERO
    most = _FORMULAS[assessment.rulebook.rules.withdrawal](assessment, currency)
    return floor_to(max(ZERO, most), assessment.account.quantum(currency))


@exact
def largest_removal(assessment: Assessment, position: Position) -> Decimal:
    """Most margin that may be taken from an isolated position, rounded down to the currency's quantum.

        initial_margin_and_losses   max(0, margin - entry value / leverage + min(0, PnL))
        above_initial_margin        max(0, min(margin - entry value / leverage, available - warn_at x required))

    By the second what was added comes back in a loss too, as long as the position is not warned by it.

    Raises:
        UnsupportedError: the rulebook has no sourced rule.

    Source: docs/sources.md 1.2 (OKX, observed).
    """
    rules = assessment.rulebook.rules
    if rules.isolated_removal == "none":
        raise UnsupportedError(f"{assessment.rulebook.venue}: no sourced rule for removing isolated margin")
    assert position.margin_mode == MarginMode.ISOLATED
    pool = assessment.isolated[position.id]
    leg = pool.legs[0]
    spare = pool.fixed - quotient(leg.entry_value, position.leverage)
    if rules.isolated_removal == "above_initial_margin":
        spare = min(spare, pool.risk.available - rules.warn_at * pool.risk.required)
    else:
        spare += min(ZERO, leg.pnl)
    return floor_to(max(ZERO, spare), assessment.account.quantum(leg.currency))


def _without_gains(assessment: Assessment, currency: str) -> Decimal:
    figures = assessment.currencies[currency]
    if assessment.account_sheet is not None:
        return _from_the_account(assessment, currency)
    free = figures.balance + min(ZERO, figures.floating_pnl) - figures.in_use
    return min(figures.balance, free)


def _from_the_account(assessment: Assessment, currency: str) -> Decimal:
    """Most that leaves the account's initial margin covered, discounts counted and gains left out."""
    account, quantum = assessment.account, assessment.account.quantum(currency)
    gains = sum(
        (max(ZERO, each.floating_pnl) * (usd_price(assessment.marks, name) or ZERO)
         for name, each in assessment.currencies.items()), ZERO,
    )  # fmt: skip

    def covered(quanta: int) -> bool:
        left = {**account.balances, currency: account.balance(currency) - quanta * quantum}
        try:
            after = assess(msgspec.structs.replace(account, balances=left), assessment.marks, assessment.rulebook)
        except MissingDataError:  # it would make a debt whose margin nobody gave
            return False
        risk = after.cross[ACCOUNT_POOL].risk
        return risk.available - gains >= risk.initial

    spare = account.balance(currency) - assessment.sheets[currency].figure("holds")
    if spare <= 0 or not covered(0):
        return ZERO
    return last_true(covered, 0, int(spare // quantum)) * quantum


def _over_initial(assessment: Assessment, currency: str) -> Decimal:
    risk = assessment.pool_in(currency).risk
    return risk.available - risk.initial


def _over_initial_and_tenth(assessment: Assessment, currency: str) -> Decimal:
    risk = assessment.pool_in(currency).risk
    value = assessment.sheets[currency].figure("cross_exposure")
    return risk.available - max(risk.initial, value * _TENTH)


_TENTH = Decimal("0.1")
_FORMULAS: dict[str, Callable[[Assessment, str], Decimal]] = {
    "free_margin_without_gains": _without_gains,
    "over_initial": _over_initial,
    "over_initial_and_tenth": _over_initial_and_tenth,
}
