"""Applying one change: each function returns the new situation, or the venue's refusal."""

from decimal import Decimal
from functools import singledispatch

import msgspec
from msgspec import Struct

from crossmargin.domain.account import (
    Account,
    MarginMode,
    Order,
    OrderSide,
    OrderState,
    Position,
    Side,
)
from crossmargin.domain.arithmetic import ONE, ZERO, exact, plain, quotient
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.marks import Marks
from crossmargin.domain.refusal import Refusal, RejectReason
from crossmargin.errors import InputError, MissingDataError
from crossmargin.margin import changes as ask
from crossmargin.margin.admission import admit, cross_leverage, refuse
from crossmargin.margin.assess import Assessment, assess
from crossmargin.margin.fills import Execution, fill, find, put
from crossmargin.margin.legs import position_leg, taker_fee
from crossmargin.margin.liquidation_price import liquidation_price
from crossmargin.margin.modes import switched
from crossmargin.margin.moved import moved
from crossmargin.margin.pool import Status
from crossmargin.margin.pools import isolated_margin
from crossmargin.margin.spot_margin import close_size, closed_account, partly_closed, repayment
from crossmargin.margin.stops import liquidated_first
from crossmargin.margin.valuation import notional
from crossmargin.margin.withdrawal import largest_removal, largest_withdrawal
from crossmargin.rulebook.model import Rulebook

__all__ = ["Situation", "apply_change"]


class Situation(Struct, frozen=True, kw_only=True):
    """An account, its prices and its rules: the three arguments of an assessment, held together."""

    account: Account
    marks: Marks
    rulebook: Rulebook

    def assess(self) -> Assessment:
        """Assess it."""
        return assess(self.account, self.marks, self.rulebook)

    def with_account(self, account: Account) -> "Situation":
        """The same prices and rules for another account."""
        return msgspec.structs.replace(self, account=account)


Done = tuple[Situation, tuple[str, ...]]
Outcome = Done | Refusal


@exact
def apply_change(situation: Situation, change: ask.Change) -> Outcome:
    """Apply one change.

    Returns:
        The new situation and notes on what happened, or the refusal; a refused change leaves nothing behind.

    Source: docs/spec.md 2 A7-A9, B6, C2; docs/sources.md 1.2, 1.3.2, 4.2.
    """
    return _apply(change, situation)


@singledispatch
def _apply(change: ask.Change, situation: Situation) -> Outcome:
    raise TypeError(f"no rule for {type(change).__name__}")


@_apply.register
def _(change: ask.NewOrder, situation: Situation) -> Outcome:
    instrument = situation.rulebook.instrument(change.instrument)
    held = None
    if change.margin_mode is MarginMode.CROSS:
        held = cross_leverage(situation.account, instrument.id, change.position_side or change.side.opens)
    if held is not None and change.leverage not in (None, held):
        reason, note = RejectReason.LEVERAGE_IN_USE, "change the instrument's leverage first"
        return refuse(situation.rulebook, reason, needs=change.leverage, has=held, unit="x", note=note)
    order = Order(
        instrument=instrument.id,
        side=change.side,
        contracts=Decimal(change.contracts),
        price=None if change.price is None else Decimal(change.price),
        state=OrderState.LIVE,
        type=change.type,
        margin_mode=change.margin_mode,
        leverage=_leverage(situation, instrument, change.margin_mode, held or change.leverage),
        position_side=change.position_side,
        reduce_only=change.reduce_only,
        margin_currency=change.margin_currency,
        id=f"what-if-{len(situation.account.orders) + 1}",
    )
    refusal = admit(situation.account, order, situation.marks, situation.rulebook)
    if refusal is not None:
        return refusal
    account = msgspec.structs.replace(situation.account, orders=(*situation.account.orders, order))
    return situation.with_account(account), ()


@_apply.register
def _(change: ask.Fill, situation: Situation) -> Outcome:
    instrument = situation.rulebook.instrument(change.instrument)
    contracts, price = Decimal(change.contracts), Decimal(change.price)
    execution = Execution(
        instrument=instrument,
        side=change.side,
        contracts=contracts,
        price=price,
        fee=_fee(situation, instrument, change, contracts, price),
        margin_mode=change.margin_mode,
        leverage=_leverage(situation, instrument, change.margin_mode, change.leverage),
        position_side=change.position_side,
        margin_currency=change.margin_currency,
    )
    return situation.with_account(fill(situation.account, execution)), ()


