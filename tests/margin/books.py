"""Accounts drawn at random, with tiers whose bounds they really meet.

A *house* is a rulebook and the instruments that accounts are drawn on: the venue's own, with the venue's own tiers, or
one small market of our own whose tiers are drawn in the scheme and unit that the rulebook prescribes. Where the account
is one pool, the slices of collateral and the loan tiers are drawn too. A new venue is one more line in `HOUSES`.

Sizes are quarters of a tier bound, prices have few digits, so that a size lies exactly on a bound, just below or just
above it, far more often than chance would have it.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from crossmargin.domain.account import (
    Account,
    AccountMode,
    MarginMode,
    Order,
    OrderSide,
    Position,
    PositionMode,
    Side,
)
from crossmargin.domain.arithmetic import ONE, ZERO, floor_to, quotient
from crossmargin.domain.instrument import ContractType, Instrument, Kind, OptionType
from crossmargin.domain.marks import Marks
from crossmargin.margin.assess import Assessment, assess
from crossmargin.margin.moved import moved
from crossmargin.margin.pool import Pool, Status
from crossmargin.rulebook import load
from crossmargin.rulebook.collateral import Collateral, Slice
from crossmargin.rulebook.model import Rulebook, TierKey
from crossmargin.rulebook.tiers import Tier, TierTable, deductions

LINEAR, INVERSE, SPOT_MARGIN, OPTIONS = "linear", "inverse", "spot-margin", "options"
PAID_IN_QUOTE = "options paid in quote"
PRICES = tuple(Decimal(price) for price in (50, 80, 100, 125, 160, 200, 250, 400))
LEVERAGES = tuple(Decimal(leverage) for leverage in (1, 3, 5, 10, 20))
RATES = tuple(Decimal(rate) for rate in ("0.004", "0.01", "0.025", "0.04", "0.1", "0.2"))
INTEREST = tuple(Decimal(number) for number in (0, 1000, 2500, 3000, 9000))
TETHER = Decimal("0.9997")
LOT = Decimal("0.0001")
NO_BOUND = Decimal(10_000)
HALF = Decimal("0.5")
DISCOUNTS = tuple(Decimal(rate) for rate in ("1", "0.975", "0.8", "0.5"))
COINS = ("BTC", "ETH")
SHORT = Context(prec=20)  # moves of 20 digits leave room for exact products, and are far finer than a tick
BOTH_MODES = (MarginMode.CROSS, MarginMode.ISOLATED)


def contract(name: str, base: str, unit: str, kind: Kind = Kind.PERPETUAL, **more: Any) -> Instrument:
    """A contract of our own market: linear in USDT, or inverse against USD."""
    inverse = more.get("contract_type") == ContractType.INVERSE
    quote = "USD" if inverse else "USDT"
    return Instrument(
        id=name,
        kind=kind,
        base=base,
        quote=quote,
        settle=base if inverse else quote,
        family=f"{base}-{quote}",
        contract_value=Decimal(unit),
        taker_fee=Decimal("0.0005"),
        lot_size=LOT,
        **more,
    )


PERPETUAL = contract("BTC-USDT-P", "BTC", "0.1")
QUARTER = contract("BTC-USDT-Q", "BTC", "0.1", Kind.FUTURE)
NEXT_QUARTER = contract("BTC-USDT-N", "BTC", "0.1", Kind.FUTURE)
OTHER_COIN = contract("ETH-USDT-P", "ETH", "2")
INVERSE_PERPETUAL = contract("BTC-USD-P", "BTC", "100", contract_type=ContractType.INVERSE)
INVERSE_QUARTER = contract("BTC-USD-Q", "BTC", "100", Kind.FUTURE, contract_type=ContractType.INVERSE)
PAIR = Instrument(
    id="BTC-USDT",
    kind=Kind.MARGIN,
    base="BTC",
    quote="USDT",
    settle="USDT",
    family="BTC-USDT",
    taker_fee=Decimal("0.001"),
    lot_size=LOT,
)
CALL = Instrument(
    id="BTC-CALL",
    kind=Kind.OPTION,
    base="BTC",
    quote="USD",
    settle="BTC",
    family="BTC-USD",
    contract_value=Decimal("0.1"),
    option_type=OptionType.CALL,
    strike=Decimal(120),
    taker_fee=Decimal("0.0003"),
    lot_size=ONE,
)
PUT = replace(CALL, id="BTC-PUT", option_type=OptionType.PUT, strike=Decimal(90))
QUOTED_CALL = replace(CALL, id="BTC-USDT-CALL", quote="USDT", settle="USDT", family="BTC-USDT")
QUOTED_PUT = replace(PUT, id="BTC-USDT-PUT", quote="USDT", settle="USDT", family="BTC-USDT")
MARKET = {
    LINEAR: (PERPETUAL, QUARTER, NEXT_QUARTER, OTHER_COIN),
    INVERSE: (INVERSE_PERPETUAL, INVERSE_QUARTER),
    SPOT_MARGIN: (PAIR,),
    OPTIONS: (CALL, PUT),
    PAID_IN_QUOTE: (QUOTED_CALL, QUOTED_PUT),
}


@dataclass(frozen=True)
class House:
    """A rulebook, what is traded under it, and whether that is the venue's own or our small market.

    Attributes:
        name: Name of the case in a test's output.
        venue: Rulebook to load.
        products: Parts of our market, or what the venue's own instruments are.
        own: Ids of the venue's own instruments; empty means our market.
        rules: Rules changed for this case.
        mode: Account mode, where the venue has a rulebook for each.
    """

    name: str
    venue: str
    products: tuple[str, ...]
    own: tuple[str, ...] = ()
    rules: dict[str, Any] = field(default_factory=dict)
    mode: AccountMode | None = None

    def __str__(self) -> str:
        return self.name

    def only(self, *products: str) -> "House":
        """The same house with fewer products; the venue's own instruments stay."""
        kept = tuple(each for each in self.products if each in products)
        return dataclasses.replace(self, products=kept)


