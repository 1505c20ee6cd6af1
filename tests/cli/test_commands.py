"""Commands: exit statuses, one line for every mistake, and what a start may import."""

import json
import re
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
        (("liq", "examples/day-trader.toml", "--frontier", "BTC,BTC"), "two different coins"),
        (("liq", "examples/day-trader.toml", "--frontier", "BTC,ETH", "--span", "2"), "--span: 2: expected a fraction"),
        (("liq", "examples/day-trader.toml", "--frontier", "BTC,ETH", "--points", "1"), "--points: 1"),
        (
            ("liq", "examples/day-trader.toml", "--restore", "300%"),
            "--restore: percentages are written as fractions: 3 ",
        ),
        (("what-if", "examples/day-trader.toml", "--move", "BTC=-20%"), "--move: BTC: percentages are written as"),
        (("what-if", "examples/day-trader.toml", "--move", "BTC=-20%"), "-0.2 instead of -20%"),
        (("what-if", "examples/day-trader.toml", "--deposit", "US-DT=5"), "'US-DT' is not a currency code"),
        (("what-if", "examples/day-trader.toml", "--deposit", "A=1", "--deposit", "A=2"), "--deposit: A: given twice"),
        (
            ("what-if", "examples/day-trader.toml", "--largest", "BTC-USDT-SWAP:buy:95000:20"),
            "BTC-USDT-SWAP has one cross leverage, 10x",
        ),
        (("explain", "distance", "examples/day-trader.toml"), "say which: BTC-USDT-SWAP:long:cross.distance, ETH-"),
        (("assess", "README.md"), "README.md: ending not known: expected .toml, .yaml, .yml, .json, .csv or a folder"),
        (("assess", "docs"), "docs: a folder of saved ccxt answers needs balance.json and positions.json"),
        (("assess", "examples/how-to/positions.csv"), "add --venue NAME and --balance CUR=AMOUNT"),
        (("assess", "examples/how-to/positions.csv", "--venue", "okx"), "positions only: add --balance CUR=AMOUNT"),
        (("assess", "examples/day-trader.toml", "--venue", "OKX"), "contradicts"),
        (("venues", "OKX"), "did you mean okx?"),
        (("venues", "ftx"), "ftx"),
    ],
)
def test_a_mistake_is_one_line(crossmargin: Callable[..., Run], arguments: tuple[str, ...], says: str) -> None:
    """Bad usage and bad input: exit status 1, nothing on standard output, one line that names the mistake."""
    found = crossmargin(*arguments)

    assert (found.status, found.out) == (1, "")
    assert found.err.count("\n") == 1
    assert says in found.err


def test_no_verb_prints_the_help(crossmargin: Callable[..., Run]) -> None:
    """With its lines, and the exit status of bad usage."""
    found = crossmargin()

    assert (found.status, found.out) == (1, "")
    assert found.err.startswith("Usage: crossmargin")
    assert re.search(r"\n  assess +Every margin figure of an account\.\n", found.err)


def test_a_missing_mark_names_the_file(crossmargin: Callable[..., Run], tmp_path: Path) -> None:
    """The file to which the price has to be added stands first."""
    book = tmp_path / "book.toml"
    book.write_text(
        'venue = "textbook"\npositions = [{ instrument = "BTC-USDT-SWAP", side = "long", contracts = "1",'
        ' entry_price = "100000", leverage = "10" }]\n'
    )

    found = crossmargin("assess", str(book))

    assert found.err == f'crossmargin: {book}: marks."BTC-USDT-SWAP": no mark price given: add it under [marks]\n'


@pytest.mark.parametrize("verb", ["assess", "modes", "liq", "what-if", "explain", "replay", "fleet", "venues", "demo"])
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


