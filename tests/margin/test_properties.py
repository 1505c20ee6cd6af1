"""What holds for every account under every rulebook."""

from decimal import Context, Decimal, localcontext

from hypothesis import strategies as st
from msgspec.structs import replace
from tests.margin.books import INVERSE, LINEAR, OPTIONS, PAID_IN_QUOTE, Book, every_house, money_of

from crossmargin.domain.account import MarginMode, Order, Position, Side
from crossmargin.domain.arithmetic import EXACT, ZERO, total
from crossmargin.domain.instrument import Kind
from crossmargin.domain.marks import Marks
from crossmargin.margin.assess import Assessment
from crossmargin.margin.explain import explain, explainable
from crossmargin.margin.liquidation_price import liquidation_prices
from crossmargin.margin.pool import Pool, Status
from crossmargin.margin.shares import shares
from crossmargin.rulebook.collateral import Collateral
from crossmargin.rulebook.model import Rulebook, TierKey
from crossmargin.rulebook.tiers import TierTable

RATIOS = ("margin_ratio", "leverage", "exposure_ratio")


def pools(book: Book) -> list[Pool]:
    """Every pool of an assessment."""
    assessment = book.assess()
    return [*assessment.cross.values(), *assessment.isolated.values()]


def prices(assessment: Assessment) -> dict[str, tuple[Decimal | None, ...]]:
    """Liquidation prices and distance by position."""
    found = liquidation_prices(assessment)
    return {name: (each.price, each.down, each.up, each.distance) for name, each in found.items()}


@every_house(data=st.data())
def test_the_order_of_positions_changes_no_figure(book: Book, data: st.DataObject) -> None:
    """Figures, holds, verdicts and liquidation prices are the same however positions are listed.

    Orders of one instrument keep their order (the earlier one closes first), those of different ones may be mixed.
    """
    positions = tuple(data.draw(st.permutations(book.account.positions)))
    instruments = dict.fromkeys(order.instrument for order in book.account.orders)
    mixed = data.draw(st.permutations(list(instruments)))
    orders = tuple(order for name in mixed for order in book.account.orders if order.instrument == name)
    was, now = book.assess(), book.with_account(positions=positions, orders=orders).assess()

    assert now.currencies == was.currencies
    assert {each.id: each for each in now.positions} == {each.id: each for each in was.positions}
    assert {hold.order.id: hold for hold in now.holds} == {hold.order.id: hold for hold in was.holds}
    assert now.status is was.status
    assert prices(now) == prices(was)


@every_house()
def test_the_lines_of_an_explanation_sum_exactly_to_the_figure(book: Book) -> None:
    """For every figure that can be explained: the lines add up to it, to the last digit, or it has a reason instead.

    Sums are taken in the exact context, which raises rather than rounds; those of ratios also in 28 digits, as a reader
    with a calculator of that length would add them up.
    """
    assessment = book.assess(lines=True)
    for figure in explainable(assessment):
        explanation = explain(assessment, figure)
        if explanation.value is None:
            assert explanation.reason, figure
            continue
        with localcontext(EXACT):
            assert total(line.amount for line in explanation.lines) == explanation.value, figure
        if figure.endswith(RATIOS):
            with localcontext(Context(prec=28)):
                assert total(line.amount for line in explanation.lines) == explanation.value, figure


@every_house()
def test_figures_are_the_same_with_and_without_lines(book: Book) -> None:
    """Keeping the lines costs time but changes no figure."""
    assert book.assess(lines=True).currencies == book.assess().currencies


@every_house(LINEAR, INVERSE)
def test_long_and_short_need_the_same_margin(book: Book) -> None:
    """At one mark a long and a short of one size have the same value, initial and maintenance margin, fee and tier.

    But the fee to close at the bankruptcy price, and initial margin that contains it: those prices lie apart.
    """
    rules = book.rulebook.rules
    names = ["notional", "initial_margin", "maintenance_margin", "liquidation_fee", "tier"]
    if rules.closing_fee == "taker_at_bankruptcy":
        names.remove("liquidation_fee")
    if rules.closing_fee_in_initial:
        names.remove("initial_margin")
    for position in book.account.positions:
        long, short = (
            book.with_account(positions=(replace(position, side=side),), orders=()).assess().positions[0]
            for side in Side
        )

        if rules.closing_fee_in_initial:
            assert long.initial_margin - long.liquidation_fee == short.initial_margin - short.liquidation_fee
        for name in names:
            assert getattr(long, name) == getattr(short, name)
        assert long.floating_pnl == -short.floating_pnl


