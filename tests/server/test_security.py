"""One test for each security check that concerns what the exchange has; docs/security.md lists them by id."""

import ast
import base64
import logging
import os
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.server.inside import SWAP, Answer, Inside, files
from tests.server.requests import NUMBERS

import crossmargin
from crossmargin import market
from crossmargin.errors import InputError
from crossmargin.server.keys import KeyStore, NewKey
from crossmargin.server.okx.answers import OkxError
from crossmargin.server.okx.names import algo_id, order_id
from crossmargin.server.okx.routes import ROUTES
from crossmargin.server.run import Options, serve

SOURCE = Path(crossmargin.__file__).parent
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
INTEGER = re.compile(r"0|[1-9][0-9]*")
UNAUTHORISED, FORBIDDEN, MISDIRECTED, UNAVAILABLE, TOO_MANY = 401, 403, 421, 503, 429


@pytest.fixture
def ann(inside: Inside) -> NewKey:
    """An account of 10,000 USDT and a key that may do everything."""
    return inside.account()


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Inside]:
    """An exchange with its files in a folder."""
    found = Inside(options=files(tmp_path))
    yield found
    found.close()


@cache
def modules() -> list[tuple[Path, ast.Module]]:
    """Every module of the package, parsed."""
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(SOURCE.rglob("*.py"))]


# ---------------------------------------------------------------- who asks


def test_every_signed_byte_counts(inside: Inside, ann: NewKey) -> None:
    """S1: another byte anywhere in time, path, query or body, or another method, is 401 and changes nothing."""
    path, body = "/api/v5/trade/order?expTime=1", b'{"instId":"BTC-USDT-SWAP","tdMode":"cross","side":"buy"}'
    headers = inside.signed(ann, "POST", path, body)
    before = inside.digest()

    def refused(answer: Answer) -> bool:
        return answer.status in (UNAUTHORISED, 404) and inside.digest() == before

    for place in range(len(body)):
        assert refused(inside.raw("POST", path, headers | {"host": "localhost"}, flipped(body, place)))
    for place in range(len("/api/v5/trade/order") - len("order"), len(path)):
        assert refused(inside.raw("POST", flipped(path.encode(), place).decode("latin-1"), headers | HOST, body))
    stamp = headers["ok-access-timestamp"]
    for place in range(len(stamp)):
        changed = flipped(stamp.encode(), place).decode("latin-1")
        assert refused(inside.raw("POST", path, headers | HOST | {"ok-access-timestamp": changed}, body))
    assert refused(inside.raw("GET", path, headers | HOST, body))
    assert inside.raw("POST", path, headers | HOST, body).code == "1"  # as it was signed it is read, and lacks a type


HOST = {"host": "127.0.0.1"}


def flipped(text: bytes, place: int) -> bytes:
    """The same with one bit of one byte changed."""
    return text[:place] + bytes((text[place] ^ 1,)) + text[place + 1 :]


def test_the_window_is_thirty_seconds(inside: Inside, ann: NewKey) -> None:
    """S2: 29 s before and after are taken, 31 s are not."""
    path = "/api/v5/account/config"
    codes = [
        inside.raw("GET", path, HOST | inside.signed(ann, "GET", path, after_ms=after)).code
        for after in (-31_000, -29_000, 29_000, 31_000)
    ]
    assert codes == ["50102", "0", "0", "50102"]


