"""`crossmargin fleet`, run in process as a user would type it."""

import importlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crossmargin.cli.main import main

Ran = tuple[int, str, str]


@pytest.fixture
def fleet(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `crossmargin fleet ARGUMENTS`: status, output, errors."""

    def run(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as left:
            main(["fleet", *map(str, arguments)])
        printed = capsys.readouterr()
        return int(left.value.code or 0), printed.out, printed.err

    return run


@pytest.fixture
def desk(fleet: Callable[..., Ran], tmp_path: Path) -> Path:
    """A small fleet in two parts."""
    folder = tmp_path / "desk"
    assert fleet("generate", folder, "--accounts", 600, "--parts", 2, "--leverage", 8)[0] == 0
    return folder


def test_a_generated_fleet_is_screened(fleet: Callable[..., Ran], desk: Path) -> None:
    """Nobody begins in liquidation; with Bitcoin at 40,000 somebody is, and the exit status says so."""
    status, out, _ = fleet("screen", desk)
    assert (status, "0 liquidation" in out) == (2, True)

    status, out, _ = fleet("screen", desk, "--mark", "BTCUSDT=40000", "--json")
    found = json.loads(out)
    assert status == 3
    assert sum(found["accounts"].values()) == 600
    assert found["accounts"]["liquidation"] >= len(found["liquidation"]) > 0
    assert all(row["equity"] <= row["required"] for row in found["liquidation"])


def test_the_watch_tells_changes_as_they_happen(
    fleet: Callable[..., Ran], desk: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ticks from standard input and from a file: the same changes; they lead to what a screen finds."""
    ticks = "BTCUSDT,57000\n\nBTCUSDT,45000;ETHUSDT,2500\nBTCUSDT,40000;ETHUSDT,3000\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(ticks))
    status, out, _ = fleet("watch", desk, "--json")
    changes = [json.loads(line) for line in out.splitlines()]
    (tmp_path / "ticks.csv").write_text(ticks, encoding="utf-8")
    assert fleet("watch", desk, "--ticks", tmp_path / "ticks.csv", "--json")[1] == out

    assert status == 3
    assert {change["line"] for change in changes} == {1, 3, 4}
    now = {change["account"]: change["now"] for change in changes}
    screened = json.loads(fleet("screen", desk, "--mark", "BTCUSDT=40000", "--mark", "ETHUSDT=3000", "--json")[1])
    assert sum(state == "liquidation" for state in now.values()) == screened["accounts"]["liquidation"]


def test_the_watch_says_what_it_did(fleet: Callable[..., Ran], desk: Path, tmp_path: Path) -> None:
    """For people: a line before, a line each change, a line after."""
    (tmp_path / "ticks.csv").write_text("BTCUSDT,50000\n", encoding="utf-8")
    _, out, _ = fleet("watch", desk, "--ticks", tmp_path / "ticks.csv")

    assert out.startswith("600 accounts of binance")
    assert re.search(r"1  BTCUSDT,50000 +a0\d+ +safe -> (warning|liquidation)", out)
    assert "1 ticks" in out


def test_the_kernel_is_held_against_the_exact_function(fleet: Callable[..., Ran], desk: Path) -> None:
    """On a sample: no status differs, no figure leaves the certified error."""
    status, out, _ = fleet("compare", desk, "--sample", 100, "--json")
    found = json.loads(out)

    assert status == 0
    assert (found["pools"], found["differing"]) == (100, 0)
    assert found["share"] <= 1
    assert "statuses differ" in fleet("compare", desk, "--sample", 5)[1]


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ((), 121),
        (("--grid", "ETH"), 121),
        (("--shock", "a:BTC=-0.3,*=-0.5", "--crash", "crash-2020-03-12"), 2),
        (("--market", "-0.2", "--market", "0.2", "--beta", "ETH=1.3"), 2),
        (("--draws", 50), 50),
        (("--market", "-0.2", "--on", "pool:2"), 1),
        (("--market", "-0.2", "--depth", "BTC=1000000,*=100000"), 1),
    ],
)
def test_stress_by_every_kind_of_scenario(
    fleet: Callable[..., Ran], desk: Path, tmp_path: Path, arguments: tuple[object, ...], count: int
) -> None:
    """A figure for each scenario, and a picture of them."""
    picture = tmp_path / "picture.svg"
    status, out, _ = fleet("stress", desk, *arguments, "--out", picture, "--json")
    found = json.loads(out)

    assert status == 0
    assert len(found["scenarios"]) == count
    assert found["pools"] == 600
    assert picture.read_text("utf-8").startswith("<svg")


