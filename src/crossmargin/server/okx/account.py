"""The account: configuration, balance, positions, leverage, limits, bills."""

from collections.abc import Callable
from decimal import localcontext
from typing import Any

from crossmargin.domain import command as c
from crossmargin.domain.account import AccountMode, MarginMode, Order, OrderSide, PositionMode, Side
from crossmargin.domain.arithmetic import EXACT, ZERO
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.engine.engine import Outcome
from crossmargin.engine.owner import Owner
from crossmargin.errors import CrossMarginError
from crossmargin.margin.limits import largest_order
from crossmargin.margin.withdrawal import largest_withdrawal
from crossmargin.server.history import BillRecord, PositionRecord
from crossmargin.server.okx.answers import OkxError, Row, code_of, message_of, text
from crossmargin.server.okx.call import Call
from crossmargin.server.okx.names import inst_type, number_in
from crossmargin.server.okx.public import TYPES
from crossmargin.server.okx.rows.account import balance_row
from crossmargin.server.okx.rows.bills import bill_row, types_of
from crossmargin.server.okx.rows.positions import closed_row, position_row

__all__ = [
    "add_margin", "balance", "bills", "config", "interest_accrued", "interest_rate", "leverage_info", "max_avail_size",
    "max_size", "max_withdrawal", "page", "position_risk", "positions", "positions_history", "refuse_if",
    "set_account_level", "set_leverage", "set_position_mode", "trade_fee",
]  # fmt: skip

_MODES = {"net_mode": PositionMode.ONE_WAY, "long_short_mode": PositionMode.HEDGE}
_LEVELS = {AccountMode.SINGLE_CURRENCY: "2", AccountMode.MULTI_CURRENCY: "3", AccountMode.PORTFOLIO: "4"}
_MARGIN = ("cross", "isolated")
_SIZED_MAX = 5


def refuse_if(outcome: Outcome, codes: dict[str, str] | None = None) -> Outcome:
    """Turn a refusal of the engine into the error of a call; `codes` by reason where the call has its own."""
    refused = outcome.refused
    if refused is None:
        return outcome
    code = (codes or {}).get(refused.refusal.reason.value) or code_of(refused.refusal)
    raise OkxError(code, message_of(refused.refusal))


def owner_of(call: Call) -> Owner:
    """The engine's account of whoever asks; a key whose account has never had money has none yet."""
    owner = call.exchange.venue.state.owners.get(call.account)
    return owner if owner is not None else Owner(call.account, 0)


def hedged(call: Call) -> bool:
    """Whether whoever asks holds long and short side by side."""
    return owner_of(call).position_mode == PositionMode.HEDGE


# ---------------------------------------------------------------- configuration


def config(call: Call) -> list[Row]:
    """``GET account/config``: modes, permissions and number of the account."""
    mode = call.exchange.venue.state.rulebook.rules.account_modes[0]
    permissions = {"read": "read_only", "trade": "trade", "withdraw": "withdraw"}
    return [
        {
            "uid": str(call.key.uid),
            "mainUid": str(call.key.uid),
            "acctLv": _LEVELS[mode],
            "acctStpMode": "cancel_maker",
            "posMode": "long_short_mode" if hedged(call) else "net_mode",
            "autoLoan": False,
            "greeksType": "PA",
            "feeType": "0",
            "level": "Lv1",
            "levelTmp": "",
            "ctIsoMode": "automatic",
            "mgnIsoMode": "automatic",
            "spotOffsetType": "",
            "stgyType": "0",
            "roleType": "0",
            "traderInsts": [],
            "spotRoleType": "0",
            "spotTraderInsts": [],
            "opAuth": "0",
            "kycLv": "3",
            "label": call.key.label,
            "ip": "",
            "perm": ",".join(permissions[each] for each in call.key.scopes),
            "liquidationGear": "-1",
            "enableSpotBorrow": False,
            "spotBorrowAutoRepay": False,
            "settleCcy": "",
            "settleCcyList": [],
            "type": "0",
        }
    ]


async def set_position_mode(call: Call) -> list[Row]:
    """``POST account/set-position-mode``: one-way or hedge, without positions and orders."""
    mode = call.choice("posMode", tuple(_MODES))
    if owner_of(call).position_mode != _MODES[mode]:
        venue = call.exchange.venue
        command = c.SetPositionMode(account=call.account, position_mode=_MODES[mode], time=venue.now())
        refuse_if(await venue.submit(command))
    return [{"posMode": mode}]


