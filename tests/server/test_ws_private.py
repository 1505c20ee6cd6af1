"""An account's own channels: everything that happens to it, in order, each once."""

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.ws_peer import SWAP, Peer, Place

from crossmargin.domain import command as c
from crossmargin.domain.account import MarginMode, OrderSide, OrderType, Side
from crossmargin.domain.arithmetic import plain
from crossmargin.domain.command import Command
from crossmargin.server.history import BillRecord, FillRecord, OrderRecord
from crossmargin.server.keys import NewKey
from crossmargin.server.okx import account
from crossmargin.server.okx.call import Call
from crossmargin.server.okx.names import order_id, trade_id
from crossmargin.server.ws.limits import SocketLimits

ORDERS = {"channel": "orders", "instType": "ANY"}
POSITIONS = {"channel": "positions", "instType": "ANY"}
ACCOUNT = {"channel": "account"}
BOTH = {"channel": "balance_and_position"}
FILLS = {"channel": "fills"}
ALGOS = {"channel": "orders-algo", "instType": "ANY"}
Body = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def place() -> Place:
    """One exchange for all; each test has accounts of its own."""
    return Place.opened()


def run(body: Body) -> None:
    """Run the body of a test."""
    asyncio.run(asyncio.wait_for(body(), 60))


def rest(place: Place, key: NewKey, handler: Callable[[Call], Any], **given: str) -> list[dict[str, Any]]:
    """What REST answers to the owner of a key."""
    found = place.exchange.keys.find(key.key)
    assert found is not None
    return list(handler(Call(place.exchange, found[0], given)))


def timeless(row: dict[str, Any]) -> dict[str, Any]:
    """A row without the moment at which it was made."""
    return {name: value for name, value in row.items() if name != "uTime"}


def cancel(place: Place, key: NewKey) -> list[Command]:
    """Cancel the oldest working order."""
    live = place.exchange.venue.history.live.get(key.account, {})
    return [c.CancelOrder(account=key.account, order=f"o{number}", time=place.clock.now) for number in [*live][:1]]


# ---------------------------------------------------------------- orders and fills


def test_each_fill_of_an_order_is_a_push(place: Place) -> None:
    """An order that takes three resting ones is told four times: live, then a fill each, with the fill's terms."""

    async def body() -> None:
        maker, taker = await place.account(), await place.account()
        price = place.best(OrderSide.BUY) + Decimal("0.1")
        await place.do(*(place.order(maker, "buy", size, price) for size in ("1", "2", "3")))
        async with place.peer("private", taker) as peer:
            await peer.subscribe(ORDERS)
            await place.do(place.order(taker, "sell", "6"))
            await place.pulse()
            told = peer.rows("orders")
            assert [row["state"] for row in told] == ["live", "partially_filled", "partially_filled", "filled"]
            assert [row["fillSz"] for row in told] == ["0", "1", "2", "3"]
            assert [row["accFillSz"] for row in told] == ["0", "1", "3", "6"]
            assert [row["tradeId"] == "" for row in told] == [True, False, False, False]
            assert {row["fillPx"] for row in told[1:]} == {plain(price)}
            assert {row["execType"] for row in told[1:]} == {"T"}
            fees = [Decimal(row["fillFee"]) for row in told[1:]]
            assert sum(fees) == Decimal(told[-1]["fee"]) < 0
            assert all(len(push["data"]) == 1 for push in peer.pushes("orders"))

    run(body)


def test_a_push_without_a_fill_names_none(place: Place) -> None:
    """The cancellation of a half-filled order repeats no trade, or clients would count it twice."""

    async def body() -> None:
        maker, taker = await place.account(), await place.account()
        price = place.best(OrderSide.BUY) + Decimal("0.1")
        async with place.peer("private", maker) as peer:
            await peer.subscribe(ORDERS)
            await place.do(place.order(maker, "buy", "5", price))
            await place.do(place.order(taker, "sell", "2"))
            await place.do(*cancel(place, maker))
            await place.pulse()
            told = peer.rows("orders")
            assert [row["state"] for row in told] == ["live", "partially_filled", "canceled"]
            assert [row["fillSz"] for row in told] == ["0", "2", "0"]
            assert told[-1]["tradeId"] == ""
            assert (told[-1]["accFillSz"], told[-1]["cancelSource"]) == ("2", "1")

    run(body)


