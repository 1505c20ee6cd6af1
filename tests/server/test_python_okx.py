"""python-okx, the venue's own library, redirected by its domain alone."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from okx import Account, Funding, MarketData, PublicData, Trade  # type: ignore[import-untyped]
from tests.server.outside import Outside

from crossmargin.server.keys import NewKey

pytestmark = pytest.mark.filterwarnings("ignore")

SWAP = "BTC-USDT-SWAP"

Client = Callable[..., Any]


@pytest.fixture
def client() -> Iterator[Client]:
    """Makes a client of one of the library's classes, and closes its connection at the end."""
    made: list[Any] = []

    def make(kind: Callable[..., Any], **given: Any) -> Any:  # noqa: ANN401 - a class of a library without types
        made.append(kind(**given))
        return made[-1]

    yield make
    for each in made:
        each.close()


def login(outside: Outside, key: NewKey | None = None, **other: str) -> dict[str, Any]:
    """What each of its classes is made with."""
    own = key or outside.account()
    names = {"api_key": own.key, "api_secret_key": own.secret, "passphrase": own.passphrase}
    return {**names, "flag": "1", "domain": outside.url, "debug": False, **other}


def good(answer: Any) -> Any:  # noqa: ANN401 - rows of any endpoint
    """The rows of an answer that went well."""
    assert answer["code"] == "0", answer
    return answer["data"]


def test_public_data(client: Client, outside: Outside) -> None:
    """Listings, prices, the book, bars, marks, funding and tiers."""
    public, prices = (
        client(kind, flag="1", domain=outside.url) for kind in (PublicData.PublicAPI, MarketData.MarketAPI)
    )
    listed = {row["instId"]: row for row in good(public.get_instruments(instType="SWAP"))}[SWAP]
    (ticker,) = good(prices.get_ticker(SWAP))
    (book,) = good(prices.get_orderbook(SWAP, "5"))
    assert book["bids"][0][0] == ticker["bidPx"]
    assert book["asks"][0][0] == ticker["askPx"]
    assert len(good(prices.get_candlesticks(SWAP, limit="3"))) == 3
    assert Decimal(good(public.get_mark_price("SWAP", instId=SWAP))[0]["markPx"]) > 0
    assert good(public.get_funding_rate(SWAP))[0]["instId"] == SWAP
    tiers = good(public.get_position_tiers("SWAP", "cross", instFamily=listed["instFamily"]))
    assert [row["tier"] for row in tiers[:2]] == ["1", "2"]


def test_the_account(client: Client, outside: Outside) -> None:
    """Configuration, balance, leverage set and read back, largest order, bills and the wallet."""
    given = login(outside)
    account, wallet = client(Account.AccountAPI, **given), client(Funding.FundingAPI, **given)
    assert good(account.get_account_config())[0]["acctLv"] == "2"
    assert good(account.get_account_balance())[0]["details"][0]["cashBal"] == "10000"
    assert good(account.get_positions(instType="SWAP")) == []
    good(account.set_leverage(lever="7", mgnMode="cross", instId=SWAP))
    assert good(account.get_leverage("cross", instId=SWAP))[0]["lever"] == "7"
    largest = good(account.get_max_order_size(SWAP, "cross"))[0]
    assert Decimal(largest["maxBuy"]) > 0 < Decimal(largest["maxSell"])
    assert [row["balChg"] for row in good(account.get_account_bills())] == ["10000"]
    good(wallet.funds_transfer(ccy="USDT", amt="40", from_="18", to="6"))
    assert [(row["ccy"], row["bal"]) for row in good(wallet.get_balances())] == [("USDT", "40")]


