"""Flows that other engines publish, told as stories and played by ours; what our rules cannot express is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.flows import FLOWS, left, problems
from tests.conformance.vectors import ENGINES

Recorder = Callable[[str, object], None]
PUBLISHED = 70  # cases when this was written


def flows(folder: Path) -> list[dict[str, Any]]:
    """Cases of the kinds in question; none where there is no file."""
    path = folder / ENGINES
    if not path.is_file():
        return []
    cases = json.loads(path.read_text("utf-8"))["cases"]
    return [raw for raw in cases if raw["kind"] in FLOWS.get(raw["model"], ())]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a case, named after its id."""
    if "flow" in metafunc.fixturenames:
        found = flows(Path(str(metafunc.config.getoption("--vectors"))))
        metafunc.parametrize("flow", found, ids=[raw["id"] for raw in found])


def test_flow(flow: dict[str, Any], record_property: Recorder) -> None:
    """What the engine does is what the case says, to the last digit."""
    why = left(flow)
    record_property("flow", ["left" if why else "told", flow["id"], why])
    if why:
        pytest.skip(why)
    assert problems(flow) == []


def test_no_flow_is_dropped(vectors_dir: Path, record_property: Recorder) -> None:
    """As many as the file names; of every kind but the one that has other rules some are told."""
    found = flows(vectors_dir)
    if not found:
        record_property("flow", ["absent", str(PUBLISHED), ""])
        pytest.skip(f"no {ENGINES} in {vectors_dir}: give its folder with --vectors")
    told = [raw["kind"] for raw in found if not left(raw)]
    assert (len(found), len(told)) == (PUBLISHED, 41)
    assert set(told) == {each for kinds in FLOWS.values() for each in kinds} - {"isolated_margin_switch"}
