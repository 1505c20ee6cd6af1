"""What changes do, worked out by hand. Unless said otherwise: `textbook` rules, maintenance 0.5 % at mark, no fees."""

import pytest
from msgspec.structs import replace
from tests.margin.desk import (
    INVERSE,
    OKX,
    PAIR,
    TEXTBOOK,
    WITH_INVERSE,
    account,
    after,
    d,
    isolated,
    judged,
    long,
    marks,
    order,
    refused,
    short,
    tiered,
    with_tiers,
)

from crossmargin.domain.account import Account, MarginMode, OrderSide, Position, PositionMode, Side
from crossmargin.domain.numbers import Amount, NonNegative, Positive
from crossmargin.domain.refusal import RejectReason
from crossmargin.errors import MissingDataError
from crossmargin.margin import changes as ask
from crossmargin.margin.fills import average_entry
from crossmargin.margin.limits import smallest_cut, smallest_deposit
from crossmargin.margin.pool import Status
from crossmargin.margin.spot_margin import close_size, repayment

BTC = "BTC-USDT-SWAP"
NO_FEE = Amount(0)


# ---------------------------------------------------------------- stops


STOP = ask.Stop(instrument=BTC, side=Side.LONG, trigger_price=Positive(45_000), slippage=NonNegative("0.01"))
STOPPED = account(6_000, long("BTC", 1, 50_000))


def test_a_stop_that_survives_its_slippage() -> None:
    """Long 1 at 50,000, cash 6,000; stop at 45,000, 1 % slippage: out at 44,550, 6,000 - 5,450 = 550 left."""
    assert after(STOPPED, marks(BTC=50_000), STOP).account == account(550)


def test_a_stop_behind_the_liquidation() -> None:
    """6,000 + P - 50,000 = 0.005 P at 44,221.105...: a stop at 44,221.1 comes too late, one at 44,221.2 in time.

    Without slippage that one leaves 6,000 - 5,778.8 = 221.2.
    """
    late, early = (replace(STOP, trigger_price=Positive(price)) for price in ("44221.1", "44221.2"))
    refusal = refused(STOPPED, marks(BTC=50_000), late)

    assert refusal.reason is RejectReason.WOULD_BE_LIQUIDATED
    assert refusal.note == "liquidated at 44221.10552763819095477386935, before the stop at 44221.1"
    early = replace(early, slippage=NonNegative(0))

    assert after(STOPPED, marks(BTC=50_000), early).account == account("221.2")


def test_a_stop_exactly_at_the_liquidation_price_is_too_late() -> None:
    """0.995 x P = 39,800 at P = 40,000: with 10,200 of cash mark and ratio reach the trigger together."""
    book = account(10_200, long("BTC", 1, 50_000))

    assert refused(book, marks(BTC=50_000), replace(STOP, trigger_price=Positive(40_000))).reason is (
        RejectReason.WOULD_BE_LIQUIDATED
    )


def test_a_stop_of_a_short_slips_upwards() -> None:
    """Short 1 at 50,000, stop at 55,000 with 1 %: out at 55,550, so 10,000 - 5,550 = 4,450 are left."""
    book = account(10_000, short("BTC", 1, 50_000))
    change = replace(STOP, side=Side.SHORT, trigger_price=Positive(55_000))

    assert after(book, marks(BTC=50_000), change).account == account(4_450)


def test_a_stop_in_a_pool_that_is_past_its_trigger() -> None:
    """With 4,000 of cash at 46,000 nothing is left of the pool: no stop comes before that."""
    refusal = refused(account(4_000, long("BTC", 1, 50_000)), marks(BTC=46_000), STOP)

    assert refusal.reason is RejectReason.WOULD_BE_LIQUIDATED
    assert refusal.note == "at the trigger already, before the stop at 45000"