EVERYTHING = (LINEAR, INVERSE, SPOT_MARGIN)
HOUSES = (
    House("textbook", "textbook", EVERYTHING),
    House("textbook-entry", "textbook-entry", EVERYTHING),
    House("shared-tiers", "textbook", EVERYTHING, rules={"tier_group": "family", "trigger": "<"}),
    House("okx", "okx", (*EVERYTHING, OPTIONS)),
    House("okx-own", "okx", (LINEAR,), own=("BTC-USDT-SWAP", "ETH-USDT-SWAP")),
    House("okx-account", "okx", (*EVERYTHING, OPTIONS), mode=AccountMode.MULTI_CURRENCY),
    House("binance", "binance", (LINEAR,)),
    House("binance-own", "binance", (LINEAR,), own=("BTCUSDT", "ETHUSDT")),
    House("binance-account", "binance", (LINEAR,), mode=AccountMode.MULTI_CURRENCY),
    House("coinm", "binance-coinm", (INVERSE,)),
    House("coinm-own", "binance-coinm", (INVERSE,), own=("BTCUSD_PERP",)),
    House("bybit", "bybit", (LINEAR, INVERSE, PAID_IN_QUOTE)),
    House("hyperliquid", "hyperliquid", (LINEAR,)),
    House("hyperliquid-own", "hyperliquid", (LINEAR,), own=("BTC", "ETH")),
    House("deribit", "deribit", (LINEAR, INVERSE, OPTIONS)),
    House("dydx", "dydx", (LINEAR,)),
)


@cache
def rulebook_of(venue: str, mode: AccountMode | None) -> Rulebook:
    """A rulebook, read once."""
    return load(venue, account_mode=mode)


