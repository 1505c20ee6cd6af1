"""An exchange in this process, driven by a counter instead of a clock, and clients of its WebSocket side."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterable, MutableMapping
from decimal import Decimal
from typing import Any

from crossmargin.domain import command as c
from crossmargin.domain.account import MarginMode, OrderSide, OrderType
from crossmargin.engine.engine import Outcome
from crossmargin.market.text import open_market
from crossmargin.server.exchange import Exchange
from crossmargin.server.keys import NewKey
from crossmargin.server.okx.limits import Budgets
from crossmargin.server.run import Options, open_exchange
from crossmargin.server.ws.hub import Hub
from crossmargin.server.ws.limits import SocketLimits

START = 1_790_000_000_000
SWAP = "BTC-USDT-SWAP"

Message = dict[str, Any] | str | bytes


class Clock:
    """Milliseconds that pass when told to."""

    def __init__(self) -> None:
        """Start on a full second."""
        self.now = START

    def __call__(self) -> int:
        """The time."""
        return self.now


class Place:
    """An exchange with its hub.

    Attributes:
        hub: What clients talk to.
        ticks: Milliseconds of the pulse's own clock.
    """

    def __init__(self, exchange: Exchange, clock: Clock, limits: SocketLimits | None = None) -> None:
        """Put a hub in front of an exchange."""
        self.exchange, self.clock = exchange, clock
        self.hub = Hub(exchange, Budgets(0), limits)
        self.ticks = 0
        self._stirrer = exchange.keys.create(f"stirrer{len(exchange.keys.accounts())}", now=clock())
        money = c.Deposit(account=self._stirrer.account, currency="USDT", amount=Decimal(1_000_000), time=clock())
        exchange.venue.run([money])

    @classmethod
    def opened(cls, market: str = "generated:7", limits: SocketLimits | None = None) -> "Place":
        """A new exchange."""
        clock = Clock()
        return cls(open_exchange(open_market(market), Options(), now=clock).exchange, clock, limits)

    async def do(self, *commands: c.Command) -> list[Outcome]:
        """Decide commands, all together."""
        return await self.exchange.venue.submit_all(commands)

    async def step(self, seconds: int = 1) -> None:
        """Let the market take steps."""
        venue = self.exchange.venue
        for _ in range(seconds):
            self.clock.now += 1_000
            await self.do(*self.exchange.market.step(venue.now(), venue.state))

    async def pulse(self, milliseconds: int = 1_000) -> None:
        """Let the pulse's clock go on, and everyone hear."""
        self.ticks += milliseconds
        await self.exchange.venue.settled()
        self.hub.pulse(self.ticks)
        await quiet()

    async def mark(self, price: str, instrument: str = SWAP) -> None:
        """Another mark."""
        await self.do(c.SetMark(instrument=instrument, price=Decimal(price), time=self.clock.now))

    async def stir(self) -> None:
        """Change the book: an order far below rests."""
        price = self.best(OrderSide.BUY) - 500
        await self.do(self.order(self._stirrer, "buy", "1", price))

    async def account(self, money: int = 100_000, scopes: tuple[str, ...] = ("read", "trade")) -> NewKey:
        """An account of its own with USDT, and a key for it."""
        name = f"peer{len(self.exchange.keys.accounts())}"
        key = self.exchange.keys.create(name, scopes=scopes, now=self.clock.now)
        await self.do(c.Deposit(account=name, currency="USDT", amount=Decimal(money), time=self.clock.now))
        return key

    def order(self, key: NewKey, side: str, contracts: str, price: object = None, **more: Any) -> c.PlaceOrder:
        """An order in cross mode; at market without a price."""
        return c.PlaceOrder(
            account=key.account,
            instrument=more.pop("instrument", SWAP),
            side=OrderSide(side),
            contracts=Decimal(contracts),
            price=None if price is None else Decimal(str(price)),
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            margin_mode=MarginMode.CROSS,
            time=self.clock.now,
            **more,
        )

    def best(self, side: OrderSide, instrument: str = SWAP) -> Decimal:
        """Best price of a side."""
        found = self.exchange.venue.state.books[instrument].best(side)
        assert found is not None
        return found

    @contextlib.asynccontextmanager
    async def peer(self, path: str = "public", key: NewKey | None = None) -> AsyncIterator["Peer"]:
        """A client on a path, logged in where there is a key."""
        one = Peer(self, path)
        try:
            await quiet()
            if key is not None:
                assert (await one.ask(login(key, self.clock.now)))["event"] == "login"
            yield one
        finally:
            await one.close()


