"""What every test can rely on: no float slips into exact code, and where outside files are."""

import decimal
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
PROFILES = {"dev": 100, "ci": 500, "nightly": 20_000}

# A landing is judged by the same examples each time; new ones are sought by dev and nightly runs, whose finds become
# examples or fixes.
for name, examples in PROFILES.items():
    settings.register_profile(name, max_examples=examples, deadline=None, derandomize=name == "ci", print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run name the folder of conformance vectors, which stay outside the repository."""
    parser.addoption(
        "--vectors",
        metavar="DIR",
        default=str(ROOT.joinpath("..", "shared", "vectors")),
        help="folder of the conformance vectors (default: ../shared/vectors beside the repository)",
    )


def pytest_configure() -> None:
    """Trap floats in the main thread, doctests included, and in every thread started later."""
    decimal.DefaultContext.traps[decimal.FloatOperation] = True
    decimal.getcontext().traps[decimal.FloatOperation] = True


@pytest.fixture(autouse=True)
def no_float_enters_a_decimal() -> Iterator[None]:
    """Make mixing a float with a Decimal an error, and undo whatever the test does to the context."""
    with decimal.localcontext() as context:
        context.traps[decimal.FloatOperation] = True
        yield


@pytest.fixture(scope="session")
def vectors_dir(pytestconfig: pytest.Config) -> Path:
    """The folder given by --vectors; it may be absent, and the conformance test says so."""
    return Path(str(pytestconfig.getoption("--vectors"))).resolve()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of recorded market data beside the repository."""
    folder = ROOT.joinpath("..", "shared", "data").resolve()
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the repository: recorded market data is not part of it")
    return folder


def _tell_flows(terminalreporter: pytest.TerminalReporter) -> None:
    """How many flows of other engines were told as stories, and which were left, and why."""
    reports = [
        each for found in terminalreporter.stats.values() for each in found if getattr(each, "when", "") == "call"
    ]
    told = [entry for each in reports for name, entry in each.user_properties if name == "flow"]
    counts = Counter(outcome for outcome, *_ in told)
    if counts:
        absent = "".join(f" of {count} (no vectors)" for outcome, count, _ in told if outcome == "absent")
        terminalreporter.write_line(f"flows of other engines: {counts['told']} played{absent}, {counts['left']} left")
    for outcome, case, why in sorted(told):
        if outcome == "left":
            terminalreporter.write_line(f"  left: {case}: {why}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line how the published vectors fared, then name those that were set aside."""
    _tell_flows(terminalreporter)
    told = [
        entry
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, entry in report.user_properties
        if name == "conformance"
    ]
    for outcome, count, _ in told:
        if outcome == "absent":
            terminalreporter.write_line(f"conformance: 0 of {count} run")
    counts = Counter(outcome for outcome, *_ in told)
    if not counts.keys() & {"file", "formula", "excluded", "judged"}:
        return
    held = next((int(count) for outcome, count, _ in told if outcome == "held"), 0)
    failed = held - sum(counts[each] for each in ("file", "formula", "excluded", "judged"))
    terminalreporter.write_line(
        f"conformance: {counts['file']} from files, {counts['formula']} by formula, {counts['excluded']} excluded, "
        f"{counts['judged']} judged wrong at the source" + (f", {failed} failed or not run" if failed > 0 else "")
    )
    for outcome, case, why in sorted(told):
        if outcome in ("excluded", "judged"):
            terminalreporter.write_line(f"  {outcome}: {case}: {why}")
