"""The door: only hosts that are ours, only origins that are ours, and headers that keep a page to itself."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

__all__ = ["LOOPBACK", "App", "Guard", "Message", "Receive", "Send"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_MISDIRECTED, _FORBIDDEN = 421, 403
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
)


class Guard:
    """Refuses what a browser sends for somebody else.

    A name that resolves to this machine is not this machine: `Host` has to be one of ours. A page of another origin
    may not open a WebSocket or post: `Origin`, where there is one, has to be this server, port included. Clients
    without a browser send none.

    Args:
        app: What answers.
        hosts: Names under which this server is known, without port.
    """

    def __init__(self, app: App, hosts: frozenset[str] = LOOPBACK) -> None:
        """Keep both."""
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if _host(headers.get(b"host", b"")) not in self.hosts:
            await _refuse(scope, send, _MISDIRECTED, b"this host is not served here")
        elif b"origin" in headers and not _same(headers[b"origin"], headers[b"host"]):
            await _refuse(scope, send, _FORBIDDEN, b"this origin is not ours")
        elif scope["type"] == "websocket":
            await self.app(scope, receive, send)
        else:
            await self.app(scope, receive, _with_headers(send))


def _host(raw: bytes) -> str:
    """A host without its port."""
    try:
        return urlsplit(f"//{raw.decode('ascii')}").hostname or ""
    except (UnicodeDecodeError, ValueError):
        return ""


def _same(origin: bytes, host: bytes) -> bool:
    """Whether a page comes from this very server, port included: another one of this machine is a stranger too."""
    try:
        found = urlsplit(origin.decode("ascii"))
        return found.scheme in ("http", "https") and found.netloc.lower() == host.decode("ascii").lower()
    except (UnicodeDecodeError, ValueError):
        return False


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
        await send(message)

    return sending


async def _refuse(scope: Message, send: Send, status: int, text: bytes) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": text.decode()})
        return
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text})