@_apply.register
def _(change: ask.Close, situation: Situation) -> Outcome:
    price = None if change.price is None else Decimal(change.price)
    return _close(situation, change, price)


@_apply.register
def _(change: ask.Deposit, situation: Situation) -> Outcome:
    return _credit(situation, change.currency, Decimal(change.amount))


@_apply.register
def _(change: ask.Withdrawal, situation: Situation) -> Outcome:
    return _debit(situation, change.currency, Decimal(change.amount))


@_apply.register
def _(change: ask.Transfer, situation: Situation) -> Outcome:
    move = _credit if change.direction == "in" else _debit
    return move(situation, change.currency, Decimal(change.amount))


@_apply.register
def _(change: ask.AddMargin, situation: Situation) -> Outcome:
    position = find(situation.account, _id(situation, change.instrument), change.side, MarginMode.ISOLATED)
    if position is None:
        return _no_position(situation, change.instrument, change.side)
    amount = Decimal(change.amount)
    leg = position_leg(position, situation.marks, situation.rulebook)
    has = situation.assess().currencies[leg.currency].available_balance
    if amount > has:
        reason = RejectReason.INSUFFICIENT_BALANCE
        return refuse(situation.rulebook, reason, needs=amount, has=has, unit=leg.currency)
    margin = isolated_margin(position, leg) + amount
    moved = msgspec.structs.replace(position, margin=margin)
    return situation.with_account(put(situation.account, position, moved, **{leg.currency: -amount})), ()


@_apply.register
def _(change: ask.RemoveMargin, situation: Situation) -> Outcome:
    position = find(situation.account, _id(situation, change.instrument), change.side, MarginMode.ISOLATED)
    if position is None:
        return _no_position(situation, change.instrument, change.side)
    amount = Decimal(change.amount)
    assessment = situation.assess()
    has = largest_removal(assessment, position)
    leg = assessment.isolated[position.id].legs[0]
    if amount > has:
        reason = RejectReason.MARGIN_NOT_REMOVABLE
        return refuse(situation.rulebook, reason, needs=amount, has=has, unit=leg.currency)
    moved = msgspec.structs.replace(position, margin=isolated_margin(position, leg) - amount)
    return situation.with_account(put(situation.account, position, moved, **{leg.currency: amount})), ()


@_apply.register
def _(change: ask.SetLeverage, situation: Situation) -> Outcome:
    rulebook = situation.rulebook
    instrument = rulebook.instrument(change.instrument)
    leverage = Decimal(change.leverage)
    table = rulebook.tier_table(instrument, change.margin_mode)
    cap = table.cap_at(leverage)
    held = [
        each
        for each in situation.account.positions
        if (each.instrument, each.margin_mode) == (instrument.id, change.margin_mode)
        and change.side in (None, each.side)
    ]
    if cap is not None and not cap:
        highest = max((tier.max_leverage for tier in table.tiers if tier.max_leverage), default=ZERO)
        reason = RejectReason.LEVERAGE_ABOVE_TIER
        return refuse(rulebook, reason, needs=leverage, has=highest, unit="x")
    for position in held:
        size = position_leg(position, situation.marks, rulebook).size
        if cap is not None and size > cap:
            note = f"at {plain(leverage)}x"
            return refuse(rulebook, RejectReason.POSITION_CAP, needs=size, has=cap, unit=table.unit, note=note)
    if change.margin_mode == MarginMode.ISOLATED:
        return _relever_isolated(situation, held, leverage)
    return _relever_cross(situation, instrument, change.side, leverage)


@_apply.register
def _(change: ask.SetMarginMode, situation: Situation) -> Outcome:
    account, rulebook = situation.account, situation.rulebook
    instrument = _id(situation, change.instrument)
    other = MarginMode.CROSS if change.margin_mode == MarginMode.ISOLATED else MarginMode.ISOLATED
    position = find(account, instrument, change.side, other)
    if position is None:
        return _no_position(situation, change.instrument, change.side)
    if change.margin_mode not in rulebook.rules.margin_modes:
        return refuse(rulebook, RejectReason.MODE_NOT_OFFERED, note=change.margin_mode.value)
    if rulebook.rules.margin_mode_switch == "only_flat":
        return refuse(rulebook, RejectReason.MODE_IN_USE, note=f"{instrument} has an open position")
    if find(account, instrument, change.side, change.margin_mode) is not None:
        return refuse(rulebook, RejectReason.MODE_IN_USE, note=f"{instrument} is already held {change.margin_mode}")
    moved = situation.with_account(switched(account, position, change.margin_mode, situation.marks, rulebook))
    return _unless_unsafe(situation, moved, position)


