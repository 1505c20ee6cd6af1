"""Starting an exchange: files, market, accounts; then uvicorn on one socket until it is told to stop."""

import asyncio
import contextlib
import json
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvicorn
from msgspec import Struct

from crossmargin.domain import command as c
from crossmargin.errors import InputError
from crossmargin.formats.account_file import Book
from crossmargin.journal import Journal, MemoryStore, SQLiteStore
from crossmargin.journal.record import Store, decoded
from crossmargin.market.market import Market
from crossmargin.server.application import application
from crossmargin.server.book import DEMO, demo_money, trade_in
from crossmargin.server.exchange import Exchange
from crossmargin.server.guard import LOOPBACK
from crossmargin.server.history import History
from crossmargin.server.history.shelf import Shelf
from crossmargin.server.keys import KeyStore, NewKey
from crossmargin.server.page.view import Shown
from crossmargin.server.venue import Venue
from crossmargin.server.ws.limits import SocketLimits
from crossmargin.server.ws.wire import Wire

__all__ = ["Options", "Started", "open_exchange", "serve", "wall_clock"]

_REMEMBERED = 2_000
_SWITCH_SECONDS = 0.0002
_HOUSE = ("house.", "insurance:")


class Options(Struct, frozen=True, kw_only=True):
    """How an exchange is run.

    Attributes:
        database: File of the journal; beside it lie history and keys. None: everything is in memory.
        host, port: Where it listens; port 0 takes a free one.
        market: What the page calls the market.
        demo: Whether there is a demo account, with a key of its own for each start.
        book: Positions that the demo account starts with.
        calls: Calls of each kind that a key may make in two seconds; 0: any number.
        certificate, private_key: TLS, where given.
        authority: Whom clients have to trust for it, where that is an authority of our own.
        hosts: Further names under which it is known.
        sockets: Bounds of each WebSocket.
        seconds: Stop after this long.
    """

    database: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    market: str = ""
    demo: bool = False
    book: Book | None = None
    calls: int = 600
    certificate: Path | None = None
    private_key: Path | None = None
    authority: Path | None = None
    hosts: tuple[str, ...] = ()
    sockets: SocketLimits = SocketLimits()
    seconds: float | None = None


class Started(Struct, frozen=True, kw_only=True):
    """An exchange that is ready, and the key of its demo account."""

    exchange: Exchange
    key: NewKey | None


def wall_clock() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def internal(account: str) -> bool:
    """Whether an account is the house's: nobody logs in to it, and no history of it is kept."""
    return account.startswith(_HOUSE)


def open_exchange(market: Market, options: Options, now: Callable[[], int] = wall_clock) -> Started:
    """Open files, resume or begin the venue, and open the market.

    Raises:
        JournalError: the journal is damaged, held by another process, or was written under other rules.
        InputError: a file of keys can be read by others; a book holds what is not traded here.
    """
    place = options.database
    store: Store = MemoryStore() if place is None else SQLiteStore(place)
    journal = Journal(store, market.rulebook)
    shelf = Shelf() if place is None else Shelf(f"{place}.history")
    history = History(shelf, journal.engine.state.instrument, internal)
    venue = Venue(journal, history, now)
    if place is None:
        keys = KeyStore(Path(tempfile.mkdtemp(prefix="crossmargin-")) / "keys")
    else:
        keys = KeyStore(Path(f"{place}.keys"))
    fresh = not venue.state.owners
    if fresh and options.book is not None:
        trade_in(venue, DEMO, options.book, "--book")
    first = market.opening(venue.now(), venue.state)
    _remember(market, store)
    venue.watch(market.tape.observe)
    venue.run(first)
    if fresh and options.book is not None:
        _at_the_books_marks(market, venue, options.book)
    key = _demo(venue, keys, options) if options.demo else None
    return Started(exchange=Exchange(venue, market, keys, secrets.token_hex(20)), key=key)


def _remember(market: Market, store: Store) -> None:
    """Show the public tape the newest records of a venue that goes on."""
    last = store.last()
    for row in store.rows(max(0, last.sequence - _REMEMBERED)) if last is not None else ():
        record = decoded(row, store.place)
        market.tape.observe(record.sequence, record.events, record.command.time)


def _at_the_books_marks(market: Market, venue: Venue, book: Book) -> None:
    """Start a market whose prices can be moved at the prices of the book, so that its figures are the account's."""
    for name, mark in book.marks.mark.items():
        instrument = market.rulebook.instrument(book.rulebook.instrument(name).unified or name)
        if instrument.id in market.instruments:
            with contextlib.suppress(InputError):  # replayed and live prices are nobody's to move
                venue.run(market.move(instrument.id, Decimal(mark), venue.now(), venue.state))


