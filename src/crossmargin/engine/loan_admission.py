"""Admission of spot-margin orders: by the venue's rules, and by what the fills that the book offers would leave."""

from collections import defaultdict
from decimal import Decimal

import msgspec

from crossmargin.domain.account import Account, MarginMode, Order
from crossmargin.domain.arithmetic import ZERO, quotient
from crossmargin.domain.instrument import Instrument
from crossmargin.domain.ledger import QUANTUM, Ticket
from crossmargin.domain.refusal import Refusal, RejectReason
from crossmargin.engine.execute import fillable, terms_of
from crossmargin.engine.loan import closing_size, trade_on_loan
from crossmargin.engine.settle import Effect, against, value_of
from crossmargin.engine.state import State
from crossmargin.margin.admission import admit, refuse
from crossmargin.margin.assess import assess
from crossmargin.margin.pool import Status

__all__ = ["account_after", "admit_on_loan"]

Fills = list[tuple[Decimal, Decimal]]


def admit_on_loan(state: State, ticket: Ticket) -> Refusal | None:
    """An order that opens finds its margin; one that only closes is asked whether its pool can bear the prices."""
    order, instrument = ticket.order, state.instrument(ticket.order.instrument)
    if order.contracts % QUANTUM:
        return refuse(state.rulebook, RejectReason.SIZE_OFF_LOT, note=f"no multiple of {QUANTUM}")
    refusal = _other_backing(state, ticket)
    if refusal is None and not order.reduce_only:
        refusal = admit(_without(state, ticket), order, state.marks, state.rulebook)
    if refusal is not None:
        return refusal
    found = list(fillable(state, ticket))
    rest = order.remaining - sum((size for _, size in found), ZERO)
    closes = order.reduce_only or _only_closes(state, ticket, instrument)
    if closes and rest and order.price is not None:
        found.append((order.price, rest))
    if not found:
        return None
    effect = _effect(state, ticket, instrument, found)
    if closes:
        return _ruinous(state, ticket, effect)
    live = () if order.price is None or not rest else (_left(order, rest),)
    return _short(state, ticket, account_after(state, ticket, effect, live), effect.currency)


def _only_closes(state: State, ticket: Ticket, instrument: Instrument) -> bool:
    """Whether all of an order finds a position to close, at its price or the mark."""
    order, terms = ticket.order, terms_of(ticket, instrument, instrument.taker_fee)
    held = against(state, terms)
    price = order.price if order.price is not None else state.marks.mark_of(instrument.id)
    return held is not None and order.remaining <= closing_size(state, held, price, terms.fee_rate)


def _other_backing(state: State, ticket: Ticket) -> Refusal | None:
    """A position, and all orders that may open it, are backed by one currency."""
    order, owner = ticket.order, state.owners[ticket.account]
    key = (order.instrument, order.margin_mode)
    held = [
        (each.key.side, each.margin_currency)
        for each in owner.positions.values()
        if (each.key.instrument, each.key.margin_mode) == key
    ]
    live = [
        (each.order.side.opens, each.order.margin_currency)
        for each in owner.live()
        if (each.order.instrument, each.order.margin_mode) == key
        and not each.order.reduce_only
        and each.id != ticket.id
    ]
    for side, currency in (*held, *live):
        if not order.reduce_only and side is order.side.opens and currency != order.margin_currency:
            note = f"{order.instrument} {side} is backed by {currency}"
            return refuse(state.rulebook, RejectReason.MODE_IN_USE, note=note)
    return None


def _without(state: State, ticket: Ticket) -> Account:
    account = state.account(ticket.account)
    return msgspec.structs.replace(account, orders=tuple(each for each in account.orders if each.id != ticket.id))


def _left(order: Order, rest: Decimal) -> Order:
    return msgspec.structs.replace(order, contracts=rest, filled=ZERO)


def _effect(state: State, ticket: Ticket, instrument: Instrument, found: Fills) -> Effect:
    """All fills as one at their average price; of an order that only reduces no more than closes the position."""
    size = sum((contracts for _, contracts in found), ZERO)
    price = quotient(sum((contracts * price for price, contracts in found), ZERO), size)
    terms = terms_of(ticket, instrument, instrument.taker_fee)
    if ticket.order.reduce_only:
        held = state.held(ticket.closes)
        assert held is not None
        size = min(size, closing_size(state, held, price, terms.fee_rate))
    value = value_of(instrument, size, price)
    return trade_on_loan(state, terms, contracts=size, price=price, fill=state.counters["fills"] + 1, value=value)


def account_after(state: State, ticket: Ticket, effect: Effect, live: tuple[Order, ...]) -> Account:
    """An account as the rules see it once an effect has come about, with these orders beside its others."""
    moved: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for each in effect.transfers:
        moved[each.debit, each.currency] -= each.amount
        moved[each.credit, each.currency] += each.amount
    owner, account = state.owners[ticket.account], _without(state, ticket)
    positions = {**owner.positions, **{held.key: held for held in effect.positions}}
    currencies = dict.fromkeys((*owner.currencies, *(currency for cell, currency in moved if cell == owner.cash)))
    return msgspec.structs.replace(
        account,
        balances={name: state.cash(owner.id, name) + moved[owner.cash, name] for name in currencies},
        positions=tuple(state.position(held, moved) for held in positions.values() if held.contracts),
        orders=(*account.orders, *live),
    )


def _ruinous(state: State, ticket: Ticket, effect: Effect) -> Refusal | None:
    """Closing for more than the pool is worth is refused: someone else would have to pay for it."""
    worth = -effect.uncovered
    if ticket.order.margin_mode == MarginMode.CROSS:
        after = msgspec.structs.replace(account_after(state, ticket, effect, ()), orders=())
        sheet = assess(after, state.marks, state.rulebook).sheets.get(effect.currency)
        worth = ZERO if sheet is None else sheet.figure("supports")
    if worth >= 0:
        return None
    note, unit = "closing at these prices costs more than the pool is worth", effect.currency
    return refuse(state.rulebook, RejectReason.WOULD_BE_LIQUIDATED, needs=-worth, has=ZERO, unit=unit, note=note)


def _short(state: State, ticket: Ticket, account: Account, currency: str) -> Refusal | None:
    """Refuse when the fills would leave less than nothing free, or a pool at the trigger."""
    after = assess(account, state.marks, state.rulebook)
    sheet = after.sheets.get(currency)
    free = ZERO if sheet is None else sheet.figure("uncommitted")
    if free < 0:
        was = state.assessment(ticket.account).currencies.get(currency)
        has = was.free_margin if was is not None else ZERO
        reason, note = RejectReason.INSUFFICIENT_MARGIN, "free margin, as filled"
        return refuse(state.rulebook, reason, needs=has - free, has=has, unit=currency, note=note)
    if after.status is Status.LIQUIDATION:
        return refuse(state.rulebook, RejectReason.WOULD_BE_LIQUIDATED, note="as soon as it is filled")
    return None