def test_stress_prints_the_worst(fleet: Callable[..., Ran], desk: Path) -> None:
    """Ten at most, the greatest insurance need first."""
    _, out, _ = fleet("stress", desk)

    assert "The worst 10, by insurance need" in out
    assert "of all shortfall" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("screen", "nowhere"), "no fleet here"),
        (("screen", "DESK", "--mark", "GOLD=1"), "the fleet has no such price"),
        (("watch", "DESK", "--ticks", "absent.csv"), "can't be read"),
        (("stress", "DESK", "--grid", "GOLD"), "the fleet has BTC"),
        (("stress", "DESK", "--grid", "BTC", "--draws", "5"), "one kind of scenarios"),
        (("stress", "DESK", "--shock", "a"), "expected NAME:COIN=MOVE"),
        (("stress", "DESK", "--shock", "a:BTC=x"), "expected NAME=NUMBER"),
        (("stress", "DESK", "--crash", "y2k"), "choose one of"),
        (("stress", "DESK", "--on", "moon"), "expected here"),
        (("stress", "DESK", "--out", "x.png"), "has to end in .svg"),
        (("stress", "DESK", "--draws", "5", "--degrees", "2"), "above 2"),
        (("stress", "DESK", "--draws", "0"), "--draws"),
        (("stress", "DESK", "--draws", "-5"), "--draws"),
        (("stress", "DESK", "--shock", "a:NOPE=-0.1"), "NOPE: the fleet has BTC"),
        (("stress", "DESK", "--shock", "a:BTC=-1"), "a price may fall by 99 % at most"),
        (("stress", "DESK", "--shock", "a:BTC=-0.1", "--shock", "a:ETH=-0.1"), "a: given twice"),
        (("stress", "DESK", "--shock", "a:BTC=-0.1,BTC=-0.2"), "BTC: given twice"),
        (("stress", "DESK", "--market", "nan"), "a price may fall by 99 % at most"),
        (("stress", "DESK", "--market", "-0.1", "--beta", "NOPE=2"), "NOPE: the fleet has BTC"),
        (("stress", "DESK", "--beta", "ETH=2"), "belongs to --market"),
        (("stress", "DESK", "--volatility", "2"), "belongs to --draws"),
        (("stress", "DESK", "--depth", "NOPE=1"), "NOPE: the fleet has BTC"),
        (("stress", "DESK", "--on", "pool:0"), "expected here"),
        (("compare", "DESK", "--sample", "0"), "--sample"),
        (("screen", "DESK", "--mark", "forward:BTC=1"), "the fleet has no such price"),
        (("generate", "new", "--accounts", "0"), "--accounts"),
        (("generate", "new", "--leverage", "0"), "--leverage"),
        (("generate", "new", "--isolated", "2"), "--isolated"),
        (("generate", "new", "--venue", "bybit"), "bybit: "),
        (("generate", "DESK"), "is not empty"),
        (("generate", "new", "--parts", "0"), "has to lie from 1"),
    ],
)
def test_a_mistake_is_one_line(fleet: Callable[..., Ran], desk: Path, arguments: tuple[str, ...], says: str) -> None:
    """Exit status 1, nothing on standard output, one line that names the mistake."""
    status, out, err = fleet(*(str(desk) if each == "DESK" else each for each in arguments))

    assert (status, out, err.count("\n")) == (1, "", 1)
    assert says in err


def test_a_wrong_tick_is_named_by_its_line(fleet: Callable[..., Ran], desk: Path, tmp_path: Path) -> None:
    """A price that is none, and a line without a price."""
    for line in ("BTCUSDT,-1", "BTCUSDT"):
        (tmp_path / "ticks.csv").write_text(f"BTCUSDT,60000\n{line}\n", encoding="utf-8")
        status, _, err = fleet("watch", desk, "--ticks", tmp_path / "ticks.csv")
        assert (status, "line 2" in err) == (1, True)


