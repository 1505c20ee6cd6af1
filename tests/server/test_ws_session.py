"""A connection: greeting, login, subscriptions, operations, and everything that can be wrong with a message."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.ws_peer import SWAP, Peer, Place, login

from crossmargin.domain.account import OrderSide
from crossmargin.server.keys import NewKey
from crossmargin.server.okx.limits import Budgets
from crossmargin.server.ws.channels import CHANNELS
from crossmargin.server.ws.limits import SocketLimits
from crossmargin.server.ws.operations import OPERATIONS

TICKERS = {"channel": "tickers", "instId": SWAP}
ORDERS = {"channel": "orders", "instType": "ANY"}


@pytest.fixture(scope="module")
def place() -> Place:
    """One exchange for all; each test has accounts of its own."""
    return Place.opened()


def run(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run the body of a test."""
    asyncio.run(asyncio.wait_for(body(), 20))


def test_ping_is_answered(place: Place) -> None:
    """The text ping gets the text pong."""

    async def body() -> None:
        async with place.peer() as peer:
            await peer.say("ping")
            assert peer.heard == ["pong"]

    run(body)


def test_a_subscription_is_confirmed_then_filled(place: Place) -> None:
    """The argument comes back as it was sent, with a connection id and the client's id; then the data."""

    async def body() -> None:
        async with place.peer() as peer:
            await peer.say('{"id":"7","op":"subscribe","args":[{"instId":"BTC-USDT-SWAP", "channel":"tickers","x":1}]}')
            ack, data = peer.heard

            assert (ack["event"], ack["id"], len(ack["connId"])) == ("subscribe", "7", 8)
            assert ack["arg"] == data["arg"] == {"instId": SWAP, "channel": "tickers", "x": 1}
            assert data["data"][0]["instId"] == SWAP
            assert float(data["data"][0]["bidPx"]) < float(data["data"][0]["askPx"])

    run(body)


def test_what_is_unsubscribed_is_silent(place: Place) -> None:
    """After the confirmation nothing comes any more, however the argument is written."""

    async def body() -> None:
        async with place.peer() as peer:
            await peer.subscribe(TICKERS)
            (ack,) = await peer.subscribe({"instId": SWAP, "channel": "tickers"}, op="unsubscribe")
            assert ack["event"] == "unsubscribe"
            before = len(peer.heard)
            await place.stir()
            await place.pulse()

            assert len(peer.heard) == before

    run(body)


def test_the_same_subscription_twice_is_one(place: Place) -> None:
    """It is confirmed and filled again, and later data comes once."""

    async def body() -> None:
        async with place.peer() as peer:
            await peer.subscribe(TICKERS, TICKERS)
            before = len(peer.pushes("tickers"))
            await place.stir()
            await place.pulse()

            assert len(peer.pushes("tickers")) == before + 1

    run(body)


@pytest.mark.parametrize(
    ("path", "arg"),
    [
        ("public", {"channel": "nothing"}),
        ("public", {"channel": "tickers"}),
        ("public", {"channel": "tickers", "instId": "DOGE-USDT-SWAP"}),
        ("public", {"channel": "tickers", "instId": ["x"]}),
        ("public", {"channel": "instruments", "instType": "MOON"}),
        ("public", {"channel": "orders", "instType": "ANY"}),
        ("public", {"channel": "candle1m", "instId": SWAP}),
        ("public", {"channel": 5, "instId": SWAP}),
        ("private", TICKERS),
        ("business", {"channel": "candle7m", "instId": SWAP}),
        ("business", {"channel": "candle*", "instId": SWAP}),
        ("business", {"channel": "grid-orders-contract", "instType": "SWAP"}),
        ("business", {"channel": "index-candle1m", "instId": SWAP}),
    ],
)
def test_what_is_not_here_is_refused(place: Place, path: str, arg: dict[str, Any]) -> None:
    """A channel that is unknown, belongs to another path, or is about nothing known: 60018."""

    async def body() -> None:
        async with place.peer(path) as peer:
            (answer,) = await peer.subscribe(arg)
            assert (answer["event"], answer["code"]) == ("error", "60018")

    run(body)


