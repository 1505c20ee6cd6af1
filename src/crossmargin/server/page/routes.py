"""The paths of the page: the page itself, what its script asks for, and its files."""

from importlib import resources

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import crossmargin
from crossmargin.server.exchange import Exchange
from crossmargin.server.page.gauge import TICKS, WIDTH
from crossmargin.server.page.view import Shown, View

__all__ = ["page_routes"]

_FILES = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
_FRESH = {"cache-control": "no-store"}
_ENCODE = msgspec.json.Encoder().encode


def page_routes(exchange: Exchange, shown: Shown) -> list[BaseRoute]:
    """``/``, ``/api/page`` and the files under ``/static/``.

    Args:
        exchange: What is shown.
        shown: What the market is called, and which account is shown.
    """
    view = View(exchange, shown)
    templates = Environment(
        loader=PackageLoader("crossmargin.server.page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    template = templates.get_template("page.html")

    async def page(request: Request) -> Response:
        await exchange.venue.settled()
        text = template.render(
            view=view.content(), shown=shown, url=f"{request.url.scheme}://{request.url.netloc}",
            rulebook=exchange.venue.state.rulebook.id, version=crossmargin.__version__, ticks=TICKS, width=WIDTH,
        )  # fmt: skip
        return Response(text, media_type="text/html", headers=_FRESH)

    async def content(_: Request) -> Response:
        await exchange.venue.settled()
        return Response(_ENCODE(view.content()), media_type="application/json", headers=_FRESH)

    return [Route("/", page), Route("/api/page", content), *(_file(name, kind) for name, kind in _FILES.items())]


def _file(name: str, kind: str) -> Route:
    text = resources.files("crossmargin.server.page").joinpath("static", name).read_bytes()

    async def answer(_: Request) -> Response:
        return Response(text, media_type=kind, headers={"cache-control": "no-cache"})

    return Route(f"/static/{name}", answer)