def test_the_fleets_help_loads_no_numba() -> None:
    """Nor NumPy nor Polars: they load inside the verb that runs."""
    code = (
        "import sys\nfrom crossmargin.cli.main import main\n"
        "try: main(['fleet', 'stress', '--help'])\n"
        "except SystemExit: pass\n"
        "print('LOADED', sorted({'numpy', 'numba', 'polars', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_verbs_of_one_account_load_no_numba() -> None:
    """Assess, modes, liq, explain and venues work without NumPy and numba: only fleets and backtests need them."""
    book = str(Path(__file__).parents[2] / "examples" / "day-trader.toml")
    verbs = [["assess", book], ["modes", book], ["liq", book], ["explain", "equity", book], ["venues"]]
    code = (
        "import contextlib, io, sys\nfrom crossmargin.cli.main import main\n"
        f"for verb in {verbs!r}:\n"
        "    status = 1\n"
        "    with contextlib.redirect_stdout(io.StringIO()):\n"
        "        try: main(verb)\n"
        "        except SystemExit as left: status = left.code\n"
        "    print(verb[0], status == 1, sorted({'numpy', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [f"{verb[0]} False []" for verb in verbs]


def test_without_the_extra_it_says_what_to_install(fleet: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, not an ImportError."""
    module = importlib.import_module("crossmargin.cli.fleet")
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "numba" else True)

    status, _, err = fleet("screen", "anywhere")

    assert status == 1
    assert "pip install 'crossmargin[fleet]'" in err


BOOK = """venue = "okx"
marks = { "BTC-100-C" = "0.05", "BTC-80-P" = "0.02" }
forward = { BTC = "95200" }
fx = { BTC = "95200" }

[instruments."BTC-100-C"]
kind = "option"
base = "BTC"
quote = "USD"
settle = "BTC"
family = "BTC-USD"
contract_value = "0.01"
taker_fee = "0.0003"
option_type = "call"
strike = "100000"

[instruments."BTC-80-P"]
kind = "option"
base = "BTC"
quote = "USD"
settle = "BTC"
family = "BTC-USD"
contract_value = "0.01"
taker_fee = "0.0003"
option_type = "put"
strike = "80000"
"""


@pytest.fixture
def options_desk(tmp_path: Path) -> Path:
    """Two accounts of OKX: 0.12 BTC behind 100 short calls, 0.2 BTC behind 100 short puts, of 0.01 BTC each."""
    import polars as pl

    head = {"venue": "okx", "accounts": 2, "marks": {}}
    (tmp_path / "fleet.json").write_text(json.dumps(head), encoding="utf-8")
    (tmp_path / "book.toml").write_text(BOOK, encoding="utf-8")
    balances = {"account": ["ann", "bob"], "currency": ["BTC", "BTC"], "balance": ["0.12", "0.2"]}
    held = {
        "account": ["ann", "bob"],
        "instrument": ["BTC-100-C", "BTC-80-P"],
        "side": ["short", "short"],
        "margin_mode": ["cross", "cross"],
        "contracts": ["100", "100"],
        "entry_price": ["0.05", "0.02"],
        "leverage": ["1", "1"],
        "margin": [None, None],
    }
    pl.DataFrame(balances).write_parquet(tmp_path / "part-00000.balances.parquet")
    pl.DataFrame(held, schema_overrides={"margin": pl.String}).write_parquet(tmp_path / "part-00000.positions.parquet")
    return tmp_path


def test_a_fleet_trades_what_its_own_book_lists(fleet: Callable[..., Ran], options_desk: Path, tmp_path: Path) -> None:
    """Short options: screened, held against the exact assessment, watched mark by mark, stressed by Black's formula."""
    assert json.loads(fleet("screen", options_desk, "--json")[1])["accounts"]["liquidation"] == 0
    assert json.loads(fleet("compare", options_desk, "--json")[1])["differing"] == 0

    # Ann needs 0.03 + mark + 0.0003 of her 0.12 BTC: 0.0897 is too much. The forward alone changes no status.
    (tmp_path / "ticks").write_text("forward:BTC,105000\nBTC-100-C,0.0896\nBTC-100-C,0.0897\n", encoding="utf-8")
    changes = [
        json.loads(line)
        for line in fleet("watch", options_desk, "--ticks", tmp_path / "ticks", "--json")[1].splitlines()
    ]
    assert [(each["line"], each["account"], each["now"]) for each in changes] == [(3, "ann", "liquidation")]

    found = json.loads(fleet("stress", options_desk, "--market", 0.2, "--market", "-0.3", "--market", 0, "--json")[1])
    assert [each["liquidated"] for each in found["scenarios"]] == [1, 1, 0]
    assert found["scenarios"][2]["pnl"] == pytest.approx(0, abs=1e-6)
    calm, wild = (
        json.loads(fleet("stress", options_desk, "--market", 0, "--implied", factor, "--json")[1])["scenarios"][0][
            "pnl"
        ]
        for factor in (0.5, 2)
    )
    assert calm > 0 > wild


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("venue = \"okx\"", "venue = \"textbook\""), 'book.toml: venue: "textbook" is not the fleet'),
        (("forward =", "balances = { BTC = \"1\" }\nforward ="), "book.toml: balances: a fleet's accounts stand"),
        (("venue = \"okx\"", "venue = \"okx\"\naccount_mode = \"multi_currency\""), 'account_mode: "multi_currency"'),
        (("strike = \"80000\"", "strike = \"0\""), "book.toml: instruments"),
        (("forward =", "interest = { USDT = \"5000\" }\nforward ="), "book.toml: interest: a fleet's accounts stand"),
        (("forward =", "position_mode = \"hedge\"\nforward ="), "book.toml: position_mode: a fleet's accounts stand"),
    ],
)  # fmt: skip
def test_a_book_that_does_not_fit_is_refused(
    fleet: Callable[..., Ran], options_desk: Path, change: tuple[str, str], says: str
) -> None:
    """By file and field, whatever the verb."""
    (options_desk / "book.toml").write_text(BOOK.replace(*change), encoding="utf-8")

    for verb in ("screen", "compare", "stress", "watch"):
        status, _, errors = fleet(verb, options_desk)
        assert (status, len(errors.splitlines())) == (1, 1)
        assert says in errors


