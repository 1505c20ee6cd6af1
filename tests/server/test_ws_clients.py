"""Real clients behind a socket: ccxt.pro, python-okx over TLS, and a browser that is not ours."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import ccxt.pro
import pytest
import websockets
from okx.websocket.WsPrivateAsync import WsPrivateAsync  # type: ignore[import-untyped]
from okx.websocket.WsPublicAsync import WsPublicAsync  # type: ignore[import-untyped]
from tests.server.outside import Outside, served
from tests.server.ws_peer import SWAP, login

from crossmargin.server.keys import NewKey
from crossmargin.server.run import wall_clock
from crossmargin.server.tls import Certificate, own_certificate

pytestmark = pytest.mark.filterwarnings("ignore")

BTC = "BTC/USDT:USDT"


def socket_url(outside: Outside, path: str = "") -> str:
    """Where a path of the WebSocket side is."""
    return f"ws{outside.url.removeprefix('http')}/ws/v5{path}"


# ---------------------------------------------------------------- ccxt.pro


@contextlib.asynccontextmanager
async def _trader(outside: Outside, key: NewKey) -> Any:  # noqa: ANN401 - a ccxt exchange
    given = {"apiKey": key.key, "secret": key.secret, "password": key.passphrase, "enableRateLimit": False}
    urls = {"api": {"rest": outside.url, "ws": socket_url(outside)}}
    client = ccxt.pro.okx({**given, "urls": urls, "options": {"defaultType": "swap"}})
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


def run(body: Callable[[], Awaitable[None]]) -> None:
    """Run the body of a test."""

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await body()

    asyncio.run(bounded())


async def _started(watching: Any) -> "asyncio.Task[Any]":  # noqa: ANN401 - a call of ccxt
    """A watch that has had time to subscribe."""
    task: asyncio.Task[Any] = asyncio.ensure_future(watching)
    await asyncio.sleep(0.5)
    return task


def test_ccxt_watches_public_data(outside: Outside) -> None:
    """Ticker, books of three depths, trades, bars, mark and funding are what they are over REST."""

    async def body() -> None:
        key = outside.account()
        async with _trader(outside, key) as client:
            ticker, book = await client.fetch_ticker(BTC), await client.fetch_order_book(BTC, 400)
            assert (await client.watch_ticker(BTC))["bid"] == ticker["bid"]
            watched = await client.watch_order_book(BTC)
            assert [list(each[:2]) for each in watched["asks"]] == [each[:2] for each in book["asks"]]
            assert len((await client.watch_order_book(BTC, 5))["bids"]) == 5
            assert len((await client.watch_order_book(BTC, 50))["bids"]) == len(book["bids"])
            assert (await client.watch_bids_asks([BTC]))[BTC]["ask"] == ticker["ask"]
            assert (await client.watch_mark_price(BTC))["markPrice"] == (await client.fetch_mark_price(BTC))[
                "markPrice"
            ]
            assert (await client.watch_funding_rate(BTC))["fundingRate"] is not None
            assert (await client.watch_ohlcv(BTC, "1m"))[-1] == (await client.fetch_ohlcv(BTC, "1m"))[-1]
            trades = await _started(client.watch_trades(BTC))
            await client.create_order(BTC, "market", "buy", 2)
            assert [each["amount"] for each in await trades] == [2]
            await client.un_watch_ticker(BTC)

    run(body)


def test_ccxt_trades_and_hears_of_it(outside: Outside) -> None:
    """Orders over the socket, amended and cancelled there; balance, orders, trades and positions follow."""

    async def body() -> None:
        key = outside.account()
        async with _trader(outside, key) as client:
            assert (await client.watch_balance())["USDT"]["total"] == 10_000
            price = round((await client.fetch_ticker(BTC))["bid"] * 0.9)
            orders = await _started(client.watch_orders(BTC))
            placed = await client.create_order_ws(BTC, "limit", "buy", 1, price)
            heard = (await orders)[-1]
            assert (heard["id"], heard["status"], heard["price"]) == (placed["id"], "open", price)
            orders = await _started(client.watch_orders(BTC))
            await client.edit_order_ws(placed["id"], BTC, "limit", "buy", 2, price)
            assert (await orders)[-1]["amount"] == 2
            orders = await _started(client.watch_orders(BTC))
            await client.cancel_order_ws(placed["id"], BTC)
            assert (await orders)[-1]["status"] == "canceled"
            with pytest.raises(ccxt.InsufficientFunds):
                await client.create_order_ws(BTC, "limit", "buy", 1_000_000, price)
            trades = await _started(client.watch_my_trades(BTC))
            await client.create_order_ws(BTC, "market", "buy", 3)
            mine = await trades
            assert sum(each["amount"] for each in mine) == 3
            assert {each["takerOrMaker"] for each in mine} == {"taker"}
            positions = {each["symbol"]: each["contracts"] for each in await client.watch_positions([BTC])}
            assert positions == {BTC: 3}

    run(body)


def test_ccxt_with_a_wrong_secret_is_told_so(outside: Outside) -> None:
    """As over REST: an error of authentication."""

    async def body() -> None:
        key = outside.account()
        async with _trader(outside, key) as client:
            client.secret = "wrong"
            with pytest.raises(ccxt.AuthenticationError):
                await client.watch_balance()

    run(body)


# ---------------------------------------------------------------- python-okx


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate of our own."""
    return own_certificate(tmp_path_factory.mktemp("tls") / "venue.db", "127.0.0.1")


