"""`crossmargin fleet watch --marks`: marks from a venue's public WebSocket, here a small one on this machine."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crossmargin.cli import fleet_marks
from crossmargin.cli.main import main

pytest.importorskip("websockets", reason="the extra serve is not installed")

from websockets.sync.server import ServerConnection, serve

Ran = tuple[int, str, str]
MARKS = [{"BTCUSDT": "57000"}, {"BTCUSDT": "45000", "ETHUSDT": "2500"}, {"BTCUSDT": "40000", "ETHUSDT": "3000"}]


@contextmanager
def venue(handler: Callable[[ServerConnection, dict[str, Any]], None]) -> Iterator[str]:
    """A venue that answers the first subscription by `handler`, then closes; its address."""

    def talk(connection: ServerConnection) -> None:
        handler(connection, json.loads(connection.recv()))

    with serve(talk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host, port = server.socket.getsockname()
        try:
            yield f"ws://{host}:{port}/ws/v5/public"
        finally:
            server.shutdown()
            thread.join()


def told(connection: ServerConnection, request: dict[str, Any]) -> None:
    """Each subscription holds; then marks as the channel has them."""
    assert request["op"] == "subscribe"
    names = {argument["instId"] for argument in request["args"] if argument["channel"] == "mark-price"}
    assert {"BTCUSDT", "ETHUSDT"} <= names
    for argument in request["args"]:
        connection.send(json.dumps({"event": "subscribe", "arg": argument, "connId": "1"}))
    for moved in MARKS:
        data = [{"instId": name, "instType": "SWAP", "markPx": mark, "ts": "1"} for name, mark in moved.items()]
        connection.send(json.dumps({"arg": {"channel": "mark-price"}, "data": data}))


@pytest.fixture
def fleet(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `crossmargin fleet ARGUMENTS`: status, output, errors."""

    def run(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as left:
            main(["fleet", *map(str, arguments)])
        printed = capsys.readouterr()
        return int(left.value.code or 0), printed.out, printed.err

    return run


@pytest.fixture
def desk(fleet: Callable[..., Ran], tmp_path: Path) -> Path:
    """A small fleet."""
    folder = tmp_path / "desk"
    assert fleet("generate", folder, "--accounts", 300, "--leverage", 8)[0] == 0
    return folder


def changes(out: str) -> list[tuple[str, str, str]]:
    """Who changed from what to what, in order."""
    rows = [json.loads(line) for line in out.splitlines()]
    return [(row["account"], row["before"], row["now"]) for row in rows]


def test_marks_from_a_venue_are_as_marks_from_a_file(fleet: Callable[..., Ran], desk: Path, tmp_path: Path) -> None:
    """The same marks, the same changes, the same exit status, until the venue closes."""
    lines = [";".join(f"{name},{mark}" for name, mark in moved.items()) for moved in MARKS]
    (tmp_path / "ticks.csv").write_text("\n".join(lines), encoding="utf-8")

    with venue(told) as url:
        status, out, _ = fleet("watch", desk, "--marks", url, "--json")
    from_file = fleet("watch", desk, "--ticks", tmp_path / "ticks.csv", "--json")

    assert status == from_file[0] == 3
    assert changes(out) == changes(from_file[1])


def test_a_quiet_venue_is_pinged(fleet: Callable[..., Ran], desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while without a message the word ping goes out, and its answer is no mark."""
    monkeypatch.setattr(fleet_marks, "QUIET", 0.05)
    heard: list[str | bytes] = []

    def quiet(connection: ServerConnection, request: dict[str, Any]) -> None:
        heard.append(connection.recv())
        connection.send("pong")
        told(connection, request)

    with venue(quiet) as url:
        status, out, _ = fleet("watch", desk, "--marks", url)

    assert heard == ["ping"]
    assert (status, "3 ticks" in out) == (3, True)


def refuses(connection: ServerConnection, _request: dict[str, Any]) -> None:
    """The venue has no such channel."""
    connection.send(json.dumps({"event": "error", "code": "60018", "msg": "wrong channel", "connId": "1"}))


def babbles(connection: ServerConnection, _request: dict[str, Any]) -> None:
    """No message of the channel."""
    connection.send("[1, 2]")


def lies(connection: ServerConnection, _request: dict[str, Any]) -> None:
    """A mark below zero."""
    connection.send(json.dumps({"arg": {}, "data": [{"instId": "BTCUSDT", "markPx": "-1", "ts": "1"}]}))


@pytest.mark.parametrize(
    ("handler", "says"),
    [(refuses, "refused: wrong channel (code 60018)"), (babbles, "message 1"), (lies, "message 1, BTCUSDT")],
)
def test_a_venue_that_answers_wrongly_is_named(
    fleet: Callable[..., Ran], desk: Path, handler: Callable[[ServerConnection, dict[str, Any]], None], says: str
) -> None:
    """One line with what it said, exit status 1."""
    with venue(handler) as url:
        status, _, err = fleet("watch", desk, "--marks", url, "--json")

    assert (status, err.count("\n")) == (1, 1)
    assert says in err


def test_nobody_there_is_one_line(fleet: Callable[..., Ran], desk: Path) -> None:
    """A closed port, and an address that is none; lines and a socket at once are refused."""
    with venue(told) as url:
        pass
    for address, says in ((url, "can't be reached"), ("http://127.0.0.1:1", "can't be reached")):
        status, _, err = fleet("watch", desk, "--marks", address)
        assert (status, err.count("\n"), says in err) == (1, 1, True)
    assert "not from both" in fleet("watch", desk, "--marks", url, "--ticks", "x.csv")[2]
