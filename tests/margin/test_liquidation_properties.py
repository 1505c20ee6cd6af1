"""The liquidation price, judged by nothing but fresh assessments at other prices."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.margin.books import HOUSES, LINEAR, Book, House, any_books, books, liquidated, pool_again

from crossmargin.domain.account import Position
from crossmargin.domain.arithmetic import ONE, ZERO
from crossmargin.domain.instrument import Kind
from crossmargin.margin.assess import Assessment
from crossmargin.margin.liquidation_price import LiquidationPrice, liquidation_price, liquidation_prices
from crossmargin.margin.moves import frontier, market_moves, underlyings
from crossmargin.margin.pool import Pool

TICK = Decimal("1e-12")  # of the price: far below any venue's tick, far above the rounding of quotients
POWERS = tuple(Decimal(number) for number in ("1.01", "1.5", "10", "1000000"))
MOVES = tuple(Decimal(move) for move in ("-0.3", "-0.05", "0.2"))
FRACTIONS = tuple(Decimal(number) for number in ("0.1", "0.4", "0.7", "0.9"))
EVERY_HOUSE = pytest.mark.parametrize("house", HOUSES, ids=str)


def solved(assessment: Assessment) -> Iterator[tuple[Position, Pool, LiquidationPrice]]:
    """One position of every pool and coin, with its prices."""
    seen = set()
    prices = liquidation_prices(assessment)
    for position in assessment.account.positions:
        pool = assessment.pool_of(position)
        instrument = assessment.rulebook.instrument(position.instrument)
        key = (pool.name, instrument.underlying)
        if key in seen or instrument.kind is Kind.OPTION or not pool.risk.required:
            continue
        if pool.risk.available != pool.risk.required:
            seen.add(key)
            yield position, pool, prices[position.id]


def at(book: Book, position: Position, price: Decimal) -> bool:
    """Whether the position's pool is liquidated when its instrument stands at a price."""
    instrument = book.rulebook.instrument(position.instrument)
    return liquidated(pool_again(book.at(instrument.underlying, price, instrument.id), position))


@EVERY_HOUSE
@given(data=st.data())
def test_the_verdict_changes_exactly_at_the_liquidation_price(house: House, data: st.DataObject) -> None:
    """One tick on this side of the price the pool stands as it stands now, one tick beyond it does not.

    Holds for both directions, with tiers that jump or bend, hedge legs, inverse contracts, spot-margin positions in
    either currency, live orders and several instruments of one coin. No price nearer than that changes the verdict, and
    in a direction without a price none between a millionth and a million times the mark does.
    """
    book = data.draw(books(house))
    for position, pool, found in solved(book.assess()):
        mark = book.marks.mark_of(position.instrument)
        now = liquidated(pool)
        for price, away in ((found.down, -TICK), (found.up, TICK)):
            if price is None:
                for power in POWERS:
                    assert at(book, position, mark * (power if away > 0 else ONE / power)) is now
                continue

            assert (price - mark) * away >= 0
            assert at(book, position, price * (ONE + away)) is not now
            if price != mark:
                assert at(book, position, price * (ONE - away)) is now
                for fraction in FRACTIONS:
                    assert at(book, position, mark + (price - mark) * fraction) is now, fraction


BETAS = tuple(Decimal(beta) for beta in ("0.3", "1", "2", "-0.5"))


def pools(book: Book) -> dict[str, Pool]:
    """Every pool of a fresh assessment, by name."""
    assessment = book.assess()
    return {pool.name: pool for pool in (*assessment.cross.values(), *assessment.isolated.values())}


def moved_by(book: Book, betas: dict[str, Decimal], move: Decimal) -> Book:
    """The book where every coin moved by its beta times a move; options stay."""
    known = book.rulebook.instrument
    return book.with_marks(
        {
            name: mark * (1 + betas[known(name).underlying] * move)
            for name, mark in book.marks.mark.items()
            if known(name).kind is not Kind.OPTION
        }
    )


@given(book=any_books(LINEAR, two_coins=True), betas=st.tuples(st.sampled_from(BETAS), st.sampled_from(BETAS)))
def test_the_verdict_changes_exactly_at_the_market_move(book: Book, betas: tuple[Decimal, Decimal]) -> None:
    """A hair before the move nothing has changed, a hair beyond it the verdict has, whatever the betas.

    No coin's price falls to zero on the way.
    """
    of_coins = dict(zip(("BTC", "ETH"), betas, strict=True))
    now = pools(book)
    for each in market_moves(book.assess(), of_coins):
        assert all(price > 0 for price in (*each.prices_down.values(), *each.prices_up.values()))
        for move in (each.down, each.up):
            if move:
                was = liquidated(now[each.pool])

                assert liquidated(pools(moved_by(book, of_coins, move * (1 - TICK)))[each.pool]) is was
                assert liquidated(pools(moved_by(book, of_coins, move * (1 + TICK)))[each.pool]) is not was


@given(book=any_books())
def test_a_market_move_of_one_coin_is_its_liquidation_price(book: Book) -> None:
    """With one coin in the pool and beta 1 the market moves exactly to the liquidation price."""
    assessment = book.assess()
    prices = liquidation_prices(assessment)
    moves = {each.pool: each for each in market_moves(assessment, {"BTC": ONE, "ETH": ONE})}
    for position in assessment.account.positions:
        pool, found = assessment.pool_of(position), prices[position.id]
        if len(underlyings(pool)) == 1 and found.price is not None:
            move = moves[pool.name]

            assert move.prices_down.get(position.instrument) == found.down
            assert move.prices_up.get(position.instrument) == found.up


def first_legs(pool: Pool) -> dict[str, str]:
    """One instrument of every coin of a pool."""
    return {leg.instrument.underlying: leg.instrument.id for leg in pool.legs[::-1]}


@given(book=any_books(LINEAR, two_coins=True), order=st.permutations(("BTC", "ETH")))
def test_every_point_of_the_frontier_is_on_the_trigger(book: Book, order: tuple[str, str]) -> None:
    """With both coins at the prices of a point the verdict turns: short of it one, beyond it the other."""
    assessment, (first, second) = book.assess(), order
    legs = first_legs(assessment.cross["USDT"])
    for point in frontier(assessment, "USDT", first, second, MOVES):
        there = book.at(first, point.price, legs[first])
        risk = there.assess().cross["USDT"].risk
        if risk.available == risk.required:
            continue

        assert point.safe is not liquidated(there.assess().cross["USDT"])
        for price, away in ((point.down, -TICK), (point.up, TICK)):
            if price is not None:
                beyond = there.at(second, price * (ONE + away), legs[second]).assess()
                short_of = there.at(second, price * (ONE - away), legs[second]).assess()

                assert liquidated(beyond.cross["USDT"]) is point.safe
                assert liquidated(short_of.cross["USDT"]) is not point.safe or price == there.marks.mark_of(
                    legs[second]
                )


@given(book=any_books(LINEAR, two_coins=True), order=st.permutations(("BTC", "ETH")))
def test_the_frontier_where_the_first_coin_stays_is_the_liquidation_price(book: Book, order: tuple[str, str]) -> None:
    """At move 0 only the second coin moves, and that is what its liquidation price says."""
    assessment, (first, second) = book.assess(), order
    pool = assessment.cross["USDT"]
    unmoved = frontier(assessment, "USDT", first, second, [ZERO])[0]
    for position in assessment.account.positions:
        if position.instrument == first_legs(pool)[second] and assessment.pool_of(position) is pool:
            found = liquidation_price(assessment, position)

            assert (unmoved.down, unmoved.up) == (found.down, found.up) or not pool.risk.required
