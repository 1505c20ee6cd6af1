"""Saved answers of ccxt: shapes as ccxt 4.5.90 makes them of the venues' own answers, figures invented."""

import copy
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crossmargin.domain.account import AccountMode, MarginMode, OrderType, PositionMode, Side, TimeInForce
from crossmargin.domain.instrument import ContractType, Kind
from crossmargin.errors import InputError, MissingDataError
from crossmargin.formats.account_file import Book
from crossmargin.formats.ccxt_file import read_ccxt
from crossmargin.margin.assess import CurrencyFigures, assess

Document = dict[str, Any]
Change = Callable[[Document], object]
HERE = Path(__file__).parent


@pytest.fixture
def okx() -> Document:
    """A cross short, an isolated inverse long and an empty place; two orders."""
    found: Document = json.loads((HERE / "ccxt_okx.json").read_text("utf-8"))
    return found


@pytest.fixture
def binance() -> Document:
    """A cross short whose leverage ccxt leaves null, an isolated long, an order."""
    found: Document = json.loads((HERE / "ccxt_binance.json").read_text("utf-8"))
    return found


def refused(saved: Document) -> str:
    """The one line that the answers are refused with."""
    with pytest.raises(InputError) as caught:
        read_ccxt(saved)
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix("ccxt: ")


# ---------------------------------------------------------------- what is taken


def test_okx_cash_is_cashbal() -> None:
    """Equity would count gains and isolated margin twice; the venue's own cash has neither."""
    book = read_ccxt(str(HERE / "ccxt_okx.json"))

    assert book.account.balances == {"USDT": Decimal("4850.435693622894"), "ETH": Decimal("1.25")}
    assert "balances.USDT = 4850.435693622894: balance.info.data[0].details[0].cashBal" in book.assumptions


def test_binance_cash_is_the_cross_wallet(binance: Document) -> None:
    """The wallet balance has the isolated wallets in it, the cross wallet does not; stale rows are no cash."""
    book = read_ccxt(binance)

    assert book.account.balances == {"USDT": Decimal("72.72317863")}
    assert "balances.USDT = 72.72317863: balance.info.assets[0].crossWalletBalance" in book.assumptions


def test_cash_from_a_plain_list_of_balances(binance: Document) -> None:
    """The venue's older answer is a list of currencies."""
    binance["balance"]["info"] = [{"asset": "USDT", "crossWalletBalance": "72.5", "updateTime": 1}]

    assert read_ccxt(binance).account.balances == {"USDT": Decimal("72.5")}


def test_without_info_cash_is_worked_out_of_the_total(okx: Document, binance: Document) -> None:
    """Total less unrealised PnL of every position and less isolated margin, both venues alike."""
    del okx["balance"]["info"], binance["balance"]["info"]
    # 5162.5 - 1.86 of the cross short; 1.26 - 0.0039 of PnL - 0.08 of isolated margin
    assert read_ccxt(okx).account.balances == {"USDT": Decimal("5160.64"), "ETH": Decimal("1.1761")}
    # 183.90238613 - 11.1792075 - 2 of PnL - 100 of isolated margin
    book = read_ccxt(binance)
    assert book.account.balances == {"USDT": Decimal("70.72317863")}
    note = "balances.USDT = 70.72317863: balance.USDT.total less 113.1792075 of unrealised PnL and isolated margin"
    assert note in book.assumptions


def test_both_routes_to_the_cash_agree(binance: Document) -> None:
    """Where the venue's figures fit together, its cash is the total less PnL and isolated margin."""
    binance["balance"]["info"]["assets"][0]["crossWalletBalance"] = "70.72317863"
    direct = read_ccxt(binance).account.balances
    del binance["balance"]["info"]

    assert read_ccxt(binance).account.balances == direct