def test_subscriptions_choose_by_instrument(place: Place) -> None:
    """By type, family and instrument; the argument comes back with the account's number."""

    async def body() -> None:
        key = await place.account()
        found = place.exchange.keys.find(key.key)
        assert found is not None
        swap, future = {**ORDERS, "instId": SWAP}, {**ORDERS, "instType": "FUTURES"}
        family = {**ORDERS, "instFamily": "ETH-USDT"}
        async with place.peer("private", key) as peer:
            await peer.subscribe(swap, future, family)
            await place.do(place.order(key, "buy", "1", "1000", instrument="SOL-USDT-SWAP"))
            price = place.best(OrderSide.BUY) - 1000
            await place.do(place.order(key, "buy", "1", price))
            await place.pulse()
            (push,) = peer.pushes("orders")
            assert push["arg"] == {**swap, "uid": str(found[0].uid)}

    run(body)


def test_nobody_hears_of_others(place: Place) -> None:
    """An account's pushes go to its own connections."""

    async def body() -> None:
        one, two = await place.account(), await place.account()
        async with place.peer("private", one) as mine, place.peer("private", two) as theirs:
            for peer in (mine, theirs):
                await peer.subscribe(ORDERS, POSITIONS, ACCOUNT, BOTH, FILLS)
            before = len(theirs.heard)
            await place.do(place.order(one, "buy", "1"))
            await place.pulse()
            assert mine.rows("orders")
            assert len(theirs.heard) == before

    run(body)


def test_waiting_orders_are_told_on_business(place: Place) -> None:
    """Live, then effective with the number of the order that it sent; that order is told on private."""

    async def body() -> None:
        key = await place.account()
        async with place.peer("business", key) as peer, place.peer("private", key) as orders:
            await peer.subscribe(ALGOS, {"channel": "algo-advance", "instType": "SWAP"})
            await orders.subscribe(ORDERS)
            trigger = place.best(OrderSide.SELL) + 500
            waits = c.PlaceOrder(
                account=key.account,
                instrument=SWAP,
                side=OrderSide.BUY,
                contracts=Decimal(1),
                type=OrderType.TRIGGER,
                trigger_price=trigger,
                margin_mode=MarginMode.CROSS,
                client_id="stop1",
                time=place.clock.now,
            )
            await place.do(waits)
            await place.do(*place.exchange.market.move(SWAP, trigger + 1, place.clock.now, place.exchange.venue.state))
            await place.pulse()
            told = peer.rows("orders-algo")
            assert [(row["state"], row["algoClOrdId"]) for row in told] == [("live", "stop1"), ("effective", "stop1")]
            assert told[0]["ordId"] == ""
            assert {row["ordId"] for row in orders.rows("orders")} == {told[1]["ordId"]}

    run(body)


# ---------------------------------------------------------------- balances and positions


def test_balances_and_positions_are_shown_at_once_and_after_each_change(place: Place) -> None:
    """As REST has them; the first push of positions may be empty."""

    async def body() -> None:
        key = await place.account()
        async with place.peer("private", key) as peer:
            await peer.subscribe(ACCOUNT, POSITIONS, BOTH)
            assert peer.rows("account")[0]["details"][0]["cashBal"] == "100000"
            assert peer.pushes("positions")[0]["data"] == []
            assert {push["eventType"] for push in peer.pushes("positions") + peer.pushes("account")} == {"snapshot"}
            assert peer.rows("balance_and_position")[0]["eventType"] == "snapshot"
            await place.do(place.order(key, "buy", "3"))
            await place.pulse()
            (balance,) = rest(place, key, account.balance)
            assert timeless(peer.rows("account")[-1]["details"][0]) == timeless(balance["details"][0])
            push = peer.pushes("positions")[-1]
            assert (push["eventType"], push["curPage"], push["lastPage"]) == ("event_update", 1, True)
            assert int(push["data"][0].pop("pTime")) >= place.clock.now
            assert push["data"] == rest(place, key, account.positions)
            filled = peer.rows("balance_and_position")[-1]
            assert (filled["eventType"], filled["posData"][0]["pos"], len(filled["trades"])) == ("filled", "3", 1)
            assert filled["balData"][0]["cashBal"] == balance["details"][0]["cashBal"]

    run(body)


def test_a_closed_position_is_told_once(place: Place) -> None:
    """With ``pos`` 0, and never again, while another one stays and moves."""

    async def body() -> None:
        key = await place.account()
        async with place.peer("private", key) as peer:
            await place.do(place.order(key, "buy", "3"), place.order(key, "buy", "1", instrument="ETH-USDT-SWAP"))
            await peer.subscribe(POSITIONS)
            await place.do(place.order(key, "sell", "3"))
            for _ in range(5):
                await place.pulse()
                await place.step()
            flat = [row for row in peer.rows("positions") if row["pos"] == "0"]
            assert [(row["instId"], row["avgPx"]) for row in flat] == [(SWAP, "")]
            after = peer.pushes("positions")[-1]["data"]
            assert [row["instId"] for row in after] == ["ETH-USDT-SWAP"]

    run(body)


