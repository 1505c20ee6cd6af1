"""Who takes what the book did not: the insurance fund, then the ranking, and in the last resort the house.

Every handing-over is at the bankruptcy value. What that costs the fund, or a counterparty in the ranking, stands in the
event; what the house pays stands in a `DeficitCovered`.
"""

from collections.abc import Generator, Iterator
from decimal import Decimal

import msgspec
from msgspec import Struct

from crossmargin.domain import event as e
from crossmargin.domain.account import OrderSide, Side
from crossmargin.domain.arithmetic import ONE, ZERO, quotient, scaled
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.ledger import QUANTUM, Held, PositionKey
from crossmargin.engine.execute import cover, shrink
from crossmargin.engine.money import opened
from crossmargin.engine.scale import NOISE
from crossmargin.engine.settle import Terms, close, moved, receives, trade, worth_at
from crossmargin.engine.state import State
from crossmargin.engine.unwind import loan_taken_over
from crossmargin.liquidation.bankruptcy import closing_value
from crossmargin.liquidation.ranking import score
from crossmargin.margin.assess import assess
from crossmargin.margin.fills import Execution, fill
from crossmargin.margin.pool import Status
from crossmargin.margin.valuation import spot_margin_pnl

__all__ = ["Ranking", "Share", "fund_equity", "hand_over", "ruins"]


class Share(Struct, frozen=True):
    """What a position may lose: fixed once, for the size that it had then, with the price that this comes to."""

    amount: Decimal
    contracts: Decimal
    limit: Decimal | None


Place = tuple[int, Decimal, Held]
"""Rank from 1, score, and the position as it was when the ranking was made."""


class Ranking:
    """The ranking as published when a command first needs it; used up in order, not computed again for each step."""

    __slots__ = ("_lists",)

    def __init__(self) -> None:
        """Start without a list."""
        self._lists: dict[tuple[str, Side], list[Place]] = {}

    def of(self, state: State, instrument: str, side: Side) -> Iterator[Place]:
        """Everyone on a side of an instrument, highest score first, the oldest first among equals.

        Who is used up is dropped from the front, so that a long queue is not walked again for every liquidation.
        """
        found = self._lists.get((instrument, side))
        if found is None:
            found = self._lists[instrument, side] = _ranked(state, instrument, side)
        while found and state.held(found[-1][2].key) is None:
            found.pop()
        return reversed(found)


def _ranked(state: State, instrument: str, side: Side) -> list[Place]:
    """Places, the first in rank last in the list."""
    scored = [
        (score(assessment, position), state.owners[account].positions[key])
        for account in state.holders.get(instrument, ())
        if not state.owners[account].internal
        for key in state.owners[account].positions
        if key.instrument == instrument and key.side == side
        for assessment in (state.assessment(account),)
        for position in assessment.account.positions
        if (position.instrument, position.side, position.margin_mode) == (key.instrument, key.side, key.margin_mode)
    ]
    scored.sort(key=lambda each: (-each[0], each[1].opened))
    return [(rank, figure, held) for rank, (figure, held) in enumerate(scored, 1)][::-1]


def hand_over(state: State, key: PositionKey, contracts: Decimal, share: Share, ranking: Ranking) -> Iterator[e.Event]:
    """Hand a part of a position over: to the fund if it can bear it, else to the ranking, else to the house."""
    instrument = state.instrument(key.instrument)
    fund = state.fund_of(instrument)
    yield from opened(state, fund)
    if instrument.kind == Kind.MARGIN:
        yield from _take_loan_over(state, key, share, fund)
        return
    lost = scaled(share.amount, contracts, share.contracts)
    if key.account != fund and fund_equity(state, fund, instrument.settle) + lost >= 0:
        yield from _take_over(state, key, contracts, share, fund)
        return
    trigger = "fund_bankrupt" if key.account == fund else "fund_exhausted"
    for careful in (True, False):
        contracts = yield from _deleverage(
            state, key, contracts, share, ranking.of(state, key.instrument, _other(key.side)), trigger, careful
        )
        if not contracts:
            return
    if key.account != fund:
        yield from _take_over(state, key, contracts, share, fund)
        short = -fund_equity(state, fund, instrument.settle)
        if short > 0:
            yield from _house(fund, instrument, _up(short))


def _take_loan_over(state: State, key: PositionKey, share: Share, fund: str) -> Iterator[e.Event]:
    """Assets and debt of a spot-margin position go to the fund, at the price at which the owner's share is used up.

    Nobody stands on the other side who could be deleveraged: what the fund does not have, the house pays.
    """
    held = state.held(key)
    assert held is not None
    instrument, currency = state.instrument(key.instrument), held.margin_currency
    if key.account != fund:
        yield loan_taken_over(state, held, share.amount, share.limit, fund)
    short = -fund_equity(state, fund, currency)
    if short > 0:
        yield from _house(fund, instrument, _up(short), currency)


def fund_equity(state: State, fund: str, currency: str) -> Decimal:
    """What a fund is worth in a currency: its cash and its positions at mark."""
    total = state.cash(fund, currency)
    owner = state.owners.get(fund)
    for key, held in owner.positions.items() if owner is not None else ():
        instrument = state.instrument(key.instrument)
        if held.margin_currency == currency:
            total += spot_margin_pnl(instrument, state.position(held), state.marks.mark_of(instrument.id))
        elif not held.margin_currency and instrument.settle == currency:
            value = worth_at(instrument, held.contracts, state.marks.mark_of(instrument.id))
            total += state.cell(f"position/{key.cell}", currency)
            total += value if receives(instrument, key.side) else -value
    return total


