"""What the account file's door refuses, and in which words; what it assumes, and that it says so."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crossmargin.domain.account import MarginMode, OrderType, PositionMode, Side
from crossmargin.domain.instrument import ContractType
from crossmargin.errors import CrossMarginError, InputError, MissingDataError, PrecisionError
from crossmargin.formats.account_file import build_book, read_account
from crossmargin.margin.assess import assess

Save = Callable[[str, str], str]

Document = dict[str, Any]
TIERS = [{"maintenance_rate": "0.01", "up_to": "100"}, {"maintenance_rate": "0.02"}]
INVERSE = {
    "kind": "perpetual",
    "contract_type": "inverse",
    "base": "BTC",
    "quote": "USD",
    "settle": "BTC",
    "contract_value": "100",
    "lot_size": "1",
    "tiers": TIERS,
}


def refused(document: Document) -> str:
    """The line that the document is refused with, which has to be one line."""
    with pytest.raises(InputError) as caught:
        build_book(document, "book.toml")
    text = str(caught.value)
    assert text.startswith("book.toml: ")
    assert text.isprintable()
    return text.removeprefix("book.toml: ")


def position(document: Document, **changes: Any) -> Document:
    """The document with keys of its first position changed; None takes a key away."""
    return _changed(document, "positions", changes)


def order(document: Document, **changes: Any) -> Document:
    """The document with keys of its first order changed; None takes a key away."""
    return _changed(document, "orders", changes)


def _changed(document: Document, table: str, changes: Document) -> Document:
    return document | {table: [without_nones(document[table][0] | changes), *document[table][1:]]}


def without_nones(entry: Document) -> Document:
    """The entry without the keys that a test took away."""
    return {key: value for key, value in entry.items() if value is not None}


# ---------------------------------------------------------------- keys and their kinds

SHAPES: list[tuple[Callable[[Document], Document], str]] = [
    (lambda d: d | {"venue": None}, "venue: expected text, found null"),
    (lambda d: {"balances": {}}, "the key 'venue' is missing"),
    (lambda d: d | {"venue": "okex"}, "venue: 'okex': not known: choose one of binance, binance-coinm"),
    (lambda d: d | {"venue": "a\nb\x1b[2J"}, "venue: 'a\\nb\\x1b[2J': not known"),
    (lambda d: d | {"balancez": {}}, "unknown key 'balancez': did you mean balances?"),
    (lambda d: d | {"\u202e": 1}, "unknown key '\\u202e'"),
    (lambda d: d | {"account_mode": "cross"}, "account_mode: 'cross' is not one of single_currency, multi"),
    (lambda d: d | {"position_mode": 1}, "position_mode: "),
    (lambda d: d | {"as_of": "yesterday"}, "as_of: 'yesterday' is not a time: write 2026-09-01T00:00:00Z"),
    (lambda d: d | {"as_of": "2000-01-01"}, "as_of: 'textbook': 2000-01-01 lies before the first rules"),
    (lambda d: d | {"as_of": "0001-01-01T00:00:00+14:00"}, "as_of: '0001-01-01 00:00:00+14:00' lies outside"),
    (lambda d: d | {"balances": ["USDT"]}, "balances: expected a table of keys, found ['USDT']"),
    (lambda d: d | {"balances": {"US DT": "1"}}, "balances: 'US DT' is not a currency code"),
    (lambda d: d | {"balances": {"": "1"}}, "balances: '' is not a currency code"),
    (lambda d: d | {"balances": {"\uff35": "1"}}, "balances: '\uff35' is not a currency code"),
    (lambda d: d | {"balances": {"USDT": "1", "BTC": "NaN"}}, "balances.BTC: 'NaN' is not a number"),
    (lambda d: d | {"interest": {"USDT": "-1"}}, "interest.USDT: -1 is out of bounds"),
    (lambda d: d | {"liabilities": {"USDT": "1"}}, "liabilities: single-currency mode has none"),
    (lambda d: d | {"currencies": {"USDT": {"quantum": "0"}}}, "currencies.USDT.quantum: 0 is out of bounds"),
    (lambda d: d | {"currencies": {"USDT": {}}}, "currencies.USDT: the key 'quantum' is missing"),
    (
        lambda d: d | {"collateral": {"BTC": {"tiers": [{"up_to": "x"}]}}},
        "collateral.BTC.tiers[0].up_to: 'x'",
    ),
    (lambda d: d | {"positions": {"a": 1}}, "positions: expected a list, found {'a': 1}"),
    (lambda d: d | {"positions": ["x"]}, "positions[0]: expected a table of keys, found 'x'"),
    (lambda d: d | {"marks": {"BTC-USDT-SWAP": "0"}}, 'marks."BTC-USDT-SWAP": 0 is out of bounds'),
    (lambda d: d | {"rules": {"trigger": "=="}}, "rules.trigger: '==' is not one of <=, <"),
    (lambda d: d | {"rules": {"open_loss": "yes"}}, "rules.open_loss: expected true or false, found 'yes'"),
    (lambda d: d | {"rules": {"open_loss": 1}}, "rules.open_loss: expected true or false, found 1"),
    (lambda d: d | {"rules": {"warn_at": True}}, "rules.warn_at: true is not a number"),
    (lambda d: d | {"rules": {"warn_at": None}}, "rules.warn_at: null is not a number"),
    (lambda d: d | {"rules": {"warn_at": -3}}, "rules.warn_at: -3 is out of bounds"),
    (lambda d: d | {"rules": {"margin_modes": "cross"}}, "rules.margin_modes: expected a list, found 'cross'"),
    (lambda d: d | {"rules": {"margin_modes": ["both"]}}, "rules.margin_modes[0]: 'both' is not one of cross, "),
    (lambda d: d | {"rules": {"triggr": "<"}}, "rules: unknown key 'triggr': did you mean trigger?"),
    (
        lambda d: d | {"marks": {"BTC-USDT-SWAP": "1", "BTC/USDT:USDT": "2"}},
        'marks."BTC/USDT:USDT": a second price of BTC-USDT-SWAP',
    ),
]


@pytest.mark.parametrize(("change", "line"), SHAPES)
def test_wrong_shapes(plain: Document, change: Callable[[Document], Document], line: str) -> None:
    """A key that is unknown, missing or of the wrong kind is named with what would be right."""
    assert refused(change(plain)).startswith(line)


@pytest.mark.parametrize("document", [None, [], "text", 5, True, [["venue", "okx"]]])
def test_a_document_is_a_table(document: object) -> None:
    """Anything else is refused as a whole."""
    with pytest.raises(InputError, match=r"^book\.toml: expected a table of keys, found "):
        build_book(document, "book.toml")


# ---------------------------------------------------------------- positions

POSITIONS: list[tuple[Document, str]] = [
    ({"side": "lng"}, "positions[0].side: 'lng' is not one of long, short"),
    ({"side": None}, "positions[0]: the key 'side' is missing"),
    ({"instrument": 5}, "positions[0].instrument: expected text, found 5"),
    ({"instrument": "DOGE"}, 'positions[0].instrument: textbook: instrument "DOGE" is not known: define it'),
    ({"instrument": "a\nb"}, 'positions[0].instrument: textbook: instrument "a\\nb" is not known'),
    ({"entry_price": None}, "positions[0]: the key 'entry_price' is missing"),
    ({"entry_price": "0"}, "positions[0].entry_price: 0 is out of bounds: expected a number above zero"),
    ({"entry_price": "-1"}, "positions[0].entry_price: -1 is out of bounds"),
    ({"entry_prise": "1"}, "positions[0]: unknown key 'entry_prise': did you mean entry_price?"),
    ({"contracts": "-1"}, "positions[0].contracts: -1 is out of bounds: expected a number, zero or more"),
    ({"contracts": None}, "positions[0]: give exactly one of contracts, base_size, quote_size: found none"),
    (
        {"base_size": "1"},
        "positions[0]: give exactly one of contracts, base_size, quote_size: found contracts",
    ),
    ({"leverage": "0"}, "positions[0].leverage: 0 is out of bounds"),
    ({"margin_mode": "crossed"}, "positions[0].margin_mode: 'crossed' is not one of cross, isolated, cash"),
    ({"margin": "5"}, "positions[0].margin: only isolated positions have a margin of their own"),
    ({"margin": "-5", "margin_mode": "isolated"}, "positions[0].margin: -5 is out of bounds"),
    ({"assets": "5"}, "positions[0].assets: only spot-margin positions have it"),
    ({"liability_currency": "USDT"}, "positions[0].liability_currency: only spot-margin positions have it"),
    ({"fee": "free"}, "positions[0].fee: 'free' is not a number"),
]


@pytest.mark.parametrize(("changes", "line"), POSITIONS)
def test_wrong_positions(plain: Document, changes: Document, line: str) -> None:
    """Each names the position by its place in the file, and the key."""
    assert refused(position(plain, **changes)).startswith(line)


def test_one_way_mode_has_one_side(plain: Document) -> None:
    """Both legs of one instrument need hedge mode; hedge mode takes them."""
    plain["positions"].append(plain["positions"][0] | {"side": "short"})
    line = "positions: BTC-USDT-SWAP:short:cross and BTC-USDT-SWAP:long:cross contradict each other"

    assert refused(plain) == line
    book = build_book(plain | {"position_mode": "hedge"}, "book.toml")
    assert [each.side for each in book.account.positions] == [Side.LONG, Side.SHORT]
    assert book.account.position_mode is PositionMode.HEDGE


def test_a_position_stands_once(plain: Document) -> None:
    """The same position twice is a contradiction, in both modes and by either name."""
    plain["positions"].append(plain["positions"][0] | {"instrument": "BTC/USDT:USDT"})

    assert "contradict each other" in refused(plain)
    assert "contradict each other" in refused(plain | {"position_mode": "hedge"})


def test_cross_and_isolated_stand_side_by_side(plain: Document) -> None:
    """One instrument may have a cross and an isolated position, each with its leverage."""
    isolated = plain["positions"][0] | {"margin_mode": "isolated", "margin": "500", "leverage": "3"}
    plain["positions"].append(isolated)
    book = build_book(plain, "book.toml")

    assert [each.margin_mode for each in book.account.positions] == [MarginMode.CROSS, MarginMode.ISOLATED]
    assert [each.margin for each in book.account.positions] == [None, Decimal(500)]


def test_one_cross_leverage(plain: Document) -> None:
    """A live order at another leverage than its position contradicts it; a new order asks for one."""
    changed = order(plain, instrument="BTC-USDT-SWAP", leverage="5")

    assert refused(changed) == "leverage: BTC-USDT-SWAP has one cross leverage, found 10 and 5"
    assert build_book(order(changed, state="new"), "book.toml").account.orders[0].leverage == 5


def test_leverage_is_shared_or_assumed(plain: Document) -> None:
    """A missing leverage is that of the same instrument, else the venue's default, which is said."""
    book = build_book(order(plain, instrument="BTC/USDT:USDT", leverage=None), "book.toml")
    assert book.account.orders[0].leverage == 10
    assert not book.assumptions

    book = build_book(order(plain, leverage=None), "book.toml")
    assert book.account.orders[0].leverage == 1
    assert book.assumptions == ("orders[0].leverage = 1: none given, the rulebook's default",)


