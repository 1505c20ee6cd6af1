"""What changes do to an account: no more and no less than the same account written by hand."""

from decimal import Decimal
from typing import Any, cast

from hypothesis import assume
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.margin.books import INVERSE, LINEAR, SPOT_MARGIN, Book, every_house

from crossmargin.domain.account import Account, MarginMode, OrderSide, Position, PositionMode, Side
from crossmargin.domain.arithmetic import EXACT, ZERO, quotient
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.numbers import Amount, Positive
from crossmargin.margin import changes as ask
from crossmargin.margin.valuation import notional
from crossmargin.margin.what_if import WhatIf, what_if

NO_FEE = Amount(0)
FEES = st.sampled_from(("0.1", "7", "-0.3", "1e-9"))


def changed(book: Book, *changes: ask.Change) -> WhatIf:
    """What the changes make of a book."""
    return what_if(book.account, book.marks, book.rulebook, changes)


def flat(book: Book) -> tuple[Book, Position]:
    """The book without one of its positions, and that position."""
    position = book.account.positions[0]
    return book.with_account(positions=book.account.positions[1:]), position


def opening(position: Position, share: str = "1", price: Decimal | None = None) -> ask.Fill:
    """The execution that opens a position, or a part of it, for nothing."""
    return ask.Fill(
        instrument=position.instrument,
        side=OrderSide.BUY if position.side == Side.LONG else OrderSide.SELL,
        contracts=Positive(position.contracts * Decimal(share)),
        price=Positive(price or position.entry_price),
        margin_mode=position.margin_mode,
        leverage=Positive(position.leverage),
        position_side=position.side,
        fee=NO_FEE,
    )


def closing(position: Position, share: str = "1", price: Decimal | None = None) -> ask.Close:
    """The close of a position, or of a part of it, for nothing."""
    return ask.Close(
        instrument=position.instrument,
        side=position.side,
        margin_mode=position.margin_mode,
        contracts=Positive(position.contracts * Decimal(share)),
        price=None if price is None else Positive(price),
        fee=NO_FEE,
    )


def with_cash(account: Account, currency: str, amount: Decimal) -> Account:
    """The account with an amount more of a currency."""
    return replace(account, balances={**account.balances, currency: EXACT.add(account.balance(currency), amount)})


@every_house(amount=st.integers(1, 10_000))
def test_a_deposit_is_the_account_with_that_much_more(book: Book, amount: int) -> None:
    """Nothing else moves, and a transfer in is the same thing."""
    by_hand = with_cash(book.account, "USDT", Decimal(amount))
    deposit = ask.Deposit(currency="USDT", amount=Positive(amount))
    transfer = ask.Transfer(currency="USDT", amount=Positive(amount), direction="in")

    assert changed(book, deposit).after.account == by_hand
    assert changed(book, transfer).after.account == by_hand


@every_house(LINEAR, INVERSE, with_orders=False)
def test_an_opening_fill_is_the_position_written_by_hand(book: Book) -> None:
    """A cross position takes only the fee from the cash; an isolated one takes entry value / leverage as well."""
    before, position = flat(book)
    instrument = book.rulebook.instrument(position.instrument)
    fee = EXACT.multiply(notional(instrument, position.contracts, position.entry_price), instrument.taker_fee or ZERO)
    isolated = position.margin_mode is MarginMode.ISOLATED
    taken = quotient(notional(instrument, position.contracts, position.entry_price), position.leverage)
    by_hand = replace(position, margin=taken if isolated else None, fee=fee.copy_negate())
    cost = EXACT.add(fee, taken if isolated else ZERO)
    account = with_cash(before.account, instrument.settle, cost.copy_negate())
    same_side = [each for each in before.account.positions if each.instrument == position.instrument]
    assume(not same_side)
    after = changed(before, replace(opening(position), fee=None)).after.account

    assert after == replace(account, positions=(*before.account.positions, by_hand))


def moves_with_btc(instrument: Instrument) -> bool:
    """Options stay: their marks do not follow the coin in proportion."""
    return instrument.base == "BTC" and instrument.kind is not Kind.OPTION


