"""Working an order through the book, one fill at a time, each decided on the state that the one before has left."""

from collections.abc import Generator, Iterator
from decimal import Decimal

from crossmargin.domain import event as e
from crossmargin.domain.account import MarginMode, Order, OrderSide, OrderType, PositionMode, Side, TimeInForce
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.instrument import Instrument
from crossmargin.domain.ledger import PositionKey, Ticket
from crossmargin.engine.cash import can_pay
from crossmargin.engine.loan import closing_room, on_loan, trade_on_loan
from crossmargin.engine.settle import Effect, Terms, moved, trade, value_of
from crossmargin.engine.state import State

__all__ = ["cover", "execute", "fillable", "maker_effect", "next_maker", "shrink"]

# Members by a name of their own: looked up on its class, one costs ten times as much.
_BUY = OrderSide.BUY
_SELL = OrderSide.SELL
_LONG = Side.LONG
_SHORT = Side.SHORT
_MARKET = OrderType.MARKET
_GTC = TimeInForce.GTC
_HEDGE = PositionMode.HEDGE


def execute(state: State, order_id: str) -> Iterator[e.Event]:
    """Let an order take what the book offers; the rest rests or is cancelled, as its terms say."""
    while True:
        ticket = state.tickets.get(order_id)
        if ticket is None:
            return
        maker = yield from next_maker(state, ticket.order, ticket.account)
        if maker is None or _nothing_to_close(state, ticket, maker):
            break
        yield from _fill(state, ticket, maker)
    order = ticket.order
    if order.type == _MARKET or order.time_in_force != _GTC:
        yield e.OrderCancelled(order=ticket.id, account=ticket.account, why="unfilled")
    else:
        yield e.OrderRested(order=ticket.id)
        yield from shrink(state, ticket.account, order.instrument)


def next_maker(state: State, order: Order, account: str) -> Generator[e.Event, None, Ticket | None]:
    """The next resting order to meet.

    Those of the same owner, too far from the mark, or of an owner who cannot pay are cancelled on the way.
    """
    book = state.books[order.instrument]
    while True:
        maker = book.first(order.side, order.price)
        if maker is None:
            return None
        assert maker.order.price is not None
        mark = state.marks.mark_of(order.instrument)
        if maker.account == account:
            yield e.OrderCancelled(order=maker.id, account=maker.account, why="self_trade")
        elif state.outside_band(order.instrument, maker.order.price):
            if _better_than_mark(order.side, maker.order.price, mark):
                yield e.OrderCancelled(order=maker.id, account=maker.account, why="price_outside_band")
            else:
                return None
        elif not can_pay(state, maker, min(order.remaining, maker.order.remaining)):
            yield e.OrderCancelled(order=maker.id, account=maker.account, why="insufficient_balance")
        elif _nothing_to_close(state, maker, maker):
            yield e.OrderCancelled(order=maker.id, account=maker.account, why="nothing_to_reduce")
        else:
            return maker


def _nothing_to_close(state: State, ticket: Ticket, maker: Ticket) -> bool:
    """Whether an order that only reduces finds neither assets nor margin to close with at a maker's price."""
    instrument, price = state.instrument(ticket.order.instrument), maker.order.price
    assert price is not None
    rate = instrument.maker_fee if ticket is maker else instrument.taker_fee
    return closing_room(state, ticket, price, rate) == 0


def _better_than_mark(taker: OrderSide, price: Decimal, mark: Decimal) -> bool:
    return price < mark if taker == _BUY else price > mark


def _fill(state: State, taker: Ticket, maker: Ticket) -> Iterator[e.Event]:
    order = taker.order
    instrument = state.instrument(order.instrument)
    price = maker.order.price
    assert price is not None
    contracts = _fill_size(state, taker, maker, instrument, price)
    fill = state.counters["fills"] + 1
    value = value_of(instrument, contracts, price)
    terms = terms_of(taker, instrument, instrument.taker_fee)
    side = trade_on_loan if on_loan(instrument, order) else trade
    took = side(state, terms, contracts=contracts, price=price, fill=fill, value=value)
    made = maker_effect(state, maker, contracts=contracts, price=price, fill=fill + 1, value=value)
    both = took + made
    yield e.Filled(
        instrument=instrument.id,
        price=price,
        contracts=contracts,
        taker=taker.id,
        maker=maker.id,
        taker_account=taker.account,
        maker_account=maker.account,
        taker_buys=order.side == _BUY,
        transfers=both.transfers,
        positions=both.positions,
    )
    yield from cover(state, taker.account, instrument, took)
    yield from cover(state, maker.account, instrument, made)
    yield from shrink(state, taker.account, instrument.id)
    yield from shrink(state, maker.account, instrument.id)


def _fill_size(state: State, taker: Ticket, maker: Ticket, instrument: Instrument, price: Decimal) -> Decimal:
    """What both want, and what those that only reduce still have to close."""
    size = min(taker.order.remaining, maker.order.remaining)
    for ticket, rate in ((taker, instrument.taker_fee), (maker, instrument.maker_fee)):
        room = closing_room(state, ticket, price, rate)
        size = size if room is None else min(size, room)
    return size