def test_a_signature_counts_once(tmp_path: Path) -> None:
    """S3, A4: the same signature again, in any spelling of its base64, and after a restart, places no second order."""
    exchange = Inside(options=files(tmp_path))
    ann = exchange.account("ann")
    exchange.clock.at += 1
    path, body = "/api/v5/trade/order", b'{"instId":"BTC-USDT-SWAP","tdMode":"cross","side":"buy","ordType":"market",'
    body += b'"sz":"1"}'
    headers = HOST | exchange.signed(ann, "POST", path, body)
    assert exchange.raw("POST", path, headers, body).code == "0"
    state, sign = exchange.digest(), headers["ok-access-sign"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spellings = [f"{sign[:-2]}{each}=" for each in alphabet]
    same = [each for each in spellings if base64.b64decode(each) == base64.b64decode(sign)]
    assert len(same) == 4
    for twin in same:
        assert exchange.raw("POST", path, headers | {"ok-access-sign": twin}, body).status == UNAUTHORISED
    exchange.close()
    exchange.clock.at += 100

    again = Inside(options=files(tmp_path), clock=exchange.clock)
    state = again.digest()
    assert again.raw("POST", path, headers, body).code == "50102"
    assert again.digest() == state
    assert again.get(ann, "account/positions").row["pos"] == "1"
    again.close()


def test_secrets_are_compared_in_constant_time() -> None:
    """S4: no `==` or `!=` on a signature, a passphrase or a token; such comparisons are `compare_digest`."""
    secret = re.compile(r"sign(ature)?$|passphrase|token|secret|digest|right$")
    found = []
    for path, tree in modules():
        if "server" not in path.relative_to(SOURCE).parts:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops):
                names = [ast.unparse(each) for each in (node.left, *node.comparators)]
                found += [f"{path.name}: {name}" for name in names if secret.search(name)]
    assert found == []
    deciding = ("okx/signature.py", "keys/store.py", "admin.py")
    texts = [(SOURCE / "server" / name).read_text(encoding="utf-8") for name in deciding]
    assert all("hmac.compare_digest(" in text for text in texts)


def test_unknown_and_revoked_keys_look_alike(inside: Inside, ann: NewKey) -> None:
    """S5: a key that never was and one that is gone get the same answer, whatever else is right or wrong."""
    gone = inside.exchange.keys.create(ann.account, now=0)
    inside.exchange.keys.revoke(gone.key, 1)
    never = NewKey(key="0" * 36, secret="x", passphrase="y", account=ann.account, scopes=("read",))
    answers = [inside.get(key, "account/balance") for key in (gone, never)]
    assert {(answer.status, answer.raw) for answer in answers} == {(UNAUTHORISED, answers[0].raw)}
    assert answers[0].code == "50111"


def test_keys_are_long_and_drawn_from_the_system(inside: Inside, ann: NewKey) -> None:
    """S6: 128 bits for key and secret, 96 for the passphrase, 128 and more for the admin token, all from `secrets`."""
    first, second = (inside.exchange.keys.create(ann.account, now=0) for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first.key)
    assert re.fullmatch(r"[0-9A-F]{32}", first.secret)
    assert len(first.passphrase) >= 16
    assert len(inside.exchange.admin_token) >= 22
    assert not {first.key, first.secret, first.passphrase} & {second.key, second.secret, second.passphrase}
    for path, tree in modules():
        if "server" in path.relative_to(SOURCE).parts:
            names = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
            assert "random" not in names, path


