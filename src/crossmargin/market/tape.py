"""The public tape: trades, candles, tickers and funding of every instrument, kept for a bounded while.

Whoever drives a market shows it what the engine said (`observe`); what was before the market opened comes from the
market itself. Nothing here reads a clock: the present is the time of the last thing seen.
"""

from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from crossmargin.domain import event as e
from crossmargin.domain.arithmetic import ZERO, floor_to, quotient
from crossmargin.domain.instrument import Instrument
from crossmargin.domain.ledger import QUANTUM
from crossmargin.errors import MissingDataError
from crossmargin.market.series import DAY_MS, HOUR_MS, Candle, Series, grouped, joined
from crossmargin.market.settlements import PERIOD_MS, FundingRate

__all__ = ["Past", "PriceKind", "PublicTape", "Settled", "Ticker", "Trade", "amounts_of", "trade_id"]

TRADES_KEPT = 500
SETTLEMENTS_KEPT = 300
IDS_A_COMMAND = 1_000
UNREAD_KEPT = 2_000

PriceKind = Literal["last", "mark", "index"]


class Trade(Struct, frozen=True, kw_only=True):
    """One trade, as the public sees it: `buys` is the taker's side."""

    id: int
    instrument: str
    price: Decimal
    contracts: Decimal
    buys: bool
    time: int


class Settled(Struct, frozen=True, kw_only=True):
    """A funding settlement that was made."""

    time: int
    rate: Decimal


class Ticker(Struct, frozen=True, kw_only=True):
    """The last 24 hours of an instrument.

    Attributes:
        open_utc, open_hong_kong: First price of the day, in Greenwich and in Hong Kong.
        contracts, base, quote: Traded in 24 hours.
    """

    instrument: str
    time: int
    last: Decimal
    last_contracts: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    open_utc: Decimal
    open_hong_kong: Decimal
    contracts: Decimal
    base: Decimal
    quote: Decimal


class Past(Struct, frozen=True):
    """What was before the first price: minute and hour bars, ascending."""

    minutes: tuple[Candle, ...] = ()
    hours: tuple[Candle, ...] = ()


def _nothing(_kind: PriceKind, _name: str) -> Past:
    return Past()


