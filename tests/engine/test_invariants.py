"""Every invariant that the engine checks is seen to fire: the fault is planted, the breach has its name."""

from collections.abc import Callable
from decimal import Decimal, localcontext

import msgspec
import pytest

from crossmargin.domain import event as e
from crossmargin.domain.account import MarginMode, OrderSide, OrderType, Side
from crossmargin.domain.arithmetic import EXACT
from crossmargin.domain.ledger import PositionKey, Transfer
from crossmargin.engine.engine import Engine
from crossmargin.engine.invariants import BreachError, check_command
from crossmargin.engine.scenario import play
from crossmargin.engine.simulate.watch import _BEFORE, _after_fill, after_command
from crossmargin.engine.state import State

D = Decimal
X = "ETH-USDT-SWAP"
STORY = f"""
deposit ann 1000 USDT
deposit ben 100000 USDT
leverage ann {X} 50
trade ann +10 ben {X} @ 1000
ask ben 3 {X} @ 1010
bid ben 3 {X} @ 990
ask ann 2 {X} @ 1020 reduce
"""


def engine() -> Engine:
    """ann long 10, ben short 10 with one ask and one bid, ann's reduce-only order above."""
    return play(STORY).engine


def money_from_nowhere(state: State) -> None:
    """A credit without its debit."""
    state.before["USDT", "cash/ann"] = state.cell("cash/ann", "USDT")
    state.cells["USDT"]["cash/ann"] += 1


def dust(state: State) -> None:
    """Less than a quantum."""
    state.post((Transfer("cash/ben", "cash/ann", "USDT", D("0.000000001"), "dust"),))


def clearing_kept(state: State) -> None:
    """A fill with one side."""
    state.post((Transfer("cash/ben", "clearing", "USDT", D(1), "fill"),))


def rounding_owes(state: State) -> None:
    """Rounding in someone's favour."""
    state.post((Transfer("rounding", "cash/ann", "USDT", D(1), "rounding"),))


def margin_owes(state: State) -> None:
    """An isolated position that lost more than its margin."""
    state.post((Transfer(f"margin/ann/{X}/long/isolated", "cash/ann", "USDT", D(1), "margin"),))


@pytest.mark.parametrize(
    ("fault", "id"),
    [(money_from_nowhere, "L1"), (dust, "L6"), (clearing_kept, "L1"), (rounding_owes, "L5"), (margin_owes, "R8")],
)
def test_a_fault_in_the_money_is_caught_after_the_command(fault: Callable[[State], None], id: str) -> None:
    """The cells that a command touched sum to zero, hold whole quanta, and owe nothing where they may not."""
    state = engine().state
    with localcontext(EXACT):
        check_command(state)
        fault(state)
        with pytest.raises(BreachError, match=f"^{id}:"):
            check_command(state)


def hidden_money(state: State) -> None:
    """A cell that no command has noted."""
    state.cells["USDT"]["house"] = D(1)


def outliving_cell(state: State) -> None:
    """A position's money without the position."""
    state.cells["USDT"]["position/zoe/x/long/cross"] = D(1)
    state.cells["USDT"]["outside"] -= 1


def longer_than_short(state: State) -> None:
    """Longs that no short stands against."""
    key, held = next(iter(state.owners["ann"].positions.items()))
    state.owners["ann"].positions[key] = msgspec.structs.replace(held, contracts=D(11))


def wrong_interest(state: State) -> None:
    """Open interest that is not what the longs hold."""
    state.open_interest[X] += 1


def crossed(state: State) -> None:
    """A bid above the lowest ask."""
    ticket = next(each for each in state.tickets.values() if each.order.side == OrderSide.BUY)
    state.books[X].add(
        msgspec.structs.replace(ticket, id="o99", order=msgspec.structs.replace(ticket.order, price=D(1015)))
    )


def forgotten_order(state: State) -> None:
    """An order that rests and is not in the book."""
    ticket = next(each for each in state.tickets.values() if each.order.side == OrderSide.BUY)
    state.books[X].remove(ticket)


