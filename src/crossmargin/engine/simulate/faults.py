"""Faults of whoever feeds the engine: prices that come late or twice, and commands that no engine should see."""

from decimal import Decimal

from crossmargin.domain import command as c
from crossmargin.domain.account import OrderSide
from crossmargin.engine.simulate.dice import Dice
from crossmargin.engine.simulate.world import World
from crossmargin.engine.state import State

__all__ = ["FAULTS", "fault"]

FAULTS = ("malformed", "late", "same_price")
_BAD = ("0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "1E+308", "1E-18", "0.0000000000001")


def fault(world: World, dice: Dice, state: State, kind: str) -> c.Command:
    """A command of a faulty feed or client."""
    name = dice.pick(world.instruments)
    if kind == "malformed":
        return _malformed(world, dice, name)
    price = state.marks.mark[name]
    if kind == "same_price":
        return c.SetMark(instrument=name, price=price)
    return c.SetMark(instrument=name, price=price, time=max(1, state.time - dice.between(1000, 60_000)))


def _malformed(world: World, dice: Dice, name: str) -> c.Command:
    bad, account = Decimal(dice.pick(_BAD)), dice.pick(world.accounts)
    things: tuple[c.Command, ...] = (
        c.SetMark(instrument=name, price=bad),
        c.Deposit(account=account, currency="USDT", amount=bad),
        c.Withdraw(account="no/such", currency="USDT", amount=Decimal(1)),
        c.PlaceOrder(account=account, instrument=name, side=OrderSide.BUY, contracts=Decimal(1), price=bad),
        c.SettleFunding(instrument=name, rate=Decimal(2), period=1),
    )
    return dice.pick(things)
