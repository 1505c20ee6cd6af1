"""What the owner of an exchange may do: move a generated market, pay money in, stop trading. Asked for by token."""

import hmac
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from crossmargin.domain import command as c
from crossmargin.domain.arithmetic import floor_to, plain
from crossmargin.domain.numbers import Sign, number
from crossmargin.errors import CrossMarginError, InputError
from crossmargin.server.exchange import Exchange
from crossmargin.server.okx.answers import OkxError
from crossmargin.server.okx.app import decoded

__all__ = ["routes"]

_BAD, _UNAUTHORISED = 400, 401
_BODY_MAX = 64 * 1024

Doer = Callable[[Exchange, dict[str, Any]], Awaitable[dict[str, Any]]]


async def move(exchange: Exchange, given: dict[str, Any]) -> dict[str, Any]:
    """Move index, mark and last price of an instrument of a generated market at once, to the nearest tick."""
    name, price = _text(given, "instrument"), _number(given, "price")
    if name not in exchange.venue.state.listings:
        raise InputError("request", "instrument", f"{name[:40]!r} is not listed")
    venue, tick = exchange.venue, exchange.listed(name).tick_size
    if tick is not None:
        price = max(tick, floor_to(price + tick / 2, tick))
    await venue.submit_all(exchange.market.move(name, price, venue.now(), venue.state))
    return {"instrument": name, "price": plain(price)}


async def deposit(exchange: Exchange, given: dict[str, Any]) -> dict[str, Any]:
    """Pay money in; a reference counts once."""
    account, currency, amount = _text(given, "account"), _text(given, "currency"), _number(given, "amount")
    if account not in exchange.keys.accounts():
        raise InputError("request", "account", f"{account[:40]!r} has no key: make one with `crossmargin keys create`")
    venue = exchange.venue
    reference = _text(given, "reference") if "reference" in given else ""
    command = c.Deposit(account=account, currency=currency, amount=amount, reference=reference, time=venue.now())
    outcome = await venue.submit(command)
    if outcome.refused is not None:
        raise InputError("request", "reference", str(outcome.refused.refusal))
    return {"account": account, "currency": currency, "balance": plain(venue.state.cash(account, currency))}


async def trading(exchange: Exchange, given: dict[str, Any]) -> dict[str, Any]:
    """Stop trading (only closing is accepted), or let it go on; of one instrument or of all."""
    on, name = given.get("on"), given.get("instrument", "")
    if not isinstance(on, bool) or not isinstance(name, str):
        raise InputError("request", "on", "true or false is expected")
    if name and name not in exchange.venue.state.listings:
        raise InputError("request", "instrument", f"{name[:40]!r} is not listed")
    await exchange.venue.submit(c.SwitchTrading(on=on, instrument=name, time=exchange.venue.now()))
    return {"on": on, "instrument": name}


_DOERS: dict[str, Doer] = {"market/move": move, "deposit": deposit, "trading": trading}


def routes(exchange: Exchange) -> list[BaseRoute]:
    """The paths under ``/api/admin/``."""

    def endpoint(doer: Doer) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), exchange.admin_token.encode()):
                return JSONResponse({"error": "the admin token is needed"}, _UNAUTHORISED)
            try:
                return JSONResponse(await doer(exchange, await _read(request)))
            except OkxError as error:
                return JSONResponse({"error": error.message}, _BAD)
            except CrossMarginError as error:
                return JSONResponse({"error": str(error)}, _BAD)

        return answer

    return [Route(f"/api/admin/{path}", endpoint(doer), methods=["POST"]) for path, doer in _DOERS.items()]


async def _read(request: Request) -> dict[str, Any]:
    size = request.headers.get("content-length", "0")
    if not size.isdigit() or int(size) > _BODY_MAX:
        raise InputError("request", "", "too large")
    found = decoded(await request.body())
    if not isinstance(found, dict):
        raise InputError("request", "", "an object is expected")
    return found


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise InputError("request", name, "text is expected")
    return value


def _number(given: dict[str, Any], name: str) -> Decimal:
    try:
        return number(given.get(name), Sign.POSITIVE)
    except ValueError as error:
        raise InputError("request", name, str(error)) from None