@_apply.register
def _(change: ask.SetPositionMode, situation: Situation) -> Outcome:
    account, rulebook = situation.account, situation.rulebook
    if change.position_mode not in rulebook.rules.position_modes:
        return refuse(rulebook, RejectReason.MODE_NOT_OFFERED, note=change.position_mode.value)
    if account.positions or account.orders:
        note = f"{len(account.positions)} positions and {len(account.orders)} orders are open"
        return refuse(rulebook, RejectReason.MODE_IN_USE, note=note)
    return situation.with_account(msgspec.structs.replace(account, position_mode=change.position_mode)), ()


@_apply.register
def _(change: ask.PriceMove, situation: Situation) -> Outcome:
    prices = {_id(situation, name): Decimal(price) for name, price in change.marks.items()}
    moves = {coin: Decimal(move) for coin, move in change.moves.items()}
    try:
        marks = moved(situation.marks, situation.rulebook, moves)
    except ValueError as error:
        raise InputError("price", "moves", str(error)) from None
    marks = msgspec.structs.replace(marks, mark={**marks.mark, **prices})
    return msgspec.structs.replace(situation, marks=marks), ()


@_apply.register
def _(change: ask.Funding, situation: Situation) -> Outcome:
    account = situation.account
    rates = {_id(situation, name): Decimal(rate) for name, rate in change.rates.items()}
    for position in account.positions:
        instrument = situation.rulebook.instrument(position.instrument)
        if instrument.kind != Kind.PERPETUAL:
            continue
        rate = rates.get(instrument.id, situation.marks.funding_rate.get(instrument.id))
        if rate is None:
            raise MissingDataError(f'funding_rate."{instrument.id}": no rate given: add it to the change or the file')
        value = notional(instrument, position.contracts, situation.marks.mark_of(instrument.id))
        account = _pay(account, position, instrument, position.side.sign * value * rate, situation)
    return situation.with_account(account), ()


@_apply.register
def _(change: ask.Interest, situation: Situation) -> Outcome:
    position = find(situation.account, _id(situation, change.instrument), change.side, change.margin_mode)
    if position is None:
        return _no_position(situation, change.instrument, change.side)
    accrued = position.liability * change.hourly_rate * change.hours
    grown = msgspec.structs.replace(position, interest=position.interest + accrued)
    return situation.with_account(put(situation.account, position, grown)), ()


@_apply.register
def _(change: ask.Stop, situation: Situation) -> Outcome:
    """The mark walks to the trigger; if the pool is liquidated on the way, that comes first."""
    instrument = situation.rulebook.instrument(change.instrument)
    position = find(situation.account, instrument.id, change.side, change.margin_mode)
    if position is None:
        return _no_position(situation, change.instrument, change.side)
    trigger = Decimal(change.trigger_price)
    mark = situation.marks.mark_of(instrument.id)
    assessment = situation.assess()
    if assessment.pool_of(position).status is Status.LIQUIDATION:
        note = f"at the trigger already, before the stop at {plain(trigger)}"
        return refuse(situation.rulebook, RejectReason.WOULD_BE_LIQUIDATED, note=note)
    found = liquidation_price(assessment, position)
    first = found.down if trigger < mark else found.up
    marks = msgspec.structs.replace(situation.marks, mark={**situation.marks.mark, instrument.id: trigger})
    at_trigger = msgspec.structs.replace(situation, marks=marks)
    if first is not None and liquidated_first(trigger, first, falling=trigger < mark):
        needs = f"liquidated at {plain(first)}, before the stop at {plain(trigger)}"
        return refuse(situation.rulebook, RejectReason.WOULD_BE_LIQUIDATED, note=needs)
    worse = trigger * (ONE - position.side.sign * change.slippage)
    if worse <= 0:
        raise InputError("stop", "slippage", f"{plain(change.slippage)} leaves no price")
    return _close(at_trigger, change, worse)


def _id(situation: Situation, name: str) -> str:
    return situation.rulebook.instrument(name).id


def _leverage(situation: Situation, instrument: Instrument, mode: MarginMode, asked: Decimal | None) -> Decimal:
    """As asked, else what the instrument has, else the rulebook's default."""
    if asked is not None:
        return Decimal(asked)
    if instrument.kind == Kind.OPTION or mode == MarginMode.CASH:
        return ONE
    holdings: list[Position | Order] = [*situation.account.positions, *situation.account.orders]
    for each in holdings:
        if (each.instrument, each.margin_mode) == (instrument.id, mode):
            return each.leverage
    return Decimal(situation.rulebook.rules.default_leverage)


