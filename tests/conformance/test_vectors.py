"""The published vectors, each run through the public API: from an account file wherever it holds anything."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

# Importing them registers their handlers.
from tests.conformance import (
    binance,
    bybit,
    chain,
    collateral,
    deribit,
    dydx,
    elsewhere,
    formulas,
    hyperliquid,
    okx,
    okx_coins,
)
from tests.conformance.desk import Desk
from tests.conformance.registry import answers_of, handler_of
from tests.conformance.vectors import (
    ENGINES,
    FILES,
    JUDGED_WRONG,
    MODEL,
    PUBLISHED,
    Case,
    Expectation,
    excluded,
    read_cases,
)

MODULES = (
    *(okx, okx_coins, binance, formulas),
    *(bybit, chain, collateral, deribit, dydx, elsewhere, hyperliquid),
)
NAMED = re.compile(r'"venue"\s*:\s*"[^"]*"')
ENGINE = re.compile(rf'"model"\s*:\s*"{MODEL}"')
Recorder = Callable[[str, object], None]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each vector in scope, named after its id."""
    if "case" in metafunc.fixturenames:
        cases = read_cases(Path(str(metafunc.config.getoption("--vectors"))))
        for case in cases:
            if case.formula == "tier_lookup" and "tiers" in case and case.venue == "binance":
                formulas.TIERS_OF_SYMBOL.setdefault(case.inputs["symbol"], case.inputs["tiers"])
        metafunc.parametrize("case", cases, ids=[case.id for case in cases])


def test_vector(case: Case, tmp_path: Path, record_property: Recorder) -> None:
    """Our figures lie within the vector's own tolerance of the published ones."""

    def record(outcome: str, why: str = "") -> None:
        record_property("conformance", [outcome, case.id, why])

    why = excluded(case)
    if why is not None:
        record("excluded", why)
        pytest.skip(why)
    if case.id in JUDGED_WRONG:
        record("judged", JUDGED_WRONG[case.id])
        pytest.skip(JUDGED_WRONG[case.id])
    desk = Desk(tmp_path)
    answers = answers_of(case, desk)
    problems = []
    for expected in case.expected:
        ours = answers.get(expected.name, answers.get("*"))
        if ours is None:
            problems.append(f"{expected.name}: no figure of that name")
            continue
        routes = ours if isinstance(ours, tuple) else (ours,)
        problems += [
            f"{expected.name}: expected {expected.value}, ours {each}" for each in routes if not expected.met(each)
        ]

    assert not problems, "; ".join(problems)
    record("file" if desk.files else "formula")


def test_every_case_is_run_or_named(vectors_dir: Path, record_property: Recorder) -> None:
    """No vector is dropped: as many are run as the text of the files names, each with a handler."""
    texts = {name: path.read_text("utf-8") for name in FILES if (path := vectors_dir / name).is_file()}
    if not texts:
        record_property("conformance", ["absent", str(PUBLISHED), str(vectors_dir)])
        pytest.skip(f"no vectors in {vectors_dir}: give their folder with --vectors")
    held = sum(len((ENGINE if name == ENGINES else NAMED).findall(text)) for name, text in texts.items())
    cases = read_cases(vectors_dir)
    record_property("conformance", ["held", str(held), ""])

    assert len(cases) == held
    assert len({case.id for case in cases}) == held
    assert [case.id for case in cases if excluded(case) is None and handler_of(case) is None] == []


def test_few_cases_are_judged_wrong() -> None:
    """A vector may be set aside only when its source contradicts itself, and that for at most five."""
    assert len(JUDGED_WRONG) <= 5


def test_unknown_case_fails_loudly(tmp_path: Path) -> None:
    """A vector that nobody answers is a failure that names it, never a silent pass."""
    case = Case("venues.json", "okx-new-rule", "okx.futures_mode", "", "", {}, ())

    with pytest.raises(AssertionError, match="okx-new-rule"):
        answers_of(case, Desk(tmp_path))


@pytest.mark.parametrize(
    ("tolerance", "relative", "ours", "met"),
    [
        ("0", False, "100", True),
        ("0", False, "100.0000000001", False),
        ("0.5", False, "100.5", True),
        ("0.01", True, "101", True),
        ("0.01", True, "101.1", False),
    ],
)
def test_tolerance(tolerance: str, relative: bool, ours: str, met: bool) -> None:
    """An absolute tolerance is an amount, a relative one a share of the published figure; both include the bound."""
    expectation = Expectation("x", Decimal(100), Decimal(tolerance), relative)

    assert expectation.met(Decimal(ours)) is met
