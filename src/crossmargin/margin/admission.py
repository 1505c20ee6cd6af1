"""Admission: whether a venue would accept a new order, and if not, which rule says no, with the figures."""

from decimal import Decimal

import msgspec
from msgspec import Struct

from crossmargin.domain.account import Account, MarginMode, Order, OrderSide, OrderState, Position, PositionMode, Side
from crossmargin.domain.arithmetic import ZERO, ceil_to, exact, plain, quotient
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.marks import Marks
from crossmargin.domain.refusal import Refusal, RejectReason
from crossmargin.margin.account_pool import ACCOUNT_POOL, free_in
from crossmargin.margin.assess import Assessment, assess
from crossmargin.margin.fills import Execution, fill
from crossmargin.margin.holds import Hold, hold_of, opening_contracts
from crossmargin.margin.legs import taker_fee
from crossmargin.margin.transition import Transition, covers_initial, transition
from crossmargin.margin.valuation import notional
from crossmargin.rulebook.model import Rulebook

__all__ = ["OrderFigures", "admit", "admit_new", "cross_leverage", "needed_by", "permitted", "refuse"]


class OrderFigures(Struct, frozen=True, kw_only=True):
    """What an order holds or would hold, and whether a new one is admitted (None on a live one)."""

    id: str
    instrument: str
    side: str
    state: str
    margin: Decimal
    fee: Decimal
    accepted: bool | None = None
    reason: str | None = None
    refusal: Refusal | None = None


def admit_new(assessment: Assessment) -> tuple[OrderFigures, ...]:
    """Figures of every order; new ones are admitted in file order, an accepted one counts against the next.

    Source: docs/spec.md 4 "orders"; rules as `admit`.
    """
    account = msgspec.structs.replace(
        assessment.account,
        orders=tuple(order for order in assessment.account.orders if order.state == OrderState.LIVE),
    )
    figures = []
    for order in assessment.account.orders:
        if order.state == OrderState.LIVE:
            held = next((hold for hold in assessment.holds if hold.order is order), None)
            figures.append(_figures(order, held))
            continue
        refusal = admit(account, order, assessment.marks, assessment.rulebook)
        after = _with_live(account, order)
        figures.append(_figures(order, _last_hold(after, assessment.marks, assessment.rulebook), refusal))
        if refusal is None:
            account = after
    return tuple(figures)


@exact
def admit(
    account: Account, order: Order, marks: Marks, rulebook: Rulebook, before: Assessment | None = None
) -> Refusal | None:
    """Ask whether a venue admits an order. Whoever has assessed the account already says so with `before`.

    Guards stand in the order of precedence of `RejectReason`: size, reduce-only, leverage, position cap, then margin:
    a cross order must find its need in the free margin, an isolated, spot or option-buying one in the available
    balance.

    Returns:
        None when it is admitted, else the refusal with its figures.

    Source: docs/spec.md 2 C1; docs/sources.md 1.2 (OKX), 4.2 (Binance).
    """
    instrument = rulebook.instrument(order.instrument)
    refusal = permitted(account, order, marks, rulebook)
    capped = refusal is not None and refusal.reason is RejectReason.POSITION_CAP
    if not order.resting or (refusal is not None and not (capped and rulebook.rules.told_first == "margin")):
        return refusal
    if rulebook.rules.admission.startswith("after_fill"):
        return _after_fill(account, order, instrument, marks, rulebook) or refusal
    needs, has, currency, cross = needed_by(account, order, marks, rulebook, before)
    if needs <= has or not needs:
        return refusal
    reason = RejectReason.INSUFFICIENT_MARGIN if cross else RejectReason.INSUFFICIENT_BALANCE
    note = "free margin" if cross else "available balance"
    return refuse(rulebook, reason, needs=needs, has=has, unit=currency, note=note)


def permitted(account: Account, order: Order, marks: Marks, rulebook: Rulebook) -> Refusal | None:
    """What an order is asked before its margin: size, reduce-only, margin mode, leverage and position cap.

    Source: as `admit`.
    """
    instrument = rulebook.instrument(order.instrument)
    return (
        _size(order, instrument, rulebook)
        or _reduce_only(account, order, rulebook)
        or _mode(order, rulebook)
        or _leverage_and_cap(account, order, instrument, marks, rulebook)
    )


def refuse(rulebook: Rulebook, reason: RejectReason, **figures: Decimal | str | None) -> Refusal:
    """Build a refusal with the venue's own code; figures are plain decimals, whatever field they come from.

    Source: the rulebook's [refusals].
    """
    plain = {name: Decimal(each) if isinstance(each, Decimal) else each for name, each in figures.items()}
    return Refusal(reason=reason, code=rulebook.refusal_codes.get(reason, ""), **plain)  # type: ignore[arg-type]