def test_zero_size_is_left_out_and_said(plain: Document) -> None:
    """A position of size 0 is none."""
    book = build_book(position(plain, contracts="0"), "book.toml")

    assert book.account.positions == ()
    assert book.assumptions == ("positions[0]: size 0, left out",)


def test_an_empty_account_is_an_account() -> None:
    """A venue is all that a file needs; nothing is assumed and nothing required."""
    book = build_book({"venue": "textbook"}, "book.toml")
    report = assess(book.account, book.marks, book.rulebook)

    assert (book.account.positions, book.account.orders, book.assumptions) == ((), (), ())
    assert report.status.value == "safe"


def test_sizes_in_coins_and_money(plain: Document) -> None:
    """Base and quote sizes become contracts exactly where they can, and a rounded lot is said where not."""
    linear = {"instruments": {"BTC-USDT-SWAP": {"contract_value": "0.01", "lot_size": "1"}}}
    for changes, contracts, noted in (
        ({"base_size": "0.5"}, "50", False),
        ({"quote_size": "45000"}, "50", False),
        ({"base_size": "0.509"}, "50.9", False),
        ({"quote_size": "45899"}, "50", True),
    ):
        book = build_book(position(plain | linear, contracts=None, **changes), "book.toml")
        key = next(iter(changes))
        note = f"positions[0].contracts = 50: {key} rounded down to the lot"
        assert book.account.positions[0].contracts == Decimal(contracts)
        assert book.assumptions == ((note,) if noted else ())