def test_a_stop_pays_the_fee() -> None:
    """OKX, 100 contracts of 0.01: out at 45,000 with 0.05 % of 45,000 = 22.5: 6,000 - 5,000 - 22.5 = 977.5."""
    book = account(6_000, long("BTC", 100, 50_000))
    change = replace(STOP, slippage=NonNegative(0))

    assert after(book, marks(BTC=50_000), change, rulebook=OKX).account == account("977.5")


# ---------------------------------------------------------------- leverage


def lever(leverage: int, mode: MarginMode = MarginMode.CROSS) -> ask.SetLeverage:
    """A change of the leverage of BTC."""
    return ask.SetLeverage(instrument=BTC, leverage=Positive(leverage), margin_mode=mode)


def test_cross_leverage_moves_no_money() -> None:
    """Long 1 at 50,000, 10x -> 5x with 10,000 of cash: margin in use 5,000 -> 10,000, free margin 5,000 -> 0."""
    changed = after(account(10_000, long("BTC", 1, 50_000)), marks(BTC=50_000), lever(5))
    figures = judged(changed.account, changed.marks).currencies["USDT"]

    assert changed.account == account(10_000, long("BTC", 1, 50_000, leverage=5))
    assert (figures.in_use, figures.free_margin) == (d(10_000), d(0))


def test_cross_leverage_refused_by_free_margin() -> None:
    """To 4x it needs 12,500 of 10,000: 2,500 more than the 5,000 that are free, 7,500 in all."""
    refusal = refused(account(10_000, long("BTC", 1, 50_000)), marks(BTC=50_000), lever(4))

    assert str(refusal) == "insufficient margin: needs 7500 USDT, has 5000 USDT"


def test_leverage_refused_by_the_tier() -> None:
    """Tiers: 20x up to 100,000, 10x above. 150,000 can't have 20x; nothing can have 50x."""
    rulebook = with_tiers(TEXTBOOK, BTC, tiered((100_000, "0.01", 20), (None, "0.02", 10)))
    book = account(50_000, long("BTC", 3, 50_000))

    assert str(refused(book, marks(BTC=50_000), lever(20), rulebook)) == (
        "position cap: needs 150000 notional, has 100000 notional (at 20x)"
    )
    assert str(refused(book, marks(BTC=50_000), lever(50), rulebook)) == ("leverage above tier: needs 50x, has 20x")


def test_isolated_leverage_lowered_tops_the_margin_up() -> None:
    """Isolated long 1 at 50,000, 10x, margin 5,000, mark 49,000: at 5x margin + PnL must be 10,000, so 6,000 go in."""
    book = account(8_000, isolated(long("BTC", 1, 50_000), 5_000))
    changed = after(book, marks(BTC=49_000), lever(5, MarginMode.ISOLATED))

    assert changed.account == account(2_000, isolated(long("BTC", 1, 50_000, leverage=5), 11_000))


def test_isolated_leverage_lowered_without_the_money() -> None:
    """The same with 5,999 of cash: refused, 6,000 are needed."""
    book = account(5_999, isolated(long("BTC", 1, 50_000), 5_000))
    refusal = refused(book, marks(BTC=49_000), lever(5, MarginMode.ISOLATED))

    assert str(refusal) == "insufficient balance: needs 6000 USDT, has 5999 USDT"


def test_isolated_leverage_raised_gives_nothing_back() -> None:
    """10x -> 20x leaves the margin of 5,000 and the cash where they are."""
    book = account(8_000, isolated(long("BTC", 1, 50_000), 5_000))
    changed = after(book, marks(BTC=49_000), lever(20, MarginMode.ISOLATED))

    assert changed.account == account(8_000, isolated(long("BTC", 1, 50_000, leverage=20), 5_000))


# ---------------------------------------------------------------- isolated margin


ISOLATED = account(1_000, isolated(long("BTC", 1, 50_000), 6_000))


