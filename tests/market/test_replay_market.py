import csv
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.market.venues import START, Venue

from crossmargin import market
from crossmargin.cli.main import main
from crossmargin.domain import event as e
from crossmargin.domain.account import OrderSide
from crossmargin.errors import InputError, MissingDataError

D = Decimal
BTC = "BTC-USDT-SWAP"
FIRST = 1_746_372_780_000 // 60_000 * 60_000

Row = tuple[int, str, str, str, str]


def written(folder: Path, name: str, rows: list[Row]) -> None:
    """A candle file of minute bars: minute from the first, then prices."""
    with (folder / name).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["ts_ms", "open", "high", "low", "close"])
        table.writerows([[FIRST + minute * 60_000, *prices] for minute, *prices in rows])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two coins: BTC rises by 300 in three minutes and falls back, ETH stands."""
    written(
        tmp_path,
        "BTCUSDT_1m.csv",
        [
            (0, "90000", "90130", "89970", "90100"),
            (1, "90100", "90200", "90100", "90200"),
            (2, "90200", "90300", "90200", "90300"),
            (3, "90300", "90300", "90000", "90000"),
        ],
    )
    written(tmp_path, "ETH_USDT_USDT-1m-futures.csv", [(minute, *("3000",) * 4) for minute in range(4)])
    written(tmp_path, "BTCUSDT_mark_1m.csv", [(0, *("1",) * 4)])
    return tmp_path


def test_prices_follow_the_bars(folder: Path) -> None:
    """A rising bar goes from its open over its low and its high to its close, in three equal parts."""
    venue = Venue(f"replay:{folder}")
    seen = [venue.mark(BTC)]
    for _ in range(6):
        for _ in range(10):
            venue.step()
        seen.append(venue.mark(BTC))
    assert seen == [D(90_000), D(89_985), D(89_970), D(90_050), D(90_130), D(90_115), D(90_100)]
    assert venue.engine.state.marks.index["BTC-USDT"] == D(90_100)
    assert venue.mark("BTC-USDT") == D(90_100)
    assert venue.mark("ETH-USDT-SWAP") == D(3000)
    assert not [name for name in venue.market.instruments if name.startswith("SOL")]
    bid, ask = venue.touch(BTC)
    assert bid < venue.mark(BTC) < ask
    assert not venue.refused
    venue.engine.check()


def test_speed_plays_a_minute_in_a_second(folder: Path) -> None:
    """At 60 times, the close of the first bar stands after one second."""
    venue = Venue(f"replay:{folder}", speed=60)
    venue.step()
    assert venue.mark(BTC) == D(90_100)
    venue.step()
    assert venue.mark(BTC) == D(90_200)


def test_after_the_last_bar_prices_are_stale(folder: Path) -> None:
    """Four minutes at 60 times are over after four seconds; ten seconds later nobody is liquidated on them any more."""
    venue = Venue(f"replay:{folder}", speed=60)
    venue.run(13)
    assert venue.engine.state.healthy(BTC)
    venue.run(5)
    assert venue.engine.state.price_states[BTC] == "stale"
    states = [each for each in venue.events if isinstance(each, e.PriceStateSet)]
    assert {each.state for each in states} == {"stale"}
    assert len(states) == len(venue.market.instruments)
    venue.run(5)
    assert len([each for each in venue.events if isinstance(each, e.PriceStateSet)]) == len(states)
    assert not venue.refused


def test_a_hole_in_the_bars_is_stale_and_then_healthy_again(tmp_path: Path) -> None:
    """Bars 0, then 20 on: at 60 times the gap lasts 19 seconds."""
    written(tmp_path, "BTCUSDT.csv", [(minute, *("90000",) * 4) for minute in (0, *range(20, 40))])
    venue = Venue(f"replay:{tmp_path}", speed=60)
    venue.run(15)
    assert venue.engine.state.price_states[BTC] == "stale"
    venue.run(8)
    assert venue.engine.state.price_states[BTC] == "healthy"
    assert venue.depth(BTC, OrderSide.BUY, "0.005") > 100_000


def test_bars_before_the_moment_are_the_past(tmp_path: Path) -> None:
    """Begun at minute 300 of 400: 300 whole minute bars are there at once, and the one that runs."""
    rows: list[Row] = [(minute, *(str(90_000 + minute),) * 4) for minute in range(400)]
    written(tmp_path, "BTC-USDT-SWAP.csv", rows)
    moment = (FIRST + 300 * 60_000) // 1000
    text = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M")
    venue = Venue(f"replay:{tmp_path}@{text}", START // 60_000 * 60_000)
    assert venue.mark(BTC) == D(90_300)
    bars = venue.market.tape.candles(BTC, limit=1_000, of="mark")
    assert len(bars) == 301
    assert bars[1].close == pytest.approx(D(90_300), abs=2)
    assert bars[-1].open == pytest.approx(D(90_001), abs=2)


def test_recorded_prices_are_not_moved(folder: Path) -> None:
    """One line, and nothing changes."""
    venue = Venue(f"replay:{folder}")
    before = venue.engine.digest()
    with pytest.raises(InputError, match="only a generated market can be moved"):
        venue.move(BTC, D(80_000))
    assert venue.engine.digest() == before


def test_files_that_price_nothing_are_one_clear_line(tmp_path: Path) -> None:
    """No folder, no file for a coin of the market, two files for one, a moment outside, a speed out of bounds."""
    with pytest.raises(InputError, match="which folder"):
        market.open("replay:")
    with pytest.raises(InputError, match="no such folder"):
        market.open(f"replay:{tmp_path}/gone")
    with pytest.raises(MissingDataError, match="no candle file named after a pair of BTC, ETH, SOL"):
        market.open(f"replay:{tmp_path}")
    written(tmp_path, "BTCUSDT_1m.csv", [(0, *("90000",) * 4), (1, *("90000",) * 4)])
    with pytest.raises(MissingDataError, match="no moment in common"):
        market.open(f"replay:{tmp_path}@2020-01-01")
    with pytest.raises(InputError, match="0 is no speed"):
        market.open(f"replay:{tmp_path}", 0)
    with pytest.raises(InputError, match="only recorded prices are played at a speed"):
        market.open("generated:7", 60)
    written(tmp_path, "BTCUSDC_1m.csv", [(0, *("90000",) * 4)])
    with pytest.raises(InputError, match=r"both .*BTCUSDC_1m.csv and .*BTCUSDT_1m.csv price it"):
        market.open(f"replay:{tmp_path}")


def test_the_command_passes_the_speed_on(capsys: pytest.CaptureFixture[str]) -> None:
    """`crossmargin serve --speed` with a market that has none: one line, status 1, before anything is opened."""
    with pytest.raises(SystemExit) as end:
        main(["serve", "--market", "generated:7", "--speed", "60"])
    assert end.value.code == 1
    assert "only recorded prices are played at a speed" in capsys.readouterr().err


@pytest.mark.slow
def test_recorded_minutes_of_three_coins(data_dir: Path) -> None:
    """Half a day of May 2025 at 60 times: books stand, no maker is warned, nothing is refused."""
    venue = Venue(f"replay:{data_dir / 'usdm_1m_2025_05'}@2025-05-12T06:00", speed=60)
    for _ in range(720):
        venue.step()
        for name in venue.market.instruments:
            bid, ask = venue.touch(name)
            assert bid < venue.mark(name) < ask
    assert not venue.refused
    assert not [each for each in venue.events if isinstance(each, e.Warned | e.LiquidationStarted)]
    venue.engine.check()