def test_inverse_sizes_are_mirrored(plain: Document) -> None:
    """An inverse contract's face is in quote currency, so the quote size needs no price."""
    inverse = plain | {"venue": "okx", "orders": [], "instruments": {"BTC-USD-SWAP": INVERSE}}
    for changes, contracts in (({"quote_size": "5000"}, 50), ({"base_size": "0.5"}, 450)):
        book = build_book(position(inverse, instrument="BTC-USD-SWAP", contracts=None, **changes), "book.toml")
        assert book.account.positions[0].contracts == contracts
        assert book.assumptions == ()


def test_a_money_size_needs_a_price(plain: Document) -> None:
    """A market order in quote currency cannot become contracts of a linear instrument."""
    changed = order(plain, type="market", price=None, contracts=None, quote_size="100")

    assert refused(changed) == "orders[0].quote_size: needs a price to become contracts: give contracts instead"


# ---------------------------------------------------------------- spot-margin positions

MARGIN = {
    "instrument": "BTC-USDT",
    "side": "long",
    "margin_mode": "cross",
    "assets": "1",
    "liability": "50000",
}
SPOT: list[tuple[Document, str]] = [
    ({"assets": None}, "positions[0]: a spot-margin position needs assets and liability"),
    ({"margin_mode": "cash"}, "positions[0].margin_mode: coins bought in cash are a balance"),
    ({"margin_currency": "ETH"}, "positions[0].margin_currency: expected BTC or USDT, found ETH"),
    ({"liability_currency": "BTC"}, "positions[0].liability_currency: a long borrows USDT, not BTC"),
    ({"available_assets": "2"}, "positions[0].available_assets: more than assets"),
    (
        {"contracts": "1", "base_size": "1"},
        "positions[0]: give exactly one of contracts, base_size, quote_size",
    ),
]


