"""Orders over a WebSocket: the same handlers, scopes and budgets as over REST."""

import inspect

from crossmargin.errors import CrossMarginError, JournalError
from crossmargin.server.exchange import Exchange
from crossmargin.server.keys import Key
from crossmargin.server.okx.acks import Acks
from crossmargin.server.okx.answers import OkxError, Row
from crossmargin.server.okx.call import Call
from crossmargin.server.okx.limits import Budgets
from crossmargin.server.okx.routes import Route, find
from crossmargin.server.ws.frames import Request, answer

__all__ = ["OPERATIONS", "operate"]

OPERATIONS = {
    "order": "trade/order",
    "batch-orders": "trade/batch-orders",
    "cancel-order": "trade/cancel-order",
    "batch-cancel-orders": "trade/cancel-batch-orders",
    "amend-order": "trade/amend-order",
    "batch-amend-orders": "trade/amend-batch-orders",
}
"""The endpoint that does what an operation asks for."""


async def operate(exchange: Exchange, budgets: Budgets, key: Key, request: Request) -> str:
    """Do what is asked; the answer carries a row for each order.

    A message of the whole is left empty where the rows say what failed: clients look there only if it is.
    """
    entered = exchange.micros()
    rows: list[Row] = []
    try:
        found = await _acks(exchange, budgets, key, request)
        code, message, rows = found.code, "", found.rows
    except OkxError as error:
        code, message = str(error.code), error.message
    except JournalError:
        code, message = "50001", "Service temporarily unavailable."
    except CrossMarginError as error:
        code, message = "51000", str(error)
    return answer(request, code, message, rows, (entered, exchange.micros()))


async def _acks(exchange: Exchange, budgets: Budgets, key: Key, request: Request) -> Acks:
    route = find("POST", OPERATIONS[request.op])
    assert route is not None
    if not request.args:
        raise OkxError("50014", "Parameter args can not be empty.")
    exchange.gate.allow(key, route.scope, request.op, exchange.now())
    budgets.spend(key.key, route.budget, exchange.now(), len(request.args))
    call = Call(exchange, key, {}, request.args)
    found = _handled(route, call)
    acks = await found if inspect.isawaitable(found) else found
    assert isinstance(acks, Acks)
    return acks


def _handled(route: Route, call: Call) -> object:
    return route.handler(call)
