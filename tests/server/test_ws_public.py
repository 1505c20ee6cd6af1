"""Public channels: the same rows as REST, books whose changes add up, and clients that are slow."""

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.ws_peer import SWAP, Peer, Place

from crossmargin.domain import command as c
from crossmargin.domain.account import OrderSide
from crossmargin.domain.command import Command
from crossmargin.server.keys import NewKey
from crossmargin.server.okx import market, public
from crossmargin.server.okx.call import Call
from crossmargin.server.ws import books
from crossmargin.server.ws.limits import SocketLimits

PAIR = "BTC-USDT"
Body = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def place() -> Place:
    """One exchange for all; each test has accounts of its own."""
    return Place.opened()


def run(body: Body) -> None:
    """Run the body of a test."""
    asyncio.run(asyncio.wait_for(body(), 60))


def rest(place: Place, handler: Callable[[Call], Any], **given: str) -> Any:  # noqa: ANN401 - rows of any shape
    """What REST answers."""
    return handler(Call(place.exchange, None, given))


def timeless(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without the moment at which they were made."""
    return [{name: value for name, value in row.items() if name != "ts"} for row in rows]


# ---------------------------------------------------------------- the same rows


@pytest.mark.parametrize(
    ("channel", "arg", "handler", "asked"),
    [
        ("tickers", {"instId": SWAP}, market.ticker, {"instId": SWAP}),
        ("mark-price", {"instId": SWAP}, public.mark_price, {"instId": SWAP, "instType": "SWAP"}),
        ("index-tickers", {"instId": PAIR}, market.index_tickers, {"instId": PAIR}),
        ("funding-rate", {"instId": SWAP}, public.funding_rate, {"instId": SWAP}),
        ("instruments", {"instType": "SWAP"}, public.instruments, {"instType": "SWAP"}),
        ("open-interest", {"instId": SWAP}, public.open_interest, {"instId": SWAP, "instType": "SWAP"}),
        ("price-limit", {"instId": SWAP}, public.price_limit, {"instId": SWAP}),
    ],
)
def test_a_channel_tells_what_rest_answers(
    place: Place, channel: str, arg: dict[str, str], handler: Callable[[Call], Any], asked: dict[str, str]
) -> None:
    """At once, and again when the market has moved."""

    async def body() -> None:
        async with place.peer() as peer:
            await peer.subscribe({"channel": channel, **arg})
            assert timeless(peer.rows(channel)) == timeless(rest(place, handler, **asked))
            await place.step(3)
            await place.pulse(10_000)
            rows = {row["instId"]: row for row in peer.rows(channel)}
            expected = {row["instId"]: row for row in rest(place, handler, **asked)}
            assert timeless([*rows.values()]) == timeless([*expected.values()])

    run(body)


@pytest.mark.parametrize(("channel", "levels"), [("books5", 5), ("bbo-tbt", 1)])
def test_the_top_of_the_book_is_whole_each_time(place: Place, channel: str, levels: int) -> None:
    """Without action and chain: the levels that REST shows to that depth, and its number."""

    async def body() -> None:
        async with place.peer() as peer:
            await peer.subscribe({"channel": channel, "instId": SWAP})
            await place.stir()
            await place.pulse()
            (expected,) = rest(place, market.books, instId=SWAP, sz=str(levels))
            push = peer.pushes(channel)[-1]
            (row,) = push["data"]
            assert "action" not in push
            assert [row[name] for name in ("asks", "bids", "seqId")] == [
                expected[name] for name in ("asks", "bids", "seqId")
            ]

    run(body)


@pytest.mark.parametrize(
    ("channel", "name", "handler"),
    [
        ("candle1m", SWAP, market.candles),
        ("candle1Dutc", SWAP, market.candles),
        ("mark-price-candle1m", SWAP, market.mark_candles),
        ("index-candle1m", PAIR, market.index_candles),
    ],
)
def test_bars_are_told_until_they_are_over(
    place: Place, channel: str, name: str, handler: Callable[[Call], Any]
) -> None:
    """The newest bar as REST has it; each minute once more, closed, before the next one."""

    async def body() -> None:
        async with place.peer("business") as peer:
            await peer.subscribe({"channel": channel, "instId": name})
            for _ in range(70):
                await place.step()
                await place.pulse()
            bar = channel[channel.index("candle") + 6 :]
            expected = rest(place, handler, instId=name, bar=bar, limit="2")
            told = peer.rows(channel)
            assert told[-1] == expected[0]
            if bar == "1m":
                closed = [row for row in told if row[-1] == "1"]
                assert expected[1] in closed
                assert [row[0] for row in told] == sorted(row[0] for row in told)

    run(body)


def test_each_trade_is_told_on_both_paths(place: Place) -> None:
    """In order, with the numbers that REST lists."""

    async def body() -> None:
        async with place.peer() as one, place.peer("business") as two:
            await one.subscribe({"channel": "trades", "instId": SWAP})
            await two.subscribe({"channel": "trades-all", "instId": SWAP})
            await place.step(10)
            await place.pulse()
            told = one.rows("trades")
            assert told
            assert told == two.rows("trades-all")
            assert told[::-1] == rest(place, market.trades, instId=SWAP, limit=str(len(told)))

    run(body)


def test_a_change_of_what_is_listed_is_told(place: Place) -> None:
    """Only the instruments that changed: trading of one is stopped, and goes on."""

    async def body() -> None:
        async with place.peer() as peer:
            await peer.subscribe({"channel": "instruments", "instType": "SWAP"})
            await place.pulse(10_000)
            for on, state in ((False, "suspend"), (True, "live")):
                await place.do(c.SwitchTrading(instrument="SOL-USDT-SWAP", on=on, time=place.clock.now))
                await place.pulse(10_000)
                (row,) = peer.pushes("instruments")[-1]["data"]
                assert (row["instId"], row["state"]) == ("SOL-USDT-SWAP", state)

    run(body)


def test_a_push_is_rendered_once_for_all(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty clients of a book cost one look at it, and one that has not changed costs none."""
    looks: list[str] = []
    depth = market.depth

    def counted(exchange: Any, name: str, size: int) -> Any:  # noqa: ANN401 - passed on
        looks.append(name)
        return depth(exchange, name, size)

    async def body() -> None:
        peers = [Peer(place, "public") for _ in range(20)]
        for peer in peers:
            await peer.subscribe({"channel": "books", "instId": SWAP})
        await place.pulse()
        monkeypatch.setattr(books, "depth", counted)
        await place.pulse()
        assert looks == []
        await place.stir()
        await place.pulse()
        assert looks == [SWAP]
        assert all(len(peer.pushes("books")) == 2 for peer in peers)
        for peer in peers:
            await peer.close()

    run(body)


def test_pushes_keep_their_distance(place: Place) -> None:
    """Books come every 100 ms at most, however often they change."""

    async def body() -> None:
        async with place.peer() as peer:
            await peer.subscribe({"channel": "books", "instId": SWAP})
            await place.stir()
            await place.pulse()
            before = len(peer.pushes("books"))
            for _ in range(10):
                await place.stir()
                await place.pulse(20)
            assert len(peer.pushes("books")) - before in (1, 2)

    run(body)


# ---------------------------------------------------------------- the chain


class Copy:
    """A book that a client keeps by what it is told."""

    def __init__(self) -> None:
        """Wait for the snapshot."""
        self.sides: dict[str, dict[str, list[str]]] = {"asks": {}, "bids": {}}
        self.number = -1
        self.snapshots = 0

    def take(self, push: dict[str, Any]) -> None:
        """Follow; a gap in the chain is an error."""
        (row,) = push["data"]
        if push["action"] == "snapshot":
            assert row["prevSeqId"] == -1
            self.sides = {"asks": {}, "bids": {}}
            self.snapshots += 1
        else:
            assert row["prevSeqId"] == self.number
        self.number = row["seqId"]
        for name, side in self.sides.items():
            for level in row[name]:
                if level[1] == "0":
                    del side[level[0]]
                else:
                    side[level[0]] = level
        assert row["checksum"] == books.checksum(*self.ordered)

    @property
    def ordered(self) -> tuple[list[list[str]], list[list[str]]]:
        """Asks and bids, best first."""
        asks = sorted(self.sides["asks"].values(), key=lambda level: Decimal(level[0]))
        return asks, sorted(self.sides["bids"].values(), key=lambda level: -Decimal(level[0]))


Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell", "take", "cancel", "market", "deaf", "listen", "come"]),
        st.integers(1, 60),
        st.integers(1, 5),
    ),
    max_size=40,
)