def test_one_wrong_argument_leaves_the_others(place: Place) -> None:
    """Each argument is answered by itself."""

    async def body() -> None:
        async with place.peer() as peer:
            found = await peer.subscribe({"channel": "nothing"}, TICKERS)
            assert [each["event"] for each in found[:2]] == ["error", "subscribe"]

    run(body)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "pong",
        "[]",
        "5",
        "null",
        '"x"',
        "{",
        "{}",
        '{"op":5}',
        '{"op":"subscribe"}',
        '{"op":"subscribe","args":{}}',
        '{"op":"subscribe","args":[5]}',
        '{"op":"subscribe","args":[]}',
        '{"op":"subscribe","op":"subscribe","args":[]}',
        '{"op":"dance","args":[]}',
        '{"op":"ping"}',
        '{"op":"subscribe","args":[NaN]}',
        '{"op":"subscribe","id":5e9999,"args":[]}',
        '{"op":"subscribe","id":"' + "x" * 200 + '","args":[]}',
        '{"op":"subscribe","args":[{"channel":"\\ud800"}]}',
        '{"op":"subscribe","args":[{"channel":"tickers","instId":"' + "x" * 5000 + '"}]}',
        '{"op":"order","args":' + "[" * 5000 + "]" * 5000 + "}",
        "x" * 70_000,
        b"\x00\xff",
        b"ping",
    ],
)
def test_nonsense_is_answered(place: Place, message: str | bytes) -> None:
    """Whatever a message is, the answer is an error of the venue, and the connection goes on."""

    async def body() -> None:
        async with place.peer("private") as peer:
            answer = await peer.ask(message)
            assert answer["event"] == "error"
            assert answer["code"] in ("60011", "60012", "60013", "60018")
            await peer.say("ping")
            assert peer.heard[-1] == "pong"

    run(body)


def test_a_login_takes_a_time_in_text_or_as_a_number(place: Place) -> None:
    """Clients write the seconds either way, and business takes a login too."""

    async def body() -> None:
        key = await place.account()
        for path in ("private", "business", "public"):
            async with place.peer(path) as peer:
                answer = await peer.ask(login(key, place.clock.now, timestamp=place.clock.now // 1000))
                assert (answer["event"], answer["code"], answer["msg"]) == ("login", "0", "")

    run(body)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"apiKey": "nobody"}, "60005"),
        ({"apiKey": None}, "60005"),
        ({"timestamp": "1"}, "60006"),
        ({"timestamp": "now"}, "60006"),
        ({"sign": "x"}, "60007"),
        ({"sign": {"x": 1}}, "60007"),
        ({"passphrase": "wrong"}, "60024"),
        ({"passphrase": ""}, "60024"),
    ],
)
def test_a_wrong_login_says_what_is_wrong(place: Place, changed: dict[str, Any], code: str) -> None:
    """The venue's own code, and nobody is logged in."""

    async def body() -> None:
        key = await place.account()
        async with place.peer("private") as peer:
            answer = await peer.ask(login(key, place.clock.now, **changed))
            assert (answer["event"], answer["code"]) == ("error", code)
            assert (await peer.subscribe(ORDERS))[0]["code"] == "60011"

    run(body)


def test_five_wrong_logins_end_the_connection(place: Place) -> None:
    """Guessing is not for free."""

    async def body() -> None:
        key = await place.account()
        async with place.peer("private") as peer:
            for _ in range(5):
                await peer.say(login(key, place.clock.now, sign="x"))
            assert peer.closed == (4001, "Login failed")

    run(body)


def test_one_connection_is_one_account(place: Place) -> None:
    """A second key is refused, and two at once too."""

    async def body() -> None:
        one, two = await place.account(), await place.account()
        async with place.peer("private", one) as peer:
            assert (await peer.ask(login(two, place.clock.now)))["code"] == "60009"
            both = {"op": "login", "args": login(one, place.clock.now)["args"] * 2}
            assert (await peer.ask(both))["code"] == "60013"

    run(body)


@pytest.mark.parametrize("op", ["order", "cancel-order", "batch-orders", "amend-order"])
def test_orders_need_a_login_and_the_private_path(place: Place, op: str) -> None:
    """Without one the answer is 60011, elsewhere 60018."""

    async def body() -> None:
        async with place.peer("private") as peer, place.peer("public") as other:
            assert (await peer.ask({"id": "1", "op": op, "args": [{}]}))["code"] == "60011"
            assert (await other.ask({"id": "1", "op": op, "args": [{}]}))["code"] == "60018"

    run(body)