class Peer:
    """A client.

    Attributes:
        heard: What came, in order.
        closed: Code and reason of the close.
    """

    def __init__(self, place: Place, path: str) -> None:
        """Connect."""
        self.place = place
        self.heard: list[Any] = []
        self.closed: tuple[int, str] | None = None
        self._said: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._said.put_nowait({"type": "websocket.connect"})
        self._listening = asyncio.Event()
        self._listening.set()
        scope = {"type": "websocket", "path": f"/ws/v5/{path}", "client": ("127.0.0.1", 1)}
        self.task = asyncio.create_task(self._serve(scope))

    async def _serve(self, scope: dict[str, Any]) -> None:
        await self.place.hub(scope, self._said.get, self._take)

    async def _take(self, message: MutableMapping[str, Any]) -> None:
        await self._listening.wait()
        if message["type"] == "websocket.close":
            self.closed = message["code"], message["reason"]
            self._said.put_nowait({"type": "websocket.disconnect"})
        elif message["type"] == "websocket.send":
            text = message["text"]
            self.heard.append(text if text == "pong" else json.loads(text))

    async def say(self, message: Message) -> None:
        """Send an object, or text or octets as they are."""
        if isinstance(message, bytes):
            self._said.put_nowait({"type": "websocket.receive", "bytes": message})
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            self._said.put_nowait({"type": "websocket.receive", "text": text})
        await quiet()

    async def ask(self, message: Message) -> dict[str, Any]:
        """Send, and take the first thing that comes back."""
        before = len(self.heard)
        await self.say(message)
        for _ in range(200):
            if len(self.heard) > before or self.closed is not None:
                break
            await asyncio.sleep(0.005)
        assert len(self.heard) > before, f"no answer to {message!r}"
        return dict(self.heard[before])

    async def subscribe(self, *args: dict[str, Any], op: str = "subscribe") -> list[Any]:
        """Subscribe; what came back, first data included."""
        before = len(self.heard)
        await self.say({"op": op, "args": list(args)})
        return self.heard[before:]

    def listen(self, on: bool = True) -> None:
        """Take what the server sends, or take nothing more."""
        if on:
            self._listening.set()
        else:
            self._listening.clear()

    def pushes(self, channel: str) -> list[Any]:
        """Data of a channel."""
        return [each for each in self.heard if each != "pong" and each.get("arg", {}).get("channel") == channel
                and "data" in each]  # fmt: skip

    def rows(self, channel: str) -> list[Any]:
        """Rows of a channel, one after another."""
        return [row for each in self.pushes(channel) for row in each["data"]]

    async def close(self) -> None:
        """Go."""
        self.listen()
        self._said.put_nowait({"type": "websocket.disconnect"})
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


def login(key: NewKey, now: int, **changed: Any) -> dict[str, Any]:
    """The message that logs in."""
    stamp = str(now // 1000)
    mac = hmac.new(key.secret.encode(), f"{stamp}GET/users/self/verify".encode(), hashlib.sha256)
    given = {"apiKey": key.key, "passphrase": key.passphrase, "timestamp": stamp}
    return {"op": "login", "args": [{**given, "sign": base64.b64encode(mac.digest()).decode(), **changed}]}


async def quiet() -> None:
    """Let everything that can go on go on."""
    for _ in range(12):
        await asyncio.sleep(0)


def levels(rows: Iterable[list[str]]) -> dict[str, list[str]]:
    """Levels by price."""
    return {row[0]: row for row in rows}
