"""ccxt, unmodified, redirected by its base URL alone."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import ccxt
import pytest
from tests.server.outside import Outside

from crossmargin.server.keys import NewKey

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"
LOT = Decimal("0.01")  # BTC in one contract, and contracts in one lot

Trader = Callable[..., Any]


@pytest.fixture(scope="module")
def trader(outside: Outside) -> Iterator[Trader]:
    """A ccxt client for a fresh account with 10,000 USDT, unless it is told whose key to use."""
    made: list[Any] = []

    def make(usdt: str = "10000", key: NewKey | None = None, **other: Any) -> Any:  # noqa: ANN401 - a ccxt exchange
        own = key or outside.account(usdt)
        login = {"apiKey": own.key, "secret": own.secret, "password": own.passphrase}
        urls = {"api": {"rest": outside.url}, "test": {"rest": outside.url}}
        options = {"defaultType": "swap"}
        client = ccxt.okx({**login, "urls": urls, "enableRateLimit": False, "options": options, **other})
        if made:
            client.set_markets_from_exchange(made[0])
        else:
            client.load_markets()
        made.append(client)
        return client

    yield make
    for client in made:
        client.session.close()


def usdt(client: Any) -> dict[str, Decimal]:  # noqa: ANN401 - a ccxt exchange
    """Figures of the USDT pool, exact."""
    row = client.fetch_balance()["info"]["data"][0]["details"][0]
    assert row["ccy"] == "USDT"
    names = ("cashBal", "eq", "availEq", "frozenBal", "ordFrozen", "upl", "isoEq", "imr", "mmr")
    return {name: Decimal(row[name] or "0") for name in names}


def held(client: Any, symbol: str = BTC) -> list[Any]:  # noqa: ANN401 - a ccxt exchange
    """Open positions."""
    return [each for each in client.fetch_positions([symbol]) if each["contracts"]]


def below(client: Any, share: float = 0.95, symbol: str = BTC) -> float:  # noqa: ANN401 - a ccxt exchange
    """A price on the tick, away from the bid."""
    return float(client.price_to_precision(symbol, client.fetch_ticker(symbol)["bid"] * share))


def bills_since(client: Any, start: int = 0) -> list[Any]:  # noqa: ANN401 - a ccxt exchange
    """Every bill after a number, newest first."""
    rows: list[Any] = []
    while True:
        after = {"after": rows[-1]["billId"]} if rows else {}
        page = client.privateGetAccountBills({"limit": "50", **after})["data"]
        rows += [row for row in page if int(row["billId"]) > start]
        if len(page) < 50 or int(page[-1]["billId"]) <= start:
            return rows


def settled(client: Any) -> None:  # noqa: ANN401 - a ccxt exchange
    """Nothing is open, and the bills lead from nothing to the balance, each from where the last one ended."""
    assert not held(client)
    assert not client.fetch_open_orders()
    rows = [row for row in reversed(bills_since(client)) if row["ccy"] == "USDT"]
    balance = Decimal(0)
    for row in rows:
        balance += Decimal(row["balChg"])
        assert Decimal(row["bal"]) == balance
    found = usdt(client)
    assert found["cashBal"] == found["eq"] == found["availEq"] == balance
    assert found["frozenBal"] == found["imr"] == found["isoEq"] == 0


# ---------------------------------------------------------------- market data


def test_markets_prices_and_tiers(trader: Trader) -> None:
    """Listings, the book, bars, trades, marks, funding and tiers are well formed and agree with each other."""
    client = trader()

    listed = client.markets[BTC]
    assert {listed[each] for each in ("linear", "swap", "active")} == {True}
    assert Decimal(str(listed["contractSize"])) == LOT
    tick = Decimal(str(listed["precision"]["price"]))
    book = client.fetch_order_book(BTC, 20)
    bids, asks = ([Decimal(str(level[0])) for level in book[side]] for side in ("bids", "asks"))
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert bids[0] < asks[0]
    assert not any(price % tick for price in bids + asks)
    ticker = client.fetch_ticker(BTC)
    assert (Decimal(str(ticker["bid"])), Decimal(str(ticker["ask"]))) == (bids[0], asks[0])
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert set(client.fetch_tickers([BTC, ETH])) == {BTC, ETH}

    bars = client.fetch_ohlcv(BTC, "5m", limit=50)
    assert len(bars) == 50
    assert {after[0] - before[0] for before, after in pairwise(bars)} == {300_000}
    assert all(low <= min(start, end) <= max(start, end) <= high for _, start, high, low, end, _ in bars)
    assert [bar[0] for bar in client.fetch_ohlcv(BTC, "5m", since=bars[10][0], limit=3)] == [b[0] for b in bars[10:13]]
    assert all(trade["price"] > 0 and trade["side"] in ("buy", "sell") for trade in client.fetch_trades(BTC, limit=5))

    mark = client.fetch_mark_price(BTC)["markPrice"]
    assert abs(mark / ticker["last"] - 1) < 0.01
    rate = client.fetch_funding_rate(BTC)
    assert rate["interval"] == "8h"
    assert rate["fundingTimestamp"] > client.fetch_time()
    history = client.fetch_funding_rate_history(BTC, limit=4)
    assert {after["timestamp"] - before["timestamp"] for before, after in pairwise(history)} == {8 * 3_600_000}
    tiers = client.fetch_market_leverage_tiers(BTC)
    assert tiers[0]["minNotional"] == 0
    for before, after in pairwise(tiers):
        assert after["minNotional"] >= before["maxNotional"]
        assert after["maintenanceMarginRate"] >= before["maintenanceMarginRate"]
        assert after["maxLeverage"] <= before["maxLeverage"]
    assert client.fetch_status()["status"] == "ok"


def test_who_asks_is_checked(trader: Trader, outside: Outside) -> None:
    """Each flaw of a login has its own class in ccxt; the demo header changes nothing."""
    key = outside.account()
    flaws: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"secret": "wrong"}, ccxt.AuthenticationError),
        ({"password": "wrong"}, ccxt.AuthenticationError),
        ({"apiKey": "nobody"}, ccxt.AuthenticationError),
    ]
    for flaw, error in flaws:
        with pytest.raises(error):
            trader(key=key, **flaw).fetch_balance()
    late = trader(key=key)
    late.options["timeDifference"] = 31_000
    with pytest.raises(ccxt.InvalidNonce):
        late.fetch_balance()
    demo = trader(key=key)
    demo.set_sandbox_mode(True)
    assert demo.fetch_balance()["USDT"]["total"] == 10_000
    reader = trader(key=outside.account(scopes=("read",)))
    assert reader.fetch_balance()["USDT"]["total"] == 10_000
    with pytest.raises(ccxt.ExchangeError, match="50120"):
        reader.create_order(BTC, "market", "buy", 1)


# ---------------------------------------------------------------- orders


def test_an_order_from_placing_to_its_end(trader: Trader) -> None:
    """Placed, found by both ids, holding margin and fee, amended, cancelled; then everything is as before."""
    client = trader()
    client.set_leverage(5, BTC, {"mgnMode": "cross"})
    price, before = below(client), usdt(client)

    placed = client.create_order(BTC, "limit", "buy", 2, price, {"clientOrderId": "life1"})

    found = client.fetch_order(placed["id"], BTC)
    assert (found["status"], found["amount"], found["filled"], found["price"]) == ("open", 2, 0, price)
    assert client.fetch_order(None, BTC, {"clientOrderId": "life1"})["id"] == placed["id"]
    assert [each["id"] for each in client.fetch_open_orders(BTC)] == [placed["id"]]
    value = Decimal(str(price)) * 2 * LOT
    holding = usdt(client)
    assert holding["ordFrozen"] == value / 5
    fee = holding["frozenBal"] - value / 5
    assert value * Decimal("0.0002") <= fee <= value * Decimal("0.0005")  # the maker's and the taker's rate
    assert before["availEq"] - holding["availEq"] == holding["frozenBal"]
    with pytest.raises(ccxt.InvalidOrder, match="51016"):
        client.create_order(BTC, "limit", "buy", 1, price, {"clientOrderId": "life1"})

    client.edit_order(placed["id"], BTC, "limit", "buy", 1, price)
    assert client.fetch_order(placed["id"], BTC)["amount"] == 1
    assert usdt(client)["ordFrozen"] == value / 10

    client.cancel_order(placed["id"], BTC)
    with pytest.raises(ccxt.OrderNotFound, match="51401"):
        client.cancel_order(placed["id"], BTC)
    assert client.fetch_order(placed["id"], BTC)["status"] == "canceled"
    assert [each["id"] for each in client.fetch_canceled_orders(BTC)] == [placed["id"]]
    assert usdt(client) == before
    settled(client)


@pytest.mark.parametrize(
    ("terms", "error", "code"),
    [
        (("limit", "buy", 100_000, 0.95), ccxt.InsufficientFunds, "51008"),
        (("limit", "buy", 0.005, 0.95), ccxt.InvalidOrder, "51121|precision"),
        (("limit", "sell", 1, 0.5), ccxt.InvalidOrder, "51006"),
        (("market", "sell", 1, None, {"reduceOnly": True}), ccxt.ExchangeError, "51169"),
        (("limit", "buy", 1, 0.95, {"clientOrderId": "no-hyphens-here"}), ccxt.BadRequest, "51000"),
        (("market", "buy", 1, None, {"stopLossPrice": 2.0}), ccxt.InvalidOrder, "5127|5128"),
        (("limit", "buy", 1, 0.95, {"tdMode": "cash"}), ccxt.ExchangeError, "51010"),
    ],
)
def test_a_refused_order_names_its_reason_and_changes_nothing(
    trader: Trader, terms: tuple[Any, ...], error: type[Exception], code: str
) -> None:
    """Too large, off the lot, outside the band, nothing to reduce, a bad id, a trigger that is passed, a wrong mode."""
    client = trader()
    kind, side, size, share, *more = terms
    given = dict(more[0]) if more else {}
    if "stopLossPrice" in given:
        side, given["stopLossPrice"] = "sell", below(client, given["stopLossPrice"])
    before = usdt(client)

    with pytest.raises(error, match=code):
        client.create_order(BTC, kind, side, size, None if share is None else below(client, share), given)

    assert usdt(client) == before
    settled(client)


def test_unknown_names_are_unknown(trader: Trader) -> None:
    """An instrument and orders that do not exist; a leverage beyond the instrument's."""
    client = trader()
    calls: list[tuple[Callable[[], Any], type[Exception]]] = [
        (lambda: client.publicGetMarketTicker({"instId": "NO-SUCH-SWAP"}), ccxt.BadSymbol),
        (lambda: client.fetch_order("1000000000000000000", BTC), ccxt.OrderNotFound),
        (lambda: client.cancel_order("1000000000000000000", BTC), ccxt.OrderNotFound),
        (lambda: client.edit_order("1000000000000000000", BTC, "limit", "buy", 1, 100), ccxt.OrderNotFound),
        (lambda: client.set_leverage(126, BTC, {"mgnMode": "cross"}), ccxt.ExchangeError),
        (lambda: client.close_position(BTC), ccxt.ExchangeError),
    ]
    for call, error in calls:
        with pytest.raises(error):
            call()