@pytest.mark.parametrize(("changes", "line"), SPOT)
def test_wrong_spot_margin_positions(changes: Document, line: str) -> None:
    """Coins, debt and their currencies have to fit the pair and the side."""
    entry = without_nones(MARGIN | changes)

    assert refused({"venue": "okx", "positions": [entry]}).startswith(line)


def test_a_spot_margin_position_is_read() -> None:
    """Its margin currency is the quote currency unless it says; a venue without margin pairs knows none."""
    found = build_book({"venue": "okx", "positions": [MARGIN]}, "book.toml").account.positions[0]

    assert (found.margin_currency, found.assets, found.liability) == ("USDT", Decimal(1), Decimal(50000))
    assert "is not known" in refused({"venue": "binance", "positions": [MARGIN]})


# ---------------------------------------------------------------- orders

ORDERS: list[tuple[Document, str]] = [
    ({"price": None}, "orders[0]: a limit order needs a price"),
    ({"price": None, "type": "post_only"}, "orders[0]: a post_only order needs a price"),
    ({"type": "market"}, "orders[0].price: a market order has no price"),
    ({"type": "trigger"}, "orders[0]: a trigger order needs a trigger_price"),
    ({"type": "stop"}, "orders[0].type: 'stop' is not one of limit, market, post_only, trigger"),
    ({"side": "long"}, "orders[0].side: 'long' is not one of buy, sell"),
    ({"state": "filled"}, "orders[0].state: 'filled' is not one of live, new"),
    ({"contracts": "0"}, "orders[0].contracts: an order of size 0 is none"),
    ({"filled": "3"}, "orders[0].filled: 3 filled of 2"),
    ({"filled": "-1"}, "orders[0].filled: -1 is out of bounds"),
    ({"position_side": "long"}, 'orders[0].position_side: only with position_mode = "hedge"'),
    ({"reduce_only": "yes"}, "orders[0].reduce_only: expected true or false, found 'yes'"),
    ({"margin_currency": "BTC"}, "orders[0].margin_currency: expected ETH or USDT"),
    ({"instrument": "ETH"}, 'orders[0].instrument: textbook: instrument "ETH" is not known'),
    ({"stop_loss": {"price": "1"}}, "orders[0].stop_loss: the key 'trigger_price' is missing"),
    ({"trailing": {}}, "orders[0].trailing: give exactly one of percent and distance"),
    ({"trailing": {"percent": "1", "distance": "1"}}, "orders[0].trailing: give exactly one of percent and"),
    (
        {"trailing": {"percent": "1", "on": "index"}},
        "orders[0].trailing.on: 'index' is not one of last, mark,",
    ),
    ({"time_in_force": "day"}, "orders[0].time_in_force: 'day' is not one of gtc, ioc, fok"),
]


@pytest.mark.parametrize(("changes", "line"), ORDERS)
def test_wrong_orders(plain: Document, changes: Document, line: str) -> None:
    """Each names the order by its place in the file, and the key."""
    assert refused(order(plain, **changes)).startswith(line)