def test_okx_positions(okx: Document) -> None:
    """Sizes, sides, modes and prices; the venue's text keeps the digits that ccxt's fraction lost."""
    short, isolated = read_ccxt(okx).account.positions

    assert (short.instrument, short.side, short.margin_mode) == ("BTC-USDT-SWAP", Side.SHORT, MarginMode.CROSS)
    assert [short.contracts, short.leverage] == [Decimal(3), Decimal(10)]
    assert short.entry_price == Decimal("43012.123456789012345")
    assert (isolated.instrument, isolated.side) == ("ETH-USD-SWAP", Side.LONG)
    assert (isolated.margin_mode, isolated.margin) == (MarginMode.ISOLATED, Decimal("0.08"))


def test_marks_are_those_of_the_positions(okx: Document) -> None:
    """Each position's mark price values its instrument."""
    assert read_ccxt(okx).marks.mark == {
        "BTC-USDT-SWAP": Decimal("42950.1"),
        "ETH-USD-SWAP": Decimal("2525.25"),
    }


def test_empty_places_are_left_out_and_counted(okx: Document) -> None:
    """Venues list empty places; a finding about a later position still has the file's own number."""
    okx["positions"].insert(0, okx["positions"].pop())
    okx["positions"][2]["leverage"] = -5.0
    assert refused(okx) == "positions[2].leverage: -5 is out of bounds: expected a number above zero"

    okx["positions"][2]["leverage"] = 5.0
    assert "positions: 1 of size 0 left out" in read_ccxt(okx).assumptions


def test_okx_orders(okx: Document) -> None:
    """A resting order that is partly filled, and a stop at the market that waits."""
    resting, stop = read_ccxt(okx).account.orders

    assert (resting.type, resting.time_in_force) == (OrderType.POST_ONLY, TimeInForce.GTC)
    assert [resting.price, resting.remaining] == [Decimal(42000), Decimal("1.5")]
    assert (stop.type, stop.price, stop.trigger_price) == (OrderType.STOP_LOSS, None, Decimal(2300))
    assert (stop.reduce_only, stop.margin_mode, stop.resting) == (True, MarginMode.ISOLATED, False)


def test_binance_leverage_is_worked_out(binance: Document) -> None:
    """The venue's newer answer has none: value / initial margin tells it, and that is said."""
    book = read_ccxt(binance)

    assert [each.leverage for each in book.account.positions] == [Decimal(20), Decimal(10)]
    note = "positions[0].leverage = 20: position value / initial margin; ccxt gives none"
    assert note in book.assumptions


def test_leverage_that_no_figure_tells_is_the_default(binance: Document) -> None:
    """Without a whole quotient the rulebook's default stands in, and that is said."""
    position = binance["positions"][0]
    position["initialMargin"], position["info"]["positionInitialMargin"] = 97.5, ""
    book = read_ccxt(binance)

    assert book.account.positions[0].leverage == 20
    assert "positions[0].leverage = 20: none given, the rulebook's default" in book.assumptions


def test_binance_order_follows_its_position(binance: Document) -> None:
    """The venue notes no margin mode on an order: that of the open position holds, as does its leverage."""
    order = read_ccxt(binance).account.orders[0]

    assert (order.type, order.margin_mode) == (OrderType.POST_ONLY, MarginMode.ISOLATED)
    assert order.leverage == 10


def test_an_order_without_position_is_cross_and_says_so(binance: Document) -> None:
    """No answer tells its margin mode then."""
    del binance["positions"][1]
    book = read_ccxt(binance)

    assert book.account.orders[0].margin_mode is MarginMode.CROSS
    assert "orders[0].margin_mode = cross: the answer names none" in book.assumptions


