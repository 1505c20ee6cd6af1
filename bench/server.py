"""Orders a second acknowledged by the paper exchange, each on disk before its answer, beside a bare handler.

    python3 dev.py bench server [--json]

Two processes: the server, and 16 connections of as many accounts that place an order and cancel it, one request after
the other each. The bare handler is a Starlette endpoint that reads JSON and gives it back, under the same uvicorn,
asked by the same clients. Rounds are interleaved, the first one is not counted;
medians. Latencies are what a client sees.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.request import Request, urlopen

import uvloop
from _server_load import Keys, Maker, load, load_sockets, orders, signed, watch  # type: ignore[import-not-found] # beside this file

from crossmargin.server.keys import KeyStore

CONNECTIONS, SECONDS, ROUNDS, WATCHERS = 16, 4.0, 3, 20
HERE = Path(__file__).parent


@contextlib.contextmanager
def exchange(folder: Path) -> Iterator[tuple[dict[str, Any], list[Keys]]]:
    """A paper exchange with an account for each connection."""
    database = folder / "venue.db"
    store = KeyStore(f"{database}.keys")
    made = [store.create(f"bench{number}", now=0) for number in range(CONNECTIONS)]
    store.close()
    command = [sys.executable, "-m", "crossmargin", "serve", "--port", "0", "--db", str(database)]
    with started([*command, "--market", "generated:1", "--rate-limit", "0"]) as at:
        for each in made:
            body = json.dumps({"account": each.account, "currency": "USDT", "amount": "100000"}).encode()
            headers = {"Authorization": f"Bearer {at['admin_token']}"}
            urlopen(Request(f"{at['url']}/api/admin/deposit", body, headers)).close()
        yield at, [(each.key, each.secret, each.passphrase) for each in made]


@contextlib.contextmanager
def bare() -> Iterator[dict[str, Any]]:
    """The bare handler."""
    with started([sys.executable, str(HERE / "_server_bare.py")]) as at:
        yield at


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[dict[str, Any]]:
    """A server in a process of its own; its first line says where it is."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


def port_of(at: dict[str, Any]) -> int:
    """The port in an address."""
    return int(at["url"].rpartition(":")[2])


def echo(keys: Keys) -> Maker:
    """The same size of request, for the bare handler."""
    body = json.dumps(
        {"ok": True, "instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "px": "70000", "sz": "0.1"}
    )
    return lambda: signed("POST", "/", body, keys)


def percentiles(taken: list[float]) -> tuple[float, float]:
    """Median and 99th percentile, milliseconds."""
    cuts = quantiles(taken, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def measured() -> list[dict[str, Any]]:
    """Rounds of the exchange by REST, by WebSocket, and of the bare handler, interleaved; then pushes under load."""
    rates: dict[str, list[float]] = {"rest": [], "ws": [], "bare": []}
    latencies: dict[str, list[float]] = {"rest": [], "ws": []}
    with tempfile.TemporaryDirectory() as folder, exchange(Path(folder)) as (at, keys), bare() as other:
        uvloop.run(load(port_of(at), [orders(each, f"warm{place}") for place, each in enumerate(keys)], SECONDS))
        for number in range(ROUNDS):
            taken, bad = uvloop.run(load(port_of(other), [echo(each) for each in keys], SECONDS))
            rates["bare"].append(len(taken) / SECONDS)
            makers = [orders(each, f"r{number}k{place}") for place, each in enumerate(keys)]
            for name, work in (
                ("rest", load(port_of(at), makers, SECONDS)),
                ("ws", load_sockets(at["ws_url"], keys, f"w{number}", SECONDS)),
            ):
                taken, bad = uvloop.run(work)
                assert not bad, bad[:3]
                rates[name].append(len(taken) / SECONDS)
                latencies[name] += taken
        pushes = uvloop.run(watch(at["ws_url"], WATCHERS, SECONDS)) / SECONDS
    return [*rows_of(rates, latencies), row("server_pushes", pushes, "messages/s", f"{WATCHERS} connections")]


def rows_of(rates: dict[str, list[float]], latencies: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Medians, each beside the bare handler of the same rounds."""
    ceiling = median(rates["bare"])
    against = f"bare Starlette handler: {ceiling:.0f} requests/s"
    found = []
    for name in ("rest", "ws"):
        rate = median(rates[name])
        half, most = percentiles(latencies[name])
        found += [
            row(f"server_{name}", rate, "orders/s"),
            row(f"server_{name}_vs_bare", rate, "orders/s", against, rate / ceiling),
            row(f"server_{name}_p50", half, "ms"),
            row(f"server_{name}_p99", most, "ms"),
        ]
    return found


def row(name: str, value: float, unit: str, against: str | None = None, ratio: float | None = None) -> dict[str, Any]:
    """A row of the output."""
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "against": against,
        "ratio": None if ratio is None else round(ratio, 3),
    }


def main() -> None:
    """Print rows, or with --json one list of them."""
    started_at = time.perf_counter()
    rows = measured()
    if "--json" in sys.argv:
        print(json.dumps(rows))
        return
    for each in rows:
        ratio = "" if each["ratio"] is None else f"   {each['ratio']} of {each['against']}"
        print(f"{each['name']:<22} {each['value']:>10} {each['unit']}{ratio}")
    print(f"{time.perf_counter() - started_at:.0f} s")


if __name__ == "__main__":
    main()
