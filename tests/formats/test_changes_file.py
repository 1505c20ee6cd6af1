"""What the door of change files refuses, and in which words."""

from typing import Any

import pytest

from crossmargin.errors import InputError
from crossmargin.formats.account_file import build_book
from crossmargin.formats.changes_file import build_changes
from crossmargin.margin.what_if import what_if
from crossmargin.rulebook import load

Document = dict[str, Any]
ORDER = {"kind": "order", "instrument": "BTC-USDT-SWAP", "side": "buy", "contracts": "1", "price": "95000"}
FILL = {**ORDER, "kind": "fill"}
STOP = {"kind": "stop", "instrument": "BTC-USDT-SWAP", "side": "long", "trigger_price": "90000"}
INTEREST = {"kind": "interest", "instrument": "BTC-USDT-SWAP", "side": "long", "hourly_rate": "0.00001", "hours": "1"}
HEDGE = {"kind": "position_mode", "position_mode": "hedge"}


def refused(account: Document, *changes: Document) -> str:
    """The line that a file of changes is refused with."""
    book = build_book(account, "book.toml")
    with pytest.raises(InputError) as caught:
        build_changes({"changes": list(changes)}, "changes.toml", book.rulebook, book)
    text = str(caught.value)
    assert text.isprintable()
    return text.removeprefix("changes.toml: ")


WRONG: list[tuple[Document, str]] = [
    ({"kind": "ordr"}, "changes[0].kind: 'ordr' is not one of order, fill, close, "),
    ({"kind": 5}, "changes[0].kind: expected text, found 5"),
    ({"instrument": "BTC-USDT-SWAP"}, "changes[0]: the key 'kind' is missing"),
    ({"kind": "deposit", "currency": "USDT", "amount": "-5"}, "changes[0].amount: -5 is out of bounds"),
    ({"kind": "deposit", "currency": "USDT", "amnt": "5"}, "changes[0]: unknown key 'amnt': did you mean amount?"),
    ({"kind": "deposit", "currency": "USDT"}, "changes[0]: the key 'amount' is missing"),
    ({**ORDER, "side": "long"}, "changes[0].side: 'long' is not one of buy, sell"),
    ({"kind": "transfer", "currency": "USDT", "amount": "1", "direction": "up"}, "changes[0].direction: 'up' is not"),
    ({"kind": "price", "marks": {"BTC-USDT-SWAP": "0"}}, 'changes[0].marks."BTC-USDT-SWAP": 0 is out of bounds'),
    ({"kind": "price", "marks": {"X": "1"}}, 'changes[0].marks.X: textbook: instrument "X" is not known'),
    ({"kind": "price"}, "changes[0]: a price change needs marks or moves"),
    ({"kind": "price", "moves": {"DOGE": "0.1"}}, "changes[0].moves.DOGE: no instrument with a mark moves with it: "),
    ({"kind": "price", "moves": {"BTC": "-1"}}, "changes[0].moves.BTC: a move of -1 leaves no price of BTC"),
    ({**ORDER, "type": "market"}, "changes[0].price: a market order has no price"),
    ({**ORDER, "price": None}, "changes[0]: a limit order needs a price"),
    ({**ORDER, "price": None, "type": "post_only"}, "changes[0]: a post_only order needs a price"),
    ({**ORDER, "position_side": "long"}, 'changes[0].position_side: only with position_mode = "hedge"'),
    ({**FILL, "position_side": "long"}, 'changes[0].position_side: only with position_mode = "hedge"'),
    ({**ORDER, "margin_mode": "cash"}, "changes[0].margin_mode: "),
    ({**ORDER, "margin_currency": "ETH"}, "changes[0].margin_currency: expected BTC or USDT, found ETH"),
    ({**STOP, "margin_mode": "cash"}, "changes[0].margin_mode: "),
    ({**STOP, "slippage": "1"}, "changes[0].slippage: 1 leaves no price"),
    (INTEREST, "changes[0].instrument: only spot-margin pays interest, BTC-USDT-SWAP borrows nothing"),
    ({"kind": "withdrawal", "currency": "US DT", "amount": "1"}, "changes[0].currency: 'US DT' is not a currency code"),
    ({"kind": "withdrawal", "currency": "", "amount": "1"}, "changes[0].currency: '' is not a currency code"),
    ({"kind": "funding", "rates": {"X-Y": "0.1"}}, 'changes[0].rates."X-Y": textbook: instrument "X-Y" is not known'),
]


@pytest.mark.parametrize(("change", "line"), WRONG)
def test_a_wrong_change_is_one_line(plain: Document, change: Document, line: str) -> None:
    """That names the change and its key."""
    given = {key: value for key, value in change.items() if value is not None}

    assert refused(plain, given).startswith(line)


def test_cash_is_for_coins(plain: Document) -> None:
    """Under rules that offer cash: a swap has none, and a position is cross or isolated."""
    account = plain | {"venue": "okx"}

    assert refused(account, {**ORDER, "margin_mode": "cash"}).endswith("BTC-USDT-SWAP is a contract")
    assert refused(account, {**STOP, "margin_mode": "cash"}).startswith("changes[0].margin_mode: a position is cross")
    book = build_book(account, "book.toml")
    coins = {**ORDER, "instrument": "BTC-USDT", "margin_mode": "cash"}
    assert build_changes({"changes": [coins]}, "changes.toml", book.rulebook, book)


def test_checks_follow_the_list(plain: Document) -> None:
    """After a switch to hedge mode a position side is right, after a new mark its coin moves."""
    book = build_book(plain, "book.toml")
    marked = {"kind": "price", "marks": {"XRP-USDT-SWAP": "2"}}
    changes = [HEDGE, {**ORDER, "position_side": "long"}, marked, {"kind": "price", "moves": {"XRP": "0.1"}}]

    assert len(build_changes({"changes": changes}, "changes.toml", book.rulebook, book)) == 4


def test_without_an_account_its_mode_is_not_asked() -> None:
    """The file alone is checked where no account is at hand."""
    changes = [{**ORDER, "position_side": "long"}, {"kind": "price", "moves": {"DOGE": "0.1"}}]

    assert build_changes({"changes": changes}, "changes.toml", load("textbook"))


@pytest.mark.parametrize(
    ("leverage", "held", "answer"),
    [
        ("20", "10", "leverage in use: needs 20x, has 10x (change the instrument's leverage first)"),
        ("10", "10", None),
        (None, "10", None),
        ("20", None, None),
    ],
)
def test_an_order_has_the_leverage_of_its_instrument(
    plain: Document, leverage: str | None, held: str | None, answer: str | None
) -> None:
    """An instrument has one cross leverage; an order with another is refused, one without takes it."""
    position = {**plain["positions"][0], "leverage": held}
    account = plain | {"balances": {"USDT": "1000000"}, "positions": [position] if held else []}
    book = build_book(account, "book.toml")
    order = ORDER if leverage is None else {**ORDER, "leverage": leverage}
    changes = build_changes({"changes": [order]}, "changes.toml", book.rulebook, book)

    found = what_if(book.account, book.marks, book.rulebook, changes)

    refusal = found.steps[0].refusal
    assert (None if refusal is None else str(refusal)) == answer
    if refusal is None:
        assert found.after.account.orders[-1].leverage == int(leverage or held or 1)
