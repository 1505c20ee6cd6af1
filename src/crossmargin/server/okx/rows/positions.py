"""Rows of open and of closed positions."""

from decimal import Decimal

from crossmargin.domain.account import MarginMode, Position, PositionMode, Side
from crossmargin.domain.arithmetic import ZERO, exact, quotient
from crossmargin.domain.instrument import Instrument
from crossmargin.margin.assess import Assessment, PositionFigures
from crossmargin.margin.position_prices import break_even_price, printed_liquidation_price
from crossmargin.margin.prices_usd import usd_price
from crossmargin.server.history import PositionRecord
from crossmargin.server.okx.answers import Row, text
from crossmargin.server.okx.names import inst_type, position_id, position_side, trade_id
from crossmargin.server.okx.rows.instruments import underlying_of

__all__ = ["closed_row", "flat_row", "position_row"]

_EMPTY = (
    "baseBal", "baseBorrowed", "baseInterest", "bizRefId", "bizRefType", "clSpotInUseAmt", "deltaBS", "deltaPA",
    "gammaBS", "gammaPA", "hedgedPos", "interest", "liab", "liabCcy", "maxSpotInUseAmt", "pendingCloseOrdLiabVal",
    "posCcy", "quoteBal", "quoteBorrowed", "quoteInterest", "spotInUseAmt", "spotInUseCcy", "thetaBS", "thetaPA",
    "vegaBS", "vegaPA", "nonSettleAvgPx",
)  # fmt: skip
_TYPES = {"close": "2", "liquidation": "3", "adl": "5", "delivery": "2"}


def _index(found: Assessment, instrument: Instrument) -> Decimal | None:
    return found.marks.index.get(underlying_of(instrument) or instrument.id)


@exact
def position_row(found: Assessment, place: int, record: PositionRecord | None, instrument: Instrument) -> Row:
    """An open position, with the liquidation price that the venue itself would print."""
    position, figures = found.account.positions[place], found.positions[place]
    isolated = position.margin_mode == MarginMode.ISOLATED
    hedged = found.account.position_mode == PositionMode.HEDGE
    mark, last = figures.mark_price, found.marks.last.get(instrument.id, figures.mark_price)
    liquidation = printed_liquidation_price(found, position).value
    at_last = _pnl(instrument, position, last)
    return {
        **_shared(instrument, position, record, hedged=hedged),
        "pos": text(position.contracts if hedged else position.side.sign * position.contracts),
        "availPos": text(position.contracts),
        "avgPx": text(position.entry_price),
        "markPx": text(mark),
        "last": text(last),
        "idxPx": text(_index(found, instrument)),
        "usdPx": text(usd_price(found.marks, instrument.settle)),
        "upl": text(figures.floating_pnl),
        "uplRatio": text(figures.pnl_ratio),
        "uplLastPx": text(at_last),
        "uplRatioLastPx": text(_ratio(at_last, figures)),
        "lever": text(position.leverage),
        "liqPx": text(liquidation),
        "bePx": text(break_even_price(found, position).value),
        "imr": "" if isolated else text(figures.initial_margin),
        "margin": text(figures.margin) if isolated else "",
        "mmr": text(figures.maintenance_margin),
        "mgnRatio": text(figures.margin_ratio),
        "notionalUsd": text(_usd(found, instrument, figures)),
        "adl": "1",
        "optVal": "",
    }


def _pnl(instrument: Instrument, position: Position, price: Decimal) -> Decimal:
    face = position.contracts * instrument.unit
    if instrument.inverse:
        return position.side.sign * (quotient(face, position.entry_price) - quotient(face, price))
    return position.side.sign * face * (price - position.entry_price)


def _ratio(pnl: Decimal, figures: PositionFigures) -> Decimal | None:
    """PnL at last over the same base as the ratio at mark."""
    if not figures.floating_pnl or figures.pnl_ratio is None:
        return figures.pnl_ratio
    return quotient(pnl * figures.pnl_ratio, figures.floating_pnl)