def test_orders_that_are_not_open_are_left_out(binance: Document) -> None:
    """A saved order may have been cancelled since; the next one keeps its number."""
    binance["orders"].insert(0, copy.deepcopy(binance["orders"][0]) | {"status": "canceled"})
    book = read_ccxt(binance)
    assert len(book.account.orders) == 1
    assert "orders[0]: 'canceled', left out" in book.assumptions

    binance["orders"][1]["filled"] = 7
    assert refused(binance) == "orders[1].filled: 7 filled of 0.01"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"type": "market", "price": 43000.0, "postOnly": False, "timeInForce": "IOC"}, OrderType.MARKET),
        ({"postOnly": False, "timeInForce": "FOK"}, OrderType.LIMIT),
        ({"postOnly": True, "timeInForce": None}, OrderType.POST_ONLY),
        ({"postOnly": False, "timeInForce": None, "triggerPrice": 41000.0}, OrderType.TRIGGER),
        ({"type": "take_profit_market", "price": None, "triggerPrice": 50000.0}, OrderType.TAKE_PROFIT),
        ({"type": "trailing_stop_market", "price": None}, OrderType.TRAILING),
    ],
)
def test_order_types(okx: Document, changes: Document, kind: OrderType) -> None:
    """A market order has no price of its own; what waits for a trigger is no resting order."""
    okx["orders"][0] |= changes
    order = read_ccxt(okx).account.orders[0]

    assert order.type is kind
    assert (order.price is None) == (kind in (OrderType.MARKET, OrderType.TAKE_PROFIT, OrderType.TRAILING))


def test_attached_stops(okx: Document) -> None:
    """Stops on a resting order are attached to it."""
    okx["orders"][0] |= {"stopLossPrice": 40000.0, "takeProfitPrice": 45000.0}
    order = read_ccxt(okx).account.orders[0]

    assert order.stop_loss is not None
    assert order.take_profit is not None
    assert [order.stop_loss.trigger_price, order.take_profit.trigger_price] == [40000, 45000]


def test_filled_may_be_told_by_what_remains(okx: Document) -> None:
    """Either of the two is enough."""
    okx["orders"][0] |= {"filled": None, "remaining": 0.5}

    assert read_ccxt(okx).account.orders[0].filled == Decimal("1.5")


# ---------------------------------------------------------------- position mode


def test_hedge_mode_is_told_by_the_positions(okx: Document) -> None:
    """Two legs of one instrument, each with the order that builds it."""
    leg = copy.deepcopy(okx["positions"][0])
    okx["positions"] = [leg | {"hedged": True}, copy.deepcopy(leg) | {"hedged": True, "side": "long"}]
    okx["orders"] = [okx["orders"][0]]
    okx["orders"][0]["info"]["posSide"] = "long"
    book = read_ccxt(okx)

    assert book.account.position_mode is PositionMode.HEDGE
    assert book.account.orders[0].position_side is Side.LONG


def test_hedge_mode_is_told_by_an_order(binance: Document) -> None:
    """An account without positions shows its mode in its orders."""
    binance["positions"], binance["orders"][0]["info"]["positionSide"] = [], "SHORT"
    book = read_ccxt(binance)

    assert book.account.position_mode is PositionMode.HEDGE
    assert book.account.orders[0].position_side is Side.SHORT


def test_an_account_has_one_position_mode(okx: Document) -> None:
    """Answers of two accounts do not make one."""
    okx["positions"][0]["hedged"] = True

    assert refused(okx).startswith("positions: some are hedged and some are not")


# ---------------------------------------------------------------- instruments


def test_contract_size_overrides_the_rulebook(okx: Document) -> None:
    """Venues change contract sizes; the answer is newer than the rulebook, and the change is said."""
    okx["positions"][0]["contractSize"] = 0.001
    book = read_ccxt(okx)

    assert book.rulebook.instrument("BTC-USDT-SWAP").unit == Decimal("0.001")
    note = 'instruments."BTC-USDT-SWAP".contract_value = 0.001: contractSize; the rulebook has 0.01'
    assert note in book.assumptions


def unknown(saved: Document, symbol: str, id: str) -> Document:
    """The answers with one position in an instrument that no rulebook knows."""
    saved["positions"] = [saved["positions"][0] | {"symbol": symbol}]
    saved["positions"][0]["info"]["instId"] = id
    saved["orders"] = []
    return saved


