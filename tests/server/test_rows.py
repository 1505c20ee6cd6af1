"""Rows carry every key that the strictest client (nautilus_trader's Rust structs) refuses to do without."""

import pytest
from tests.server.inside import Inside

from crossmargin.server.keys import NewKey

INSTRUMENT = """instType instId uly instFamily baseCcy quoteCcy settleCcy ctVal ctMult ctValCcy optType stk
    lever tickSz lotSz minSz ctType state ruleType"""
BALANCE = """adjEq borrowFroz details imr isoEq mgnRatio mmr notionalUsd notionalUsdForBorrow
    notionalUsdForFutures notionalUsdForOption notionalUsdForSwap ordFroz totalEq uTime upl"""
DETAIL = """availBal availEq borrowFroz cashBal ccy crossLiab disEq eq eqUsd smtSyncEq spotCopyTradingEq
    fixedBal frozenBal imr interest isoEq isoLiab isoUpl liab maxLoan mgnRatio mmr notionalLever ordFrozen
    rewardBal spotInUseAmt clSpotInUseAmt spotIsoBal stgyEq twap uTime upl uplLiab spotBal openAvgPx accAvgPx
    spotUpl spotUplRatio totalPnl totalPnlRatio"""
POSITION = """instId instType mgnMode posSide pos baseBal ccy fee lever last markPx liqPx mmr interest tradeId
    notionalUsd avgPx upl uplRatio uTime margin mgnRatio adl cTime realizedPnl uplLastPx uplRatioLastPx availPos
    bePx fundingFee idxPx liqPenalty optVal pendingCloseOrdLiabVal pnl posCcy quoteBal quoteBorrowed
    quoteInterest spotInUseAmt spotInUseCcy usdPx"""
ORDER = """ordId clOrdId tag instType instId ordType sz px side posSide tdMode reduceOnly state avgPx fee feeCcy
    fillSz fillPx tradeId fillTime accFillSz category uTime cTime ccy lever pnl"""
ALGO = "algoId instId instType ordType state side posSide tdMode cTime uTime"
FILL = "instType instId tradeId ordId clOrdId billId fillPx fillSz side execType feeCcy ts"
FEE = "level taker maker takerU makerU instType ts"
TIER = "uly instFamily instId tier minSz maxSz mmr imr maxLever optMgnFactor quoteMaxLoan baseMaxLoan"
FUNDING = "instType instId fundingRate realizedRate fundingTime"
SWAP = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy"}


Traded = tuple[Inside, NewKey]


@pytest.fixture(scope="module")
def traded(inside: Inside) -> Traded:
    """An account with a position, a resting order, a stop and fills."""
    key = inside.account()
    for path, body in (
        ("account/set-leverage", {"instId": "BTC-USDT-SWAP", "lever": "10", "mgnMode": "cross"}),
        ("trade/order", {**SWAP, "ordType": "market", "sz": "1"}),
        ("trade/order", {**SWAP, "ordType": "limit", "sz": "1", "px": "80000"}),
        ("trade/order-algo", {**SWAP, "side": "sell", "ordType": "conditional", "sz": "1", "slTriggerPx": "70000"}),
    ):
        answer = inside.post(key, path, body)
        assert answer.code == "0", answer.body
    return inside, key


@pytest.mark.parametrize(
    ("path", "needed"),
    [
        ("public/instruments?instType=SWAP", INSTRUMENT),
        ("public/instruments?instType=SPOT", INSTRUMENT),
        ("account/balance", BALANCE),
        ("account/positions", POSITION),
        ("trade/orders-pending", ORDER),
        ("trade/orders-history?instType=SWAP", ORDER),
        ("trade/orders-algo-pending?ordType=conditional", ALGO),
        ("trade/fills", FILL),
        ("account/trade-fee?instType=SWAP", FEE),
        ("public/position-tiers?instType=SWAP&tdMode=cross&instFamily=BTC-USDT", TIER),
        ("public/funding-rate-history?instId=BTC-USDT-SWAP", FUNDING),
    ],
)
def test_nothing_that_a_strict_client_needs_is_missing(traded: Traded, path: str, needed: str) -> None:
    """Every row has every key; values are text, flags, lists or numbers of their own kind, never null."""
    inside, key = traded
    rows = inside.get(key, path).rows

    assert rows
    for row in rows:
        assert set(needed.split()) <= set(row)
        assert None not in row.values()
        if "details" in row:
            assert row["details"]
            assert all(set(DETAIL.split()) <= set(each) for each in row["details"])
