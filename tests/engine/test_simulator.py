"""Seeds, each a venue of its own: no rule breaks, names mean nothing, the same seed is the same run."""

import os
import subprocess
import sys

import pytest

from crossmargin.engine.simulate import run_seed
from crossmargin.engine.simulate.__main__ import main

NAMES = ("zed", "b", "yan", "c", "x2", "d", "w", "e", "v", "f")


@pytest.mark.parametrize("seed", range(8))
def test_nothing_breaks(seed: int) -> None:
    """300 commands of one seed with every rule asked after each."""
    report = run_seed(seed, 300)
    assert report.breach == ""
    assert report.events > 300


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_nothing_breaks_in_longer_runs(seed: int) -> None:
    """2,000 commands of one seed with every rule asked after each."""
    assert run_seed(seed, 2000).breach == ""


@pytest.mark.parametrize("seed", [3, 21])
def test_names_mean_nothing(seed: int) -> None:
    """With other names, in another alphabetical order, everybody ends with the same money."""
    plain, renamed = run_seed(seed, 400), run_seed(seed, 400, NAMES)
    assert plain.money == renamed.money
    assert plain.counts == renamed.counts


def test_same_seed_same_state_in_another_process() -> None:
    """Two processes with different hash seeds come to the same state hash."""
    program = "from crossmargin.engine.simulate import run_seed; print(run_seed(5, 300).state)"
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {run_seed(5, 300).state + "\n"}


def test_the_command_line_prints_what_fired(capsys: pytest.CaptureFixture[str]) -> None:
    """Two seeds of 50 commands: the last line counts, and two seeds need not reach every branch."""
    assert main(["--seeds", "2", "--commands", "50"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("seeds 1 to 2: ")