@pytest.mark.parametrize("factor", ["0", "-1", "inf", "nan"])
def test_a_factor_that_is_none_is_refused(fleet: Callable[..., Ran], desk: Path, factor: str) -> None:
    """In one line with the option's name."""
    status, _, errors = fleet("stress", desk, "--implied", factor)

    assert (status, errors.count("\n"), "--implied" in errors) == (1, 1, True)


def test_a_venue_that_no_kernel_covers_leaves_no_folder(fleet: Callable[..., Ran], tmp_path: Path) -> None:
    """Refused before anything is written."""
    assert fleet("generate", tmp_path / "new", "--venue", "bybit")[0] == 1
    assert not (tmp_path / "new").exists()


def test_a_tick_of_an_unknown_name_is_told_once(fleet: Callable[..., Ran], desk: Path, tmp_path: Path) -> None:
    """A misspelt feed doesn't look quiet: one warning a name; what comes beside it counts."""
    (tmp_path / "ticks").write_text("BTCUSD,50000;BTCUSDT,50000\nBTCUSD,40000\nforward:BTC,1\n", encoding="utf-8")

    status, out, errors = fleet("watch", desk, "--ticks", tmp_path / "ticks")

    assert (status, "BTCUSD,50000;BTCUSDT,50000" in out) == (3, True)
    assert errors.splitlines() == [
        "crossmargin: line 1: BTCUSD: no price of the fleet, ignored",
        "crossmargin: line 3: forward:BTC: no price of the fleet, ignored",
    ]


def test_tables_of_other_accounts_than_the_head_says_are_refused(fleet: Callable[..., Ran], desk: Path) -> None:
    """A part that is missing is no smaller fleet."""
    for file in desk.glob("part-00001.*"):
        file.unlink()
    for verb in ("screen", "stress", "watch"):
        status, _, errors = fleet(verb, desk)
        assert (status, errors.count("\n")) == (1, 1)
        assert "fleet.json: accounts: says 600, the tables hold 300" in errors


def test_what_is_missing_is_told_with_its_folder(fleet: Callable[..., Ran], options_desk: Path) -> None:
    """A mark, a forward price: the line names the folder and where they may stand."""
    for gone, says in ((', "BTC-80-P" = "0.02"', 'marks."BTC-80-P"'), ('forward = { BTC = "95200" }', 'forward."BTC"')):
        (options_desk / "book.toml").write_text(BOOK.replace(gone, ""), encoding="utf-8")
        for verb in ("screen", "compare", "stress", "watch"):
            status, _, errors = fleet(verb, options_desk)
            assert (status, errors.count("\n")) == (1, 1)
            assert errors.startswith(f"crossmargin: {options_desk}: {says}")
            assert errors.endswith("here in fleet.json or book.toml\n")


