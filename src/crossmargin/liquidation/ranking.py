"""The ranking of auto-deleveraging: a published figure for each position, highest first, ties by age."""

from collections.abc import Callable
from decimal import Decimal

from crossmargin.domain.account import Position
from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient
from crossmargin.margin.assess import Assessment

__all__ = ["score"]


@exact
def score(assessment: Assessment, position: Position) -> Decimal:
    """Figure by which a position is ranked, by the formula that the rulebook names.

    Source: docs/sources.md 4.5 (``profit_times_margin_ratio``: Binance) and 1.5 (``return_by_ratio``: OKX).
    """
    return _FORMULAS[assessment.rulebook.liquidation.adl_rank](assessment, position)


def _profit_times_margin_ratio(assessment: Assessment, position: Position) -> Decimal:
    """max(0, PnL) / max(1, wallet) x maintenance / (wallet + PnL), zero where that denominator is not above zero."""
    pool = assessment.pool_of(position)
    leg = next(each for each in pool.legs if each.holding is position)
    wallet = pool.fixed
    profit = sum((each.pnl for each in pool.positions), ZERO)
    if wallet + profit <= 0:
        return ZERO
    return quotient(max(ZERO, leg.pnl), max(ONE, wallet)) * quotient(pool.risk.maintenance, wallet + profit)


def _return_by_ratio(assessment: Assessment, position: Position) -> Decimal:
    """In profit return / ratio, in loss return x ratio; the return is PnL over the opening margin."""
    pool = assessment.pool_of(position)
    leg = next(each for each in pool.legs if each.holding is position)
    if not leg.entry_value:
        return ZERO
    returned = quotient(leg.pnl * position.leverage, leg.entry_value)
    ratio = pool.ratio
    if ratio is None or ratio <= 0:
        return returned
    return quotient(returned, ratio) if returned > 0 else returned * ratio


_FORMULAS: dict[str, Callable[[Assessment, Position], Decimal]] = {
    "profit_times_margin_ratio": _profit_times_margin_ratio,
    "return_by_ratio": _return_by_ratio,
}
