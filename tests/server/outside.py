"""An exchange behind a real socket, for real clients; its prices stand still until a test moves them."""

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from crossmargin import market
from crossmargin.server.application import application
from crossmargin.server.keys import KeyStore, NewKey
from crossmargin.server.run import Options, open_exchange, wall_clock
from crossmargin.server.tls import Certificate
from crossmargin.server.ws.wire import Wire

__all__ = ["Outside", "served"]


class Outside:
    """Where an exchange is, and what its owner can do there.

    Attributes:
        url: Base URL, without prefix.
        token: The admin token.
        keys: Its keys, opened a second time, as another process would.
    """

    def __init__(self, url: str, keys: KeyStore, admin_token: str) -> None:
        """Keep how to reach it."""
        self.url = url
        self.keys = keys
        self.token = admin_token
        self._accounts = 0

    def account(self, usdt: str = "10000", scopes: tuple[str, ...] = ("read", "trade", "withdraw")) -> NewKey:
        """A fresh account with money in its trading balance, and a key for it."""
        self._accounts += 1
        key = self.keys.create(f"client{self._accounts}", scopes=scopes, now=wall_clock())
        self.admin("deposit", account=key.account, currency="USDT", amount=usdt)
        return key

    def move(self, instrument: str, price: float | str) -> None:
        """Move mark, index and last price."""
        self.admin("market/move", instrument=instrument, price=str(price))

    def admin(self, path: str, **given: str) -> Any:  # noqa: ANN401 - JSON of any shape
        """POST as the owner."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        asked = urllib.request.Request(f"{self.url}/api/admin/{path}", json.dumps(given).encode(), headers)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)


@contextmanager
def served(
    text: str = "generated:7", *, driven: bool = False, certificate: Certificate | None = None
) -> Iterator[Outside]:
    """Serve an exchange in a thread of its own until the block ends.

    Args:
        text: The market.
        driven: Its market lives by itself.
        certificate: Serve over TLS.
    """
    exchange = open_exchange(market.open(text), Options(calls=0)).exchange
    app = application(exchange, calls=0, driven=driven)
    config = uvicorn.Config(
        app,
        port=0,
        log_level="warning",
        access_log=False,
        ws=Wire,
        ws_max_size=256 * 1024,
        timeout_graceful_shutdown=1,
        ssl_certfile=None if certificate is None else certificate.chain,
        ssl_keyfile=None if certificate is None else certificate.key,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.01)
    assert server.started, "the server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    keys = KeyStore(exchange.keys.path)
    try:
        yield Outside(f"http{'' if certificate is None else 's'}://127.0.0.1:{port}", keys, exchange.admin_token)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        keys.close()
    assert not thread.is_alive()
