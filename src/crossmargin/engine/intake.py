"""Margin in the loop: an order is judged on the account as it would be with the order in the book and filled."""

from decimal import Decimal

import msgspec

from crossmargin.domain.account import Account, MarginMode, OrderSide, Side
from crossmargin.domain.arithmetic import ZERO, quotient
from crossmargin.domain.instrument import Kind
from crossmargin.domain.ledger import Ticket
from crossmargin.domain.refusal import Refusal, RejectReason
from crossmargin.engine.execute import fillable
from crossmargin.engine.settle import charged, fee_of, value_of
from crossmargin.engine.state import State
from crossmargin.margin.admission import admit, refuse
from crossmargin.margin.assess import Assessment, assess
from crossmargin.margin.fills import Execution, fill
from crossmargin.margin.pool import Status

__all__ = ["admit_as_if_filled"]


def admit_as_if_filled(state: State, ticket: Ticket) -> Refusal | None:
    """Ask the bounds; in doubt the venue's admission, and the account as the fills offered now would leave it.

    An order that only reduces is never refused for margin, unless it would close for more than the pool is worth. One
    that opens may, as far as it is filled at once, neither leave less than nothing free nor a pool at the trigger.
    """
    order = ticket.order
    meets = state.books[order.instrument].first(order.side, order.price) is not None
    found = list(fillable(state, ticket)) if meets else []
    if state.bounds.clears(state.owners[ticket.account], order, found):
        return None
    kept = state.assessment(ticket.account)
    account = _without(kept.account, ticket.id)
    refusal = admit(account, order, state.marks, state.rulebook, kept if account is kept.account else None)
    if refusal is not None:
        return refusal
    if not _opens(account, ticket):
        return _ruinous(state, account, ticket, found)
    if not found:
        return None
    after = assess(_as_if(state, account, ticket, found), state.marks, state.rulebook)
    return _short(state, ticket, after)


def _ruinous(state: State, account: Account, ticket: Ticket, found: list[tuple[Decimal, Decimal]]) -> Refusal | None:
    """Closing at prices that cost more than the pool is worth is refused: someone else would have to pay for it."""
    order = ticket.order
    rest = order.remaining - sum((size for _, size in found), ZERO)
    if rest and order.price is not None:
        found = [*found, (order.price, rest)]
    if not found:
        return None
    currency = state.instrument(order.instrument).settle
    after = _as_if(state, account, ticket, found)
    worth = after.balance(currency) - account.balance(currency)
    if order.margin_mode == MarginMode.CROSS:
        worth = (
            assess(msgspec.structs.replace(after, orders=()), state.marks, state.rulebook)
            .sheets[currency]
            .figure("supports")
        )
    if worth >= 0:
        return None
    note = "closing at these prices costs more than the pool is worth"
    return refuse(state.rulebook, RejectReason.WOULD_BE_LIQUIDATED, needs=-worth, has=ZERO, unit=currency, note=note)


def _without(account: Account, order_id: str) -> Account:
    """The account without an order that is being amended."""
    if all(each.id != order_id for each in account.orders):
        return account
    return msgspec.structs.replace(account, orders=tuple(each for each in account.orders if each.id != order_id))


def _opens(account: Account, ticket: Ticket) -> bool:
    """Whether any part of an order enlarges a position."""
    order = ticket.order
    if order.reduce_only:
        return False
    against = Side.LONG if order.side == OrderSide.SELL else Side.SHORT
    if order.position_side is not None:
        return order.position_side is not against
    held = sum(
        (
            each.contracts
            for each in account.positions
            if (each.instrument, each.margin_mode, each.side) == (order.instrument, order.margin_mode, against)
        ),
        ZERO,
    )
    return order.remaining > held


def _as_if(state: State, account: Account, ticket: Ticket, found: list[tuple[Decimal, Decimal]]) -> Account:
    """The account after the fills, at their average price and with the taker fee, and with the rest in the book."""
    order = ticket.order
    instrument = state.instrument(order.instrument)
    size = sum((contracts for _, contracts in found), ZERO)
    if instrument.inverse:
        weights = sum((quotient(contracts, price) for price, contracts in found), ZERO)
        price = quotient(size, weights)
    else:
        price = quotient(sum((contracts * price for price, contracts in found), ZERO), size)
    rate = instrument.taker_fee or ZERO
    fee = sum((fee_of(charged(instrument, n, value_of(instrument, n, p)), rate) for p, n in found), ZERO)
    execution = Execution(
        instrument=instrument,
        side=order.side,
        contracts=size,
        price=price,
        fee=fee,
        margin_mode=order.margin_mode,
        leverage=order.leverage,
        position_side=order.position_side,
    )
    after = fill(account, execution)
    rest = order.remaining - size
    if not rest or order.price is None:
        return after
    left = msgspec.structs.replace(order, contracts=rest, filled=ZERO)
    return msgspec.structs.replace(after, orders=(*after.orders, left))


def _short(state: State, ticket: Ticket, after: Assessment) -> Refusal | None:
    """Refuse when the fills would leave less than nothing free, or a pool at the trigger."""
    currency = state.instrument(ticket.order.instrument).settle
    sheet, was = after.sheets[currency], state.assessment(ticket.account).currencies.get(currency)
    free, has = sheet.figure("uncommitted"), was.free_margin if was is not None else ZERO
    reason, note = RejectReason.INSUFFICIENT_MARGIN, "free margin, as filled"
    if _pays_premium(state, ticket):
        free, has = min(free, sheet.figure("uncommitted_cash")), was.available_balance if was is not None else ZERO
        reason, note = RejectReason.INSUFFICIENT_BALANCE, "available balance, as filled"
    if free < 0:
        return refuse(state.rulebook, reason, needs=has - free, has=has, unit=currency, note=note)
    if after.status is Status.LIQUIDATION:
        return refuse(state.rulebook, RejectReason.WOULD_BE_LIQUIDATED, note="as soon as it is filled")
    return None


def _pays_premium(state: State, ticket: Ticket) -> bool:
    """Whether an order buys an option, which open gains do not pay for."""
    order = ticket.order
    return order.side == OrderSide.BUY and state.instrument(order.instrument).kind == Kind.OPTION
