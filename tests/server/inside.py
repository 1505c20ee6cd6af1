"""An exchange inside the test's own process: signed requests go straight to the application, no socket and no clock."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from msgspec import Struct

from crossmargin import market
from crossmargin.domain import command as c
from crossmargin.journal import SQLiteStore
from crossmargin.server.application import application
from crossmargin.server.exchange import Exchange
from crossmargin.server.keys import NewKey
from crossmargin.server.keys.store import SCOPES
from crossmargin.server.okx.names import funding_account
from crossmargin.server.run import Options, open_exchange

__all__ = ["START", "Answer", "Clock", "Inside", "payment"]

START = 1_790_000_000_000
SWAP = "BTC-USDT-SWAP"


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self, at: int = START) -> None:
        """Start."""
        self.at = at

    def __call__(self) -> int:
        """Milliseconds."""
        return self.at


class Answer(Struct, frozen=True):
    """What came back.

    Attributes:
        cpu: Seconds of processor time that the request took.
    """

    status: int
    raw: bytes
    headers: dict[str, str]
    cpu: float

    @property
    def body(self) -> Any:  # noqa: ANN401 - JSON of any shape
        """The answer read as JSON."""
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        """Code of the whole."""
        return str(self.body["code"])

    @property
    def rows(self) -> Any:  # noqa: ANN401 - rows of any endpoint
        """Its data."""
        return self.body["data"]

    @property
    def row(self) -> Any:  # noqa: ANN401 - a row of any endpoint
        """Its only row."""
        (only,) = self.body["data"]
        return only


class Inside:
    """An exchange with a generated market that stands still until it is told to step.

    Args:
        text: The market.
        options: How the exchange is run; in memory unless a file is named.
        clock: Its clock.
    """

    def __init__(self, text: str = "generated:7", options: Options | None = None, clock: Clock | None = None) -> None:
        """Open it."""
        self.clock = clock or Clock()
        self.options = options or Options(calls=0)
        self.exchange: Exchange = open_exchange(market.open(text), self.options, self.clock).exchange
        self.app = application(self.exchange, calls=self.options.calls, driven=False)
        self.loop = asyncio.new_event_loop()
        self._ids = 0

    def close(self) -> None:
        """Give files and loop back."""
        self.loop.close()
        store = self.exchange.venue.journal.store
        if isinstance(store, SQLiteStore):
            store.close()
        self.exchange.venue.history.shelf.close()
        self.exchange.keys.close()

    # ------------------------------------------------------------------ the venue's side

    def account(self, name: str = "", usdt: str = "10000", scopes: tuple[str, ...] = SCOPES) -> NewKey:
        """An account with money in both purses, and a key for it; without a name it is one that no other test has."""
        name = name or f"who{len(self.exchange.keys.accounts())}"
        self.exchange.venue.run([payment(name, usdt, self.clock()), payment(funding_account(name), usdt, self.clock())])
        return self.exchange.keys.create(name, scopes=scopes, now=self.clock())

    def step(self, seconds: int = 1) -> None:
        """Let the market live on."""
        venue = self.exchange.venue
        for _ in range(seconds):
            self.clock.at += 1_000
            venue.run(self.exchange.market.step(venue.now(), venue.state))

    def digest(self) -> bytes:
        """Hash of the engine's state."""
        return self.exchange.venue.journal.engine.digest()

    def mark(self, instrument: str = SWAP) -> Any:  # noqa: ANN401 - a price, for arithmetic and for text
        """Mark price."""
        return self.exchange.venue.state.marks.mark[instrument]

    # ------------------------------------------------------------------ the client's side

    def get(self, key: NewKey | None, path: str, **given: str) -> Answer:
        """GET a path below ``/api/v5/``, signed where a key is given."""
        query = urlencode(given)
        return self.send("GET", f"/api/v5/{path}{'?' if query else ''}{query}", key)

    def post(self, key: NewKey | None, path: str, given: Any) -> Answer:  # noqa: ANN401 - any JSON
        """POST JSON to a path below ``/api/v5/``, signed where a key is given."""
        return self.send("POST", f"/api/v5/{path}", key, json.dumps(given).encode())

    def place(self, key: NewKey, **given: Any) -> Answer:
        """An order: a limit order of one contract that buys BTC at 1 % below the mark, unless it says otherwise."""
        price = str(round(self.mark() * 99 / 100))
        terms = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "1", "px": price}
        return self.post(key, "trade/order", {**terms, **given})

    def send(
        self,
        method: str,
        target: str,
        key: NewKey | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; `headers` replace those that signing made."""
        signed = {} if key is None else self.signed(key, method, target, body)
        return self.raw(method, target, {"host": "127.0.0.1", **signed, **(headers or {})}, body)

    def signed(self, key: NewKey, method: str, target: str, body: bytes = b"", after_ms: int = 0) -> dict[str, str]:
        """Headers of a request that a key signs; each millisecond is used once, so that no signature comes twice."""
        self._ids += 1
        moment = datetime.fromtimestamp(self.clock() / 1000, UTC).replace(microsecond=self._ids % 1_000_000)
        if after_ms:
            moment = datetime.fromtimestamp((self.clock() + after_ms) / 1000, UTC)
        stamp = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
        message = f"{stamp}{method}{target}".encode() + body
        sign = base64.b64encode(hmac.new(key.secret.encode(), message, hashlib.sha256).digest()).decode()
        return {
            "ok-access-key": key.key,
            "ok-access-sign": sign,
            "ok-access-timestamp": stamp,
            "ok-access-passphrase": key.passphrase,
            "content-type": "application/json",
        }

    def raw(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Send a request as it is."""
        return self.loop.run_until_complete(self.asked(method, target, headers, body))

    async def asked(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """The same, within a loop that runs."""
        path, _, query = target.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": _unquoted(path), "raw_path": path.encode("latin-1"), "query_string": query.encode("latin-1"),
            "root_path": "", "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 80),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        }  # fmt: skip
        sent: list[Any] = []
        started = time.process_time()
        await self.app(scope, _receiving(body), _collecting(sent))
        cpu = time.process_time() - started
        given = {name.decode(): value.decode() for name, value in sent[0].get("headers", ())}
        return Answer(sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:]), given, cpu)


def payment(account: str, amount: str, now: int) -> c.Command:
    """USDT for an account."""
    return c.Deposit(account=account, currency="USDT", amount=Decimal(amount), time=now)


def _unquoted(path: str) -> str:
    return unquote(path)


def _receiving(body: bytes) -> Callable[[], Any]:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:  # noqa: ANN401 - an ASGI message
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    return receive


def _collecting(sent: list[Any]) -> Callable[[Any], Any]:
    async def send(message: Any) -> None:  # noqa: ANN401 - an ASGI message
        sent.append(message)

    return send


def files(folder: Path) -> Options:
    """Options of an exchange that keeps its journal in a folder."""
    return Options(database=folder / "venue.db", calls=0)