def test_secrets_lie_nowhere_in_clear(on_disk: Inside, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """S7, S36, A10: after a session no file, log line or answer holds secret, passphrase or admin token."""
    ann = on_disk.account("ann")
    on_disk.place(ann)
    wrong = NewKey(key=ann.key, secret="wrong", passphrase=ann.passphrase, account="ann", scopes=ann.scopes)
    answers = [
        on_disk.get(ann, "account/config"),
        on_disk.get(wrong, "account/config"),
        on_disk.post(ann, "trade/order", {"tag": ann.key}),
    ]
    canaries = [each.encode() for each in (ann.secret, ann.passphrase, on_disk.exchange.admin_token)]
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {"venue.db", "venue.db.history", "venue.db.keys", "venue.db.keys.master"} <= set(contents)
    contents |= {"log": caplog.text.encode(), "answers": b"".join(answer.raw for answer in answers)}
    assert [name for name, content in contents.items() for canary in canaries if canary in content] == []
    assert "secret" not in str(on_disk.exchange.keys.keys())


# ---------------------------------------------------------------- who may what


def test_each_route_asks_for_its_scope(inside: Inside) -> None:
    """S10: without key, or without the scope, nothing but public paths answers; with it every path does."""
    keys = {scope: inside.account(scopes=(scope,)) for scope in ("read", "trade", "withdraw")}
    for route in ROUTES:
        target = f"/api/v5/{route.path}"
        body = b"{}" if route.method == "POST" else b""
        anyone = inside.send(route.method, target, None, body)
        assert (anyone.status == UNAUTHORISED) is bool(route.scope), target
        for scope, key in keys.items():
            answer = inside.send(route.method, target, key, body)
            allowed = not route.scope or route.scope == scope
            assert (answer.code != "50120") is allowed, (target, scope)
            assert answer.status < 500


def test_nobody_reaches_what_is_anothers(inside: Inside, ann: NewKey) -> None:
    """S11, A6: another's orders, waiting orders, positions, bills and transfers are unknown, and stay untouched."""
    bob = inside.account()
    order = inside.place(bob, clOrdId="bobsorder").row["ordId"]
    inside.place(bob, ordType="market")
    stop = {"instId": SWAP, "tdMode": "cross", "side": "sell", "sz": "1", "ordType": "trigger", "orderPx": "-1"}
    algo = inside.post(bob, "trade/order-algo", {**stop, "triggerPx": "1000", "algoClOrdId": "bobsalgo"}).row["algoId"]
    sent = inside.post(bob, "asset/transfer", {"ccy": "USDT", "amt": "5", "from": "18", "to": "6"}).row["transId"]
    bills = [row["billId"] for row in inside.get(bob, "account/bills").rows]
    before = inside.digest()

    assert inside.get(ann, "trade/order", instId=SWAP, ordId=order).code == "51603"
    assert inside.get(ann, "trade/order", instId=SWAP, clOrdId="bobsorder").code == "51603"
    assert inside.get(ann, "trade/order-algo", algoId=algo).code == "51603"
    assert inside.get(ann, "asset/transfer-state", transId=sent).code == "58129"
    for path, given, code in (
        ("trade/cancel-order", {"instId": SWAP, "ordId": order}, "51400"),
        ("trade/cancel-order", {"instId": SWAP, "clOrdId": "bobsorder"}, "51400"),
        ("trade/amend-order", {"instId": SWAP, "ordId": order, "newSz": "2"}, "51503"),
        ("trade/cancel-algos", [{"instId": SWAP, "algoId": algo}], "51400"),
        ("trade/amend-algos", {"instId": SWAP, "algoId": algo, "newSz": "2"}, "51503"),
    ):
        assert inside.post(ann, path, given).row["sCode"] == code, path
    assert inside.post(ann, "trade/close-position", {"instId": SWAP, "mgnMode": "cross"}).code == "51023"
    for path in ("orders-pending", "orders-history", "fills"):
        assert inside.get(ann, f"trade/{path}", ordId=order, before="1").rows == [], path
    seen = {row["billId"] for row in inside.get(ann, "account/bills", before="1").rows}
    assert not seen & set(bills)
    assert inside.get(ann, "account/positions", posId=inside.get(bob, "account/positions").row["posId"]).rows == []
    assert inside.digest() == before


def test_no_field_makes_an_order_anothers(inside: Inside, ann: NewKey) -> None:
    """S12: fields that the call does not have are not read: the order is the caller's, with the terms of the call."""
    bob = inside.account()
    more = {"account": "bob", "uid": "1", "time": 1, "contracts": "99", "price": "1", "leverage": "100"}
    placed = inside.place(ann, **more).row
    (order,) = inside.exchange.venue.state.owners[ann.account].live()
    assert order_id(int(order.id[1:])) == placed["ordId"]
    assert order.order.contracts == 1
    assert not inside.exchange.venue.state.owners[bob.account].live()


def test_a_revoked_key_ends_at_once(inside: Inside, ann: NewKey) -> None:
    """S13: revoked by another process, it is refused within a second (here: a quarter)."""
    other = KeyStore(inside.exchange.keys.path)
    assert inside.get(ann, "account/config").code == "0"
    other.revoke(ann.key, 1)
    other.close()
    time.sleep(0.3)
    assert inside.get(ann, "account/config").code == "50111"


def test_a_reading_key_changes_nothing(inside: Inside, ann: NewKey) -> None:
    """S14, A5: every path under every method, with bodies that would do something: the state is the same."""
    reader = inside.exchange.keys.create(ann.account, scopes=("read",), now=0)
    order = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1"}
    money = {"ccy": "USDT", "amt": "1", "from": "18", "to": "6", "type": "0"}
    body = {**order, **money, "lever": "5", "mgnMode": "cross", "posMode": "long_short_mode", "timeOut": "60"}
    before = inside.digest()
    for route in ROUTES:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
            for given in (body, [body]):
                inside.send(method, f"/api/v5/{route.path}", reader, str(given).replace("'", '"').encode())
    assert inside.digest() == before


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("trade/order", "sz"), ("trade/order", "px"), ("trade/order", "slTriggerPx"), ("trade/order", "instIdCode"),
        ("trade/amend-order", "newSz"), ("trade/amend-order", "newPx"), ("trade/order-algo", "triggerPx"),
        ("trade/order-algo", "callbackRatio"), ("account/set-leverage", "lever"), ("asset/transfer", "amt"),
        ("account/position/margin-balance", "amt"), ("trade/cancel-all-after", "timeOut"),
    ],
)  # fmt: skip
def test_no_odd_number_passes(inside: Inside, ann: NewKey, path: str, name: str) -> None:
    """S15, A11: what is no plain number is refused in every numeric field, at once, and nothing changes."""
    order = inside.place(ann).row["ordId"]
    isolated = inside.place(ann, ordType="market", tdMode="isolated")
    assert isolated.code == "0"
    whole = {
        "instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "1", "px": "80000", "ordId": order,
        "mgnMode": "cross", "ccy": "USDT", "from": "18", "to": "6", "type": "add", "posSide": "net",
    }  # fmt: skip
    whole |= {"ordType": "trigger" if name == "triggerPx" else "move_order_stop"} if "algo" in path else {}
    whole |= {"type": "0"} if path == "asset/transfer" else {}
    if name == "instIdCode":
        del whole["instId"]
    shapes: list[Any] = [*NUMBERS, True, [], {}, ["1"], {"a": "1"}]
    for value in shapes:
        before = inside.digest()
        answer = inside.post(ann, path, whole | {name: value})
        assert answer.status == 200
        assert answer.cpu < 0.05
        plain = isinstance(value, str) and (INTEGER if name in ("instIdCode", "timeOut") else NUMBER).fullmatch(value)
        if not plain and value != "":
            assert answer.code != "0", (value, answer.raw)
            assert inside.digest() == before