async def set_account_level(call: Call) -> list[Row]:
    """``POST account/set-account-level``: one venue runs under one rulebook, so only the mode that holds is taken."""
    level = call.choice("acctLv", ("1", "2", "3", "4"))
    mode = call.exchange.venue.state.rulebook.rules.account_modes[0]
    if level != _LEVELS[mode]:
        raise OkxError("51010", f"Account mode {level} is not offered here: this exchange runs in mode {_LEVELS[mode]}")
    return [{"acctLv": level}]


# ---------------------------------------------------------------- balance and positions


def balance(call: Call) -> list[Row]:
    """``GET account/balance``: the account in USD, and every currency with its figures."""
    venue = call.exchange.venue
    wanted = call.instruments("ccy") or None
    if call.account not in venue.state.owners:
        return [balance_row(_nothing(call), venue.now(), wanted)]
    return [balance_row(venue.assessment(call.account), venue.now(), wanted)]


def _nothing(call: Call) -> Any:  # noqa: ANN401 - an assessment
    from crossmargin.domain.account import Account
    from crossmargin.margin.assess import assess

    state = call.exchange.venue.state
    return assess(Account(), state.marks, state.rulebook)


def position_rows(call: Call) -> list[tuple[Row, Instrument]]:
    """Every open position of whoever asks."""
    venue = call.exchange.venue
    if call.account not in venue.state.owners:
        return []
    found = venue.assessment(call.account)
    rows = []
    for place, position in enumerate(found.account.positions):
        instrument = call.exchange.listed(position.instrument)
        cell = f"{call.account}/{position.instrument}/{position.side.value}/{position.margin_mode.value}"
        rows.append((position_row(found, place, venue.history.open.get(cell), instrument), instrument))
    return rows


def positions(call: Call) -> list[Row]:
    """``GET account/positions``: open positions, with the liquidation price that the venue prints."""
    kind = call.choice("instType", (*TYPES, "ANY"), "ANY")
    names, ids = call.instruments(), call.instruments("posId")
    return [
        row
        for row, _ in position_rows(call)
        if (kind == "ANY" or row["instType"] == kind)
        and (not names or row["instId"] in names)
        and (not ids or row["posId"] in ids)
    ]


def position_risk(call: Call) -> list[Row]:
    """``GET account/account-position-risk``: balance and positions at one moment."""
    whole = balance(call)[0]
    return [
        {
            "adjEq": whole["adjEq"],
            "balData": [{"ccy": row["ccy"], "eq": row["eq"], "disEq": row["disEq"]} for row in whole["details"]],
            "posData": [row for row, _ in position_rows(call)],
            "ts": str(call.exchange.now()),
        }
    ]


def positions_history(call: Call) -> list[Row]:
    """``GET account/positions-history``: by time of the last change, the newest first."""
    where: dict[str, Any] = {"account": call.account, "state": "closed"}
    if "instId" in call:
        where["instrument"] = call.text("instId")
    if (after := call.time("after")) is not None:
        where["created <"] = after
    if (before := call.time("before")) is not None:
        where["created >"] = before
    if "posId" in call:
        where["number"] = number_in(call.text("posId"))
    mode, kind = call.text("mgnMode"), call.text("instType")
    exchange = call.exchange

    def keep(record: PositionRecord) -> bool:
        instrument = exchange.listed(record.key.instrument)
        return mode in ("", record.key.margin_mode.value) and kind in ("", inst_type(instrument))

    shelf = exchange.venue.history.shelf
    found: list[PositionRecord] = shelf.find(PositionRecord, where, limit=call.limit(), by="created", keep=keep)
    return [closed_row(each, exchange.listed(each.key.instrument), hedged=hedged(call)) for each in found]


# ---------------------------------------------------------------- leverage, margin, limits


def leverage_info(call: Call) -> list[Row]:
    """``GET account/leverage-info``: leverage that was chosen."""
    mode = MarginMode(call.choice("mgnMode", _MARGIN))
    rows = []
    for name in call.instruments() or [call.required("instId")]:
        instrument = call.exchange.listed(name)
        rows += _leverage_rows(call, instrument, mode)
    return rows


def _leverage_rows(call: Call, instrument: Instrument, mode: MarginMode) -> list[Row]:
    state = call.exchange.venue.state
    chosen = owner_of(call).leverage.get((instrument.id, mode), state.rulebook.rules.default_leverage)
    sides = ["long", "short"] if hedged(call) and mode == MarginMode.ISOLATED else ["net"]
    return [
        {"instId": instrument.id, "ccy": "", "mgnMode": mode.value, "posSide": side, "lever": text(chosen)}
        for side in sides
    ]