def _fee(
    situation: Situation,
    instrument: Instrument,
    change: ask.Fill | ask.Close | ask.Stop,
    size: Decimal,
    price: Decimal,
) -> Decimal:
    if change.fee is not None:
        return Decimal(change.fee)
    rate = taker_fee(instrument, situation.rulebook)
    if instrument.kind in (Kind.MARGIN, Kind.SPOT):
        buying = isinstance(change, ask.Fill) and change.side == OrderSide.BUY
        return size * rate if buying else size * price * rate
    return notional(instrument, size, price) * rate


def _close(situation: Situation, change: ask.Close | ask.Stop, price: Decimal | None) -> Outcome:
    instrument = situation.rulebook.instrument(change.instrument)
    position = find(situation.account, instrument.id, change.side, change.margin_mode)
    if position is None:
        return _no_position(situation, change.instrument, change.side)
    at = price if price is not None else situation.marks.mark_of(instrument.id)
    if instrument.kind == Kind.MARGIN:
        return _close_spot_margin(situation, position, instrument, change, at)
    contracts = position.contracts if change.contracts is None else Decimal(change.contracts)
    if contracts > position.contracts:
        reason = RejectReason.REDUCE_ONLY_WOULD_OPEN
        return refuse(situation.rulebook, reason, needs=contracts, has=position.contracts, unit="contracts")
    execution = Execution(
        instrument=instrument,
        side=OrderSide.SELL if position.side == Side.LONG else OrderSide.BUY,
        contracts=contracts,
        price=at,
        fee=_fee(situation, instrument, change, contracts, at),
        margin_mode=position.margin_mode,
        position_side=position.side,
    )
    return situation.with_account(fill(situation.account, execution)), ()


def _close_spot_margin(
    situation: Situation,
    position: Position,
    instrument: Instrument,
    change: ask.Close | ask.Stop,
    price: Decimal,
) -> Outcome:
    """Close by repayment; a deficit or surplus is noted."""
    assessment = situation.assess()
    leg = next(each for each in assessment.pool_of(position).legs if each.holding is position)
    pool = assessment.pool_of(position)
    asset = instrument.base if position.side == Side.LONG else instrument.quote
    table = situation.rulebook.tier_table(instrument, position.margin_mode)
    most = close_size(
        position,
        margin_is_asset=leg.currency == asset,
        mark_price=price,
        equity=pool.risk.available,
        initial_margin=pool.risk.initial,
        maintenance_rate=table.tiers[table.index_of(position.liability)].maintenance_rate,
    )
    asked = most if change.contracts is None else Decimal(change.contracts)
    if position.side == Side.SHORT and change.contracts is not None:
        asked = asked * price
    if asked > most:
        return refuse(situation.rulebook, RejectReason.REDUCE_ONLY_WOULD_OPEN, needs=asked, has=most, unit=asset)
    rate = ZERO if change.fee is not None else taker_fee(instrument, situation.rulebook)
    result = repayment(position, traded=asked, price=price, fee_rate=rate)
    owed = instrument.quote if position.side == Side.LONG else instrument.base
    notes = [f"sold {plain(asked)} {asset}, repaid {plain(result.repaid)} {owed}"]
    charged = {} if change.fee is None else {owed: -Decimal(change.fee)}
    if result.deficit and change.contracts is not None:
        left = partly_closed(position, result, Decimal(change.contracts))
        return situation.with_account(put(situation.account, position, left, **charged)), tuple(notes)
    if result.deficit:
        notes.append(f"deficit of {plain(result.deficit)} {owed} taken from the account's equity")
    account = put(closed_account(situation.account, position, instrument, result), None, None, **charged)
    return situation.with_account(account), tuple(notes)


def _credit(situation: Situation, currency: str, amount: Decimal) -> Outcome:
    return situation.with_account(put(situation.account, None, None, **{currency: amount})), ()


def _debit(situation: Situation, currency: str, amount: Decimal) -> Outcome:
    has = largest_withdrawal(situation.assess(), currency)
    if amount > has:
        reason = RejectReason.INSUFFICIENT_BALANCE
        return refuse(situation.rulebook, reason, needs=amount, has=has, unit=currency)
    return _credit(situation, currency, -amount)