def test_what_if_says_what_was_asked_in_plain_words(crossmargin: Callable[..., Run], tmp_path: Path) -> None:
    """Only what was given, no Python values, and amounts as in every table; JSON keeps all digits.

    Equity after the moves is 10,000 + 1,913.58 + 960, of which 4,691.36 + 2,904 + 1,400 are in use.
    """
    changes = tmp_path / "changes.toml"
    changes.write_text(
        '[[changes]]\nkind = "price"\nmoves = { BTC = "-0.0123456789", ETH = "-0.12" }\n'
        '[[changes]]\nkind = "order"\ninstrument = "SOL-USDT-SWAP"\nside = "buy"\ncontracts = "400"\n'
        'price = "140.5"\nreduce_only = false\n'
        '[[changes]]\nkind = "order"\ninstrument = "SOL-USDT-SWAP"\nside = "buy"\ncontracts = "400"\n'
        'price = "140.5"\nleverage = "60"\n'
    )

    table = crossmargin("what-if", "examples/day-trader.toml", str(changes)).out
    found = crossmargin("what-if", "examples/day-trader.toml", str(changes), "--json").json

    lines = [re.split(r"  +", line) for line in table.splitlines()]
    assert ["price", "moves BTC -1.23 %, ETH -12 %", "done"] in lines
    asked, needs = "SOL-USDT-SWAP, buy, contracts 400, price 140.5", "needs 5,620 USDT, has 3,878.22 USDT"
    assert ["order", asked, "refused", f"insufficient margin: {needs} (free margin)"] in lines
    assert [line[:3] for line in lines if "60x" in line[-1]] == [["order", f"{asked}, leverage 60", "refused"]]
    assert "leverage in use: needs 60x, has 10x" in table
    assert "has 3878.222227025 USDT" in found["refusals"][0]
    assert found["steps"][2]["done"] is False


def test_leverage_above_the_tier_reads_as_leverage(crossmargin: Callable[..., Run], tmp_path: Path) -> None:
    """BTC perpetuals have at most 100x in the first tier of these rules."""
    changes = tmp_path / "changes.toml"
    changes.write_text('[[changes]]\nkind = "leverage"\ninstrument = "BTC-USDT-SWAP"\nleverage = "600"\n')
    book = tmp_path / "book.toml"
    book.write_text('venue = "okx"\nbalances = { USDT = "1000" }\n[marks]\nBTC-USDT-SWAP = "100000"\n')

    found = crossmargin("what-if", str(book), str(changes), "--json").json

    assert found["refusals"] == ["leverage above tier: needs 600x, has 100x [59102]"]


def _past_its_trigger(folder: Path) -> str:
    """1 BTC bought at 100,000 with 20,000, at 80,000: nothing is left of the 20,000, and 400 are required."""
    book = folder / "past.toml"
    book.write_text(
        'venue = "textbook"\nbalances = { USDT = "20000" }\nbetas = { BTC = "1" }\n'
        'positions = [{ instrument = "BTC-USDT-SWAP", side = "long", contracts = "1", entry_price = "100000",'
        ' leverage = "10" }]\nmarks = { BTC-USDT-SWAP = "80000" }\n'
    )
    return str(book)


@pytest.mark.parametrize("verb", ["assess", "liq"])
def test_past_the_trigger_the_way_back_is_told(crossmargin: Callable[..., Run], tmp_path: Path, verb: str) -> None:
    """20,000 - (100,000 - p) = 0.5 % p at p = 80,402.01: 0.5 % above the mark; no liquidation price is shown."""
    found = crossmargin(verb, _past_its_trigger(tmp_path))

    assert "is at or past its trigger: back to safe at 80,402.01, 0.5 % away" in found.out
    assert found.out.count("80,402.01") == 1