def reducing_too_much(state: State) -> None:
    """A reduce-only order for more than there is."""
    for owner in (state.owners["ann"],):
        ticket = next(iter(owner.orders.values()))
        big = msgspec.structs.replace(ticket, order=msgspec.structs.replace(ticket.order, contracts=D(50)))
        state.put_ticket(big)


def orphaned_stop(state: State) -> None:
    """A stop whose position is gone."""
    ticket = next(iter(state.owners["ben"].orders.values()))
    order = msgspec.structs.replace(ticket.order, side=OrderSide.SELL, reduce_only=True)
    state.put_ticket(msgspec.structs.replace(ticket, id="o98", state="waiting", parent="o1", order=order))


def both_sides(state: State) -> None:
    """Long and short in one-way mode."""
    for account, side in (("ann", Side.SHORT), ("ben", Side.LONG)):
        owner = state.owners[account]
        held = next(iter(owner.positions.values()))
        key = PositionKey(account, X, side, held.key.margin_mode)
        owner.positions[key] = msgspec.structs.replace(held, key=key)
    state.open_interest[X] += 10


def stale_figures(state: State) -> None:
    """An assessment kept over a change."""
    state.assessment("ann"), state.assessment("ben")
    state.cells["USDT"]["cash/ann"] -= 1
    state.cells["USDT"]["cash/ben"] += 1
    del state.kept["ben"]


def stale_holds(state: State) -> None:
    """An order that was cancelled and still counts in what orders hold."""
    held = state.owners["ben"].load
    held.contracts[X] += 1


def stale_positions(state: State) -> None:
    """A mark that nobody was told of, under figures that were kept."""
    state.bounds.safe(state.owners["ann"])
    state.kept.clear()
    state.marks.mark[X] = D(999)


def bold_bound(state: State) -> None:
    """A bound that asks for less than the tier does."""
    scale = state.bounds.scale(X)
    assert scale is not None
    state.bounds.know(X, msgspec.structs.replace(scale, rates=((None, D("0.004")),)))


@pytest.mark.parametrize(
    ("fault", "id"),
    [
        (hidden_money, "L2"),
        (outliving_cell, "L8"),
        (longer_than_short, "M1"),
        (wrong_interest, "M2"),
        (crossed, "M4"),
        (forgotten_order, "M10"),
        (reducing_too_much, "M11"),
        (orphaned_stop, "M11"),
        (both_sides, "M1"),
        (stale_figures, "R4"),
        (stale_holds, "R4"),
        (bold_bound, "R4"),
        (stale_positions, "R4: ann: what its positions come to"),
    ],
)
def test_a_fault_in_the_state_is_caught_from_scratch(fault: Callable[[State], None], id: str) -> None:
    """Everything is summed, folded and assessed again."""
    tried = engine()
    tried.check()
    with localcontext(EXACT):
        fault(tried.state)
        with pytest.raises(BreachError, match=f"^{id}"):
            tried.check()


def test_a_forgotten_change_is_seen_by_the_hash() -> None:
    """A mark that changed without being noted: the kept hash differs from one from scratch."""
    tried = engine()
    tried.state.marks.mark["BTC-USDT-SWAP"] = D(5)
    with pytest.raises(AssertionError, match="D2"):
        tried.check()


def fill(**changes: object) -> e.Filled:
    """ben's ask at 1,010 is met by ann's order."""
    terms: dict[str, object] = {
        "instrument": X, "price": D(1010), "contracts": D(1), "taker": "o5", "maker": "o3", "taker_account": "ann",
        "maker_account": "ben", "taker_buys": True,
    }  # fmt: skip
    return e.Filled(**{**terms, **changes})  # type: ignore[arg-type]


LONG = PositionKey("ann", X, Side.LONG, MarginMode.CROSS)