def test_orders_that_do_not_rest(trader: Trader) -> None:
    """Post-only that would take, IOC and FOK without counterpart: taken in, cancelled at once, nothing is held."""
    client = trader()
    ask = client.fetch_ticker(BTC)["ask"]
    for params, price, source in (
        ({"postOnly": True}, ask, "31"),
        ({"timeInForce": "IOC"}, below(client), "14"),
        ({"timeInForce": "FOK"}, below(client), "14"),
    ):
        placed = client.create_order(BTC, "limit", "buy", 1, price, params)
        found = client.fetch_order(placed["id"], BTC)
        assert (found["status"], found["filled"], found["info"]["cancelSource"]) == ("canceled", 0, source)
    settled(client)


def test_a_batch_tells_of_each_order(trader: Trader) -> None:
    """Two go, one is refused: three rows in order, the refused one rejected, the others open."""
    client = trader()
    price = below(client)
    rows = [{"symbol": BTC, "type": "limit", "side": "buy", "amount": size, "price": price} for size in (1, 100_000, 2)]

    found = client.create_orders(rows)

    assert [each["status"] == "rejected" for each in found] == [False, True, False]
    assert {each["amount"] for each in client.fetch_open_orders(BTC)} == {1, 2}
    client.cancel_orders([found[0]["id"], found[2]["id"]], BTC)
    settled(client)


