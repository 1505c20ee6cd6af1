"""The last chapter of the tutorial, step by step, against an exchange that is really started."""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import pytest

from crossmargin.cli.main import main

ROOT = Path(__file__).parents[2]
CHAPTER = "## 9. On an exchange"


@pytest.fixture
def welcome(tmp_path: Path) -> Iterator[dict[str, str]]:
    """`crossmargin demo`, on a free port, and what it printed."""
    command = [
        sys.executable,
        "-m",
        "crossmargin",
        "demo",
        "--port",
        "0",
        "--folder",
        str(tmp_path),
        "--seconds",
        "120",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"})
    assert process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    found = dict(re.findall(r"^  (key|secret|passphrase|admin token) +(\S+)$", said, re.MULTILINE))
    found["url"] = said.partition("The exchange is open: ")[2].split()[0]
    yield found
    process.terminate()
    process.wait(10)
    process.stdout.close()


def chapter() -> list[tuple[str, str]]:
    """Blocks of the chapter in order: language and text."""
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```$", text[text.index(CHAPTER) :], re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_every_step_of_the_chapter_works(welcome: dict[str, str]) -> None:
    """Blocks of Python print what the page shows; moves of the market are made as the page makes them."""
    urls = {"api": {"rest": welcome["url"], "ws": welcome["url"]}}
    login = {"apiKey": welcome["key"], "secret": welcome["secret"], "password": welcome["passphrase"]}
    okx: Any = ccxt.okx({**login, "urls": urls, "options": {"defaultType": "swap"}, "enableRateLimit": False})
    names = {"okx": okx, "ccxt": ccxt}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    ran = 0
    for place, (language, text) in enumerate(chapter()):
        move = re.match(r"\$ crossmargin market move (\S+) (\S+) ", text)
        if move:
            with pytest.raises(SystemExit) as end:
                main(
                    [
                        "market",
                        "move",
                        move[1],
                        move[2],
                        "--url",
                        welcome["url"],
                        "--admin-token",
                        welcome["admin token"],
                    ]
                )
            assert end.value.code == 0
        elif language == "pycon":
            test = doctest.DocTestParser().get_doctest(text, names, f"step {place}", None, None)
            names = test.globs
            runner.run(test, clear_globs=False)
            ran += len(test.examples)
    okx.session.close()
    assert runner.summarize(verbose=False).failed == 0
    assert ran > 15
