"""Commands: exit statuses, one line for every mistake, and what a start may import."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from crossmargin.formats.report_schema import FILE, report_schema

from .conftest import ROOT, Run

EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_report_obeys_its_schema(crossmargin: Callable[..., Run], path: Path) -> None:
    """The report is the stable contract: every example's report validates, and null figures have a reason."""
    found = crossmargin("assess", str(path), "--json")

    jsonschema.validate(found.json, report_schema())
    for index, position in enumerate(found.json["positions"]):
        for name in ("liquidation_price", "margin", "margin_ratio", "break_even_price"):
            if position[name] is None:
                assert found.json["reasons"][f"positions.{index}.{name}"]


def test_the_shipped_schema_is_current() -> None:
    """The stored schema equals the one derived from the code."""
    stored = json.loads((ROOT / "src/crossmargin/formats" / FILE).read_text("utf-8"))

    assert stored == report_schema()


@pytest.mark.parametrize(
    ("mark", "status", "exit_status"),
    [("100000", "safe", 0), ("81200", "warning", 2), ("80400", "liquidation", 3)],
)
def test_exit_status_follows_the_account(
    crossmargin: Callable[..., Run], tmp_path: Path, mark: str, status: str, exit_status: int
) -> None:
    """0 safe, 2 warning, 3 liquidation.

    1 BTC bought at 100,000 with 20,000. At 100,000: 20,000 / 500 = 40. At 81,200: 1,200 / 406 = 2.96, below 3.
    At 80,400: 400 / 402, below 1.
    """
    book = tmp_path / "book.toml"
    book.write_text(
        'venue = "textbook"\nbalances = { USDT = "20000" }\n'
        'positions = [{ instrument = "BTC-USDT-SWAP", side = "long", contracts = "1", entry_price = "100000",'
        f' leverage = "10" }}]\nmarks = {{ BTC-USDT-SWAP = "{mark}" }}\n'
    )

    found = crossmargin("assess", str(book), "--json")

    assert (found.status, found.json["status"]) == (exit_status, status)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("assess",), "Missing argument"),
        (("assess", "absent.toml"), "absent.toml"),
        (("fly",), "No such command"),
        (("assess", "examples/day-trader.toml", "--jsno"), "No such option"),
        (("explain", "glory", "examples/day-trader.toml"), "glory"),
        (("explain", "BTC-USDT-SWAP.glory", "examples/day-trader.toml"), "glory"),
        (("what-if", "examples/day-trader.toml"), "nothing to change"),
        (("what-if", "examples/day-trader.toml", "--move", "BTC=-1"), "leaves no price"),
        (("what-if", "examples/day-trader.toml", "--move", "DOGE=0.1"), "DOGE"),
        (("what-if", "examples/day-trader.toml", "--deposit", "USDT"), "NAME=NUMBER"),
        (("what-if", "examples/day-trader.toml", "--deposit", "USDT=-5"), "above zero"),
        (("what-if", "examples/day-trader.toml", "--largest", "BTC-USDT-SWAP"), "--largest"),
        (("liq", "examples/day-trader.toml", "--frontier", "BTC"), "two coins"),
        (("liq", "examples/day-trader.toml", "--frontier", "BTC,DOGE"), "no cross pool"),
        (("liq", "examples/day-trader.toml", "--restore", "x"), "--restore"),
        (("venues", "ftx"), "ftx"),
    ],
)
def test_a_mistake_is_one_line(crossmargin: Callable[..., Run], arguments: tuple[str, ...], says: str) -> None:
    """Bad usage and bad input: exit status 1, nothing on standard output, one line that names the mistake."""
    found = crossmargin(*arguments)

    assert (found.status, found.out) == (1, "")
    assert found.err.count("\n") == 1
    assert says in found.err


@pytest.mark.parametrize("verb", ["assess", "modes", "liq", "what-if", "explain", "replay", "venues", "demo"])
def test_help_has_an_example(crossmargin: Callable[..., Run], verb: str) -> None:
    """Each verb's help ends in something to type."""
    found = crossmargin(verb, "--help")

    assert found.status == 0
    assert "Example: crossmargin" in found.out


def test_a_start_loads_next_to_nothing() -> None:
    """`import crossmargin` and the help load neither rich nor NumPy, numba, Polars, yaml or a server."""
    code = (
        "import sys, crossmargin\n"
        "from crossmargin.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'rich', 'numpy', 'numba', 'polars', 'yaml', 'starlette', 'uvicorn', 'pandas', 'crossmargin.margin'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_an_assessment_in_a_pipe_loads_no_tables() -> None:
    """Plain text and JSON need no rich, and TOML no yaml."""
    code = (
        "import sys\nfrom crossmargin.cli.main import main\n"
        "try: main(['assess', 'examples/day-trader.toml'])\n"
        "except SystemExit: pass\n"
        "print('LOADED', sorted({'rich', 'numpy', 'polars', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_optimised_python_is_refused() -> None:
    """Assertions guard the money: `python -O` is one line and exit status 1."""
    command = [sys.executable, "-O", "-m", "crossmargin", "venues"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert "without -O" in done.stderr


def test_explain_prints_lines_that_sum(crossmargin: Callable[..., Run]) -> None:
    """The lines of `explain in_use` are the three initial margins, 4,750 + 3,300 + 1,400 = 9,450."""
    found = crossmargin("explain", "in_use", "examples/day-trader.toml", "--json").json

    assert (found["figure"], found["value"]) == ("USDT.in_use", "9450")
    assert [line["amount"] for line in found["lines"]] == ["4750", "3300", "1400"]
    assert all(line["formula"] == "position value / leverage" for line in found["lines"])


def test_what_if_prints_before_after_and_difference(crossmargin: Callable[..., Run]) -> None:
    """BTC -20 %: 0.5 x -19,000 = -9,500 of equity; the withdrawal is refused and changes nothing."""
    arguments = ("what-if", "examples/day-trader.toml", "--move", "BTC=-0.2", "--withdraw", "USDT=1", "--json")
    found = crossmargin(*arguments)

    assert found.status == 3
    assert found.json["difference"]["USDT"]["equity"] == "-9500"
    assert [step["done"] for step in found.json["steps"]] == [True, False]
    assert found.json["after"]["currencies"]["USDT"]["balance"] == "10000"