def test_orders_say_what_they_do_not_write(plain: Document) -> None:
    """A trigger price makes a trigger order; the rest of a partly filled order is what is left of it."""
    found = build_book(order(plain, trigger_price="2950", filled="0.5"), "book.toml").account.orders[0]

    assert (found.type, found.remaining, found.id) == (OrderType.TRIGGER, Decimal("1.5"), "order-1")


@pytest.mark.parametrize("table", ["positions", "orders"])
def test_margin_modes_are_the_venue_s(plain: Document, table: str) -> None:
    """A mode that the venue does not offer is refused."""
    plain |= {"venue": "binance", "positions": [], "orders": []}
    side = {"positions": "long", "orders": "buy"}[table]
    entry = {"instrument": "BTCUSDT", "side": side, "margin_mode": "cash", "contracts": "1"}

    assert refused(plain | {table: [entry]}) == f"{table}[0].margin_mode: binance does not offer cash"


# ---------------------------------------------------------------- instruments and tiers

INSTRUMENTS: list[tuple[Document, str]] = [
    ({"kind": None, "base": None}, "instruments.BTCUSD_PERP: not known to textbook: kind, base missing"),
    ({"settle": "USD"}, "instruments.BTCUSD_PERP.settle: inverse contracts settle in BTC, not USD"),
    (
        {"contract_type": "linear"},
        "instruments.BTCUSD_PERP.settle: linear contracts settle in USD, not BTC",
    ),
    (
        {"contract_value_currency": "BTC"},
        "instruments.BTCUSD_PERP.contract_value_currency: expected USD, found BTC",
    ),
    ({"contract_value": "0"}, "instruments.BTCUSD_PERP.contract_value: 0 is out of bounds"),
    ({"expiry": "soon"}, "instruments.BTCUSD_PERP.expiry: 'soon' is not a time"),
    (
        {"tiers": [{"maintenance_rate": "0.01", "up_to": "5"}, {"maintenance_rate": "0.02", "up_to": "5"}]},
        "instruments.BTCUSD_PERP.tiers: row 1: up_to 5 is not above the tier before it",
    ),
    (
        {"tiers": [{"maintenance_rate": "0.01"}, {"maintenance_rate": "0.02", "up_to": "5"}]},
        "instruments.BTCUSD_PERP.tiers: row 0: only the last tier may be without up_to",
    ),
    (
        {"tiers": [{"maintenance_rate": "0.02", "up_to": "5"}, {"maintenance_rate": "0.01"}]},
        "instruments.BTCUSD_PERP.tiers: row 1: maintenance_rate 0.01 is below the tier before it",
    ),
    (
        {"tiers": [TIERS[0] | {"unit": "contracts"}, TIERS[1] | {"unit": "notional"}]},
        "instruments.BTCUSD_PERP.tiers: all tiers of one margin mode need the same unit",
    ),
    (
        {"tiers": [TIERS[0] | {"deduction": "0"}, TIERS[1] | {"deduction": "2"}]},
        "instruments.BTCUSD_PERP.tiers: row 1: deduction 2 makes the margin jump: 1.00 expected",
    ),
    (
        {"tiers": [{"up_to": "5"}]},
        "instruments.BTCUSD_PERP.tiers[0]: the key 'maintenance_rate' is missing",
    ),
    (
        {"tiers": [{"maintenance_rate": "-1"}]},
        "instruments.BTCUSD_PERP.tiers[0].maintenance_rate: -1 is out",
    ),
]


@pytest.mark.parametrize(("changes", "line"), INSTRUMENTS)
def test_wrong_instruments(plain: Document, changes: Document, line: str) -> None:
    """An instrument that cannot be, or tiers that cannot follow each other, are refused by name."""
    entry = without_nones(INVERSE | changes)

    assert refused(plain | {"instruments": {"BTCUSD_PERP": entry}}).startswith(line)


def test_instruments_are_defined_and_overridden(plain: Document) -> None:
    """A file defines what the rulebook lacks, and changes in part what it has, for itself alone."""
    entries = {"BTC-USD-SWAP": INVERSE, "BTC-USDT-SWAP": {"taker_fee": "0.001"}}
    rulebook = build_book(plain | {"instruments": entries}, "book.toml").rulebook
    table = rulebook.tier_table(rulebook.instrument("BTC-USD-SWAP"), MarginMode.CROSS)

    assert rulebook.instrument("BTC-USD-SWAP").contract_type is ContractType.INVERSE
    assert [tier.maintenance_rate for tier in table.tiers] == [Decimal("0.01"), Decimal("0.02")]
    assert rulebook.instrument("BTC/USDT:USDT").taker_fee == Decimal("0.001")
    assert build_book(plain, "book.toml").rulebook.instrument("BTC-USDT-SWAP").taker_fee == 0