@pytest.mark.parametrize(
    ("symbol", "style", "kind"),
    [
        ("PEPE2/USDT:USDT", ContractType.LINEAR, Kind.PERPETUAL),
        ("PEPE2/USDT:USDT-261225", ContractType.LINEAR, Kind.FUTURE),
        ("USDT/USD:USDT", ContractType.INVERSE, Kind.PERPETUAL),
    ],
)
def test_unknown_instruments_are_defined(okx: Document, symbol: str, style: ContractType, kind: Kind) -> None:
    """From the symbol and the contract size, under the venue's own id."""
    book = read_ccxt(unknown(okx, symbol, "NEW-ID-SWAP"))
    found = book.rulebook.instrument(symbol)

    assert (found.id, found.contract_type, found.kind) == ("NEW-ID-SWAP", style, kind)
    assert found.unit == Decimal("0.01")
    assert (found.expiry is not None) == (kind is Kind.FUTURE)


def test_unknown_tiers_are_missing_until_given(okx: Document) -> None:
    """The error shows how to give them, and giving them so works."""
    book = read_ccxt(unknown(okx, "PEPE2/USDT:USDT", "PEPE2-USDT-SWAP"))
    with pytest.raises(MissingDataError, match=r'\[instruments\."PEPE2-USDT-SWAP"\]'):
        check(book)

    okx["instruments"] = {
        "PEPE2-USDT-SWAP": {"taker_fee": "0.0005", "tiers": [{"maintenance_rate": "0.02", "unit": "contracts"}]}
    }
    # 3 contracts of 0.01 at 42950.1 are worth 1288.503
    assert check(read_ccxt(okx)).maintenance_margin == Decimal("25.77006")


def check(book: Book) -> CurrencyFigures:
    """The figures of the USDT pool."""
    return assess(book.account, book.marks, book.rulebook).currencies["USDT"]


def test_binance_account_is_assessed_to_the_venue_s_figures(binance: Document) -> None:
    """Equity is margin balance, initial margin that of the venue's own row, up to its rounding."""
    figures = check(read_ccxt(binance))

    assert figures.equity == Decimal("72.72317863") + Decimal("11.1792075") + 102
    assert figures.initial_margin == Decimal("1992.4607925") / 20


# ---------------------------------------------------------------- nulls and contradictions

NULLS: list[tuple[str, str]] = [
    ("contracts", "positions[0].contracts: null: the size of the position is not known"),
    ("side", "positions[0].side: null is not one of long, short"),
    ("marginMode", "positions[0].marginMode: null is not one of cross, isolated"),
    ("symbol", "positions[0].symbol: expected text, found null"),
]


@pytest.mark.parametrize(("key", "line"), NULLS)
def test_nulls_that_matter_are_named(okx: Document, key: str, line: str) -> None:
    """What no other field tells is refused, in ccxt's own words."""
    okx["positions"][0][key] = None

    assert refused(okx) == line


def test_prices_may_be_null_where_the_venue_tells_them(okx: Document) -> None:
    """Without both, the open price is not known, and the mark has to be given."""
    position = okx["positions"][0]
    position |= {"entryPrice": None, "markPrice": None}
    assert read_ccxt(okx).account.positions[0].entry_price == Decimal("43012.123456789012345")

    position["info"]["markPx"] = ""
    line = 'positions[0].markPrice: null: give the mark price beside the answers: "marks": {"BTC-USDT-SWAP": "..."}'
    assert refused(okx) == line
    okx["marks"] = {"BTC/USDT:USDT": "43000"}
    assert read_ccxt(okx).marks.mark["BTC-USDT-SWAP"] == 43000
    position["info"]["avgPx"] = None
    assert refused(okx) == "positions[0].entryPrice: null: the position's average open price is not known"


