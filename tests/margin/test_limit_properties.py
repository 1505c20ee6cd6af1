"""Limits are exact: what they allow is accepted, and one lot or one quantum more is not."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.margin.books import INVERSE, LINEAR, Book, any_books, apart

from crossmargin.domain.account import MarginMode, Order, OrderSide, OrderState, Position, PositionMode
from crossmargin.domain.arithmetic import EXACT, ZERO, floor_to
from crossmargin.domain.numbers import Positive
from crossmargin.domain.refusal import Refusal
from crossmargin.errors import UnsupportedError
from crossmargin.margin import changes as ask
from crossmargin.margin.admission import admit
from crossmargin.margin.apply import Situation, apply_change
from crossmargin.margin.limits import largest_order, lot_of, smallest_cut, smallest_deposit
from crossmargin.margin.pool import Pool
from crossmargin.margin.withdrawal import largest_removal, largest_withdrawal

UNBOUNDED = Decimal(10) ** 12
TARGETS = st.sampled_from(("1", "1.5", "3", "10"))


def accepted(book: Book, change: ask.Change) -> Book | None:
    """The book after a change, None when it is refused."""
    outcome = apply_change(Situation(account=book.account, marks=book.marks, rulebook=book.rulebook), change)
    if isinstance(outcome, Refusal):
        return None
    return Book(outcome[0].account, outcome[0].marks, book.rulebook)


@st.composite
def new_orders(draw: st.DrawFn, book: Book) -> Order:
    """An order to open, at a few per cent from the mark, in an instrument that the book holds."""
    position = draw(st.sampled_from(book.account.positions))
    instrument = book.rulebook.instrument(position.instrument)
    side = draw(st.sampled_from(OrderSide))
    hedge = book.account.position_mode is PositionMode.HEDGE
    return Order(
        instrument=instrument.id,
        side=side,
        contracts=ZERO,
        price=apart(book.marks.mark_of(instrument.id), draw(st.integers(-5, 5))),
        state=OrderState.NEW,
        margin_mode=draw(st.sampled_from((MarginMode.CROSS, MarginMode.ISOLATED))),
        leverage=position.leverage,
        position_side=side.opens if hedge else None,
    )


@given(book=any_books(LINEAR, INVERSE), data=st.data())
def test_the_largest_order_is_admitted_and_one_lot_more_is_not(book: Book, data: st.DataObject) -> None:
    """The venue's own admission accepts the largest size and smaller ones, and refuses one lot more.

    Zero means that even the smallest order is refused.
    """
    order = data.draw(new_orders(book))
    instrument = book.rulebook.instrument(order.instrument)
    lot = lot_of(instrument, book.rulebook)

    def refused(size: Decimal) -> bool:
        sized = replace(order, contracts=size)
        return admit(book.account, sized, book.marks, book.rulebook) is not None

    largest = largest_order(book.account, order, book.marks, book.rulebook)
    least = max(lot, instrument.min_size or lot)

    assert refused(max(largest + lot, least))
    if largest:
        assert largest >= least
        for share in (1, 2, 7):
            assert not refused(max(least, floor_to(largest / share, lot)))


@given(book=any_books())
def test_the_largest_withdrawal_is_accepted_and_one_quantum_more_is_not(book: Book) -> None:
    """All of it may leave, a quantum more may not; afterwards less than a quantum is left over.

    What is left over: cash, or what cash and losses (not gains) leave beyond the amounts in use, whichever is less;
    some venues have a rule of their own for that.
    """
    for currency, figures in book.assess().currencies.items():
        quantum = book.account.quantum(currency)
        most = largest_withdrawal(book.assess(), currency)

        assert accepted(book, ask.Withdrawal(currency=currency, amount=Positive(most + quantum))) is None
        left = figures
        if most:
            after = accepted(book, ask.Withdrawal(currency=currency, amount=Positive(most)))
            assert after is not None
            left = after.assess().currencies[currency]
            assert left.balance == figures.balance - most
        if book.rulebook.rules.withdrawal != "free_margin_without_gains":
            continue
        spare = min(left.balance, left.balance + min(ZERO, left.floating_pnl) - left.in_use)
        assert spare < quantum
        assert spare >= 0 or not most


@given(book=any_books(), more=st.booleans())
def test_the_largest_removal_is_accepted_and_one_quantum_more_is_not(book: Book, more: bool) -> None:
    """An isolated position keeps its opening margin and what it has lost; a rulebook without the rule says so."""
    assessment = book.assess()
    for position in book.account.positions:
        if position.margin_mode is not MarginMode.ISOLATED:
            continue
        if book.rulebook.rules.isolated_removal == "none":
            with pytest.raises(UnsupportedError):
                largest_removal(assessment, position)
            continue
        leg = assessment.isolated[position.id].legs[0]
        most = largest_removal(assessment, position)
        amount = most + book.account.quantum(leg.currency) if more or not most else most
        change = ask.RemoveMargin(instrument=position.instrument, side=position.side, amount=Positive(amount))

        assert (accepted(book, change) is not None) is (amount == most)


def deposited(book: Book, pool: Pool, amount: Decimal) -> Pool:
    """The pool with an amount more: cash of its currency, or margin of its isolated position."""
    if pool.isolated is None:
        cash = book.account.balance(pool.currency) + amount
        after = book.with_account(balances={**book.account.balances, pool.currency: cash})
        return after.assess().cross[pool.currency]
    positions = tuple(
        replace(each, margin=EXACT.add(pool.fixed, amount)) if each is pool.isolated else each
        for each in book.account.positions
    )
    return book.with_account(positions=positions).assess().isolated[pool.isolated.id]


def reaches(pool: Pool, target: Decimal) -> bool:
    """Whether a pool's ratio is at a target, without a division."""
    return pool.risk.available >= EXACT.multiply(target, pool.risk.required)


