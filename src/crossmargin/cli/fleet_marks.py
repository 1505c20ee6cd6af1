"""Marks as they come, from lines of text or from a venue's public WebSocket."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from crossmargin.errors import InputError, UnsupportedError

__all__ = ["Moved", "from_lines", "from_socket"]

CHANNEL, ARGUMENTS_MAX = "mark-price", 50
QUIET = 20.0
CLOSED_WELL = (1000, 1001)


class Moved(NamedTuple):
    """Marks that move at once.

    Attributes:
        number: Line or message that brought them, from 1.
        text: As it is printed.
        marks: By instrument.
    """

    number: int
    text: str
    marks: dict[str, Decimal]


@contextmanager
def from_lines(path: str) -> Iterator[Iterable[Moved]]:
    """Lines ``INSTRUMENT,PRICE``, several on a line separated by semicolons; ``-`` is standard input.

    Raises:
        InputError: a file that can't be read, or a line that is none; by file and line.
    """
    if path == "-":
        yield _parsed(sys.stdin, "standard input")
        return
    try:
        with Path(path).open(encoding="utf-8") as file:
            yield _parsed(file, path)
    except OSError as error:
        raise InputError(path, "", f"can't be read: {error.strerror}") from None


def _parsed(lines: Iterable[str], path: str) -> Iterator[Moved]:
    for number, line in enumerate(lines, 1):
        marks = {}
        for entry in filter(None, (each.strip() for each in line.split(";"))):
            name, comma, text = entry.partition(",")
            if not comma:
                raise InputError(path, f"line {number}", f"{entry!r}: expected INSTRUMENT,PRICE")
            marks[name.strip()] = _price(text.strip(), path, f"line {number}")
        if marks:
            yield Moved(number, line.strip(), marks)


def _price(text: object, source: str, where: str) -> Decimal:
    from crossmargin.domain.numbers import Sign, number

    try:
        return number(text, Sign.POSITIVE)
    except ValueError as error:
        raise InputError(source, where, str(error)) from None


@contextmanager
def from_socket(url: str, instruments: Iterable[str]) -> Iterator[Iterable[Moved]]:
    """Marks of a venue that speaks OKX's public channel ``mark-price``, the paper exchange for one.

    Raises:
        UnsupportedError: the extra is not installed.
        InputError: nobody listens there, a subscription is refused, or a message is none.
    """
    try:
        from websockets.exceptions import InvalidHandshake, InvalidURI
        from websockets.sync.client import connect
    except ImportError:
        raise UnsupportedError("--marks needs websockets: pip install 'crossmargin[fleet,serve]'") from None
    try:
        socket = connect(url)
    except (OSError, InvalidURI, InvalidHandshake) as error:
        raise InputError("--marks", url, f"can't be reached: {error}") from None
    with socket:
        names = list(instruments)
        for first in range(0, len(names), ARGUMENTS_MAX):
            wanted = [{"channel": CHANNEL, "instId": name} for name in names[first : first + ARGUMENTS_MAX]]
            socket.send(json.dumps({"op": "subscribe", "args": wanted}))
        yield _received(socket, url)


def _received(socket: Any, url: str) -> Iterator[Moved]:  # noqa: ANN401 - websockets loads late
    """Marks message by message, until the venue closes the connection."""
    for number, text in enumerate(_texts(socket, url), 1):
        marks = _marks(text, url, f"message {number}")
        if marks:
            yield Moved(number, ";".join(f"{name},{price}" for name, price in marks.items()), marks)


def _texts(socket: Any, url: str) -> Iterator[str | bytes]:  # noqa: ANN401 - websockets loads late
    """Messages; a quiet connection is kept alive by the venue's own ping."""
    from websockets.exceptions import ConnectionClosed

    while True:
        try:
            text = socket.recv(QUIET)
        except TimeoutError:
            socket.send("ping")
            continue
        except ConnectionClosed as error:
            closed = error.rcvd
            if closed is not None and closed.code in CLOSED_WELL:
                return
            raise InputError("--marks", url, f"the connection broke: {error}") from None
        if text != "pong":
            yield text


def _marks(text: str | bytes, url: str, where: str) -> dict[str, Decimal]:
    """Marks of one message; none where it only says that a subscription holds."""
    try:
        message = json.loads(text)
        event = message.get("event")
        if event == "error":
            raise InputError("--marks", url, f"refused: {message.get('msg')} (code {message.get('code')})")
        rows = [] if event else [(str(row["instId"]), row["markPx"]) for row in message["data"]]
    except (ValueError, AttributeError, KeyError, TypeError):
        raise InputError(url, where, "is no message of the channel mark-price") from None
    return {name: _price(price, url, f"{where}, {name}") for name, price in rows}