def test_a_mark_of_what_nobody_lists_is_no_mistake(fleet: Callable[..., Ran], options_desk: Path) -> None:
    """A feed may hold more than the fleet does."""
    head = json.loads((options_desk / "fleet.json").read_text(encoding="utf-8"))
    (options_desk / "fleet.json").write_text(json.dumps({**head, "marks": {"GOLD": "1"}}), encoding="utf-8")

    assert fleet("screen", options_desk)[::2] == (2, "")


def test_a_forward_price_is_replaced_like_a_mark(fleet: Callable[..., Ran], options_desk: Path) -> None:
    """The initial margin alone follows it: the screen's figures stay, its exit status too."""
    plain, moved = (
        json.loads(fleet("screen", options_desk, "--mark", "BTC-100-C=0.0897", *more, "--json")[1])
        for more in ((), ("--mark", "forward:BTC=60000"))
    )
    assert plain == moved
    assert plain["accounts"]["liquidation"] == 1
    assert "0.12 " in fleet("screen", options_desk, "--mark", "BTC-100-C=0.0901")[1]


def test_a_cascade_says_how_often_prices_moved(fleet: Callable[..., Ran], desk: Path) -> None:
    """In words and in JSON, a number for each scenario."""
    asked = ("stress", desk, "--market", "-0.3", "--market", "0", "--depth", "*=1e5")
    assert "forced sales moved prices in 1 scenarios" in fleet(*asked)[1]
    rounds = json.loads(fleet(*asked, "--json")[1])["cascade_rounds"]
    assert rounds[0] > 0 == rounds[1]
    assert json.loads(fleet(*asked[:6], "--json")[1])["cascade_rounds"] is None


def test_a_few_scenarios_are_bars_with_names(fleet: Callable[..., Ran], desk: Path, tmp_path: Path) -> None:
    """Many are a curve."""
    few, many = tmp_path / "few.svg", tmp_path / "many.svg"
    assert fleet("stress", desk, "--shock", "flash:BTC=-0.3,*=-0.5", "--shock", "slide:*=-0.1", "--out", few)[0] == 0
    assert fleet("stress", desk, "--draws", "30", "--out", many)[0] == 0

    assert all(name in few.read_text(encoding="utf-8") for name in ("flash", "slide"))
    assert "share of draws" in many.read_text(encoding="utf-8")


def test_a_book_is_of_the_day_of_the_fleet(fleet: Callable[..., Ran], desk: Path) -> None:
    """The head says which day; a book without one follows it, another day is refused. SOL had no tiers in 2021."""
    head = json.loads((desk / "fleet.json").read_text(encoding="utf-8"))
    (desk / "fleet.json").write_text(json.dumps({**head, "on": "2021-01-01"}), encoding="utf-8")
    without = fleet("screen", desk)
    (desk / "book.toml").write_text('venue = "binance"\n', encoding="utf-8")

    assert without[0] == 1
    assert fleet("screen", desk) == without
    (desk / "book.toml").write_text('venue = "binance"\nas_of = "2026-01-01"\n', encoding="utf-8")
    assert 'book.toml: as_of: "2026-01-01" is not the fleet\'s, "2021-01-01"' in fleet("screen", desk)[2]


TIERS = """[[tiers]]
families = ["BTCUSDT"]
effective_from = 2026-11-01
source = "a test"
columns = ["up_to", "maintenance_rate", "deduction", "max_leverage"]
rows = [["", "0.9", "0", "1"]]
"""