@every_house(LINEAR, INVERSE, with_orders=False, more=st.integers(1, 40))
def test_a_larger_position_never_needs_less_margin(book: Book, more: int) -> None:
    """A position that grows needs at least the initial and maintenance margin it needed before."""
    for position in book.account.positions:
        grown = replace(position, contracts=position.contracts * (10 + more) / 10, margin=None)
        small, large = (
            book.with_account(positions=(each,)).assess().positions[0]
            for each in (replace(position, margin=None), grown)
        )

        assert large.maintenance_margin >= small.maintenance_margin
        assert large.initial_margin >= small.initial_margin


@every_house()
def test_nothing_that_cannot_be_negative_is(book: Book) -> None:
    """Maintenance and initial margins, fees, holds, free margin and available balance are zero or more."""
    assessment = book.assess()
    for each in assessment.positions:
        assert min(each.maintenance_margin, each.initial_margin, each.liquidation_fee, each.notional) >= 0
    for figures in assessment.currencies.values():
        assert min(figures.free_margin, figures.available_balance, figures.maintenance_margin) >= 0
        assert min(figures.in_use, figures.initial_margin, figures.exposure) >= 0
        assert figures.available_balance <= figures.free_margin
    for hold in assessment.holds:
        assert min(hold.margin, hold.fee, hold.open_loss, hold.contracts) >= 0


@every_house()
def test_equity_is_what_all_pools_hold_together(book: Book) -> None:
    """Per currency: cash + cross PnL + isolated margins and their PnL + option value, nothing twice and none lost.

    The PnL of an option is part of its value: its premium has passed through the cash.
    """
    assessment = book.assess()
    for currency, figures in assessment.currencies.items():
        mine = [each for each in assessment.positions if each.margin_currency == currency]
        with localcontext(EXACT):
            legs = [each for each in mine if book.rulebook.instrument(each.instrument).kind != Kind.OPTION]
            cross = total(each.floating_pnl for each in legs if each.margin_mode == MarginMode.CROSS)
            isolated = total(pool.risk.available for pool in assessment.isolated.values() if pool.currency == currency)
            equity = figures.balance + cross + isolated + figures.option_value

        assert figures.floating_pnl == cross
        assert figures.isolated_equity == isolated
        assert figures.equity == equity


@every_house()
def test_the_status_says_what_the_two_amounts_say(book: Book) -> None:
    """Liquidation where available <= required (< where the rulebook says so), warning up to the warning ratio.

    Compared by multiplication, so that no rounding decides; the account stands as its worst pool does.
    """
    rules = book.rulebook.rules
    for pool in pools(book):
        available, required = pool.risk.available, pool.risk.required
        reached = available < required if rules.trigger == "<" else available <= required
        warned = available <= rules.warn_at * required
        expected = Status.LIQUIDATION if reached else Status.WARNING if warned else Status.SAFE

        assert pool.status is (expected if required else Status.SAFE)
        assert (pool.risk.ratio is None) is (not required)
    assert book.assess().status.severity == max(pool.status.severity for pool in pools(book))


def times(amount: Decimal | None, factor: Decimal) -> Decimal | None:
    """An optional amount, scaled."""
    return None if amount is None else amount * factor


def scaled_tables(rulebook: Rulebook, money: str, factor: Decimal) -> dict[TierKey, TierTable]:
    """Tiers whose amounts of quote currency are scaled: bounds in notional, deductions, open interest; loans of it."""
    tables = {}
    for key, table in rulebook.tiers.items():
        lent = key[0] == "borrow"
        if lent and key[1] != money:
            continue
        rows = tuple(
            replace(
                row,
                up_to=times(row.up_to, factor) if lent or table.unit == "notional" else row.up_to,
                deduction=row.deduction * factor,
                open_interest_low=times(row.open_interest_low, factor),
                open_interest_high=times(row.open_interest_high, factor),
            )
            for row in table.tiers
        )
        tables[key] = replace(table, tiers=rows)
    return tables


