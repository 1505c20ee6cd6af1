"""Limits, exact to one lot or one quantum: the largest order, the smallest deposit or cut that restores a ratio."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
from msgspec import Struct

from crossmargin.domain.account import Account, MarginMode, Order, OrderSide, Position, Side
from crossmargin.domain.arithmetic import ONE, ZERO, ceil_to, exact, quotient
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.marks import Marks
from crossmargin.errors import MissingDataError, UnsupportedError
from crossmargin.margin.admission import admit, needed_by, permitted
from crossmargin.margin.assess import Assessment, assess
from crossmargin.margin.fills import Execution, fill
from crossmargin.margin.legs import taker_fee
from crossmargin.margin.pool import Pool, Risk
from crossmargin.margin.spot_margin import closed_account, repayment
from crossmargin.margin.valuation import held_in, notional
from crossmargin.rulebook.model import Rulebook

__all__ = ["Cut", "largest_order", "lot_of", "smallest_cut", "smallest_deposit"]

_LOTS_MAX = 10**18
_GUESSES, _FARTHER = 6, 64


@exact
def largest_order(account: Account, order: Order, marks: Marks, rulebook: Rulebook) -> Decimal:
    """Largest size, in whole lots, at which the venue would admit an order; zero when it admits none.

    The size of the order given is ignored. One lot more is refused.

    Raises:
        MissingDataError: the instrument's lot_size is not known.

    Source: docs/spec.md 2 B7; admission as in `crossmargin.margin.admission.admit`.
    """
    lot = lot_of(rulebook.instrument(order.instrument), rulebook)
    before = assess(account, marks, rulebook)

    def sized(lots: int) -> Order:
        return msgspec.structs.replace(order, contracts=lots * lot, filled=ZERO)

    def admitted(lots: int) -> bool:
        return admit(account, sized(lots), marks, rulebook, before) is None

    least = _least_lots(rulebook.instrument(order.instrument), lot)
    if not admitted(least):
        return ZERO

    def left(lots: int) -> Decimal:
        needs, has, _, _ = needed_by(account, sized(lots), marks, rulebook, before)
        return has - needs

    def within(lots: int) -> bool:
        return permitted(account, sized(lots), marks, rulebook) is None

    if rulebook.rules.admission.startswith("after_fill"):
        return last_true(admitted, least) * lot
    near = _used_up(left, least)
    if within(near):
        return last_true(admitted, least, near=near) * lot
    most = last_true(within, least, near)  # a cap stands before the margin, and is cheaper to ask
    return last_true(admitted, least, most, near=most) * lot


@exact
def smallest_deposit(assessment: Assessment, pool: Pool, ratio: Decimal) -> Decimal:
    """Smallest amount that brings a pool's ratio to a target, rounded up to the currency's quantum.

        deposit = ratio x required - available,   zero when the ratio is there already

    For an isolated pool the amount is margin to add.

    Source: docs/spec.md 2 B7.
    """
    missing = ratio * pool.risk.required - pool.risk.available
    return ceil_to(max(ZERO, missing), assessment.account.quantum(pool.currency))


class Cut(Struct, frozen=True, kw_only=True):
    """The smallest cut of one position that restores a ratio.

    Attributes:
        contracts: How much to close, None when even closing it all is not enough.
        ratio: The pool's ratio after the cut; None when nothing is required any more.
    """

    contracts: Decimal | None
    ratio: Decimal | None = None


@exact
def smallest_cut(assessment: Assessment, position: Position, ratio: Decimal) -> Cut:
    """Smallest part of a position, in whole lots, whose closing at mark brings its pool's ratio to a target.

    The taker fee is paid where the rulebook knows one. One lot less is not enough. A last part below one lot is closed
    with the rest; of an isolated position that is closed whole nothing is left to require anything.

    Raises:
        MissingDataError: the instrument's lot_size is not known.
        UnsupportedError: the position is a spot-margin pair or an option.

    Source: docs/spec.md 2 B7.
    """
    instrument = assessment.rulebook.instrument(position.instrument)
    if instrument.kind not in (Kind.PERPETUAL, Kind.FUTURE):
        raise UnsupportedError(f"{position.id}: cuts are computed for futures and perpetuals")
    lot = lot_of(instrument, assessment.rulebook)
    whole = int(ceil_to(position.contracts, lot) // lot)

    def risk_after(lots: int) -> Risk | None:
        contracts = min(lots * lot, position.contracts)
        if contracts == position.contracts and position.margin_mode == MarginMode.ISOLATED:
            return None
        return after_cut(assessment, position, contracts).risk

    def restored(lots: int) -> bool:
        risk = risk_after(lots)
        return risk is None or risk.available >= ratio * risk.required

    if restored(0):
        return Cut(contracts=ZERO, ratio=assessment.pool_of(position).risk.ratio)
    if not restored(whole):
        return Cut(contracts=None)
    least = last_true(lambda lots: not restored(lots), 0, whole) + 1
    risk = risk_after(least)
    return Cut(contracts=min(least * lot, position.contracts), ratio=None if risk is None else risk.ratio)


def after_cut(assessment: Assessment, position: Position, contracts: Decimal) -> Pool:
    """The pool once a part of a position is closed at mark; the pool left by an isolated position is its currency's.

    A spot-margin position is closed whole.

    Source: docs/spec.md 2 B7; execution as in `crossmargin.margin.fills.fill`.
    """
    rulebook, marks = assessment.rulebook, assessment.marks
    instrument = rulebook.instrument(position.instrument)
    if not contracts:
        return assessment.pool_of(position)
    price = marks.mark_of(instrument.id)
    rate = taker_fee(instrument, rulebook) if instrument.taker_fee is not None else ZERO
    if instrument.kind == Kind.MARGIN:
        return _after_repayment(assessment, position, instrument, price, rate)
    execution = Execution(
        instrument=instrument,
        side=OrderSide.SELL if position.side == Side.LONG else OrderSide.BUY,
        contracts=contracts,
        price=price,
        fee=notional(instrument, contracts, price) * rate,
        margin_mode=position.margin_mode,
        position_side=position.side,
    )
    after = assess(fill(assessment.account, execution), marks, rulebook)
    return after.isolated.get(position.id) or after.pool_in(instrument.settle)


def _after_repayment(
    assessment: Assessment, position: Position, instrument: Instrument, price: Decimal, rate: Decimal
) -> Pool:
    """The pool once a spot-margin position has repaid all that its assets can repay."""
    long, currency = position.side == Side.LONG, held_in(instrument, position)
    owed = quotient(position.debt, ONE - rate)
    needed = quotient(owed, price) if long else owed * price
    same = currency == (instrument.base if long else instrument.quote)
    traded = min(position.assets, needed) if same else position.assets
    result = repayment(position, traded=traded, price=price, fee_rate=rate)
    account = closed_account(assessment.account, position, instrument, result)
    return assess(account, assessment.marks, assessment.rulebook).pool_in(currency)


def lot_of(instrument: Instrument, rulebook: Rulebook) -> Decimal:
    """Size step of an instrument.

    Raises:
        MissingDataError: it is not known; a largest size needs one.

    Source: the rulebook, or the account file.
    """
    if instrument.lot_size is None:
        raise MissingDataError(
            f'{rulebook.venue}: lot_size of "{instrument.id}" is not known: give it under '
            f'[instruments."{instrument.id}"] lot_size = "0.001"'
        )
    return instrument.lot_size


def _used_up(left: Callable[[int], Decimal], least: int) -> int:
    """About how many lots use up what is free: the line through two sizes, again and again.

    What only closes needs nothing, so it starts beyond that. Margin grows in straight pieces, so that the last of the
    lines is mostly the right one; whoever asks tries it.
    """
    low, high = least, 2 * least
    free, rest = left(low), left(high)
    while rest >= free and high < _LOTS_MAX:
        low, free, high = high, rest, high * _FARTHER
        rest = left(high)
    for _ in range(_GUESSES):
        if rest == free:
            break
        reach = high + int(rest * (high - low) // (free - rest))
        low, free, high = high, rest, max(least, min(_LOTS_MAX, reach))
        if abs(high - low) <= 1:
            break
        rest = left(high)
    return high


def last_true(holds: Callable[[int], bool], low: int, high: int = _LOTS_MAX, near: int | None = None) -> int:
    """Largest count for which a condition holds, given that it holds at low and fails for good somewhere above.

    Args:
        holds: The condition.
        low: Where it holds.
        high: What the answer cannot pass.
        near: A guess at the answer, from low on; a good one saves most evaluations.

    Source: doubling away from the guess, then halving: about 2 log2(distance) evaluations.

    >>> last_true(lambda n: n * n <= 50, 1), last_true(lambda n: n * n <= 50, 1, near=6)
    (7, 7)
    """
    low, top = _bracket(holds, low, high, low if near is None else near)
    while top - low > 1:
        middle = (low + top) // 2
        if holds(middle):
            low = middle
        else:
            top = middle
    return low


def _bracket(holds: Callable[[int], bool], low: int, high: int, near: int) -> tuple[int, int]:
    """A count where it holds, and one above where it does not hold or that the answer cannot reach."""
    step = 1
    if near > low and not holds(near):
        while near - step > low and not holds(near - step):
            near -= step
            step *= 2
        return max(low, near - step), near
    low = max(low, near)
    while low + step <= high and holds(low + step):
        low += step
        step *= 2
    return low, min(low + step, high + 1)


def _least_lots(instrument: Instrument, lot: Decimal) -> int:
    least = instrument.min_size or lot
    return max(1, int(ceil_to(least, lot) // lot))