def test_margin_added() -> None:
    """400 of the 1,000 go to the position; 1,001 are not there."""
    change = ask.AddMargin(instrument=BTC, side=Side.LONG, amount=Positive(400))
    too_much = replace(change, amount=Positive(1_001))

    assert after(ISOLATED, marks(BTC=50_000), change).account == account(600, isolated(long("BTC", 1, 50_000), 6_400))
    assert str(refused(ISOLATED, marks(BTC=50_000), too_much)) == (
        "insufficient balance: needs 1001 USDT, has 1000 USDT"
    )


def test_margin_removed() -> None:
    """6,000 - 5,000 of opening margin - 400 of loss: 600 may go, 601 may not."""
    change = ask.RemoveMargin(instrument=BTC, side=Side.LONG, amount=Positive(600))
    too_much = replace(change, amount=Positive(601))

    assert after(ISOLATED, marks(BTC=49_600), change).account == account(1_600, isolated(long("BTC", 1, 50_000), 5_400))
    assert str(refused(ISOLATED, marks(BTC=49_600), too_much)) == "margin not removable: needs 601 USDT, has 600 USDT"


# ---------------------------------------------------------------- funding


def test_funding_from_balance_and_from_isolated_margin() -> None:
    """Rate 0.01 % on 50,000: the cross long pays 5 from the balance, the isolated short receives 5 into its margin."""
    book = account(
        1_000, long("BTC", 1, 50_000), isolated(short("BTC", 1, 50_000), 5_000), position_mode=PositionMode.HEDGE
    )
    changed = after(book, marks(BTC=50_000), ask.Funding(rates={BTC: Amount("0.0001")})).account

    assert changed.balances == {"USDT": 995}
    assert [each.margin for each in changed.positions] == [None, 5_005]
    assert [each.funding_fee for each in changed.positions] == [-5, 5]


def test_funding_of_an_inverse_contract_is_in_coin() -> None:
    """Rate 0.01 % on 100,000 USD at 50,000, 2 BTC: a short receives 0.0002 BTC."""
    book = account({"BTC": 1}, short(INVERSE.id, 1_000, 50_000))
    change = ask.Funding(rates={INVERSE.id: Amount("0.0001")})

    assert after(book, marks(BTC_USD_SWAP=50_000), change, rulebook=WITH_INVERSE).account.balances == {
        "BTC": d("1.0002")
    }


def test_funding_without_a_rate_is_an_error() -> None:
    """A rate that nobody gave is never zero; one of the account file's [funding_rate] is taken."""
    book, prices = account(1_000, long("BTC", 1, 50_000)), marks(BTC=50_000)
    with pytest.raises(MissingDataError, match="funding_rate"):
        after(book, prices, ask.Funding())

    assert after(book, replace(prices, funding_rate={BTC: d("0.0002")}), ask.Funding()).account.balances["USDT"] == 990


# ---------------------------------------------------------------- fills


def fill(side: str, size: int, price: int, fee: str | None = "0") -> ask.Fill:
    """An execution in BTC."""
    return ask.Fill(
        instrument=BTC,
        side=OrderSide(side),
        contracts=Positive(size),
        price=Positive(price),
        leverage=Positive(10),
        fee=None if fee is None else Amount(fee),
    )


def test_average_entry_linear() -> None:
    """1 at 100,000 and 3 at 120,000: 460,000 / 4 = 115,000."""
    changed = after(account(50_000, long("BTC", 1, 100_000)), marks(BTC=120_000), fill("buy", 3, 120_000))

    assert changed.account == account(50_000, long("BTC", 4, 115_000))


def test_average_entry_inverse_is_harmonic() -> None:
    """100 contracts at 100,000 are 0.1 BTC, 100 at 50,000 are 0.2: 20,000 USD / 0.3 BTC = 66,666.67."""
    assert average_entry(INVERSE, (d(100), d(100_000)), (d(100), d(50_000))) == d("66666.66666666666666666666667")


