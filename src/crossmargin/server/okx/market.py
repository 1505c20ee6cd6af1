"""Public market data: tickers, books, candles, trades."""

from crossmargin.domain.account import OrderSide
from crossmargin.domain.instrument import Instrument
from crossmargin.errors import InputError, MissingDataError
from crossmargin.market.series import Candle
from crossmargin.market.tape import PriceKind, Trade
from crossmargin.server.exchange import Exchange
from crossmargin.server.okx.answers import OkxError, Row, text
from crossmargin.server.okx.call import Call
from crossmargin.server.okx.names import inst_type
from crossmargin.server.okx.public import selected

__all__ = [
    "book_row", "books", "candle_row", "candles", "depth", "index_candles", "index_ticker_row", "index_tickers",
    "mark_candles", "ticker", "ticker_row", "tickers", "trade_row", "trades",
]  # fmt: skip

_DEPTH_MAX = 400
_BARS_MAX = 300

Level = list[str]


def depth(exchange: Exchange, name: str, size: int) -> tuple[list[Level], list[Level]]:
    """Asks and bids, best first: price, size, "0", number of orders."""
    book = exchange.venue.state.books[name]
    return (
        [[text(price), text(total), "0", str(count)] for price, total, count in book.levels(OrderSide.SELL, size)],
        [[text(price), text(total), "0", str(count)] for price, total, count in book.levels(OrderSide.BUY, size)],
    )


def book_row(exchange: Exchange, name: str, size: int) -> Row:
    """The book to a depth."""
    asks, bids = depth(exchange, name, size)
    version = exchange.venue.state.books[name].version
    return {"asks": asks, "bids": bids, "ts": str(exchange.now()), "seqId": version}


def books(call: Call) -> list[Row]:
    """``GET market/books``, ``market/books-full``: the order book to a depth of 400."""
    instrument = call.instrument()
    size = call.time("sz")
    return [book_row(call.exchange, instrument.id, min(_DEPTH_MAX, 1 if size is None else max(1, size)))]


def ticker_row(exchange: Exchange, instrument: Instrument) -> Row | None:
    """A ticker; None before the first price."""
    try:
        found = exchange.market.tape.ticker(instrument.id)
    except MissingDataError:
        return None
    asks, bids = depth(exchange, instrument.id, 1)
    ask, bid = (asks or [["", ""]])[0], (bids or [["", ""]])[0]
    inverse_or_spot = found.quote if inst_type(instrument) == "SPOT" else found.base
    return {
        "instType": inst_type(instrument),
        "instId": instrument.id,
        "last": text(found.last),
        "lastSz": text(found.last_contracts),
        "askPx": ask[0],
        "askSz": ask[1],
        "bidPx": bid[0],
        "bidSz": bid[1],
        "open24h": text(found.open),
        "high24h": text(max(found.high, found.last)),
        "low24h": text(min(found.low, found.last)),
        "volCcy24h": text(inverse_or_spot),
        "vol24h": text(found.contracts),
        "ts": str(exchange.now()),
        "sodUtc0": text(found.open_utc),
        "sodUtc8": text(found.open_hong_kong),
    }


def ticker(call: Call) -> list[Row]:
    """``GET market/ticker``: the last 24 hours of an instrument."""
    row = ticker_row(call.exchange, call.instrument())
    return [] if row is None else [row]


def tickers(call: Call) -> list[Row]:
    """``GET market/tickers``: the same of every instrument of a type."""
    rows = [ticker_row(call.exchange, each) for each in selected(call)]
    return [row for row in rows if row is not None]


def candle_row(candle: Candle, instrument: Instrument | None) -> list[str]:
    """A bar as a list: time, prices, and for trades volume in contracts, in coin and in quote currency."""
    prices = [str(candle.time), *(text(each) for each in (candle.open, candle.high, candle.low, candle.close))]
    closed = "1" if candle.closed else "0"
    if instrument is None:
        return [*prices, closed]
    return [*prices, text(candle.contracts), text(candle.base), text(candle.quote), closed]


def _candles(call: Call, name: str, of: PriceKind, instrument: Instrument | None) -> list[list[str]]:
    try:
        found = call.exchange.market.tape.candles(
            name,
            call.text("bar", "1m"),
            limit=call.limit(_BARS_MAX, 100),
            before=call.time("before"),
            after=call.time("after"),
            of=of,
        )
    except InputError:
        raise OkxError("51000", "Parameter bar error") from None
    return [candle_row(each, instrument) for each in found]


def candles(call: Call) -> list[list[str]]:
    """``GET market/candles`` and ``market/history-candles``: bars of trades, the newest first."""
    instrument = call.instrument()
    return _candles(call, instrument.id, "last", instrument)


def mark_candles(call: Call) -> list[list[str]]:
    """``GET market/mark-price-candles`` and its history: bars of mark prices."""
    return _candles(call, call.instrument().id, "mark", None)


def index_candles(call: Call) -> list[list[str]]:
    """``GET market/index-candles`` and its history: bars of an index."""
    return _candles(call, _pair(call.exchange, call.required("instId")), "index", None)


def _pair(exchange: Exchange, name: str) -> str:
    if name not in exchange.venue.state.marks.index:
        raise OkxError("51001", "Index does not exist")
    return name


def index_ticker_row(exchange: Exchange, pair: str) -> Row:
    """An index with its last 24 hours."""
    price = exchange.venue.state.marks.index[pair]
    day = exchange.market.tape.candles(pair, "1H", limit=24, of="index")
    return {
        "instId": pair,
        "idxPx": text(price),
        "high24h": text(max((each.high for each in day), default=price)),
        "low24h": text(min((each.low for each in day), default=price)),
        "open24h": text(day[-1].open if day else price),
        "sodUtc0": text(day[-1].open if day else price),
        "sodUtc8": text(day[-1].open if day else price),
        "ts": str(exchange.now()),
    }


def index_tickers(call: Call) -> list[Row]:
    """``GET market/index-tickers``: indices with their last 24 hours."""
    indices = call.exchange.venue.state.marks.index
    quote, name = call.text("quoteCcy"), call.text("instId")
    if name:
        return [index_ticker_row(call.exchange, _pair(call.exchange, name))]
    return [index_ticker_row(call.exchange, each) for each in indices if not quote or each.endswith(f"-{quote}")]


def trade_row(trade: Trade) -> Row:
    """A public trade."""
    return {
        "instId": trade.instrument,
        "tradeId": str(trade.id),
        "px": text(trade.price),
        "sz": text(trade.contracts),
        "side": "buy" if trade.buys else "sell",
        "source": "0",
        "count": "1",
        "ts": str(trade.time),
    }


def trades(call: Call) -> list[Row]:
    """``GET market/trades``: the newest trades."""
    name = call.instrument().id
    return [trade_row(each) for each in call.exchange.market.tape.trades(name, call.limit(500, 100))]