def scaled_slices(rulebook: Rulebook, money: str, factor: Decimal) -> dict[str, Collateral]:
    """Collateral where the slices of one currency are scaled."""
    if money not in rulebook.collateral:
        return rulebook.collateral
    curve = rulebook.collateral[money]
    slices = tuple(replace(each, up_to=times(each.up_to, factor)) for each in curve.slices)
    return {**rulebook.collateral, money: replace(curve, slices=slices)}


def in_other_money(book: Book, factor: Decimal) -> Book:
    """The same linear book in a quote currency of which there are so many to one of the old; USD shrinks with it."""
    assert not any(each.leverage == 3 for each in book.account.positions), "thirds are rounded, and not alike"
    money = money_of(book)

    def position(each: Position) -> Position:
        return replace(each, entry_price=each.entry_price * factor, margin=times(each.margin, factor))

    def order(each: Order) -> Order:
        return replace(each, price=times(each.price, factor))

    def prices(of: dict[str, Decimal]) -> dict[str, Decimal]:
        return {name: price if name == money else price * factor for name, price in of.items()}

    account = replace(
        book.account,
        balances={
            currency: amount * factor if currency == money else amount
            for currency, amount in book.account.balances.items()
        },
        positions=tuple(map(position, book.account.positions)),
        orders=tuple(map(order, book.account.orders)),
    )
    marks = book.marks
    marks = Marks(
        mark=prices(marks.mark),
        last=prices(marks.last),
        fx=prices(marks.fx),
        open_interest=prices(marks.open_interest),
    )
    rulebook = book.rulebook.with_instruments((), scaled_tables(book.rulebook, money, factor))
    rulebook = replace(rulebook, collateral=scaled_slices(rulebook, money, factor))
    return Book(account, marks, rulebook.with_rules(requirement_step=times(rulebook.rules.requirement_step, factor)))


@every_house(LINEAR, factor=st.sampled_from(("0.001", "0.5", "2", "7", "1000")))
def test_the_size_of_the_currency_changes_no_ratio(book: Book, factor: str) -> None:
    """With prices, balances, bounds in notional and deductions all times k, ratios stay and amounts are times k."""
    k = Decimal(factor)
    positions, orders = (
        tuple(replace(each, leverage=Decimal(4)) for each in held)
        for held in (book.account.positions, book.account.orders)
    )
    book = book.with_account(positions=positions, orders=orders)
    was, now = book.assess(), in_other_money(book, k).assess()

    assert now.status is was.status
    for currency, figures in was.currencies.items():
        for name in RATIOS:
            assert getattr(now.currencies[currency], name) == getattr(figures, name)
        if currency != money_of(book):
            continue
        with localcontext(EXACT):
            assert now.currencies[currency].equity == figures.equity * k
            assert now.currencies[currency].maintenance_margin == figures.maintenance_margin * k
    for old, new in zip(was.positions, now.positions, strict=True):
        assert (new.tier, new.pnl_ratio, new.margin_ratio) == (old.tier, old.pnl_ratio, old.margin_ratio)


@every_house(with_orders=False)
def test_a_position_marginal_effect_is_the_ratio_without_it(book: Book) -> None:
    """The ratio without a position is that of the account in which it was closed at mark for nothing.

    Its PnL is cash then; the other positions may fall into a lower tier without it.
    """
    assessment = book.assess()
    for position, share in ((each, shares(assessment)[each.id]) for each in book.account.positions):
        kind = book.rulebook.instrument(position.instrument).kind
        if position.margin_mode is not MarginMode.CROSS or kind is Kind.OPTION:
            continue
        pool = assessment.pool_of(position)
        leg = next(leg for leg in pool.legs if leg.holding is position)
        with localcontext(EXACT):
            cash = book.account.balance(leg.currency) + leg.pnl
        without = book.with_account(
            positions=tuple(each for each in book.account.positions if each is not position),
            balances={**book.account.balances, leg.currency: cash},
        ).assess()

        assert share.ratio_without == without.pool_in(leg.currency).ratio


@every_house(OPTIONS, PAID_IN_QUOTE)
def test_long_options_never_need_margin(book: Book) -> None:
    """A long option has neither initial nor maintenance margin; beside their value options add no PnL to the equity."""
    assessment = book.assess()
    for each in assessment.positions:
        if each.side == Side.LONG:
            assert each.initial_margin == each.maintenance_margin == ZERO
    assert all(not figures.floating_pnl for figures in assessment.currencies.values())
