"""A crowd: an exchange behind a socket, its marks driven fast, with clients that read and clients that never do."""

import asyncio
import base64
import json
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from tests.server.ws_peer import login

from crossmargin import market
from crossmargin.domain import command as c
from crossmargin.domain.account import MarginMode, OrderSide
from crossmargin.server.keys import NewKey
from crossmargin.server.okx.limits import Budgets
from crossmargin.server.run import Options, open_exchange, wall_clock
from crossmargin.server.ws.hub import Hub
from crossmargin.server.ws.session import Session
from crossmargin.server.ws.wire import Wire

ACCOUNT = "crowd"
MARKS_A_SECOND = 20
ORDERS_A_SECOND = 10


class Watched(Hub):
    """A hub that notes how long each connection was blocked before it went.

    Attributes:
        waits: Seconds between the moment a message got stuck and the end of the connection.
    """

    def __init__(self, *given: Any) -> None:
        """Nobody is stuck."""
        super().__init__(*given)
        self.waits: list[float] = []
        self._stuck: dict[Session, float] = {}

    def pulse(self, now: int) -> None:
        """Look, then pulse."""
        super().pulse(now)
        moment = self.time()
        for session in [*self._stuck]:
            if session not in self.sessions:
                self.waits.append(moment - self._stuck.pop(session))
            elif session.blocked is None:
                del self._stuck[session]
        for session in self.sessions:
            if session.blocked is not None:
                self._stuck.setdefault(session, session.blocked)


class Crowd:
    """An exchange and what its clients need to know.

    Attributes:
        placed: Numbers of orders that were accepted, in order.
    """

    def __init__(self) -> None:
        """Open it, with an account that trades."""
        self.exchange = open_exchange(market.open("generated:7"), Options()).exchange
        self.hub = Watched(self.exchange, Budgets(0))
        self.instruments = [each.id for each in self.exchange.instruments()]
        self.key: NewKey = self.exchange.keys.create(ACCOUNT, now=wall_clock())
        self.exchange.venue.run(
            [c.Deposit(account=ACCOUNT, currency="USDT", amount=Decimal(1_000_000), time=wall_clock())]
        )
        self.placed: list[str] = []
        self.port = 0
        self._over = threading.Event()
        self._ready = threading.Event()

    # ------------------------------------------------------------------ the server's side

    async def serve(self) -> None:
        """Serve until told to stop."""
        app = Starlette(routes=[WebSocketRoute("/ws/v5/{path}", self.hub)])
        config = uvicorn.Config(
            app,
            port=0,
            log_level="warning",
            ws=Wire,
            ws_per_message_deflate=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        tasks = [asyncio.create_task(each) for each in (server.serve(), self.hub.run(), self._marks(), self._orders())]
        while not server.started:
            await asyncio.sleep(0.01)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        self._ready.set()
        while not self._over.is_set():
            await asyncio.sleep(0.05)
        for task in tasks[1:]:
            task.cancel()
        server.should_exit = True
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _marks(self) -> None:
        """Each instrument's mark goes up and down a little."""
        venue, count = self.exchange.venue, 0
        first = dict(venue.state.marks.mark)
        while True:
            count += 1
            shift = Decimal(1) + Decimal(count % 7) / 100_000
            await venue.submit_all(
                c.SetMark(instrument=name, price=price, last=price, time=venue.now())
                for name, price in ((name, first[name] * shift) for name in self.instruments)
            )
            await asyncio.sleep(1 / MARKS_A_SECOND)

    async def _orders(self) -> None:
        """Orders that rest and are cancelled: two private events each."""
        venue = self.exchange.venue
        name = self.instruments[0]
        price = venue.state.books[name].best(OrderSide.BUY)
        assert price is not None
        while True:
            order = c.PlaceOrder(
                account=ACCOUNT,
                instrument=name,
                side=OrderSide.BUY,
                contracts=Decimal(1),
                price=price - 1000,
                margin_mode=MarginMode.CROSS,
                time=venue.now(),
            )
            await venue.submit(order)
            ((number, _),) = venue.history.live[ACCOUNT].items()
            self.placed.append(str(10**18 + number))
            await venue.submit(c.CancelOrder(account=ACCOUNT, order=f"o{number}", time=venue.now()))
            await asyncio.sleep(1 / ORDERS_A_SECOND)

    @contextmanager
    def running(self) -> Iterator["Crowd"]:
        """Serve in a thread of its own until the block ends."""
        thread = threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True)
        thread.start()
        assert self._ready.wait(20), "the server did not start"
        try:
            yield self
        finally:
            self._over.set()
            thread.join(10)
        assert not thread.is_alive()

    # ------------------------------------------------------------------ the clients' side

    def wants(self, path: str) -> list[dict[str, Any]]:
        """What a client of a path subscribes to."""
        if path == "private":
            return [{"channel": "orders", "instType": "ANY"}, {"channel": "account"}]
        return [
            {"channel": channel, "instId": name}
            for channel in ("mark-price", "tickers", "price-limit", "books")
            for name in self.instruments
        ]

    def opening(self, path: str) -> list[str]:
        """The first messages of a client."""
        first = [login(self.key, wall_clock())] if path == "private" else []
        return [json.dumps(each) for each in (*first, {"op": "subscribe", "args": self.wants(path)})]

    def url(self, path: str) -> str:
        """Where a path is."""
        return f"ws://127.0.0.1:{self.port}/ws/v5/{path}"


class Reader:
    """A client that reads everything.

    Attributes:
        live, gone: Orders that it was told of as working, and as cancelled.
        heard: How many messages.
    """

    def __init__(self, crowd: Crowd, path: str) -> None:
        """Nothing is heard yet."""
        self.crowd, self.path = crowd, path
        self.live: list[str] = []
        self.gone: list[str] = []
        self.heard = 0

    async def read(self, seconds: float) -> None:
        """Read for a while, and say ping now and then."""
        async with websockets.connect(self.crowd.url(self.path), compression=None) as connection:
            for message in self.crowd.opening(self.path):
                await connection.send(message)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                try:
                    async with asyncio.timeout(1):
                        text = await connection.recv()
                except TimeoutError:
                    await connection.send("ping")
                    continue
                self._take(json.loads(text) if text != "pong" else {})

    def _take(self, message: dict[str, Any]) -> None:
        self.heard += 1
        if self.path == "private" and message.get("arg", {}).get("channel") == "orders":
            for row in message.get("data", ()):
                (self.live if row["state"] == "live" else self.gone).append(row["ordId"])


class Dead:
    """A client that connects, asks, and never reads."""

    def __init__(self, crowd: Crowd, path: str) -> None:
        """Connect and ask."""
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", crowd.port))
        secret = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws/v5/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {secret}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        greeting = b""
        while not greeting.endswith(b"\r\n\r\n"):  # the last thing that it takes
            greeting += self.socket.recv(1)
        for message in crowd.opening(path):
            self.socket.sendall(_masked(message.encode()))

    def dropped(self) -> bool:
        """Whether the server has cut the line."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))


def _masked(text: bytes) -> bytes:
    """A text frame of a client."""
    mask = b"\x00\x00\x00\x00"
    size = len(text)
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
    return head + mask + text


def resident() -> int:
    """Bytes that this process holds in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