@given(book=any_books(), target=TARGETS)
def test_the_smallest_deposit_reaches_the_ratio_and_a_quantum_less_does_not(book: Book, target: str) -> None:
    """Once it has arrived the ratio is at the target; zero says that it was there before."""
    assessment = book.assess()
    for pool in (*assessment.cross.values(), *assessment.isolated.values()):
        amount = smallest_deposit(assessment, pool, Decimal(target))

        assert reaches(deposited(book, pool, amount), Decimal(target))
        if amount:
            short = amount - book.account.quantum(pool.currency)
            assert not reaches(deposited(book, pool, short), Decimal(target))


@given(book=any_books(LINEAR, INVERSE, with_orders=False), target=TARGETS)
def test_the_smallest_cut_reaches_the_ratio_and_a_lot_less_does_not(book: Book, target: str) -> None:
    """Closing it at mark brings the pool's ratio to the target; no smaller cut does, and None means that none does.

    An isolated position that is closed whole has no ratio to worry about.
    """
    assessment = book.assess()
    ratio = Decimal(target)

    def reached(position: Position, contracts: Decimal) -> bool:
        if not contracts:
            return reaches(assessment.pool_of(position), ratio)
        change = ask.Close(
            instrument=position.instrument,
            side=position.side,
            margin_mode=position.margin_mode,
            contracts=Positive(contracts),
        )
        after = accepted(book, change)
        assert after is not None
        now = after.assess()
        if position.margin_mode is MarginMode.ISOLATED:
            return position.id not in now.isolated or reaches(now.isolated[position.id], ratio)
        return reaches(now.cross[book.rulebook.instrument(position.instrument).settle], ratio)

    for position in book.account.positions:
        lot = lot_of(book.rulebook.instrument(position.instrument), book.rulebook)
        cut = smallest_cut(assessment, position, ratio).contracts
        smaller = position.contracts if cut is None else cut - lot

        assert cut is None or reached(position, cut)
        if cut != ZERO:
            for share in (1, 2, 5):
                assert not reached(position, max(ZERO, floor_to(smaller / share, lot)))