def test_a_fill_that_turns_a_position() -> None:
    """Long 1 at 50,000, sell 3 at 52,000 for a fee of 30: 2,000 - 10 realised, then short 2 with 20 of fee.

    10,000 + 2,000 - 30 = 11,970 of cash.
    """
    changed = after(account(10_000, long("BTC", 1, 50_000)), marks(BTC=52_000), fill("sell", 3, 52_000, "30"))

    assert changed.account == account(11_970, short("BTC", 2, 52_000, fee=d(-20)))


def test_a_partial_close_keeps_entry_and_books_the_rest() -> None:
    """OKX: of 200 contracts of 0.01 at 50,000, 50 are sold at 52,000: 1,000 of profit less 0.05 % of 26,000 = 13."""
    book = account(10_000, long("BTC", 200, 50_000))
    changed = after(book, marks(BTC=52_000), fill("sell", 50, 52_000, None), rulebook=OKX)

    assert changed.account == account(10_987, long("BTC", 150, 50_000, fee=d(-13), realized_pnl=d(1_000)))


def test_an_isolated_position_releases_margin_in_proportion() -> None:
    """Half of an isolated long with margin 6,000 closed at 51,000: 3,000 of margin and 500 of profit come back."""
    change = ask.Close(
        instrument=BTC,
        side=Side.LONG,
        margin_mode=MarginMode.ISOLATED,
        contracts=Positive("0.5"),
        price=Positive(51_000),
    )
    changed = after(ISOLATED, marks(BTC=50_000), change).account

    assert changed.balances == {"USDT": 4_500}
    assert (changed.positions[0].contracts, changed.positions[0].margin) == (d("0.5"), d(3_000))


def test_hedge_mode_keeps_both_sides() -> None:
    """A sell for the short side opens 1 short beside the long; a sell for the long side closes it."""
    book = account(10_000, long("BTC", 1, 50_000), position_mode=PositionMode.HEDGE)
    opens = after(book, marks(BTC=50_000), replace(fill("sell", 1, 50_000), position_side=Side.SHORT)).account
    closes = after(book, marks(BTC=50_000), replace(fill("sell", 1, 50_000), position_side=Side.LONG)).account

    assert opens.positions == (*book.positions, short("BTC", 1, 50_000))
    assert closes.positions == ()


def test_a_spot_purchase_changes_coins() -> None:
    """OKX: 0.1 BTC for 5,000 USDT, the fee of 0.1 % is charged in BTC: 0.0999 arrive."""
    change = replace(fill("buy", 1, 50_000, None), instrument="BTC-USDT", contracts=Positive("0.1"),
                     margin_mode=MarginMode.CASH)  # fmt: skip
    changed = after(account(10_000), marks(BTC_USDT=50_000), change, rulebook=PAIR).account

    assert changed.balances == {"USDT": d(5_000), "BTC": d("0.0999")}


# ---------------------------------------------------------------- spot-margin closing, four cases


def borrowed(side: Side, backed_by: str, assets: str, liability: str, interest: str = "0") -> Position:
    """A spot-margin position of BTC-USDT at 10x."""
    return Position(
        instrument="BTC-USDT",
        side=side,
        contracts=d(1),
        entry_price=d(100_000),
        leverage=d(10),
        margin_currency=backed_by,
        assets=d(assets),
        liability=d(liability),
        interest=d(interest),
    )


def closed(cash: dict[str, str | int], position: Position, size: str | None = None) -> Account:
    """The account after closing for no fee at a mark of 100,000."""
    change = ask.Close(
        instrument="BTC-USDT", side=position.side, contracts=None if size is None else Positive(size), fee=NO_FEE
    )
    return after(account(dict(cash), position), marks(BTC_USDT=100_000), change, rulebook=PAIR).account


def test_closing_a_long_backed_by_base() -> None:
    """Debt 100,000, assets 1.2 BTC, margin in BTC: at most (100,000) x 1.1 / 100,000 = 1.1 BTC are sold.

    110,000 come in, 100,000 repay, 10,000 stay as USDT; the 0.1 BTC not sold and the 1 BTC of balance are 1.1.
    """
    assert closed({"BTC": 1}, borrowed(Side.LONG, "BTC", "1.2", "100000")).balances == {
        "BTC": d("1.1"),
        "USDT": d(10_000),
    }