def test_tickers_give_marks_and_last_prices(okx: Document) -> None:
    """A ticker's mark stands in for the position's; its last price never does."""
    position = okx["positions"][0]
    position["markPrice"] = position["info"]["markPx"] = None
    okx["tickers"] = {"BTC/USDT:USDT": {"last": 42999.5, "markPrice": None}}
    assert "positions[0].markPrice: null" in refused(okx)

    okx["tickers"]["BTC/USDT:USDT"]["markPrice"] = 42950.2
    marks = read_ccxt(okx).marks
    assert [marks.mark["BTC-USDT-SWAP"], marks.last["BTC-USDT-SWAP"]] == [Decimal("42950.2"), Decimal("42999.5")]


def test_isolated_margin_may_come_from_the_collateral(okx: Document) -> None:
    """Collateral has the unrealised PnL in it; without all of them the margin is not known."""
    position = okx["positions"][1]
    position |= {"info": {}, "positionMargin": None}
    assert read_ccxt(okx).account.positions[1].margin == Decimal("0.08")

    position["collateral"] = None
    assert refused(okx).startswith("positions[1].positionMargin: null, as collateral is")


def test_a_null_pnl_cannot_be_taken_out_of_the_total(okx: Document) -> None:
    """Only matters where the venue's own cash is not there."""
    okx["positions"][0]["unrealizedPnl"] = None
    assert read_ccxt(okx).account.balances["USDT"] == Decimal("4850.435693622894")

    okx["balance"]["info"] = None
    line = "positions[0].unrealizedPnl: null: balance.USDT.total cannot be split into cash and PnL without it"
    assert refused(okx) == line


CONTRADICTIONS: list[tuple[Change, str]] = [
    (
        lambda d: d["positions"][0].update(entryPrice=43013.0),
        "positions[0].entryPrice: 43013 contradicts 43012.123456789012345 in info.avgPx",
    ),
    (
        lambda d: d["positions"].append(d["positions"][0] | {"marginMode": "isolated", "info": {}, "markPrice": 1.0}),
        "positions[3].markPrice: 1 contradicts 42950.1 of the same instrument: give one under marks",
    ),
    (
        lambda d: d["positions"].append(d["positions"][0] | {"marginMode": "isolated", "contractSize": 0.1}),
        "positions[3].contractSize: 0.1 contradicts 0.01 of the same instrument",
    ),
    (lambda d: d["positions"][0]["info"].update(avgPx="x"), "positions[0].info.avgPx: 'x' is not a number"),
    (lambda d: d["positions"][0].update(markPrice=0, info={}), "positions[0].markPrice: 0 is out of bounds"),
    (lambda d: d["positions"][0].update(side="buy"), "positions[0].side: 'buy' is not one of long, short"),
    (lambda d: d["positions"][0].update(contracts="three"), "positions[0].contracts: 'three' is not a number"),
    (lambda d: d["positions"][0].update(contracts=-3.0), "positions[0].contracts: -3 is out of bounds"),
    (lambda d: d["positions"][0].update(symbol="BTC/USDT"), "positions[0].symbol: 'BTC/USDT' is no perpetual"),
    (
        lambda d: d["positions"][0].update(symbol="BTC/USD:BTC-261225-60000-C"),
        "positions[0].symbol: 'BTC/USD:BTC-261225-60000-C' is no perpetual or future",
    ),
    (
        lambda d: d["positions"][0].update(symbol="XYZ/USDT:USDC"),
        "positions[0].symbol: 'XYZ/USDT:USDC' settles in neither of its currencies",
    ),
    (
        lambda d: d["positions"][0].update(symbol="XYZ/USDT:USDT", contractSize=None),
        "positions[0].contractSize: null, and okx does not know 'XYZ/USDT:USDT'",
    ),
    (lambda d: d["orders"][0].update(type="iceberg"), "orders[0].type: 'iceberg' is not one of limit, market,"),
    (lambda d: d["orders"][0].update(timeInForce="DAY"), "orders[0].timeInForce: 'DAY' is not one of GTC, GTD"),
    (lambda d: d["orders"][0].update(amount=None), "orders[0].amount: null: the size of the order is not known"),
    (lambda d: d["orders"][0].update(side=None), "orders[0].side: null is not one of buy, sell"),
    (lambda d: d["orders"][0].update(price=None), "orders[0]: a post_only order needs a price"),
    (lambda d: d["orders"][0].update(symbol="XYZ/USDT:USDT"), "orders[0].instrument: okx: instrument"),
    (lambda d: d["balance"].update(info={"balances": [{"free": "1"}]}), "balance: the answer of another wallet"),
    (lambda d: d["balance"].update(info={"data": [{"bal": "1"}]}), "balance: the answer of another wallet"),
    (lambda d: d["balance"].update(info={}, total={"ETH": 1}), "balance: no USDT, in which BTC/USDT:USDT settles"),
    (lambda d: d["balance"].update(info={}, total={"USDT": None}, USDT={}), "balance.USDT.total: null is not a"),
    (
        lambda d: d["balance"]["info"]["data"][0]["details"][0].update(cashBal="1_0"),
        "balance.info.data[0].details[0].cashBal: '1_0' is not a number",
    ),
    (lambda d: d.pop("venue"), "venue: not given: the answers do not say which rules hold"),
    (lambda d: d.update(venue="okex"), "venue: 'okex': not known: choose one of"),
    (lambda d: d.update(as_of="1999-01-01"), "as_of: 'okx': 1999-01-01 lies before the first rules"),
    (lambda d: d.pop("positions"), "the key 'positions' is missing"),
    (lambda d: d.pop("balance"), "the key 'balance' is missing"),
    (lambda d: d.update(trades=[]), "unknown key 'trades'"),
    (lambda d: d.update(positions={}), "positions: expected a list, found {}"),
    (lambda d: d["positions"][0].update(leverage=float("nan")), "positions[0].leverage: 'NaN' is not a number"),
]