async def set_leverage(call: Call) -> list[Row]:
    """``POST account/set-leverage``: another leverage, open positions and orders included."""
    lever = call.needed("lever")
    mode = MarginMode(call.choice("mgnMode", _MARGIN))
    instrument = call.instrument()
    if instrument.kind not in (Kind.PERPETUAL, Kind.FUTURE, Kind.MARGIN):
        raise OkxError("51000", "Parameter instId error: it is not traded with leverage")
    side = call.choice("posSide", ("net", "long", "short"), "net")
    venue = call.exchange.venue
    command = c.SetLeverage(
        account=call.account, instrument=instrument.id, leverage=lever, margin_mode=mode, time=venue.now()
    )
    refuse_if(await venue.submit(command), {"leverage_above_tier": "59102"})
    return [{"instId": instrument.id, "lever": text(lever), "mgnMode": mode.value, "posSide": side}]


async def add_margin(call: Call) -> list[Row]:
    """``POST account/position/margin-balance``: ``add`` or ``reduce``."""
    instrument = call.instrument()
    kind = call.choice("type", ("add", "reduce"))
    amount = call.needed("amt")
    side = _isolated_side(call, instrument.id, call.choice("posSide", ("net", "long", "short"), "net"))
    venue = call.exchange.venue
    make = c.AddMargin if kind == "add" else c.RemoveMargin
    command = make(account=call.account, instrument=instrument.id, side=side, amount=amount, time=venue.now())
    refuse_if(await venue.submit(command), {"unknown_position": "59300", "margin_not_removable": "59301"})
    held = venue.state.owners[call.account]
    lever = held.leverage.get((instrument.id, MarginMode.ISOLATED), venue.state.rulebook.rules.default_leverage)
    return [
        {
            "instId": instrument.id,
            "posSide": call.text("posSide", "net"),
            "amt": text(amount),
            "type": kind,
            "leverage": text(lever),
            "ccy": instrument.settle,
        }
    ]


def _isolated_side(call: Call, name: str, side: str) -> Side:
    """The side of the isolated position that is meant."""
    if side != "net":
        return Side(side)
    for key in owner_of(call).positions:
        if key.instrument == name and key.margin_mode == MarginMode.ISOLATED:
            return key.side
    raise OkxError("59300", "Margin call failed. Position does not exist.")


def max_size(call: Call) -> list[Row]:
    """``GET account/max-size``: the largest order that would be admitted, at a price or at the mark."""
    mode = MarginMode(call.choice("tdMode", ("cross", "isolated", "cash")))
    price = call.number("px")
    rows = []
    for name in call.instruments(most=_SIZED_MAX) or [call.required("instId")]:
        instrument = call.exchange.listed(name)
        sizes = {side: _largest(call, instrument, mode, side, price) for side in OrderSide}
        buy, sell = text(sizes[OrderSide.BUY]), text(sizes[OrderSide.SELL])
        rows.append({"instId": name, "ccy": instrument.settle, "maxBuy": buy, "maxSell": sell})
    return rows


def _largest(call: Call, instrument: Instrument, mode: MarginMode, side: OrderSide, price: Any) -> Any:  # noqa: ANN401
    state = call.exchange.venue.state
    owner = owner_of(call)
    leverage = owner.leverage.get((instrument.id, mode), state.rulebook.rules.default_leverage)
    leg = None if owner.position_mode == PositionMode.ONE_WAY else side.opens
    order = Order(
        instrument=instrument.id,
        side=side,
        contracts=instrument.lot_size or ZERO,
        price=price or state.marks.mark_of(instrument.id),
        margin_mode=mode,
        leverage=leverage,
        position_side=leg,
    )
    with localcontext(EXACT):
        try:
            return largest_order(state.account(owner.id), order, state.marks, state.rulebook) if owner.number else ZERO
        except CrossMarginError as error:
            raise OkxError("51000", str(error)) from None


def max_avail_size(call: Call) -> list[Row]:
    """``GET account/max-avail-size``: the balance (or coins) that an order may use."""
    mode = call.choice("tdMode", ("cross", "isolated", "cash"))
    rows = []
    for name in call.instruments() or [call.required("instId")]:
        instrument = call.exchange.listed(name)
        spot = instrument.kind in (Kind.SPOT, Kind.MARGIN)
        buys = _available(call, instrument.quote if spot else instrument.settle, free=mode == "cross")
        sells = _available(call, instrument.base if spot else instrument.settle, free=mode == "cross")
        rows.append({"instId": name, "availBuy": text(buys), "availSell": text(sells)})
    return rows


def _available(call: Call, currency: str, *, free: bool) -> Any:  # noqa: ANN401 - an amount
    if not owner_of(call).number:
        return ZERO
    figures = call.exchange.venue.assessment(call.account).currencies.get(currency)
    if figures is None:
        return ZERO
    return figures.free_margin if free else figures.available_balance


