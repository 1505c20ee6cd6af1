"""Clients that keep a server busy and remember what they were told."""

import base64
import hashlib
import hmac
import http.client
import json
import threading
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import urlencode, urlsplit

from crossmargin.server.keys import NewKey

__all__ = ["Connection", "Trader"]

SWAP = "BTC-USDT-SWAP"
GONE = (OSError, http.client.HTTPException, json.JSONDecodeError)


class Connection:
    """One connection of one key; it ends with the server.

    Args:
        url: Base URL.
        key: Who asks.
    """

    def __init__(self, url: str, key: NewKey) -> None:
        """Connect at the first request."""
        self._http = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        self._key = key
        self._count = 0

    def ask(self, method: str, path: str, given: Any = None) -> Any:  # noqa: ANN401 - JSON of any shape
        """The answer, or one of `GONE` if there was none."""
        target, body = f"/api/v5/{path}", b""
        if method == "GET":
            target += f"?{urlencode(given)}" if given else ""
        else:
            body = json.dumps(given).encode()
        stamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        message = f"{stamp}{method}{target}".encode() + body
        sign = base64.b64encode(hmac.new(self._key.secret.encode(), message, hashlib.sha256).digest()).decode()
        names = {"KEY": self._key.key, "SIGN": sign, "TIMESTAMP": stamp, "PASSPHRASE": self._key.passphrase}
        headers = {f"OK-ACCESS-{name}": value for name, value in names.items()}
        self._http.request(method, target, body, {**headers, "content-type": "application/json"})
        return json.loads(self._http.getresponse().read())

    def close(self) -> None:
        """Hang up."""
        self._http.close()


class Trader:
    """Places, amends, cancels and takes with an id of its own for each order, and keeps what was acknowledged.

    Attributes:
        placed: Acknowledged orders: the client's id to the venue's.
        cancelled: Ids whose cancellation was acknowledged.
        sizes: The size that an order has by its last acknowledgement, and those of amendments without an answer.
        asked: Ids of all that was ever sent.
    """

    def __init__(self, key: NewKey, name: str, seed: int) -> None:
        """Nothing was asked yet."""
        self.key = key
        self.name = name
        self.dice = Random(f"{seed}:{name}")
        self.placed: dict[str, str] = {}
        self.cancelled: set[str] = set()
        self.sizes: dict[str, set[str]] = {}
        self.asked: set[str] = set()
        self._resting: list[str] = []

    def trade(self, url: str, ended: threading.Event) -> None:
        """Go on until the server is gone."""
        connection = Connection(url, self.key)
        try:
            price = self._price(connection)
            while not ended.is_set():
                self._once(connection, price)
        except GONE:
            return
        finally:
            connection.close()
            self._resting = self._resting[-5:]

    def _price(self, connection: Connection) -> str:
        (row,) = connection.ask("GET", "market/ticker", {"instId": SWAP})["data"]
        return str(int(float(row["bidPx"]) * 0.98))

    def _once(self, connection: Connection, price: str) -> None:
        kind = self.dice.random()
        if kind < 0.5 or not self._resting:
            self._place(connection, {"ordType": "limit", "px": price, "side": "buy", "sz": "0.1"}, rests=True)
        elif kind < 0.65:
            side = self.dice.choice(("buy", "sell"))
            self._place(connection, {"ordType": "market", "side": side, "sz": "0.1"}, rests=False)
        elif kind < 0.8:
            self._amend(connection, self.dice.choice(self._resting))
        else:
            self._cancel(connection, self._resting.pop(self.dice.randrange(len(self._resting))))

    def _place(self, connection: Connection, terms: dict[str, str], *, rests: bool) -> None:
        own = f"{self.name}n{len(self.asked)}"
        self.asked.add(own)
        self.sizes[own] = {terms["sz"]}
        answer = connection.ask("POST", "trade/order", {"instId": SWAP, "tdMode": "cross", "clOrdId": own, **terms})
        if answer["code"] == "0":
            self.placed[own] = answer["data"][0]["ordId"]
            if rests:
                self._resting.append(own)

    def _amend(self, connection: Connection, own: str) -> None:
        size = f"0.{self.dice.randrange(1, 9)}{self.dice.randrange(1, 10)}"
        self.sizes[own].add(size)  # until it is answered it may be either
        answer = connection.ask("POST", "trade/amend-order", {"instId": SWAP, "clOrdId": own, "newSz": size})
        if answer["code"] == "0":
            self.sizes[own] = {size}
        else:
            self.sizes[own].discard(size)

    def _cancel(self, connection: Connection, own: str) -> None:
        answer = connection.ask("POST", "trade/cancel-order", {"instId": SWAP, "clOrdId": own})
        if answer["code"] == "0":
            self.cancelled.add(own)