def cross_leverage(account: Account, instrument: str, side: Side) -> Decimal | None:
    """The cross leverage that an instrument has: that of its positions and live orders; None without any.

    Args:
        account: Positions and orders.
        instrument: The venue's instrument id.
        side: In hedge mode a position counts for orders that open its own side.

    Source: docs/sources.md 1.2: leverage is a setting of the instrument, not of an order.
    """
    hedge = account.position_mode is PositionMode.HEDGE
    positions = [each for each in account.positions if not hedge or each.side is side]
    holdings: list[Position | Order] = [*positions, *(each for each in account.orders if each.state is OrderState.LIVE)]
    for each in holdings:
        if (each.instrument, each.margin_mode) == (instrument, MarginMode.CROSS):
            return each.leverage
    return None


def needed_by(
    account: Account, order: Order, marks: Marks, rulebook: Rulebook, before: Assessment | None = None
) -> tuple[Decimal, Decimal, str, bool]:
    """What an order needs, what is there, in which currency, and whether free margin (True) has to cover it.

    The need is the growth of "in use" once the order is live, netting included, plus what the venue's admission adds.

    Source: docs/sources.md 1.2; the venue's largest-size answers (vector okx-max-size-linear).
    """
    before = before or assess(account, marks, rulebook)
    after_account = _with_live(account, order)
    after = assess(after_account, marks, rulebook)
    hold = after.holds[-1]
    currency = hold.currency
    was = before.sheets[currency].figure("in_use") if currency in before.sheets else ZERO
    needs = after.sheets[currency].figure("in_use") - was + _admission_extra(hold, marks, rulebook)
    figures = before.currencies.get(currency)
    cross = _needs_free_margin(order, hold)
    if figures is None:
        whole = before.cross.get(ACCOUNT_POOL)
        return needs, free_in(currency, whole, marks) if whole is not None and cross else ZERO, currency, cross
    return needs, figures.free_margin if cross else figures.available_balance, currency, cross


def _with_live(account: Account, order: Order) -> Account:
    live = msgspec.structs.replace(order, state=OrderState.LIVE)
    return msgspec.structs.replace(account, orders=(*account.orders, live))


def _last_hold(account: Account, marks: Marks, rulebook: Rulebook) -> Hold | None:
    """Hold of the account's last order, None when it waits for a trigger."""
    order = account.orders[-1]
    if not order.resting:
        return None
    live = [each for each in account.orders if each.resting]
    part = opening_contracts(live, account.positions, account.position_mode)[-1]
    return hold_of(order, part, account, marks, rulebook)


def _needs_free_margin(order: Order, hold: Hold) -> bool:
    """Cross leverage needs free margin; isolated, spot and option buys need the available balance."""
    if hold.instrument.kind == Kind.OPTION:
        return order.side == OrderSide.SELL
    return order.margin_mode == MarginMode.CROSS


def _admission_extra(hold: Hold, marks: Marks, rulebook: Rulebook) -> Decimal:
    """What admission asks beyond the hold: value at the worse of price and mark, and the immediate loss (cross).

    extra = (value(worse) - value(price)) x (1 / leverage + fee rate) + loss against the mark
    """
    order, instrument = hold.order, hold.instrument
    if rulebook.rules.admission != "hold_and_immediate_loss" or order.price is None or not hold.contracts:
        return ZERO
    if instrument.kind not in (Kind.PERPETUAL, Kind.FUTURE):
        return ZERO
    mark = marks.mark_of(instrument.id)
    # Only the side that sells what it is margined in is valued at the worse price: sells, or buys of inverse contracts.
    worse = hold.value
    at_mark = notional(instrument, hold.contracts, mark)
    if (order.side == OrderSide.SELL) is not instrument.inverse:
        worse = max(hold.value, at_mark)
    fee_rate = taker_fee(instrument, rulebook) if rulebook.rules.order_fee == "taker" else ZERO
    growth = quotient(worse - hold.value, order.leverage) + (worse - hold.value) * fee_rate
    loss = ZERO
    if order.margin_mode == MarginMode.CROSS:
        gain = order.side.sign * (hold.value - at_mark if instrument.inverse else at_mark - hold.value)
        loss = max(ZERO, -gain)
    return growth + loss


def _after_fill(
    account: Account, order: Order, instrument: Instrument, marks: Marks, rulebook: Rulebook
) -> Refusal | None:
    """The account as if the order had filled at its price: it must cover its initial margin, or be no worse off.

    Where only opening and increasing is checked, an order that merely closes is admitted without a look at margin.

    Source: docs/sources.md 7.2, 9.2 (with its exception: an undercollateralised account may improve).
    """
    if rulebook.rules.admission == "after_fill" and not _opens(account, order):
        return None
    price = order.price if order.price is not None else marks.mark_of(instrument.id)
    execution = Execution(
        instrument=instrument,
        side=order.side,
        contracts=order.remaining,
        price=price,
        fee=ZERO,
        margin_mode=order.margin_mode,
        leverage=order.leverage,
        position_side=order.position_side,
    )
    filled = fill(account, execution)
    before, after = assess(account, marks, rulebook), assess(filled, marks, rulebook)
    if order.margin_mode == MarginMode.ISOLATED:
        spare = after.sheets[instrument.settle].figure("uncommitted")
        has = before.currencies[instrument.settle].available_balance if instrument.settle in before.currencies else ZERO
        if spare >= 0:
            return None
        reason = RejectReason.INSUFFICIENT_BALANCE
        return refuse(rulebook, reason, needs=has - spare, has=has, unit=instrument.settle)
    pool = after.pool_in(instrument.settle)
    risk = pool.risk
    if covers_initial(risk):
        return None
    if rulebook.rules.admission == "after_fill_or_improving":
        was = next((each for each in before.cross.values() if each.currency == pool.currency), None)
        if was is not None and transition(was.risk, risk) is Transition.SUCCESS:
            return None
    reason = RejectReason.INSUFFICIENT_MARGIN
    return refuse(rulebook, reason, needs=risk.initial, has=risk.available, unit=pool.currency, note="after the fill")


