"""An engine that is watched event by event: each rule is asked of the state just before, or just after, the event."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from crossmargin.domain import event as e
from crossmargin.domain.account import OrderSide, OrderType, Side
from crossmargin.domain.command import Command
from crossmargin.domain.instrument import Kind
from crossmargin.domain.ledger import QUANTUM, Ticket
from crossmargin.engine.engine import Engine, Outcome
from crossmargin.engine.invariants import BreachError
from crossmargin.engine.simulate import watch_money
from crossmargin.engine.simulate.watch_chain import ChainWatch
from crossmargin.engine.state import State
from crossmargin.liquidation.plan import due, opening_orders, pool_named, priced
from crossmargin.margin.pool import Status

__all__ = ["BRANCHES", "WatchedEngine"]


class WatchedEngine(Engine):
    """Counts what happens and asks the rules that only single events can show."""

    def __init__(self, *arguments: Any) -> None:
        """As `Engine`, with nothing counted."""
        super().__init__(*arguments)
        self.counts: Counter[str] = Counter()
        self.chain = ChainWatch()

    @classmethod
    def adopt(cls, engine: Engine) -> "WatchedEngine":
        """Go on in the place of another engine, with its state, its number and its hash."""
        watched = cls(engine.state.rulebook, engine.state.rulebooks)
        vars(watched).update(vars(engine))
        return watched

    def submit(self, command: Command) -> Outcome:
        """As `Engine.submit`; the events of one command are followed together."""
        self.chain.begin(self.state)
        return super().submit(command)

    def apply(self, event: e.Event) -> None:
        """Ask, apply, count."""
        check = _BEFORE.get(type(event))
        if check is not None:
            check(self.state, event)
        watch_money.before(self.state, event)
        self.chain.before(self.state, event)
        for name in _branches(self.state, event):
            self.counts[name] += 1
        super().apply(event)
        watch_money.after(self.state, event)
        self.chain.after(self.state, event)
        if isinstance(event, e.Filled):
            _after_fill(self.state, event)


def naive_best(state: State, instrument: str, taker: OrderSide) -> Ticket:
    """The order that price-time says is next, found by looking at every order there is."""
    resting = [
        each
        for each in state.tickets.values()
        if each.state == "resting" and each.order.instrument == instrument and each.order.side != taker
    ]
    sign = 1 if taker == OrderSide.BUY else -1
    return min(resting, key=lambda each: (sign * (each.order.price or Decimal(0)), each.priority))


def _before_fill(state: State, event: e.Filled) -> None:
    """M3: one price, the maker's, within both limits. M5: price-time. M7: two owners. M8: post-only never takes."""
    maker, taker = state.tickets[event.maker], state.tickets[event.taker]
    side = OrderSide.BUY if event.taker_buys else OrderSide.SELL
    if maker.order.price != event.price:
        raise BreachError("M3", f"{event.price} is not the resting price {maker.order.price}")
    limit = taker.order.price
    if limit is not None and (event.price > limit if event.taker_buys else event.price < limit):
        raise BreachError("M3", f"{event.price} is worse than the limit {limit}")
    if naive_best(state, event.instrument, side).id != maker.id:
        raise BreachError("M5", f"{maker.id} was not next in line")
    if event.taker_account == event.maker_account:
        raise BreachError("M7", f"{event.taker_account} traded with itself")
    if taker.order.type == OrderType.POST_ONLY:
        raise BreachError("M8", f"{taker.id} took")
    for ticket in (maker, taker):
        _reduces(state, ticket, event)


def _reduces(state: State, ticket: Ticket, event: e.Filled) -> None:
    """M11: a reduce-only fill makes a position smaller and never turns it."""
    if not ticket.order.reduce_only:
        return
    for held in event.positions:
        old = state.held(held.key)
        mine = held.key.account == ticket.account and held.key.margin_mode == ticket.order.margin_mode
        least = QUANTUM if held.margin_currency else Decimal(0)  # what is left of a loan is never less than that
        if mine and (old is None or held.contracts >= max(old.contracts, least + QUANTUM)):
            raise BreachError("M11", f"{ticket.id} opened {held.key.cell}")


def _after_fill(state: State, event: e.Filled) -> None:
    """S1: a spot fill takes what is there."""
    instrument = state.instrument(event.instrument)
    if event.positions or instrument.kind not in (Kind.SPOT, Kind.MARGIN):
        return
    buyer, seller = event.taker_account, event.maker_account
    if not event.taker_buys:
        buyer, seller = seller, buyer
    for account, currency in ((buyer, instrument.quote), (seller, instrument.base)):
        if state.cash(account, currency) < 0:
            raise BreachError("S1", f"{account} paid {currency} that it did not have")


def _before_start(state: State, event: e.LiquidationStarted) -> None:
    """Q1: at the trigger, on healthy prices."""
    pool = pool_named(state.assessment(event.account), event.pool)
    if pool is None or not due(pool):
        raise BreachError("Q1", f"{event.account} {event.pool} is not at the trigger")
    if not all(state.healthy(leg.instrument.id) for leg in priced(pool)):
        raise BreachError("Q1", f"{event.account} {event.pool}: a price is in doubt")


def _before_step(state: State, event: e.LiquidationStep) -> None:
    """Q3: no opening order is live. Q6: a step is a part of the position."""
    assessment = state.assessment(event.account)
    pool = pool_named(assessment, event.pool)
    if pool is not None and opening_orders(assessment, pool):
        raise BreachError("Q3", f"{event.account}: orders are live while its positions are sold")
    held = state.held(event.position)
    if held is None or not 0 < event.contracts <= held.contracts:
        raise BreachError("Q6", f"{event.contracts} of {held}")