@pytest.mark.parametrize(("change", "line"), CONTRADICTIONS)
def test_what_cannot_be_is_refused(okx: Document, change: Change, line: str) -> None:
    """By the name that the answer has for it."""
    change(okx)

    assert refused(okx).startswith(line)


def test_multi_currency_accounts_are_recognised(okx: Document, binance: Document) -> None:
    """An account whose currencies back each other is not assessed by the rules of one that keeps them apart."""
    okx["balance"]["info"]["data"][0]["adjEq"] = "55415.6"
    binance["balance"]["info"]["multiAssetsMargin"] = True
    binance["positions"] = [each for each in binance["positions"] if each["marginMode"] == "cross"]
    binance["orders"] = []
    for saved in (okx, binance):
        book = read_ccxt(saved)
        assert book.account.account_mode is AccountMode.MULTI_CURRENCY
        saved["account_mode"] = "single_currency"
        assert read_ccxt(saved).account.account_mode is AccountMode.SINGLE_CURRENCY

    binance["account_mode"] = "multi_currency"
    with pytest.raises(MissingDataError, match="one pool in USD"):
        check(read_ccxt(binance))


# ---------------------------------------------------------------- forms of the same answers


def test_three_files_one_file_a_folder_and_live_answers_agree(tmp_path: Path, okx: Document) -> None:
    """However the answers are kept, the Book is the same."""
    whole = tmp_path / "whole.json"
    whole.write_text(json.dumps(okx), encoding="utf-8")
    paths = {}
    for piece in ("balance", "positions", "orders"):
        paths[piece] = str(tmp_path / f"{piece}.json")
        Path(paths[piece]).write_text(json.dumps(okx[piece]), encoding="utf-8")
    whole_book = read_ccxt(str(whole))

    assert read_ccxt(okx) == whole_book
    assert read_ccxt(paths, venue="okx") == whole_book
    assert read_ccxt(str(tmp_path), venue="okx") == whole_book


