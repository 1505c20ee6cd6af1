"""What is not asked of the exact rules makes no difference: the same events as an engine that asks everything."""

from collections.abc import Collection, Iterable
from decimal import Decimal

import msgspec
import pytest
from tests.engine.stories import scenario

from crossmargin.domain import command as c
from crossmargin.domain.account import OrderSide, OrderType
from crossmargin.domain.command import Command, SetMark
from crossmargin.domain.event import Warned
from crossmargin.engine.engine import Engine, Outcome
from crossmargin.engine.scenario import Story, play
from crossmargin.engine.simulate.dice import Dice
from crossmargin.engine.simulate.moves import first, move
from crossmargin.engine.simulate.world import NAMES, draw
from crossmargin.engine.state import State
from crossmargin.errors import CrossMarginError
from crossmargin.rulebook import load

NAME = "ETH-USDT-SWAP"


def answer(engine: Engine, command: Command) -> Outcome | str:
    """The outcome, or what the engine says to a command that cannot be judged."""
    try:
        return engine.submit(command)
    except CrossMarginError as error:
        return str(error)


def compare(seed: int, commands: int) -> None:
    """Play one world in both engines, command by command."""
    dice = Dice(seed)
    world = draw(dice, NAMES)
    books = {world.rulebook.venue: world.rulebook}
    quick, plain = Engine(world.rulebook, books), Engine(world.rulebook, books, plain=True)
    opening = list(first(world, dice))
    for number in range(len(opening) + commands):
        command = opening[number] if number < len(opening) else move(world, dice, quick.state)
        command = msgspec.structs.replace(command, time=number * 1000)

        assert answer(quick, command) == answer(plain, command), f"seed {seed}, command {number}: {command}"
        if number % 64 == 0:
            quick.check()


@pytest.mark.parametrize("seed", range(200, 206))
def test_same_events_as_the_plain_engine(seed: int) -> None:
    """400 commands of one seed: every event, refusal and state hash is that of an engine without bounds."""
    compare(seed, 400)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300, 330))
def test_same_events_as_the_plain_engine_in_longer_runs(seed: int) -> None:
    """2,000 commands of one seed, as above."""
    compare(seed, 2000)


@scenario
def test_an_isolated_position_is_no_cover_for_a_cross_order(story: Story) -> None:
    """
    deposit  ann 160 USDT
    deposit  ben 100000 USDT
    leverage ann ETH-USDT-SWAP 50
    leverage ann ETH-USDT-SWAP 50 isolated
    ask      ben 5 ETH-USDT-SWAP @ 1000
    bid      ann 5 ETH-USDT-SWAP @ 1000 isolated    # 5,000 / 50 = 100 put aside, 60 left
    bid      ben 10 ETH-USDT-SWAP @ 1000
    ask      ann 5 ETH-USDT-SWAP @ 1000             # closes nothing: a cross short that needs 100
    expect   refused insufficient_margin
    ask      ann 2 ETH-USDT-SWAP @ 1000             # needs 40
    expect   events order_accepted filled
    deposit  ann 5000 USDT
    ask      ann 5 ETH-USDT-SWAP @ 1000
    expect   ann position ETH-USDT-SWAP -7 @ 1000
    """
    assert len(story.engine.state.owners["ann"].positions) == 2


@pytest.mark.parametrize("venue", ["textbook", "okx"])
def test_far_from_every_limit_nobody_is_assessed(venue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 1,000,000 against orders of 1,000 a resting order, a trade and a mark ask no exact figure; plain asks it."""

    def no_assessment(*_: object, **__: object) -> None:
        raise LookupError("assessed")

    for module in ("engine.state", "engine.intake", "margin.admission"):
        monkeypatch.setattr(f"crossmargin.{module}.assess", no_assessment)
    opening: list[Command] = [
        c.ListInstrument(instrument=NAME),
        SetMark(instrument=NAME, price=Decimal(1000)),
        c.Deposit(account="ann", currency="USDT", amount=Decimal(1_000_000)),
        c.Deposit(account="ben", currency="USDT", amount=Decimal(1_000_000)),
    ]
    asked: list[Command] = [
        c.PlaceOrder(account="ann", instrument=NAME, side=OrderSide.SELL, contracts=Decimal(1), price=Decimal(1000)),
        c.PlaceOrder(account="ben", instrument=NAME, side=OrderSide.BUY, contracts=Decimal(1), type=OrderType.MARKET),
        SetMark(instrument=NAME, price=Decimal(1001)),
    ]
    quick, plain = Engine(load(venue)), Engine(load(venue), plain=True)
    for command in opening:
        assert quick.submit(command).state == plain.submit(command).state

    kinds = [type(event).__name__ for command in asked for event in quick.submit(command).events]
    assert kinds == ["OrderAccepted", "OrderRested", "OrderAccepted", "Filled", "MarkSet"]
    with pytest.raises(LookupError, match="assessed"):
        plain.submit(asked[0])


def test_a_mark_asks_only_those_near_an_edge() -> None:
    """
    Nine accounts long 1 at 1,000 with 100, 200 ... 900 USDT, one short 9 with plenty; maintenance 0.5 %, warned at 3:
    at 910 equity is 10, 110 ... 810 and 3 x 4.55 = 13.65 is needed, so that only the first is warned, and nobody else
    is asked about at any mark.
    """
    story = "deposit maker 100000 USDT\n" + "".join(
        f"deposit a{n} {n}00 USDT\nleverage a{n} ETH-USDT-SWAP 50\ntrade a{n} +1 maker ETH-USDT-SWAP @ 1000\n"
        for n in range(1, 10)
    )
    engine = play(story).engine
    asked: list[str] = []
    nominate = engine.nominate

    def listened(state: State, instrument: str, before: Decimal | None, changed: Collection[str]) -> Iterable[str]:
        found = list(nominate(state, instrument, before, changed))
        asked.extend(found)
        return found

    engine.nominate = listened
    warned = []
    for price in (999, 1000, 998, 950, 910):
        outcome = engine.submit(SetMark(instrument="ETH-USDT-SWAP", price=Decimal(price)))
        warned += [event.account for event in outcome.events if isinstance(event, Warned)]

    assert warned == ["a1"]
    assert asked == ["a1"]
    assert engine.state.watched == {"a1": None}
