"""Review: after every command, whoever it touched is looked at until nobody is left who is due.

After a new mark the `nominate` callable says whom it may have touched. Accounts are taken in the order of their ratio,
the lowest first, and of their number; never of their name.
"""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from crossmargin.domain import event as e
from crossmargin.domain.arithmetic import ZERO
from crossmargin.engine.deleverage import Ranking, fund_equity, hand_over
from crossmargin.engine.execute import cover
from crossmargin.engine.liquidate import case_of, into_book, liquidate
from crossmargin.engine.money import opened
from crossmargin.engine.nominate import Nominate, nominated
from crossmargin.engine.orders import cancelled
from crossmargin.engine.owner import Owner
from crossmargin.engine.settle import Effect
from crossmargin.engine.state import State
from crossmargin.engine.unwind import unwind
from crossmargin.liquidation.bankruptcy import limit_price
from crossmargin.liquidation.plan import due, opening_orders, priced, strained
from crossmargin.margin.assess import Assessment
from crossmargin.margin.pool import Pool, Status

__all__ = ["review"]


class _Due(Struct, frozen=True):
    """A pool at the trigger, in its place in the queue."""

    ratio: Decimal
    number: int
    account: str
    pool: str


def review(state: State, nominate: Nominate) -> Iterator[e.Event]:
    """Warn, cancel, liquidate, until no touched account is left.

    Whom something touches during a pass is looked at in the next one, whether or not it stood in line in this one: so
    that it makes no difference who else was nominated.
    """
    ranking = Ranking()
    deferred: dict[tuple[str, str], None] = {}
    while state.touched or state.moved:
        accounts = _accounts(state, nominate)
        state.touched.clear()
        queue: list[_Due] = []
        for owner in accounts:
            if owner.id in state.touched:
                continue
            if owner.internal:
                yield from _fund(state, owner, ranking)
            else:
                if _owes(state, owner):
                    yield from _debts(state, owner)
                if owner.warned or (owner.positions and not state.bounds.calm(owner)):
                    yield from _look(state, owner, queue, deferred)
        for each in sorted(queue, key=lambda found: (found.ratio, found.number)):
            yield from _if_still_due(state, each, ranking)


def _look(state: State, owner: Owner, queue: list[_Due], deferred: dict[tuple[str, str], None]) -> Iterator[e.Event]:
    if state.bare(owner.id):
        yield from _lifted(owner, list(owner.warned))
        return
    assessment = state.assessment(owner.id)
    for pool in (*assessment.cross.values(), *assessment.isolated.values()):
        yield from _warnings(assessment, owner, pool)
        if not due(pool):
            if strained(assessment, pool):
                yield from _relieve(state, owner, assessment, pool)
            continue
        doubtful = next((leg.instrument.id for leg in priced(pool) if not state.healthy(leg.instrument.id)), None)
        if doubtful is None:
            queue.append(_Due(pool.ratio or ZERO, owner.number, owner.id, pool.name))
        elif (owner.id, pool.name) not in deferred:
            deferred[owner.id, pool.name] = None
            yield e.LiquidationDeferred(account=owner.id, pool=pool.name, instrument=doubtful)
    yield from _lifted(owner, [name for name in owner.warned if _absent(assessment, name)])


def _lifted(owner: Owner, gone: list[str]) -> Iterator[e.Event]:
    """What was warned of and is not there any more."""
    for name in gone:
        yield e.WarningLifted(account=owner.id, pool=name)


def _accounts(state: State, nominate: Nominate) -> list[Owner]:
    """Whom to look at, in the order of their numbers."""
    owners = state.owners
    names = {**state.touched, **dict.fromkeys(nominated(state, nominate))} if state.moved else state.touched
    accounts = [owners[name] for name in names]
    if len(accounts) > 1:
        accounts.sort(key=lambda owner: owner.number)
    return accounts


def _owes(state: State, owner: Owner) -> bool:
    """Whether an account has less than nothing in some currency."""
    return any(state.cells[currency].get(owner.cash, ZERO) < 0 for currency in owner.currencies)


def _debts(state: State, owner: Owner) -> Iterator[e.Event]:
    """Who owes money and holds nothing that could earn it back is squared at once, and it is recorded who paid."""
    for currency in list(owner.currencies):
        cash = state.cash(owner.id, currency)
        if cash >= 0 or any(state.pool_currency(held) == currency for held in owner.positions.values()):
            continue
        listed = next(
            instrument for instrument, _ in state.listings.values() if currency in (instrument.settle, instrument.base)
        )
        yield from opened(state, state.fund_of(listed))
        yield from cover(state, owner.id, listed, Effect(uncovered=-cash, currency=currency))


def _absent(assessment: Assessment, name: str) -> bool:
    pools = (*assessment.cross.values(), *assessment.isolated.values())
    return all(pool.name != name or not pool.risk.required for pool in pools)


def _warnings(assessment: Assessment, owner: Owner, pool: Pool) -> Iterator[e.Event]:
    """Warn once at the level; lift only above a higher one, so that a warning does not flap."""
    if pool.name not in owner.warned:
        if pool.status is not Status.SAFE and pool.ratio is not None:
            yield e.Warned(account=owner.id, pool=pool.name, ratio=pool.ratio)
        return
    lift = assessment.rulebook.liquidation.warning_leaves_at
    if pool.risk.required and pool.risk.available > lift * pool.risk.required:
        yield e.WarningLifted(account=owner.id, pool=pool.name)


def _relieve(state: State, owner: Owner, assessment: Assessment, pool: Pool) -> Iterator[e.Event]:
    """Risk control cancels the orders that raise used equity, before there is anything to liquidate."""
    if all(state.healthy(leg.instrument.id) for leg in priced(pool)):
        for order in opening_orders(assessment, pool):
            if order in owner.orders:
                yield cancelled(owner.orders[order], "risk_control")


def _if_still_due(state: State, each: _Due, ranking: Ranking) -> Iterator[e.Event]:
    """Liquidate, unless what happened to others in between has helped."""
    assessment = state.assessment(each.account)
    for pool in (*assessment.cross.values(), *assessment.isolated.values()):
        if pool.name == each.pool and due(pool):
            for leg in pool.positions:
                yield from opened(state, state.fund_of(leg.instrument))
            yield from liquidate(state, each.account, each.pool, ranking)
            return


def _fund(state: State, owner: Owner, ranking: Ranking) -> Iterator[e.Event]:
    """A fund sells what it took over when the book pays its entry; without equity left, it is deleveraged itself."""
    for held in owner.held():
        key = held.key
        instrument = state.instrument(key.instrument)
        if not state.healthy(instrument.id):
            continue
        currency = state.pool_currency(held)
        if fund_equity(state, owner.id, currency) < 0:
            pool = state.assessment(owner.id).cross[currency]
            share = case_of(state, owner.id, pool).shares[key]
            yield from hand_over(state, key, held.contracts, share, ranking)
        else:
            limit = limit_price(instrument, key.side, held.entry_price)
            if held.margin_currency:
                yield from unwind(state, key, limit or held.entry_price, None)
            else:
                yield from into_book(state, key, held.contracts, limit, None)