def _usd(found: Assessment, instrument: Instrument, figures: PositionFigures) -> Decimal | None:
    if instrument.inverse:
        return figures.contracts * instrument.unit
    price = usd_price(found.marks, instrument.settle)
    return None if price is None else figures.notional * price


def _shared(instrument: Instrument, position: Position, record: PositionRecord | None, *, hedged: bool) -> Row:
    """What a row says of the past of a position."""
    fee, funding = (record.fee, record.funding) if record is not None else (ZERO, ZERO)
    pnl, penalty = (record.pnl, record.penalty) if record is not None else (ZERO, ZERO)
    created, updated = (record.created, record.updated) if record is not None else (0, 0)
    return {
        **dict.fromkeys(_EMPTY, ""),
        "instType": inst_type(instrument) if inst_type(instrument) != "SPOT" else "MARGIN",
        "instId": instrument.id,
        "mgnMode": position.margin_mode.value,
        "posId": "" if record is None else position_id(record.number),
        "posSide": position_side(position.side, hedged=hedged),
        "ccy": position.margin_currency or instrument.settle,
        "tradeId": "" if record is None else trade_id(record.trade),
        "realizedPnl": text(pnl + fee + funding + penalty),
        "pnl": text(pnl),
        "fee": text(fee),
        "fundingFee": text(funding),
        "liqPenalty": text(penalty),
        "settledPnl": "",
        "closeOrderAlgo": [],
        "cTime": str(created),
        "uTime": str(updated),
    }


@exact
def flat_row(record: PositionRecord, instrument: Instrument, *, hedged: bool) -> Row:
    """A position that has just been closed, as it is pushed once: ``pos`` is 0."""
    key = record.key
    position = Position(instrument=key.instrument, side=key.side, margin_mode=key.margin_mode, leverage=record.leverage)
    return {
        **_shared(instrument, position, record, hedged=hedged),
        **dict.fromkeys(
            (
                "avgPx", "markPx", "last", "idxPx", "usdPx", "upl", "uplRatio", "uplLastPx", "uplRatioLastPx", "liqPx",
                "bePx", "imr", "margin", "mmr", "mgnRatio", "notionalUsd", "adl", "optVal",
            ),
            "",
        ),
        "pos": "0",
        "availPos": "0",
        "lever": text(record.leverage),
    }  # fmt: skip


@exact
def closed_row(record: PositionRecord, instrument: Instrument, *, hedged: bool) -> Row:
    """One row of account/positions-history."""
    realised = record.pnl + record.fee + record.funding + record.penalty
    face = record.closed * instrument.unit
    base = quotient(face, record.entry_price) if instrument.inverse else face * record.entry_price
    margin = quotient(base, record.leverage)
    return {
        "instType": inst_type(instrument),
        "instId": instrument.id,
        "mgnMode": record.key.margin_mode.value,
        "type": _TYPES.get(record.ended, "2") if not record.contracts else "1",
        "cTime": str(record.created),
        "uTime": str(record.updated),
        "openAvgPx": text(record.entry_price),
        "nonSettleAvgPx": "",
        "closeAvgPx": text(record.average_close),
        "posId": position_id(record.number),
        "openMaxPos": text(record.largest),
        "closeTotalPos": text(record.closed),
        "realizedPnl": text(realised),
        "settledPnl": "",
        "fee": text(record.fee),
        "fundingFee": text(record.funding),
        "liqPenalty": text(record.penalty),
        "pnl": text(record.pnl),
        "pnlRatio": text(quotient(realised, margin)) if margin else "",
        "posSide": position_side(record.key.side, hedged=hedged),
        "lever": text(record.leverage),
        "direction": "long" if record.key.side == Side.LONG else "short",
        "triggerPx": "",
        "uly": underlying_of(instrument),
        "ccy": record.settle,
    }