def max_withdrawal(call: Call) -> list[Row]:
    """``GET account/max-withdrawal``: what may leave, without unrealised gains."""
    if not owner_of(call).number:
        return []
    found = call.exchange.venue.assessment(call.account)
    wanted = call.instruments("ccy")
    names = [name for name in found.currencies if not wanted or name in wanted]
    with localcontext(EXACT):
        amounts = {name: text(largest_withdrawal(found, name)) for name in names}
    return [
        {"ccy": name, "maxWd": most, "maxWdEx": most, "spotOffsetMaxWd": most, "spotOffsetMaxWdEx": most}
        for name, most in amounts.items()
    ]


def trade_fee(call: Call) -> list[Row]:
    """``GET account/trade-fee``: a fee that is charged is negative."""
    kind = call.choice("instType", TYPES)
    found = [each for each in call.exchange.instruments() if inst_type(each) == ("SPOT" if kind == "MARGIN" else kind)]
    name = call.text("instId")
    chosen = next((each for each in found if name in ("", each.id)), None)
    if chosen is None:
        raise OkxError("51001", "Instrument ID does not exist")
    maker, taker = (ZERO if rate is None else -rate for rate in (chosen.maker_fee, chosen.taker_fee))
    spot = kind in ("SPOT", "MARGIN")
    return [
        {
            "category": "1",
            "level": "Lv1",
            "instType": kind,
            "maker": text(maker),
            "taker": text(taker),
            "makerU": "" if spot else text(maker),
            "takerU": "" if spot else text(taker),
            "makerUSDC": text(maker),
            "takerUSDC": text(taker),
            "delivery": "",
            "exercise": "",
            "ruleType": "normal",
            "fiat": [],
            "feeGroup": [],
            "ts": str(call.exchange.now()),
        }
    ]


def interest_rate(call: Call) -> list[Row]:
    """``GET account/interest-rate``: of coins that can be borrowed here, which is none."""
    return []


def interest_accrued(call: Call) -> list[Row]:
    """``GET account/interest-accrued``: interest that was charged."""
    where = {"account": call.account, "kind": "interest"}
    found: list[BillRecord] = call.exchange.venue.history.shelf.find(BillRecord, where, limit=call.limit())
    return [
        {
            "type": "2",
            "ccy": each.currency,
            "instId": each.instrument,
            "mgnMode": each.margin_mode or "cross",
            "interest": text(-each.change),
            "interestRate": "",
            "liab": "",
            "totalLiab": "",
            "interestFreeLiab": "",
            "ts": str(each.time),
        }
        for each in found
    ]


# ---------------------------------------------------------------- bills


def page(call: Call, where: dict[str, Any], *, by_id: bool = True) -> dict[str, Any]:
    """Add cursors (``after``: older than an id, ``before``: newer) and times (``begin``, ``end``) to a condition."""
    for name, comparison in (("after", "number <"), ("before", "number >")):
        if by_id and name in call:
            number = number_in(call.text(name))
            if number < 0:
                raise OkxError("51000", f"Parameter {name} error")
            where[comparison] = number
    for name, comparison in (("begin", "created >="), ("end", "created <=")):
        moment = call.time(name)
        if moment is not None:
            where[comparison] = moment
    return where


def bills(call: Call) -> list[Row]:
    """``GET account/bills`` and ``account/bills-archive``: the newest first."""
    where = page(call, {"account": call.account})
    if "ccy" in call:
        where["currency"] = call.text("ccy")
    if "instId" in call:
        where["instrument"] = call.text("instId")
    if "type" in call:
        where["kind"] = types_of(call.text("type")) or [""]
    rows: list[Row] = []
    keep = _wanted(call, rows)
    call.exchange.venue.history.shelf.find(BillRecord, where, limit=call.limit(), keep=keep)
    return rows


def _wanted(call: Call, rows: list[Row]) -> Callable[[BillRecord], bool]:
    """Whether a bill is of the type, margin mode and contract asked for; its row is put to the others."""
    kind, mode, sub = call.text("instType"), call.text("mgnMode"), call.text("subType")
    contract = call.text("ctType")

    def keep(bill: BillRecord) -> bool:
        instrument = call.exchange.listed(bill.instrument) if bill.instrument else None
        row = bill_row(bill, instrument)
        if kind not in ("", row["instType"]) or mode not in ("", row["mgnMode"]) or sub not in ("", row["subType"]):
            return False
        if contract and (instrument is None or instrument.contract_type.value != contract):
            return False
        rows.append(row)
        return True

    return keep
