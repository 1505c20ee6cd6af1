"""Public paths: instruments, tiers, time, funding, marks, and the state of the system."""

from crossmargin.domain.account import MarginMode
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.errors import MissingDataError
from crossmargin.market.tape import Settled
from crossmargin.server.exchange import Exchange
from crossmargin.server.okx.answers import OkxError, Row, text
from crossmargin.server.okx.call import Call
from crossmargin.server.okx.names import inst_type
from crossmargin.server.okx.rows.instruments import family_of, instrument_row, tier_rows, underlying_of

__all__ = [
    "currencies_of", "funding_history", "funding_rate", "funding_row", "instruments", "mark_price", "mark_row",
    "open_interest", "position_tiers", "price_limit", "selected", "status", "system_time",
]  # fmt: skip

TYPES = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")


def selected(call: Call, *, type_needed: bool = True) -> list[Instrument]:
    """Listed instruments by ``instType``, ``instId``, ``uly`` and ``instFamily``."""
    kind = call.choice("instType", TYPES) if type_needed or "instType" in call else ""
    name, uly, family = call.text("instId"), call.text("uly"), call.text("instFamily")
    if name and name not in call.exchange.venue.state.listings:
        raise OkxError("51001", f"Instrument ID or Spread ID doesn't exist: {name[:40]}")
    return [
        each
        for each in call.exchange.instruments()
        if (not kind or _is(each, kind))
        and (not name or each.id == name)
        and (not uly or underlying_of(each) == uly)
        and (not family or family_of(each) == family)
    ]


def _is(instrument: Instrument, kind: str) -> bool:
    return inst_type(instrument) == kind or (kind == "MARGIN" and instrument.kind == Kind.MARGIN)


def system_time(call: Call) -> list[Row]:
    """``GET public/time``: the venue's clock, milliseconds."""
    return [{"ts": str(call.exchange.now())}]


def status(call: Call) -> list[Row]:
    """``GET system/status``: no maintenance is ever announced here."""
    return []


def instruments(call: Call) -> list[Row]:
    """``GET public/instruments`` and ``GET account/instruments``: what is listed, with its steps and sizes."""
    exchange = call.exchange
    state = exchange.venue.state
    return [
        instrument_row(
            each,
            state.rulebook,
            exchange.code_of(each.id),
            exchange.opened,
            live=each.id not in state.stopped and "" not in state.stopped,
        )
        for each in selected(call)
    ]


def currencies_of(exchange: Exchange) -> list[str]:
    """Every coin that an instrument names."""
    found: dict[str, None] = {}
    for each in exchange.instruments():
        found.update(dict.fromkeys((each.settle, each.base, each.quote)))
    return [name for name in found if name != "USD"]


def position_tiers(call: Call) -> list[Row]:
    """``GET public/position-tiers``: maintenance rate and largest leverage by size."""
    call.choice("instType", TYPES)
    mode = MarginMode(call.choice("tdMode", ("cross", "isolated")))
    families = call.instruments("instFamily") or call.instruments("uly")
    names = call.instruments()
    if not families and not names:
        raise OkxError("50014", "Parameter instFamily can not be empty.")
    seen: set[str] = set()
    rows: list[Row] = []
    for each in selected(call) if not families else _of_families(call, families):
        if family_of(each) in seen:
            continue
        seen.add(family_of(each))
        try:
            rows += tier_rows(each, call.exchange.venue.state.rulebook, mode)
        except MissingDataError:
            continue
    return rows


def _of_families(call: Call, families: list[str]) -> list[Instrument]:
    kind = call.text("instType")
    return [each for each in call.exchange.instruments() if _is(each, kind) and family_of(each) in families]


# ---------------------------------------------------------------- marks and funding


def mark_row(exchange: Exchange, instrument: Instrument) -> Row:
    """A mark price."""
    mark = exchange.venue.state.marks.mark.get(instrument.id)
    return {
        "instType": inst_type(instrument),
        "instId": instrument.id,
        "markPx": text(mark),
        "ts": str(exchange.now()),
    }


def mark_price(call: Call) -> list[Row]:
    """``GET public/mark-price``: the price that risk is judged at."""
    rows = [mark_row(call.exchange, each) for each in selected(call, type_needed="instId" not in call)]
    return [row for row in rows if row["markPx"]]


def funding_row(exchange: Exchange, instrument: Instrument) -> Row | None:
    """The funding rate of the period that runs; None where there is none."""
    found = exchange.market.tape.funding(instrument.id)
    if found is None:
        return None
    return {
        "instType": inst_type(instrument),
        "instId": instrument.id,
        "method": "current_period",
        "formulaType": "noRate",
        "fundingRate": text(found.rate),
        "nextFundingRate": "",
        "fundingTime": str(found.time),
        "nextFundingTime": str(found.next_time),
        "minFundingRate": text(found.low),
        "maxFundingRate": text(found.high),
        "interestRate": text(found.interest),
        "impactValue": "",
        "premium": text(found.premium),
        "settState": "settled",
        "settFundingRate": "",
        "prevFundingTime": str(2 * found.time - found.next_time),
        "ts": str(exchange.now()),
    }


def funding_rate(call: Call) -> list[Row]:
    """``GET public/funding-rate``: the rate of the period that runs; ``ANY`` stands for every perpetual."""
    name = call.required("instId")
    found = call.exchange.instruments() if name == "ANY" else [call.instrument()]
    rows = [funding_row(call.exchange, each) for each in found if each.kind == Kind.PERPETUAL]
    if not rows and name != "ANY":
        raise OkxError("51000", "Parameter instId error: it pays no funding")
    return [row for row in rows if row is not None]


def funding_history(call: Call) -> list[Row]:
    """``GET public/funding-rate-history``: settlements, the newest first."""
    instrument = call.instrument()
    limit = call.limit(400, 400)
    tape = call.exchange.market.tape
    found: list[Settled] = tape.funding_history(
        instrument.id, limit, before=call.time("before"), after=call.time("after")
    )
    return [
        {
            "instType": inst_type(instrument),
            "instId": instrument.id,
            "formulaType": "noRate",
            "method": "current_period",
            "fundingRate": text(each.rate),
            "realizedRate": text(each.rate),
            "fundingTime": str(each.time),
        }
        for each in found
    ]


def open_interest(call: Call) -> list[Row]:
    """``GET public/open-interest``: what the longs hold, in contracts, coins and USD."""
    state = call.exchange.venue.state
    rows = []
    for each in selected(call):
        if each.kind in (Kind.SPOT, Kind.MARGIN):
            continue
        size = state.open_interest.get(each.id, 0)
        mark = state.marks.mark.get(each.id)
        face = size * each.unit
        coins = "" if mark is None else text(face / mark if each.inverse else face)
        usd = "" if mark is None else text(face if each.inverse else face * mark)
        rows.append(
            {
                "instType": inst_type(each),
                "instId": each.id,
                "oi": text(size),
                "oiCcy": coins,
                "oiUsd": usd,
                "ts": str(call.exchange.now()),
            }
        )
    return rows


def price_limit(call: Call) -> list[Row]:
    """``GET public/price-limit``: how far from the mark an order may trade."""
    instrument = call.instrument()
    state = call.exchange.venue.state
    mark = state.marks.mark_of(instrument.id)
    room = mark * state.rulebook.liquidation.price_band
    return [
        {
            "instType": inst_type(instrument),
            "instId": instrument.id,
            "buyLmt": text(mark + room),
            "sellLmt": text(mark - room),
            "enabled": True,
            "ts": str(call.exchange.now()),
        }
    ]
