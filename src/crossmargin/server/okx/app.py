"""The ASGI application behind ``/api/v5``: from a request to its envelope."""

import inspect
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from crossmargin.errors import CrossMarginError, InputError, JournalError
from crossmargin.server.exchange import Exchange
from crossmargin.server.json_body import read_json
from crossmargin.server.keys import Key
from crossmargin.server.okx.acks import Acks
from crossmargin.server.okx.answers import OkxError, failed, ok
from crossmargin.server.okx.call import Call
from crossmargin.server.okx.limits import Budgets
from crossmargin.server.okx.routes import Route, find

__all__ = ["PREFIX", "OkxApp", "decoded"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_BODY_MAX = 64 * 1024
_QUERY_MAX = 8 * 1024
_OK, _FORBIDDEN, _NOT_FOUND, _TOO_LARGE, _OURS, _BROKEN = 200, 401, 404, 413, 500, 503
_LOG = logging.getLogger("crossmargin.server")
_ENCODE = msgspec.json.Encoder().encode
PREFIX = "/api/v5/"


class OkxApp:
    """Answers the paths of `crossmargin.server.okx.routes`.

    Args:
        exchange: What is asked.
        budgets: How many calls a key may make.
    """

    def __init__(self, exchange: Exchange, budgets: Budgets) -> None:
        """Keep both."""
        self.exchange = exchange
        self.budgets = budgets

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            status, body = _OK, await self._answer(scope, receive)
        except OkxError as error:
            status, body = error.status, failed(error)
        except JournalError:
            status, body = _BROKEN, failed(OkxError("50001", "Service temporarily unavailable.", _BROKEN))
        except CrossMarginError as error:
            status, body = _OK, failed(OkxError("51000", str(error)))
        except Exception:
            _LOG.exception("%s %s", scope["method"], scope["path"][:100])
            status, body = _OURS, failed(OkxError("50026", "System error. Try again later.", _OURS))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers.append((b"cache-control", b"no-store"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Message, receive: Receive) -> bytes:
        method, path = scope["method"], scope["path"]
        route = find(method, path.removeprefix(PREFIX))
        body = await _body(receive)
        if route is None:
            raise OkxError(_NOT_FOUND, f"{method} {path[:100]} is not offered here", _NOT_FOUND)
        entered = self.exchange.micros()
        key = self._who(route, scope, body)
        call = self._call(route, key, scope, body)
        caller = key.key if key is not None else str((scope.get("client") or ("",))[0])
        self.budgets.spend(caller, route.budget, self.exchange.now(), _weight(route, call))
        if route.method == "GET":
            await self.exchange.venue.settled()
        found = route.handler(call)
        if inspect.isawaitable(found):
            found = await found
        if isinstance(found, Acks):
            times = {"inTime": str(entered), "outTime": str(self.exchange.micros())}
            return _ENCODE({"code": found.code, "msg": found.message, "data": found.rows, **times})
        return ok(found)

    def _who(self, route: Route, scope: Message, body: bytes) -> Key | None:
        if not route.scope:
            return None
        key = self.exchange.gate.caller(scope, body, self.exchange.now())
        self.exchange.gate.allow(key, route.scope, f"{route.method} {scope['path']}", self.exchange.now())
        return key

    def _call(self, route: Route, key: Key | None, scope: Message, body: bytes) -> Call:
        if route.method == "GET":
            return Call(self.exchange, key, _query(scope["query_string"]))
        given = decoded(body) if body else {}
        if isinstance(given, list):
            return Call(self.exchange, key, {}, given)
        if not isinstance(given, dict):
            raise OkxError("50002", "JSON syntax error")
        return Call(self.exchange, key, given)


def _weight(route: Route, call: Call) -> int:
    return max(1, len(call.batch or ())) if route.budget != "read" else 1


def _query(raw: bytes) -> dict[str, str]:
    """Parameters of a query; the same one twice is refused."""
    if len(raw) > _QUERY_MAX:
        raise OkxError("51000", "Query too long", _TOO_LARGE)
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=100, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise OkxError("51000", "Query cannot be read") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OkxError("51000", "The same parameter stands twice")
    return found


async def _body(receive: Receive) -> bytes:
    """The body of a request, up to a bound."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise OkxError("50000", "Body can not be empty.", _FORBIDDEN)
        part = message.get("body", b"")
        size += len(part)
        if size > _BODY_MAX:
            raise OkxError("50000", "Body too large", _TOO_LARGE)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def decoded(body: bytes | str) -> Any:  # noqa: ANN401 - JSON is any shape until it is read
    """JSON of a call; what cannot be read has the venue's code."""
    try:
        return read_json(body)
    except (InputError, ValueError):
        raise OkxError("50002", "JSON syntax error") from None
