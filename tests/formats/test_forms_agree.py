"""One account in TOML, YAML, JSON and Python: four ways to the same Book."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from crossmargin.domain.account import (
    Account,
    AttachedStop,
    MarginMode,
    Order,
    OrderSide,
    OrderState,
    OrderType,
    Position,
    PositionMode,
    Side,
    TriggerBy,
)
from crossmargin.domain.marks import Marks
from crossmargin.formats.account_file import Book, parse_document, read_account
from crossmargin.rulebook import load

TOML = """
venue = "okx"
position_mode = "hedge"
as_of = 2026-09-01T12:00:00+02:00

[balances]
USDT = "20000.5"
BTC = "-0.1"

[interest]
USDT = 3

[currencies.USDT]
quantum = "0.01"

[[positions]]
instrument = "BTC-USDT-SWAP"
side = "long"
contracts = "100"
entry_price = "100000.1"
leverage = "10"
fee = "-12.5"

[[positions]]
instrument = "BTC/USDT:USDT"
side = "short"
base_size = "0.5"
entry_price = "101000"
leverage = "5"
margin_mode = "isolated"
margin = "10100"

[[orders]]
instrument = "ETH-USDT-SWAP"
side = "sell"
position_side = "long"
state = "new"
contracts = "10"
price = "2900"
leverage = "3"
reduce_only = true
id = "mine"
stop_loss = { trigger_price = "2800", trigger_by = "mark" }

[marks]
"BTC-USDT-SWAP" = "95000.00000000000000000001"

[fx]
USDT = "0.9997"
"""

YAML = """
venue: okx
position_mode: hedge
as_of: 2026-09-01T12:00:00+02:00
balances: {USDT: "20000.5", BTC: "-0.1"}
interest: {USDT: 3}
currencies: {USDT: {quantum: "0.01"}}
positions:
  - {instrument: BTC-USDT-SWAP, side: long, contracts: 100, entry_price: "100000.1", leverage: 10, fee: "-12.5"}
  - instrument: BTC/USDT:USDT
    side: short
    base_size: "0.5"
    entry_price: 101000
    leverage: "5"
    margin_mode: isolated
    margin: 10100
orders:
  - instrument: ETH-USDT-SWAP
    side: sell
    position_side: long
    state: new
    contracts: 10
    price: 2900
    leverage: 3
    reduce_only: true
    id: mine
    stop_loss: {trigger_price: 2800, trigger_by: mark}
marks: {BTC-USDT-SWAP: "95000.00000000000000000001"}
fx: {USDT: "0.9997"}
"""

JSON = """
{"venue": "okx", "position_mode": "hedge", "as_of": "2026-09-01T10:00:00Z",
 "balances": {"USDT": 20000.5, "BTC": -0.1}, "interest": {"USDT": 3.0},
 "currencies": {"USDT": {"quantum": 1e-2}},
 "positions": [
  {"instrument": "BTC-USDT-SWAP", "side": "long", "contracts": 100, "entry_price": 100000.1, "leverage": 1e1,
   "fee": -12.5, "margin": null},
  {"instrument": "BTC/USDT:USDT", "side": "short", "base_size": 0.5, "entry_price": 101000, "leverage": 5,
   "margin_mode": "isolated", "margin": 10100}],
 "orders": [{"instrument": "ETH-USDT-SWAP", "side": "sell", "position_side": "long", "state": "new",
   "contracts": 10, "price": 2900, "leverage": 3, "reduce_only": true, "id": "mine",
   "stop_loss": {"trigger_price": 2800, "trigger_by": "mark"}}],
 "marks": {"BTC-USDT-SWAP": 95000.00000000000000000001}, "fx": {"USDT": 0.9997}}
"""


def by_hand() -> Book:
    """The same account as a program would build it."""
    when = datetime(2026, 9, 1, 10, tzinfo=UTC)
    account = Account(
        balances={"USDT": Decimal("20000.5"), "BTC": Decimal("-0.1")},
        interest={"USDT": Decimal(3)},
        quanta={"USDT": Decimal("0.01")},
        position_mode=PositionMode.HEDGE,
        as_of=when,
        positions=(
            Position(
                instrument="BTC-USDT-SWAP",
                side=Side.LONG,
                contracts=Decimal(100),
                entry_price=Decimal("100000.1"),
                leverage=Decimal(10),
                fee=Decimal("-12.5"),
            ),
            Position(
                instrument="BTC-USDT-SWAP",
                side=Side.SHORT,
                margin_mode=MarginMode.ISOLATED,
                contracts=Decimal(50),
                entry_price=Decimal(101000),
                leverage=Decimal(5),
                margin=Decimal(10100),
            ),
        ),
        orders=(
            Order(
                instrument="ETH-USDT-SWAP",
                side=OrderSide.SELL,
                position_side=Side.LONG,
                state=OrderState.NEW,
                type=OrderType.LIMIT,
                contracts=Decimal(10),
                price=Decimal(2900),
                leverage=Decimal(3),
                reduce_only=True,
                id="mine",
                stop_loss=AttachedStop(trigger_price=Decimal(2800), trigger_by=TriggerBy.MARK),
            ),
        ),
    )
    marks = Marks(mark={"BTC-USDT-SWAP": Decimal("95000.00000000000000000001")}, fx={"USDT": Decimal("0.9997")})
    return Book(account=account, marks=marks, rulebook=load("okx", when.date()))


@pytest.mark.parametrize(("ending", "text"), [("toml", TOML), ("yaml", YAML), ("yml", YAML), ("json", JSON)])
def test_every_form_gives_the_same_book(tmp_path: Path, ending: str, text: str) -> None:
    """Whatever the file's form, the Book equals the one that is built by hand."""
    path = tmp_path / f"account.{ending}"
    path.write_text(text, encoding="utf-8")

    assert read_account(str(path)) == by_hand()


def test_amounts_are_plain_decimals(tmp_path: Path) -> None:
    """Nothing of the door's own types is left in the Book, so that it equals itself after a journey."""
    path = tmp_path / "account.json"
    path.write_text(JSON, encoding="utf-8")
    book = read_account(str(path))
    found = [*book.account.balances.values(), *book.marks.mark.values(), book.account.positions[0].fee]

    assert {type(each) for each in found} == {Decimal}
    assert msgspec.convert(msgspec.to_builtins(book.account), Account) == book.account


@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_the_example_says_the_same_in_every_form(tmp_path: Path, ending: str) -> None:
    """The shipped example, written again as JSON (which is YAML too), gives the same Book."""
    example = Path(__file__).parents[2] / "examples" / "day-trader.toml"
    path = tmp_path / f"account.{ending}"
    path.write_text(json.dumps(parse_document(str(example))), encoding="utf-8")

    assert read_account(str(path)) == read_account(str(example))
