"""Rows of balances and of the account as a whole."""

from decimal import Decimal

from crossmargin.domain.arithmetic import ZERO, exact
from crossmargin.margin.account_pool import ACCOUNT_POOL
from crossmargin.margin.assess import Assessment
from crossmargin.margin.prices_usd import usd_price
from crossmargin.margin.usd import account_figures
from crossmargin.server.okx.answers import Row, text

__all__ = ["balance_row", "detail_row"]

_ABSENT = (
    "borrowFroz", "notionalUsdForBorrow", "notionalUsdForFutures", "notionalUsdForOption", "notionalUsdForSwap",
)  # fmt: skip
_DETAIL_EMPTY = (
    "autoLendStatus", "autoLendMtAmt", "colRes", "collateralEnabled", "collateralRestrict", "colBorrAutoConversion",
)  # fmt: skip
_DETAIL_ZERO = (
    "crossLiab", "fixedBal", "isoLiab", "liab", "interest", "rewardBal", "smtSyncEq", "spotCopyTradingEq", "spotIsoBal",
    "stgyEq", "twap", "uplLiab", "borrowFroz",
)  # fmt: skip
_DETAIL_NONE = (
    "accAvgPx", "clSpotInUseAmt", "maxLoan", "maxSpotInUse", "maxSpotInUseAmt", "openAvgPx", "spotBal", "spotInUseAmt",
    "spotUpl", "spotUplRatio", "totalPnl", "totalPnlRatio",
)  # fmt: skip


@exact
def balance_row(found: Assessment, updated: int, currencies: list[str] | None = None) -> Row:
    """The one row of account/balance: the account in USD, and a row for each currency that has anything."""
    whole = account_figures(found)
    pool = found.cross.get(ACCOUNT_POOL)
    names = [name for name in found.currencies if currencies is None or name in currencies]
    value = _in_usd(found, "exposure")
    return {
        "adjEq": text(whole.adjusted_equity),
        "availEq": "" if pool is None else text(max(ZERO, pool.risk.available - pool.risk.initial)),
        **dict.fromkeys(_ABSENT, ""),
        "delta": "",
        "deltaLever": "",
        "deltaNeutralStatus": "0",
        "details": [detail_row(found, name, updated) for name in names],
        "imr": text(whole.initial_margin_usd) if pool is not None else "",
        "isoEq": text(_in_usd(found, "isolated_equity")),
        "mgnRatio": text(whole.margin_ratio),
        "mmr": text(whole.maintenance_margin_usd) if pool is not None else "",
        "notionalUsd": text(value) if pool is not None else "",
        "ordFroz": "",
        "totalEq": text(whole.total_equity_usd),
        "upl": text(_in_usd(found, "floating_pnl")) if pool is not None else "",
        "uTime": str(updated),
    }


def _in_usd(found: Assessment, figure: str) -> Decimal | None:
    total = ZERO
    for name, figures in found.currencies.items():
        amount = getattr(figures, figure)
        price = usd_price(found.marks, name)
        if amount and price is None:
            return None
        total += amount * (price or ZERO)
    return total


@exact
def detail_row(found: Assessment, name: str, updated: int) -> Row:
    """One currency.

        eq        = cashBal + upl + isoEq + optVal
        availEq   = free margin;  frozenBal = isolated equity + what is in use

    `upl` is that of cross and isolated positions together, as the venue prints it; `isoUpl` is the isolated part.
    """
    figures, sheet = found.currencies[name], found.sheets[name]
    isolated = sum(
        (each.floating_pnl for each in found.positions if each.margin_mode == "isolated" and each.settle == name), ZERO
    )
    price = usd_price(found.marks, name)
    frozen = figures.isolated_equity + figures.in_use
    worth = None if price is None else figures.equity * price
    return {
        "ccy": name,
        "cashBal": text(figures.balance),
        "eq": text(figures.equity),
        "eqUsd": text(worth),
        "disEq": text(worth),
        "availEq": text(figures.free_margin),
        "availBal": text(figures.available_balance),
        "frozenBal": text(frozen),
        "ordFrozen": text(sheet.figure("order_margin")),
        "isoEq": text(figures.isolated_equity),
        "isoUpl": text(isolated),
        "upl": text(figures.floating_pnl + isolated),
        "imr": text(figures.initial_margin),
        "mmr": text(figures.maintenance_margin),
        "mgnRatio": text(figures.margin_ratio),
        "notionalLever": text(figures.leverage) or "0",
        **dict.fromkeys(_DETAIL_ZERO, "0"),
        **dict.fromkeys(_DETAIL_NONE, ""),
        **dict.fromkeys(_DETAIL_EMPTY, ""),
        "collateralEnabled": False,
        "uTime": str(updated),
    }