def _command(place: Place, key: NewKey, step: Step) -> list[Command]:
    what, distance, contracts = step
    tick = Decimal("0.1")
    if what in ("buy", "sell"):
        side = OrderSide(what)
        best = place.best(OrderSide.SELL if what == "buy" else OrderSide.BUY)
        price = best - distance * 10 * tick if what == "buy" else best + distance * 10 * tick
        return [place.order(key, side, str(contracts), price)]
    if what == "take":
        return [place.order(key, "buy" if distance % 2 else "sell", str(contracts))]
    live = place.exchange.venue.history.live.get(key.account, {})
    if what == "cancel" and live:
        number = [*live][distance % len(live)]
        return [c.CancelOrder(account=key.account, order=f"o{number}", time=place.clock.now)]
    return []


async def _play(place: Place, channel: str, steps: list[Step], peers: list[Peer]) -> dict[int, tuple[Any, Any]]:
    """Let all of it happen; what REST answered after each step, by number."""
    key = await place.account()
    _, slow, late = peers
    known: dict[int, tuple[Any, Any]] = {}
    for step in steps:
        if step[0] in ("deaf", "listen"):
            slow.listen(step[0] == "listen")
        elif step[0] == "come":
            await late.subscribe({"channel": channel, "instId": SWAP})
        elif step[0] == "market":
            await place.step()
        await place.do(*_command(place, key, step))
        (row,) = rest(place, market.books, instId=SWAP, sz="400" if channel == "books" else "50")
        known[row["seqId"]] = row["asks"], row["bids"]
        await place.pulse()
    slow.listen()
    await place.pulse()
    return known


