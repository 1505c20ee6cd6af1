"""The exchange: everything that an answer may need, put together once when the server starts."""

import time
from collections.abc import Callable

from crossmargin.domain.instrument import Instrument
from crossmargin.market.market import Market
from crossmargin.server.keys import KeyStore
from crossmargin.server.okx.answers import OkxError
from crossmargin.server.okx.signature import Gate
from crossmargin.server.venue import Venue

__all__ = ["Exchange"]


class Exchange:
    """What an answer is made of.

    Args:
        venue: The engine with its journal and history.
        market: Where prices come from, and the public tape.
        keys: Accounts and keys.
        admin_token: Whoever shows it may move a generated market and pay money in.

    Attributes:
        gate: Checks signatures.
        opened: When this server started, milliseconds.
    """

    def __init__(self, venue: Venue, market: Market, keys: KeyStore, admin_token: str) -> None:
        """Put it together."""
        self.venue = venue
        self.market = market
        self.keys = keys
        self.admin_token = admin_token
        self.opened = venue.now()
        self.gate = Gate(keys, self.opened)
        self._codes: dict[str, int] = {}

    @property
    def now(self) -> Callable[[], int]:
        """The clock."""
        return self.venue.now

    def micros(self) -> int:
        """The clock in microseconds, for the times that answers carry."""
        return time.time_ns() // 1000

    def listed(self, name: str) -> Instrument:
        """A listed instrument.

        Raises:
            OkxError: there is none of that name.
        """
        found = self.venue.state.listings.get(name)
        if found is None:
            raise OkxError("51001", "Instrument ID does not exist")
        return found[0]

    def instruments(self) -> list[Instrument]:
        """Every listed instrument, in the order of listing."""
        return [instrument for instrument, _ in self.venue.state.listings.values()]

    def code_of(self, name: str) -> int:
        """``instIdCode`` of an instrument: its place in the order of listing, from 1."""
        if name not in self._codes:
            self._codes = {each: place for place, each in enumerate(self.venue.state.listings, 1)}
        return self._codes[name]

    def named_by(self, code: int) -> str:
        """The instrument of an ``instIdCode``; empty where there is none."""
        for name in self.venue.state.listings:
            if self.code_of(name) == code:
                return name
        return ""
