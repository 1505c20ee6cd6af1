"""Executions: what a fill does to positions, margins and balances."""

from decimal import Decimal

import msgspec

from crossmargin.domain.account import Account, MarginMode, OrderSide, Position, PositionMode, Side
from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient, scaled
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.margin.valuation import notional

__all__ = ["Execution", "average_entry", "fill", "find", "put"]


class Execution(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One execution of one order.

    Attributes:
        instrument: What was traded.
        side: Buy or sell.
        contracts: Size.
        price: Price.
        fee: Amount charged, settlement currency (spot: the currency received); negative is a rebate.
        margin_mode: Pool of the position.
        leverage: Leverage of a position that it opens.
        position_side: Hedge mode: the side it belongs to.
        margin_currency: Spot-margin only.
    """

    instrument: Instrument
    side: OrderSide
    contracts: Decimal
    price: Decimal
    fee: Decimal
    margin_mode: MarginMode = MarginMode.CROSS
    leverage: Decimal = ONE
    position_side: Side | None = None
    margin_currency: str | None = None


@exact
def fill(account: Account, execution: Execution) -> Account:
    """The account after an execution.

        opening    entry becomes the size-weighted average (harmonic for inverse contracts); an isolated position
                   takes value at the fill / leverage out of the balance
        closing    PnL goes to the balance; an isolated position releases its margin in proportion
        turning    one-way mode: closes first, the rest opens the other side
        spot       coins change hands; spot-margin: assets and liability grow
        fee        out of the balance

    Source: docs/spec.md 1; docs/sources.md 1.1.2, vector okx-isolated-cashflow.
    """
    instrument = execution.instrument
    if instrument.kind == Kind.SPOT or execution.margin_mode == MarginMode.CASH:
        return _spot(account, execution)
    if instrument.kind == Kind.MARGIN:
        return _borrow(account, execution)
    closing_side = Side.SHORT if execution.side == OrderSide.BUY else Side.LONG
    closes = account.position_mode == PositionMode.ONE_WAY or execution.position_side is closing_side
    against = find(account, instrument.id, closing_side, execution.margin_mode) if closes else None
    closed = min(execution.contracts, against.contracts) if against is not None else ZERO
    rest = execution.contracts - closed
    # The two parts of a fee add up to it exactly, however the first one is rounded.
    fee = scaled(execution.fee, closed, execution.contracts) if rest else execution.fee
    if against is not None and closed:
        account = _reduce(account, against, closed, execution, fee)
    return _enlarge(account, rest, execution, execution.fee - fee) if rest else account


def find(account: Account, instrument: str, side: Side, margin_mode: MarginMode) -> Position | None:
    """The position of an instrument, side and margin mode.

    Source: docs/spec.md 4: a position is known by instrument, side and margin mode.
    """
    key = (instrument, side, margin_mode)
    return next((p for p in account.positions if (p.instrument, p.side, p.margin_mode) == key), None)


def put(account: Account, old: Position | None, new: Position | None, **balances: Decimal) -> Account:
    """Replace, add or remove one position and add amounts to balances.

    Source: DESIGN decision 7: money moves only with what moved it.
    """
    positions = [new if each is old and new is not None else each for each in account.positions]
    if old is None and new is not None:
        positions.append(new)
    if new is None:
        positions = [each for each in positions if each is not old]
    changed = {currency: account.balance(currency) + amount for currency, amount in balances.items()}
    return msgspec.structs.replace(account, positions=tuple(positions), balances={**account.balances, **changed})


@exact
def average_entry(instrument: Instrument, held: tuple[Decimal, Decimal], added: tuple[Decimal, Decimal]) -> Decimal:
    """Average of two (contracts, price): by size, or harmonic by size for inverse contracts.

    Source: docs/sources.md 1.1.2, 5.1.

    >>> swap = Instrument(id="X", kind=Kind.PERPETUAL, base="B", quote="Q", settle="Q")
    >>> average_entry(swap, (Decimal(1), Decimal(100)), (Decimal(3), Decimal(200)))
    Decimal('175')
    """
    (n1, p1), (n2, p2) = held, added
    if instrument.inverse:
        return scaled((n1 + n2) * p1, p2, n1 * p2 + n2 * p1)
    return quotient(n1 * p1 + n2 * p2, n1 + n2)


def opening_margin(instrument: Instrument, position: Position) -> Decimal:
    """Margin of an isolated position: as given, else entry value / leverage, in the currency that backs it.

    Source: docs/spec.md 4 "isolated: margin (default entry notional / leverage)".
    """
    if position.margin is not None:
        return position.margin
    if instrument.kind == Kind.MARGIN and position.margin_currency == instrument.base:
        return quotient(position.contracts, position.leverage)
    return quotient(notional(instrument, position.contracts, position.entry_price), position.leverage)


def _reduce(account: Account, position: Position, contracts: Decimal, execution: Execution, fee: Decimal) -> Account:
    instrument = execution.instrument
    pnl = _realised(instrument, position, contracts, execution.price)
    left = position.contracts - contracts
    isolated = position.margin_mode == MarginMode.ISOLATED
    margin = opening_margin(instrument, position) if isolated else ZERO
    released = scaled(margin, contracts, position.contracts) if left else margin
    remaining = None
    if left:
        remaining = msgspec.structs.replace(
            position,
            contracts=left,
            margin=margin - released if isolated else None,
            fee=position.fee - fee,
            realized_pnl=position.realized_pnl + pnl,
        )
    return put(account, position, remaining, **{instrument.settle: released + pnl - fee})


def _realised(instrument: Instrument, position: Position, contracts: Decimal, price: Decimal) -> Decimal:
    sign = position.side.sign
    if instrument.kind == Kind.OPTION:  # the premium passed through the balance when the option was bought or sold
        return sign * contracts * instrument.unit * price
    at_entry, at_price = (
        notional(instrument, contracts, position.entry_price),
        notional(instrument, contracts, price),
    )
    return sign * (at_entry - at_price if instrument.inverse else at_price - at_entry)


def _enlarge(account: Account, contracts: Decimal, execution: Execution, fee: Decimal) -> Account:
    instrument, price = execution.instrument, execution.price
    side = execution.side.opens
    old = find(account, instrument.id, side, execution.margin_mode)
    leverage = old.leverage if old is not None else execution.leverage
    isolated = execution.margin_mode == MarginMode.ISOLATED
    margin = quotient(notional(instrument, contracts, price), leverage) if isolated else ZERO
    if old is None:
        new = Position(
            instrument=instrument.id,
            side=side,
            margin_mode=execution.margin_mode,
            contracts=contracts,
            entry_price=price,
            leverage=leverage,
            margin=margin if isolated else None,
            fee=-fee,
        )
    else:
        new = msgspec.structs.replace(
            old,
            contracts=old.contracts + contracts,
            entry_price=average_entry(instrument, (old.contracts, old.entry_price), (contracts, price)),
            margin=opening_margin(instrument, old) + margin if isolated else None,
            fee=old.fee - fee,
        )
    premium = ZERO
    if instrument.kind == Kind.OPTION:
        premium = side.sign * contracts * instrument.unit * price
    return put(account, old, new, **{instrument.settle: -margin - fee - premium})


def _spot(account: Account, execution: Execution) -> Account:
    """Coins change hands; the fee is charged in the currency received."""
    instrument, sign = execution.instrument, execution.side.sign
    base = sign * execution.contracts
    quote = -sign * execution.contracts * execution.price
    if sign > 0:
        base -= execution.fee
    else:
        quote -= execution.fee
    return put(account, None, None, **{instrument.base: base, instrument.quote: quote})


def _borrow(account: Account, execution: Execution) -> Account:
    """A spot-margin execution enlarges its side: a buy borrows quote and gains base, a sell the mirror."""
    instrument, price = execution.instrument, execution.price
    side = execution.side.opens
    old = find(account, instrument.id, side, execution.margin_mode)
    cost = execution.contracts * price
    bought, borrowed = (execution.contracts, cost) if side == Side.LONG else (cost, execution.contracts)
    currency = execution.margin_currency or (old.margin_currency if old else None) or instrument.settle
    leverage = old.leverage if old is not None else execution.leverage
    isolated = execution.margin_mode == MarginMode.ISOLATED
    in_pool = execution.contracts if currency == instrument.base else cost
    margin = quotient(in_pool, leverage) if isolated else ZERO
    held = old or Position(
        instrument=instrument.id, side=side, margin_mode=execution.margin_mode, leverage=leverage,
        margin=ZERO if isolated else None, margin_currency=currency,
    )  # fmt: skip
    entry = price
    if held.contracts:
        entry = average_entry(instrument, (held.contracts, held.entry_price), (execution.contracts, price))
    new = msgspec.structs.replace(
        held,
        contracts=held.contracts + execution.contracts,
        entry_price=entry,
        assets=held.assets + bought - execution.fee,
        liability=held.liability + borrowed,
        margin=opening_margin(instrument, held) + margin if isolated else None,
    )
    return put(account, old, new, **{currency: -margin})