def test_the_same_key_twice_is_refused(inside: Inside, ann: NewKey) -> None:
    """S16, S17: twice in a body, on any level, or twice in a query."""
    terms = b'"instId":"BTC-USDT-SWAP","tdMode":"cross","side":"buy","ordType":"market"'
    before = inside.digest()
    for body in (b'{"sz":"1","sz":"2",' + terms + b"}", b'[{"sz":"1","sz":"1",' + terms + b"}]"):
        assert inside.send("POST", "/api/v5/trade/order", ann, body).code == "50002"
    assert inside.digest() == before
    assert inside.send("GET", f"/api/v5/market/ticker?instId={SWAP}&instId={SWAP}").code == "51000"


ODD_IDS = (
    "\u24b6b", "\uff41bc", "abc\u200b", "\u202eabc", "abc\x00", "e\u0301", "\u00e9", "a b", "a-b", "a" * 33, "a\n",
    "\ufeffa", "\u041a1",
)  # fmt: skip


def test_client_ids_are_plain_letters_and_digits(inside: Inside, ann: NewKey) -> None:
    """S18: twins under normalisation, invisible and right-to-left characters, NUL, spaces, 33 characters: refused."""
    before = inside.digest()
    for name in ODD_IDS:
        assert inside.place(ann, clOrdId=name).row["sCode"] == "51000", name
    assert inside.digest() == before