def _before_deleverage(state: State, event: e.Deleveraged) -> None:
    """Q10: between bankruptcy and mark as recorded; the victim holds the other side of the same contract."""
    held = state.held(event.victim)
    if held is None or event.contracts > held.contracts or event.victim.side == event.position.side:
        raise BreachError("Q10", f"{event.victim.cell} cannot take {event.contracts}")


def _before_mark(state: State, _event: e.MarkSet) -> None:
    """P1: a price is above zero."""
    if _event.price <= 0:
        raise BreachError("P1", f"{_event.instrument} at {_event.price} over {len(state.marks.mark)} marks")


_BEFORE: dict[type, Callable[[State, Any], None]] = {
    e.Filled: _before_fill,
    e.LiquidationStarted: _before_start,
    e.LiquidationStep: _before_step,
    e.Deleveraged: _before_deleverage,
    e.MarkSet: _before_mark,
}

BRANCHES = (
    "filled", "order_shrunk", "order_triggered", "order_trailed", "repeated", "margin_mode_set", "position_mode_set",
    "timer_set", "funding_settled", "expiry_settled", "trading_switched", "warned", "warning_lifted",
    "liquidation_deferred", "liquidation_started", "legs_netted", "liquidation_fill", "taken_over", "deleveraged",
    "step:opposite_legs", "step:delta_hedged", "step:unhedged", "covered:insurance", "covered:house",
    "cancelled:self_trade", "cancelled:risk_control", "cancelled:liquidation", "cancelled:price_outside_band",
    "cancelled:nothing_to_reduce", "cancelled:timer", "refused:not_fillable", "refused:would_take",
    "refused:insufficient_margin", "refused:insufficient_balance", "refused:reduce_only_would_open",
    "refused:duplicate_id", "refused:price_not_healthy", "refused:price_outside_band", "refused:position_cap",
    "refused:leverage_above_tier", "refused:open_interest_cap", "refused:trading_stopped", "amended:kept",
    "amended:lost", "step:empty_book", "fault:malformed", "fault:late",
    "filled:spot", "filled:loan", "interest_accrued", "liquidation_fill:loan", "taken_over:loan",
    "filled:option", "liquidation_fill:option", "taken_over:option", "deleveraged:option",
    "expiry_settled:option", "amended:waiting", "attached", "attached:cancelled", "attached:triggered",
)  # fmt: skip


def _branches(state: State, event: e.Event) -> list[str]:
    """What an event counts as, on the state just before it."""
    found = [str(event.__struct_config__.tag)]
    match event:
        case e.LiquidationStep(phase=phase, position=key):
            found.append(f"step:{phase}")
            buyers = OrderSide.BUY if key.side == Side.LONG else OrderSide.SELL
            found += [] if state.books[key.instrument].depth(buyers) else ["step:empty_book"]
        case e.DeficitCovered(by=by):
            found.append(f"covered:{by}")
        case e.OrderCancelled(why=why):
            found.append(f"cancelled:{why}")
        case e.Filled(positions=()):
            found.append("filled:spot")
        case e.Refused(refusal=refusal):
            found.append(f"refused:{refusal.reason.value}")
        case e.OrderAmended(kept=kept):
            found.append("amended:kept" if kept else "amended:lost")
    return found + _stops(state, event) + _products(state, event)


def _products(state: State, event: e.Event) -> list[str]:
    """What happens to options, and to coins on loan."""
    name = getattr(event, "instrument", "")
    if isinstance(event, e.TakenOver | e.Deleveraged):
        name = event.position.instrument
    if name not in state.listings or not event.positions:
        return []
    word = {Kind.OPTION: "option", Kind.MARGIN: "loan"}.get(state.instrument(name).kind)
    return [f"{event.__struct_config__.tag}:{word}"] if word else []


def _stops(state: State, event: e.Event) -> list[str]:
    """What happens to waiting orders and to stops that came with a fill."""
    match event:
        case e.OrderAmended(ticket=ticket) if ticket.state == "waiting":
            return ["amended:waiting"]
        case e.OrderAccepted(ticket=ticket) if ticket.parent:
            return ["attached"]
        case e.OrderTriggered(ticket=ticket) if ticket.parent:
            return ["attached:triggered"]
        case e.OrderCancelled(order=order) if state.tickets[order].parent:
            return ["attached:cancelled"]
    return []


def after_command(state: State) -> None:
    """Q2: nobody is left unwarned, nor on healthy prices at the trigger. Q8: who holds nothing owes nothing."""
    for owner in state.owners.values():
        if owner.internal:
            continue
        assessment = state.assessment(owner.id)
        for pool in (*assessment.cross.values(), *assessment.isolated.values()):
            trusted = all(state.healthy(leg.instrument.id) for leg in priced(pool))
            if pool.status is Status.LIQUIDATION and pool.positions and trusted:
                raise BreachError("Q2", f"{owner.id} {pool.name} is still at the trigger")
            if owner.positions and pool.status is not Status.SAFE and pool.name not in owner.warned:
                raise BreachError("Q2", f"{owner.id} {pool.name} is not warned")
        for currency in owner.currencies:
            if not owner.positions and state.cash(owner.id, currency) < 0:
                raise BreachError("Q8", f"{owner.id} owes {state.cash(owner.id, currency)} {currency}")