async def _order(place: Place, peer: Peer, **changed: Any) -> dict[str, Any]:
    code = place.exchange.code_of(SWAP)
    terms = {
        "instIdCode": code,
        "tdMode": "cross",
        "side": "buy",
        "ordType": "limit",
        "sz": "1",
        "px": "1000",
        **changed,
    }
    return await peer.ask({"id": "9", "op": "order", "args": [terms]})


def test_an_order_lives_and_dies_over_a_websocket(place: Place) -> None:
    """Placed by number of the instrument, amended, cancelled; a second cancel says that it is gone."""

    async def body() -> None:
        key = await place.account()
        price = str(place.best(OrderSide.BUY) * 9 // 10)
        async with place.peer("private", key) as peer:
            placed = await _order(place, peer, px=price)
            number = placed["data"][0]["ordId"]
            assert (placed["id"], placed["op"], placed["code"], placed["msg"]) == ("9", "order", "0", "")
            assert int(placed["outTime"]) >= int(placed["inTime"]) > 10**15
            amended = await peer.ask({"id": "10", "op": "amend-order", "args": [{"ordId": number, "newSz": "2"}]})
            assert amended["data"][0]["sCode"] == "0"
            for expected in ("0", "51401"):
                answer = await peer.ask({"id": "11", "op": "cancel-order", "args": [{"ordId": number}]})
                assert answer["data"][0]["sCode"] == expected

    run(body)


def test_a_refused_order_has_no_message_of_the_whole(place: Place) -> None:
    """Code 1 or 2, an empty message, and the reason in the row: that is where clients look."""

    async def body() -> None:
        key = await place.account()
        price = str(place.best(OrderSide.BUY) * 9 // 10)
        async with place.peer("private", key) as peer:
            refused = await _order(place, peer, px=price, sz="100000000")
            assert (refused["code"], refused["msg"], refused["data"][0]["sCode"]) == ("1", "", "51008")
            good = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "1", "px": price}
            mixed = await peer.ask({"id": "1", "op": "batch-orders", "args": [good, {**good, "sz": "0.0001"}]})
            assert (mixed["code"], mixed["msg"]) == ("2", "")
            assert [row["sCode"] for row in mixed["data"]] == ["0", "51121"]

    run(body)


def test_a_key_that_only_reads_places_nothing(place: Place) -> None:
    """Scopes hold here as they do over REST."""

    async def body() -> None:
        key = await place.account(scopes=("read",))
        async with place.peer("private", key) as peer:
            assert (await _order(place, peer))["code"] == "50120"

    run(body)


def test_a_revoked_key_ends_its_connections(place: Place) -> None:
    """They are closed with a reason at the next look, which is less than a second away; orders stop at once."""

    async def body() -> None:
        key, other = await place.account(), await place.account()
        async with place.peer("private", key) as peer, place.peer("private", other) as stays:
            await peer.subscribe(ORDERS)
            place.exchange.keys.revoke(key.key, place.clock.now)
            assert (await _order(place, peer))["code"] == "60005"
            await place.pulse()
            assert peer.closed is not None
            assert peer.closed[0] == 4007
            assert stays.closed is None

    run(body)


def test_a_quiet_connection_is_closed(place: Place) -> None:
    """Without a message either way for the time that is set; one that says ping stays."""

    async def body() -> None:
        quiet_place = Place(place.exchange, place.clock, SocketLimits(idle_s=0.2))
        async with quiet_place.peer() as silent, quiet_place.peer() as alive:
            for _ in range(6):
                await asyncio.sleep(0.05)
                await alive.say("ping")
                await quiet_place.pulse()
            assert silent.closed == (4004, "No data received in 0.2s.")
            assert alive.closed is None

    run(body)


def test_too_many_subscriptions_end_a_connection(place: Place) -> None:
    """The bound is the venue's: 480 of one connection."""

    async def body() -> None:
        async with place.peer() as peer:
            for start in range(0, 480, 60):
                await peer.subscribe(*({**TICKERS, "n": str(each)} for each in range(start, start + 60)))
            assert peer.closed is None
            await peer.subscribe({**TICKERS, "n": "one more"})
            assert peer.closed is not None
            assert peer.closed[0] == 4008

    run(body)


def test_connections_of_an_address_are_bounded(place: Place) -> None:
    """One too many is refused before it is accepted."""

    async def body() -> None:
        narrow = Place(place.exchange, place.clock, SocketLimits(connections=2))
        async with narrow.peer(), narrow.peer(), narrow.peer() as third:
            assert third.closed == (1008, "refused")

    run(body)


def test_an_unknown_path_is_refused(place: Place) -> None:
    """There are three."""

    async def body() -> None:
        async with place.peer("secret") as peer:
            assert peer.closed == (1008, "refused")

    run(body)


@pytest.mark.parametrize("more", [{"ccy": ["USDT"]}, {"extraParams": True}, {"instId": {"x": 1}}, {"instFamily": None}])
def test_an_account_is_asked_about_with_text(place: Place, more: dict[str, Any]) -> None:
    """What would fail at the next push is refused at once."""

    async def body() -> None:
        key = await place.account()
        async with place.peer("private", key) as peer:
            for arg in ({"channel": "account", **more}, {**ORDERS, **more}):
                assert (await peer.subscribe(arg))[0]["code"] == "60018"

    run(body)


def test_orders_draw_on_the_budget_of_the_key_and_cancels_on_their_own(place: Place) -> None:
    """One too many in two seconds is answered 50011; cancelling goes on."""

    async def body() -> None:
        key = await place.account()
        narrow = Place(place.exchange, place.clock)
        narrow.hub.budgets = Budgets(3)
        async with narrow.peer("private", key) as peer:
            price = str(place.best(OrderSide.BUY) * 9 // 10)
            answers = [await _order(narrow, peer, px=price) for _ in range(4)]
            assert [each["code"] for each in answers] == ["0", "0", "0", "50011"]
            number = answers[0]["data"][0]["ordId"]
            cancelled = await peer.ask({"id": "1", "op": "cancel-order", "args": [{"ordId": number}]})
            assert cancelled["code"] == "0"

    run(body)


def test_a_push_that_fails_ends_those_who_wait_for_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Their data would stand still unseen; everyone else goes on, and the log says what it was."""

    async def body() -> None:
        async with place.peer() as books, place.peer() as tickers:
            await books.subscribe({"channel": "books", "instId": SWAP})
            await tickers.subscribe(TICKERS)
            monkeypatch.setattr("crossmargin.server.ws.books.depth", lambda *_: 1 // 0)
            await place.stir()
            await place.pulse()
            assert books.closed == (4006, "Abnormal disconnection")
            assert tickers.closed is None
            assert len(tickers.pushes("tickers")) == 2

    run(body)
    assert "ZeroDivisionError" in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "channel": st.sampled_from([each.name.replace("*", "1m") for each in CHANNELS]) | JSON,
        "instId": st.sampled_from([SWAP, "BTC-USDT", "X"]) | JSON,
        "instType": st.sampled_from(["SWAP", "ANY", "SPOT"]) | JSON,
        "ccy": JSON,
        "extraParams": JSON,
        "sz": JSON,
        "px": JSON,
        "ordType": st.sampled_from(["limit", "market"]) | JSON,
        "side": st.sampled_from(["buy", "sell"]) | JSON,
        "tdMode": st.sampled_from(["cross"]) | JSON,
        "ordId": JSON,
        "clOrdId": JSON,
        "attachAlgoOrds": JSON,
    },
)
FRAMES = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["subscribe", "unsubscribe", "login", *OPERATIONS]),
        "args": st.lists(ARGUMENTS, max_size=3),
    },
    optional={"id": st.text(max_size=10) | JSON},
)


@given(
    messages=st.lists(st.one_of(FRAMES, JSON.map(json.dumps), st.text(), st.binary()), max_size=8),
    path=st.sampled_from(["public", "private", "business"]),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_message_breaks_a_connection(place: Place, messages: list[Any], path: str) -> None:
    """Whatever is said, each message is answered, pushes go on, and nobody else notices."""

    async def body() -> None:
        async with place.peer() as other, place.peer(path, FUZZED[0] if path != "public" else None) as peer:
            await other.subscribe(TICKERS)
            for message in messages:
                await peer.say(message)
            await place.step()
            await place.pulse()
            for each in (peer, other):
                await each.say("ping")
                assert each.heard[-1] == "pong"
                assert each.closed is None

    if not FUZZED:
        FUZZED.append(asyncio.run(place.account()))
    run(body)


FUZZED: list[NewKey] = []
"""The account that says anything."""