def _demo(venue: Venue, keys: KeyStore, options: Options) -> NewKey:
    flat = options.book is None or f"{DEMO}.trading" in venue.state.references
    commands = list(demo_money(DEMO, venue.now(), flat=flat))
    for command in commands:
        if isinstance(command, c.Deposit) and command.reference not in venue.state.references:
            venue.run([command])
    return keys.create(DEMO, label="demo", now=venue.now())


# ---------------------------------------------------------------- running


class _Server(uvicorn.Server):
    """Says when it is ready, and stops by itself where that was asked for."""

    ready: Callable[[], None]

    def __init__(self, config: uvicorn.Config, ending: asyncio.Event, seconds: float | None) -> None:
        super().__init__(config)
        self._ending, self._seconds = ending, seconds
        self._waits: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            self.ready()
            self._waits = asyncio.create_task(self._end())

    async def _end(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), self._seconds)
        self.should_exit = True


def serve(market: Market, options: Options, announce: Callable[[Started, dict[str, Any]], None]) -> int:
    """Run an exchange until it is interrupted, its time is up, or its venue had to stop.

    Args:
        market: Where prices come from.
        options: How it is run.
        announce: Told the exchange and its addresses and keys once it is ready.

    Returns:
        Exit status: 0, or 1 when the venue had to stop.
    """
    _check_exposure(options)
    started = open_exchange(market, options)
    listener = _socket(options)
    host, port = listener.getsockname()[:2]
    hosts = LOOPBACK | {options.host, *options.hosts}
    ending = asyncio.Event()
    app = application(
        started.exchange, hosts=hosts, calls=options.calls, sockets=options.sockets, shown=_shown(started, options),
        stopped=ending.set,
    )  # fmt: skip
    server = _Server(_config(app, options), ending, options.seconds)
    server.ready = lambda: announce(started, _addresses(started, options, host, port))
    try:
        sys.setswitchinterval(_SWITCH_SECONDS)  # a commit that is done is taken up at once
        with asyncio.Runner(loop_factory=_loop()) as runner:
            runner.run(server.serve(sockets=[listener]))
    finally:
        market.close()
    failed = started.exchange.venue.failed
    if failed is not None:
        print(f"crossmargin: the venue had to stop: {failed}", file=sys.stderr)  # noqa: T201 - the last words
        return 1
    return 0


def _shown(started: Started, options: Options) -> Shown:
    """The page shows the demo account, and no other."""
    key = started.key
    if key is None:
        return Shown(market=options.market)
    return Shown(market=options.market, account=key.account, key=key.key)


def _check_exposure(options: Options) -> None:
    """Only loopback is open without encryption; a certificate needs its key, and the other way round."""
    if (options.certificate is None) is not (options.private_key is None):
        raise InputError("--tls-cert", "", "--tls-cert and --tls-key go together")
    if options.host not in LOOPBACK and (options.certificate is None or options.private_key is None):
        raise InputError(
            "--host", "", f"{options.host} is open to others: that needs --tls, or --tls-cert and --tls-key"
        )


def _socket(options: Options) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
    except OSError as error:
        listener.close()
        raise InputError("--port", str(options.port), error.strerror or str(error)) from None
    return listener


def _config(app: Any, options: Options) -> uvicorn.Config:  # noqa: ANN401 - an ASGI application
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        http="httptools",
        ws=Wire,
        ws_max_size=256 * 1024,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=64 * 1024,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.private_key,
    )


def _loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster loop where there is one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _addresses(started: Started, options: Options, host: str, port: int) -> dict[str, Any]:
    secure = "s" if options.certificate is not None else ""
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    key = started.key
    return {
        "url": f"http{secure}://{at}",
        "ws_url": f"ws{secure}://{at}/ws/v5",
        "key": None if key is None else key.key,
        "secret": None if key is None else key.secret,
        "passphrase": None if key is None else key.passphrase,
        "admin_token": started.exchange.admin_token,
        **({} if options.authority is None else {"ca_file": str(options.authority)}),
    }


def print_line(_started: Started, addresses: dict[str, Any]) -> None:
    """The first line of output: one JSON object."""
    sys.stdout.write(json.dumps(addresses) + "\n")
    sys.stdout.flush()
