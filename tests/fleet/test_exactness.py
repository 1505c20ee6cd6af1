"""What a fuzzer once found the kernels to decide otherwise than the exact assessment, each in its smallest form."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from crossmargin.domain.account import Account, AccountMode, MarginMode, Position, Side
from crossmargin.domain.instrument import Instrument, Kind, OptionType
from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError
from crossmargin.fleet.arrays import Scaled
from crossmargin.fleet.columns import columns_of
from crossmargin.fleet.exact import decide
from crossmargin.fleet.pack import pack
from crossmargin.fleet.screen import screen
from crossmargin.fleet.ticks import ticks_of_columns
from crossmargin.fleet.watch import Watch
from crossmargin.rulebook import load
from crossmargin.rulebook.collateral import Collateral, Slice
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.tiers import Tier, TierTable

D = Decimal
A = "A-USDT-SWAP"
ONE = Instrument(id="A1", kind=Kind.PERPETUAL, base="A", quote="USDT", settle="USDT", family="A-USDT", taker_fee=D(0))
TWO = msgspec.structs.replace(ONE, id="A2")
CALL = Instrument(
    id="O", kind=Kind.OPTION, base="BTC", quote="USD", settle="BTC", family="BTC-USD", option_type=OptionType.CALL,
    strike=D(1), taker_fee=D("0.0003"),
)  # fmt: skip


def key(name: str, kind: str = "perpetual") -> tuple[str, str, MarginMode]:
    """Where a rulebook keeps the tiers of a name."""
    return (kind, name, MarginMode.CROSS)


def whole(*rows: tuple[str, str | None], unit: str = "notional") -> TierTable:
    """Rates and bounds, one rate for the whole position."""
    tiers = tuple(Tier(maintenance_rate=D(rate), up_to=None if up is None else D(up)) for rate, up in rows)
    return TierTable(tiers=tiers, unit=unit)


def held(name: str, side: Side, contracts: str, entry: str) -> Position:
    """A cross position."""
    return Position(instrument=name, side=side, contracts=D(contracts), entry_price=D(entry))


def sharing(account_balances: dict[str, str], *positions: Position) -> Account:
    """An account whose currencies share collateral."""
    balances = {name: D(amount) for name, amount in account_balances.items()}
    return Account(account_mode=AccountMode.MULTI_CURRENCY, balances=balances, positions=positions)


def shared_book(rate: str, **loans: str) -> Rulebook:
    """OKX with A1 at one rate, full collateral and loans at one rate each."""
    full = Collateral(slices=(Slice(rate=D(1)),))
    tables = {key(name, "borrow"): whole((each, None), unit="borrowed") for name, each in loans.items()}
    book = load("okx", account_mode=AccountMode.MULTI_CURRENCY)
    book = book.with_instruments((CALL, ONE), {**tables, key("A1"): whole((rate, None))})
    return msgspec.structs.replace(book, collateral=dict.fromkeys(("BTC", "USD", "USDT"), full))


def check(account: Account, book: Rulebook, marks: Marks, moved: dict[str, str], *statuses: int) -> None:
    """Screen, exact assessment and watch agree now and after the marks have moved, on the statuses expected."""
    fleet = pack(columns_of([account], book), book)
    watch = Watch(fleet, marks)
    assert screen(fleet, marks).status[0] == decide(fleet, 0, marks).status == watch.state[0] == statuses[0]
    if moved:
        watch.tick({name: D(price) for name, price in moved.items()})
        then = watch.marks
        assert screen(fleet, then).status[0] == decide(fleet, 0, then).status == watch.state[0] == statuses[1]


@pytest.mark.parametrize("unit", ["contracts", "notional"])
def test_a_member_with_one_tier_counts_in_its_family(unit: str) -> None:
    """9 and 9 contracts are 18, above the bound of 10: half of the value is needed, 45 of 40."""
    tables = {
        key("A1"): whole(("0.01", "10"), ("0.5", None), unit="contracts"),
        key("A2"): whole(("0.01", None), unit=unit),
    }
    book = load("okx").with_instruments((ONE, TWO), tables)
    pair = (held("A1", Side.LONG, "9", "10"), held("A2", Side.LONG, "9", "10"))

    check(Account(balances={"USDT": D(40)}, positions=pair), book, Marks(mark={"A1": D(10), "A2": D(10)}), {}, 2)


def test_each_member_of_a_family_counts_in_its_own_unit() -> None:
    """9.99 contracts, and 1 contract of 0.01 counted in base: exactly 10, which still is the first tier."""
    small = msgspec.structs.replace(ONE, id="A2", contract_value=D("0.01"))
    tables = {
        key("A1"): whole(("0.01", "10"), ("0.5", None), unit="contracts"),
        key("A2"): whole(("0.01", "1000"), ("0.02", None), unit="base"),
    }
    book = load("okx").with_instruments((ONE, small), tables)
    pair = (held("A1", Side.LONG, "9.99", "10"), held("A2", Side.LONG, "1", "10"))

    check(Account(balances={"USDT": D(40)}, positions=pair), book, Marks(mark={"A1": D(10), "A2": D(10)}), {}, 0)


def test_a_hair_of_debt_needs_something() -> None:
    """A long option is worth a hair less than what is owed: nothing is there, and the debt needs its margin."""
    account = sharing({"BTC": "-123456.70000000001"}, held("O", Side.LONG, "1234567", "0.1"))
    marks = Marks(mark={"O": D("0.1")}, fx={"BTC": D(95_000)}, forward={"BTC": D(95_000)})

    check(account, shared_book("0.005", BTC="0.05"), marks, {}, 2)


def test_a_hair_of_equity_needs_nothing() -> None:
    """A short's loss is a hair less than its cash, and the other debt is free: nobody is due who needs nothing."""
    account = sharing({"USDT": "85.363700000000000001", "USDC": "-5"}, held("A1", Side.SHORT, "853637", "0.0009"))
    marks = Marks(mark={"A1": D("0.001")}, fx={"USDT": D(1), "USDC": D(1)})

    check(account, shared_book("0", USDT="0.05", USDC="0"), marks, {}, 0)


