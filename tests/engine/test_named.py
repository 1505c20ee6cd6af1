"""Nothing exists that no test and no page names: events, refusals, commands, verbs, rules of liquidation."""

from pathlib import Path
from typing import get_args

import pytest

from crossmargin.domain.account import OrderSide
from crossmargin.domain.command import Command
from crossmargin.domain.event import Event
from crossmargin.domain.numbers import Positive
from crossmargin.domain.refusal import Refusal, RejectReason
from crossmargin.engine.decide import _ANSWERS
from crossmargin.engine.scenario import play
from crossmargin.engine.scenario.verbs import VERBS
from crossmargin.margin.apply import Situation, apply_change
from crossmargin.margin.changes import NewOrder
from crossmargin.rulebook.liquidation_rules import LiquidationRules

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("*.py")))
WATCH = (ROOT / "src/crossmargin/engine/simulate/watch.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("event", get_args(Event), ids=lambda each: each.__name__)
def test_every_event_is_documented_and_tested(event: type) -> None:
    """By its tag on the page; by its tag or class in a test, or as a branch that the simulator must reach."""
    tag = event.__struct_config__.tag  # type: ignore[attr-defined]
    assert f"`{tag}`" in PAGE
    assert tag in TESTS or f"e.{event.__name__}" in TESTS or f'"{tag}"' in WATCH


@pytest.mark.parametrize("reason", list(RejectReason))
def test_every_refusal_is_tested(reason: RejectReason) -> None:
    """By value or by name in some test, or as a branch that the simulator must reach."""
    assert reason.value in TESTS or f"RejectReason.{reason.name}" in TESTS or f"refused:{reason.value}" in WATCH


def test_an_order_does_not_change_the_leverage_of_a_position() -> None:
    """Held cross at 10x, an order at 5x is refused with both figures: `leverage_in_use`."""
    story = play(
        "deposit ann 1000 USDT\ndeposit ben 9000 USDT\nleverage ann ETH-USDT-SWAP 10\n"
        "trade ann +1 ben ETH-USDT-SWAP @ 1000"
    )
    state = story.engine.state
    change = NewOrder(
        instrument="ETH-USDT-SWAP",
        side=OrderSide.BUY,
        contracts=Positive(1),
        price=Positive(1000),
        leverage=Positive(5),
    )
    answer = apply_change(Situation(account=state.account("ann"), marks=state.marks, rulebook=state.rulebook), change)
    assert isinstance(answer, Refusal)
    assert answer.reason is RejectReason.LEVERAGE_IN_USE


def test_every_command_has_an_answer() -> None:
    """decide knows every command, and no other."""
    assert set(_ANSWERS) == set(get_args(Command))


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_is_on_the_page(verb: str) -> None:
    """In backquotes, at the start of how it is written."""
    assert f"`{verb}" in PAGE
    assert VERBS[verb].__doc__


@pytest.mark.parametrize("key", LiquidationRules.__struct_fields__)
def test_every_liquidation_rule_is_on_the_page(key: str) -> None:
    """In its table."""
    assert f"| `{key}` |" in PAGE


# ---------------------------------------------------------------- docs/engine-checks.md

CHECKS = (ROOT / "docs" / "engine-checks.md").read_text(encoding="utf-8")
COUNTS = {"L": 12, "M": 14, "R": 13, "Q": 18, "P": 10, "D": 15, "A": 12}
FAILURES = 62


def rows_of(heading: str) -> list[list[str]]:
    """Cells of a table of the page."""
    section = CHECKS.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def ids_of(cell: str) -> list[str]:
    """`L1`, or all of `P2-P4`."""
    first, _, last = cell.partition("-")
    if not last:
        return [first]
    return [f"{first[0]}{number}" for number in range(int(first[1:]), int(last[1:]) + 1)]


def test_every_invariant_has_a_row_and_none_is_open() -> None:
    """All 94 ids, in order, each with what is done about it; what the exchange leaves open is told in its own rows."""
    told = [id for row in rows_of("Invariants") for id in ids_of(row[0])]
    wanted = [f"{letter}{number}" for letter, count in COUNTS.items() for number in range(1, count + 1)]
    assert [id for id in told if id in wanted] == wanted
    ours = [row for row in rows_of("Invariants") if not row[0].startswith("A")]
    assert [row[0] for row in ours if "open" in row[2].split()] == []


@pytest.mark.parametrize("id", [id for row in rows_of("Invariants") if "planted" in row[2] for id in ids_of(row[0])])
def test_what_is_planted_is_planted_somewhere(id: str) -> None:
    """Some test expects the breach of this name."""
    assert any(each in TESTS for each in (f'"{id}"', f'"^{id}:', f"{id}:", f"({id})"))


def test_every_failure_of_others_has_a_row_and_its_tests_exist() -> None:
    """All 62 numbers once, and every test that a row names."""
    told = sorted(int(number) for row in rows_of("Failures of others") for number in row[0].split(", "))
    assert told == list(range(1, FAILURES + 1))
    named = {
        word for row in rows_of("Failures of others") for word in row[1].split("`")[1::2] if word.startswith("test_")
    }
    assert [name for name in named if f"def {name}" not in TESTS] == []
