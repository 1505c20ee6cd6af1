"""Leverage, margin mode, position mode, and the dead man's timer."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import MarginMode, Position, PositionMode, Side
from crossmargin.domain.arithmetic import ZERO, ceil_to
from crossmargin.domain.instrument import Kind
from crossmargin.domain.ledger import QUANTUM, Held, PositionKey, Ticket, Transfer
from crossmargin.domain.numbers import Positive
from crossmargin.domain.refusal import Refusal, RejectReason
from crossmargin.engine import guards
from crossmargin.engine.execute import shrink
from crossmargin.engine.money import judged
from crossmargin.engine.settle import moved
from crossmargin.engine.state import State
from crossmargin.margin import changes as ask
from crossmargin.margin.admission import refuse
from crossmargin.margin.apply import Situation
from crossmargin.margin.fills import find

__all__ = ["set_leverage", "set_margin_mode", "set_position_mode", "set_timer"]


def set_leverage(state: State, command: c.SetLeverage) -> Iterator[e.Event]:
    """Another leverage; an isolated position may need more margin for it."""
    account, name, mode = command.account, command.instrument, command.margin_mode
    change = ask.SetLeverage(instrument=name, leverage=Positive(command.leverage), margin_mode=mode)
    result = _asked(state, account, name, change)
    if isinstance(result, Refusal):
        yield e.Refused(account=account, refusal=result)
        return
    owner = state.owners[account]
    matching = [held for key, held in owner.positions.items() if (key.instrument, key.margin_mode) == (name, mode)]
    transfers: tuple[Transfer, ...] = ()
    for held in matching:
        transfers += _margin_change(state, held, find(result.account, name, held.key.side, mode))
    yield e.LeverageSet(
        account=account,
        instrument=name,
        margin_mode=mode,
        leverage=command.leverage,
        tickets=tuple(
            _relevered(ticket, command.leverage)
            for ticket in owner.orders.values()
            if (ticket.order.instrument, ticket.order.margin_mode) == (name, mode)
        ),
        transfers=transfers,
        positions=tuple(msgspec.structs.replace(held, leverage=command.leverage) for held in matching),
    )


def _asked(state: State, account: str, instrument: str, change: ask.Change) -> Situation | Refusal:
    refusal = guards.known(state, account) or guards.tradable(state, instrument)
    refusal = refusal or guards.levered(state, state.instrument(instrument))
    return refusal or judged(state, account, change)


def _relevered(ticket: Ticket, leverage: Decimal) -> Ticket:
    return msgspec.structs.replace(ticket, order=msgspec.structs.replace(ticket.order, leverage=leverage))


def _margin_change(state: State, held: Held, after: Position | None) -> tuple[Transfer, ...]:
    """Transfers that bring an isolated position's margin to what the rules say it is afterwards."""
    assert after is not None
    if held.key.margin_mode != MarginMode.ISOLATED or after.margin is None:
        return ()
    currency, cell = state.pool_currency(held), f"margin/{held.key.cell}"
    grown = ceil_to(after.margin, QUANTUM) - state.cell(cell, currency)
    return moved(f"cash/{held.key.account}", cell, currency, grown, "margin")


def set_margin_mode(state: State, command: c.SetMarginMode) -> Iterator[e.Event]:
    """Move a position to the other mode: its cell moves whole, its margin comes from or returns to the balance."""
    change = ask.SetMarginMode(instrument=command.instrument, side=command.side, margin_mode=command.margin_mode)
    result = _asked(state, command.account, command.instrument, change)
    if not isinstance(result, Refusal):
        result = _lent(state, command) or _one_way(state, command) or result
    if isinstance(result, Refusal):
        yield e.Refused(account=command.account, refusal=result)
        return
    isolating = command.margin_mode == MarginMode.ISOLATED
    other = MarginMode.CROSS if isolating else MarginMode.ISOLATED
    old = PositionKey(command.account, command.instrument, command.side, other)
    held = state.held(old)
    assert held is not None
    new = PositionKey(command.account, command.instrument, command.side, command.margin_mode)
    currency, cash = state.instrument(command.instrument).settle, f"cash/{command.account}"
    cost = state.cell(f"position/{old.cell}", currency)
    transfers = moved(f"position/{old.cell}", f"position/{new.cell}", currency, cost, "margin_mode")
    if isolating:
        margin = find(result.account, command.instrument, command.side, command.margin_mode)
        assert margin is not None
        assert margin.margin is not None
        transfers += moved(cash, f"margin/{new.cell}", currency, ceil_to(margin.margin, QUANTUM), "margin")
    else:
        back = state.cell(f"margin/{old.cell}", currency)
        transfers += moved(f"margin/{old.cell}", cash, currency, back, "margin")
    yield e.MarginModeSet(
        account=command.account,
        instrument=command.instrument,
        side=command.side,
        margin_mode=command.margin_mode,
        transfers=transfers,
        positions=(
            msgspec.structs.replace(held, contracts=ZERO),
            msgspec.structs.replace(held, key=new),
        ),
    )
    yield from shrink(state, command.account, command.instrument)


def _lent(state: State, command: c.SetMarginMode) -> Refusal | None:
    """What is held on borrowed money stays in the mode in which it was opened."""
    if state.instrument(command.instrument).kind != Kind.MARGIN:
        return None
    return refuse(state.rulebook, RejectReason.MODE_NOT_OFFERED, note="spot-margin stays in its mode")


def _one_way(state: State, command: c.SetMarginMode) -> Refusal | None:
    """One-way mode: where the other side is held under the mode asked for, the two would stand side by side."""
    if state.owners[command.account].position_mode == PositionMode.HEDGE:
        return None
    other = Side.SHORT if command.side == Side.LONG else Side.LONG
    if state.held(PositionKey(command.account, command.instrument, other, command.margin_mode)) is None:
        return None
    note = f"{command.instrument} is held {other} {command.margin_mode}"
    return refuse(state.rulebook, RejectReason.MODE_IN_USE, note=note)


def set_position_mode(state: State, command: c.SetPositionMode) -> Iterator[e.Event]:
    """One-way or hedge, without positions and orders."""
    refusal = guards.known(state, command.account)
    if refusal is None and state.owners[command.account].orders:
        refusal = refuse(state.rulebook, RejectReason.MODE_IN_USE, note="orders are open")
    if refusal is None:
        result = judged(state, command.account, ask.SetPositionMode(position_mode=command.position_mode))
        refusal = result if isinstance(result, Refusal) else None
    if refusal is not None:
        yield e.Refused(account=command.account, refusal=refusal)
        return
    yield e.PositionModeSet(account=command.account, position_mode=command.position_mode)


def set_timer(state: State, command: c.SetCancelTimer) -> Iterator[e.Event]:
    """Start, move or stop the dead man's timer."""
    refusal = guards.known(state, command.account)
    if refusal is not None:
        yield e.Refused(account=command.account, refusal=refusal)
        return
    yield e.TimerSet(account=command.account, at=command.at)
