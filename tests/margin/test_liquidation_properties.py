"""The liquidation price, judged by nothing but fresh assessments at other prices."""

from collections.abc import Iterator
from decimal import Decimal

from hypothesis import strategies as st
from tests.margin.books import (
    COINS,
    LINEAR,
    SHORT,
    Book,
    every_house,
    liquidated,
    money_of,
    pool_again,
    stands,
)

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


def at(book: Book, position: Position, price: Decimal, *, in_liquidation: bool) -> bool:
    """Whether the position's pool stands as expected when its instrument stands at a price."""
    instrument = book.rulebook.instrument(position.instrument)
    pool = pool_again(book.at(instrument.underlying, price, instrument.id), position)
    return stands(pool, book.rulebook, in_liquidation=in_liquidation)


@every_house(share=10)
def test_the_verdict_changes_exactly_at_the_liquidation_price(book: Book) -> None:
    """One tick on this side of the price the pool stands as it stands now, one tick beyond it does not.

    Holds for both directions, with tiers that jump or bend, hedge legs, inverse contracts, spot-margin positions in
    either currency, live orders and several instruments of one coin. No price nearer than that changes the verdict, and
    in a direction without a price none between a millionth and a million times the mark does.
    """
    for position, pool, found in solved(book.assess()):
        mark = book.marks.mark_of(position.instrument)
        now = liquidated(pool)
        for price, away in ((found.down, -TICK), (found.up, TICK)):
            if price is None:
                for power in POWERS:
                    far = mark * (power if away > 0 else ONE / power)
                    assert at(book, position, far, in_liquidation=now)
                continue

            assert (price - mark) * away >= 0
            assert at(book, position, price * (ONE + away), in_liquidation=not now)
            if price != mark:
                assert at(book, position, price * (ONE - away), in_liquidation=now)
                for fraction in FRACTIONS:
                    between = mark + (price - mark) * fraction
                    assert at(book, position, between, in_liquidation=now), fraction


BETAS = tuple(Decimal(beta) for beta in ("0.3", "1", "2", "-0.5"))


def pools(book: Book) -> dict[str, Pool]:
    """Every pool of a fresh assessment, by name."""
    assessment = book.assess()
    return {pool.name: pool for pool in (*assessment.cross.values(), *assessment.isolated.values())}


def moved_by(book: Book, betas: dict[str, Decimal], move: Decimal) -> Book:
    """The book where every coin moved by its beta times a move."""
    return book.moved({coin: beta * SHORT.plus(move) for coin, beta in betas.items()})


@every_house(LINEAR, two_coins=True, betas=st.tuples(st.sampled_from(BETAS), st.sampled_from(BETAS)))
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
                held = {coin: of_coins[coin] for coin in underlyings(now[each.pool])}
                short_of, beyond = (pools(moved_by(book, held, move * (1 + away)))[each.pool] for away in (-TICK, TICK))

                assert stands(short_of, book.rulebook, in_liquidation=was)
                assert stands(beyond, book.rulebook, in_liquidation=not was)


@every_house()
def test_a_market_move_of_one_coin_is_its_liquidation_price(book: Book) -> None:
    """With beta 1 for one coin and 0 for the others the market moves exactly to the liquidation price."""
    assessment = book.assess()
    prices = liquidation_prices(assessment)
    for coin in COINS:
        moves = {each.pool: each for each in market_moves(assessment, dict.fromkeys(COINS, ZERO) | {coin: ONE})}
        for position in assessment.account.positions:
            pool, found = assessment.pool_of(position), prices[position.id]
            if book.rulebook.instrument(position.instrument).underlying == coin and found.price is not None:
                move = moves[pool.name]

                assert move.prices_down.get(position.instrument) == found.down
                assert move.prices_up.get(position.instrument) == found.up


def first_legs(pool: Pool) -> dict[str, str]:
    """One instrument of every coin of a pool."""
    return {leg.instrument.underlying: leg.instrument.id for leg in pool.legs[::-1]}


@every_house(LINEAR, two_coins=True, order=st.permutations(("BTC", "ETH")))
def test_every_point_of_the_frontier_is_on_the_trigger(book: Book, order: tuple[str, str]) -> None:
    """With both coins at the prices of a point the verdict turns: short of it one, beyond it the other."""
    assessment, (first, second) = book.assess(), order
    money = money_of(book)
    legs = first_legs(assessment.pool_in(money))
    for point in frontier(assessment, money, first, second, MOVES):
        there = book.at(first, point.price, legs[first])
        here = there.assess().pool_in(money)
        if here.risk.available == here.risk.required:
            continue

        assert stands(here, book.rulebook, in_liquidation=not point.safe)
        for price, away in ((point.down, -TICK), (point.up, TICK)):
            if price is not None:
                beyond, short_of = (
                    there.at(second, price * (ONE + side), legs[second]).assess().pool_in(money)
                    for side in (away, -away)
                )

                assert stands(beyond, book.rulebook, in_liquidation=point.safe)
                assert price == there.marks.mark_of(legs[second]) or stands(
                    short_of, book.rulebook, in_liquidation=not point.safe
                )


@every_house(LINEAR, two_coins=True, order=st.permutations(("BTC", "ETH")))
def test_the_frontier_where_the_first_coin_stays_is_the_liquidation_price(book: Book, order: tuple[str, str]) -> None:
    """At move 0 only the second coin moves, and that is what its liquidation price says."""
    assessment, (first, second) = book.assess(), order
    money = money_of(book)
    pool = assessment.pool_in(money)
    unmoved = frontier(assessment, money, first, second, [ZERO])[0]
    for position in assessment.account.positions:
        if position.instrument == first_legs(pool)[second] and assessment.pool_of(position) is pool:
            found = liquidation_price(assessment, position)

            assert (unmoved.down, unmoved.up) == (found.down, found.up) or not pool.risk.required