def terms_of(ticket: Ticket, instrument: Instrument, rate: Decimal | None) -> Terms:
    """The terms under which an order's owner trades."""
    order = ticket.order
    return Terms(
        account=ticket.account,
        instrument=instrument,
        side=order.side,
        margin_mode=order.margin_mode,
        position_side=order.position_side,
        leverage=order.leverage,
        fee_rate=rate or ZERO,
        margin_currency=order.margin_currency or "",
    )


def maker_effect(
    state: State, maker: Ticket, *, contracts: Decimal, price: Decimal, fill: int, value: Decimal | None = None
) -> Effect:
    """The resting side of a fill."""
    instrument = state.instrument(maker.order.instrument)
    terms = terms_of(maker, instrument, instrument.maker_fee)
    side = trade_on_loan if on_loan(instrument, maker.order) else trade
    return side(state, terms, contracts=contracts, price=price, fill=fill, value=value)


def cover(state: State, account: str, instrument: Instrument, effect: Effect) -> Iterator[e.Event]:
    """What an isolated margin could not pay is paid by the fund, then by the house, and recorded either way."""
    short = effect.uncovered
    if not short:
        return
    currency, fund = effect.currency or instrument.settle, state.fund_of(instrument)
    by_fund = min(short, max(ZERO, state.cash(fund, currency))) if fund in state.owners else ZERO
    for payer, name, amount in ((f"cash/{fund}", "insurance", by_fund), ("house", "house", short - by_fund)):
        if amount:
            yield e.DeficitCovered(
                account=account,
                pool=instrument.id,
                currency=currency,
                amount=amount,
                by=name,
                transfers=moved(payer, f"cash/{account}", currency, amount, "deficit"),
            )


def shrink(state: State, account: str, instrument: str) -> Iterator[e.Event]:
    """Cut the youngest reduce-only orders back to what their position still has; attached stops end with it."""
    owner = state.owners[account]
    if not owner.reducing:
        return
    lives = [each for each in owner.live() if each.order.reduce_only and each.order.instrument == instrument]
    left: dict[PositionKey, Decimal] = {}
    for ticket in sorted(lives, key=lambda each: each.priority):
        order = ticket.order
        side = _LONG if order.side == _SELL else _SHORT
        key = PositionKey(account, instrument, side, order.margin_mode)
        held = owner.positions.get(key)
        if held is not None and held.margin_currency:
            continue  # on borrowed money its fills are bounded, as prices move the bound
        room = left.get(key, held.contracts if held is not None else ZERO)
        stays = min(order.remaining, room)
        left[key] = room - stays
        if not stays:
            yield e.OrderCancelled(order=ticket.id, account=account, why="nothing_to_reduce")
        elif stays < order.remaining:
            yield e.OrderShrunk(order=ticket.id, contracts=order.filled + stays)
    for ticket in owner.attached(instrument):
        if ticket.closes not in owner.positions:
            yield e.OrderCancelled(order=ticket.id, account=account, why="nothing_to_reduce")


def fillable(state: State, ticket: Ticket) -> Iterator[tuple[Decimal, Decimal]]:
    """Price and size of the fills that an order would get now; the last may be cut to its size.

    Orders of the same owner and those outside the band would not fill; a maker's reduce-only orders fill no more than
    its earlier fills leave of its position.
    """
    order = ticket.order
    mark = state.marks.mark_of(order.instrument)
    left, room, spent = order.remaining, dict[tuple[str, MarginMode], Decimal](), dict[str, Decimal]()
    for maker in state.books[order.instrument].walk(order.side, order.price):
        price = maker.order.price
        assert price is not None
        if maker.account == ticket.account:
            continue
        if state.outside_band(order.instrument, price):
            if _better_than_mark(order.side, price, mark):
                continue
            return
        size = min(left, _maker_size(state, maker, room))
        if size and can_pay(state, maker, size, spent):
            yield price, size
            left -= size
        if not left:
            return


def _maker_size(state: State, maker: Ticket, room: dict[tuple[str, MarginMode], Decimal]) -> Decimal:
    """What a maker can fill, keeping count of the position that its earlier orders would have left."""
    order = maker.order
    if not state.owners[maker.account].reducing:
        return order.remaining
    side = _LONG if order.side == _SELL else _SHORT
    key = (maker.account, order.margin_mode)
    if key not in room:
        held = state.held(PositionKey(maker.account, order.instrument, side, order.margin_mode))
        room[key] = held.contracts if held is not None else ZERO
    hedged = state.owners[maker.account].position_mode == _HEDGE
    closes = not hedged or order.position_side == side
    size = min(order.remaining, room[key]) if order.reduce_only else order.remaining
    instrument = state.instrument(order.instrument)
    if on_loan(instrument, order):
        assert order.price is not None
        most = closing_room(state, maker, order.price, instrument.maker_fee)
        return order.remaining if most is None else min(order.remaining, most)
    if closes:
        room[key] = max(ZERO, room[key] - size)
    return size