def test_closing_with_equity_below_the_initial_margin_uses_the_maintenance_rate() -> None:
    """Assets 1.05: equity 0.04 + 0.05 = 0.09 is below the initial margin of 0.1, so r = 3 % instead of 10 %.

    1.03 BTC are sold for 103,000: 3,000 stay, and 0.02 + 0.04 BTC.
    """
    assert closed({"BTC": "0.04"}, borrowed(Side.LONG, "BTC", "1.05", "100000")).balances == {
        "BTC": d("0.06"),
        "USDT": d(3_000),
    }


def test_closing_at_equity_of_just_the_initial_margin_uses_its_rate() -> None:
    """Assets 1.05 and 0.05 of balance: equity 0.1 is the initial margin, so up to 1.1: all of the 1.05 are sold."""
    assert closed({"BTC": "0.05"}, borrowed(Side.LONG, "BTC", "1.05", "100000")).balances == {
        "BTC": d("0.05"),
        "USDT": d(5_000),
    }


def test_closing_a_short_backed_by_quote() -> None:
    """Debt 1 BTC, assets 112,000 USDT, margin in USDT: at most 1 x 1.1 x 100,000 = 110,000 are spent.

    1.1 BTC come in, 1 repays, 0.1 stays; 2,000 + 20,000 USDT.
    """
    assert closed({"USDT": 20_000}, borrowed(Side.SHORT, "USDT", "112000", "1")).balances == {
        "USDT": d(22_000),
        "BTC": d("0.1"),
    }


def test_closing_a_long_backed_by_quote_takes_the_deficit_from_equity() -> None:
    """Debt 99,000 and 1,000 of interest, assets 0.9 BTC, margin in USDT: all is sold for 90,000.

    The missing 10,000 come out of the 15,000 of balance.
    """
    book = borrowed(Side.LONG, "USDT", "0.9", "99000", "1000")

    assert closed({"USDT": 15_000}, book).balances == {"USDT": d(5_000), "BTC": d(0)}


def test_closing_a_short_backed_by_base_takes_the_deficit_from_equity() -> None:
    """Debt 1 BTC, assets 95,000 USDT, margin in BTC: 0.95 BTC come in, 0.05 are taken from the balance of 1."""
    assert closed({"BTC": 1}, borrowed(Side.SHORT, "BTC", "95000", "1")).balances == {"BTC": d("0.95"), "USDT": d(0)}


def test_a_deficit_is_noted() -> None:
    """The closing of the long with a deficit says who bears it."""
    position = borrowed(Side.LONG, "USDT", "0.9", "100000")
    found = repayment(position, traded=d("0.9"), price=d(100_000), fee_rate=d("0.001"))

    assert (found.received, found.repaid, found.deficit, found.surplus) == (d(89_910), d(89_910), d(10_090), d(0))


def test_more_than_the_debt_needs_cannot_be_sold() -> None:
    """Of 1.2 BTC only 1.1 may be sold to close: 1.15 is refused, and it is not a sale of the rest."""
    position = borrowed(Side.LONG, "BTC", "1.2", "100000")
    change = ask.Close(instrument="BTC-USDT", side=Side.LONG, contracts=Positive("1.15"), fee=NO_FEE)
    refusal = refused(account({"BTC": 1}, position), marks(BTC_USDT=100_000), change, PAIR)

    assert refusal.reason is RejectReason.REDUCE_ONLY_WOULD_OPEN
    assert (refusal.needs, refusal.has, refusal.unit) == (d("1.15"), d("1.1"), "BTC")


