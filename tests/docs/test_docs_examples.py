"""Every example of README.md and docs/ is run, and what it prints is compared with what the page shows.

Run as a program, this file writes the shown outputs again: ``.venv/bin/python tests/docs/test_docs_examples.py``.
It leaves blocks alone that elide lines with ``...``.
"""

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from crossmargin.cli.main import main
from crossmargin.domain.documents import parse_json, parse_toml
from crossmargin.formats.account_file import build_book
from crossmargin.formats.ccxt_file import read_ccxt
from crossmargin.formats.changes_file import build_changes
from crossmargin.formats.yaml_file import parse_yaml
from crossmargin.rulebook import load
from crossmargin.rulebook.load import parse

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PARSERS = {"toml": parse_toml, "json": parse_json, "yaml": parse_yaml}


class Block(Struct, frozen=True):
    """A fenced block: its page, first line (from 1), language and text."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """Page and line, as a test's id and a message name it."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


class Command(Struct, frozen=True):
    """One command of a console block and the output below it."""

    words: str
    shown: list[str]


def blocks(*languages: str) -> list[Block]:
    """Blocks of these languages on all pages."""
    return [block for page in PAGES for block in _blocks_of(page) if block.language in languages]


def _blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield Block(page, text.count("\n", 0, found.start()) + 2, found[1], found[2])


def commands(text: str) -> list[Command]:
    """Commands after ``$ ``, each with the lines up to the next one; a backslash continues a command."""
    found: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:], []))
        elif found and found[-1].words.endswith("\\") and not found[-1].shown:
            found[-1] = Command(f"{found[-1].words[:-1]}{line.strip()}", [])
        elif found:
            found[-1].shown.append(line.rstrip())
    return found


class Terminal:
    """Runs the commands of one block in a folder that holds the repository's examples and docs."""

    def __init__(self, folder: Path) -> None:
        """Lay out the folder; what a command writes stays in it."""
        self.status = 0
        for name in ("examples", "docs"):
            if not (folder / name).exists():
                (folder / name).symlink_to(ROOT / name)
        os.chdir(folder)

    def run(self, command: str) -> list[str] | None:
        """Lines that a command prints, None for one that is not run here."""
        words = shlex.split(command)
        if words[0] == "crossmargin":
            return self._crossmargin(words[1:])
        if words == ["echo", "$?"]:
            return [str(self.status)]
        if words[0] == "cat":
            return _lines(Path(words[1]).read_text(encoding="utf-8"))
        return None

    def _crossmargin(self, words: list[str]) -> list[str]:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                main(words)
            except SystemExit as end:
                self.status = int(end.code or 0)
        return _lines(printed.getvalue())


def _lines(text: str) -> list[str]:
    """Lines without trailing spaces, and without empty lines at either end."""
    lines = [line.rstrip() for line in text.splitlines()]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def agrees(shown: list[str], printed: list[str]) -> bool:
    """Whether an output is as shown, where a line ``...`` stands for any lines."""
    pattern = "".join("(?:.*\n)*" if line == "..." else f"{re.escape(line)}\n" for line in shown)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in; the test's end leads back to where it began."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: block.name)
def test_console_block_prints_what_it_shows(block: Block, folder: Path) -> None:
    """Each command of ours prints, to the letter, what stands below it."""
    terminal = Terminal(folder)
    for command in commands(block.text):
        printed = terminal.run(command.words)
        if printed is None:
            assert not _lines("\n".join(command.shown)), f"{block.name}: {command.words}: not run, so shows nothing"
            continue
        shown = _lines("\n".join(command.shown))
        assert agrees(shown, printed), f"{block.name}: {command.words} prints:\n" + "\n".join(printed)


@pytest.mark.parametrize("page", [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")],
                         ids=lambda page: page.name)  # fmt: skip
def test_python_blocks_give_what_they_show(page: Path, folder: Path) -> None:
    """The Python of a page is one session, in the order of the page."""
    Terminal(folder)
    session = "\n".join(block.text for block in _blocks_of(page) if block.language == "python")
    assert ">>>" in session, f"{page.name}: Python examples start with >>>"
    example = doctest.DocTestParser().get_doctest(session, {}, page.name, str(page), 0)
    told: list[str] = []
    failed = doctest.DocTestRunner(verbose=False).run(example, out=told.append).failed
    assert not failed, "".join(told)


@pytest.mark.parametrize("block", blocks("toml", "yaml", "json"), ids=lambda block: block.name)
def test_document_block_is_read_by_its_reader(block: Block) -> None:
    """An account on a page is a valid account file, a list of changes a what-if file, rules a rulebook."""
    document: Any = PARSERS[block.language](block.text, block.name)
    if "title" in document:
        parse(block.text, block.name)
    elif "balance" in document:
        read_ccxt(document)
    elif "venue" in document:
        build_book(document, block.name)
    elif "changes" in document:
        build_changes(document, block.name, load("textbook"))


@pytest.mark.parametrize("block", blocks("bash"), ids=lambda block: block.name)
def test_script_runs(block: Block, folder: Path) -> None:
    """A script ends with status 0 and prints what its comment ``# prints:`` says."""
    Terminal(folder)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eu", "-c", block.text], capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, done.stderr
    assert _lines(done.stdout) == re.findall(r"^# prints: (.*)$", block.text, re.MULTILINE)


def test_elision_stands_for_any_lines() -> None:
    """Three dots alone, and nothing less."""
    assert agrees(["a", "...", "c"], ["a", "b", "b", "c"])
    assert agrees(["a", "..."], ["a"])
    assert not agrees(["a", "..."], ["b"])
    assert not agrees(["a"], ["a", "b"])


def rewritten(page: Path, terminal: Terminal) -> str:
    """The page with every console block's outputs as they are now; blocks that elide stay as they are."""
    text = page.read_text(encoding="utf-8")

    def renewed(found: re.Match[str]) -> str:
        if re.search(r"^\.\.\.$", found[1], re.MULTILINE):
            return found[0]
        parts = []
        for source, command in zip(
            re.findall(r"^\$ .*?(?:\\\n.*?)*$", found[1], re.MULTILINE), commands(found[1]), strict=True
        ):
            printed = terminal.run(command.words)
            parts.append("\n".join([source, *(printed or [])]))
        return "```console\n" + "\n\n".join(parts) + "\n```"

    return re.sub(r"^```console\n(.*?)^```$", renewed, text, flags=re.DOTALL | re.MULTILINE)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        ours = Terminal(Path(scratch))
        for each in PAGES:
            each.write_text(rewritten(each, ours), encoding="utf-8")