def test_tiers_that_a_user_fetched_count_with_and_without_a_book(
    fleet: Callable[..., Ran], desk: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A table of 90 % for BTCUSDT: the same statuses by both roads, and others than before."""
    before = json.loads(fleet("screen", desk, "--json")[1])["accounts"]
    (tmp_path / "tiers").mkdir()
    (tmp_path / "tiers" / "binance@2026-11-01.toml").write_text(TIERS, encoding="utf-8")
    for place in ("crossmargin.formats.user_folder", "crossmargin.formats.book_builder"):
        monkeypatch.setattr(f"{place}.user_tier_folder", lambda: tmp_path / "tiers")

    without = json.loads(fleet("screen", desk, "--json")[1])["accounts"]
    (desk / "book.toml").write_text('venue = "binance"\n', encoding="utf-8")

    assert json.loads(fleet("screen", desk, "--json")[1])["accounts"] == without
    assert without["liquidation"] > before["liquidation"]


def test_the_figures_of_every_pool_are_written(fleet: Callable[..., Ran], desk: Path, tmp_path: Path) -> None:
    """A file for each part, wherever it was worked on; they add up to the totals."""
    import polars as pl

    asked = ("stress", desk, "--market", "-0.3", "--market", "-0.1", "--json")
    found = json.loads(fleet(*asked, "--pools", tmp_path / "here" / "pools")[1])
    fleet(*asked, "--pools", tmp_path / "pool", "--on", "pool:2")

    here, pool = (
        pl.read_parquet(sorted(each.glob("*.parquet"))) for each in (tmp_path / "here" / "pools", tmp_path / "pool")
    )
    assert here.equals(pool)
    assert len(here) == found["pools"]
    assert here["liquidated"].sum() == sum(each["liquidated"] for each in found["scenarios"])
    assert here["shortfall"].sum() == pytest.approx(sum(each["shortfall"] for each in found["scenarios"]))
    assert (here["worst_margin"] <= 0).sum() == (here["liquidated"] > 0).sum()
    assert set(here["pool"]) == {"USDT cross", "USDC cross"}
    by_account = here.group_by("account").agg(pl.col("shortfall").sum()).sort("shortfall", descending=True)
    assert by_account["shortfall"][0] == pytest.approx(found["top"][0]["shortfall"])
    (tmp_path / "file").write_text("")
    status, _, errors = fleet(*asked, "--pools", tmp_path / "file")
    assert (status, "--pools" in errors, errors.count("\n")) == (1, True, 1)


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ("BTC-100-C=4760", "marks.BTC-100-C: 4760 BTC is no price: the option costs less than its underlying, 1"),
        ("BTC-80-P=1900", "less than its strike of 80000 at a forward price of 95200"),
    ],
)
def test_a_mark_in_dollars_of_an_option_in_coin_is_refused(
    fleet: Callable[..., Ran], options_desk: Path, mark: str, says: str
) -> None:
    """Whoever says it, a flag or the folder."""
    name, _, price = mark.partition("=")
    assert says in fleet("screen", options_desk, "--mark", mark)[2]
    head = json.loads((options_desk / "fleet.json").read_text(encoding="utf-8"))
    (options_desk / "fleet.json").write_text(json.dumps({**head, "marks": {name: price}}), encoding="utf-8")
    for verb in ("screen", "compare", "stress", "watch"):
        status, _, errors = fleet(verb, options_desk)
        assert (status, says in errors, errors.count("\n")) == (1, True, 1)


@pytest.mark.parametrize("size", [None, "0"])
def test_an_account_that_needs_nothing_is_nobody_s_problem(
    fleet: Callable[..., Ran], tmp_path: Path, size: str | None
) -> None:
    """No money and no position, or one of size zero: safe, and liquidated in no scenario, with a cascade or without."""
    import polars as pl

    head = {"venue": "binance", "accounts": 1, "marks": {"BTCUSDT": "50000"}}
    (tmp_path / "fleet.json").write_text(json.dumps(head), encoding="utf-8")
    row = {"account": "a", "instrument": "BTCUSDT", "side": "long", "margin_mode": "cross", "contracts": size,
           "entry_price": "1", "leverage": "1", "margin": None}  # fmt: skip
    held = pl.DataFrame([row] if size else [], schema=dict.fromkeys(row, pl.String))
    held.write_parquet(tmp_path / "part-00000.positions.parquet")
    balances = pl.DataFrame({"account": ["a"], "currency": ["USDT"], "balance": ["0"]})
    balances.write_parquet(tmp_path / "part-00000.balances.parquet")

    assert fleet("screen", tmp_path)[0] == fleet("compare", tmp_path)[0] == 0
    for more in ((), ("--depth", "*=1e6")):
        status, out, _ = fleet("stress", tmp_path, "--market", "-0.1", "--json", *more)
        (case,) = json.loads(out)["scenarios"]
        assert (status, case["liquidated"], case["shortfall"], case["insurance"], case["pnl"]) == (0, 0, 0, 0, 0)
