"""What the market and the venue do: prices, funding, expiry, listing, trading switches, time, waiting orders."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import MarginMode
from crossmargin.domain.arithmetic import ZERO, ceil_to, floor_to
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.ledger import QUANTUM, Held, Ticket, Transfer
from crossmargin.domain.refusal import Refusal, RejectReason
from crossmargin.engine import guards
from crossmargin.engine.execute import cover, execute
from crossmargin.engine.orders import cancelled, judge, market_open
from crossmargin.engine.settle import Effect, close, moved, receives
from crossmargin.engine.state import State
from crossmargin.errors import MissingDataError, UnsupportedError
from crossmargin.margin.admission import refuse
from crossmargin.margin.assess import assess
from crossmargin.margin.options import exercise_value
from crossmargin.margin.valuation import value_at
from crossmargin.matching.triggers import fired, trail, watched
from crossmargin.prices.funding import funding_payment

__all__ = ["list_instrument", "set_index", "set_mark", "set_price_state", "settle_expiry", "settle_funding", "switch"]

_EXPIRING = (Kind.FUTURE, Kind.OPTION)


def list_instrument(state: State, command: c.ListInstrument) -> Iterator[e.Event]:
    """Open an instrument of the rulebook for trading."""
    try:
        why = guards.listable(state.rulebook, state.rulebook.instrument(command.instrument))
    except MissingDataError as error:
        why = str(error)
    if why:
        refusal = refuse(state.rulebook, RejectReason.UNKNOWN_INSTRUMENT, note=why)
        yield e.Refused(account="", refusal=refusal)
        return
    yield e.InstrumentListed(instrument=command.instrument, open_interest_max=command.open_interest_max)


def change_rulebook(state: State, command: c.ChangeRulebook) -> Iterator[e.Event]:
    """Other rules from now on, if they know every listed instrument and can judge every account as it is."""
    book = state.rulebooks.get(command.rulebook)
    why = "" if book is not None else f"no rulebook named {command.rulebook}"
    if book is not None:
        try:
            why = next((text for name in state.listings if (text := guards.listable(book, book.instrument(name)))), "")
            for name in state.owners:
                assess(state.account(name), state.marks, book)
        except (MissingDataError, UnsupportedError) as error:
            why = str(error)
    if why:
        yield e.Refused(account="", refusal=refuse(state.rulebook, RejectReason.MODE_NOT_OFFERED, note=why))
        return
    yield e.RulebookChanged(rulebook=command.rulebook)


def set_mark(state: State, command: c.SetMark) -> Iterator[e.Event]:
    """A new mark price, perhaps a last price."""
    refusal = guards.tradable(state, command.instrument)
    if refusal is None and command.forward is not None and state.instrument(command.instrument).kind != Kind.OPTION:
        refusal = refuse(state.rulebook, RejectReason.UNKNOWN_INSTRUMENT, note=f"{command.instrument} has no forward")
    if refusal is not None:
        yield e.Refused(account="", refusal=refusal)
        return
    yield e.MarkSet(instrument=command.instrument, price=command.price, last=command.last, forward=command.forward)


def set_index(_state: State, command: c.SetIndex) -> Iterator[e.Event]:
    """A new index price."""
    yield e.IndexSet(pair=command.pair, price=command.price)


def set_price_state(state: State, command: c.SetPriceState) -> Iterator[e.Event]:
    """Whether the prices of an instrument can be trusted."""
    refusal = guards.tradable(state, command.instrument)
    if refusal is not None:
        yield e.Refused(account="", refusal=refusal)
        return
    yield e.PriceStateSet(instrument=command.instrument, state=command.state)


def switch(state: State, command: c.SwitchTrading) -> Iterator[e.Event]:
    """Kill switch: off cancels every order that could open."""
    yield e.TradingSwitched(on=command.on, instrument=command.instrument)
    if not command.on:
        for ticket in by_age(state.tickets.values()):
            if command.instrument in ("", ticket.order.instrument) and not ticket.order.reduce_only:
                yield cancelled(ticket, "trading_stopped")


# ---------------------------------------------------------------- funding and expiry


def settle_funding(state: State, command: c.SettleFunding) -> Iterator[e.Event]:
    """Longs and shorts pay each other; debits round up, credits down, the rest goes to the rounding cell."""
    refusal = _fundable(state, command)
    if refusal is not None:
        yield e.Refused(account="", refusal=refusal)
        return
    instrument = state.instrument(command.instrument)
    mark = state.marks.mark_of(instrument.id)
    transfers: tuple[Transfer, ...] = ()
    covers: list[tuple[str, Decimal]] = []
    paid = ZERO
    for held in positions_in(state, instrument.id):
        value = value_at(instrument, held.contracts, mark)
        amount = floor_to(funding_payment(held.key.side, value=value, rate=command.rate), QUANTUM)
        purse, short = _purse(state, held, instrument.settle, amount)
        if short:
            covers.append((held.key.account, short))
            transfers += moved(f"cash/{held.key.account}", purse, instrument.settle, short, "funding")
        transfers += moved("clearing", purse, instrument.settle, amount, "funding")
        paid -= amount
    transfers += moved("clearing", "rounding", instrument.settle, paid, "funding")
    yield e.FundingSettled(
        instrument=instrument.id, rate=command.rate, mark=mark, period=command.period, transfers=transfers
    )
    for account, short in covers:
        yield from cover(state, account, instrument, Effect(uncovered=short))


def _fundable(state: State, command: c.SettleFunding) -> Refusal | None:
    refusal = guards.tradable(state, command.instrument)
    if refusal is not None:
        return refusal
    if state.instrument(command.instrument).kind != Kind.PERPETUAL:
        note = f"{command.instrument} pays no funding"
        return refuse(state.rulebook, RejectReason.UNKNOWN_INSTRUMENT, note=note)
    if command.period <= state.periods.get(command.instrument, -1):
        note = f"funding of period {command.period} is settled"
        return refuse(state.rulebook, RejectReason.DUPLICATE_ID, note=note)
    if not state.healthy(command.instrument):
        return refuse(state.rulebook, RejectReason.PRICE_NOT_HEALTHY, note=command.instrument)
    return None


def _purse(state: State, held: Held, currency: str, amount: Decimal) -> tuple[str, Decimal]:
    """Where funding is paid from, and what an isolated margin lacks for it (others cover that)."""
    if held.key.margin_mode != MarginMode.ISOLATED:
        return f"cash/{held.key.account}", ZERO
    cell = f"margin/{held.key.cell}"
    return cell, max(ZERO, -amount - state.cell(cell, currency))


def by_age(tickets: Iterable[Ticket]) -> list[Ticket]:
    """Orders, the oldest first: an order that does not depend on how this state came about."""
    return sorted(tickets, key=lambda each: each.priority)


def positions_in(state: State, instrument: str) -> list[Held]:
    """All positions in an instrument, in the order in which they were opened."""
    found = [
        held
        for account in state.holders.get(instrument, ())
        for held in state.owners[account].positions.values()
        if held.key.instrument == instrument
    ]
    return sorted(found, key=lambda held: (held.opened, held.key.side))


def settle_expiry(state: State, command: c.SettleExpiry) -> Iterator[e.Event]:
    """A future or an option ends: its orders go, every position is settled, trading stops.

    A future is closed at the price, an option at what exercising it is worth then, if anything. Who receives gets it
    rounded down, who pays pays rounded up; the rest goes to the rounding cell.
    """
    refusal = guards.tradable(state, command.instrument)
    if refusal is None and state.instrument(command.instrument).kind not in _EXPIRING:
        refusal = refuse(state.rulebook, RejectReason.UNKNOWN_INSTRUMENT, note=f"{command.instrument} has no expiry")
    if refusal is None and not state.healthy(command.instrument):
        refusal = refuse(state.rulebook, RejectReason.PRICE_NOT_HEALTHY, note=command.instrument)
    if refusal is not None:
        yield e.Refused(account="", refusal=refusal)
        return
    instrument = state.instrument(command.instrument)
    for ticket in by_age(each for each in state.tickets.values() if each.order.instrument == instrument.id):
        yield cancelled(ticket, "expired")
    effect, covers = Effect(), []
    for held in positions_in(state, instrument.id):
        value = _settlement(instrument, held.contracts, command.price)
        value = floor_to(value, QUANTUM) if receives(instrument, held.key.side) else ceil_to(value, QUANTUM)
        own = close(state, held, contracts=held.contracts, value=value)
        effect += own
        covers.append((held.key.account, own))
    rest = -sum((_clearing(each) for each in effect.transfers), ZERO)
    yield e.ExpirySettled(
        instrument=instrument.id,
        price=command.price,
        positions=effect.positions,
        transfers=effect.transfers + moved("rounding", "clearing", instrument.settle, rest, "expiry"),
    )
    for account, own in covers:
        yield from cover(state, account, instrument, own)
    yield e.TradingSwitched(on=False, instrument=instrument.id)


def _settlement(instrument: Instrument, contracts: Decimal, price: Decimal) -> Decimal:
    if instrument.kind == Kind.OPTION:
        return exercise_value(instrument, contracts, price)
    return value_at(instrument, contracts, price)


def _clearing(transfer: Transfer) -> Decimal:
    """What a transfer brings to the clearing cell."""
    if transfer.credit == "clearing":
        return transfer.amount
    return -transfer.amount if transfer.debit == "clearing" else ZERO


# ---------------------------------------------------------------- waiting orders and timers


def triggers(state: State, instrument: str, source: str, price: Decimal) -> Iterator[e.Event]:
    """Waiting orders of an instrument look at a price: some follow it, some fire."""
    for listed in by_age(state.tickets[order] for order in state.waiting.get(instrument, ())):
        ticket = state.tickets.get(listed.id)
        if ticket is None or ticket.state != "waiting":
            continue
        seen = price
        if "equity" in watched(ticket.order):
            if source != "mark":
                continue
            currency = state.instrument(instrument).settle
            seen, at = state.equity(ticket.account, currency), "equity"
        else:
            at = source
        yield from _look(state, ticket, at, seen)


def _look(state: State, ticket: Ticket, source: str, price: Decimal) -> Iterator[e.Event]:
    if source not in watched(ticket.order):
        return
    order = fired(ticket, source, price)
    if order is not None:
        yield from _fire(state, msgspec.structs.replace(ticket, order=order), price)
        return
    extreme = trail(ticket, price)
    if extreme is not None:
        yield e.OrderTrailed(order=ticket.id, extreme=extreme)


def _fire(state: State, ticket: Ticket, at: Decimal) -> Iterator[e.Event]:
    """A waiting order starts to work, as young as it is now; margin and caps are asked, and a refusal cancels it."""
    order = ticket.order
    contracts = order.contracts
    if order.reduce_only:
        contracts = min(contracts, guards.reducible(state, _as_command(ticket)))
    if not contracts:
        yield cancelled(ticket, "nothing_to_reduce")
        return
    working = msgspec.structs.replace(
        ticket,
        state="working",
        priority=state.counters["priorities"] + 1,
        order=msgspec.structs.replace(order, contracts=contracts),
    )
    instrument = state.instrument(order.instrument)
    refusal = market_open(state, instrument.id, closing=order.reduce_only)
    refusal = refusal or guards.price_problem(state, order, waits=False)
    refusal = refusal or judge(state, working, instrument)
    if refusal is not None:
        yield cancelled(ticket, refusal.reason.value)
        return
    yield e.OrderTriggered(ticket=working, at=at)
    yield from execute(state, ticket.id)


def _as_command(ticket: Ticket) -> c.PlaceOrder:
    order = ticket.order
    return c.PlaceOrder(
        account=ticket.account,
        instrument=order.instrument,
        side=order.side,
        contracts=order.contracts,
        margin_mode=order.margin_mode,
        reduce_only=True,
    )


def timers(state: State) -> Iterator[e.Event]:
    """Dead man's timers that are due cancel all orders of their account."""
    due = [state.owners[account] for account, at in state.timers.items() if at <= state.time]
    for owner in sorted(due, key=lambda each: (each.timer, each.number)):
        yield e.TimerSet(account=owner.id, at=0)
        for ticket in owner.unfinished():
            yield cancelled(ticket, "timer")