def test_a_partial_close_repays_interest_first_and_keeps_the_average() -> None:
    """0.5 of 1.2 BTC sold for 50,000: 1,000 of interest and 49,000 of principal are repaid; the entry stays."""
    position = borrowed(Side.LONG, "BTC", "1.2", "100000", "1000")
    left = closed({"BTC": 1}, position, "0.5").positions[0]

    assert left == replace(position, contracts=d("0.5"), assets=d("0.7"), liability=d(51_000), interest=d(0))


def test_a_partial_close_pays_its_fee() -> None:
    """The same with a fee of 25 USDT: it comes out of the balance."""
    position = borrowed(Side.LONG, "BTC", "1.2", "100000")
    change = ask.Close(instrument="BTC-USDT", side=Side.LONG, contracts=Positive("0.5"), fee=Amount(25))
    changed = after(account({"BTC": 1, "USDT": 100}, position), marks(BTC_USDT=100_000), change, rulebook=PAIR)

    assert changed.account.balances == {"BTC": d(1), "USDT": d(75)}


def test_close_size_never_exceeds_the_assets() -> None:
    """(liability + interest) x (1 + r) / mark = 1.1, but only 1.02 are there."""
    size = close_size(
        borrowed(Side.LONG, "BTC", "1.02", "100000"),
        margin_is_asset=True,
        mark_price=d(100_000),
        equity=d(1),
        initial_margin=d("0.1"),
        maintenance_rate=d("0.03"),
    )

    assert size == d("1.02")


def test_interest_accrues_on_the_liability() -> None:
    """100,000 at 0.001 % an hour for 12 hours: 12 of interest; equity falls by as much in BTC."""
    change = ask.Interest(instrument="BTC-USDT", side=Side.LONG, hourly_rate=NonNegative("0.00001"), hours=Positive(12))
    book = account({"BTC": 1}, borrowed(Side.LONG, "BTC", "1.2", "100000"))
    changed = after(book, marks(BTC_USDT=100_000), change, rulebook=PAIR).account

    assert changed.positions[0].interest == 12
    assert judged(changed, marks(BTC_USDT=100_000), PAIR).currencies["BTC"].equity == d("1.2") - d("0.00012")


# ---------------------------------------------------------------- restoring a ratio


def test_smallest_deposit() -> None:
    """Equity 1,000 against 250 of maintenance; a ratio of 10 wants 2,500, so 1,500 are missing; 4 wants nothing."""
    assessment = judged(account(1_000, long("BTC", 1, 50_000)), marks(BTC=50_000))
    pool = assessment.cross["USDT"]

    assert [smallest_deposit(assessment, pool, d(ratio)) for ratio in (10, 4, 1)] == [1_500, 0, 0]


def test_smallest_cut() -> None:
    """Equity 1,000, long 1 at 50,000: a ratio of 10 allows 20,000 of value, 0.4 BTC; so 0.6 are cut."""
    book = account(1_000, long("BTC", 1, 50_000))
    cut = smallest_cut(judged(book, marks(BTC=50_000)), book.positions[0], d(10))

    assert (cut.contracts, cut.ratio) == (d("0.6"), d(10))


def test_smallest_cut_of_a_hopeless_pool() -> None:
    """Equity is -100: no cut brings that to any ratio."""
    book = account(900, long("BTC", 1, 51_000))
    cut = smallest_cut(judged(book, marks(BTC=50_000)), book.positions[0], d(3))

    assert (cut.contracts, cut.ratio) == (None, None)


def test_smallest_cut_of_less_than_a_lot() -> None:
    """A position of half a lot is closed whole."""
    rulebook = TEXTBOOK.with_instruments([replace(TEXTBOOK.instrument(BTC), lot_size=d(1))])
    book = account(100, long("BTC", "0.5", 50_000))
    cut = smallest_cut(judged(book, marks(BTC=50_000), rulebook), book.positions[0], d(3))

    assert (cut.contracts, cut.ratio) == (d("0.5"), None)


# ---------------------------------------------------------------- position mode, order in what-if