@every_house(move=st.integers(-90, 200))
def test_a_price_change_is_the_account_at_other_prices(book: Book, move: int) -> None:
    """Prices are the market's side: the account stays, and its figures are those of a fresh assessment.

    A move of a coin moves its price in USD too, prices given by name are just those.
    """
    moves = {"BTC": Amount(Decimal(move) / 100)}
    found = changed(book, ask.PriceMove(moves=moves)).after
    marks = {
        name: EXACT.multiply(mark, 1 + moves["BTC"]) if moves_with_btc(book.rulebook.instrument(name)) else mark
        for name, mark in book.marks.mark.items()
    }
    by_name = changed(book, ask.PriceMove(marks={name: Positive(mark) for name, mark in marks.items()})).after
    in_usd = {**book.marks.fx, "BTC": EXACT.multiply(book.marks.fx["BTC"], 1 + moves["BTC"])}

    assert found.account == book.account
    assert by_name.currencies == book.with_marks(marks).assess().currencies
    assert found.currencies == book.with_marks(marks, fx=in_usd).assess().currencies


@every_house(LINEAR, INVERSE, leverage=st.sampled_from(("2", "5", "10", "20")))
def test_a_leverage_change_is_the_account_with_other_leverage(book: Book, leverage: str) -> None:
    """In cross mode no money moves: positions and orders of the instrument have another leverage, and that is all."""
    position = book.account.positions[0]
    change = ask.SetLeverage(instrument=position.instrument, leverage=Positive(leverage))
    found = changed(book, change)
    key = (position.instrument, MarginMode.CROSS)

    def relevered(account: Account) -> Account:
        positions, orders = (
            [
                replace(each, leverage=Decimal(leverage)) if (each.instrument, each.margin_mode) == key else each
                for each in held
            ]
            for held in (account.positions, account.orders)
        )
        return replace(account, positions=tuple(positions), orders=tuple(orders))

    refused = found.steps[0].refusal is not None

    assert found.after.account == (book.account if refused else relevered(book.account))


@every_house(LINEAR, INVERSE, SPOT_MARGIN)
def test_a_margin_mode_switched_to_and_fro_is_the_account_again(book: Book) -> None:
    """The opening margin leaves the balance for the position, and returns: nothing is gained or lost on the way."""
    for position in book.account.positions:
        if position.margin_mode is not MarginMode.CROSS:
            continue
        there, back = (
            ask.SetMarginMode(instrument=position.instrument, side=position.side, margin_mode=mode)
            for mode in (MarginMode.ISOLATED, MarginMode.CROSS)
        )
        found = changed(book, there, back)
        if any(step.refusal for step in found.steps):
            continue

        assert found.after.account == book.account


@every_house(LINEAR, INVERSE, SPOT_MARGIN)
def test_a_switch_of_margin_mode_changes_no_equity(book: Book) -> None:
    """Money moves between the balance and the position; a switch that is refused moves none at all."""
    for position in book.account.positions:
        isolated = position.margin_mode is MarginMode.ISOLATED
        mode = MarginMode.CROSS if isolated else MarginMode.ISOLATED
        found = changed(book, ask.SetMarginMode(instrument=position.instrument, side=position.side, margin_mode=mode))
        for currency, figures in found.before.currencies.items():
            assert found.after.currencies[currency].equity == figures.equity
        if found.steps[0].refusal:
            assert found.after.account == book.account


@st.composite
def any_change(draw: st.DrawFn, book: Book) -> ask.Change:
    """A change that may well be refused."""
    position = draw(st.sampled_from(book.account.positions))
    amount = Positive(draw(st.sampled_from(("0.00001", "1", "777", "1000000000"))))
    currency = draw(st.sampled_from(("USDT", "BTC", "DOGE")))
    where: dict[str, Any] = {"instrument": position.instrument, "side": position.side}
    mode = draw(st.sampled_from((MarginMode.CROSS, MarginMode.ISOLATED)))
    side = draw(st.sampled_from(OrderSide))
    found: Any = draw(
        st.sampled_from(
            (
                ask.Withdrawal(currency=currency, amount=amount),
                ask.Transfer(currency=currency, amount=amount, direction="out"),
                ask.AddMargin(**where, amount=amount),
                ask.SetLeverage(instrument=position.instrument, leverage=amount, margin_mode=mode),
                ask.SetMarginMode(**where, margin_mode=mode),
                ask.SetPositionMode(position_mode=draw(st.sampled_from(PositionMode))),
                ask.Close(**where, margin_mode=mode, contracts=amount),
                ask.Stop(**where, margin_mode=mode, trigger_price=amount),
                ask.NewOrder(instrument=position.instrument, side=side, contracts=amount, price=Positive(100)),
            )
        )
    )
    return cast("ask.Change", found)


