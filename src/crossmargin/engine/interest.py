"""Interest on what is borrowed: owed from then on, and earned by whoever lends."""

from collections.abc import Iterator

import msgspec

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.arithmetic import ZERO, ceil_to
from crossmargin.domain.ledger import QUANTUM, Held
from crossmargin.domain.refusal import RejectReason
from crossmargin.engine.loan import debt_of
from crossmargin.engine.settle import moved
from crossmargin.engine.state import State
from crossmargin.margin.admission import refuse

__all__ = ["accrue", "period_of"]


def period_of(currency: str) -> str:
    """Name under which the last period of a currency's interest is kept."""
    return f"interest/{currency}"


def accrue(state: State, command: c.AccrueInterest) -> Iterator[e.Event]:
    """Every loan in a currency grows by its interest, rounded up; interest itself bears none."""
    if command.period <= state.periods.get(period_of(command.currency), -1):
        note = f"interest of period {command.period} has accrued"
        yield e.Refused(account="", refusal=refuse(state.rulebook, RejectReason.DUPLICATE_ID, note=note))
        return
    grown, total = [], ZERO
    for held in _borrowers(state, command.currency):
        amount = ceil_to(held.liability * command.rate, QUANTUM)
        grown.append(msgspec.structs.replace(held, interest=held.interest + amount))
        total += amount
    yield e.InterestAccrued(
        currency=command.currency,
        rate=command.rate,
        period=command.period,
        transfers=moved("loans", "interest", command.currency, total, "interest"),
        positions=tuple(grown),
    )


def _borrowers(state: State, currency: str) -> list[Held]:
    """Positions that owe a currency, in the order in which they were opened."""
    found = [
        held
        for owner in state.owners.values()
        for held in owner.positions.values()
        if held.liability and debt_of(state.instrument(held.key.instrument), held.key.side) == currency
    ]
    return sorted(found, key=lambda held: (held.opened, held.key.side))