# ---------------------------------------------------------------- fills, positions, balances


def test_a_fill_is_the_same_in_every_book(trader: Trader) -> None:
    """Order, fills, position, balance and bills of one purchase agree to the last digit."""
    client = trader("1000")
    client.set_leverage(10, BTC, {"mgnMode": "cross"})
    rate = Decimal(client.fetch_trading_fee(BTC)["info"]["taker"])  # negative: it is charged

    placed = client.create_order(BTC, "market", "buy", 3)

    order = client.fetch_order(placed["id"], BTC)["info"]
    fills = [each["info"] for each in client.fetch_my_trades(BTC)]
    assert order["state"] == "filled"
    assert sum(Decimal(each["fillSz"]) for each in fills) == 3
    value = sum(Decimal(each["fillSz"]) * Decimal(each["fillPx"]) for each in fills) * LOT
    assert Decimal(order["avgPx"]) * 3 * LOT == value
    assert sum(Decimal(each["fee"]) for each in fills) == Decimal(order["fee"])
    assert abs(Decimal(order["fee"]) - value * rate) <= Decimal("0.00000001") * len(fills)
    assert all(each["execType"] == "T" for each in fills)

    (position,) = (each["info"] for each in held(client))
    mark = Decimal(position["markPx"])
    assert Decimal(position["pos"]) == 3
    assert Decimal(position["avgPx"]) == Decimal(order["avgPx"])
    assert Decimal(position["upl"]) == (mark - Decimal(position["avgPx"])) * 3 * LOT
    assert Decimal(position["imr"]) == mark * 3 * LOT / 10
    assert Decimal(position["fee"]) == Decimal(order["fee"])
    pool = usdt(client)
    assert pool["cashBal"] == 1_000 + Decimal(order["fee"])
    assert pool["eq"] == pool["cashBal"] + pool["upl"]
    assert pool["imr"] == Decimal(position["imr"])
    assert pool["availEq"] == pool["eq"] - pool["frozenBal"]
    assert 0 < float(position["liqPx"]) < float(mark)
    trades = [row for row in bills_since(client) if row["type"] == "2"]
    assert sum(Decimal(row["balChg"]) for row in trades) == Decimal(order["fee"])
    assert {row["ordId"] for row in trades} == {placed["id"]}
    client.close_position(BTC)
    settled(client)


