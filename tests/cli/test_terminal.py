"""Tables in terminals of several widths: whole words, nothing beyond the edge, nothing lost unsaid."""

import re
import sys
from collections.abc import Callable

import pytest

from crossmargin.cli import screen

from .conftest import Run

Terminal = Callable[[int], None]
POSITION = ("BTC-USDT-SWAP", "ETH-USDT-SWAP", "SOL-USDT-SWAP", "76,854.27", "4,198.26", "19.1 %", "2,500")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make standard output a terminal of a width."""

    def resize(columns: int) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    return resize


def plain(text: str) -> list[str]:
    """Lines as they are read, colours apart."""
    return re.sub("\x1b\\[[0-9;]*m", "", text).splitlines()


@pytest.mark.parametrize(
    ("columns", "left_out"),
    [(60, None), (80, "IM, entry, ratio"), (100, "IM"), (160, "")],
)
def test_positions_are_readable(
    crossmargin: Callable[..., Run], terminal: Terminal, columns: int, left_out: str | None
) -> None:
    """At 80 columns three figures are left out and named, at 160 none; at 60 each position is a block with all."""
    terminal(columns)

    lines = plain(crossmargin("assess", "examples/day-trader.toml").out)

    text = "\n".join(lines[lines.index("Positions") :])
    assert max(map(len, lines)) <= columns
    assert all(re.search(rf"(^|\s){re.escape(word)}(\s|$)", text) for word in POSITION)
    assert ("Left out" in text) == bool(left_out)
    if left_out:
        assert f"Left out in this narrow terminal: {left_out}" in text
    if left_out is None:
        assert "BTC-USDT-SWAP\n  side        long\n  mode        cross\n" in text
        assert "  IM          4,750\n" in text


@pytest.mark.parametrize("columns", [80, 100, 160])
@pytest.mark.parametrize(
    "arguments",
    [
        ("venues", "okx"),
        ("explain", "in_use", "examples/day-trader.toml"),
        ("what-if", "examples/day-trader.toml", "--move", "BTC=-0.2", "--withdraw", "USDT=1"),
        ("liq", "examples/day-trader.toml", "--restore", "30"),
    ],
)
def test_no_word_is_broken(
    crossmargin: Callable[..., Run], terminal: Terminal, arguments: tuple[str, ...], columns: int
) -> None:
    """Every word that a wide terminal shows stands whole in a narrow one, or in no part at all."""
    terminal(1000)
    wide = set(" ".join(plain(crossmargin(*arguments).out)).split())
    terminal(columns)
    narrow = set(" ".join(plain(crossmargin(*arguments).out)).split())

    assert narrow - wide <= {"Left", "out", "in", "this", "narrow", "terminal:", "venue", "prints,", "bankruptcy"}


def test_words_run_over_lines_at_spaces(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    """A column of words is wrapped, a number never; the columns stay aligned."""
    terminal(24)

    screen.table(("name", "amount", "why"), [("a", "1,000", "one two three four"), ("b", "20", "")])

    assert [line.rstrip() for line in plain(capsys.readouterr().out)] == [
        "name  amount  why",
        "a      1,000  one two",
        "              three four",
        "b         20",
    ]


def test_statuses_keep_their_colours(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    """Green, yellow, red in a terminal; none in a pipe."""
    screen.table(("status",), [("safe",)])
    assert "\x1b" not in capsys.readouterr().out
    terminal(80)

    screen.table(("status",), [("safe",)])

    assert "\x1b[32m" in capsys.readouterr().out
