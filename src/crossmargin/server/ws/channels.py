"""What there is to hear: one row a channel. The table of the documentation is made from it."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from msgspec import Struct

from crossmargin.market.series import BARS
from crossmargin.server.exchange import Exchange
from crossmargin.server.okx.answers import OkxError, Row
from crossmargin.server.okx.public import TYPES
from crossmargin.server.ws import public
from crossmargin.server.ws.bars import Bars
from crossmargin.server.ws.books import Book
from crossmargin.server.ws.topics import Events, Seen, Source, State, Table, Topic

__all__ = ["CHANNELS", "Channel", "find", "subject_of", "wrong"]

Subject = Literal["instId", "pair", "instType", ""]
Make = Callable[[Exchange, Seen, str], Topic]


class Channel(Struct, frozen=True):
    """One channel, or one family of channels.

    Attributes:
        name: As it is subscribed to; a family's ends in ``*``, which stands for a length of bar.
        path: Path that serves it: ``public``, ``private`` or ``business``.
        subject: The argument that says what of: an instrument, a pair, a kind of instrument, or nothing.
        about: What it tells, in a line.
        topic: Makes the topic; None of an account's own channels.
    """

    name: str
    path: str
    subject: Subject
    about: str
    topic: Make | None = None

    @property
    def private(self) -> bool:
        """Whether it tells of an account, so that a login comes first."""
        return self.topic is None


def _public(name: str, subject: Subject, about: str, topic: Make) -> Channel:
    return Channel(name, "public", subject, about, topic)


def _own(name: str, subject: Subject, about: str, path: str = "private") -> Channel:
    return Channel(name, path, subject, about)


def _state(source: Source) -> Make:
    return partial(State, source)


def _listed(exchange: Exchange, seen: Seen, kind: str) -> Topic:
    return Table(public.INSTRUMENTS, _name, exchange, seen, kind)


def _name(row: Row) -> str:
    return str(row["instId"])


CHANNELS: tuple[Channel, ...] = (
    _public("tickers", "instId", "The last 24 hours; at most every 100 ms", _state(public.TICKER)),
    _public("books", "instId", "400 levels: a snapshot, then changes at most every 100 ms", partial(Book, 400, 100)),
    _public("books5", "instId", "5 levels, whole, at most every 100 ms", _state(public.top(5, 100))),
    _public("bbo-tbt", "instId", "Best bid and ask, at most every 10 ms", _state(public.top(1, 10))),
    _public("books50-l2-tbt", "instId", "50 levels as `books`, at most every 20 ms", partial(Book, 50, 20)),
    _public("books-l2-tbt", "instId", "400 levels as `books`, at most every 20 ms", partial(Book, 400, 20)),
    _public("trades", "instId", "Each trade", Events),
    _public("mark-price", "instId", "What risk is judged at; at most every 200 ms", _state(public.MARK)),
    _public("index-tickers", "pair", "An index; at most every 100 ms", _state(public.INDEX)),
    _public("funding-rate", "instId", "The rate that runs; at most every 5 s", _state(public.FUNDING)),
    _public("instruments", "instType", "All that is listed, then what changes", _listed),
    _public("open-interest", "instId", "What the longs hold; at most every 3 s", _state(public.OPEN_INTEREST)),
    _public("price-limit", "instId", "Where an order may trade; at most every 200 ms", _state(public.LIMITS)),
    _public("liquidation-orders", "instType", "Forced closes of anyone", Events),
    _public("status", "", "No maintenance is ever announced here", Events),
    Channel("trades-all", "business", "instId", "Each trade", Events),
    Channel(
        "candle*", "business", "instId", "The bar that runs, and once when it is over", partial(Bars, "last", "1m")
    ),
    Channel("mark-price-candle*", "business", "instId", "The same of mark prices", partial(Bars, "mark", "1m")),
    Channel("index-candle*", "business", "pair", "The same of an index", partial(Bars, "index", "1m")),
    _own("account", "", "Balances: at once, after each change, and as marks move"),
    _own("positions", "instType", "Positions: likewise; one that was closed is told once, with `pos` 0"),
    _own("orders", "instType", "Every state that an order takes, with the fill that led to it"),
    _own("balance_and_position", "", "What changed in balances and positions, and by what (`eventType`)"),
    _own("liquidation-warning", "instType", "Positions of a pool whose ratio fell to the warning level"),
    _own("fills", "", "Fills"),
    _own("orders-algo", "instType", "Every state that a waiting order takes", "business"),
    _own("algo-advance", "instType", "Iceberg and TWAP orders, of which there are none here", "business"),
)

_BY_NAME = {channel.name: channel for channel in CHANNELS}
_FAMILIES: tuple[tuple[str, Literal["last", "mark", "index"]], ...] = (
    ("mark-price-candle", "mark"),
    ("index-candle", "index"),
    ("candle", "last"),
)


def find(name: str, path: str) -> Channel | None:
    """A channel by its name, on the path that serves it."""
    found = _BY_NAME.get(name)
    for prefix, of in _FAMILIES:
        bar = name.removeprefix(prefix)
        if bar != name and bar in BARS:
            family = _BY_NAME[f"{prefix}*"]
            found = Channel(name, family.path, family.subject, family.about, partial(Bars, of, bar))
            break
    return found if found is not None and found.path == path and not found.name.endswith("*") else None


def subject_of(channel: Channel, exchange: Exchange, given: dict[str, Any]) -> str:
    """What a subscription is about.

    Raises:
        OkxError: nothing of that name is here (60018).
    """
    if not channel.subject:
        return ""
    name = given.get("instType" if channel.subject == "instType" else "instId", "")
    if not isinstance(name, str):
        raise wrong(given)
    if channel.subject == "instType":
        known = name in TYPES or (name == "ANY" and channel.private)
    elif channel.subject == "pair":
        known = name in exchange.venue.state.marks.index
    else:
        known = name in exchange.venue.state.listings
    if not known:
        raise wrong(given)
    return name


def wrong(given: dict[str, Any]) -> OkxError:
    """The refusal of a channel or of what it should be about."""
    asked = ",".join(f"{name}:{value}"[:60] for name, value in given.items())
    return OkxError(
        "60018",
        f"Wrong URL or {asked[:200]} doesn't exist. Please use the correct URL, channel and parameters referring to "
        "API document.",
    )
