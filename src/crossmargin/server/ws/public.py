"""Sources of public channels: the rows of REST, each with a stamp that tells when they have changed."""

from collections.abc import Hashable

from crossmargin.domain import event as e
from crossmargin.domain.arithmetic import exact, quotient
from crossmargin.market.tape import Trade
from crossmargin.server.exchange import Exchange
from crossmargin.server.history import PublicTrade
from crossmargin.server.okx import public
from crossmargin.server.okx.answers import Row, text
from crossmargin.server.okx.call import Call
from crossmargin.server.okx.market import depth, index_ticker_row, ticker_row, trade_row
from crossmargin.server.okx.names import inst_type
from crossmargin.server.okx.rows.instruments import family_of, instrument_row, underlying_of
from crossmargin.server.ws.topics import Seen, Source

__all__ = [
    "FUNDING", "INDEX", "INSTRUMENTS", "LIMITS", "MARK", "OPEN_INTEREST", "TICKER", "Forced", "forced_row",
    "public_trade_row", "top",
]  # fmt: skip


Forced = e.LiquidationFill | e.TakenOver
"""Events that close a part of a position against its owner's will, for everyone to see."""


def _one(row: Row | None) -> list[Row]:
    return [] if row is None else [row]


def _version(exchange: Exchange, _seen: Seen, name: str) -> Hashable:
    return exchange.venue.state.books[name].version


def _mark(exchange: Exchange, _seen: Seen, name: str) -> Hashable:
    return exchange.venue.state.marks.mark.get(name)


def _index(exchange: Exchange, _seen: Seen, name: str) -> Hashable:
    return exchange.venue.state.marks.index.get(name)


def _traded(exchange: Exchange, seen: Seen, name: str) -> Hashable:
    state = exchange.venue.state
    return state.books[name].version, seen.trades.get(name), state.marks.last.get(name)


def _listed(exchange: Exchange, seen: Seen, _kind: str) -> Hashable:
    return seen.market, len(exchange.venue.state.listings)


def _rate(exchange: Exchange, _seen: Seen, name: str) -> Hashable:
    found = exchange.market.tape.funding(name)
    return None if found is None else (found.rate, found.time, found.premium)


def _interest(exchange: Exchange, _seen: Seen, name: str) -> Hashable:
    return exchange.venue.state.open_interest.get(name)


def _ticker_rows(exchange: Exchange, name: str) -> list[Row]:
    return _one(ticker_row(exchange, exchange.listed(name)))


def _mark_rows(exchange: Exchange, name: str) -> list[Row]:
    return [row for row in [public.mark_row(exchange, exchange.listed(name))] if row["markPx"]]


def _index_rows(exchange: Exchange, name: str) -> list[Row]:
    return [index_ticker_row(exchange, name)] if name in exchange.venue.state.marks.index else []


def _funding_rows(exchange: Exchange, name: str) -> list[Row]:
    return _one(public.funding_row(exchange, exchange.listed(name)))


def _interest_rows(exchange: Exchange, name: str) -> list[Row]:
    return public.open_interest(_asked(exchange, name))


def _limit_rows(exchange: Exchange, name: str) -> list[Row]:
    return public.price_limit(_asked(exchange, name)) if name in exchange.venue.state.marks.mark else []


def _asked(exchange: Exchange, name: str) -> Call:
    return Call(exchange, None, {"instType": inst_type(exchange.listed(name)), "instId": name})


def _instrument_rows(exchange: Exchange, kind: str) -> list[Row]:
    state = exchange.venue.state
    return [
        instrument_row(
            each,
            state.rulebook,
            exchange.code_of(each.id),
            exchange.opened,
            live=each.id not in state.stopped and "" not in state.stopped,
        )
        for each in exchange.instruments()
        if inst_type(each) == kind
    ]


TICKER = Source(_traded, _ticker_rows, 100)
MARK = Source(_mark, _mark_rows, 200)
INDEX = Source(_index, _index_rows, 100)
FUNDING = Source(_rate, _funding_rows, 5_000)
OPEN_INTEREST = Source(_interest, _interest_rows, 3_000)
LIMITS = Source(_mark, _limit_rows, 200)
INSTRUMENTS = Source(_listed, _instrument_rows, 1_000)


def top(levels: int, interval_ms: int) -> Source:
    """The best levels of a book as a whole, without a chain."""

    def rows(exchange: Exchange, name: str) -> list[Row]:
        asks, bids = depth(exchange, name, levels)
        version = exchange.venue.state.books[name].version
        return [{"asks": asks, "bids": bids, "instId": name, "ts": str(exchange.now()), "seqId": version}]

    return Source(_version, rows, interval_ms)


# ---------------------------------------------------------------- what happens


def public_trade_row(trade: PublicTrade) -> Row:
    """A trade as it is told the moment it happens."""
    return trade_row(
        Trade(
            id=trade.number,
            instrument=trade.instrument,
            price=trade.price,
            contracts=trade.contracts,
            buys=trade.side == "buy",
            time=trade.time,
        )
    )


def forced_row(exchange: Exchange, event: Forced, time: int) -> Row:
    """A forced close as everyone sees it."""
    if isinstance(event, e.LiquidationFill):
        name, buys, price = event.instrument, event.account_buys, text(event.price)
    else:
        name, buys = event.position.instrument, event.position.side == "short"
        price = _taken_at(exchange, event)
    instrument = exchange.listed(name)
    detail = {
        "side": "buy" if buys else "sell",
        "posSide": "short" if buys else "long",
        "bkPx": price,
        "sz": text(event.contracts),
        "bkLoss": "0",
        "ccy": "",
        "ts": str(time),
    }
    return {
        "instType": inst_type(instrument),
        "instId": name,
        "instFamily": family_of(instrument),
        "uly": underlying_of(instrument),
        "details": [detail],
    }


@exact
def _taken_at(exchange: Exchange, event: e.TakenOver) -> str:
    """The price that a handing-over's value comes to; empty where it was for nothing."""
    instrument = exchange.listed(event.position.instrument)
    face = event.contracts * instrument.unit
    if not event.value:
        return ""
    return text(quotient(face, event.value) if instrument.inverse else quotient(event.value, face))