def test_the_largest_order_goes_and_one_lot_more_does_not(client: Client, outside: Outside) -> None:
    """What max-size answers is what the venue takes, to the lot, for both sides."""
    given = login(outside)
    account, trade = client(Account.AccountAPI, **given), client(Trade.TradeAPI, **given)
    mark = Decimal(
        good(client(PublicData.PublicAPI, flag="1", domain=outside.url).get_mark_price("SWAP", instId=SWAP))[0][
            "markPx"
        ]
    )
    for side, name, price in (("buy", "maxBuy", mark * Decimal("0.99")), ("sell", "maxSell", mark * Decimal("1.01"))):
        terms = {
            "instId": SWAP,
            "tdMode": "cross",
            "side": side,
            "ordType": "limit",
            "px": str(price.quantize(Decimal(1))),
        }
        size = Decimal(good(account.get_max_order_size(SWAP, "cross", px=terms["px"]))[0][name])
        more = trade.place_order(**terms, sz=str(size + Decimal("0.01")))
        assert (more["code"], more["data"][0]["sCode"]) == ("1", "51008")
        (placed,) = good(trade.place_order(**terms, sz=str(size)))
        good(trade.cancel_order(SWAP, ordId=placed["ordId"]))


def test_an_order_and_a_position(client: Client, outside: Outside) -> None:
    """Placed by the client's id, read, amended, cancelled, cancelled again; bought, closed, told."""
    given = login(outside)
    trade, account = client(Trade.TradeAPI, **given), client(Account.AccountAPI, **given)
    (ticker,) = good(client(MarketData.MarketAPI, flag="1", domain=outside.url).get_ticker(SWAP))
    price = str(int(Decimal(ticker["bidPx"]) * 9 / 10))
    terms = {"instId": SWAP, "tdMode": "cross", "side": "buy"}
    (placed,) = good(trade.place_order(**terms, ordType="limit", sz="1", px=price, clOrdId="own1"))
    (found,) = good(trade.get_order(SWAP, clOrdId="own1"))
    assert (found["ordId"], found["state"], found["px"]) == (placed["ordId"], "live", price)
    assert [row["ordId"] for row in good(trade.get_order_list(instType="SWAP"))] == [placed["ordId"]]
    good(trade.amend_order(SWAP, ordId=placed["ordId"], newSz="2"))
    assert good(trade.get_order(SWAP, ordId=placed["ordId"]))[0]["sz"] == "2"
    good(trade.cancel_order(SWAP, ordId=placed["ordId"]))
    again = trade.cancel_order(SWAP, ordId=placed["ordId"])
    assert (again["code"], again["data"][0]["sCode"]) == ("1", "51401")

    good(trade.place_order(**terms, ordType="market", sz="1"))
    assert good(account.get_positions(instId=SWAP))[0]["pos"] == "1"
    good(trade.close_positions(SWAP, "cross"))
    assert good(account.get_positions(instId=SWAP)) == []
    assert [row["side"] for row in good(trade.get_fills(instType="SWAP"))] == ["sell", "buy"]
    assert len(good(trade.get_orders_history("SWAP"))) == 3
    assert good(account.get_positions_history())[0]["closeTotalPos"] == "1"


@pytest.mark.parametrize(
    ("flaw", "code"),
    [({"api_secret_key": "wrong"}, "50113"), ({"passphrase": "x"}, "50105"), ({"api_key": "x"}, "50111")],
)
def test_a_flawed_login_has_the_venues_code(client: Client, outside: Outside, flaw: dict[str, str], code: str) -> None:
    """Secret, passphrase, key."""
    answer = client(Account.AccountAPI, **{**login(outside), **flaw}).get_account_balance()
    assert answer["code"] == code
    assert "data" not in answer


def test_batches(client: Client, outside: Outside) -> None:
    """Two of three orders go; all are cancelled in one call, the third row says that there is nothing."""
    given = login(outside)
    trade = client(Trade.TradeAPI, **given)
    terms = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit"}
    (ticker,) = good(client(MarketData.MarketAPI, flag="1", domain=outside.url).get_ticker(SWAP))
    price = str(int(Decimal(ticker["bidPx"]) * 9 / 10))
    answer = trade.place_multiple_orders([{**terms, "sz": size, "px": price} for size in ("1", "x", "2")])
    assert (answer["code"], [row["sCode"] for row in answer["data"]]) == ("2", ["0", "51000", "0"])
    ids = [row["ordId"] for row in answer["data"]]
    gone = trade.cancel_multiple_orders([{"instId": SWAP, "ordId": each or "12"} for each in ids])
    assert (gone["code"], [row["sCode"] for row in gone["data"]]) == ("2", ["0", "51400", "0"])
