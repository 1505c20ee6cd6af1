"""Candle and funding files: what is read, and the one line for what is refused."""

import gzip
import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest

from crossmargin.errors import CrossMarginError, InputError, MissingDataError
from crossmargin.market import rows
from crossmargin.market.candles import Bar, Candles, read_candles, tape
from crossmargin.market.files import candles_from, funding_from, instrument_of
from crossmargin.market.funding import Settlement, constant_funding, read_funding, recorded_funding
from crossmargin.market.rows import Window
from crossmargin.rulebook import load

HOUR = 3_600_000
EVER = Window()
HEAD = "ts_ms,open,high,low,close,volume\n"


def bars(*hours: int) -> tuple[Bar, ...]:
    """Flat bars at some hours."""
    one = Decimal(1)
    return tuple(Bar(hour * HOUR, one, one, one, one) for hour in hours)


def test_prices_are_read_to_the_digit(tmp_path: Path) -> None:
    """A plain and a packed file give the same exact decimals; volume may be empty."""
    text = HEAD + "0,1.10,1.2000000001,1.0,1.15,\n3600000,1.15,1.15,1.15,1.15,7\n"
    plain, packed = tmp_path / "X.csv", tmp_path / "X.csv.gz"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    found = read_candles(str(plain), EVER)[""].bars
    assert found[0] == Bar(0, Decimal("1.10"), Decimal("1.2000000001"), Decimal("1.0"), Decimal("1.15"))
    assert read_candles(str(packed), EVER)[""].bars == found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "X.csv: empty file"),
        ("ts_ms,open\n", "X.csv:1: no column high, low, close: found ts_ms, open"),
        (HEAD + "0,1,1,1,1\n", "X.csv:2: 5 cells, the header has 6"),
        (HEAD + "soon,1,1,1,1,0\n", "X.csv:2: ts_ms: 'soon' is not a time in UTC milliseconds"),
        (HEAD + "5,1,1,1,1,0\n5,1,1,1,1,0\n", "X.csv:3: ts_ms: 5 does not come after 5 of the row before"),
        (HEAD + "0,1,1,1,nan,0\n", "X.csv:2: close: 'nan' is not a number"),
        (HEAD + "0,1,1,0,1,0\n", "X.csv:2: low: 0 is out of bounds: expected a number above zero"),
        (HEAD + "0,2,1,1,1,0\n", "X.csv:2: low 1 <= open 2, close 1 <= high 1 does not hold"),
        (HEAD, "X.csv: no bar in the start .. the end: it holds no row"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, text: str, problem: str) -> None:
    """``file:line: problem``, with what was found."""
    path = tmp_path / "X.csv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_candles(str(path), EVER)
    assert str(error.value).replace(f"{tmp_path}/", "").startswith(problem)


def test_unreadable_files_are_one_line_too(tmp_path: Path) -> None:
    """Absent, of unknown ending, or not what the ending says."""
    broken = tmp_path / "X.csv.gz"
    broken.write_bytes(b"not packed")
    for path, problem in (("gone.csv", "No such file"), ("X.txt", "ending not known"), (str(broken), "X.csv.gz: ")):
        with pytest.raises(InputError, match=problem):
            read_candles(path, EVER)


def test_symbols_are_kept_apart(tmp_path: Path) -> None:
    """A file of several symbols is ascending for each symbol alone."""
    path = tmp_path / "many.csv"
    path.write_text("ts_ms,symbol,open,high,low,close\n0,A,1,1,1,1\n0,B,2,2,2,2\n3600000,A,1,1,1,1\n")
    found = read_candles(str(path), EVER)
    assert {symbol: len(each.bars) for symbol, each in found.items()} == {"A": 2, "B": 1}