def test_findings_name_the_piece_s_own_file(tmp_path: Path, okx: Document) -> None:
    """Of three files, the one that holds the field."""
    okx["positions"][1]["side"] = "up"
    path = tmp_path / "positions.json"
    path.write_text(json.dumps(okx["positions"]), encoding="utf-8")
    pieces = {"venue": "okx", "balance": okx["balance"], "positions": str(path)}
    with pytest.raises(InputError) as caught:
        read_ccxt(pieces)

    assert str(caught.value) == f"{path}: positions[1].side: 'up' is not one of long, short"


def test_numbers_keep_the_file_s_digits(tmp_path: Path, okx: Document) -> None:
    """A saved number is read as written, not as the binary fraction nearest to it."""
    path = tmp_path / "whole.json"
    text = json.dumps(okx).replace('"contracts": 3.0', '"contracts": 3.00000000000000000001')
    path.write_text(text, encoding="utf-8")

    assert read_ccxt(str(path)).account.positions[0].contracts == Decimal("3.00000000000000000001")


def test_an_empty_account(binance: Document) -> None:
    """No positions, no orders: the cash alone."""
    book = read_ccxt({"venue": "binance", "balance": binance["balance"], "positions": []})

    assert (book.account.positions, book.account.orders) == ((), ())
    assert book.account.balances == {"USDT": Decimal("72.72317863")}


def test_what_is_no_answer_at_all(tmp_path: Path, okx: Document) -> None:
    """A list of positions alone has no balance; a value without a JSON form is no answer."""
    path = tmp_path / "positions.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match=r"positions\.json: expected a table with balance and positions, found \[\]"):
        read_ccxt(str(path))

    okx["orders"] = {(1, 2): "a key that is no text"}
    assert refused(okx).startswith("orders: cannot be written as JSON: ")


def test_rules_are_those_of_the_day_beside_the_answers(binance: Document) -> None:
    """Answers carry no time of their own: the newest rules hold unless a day is given."""
    binance["positions"] = [binance["positions"][1]]
    bounds = []
    for as_of in (None, "2022-06-01"):
        book = read_ccxt(binance | ({} if as_of is None else {"as_of": as_of}))
        instrument = book.rulebook.instrument("BTCUSDT")
        bounds.append(book.rulebook.tier_table(instrument, MarginMode.CROSS).tiers[0].up_to)

    assert bounds == [300_000, 50_000]


def test_orders_without_id_are_numbered(okx: Document) -> None:
    """By their place in the file."""
    okx["orders"][0]["id"] = None

    assert read_ccxt(okx).account.orders[0].id == "order-1"


def test_a_stop_s_mark_may_be_given(okx: Document) -> None:
    """An order in an instrument without position takes its mark from beside the answers."""
    okx["positions"], okx["marks"] = [], {"BTC/USDT:USDT": "43000"}

    assert read_ccxt(okx).marks.mark == {"BTC-USDT-SWAP": Decimal(43000)}


@pytest.mark.parametrize(
    ("value", "margin", "leverage"),
    [
        (1000.0, 1000.0, 1),  # 1x
        (1000.0, 99.95, 10),  # 10.005: the venue rounds its margin
        (1000.0, 97.5, None),  # 10.256...: something else is in the margin
        (1000.0, 3000.0, None),  # below 1x
        (1000.0, -100.0, None),
        (None, 100.0, None),
        (1000.0, None, None),
    ],
)
def test_leverage_of_value_and_margin(
    binance: Document, value: float | None, margin: float | None, leverage: int | None
) -> None:
    """Whole up to the venue's rounding, or not told at all; then it is the rulebook's 20."""
    position = binance["positions"][0] | {"notional": value, "initialMargin": margin}
    position["info"] = position["info"] | {"positionInitialMargin": ""}
    book = read_ccxt(binance | {"positions": [position], "orders": []})

    assert book.account.positions[0].leverage == (leverage or 20)
    assert ("position value / initial margin" in " ".join(book.assumptions)) == (leverage is not None)