def _house(account: str, instrument: Instrument, amount: Decimal, currency: str = "") -> Iterator[e.Event]:
    currency = currency or instrument.settle
    yield e.DeficitCovered(
        account=account,
        pool=instrument.id,
        currency=currency,
        amount=amount,
        by="house",
        transfers=moved("house", f"cash/{account}", currency, amount, "deficit"),
    )


def _up(amount: Decimal) -> Decimal:
    return -((-amount) // QUANTUM) * QUANTUM


def _other(side: Side) -> Side:
    return Side.SHORT if side == Side.LONG else Side.LONG


def _value(state: State, key: PositionKey, contracts: Decimal, share: Share) -> Decimal:
    """Bankruptcy value of a part, at least one quantum."""
    instrument = state.instrument(key.instrument)
    at_mark = worth_at(instrument, contracts, state.marks.mark_of(instrument.id))
    value = closing_value(
        at_mark,
        share.amount,
        contracts,
        share.contracts,
        receives=receives(instrument, key.side),
        quantum=QUANTUM,
    )
    return max(QUANTUM, value)


def _price(instrument: Instrument, contracts: Decimal, value: Decimal) -> Decimal:
    """The price that a value comes to."""
    face = contracts * instrument.unit
    return quotient(face, value) if instrument.inverse else quotient(value, face)


def _take_over(state: State, key: PositionKey, contracts: Decimal, share: Share, fund: str) -> Iterator[e.Event]:
    instrument = state.instrument(key.instrument)
    value = _value(state, key, contracts, share)
    held = state.held(key)
    assert held is not None
    given = close(state, held, contracts=contracts, value=value, forced=True)
    side = OrderSide.BUY if key.side == Side.LONG else OrderSide.SELL
    terms = Terms(account=fund, instrument=instrument, side=side, leverage=ONE)
    price = _price(instrument, contracts, value)
    number = state.counters["fills"] + 1
    taken = trade(state, terms, contracts=contracts, price=price, fill=number, value=value)
    both = given + taken
    yield e.TakenOver(
        account=key.account,
        fund=fund,
        position=key,
        contracts=contracts,
        value=value,
        transfers=both.transfers,
        positions=both.positions,
    )
    yield from cover(state, key.account, instrument, given)


def _deleverage(
    state: State,
    key: PositionKey,
    contracts: Decimal,
    share: Share,
    ranked: Iterator[Place],
    trigger: str,
    careful: bool,
) -> Generator[e.Event, None, Decimal]:
    """Go down the ranking; return what is left. Careful: pass over who would be liquidated by it."""
    instrument = state.instrument(key.instrument)
    for rank, figure, listed in ranked:
        if not contracts:
            break
        victim = state.held(listed.key)
        if victim is None or listed.key.account == key.account:
            continue
        size = min(contracts, victim.contracts)
        value = _value(state, key, size, share)
        if careful and ruins(state, victim, instrument, size, value):
            continue
        held = state.held(key)
        assert held is not None
        given = close(state, held, contracts=size, value=value, forced=True)
        taken = close(state, victim, contracts=size, value=value)
        both = given + taken
        yield e.Deleveraged(
            account=key.account,
            victim=victim.key,
            position=key,
            contracts=size,
            value=value,
            haircut=_haircut(state, victim, instrument, size, value),
            trigger=trigger,
            rank=rank,
            score=figure,
            transfers=both.transfers,
            positions=both.positions,
        )
        yield from cover(state, key.account, instrument, given)
        yield from cover(state, victim.key.account, instrument, taken)
        yield from shrink(state, victim.key.account, instrument.id)
        contracts -= size
    return contracts


def _haircut(state: State, victim: Held, instrument: Instrument, size: Decimal, value: Decimal) -> Decimal:
    """What a victim gets less than at mark; negative where it gets more."""
    at_mark = worth_at(instrument, size, state.marks.mark_of(instrument.id))
    return at_mark - value if receives(instrument, victim.key.side) else value - at_mark


def ruins(state: State, victim: Held, instrument: Instrument, size: Decimal, value: Decimal) -> bool:
    """Whether a victim that is safe would be at the trigger afterwards, or owe what others have to pay."""
    loss = _haircut(state, victim, instrument, size, value)
    if loss <= 0 or state.bounds.survives(state.owners[victim.key.account], victim.key, loss + value * NOISE):
        return False
    execution = Execution(
        instrument=instrument,
        side=OrderSide.SELL if victim.key.side == Side.LONG else OrderSide.BUY,
        contracts=size,
        price=_price(instrument, size, value),
        fee=ZERO,
        margin_mode=victim.key.margin_mode,
        leverage=victim.leverage,
        position_side=victim.key.side,
    )
    after = fill(state.account(victim.key.account), execution)
    after = msgspec.structs.replace(after, orders=())
    assessment = assess(after, state.marks, state.rulebook)
    figures = assessment.currencies.get(instrument.settle)
    owes = figures is not None and figures.equity < 0  # whoever holds nothing any more has no ratio
    short = bool(close(state, victim, contracts=size, value=value).uncovered)
    return owes or short or assessment.status is Status.LIQUIDATION
