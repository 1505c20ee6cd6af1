"""The book against a twin that looks through a plain list, and the triggers of waiting orders."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.domain.account import AttachedStop, Order, OrderSide, OrderType, Trailing, TriggerBy
from crossmargin.domain.ledger import Ticket
from crossmargin.matching.book import Book
from crossmargin.matching.triggers import armed, fired, trail, watched


class Twin:
    """Orders in a list, in the order of their arrival; every question is answered by looking at all of them."""

    def __init__(self) -> None:
        self.orders: list[Ticket] = []

    def walk(self, taker: OrderSide, limit: Decimal | None) -> list[str]:
        """Opposite orders within the limit, best price first, oldest first."""
        sign = 1 if taker == OrderSide.BUY else -1
        found = [
            (sign * (each.order.price or 0), index, each.id)
            for index, each in enumerate(self.orders)
            if each.order.side != taker and (limit is None or sign * ((each.order.price or 0) - limit) <= 0)
        ]
        return [name for _, _, name in sorted(found)]


def ticket(name: str, side: OrderSide, price: int, contracts: int = 1) -> Ticket:
    """A resting limit order."""
    order = Order(instrument="X", side=side, contracts=Decimal(contracts), price=Decimal(price), id=name)
    return Ticket(id=name, account="a", client_id="", order=order, priority=0, state="resting")


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(list(OrderSide)), st.integers(1, 9)),
        st.tuples(st.just("remove"), st.integers(0, 99), st.just(0)),
        st.tuples(st.just("shrink"), st.integers(0, 99), st.integers(1, 5)),
    ),
    max_size=60,
)


@given(steps, st.integers(0, 10))
def test_the_book_answers_as_a_list_does(commands: list[tuple[str, Any, int]], limit: int) -> None:
    """Whatever was added, shrunk and removed: same next order, same walk, same depth, with and without a limit."""
    book, twin = Book(), Twin()
    for number, (verb, what, value) in enumerate(commands):
        if verb == "add":
            new = ticket(f"o{number}", OrderSide(what), value, 9)
            book.add(new)
            twin.orders.append(new)
        elif twin.orders:
            index = what % len(twin.orders)
            old = twin.orders[index]
            if verb == "remove":
                book.remove(old)
                del twin.orders[index]
            else:
                assert old.order.price is not None
                twin.orders[index] = ticket(old.id, old.order.side, int(old.order.price), value)
                book.replace(twin.orders[index])
    for side in OrderSide:
        for bound in (None, Decimal(limit)):
            walked = [each.id for each in book.walk(side, bound)]
            first = book.first(side, bound)
            assert walked == twin.walk(side, bound)
            assert (first.id if first else None) == (walked[0] if walked else None)
        sizes = [each.order.contracts for each in twin.orders if each.order.side == side]
        assert sum((size for _, size in book.depth(side)), Decimal(0)) == sum(sizes, Decimal(0))
        assert [price for price, _ in book.depth(side)] == sorted(
            {each.order.price or Decimal(0) for each in twin.orders if each.order.side == side},
            reverse=side == OrderSide.BUY,
        )


def waiting(**terms: object) -> Ticket:
    """A waiting order to sell one contract."""
    order = Order(instrument="X", side=OrderSide.SELL, contracts=Decimal(1), **terms)  # type: ignore[arg-type]
    return Ticket(id="o1", account="a", client_id="", order=order, priority=1, state="waiting")


@pytest.mark.parametrize(("now", "trigger", "at", "out"), [(100, 95, 95, True), (100, 95, 96, False)])
def test_a_stop_fires_from_the_side_it_was_placed_on(now: int, trigger: int, at: int, out: bool) -> None:
    """Placed at 100 with its trigger at 95, it fires at 95 or below and not at 96."""
    stop = armed(waiting(type=OrderType.STOP_LOSS, trigger_price=Decimal(trigger)), Decimal(now))
    assert (fired(stop, "last", Decimal(at)) is not None) is out


def test_a_trigger_above_fires_on_the_way_up() -> None:
    """Placed at 100 with its trigger at 105: 104 is not enough, 105 is; the mark is not what it looks at."""
    order = armed(waiting(type=OrderType.TRIGGER, trigger_price=Decimal(105), price=Decimal(104)), Decimal(100))
    assert fired(order, "last", Decimal(104)) is None
    assert fired(order, "mark", Decimal(105)) is None
    working = fired(order, "last", Decimal(105))
    assert working is not None
    assert (working.type, working.price) == (OrderType.LIMIT, Decimal(104))


def test_one_of_two_fires() -> None:
    """A sale with stop 90 and profit 120 waits between them; either end sends a market order."""
    stop, profit = (AttachedStop(trigger_price=Decimal(each)) for each in (90, 120))
    order = waiting(type=OrderType.OCO, stop_loss=stop, take_profit=profit)
    assert watched(order.order) == (TriggerBy.LAST,)
    assert fired(order, "last", Decimal(100)) is None
    assert [fired(order, "last", Decimal(at)) is not None for at in (90, 120)] == [True, True]


def test_a_trailing_stop_follows_and_comes_back() -> None:
    """Distance 5 from the highest price: at 110 it follows, at 106 it waits, at 105 it sells."""
    stop = armed(waiting(type=OrderType.TRAILING, trailing=Trailing(distance=Decimal(5))), Decimal(100))
    assert trail(stop, Decimal(110)) == 110
    assert trail(stop, Decimal(99)) is None
    high = armed(stop, Decimal(110))
    assert fired(high, "last", Decimal(106)) is None
    assert fired(high, "last", Decimal(105)) is not None


def test_a_trailing_stop_by_fraction_of_equity() -> None:
    """On equity: 10 % below the highest of 1,000 is 900."""
    stop = armed(
        waiting(type=OrderType.TRAILING, trailing=Trailing(percent=Decimal("0.1"), on="equity")), Decimal(1000)
    )
    assert watched(stop.order) == ("equity",)
    assert fired(stop, "equity", Decimal(901)) is None
    assert fired(stop, "equity", Decimal(900)) is not None
