"""Load for bench/server.py: connections that write HTTP requests and read answers, nothing more."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

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