@pytest.mark.parametrize(
    ("event", "id"),
    [
        (fill(price=D(1011)), "M3"),
        (fill(taker_buys=False, price=D(1010)), "M3"),
        (fill(maker_account="ann"), "M7"),
        (e.LiquidationStarted(account="ann", pool="USDT cross", supports=D(1), requires=D(1)), "Q1"),
        (e.LiquidationStep(account="ann", pool="USDT cross", phase="x", position=LONG, contracts=D(11)), "Q6"),
        (e.LiquidationStep(account="ben", pool="USDT cross", phase="x", position=LONG, contracts=D(1)), "Q3"),
        (
            e.Deleveraged(
                account="ann", victim=LONG, position=LONG, contracts=D(1), value=D(1), haircut=D(0), trigger="", rank=1,
                score=D(0),
            ),
            "Q10",
        ),
        (e.MarkSet(instrument=X, price=D(0)), "P1"),
    ],
)  # fmt: skip
def test_a_wrong_event_is_caught_before_it_happens(event: e.Event, id: str) -> None:
    """What the watched engine asks of single events."""
    state = engine().state
    taker = next(iter(state.owners["ann"].orders.values()))
    limit = D(1005) if id == "M3" and not getattr(event, "taker_buys", True) else D(1020)
    order = msgspec.structs.replace(taker.order, price=limit + (10 if limit < 1010 else 0), reduce_only=False)
    state.tickets["o5"] = msgspec.structs.replace(taker, id="o5", state="working", order=order)
    with localcontext(EXACT), pytest.raises(BreachError, match=f"^{id}:"):
        _BEFORE[type(event)](state, event)


def test_the_order_of_the_queue_is_watched() -> None:
    """M5: the older of two asks at one price comes first; M8: a post-only order never takes."""
    state = play(STORY + f"deposit cat 100000 USDT\nask cat 1 {X} @ 1010").engine.state
    taker = next(iter(state.owners["ann"].orders.values()))
    order = msgspec.structs.replace(taker.order, side=OrderSide.BUY, price=D(1020), reduce_only=False)
    state.tickets["o5"] = msgspec.structs.replace(taker, id="o5", state="working", order=order)
    younger = next(each.id for each in state.owners["cat"].orders.values())
    with pytest.raises(BreachError, match=r"^M5:"):
        _BEFORE[e.Filled](state, fill(maker=younger, maker_account="cat"))
    post = msgspec.structs.replace(order, type=OrderType.POST_ONLY)
    state.tickets["o5"] = msgspec.structs.replace(state.tickets["o5"], order=post)
    with pytest.raises(BreachError, match=r"^M8:"):
        _BEFORE[e.Filled](state, fill())


def test_coins_that_are_not_there_are_watched() -> None:
    """S1: a spot fill that left the buyer with less than nothing."""
    state = play(
        "instrument ETH-USDT like=ETH-USDT-SWAP kind=spot\ndeposit ann 5 USDT\ndeposit ben 1 ETH\nmark ETH-USDT 5"
    ).engine.state
    event = fill(instrument="ETH-USDT")
    _after_fill(state, event)
    state.cells["USDT"]["cash/ann"] = D(-1)
    with pytest.raises(BreachError, match=r"^S1: ann"):
        _after_fill(state, event)


def test_nobody_is_left_at_the_trigger_or_in_debt() -> None:
    """Q2: a mark that was not reviewed, at the trigger and at the warning level. Q8: money owed without a position."""
    with localcontext(EXACT):
        state = engine().state
        after_command(state)
        state.marks.mark[X] = D(900)
        state.touch("ann")
        with pytest.raises(BreachError, match=r"^Q2:"):
            after_command(state)
        state.marks.mark[X] = D(912)
        state.touch("ann")
        with pytest.raises(BreachError, match=r"^Q2: ann USDT cross is not warned"):
            after_command(state)
        state = play("deposit ann 5 USDT").engine.state
        state.cells["USDT"]["cash/ann"] = D(-1)
        state.touch("ann")
        with pytest.raises(BreachError, match=r"^Q8:"):
            after_command(state)
