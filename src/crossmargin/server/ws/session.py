"""One connection: what it says is read in order, what it is told goes through its outbox."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from crossmargin.errors import CrossMarginError
from crossmargin.server.keys import Key
from crossmargin.server.okx.answers import OkxError
from crossmargin.server.ws import frames
from crossmargin.server.ws.frames import Request
from crossmargin.server.ws.operations import OPERATIONS, operate
from crossmargin.server.ws.outbox import Ending, Outbox

if TYPE_CHECKING:
    from crossmargin.server.ws.hub import Hub

__all__ = ["FULL", "IDLE", "REVOKED", "TOO_MANY", "Session"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

IDLE, FULL, REVOKED, TOO_MANY = 4004, 4005, 4007, 4008
_LOGINS_MAX = 5
_REFUSED_LOGIN = 4001


class Session:
    """A connection on one of the three paths.

    Args:
        hub: Who is told what.
        path: ``public``, ``private`` or ``business``.
        send: Sends an ASGI message.
        cut: Ends the connection without waiting for the client.

    Attributes:
        id: ``connId``.
        key: Who has logged in.
        subscriptions: How to end each, by what it asks for.
        blocked: Since when a message has been on its way; None when none is.
        active: When a message last went either way.
        ending: When it was decided to close.
    """

    def __init__(self, hub: "Hub", path: str, send: Send, cut: Callable[[], None]) -> None:
        """Nobody has logged in."""
        self.id = secrets.token_hex(4)
        self.hub, self.path, self.cut = hub, path, cut
        self.key: Key | None = None
        self.subscriptions: dict[Any, Callable[[], None]] = {}
        self.outbox = Outbox(hub.limits.frames, hub.limits.octets, self._full)
        self.blocked: float | None = None
        self.active = hub.time()
        self.ending: float | None = None
        self._send = send
        self._logins = 0

    # ------------------------------------------------------------------ both directions

    async def run(self, receive: Receive) -> None:
        """Serve until either side closes."""
        await self._send({"type": "websocket.accept"})
        writer = asyncio.create_task(self._write())
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                self.active = self.hub.time()
                if message["type"] == "websocket.receive":
                    await self._read(message)
        finally:
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
            for end in [*self.subscriptions.values()]:
                end()

    async def _write(self) -> None:
        """Send what waits, one by one."""
        with contextlib.suppress(OSError):  # the client has gone; the reader hears of it too
            while True:
                found = await self.outbox.take()
                if isinstance(found, Ending):
                    await self._send({"type": "websocket.close", "code": found.code, "reason": found.reason})
                    return
                self.blocked = self.hub.time()
                await self._send({"type": "websocket.send", "text": found})
                self.blocked, self.active = None, self.hub.time()

    def end(self, code: int, reason: str) -> None:
        """Close with a reason; what waits is dropped."""
        if self.ending is None:
            self.ending = self.hub.time()
            self.hub.ended[code] += 1
            self.outbox.end(code, reason)

    def _full(self) -> None:
        self.end(FULL, "Buffer is full, cannot write data: the client reads too slowly")

    # ------------------------------------------------------------------ what it says

    async def _read(self, message: Message) -> None:
        text = message.get("text")
        if text == "ping":
            self.outbox.put("pong")
            return
        own = None
        try:
            if text is None or len(text) > self.hub.limits.message_octets:
                raise OkxError("60012", "Invalid request: a text message of bounded length is expected")
            request = frames.read(text)
            own = request.id
            await self._do(request)
        except OkxError as error:
            self._refuse(error, own)
        except CrossMarginError as error:
            self._refuse(OkxError("60012", str(error)), own)

    async def _do(self, request: Request) -> None:
        if request.op in OPERATIONS:
            self.outbox.put(await self._operate(request))
        elif request.op == "login":
            self._login(request)
        elif request.op in ("subscribe", "unsubscribe"):
            await self._each(request)
        else:
            raise OkxError("60012", f"Invalid request: op {request.op[:40]!r} is not known")

    def _refuse(self, error: OkxError, own: str | None) -> None:
        self.outbox.put(frames.error(error, self.id, own))

    async def _operate(self, request: Request) -> str:
        if self.path != "private":
            raise OkxError("60018", "Wrong URL: orders are taken on the private path")
        return await operate(self.hub.exchange, self.hub.budgets, self.logged_in(), request)

    def logged_in(self) -> Key:
        """Who it is.

        Raises:
            OkxError: nobody has logged in (60011), or the key has been revoked since (60005).
        """
        if self.key is None:
            raise OkxError("60011", "Please log in")
        if self.hub.exchange.keys.find(self.key.key) is None:
            raise OkxError("60005", "Invalid apiKey")
        return self.key

    def _login(self, request: Request) -> None:
        """One account a connection; a few failures end it."""
        if len(request.args) != 1:
            raise OkxError("60013", "Invalid args: one account is expected")
        given = request.args[0]
        name, phrase, stamp, sign = (_text(given, each) for each in ("apiKey", "passphrase", "timestamp", "sign"))
        exchange = self.hub.exchange
        try:
            key = exchange.gate.login(name, phrase, stamp, sign, exchange.now())
            if self.key is not None and key.key != self.key.key:
                raise OkxError("60009", "Login failed: another key has logged in here")
        except OkxError as error:
            self._refuse(error, request.id)
            self._logins += 1
            if self._logins >= _LOGINS_MAX:
                self.end(_REFUSED_LOGIN, "Login failed")
            return
        self.key = key
        self.outbox.put(frames.event("login", self.id, request.id, code="0", msg=""))

    async def _each(self, request: Request) -> None:
        """Answer every argument by itself."""
        if not request.args:
            raise OkxError("60013", "Invalid args")
        await self.hub.exchange.venue.settled()
        for given, raw in zip(request.args, request.raw, strict=True):
            if self.ending is not None:
                return
            try:
                frames.check_length(raw)
                if request.op == "subscribe":
                    self._subscribe(given, raw, request.id)
                else:
                    self._unsubscribe(given, raw, request.id)
            except OkxError as error:
                self._refuse(error, request.id)

    def _subscribe(self, given: dict[str, Any], raw: str, own: str | None) -> None:
        start = self.hub.subscription(self, given, raw)
        asked = _asked(given)
        before = self.subscriptions.pop(asked, None)
        if before is not None:
            before()
        if len(self.subscriptions) >= self.hub.limits.subscriptions:
            self.end(TOO_MANY, "The number of subscribed channels exceeds the maximum limit")
            return
        self.outbox.put(frames.event("subscribe", self.id, own, raw))
        self.subscriptions[asked] = start()

    def _unsubscribe(self, given: dict[str, Any], raw: str, own: str | None) -> None:
        self.hub.subscription(self, given, raw)
        end = self.subscriptions.pop(_asked(given), None)
        if end is not None:
            end()
        self.outbox.put(frames.event("unsubscribe", self.id, own, raw))


def _asked(given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """What an argument asks for, however it is written."""
    return tuple(sorted((name, str(value)) for name, value in given.items()))


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise OkxError({"apiKey": "60005", "timestamp": "60006", "sign": "60007"}.get(name, "60024"), f"Invalid {name}")
    return str(value)