@pytest.mark.parametrize("channel", ["books", "books50-l2-tbt"])
@given(steps=STEPS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_snapshot_and_changes_are_the_book_of_rest(channel: str, place: Place, steps: list[Step]) -> None:
    """At every number that is pushed, for one who always listens, one who lags, and one who comes later."""

    async def body() -> None:
        peers = [Peer(place, "public") for _ in range(3)]
        for peer in peers[:2]:
            await peer.subscribe({"channel": channel, "instId": SWAP})
        known = await _play(place, channel, steps, peers)
        for peer in peers:
            copy = Copy()
            for push in peer.pushes(channel):
                copy.take(push)
                if copy.number in known:
                    assert copy.ordered == known[copy.number]
            await peer.close()
        numbers = {copy_of(peer, channel).number for peer in peers[:2]}
        assert len(numbers) == 1
        assert not known or numbers == {max(known)}

    run(body)


def copy_of(peer: Peer, channel: str) -> Copy:
    """The book that a client has come to."""
    copy = Copy()
    for push in peer.pushes(channel):
        copy.take(push)
    return copy


# ---------------------------------------------------------------- clients that are slow


def test_a_slow_client_sees_the_present(place: Place) -> None:
    """Marks that it missed are gone; the newest one is there, once."""

    async def body() -> None:
        async with place.peer() as peer:
            await peer.subscribe({"channel": "mark-price", "instId": SWAP})
            peer.listen(False)
            prices = [str(90_000 + each) for each in range(30)]
            for price in prices:
                await place.mark(price)
                await place.pulse()
            before = len(peer.heard)
            peer.listen()
            await place.pulse()
            told = [row["markPx"] for each in peer.heard[before:] for row in each["data"]]
            assert told == [prices[0], prices[-1]]

    run(body)


def test_a_client_that_lags_behind_a_book_starts_anew(place: Place) -> None:
    """Instead of the changes that it missed it is given a snapshot, and the chain goes on from there."""

    async def body() -> None:
        async with place.peer() as peer:
            await peer.subscribe({"channel": "books", "instId": SWAP})
            peer.listen(False)
            for _ in range(5):
                await place.stir()
                await place.pulse()
            peer.listen()
            await place.pulse()
            await place.stir()
            await place.pulse()
            actions = [push["action"] for push in peer.pushes("books")]
            assert actions == ["snapshot", "update", "snapshot", "update"]
            assert copy_of(peer, "books").snapshots == 2

    run(body)


def test_a_client_that_reads_nothing_is_dropped(place: Place) -> None:
    """Once a message could not be delivered for the time that is set; the others stay."""

    async def body() -> None:
        strict = Place(place.exchange, place.clock, SocketLimits(stall_s=0.1))
        async with strict.peer() as dead, strict.peer() as alive:
            for peer in (dead, alive):
                await peer.subscribe({"channel": "mark-price", "instId": SWAP})
            dead.listen(False)
            for each in range(8):
                await strict.mark(str(91_000 + each))
                await strict.pulse()
                await asyncio.sleep(0.03)
            assert dead.task.done()
            assert not alive.task.done()
            assert strict.hub.ended == {4005: 1}

    run(body)


def test_events_that_do_not_fit_end_the_connection(place: Place) -> None:
    """Trades may not be left out: who does not take them is closed with a reason."""

    async def body() -> None:
        narrow = Place(place.exchange, place.clock, SocketLimits(frames=3))
        async with narrow.peer() as peer:
            await peer.subscribe({"channel": "trades", "instId": SWAP})
            peer.listen(False)
            key = await narrow.account()
            for _ in range(6):
                await narrow.do(narrow.order(key, "buy", "1"), narrow.order(key, "sell", "1"))
                await narrow.pulse()
            peer.listen()
            await narrow.pulse()
            assert peer.closed is not None
            assert peer.closed[0] == 4005
            assert "too slowly" in peer.closed[1]

    run(body)
