"""Initial margin of a position: by leverage, by the tier's rate, or by a rate that grows with open interest."""

from collections.abc import Callable
from decimal import Decimal

from crossmargin.domain.arithmetic import ONE, ZERO, ceil_to, exact, floor_to, quotient, scaled
from crossmargin.domain.marks import Marks
from crossmargin.errors import MissingDataError
from crossmargin.rulebook.rules import Rules
from crossmargin.rulebook.tiers import Tier

__all__ = ["initial_margin", "open_interest_rate", "rate_at"]


def initial_margin(value: Decimal, *, leverage: Decimal, size: Decimal, row: Tier | None, rules: Rules,
                   marks: Marks, instrument: str) -> Decimal:  # fmt: skip
    """Initial margin by the rulebook's named formula, rounded up to its step where it has one.

        leverage               value / leverage
        rate                   value x (initial rate + slope x size)
        rate_by_open_interest  value x max(scaled initial rate, 1 / leverage)

    Source: docs/sources.md 1.2 (OKX), 4.2 (Binance), 8.2 (Deribit), 9.1 (dYdX).
    """
    amount = _FORMULAS[rules.initial_margin](value, leverage, size, row, marks, instrument)
    return amount if rules.requirement_step is None else ceil_to(amount, rules.requirement_step)


def rate_at(rate: Decimal, row: Tier, size: Decimal) -> Decimal:
    """A tier's rate at a size: rate + slope x size (base units), the whole position at the final rate.

    Source: docs/sources.md 8.2 (Deribit); slope is zero elsewhere.
    """
    return rate + row.slope * size if row.slope else rate


@exact
def open_interest_rate(rate: Decimal, *, open_interest: Decimal, low: Decimal, high: Decimal) -> Decimal:
    """Initial rate of a market whose open interest has grown.

        min(1, rate + (1 - rate) x (open interest - low) / (high - low)),    the rate itself up to low

    The grown rate is cut to a millionth; a high of zero means that the rate does not grow.

    Source: docs/sources.md 9.1, vector dx-oimf (dYdX v4: its tests cut 0.5999999991 to 0.599999).

    >>> open_interest_rate(Decimal("0.2"), open_interest=Decimal(75), low=Decimal(50), high=Decimal(100))
    Decimal('0.6')
    """
    if open_interest <= low or not high:
        return rate
    if open_interest >= high:
        return ONE
    span = high - low
    grown = rate * span + (ONE - rate) * (open_interest - low)
    unit = span * _RATE_STEP
    return quotient(floor_to(grown, unit), unit) * _RATE_STEP


def _by_leverage(
    value: Decimal, leverage: Decimal, size: Decimal, row: Tier | None, marks: Marks, name: str
) -> Decimal:
    return quotient(value, leverage)


def _by_rate(value: Decimal, leverage: Decimal, size: Decimal, row: Tier | None, marks: Marks, name: str) -> Decimal:
    if row is None:
        return ZERO
    rate = rate_at(_initial_rate(row, name), row, size)
    return scaled(value, rate, ONE) if row.slope else value * rate


def _by_open_interest(
    value: Decimal, leverage: Decimal, size: Decimal, row: Tier | None, marks: Marks, name: str
) -> Decimal:
    rate = _initial_rate(row, name)
    assert row is not None
    if row.open_interest_low is not None and row.open_interest_high is not None:
        interest = marks.open_interest.get(name)
        if interest is None:
            raise MissingDataError(f'open_interest."{name}": the initial rate depends on it: add [open_interest]')
        rate = open_interest_rate(rate, open_interest=interest, low=row.open_interest_low, high=row.open_interest_high)
    own = value * rate
    return max(own, quotient(value, leverage)) if leverage > ONE else own


def _initial_rate(row: Tier | None, name: str) -> Decimal:
    if row is None or row.initial_rate is None:
        raise MissingDataError(f'instruments."{name}".tiers: this venue needs an initial_rate in each tier')
    return row.initial_rate


_RATE_STEP = Decimal("0.000001")
_FORMULAS: dict[str, Callable[[Decimal, Decimal, Decimal, Tier | None, Marks, str], Decimal]] = {
    "leverage": _by_leverage,
    "rate": _by_rate,
    "rate_by_open_interest": _by_open_interest,
}
