"""The crowd: seeded accounts, what each puts in and opens, and the makers who take the other side."""

from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal
from math import exp, log
from random import Random
from typing import Any

from msgspec import Struct

from crossmargin.domain import command as c
from crossmargin.domain.account import OrderSide
from crossmargin.domain.arithmetic import floor_to
from crossmargin.domain.instrument import Instrument
from crossmargin.engine.state import State
from crossmargin.incidents.model import Crowd, Market

__all__ = ["draw", "opening"]

_CENT = Decimal("0.01")
_SATOSHI = Decimal("0.00000001")
_SPARE = Decimal("1.005")  # over margin and fees: orders are admitted at the worst of prices
_FEES = Decimal("0.003")
_LARGEST = 50


class Leg(Struct, frozen=True):
    """What an account opens: contracts above zero are long."""

    account: str
    instrument: Instrument
    contracts: Decimal
    value: Decimal
    leverage: Decimal
    price: Decimal


def draw(crowd: Crowd, count: int, seed: str, state: State) -> list[Leg]:
    """Draw the legs of a group at the marks of this moment; the same seed draws the same group."""
    random = Random(seed)
    legs: list[Leg] = []
    for number in range(count):
        account = f"{crowd.name}{number}"
        first = random.choice(crowd.instruments)
        leverage = _drawn(random, *crowd.leverage)
        value = _drawn(random, *crowd.value)
        side = 1 if random.random() < float(crowd.long) else -1
        others = [name for name in crowd.instruments if name != first]
        legs += _leg(state, account, first, side, value, leverage)
        if others and random.random() < float(crowd.hedged):
            legs += _leg(state, account, random.choice(others), -side, value, leverage)
        if crowd.coin_instrument and random.random() < float(crowd.coin):
            legs += _leg(state, account, crowd.coin_instrument, 1, value, leverage)
    return legs


def _drawn(random: Random, low: Decimal, high: Decimal) -> Decimal:
    """Even in the logarithm, three digits."""
    bottom, top = log(low), log(high)
    return Decimal(f"{exp(bottom + (top - bottom) * random.random()):.3g}")


def _leg(state: State, account: str, name: str, side: int, value: Decimal, leverage: Decimal) -> Iterator[Leg]:
    """A leg of about this value in USD; none where a lot is worth more."""
    instrument, price = state.instrument(name), state.marks.mark_of(name)
    if instrument.tick_size is not None:
        price = floor_to(price, instrument.tick_size)
    one = instrument.unit if instrument.inverse else instrument.unit * price
    contracts = floor_to(value / one, instrument.lot_size or Decimal(1))
    if contracts:
        yield Leg(account, instrument, side * contracts, contracts * one, leverage, price)


def opening(legs: list[Leg], market: Market, first: bool) -> Iterator[c.Command]:
    """Deposits, leverage, and for each leg an order of a maker and the account's own that meets it."""
    if first:
        yield from _makers(legs, market)
    chosen: set[tuple[str, str]] = set()
    for number, leg in enumerate(legs):
        name, maker = leg.instrument.id, f"m{number % market.makers}"
        money = leg.value / leg.leverage * _SPARE + leg.value * _FEES
        yield _deposit(leg.account, leg, money)
        if (leg.account, name) not in chosen:
            chosen.add((leg.account, name))
            yield c.SetLeverage(account=leg.account, instrument=name, leverage=_offered(leg.leverage))
        if not first:
            yield _deposit(maker, leg, leg.value / market.leverage)
        buys = OrderSide.BUY if leg.contracts > 0 else OrderSide.SELL
        sells = OrderSide.SELL if leg.contracts > 0 else OrderSide.BUY
        terms: dict[str, Any] = {"instrument": name, "contracts": abs(leg.contracts), "price": leg.price}
        yield c.PlaceOrder(account=maker, side=sells, **terms)
        yield c.PlaceOrder(account=leg.account, side=buys, **terms)


def _makers(legs: list[Leg], market: Market) -> Iterator[c.Command]:
    """What all legs need, at a low leverage, shared by the makers."""
    needed: dict[str, Decimal] = {}
    example: dict[str, Leg] = {}
    for leg in legs:
        needed[leg.instrument.settle] = needed.get(leg.instrument.settle, Decimal(0)) + leg.value
        example[leg.instrument.settle] = leg
    for number in range(market.makers):
        for currency, value in needed.items():
            yield _deposit(f"m{number}", example[currency], value / market.leverage / market.makers)
        for name in dict.fromkeys(leg.instrument.id for leg in legs):
            yield c.SetLeverage(account=f"m{number}", instrument=name, leverage=Decimal(5))


def _deposit(account: str, leg: Leg, money: Decimal) -> c.Deposit:
    """Money in the currency that a leg settles in, from an amount in USD."""
    amount = money / leg.price if leg.instrument.inverse else money
    step = _SATOSHI if leg.instrument.inverse else _CENT
    return c.Deposit(account=account, currency=leg.instrument.settle, amount=floor_to(amount, step) + step)


def _offered(leverage: Decimal) -> Decimal:
    """The leverage that is set: whole, and no more than venues offer."""
    return min(Decimal(_LARGEST), leverage.to_integral_value(ROUND_CEILING))