@dataclass(frozen=True, repr=False)
class Book:
    """An account with its prices and rules."""

    account: Account
    marks: Marks
    rulebook: Rulebook

    def __repr__(self) -> str:
        """Only what differs from an empty account, and the tiers that matter: a failing example is meant to be read."""
        account = self.account
        held: list[Position | Order] = [*account.positions, *account.orders]
        said = [f"{account.position_mode} at {self.rulebook.venue}, balances {account.balances}"]
        for each in held:
            set_to = {name: getattr(each, name) for name in each.__struct_fields__}
            said.append(str({name: str(value) for name, value in set_to.items() if value}))
        for name in dict.fromkeys(each.instrument for each in held):
            said.append(f"{name} at {self.marks.mark_of(name)}")
            instrument = self.rulebook.instrument(name)
            if instrument.kind is not Kind.OPTION:
                table = self.rulebook.tier_table(instrument, MarginMode.CROSS)
                rows = [(str(row.up_to), str(row.maintenance_rate)) for row in table.tiers]
                said.append(f"    unit {instrument.unit}, tiers by {table.unit}: {rows}")
        for name, curve in self.rulebook.collateral.items():
            if account.balance(name):
                slices = [(str(each.up_to), str(each.rate)) for each in curve.slices]
                said.append(f"{name} counts {slices}, buffers {curve.bid_buffer} and {curve.ask_buffer}")
        return "\n  ".join(said)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ANN401
        printer.text(repr(self))

    def assess(self, *, lines: bool = False) -> Assessment:
        """Assess it."""
        return assess(self.account, self.marks, self.rulebook, lines=lines)

    def with_account(self, **changes: Any) -> "Book":
        """The same book with parts of the account changed."""
        return Book(replace(self.account, **changes), self.marks, self.rulebook)

    def with_marks(self, prices: Mapping[str, Decimal], **more: Any) -> "Book":
        """The same book at other prices."""
        marks = replace(self.marks, mark={**self.marks.mark, **prices}, **more)
        return Book(self.account, marks, self.rulebook)

    def moved(self, moves: Mapping[str, Decimal]) -> "Book":
        """The same book where each coin moved by a fraction: its instruments and its price in USD.

        Options stay: their marks are no function of the coin's price here.
        """
        after = moved(self.marks, self.rulebook, moves)
        options = {
            name: price for name, price in self.marks.mark.items() if self.rulebook.instrument(name).kind is Kind.OPTION
        }
        return Book(self.account, replace(after, mark={**after.mark, **options}), self.rulebook)

    def at(self, underlying: str, price: Decimal, of: str) -> "Book":
        """The same book where an instrument stands at a price and all of its coin moved by the same factor."""
        return self.moved({underlying: SHORT.plus(quotient(price, self.marks.mark[of]) - ONE)})


def liquidated(pool: Pool) -> bool:
    """The verdict of an assessment on one pool."""
    return pool.status is Status.LIQUIDATION


def money_of(book: Book) -> str:
    """Currency in which the first position of a linear book is paid."""
    return book.rulebook.instrument(book.account.positions[0].instrument).settle


def stands(pool: Pool, rulebook: Rulebook, *, in_liquidation: bool) -> bool:
    """Whether the verdict on a pool is the one expected.

    Liquidation prices solve requirements before they are rounded up; where a rulebook rounds them, both verdicts fit
    an amount within what rounding adds: less than a step for the initial margin and one for the maintenance of a leg.
    """
    added = 2 * len(pool.legs) * (rulebook.rules.requirement_step or ZERO)
    return liquidated(pool) is in_liquidation or abs(pool.risk.available - pool.risk.required) < added


def pool_again(book: Book, position: Position) -> Pool:
    """The pool of a position in a fresh assessment of a book that holds it."""
    return book.assess().pool_of(position)


# ---------------------------------------------------------------- tiers and prices


@cache
def menu(scheme: str, unit: str, inclusive: bool, initial: str) -> tuple[TierTable, ...]:
    """Sixty tables of one to four tiers with rising rates; drawing one of them is cheap, and shrinks to few tiers.

    Where initial margin goes by the tier, its rate is twice the maintenance rate, which may then be given as a fraction
    of it; rates that grow with open interest and with the size of the position have what they grow by.
    """
    random = Random(2019)
    coins = unit in ("contracts", "coins", "base")
    step = Decimal(10) if coins else Decimal(1000)
    counted = "notional" if unit == "coins" else unit
    found = []
    for number in range(60):
        count = 1 + number // 15
        bounds = sorted(step * random.randint(1, 40) for _ in range(count))
        bounds = [bound + step * index for index, bound in enumerate(bounds)]
        first = random.randint(0, 2)
        rates = RATES[first : first + count]
        taken_off = deductions([ZERO, *bounds[:-1]], rates) if scheme == "marginal" else (ZERO,) * count
        slope = Decimal(random.choice(("0", "0.00005", "0.001"))) if initial == "rate" else ZERO
        grows = initial == "rate_by_open_interest" and number % 2
        rows = zip(rates, bounds, LEVERAGES[::-1], taken_off, strict=False)
        tiers = tuple(
            Tier(
                maintenance_rate=HALF if scheme == "of_initial" else rate,
                up_to=bound,
                max_leverage=most,
                deduction=off,
                initial_rate=None if initial == "leverage" else rate * 2,
                slope=slope,
                open_interest_low=Decimal(1000) if grows else None,
                open_interest_high=Decimal(3000) if grows else None,
            )
            for rate, bound, most, off in rows
        )
        found.append(TierTable(tiers=tiers, unit=counted, scheme=scheme, inclusive=inclusive))
    return tuple(found)