def test_a_turned_position_is_told_flat_then_open(place: Place) -> None:
    """One push: the long that is gone, then the short that began."""

    async def body() -> None:
        key = await place.account()
        async with place.peer("private", key) as peer:
            await place.do(place.order(key, "buy", "2"))
            await peer.subscribe(POSITIONS)
            await place.do(place.order(key, "sell", "5"))
            await place.pulse()
            assert [row["pos"] for row in peer.pushes("positions")[-1]["data"]] == ["0", "-3"]

    run(body)


def test_positions_follow_their_marks_at_a_distance(place: Place) -> None:
    """Once a second while marks move; not at all where events alone are wanted, or where other marks move."""

    async def body() -> None:
        key, other = await place.account(), await place.account()
        await place.do(place.order(key, "buy", "3"), place.order(other, "buy", "1", instrument="ETH-USDT-SWAP"))
        steady = {**POSITIONS, "extraParams": '{"updateInterval": "0"}'}
        async with place.peer("private", key) as peer, place.peer("private", other) as elsewhere:
            await peer.subscribe(POSITIONS, steady, ACCOUNT)
            await elsewhere.subscribe(POSITIONS)
            await place.pulse()
            marks = [plain(place.best(OrderSide.BUY) + each) for each in range(20)]
            told = {name: len(peer.pushes(name)) for name in ("positions", "account")}
            for mark in marks:
                await place.mark(mark)
                await place.pulse(100)
            fresh = peer.pushes("positions")[told["positions"] :]
            assert 2 <= len(fresh) <= 3
            assert all("extraParams" not in push["arg"] for push in fresh)
            assert len(peer.pushes("account")) - told["account"] == len(fresh)
            assert fresh[-1]["data"][0]["markPx"] in marks
            assert len(elsewhere.pushes("positions")) == 1

    run(body)


def test_a_liquidation_is_told_on_every_channel() -> None:
    """A warning with the positions, then what was closed: to the owner, and to everyone without a name."""

    async def body() -> None:
        place = Place.opened()
        key = await place.account(10_000)
        await place.do(c.SetLeverage(account=key.account, instrument=SWAP, leverage=Decimal(50),
                                     margin_mode=MarginMode.CROSS, time=place.clock.now))  # fmt: skip
        for _ in range(6):
            await place.do(place.order(key, "buy", "70"))
            await place.step(2)
        async with place.peer("private", key) as peer, place.peer() as everyone:
            warnings = {"channel": "liquidation-warning", "instType": "SWAP"}
            await peer.subscribe(BOTH, POSITIONS, warnings, FILLS)
            await everyone.subscribe({"channel": "liquidation-orders", "instType": "SWAP"})
            for _ in range(60):
                price = place.exchange.venue.state.marks.mark[SWAP] - 100
                await place.do(*place.exchange.market.move(SWAP, price, place.clock.now, place.exchange.venue.state))
                await place.step()
                await place.pulse()
                if not place.exchange.venue.state.owners[key.account].positions:
                    break
            assert not place.exchange.venue.state.owners[key.account].positions
            assert peer.rows("liquidation-warning")[0]["instId"] == SWAP
            kinds = [row["eventType"] for row in peer.rows("balance_and_position")]
            assert "liquidation" in kinds
            closed = [row for row in peer.rows("positions") if row["pos"] == "0"]
            assert len(closed) == 1
            details = [detail for row in everyone.rows("liquidation-orders") for detail in row["details"]]
            assert {(each["side"], each["posSide"]) for each in details} == {("sell", "long")}
            assert key.account not in str(everyone.heard)

    run(body)


# ---------------------------------------------------------------- complete and in order

Step = tuple[str, str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["limit", "market", "cancel", "step", "close", "pulse"]),
        st.sampled_from(["buy", "sell"]),
        st.integers(-3, 30),
        st.integers(1, 9),
    ),
    max_size=30,
)


def _commands(place: Place, key: NewKey, step: Step) -> list[Command]:
    what, side, distance, contracts = step
    if what == "limit":
        best = place.best(OrderSide(side))
        price = best - 10 * distance if side == "buy" else best + 10 * distance
        return [place.order(key, side, str(contracts), price)]
    if what == "market":
        return [place.order(key, side, str(contracts)) for _ in range(2)]
    if what == "cancel":
        return cancel(place, key)
    owner = place.exchange.venue.state.owners[key.account]
    if what == "close":
        return [
            c.ClosePosition(account=key.account, instrument=SWAP, side=Side(held.side), margin_mode=MarginMode.CROSS,
                            time=place.clock.now)
            for held in owner.positions
        ]  # fmt: skip
    return []


