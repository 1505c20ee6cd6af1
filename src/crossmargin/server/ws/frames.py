"""Messages: what a client sends, and how it is answered."""

from typing import Any

import msgspec
from msgspec import Struct

from crossmargin.server.okx.answers import OkxError, Row
from crossmargin.server.okx.app import decoded

__all__ = ["Request", "answer", "check_length", "data_of", "error", "event", "push", "read"]

_ARGUMENT_MAX = 1024
_ID_MAX = 128
_ECHOED = ("subscribe", "unsubscribe")
_ENCODE = msgspec.json.Encoder().encode


class Request(Struct, frozen=True):
    """A message from a client.

    Attributes:
        op: What is wanted: ``login``, ``subscribe``, ``order`` and so on.
        id: Given back with the answer; None where there was none.
        args: Arguments as they are read.
        raw: The same as they were written, where they will be echoed.
    """

    op: str
    id: str | None
    args: list[dict[str, Any]]
    raw: list[str]


class _Written(Struct):
    args: list[msgspec.Raw] = []


def read(text: str) -> Request:
    """Read a message.

    Raises:
        OkxError: it is no object with an operation and a list of objects (60012).
    """
    try:
        given = decoded(text)
        echoed = isinstance(given, dict) and given.get("op") in _ECHOED
        written = msgspec.json.decode(text, type=_Written).args if echoed else []
    except (OkxError, msgspec.DecodeError, UnicodeEncodeError):
        raise _illegal(text) from None
    if not isinstance(given, dict):
        raise _illegal(text)
    op, args, own = given.get("op"), given.get("args", []), given.get("id")
    if not isinstance(op, str) or not isinstance(args, list) or not all(isinstance(each, dict) for each in args):
        raise _illegal(text)
    if own is not None and (not isinstance(own, str) or len(own) > _ID_MAX):
        raise OkxError("60012", "Invalid request: id is no text of 1 to 128 characters")
    return Request(op, None if own is None else str(own), args, [bytes(each).decode() for each in written])


def _illegal(text: str) -> OkxError:
    return OkxError("60012", f"Invalid request: {text[:60]}")


def check_length(raw: str) -> None:
    """Refuse an argument that is longer than any channel needs: it would be echoed with every push."""
    if len(raw) > _ARGUMENT_MAX:
        raise OkxError("60013", "Invalid args")


def event(name: str, connection: str, own: str | None, arg: str | None = None, **more: Any) -> str:
    """An answer to login, subscribe or unsubscribe; `arg` is echoed as it was written."""
    row: Row = {} if own is None else {"id": own}
    row |= {"event": name, **more}
    if arg is not None:
        row["arg"] = msgspec.Raw(arg.encode())
    return _ENCODE({**row, "connId": connection}).decode()


def error(found: OkxError, connection: str, own: str | None = None) -> str:
    """Why something was refused."""
    return event("error", connection, own, msg=found.message, code=str(found.code))


def data_of(rows: list[Any], action: str = "", event_type: str = "") -> str:
    """The part of a push that is the same for all who get it.

    Args:
        rows: Its data.
        action: Of a book: ``snapshot`` or ``update``.
        event_type: Of balances and positions: ``snapshot`` or ``event_update``; they come on one page.
    """
    start = f'"action":"{action}",' if action else ""
    if event_type:
        start = f'"eventType":"{event_type}","curPage":1,"lastPage":true,'
    return f'{start}"data":{_ENCODE(rows).decode()}}}'


def push(arg: str, tail: str) -> str:
    """A push: the argument as it was written, then the data."""
    return f'{{"arg":{arg},{tail}'


def answer(request: Request, code: str, message: str, rows: list[Row], times: tuple[int, int]) -> str:
    """The answer to an operation on orders."""
    entered, left = times
    row = {"id": request.id or "", "op": request.op, "code": code, "msg": message, "data": rows}
    return _ENCODE({**row, "inTime": str(entered), "outTime": str(left)}).decode()
