"""The command line, run in process as a user would type it."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crossmargin.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


class Run(NamedTuple):
    """What a command printed and how it left."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON document
        """Standard output as JSON."""
        return json.loads(self.out)


@pytest.fixture
def crossmargin(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Run]]:
    """Run `crossmargin ARGUMENTS` from the root of the project."""
    before = Path.cwd()
    os.chdir(ROOT)

    def run(*arguments: str) -> Run:
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        printed = capsys.readouterr()
        return Run(int(left.value.code or 0), printed.out, printed.err)

    yield run
    os.chdir(before)
