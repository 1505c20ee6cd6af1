"""The funding wallet: its balances, transfers to and from the trading account, and the coins that there are."""

from crossmargin.domain import command as c
from crossmargin.domain.ledger import QUANTUM
from crossmargin.server.history import BillRecord
from crossmargin.server.okx.account import refuse_if
from crossmargin.server.okx.answers import OkxError, Row, text
from crossmargin.server.okx.call import Call
from crossmargin.server.okx.names import funding_account, number_in
from crossmargin.server.okx.public import currencies_of

__all__ = ["asset_bills", "balances", "currencies", "transfer", "transfer_state"]

_FUNDING, _TRADING = "6", "18"
_SHORT = dict.fromkeys(("insufficient_balance", "insufficient_margin", "unknown_account"), "58350")


def currencies(call: Call) -> list[Row]:
    """``GET asset/currencies``: every coin that an instrument uses."""
    wanted = call.instruments("ccy")
    return [
        {
            "ccy": name,
            "name": name,
            "logoLink": "",
            "chain": f"{name}-Paper",
            "ctAddr": "",
            "canDep": False,
            "canWd": False,
            "canInternal": True,
            "depEstOpenTime": "",
            "wdEstOpenTime": "",
            "depQuotaFixed": "",
            "depQuoteDailyLayer2": "",
            "minDep": text(QUANTUM),
            "minWd": text(QUANTUM),
            "maxWd": "0",
            "wdTickSz": "8",
            "wdQuota": "0",
            "usedWdQuota": "0",
            "fee": "0",
            "minFee": "0",
            "maxFee": "0",
            "minFeeForCtAddr": "",
            "maxFeeForCtAddr": "",
            "mainNet": True,
            "needTag": False,
            "minDepArrivalConfirm": "0",
            "minWdUnlockConfirm": "0",
            "burningFeeRate": "",
            "minInternal": text(QUANTUM),
            "usedDepQuotaFixed": "",
        }
        for name in currencies_of(call.exchange)
        if not wanted or name in wanted
    ]


def balances(call: Call) -> list[Row]:
    """``GET asset/balances``: the funding wallet."""
    state = call.exchange.venue.state
    wallet = funding_account(call.account)
    owner = state.owners.get(wallet)
    wanted = call.instruments("ccy")
    rows = []
    for name in owner.currencies if owner is not None else ():
        amount = text(state.cash(wallet, name))
        if amount != "0" and (not wanted or name in wanted):
            rows.append({"ccy": name, "bal": amount, "frozenBal": "0", "availBal": amount})
    return rows


async def transfer(call: Call) -> list[Row]:
    """``POST asset/transfer``: between the funding wallet (6) and the trading account (18)."""
    currency, amount = call.required("ccy"), call.needed("amt")
    source, target = call.choice("from", (_FUNDING, _TRADING)), call.choice("to", (_FUNDING, _TRADING))
    if source == target:
        raise OkxError("51000", "Parameter to error")
    if call.text("type", "0") != "0":
        raise OkxError("51000", "Parameter type error: there are no sub-accounts here")
    venue, wallet = call.exchange.venue, funding_account(call.account)
    ends = (wallet, call.account) if source == _FUNDING else (call.account, wallet)
    command = c.Send(account=ends[0], to=ends[1], currency=currency, amount=amount, opens=True, time=venue.now())
    outcome = refuse_if(await venue.submit(command), _SHORT)
    return [
        {
            "transId": str(outcome.sequence),
            "clientId": call.echo("clientId"),
            "ccy": currency,
            "from": source,
            "to": target,
            "amt": text(amount),
        }
    ]


def transfer_state(call: Call) -> list[Row]:
    """``GET asset/transfer-state``: a transfer that was answered is done."""
    number = number_in(call.required("transId"))
    found = call.exchange.venue.command(number)
    if not isinstance(found, c.Send) or call.account not in (found.account, found.to):
        raise OkxError("58129", "Transfer does not exist")
    return [{"transId": str(number), "clientId": "", "state": "success", "type": call.text("type", "0")}]


def asset_bills(call: Call) -> list[Row]:
    """``GET asset/bills``: what moved in the funding wallet."""
    where = {"account": funding_account(call.account)}
    if "ccy" in call:
        where["currency"] = call.text("ccy")
    found: list[BillRecord] = call.exchange.venue.history.shelf.find(BillRecord, where, limit=call.limit())
    return [
        {
            "billId": str(each.number),
            "clientId": "",
            "ccy": each.currency,
            "balChg": text(each.change),
            "bal": text(each.balance),
            "type": "130" if each.change > 0 else "131",
            "notes": "",
            "ts": str(each.time),
        }
        for each in found
    ]