def test_texts_are_bound_not_pasted(inside: Inside, ann: NewKey) -> None:
    """S19: metacharacters in any text find nothing and break nothing; statements are built of words of our own."""
    inside.place(ann)
    evil = "x' OR '1'='1"
    for path in ("trade/orders-history", "trade/fills", "account/bills", "account/positions-history", "asset/bills"):
        for name in ("instId", "ccy", "type", "state", "instType", "ordId", "after", "mgnMode", "subType"):
            answer = inside.get(ann, path, **{name: evil})
            ignored = inside.get(ann, path).raw
            assert answer.code != "0" or answer.rows == [] or answer.raw == ignored, (path, name)
    assert len(inside.get(ann, "account/bills").rows) == 1
    store = dict(modules())[SOURCE / "server" / "keys" / "store.py"]
    for node in ast.walk(store):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".execute"):
            assert isinstance(node.args[0], ast.Constant | ast.Name), ast.unparse(node)


def test_paths_lead_to_no_files(inside: Inside) -> None:
    """S20: dots, encoded dots and slashes, NUL: 404 and nothing of a file."""
    for target in (
        "/../../etc/passwd", "/api/v5/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
        "/api/v5/%2e%2e%2f%2e%2e%2fetc/passwd", "/static/../../etc/passwd", "/static/%2e%2e/%2e%2e/pyproject.toml",
        "/api/v5/trade/order%00.json", "//etc/passwd",
    ):  # fmt: skip
        answer = inside.send("GET", target)
        assert answer.status == 404, target
        assert b"root:" not in answer.raw


