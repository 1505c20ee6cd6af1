"""Who is told what, and when: topics and accounts with their listeners, and the pulse that drives them."""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from crossmargin.domain.event import Event
from crossmargin.server.exchange import Exchange
from crossmargin.server.history import Changes
from crossmargin.server.okx.limits import Budgets
from crossmargin.server.ws.accounts import AccountFeed, Own
from crossmargin.server.ws.channels import Channel, find, subject_of, wrong
from crossmargin.server.ws.limits import SocketLimits
from crossmargin.server.ws.public import Forced, forced_row, public_trade_row
from crossmargin.server.ws.session import FULL, IDLE, REVOKED, Message, Receive, Send, Session
from crossmargin.server.ws.topics import Events, Seen, Topic
from crossmargin.server.ws.wire import CUT

__all__ = ["Hub"]

_PATHS = ("public", "private", "business")
_PULSE_S = 0.01
_INSPECT_MS = 200
_GRACE_S = 1.0
_BROKEN = 4006
_TRADES = ("trades", "trades-all")


class Hub:
    """The ASGI application behind ``/ws/v5/``.

    Args:
        exchange: What is told of.
        budgets: How many calls a key may make, over REST and here together.
        limits: Bounds of each connection.

    Attributes:
        sessions: Open connections.
        ended: How many connections were ended from here, by the code of the close.
    """

    def __init__(self, exchange: Exchange, budgets: Budgets, limits: SocketLimits | None = None) -> None:
        """Listen to the venue."""
        self.exchange, self.budgets, self.limits = exchange, budgets, limits or SocketLimits()
        self.sessions: dict[Session, str] = {}
        self.ended: Counter[int] = Counter()
        self._seen = Seen()
        self._topics: dict[tuple[str, str], Topic] = {}
        self._feeds: dict[str, AccountFeed] = {}
        self._news: list[Changes] = []
        self._forced: list[tuple[Forced, int]] = []
        self._woken = asyncio.Event()
        self._inspected = 0
        exchange.venue.listen(self._hear)
        exchange.venue.watch(self._watch)

    def time(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.monotonic()

    # ------------------------------------------------------------------ connections

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        path = str(scope["path"]).rpartition("/")[2]
        address = str((scope.get("client") or ("",))[0])
        await receive()
        crowded = sum(1 for each in self.sessions.values() if each == address) >= self.limits.connections
        if path not in _PATHS or crowded or self.exchange.venue.failed is not None:
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
            return
        session = Session(self, path, send, _cut(scope))
        self.sessions[session] = address
        try:
            await session.run(receive)
        finally:
            del self.sessions[session]

    def subscription(self, session: Session, given: dict[str, Any], raw: str) -> Callable[[], Callable[[], None]]:
        """What starts a subscription; starting it gives what ends it.

        Raises:
            OkxError: there is no such channel on this path (60018), or a login comes first (60011).
        """
        name = given.get("channel")
        channel = find(name, session.path) if isinstance(name, str) else None
        if channel is None:
            raise wrong(given)
        if channel.private:
            key = session.logged_in()
            subject_of(channel, self.exchange, given)
            arg = f'{raw.rstrip()[:-1]},"uid":"{key.uid}"}}'
            own = Own(session, key, channel.name, arg, given)
            if not own.readable:
                raise wrong(given)
            return lambda: self._own(own)
        subject = subject_of(channel, self.exchange, given)
        return lambda: self._listen(channel, subject, session, raw)

    def _listen(self, channel: Channel, subject: str, session: Session, raw: str) -> Callable[[], None]:
        where = (channel.name, subject)
        topic = self._topics.get(where)
        if topic is None:
            assert channel.topic is not None
            topic = self._topics[where] = channel.topic(self.exchange, self._seen, subject)
        topic.add(session, raw)

        def end() -> None:
            topic.remove(session, raw)
            if not topic.listeners and self._topics.get(where) is topic:
                del self._topics[where]

        return end

    def _own(self, own: Own) -> Callable[[], None]:
        account = own.key.account
        feed = self._feeds.get(account)
        if feed is None:
            feed = self._feeds[account] = AccountFeed(self.exchange, own.key)
        feed.add(own)

        def end() -> None:
            feed.remove(own)
            if not feed and self._feeds.get(account) is feed:
                del self._feeds[account]

        return end

    # ------------------------------------------------------------------ what happens

    def _hear(self, changes: Changes) -> None:
        self._seen.note(changes)
        if self.sessions:
            self._news.append(changes)
            self._woken.set()

    def _watch(self, _sequence: int, events: Iterable[Event], moment: int) -> None:
        if self.sessions:
            self._forced += [(event, moment) for event in events if isinstance(event, Forced)]

    async def run(self) -> None:
        """Pulse until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _PULSE_S)
            self._woken.clear()
            await self.exchange.venue.settled()
            self.pulse(round(self.time() * 1000))

    def pulse(self, now: int) -> None:
        """Tell everyone what is new and due.

        Args:
            now: Milliseconds of a clock that never goes back.
        """
        news, self._news = self._news, []
        for changes in news:
            self._guarded(self, partial(self._tell, changes))
        forced, self._forced = self._forced, []
        for event, moment in forced:
            self._guarded(self, partial(self._tell_forced, event, moment))
        parts: list[Topic | AccountFeed] = [*self._topics.values(), *self._feeds.values()]
        for part in parts:
            self._guarded(part, partial(part.pulse, now))
        if now >= self._inspected + _INSPECT_MS:
            self._inspected = now
            self._inspect()

    @property
    def audience(self) -> list[Session]:
        """Everyone who is connected."""
        return [*self.sessions]

    def _guarded(self, part: "Topic | AccountFeed | Hub", work: Callable[[], None]) -> None:
        """Work that fails ends the connections that wait for it: their data would stand still unseen."""
        try:
            work()
        except Exception:
            logging.getLogger(__name__).exception("a push failed")
            for listener in part.audience:
                listener.end(_BROKEN, "Abnormal disconnection")

    def _tell(self, changes: Changes) -> None:
        for trade in changes.trades:
            for name in _TRADES:
                self._happened(name, trade.instrument, [public_trade_row(trade)])
        for account in changes.accounts:
            if account in self._feeds:
                self._guarded(self._feeds[account], partial(self._feeds[account].take, changes))
        holders = self.exchange.venue.state.holders
        for name in changes.marks:
            for account, feed in self._feeds.items():
                if account in holders.get(name, ()):
                    feed.moved()

    def _tell_forced(self, event: Forced, moment: int) -> None:
        row = forced_row(self.exchange, event, moment)
        self._happened("liquidation-orders", row["instType"], [row])

    def _happened(self, channel: str, subject: str, rows: list[dict[str, Any]]) -> None:
        topic = self._topics.get((channel, subject))
        if isinstance(topic, Events):
            topic.happened(rows)

    # ------------------------------------------------------------------ who has to go

    def _inspect(self) -> None:
        """End connections that are quiet, do not read, or belong to a key that was revoked."""
        now = self.time()
        for session in [*self.sessions]:
            if session.ending is not None:
                if now - session.ending > _GRACE_S:
                    session.cut()
            elif session.blocked is not None and now - session.blocked > self.limits.stall_s:
                session.end(FULL, "Buffer is full, cannot write data: the client does not read")
                session.cut()
            elif session.key is not None and self.exchange.keys.find(session.key.key) is None:
                session.end(REVOKED, "API key has been updated or deleted. Please reconnect.")
            elif now - session.active > self.limits.idle_s:
                session.end(IDLE, f"No data received in {self.limits.idle_s:g}s.")


def _cut(scope: Message) -> Callable[[], None]:
    """How a connection is ended without its client."""
    offered = (scope.get("extensions") or {}).get(CUT)
    if offered is not None:
        now: Callable[[], None] = offered["now"]
        return now
    task = asyncio.current_task()
    assert task is not None

    def cancel() -> None:
        task.cancel()

    return cancel
