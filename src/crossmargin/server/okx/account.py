"""The account: configuration, balance, positions."""

from typing import Any

from crossmargin.domain import command as c
from crossmargin.domain.account import AccountMode, PositionMode
from crossmargin.domain.instrument import Instrument
from crossmargin.engine.engine import Outcome
from crossmargin.engine.owner import Owner
from crossmargin.server.history import PositionRecord
from crossmargin.server.okx.answers import OkxError, Row, code_of, message_of
from crossmargin.server.okx.call import Call
from crossmargin.server.okx.names import inst_type, number_in
from crossmargin.server.okx.public import TYPES
from crossmargin.server.okx.rows.account import balance_row
from crossmargin.server.okx.rows.positions import closed_row, position_row

__all__ = [
    "balance", "config", "hedged", "owner_of", "position_risk", "position_rows", "positions", "positions_history",
    "refuse_if", "set_account_level", "set_position_mode",
]  # fmt: skip

_MODES = {"net_mode": PositionMode.ONE_WAY, "long_short_mode": PositionMode.HEDGE}
_LEVELS = {AccountMode.SINGLE_CURRENCY: "2", AccountMode.MULTI_CURRENCY: "3", AccountMode.PORTFOLIO: "4"}


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