def test_an_empty_isolated_wallet_is_no_margin(okx: Document) -> None:
    """Where the venue's row says 0 and ccxt knows better; 0 in both is 0."""
    okx["positions"][1]["info"]["margin"] = "0"
    assert read_ccxt(okx).account.positions[1].margin == Decimal("0.08")

    okx["positions"][1]["positionMargin"] = 0.0
    assert read_ccxt(okx).account.positions[1].margin == 0


def test_the_unified_total_of_a_currency(okx: Document) -> None:
    """It stands twice in ccxt's balance; either place will do."""
    del okx["balance"]["info"], okx["balance"]["USDT"]

    assert read_ccxt(okx).account.balances["USDT"] == Decimal("5160.64")


@pytest.mark.parametrize("info", [{"assets": [{"baseAsset": {"free": "1"}}]}, {"userAssets": [{"free": "1"}]}])
def test_margin_wallets_are_other_wallets(okx: Document, info: Document) -> None:
    """Borrowing wallets hold no cash of the futures account."""
    okx["balance"]["info"] = info

    assert refused(okx).startswith("balance: the answer of another wallet")


def test_what_is_given_of_an_instrument_stays(okx: Document) -> None:
    """A definition under the symbol keeps that name; a contract size in it goes before the answer's."""
    saved = unknown(okx, "PEPE2/USDT:USDT", "PEPE2-USDT-SWAP")
    saved["instruments"] = {"PEPE2/USDT:USDT": {"contract_value": "5", "taker_fee": "0.001"}}
    found = read_ccxt(saved).rulebook.instrument("PEPE2/USDT:USDT")
    assert [found.id, str(found.unit), str(found.taker_fee)] == ["PEPE2/USDT:USDT", "5", "0.001"]

    okx["positions"][0] |= {"symbol": "BTC/USDT:USDT", "contractSize": 0.001}
    okx["instruments"] = {"BTC/USDT:USDT": {"taker_fee": "0.002"}}
    found = read_ccxt(okx).rulebook.instrument("BTC-USDT-SWAP")
    assert [str(found.unit), str(found.taker_fee)] == ["0.001", "0.002"]


def test_a_venue_id_that_means_something_else_is_not_taken(okx: Document) -> None:
    """BTC-USDT is the spot pair: a contract with that id in its row goes by its symbol."""
    book = read_ccxt(unknown(okx, "PEPE2/USDT:USDT", "BTC-USDT"))

    assert book.rulebook.instrument("PEPE2/USDT:USDT").id == "PEPE2/USDT:USDT"
    assert book.rulebook.instrument("BTC-USDT").kind is Kind.MARGIN


def test_order_details(okx: Document) -> None:
    """The venue's id and leverage are kept; a price of 0 or less stands for the market."""
    first, second = read_ccxt(okx).account.orders
    assert [first.id, second.id] == ["312269865356374016", "431375349042380800"]

    okx["orders"][1] |= {"symbol": "BTC/USDT:USDT", "price": 0.5, "info": {"tdMode": "isolated", "lever": "7"}}
    order = read_ccxt(okx).account.orders[1]
    assert (order.price, order.leverage) == (Decimal("0.5"), Decimal(7))
    okx["orders"][1]["price"] = 0
    assert read_ccxt(okx).account.orders[1].price is None


def test_empty_wallets_are_not_listed(okx: Document) -> None:
    """A currency of which there is none is no balance, and no assumption."""
    okx["positions"], okx["orders"] = [], []
    okx["balance"]["info"]["data"][0]["details"][1]["cashBal"] = "0"
    book = read_ccxt(okx)

    assert list(book.account.balances) == ["USDT"]
    assert len(book.assumptions) == 1