def test_no_pattern_runs_away() -> None:
    """S22: each pattern of the server and of the doors before the engine, on hostile texts of 100,000 characters."""
    evil = [
        "0" * 100_000,
        "a" * 100_000,
        "-" * 100_000,
        "0." * 50_000,
        " " * 100_000 + "x",
        "1e" * 50_000,
        "[" * 100_000,
    ]
    seen = 0
    for path, tree in modules():
        if "server" not in path.relative_to(SOURCE).parts and path.name not in ("numbers.py", "guards.py"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile":
                pattern = re.compile(ast.literal_eval(node.args[0]))
                seen += 1
                for text in evil:
                    started = time.process_time()
                    pattern.fullmatch(text)
                    assert time.process_time() - started < 0.05, (path.name, pattern.pattern)
    assert seen >= 3


# ---------------------------------------------------------------- browsers


def test_only_our_own_names_are_served(inside: Inside) -> None:
    """S24: a name that resolves to this machine is not this machine."""
    for host, status in (
        ("127.0.0.1", 200), ("localhost:8080", 200), ("[::1]:8080", 200), ("evil.example", MISDIRECTED),
        ("", MISDIRECTED),
        ("127.0.0.1.evil.example", MISDIRECTED), ("localhost@evil.example", MISDIRECTED), ("\xff", MISDIRECTED),
    ):  # fmt: skip
        assert inside.raw("GET", "/api/v5/public/time", {"host": host}).status == status, host


def test_only_our_own_pages_may_ask(inside: Inside) -> None:
    """S25: another origin, or another port of this machine, is refused, on HTTP and before a WebSocket is accepted."""
    for origin, status in (
        ("http://localhost:8080", 200), ("http://LOCALHOST:8080", 200), ("http://127.0.0.1:8080", FORBIDDEN),
        ("http://localhost:3000", FORBIDDEN), ("https://evil.example", FORBIDDEN), ("null", FORBIDDEN), ("", FORBIDDEN),
        ("http://localhost:8080.evil.example", FORBIDDEN), ("http://evil@localhost:8080", FORBIDDEN),
    ):  # fmt: skip
        answer = inside.raw("GET", "/api/v5/public/time", {"host": "localhost:8080", "origin": origin})
        assert answer.status == status, origin
    sent: list[Any] = []

    async def knock() -> None:
        async def receive() -> Any:  # noqa: ANN401 - an ASGI message
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:  # noqa: ANN401 - an ASGI message
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"origin", b"https://evil.example")]
        await inside.app({"type": "websocket", "path": "/ws/v5/public", "headers": headers}, receive, send)

    inside.loop.run_until_complete(knock())
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_no_other_origin_may_read(inside: Inside, ann: NewKey) -> None:
    """S26, S31: no answer names an origin that may read it; none is kept by a cache."""
    for answer in (
        inside.send("GET", "/api/v5/public/time"),
        inside.raw("OPTIONS", "/api/v5/trade/order", HOST | {"origin": "http://127.0.0.1"}),
        inside.get(ann, "account/balance"),
        inside.send("GET", "/nothing"),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert inside.get(ann, "account/balance").headers["cache-control"] == "no-store"


# ---------------------------------------------------------------- running it


def test_it_is_not_open_to_others_by_accident() -> None:
    """S32: it listens on loopback; any other address without TLS is refused before a socket is opened."""
    assert Options().host == "127.0.0.1"
    for host in ("0.0.0.0", "::", "192.168.1.2", "example.org"):
        with pytest.raises(InputError, match="is open to others"):
            serve(market.open("generated:7"), Options(host=host), lambda *_: None)


def test_failures_say_nothing_of_the_inside(
    fresh: Inside, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """S33, S34: an answer to a call that breaks has no trace, no path and no version in it."""
    ann = fresh.account()

    def broken(*_: object) -> None:
        raise RuntimeError("at /secret/path.py")

    monkeypatch.setattr(fresh.exchange.venue, "assessment", broken)
    answer = fresh.get(ann, "account/balance")
    assert answer.status == 500
    assert answer.code == "50026"
    assert b"secret" not in answer.raw
    assert b"Traceback" not in answer.raw
    assert not {"server", "x-powered-by"} & set(answer.headers)
    assert "at /secret/path.py" in caplog.text  # whoever runs it can read why


def test_without_keys_nobody_gets_in(fresh: Inside) -> None:
    """S35: where keys cannot be read the answer is 503; public data is still there."""
    ann = fresh.account()
    fresh.exchange.keys.close()
    time.sleep(0.3)
    before = fresh.digest()
    assert fresh.get(ann, "account/balance").status == UNAVAILABLE
    assert fresh.place(ann).status == UNAVAILABLE
    assert fresh.digest() == before
    assert fresh.get(None, "public/time").code == "0"


def test_a_stopped_journal_answers_no_order(fresh: Inside) -> None:
    """S35: once the journal has failed, orders get 503 and the reason stays fresh."""
    ann = fresh.account()
    fresh.exchange.venue.stop(OSError("disk /dev/sda1 is gone"))
    answer = fresh.place(ann)
    assert (answer.status, answer.code) == (UNAVAILABLE, "50001")
    assert b"sda1" not in answer.raw


def test_refusals_are_written_down_on_one_line(fresh: Inside, caplog: pytest.LogCaptureFixture) -> None:
    """S37, S38: a failed login and a denied action are logged with the key; nothing in them makes a line of its own."""
    ann = fresh.account()
    caplog.set_level(logging.WARNING, "crossmargin.server")
    reader = fresh.exchange.keys.create(ann.account, scopes=("read",), now=0)
    fresh.place(reader)
    headers = fresh.signed(ann, "GET", "/api/v5/account/balance")
    fresh.raw("GET", "/api/v5/account/balance", HOST | headers | {"ok-access-key": "x\n2026-01-01 forged\x1b[31m"})
    fresh.raw("GET", "/api/v5/account/balance", HOST | headers | {"ok-access-sign": "AAAA"})
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert lines[0].startswith("refused: 50120 'POST /api/v5/trade/order', key ")
    assert reader.key[:20] in lines[0]
    assert ann.key[:20] in lines[2]
    assert not [line for line in lines if "\n" in line or "\x1b" in line]
    with pytest.raises(OkxError):
        fresh.exchange.gate.login(ann.key, ann.passphrase, str(fresh.clock() // 1000), "AAAA", fresh.clock())
    assert caplog.records[-1].getMessage().startswith("refused: 60007 'login', key ")

    for _ in range(50):
        fresh.raw("GET", "/api/v5/account/balance", HOST | headers | {"ok-access-sign": "AAAA"})
    assert len(caplog.records) == 10  # a flood of them fills no disk


def test_files_of_keys_are_ones_own(on_disk: Inside, tmp_path: Path) -> None:
    """S39: keys and master key have mode 0600, whatever the umask; looser ones are refused."""
    on_disk.account("ann")
    for path in tmp_path.glob("venue.db.keys*"):
        assert path.stat().st_mode & 0o777 == 0o600, path.name
    for name in ("venue.db.keys", "venue.db.keys.master"):
        os.chmod(tmp_path / name, 0o640)
        with pytest.raises(InputError, match="chmod 600"):
            KeyStore(tmp_path / "venue.db.keys")
        os.chmod(tmp_path / name, 0o600)


# ---------------------------------------------------------------- abuse


def test_budgets_are_of_a_key_or_an_address_and_cancels_have_their_own() -> None:
    """S42, S43, A9: beyond its budget a key gets 429, another does not; cancels still go; headers lie in vain."""
    inside = Inside(options=Options(calls=20))
    ann, bob = inside.account("ann"), inside.account()
    inside.place(ann, ordType="market")
    ids = [inside.place(ann, clOrdId=f"a{place}", sz="0.1").row["ordId"] for place in range(19)]

    flood = inside.place(ann)
    assert (flood.status, flood.code) == (TOO_MANY, "50011")
    assert inside.place(bob).code == "0"
    for each in ids[:15]:
        assert inside.post(ann, "trade/cancel-order", {"instId": SWAP, "ordId": each}).code == "0"
    assert inside.post(ann, "trade/close-position", {"instId": SWAP, "mgnMode": "cross"}).code == "0"
    assert inside.post(ann, "trade/cancel-all-after", {"timeOut": "10"}).code == "0"

    for place in range(25):
        last = inside.raw("GET", "/api/v5/public/time", HOST | {"x-forwarded-for": f"10.0.0.{place}"})
    assert last.status == TOO_MANY
    inside.clock.at += 2_001
    assert inside.place(ann).code == "0"
    inside.close()


# ---------------------------------------------------------------- code


def test_nothing_dangerous_is_called() -> None:
    """S48: no pickle, marshal, shelve, eval, exec, yaml.load, shell, mktemp, unverified TLS; no assert at the gates."""
    imports = {"pickle", "marshal", "shelve", "telnetlib", "dill"}
    calls = {"eval", "exec", "yaml.load", "tempfile.mktemp", "os.system", "os.popen", "__import__"}
    gates = {"signature.py", "store.py", "guard.py", "admin.py", "limits.py", "denials.py"}
    found = []
    for path, tree in modules():
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=names):
                    found += [f"{path.name}: {name.name}" for name in names if name.name.partition(".")[0] in imports]
                case ast.ImportFrom(module=str(source)) if source.partition(".")[0] in imports:
                    found.append(f"{path.name}: {source}")
                case ast.Call(func=func, keywords=keywords):
                    name = ast.unparse(func)
                    loose = [each.arg for each in keywords if (each.arg, ast.unparse(each.value)) in LOOSE]
                    found += [f"{path.name}: {each}" for each in [*loose, *([name] if name in calls else [])]]
                case ast.Assert() if path.name in gates and "server" in path.relative_to(SOURCE).parts:
                    found.append(f"{path.name}: assert")
    assert found == []


LOOSE = {("shell", "True"), ("verify", "False"), ("check_hostname", "False")}


def test_ids_on_the_wire_do_not_mix() -> None:
    """S11: the id of an order is none of a waiting order, so that neither can stand for the other."""
    assert order_id(7) != algo_id(7)