def _no_position(situation: Situation, instrument: str, side: Side) -> Refusal:
    return refuse(situation.rulebook, RejectReason.UNKNOWN_POSITION, note=f"no {side} position in {instrument}")


def _relever_cross(situation: Situation, instrument: Instrument, side: Side | None, leverage: Decimal) -> Outcome:
    """Only initial margin changes; refused when free margin would go below zero and did not before."""
    key = (instrument.id, MarginMode.CROSS)
    account = msgspec.structs.replace(
        situation.account,
        positions=tuple(
            msgspec.structs.replace(each, leverage=leverage)
            if (each.instrument, each.margin_mode) == key and side in (None, each.side)
            else each
            for each in situation.account.positions
        ),
        orders=tuple(
            msgspec.structs.replace(each, leverage=leverage) if (each.instrument, each.margin_mode) == key else each
            for each in situation.account.orders
        ),
    )
    after = situation.with_account(account)
    was, now = situation.assess(), after.assess()
    for currency, sheet in now.sheets.items():
        short = sheet.figure("uncommitted")
        if short < 0 and short < was.sheets[currency].figure("uncommitted"):
            has = was.currencies[currency].free_margin
            reason = RejectReason.INSUFFICIENT_MARGIN
            return refuse(situation.rulebook, reason, needs=has - short, has=has, unit=currency)
    return after, ()


def _relever_isolated(situation: Situation, held: list[Position], leverage: Decimal) -> Outcome:
    """Lowering tops the margin up to entry value / leverage less losses; raising gives nothing back.

    Source: docs/sources.md 1.2, vector okx-lever-change-isolated.
    """
    account = situation.account
    for position in held:
        leg = position_leg(position, situation.marks, situation.rulebook)
        margin = isolated_margin(position, leg)
        top_up = max(ZERO, quotient(leg.entry_value, leverage) - margin - leg.pnl)
        if leverage >= position.leverage:
            top_up = ZERO
        has = assess(account, situation.marks, situation.rulebook).currencies[leg.currency].available_balance
        if top_up > has:
            reason = RejectReason.INSUFFICIENT_BALANCE
            return refuse(situation.rulebook, reason, needs=top_up, has=has, unit=leg.currency)
        moved = msgspec.structs.replace(position, leverage=leverage, margin=margin + top_up)
        account = put(account, position, moved, **{leg.currency: -top_up})
    return situation.with_account(account), ()


def _unless_unsafe(before: Situation, after: Situation, position: Position) -> Outcome:
    """Re-evaluate a mode switch: refused when the balance does not cover it or a pool would be liquidated."""
    now = after.assess()
    leg = position_leg(position, before.marks, before.rulebook)
    if position.margin_mode == MarginMode.CROSS:
        # Isolated margin comes out of the available balance, where gains of other positions may not count.
        sheet = now.sheets[leg.currency]
        gains_count = before.rulebook.rules.available_balance == "with_gains" or sheet.figure("floating_pnl") <= 0
        left = sheet.figure("uncommitted" if gains_count else "uncommitted_cash")
        left = min(left, after.account.balance(leg.currency))
        if left < 0:
            needs = quotient(leg.entry_value, position.leverage)
            has = max(ZERO, needs + left)
            return refuse(before.rulebook, RejectReason.INSUFFICIENT_BALANCE, needs=needs, has=has, unit=leg.currency)
    if now.status is Status.LIQUIDATION:
        pools = [pool for pool in (*now.cross.values(), *now.isolated.values()) if pool.status is Status.LIQUIDATION]
        note = f"{', '.join(pool.name for pool in pools)} would be liquidated at once"
        return refuse(before.rulebook, RejectReason.WOULD_BE_LIQUIDATED, note=note)
    return after, ()


def _pay(
    account: Account, position: Position, instrument: Instrument, amount: Decimal, situation: Situation
) -> Account:
    """Take a funding payment from the position's margin (isolated) or the balance (cross)."""
    current = find(account, position.instrument, position.side, position.margin_mode)
    assert current is not None
    paid = msgspec.structs.replace(current, funding_fee=current.funding_fee - amount)
    if position.margin_mode == MarginMode.ISOLATED:
        leg = position_leg(current, situation.marks, situation.rulebook)
        return put(account, current, msgspec.structs.replace(paid, margin=isolated_margin(current, leg) - amount))
    return put(account, current, paid, **{instrument.settle: -amount})