def test_a_fall_is_told_without_sign(crossmargin: Callable[..., Run], tmp_path: Path) -> None:
    """A fall of 31.83 %, not of -31.83 %; past the trigger a rise of 0.5 % leads back."""
    safe = crossmargin("liq", "examples/day-trader.toml")
    past = crossmargin("liq", _past_its_trigger(tmp_path))

    assert "USDT cross                  31.83 %" in safe.out
    assert "-31.83" not in safe.out
    assert "USDT cross is at or past its trigger: back to safe at a rise of 0.5 %" in past.out
    assert crossmargin("liq", "examples/day-trader.toml", "--json").json["market"][0]["down"].startswith("-0.3183")


def test_explain_finds_a_position_by_any_name(crossmargin: Callable[..., Run], tmp_path: Path) -> None:
    """By the venue's or the unified name, with or without side and mode; without a name where there is only one."""
    asked = [
        ("BTC/USDT:USDT.liquidation_price", "examples/day-trader.toml"),
        ("BTC/USDT:USDT:long:cross.liquidation_price", "examples/day-trader.toml"),
        ("BTC-USDT-SWAP.liquidation_price", "examples/day-trader.toml"),
        ("liquidation_price", _past_its_trigger(tmp_path)),
    ]
    for figure, file in asked:
        found = crossmargin("explain", figure, file, "--json").json
        assert found["figure"] == "BTC-USDT-SWAP:long:cross.liquidation_price"


def test_explain_names_the_rule_of_the_available_balance(crossmargin: Callable[..., Run]) -> None:
    """Free margin is 185, and gains of 15 do not count under `without_gains`: 170; the marks are explained."""
    found = crossmargin("explain", "available_balance", "examples/btc-pool.toml", "--json").json
    shown = crossmargin("explain", "available_balance", "examples/btc-pool.toml").out

    assert (found["value"], found["lines"][-1]["rule"]) == ("170", "available_balance")
    assert (found["lines"][-1]["label"], found["lines"][-1]["amount"]) == ("unrealised gains left out", "-15")
    assert "Rule available_balance: D: help texts leave unrealised gains out" in shown
    assert "Marks: S solid, reproduced by numbers; D documented by the venue; O observed" in shown


OPTIONS = """
venue = "okx"
balances = { BTC = "1" }
forward = { BTC = "50000" }
positions = [
    { instrument = "BTC-CALL", side = "long", contracts = "10", entry_price = "0.04" },
    { instrument = "BTC-PUT", side = "short", contracts = "5", entry_price = "0.02" },
]
marks = { BTC-CALL = "0.05", BTC-PUT = "0.03" }

[instruments.BTC-CALL]
kind = "option"
base = "BTC"
quote = "USD"
settle = "BTC"
multiplier = "0.1"
option_type = "call"
strike = "50000"
taker_fee = "0"

[instruments.BTC-PUT]
kind = "option"
base = "BTC"
quote = "USD"
settle = "BTC"
multiplier = "0.1"
option_type = "put"
strike = "50000"
taker_fee = "0"
"""


def test_an_option_has_its_own_pnl_once(crossmargin: Callable[..., Run], tmp_path: Path) -> None:
    """Long 10 x 0.1 x (0.05 - 0.04) = 0.01, short 5 x 0.1 x (0.02 - 0.03) = -0.005; option value 0.05 - 0.015.

    Equity is 1 + 0.035: the premium has passed through the balance, so the PnL is no part of it.
    """
    book = tmp_path / "options.toml"
    book.write_text(OPTIONS)

    found = crossmargin("assess", str(book), "--json").json

    assert [each["floating_pnl"] for each in found["positions"]] == ["0.01", "-0.005"]
    assert [each["pnl_ratio"] for each in found["positions"]] == ["0.25", "-0.5"]
    assert [each["upl"] for each in found["venue_fields"]["positions"]] == ["0.01", "-0.005"]
    btc = found["currencies"]["BTC"]
    assert (btc["floating_pnl"], btc["option_value"], btc["equity"]) == ("0", "0.035", "1.035")
    line = crossmargin("explain", "BTC-CALL.floating_pnl", str(book), "--json").json
    assert (line["value"], line["lines"][0]["amount"]) == ("0.01", "0.01")
