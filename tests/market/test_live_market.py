import json
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic, sleep
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from tests.market.venues import START, Venue

from crossmargin import market
from crossmargin.domain import event as e
from crossmargin.engine import Engine
from crossmargin.errors import InputError, MissingDataError
from crossmargin.market.text import live_market

pytest.importorskip("ccxt", reason='a live market needs the extra "live"')

D = Decimal
BTC = "BTC-USDT-SWAP"
COINS = {"BTC": 90_000.0, "ETH": 3_000.0, "SOL": 150.0}


class Stub:
    """A venue on loopback that answers the public questions of an OKX client, as it is told to.

    Attributes:
        prices: By coin.
        time: The venue's own time, milliseconds.
        broken: What it answers instead, None when it is well.
        asked: Methods and paths, as they came.
    """

    def __init__(self) -> None:
        """Listen on a free port."""
        self.prices = dict(COINS)
        self.last_prices: dict[str, float] = {}
        self.time = 1_700_000_000_000
        self.broken: bytes | None = None
        self.asked: list[str] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked.append(f"GET {urlparse(self.path).path}")
                parts = urlparse(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                body = stub.broken
                if body is None:
                    body = json.dumps({"code": "0", "msg": "", "data": stub.answer(parts.path, query)}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                stub.asked.append(f"POST {self.path}")
                self.send_error(405)

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def config(self) -> dict[str, Any]:
        """What leads ccxt here and nowhere else."""
        return {"urls": {"api": {"rest": f"http://127.0.0.1:{self._server.server_port}"}}, "enableRateLimit": False}

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, query: dict[str, str]) -> list[Any]:
        """Rows of one endpoint."""
        swap = query.get("instType") == "SWAP"
        match path.removeprefix("/api/v5/"):
            case "public/instruments":
                return [self._instrument(coin, swap) for coin in self.prices]
            case "market/tickers":
                return [self._ticker(coin) for coin in self.prices]
            case "public/mark-price":
                quotes = ("USDT", "USD")
                return [
                    {
                        "instType": "SWAP",
                        "instId": f"{coin}-{quote}-SWAP",
                        "markPx": str(price * 1.0001),
                        "ts": str(self.time),
                    }
                    for coin, price in self.prices.items()
                    for quote in quotes
                ]
            case "market/candles":
                price = str(self.prices[query["instId"].partition("-")[0]])
                step = 3_600_000 if query["bar"] == "1H" else 60_000
                count = int(query["limit"])
                newest = START // step * step - step
                return [[str(newest - step * n), price, price, price, price, "1", "1", "1", "1"] for n in range(count)]
        return []

    def _ticker(self, coin: str) -> dict[str, str]:
        price = self.prices[coin]
        return {
            "instType": "SPOT", "instId": f"{coin}-USDT", "last": str(self.last_prices.get(coin, price)),
            "bidPx": str(price * 0.9999), "askPx": str(price * 1.0001), "ts": str(self.time),
        }  # fmt: skip

    def _instrument(self, coin: str, swap: bool) -> dict[str, str]:
        common = {
            "state": "live",
            "tickSz": "0.01",
            "lotSz": "0.01",
            "minSz": "0.01",
            "listTime": "1",
            "instIdCode": "1",
        }
        if not swap:
            return {**common, "instType": "SPOT", "instId": f"{coin}-USDT", "baseCcy": coin, "quoteCcy": "USDT"}
        return {
            **common, "instType": "SWAP", "instId": f"{coin}-USDT-SWAP", "uly": f"{coin}-USDT", "settleCcy": "USDT",
            "ctVal": "1", "ctMult": "1", "ctType": "linear", "instFamily": f"{coin}-USDT", "ctValCcy": coin,
        }  # fmt: skip


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A venue that is well."""
    found = Stub()
    yield found
    found.close()


def followed(stub: Stub, period: float = 0) -> Venue:
    """A venue of ours that follows it; period 0 asks at every step."""
    venue = Venue.__new__(Venue)
    venue.begin(live_market("okx", stub.config, period), START, None)
    return venue


def test_prices_are_those_of_the_venue(stub: Stub) -> None:
    """Index from the spot ticker, marks from the venue's marks; only public questions are asked."""
    venue = followed(stub)
    assert venue.engine.state.marks.index["BTC-USDT"] == D(90_000)
    assert venue.mark(BTC) == D(90_009)
    assert venue.mark("ETH-USDT-SWAP") == D("3000.3")
    stub.prices["BTC"], stub.time = 90_090.0, stub.time + 1_000
    venue.step()
    assert venue.mark(BTC) == D(90_099)
    bid, ask = venue.touch(BTC)
    assert bid < D(90_099) < ask
    assert len(venue.market.tape.candles(BTC, limit=300)) == 300
    paths = {"public/instruments", "market/tickers", "public/mark-price", "market/candles"}
    assert set(stub.asked) == {f"GET /api/v5/{path}" for path in paths}
    assert not venue.refused
    venue.engine.check()


@pytest.mark.parametrize("broken", [b"", b"<html>", b"{}", b'{"code":"50011","msg":"Too Many Requests","data":[]}'])
def test_a_venue_that_answers_nonsense_lets_prices_grow_stale(stub: Stub, broken: bytes) -> None:
    """No exception: after 15 seconds nobody is liquidated on its prices; when it is well again, they are healthy."""
    venue = followed(stub)
    stub.broken = broken
    venue.run(14)
    assert venue.engine.state.healthy(BTC)
    venue.run(3)
    assert venue.engine.state.price_states[BTC] == "stale"
    stub.broken, stub.time = None, stub.time + 20_000
    venue.step()
    assert venue.engine.state.healthy(BTC)
    assert not venue.refused


def test_a_venue_that_repeats_itself_is_stale(stub: Stub) -> None:
    """Answers whose own time stands still say nothing new."""
    venue = followed(stub)
    venue.run(17)
    assert venue.engine.state.price_states[BTC] == "stale"


def test_a_last_price_far_from_bid_and_ask_is_suspect(stub: Stub) -> None:
    """6 % between the two sources: the index is doubted and the mark stays; afterwards it is believed again."""
    venue = followed(stub)
    stub.last_prices["BTC"], stub.time = 95_400.0, stub.time + 1_000
    venue.step()
    assert venue.engine.state.price_states[BTC] == "suspect"
    assert venue.mark(BTC) == D(90_009)
    assert venue.engine.state.healthy("ETH-USDT-SWAP")
    del stub.last_prices["BTC"]
    stub.time += 1_000
    venue.step()
    assert venue.engine.state.healthy(BTC)


def test_a_jump_is_believed_once_it_lasts(stub: Stub) -> None:
    """A fifth less from one answer to the next is suspect for five seconds."""
    venue = followed(stub)
    stub.prices["BTC"] = 72_000.0
    for second in range(5):
        stub.time += 1_000
        venue.step()
        assert venue.engine.state.price_states[BTC] == "suspect", second
        assert venue.mark(BTC) == D(90_009)
    stub.time += 1_000
    venue.step()
    assert venue.engine.state.healthy(BTC)
    assert venue.mark(BTC) == D("72007.2")
    bid, ask = venue.touch(BTC)
    assert bid < D("72007.2") < ask
    assert not [each for each in venue.events if isinstance(each, e.Warned | e.LiquidationStarted)]


def test_prices_are_asked_for_in_the_background(stub: Stub) -> None:
    """With a period, a step takes what came meanwhile and waits for nothing; close ends the asking."""
    venue = followed(stub, 0.05)
    stub.prices["BTC"], stub.time = 90_090.0, stub.time + 1_000
    deadline = monotonic() + 10
    while venue.mark(BTC) != D(90_099) and monotonic() < deadline:
        venue.step(10)
        sleep(0.02)
    assert venue.mark(BTC) == D(90_099)
    venue.market.close()
    before = len(stub.asked)
    sleep(0.2)
    assert len(stub.asked) == before


def test_live_prices_are_not_moved(stub: Stub) -> None:
    """One line."""
    venue = followed(stub)
    with pytest.raises(InputError, match="only a generated market can be moved"):
        venue.move(BTC, D(80_000))


def test_a_venue_without_prices_is_one_clear_line(stub: Stub) -> None:
    """At the opening there has to be a price of every coin; a name that ccxt does not know is no venue."""
    stub.broken = b"nothing"
    with pytest.raises(MissingDataError, match="live:okx gives no prices: "):
        live_market("okx", stub.config, 0).opening(START)
    stub.broken = None
    del stub.prices["SOL"]
    with pytest.raises(MissingDataError, match="no price of SOL"):
        live_market("okx", stub.config, 0).opening(START)
    with pytest.raises(InputError, match="'nowhere' is no venue that ccxt knows"):
        market.open("live:nowhere")


def test_nothing_is_asked_before_the_opening(stub: Stub) -> None:
    """A market that is made, and an engine with its rules, have asked nobody."""
    Engine(live_market("okx", stub.config).rulebook)
    assert stub.asked == []