def test_position_mode_changes_only_when_nothing_is_open() -> None:
    """With a position it is refused; an empty account switches."""
    change = ask.SetPositionMode(position_mode=PositionMode.HEDGE)

    assert str(refused(STOPPED, marks(BTC=50_000), change)) == "mode in use (1 positions and 0 orders are open)"
    assert after(account(5), marks(), change).account == account(5, position_mode=PositionMode.HEDGE)


def test_changes_see_what_earlier_ones_left() -> None:
    """5,000 deposited, then an order that needs them is admitted: 2 BTC at 50,000, 10x, of 10,000."""
    buy = ask.NewOrder(
        instrument=BTC,
        side=OrderSide.BUY,
        contracts=Positive(2),
        price=Positive(50_000),
        leverage=Positive(10),
    )
    changed = after(account(5_000), marks(BTC=50_000), ask.Deposit(currency="USDT", amount=Positive(5_000)), buy)

    assert str(refused(account(5_000), marks(BTC=50_000), buy)) == (
        "insufficient margin: needs 10000 USDT, has 5000 USDT (free margin)"
    )
    assert changed.account == account(10_000, order("BTC", "buy", 2, 50_000, id="what-if-1"))


def test_a_close_larger_than_the_position_is_refused() -> None:
    """Closing 2 of 1 would open the other side."""
    change = ask.Close(instrument=BTC, side=Side.LONG, contracts=Positive(2))

    assert str(refused(STOPPED, marks(BTC=50_000), change)) == (
        "reduce only would open: needs 2 contracts, has 1 contracts"
    )


def test_what_is_not_held_cannot_be_changed() -> None:
    """Stops, closes, margins and modes of a position that isn't there are refused, one by one."""
    where = {"instrument": "ETH-USDT-SWAP", "side": Side.LONG}
    one = Positive(1)
    changes: list[ask.Change] = [
        ask.Close(instrument="ETH-USDT-SWAP", side=Side.LONG),
        ask.Stop(instrument="ETH-USDT-SWAP", side=Side.LONG, trigger_price=one),
        ask.AddMargin(instrument="ETH-USDT-SWAP", side=Side.LONG, amount=one),
        ask.RemoveMargin(instrument="ETH-USDT-SWAP", side=Side.LONG, amount=one),
        ask.SetMarginMode(instrument="ETH-USDT-SWAP", side=Side.LONG, margin_mode=MarginMode.ISOLATED),
        ask.Interest(instrument="ETH-USDT-SWAP", side=Side.LONG, hourly_rate=NonNegative(0), hours=one),
    ]
    for change in changes:
        refusal = refused(STOPPED, marks(BTC=50_000, ETH=3_000), change)

        assert str(refusal) == f"unknown position (no {where['side']} position in {where['instrument']})"


def test_a_withdrawal_beyond_the_limit() -> None:
    """Of 6,000 with 5,000 in use 1,000 may go; a transfer out is judged alike."""
    for change in (
        ask.Withdrawal(currency="USDT", amount=Positive(1_001)),
        ask.Transfer(currency="USDT", amount=Positive(1_001), direction="out"),
    ):
        assert str(refused(STOPPED, marks(BTC=50_000), change)) == (
            "insufficient balance: needs 1001 USDT, has 1000 USDT"
        )
    gone = after(STOPPED, marks(BTC=50_000), ask.Withdrawal(currency="USDT", amount=Positive(1_000)))

    assert gone.account == account(5_000, *STOPPED.positions)


def test_a_price_change_by_instrument_and_by_coin() -> None:
    """BTC to 45,000 by name, or by -10 %: 6,000 - 5,000 = 1,000 against 225, a warning at 4.4 is not due yet."""
    by_name = after(STOPPED, marks(BTC=50_000), ask.PriceMove(marks={BTC: Positive(45_000)}))
    by_coin = after(STOPPED, marks(BTC=50_000), ask.PriceMove(moves={"BTC": Amount("-0.1")}))

    assert by_name.marks == by_coin.marks
    assert judged(by_name.account, by_name.marks).status is Status.SAFE
