"""kill -9 at any moment: what was acknowledged is there once, what was cancelled stays so, the books chain."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.server.load import Connection, Trader

from crossmargin.server.keys import KeyStore

DONE = ("filled", "canceled")
PAGE = 100
FIRST = 20


class Siege:
    """A server that is killed, and the traders who do not notice.

    Args:
        folder: Where its files are.
        seed: Of the moments and of the traders.
        traders: How many, each with an account and connections of its own.
    """

    def __init__(self, folder: Path, seed: int, traders: int = 6) -> None:
        """Make accounts and keys; no server runs yet."""
        self.file = folder / "venue.db"
        self.dice = Random(seed)
        keys = KeyStore(f"{self.file}.keys")
        self.traders = [Trader(keys.create(f"t{place}", now=0), f"t{place}", seed) for place in range(traders)]
        keys.close()
        self.lost = self.duplicated = self.undone = self.wrong = self.kills = 0
        self.slowest = 0.0

    @contextmanager
    def server(self) -> Iterator[str]:
        """Run `crossmargin serve` on the files, and kill it at the end; its URL."""
        command = [sys.executable, "-m", "crossmargin", "serve", "--port", "0", "--db", str(self.file)]
        command += ["--market", "generated:7", "--rate-limit", "0"]
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"})
        assert process.stdout is not None
        try:
            found = json.loads(process.stdout.readline())
            self.slowest = max(self.slowest, time.monotonic() - started)
            self._pay(found)
            yield found["url"]
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            process.stdout.close()

    def _pay(self, found: dict[str, str]) -> None:
        """Money for each account, once."""
        if self.kills:
            return
        for trader in self.traders:
            body = json.dumps({"account": trader.name, "currency": "USDT", "amount": "1000000"}).encode()
            headers = {"authorization": f"Bearer {found['admin_token']}", "content-type": "application/json"}
            asked = urllib.request.Request(f"{found['url']}/api/admin/deposit", body, headers)
            urllib.request.urlopen(asked, timeout=10).close()

    def storm(self) -> None:
        """Everyone trades; after a while that nobody knows the server is killed."""
        ended = threading.Event()
        with self.server() as url:
            threads = [threading.Thread(target=trader.trade, args=(url, ended)) for trader in self.traders]
            for thread in threads:
                thread.start()
            self._busy()
            time.sleep(self.dice.uniform(0, 1))
        ended.set()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        self.kills += 1

    def _busy(self) -> None:
        """Wait until the first orders of this storm are acknowledged."""
        before, until = self.told, time.monotonic() + 20
        while self.told < before + FIRST and time.monotonic() < until:
            time.sleep(0.01)

    @property
    def told(self) -> int:
        """Acknowledged orders so far."""
        return sum(len(trader.placed) for trader in self.traders)

    def verified(self) -> str:
        """What `crossmargin journal verify` says."""
        command = [sys.executable, "-m", "crossmargin", "journal", "verify", str(self.file)]
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert found.returncode == 0, found.stdout + found.stderr
        return found.stdout.strip()

    def look(self) -> None:
        """Start it again, compare everything with what the traders were told, and kill it again."""
        with self.server() as url:
            for trader in self.traders:
                connection = Connection(url, trader.key)
                self._orders(connection, trader)
                self._books(connection)
                connection.close()
        self.kills += 1

    def _orders(self, connection: Connection, trader: Trader) -> None:
        rows = [
            *paged(connection, "trade/orders-history", "ordId"),
            *paged(connection, "trade/orders-pending", "ordId"),
        ]
        found = Counter(row["clOrdId"] for row in rows)
        by_id = {row["clOrdId"]: row for row in rows}
        self.duplicated += sum(count > 1 for count in found.values()) + len(set(found) - trader.asked)
        for own, order in trader.placed.items():
            row = by_id.get(own)
            self.lost += row is None or row["ordId"] != order
            if row is not None:
                self.wrong += row["sz"] not in trader.sizes[own]
        self.undone += sum(own in by_id and by_id[own]["state"] not in DONE for own in trader.cancelled)

    def _books(self, connection: Connection) -> None:
        bills = paged(connection, "account/bills", "billId")
        assert len({row["billId"] for row in bills}) == len(bills)
        balance = Decimal(0)
        for row in reversed(bills):
            balance += Decimal(row["balChg"])
            assert Decimal(row["bal"]) == balance
        details = connection.ask("GET", "account/balance")["data"][0]["details"]
        assert Decimal(details[0]["cashBal"]) == balance

    def report(self) -> str:
        """One line."""
        cancelled = sum(len(trader.cancelled) for trader in self.traders)
        return (
            f"kill -9: {self.kills} times, {self.told} orders acknowledged, {cancelled} cancelled; lost {self.lost}, "
            f"duplicated {self.duplicated}, cancels undone {self.undone}, wrong sizes {self.wrong}; "
            f"slowest start {self.slowest:.1f} s; {self.verified()}"
        )


def paged(connection: Connection, path: str, cursor: str) -> list[dict[str, Any]]:
    """Every row of a path, page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        given = {"limit": str(PAGE), **({"after": rows[-1][cursor]} if rows else {})}
        page = connection.ask("GET", path, given)["data"]
        rows += page
        if len(page) < PAGE:
            return rows


def survived(folder: Path, seed: int, storms: int, look_every: int) -> None:
    """Storm after storm, with a look at everything every so often and at the end."""
    siege = Siege(folder, seed)
    for place in range(storms):
        siege.storm()
        if place % look_every == look_every - 1:
            siege.verified()
            siege.look()
    report = siege.report()
    sys.stdout.write(f"{report}\n")
    assert siege.told >= FIRST * storms
    assert (siege.lost, siege.duplicated, siege.undone, siege.wrong) == (0, 0, 0, 0), report


@pytest.mark.slow
def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """Three storms, each followed by a start that is killed too."""
    survived(tmp_path, 1, 3, 1)


@pytest.mark.soak
def test_nothing_acknowledged_is_lost_fifty_times(tmp_path: Path) -> None:
    """Fifty storms; everything is looked at after every fifth."""
    survived(tmp_path, 2, 50, 5)