def test_a_round_trip_is_told_once_it_is_over(trader: Trader) -> None:
    """What the closed position says it brought is what the balance changed by."""
    client = trader()
    client.create_order(BTC, "market", "sell", 2)
    client.create_order(BTC, "market", "buy", 1, None, {"reduceOnly": True})
    client.close_position(BTC)

    (closed,) = client.privateGetAccountPositionsHistory({"instId": "BTC-USDT-SWAP"})["data"]

    assert closed["direction"] == "short"
    assert Decimal(closed["closeTotalPos"]) == Decimal(closed["openMaxPos"]) == 2
    gained = usdt(client)["cashBal"] - 10_000
    assert Decimal(closed["realizedPnl"]) == gained == Decimal(closed["pnl"]) + Decimal(closed["fee"])
    lost = (Decimal(closed["openAvgPx"]) - Decimal(closed["closeAvgPx"])) * 2 * LOT
    assert abs(Decimal(closed["pnl"]) - lost) < Decimal("0.0000001")
    settled(client)


def test_profit_of_one_leg_carries_an_order_of_another(trader: Trader, outside: Outside) -> None:
    """After a gain of 20 % on SOL an ETH order is admitted that was refused before: one pool."""
    client = trader("1000")
    client.set_leverage(10, SOL, {"mgnMode": "cross"})
    client.set_leverage(10, ETH, {"mgnMode": "cross"})
    price = client.fetch_mark_price(SOL)["markPrice"]
    client.create_order(SOL, "market", "buy", float(client.amount_to_precision(SOL, 4_000 / price)))
    eth = below(client, 0.99, ETH)
    size = float(client.amount_to_precision(ETH, 9_000 / eth / client.markets[ETH]["contractSize"]))
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order(ETH, "limit", "buy", size, eth)

    outside.move("SOL-USDT-SWAP", price * 1.2)

    order = client.create_order(ETH, "limit", "buy", size, eth)
    assert usdt(client)["upl"] > 700
    client.cancel_order(order["id"], ETH)
    client.close_position(SOL)
    settled(client)