async def _play(place: Place, key: NewKey, steps: list[Step]) -> None:
    for step in steps:
        if step[0] == "step":
            await place.step()
        elif step[0] == "pulse":
            await place.pulse()
        elif commands := _commands(place, key, step):
            await place.do(*commands)
    await place.pulse()


@given(steps=STEPS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_pushed_is_what_happened(place: Place, steps: list[Step]) -> None:
    """Orders, fills, balances and positions add up to the history, complete and in order, whatever is done."""

    async def body() -> None:
        key = await place.account()
        async with place.peer("private", key) as peer:
            await peer.subscribe(ORDERS, POSITIONS, BOTH, FILLS)
            await _play(place, key, steps)
            _orders_are_history(place, key, peer)
            _balances_are_bills(place, key, peer)
            _positions_are_history(place, key, peer)

    run(body)


def _orders_are_history(place: Place, key: NewKey, peer: Peer) -> None:
    shelf, told = place.exchange.venue.history.shelf, peer.rows("orders")
    orders: list[OrderRecord] = shelf.find(OrderRecord, {"account": key.account}, limit=10_000, oldest_first=True)
    fills: list[FillRecord] = shelf.find(FillRecord, {"account": key.account}, limit=10_000, oldest_first=True)
    ids = [trade_id(each.trade) for each in fills]
    assert [row["tradeId"] for row in told if row["tradeId"]] == ids
    assert [row["tradeId"] for row in peer.rows("fills")] == ids
    last = {row["ordId"]: (row["state"], row["accFillSz"], row["fee"], row["pnl"]) for row in told}
    assert last == {
        order_id(each.number): (each.state, *(plain(amount) for amount in (each.order.filled, each.fee, each.pnl)))
        for each in orders
    }
    filled: dict[str, Decimal] = {}
    for row in told:
        assert Decimal(row["accFillSz"]) == filled.get(row["ordId"], Decimal(0)) + Decimal(row["fillSz"])
        filled[row["ordId"]] = Decimal(row["accFillSz"])


def _balances_are_bills(place: Place, key: NewKey, peer: Peer) -> None:
    shelf = place.exchange.venue.history.shelf
    bills: list[BillRecord] = shelf.find(BillRecord, {"account": key.account}, limit=10_000, oldest_first=True)
    pushes = peer.rows("balance_and_position")
    told = [each["cashBal"] for push in pushes for each in push["balData"]]
    known = [plain(bill.balance) for bill in bills]
    rest_of_them = iter(known)
    assert all(each in rest_of_them for each in told)
    assert told[-1] == known[-1]
    trades = [each["tradeId"] for push in pushes for each in push["trades"]]
    assert trades == [row["tradeId"] for row in peer.rows("fills")]


def _positions_are_history(place: Place, key: NewKey, peer: Peer) -> None:
    flat = [row["posId"] for row in peer.rows("positions") if row["pos"] == "0"]
    closed = rest(place, key, account.positions_history, limit="100")
    assert sorted(flat) == sorted(row["posId"] for row in closed)
    now = rest(place, key, account.positions)
    assert [row["posId"] for row in peer.pushes("positions")[-1]["data"] if row["pos"] != "0"] == [
        row["posId"] for row in now
    ]


def test_a_private_client_that_does_not_read_is_ended_not_robbed(place: Place) -> None:
    """Until its queue is full it loses nothing; then the connection ends with a reason."""

    async def body() -> None:
        narrow = Place(place.exchange, place.clock, SocketLimits(frames=20))
        key = await narrow.account()
        async with narrow.peer("private", key) as peer:
            await peer.subscribe(ORDERS)
            peer.listen(False)
            for _ in range(5):
                await narrow.do(narrow.order(key, "buy", "1"))
                await narrow.pulse()
            peer.listen()
            await narrow.pulse()
            assert len(peer.rows("orders")) == 10
            peer.listen(False)
            for _ in range(15):
                await narrow.do(narrow.order(key, "buy", "1"))
                await narrow.pulse()
            peer.listen()
            await narrow.pulse()
            assert peer.closed is not None
            assert peer.closed[0] == 4005

    run(body)


def test_after_a_new_connection_the_present_is_there(place: Place) -> None:
    """Whoever comes back is shown what is open, without what was missed."""

    async def body() -> None:
        key = await place.account()
        async with place.peer("private", key) as peer:
            await peer.subscribe(POSITIONS)
        await place.do(place.order(key, "buy", "4"))
        await place.pulse()
        async with place.peer("private", key) as peer:
            await peer.subscribe(POSITIONS, BOTH)
            assert [row["pos"] for row in peer.rows("positions")] == ["4"]
            assert [row["pos"] for row in peer.rows("balance_and_position")[0]["posData"]] == ["4"]

    run(body)
