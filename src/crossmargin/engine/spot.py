"""Spot orders: what they need is there before they are let in; a purchase may name the amount it spends."""

from decimal import Decimal

import msgspec

from crossmargin.domain.account import OrderSide
from crossmargin.domain.arithmetic import ZERO, floor_to, quotient
from crossmargin.domain.ledger import QUANTUM, Ticket
from crossmargin.domain.refusal import Refusal, RejectReason
from crossmargin.engine.cash import given_in
from crossmargin.engine.execute import fillable
from crossmargin.engine.settle import value_of
from crossmargin.engine.state import State
from crossmargin.margin.admission import permitted, refuse
from crossmargin.margin.assess import Assessment, assess
from crossmargin.margin.holds import HoldKind

__all__ = ["admit_spot", "size_of_quote"]


def admit_spot(state: State, ticket: Ticket) -> Refusal | None:
    """A spot order finds all that it gives away in the available balance and in cash, and leaves its pool safe."""
    order, rulebook = ticket.order, state.rulebook
    assessment = _without(state, ticket)
    refusal = permitted(assessment.account, order, state.marks, rulebook)
    if refusal is not None:
        return refusal
    if order.contracts % QUANTUM:
        return refuse(rulebook, RejectReason.SIZE_OFF_LOT, note=f"no multiple of {QUANTUM}")
    currency = given_in(state.instrument(order.instrument), order.side)
    needs, has = _given(state, ticket), _available(state, assessment, ticket.account, currency)
    if needs > has:
        note = "available balance"
        return refuse(rulebook, RejectReason.INSUFFICIENT_BALANCE, needs=needs, has=has, unit=currency, note=note)
    pool = assessment.cross[currency]
    if pool.positions and rulebook.rules.triggered(pool.risk.available - needs, pool.risk.required):
        return refuse(rulebook, RejectReason.WOULD_BE_LIQUIDATED, note=pool.name)
    return None


def _without(state: State, ticket: Ticket) -> Assessment:
    """The account without an order that is being amended."""
    kept = state.assessment(ticket.account)
    others = tuple(each for each in kept.account.orders if each.id != ticket.id)
    if len(others) == len(kept.account.orders):
        return kept
    return assess(msgspec.structs.replace(kept.account, orders=others), state.marks, state.rulebook)


def _given(state: State, ticket: Ticket) -> Decimal:
    """What an order gives away: at the prices that the book offers now, and at its own (or the mark) for the rest."""
    order, instrument = ticket.order, state.instrument(ticket.order.instrument)
    if order.side == OrderSide.SELL:
        return order.remaining
    found = list(fillable(state, ticket))
    needs = sum((value_of(instrument, size, price) for price, size in found), ZERO)
    rest = order.remaining - sum((size for _, size in found), ZERO)
    price = order.price if order.price is not None else state.marks.mark_of(instrument.id)
    return needs + rest * price


def _available(state: State, assessment: Assessment, account: str, currency: str) -> Decimal:
    """The available balance, and no more than the cash that other orders have not set aside."""
    figures = assessment.currencies.get(currency)
    if figures is None:
        return ZERO
    kinds = (HoldKind.SPOT, HoldKind.OPTION_BUY)
    aside = (hold.margin for hold in assessment.holds if hold.kind in kinds and hold.currency == currency)
    return max(ZERO, min(figures.available_balance, state.cash(account, currency) - sum(aside, ZERO)))


def size_of_quote(state: State, ticket: Ticket, amount: Decimal) -> Decimal:
    """Size that an amount of quote currency buys: at what the book offers now, and at the mark beyond it.

    In whole lots, rounded down: what is over is not spent.
    """
    instrument = state.instrument(ticket.order.instrument)
    step = instrument.lot_size or QUANTUM
    whole = floor_to(quotient(amount, QUANTUM), step)
    endless = msgspec.structs.replace(ticket, order=msgspec.structs.replace(ticket.order, contracts=whole))
    size = ZERO
    for price, offered in fillable(state, endless):
        taken = min(offered, floor_to(quotient(amount, price), step))
        size += taken
        amount -= taken * price
        if taken < offered:
            return size
    return size + floor_to(quotient(amount, state.marks.mark_of(instrument.id)), step)
