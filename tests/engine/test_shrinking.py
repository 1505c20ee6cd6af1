"""A seed that breaks a rule is cut down to a story that breaks it still; runs are told in lines and played again."""

from pathlib import Path

import msgspec
import pytest

from crossmargin.domain import command as c
from crossmargin.domain.account import MarginMode, OrderSide, OrderType
from crossmargin.domain.command import Command
from crossmargin.domain.numbers import number
from crossmargin.engine import execute
from crossmargin.engine.invariants import BreachError
from crossmargin.engine.scenario import play
from crossmargin.engine.scenario.tell import line_of, story_of
from crossmargin.engine.simulate import run_seed
from crossmargin.engine.simulate.__main__ import main
from crossmargin.engine.simulate.run import Alone
from crossmargin.engine.simulate.shrink import breach_of, shrunk, story_of_seed
from crossmargin.engine.simulate.watch import WatchedEngine
from crossmargin.engine.simulate.world import World
from crossmargin.errors import InputError


class Recorded(Alone):
    """An engine that remembers what it was given."""

    def __init__(self, world: World, seed: int) -> None:
        """Remember nothing yet."""
        super().__init__(world, seed)
        self.given: list[Command] = []

    def submit(self, command: Command):  # type: ignore[no-untyped-def]  # noqa: ANN201
        """Remember what was decided, not what was malformed."""
        outcome = super().submit(command)
        self.given.append(command)
        return outcome


def recorded(seed: int, commands: int) -> tuple[list[Command], str]:
    """Commands of a seed, and the state that they lead to."""
    doors: list[Recorded] = []

    def make(world: World, number: int) -> Recorded:
        doors.append(Recorded(world, number))
        return doors[0]

    report = run_seed(seed, commands, door=make)
    assert report.breach == ""
    return doors[0].given, report.state


@pytest.mark.parametrize("seed", [2, 5, 9, 44])
def test_a_run_that_is_told_in_lines_leads_to_the_same_state(seed: int) -> None:
    """300 commands of a seed as a scenario, played: the same commands, the same hash; most lines need no JSON."""
    given, state = recorded(seed, 300)
    story = play(story_of_seed(seed, given, "none"))
    assert story.commands == given
    assert story.engine.digest().hex() == state
    lines = [line for line in story_of(given) if not line.startswith("at ")]
    assert sum(line.startswith("do ") for line in lines) < len(lines) // 3


def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a fault: reduce-only orders keep their size when their position shrinks."""
    for module in ("execute", "liquidate", "deleverage"):
        monkeypatch.setattr(f"crossmargin.engine.{module}.shrink", lambda *_words: iter(()))


def test_a_breach_is_shrunk_to_a_few_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """With the fault some seed breaks M11; a tenth of its commands at most is left, and the story breaks it alone."""
    with monkeypatch.context() as planted:
        careless(planted)
        broken = next(report for seed in range(1, 40) if (report := run_seed(seed, 250)).breach)
        assert main(["--seed", str(broken.seed), "--seeds", "1", "--commands", "250", "--out", str(tmp_path)]) == 1
        told = capsys.readouterr().out
        path = tmp_path / f"seed-{broken.seed}.scenario"
        text = path.read_text(encoding="utf-8")
        assert f"commands shrunk to {text.count(chr(10)) - 2 - text.count(chr(10) + 'at ')}: {path}" in told
        assert len(text.splitlines()) < len(broken.given) // 5
        with pytest.raises(BreachError, match=r"^M11:"):
            play(text)
    assert play(text).outcomes


def test_what_does_not_break_is_not_shrunk() -> None:
    """Commands that break nothing are given back as they are."""
    given, _ = recorded(3, 40)
    assert shrunk(3, given) == given
    assert breach_of(play("world 3\ndeposit ann 1 USDT").rulebook, given) == ""
    assert execute.shrink is not None


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (c.Deposit(account="a", currency="X", amount=number("1.50"), reference="r"), "deposit a 1.50 X r"),
        (c.Withdraw(account="a", currency="X", amount=number("1"), reference="r"), 'do {"kind":"withdraw","account":'),
        (c.CancelAll(account="a", instrument="I"), 'do {"kind":"cancel_all"'),
        (c.SwitchTrading(on=False), "trading off"),
        (c.Tick(time=5), 'do {"kind":"tick"}'),
        (
            c.PlaceOrder(account="a", instrument="I", side=OrderSide.SELL, contracts=number("2"), price=number("3")),
            "ask a 2 I @ 3",
        ),
        (c.SetMark(instrument="I", price=number("3"), forward=number("4")), "mark I 3 forward=4"),
        (c.AccrueInterest(currency="X", rate=number("0.1"), period=7), "interest X 0.1 period=7"),
        (
            c.PlaceOrder(
                account="a", instrument="I", side=OrderSide.BUY, contracts=number("2"), price=number("3"),
                margin_currency="X",
            ),
            "bid a 2 I @ 3 ccy=X",
        ),
        (
            c.PlaceOrder(
                account="a", instrument="I", side=OrderSide.BUY, type=OrderType.MARKET, margin_mode=MarginMode.CASH,
                quote_size=number("5"),
            ),
            "bid a 0 I @ market spot spend=5",
        ),
    ],
)  # fmt: skip
def test_lines_are_short_where_a_verb_says_it_all(command: Command, line: str) -> None:
    """Else the command itself."""
    assert line_of(command).startswith(line)


def test_a_command_that_is_no_json_is_named() -> None:
    """`do` says what is wrong with it."""
    with pytest.raises(InputError, match=r"do \{: Input data was truncated"):
        play("do {")
    with pytest.raises(InputError, match="Invalid value 'dance'"):
        play('do {"kind":"dance"}')
    assert msgspec.json.encode(c.Tick()) == b'{"kind":"tick"}'


def test_a_shrunk_story_is_watched_as_the_run_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its engine is the watched one, and what is asked after every command of a run is asked here too."""
    text = "world 3\ndeposit a 1000 USDT\n"
    story = play(text)
    assert isinstance(story.engine, WatchedEngine)
    monkeypatch.setattr("crossmargin.engine.scenario.story.after_command", _forged)
    with pytest.raises(BreachError, match=r"^Q2:"):
        play(text)


def _forged(_state: object) -> None:
    raise BreachError("Q2", "somebody is due")
