"""The application: which part answers which path, and what runs beside it while the server is up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from crossmargin.server import admin
from crossmargin.server.exchange import Exchange
from crossmargin.server.guard import LOOPBACK, Guard
from crossmargin.server.okx.app import OkxApp
from crossmargin.server.okx.limits import Budgets

__all__ = ["application", "drive"]


def application(
    exchange: Exchange,
    *,
    hosts: frozenset[str] = LOOPBACK,
    calls: int = 0,
    driven: bool = True,
    stopped: Callable[[], None] = lambda: None,
) -> Guard:
    """Put the ASGI application together.

    Args:
        exchange: What answers are made of.
        hosts: Names under which the server is known.
        calls: Calls of each kind that a key may make in two seconds; 0 counts nothing.
        driven: Whether the market moves by itself.
        stopped: Called when the venue had to stop.
    """
    okx = OkxApp(exchange, Budgets(calls))
    routes: list[BaseRoute] = [Mount("/api/v5", app=okx), *admin.routes(exchange)]

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(drive(exchange, stopped)) if driven else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    return Guard(Starlette(routes=routes, lifespan=lifespan), hosts)


async def drive(exchange: Exchange, stopped: Callable[[], None]) -> None:
    """Let the market take its steps; a step that fails stops the venue, since prices would stand still unseen."""
    venue, market = exchange.venue, exchange.market
    while venue.failed is None:
        await asyncio.sleep(market.period_ms / 1000)
        try:
            await venue.submit_all(market.step(venue.now(), venue.state))
        except Exception as error:
            venue.stop(error)
    stopped()