@every_house(LINEAR, INVERSE, data=st.data())
def test_a_refused_change_changes_nothing(book: Book, data: st.DataObject) -> None:
    """Account and prices are the very same after a refusal, and a refusal names its reason."""
    change = data.draw(any_change(book))
    found = changed(book, change)
    refusal = found.steps[0].refusal
    if refusal is not None:
        assert found.after.account == book.account
        assert found.after.marks == book.marks
        assert str(refusal).startswith(refusal.reason.replace("_", " "))


@every_house(LINEAR, INVERSE, with_orders=False, percent=st.integers(-30, 30))
def test_opened_and_closed_at_one_price_for_nothing_is_the_account_again(book: Book, percent: int) -> None:
    """A round trip without fee gives the balance back to the last digit, at any price and in any number of parts."""
    before, position = flat(book)
    assume(all(each.instrument != position.instrument for each in before.account.positions))
    price = position.entry_price * (100 + percent) / 100
    for shares in (("1",), ("0.5", "0.5"), ("0.3", "0.6", "0.1")):
        steps: list[ask.Change] = [
            opening(position, price=price),
            *(closing(position, share, price) for share in shares),
        ]
        after = changed(before, *steps).after.account

        assert after.positions == before.account.positions
        assert after.balance(book.rulebook.instrument(position.instrument).settle) == before.account.balance(
            book.rulebook.instrument(position.instrument).settle
        )


@every_house(LINEAR, INVERSE, with_orders=False)
def test_two_halves_of_a_fill_are_the_fill(book: Book) -> None:
    """Cash, size and margin are those of the whole fill; the average entry is, up to the last of its 28 digits."""
    before, position = flat(book)
    whole = changed(before, replace(opening(position), fee=Amount("3"))).after.account
    half = replace(opening(position, "0.5"), fee=Amount("1.5"))
    halves = changed(before, half, half).after.account
    assert whole.positions[-1].instrument == halves.positions[-1].instrument
    for one, two in zip(whole.positions, halves.positions, strict=True):
        assert one.contracts == two.contracts
        assert abs(one.entry_price - two.entry_price) <= one.entry_price * Decimal("1e-27")
        assert one.fee == two.fee
    for currency, amount in whole.balances.items():
        assert abs(halves.balance(currency) - amount) < Decimal("1e-20")


@every_house(LINEAR, INVERSE, with_orders=False, quarters=st.integers(1, 12), against=st.booleans())
def test_a_fill_at_mark_for_nothing_changes_no_equity(book: Book, quarters: int, against: bool) -> None:
    """Opening, enlarging, reducing or turning at the mark price moves money but makes none.

    The average entry is rounded to 28 digits, so the sum may move by as little as that.
    """
    position = book.account.positions[0]
    mark = book.marks.mark_of(position.instrument)
    change = opening(position, str(Decimal(quarters) / 4), mark)
    if against:
        change = replace(change, side=OrderSide.SELL if change.side is OrderSide.BUY else OrderSide.BUY)
    found = changed(book, change)
    for currency, figures in found.after.currencies.items():
        was = found.before.currencies.get(currency)

        assert abs(figures.equity - (was.equity if was else ZERO)) < Decimal("1e-18")


@every_house(
    LINEAR, INVERSE, with_orders=False, quarters=st.integers(1, 200), fee=st.sampled_from(("0.1", "7", "-0.3", "1e-9"))
)
def test_a_fee_is_charged_once_to_the_last_digit(book: Book, quarters: int, fee: str) -> None:
    """A fill that turns a position splits its fee between closing and opening, and the parts are the whole."""
    position = book.account.positions[0]
    mark = book.marks.mark_of(position.instrument)
    share = str(Decimal(quarters) / 4)
    turning = opening(position, share, mark)
    turning = replace(turning, side=OrderSide.SELL if turning.side is OrderSide.BUY else OrderSide.BUY)
    free, charged = (changed(book, replace(turning, fee=Amount(amount))).after.account for amount in ("0", fee))
    settle = book.rulebook.instrument(position.instrument).settle

    assert EXACT.subtract(free.balance(settle), charged.balance(settle)) == Decimal(fee)
