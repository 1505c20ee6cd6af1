"""Small words for accounts written by hand: `long("BTC", 1, at=50_000)`, `account(10_000, ...)`, `fate(...)`."""

from decimal import Decimal
from typing import Any, TypeVar

from msgspec.structs import replace

from crossmargin.domain.account import Account, MarginMode, Order, OrderSide, Position, Side
from crossmargin.domain.instrument import ContractType, Instrument, Kind, OptionType
from crossmargin.domain.marks import Marks
from crossmargin.domain.refusal import Refusal
from crossmargin.margin import changes as ask
from crossmargin.margin.apply import Situation, apply_change
from crossmargin.margin.assess import Assessment, assess
from crossmargin.rulebook import load
from crossmargin.rulebook.model import Rulebook, TierKey
from crossmargin.rulebook.tiers import Tier, TierTable

Number = str | int | Decimal
Some = TypeVar("Some")

TEXTBOOK = load("textbook")
OKX = load("okx")
BINANCE = load("binance")


def d(number: Number) -> Decimal:
    """A decimal."""
    return Decimal(number)


def held(coin: str, size: Number, at: Number, side: Side, leverage: Number = 10, **more: Any) -> Position:
    """A position in a coin's USDT perpetual; a name with a dash is an instrument id."""
    name = coin if "-" in coin else f"{coin}-USDT-SWAP"
    margin = more.pop("margin", None)
    return Position(
        instrument=name,
        side=side,
        contracts=d(size),
        entry_price=d(at),
        leverage=d(leverage),
        margin=None if margin is None else d(margin),
        **more,
    )


def long(coin: str, size: Number, at: Number, leverage: Number = 10, **more: Any) -> Position:
    """A long position."""
    return held(coin, size, at, Side.LONG, leverage, **more)


def short(coin: str, size: Number, at: Number, leverage: Number = 10, **more: Any) -> Position:
    """A short position."""
    return held(coin, size, at, Side.SHORT, leverage, **more)


def isolated(position: Position, margin: Number | None = None) -> Position:
    """The same position, isolated."""
    return replace(position, margin_mode=MarginMode.ISOLATED, margin=None if margin is None else d(margin))


def order(coin: str, side: str, size: Number, at: Number | None, leverage: Number = 10, **more: Any) -> Order:
    """A live order in a coin's USDT perpetual."""
    name = coin if "-" in coin else f"{coin}-USDT-SWAP"
    price = None if at is None else d(at)
    return Order(instrument=name, side=OrderSide(side), contracts=d(size), price=price, leverage=d(leverage), **more)


def account(cash: Number | dict[str, Number], *holdings: Position | Order, **more: Any) -> Account:
    """An account with cash in USDT, or in the currencies given."""
    balances = cash if isinstance(cash, dict) else {"USDT": cash}
    return Account(
        balances={currency: d(amount) for currency, amount in balances.items()},
        positions=tuple(each for each in holdings if isinstance(each, Position)),
        orders=tuple(each for each in holdings if isinstance(each, Order)),
        **more,
    )


def marks(**prices: Number) -> Marks:
    """Marks of USDT perpetuals by coin; a name with underscores is an instrument id with dashes."""
    return Marks(
        mark={
            name.replace("_", "-") if "_" in name else f"{name}-USDT-SWAP": d(price) for name, price in prices.items()
        }
    )


def judged(book: Account, prices: Marks, rulebook: Rulebook = TEXTBOOK) -> Assessment:
    """The account assessed, lines kept."""
    return assess(book, prices, rulebook, lines=True)


def after(book: Account, prices: Marks, *changes: ask.Change, rulebook: Rulebook = TEXTBOOK) -> Situation:
    """The situation after changes that are all accepted."""
    situation = Situation(account=book, marks=prices, rulebook=rulebook)
    for change in changes:
        outcome = apply_change(situation, change)
        assert not isinstance(outcome, Refusal), outcome
        situation = outcome[0]
    return situation


def refused(book: Account, prices: Marks, change: ask.Change, rulebook: Rulebook = TEXTBOOK) -> Refusal:
    """The refusal of a change."""
    outcome = apply_change(Situation(account=book, marks=prices, rulebook=rulebook), change)
    assert isinstance(outcome, Refusal), "it was accepted"
    return outcome


def tiered(*rows: tuple[Number | None, Number, Number], unit: str = "notional", **table: Any) -> TierTable:
    """Tiers from rows of bound, maintenance rate and largest leverage."""
    return TierTable(
        tiers=tuple(
            Tier(up_to=None if bound is None else d(bound), maintenance_rate=d(rate), max_leverage=d(most))
            for bound, rate, most in rows
        ),
        unit=unit,
        **table,
    )


def with_tiers(rulebook: Rulebook, name: str, table: TierTable) -> Rulebook:
    """The rulebook with tiers of one instrument given, as an account file gives them."""
    kind = rulebook.instrument(name).kind
    found: dict[TierKey, TierTable] = {(str(kind), name, mode): table for mode in MarginMode}
    return rulebook.with_instruments((), found)


INVERSE = Instrument(
    id="BTC-USD-SWAP",
    kind=Kind.PERPETUAL,
    base="BTC",
    quote="USD",
    settle="BTC",
    contract_type=ContractType.INVERSE,
    contract_value=d(100),
    family="BTC-USD",
    taker_fee=d(0),
    lot_size=d(1),
)
WITH_INVERSE = with_tiers(TEXTBOOK.with_instruments([INVERSE]), INVERSE.id, tiered((None, "0.005", 100)))
CALL = Instrument(
    id="BTC-110000-C",
    kind=Kind.OPTION,
    base="BTC",
    quote="USD",
    settle="BTC",
    family="BTC-USD",
    contract_value=d("0.01"),
    option_type=OptionType.CALL,
    strike=d(110_000),
    taker_fee=d("0.0003"),
    lot_size=d(1),
)
PUT = replace(CALL, id="BTC-98000-P", option_type=OptionType.PUT, strike=d(98_000))
PAIR = with_tiers(OKX, "BTC-USDT", tiered((None, "0.03", 10), unit="borrowed"))
