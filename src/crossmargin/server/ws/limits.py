"""Bounds of a connection."""

from msgspec import Struct

__all__ = ["SocketLimits"]


class SocketLimits(Struct, frozen=True, kw_only=True):
    """How much one connection may ask for, and how long it may be quiet.

    Attributes:
        idle_s: Closed after so long without a message either way.
        stall_s: Closed when a message could not be delivered for so long.
        frames, octets: Messages that may wait for a client, and their size together.
        message_octets: Size of a message from a client.
        subscriptions: Subscriptions of a connection.
        connections: Connections from one address.
    """

    idle_s: float = 30
    stall_s: float = 3
    frames: int = 2_000
    octets: int = 4 * 1024 * 1024
    message_octets: int = 64 * 1024
    subscriptions: int = 480
    connections: int = 256
