"""L11: every bill starts where the one before it ended, and the last one ends at the balance."""

from collections import defaultdict
from decimal import Decimal

import msgspec
import pytest

from crossmargin.domain.command import Command
from crossmargin.engine.engine import Outcome
from crossmargin.engine.simulate import run_seed
from crossmargin.engine.simulate.run import Alone
from crossmargin.engine.simulate.world import World
from crossmargin.server.history.history import History
from crossmargin.server.history.records import BillRecord
from crossmargin.server.history.shelf import Shelf


class Told(Alone):
    """An engine whose commands a history follows."""

    def __init__(self, world: World, seed: int) -> None:
        """With a shelf in memory."""
        super().__init__(world, seed)
        self.history = History(Shelf(), world.rulebook.instrument)
        self.bills: list[BillRecord] = []

    def submit(self, command: Command) -> Outcome:
        """Decide, then take the record in."""
        outcome = super().submit(command)
        self.bills += self.history.take([(outcome.sequence, command, outcome.events)]).bills
        return outcome


def chained(seed: int) -> Told:
    """A simulated run of 400 commands with its bills."""
    doors: list[Told] = []

    def make(world: World, number: int) -> Told:
        doors.append(Told(world, number))
        return doors[0]

    assert run_seed(seed, 400, door=make).breach == ""
    return doors[0]


def broken_links(bills: list[BillRecord]) -> list[BillRecord]:
    """Bills whose balance is not that of the one before and their own change."""
    balances: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    found = []
    for bill in bills:
        balances[bill.account, bill.currency] += bill.change
        if balances[bill.account, bill.currency] != bill.balance:
            found.append(bill)
    return found


@pytest.mark.parametrize("seed", [1, 4, 8])
def test_bills_chain_and_end_at_the_balance(seed: int) -> None:
    """Trades, funding, liquidations and all: change by change to the ledger's own cell, for every account."""
    told = chained(seed)
    assert len(told.bills) > 50
    assert broken_links(told.bills) == []
    state = told.engine.state
    last = {(bill.account, bill.currency): bill.balance for bill in told.bills}
    cells = {
        (name.removeprefix("cash/"), currency): amount
        for currency, cells in state.cells.items()
        for name, amount in cells.items()
        if name.startswith("cash/")
    }
    assert {key: amount for key, amount in last.items() if amount} == cells


def test_a_bill_that_does_not_follow_is_caught() -> None:
    """One change that is a cent too large breaks the chain there and nowhere before."""
    bills = chained(1).bills
    bills[50] = msgspec.structs.replace(bills[50], change=bills[50].change + Decimal("0.01"))
    assert broken_links(bills)[0] is bills[50]