# ---------------------------------------------------------------- waiting orders


def test_waiting_orders_are_listed_and_cancelled(trader: Trader) -> None:
    """Stop-loss, take-profit, both, trigger and trailing stop: each under its type, none holds margin."""
    client = trader()
    client.create_order(BTC, "market", "buy", 1)
    low, high = below(client, 0.9), below(client, 1.1)
    wanted: dict[str, list[dict[str, float]]] = {
        "conditional": [{"stopLossPrice": low}, {"takeProfitPrice": high}],
        "oco": [{"stopLossPrice": low, "takeProfitPrice": high}],
        "trigger": [{"triggerPrice": low}],
        "move_order_stop": [{"trailingPercent": 5}],
    }
    free = usdt(client)["availEq"]
    for kind, orders in wanted.items():
        placed = [
            client.create_order(BTC, "market", "sell", 1, None, {**params, "reduceOnly": True})["id"]
            for params in orders
        ]
        waiting = client.fetch_open_orders(BTC, None, None, {"trigger": True, "ordType": kind})
        assert [each["id"] for each in waiting] == placed, kind
        assert usdt(client)["availEq"] == free
        for each in placed:
            client.cancel_order(each, BTC, {"trigger": True})
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order(placed[0], BTC, {"trigger": True})
        assert client.fetch_order(placed[0], BTC, {"trigger": True})["status"] == "canceled"
    client.close_position(BTC)
    settled(client)


def test_a_stop_fires_when_the_price_gets_there(trader: Trader, outside: Outside) -> None:
    """The price falls through the trigger: the waiting order is effective, its child is filled, the position gone."""
    client = trader()
    price = client.fetch_mark_price(SOL)["markPrice"]
    client.create_order(SOL, "market", "buy", 2)
    stop = client.create_order(SOL, "market", "sell", 2, None, {"stopLossPrice": price * 0.97, "reduceOnly": True})

    outside.move("SOL-USDT-SWAP", price * 0.96)

    fired = client.privateGetTradeOrderAlgo({"algoId": stop["id"]})["data"][0]
    assert fired["state"] == "effective"
    child = client.fetch_order(fired["ordId"], SOL)
    assert (child["status"], child["filled"], child["reduceOnly"]) == ("closed", 2, True)
    assert not held(client, SOL)
    outside.move("SOL-USDT-SWAP", price)
    settled(client)