class PublicTape:
    """What the public can read of a market.

    Args:
        past: Bars before the opening, by kind of price and by instrument id (or pair, of an index); asked once each.
    """

    def __init__(self, past: Callable[[PriceKind, str], Past] = _nothing) -> None:
        """Start with what was before."""
        self.time = 0
        self.instruments: dict[str, Instrument] = {}
        self._known: set[str | None] = {None}
        self._past = past
        self._series: dict[tuple[PriceKind, str], Series] = {}
        self._unread: dict[tuple[PriceKind, str], list[tuple[int, Decimal, Decimal, Decimal, Decimal]]] = {}
        self._trades: dict[str, deque[Trade]] = {}
        self._funding: dict[str, FundingRate] = {}
        self._settled: dict[str, deque[Settled]] = {}
        self._days: dict[str, tuple[int, Candle]] = {}

    def add(self, instrument: Instrument) -> None:
        """One more instrument is listed."""
        self.instruments[instrument.id] = instrument
        self._known.add(instrument.id)
        self._trades.setdefault(instrument.id, deque(maxlen=TRADES_KEPT))
        self._settled.setdefault(instrument.id, deque(maxlen=SETTLEMENTS_KEPT))

    # ------------------------------------------------------------------ fed by whoever drives the market

    def observe(self, sequence: int, events: Iterable[e.Event], time: int) -> None:
        """See what one command led to. A trade's id follows from the command's number: no two are alike, ever.

        What concerns an instrument that is not listed any more is passed over.
        """
        for place, event in enumerate(events):
            if getattr(event, "instrument", None) not in self._known:
                continue
            match event:
                case e.Filled():
                    number = trade_id(sequence, place)
                    self.on_trade(event.instrument, event.price, event.contracts, event.taker_buys, time, number)
                case e.LiquidationFill():
                    number = trade_id(sequence, place)
                    self.on_trade(event.instrument, event.price, event.contracts, event.account_buys, time, number)
                case e.MarkSet():
                    self.on_mark(event.instrument, event.price, time, event.last)
                case e.IndexSet():
                    self.on_index(event.pair, event.price, time)
                case e.FundingSettled():
                    self.on_settled(event.instrument, (Settled(time=event.period * PERIOD_MS, rate=event.rate),))

    def on_trade(self, instrument: str, price: Decimal, contracts: Decimal, buys: bool, time: int, number: int) -> None:
        """A trade happened."""
        self.time = max(self.time, time)
        self._trades[instrument].append(
            Trade(id=number, instrument=instrument, price=price, contracts=contracts, buys=buys, time=time)
        )
        base, quote = amounts_of(self.instruments[instrument], contracts, price)
        self._put("last", instrument, time, price, contracts=contracts, base=base, quote=quote)

    def on_mark(self, instrument: str, price: Decimal, time: int, last: Decimal | None = None) -> None:
        """A mark, perhaps a last price, was set."""
        self.time = max(self.time, time)
        self._put("mark", instrument, time, price)
        if last is not None:
            self._put("last", instrument, time, last)

    def on_index(self, pair: str, price: Decimal, time: int) -> None:
        """An index was set."""
        self.time = max(self.time, time)
        self._put("index", pair, time, price)

    def on_funding(self, instrument: str, rate: FundingRate) -> None:
        """The rate as it stands."""
        self._funding[instrument] = rate

    def on_settled(self, instrument: str, settled: Iterable[Settled]) -> None:
        """Funding was settled."""
        self._settled[instrument].extend(settled)

    # ------------------------------------------------------------------ read by the public

    def candles(
        self, name: str, bar: str = "1m", *, limit: int = 100, before: int | None = None, after: int | None = None,
        of: PriceKind = "last",
    ) -> list[Candle]:  # fmt: skip
        """Bars of an instrument (of a pair, for an index), the newest first.

        Args:
            name: Instrument id, or pair.
            bar: One of `crossmargin.market.series.BARS`.
            limit: Most bars.
            before: Only bars that began later than this.
            after: Only bars that began earlier than this.
            of: Whether of trades, marks or the index.

        Raises:
            InputError: there is no such bar.
        """
        series = self._of(of, name)
        series.roll(self.time)
        found = [
            each
            for each in grouped(series, bar)
            if (after is None or each.time < after) and (before is None or each.time > before)
        ]
        return found[: -limit - 1 : -1]

    def ticker(self, instrument: str) -> Ticker:
        """The last 24 hours.

        Raises:
            MissingDataError: nothing has a price yet.
        """
        series = self._of("last", instrument)
        series.roll(self.time)
        last, trades = series.last(), self._trades.get(instrument)
        if last is None:
            raise MissingDataError(f"{instrument}: no price yet")
        day, now = self._day(instrument, series), series.minutes[-1]
        return Ticker(
            instrument=instrument,
            time=trades[-1].time if trades else now.time,
            last=last,
            last_contracts=trades[-1].contracts if trades else ZERO,
            open=day.open,
            high=max(day.high, now.high),
            low=min(day.low, now.low),
            open_utc=_open_at(series, self.time // DAY_MS * DAY_MS),
            open_hong_kong=_open_at(series, (self.time + 8 * HOUR_MS) // DAY_MS * DAY_MS - 8 * HOUR_MS),
            contracts=day.contracts + now.contracts,
            base=day.base + now.base,
            quote=day.quote + now.quote,
        )

    def trades(
        self, instrument: str, limit: int = 100, *, before: int | None = None, after: int | None = None
    ) -> list[Trade]:
        """Trades, the newest first; `before` and `after` are ids, as for candles."""
        found = [
            each
            for each in self._trades.get(instrument, ())
            if (after is None or each.id < after) and (before is None or each.id > before)
        ]
        return found[: -limit - 1 : -1]

    def funding(self, instrument: str) -> FundingRate | None:
        """Rate of the period that runs; None of what pays no funding."""
        return self._funding.get(instrument)

    def funding_history(
        self, instrument: str, limit: int = 100, *, before: int | None = None, after: int | None = None
    ) -> list[Settled]:
        """Settlements, the newest first; `before` and `after` are times, as for candles."""
        found = [
            each
            for each in self._settled.get(instrument, ())
            if (after is None or each.time < after) and (before is None or each.time > before)
        ]
        return found[: -limit - 1 : -1]

    # ------------------------------------------------------------------ inside

    def _put(
        self, kind: PriceKind, name: str, time: int, price: Decimal, *, contracts: Decimal = ZERO,
        base: Decimal = ZERO, quote: Decimal = ZERO,
    ) -> None:  # fmt: skip
        """Add a price; of what nobody has read yet it only waits, so that its past need not be drawn."""
        series = self._series.get((kind, name))
        if series is not None:
            series.put(time, price, contracts=contracts, base=base, quote=quote)
            return
        waiting = self._unread.setdefault((kind, name), [])
        waiting.append((time, price, contracts, base, quote))
        if len(waiting) >= UNREAD_KEPT:
            self._of(kind, name)

    def _of(self, kind: PriceKind, name: str) -> Series:
        found = self._series.get((kind, name))
        if found is None:
            past = self._past(kind, name)
            found = self._series[kind, name] = Series(past.minutes, past.hours)
            for time, price, contracts, base, quote in self._unread.pop((kind, name), ()):
                found.put(time, price, contracts=contracts, base=base, quote=quote)
        return found

    def _day(self, instrument: str, series: Series) -> Candle:
        """The 24 hours before the minute that runs, added up once a minute."""
        now = series.minutes[-1]
        kept = self._days.get(instrument)
        if kept is not None and kept[0] == now.time:
            return kept[1]
        bars = [each for each in series.minutes if now.time - DAY_MS <= each.time < now.time]
        first = Candle(time=now.time, open=now.open, high=now.open, low=now.open, close=now.open)
        day = joined(bars or [first], now.time - DAY_MS, closed=True)
        self._days[instrument] = (now.time, day)
        return day


def trade_id(sequence: int, place: int) -> int:
    """Id of the trade that stands at a place among the events of a command."""
    return sequence * IDS_A_COMMAND + place


def _open_at(series: Series, time: int) -> Decimal:
    """The first price from a time on."""
    return next((each.open for each in series.minutes if each.time >= time), series.minutes[-1].open)


def amounts_of(instrument: Instrument, contracts: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
    """A number of contracts in base and in quote currency."""
    face = contracts * instrument.unit
    if instrument.inverse:
        return floor_to(quotient(face, price), QUANTUM), face
    return face, face * price