def test_missing_bars_are_an_error_unless_allowed() -> None:
    """Hour 2 lacks in B: refused by name and hour; allowed, the common bars are walked and the hole is told."""
    both = {"A": Candles("a.csv", bars(0, 1, 2, 3)), "B": Candles("b.csv", bars(0, 1, 3))}
    with pytest.raises(MissingDataError, match=r"B \(b.csv\) lacks 1 bar, the first at 1970-01-01 02:00"):
        tape(both)
    walked = tape(both, allow_gaps=True)
    assert walked.times == (0, HOUR, 3 * HOUR)
    assert any("lacks 1 bar" in line for line in walked.assumptions)


def test_bars_missing_at_the_ends_of_what_was_asked_for_are_missing_too() -> None:
    """Asked for hours 0 to 5, hours 0 and 4 are not there."""
    with pytest.raises(MissingDataError, match="lacks 2 bars, the first at 1970-01-01 00:00"):
        tape({"A": Candles("a.csv", bars(1, 2, 3))}, window=Window(0, 5 * HOUR))


def test_one_replay_has_one_step() -> None:
    """Hourly and two-hourly candles are not mixed."""
    with pytest.raises(MissingDataError, match=r"60 min of A \(a\), 120 min of B \(b\)"):
        tape({"A": Candles("a", bars(0, 1, 2)), "B": Candles("b", bars(0, 2))})


# ---------------------------------------------------------------- which file is whose


def test_file_names_tell_the_instrument() -> None:
    """As downloaded, as freqtrade names them, and by the venue's own id."""
    binance, textbook = load("binance"), load("textbook")
    assert instrument_of("a/BTCUSDT_1h.csv.gz", binance) == "BTCUSDT"
    assert instrument_of("binance_ETHUSDT_8h_2022_2025.csv.gz", binance) == "ETHUSDT"
    assert instrument_of("BTC_USDT_USDT-1h-futures.feather", binance) == "BTCUSDT"
    assert instrument_of("BTCUSDT-1h-2025-10-01.csv", binance) == "BTCUSDT"
    assert instrument_of("BTC-USDT-SWAP_1m.csv", textbook) == "BTC-USDT-SWAP"
    assert instrument_of("prices.csv", binance) is None


def test_folders_files_and_pairs(tmp_path: Path) -> None:
    """A folder gives candles without its mark files, --mark the others; a pair names what a file name does not."""
    for name in ("BTCUSDT_1h.csv", "BTCUSDT_mark_1h.csv", "mine.csv", "ETHUSDT_1h.csv"):
        (tmp_path / name).write_text(HEAD + "0,1,1,1,1,0\n")
    book = load("binance")
    found = candles_from([str(tmp_path)], ["BTCUSDT"], book, EVER)
    assert found["BTCUSDT"].source.endswith("BTCUSDT_1h.csv")
    found = candles_from([str(tmp_path)], ["BTCUSDT"], book, EVER, option="--mark")
    assert found["BTCUSDT"].source.endswith("BTCUSDT_mark_1h.csv")
    found = candles_from([f"SOL/USDT:USDT={tmp_path}/mine.csv"], ["SOLUSDT"], book, EVER)
    assert list(found) == ["SOLUSDT"]
    for arguments, problem in (
        ([f"{tmp_path}/mine.csv"], "which instrument is it"),
        ([str(tmp_path), f"BTCUSDT={tmp_path}/mine.csv"], "give one"),
        ([f"NOPE={tmp_path}/mine.csv"], "instrument not known to binance"),
        ([f"{tmp_path}/ETHUSDT_1h.csv"], "nothing for BTCUSDT: give --candles BTCUSDT=FILE"),
    ):
        with pytest.raises(CrossMarginError, match=problem):
            candles_from(arguments, ["BTCUSDT"], book, EVER)


# ---------------------------------------------------------------- feather


def test_feather_is_read_like_csv(tmp_path: Path) -> None:
    """The columns of freqtrade: date, open, high, low, close, volume; floats become their shortest digits."""
    polars = pytest.importorskip("polars")
    path = tmp_path / "BTC_USDT_USDT-1h-futures.feather"
    frame = polars.DataFrame({"date": [0, HOUR], "open": [0.1, 0.2], "high": [0.3, 0.3], "low": [0.1, 0.1],
                              "close": [0.2, 0.3], "volume": [1.0, 2.0]})  # fmt: skip
    frame.with_columns(polars.col("date").cast(polars.Datetime("ms", "UTC"))).write_ipc(path)
    found = read_candles(str(path), EVER)[""].bars
    assert found[0] == Bar(0, Decimal("0.1"), Decimal("0.3"), Decimal("0.1"), Decimal("0.2"))
    assert found[1].time_ms == HOUR


