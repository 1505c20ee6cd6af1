"""Which rulebooks are covered, and that all others are refused by the name of a rule."""

import re
from decimal import Decimal

import msgspec
import pytest

from crossmargin.domain.account import Account, MarginMode, Order, OrderSide, Position, Side
from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError, MissingDataError, UnsupportedError
from crossmargin.fleet.columns import columns_of
from crossmargin.fleet.coverage import check_covered
from crossmargin.fleet.pack import pack, prices
from crossmargin.fleet.screen import screen
from crossmargin.rulebook import load, venues
from crossmargin.rulebook.rules import Rules
from crossmargin.rulebook.tiers import Tier, TierTable

from .accounts import SWAPS, rulebook_of

D = Decimal


@pytest.mark.parametrize("venue", list(SWAPS))
def test_five_rulebooks_are_covered(venue: str) -> None:
    """Every rule of theirs is one that the kernels know."""
    check_covered(rulebook_of(venue))


@pytest.mark.parametrize("venue", venues())
def test_a_rulebook_is_covered_or_refused_by_a_rule(venue: str) -> None:
    """No rule is passed over: the message names one of the rulebook's own."""
    try:
        check_covered(load(venue))
    except UnsupportedError as error:
        named = re.match(rf"{venue}: (\w+) ", str(error))
        assert named
        assert named[1] in {field.name for field in msgspec.structs.fields(Rules)}


def test_textbook_at_entry_price_is_refused() -> None:
    """Its requirement does not move with the price, which no kernel has."""
    with pytest.raises(UnsupportedError, match='position_value_at "entry"'):
        check_covered(load("textbook-entry"))


def test_accounts_in_another_mode_are_refused_by_name() -> None:
    """A multi-currency account under the rules of single-currency ones."""
    with pytest.raises(UnsupportedError, match='account "ann": account_mode "multi_currency"'):
        columns_of([Account(account_mode="multi_currency")], load("okx"), ["ann"])  # type: ignore[arg-type]


def test_options_that_no_kernel_knows_are_refused_by_name() -> None:
    """An isolated one; a short one that settles in dollars; an order for one."""
    book = rulebook_of("okx.options")
    quoted = msgspec.structs.replace(book.instrument("BTC-C"), id="BTC-C-USDT", settle="USDT", quote="USDT")
    book = book.with_instruments([quoted])
    alone = Position(instrument="BTC-C", side=Side.SHORT, contracts=D(1), margin_mode=MarginMode.ISOLATED)
    short = Position(instrument="BTC-C-USDT", side=Side.SHORT, contracts=D(1))
    order = Order(instrument="BTC-C", side=OrderSide.SELL, contracts=D(1), price=D("0.1"))

    for account in (Account(positions=(alone,)), Account(positions=(short,)), Account(orders=(order,))):
        with pytest.raises(UnsupportedError, match=r'account "ann": (BTC-C|orders for options)'):
            columns_of([account], book, ["ann"])
    assert len(columns_of([Account(positions=(msgspec.structs.replace(short, side=Side.LONG),))], book)) == 1


def test_a_short_put_needs_what_the_venue_says() -> None:
    """100 puts of 0.01 BTC marked at 0.08: (0.03 x max(1, 0.08) + 0.08 + 0.0003) x 1 BTC = 0.1103; at 1.2: 1.2363."""
    book = rulebook_of("okx.options")
    held = Position(instrument="BTC-P", side=Side.SHORT, contracts=D(100), entry_price=D("0.05"))
    fleet = pack(columns_of([Account(balances={"BTC": D("1")}, positions=(held,))], book), book)

    for mark, needed, status in (("0.08", 0.1103, 0), ("0.4", 0.4303, 1), ("1.2", 1.2363, 2)):
        found = screen(fleet, Marks(mark={"BTC-P": D(mark)}, forward={"BTC": D(95_000)}))
        assert found.required[0] == pytest.approx(needed, rel=1e-12)
        assert found.equity[0] == 1.0
        assert found.status.tolist() == [status]


def test_an_unknown_instrument_and_a_missing_mark_are_refused() -> None:
    """By name, as everywhere."""
    book = load("textbook")
    held = Position(instrument="BTC-USDT-SWAP", side=Side.LONG, contracts=D(1), entry_price=D(90_000))
    fleet = pack(columns_of([Account(positions=(held,))], book), book)

    with pytest.raises(MissingDataError, match="BTC-USDT-SWAP"):
        screen(fleet, Marks())
    with pytest.raises(InputError, match="above zero"):
        prices(fleet, Marks(mark={"BTC-USDT-SWAP": D(0)}))
    with pytest.raises(MissingDataError, match="GOLD"):
        columns_of([Account(positions=(Position(instrument="GOLD", side=Side.LONG),))], book)


def test_sizes_on_a_tier_bound_take_the_tier_that_the_rulebook_says() -> None:
    """600 and 400 contracts make 1,000, which still is the first tier, and 1,000.01 the second; one unit decides."""
    book = load("okx")
    marks = Marks(mark={"BTC-USDT-SWAP": D(100_000)})
    for last, rate in (("400", "0.004"), ("400.01", "0.005")):
        held = [
            Position(instrument="BTC-USDT-SWAP", side=side, contracts=D(size), entry_price=D(100_000))
            for side, size in ((Side.LONG, "600"), (Side.SHORT, last))
        ]
        fleet = pack(columns_of([Account(balances={"USDT": D(10**7)}, positions=tuple(held))], book), book)
        value = (D(600) + D(last)) * 1_000
        assert screen(fleet, marks).required[0] == pytest.approx(float(value * (D(rate) + D("0.0005"))))


def test_a_value_between_two_whole_tiers_is_decided_exactly() -> None:
    """A position of exactly 100 (1 x 100): its rate is 1 % at the bound and 2 % above; floats do not decide."""
    tiers = (Tier(maintenance_rate=D("0.01"), up_to=D(100)), Tier(maintenance_rate=D("0.02")))
    book = load("textbook").with_instruments(
        (), {("perpetual", "A-USDT", mode): TierTable(tiers=tiers) for mode in (MarginMode.CROSS, MarginMode.ISOLATED)}
    )
    held = Position(instrument="A-USDT-SWAP", side=Side.LONG, contracts=D(1), entry_price=D(100))
    fleet = pack(columns_of([Account(balances={"USDT": D("1.5")}, positions=(held,))], book), book)

    for mark, status in (("100", 1), ("100.000001", 2)):
        found = screen(fleet, Marks(mark={"A-USDT-SWAP": D(mark)}))
        assert found.status.tolist() == [status], mark
    assert len(screen(fleet, Marks(mark={"A-USDT-SWAP": D(100)})).exactly) == 1


def test_two_isolated_positions_of_one_kind_are_refused() -> None:
    """Their pools would have one name."""
    book = load("textbook")
    held = Position(
        instrument="BTC-USDT-SWAP",
        side=Side.LONG,
        contracts=D(1),
        entry_price=D(90_000),
        margin_mode=MarginMode.ISOLATED,
    )

    with pytest.raises(InputError, match='account "0": holds two isolated positions'):
        pack(columns_of([Account(positions=(held, held))], book), book)
