"""The watch as an engine's nominate: the same events and the same state as when every holder is looked at."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal, localcontext

import msgspec
import pytest

from crossmargin.domain import command as c
from crossmargin.domain.account import MarginMode, OrderSide, OrderType
from crossmargin.domain.arithmetic import EXACT
from crossmargin.engine.engine import Engine, Outcome
from crossmargin.engine.nominate import everyone
from crossmargin.engine.simulate.dice import Dice
from crossmargin.engine.simulate.moves import first, move
from crossmargin.engine.simulate.world import draw
from crossmargin.engine.state import State
from crossmargin.errors import CrossMarginError
from crossmargin.fleet.nominations import Nominations
from crossmargin.rulebook import load
from crossmargin.rulebook.model import Rulebook

D = Decimal


class Counted:
    """A nominate that counts whom it names among the holders."""

    def __init__(self, inner: "Nominations | None" = None) -> None:
        """Without another one, everyone is named."""
        self.inner, self.named, self.asked = inner, 0, 0

    def __call__(
        self, state: State, instrument: str, before: Decimal | None, changed: Collection[str]
    ) -> Iterable[str]:
        """Hand on and count."""
        found = list((self.inner or everyone)(state, instrument, before, changed))
        holders = state.holders.get(instrument, {})
        self.named += sum(name in holders for name in found)
        self.asked += 1
        return found


def answer(engine: Engine, command: c.Command) -> Outcome | str:
    """What comes of a command: its outcome, or the line that refuses a malformed one."""
    try:
        return engine.submit(command)
    except CrossMarginError as error:
        return str(error)


def side_by_side(seed: int, commands: int, *, patience: int, room: int) -> tuple[Counted, Counted]:
    """One world into two engines, one with the watch: each command must come to the same in both."""
    dice = Dice(seed)
    world = draw(dice)
    named, every = Counted(Nominations(patience, room)), Counted()
    books = {world.rulebook.venue: world.rulebook}
    ours, theirs = Engine(world.rulebook, books, named), Engine(world.rulebook, books, every)
    opening = list(first(world, dice))
    for number in range(len(opening) + commands):
        with localcontext(EXACT):
            command = opening[number] if number < len(opening) else move(world, dice, theirs.state)
        stamped = command if command.time else msgspec.structs.replace(command, time=number * 1000)
        assert answer(ours, stamped) == answer(theirs, stamped), f"command {number}: {stamped}"
    ours.check()
    return named, every


@pytest.mark.parametrize("seed", range(6))
def test_events_and_states_are_the_same(seed: int) -> None:
    """300 commands of the simulator: every outcome, its events and the hash of the state."""
    named, every = side_by_side(seed, 300, patience=1, room=2)

    assert 0 < named.asked == every.asked


@pytest.mark.slow
@pytest.mark.parametrize("patience", [1, 8])
@pytest.mark.parametrize("seed", range(100, 112))
def test_events_and_states_are_the_same_in_longer_runs(seed: int, patience: int) -> None:
    """1,500 commands of other seeds."""
    side_by_side(seed, 1500, patience=patience, room=4)


def crowd(book: Rulebook, accounts: int) -> list[c.Command]:
    """Longs at rising leverage against one deep pocket."""
    name = "AAA-USDT-SWAP"
    found: list[c.Command] = [
        c.ListInstrument(instrument=name),
        c.SetMark(instrument=name, price=D(1000)),
        c.Deposit(account="deep", currency="USDT", amount=D(10**9)),
        c.SetLeverage(account="deep", instrument=name, margin_mode=MarginMode.CROSS, leverage=D(50)),
    ]
    for number in range(accounts):
        who = f"a{number}"
        found += [
            c.Deposit(account=who, currency="USDT", amount=D(60 + number)),
            c.SetLeverage(account=who, instrument=name, margin_mode=MarginMode.CROSS, leverage=D(50)),
            c.PlaceOrder(account="deep", instrument=name, side=OrderSide.SELL, contracts=D(1), price=D(1000)),
            c.PlaceOrder(account=who, instrument=name, side=OrderSide.BUY, contracts=D(1), type=OrderType.MARKET),
        ]
    return found


def played(commands: Sequence[c.Command], nominate: Counted, book: Rulebook) -> list[object]:
    """Outcomes of all commands."""
    engine = Engine(book, nominate=nominate)
    return [engine.submit(command) for command in commands]


def test_who_keeps_still_is_not_looked_at() -> None:
    """200 accounts, 60 marks a step apart: once they hang in the watch, only those near a threshold are named."""
    book = load("textbook").with_rules(default_leverage=D(50))
    marks = [c.SetMark(instrument="AAA-USDT-SWAP", price=D(1000) - step) for step in range(60)]
    named, every = Counted(Nominations(patience=2)), Counted()

    assert played([*crowd(book, 200), *marks], named, book) == played([*crowd(book, 200), *marks], every, book)

    assert every.named > 60 * 150
    assert named.named < every.named / 4


def test_rules_that_no_kernel_has_name_everyone() -> None:
    """The textbook at entry prices is not covered: the holders are named, as without a watch."""
    book = load("textbook-entry").with_rules(default_leverage=D(50))
    commands = [*crowd(book, 5), *(c.SetMark(instrument="AAA-USDT-SWAP", price=D(990 - step)) for step in range(5))]
    named, every = Counted(Nominations()), Counted()

    assert played(commands, named, book) == played(commands, every, book)
    assert named.named == every.named
