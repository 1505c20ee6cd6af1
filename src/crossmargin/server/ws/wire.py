"""The protocol under a connection: uvicorn's, with little room for what is not taken, and a way to cut a client off."""

import asyncio
import socket
import struct
from typing import cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

__all__ = ["CUT", "Wire"]

CUT = "crossmargin.cut"
"""Name of the ASGI extension that holds the function."""

_ROOM = 64 * 1024
_AT_ONCE = struct.pack("ii", 1, 0)


class Wire(WebSocketsSansIOProtocol):
    """Offers the application `CUT`: a close that waits for nobody.

    An ordinary close is sent behind what the client has not taken yet, and would wait for it for ever. What waits in
    the system's own buffers is old before it is read, so there is room for little.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Bound the buffers on both sides of the system's door."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_ROOM)
        self._option(socket.SO_SNDBUF, _ROOM)

    async def run_asgi(self) -> None:
        """Run the application with the extension in its scope."""
        extensions = self.scope["extensions"] or {}
        self.scope["extensions"] = {**extensions, CUT: {"now": self._cut}}
        await super().run_asgi()

    def _cut(self) -> None:
        """Drop the connection and whatever was on its way."""
        self._option(socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def _option(self, name: int, value: int | bytes) -> None:
        found = self.transport.get_extra_info("socket")
        if found is not None:
            cast(socket.socket, found).setsockopt(socket.SOL_SOCKET, name, value)
