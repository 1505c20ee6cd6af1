"""The application: which part answers which path, and what runs beside it while the server is up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, WebSocketRoute

from crossmargin.market.tape import PriceKind
from crossmargin.server import admin
from crossmargin.server.exchange import Exchange
from crossmargin.server.guard import LOOPBACK, App, Guard, Message, Receive, Send
from crossmargin.server.metrics import Metrics
from crossmargin.server.okx.app import PREFIX, OkxApp
from crossmargin.server.okx.limits import Budgets
from crossmargin.server.page.routes import page_routes
from crossmargin.server.page.view import Shown
from crossmargin.server.pulse import Pulse, health_routes
from crossmargin.server.risk.app import RiskApp
from crossmargin.server.ws.hub import Hub
from crossmargin.server.ws.limits import SocketLimits

__all__ = ["application", "drive", "pasts"]

_BETWEEN = 0.05


def application(
    exchange: Exchange,
    *,
    hosts: frozenset[str] = LOOPBACK,
    calls: int = 0,
    driven: bool = True,
    sockets: SocketLimits | None = None,
    shown: Shown | None = None,
    stopped: Callable[[], None] = lambda: None,
) -> Guard:
    """Put the ASGI application together.

    Args:
        exchange: What answers are made of.
        hosts: Names under which the server is known.
        calls: Calls of each kind that a key may make in two seconds; 0 counts nothing.
        driven: Whether the market moves by itself.
        sockets: Bounds of each WebSocket.
        shown: What the page shows beside the market.
        stopped: Called when the venue had to stop.
    """
    budgets = Budgets(calls)
    okx, hub = OkxApp(exchange, budgets), Hub(exchange, budgets, sockets)
    pulse = Pulse(exchange.market.period_ms / 1000) if driven else None
    routes: list[BaseRoute] = [
        WebSocketRoute("/ws/v5/{path}", hub),
        Mount("/api/risk", app=RiskApp(exchange, budgets)),
        Metrics(exchange.venue, hub, pulse).route,
        *health_routes(exchange.venue, pulse),
        *page_routes(exchange, shown or Shown()),
        *admin.routes(exchange),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(hub.run())]
        if pulse is not None:
            tasks.append(asyncio.create_task(drive(exchange, stopped, pulse)))
            tasks.append(asyncio.create_task(_draw(exchange)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return Guard(_split(okx, Starlette(routes=routes, lifespan=lifespan)), hosts)


def _split(okx: OkxApp, others: Starlette) -> App:
    """The venue's own paths, which are nearly all of the traffic, do not go through a router."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await okx(scope, receive, send)
        else:
            await others(scope, receive, send)

    return app


def pasts(exchange: Exchange) -> Iterator[None]:
    """Draw, one after another, what the public will read of the time before the start."""
    tape, pairs = exchange.market.tape, [*exchange.venue.state.marks.index]
    wanted: list[tuple[str, PriceKind]] = [(each.id, "last") for each in exchange.instruments()]
    wanted += [(each.id, "mark") for each in exchange.instruments()]
    for name, kind in [*wanted, *((pair, "index") for pair in pairs)]:
        tape.candles(name, "1m", limit=1, of=kind)
        yield


async def _draw(exchange: Exchange) -> None:
    """The same in the first seconds, with room for others in between, so that no question has to wait for it."""
    for _ in pasts(exchange):
        await asyncio.sleep(_BETWEEN)


async def drive(exchange: Exchange, stopped: Callable[[], None], pulse: Pulse) -> None:
    """Let the market take its steps; a step that fails stops the venue, since prices would stand still unseen."""
    venue, market = exchange.venue, exchange.market
    while venue.failed is None:
        await asyncio.sleep(market.period_ms / 1000)
        pulse.beat()
        try:
            await venue.submit_all(market.step(venue.now(), venue.state))
        except Exception as error:
            venue.stop(error)
    stopped()