@pytest.fixture(scope="module")
def encrypted(certificate: Certificate) -> Iterator[Outside]:
    """An exchange behind TLS."""
    with served(certificate=certificate) as found:
        yield found


@pytest.mark.slow
def test_python_okx_over_tls(encrypted: Outside, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue's own library: public data, a login with the time as a number, orders and their pushes."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    heard: list[dict[str, Any]] = []

    def hear(message: str) -> None:
        heard.append(json.loads(message))

    async def until(wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            for each in heard:
                if wanted(each):
                    return each
            await asyncio.sleep(0.05)

    async def body() -> None:
        key = encrypted.account()
        public = WsPublicAsync(socket_url(encrypted, "/public"))
        private = WsPrivateAsync(key.key, key.passphrase, key.secret, socket_url(encrypted, "/private"))
        reading = [await public.start(), await private.start()]
        await public.subscribe([{"channel": "tickers", "instId": SWAP}], hear)
        push = await until(lambda each: "data" in each)
        price = str(round(float(push["data"][0]["bidPx"]) * 0.9))
        await private.subscribe([{"channel": "orders", "instType": "ANY"}], hear)
        await until(lambda each: each.get("event") == "subscribe" and each["arg"]["channel"] == "orders")
        order = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "1", "px": price}
        await private.place_order([order], hear, id="1")
        answer = await until(lambda each: each.get("op") == "order")
        (row,) = answer["data"]
        assert (answer["code"], row["sCode"]) == ("0", "0")
        push = await until(lambda each: "data" in each and each.get("arg", {}).get("channel") == "orders")
        assert (push["data"][0]["ordId"], push["data"][0]["state"]) == (row["ordId"], "live")
        await private.cancel_order([{"instId": SWAP, "ordId": row["ordId"]}], hear, id="2")
        assert (await until(lambda each: each.get("id") == "2"))["data"][0]["sCode"] == "0"
        for client, task in zip((public, private), reading, strict=True):
            await client.stop()
            await asyncio.gather(task, return_exceptions=True)

    run(body)


# ---------------------------------------------------------------- the door


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}], ids=str
)
def test_a_page_of_somebody_else_is_not_served(outside: Outside, headers: dict[str, str]) -> None:
    """An origin or a host that is not ours is refused before the connection is made."""

    async def body() -> None:
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(socket_url(outside, "/public"), additional_headers=headers)
        assert refused.value.response.status_code == 403

    run(body)


def test_a_message_beyond_all_use_ends_the_connection(outside: Outside) -> None:
    """Half a megabyte is refused by the protocol; the server goes on."""

    async def body() -> None:
        async with websockets.connect(socket_url(outside, "/public")) as connection:
            await connection.send("x" * 500_000)
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await connection.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        async with websockets.connect(socket_url(outside, "/public")) as connection:
            await connection.send("ping")
            assert await connection.recv() == "pong"

    run(body)


def test_a_key_revoked_by_another_process_ends_its_connections(outside: Outside) -> None:
    """Within a second, though nothing is said on them."""

    async def body() -> None:
        key = outside.account()
        async with websockets.connect(socket_url(outside, "/private")) as connection:
            await connection.send(json.dumps(login(key, wall_clock())))
            assert json.loads(await connection.recv())["event"] == "login"
            outside.keys.revoke(key.key, wall_clock())
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(connection.recv(), 1)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4007

    run(body)


# ---------------------------------------------------------------- a restart


def test_after_a_restart_a_chain_begins_anew(tmp_path: Path) -> None:
    """Whoever subscribes again gets a snapshot, and the account's positions as they were."""
    from tests.server.inside import SWAP as SAME
    from tests.server.inside import Inside, files
    from tests.server.ws_peer import Clock, Place

    assert SAME == SWAP
    options = files(tmp_path)
    first = Inside(options=options)
    key = first.account("ann")
    assert first.place(key, ordType="market", px="").row["sCode"] == "0"
    first.close()
    second = Inside(options=options)

    async def body() -> None:
        place = Place(second.exchange, Clock())
        place.clock.now = second.clock()
        async with place.peer() as public, place.peer("private", key) as private:
            await public.subscribe({"channel": "books", "instId": SWAP})
            await private.subscribe({"channel": "positions", "instType": "ANY"})
            assert [push["action"] for push in public.pushes("books")] == ["snapshot"]
            assert [row["pos"] for row in private.rows("positions")] == ["1"]

    run(body)
    second.close()