def test_stops_come_with_the_fill_and_go_with_the_position(trader: Trader, outside: Outside) -> None:
    """A stop-loss and a take-profit attached to an order wait once it is filled; the profit fires, the stop is gone."""
    client = trader()
    price = client.fetch_mark_price(SOL)["markPrice"]
    stops = {"stopLoss": {"triggerPrice": price * 0.9}, "takeProfit": {"triggerPrice": price * 1.03}}
    client.create_order(SOL, "market", "buy", 2, None, stops)
    waiting = client.fetch_open_orders(SOL, None, None, {"trigger": True, "ordType": "oco"})
    assert [(each["side"], each["amount"]) for each in waiting] == [("sell", 2)]

    outside.move("SOL-USDT-SWAP", price * 1.04)

    assert not held(client, SOL)
    assert not client.fetch_open_orders(SOL, None, None, {"trigger": True, "ordType": "oco,conditional"})
    assert usdt(client)["cashBal"] > 10_000
    outside.move("SOL-USDT-SWAP", price)
    settled(client)


# ---------------------------------------------------------------- modes, margin, money


def test_isolated_margin_leaves_the_balance_and_is_added_and_taken_back(trader: Trader) -> None:
    """5x on 2 contracts; 50 more in, 50 out again; the rest of the account does not move."""
    client = trader()
    client.set_leverage(5, BTC, {"mgnMode": "isolated", "posSide": "net"})
    client.create_order(BTC, "market", "buy", 2, None, {"tdMode": "isolated"})
    (position,) = held(client)
    margin, cash = Decimal(position["info"]["margin"]), usdt(client)["cashBal"]
    assert abs(margin - Decimal(position["info"]["avgPx"]) * 2 * LOT / 5) < Decimal("0.0001")
    assert usdt(client)["isoEq"] == margin + Decimal(position["info"]["upl"])

    change = {"instId": "BTC-USDT-SWAP", "posSide": "net", "amt": "50"}
    client.privatePostAccountPositionMarginBalance({**change, "type": "add"})

    (after,) = held(client)
    assert Decimal(after["info"]["margin"]) == margin + 50
    assert after["liquidationPrice"] < position["liquidationPrice"]
    assert usdt(client)["cashBal"] == cash - 50
    client.privatePostAccountPositionMarginBalance({**change, "type": "reduce"})
    assert usdt(client)["cashBal"] == cash
    with pytest.raises(ccxt.ExchangeError, match="5930"):
        client.privatePostAccountPositionMarginBalance({**change, "type": "reduce", "amt": "5000"})
    client.close_position(BTC, None, {"marginMode": "isolated"})
    settled(client)


def test_hedge_mode_holds_both_sides(trader: Trader) -> None:
    """Long and short side by side, each closed by itself; the mode cannot change meanwhile."""
    client = trader()
    client.set_position_mode(True)
    with pytest.raises(ccxt.ExchangeError, match="posSide"):
        client.create_order(BTC, "market", "buy", 1)
    client.create_order(BTC, "market", "buy", 2, None, {"positionSide": "long"})
    client.create_order(BTC, "market", "sell", 1, None, {"positionSide": "short"})
    assert {(each["side"], each["contracts"]) for each in held(client)} == {("long", 2), ("short", 1)}
    with pytest.raises(ccxt.ExchangeError, match="59000"):
        client.set_position_mode(False)
    client.close_position(BTC, "buy")
    assert [each["side"] for each in held(client)] == ["short"]
    client.close_position(BTC, "sell")
    client.set_position_mode(False)
    assert client.fetch_position_mode()["hedged"] is False
    settled(client)


def test_money_moves_between_the_two_purses(trader: Trader) -> None:
    """To the funding wallet and back; more than there is does not move; both are told as transfers."""
    client = trader()
    client.transfer("USDT", 250, "swap", "funding")
    assert client.fetch_balance({"type": "funding"})["USDT"]["free"] == 250
    assert usdt(client)["cashBal"] == 9_750
    client.transfer("USDT", 100, "funding", "swap")
    assert usdt(client)["cashBal"] == 9_850
    with pytest.raises(ccxt.InsufficientFunds, match="58350"):
        client.transfer("USDT", 151, "funding", "swap")
    told = {each["amount"]: (each["fromAccount"], each["toAccount"]) for each in client.fetch_transfers("USDT")}
    assert (told[250], told[100]) == (("trading", "funding"), ("funding", "trading"))
    settled(client)


