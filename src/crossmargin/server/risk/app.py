"""The application under ``/api/risk``: from a request to a report, or to one clear line."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from crossmargin.domain.account import Account
from crossmargin.domain.documents import one_line
from crossmargin.errors import CrossMarginError, InputError
from crossmargin.formats.account_file import Book, build_book
from crossmargin.rulebook import load, venues
from crossmargin.server.exchange import Exchange
from crossmargin.server.json_body import read_json
from crossmargin.server.okx.answers import OkxError
from crossmargin.server.okx.limits import Budgets
from crossmargin.server.risk.bounds import BODY_MAX, check_book, check_document
from crossmargin.server.risk.figures import QUESTIONS, what_if_of
from crossmargin.server.risk.openapi import document
from crossmargin.server.risk.refused import RiskError

__all__ = ["RiskApp"]

_LOG = logging.getLogger("crossmargin.server")
_PREFIX = "/api/risk/"
_QUERY_MAX = 2 * 1024
_PARAMETERS = {"assess": (), "ladder": ("betas",), "explain": ("figure",), "what-if": (), "openapi.json": ()}
_METHODS = {"what-if": ("POST",), "openapi.json": ("GET",)}


class RiskApp:
    """Answers the paths that `crossmargin.server.risk.openapi` describes.

    Args:
        exchange: Whose accounts, keys and prices.
        budgets: How many calls a key, or an address, may make.
    """

    def __init__(self, exchange: Exchange, budgets: Budgets) -> None:
        """Keep both."""
        self.exchange = exchange
        self.budgets = budgets
        for venue in venues():
            load(venue)  # nobody's first question waits for files

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer one HTTP request."""
        response = await self._response(Request(scope, receive))
        response.headers["cache-control"] = "no-store"
        await response(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        try:
            return JSONResponse(await self._answer(request))
        except RiskError as error:
            headers = {"allow": ", ".join(error.allow)} if error.allow else None
            return JSONResponse({"error": error.message}, error.status, headers)
        except OkxError as error:
            return JSONResponse({"error": error.message}, error.status)
        except CrossMarginError as error:
            return JSONResponse({"error": one_line(str(error))}, HTTPStatus.UNPROCESSABLE_ENTITY)
        except Exception:
            _LOG.exception("%s %s", request.method, request.scope["path"][:100])
            return JSONResponse({"error": "system error"}, HTTPStatus.INTERNAL_SERVER_ERROR)

    async def _answer(self, request: Request) -> dict[str, Any]:
        path = request.scope["path"].removeprefix(_PREFIX)
        if path not in _PARAMETERS:
            raise RiskError(HTTPStatus.NOT_FOUND, f"{path[:60]!r} is not offered: {', '.join(_PARAMETERS)}")
        methods = _METHODS.get(path, ("GET", "POST"))
        if request.method not in methods:
            raise RiskError(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} takes {' and '.join(methods)}", methods)
        body = await _body(request)
        query = _query(request.scope["query_string"], _PARAMETERS[path])
        if path == "openapi.json":
            return document()
        if path == "explain" and "figure" not in query:
            raise RiskError(HTTPStatus.BAD_REQUEST, "request: figure: which one? For example USDT.margin_ratio")
        if path == "what-if":
            return await self._what_if(request, body)
        book = await self._own(request, body) if request.method == "GET" else self._posted(request, _parsed(body))
        return QUESTIONS[path](book, query)

    async def _what_if(self, request: Request, body: bytes) -> dict[str, Any]:
        """The changes of a body, to the account in it or else to the caller's own."""
        given = _parsed(body)
        if not isinstance(given, dict) or not {"changes"} <= given.keys() <= {"changes", "account"}:
            problem = "an object with changes, and perhaps account, is expected"
            raise RiskError(HTTPStatus.UNPROCESSABLE_ENTITY, f"request: {problem}")
        book = (
            self._posted(request, given["account"], reports=2) if "account" in given else await self._own(request, body)
        )
        return what_if_of(book, given["changes"])

    def _posted(self, request: Request, raw: object, reports: int = 1) -> Book:
        self._spend(request.client.host if request.client is not None else "")
        check_document(raw)
        book = build_book(raw, "request")
        check_book(book, reports)
        return book

    async def _own(self, request: Request, body: bytes) -> Book:
        """The account of whoever signed the request, as the venue sees it now."""
        venue = self.exchange.venue
        key = self.exchange.gate.caller(request.scope, body, venue.now())
        if "read" not in key.scopes:
            self.exchange.gate.denials.note("50120", f"GET {request.url.path}", key.key, venue.now())
            raise RiskError(HTTPStatus.UNAUTHORIZED, "this key may not read")
        self._spend(key.key)
        await venue.settled()
        state = venue.state
        account = state.account(key.account) if key.account in state.owners else Account(balances={})
        return Book(account=account, marks=state.marks, rulebook=state.rulebook)

    def _spend(self, caller: str) -> None:
        self.budgets.spend(caller, "risk", self.exchange.now())


def _query(raw: bytes, known: tuple[str, ...]) -> Mapping[str, str]:
    """Parameters of a query: only known ones, each once."""
    if len(raw) > _QUERY_MAX:
        raise RiskError(HTTPStatus.BAD_REQUEST, "request: the query is too long")
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=10, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise RiskError(HTTPStatus.BAD_REQUEST, "request: the query cannot be read") from None
    found = dict(pairs)
    if len(found) != len(pairs) or not found.keys() <= set(known):
        takes = f"each once: {', '.join(known)}" if known else "none"
        raise RiskError(HTTPStatus.BAD_REQUEST, f"request: parameters that are taken, {takes}")
    return found


async def _body(request: Request) -> bytes:
    parts, size = list[bytes](), 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > BODY_MAX:
                raise RiskError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"request: larger than {BODY_MAX} bytes")
            parts.append(part)
    except ClientDisconnect:
        raise RiskError(HTTPStatus.BAD_REQUEST, "request: the body never came") from None
    return b"".join(parts)


def _parsed(body: bytes) -> Any:  # noqa: ANN401 - JSON is any shape until it is read
    try:
        return read_json(body)
    except InputError as error:
        raise RiskError(HTTPStatus.BAD_REQUEST, str(error)) from None