def tables(rulebook: Rulebook, unit: str) -> st.SearchStrategy[TierTable]:
    """Tiers in the rulebook's scheme."""
    rules = rulebook.rules
    return st.sampled_from(menu(rules.tier_scheme, unit, rules.tier_bound == "inclusive", rules.initial_margin))


@cache
def curves(step: Decimal) -> tuple[Collateral, ...]:
    """Thirty ways in which a currency may count: one to three slices at falling rates, buffers, or not at all."""
    random = Random(1933)
    found = []
    for number in range(30):
        count = 1 + number // 10
        bounds: list[Decimal | None] = [*sorted(step * random.randint(1, 40) + step * i for i in range(count))]
        if random.randint(0, 2):
            bounds[-1] = None
        rates = DISCOUNTS[random.randint(0, 1) :]
        buffers = [Decimal(random.choice(("0", "0", "0.05"))) for _ in range(2)]
        found.append(
            Collateral(
                slices=tuple(Slice(rate=rate, up_to=bound) for rate, bound in zip(rates, bounds, strict=False)),
                enabled=number != 29,
                bid_buffer=buffers[0],
                ask_buffer=buffers[1],
            )
        )
    return tuple(found)


@cache
def loans(step: Decimal) -> tuple[TierTable, ...]:
    """Ten tables of what a debt needs."""
    random = Random(1720)
    found = []
    for number in range(10):
        bounds = sorted({step * random.randint(1, 40) for _ in range(1 + number // 4)})
        rows = zip(RATES[1:], [*bounds, None], strict=False)
        tiers = tuple(Tier(maintenance_rate=rate, initial_rate=rate * 3, up_to=bound) for rate, bound in rows)
        found.append(TierTable(tiers=tiers, unit="borrowed"))
    return tuple(found)


def with_collateral(draw: st.DrawFn, rulebook: Rulebook, instruments: tuple[Instrument, ...]) -> Rulebook:
    """The rulebook with slices and loan tiers of every currency drawn, where the account is one pool."""
    if rulebook.rules.pool_scope != "account":
        return rulebook
    currencies = sorted({"USDT"} | {each.settle for each in instruments} | {each.base for each in instruments})
    steps = {each: Decimal(10) if each in COINS else Decimal(1000) for each in currencies}
    collateral = {each: draw(st.sampled_from(curves(step))) for each, step in steps.items()}
    collateral["USD"] = Collateral(slices=(Slice(rate=ONE),))
    tiers: dict[TierKey, TierTable] = {
        ("borrow", each, MarginMode.CROSS): draw(st.sampled_from(loans(step))) for each, step in steps.items()
    }
    return replace(rulebook.with_instruments((), tiers), collateral=collateral)


def completed(instrument: Instrument) -> Instrument:
    """An instrument as an account file completes it, where the rulebook leaves the lot or the fee open."""
    fee = instrument.taker_fee if instrument.taker_fee is not None else Decimal("0.0005")
    return replace(instrument, lot_size=instrument.lot_size or LOT, taker_fee=fee)


@st.composite
def markets(draw: st.DrawFn, house: House) -> tuple[Rulebook, tuple[Instrument, ...]]:
    """The rulebook of a house with its instruments, and tiers drawn where the market is ours."""
    rulebook = rulebook_of(house.venue, house.mode)
    if house.rules:
        rulebook = rulebook.with_rules(**house.rules)
    if house.own:
        own = tuple(completed(rulebook.instrument(name)) for name in house.own)
        return with_collateral(draw, rulebook.with_instruments(own), own), own
    instruments = tuple(each for product in house.products for each in MARKET[product])
    tiers: dict[TierKey, TierTable] = {}
    for kind, family in dict.fromkeys((each.kind, each.family) for each in instruments):
        if kind is Kind.OPTION:
            continue
        unit = rulebook.rules.tier_unit
        if kind is Kind.MARGIN and unit == "contracts":
            unit = "borrowed"
        table = draw(tables(rulebook, "coins" if family == "BTC-USD" and unit == "notional" else unit))
        tiers |= {(str(kind), family, mode): table for mode in BOTH_MODES}
    if NEXT_QUARTER in instruments and draw(st.booleans()):
        table = draw(tables(rulebook, rulebook.rules.tier_unit))
        tiers |= {(str(NEXT_QUARTER.kind), NEXT_QUARTER.id, mode): table for mode in BOTH_MODES}
    return with_collateral(draw, rulebook.with_instruments(instruments, tiers), instruments), instruments


def prices_of(draw: st.DrawFn, instruments: Iterable[Instrument], rulebook: Rulebook) -> Marks:
    """One price a coin, its instruments a few per cent apart; last prices equal marks."""
    mark: dict[str, Decimal] = {}
    coins: dict[str, Decimal] = {}
    interest: dict[str, Decimal] = {}
    for each in instruments:
        if each.base not in coins:
            coins[each.base] = draw(st.sampled_from(PRICES))
        if each.kind is Kind.OPTION:
            mark[each.id] = Decimal("0.05") * (ONE if each.settle == each.base else coins[each.base])
            continue
        premium = Decimal("1.02") if each.kind is Kind.FUTURE else ONE
        mark[each.id] = coins[each.base] * premium
        if rulebook.rules.initial_margin == "rate_by_open_interest":
            interest[each.id] = draw(st.sampled_from(INTEREST))
    fx = {"USDT": TETHER, "USDC": ONE, **coins}
    return Marks(mark=mark, last=mark, forward=coins, fx=fx, open_interest=interest)


# ---------------------------------------------------------------- positions and orders


def size_of(instrument: Instrument, table: TierTable, mark: Decimal, tier: int, quarters: int) -> Decimal:
    """Contracts that amount to some quarters of a tier's bound at mark, in the unit of the table."""
    bounds = [each.up_to for each in table.tiers if each.up_to is not None] or [NO_BOUND]
    size = bounds[tier % len(bounds)] * quarters * Decimal("0.25")
    if table.unit in ("notional", "base") and instrument.inverse:
        size = size * mark / instrument.unit
    elif table.unit == "base":
        size = size / instrument.unit
    elif table.unit == "notional":
        size = size / (instrument.unit * mark)
    return max(LOT, floor_to(size, instrument.lot_size or LOT))


def apart(price: Decimal, percent: int) -> Decimal:
    """A price some per cent away."""
    return price * (100 + percent) / 100


def position_of(instrument: Instrument, rulebook: Rulebook, marks: Marks, how: "Draft") -> Position:
    """Build a position from what was drawn."""
    mark = marks.mark_of(instrument.id)
    if instrument.kind is Kind.OPTION:
        return Position(
            instrument=instrument.id,
            side=how.side,
            contracts=Decimal(how.quarters),
            entry_price=apart(mark, how.percent),
        )
    table = rulebook.tier_table(instrument, how.mode)
    contracts = size_of(instrument, table, mark, how.tier, how.quarters)
    isolated = how.mode is MarginMode.ISOLATED
    entry = apart(mark, how.percent)
    margin = None
    if isolated and how.backed:
        worth = contracts * instrument.unit * (1 / mark if instrument.inverse else mark)
        margin = floor_to(worth * how.backed / 50, Decimal("0.0001"))
    common: dict[str, Any] = {"instrument": instrument.id, "side": how.side, "margin_mode": how.mode, "margin": margin}
    if instrument.kind is Kind.MARGIN:
        return spot_margin_of(instrument, contracts, mark, how, common)
    return Position(contracts=contracts, entry_price=entry, leverage=how.leverage, **common)


def spot_margin_of(
    instrument: Instrument, size: Decimal, mark: Decimal, how: "Draft", common: dict[str, Any]
) -> Position:
    """A long owes quote and holds base, a short the other way round; both a few per cent off balance."""
    base = size / mark if how.side is Side.LONG else size
    base = max(LOT, floor_to(base, LOT))
    cost = apart(base * mark, how.percent)
    assets, liability = (base, cost) if how.side is Side.LONG else (cost, base)
    if common["margin"] is not None and how.in_base:
        common = {**common, "margin": floor_to(base * how.backed / 50, Decimal("0.0001"))}
    return Position(
        contracts=base,
        entry_price=apart(mark, how.percent),
        leverage=how.leverage,
        margin_currency=instrument.base if how.in_base else instrument.quote,
        assets=assets,
        liability=liability,
        interest=liability * Decimal("0.001"),
        **common,
    )


@dataclass(frozen=True)
class Draft:
    """Small whole numbers that a position is built from."""

    instrument: Instrument
    side: Side
    mode: MarginMode
    tier: int
    quarters: int
    percent: int
    backed: int
    in_base: bool
    leverage: Decimal = ONE


def drafts(instruments: tuple[Instrument, ...], modes: tuple[MarginMode, ...]) -> st.SearchStrategy[Draft]:
    """One position to be."""
    return st.builds(
        Draft,
        instrument=st.sampled_from(instruments),
        side=st.sampled_from(Side),
        mode=st.sampled_from(modes),
        tier=st.integers(0, 3),
        quarters=st.integers(1, 6),
        percent=st.integers(-20, 20),
        backed=st.integers(0, 10),
        in_base=st.booleans(),
    )


def unique(hedge: bool, drawn: list[Draft]) -> list[Draft]:
    """One position an instrument and margin mode, two in hedge mode; options are cross."""
    kept: dict[tuple[object, ...], Draft] = {}
    for each in drawn:
        both = hedge or each.instrument.kind is Kind.MARGIN
        mode = MarginMode.CROSS if each.instrument.kind is Kind.OPTION else each.mode
        kept.setdefault((each.instrument.id, mode, each.side if both else None), each)
    return list(kept.values())


def modes_of(rulebook: Rulebook) -> tuple[MarginMode, ...]:
    """Margin modes of contracts that a venue offers."""
    return tuple(mode for mode in rulebook.rules.margin_modes if mode is not MarginMode.CASH)


@st.composite
def orders_of(
    draw: st.DrawFn, book: Book, instruments: tuple[Instrument, ...], leverage: Mapping[str, Decimal]
) -> tuple[Order, ...]:
    """Up to two live orders, opening or closing, some of them isolated or reduce-only."""
    modes = modes_of(book.rulebook)
    found: list[Order] = []
    for _ in range(draw(st.integers(0, 2))):
        instrument = draw(st.sampled_from(instruments))
        mark = book.marks.mark_of(instrument.id)
        table = book.rulebook.tier_table(instrument, MarginMode.CROSS)
        side = draw(st.sampled_from(OrderSide))
        mode = draw(st.sampled_from(modes))
        hedge = book.account.position_mode is PositionMode.HEDGE
        found.append(
            Order(
                instrument=instrument.id,
                side=side,
                contracts=size_of(instrument, table, mark, draw(st.integers(0, 3)), draw(st.integers(1, 4))),
                price=apart(mark, draw(st.integers(-10, 10))),
                margin_mode=mode,
                leverage=leverage[instrument.id],
                position_side=draw(st.sampled_from(Side)) if hedge else None,
                reduce_only=draw(st.integers(0, 5)) == 0,
                id=str(len(found)),
            )
        )
    return tuple(found)


@st.composite
def books(draw: st.DrawFn, house: House, *, with_orders: bool = True, two_coins: bool = False) -> Book:
    """An account of one to five positions with balances of up to half of what they are worth.

    With two coins, the first and the last instrument of the house are both held cross.
    """
    rulebook, instruments = draw(markets(house))
    marks = prices_of(draw, instruments, rulebook)
    modes = modes_of(rulebook)
    hedge = PositionMode.HEDGE in rulebook.rules.position_modes and draw(st.booleans())
    shift = draw(st.integers(0, len(LEVERAGES) - 1))
    leverage = {each.id: LEVERAGES[(shift + i) % len(LEVERAGES)] for i, each in enumerate(instruments)}
    drawn = draw(st.lists(drafts(instruments, modes), min_size=1 + two_coins, max_size=5))
    if two_coins:
        ends = zip(drawn, (instruments[0], instruments[-1]), strict=False)
        drawn[:2] = [dataclasses.replace(each, instrument=end, mode=MarginMode.CROSS) for each, end in ends]
    positions = tuple(
        position_of(
            each.instrument,
            rulebook,
            marks,
            dataclasses.replace(each, leverage=leverage[each.instrument.id]),
        )
        for each in unique(hedge, drawn)
    )
    account = Account(
        positions=positions,
        position_mode=PositionMode.HEDGE if hedge else PositionMode.ONE_WAY,
        account_mode=rulebook.rules.account_modes[0],
    )
    book = Book(account, marks, rulebook)
    contracts = tuple(each for each in instruments if each.kind in (Kind.PERPETUAL, Kind.FUTURE))
    if with_orders and contracts:
        book = book.with_account(orders=draw(orders_of(book, contracts, leverage)))
    spare = draw(st.integers(-20, 100))
    if rulebook.rules.pool_scope == "account":
        return book.with_account(balances=shared_balances(draw, book, spare))
    return book.with_account(balances=balances_of(book, spare))


def every_house(
    *products: str, with_orders: bool = True, two_coins: bool = False, share: int = 14, **drawn: st.SearchStrategy[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test on books of every house, one case each.

    With products named, the books hold nothing else, and a house that trades none of them is skipped by saying so. The
    test gets `book` and whatever else is drawn.

    Args:
        products: Parts of the market; none means all that a house trades.
        with_orders: Whether books have live orders.
        two_coins: As in `books`.
        share: Examples of one house: those of a whole test divided by this.
        drawn: Further arguments; `data` draws inside the test.
    """

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        def run(house: House, data: st.DataObject) -> None:
            held = house.only(*products) if products else house
            book = data.draw(books(held, with_orders=with_orders, two_coins=two_coins), label="book")
            more = {name: data if name == "data" else data.draw(each, label=name) for name, each in drawn.items()}
            test(book=book, **more)

        for name in ("__name__", "__qualname__", "__module__", "__doc__"):
            setattr(run, name, getattr(test, name))
        examples = max(1, settings().max_examples // share)
        cases = [pytest.param(each, id=str(each), marks=_not_traded(each, products)) for each in HOUSES]
        bounded: Callable[..., None] = settings(max_examples=examples)(given(data=st.data())(run))
        parametrised: Callable[..., None] = pytest.mark.parametrize("house", cases)(bounded)
        return parametrised

    return decorate


def _not_traded(house: House, products: tuple[str, ...]) -> tuple[pytest.MarkDecorator, ...]:
    """The reason why a house is left out, if it is."""
    if not products or set(products) & set(house.products):
        return ()
    return (pytest.mark.skip(reason=f"{house} trades nothing {' or '.join(products)} here"),)


def balances_of(book: Book, spare: int) -> dict[str, Decimal]:
    """In every currency just what its cross pool requires, and a share of the value of all that is held in it.

    The share is spare^2 / 20,000: from nothing to a half, small ones more often; below zero it is missing.
    """
    without = book.assess()
    worth: dict[str, Decimal] = {}
    for each in without.positions:
        worth[each.margin_currency] = worth.get(each.margin_currency, ZERO) + each.notional
    share = Decimal(spare * abs(spare))
    balances = {}
    for currency, value in worth.items():
        risk = without.cross[currency].risk
        amount = max(ZERO, risk.required - risk.available) + quotient(value * share, Decimal(20_000))
        balances[currency] = max(ZERO, floor_to(amount, Decimal("0.0001")))
    return balances


def shared_balances(draw: st.DrawFn, book: Book, spare: int) -> dict[str, Decimal]:
    """As `balances_of` for an account that is one pool: coins near the bounds of their slices, USDT fills the gap.

    The gap is measured before discounts; a coin, or what fills the gap, may be owed.
    """
    balances = {}
    for currency, curve in book.rulebook.collateral.items():
        if currency in COINS:
            bounds = curve.bounds[1:] or (Decimal(100),)
            quarters = draw(st.sampled_from((0, 0, 1, 3, 4, 5, -1)))
            balances[currency] = bounds[0] * quarters * Decimal("0.25")
    without = book.with_account(balances=balances).assess()
    worth = sum((each.notional * book.marks.fx[each.margin_currency] for each in without.positions), ZERO)
    risk = without.pool_in("USDT").risk
    gap = risk.required - risk.available + quotient(worth * spare * abs(spare), Decimal(20_000))
    return {**balances, "USDT": floor_to(quotient(gap, book.marks.fx["USDT"]), Decimal("0.0001"))}