def _opens(account: Account, order: Order) -> bool:
    """Whether any part of an order would open or enlarge a position."""
    return opening_contracts((order,), account.positions, account.position_mode)[0] > 0


def _size(order: Order, instrument: Instrument, rulebook: Rulebook) -> Refusal | None:
    lot, least = instrument.lot_size, instrument.min_size
    if lot is not None and ceil_to(order.contracts, lot) != order.contracts:
        note = f"{plain(order.contracts)} is no multiple of {plain(lot)}"
        return refuse(rulebook, RejectReason.SIZE_OFF_LOT, note=note)
    if least is not None and order.contracts < least:
        note = f"{plain(order.contracts)} is below {plain(least)}"
        return refuse(rulebook, RejectReason.SIZE_BELOW_MINIMUM, note=note)
    return None


def _reduce_only(account: Account, order: Order, rulebook: Rulebook) -> Refusal | None:
    if not order.reduce_only:
        return None
    side = Side.LONG if order.side == OrderSide.SELL else Side.SHORT
    key = (order.instrument, order.margin_mode, side)
    if any((each.instrument, each.margin_mode, each.side) == key for each in account.positions):
        return None
    return refuse(rulebook, RejectReason.REDUCE_ONLY_WOULD_OPEN, note=f"no {side} position to reduce")


def _mode(order: Order, rulebook: Rulebook) -> Refusal | None:
    if order.margin_mode in rulebook.rules.margin_modes:
        return None
    return refuse(rulebook, RejectReason.MODE_NOT_OFFERED, note=order.margin_mode.value)


def _leverage_and_cap(
    account: Account, order: Order, instrument: Instrument, marks: Marks, rulebook: Rulebook
) -> Refusal | None:
    if instrument.kind in (Kind.OPTION, Kind.SPOT) or order.margin_mode == MarginMode.CASH:
        return None
    table = rulebook.tier_table(instrument, order.margin_mode)
    cap = table.cap_at(order.leverage)
    if cap is not None and not cap:
        highest = max((tier.max_leverage for tier in table.tiers if tier.max_leverage is not None), default=ZERO)
        return refuse(rulebook, RejectReason.LEVERAGE_ABOVE_TIER, needs=order.leverage, has=highest, unit="x")
    if cap is None:
        return None
    size = _same_side_size(account, order, instrument, table.unit, marks)
    if size <= cap:
        return None
    unit = table.unit if table.unit == "contracts" else instrument.settle
    return refuse(
        rulebook,
        RejectReason.POSITION_CAP,
        needs=size,
        has=cap,
        unit=unit,
        note=f"at {plain(order.leverage)}x",
    )


def _same_side_size(account: Account, order: Order, instrument: Instrument, unit: str, marks: Marks) -> Decimal:
    """Position, opening orders of the same side and this order together, in the unit of the tiers."""
    orders = [
        each
        for each in (*account.orders, order)
        if each.resting and (each.instrument, each.margin_mode) == (order.instrument, order.margin_mode)
    ]
    parts = opening_contracts(orders, account.positions, account.position_mode)
    size = ZERO
    for each, part in zip(orders, parts, strict=True):
        if each.side is order.side and part:
            size += _in_unit(part, instrument, unit, each.price, marks)
    if not parts[-1]:
        return ZERO
    for position in account.positions:
        same = (position.instrument, position.margin_mode) == (order.instrument, order.margin_mode)
        if same and position.side is order.side.opens:
            size += (
                position.liability
                if unit == "borrowed"
                else _in_unit(position.contracts, instrument, unit, None, marks)
            )
    return size


def _in_unit(contracts: Decimal, instrument: Instrument, unit: str, price: Decimal | None, marks: Marks) -> Decimal:
    if unit == "contracts":
        return contracts
    if unit == "base" and not instrument.inverse:
        return contracts * instrument.unit
    return notional(instrument, contracts, price if price is not None else marks.mark_of(instrument.id))


def _figures(order: Order, hold: Hold | None, refusal: Refusal | None = None) -> OrderFigures:
    new = order.state == OrderState.NEW
    return OrderFigures(
        id=order.id,
        instrument=order.instrument,
        side=order.side,
        state=order.state,
        margin=hold.margin if hold else ZERO,
        fee=hold.fee if hold else ZERO,
        accepted=refusal is None if new else None,
        reason=str(refusal) if refusal else None,
        refusal=refusal,
    )
