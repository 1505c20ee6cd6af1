"""`crossmargin replay` and `crossmargin demo` as a person runs them."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from crossmargin.cli.demo_fates import CHAPTERS, day_trader, play
from crossmargin.cli.main import main
from crossmargin.cli.replay import command
from crossmargin.margin.pool import Status
from crossmargin.market.paths import named_scenarios

ROOT = Path(__file__).resolve().parents[2]
DAY_TRADER = str(ROOT / "examples" / "day-trader.toml")
OCTOBER = str(ROOT / "examples" / "october-2025.toml")


def run(*arguments: str) -> int:
    """Run the command line and return its exit status."""
    with pytest.raises(SystemExit) as leaving:
        main(list(arguments))
    assert isinstance(leaving.value.code, int)
    return leaving.value.code


# ---------------------------------------------------------------- demo


@pytest.mark.parametrize("seed", range(1, 6))
def test_fate_one_cross_carries_the_book(seed: int) -> None:
    """
    BTC ends at 113/118 of 90,000 = 86,186.4, ETH at 3,830/4,100 of 3,000 = 2,802.44, SOL at 178/210 of 140 = 118.667
    cross: 10,000 - 0.5 x 3,813.6 + 10 x 197.56 - 100 x 21.333 = 7,935.5 with every leg
    isolated: BTC and SOL are gone with 4,500 + 1,400; 10,000 - 5,900 + 1,975.6 = 6,075.6
    """
    found = play(day_trader(), CHAPTERS[0].path, seed=seed)
    cross, isolated = found.fates["cross"], found.fates["isolated"]
    assert (cross.status, cross.lost, str(cross.end_equity.normalize())) == (Status.SAFE, {}, "7935.5")
    assert set(isolated.liquidated) == {"SOL-USDT-SWAP:long:isolated", "BTC-USDT-SWAP:long:isolated"}
    assert (int(isolated.lost["USDT"]), str(isolated.end_equity.normalize())) == (5_900, "6075.6")


@pytest.mark.parametrize("seed", range(1, 6))
def test_fate_two_cross_loses_everything(seed: int) -> None:
    """
    SOL falls by 84 %: the 14,000 leg takes the whole 10,000 in cross mode, its own margin of 1,400 in isolated
    isolated ends with 10,000 - 1,400 and BTC at (113/118)^0.5, ETH at (3,830/4,100)^0.5: 8,640.9
    """
    found = play(day_trader(), CHAPTERS[1].path, seed=seed)
    cross, isolated = found.fates["cross"], found.fates["isolated"]
    assert cross.lost == {"USDT": 10_000}
    assert cross.end_equity == 0
    assert cross.final.positions == ()
    assert len(cross.liquidated) == 3
    assert isolated.liquidated == ("SOL-USDT-SWAP:long:isolated",)
    assert int(isolated.lost["USDT"]) == 1_400
    assert abs(isolated.end_equity - 8_641) < 1


def test_demo_tells_both_fates_and_draws_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0, plain words, two pictures of less than 150 KB."""
    assert run("demo", "fates", "--out", str(tmp_path)) == 0
    text = capsys.readouterr().out
    assert "Cross: every leg survives." in text
    assert "Isolated: long SOL and long BTC liquidated, 5,900 USDT of margin lost; short ETH survives." in text
    assert "Cross: the whole book is liquidated and 10,000 USDT are lost." in text
    assert "Isolated: long SOL liquidated, 1,400 USDT of margin lost; long BTC and short ETH survive." in text
    pictures = sorted(tmp_path.iterdir())
    assert [picture.name for picture in pictures] == sorted(chapter.picture for chapter in CHAPTERS)
    assert all(picture.stat().st_size < 150_000 for picture in pictures)


def test_demo_stops_when_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--seconds bounds the run, and stopping is no failure."""
    assert run("demo", "fates", "--seconds", "0.000001", "--out", str(tmp_path)) == 0
    assert "Stopped after" in capsys.readouterr().out


# ---------------------------------------------------------------- replay


def test_exit_status_is_the_fate_of_the_file_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """The book is cross in its file: 0 where cross survives though isolated legs die, 3 where cross dies."""
    common = (DAY_TRADER, "--start", "entry", "--funding", "none")
    assert run("replay", *common, "--path", "crash-2025-10-10") == 0
    assert run("replay", *common, "--path", "alt-collapse-2025-10-10:5") == 3
    assert "seed 5" in capsys.readouterr().out


def test_json_is_one_object_of_exact_figures(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Amounts are strings; the picture is where it says."""
    out = str(tmp_path / "x.svg")
    path = str(ROOT / "examples" / "paths" / "day-trader-rally.toml")
    assert run("replay", DAY_TRADER, "--path", path, "--funding", "none", "--json", "--out", out) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fates"]["isolated"]["lost"] == {"USDT": "3000"}
    assert found["fates"]["cross"]["end_equity"] == "11000"
    assert found["picture"] == out
    ET.parse(out)
    assert any(line.startswith("funding none") for line in found["assumptions"])