def test_tiers_may_differ_between_margin_modes(plain: Document) -> None:
    """A tier that names a margin mode holds for that mode alone."""
    tiers = [
        {"maintenance_rate": "0.01", "margin_mode": "cross"},
        {"maintenance_rate": "0.03", "margin_mode": "isolated"},
    ]
    rulebook = build_book(plain | {"instruments": {"BTC-USDT-SWAP": {"tiers": tiers}}}, "book.toml").rulebook
    instrument = rulebook.instrument("BTC-USDT-SWAP")
    rates = [
        rulebook.tier_table(instrument, mode).tiers[0].maintenance_rate
        for mode in (MarginMode.CROSS, MarginMode.ISOLATED)
    ]

    assert rates == [Decimal("0.01"), Decimal("0.03")]


def test_missing_tiers_are_an_error_that_shows_how_to_give_them(plain: Document) -> None:
    """No rate is made up for an instrument whose tiers nobody gave."""
    okx = plain | {"venue": "okx", "orders": [], "marks": {"XYZ-USDT-SWAP": "1"}}
    unknown = {"kind": "perpetual", "base": "XYZ", "quote": "USDT", "settle": "USDT", "taker_fee": "0.0005"}
    book = build_book(
        position(okx | {"instruments": {"XYZ-USDT-SWAP": unknown}}, instrument="XYZ-USDT-SWAP"), "book.toml"
    )

    with pytest.raises(MissingDataError, match=r'\[instruments\."XYZ-USDT-SWAP"\] tiers = '):
        assess(book.account, book.marks, book.rulebook)


@pytest.mark.parametrize(
    ("written", "value", "said"),
    [
        ("open_loss = true", True, "true"),
        ('open_loss = "true"', True, "true"),
        ("open_loss = false", False, "false"),
        ("warn_at = 2", Decimal(2), "2"),
        ("warn_at = 2.5", Decimal("2.5"), "2.5"),
        ('warn_at = "2.5"', Decimal("2.5"), "2.5"),
        ('margin_modes = ["cross", "cash"]', ("cross", "cash"), "cross, cash"),
    ],
)
def test_rules_are_read_as_toml_gives_them(save: Save, written: str, value: object, said: str) -> None:
    """Booleans, numbers and lists, or text that says the same."""
    book = read_account(save("book.toml", f'venue = "textbook"\n[rules]\n{written}\n'))

    key = written.partition(" ")[0]
    assert getattr(book.rulebook.rules, key) == value
    assert book.assumptions == (f"rules.{key} = {said} (from the file)",)


def test_rules_replaced_in_the_file_are_said(plain: Document) -> None:
    """A changed rule holds for the file and is listed among the assumptions."""
    book = build_book(plain | {"rules": {"trigger": "<"}}, "book.toml")

    assert book.rulebook.rules.trigger == "<"
    assert book.assumptions == ("rules.trigger = < (from the file)",)


# ---------------------------------------------------------------- time and size


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2022-06-01", "2022-06-01"),
        ("2022-06-01T00:00:00+14:00", "2022-05-31"),
        ("2022-05-31T23:30:00-01:00", "2022-06-01"),
        ("2022-06-01 12:00", "2022-06-01"),
    ],
)
def test_the_rules_day_is_a_day_of_utc(plain: Document, text: str, day: str) -> None:
    """Whatever zone the writer lives in."""
    as_of = build_book(plain | {"as_of": text}, "book.toml").account.as_of

    assert as_of is not None
    assert as_of.date().isoformat() == day


def test_figures_too_long_to_be_exact_are_refused(plain: Document) -> None:
    """Numbers within their bounds whose product has more than 60 digits raise, and do not round."""
    long = "0.1234567890123456789012345678"
    changed = position(plain, contracts=None, quote_size=long, entry_price="123456789012345678." + "1" * 28)
    changed["instruments"] = {"BTC-USDT-SWAP": {"contract_value": long}}

    with pytest.raises(PrecisionError, match="more than 60 digits"):
        build_book(changed, "book.toml")


