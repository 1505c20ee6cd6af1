"""Load for bench/server.py: connections that write requests and read answers, nothing more."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from websockets.asyncio.client import ClientConnection, connect

Maker = Callable[[], bytes]
Keys = tuple[str, str, str]

_HEAD = "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n"


def signed(method: str, path: str, body: str, keys: Keys) -> bytes:
    """One signed request."""
    key, secret, passphrase = keys
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sign = hmac.new(secret.encode(), f"{stamp}{method}{path}{body}".encode(), hashlib.sha256).digest()
    head = _HEAD.format(method=method, path=path, size=len(body))
    head += f"OK-ACCESS-KEY: {key}\r\nOK-ACCESS-SIGN: {base64.b64encode(sign).decode()}\r\n"
    head += f"OK-ACCESS-TIMESTAMP: {stamp}\r\nOK-ACCESS-PASSPHRASE: {passphrase}\r\n\r\n"
    return head.encode() + body.encode()


def orders(keys: Keys, name: str) -> Maker:
    """A resting order, then its cancellation, in turn."""
    count = itertools.count()

    def make() -> bytes:
        number = next(count)
        client = f"{name}x{number // 2}"
        if number % 2:
            body = json.dumps({"instId": "BTC-USDT-SWAP", "clOrdId": client})
            return signed("POST", "/api/v5/trade/cancel-order", body, keys)
        order = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "limit", "px": "70000"}
        return signed("POST", "/api/v5/trade/order", json.dumps({**order, "sz": "0.1", "clOrdId": client}), keys)

    return make


async def answered(reader: asyncio.StreamReader) -> bytes:
    """The body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    return await reader.readexactly(size)


async def one(port: int, make: Maker, until: float, taken: list[float], bad: list[bytes]) -> None:
    """Ask and wait, again and again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (start := time.perf_counter()) < until:
        writer.write(make())
        body = await answered(reader)
        taken.append(time.perf_counter() - start)
        if b'"sCode":"0"' not in body and b'"ok"' not in body:
            bad.append(body)
    writer.close()


async def load(port: int, makers: list[Maker], seconds: float) -> tuple[list[float], list[bytes]]:
    """All connections at once; latencies in seconds, and answers that were no."""
    taken: list[float] = []
    bad: list[bytes] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(one(port, make, until, taken, bad) for make in makers))
    return taken, bad


# ---------------------------------------------------------------- WebSocket


async def logged_in(url: str, keys: Keys) -> ClientConnection:
    """A private connection of an account."""
    key, secret, passphrase = keys
    socket = await connect(f"{url}/private", compression=None)
    stamp = str(int(time.time()))
    sign = hmac.new(secret.encode(), f"{stamp}GET/users/self/verify".encode(), hashlib.sha256).digest()
    login = {"apiKey": key, "passphrase": passphrase, "timestamp": stamp, "sign": base64.b64encode(sign).decode()}
    await socket.send(json.dumps({"op": "login", "args": [login]}))
    answer = json.loads(await socket.recv())
    assert answer["event"] == "login", answer
    return socket


async def one_socket(url: str, keys: Keys, name: str, until: float, taken: list[float], bad: list[bytes]) -> None:
    """Place and cancel, each after the answer to the one before."""
    socket = await logged_in(url, keys)
    terms = {
        "instId": "BTC-USDT-SWAP",
        "tdMode": "cross",
        "side": "buy",
        "ordType": "limit",
        "px": "70000",
        "sz": "0.1",
    }
    for number in itertools.count():
        start = time.perf_counter()
        if start >= until:
            break
        client = f"{name}x{number // 2}"
        if number % 2:
            op, args = "cancel-order", {"instId": "BTC-USDT-SWAP", "clOrdId": client}
        else:
            op, args = "order", {**terms, "clOrdId": client}
        await socket.send(json.dumps({"id": str(number), "op": op, "args": [args]}))
        body = await socket.recv(decode=False)
        taken.append(time.perf_counter() - start)
        if b'"sCode":"0"' not in body:
            bad.append(body)
    await socket.close()


async def load_sockets(url: str, keys: list[Keys], name: str, seconds: float) -> tuple[list[float], list[bytes]]:
    """All private connections at once."""
    taken: list[float] = []
    bad: list[bytes] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(
        *(one_socket(url, each, f"{name}k{place}", until, taken, bad) for place, each in enumerate(keys))
    )
    return taken, bad


async def watch(url: str, count: int, seconds: float) -> int:
    """Messages that so many connections get, each with tickers, books, trades and marks of three instruments."""
    names = ("BTC-USDT-SWAP", "ETH-USDT-SWAP", "SOL-USDT-SWAP")
    channels = ("tickers", "books", "trades", "mark-price")
    args = [{"channel": channel, "instId": name} for name in names for channel in channels]

    async def listen() -> int:
        async with connect(f"{url}/public", compression=None) as socket:
            await socket.send(json.dumps({"op": "subscribe", "args": args}))
            until, found = time.perf_counter() + seconds, 0
            while (left := until - time.perf_counter()) > 0:
                try:
                    await asyncio.wait_for(socket.recv(decode=False), left)
                except TimeoutError:
                    break
                found += 1
            return found

    return sum(await asyncio.gather(*(listen() for _ in range(count))))
