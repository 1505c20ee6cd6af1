"""Requests drawn from a seed: plausible ones, ones with a value that no field takes, and ones that are no request."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct

from crossmargin.server.okx.routes import ROUTES

__all__ = ["HOSTILE", "NUMBERS", "Request", "drawn"]

NUMBERS = (
    "", " ", "+", "-", ".", "1.", ".5", "+5", "-0", "--1", "0x10", "1e3", "1E+999999", "1e-18", "1e308", "1_000",
    "1,000", "NaN", "sNaN", "Infinity", "-Infinity", "nan(7)", "\u0661\u0662", "\uff11\uff12", "\u0966.\u096b",
    "\u00b2", "1\n", "1\u0000", "00001",
    "0.10000000000000000001", "9" * 400, "0." + "1" * 400, "-1", "0", "1e18", "999999999999999999", "0.000000000001",
)  # fmt: skip
"""Text where a number belongs: research/reliability.md 2.4."""

HOSTILE: tuple[Any, ...] = (
    *NUMBERS, None, True, False, [], {}, [[]], {"a": {"b": {}}}, 0, -1, 10**30, ["1"], "'; DROP TABLE orders; --",
    "a" * 5000, "\u202e1", "1\u200b", "K", "../../etc/passwd", "%00", "<script>alert(1)</script>", "${jndi:x}",
    "\r\nset-cookie: a=b", "ann.funding", "house.maker", "insurance:USDT", "o1", "\x1b[31m", "\ufeff1",
)  # fmt: skip
_SWAPS = ("BTC-USDT-SWAP", "ETH-USDT-SWAP", "SOL-USDT-SWAP", "BTC-USD-SWAP")
_FIRST, _LAST = 150, 3_000
"""Numbers between which orders of a run lie: those of the opening come before."""
_ORDER_TYPES = ("limit", "limit", "market", "post_only", "ioc", "fok", "optimal_limit_ioc")
_ALGO_TYPES = ("conditional", "oco", "trigger", "move_order_stop")
_CLIENT = tuple(f"c{n}" for n in range(60))
_PRICES = {"BTC-USDT-SWAP": 1.0, "ETH-USDT-SWAP": 0.03, "SOL-USDT-SWAP": 0.002, "BTC-USD-SWAP": 1.0}
_WORDS: dict[str, tuple[Any, ...]] = {
    "instId": (*_SWAPS, *_SWAPS, "BTC-USDT", "BTC-USDT-SWAP,ETH-USDT-SWAP", "NO-SUCH-SWAP"),
    "instType": ("SWAP", "SWAP", "SPOT", "FUTURES", "OPTION", "MARGIN", "ANY"),
    "tdMode": ("cross", "cross", "cross", "isolated", "isolated", "cash"),
    "mgnMode": ("cross", "isolated"),
    "side": ("buy", "sell"),
    "posSide": ("net", "", "", "net", "net", "net", "net", "long", "short"),
    "sz": ("1", "0.01", "2", "1", "5", "100000000", 3),
    "lever": ("1", "3", "10", 5, "100", "125", "3.0"),
    "amt": ("1", "5", "0.00000001", "100000000"),
    "ccy": ("USDT", "USDT", "BTC", "XYZ"),
    "type": ("0", "add", "reduce", "1", "2", "8"),
    "from": ("6", "18"),
    "to": ("18", "6"),
    "posMode": (*("net_mode",) * 9, "long_short_mode"),
    "acctLv": ("1", "2", "3"),
    "timeOut": ("0", "10", "60", 120, "5"),
    "reduceOnly": (False, "", "", False, "false", True, "true"),
    "cxlOnFail": (False, "false", ""),
    "state": ("live", "filled", "canceled", "effective", ""),
    "bar": ("1m", "5m", "1H", "4H", "1D", "1Dutc", "1W", "7m"),
    "limit": ("1", "2", "50", "100", "300", "1000000"),
    "callbackRatio": ("0.05", "0.01"),
    "closeFraction": ("1", ""),
    "uly": ("BTC-USDT", "BTC-USD"),
    "instFamily": ("BTC-USDT", "BTC-USD", "ETH-USDT"),
    "quoteCcy": ("USDT", "USD"),
    "transId": tuple(str(n) for n in range(1, 2000, 37)),
    "tag": ("", "tag"),
    "reqId": ("", "r1"),
    "instIdCode": (1, 2, 3, 99),
}
_ORDER = ("instId", "tdMode", "side", "ordType", "sz", "px", "posSide", "clOrdId", "reduceOnly", "tag")
_NAMED = ("instId", "ordId", "clOrdId")
_ALGO = ("algoId", "algoClOrdId", "instId")
_PAGES = ("instType", "instId", "after", "before", "begin", "end", "limit", "state", "ordType")
_FIELDS: dict[str, tuple[str, ...]] = {
    "trade/order": (*_ORDER, "slTriggerPx", "tpTriggerPx", "attachAlgoOrds"),
    "trade/amend-order": (*_NAMED, "newSz", "newPx", "reqId", "cxlOnFail"),
    "trade/cancel-order": _NAMED,
    "trade/close-position": ("instId", "mgnMode", "posSide", "clOrdId", "tag"),
    "trade/cancel-all-after": ("timeOut", "tag"),
    "trade/order-algo": (
        *_ORDER, "algoClOrdId", "slTriggerPx", "slOrdPx", "tpTriggerPx", "tpOrdPx", "triggerPx", "orderPx",
        "callbackRatio", "callbackSpread", "activePx", "closeFraction",
    ),
    "trade/amend-algos": (*_ALGO, "newSz", "newSlTriggerPx", "newTpTriggerPx", "newTriggerPx", "reqId"),
    "account/set-leverage": ("instId", "lever", "mgnMode", "posSide"),
    "account/set-position-mode": ("posMode",),
    "account/set-account-level": ("acctLv",),
    "account/position/margin-balance": ("instId", "posSide", "type", "amt"),
    "asset/transfer": ("ccy", "amt", "from", "to", "type"),
    "account/max-size": ("instId", "tdMode", "px"),
    "account/max-avail-size": ("instId", "tdMode"),
    "account/leverage-info": ("instId", "mgnMode"),
    "public/position-tiers": ("instType", "tdMode", "instFamily", "uly", "instId"),
    "market/books": ("instId", "sz"),
    "asset/transfer-state": ("transId", "type"),
}  # fmt: skip
_BATCHES = {
    "trade/batch-orders": "trade/order",
    "trade/amend-batch-orders": "trade/amend-order",
    "trade/cancel-batch-orders": "trade/cancel-order",
    "trade/cancel-algos": "trade/amend-algos",
}
_SELDOM = ("slTriggerPx", "tpTriggerPx", "attachAlgoOrds", "ordId", "algoId")
_ANY = ("instType", "instId", "ccy", "limit", "after", "before", "bar", "uly", "quoteCcy", "mgnMode", "type")
_BROKEN = (
    b"", b"{", b"[", b"null", b"1", b'"text"', b"{}", b"[]", b"[1]", b"[null]", b"[[]]", b"\xef\xbb\xbf{}",
    b"\xff\xfe{", b'{"a":1,"a":2}', b'{"instId":"BTC-USDT-SWAP","instId":"ETH-USDT-SWAP"}', b'{"sz":NaN}',
    b'{"sz":Infinity}',
    b'{"sz":1e400}', b'{"clOrdId":"\\ud800"}', b'{"clOrdId":"\\u0000"}', b"[" * 20_000, b'{"a":' * 5_000,
    b"[]," * 20_000, b'{"a":"' + b"x" * 60_000 + b'"}', b"[" + b"{}," * 20 + b"{}]", b"[" + b"1," * 30_000 + b"1]",
    b"x" * 70_000, b'{"sz":' + b"9" * 5_000 + b"}", b'{"sz":1' + b"0" * 5_000 + b".0}", b"\x00", b"\n" * 60_000,
    b'{"a":1}{"b":2}',
)  # fmt: skip
_TARGETS = (
    "/api/v5/", "/api/v5", "/api/v6/public/time", "/api/v5//public/time", "/api/v5/public/time/",
    "/api/v5/trade/ORDER", "/api/v5/../../etc/passwd", "/api/v5/%2e%2e/%2e%2e/etc/passwd",
    "/api/v5/public%2Ftime", "/", "/etc/passwd",
    "/api/v5/trade/order%00", "/api/v5/trade/order;a=b", "/api/v5/" + "a" * 4_000, "/api/v5/%F0%9F%92%A9",
    "/api/v5/%ff",
)  # fmt: skip


_WRITES = [route for route in ROUTES if route.method == "POST" and "level" not in route.path]


class Request(Struct, frozen=True):
    """A request to be signed and sent."""

    method: str
    target: str
    body: bytes = b""


def drawn(seed: int, mark: float) -> Iterator[Request]:
    """Requests without end; `mark` is a price of BTC that some orders are near to."""
    dice = Random(seed)
    while True:
        yield _one(dice, mark)


def _one(dice: Random, mark: float) -> Request:
    route = dice.choice(ROUTES if dice.random() < 0.4 else _WRITES)
    shape = dice.random()
    if shape < 0.03:
        return Request(dice.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS")), dice.choice(_TARGETS))
    method = route.method if shape < 0.97 else dice.choice(("GET", "POST", "PUT", "PATCH"))
    target = f"/api/v5/{route.path}"
    if method == "GET":
        return Request(method, f"{target}?{_query(dice, route.path, mark)}")
    if shape < 0.1:
        return Request(method, target, dice.choice(_BROKEN))
    single = _BATCHES.get(route.path)
    count = dice.choice((1, 1, 2, 3, 20))
    given: Any = [_fields(dice, single, mark) for _ in range(count)] if single else _fields(dice, route.path, mark)
    return Request(method, target, json.dumps(given, ensure_ascii=dice.random() < 0.5).encode("utf-8", "replace"))


def _fields(dice: Random, path: str, mark: float) -> dict[str, Any]:
    """Values for the fields of a path; in one of three one of them is hostile, in some one is missing."""
    names = _FIELDS.get(path, _PAGES if path.startswith(("trade", "account/bills", "account/positions")) else _ANY)
    instrument = dice.choice(_SWAPS)
    found = {}
    for name in names:
        if dice.random() < (0.6 if name in _SELDOM or names in (_ANY, _PAGES) else 0):
            continue
        found[name] = _value(dice, name, mark * _PRICES[instrument], algo="algo" in path)
    if "instId" in found and dice.random() < 0.8:
        found["instId"] = instrument
    twist = dice.random()
    if twist < 0.33:
        found[dice.choice([*found, "extra"])] = dice.choice(HOSTILE)
    elif twist < 0.4 and found:
        del found[dice.choice([*found])]
    return found


def _value(dice: Random, name: str, mark: float, *, algo: bool) -> Any:  # noqa: ANN401 - any JSON
    if name == "attachAlgoOrds":
        stop = {"slTriggerPx": str(round(mark * 0.9)), "slOrdPx": "-1"}
        return dice.choice(([], [stop], [stop, stop], [{}], "", None))
    if name in _WORDS:
        return dice.choice(_WORDS[name])
    if name in ("clOrdId", "algoClOrdId"):
        return dice.choice(("", f"d{dice.randrange(10**6)}", dice.choice(_CLIENT)))
    if name == "ordType":
        return dice.choice(_ALGO_TYPES if algo else _ORDER_TYPES)
    if name in ("ordId", "algoId", "after", "before"):
        return str((2 if name == "algoId" else 1) * 10**18 + dice.randrange(_FIRST, _LAST))
    if name in ("begin", "end"):
        return str(dice.choice((0, 1_790_000_000_000, 999_999_999_999_999)))
    price = mark * dice.choice((0.5, 0.9, 0.97, 0.99, 1.0, 1.0, 1.01, 1.03, 1.1, 2))
    return str(round(price)) if price > 1000 else f"{price:.2f}"


def _query(dice: Random, path: str, mark: float) -> str:
    """Parameters in a query: mostly well formed."""
    shape = dice.random()
    if shape < 0.04:
        return dice.choice(
            ("a=1&a=2", "%", "%ff=%ff", "=", "&&&", "a" * 9_000, "a=1&" * 200, "instId=%00", "limit", "limit=%EF%BC%91")
        )
    pairs = {name: str(value) for name, value in _fields(dice, path, mark).items()}
    return (
        urlencode(pairs, errors="replace")
        if shape < 0.9
        else "&".join(f"{k}={quote(v, safe=',')}" for k, v in pairs.items())
    )