@pytest.mark.parametrize("ending", ["json", "toml", "yaml"])
def test_ten_thousand_positions_are_read_fast(tmp_path: Path, ending: str) -> None:
    """In seconds, whatever the format; a wrong last one is still named."""
    names = [f"C{index}-USDT-SWAP" for index in range(10_000)]
    entry = {"side": "long", "contracts": "1", "entry_price": "100", "leverage": "10"}
    positions = [entry | {"instrument": name} for name in names]
    path = tmp_path / f"account.{ending}"
    texts = {
        "json": lambda: json.dumps({"venue": "textbook", "positions": positions}),
        "yaml": lambda: "venue: textbook\npositions:\n" + "\n".join(f"- {json.dumps(p)}" for p in positions),
        "toml": lambda: (
            "venue = 'textbook'\n"
            + "\n".join(
                "[[positions]]\n" + "\n".join(f'{key} = "{value}"' for key, value in each.items()) for each in positions
            )
        ),
    }
    path.write_text(texts[ending](), encoding="utf-8")
    start = time.perf_counter()
    book = read_account(str(path))
    seconds = time.perf_counter() - start
    positions[-1]["side"] = "both"
    path.write_text(texts[ending](), encoding="utf-8")

    assert len(book.account.positions) == 10_000
    assert seconds < 20
    with pytest.raises(InputError, match=r"positions\[9999\]\.side: 'both' is not one of long, short$"):
        read_account(str(path))


def test_a_wrong_price_among_many_is_named_fast(plain: Document) -> None:
    """Finding the key that msgspec hides takes one pass."""
    plain["marks"] = {f"C{index}-USDT-SWAP": "1" for index in range(50_000)} | {"LAST-USDT-SWAP": "x"}
    start = time.perf_counter()

    assert refused(plain).startswith("marks.\"LAST-USDT-SWAP\": 'x' is not a number")
    assert time.perf_counter() - start < 10


# ---------------------------------------------------------------- files

FILES: list[tuple[str, str, str]] = [
    ("a.toml", "venue = ", "not valid TOML: "),
    ("a.toml", "venue = 'okx'\nvenue = 'okx'", "not valid TOML: Cannot overwrite a value"),
    ("a.toml", "x = " + "[" * 5000, "not valid TOML: "),
    ("a.json", '{"venue": "okx", "venue": "okx"}', "venue: the same key stands twice"),
    ("a.json", '{"venue": }', "not valid JSON: "),
    ("a.json", "[" * 100_000, "not valid JSON: "),
    ("a.json", '{"venue": "\\ud800"}', "not valid JSON: half of a surrogate pair is no character"),
    ("a.json", "", "not valid JSON: "),
    ("a.yaml", "venue: okx\nvenue: okx", "venue: the same key stands twice (line 2)"),
    ("a.yaml", "venue: [", "not valid YAML: "),
    ("a.yaml", "venue: &a okx\nbalances: *a", "anchors and aliases are not accepted (line 2)"),
    ("a.yaml", "venue: !!python/name:os.system x", "tags such as !!float are not accepted (line 1)"),
    ("a.yaml", "venue: " + "[" * 100_000, "nested more than 64 deep"),
    ("a.yml", "? [venue]\n: okx", "a key has to be text (line 1)"),
    (
        "a.yml",
        "positions:\n- fee: 1.5",
        "positions[0].fee: '1.5' would become a binary fraction: write it in",
    ),
    ("a.yml", "- okx", "expected a table of keys, found ['okx']"),
    ("a.yml", "", "expected a table of keys, found null"),
    ("a.yml", "as_of: 2026-13-45", "as_of: '2026-13-45' is not a time"),
    ("a.txt", "venue = 'okx'", "ending not known: expected .toml, .yaml, .yml or .json"),
]


@pytest.mark.parametrize(("name", "text", "line"), FILES)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, text: str, line: str) -> None:
    """One line with the file's name, for each format."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_account(str(path))

    assert str(caught.value).startswith(f"{path}: {line}")
    assert str(caught.value).isprintable()


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Latin-1 is not UTF-8; a byte order mark is no part of the text."""
    latin, marked = tmp_path / "latin.toml", tmp_path / "marked.toml"
    latin.write_bytes(b"venue = 'okx' # \xe9")
    marked.write_bytes(b"\xef\xbb\xbfvenue = 'okx'\r\n")
    with pytest.raises(InputError, match=r"latin\.toml: not UTF-8 text \(byte 16\)"):
        read_account(str(latin))

    assert read_account(str(marked)).rulebook.venue == "okx"


