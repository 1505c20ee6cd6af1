"""The protocol under a connection: uvicorn's, with a way to cut off a client that no longer reads."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

__all__ = ["CUT", "Wire"]

CUT = "crossmargin.cut"
"""Name of the ASGI extension that holds the function."""


class Wire(WebSocketsSansIOProtocol):
    """Offers the application `CUT`: a close that waits for nobody.

    An ordinary close is sent behind what the client has not taken yet, and would wait for it for ever.
    """

    async def run_asgi(self) -> None:
        """Run the application with the extension in its scope."""
        extensions = self.scope["extensions"] or {}
        self.scope["extensions"] = {**extensions, CUT: {"now": self.transport.abort}}
        await super().run_asgi()