CANDLES = ("--candles", "nowhere")
PATH = ("--path", "crash-2025-10-10")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "--candles: no prices given: --candles FILE or FOLDER, or --path NAME"),
        (CANDLES, "--mark: one choice is needed: --mark last takes"),
        ((*CANDLES, "--mark", "last", "--mark", "x.csv"), "--mark: one choice is needed"),
        (PATH, "--funding: one choice is needed: --funding none pays none"),
        ((*PATH, "--mark", "last"), "generated prices take no --candles"),
        (("--path", "crash-1929"), "--path: crash-1929: not known: choose one of crash-2020-03-12"),
        ((*PATH, "--like", "BTC"), "--like: BTC: expected COIN=COIN"),
        ((*PATH, "--like", "BTC=ETH:much"), "--like: BTC=ETH:much: 'much' is not a number"),
        ((*PATH, "--out", "x.png"), "--out: x.png: the picture is SVG"),
        ((*CANDLES, "--mark", "last", "--from", "soon"), "--from: soon: not a time"),
        ((*CANDLES, "--mark", "last", "--from", "2025-01-02", "--to", "2025-01-01"), "does not come after --from"),
    ],
)
def test_a_missing_choice_or_a_wrong_one_is_one_line(
    arguments: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, one line on stderr, nothing on stdout; nothing is assumed unasked."""
    assert run("replay", DAY_TRADER, *arguments) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("crossmargin: ")
    assert shown.err.count("\n") == 1
    assert problem in shown.err


def test_help_names_every_path() -> None:
    """The list in the help is written by hand; it is whole."""
    option = next(each for each in command.params if each.name == "path")
    assert all(name in str(getattr(option, "help", "")) for name in named_scenarios())


def test_october_2025(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Hourly last prices of 2025-10-08 .. 2025-10-14, brackets of that day; margins 9,702.93 (BTC), 3,957.12 (SOL)
    cross is warned in the hour of the crash and carries the book; isolated loses BTC and SOL, 13,660.05 in all
    """
    out = tmp_path / "october.svg"
    candles = str(data_dir / "usdm_1h_2023_2026")
    status = run("replay", OCTOBER, "--candles", candles, "--mark", "last", "--funding", "none",
                 "--from", "2025-10-08", "--to", "2025-10-14", "--json", "--out", str(out))  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    cross, isolated = found["fates"]["cross"], found["fates"]["isolated"]
    assert status == 2
    assert found["bars"] == 168
    assert [event["kind"] for event in cross["events"]] == ["warning", "recovered"]
    assert isolated["liquidated"] == ["SOLUSDT:long:isolated", "BTCUSDT:long:isolated"]
    assert isolated["lost"] == {"USDT": "13660.048"}
    assert out.stat().st_size < 150_000


def test_the_table_shows_a_deficit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """1 BTC bought at 100,000 with 10,000 falls to 80,000 in one bar: 10,000 are lost and 10,000 are lacking."""
    book = tmp_path / "book.toml"
    book.write_text(
        'venue = "textbook"\nbalances = { USDT = "10000" }\n'
        'positions = [{ instrument = "BTC-USDT-SWAP", side = "long", contracts = "1", entry_price = "100000",'
        ' leverage = "10" }]\n'
    )
    candles = tmp_path / "BTC-USDT-SWAP.csv"
    candles.write_text(
        "ts_ms,open,high,low,close\n1759968000000,100000,100000,100000,100000\n1759968060000,100000,100000,80000,80000\n"
    )

    arguments = ("--candles", f"BTC-USDT-SWAP={candles}", "--mark", "last", "--funding", "none")
    assert run("replay", str(book), *arguments) == 3

    lines = capsys.readouterr().out.splitlines()
    header = next(line for line in lines if line.startswith("bar (UTC)"))
    event = next(line for line in lines if "would liquidate" in line and "USDT cross" in line)
    assert header.split()[-3:] == ["lost", "deficit", "marks"]
    end = header.index("deficit") + len("deficit")
    assert event[:end].split()[-2:] == ["10,000", "10,000"]