def test_coins_are_needed_for_coin_margined_contracts(trader: Trader) -> None:
    """Ten thousand dollars carry no contract that settles in bitcoin."""
    client = trader()
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order("BTC/USD:BTC", "market", "buy", 1)
    settled(client)


# ---------------------------------------------------------------- reading back


def test_pages_do_not_overlap_and_miss_nothing(trader: Trader) -> None:
    """Orders, fills, bills and closed positions, three at a time: together they are what one large page shows."""
    client = trader()
    for _ in range(4):
        client.create_order(BTC, "market", "buy", 1)
        client.create_order(ETH, "market", "buy", 1)
        client.close_position(ETH)
        client.close_position(BTC)
    walks = {
        client.privateGetTradeOrdersHistory: ("ordId", "ordId", {"instType": "SWAP"}),
        client.privateGetTradeFills: ("billId", "billId", {}),
        client.privateGetAccountBills: ("billId", "billId", {}),
    }
    for ask, (cursor, name, given) in walks.items():
        whole = [row[name] for row in ask({**given, "limit": "100"})["data"]]
        walked: list[str] = []
        while len(walked) <= len(whole):
            after = {"after": walked[-1]} if walked else {}
            page = [row[cursor] for row in ask({**given, **after, "limit": "3"})["data"]]
            walked += page
            if len(page) < 3:
                break
        assert walked == whole
        assert len(set(walked)) == len(walked) >= 9
        newer = ask({**given, "before": walked[4], "limit": "100"})["data"]
        assert [row[name] for row in newer] == walked[:4]
    closed = client.privateGetAccountPositionsHistory({"limit": "100"})["data"]
    assert [row["instId"] for row in closed] == ["BTC-USDT-SWAP", "ETH-USDT-SWAP"] * 4
    assert client.privateGetAccountPositionsHistory({"limit": "1"})["data"] == closed[:1]
    settled(client)


def test_the_dead_mans_switch_is_set_and_taken_off(trader: Trader) -> None:
    """A minute from now; then never; an absurd time is refused."""
    client = trader()
    client.create_order(BTC, "limit", "buy", 1, below(client))
    found = client.cancel_all_orders_after(60_000)["data"][0]
    assert 55_000 < int(found["triggerTime"]) - client.fetch_time() <= 60_000
    assert client.cancel_all_orders_after(0)["data"][0]["triggerTime"] == "0"
    with pytest.raises(ccxt.BadRequest):
        client.cancel_all_orders_after(5_000)
    (order,) = client.fetch_open_orders(BTC)
    client.cancel_order(order["id"], BTC)
    settled(client)


def test_a_liquidation_is_told(trader: Trader, outside: Outside) -> None:
    """A long of 9x is carried under its liquidation price: no position, its bill says why, and the books close."""
    client = trader("1000")
    client.set_leverage(20, SOL, {"mgnMode": "cross"})
    price = client.fetch_mark_price(SOL)["markPrice"]
    client.create_order(SOL, "market", "buy", float(client.amount_to_precision(SOL, 9_000 / price)))
    (position,) = held(client, SOL)
    assert 0.8 < position["liquidationPrice"] / price < 1

    outside.move("SOL-USDT-SWAP", position["liquidationPrice"] * 0.99)

    assert not held(client, SOL)
    closed = client.privateGetAccountPositionsHistory({})["data"][0]
    assert closed["type"] in ("3", "4")  # liquidation, in whole or in part
    assert "5" in {row["type"] for row in bills_since(client)}
    outside.move("SOL-USDT-SWAP", price)
    settled(client)