def test_a_worth_that_is_not_known_is_asked_though_nothing_is_needed() -> None:
    """By floats a hair is left of a currency without known rates, in truth a hair is owed: that needs its margin."""
    book = shared_book("0", USDT="0.05")
    book = msgspec.structs.replace(book, collateral={"BTC": book.collateral["BTC"]})
    mark, entry, size = D("0.00702741642495508"), D("0.00632467478246"), D("11879.05980689534")
    cash = size * (mark - entry) - D("2e-30")
    account = sharing({"USDT": str(cash)}, held("A1", Side.SHORT, str(size), str(entry)))

    check(account, book, Marks(mark={"A1": mark}, fx={"USDT": D(1)}), {}, 2)


def test_a_debt_that_ends_wakes_its_pool() -> None:
    """A rise of 0.2 ends the debt in USDT; the one in USDC is free, and nothing is needed any more."""
    account = sharing({"USDC": "-5"}, held("A1", Side.LONG, "1", "100"))
    marks = Marks(mark={"A1": D("99.9")}, fx={"USDT": D(1), "USDC": D(1)})

    check(account, shared_book("0", USDT="0.05", USDC="0"), marks, {"A1": "100.1"}, 2, 0)


def test_no_room_is_no_width() -> None:
    """A currency seems to lose nothing by its price, to the last digit: with no room left any move of it is asked."""
    account = sharing(
        {"USDT": "5000.00000000000001", "USDC": "-0.00000000000001"}, held("A1", Side.LONG, "10000", "100")
    )
    marks = Marks(mark={"A1": D(100)}, fx={"USDT": D("1.0505"), "USDC": D(1)})

    check(account, shared_book("0.005", USDT="0.05", USDC="0.05"), marks, {"USDT": "1.0495"}, 1, 2)


def test_a_move_that_floats_do_not_see_is_asked() -> None:
    """Two marks that are one float: above the tie a warning, below it a liquidation."""
    account = Account(balances={"USDT": D("0.5")}, positions=(held(A, Side.LONG, "1", "100"),))
    marks = Marks(mark={A: D("100.00000000000000001")})

    check(account, load("textbook"), marks, {A: "99.9999999999999999"}, 1, 2)


def test_marks_of_too_many_digits_are_refused_as_columns() -> None:
    """A whole number beyond 2^53 may be the float of its neighbour."""
    book = load("textbook")
    fleet = pack(columns_of([Account(positions=(held(A, Side.LONG, "1", "100"),))], book), book)

    with pytest.raises(InputError, match="units are more than 9007199254740992"):
        ticks_of_columns(fleet, [A], Scaled(np.array([2**53 + 1]), 8))


def test_dollars_cost_one() -> None:
    """Their price is what all others are in."""
    book = shared_book("0.005", BTC="0.05")
    fleet = pack(columns_of([sharing({"BTC": "1", "USD": "100"})], book), book)
    watch = Watch(fleet, Marks(fx={"BTC": D(95_000)}))

    with pytest.raises(InputError, match="USD: is what all prices are in"):
        watch.tick({"USD": D("0.5")})


def test_a_whole_rate_may_fall_with_the_size() -> None:
    """110 x 10 at 0.5 %, 100.4 x 10 at 0.5 % still; equity goes from 100 to 4: 5.02 is needed then."""
    book = load("textbook").with_instruments((), {key("A-USDT"): whole(("1", "100"), ("0.005", None))})
    account = Account(balances={"USDT": D(-900)}, positions=(held(A, Side.LONG, "10", "10"),))

    check(account, book, Marks(mark={A: D(110)}), {A: "100.4"}, 0, 2)


def test_a_mark_far_beyond_its_ladder_is_a_mark() -> None:
    """From 0.0001 to 10^12: sixteen powers of ten in one tick."""
    account = Account(balances={"USDT": D(5)}, positions=(held(A, Side.SHORT, "1", "0.0001"),))

    check(account, load("textbook"), Marks(mark={A: D("0.0001")}), {A: "1000000000000"}, 0, 2)
