"""Forced closing of what is held on borrowed money: into the book within a limit, or over to the insurance fund."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec

from crossmargin.domain import event as e
from crossmargin.domain.account import MarginMode, Order, OrderSide, Side, TimeInForce
from crossmargin.domain.arithmetic import ZERO, ceil_to, quotient
from crossmargin.domain.ledger import QUANTUM, Held, PositionKey
from crossmargin.engine.execute import cover, maker_effect, next_maker, shrink
from crossmargin.engine.loan import asset_of, closing_size, repay
from crossmargin.engine.settle import moved, value_of
from crossmargin.engine.state import State
from crossmargin.margin.fills import average_entry
from crossmargin.margin.valuation import spot_margin_pnl

__all__ = ["gain_of", "loan_taken_over", "unwind", "value_in_pool"]

Charge = Callable[[Held, Decimal, Decimal], Decimal]
"""What a fill costs beside its price: of a position, a size and a price, in the currency of the pool."""


def unwind(state: State, key: PositionKey, limit: Decimal, charge: Charge | None) -> Iterator[e.Event]:
    """Close a position against resting orders within a limit, as far as they and its assets go."""
    instrument = state.instrument(key.instrument)
    side = OrderSide.SELL if key.side == Side.LONG else OrderSide.BUY
    while (held := state.held(key)) is not None:
        order = Order(
            instrument=instrument.id, side=side, contracts=_asked(state, held, limit), price=limit,
            time_in_force=TimeInForce.IOC,
        )  # fmt: skip
        maker = (yield from next_maker(state, order, key.account)) if order.contracts else None
        if maker is None:
            return
        assert maker.order.price is not None
        price = maker.order.price
        size = min(closing_size(state, held, price, ZERO), maker.order.remaining)
        if not size:
            return
        cost = ZERO if charge is None else charge(held, size, price)
        took = repay(
            state, held, contracts=size, price=price, value=value_of(instrument, size, price), charge=cost,
            charge_to=f"cash/{state.fund_of(instrument)}",
        )  # fmt: skip
        made = maker_effect(state, maker, contracts=size, price=price, fill=state.counters["fills"] + 1)
        both = took + made
        yield e.LiquidationFill(
            account=key.account,
            instrument=instrument.id,
            price=price,
            contracts=size,
            maker=maker.id,
            maker_account=maker.account,
            account_buys=side == OrderSide.BUY,
            fee=cost,
            transfers=both.transfers,
            positions=both.positions,
        )
        yield from cover(state, key.account, instrument, took)
        yield from cover(state, maker.account, instrument, made)
        yield from shrink(state, maker.account, instrument.id)


def _asked(state: State, held: Held, limit: Decimal) -> Decimal:
    """The most that the next fill can come to: at the limit for a sale, at the lowest offer for a purchase."""
    price: Decimal | None = limit
    if held.key.side == Side.SHORT:
        price = state.books[held.key.instrument].best(OrderSide.SELL)
    return ZERO if price is None or price > limit or not limit else closing_size(state, held, price, ZERO)


def gain_of(state: State, held: Held, size: Decimal, price: Decimal) -> Decimal:
    """What closing a size at a price surely gains against the mark, in the currency of the pool."""
    instrument = state.instrument(held.key.instrument)
    mark = state.marks.mark_of(instrument.id)
    gain = held.key.side.sign * size * (price - mark)
    return (gain if held.margin_currency == instrument.quote else quotient(gain, mark)) - QUANTUM


def value_in_pool(state: State, held: Held, size: Decimal, price: Decimal) -> Decimal:
    """Value of a fill in the currency of the pool."""
    return size * price if held.margin_currency == state.instrument(held.key.instrument).quote else size


def loan_taken_over(state: State, held: Held, share: Decimal, limit: Decimal | None, fund: str) -> e.TakenOver:
    """The fund gets assets and debt; it pays their worth less the share, or is paid it where that is below zero.

    The event's value is that of the size at the bankruptcy price.
    """
    key, currency = held.key, held.margin_currency
    instrument = state.instrument(key.instrument)
    mark, asset = state.marks.mark_of(instrument.id), asset_of(instrument, key.side)
    new = PositionKey(fund, instrument.id, key.side, MarginMode.CROSS)
    pays = ceil_to(spot_margin_pnl(instrument, state.position(held), mark) - share, QUANTUM)
    transfers = moved(
        f"assets/{key.cell}", f"assets/{new.cell}", asset, state.cell(f"assets/{key.cell}", asset), "fill"
    )
    if key.margin_mode == MarginMode.ISOLATED:
        pays = -state.cell(f"margin/{key.cell}", currency)
        transfers += moved(f"margin/{key.cell}", f"cash/{key.account}", currency, -pays, "margin")
    transfers += moved(f"cash/{fund}", f"cash/{key.account}", currency, pays, "fill")
    gone = msgspec.structs.replace(held, contracts=ZERO, liability=ZERO, interest=ZERO)
    return e.TakenOver(
        account=key.account,
        fund=fund,
        position=key,
        contracts=held.contracts,
        value=value_of(instrument, held.contracts, limit or mark),
        transfers=transfers,
        positions=(gone, _merged(state, held, new, mark)),
    )


def _merged(state: State, held: Held, key: PositionKey, mark: Decimal) -> Held:
    """The fund's position with another one in it, at mark."""
    instrument = state.instrument(key.instrument)
    old = state.held(key) or msgspec.structs.replace(
        held, key=key, contracts=ZERO, liability=ZERO, interest=ZERO, weight=ZERO, opened=state.counters["fills"] + 1
    )
    return msgspec.structs.replace(
        old,
        contracts=old.contracts + held.contracts,
        entry_price=average_entry(instrument, (old.weight, old.entry_price), (held.contracts, mark)),
        weight=old.weight + held.contracts,
        liability=old.liability + held.liability,
        interest=old.interest + held.interest,
    )