def test_feather_without_polars_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to install."""
    real = importlib.util.find_spec
    monkeypatch.setattr(rows, "find_spec", lambda name: None if name == "polars" else real(name))
    with pytest.raises(InputError, match=r'need the extra "data": pip install "crossmargin\[data\]"'):
        read_candles("X.feather", EVER)


# ---------------------------------------------------------------- funding


def test_a_constant_rate_falls_due_every_eight_hours() -> None:
    """Hours 0 to 17 hold the settlements of 0, 8 and 16; a daily bar holds three at once."""
    hourly = tape({"A": Candles("a", bars(*range(18)))})
    due = constant_funding(Decimal("0.0001"), hourly).due
    assert due == {hour * HOUR: {"A": Decimal("0.0001")} for hour in (0, 8, 16)}
    daily = tape({"A": Candles("a", bars(0, 24))})
    assert constant_funding(Decimal("0.0001"), daily).due[0] == {"A": Decimal("0.0003")}


def test_recorded_funding_is_put_into_its_bar(tmp_path: Path) -> None:
    """Venues stamp a settlement some milliseconds late: 08:00:00.006 belongs to the bar of 08:00."""
    path = tmp_path / "binance_BTCUSDT_8h.csv"
    path.write_text("ts_ms,funding_rate\n0,0.0001\n28800006,-2e-05\n")
    found = funding_from([str(path)], ["BTCUSDT"], load("binance"))
    due = recorded_funding(found, tape({"BTCUSDT": Candles("a", bars(*range(16)))})).due
    assert due == {0: {"BTCUSDT": Decimal("0.0001")}, 8 * HOUR: {"BTCUSDT": Decimal("-0.00002")}}


@pytest.mark.parametrize(
    ("hours", "hole"),
    [
        ((8, 16), "1970-01-01 00:00 and 1970-01-01 08:00"),  # the one at the start
        ((0, 16, 24), "1970-01-01 00:00 and 1970-01-01 16:00"),  # one in the middle
        ((0, 8), "1970-01-01 08:00 and 1970-01-02 02:00"),  # the last
        ((), "no settlement in 1970-01-01 00:00"),
    ],
)
def test_a_hole_in_funding_is_an_error_unless_allowed(hours: tuple[int, ...], hole: str) -> None:
    """Missing funding is never a silent zero."""
    bars26 = tape({"A": Candles("a", bars(*range(26)))})
    settlements = {"A": [Settlement(hour * HOUR, Decimal(1)) for hour in hours]}
    with pytest.raises(MissingDataError, match=hole):
        recorded_funding(settlements, bars26)
    assert "nothing is charged there" in recorded_funding(settlements, bars26, allow_gaps=True).assumption


def test_bad_funding_rows_are_named(tmp_path: Path) -> None:
    """As candles: ``file:line: problem``."""
    path = tmp_path / "X.csv"
    path.write_text("ts_ms,funding_rate\n0,high\n")
    with pytest.raises(InputError, match=r"X.csv:2: funding_rate: 'high' is not a number"):
        read_funding(str(path))


def test_recorded_market_data_is_whole(data_dir: Path) -> None:
    """Six days of three coins join without a hole; 2025-10-10 21:00 holds the low of 101,516.5."""
    window = Window(1_759_881_600_000, 1_760_400_000_000)  # 2025-10-08 .. 2025-10-14
    wanted = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    found = tape(candles_from([str(data_dir / "usdm_1h_2023_2026")], wanted, load("binance"), window), window=window)
    assert len(found.times) == 144
    assert min(bar.low for bar in found.marks["BTCUSDT"]) == Decimal("101516.5")
