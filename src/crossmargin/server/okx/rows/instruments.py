"""Rows of instruments and of position tiers."""

from datetime import datetime
from decimal import Decimal

from crossmargin.domain.account import MarginMode
from crossmargin.domain.arithmetic import ONE, quotient
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.errors import MissingDataError
from crossmargin.rulebook.model import Rulebook
from crossmargin.server.okx.answers import Row, text
from crossmargin.server.okx.names import inst_type

__all__ = ["family_of", "instrument_row", "tier_rows", "underlying_of"]

_LARGEST = "100000000"


def family_of(instrument: Instrument) -> str:
    """``instFamily`` of a derivative: base and quote."""
    return instrument.family or f"{instrument.base}-{instrument.quote}"


def underlying_of(instrument: Instrument) -> str:
    """``uly``: the index that a derivative follows; empty for spot."""
    if instrument.kind in (Kind.SPOT, Kind.MARGIN):
        return ""
    return f"{instrument.base}-{instrument.quote}"


def _millis(moment: datetime | None) -> str:
    return "" if moment is None else str(round(moment.timestamp() * 1000))


def instrument_row(instrument: Instrument, rulebook: Rulebook, code: int, listed: int, *, live: bool) -> Row:
    """One row of public/instruments."""
    spot = instrument.kind in (Kind.SPOT, Kind.MARGIN)
    value_in = instrument.quote if instrument.inverse else instrument.base
    return {
        "instType": inst_type(instrument),
        "instId": instrument.id,
        "instIdCode": code,
        "uly": underlying_of(instrument),
        "instFamily": "" if spot else family_of(instrument),
        "category": "1",
        "baseCcy": instrument.base if spot else "",
        "quoteCcy": instrument.quote if spot else "",
        "settleCcy": "" if spot else instrument.settle,
        "ctVal": "" if spot else text(instrument.contract_value),
        "ctMult": "" if spot else text(instrument.multiplier),
        "ctValCcy": "" if spot else value_in,
        "optType": "" if instrument.option_type is None else instrument.option_type.value[0].upper(),
        "stk": text(instrument.strike),
        "listTime": str(listed),
        "auctionEndTime": "",
        "contTdSwTime": "",
        "preMktSwTime": "",
        "openType": "",
        "expTime": _millis(instrument.expiry),
        "lever": "" if instrument.kind == Kind.OPTION else text(_leverage(instrument, rulebook)),
        "tickSz": text(instrument.tick_size),
        "lotSz": text(instrument.lot_size),
        "minSz": text(instrument.min_size or instrument.lot_size),
        "ctType": "" if spot or instrument.kind == Kind.OPTION else instrument.contract_type.value,
        "alias": "this_week" if instrument.kind == Kind.FUTURE else "",
        "state": "live" if live else "suspend",
        "ruleType": "normal",
        "maxLmtSz": _LARGEST,
        "maxMktSz": _LARGEST,
        "maxLmtAmt": "20000000",
        "maxMktAmt": "1000000" if spot else "",
        "maxTwapSz": _LARGEST,
        "maxIcebergSz": _LARGEST,
        "maxTriggerSz": _LARGEST,
        "maxStopSz": _LARGEST,
        "futureSettlement": False,
        "tradeQuoteCcyList": [instrument.quote] if spot else [],
        "instCategory": "1",
        "groupId": "",
        "posLmtAmt": "",
        "posLmtPct": "",
        "maxPlatOILmt": "",
        "upcChg": [],
    }


def _leverage(instrument: Instrument, rulebook: Rulebook) -> Decimal:
    """Largest leverage of the first tier; 1 where there are no tiers (spot)."""
    try:
        first = rulebook.tier_table(instrument, MarginMode.CROSS).tiers[0]
    except MissingDataError:
        return ONE
    return first.max_leverage or ONE


def tier_rows(instrument: Instrument, rulebook: Rulebook, mode: MarginMode) -> list[Row]:
    """Rows of public/position-tiers: sizes in contracts, from the lowest tier up."""
    table = rulebook.tier_table(instrument, mode)
    rows, low = [], "0"
    for place, tier in enumerate(table.tiers, 1):
        high = text(tier.up_to) or _LARGEST
        rows.append(
            {
                "uly": underlying_of(instrument),
                "instFamily": family_of(instrument),
                "instId": "" if instrument.kind != Kind.MARGIN else instrument.id,
                "tier": str(place),
                "minSz": low,
                "maxSz": high,
                "mmr": text(tier.maintenance_rate),
                "imr": text(tier.initial_rate) or text(_rate(tier.max_leverage)),
                "maxLever": text(tier.max_leverage),
                "optMgnFactor": "0",
                "quoteMaxLoan": "0",
                "baseMaxLoan": "0",
            }
        )
        low = high
    return rows


def _rate(leverage: Decimal | None) -> Decimal | None:
    """Initial margin rate that a largest leverage comes to."""
    return quotient(ONE, leverage) if leverage else None
