"""Drawing commands: what the people and the market of a world do next."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from crossmargin.domain import command as c
from crossmargin.domain.account import (
    AttachedStop,
    MarginMode,
    OrderSide,
    OrderType,
    PositionMode,
    Side,
    TimeInForce,
    Trailing,
    TriggerBy,
)
from crossmargin.domain.instrument import Kind
from crossmargin.domain.ledger import Held
from crossmargin.engine.interest import period_of
from crossmargin.engine.market import by_age
from crossmargin.engine.simulate.dice import Dice
from crossmargin.engine.simulate.faults import FAULTS, fault
from crossmargin.engine.simulate.world import OPTIONS, SPOT, World, option_ticks
from crossmargin.engine.state import State

__all__ = ["first", "move"]

_CENT = Decimal("0.01")
_OPTION_TICK = Decimal("0.0001")


def first(world: World, dice: Dice) -> Iterator[c.Command]:
    """The commands that open the venue."""
    book = world.rulebook
    for name in world.instruments:
        yield c.ListInstrument(instrument=name, open_interest_max=Decimal(200) if dice.chance(200) else None)
        yield _marked(world, name, _mark(world, name))
        instrument = book.instrument(name)
        if world.funds:
            family = book.liquidation.insurance_scope == "family"
            scope = instrument.family if family else instrument.settle
            yield c.FundInsurance(scope=scope, currency=instrument.settle, amount=world.funds)
    for account in world.accounts:
        yield c.Deposit(account=account, currency="USDT", amount=dice.amount(1, 40, "500"))
        yield c.Deposit(account=account, currency="AAA", amount=dice.amount(1, 20, "0.5"))
        if dice.chance(500) and "hedge" in book.rules.position_modes:
            yield c.SetPositionMode(account=account, position_mode=PositionMode.HEDGE)
        for name in world.instruments:
            leverage = Decimal(dice.pick((1, 5, 10, 25, 50)))
            for mode in (MarginMode.CROSS, MarginMode.ISOLATED):
                yield c.SetLeverage(account=account, instrument=name, leverage=leverage, margin_mode=mode)


def move(world: World, dice: Dice, state: State) -> c.Command:
    """One more command."""
    kind = dice.weighted(world.weights)
    return _MOVES.get(kind, _order)(world, dice, state, kind)


def _coin(world: World, name: str) -> Decimal:
    return world.prices[name.split("-", maxsplit=1)[0]] * _CENT


def _mark(world: World, name: str) -> Decimal:
    if name in OPTIONS:
        return option_ticks(name, world.prices[name.split("-", maxsplit=1)[0]]) * _step(name)
    return _coin(world, name)


def _step(name: str) -> Decimal:
    return _OPTION_TICK if name in OPTIONS else _CENT


def _marked(world: World, name: str, last: Decimal | None) -> c.SetMark:
    forward = _coin(world, name) if name in OPTIONS else None
    return c.SetMark(instrument=name, price=_mark(world, name), last=last, forward=forward)


def _order(world: World, dice: Dice, state: State, kind: str) -> c.Command:
    account, name = dice.pick(world.accounts), dice.pick(world.instruments)
    side = dice.pick((OrderSide.BUY, OrderSide.SELL))
    terms = _terms(world, dice, name, side, kind)
    terms["position_side"] = _position_side(dice, state, account, side)
    order = c.PlaceOrder(
        account=account,
        instrument=name,
        side=side,
        client_id=f"c{dice.below(60)}" if dice.chance(100) else "",
        **terms,
    )
    if order.client_id:
        world.said = order
    return order


def _terms(world: World, dice: Dice, name: str, side: OrderSide, kind: str) -> dict[str, Any]:
    """Price, size and conditions of an order."""
    terms: dict[str, Any] = {"type": OrderType.LIMIT, "price": _price(world, dice, name, side)}
    if kind == "market":
        terms = {"type": OrderType.MARKET}
    elif kind == "post_only":
        terms["type"] = OrderType.POST_ONLY
    elif kind in ("ioc", "fok"):
        terms["time_in_force"] = TimeInForce(kind)
    elif kind == "waiting":
        terms = _waiting(world, dice, name, side)
    if kind in ("limit", "market", "post_only"):
        terms |= _attached(world, dice, name, side)
    terms |= {
        "contracts": Decimal(dice.pick((1, 2, 5, 20, 60, 150))),
        "margin_mode": MarginMode.ISOLATED if dice.chance(250) else MarginMode.CROSS,
        "reduce_only": kind == "reduce_only" or (kind == "waiting" and dice.chance(500)),
    }
    if name == SPOT:
        lends = world.rulebook.instrument(name).kind == Kind.MARGIN
        terms |= _loan(dice) if lends and dice.chance(600) else _coins(dice, kind, side)
    elif name in OPTIONS and dice.chance(980):
        terms["margin_mode"] = MarginMode.CROSS
    return terms


def _coins(dice: Dice, kind: str, side: OrderSide) -> dict[str, Any]:
    """A spot order: some coins, or an amount to spend; rarely in a mode that spot does not have."""
    mode = MarginMode.CROSS if dice.chance(20) else MarginMode.CASH
    found = {"margin_mode": mode, "contracts": dice.amount(1, 500, "0.01"), "reduce_only": False}
    if kind == "market" and side == OrderSide.BUY and dice.chance(500):
        found |= {"contracts": Decimal(0), "quote_size": dice.amount(1, 3000, "0.77")}
    return found


def _loan(dice: Dice) -> dict[str, Any]:
    """Some coins on borrowed money, backed by either currency."""
    return {"contracts": dice.amount(1, 900, "0.01"), "margin_currency": dice.pick(("", "AAA", "USDT"))}


def _hedge(world: World, dice: Dice, state: State, _kind: str) -> c.Command:
    """Someone holds the other side too: of the same contract in hedge mode, else of another one on the same coin."""
    held = _held(world, dice, state)
    if held is None:
        return c.Tick()
    key = held.key
    base = key.instrument.split("-", maxsplit=1)[0]
    hedged = state.owners[key.account].position_mode == PositionMode.HEDGE
    apart = (key.instrument, SPOT, *OPTIONS)
    others = [name for name in world.instruments if name.startswith(base) and name not in apart]
    name = key.instrument if hedged or not others else dice.pick(others)
    side = OrderSide.SELL if key.side == Side.LONG else OrderSide.BUY
    return c.PlaceOrder(
        account=key.account,
        instrument=name,
        side=side,
        contracts=held.contracts + dice.between(0, 10),
        type=OrderType.MARKET,
        margin_mode=key.margin_mode,
        position_side=side.opens if hedged else None,
    )


def _again(world: World, _dice: Dice, _state: State, _kind: str) -> c.Command:
    """The same order once more, as a client does that has not heard the answer."""
    return world.said or c.Tick()


def _position_side(dice: Dice, state: State, account: str, side: OrderSide) -> Side | None:
    if state.owners[account].position_mode == PositionMode.ONE_WAY:
        return None
    closes = Side.SHORT if side == OrderSide.BUY else Side.LONG
    return closes if dice.chance(400) else side.opens


def _price(world: World, dice: Dice, name: str, side: OrderSide) -> Decimal:
    """Near the mark, mostly on the passive side."""
    distance = dice.between(-20, 150) if dice.chance(900) else dice.between(-2000, 2000)
    mark = _mark(world, name)
    away = mark * Decimal(distance) * Decimal("0.0001")
    price = mark - away if side == OrderSide.BUY else mark + away
    return max(_step(name), (price // _step(name)) * _step(name))


def _waiting(world: World, dice: Dice, name: str, side: OrderSide) -> dict[str, Any]:
    near = [_near(world, name, share) for share in ("0.98", "1.02")]
    by = TriggerBy(dice.pick(("last", "mark")))
    kind = dice.pick(("trigger", "stop_loss", "take_profit", "oco", "trailing"))
    if kind == "oco":
        low, high = (AttachedStop(trigger_price=each, trigger_by=by) for each in near)
        stop, profit = (low, high) if side == OrderSide.SELL else (high, low)
        return {"type": OrderType.OCO, "stop_loss": stop, "take_profit": profit}
    if kind == "trailing":
        on = dice.pick(("last", "mark", "equity"))
        one: dict[str, Any] = {"percent": Decimal("0.01")} if dice.chance(500) else {"distance": Decimal(1)}
        active = dice.pick(near) if dice.chance(300) and on != "equity" else None
        return {"type": OrderType.TRAILING, "trailing": Trailing(on=on, active_price=active, **one)}
    return {"type": OrderType(kind), "trigger_price": dice.pick(near), "trigger_by": by}


def _attached(world: World, dice: Dice, name: str, side: OrderSide) -> dict[str, Any]:
    """Now and then stops that come with the fill, on the right side of the mark or not."""
    if not dice.chance(150):
        return {}
    low, high = (_near(world, name, share) for share in ("0.99", "1.01"))
    stop, profit = (low, high) if side == OrderSide.BUY else (high, low)
    by = TriggerBy(dice.pick(("last", "mark")))
    found = {
        "stop_loss": AttachedStop(trigger_price=stop, trigger_by=by, price=stop if dice.chance(300) else None),
        "take_profit": AttachedStop(trigger_price=profit, trigger_by=by),
    }
    given = dice.pick((("stop_loss",), ("take_profit",), ("stop_loss", "take_profit")))
    return {name: found[name] for name in given}


def _near(world: World, name: str, share: str) -> Decimal:
    return max(_step(name), (_mark(world, name) * Decimal(share) // _step(name)) * _step(name))


def _cancel(world: World, dice: Dice, state: State, _kind: str) -> c.Command:
    account = dice.pick(world.accounts)
    orders = [ticket.id for ticket in by_age(state.owners[account].orders.values())]
    return c.CancelOrder(account=account, order=dice.pick(orders) if orders else "o1")


def _cancel_all(world: World, dice: Dice, _state: State, _kind: str) -> c.Command:
    return c.CancelAll(account=dice.pick(world.accounts))


def _amend(world: World, dice: Dice, state: State, _kind: str) -> c.Command:
    account = dice.pick(world.accounts)
    tickets = by_age(state.owners[account].orders.values())
    if not tickets:
        return c.Tick()
    ticket = dice.pick(tickets)
    name, side = ticket.order.instrument, ticket.order.side
    return c.AmendOrder(
        account=account,
        order=ticket.id,
        contracts=Decimal(dice.between(1, 30)) if dice.chance(600) else None,
        price=_price(world, dice, name, side) if dice.chance(600) else None,
        trigger_price=_near(world, name, "1.01") if ticket.state == "waiting" and dice.chance(500) else None,
    )


def _held(world: World, dice: Dice, state: State) -> Held | None:
    owned = [each for name in world.accounts for each in state.owners[name].positions.values()]
    held = sorted(owned, key=lambda each: (each.opened, each.key.side))
    return dice.pick(held) if held else None


def _close(world: World, dice: Dice, state: State, _kind: str) -> c.Command:
    held = _held(world, dice, state)
    if held is None:
        return c.Tick()
    key = held.key
    return c.ClosePosition(account=key.account, instrument=key.instrument, side=key.side, margin_mode=key.margin_mode)


def _close_all(world: World, dice: Dice, _state: State, _kind: str) -> c.Command:
    return c.CloseAll(account=dice.pick(world.accounts))


def _leverage(world: World, dice: Dice, _state: State, _kind: str) -> c.Command:
    return c.SetLeverage(
        account=dice.pick(world.accounts),
        instrument=dice.pick(world.instruments),
        leverage=Decimal(dice.pick((1, 3, 10, 25, 50, 100))),
        margin_mode=dice.pick((MarginMode.CROSS, MarginMode.ISOLATED)),
    )


def _margin_mode(world: World, dice: Dice, state: State, _kind: str) -> c.Command:
    held = _held(world, dice, state)
    if held is None:
        return c.Tick()
    mode = MarginMode.CROSS if held.key.margin_mode == MarginMode.ISOLATED else MarginMode.ISOLATED
    return c.SetMarginMode(
        account=held.key.account, instrument=held.key.instrument, side=held.key.side, margin_mode=mode
    )


def _position_mode(world: World, dice: Dice, _state: State, _kind: str) -> c.Command:
    mode = dice.pick((PositionMode.ONE_WAY, PositionMode.HEDGE))
    return c.SetPositionMode(account=dice.pick(world.accounts), position_mode=mode)


def _margin(world: World, dice: Dice, state: State, _kind: str) -> c.Command:
    held = _held(world, dice, state)
    if held is None:
        return c.Tick()
    adding = dice.chance(500) or state.rulebook.rules.isolated_removal == "none"
    kind = c.AddMargin if adding else c.RemoveMargin
    key = held.key
    return kind(account=key.account, instrument=key.instrument, side=key.side, amount=dice.amount(1, 50, "0.37"))


def _money(world: World, dice: Dice, _state: State, kind: str) -> c.Command:
    account, currency = dice.pick(world.accounts), dice.pick(("USDT", "AAA"))
    amount = dice.amount(1, 30, "33.3" if currency == "USDT" else "0.05")
    if kind == "send":
        return c.Send(account=account, to=dice.pick(world.accounts), currency=currency, amount=amount)
    make = c.Deposit if kind == "deposit" else c.Withdraw
    return make(account=account, currency=currency, amount=amount)


def _prices(world: World, dice: Dice, _state: State, kind: str) -> c.Command:
    name = dice.pick(world.instruments)
    base = name.split("-", maxsplit=1)[0]
    step = dice.between(-150, 150) if kind == "mark" else dice.pick((-4000, -2500, -1200, 1200, 2500, 4000))
    world.prices[base] = max(50, world.prices[base] * (10_000 + step) // 10_000)
    if world.prices[base] > 10_000_000:  # noqa: PLR2004 - a coin that ran away comes back
        world.prices[base] = 100_000
    return _marked(world, name, _mark(world, name) if dice.chance(300) else None)


def _doubt(world: World, dice: Dice, _state: State, _kind: str) -> c.Command:
    words: tuple[c.PriceState, ...] = (*("healthy",) * 9, "suspect", "stale", "frozen")
    return c.SetPriceState(instrument=dice.pick(world.instruments), state=dice.pick(words))


def _funding(world: World, dice: Dice, state: State, _kind: str) -> c.Command:
    name = dice.pick(world.instruments)
    period = state.periods.get(name, 0) + dice.pick((0, 1, 1))
    return c.SettleFunding(instrument=name, rate=dice.amount(-75, 75, "0.0001"), period=period)


def _interest(_world: World, dice: Dice, state: State, _kind: str) -> c.Command:
    currency = dice.pick(("USDT", "AAA"))
    period = state.periods.get(period_of(currency), 0) + dice.pick((0, 1, 1))
    return c.AccrueInterest(currency=currency, rate=dice.amount(0, 40, "0.0001"), period=period)


def _timer(world: World, dice: Dice, state: State, _kind: str) -> c.Command:
    return c.SetCancelTimer(account=dice.pick(world.accounts), at=state.time + dice.between(0, 20_000))


def _switch(world: World, dice: Dice, _state: State, _kind: str) -> c.Command:
    return c.SwitchTrading(on=dice.chance(900), instrument=dice.pick(world.instruments) if dice.chance(700) else "")


def _expiry(world: World, dice: Dice, _state: State, _kind: str) -> c.Command:
    name = dice.pick(world.instruments)
    return c.SettleExpiry(instrument=name, price=_coin(world, name))


_MOVES: dict[str, Callable[[World, Dice, State, str], c.Command]] = {
    "repeat": _again,
    "hedge": _hedge,
    "cancel": _cancel,
    "cancel_all": _cancel_all,
    "amend": _amend,
    "close": _close,
    "close_all": _close_all,
    "leverage": _leverage,
    "margin_mode": _margin_mode,
    "position_mode": _position_mode,
    "margin": _margin,
    "deposit": _money,
    "withdraw": _money,
    "send": _money,
    "mark": _prices,
    "crash": _prices,
    "doubt": _doubt,
    "funding": _funding,
    "interest": _interest,
    "timer": _timer,
    "switch": _switch,
    "expiry": _expiry,
    **dict.fromkeys(FAULTS, fault),
}