@pytest.mark.parametrize("name", ["absent.toml", "", "a\x00b.toml"])
def test_files_that_are_not_there(tmp_path: Path, name: str) -> None:
    """Absent, a folder, or no possible name: refused in one line."""
    with pytest.raises(CrossMarginError) as caught:
        read_account(str(tmp_path / name) if name else str(tmp_path))

    assert str(caught.value).isprintable()


def test_an_enormous_file_is_not_read(tmp_path: Path) -> None:
    """More than 64 MiB is no account; one that is just under is parsed."""
    path = tmp_path / "big.json"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    with pytest.raises(InputError, match="larger than 64 MiB"):
        read_account(str(path))


def test_many_keys_and_one_twice_is_found_fast(tmp_path: Path) -> None:
    """The time to find a duplicate key does not grow with the square of the keys."""
    keys = ", ".join(f'"K{index}": "1"' for index in range(200_000))
    path = tmp_path / "keys.json"
    path.write_text(f'{{"venue": "okx", "balances": {{{keys}, "K199999": "1"}}}}', encoding="utf-8")
    start = time.perf_counter()
    with pytest.raises(InputError, match="K199999: the same key stands twice"):
        read_account(str(path))

    assert time.perf_counter() - start < 10


def test_yaml_nests_to_a_limit(tmp_path: Path) -> None:
    """Sixty-four levels, which no account needs; what stands side by side is not deep."""
    path = tmp_path / "a.yaml"
    for depth, line in ((63, "expected text, found"), (64, "nested more than 64 deep")):
        path.write_text("venue: " + "[" * depth + "]" * depth, encoding="utf-8")
        with pytest.raises(InputError, match=line):
            read_account(str(path))

    path.write_text("venue: textbook\npositions: []\norders: []\n" + "interest: {}\n", encoding="utf-8")
    assert read_account(str(path)).account.positions == ()
    path.write_text("venue: textbook\nbetas:\n" + "".join(f"  C{i}: '1'\n" for i in range(200)), encoding="utf-8")
    assert len(read_account(str(path)).marks.betas) == 200
    wide = "".join(f"  C{i}: {{quantum: 1}}\n" for i in range(200))
    path.write_text("venue: textbook\ncurrencies:\n" + wide, encoding="utf-8")
    assert len(read_account(str(path)).account.quanta) == 200


@pytest.mark.parametrize("token", ["1_000", "0x10", "010", "1:30", "+5", "0b1"])
def test_yaml_integers_that_read_differently(tmp_path: Path, token: str) -> None:
    """1:30 is 90 to YAML and 010 is 8: even where a text is due, such a token has to be quoted."""
    path = tmp_path / "a.yaml"
    path.write_text(f"venue: {token}", encoding="utf-8")

    with pytest.raises(InputError) as caught:
        read_account(str(path))
    assert str(caught.value) == f"{path}: venue: '{token}' reads differently in YAML: write it in quotes (line 1)"


def test_each_hedge_leg_has_its_leverage(plain: Document) -> None:
    """One cross leverage a leg in hedge mode."""
    plain["positions"].append(plain["positions"][0] | {"side": "short", "leverage": "3"})
    book = build_book(plain | {"position_mode": "hedge"}, "book.toml")

    assert [each.leverage for each in book.account.positions] == [10, 3]


def test_a_spot_margin_position_without_entry_price_has_none() -> None:
    """Its value is its debt; an entry price is only shown. A size in coins needs no price."""
    found = build_book({"venue": "okx", "positions": [MARGIN | {"base_size": "1"}]}, "b").account.positions[0]

    assert [found.entry_price, found.contracts] == [0, 1]


def test_times_are_ordinary_datetimes(plain: Document) -> None:
    """An expiry, like the day of the rules, can be written by any encoder."""
    instruments = {"BTCUSD_PERP": INVERSE | {"kind": "future", "expiry": "2026-12-25T08:00:00Z"}}
    book = build_book(plain | {"as_of": "2026-09-01", "instruments": instruments}, "book.toml")
    expiry = book.rulebook.instrument("BTCUSD_PERP").expiry

    assert expiry == datetime(2026, 12, 25, 8, tzinfo=UTC)
    assert {type(expiry), type(book.account.as_of)} == {datetime}
