"""What a live venue says in public, asked through ccxt. No key is ever given, and only prices are asked for."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from msgspec import Struct

from crossmargin.errors import InputError

__all__ = ["Feed", "Said", "Snapshot"]

TIMEOUT_MS = 5_000
BARS = 300


class Said(Struct, frozen=True):
    """One price and the venue's own time of it, None where it gives none."""

    price: float
    time: int | None


class Snapshot(Struct, frozen=True, kw_only=True):
    """One answer of the venue.

    Attributes:
        spot: What each source says of a coin in USDT, by coin: the middle of bid and ask, and the last trade.
        marks: Mark prices by unified symbol.
    """

    spot: dict[str, dict[str, Said]]
    marks: dict[str, Said]


class Feed:
    """Asks one venue.

    Args:
        venue: Its name in ccxt.
        coins: Whose prices are wanted.
        contracts: Unified symbols of the perpetuals whose marks are wanted.
        config: For ccxt, beside what this class sets, for example other addresses.

    Raises:
        InputError: ccxt is not installed, or does not know the venue.
    """

    def __init__(
        self, venue: str, coins: Iterable[str], contracts: Iterable[str], config: Mapping[str, Any] | None = None
    ) -> None:
        """Ask nothing yet."""
        try:
            import ccxt
        except ImportError:
            raise InputError(
                "--market", "", 'a live market needs the extra "live": pip install "crossmargin[live]"'
            ) from None
        if venue not in ccxt.exchanges:
            raise InputError("--market", "", f"{venue[:40]!r} is no venue that ccxt knows: write live:okx")
        options = {"fetchMarkets": {"types": ["spot", "swap"]}, "defaultType": "swap"}
        self._client = getattr(ccxt, venue)(
            {"enableRateLimit": True, "timeout": TIMEOUT_MS, "options": options, **(config or {})}
        )
        self._failures = (ccxt.BaseError, OSError, ValueError, TypeError, KeyError)
        self._spot = {f"{coin}/USDT": coin for coin in coins}
        self._contracts = tuple(contracts)
        self.venue, self.failure = venue, ""

    def ask(self) -> Snapshot | None:
        """Prices now; None where the venue does not answer or makes no sense, and `failure` says why."""
        try:
            self._client.load_markets()
            known = set(self._client.markets)
            spot = self._client.fetch_tickers([each for each in self._spot if each in known], {"instType": "SPOT"})
            marks = self._client.fetch_mark_prices([each for each in self._contracts if each in known])
            return Snapshot(
                spot={self._spot[symbol]: _sources(ticker) for symbol, ticker in spot.items() if symbol in self._spot},
                marks={
                    symbol: said
                    for symbol, ticker in marks.items()
                    if (said := _said(ticker.get("markPrice"), ticker.get("timestamp"))) is not None
                },
            )
        except self._failures as error:
            self.failure = f"{type(error).__name__}: {str(error)[:80]}"
            return None

    def bars(self, symbol: str, bar: str) -> list[tuple[int, Sequence[float]]]:
        """The newest bars of a symbol: time, then open, high, low and close; empty where there are none."""
        try:
            rows = self._client.fetch_ohlcv(symbol, bar, None, BARS)
            found = [(int(row[0]), [float(each) for each in row[1:5]]) for row in rows]
        except self._failures as error:
            self.failure = f"{type(error).__name__}: {str(error)[:80]}"
            return []
        return [(time, prices) for time, prices in found if all(isfinite(each) and each > 0 for each in prices)]


def _sources(ticker: Mapping[str, Any]) -> dict[str, Said]:
    """Middle and last price, as far as they are prices."""
    bid, ask, time = ticker.get("bid"), ticker.get("ask"), ticker.get("timestamp")
    middle = (bid + ask) / 2 if isinstance(bid, int | float) and isinstance(ask, int | float) else None
    both = {"middle": _said(middle, time), "last": _said(ticker.get("last"), time)}
    return {name: said for name, said in both.items() if said is not None}


def _said(price: object, time: object) -> Said | None:
    if not isinstance(price, int | float) or not isfinite(price) or price <= 0:
        return None
    return Said(float(price), time if isinstance(time, int) else None)
