"""Generated paths: waypoints met, seeds repeatable, gaps in knowledge refused."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from crossmargin.domain.numbers import Positive
from crossmargin.errors import InputError, MissingDataError
from crossmargin.market.candles import Tape
from crossmargin.market.paths import Like, Scenario, generate, named_scenarios, read_scenario

SWAP = "BTC-USDT-SWAP"


def btc(scenario: Scenario, start: str = "73000", seed: int = 1) -> Tape:
    """The scenario for one coin."""
    return generate(scenario, {SWAP: "BTC"}, {SWAP: Decimal(start)}, seed=seed)


def test_the_same_seed_gives_the_same_prices_and_another_seed_others() -> None:
    """Determinism is part of the contract: figures in the docs come from seeds."""
    scenario = named_scenarios()["crash-2020-03-12"]
    assert btc(scenario, seed=7) == btc(scenario, seed=7)
    assert btc(scenario, seed=7).marks != btc(scenario, seed=8).marks


@pytest.mark.parametrize("name", list(named_scenarios()))
def test_every_named_path_meets_its_waypoints_and_holds_together(name: str) -> None:
    """Bars are in order, low <= open, close <= high, each opens where the last closed, levels met to the tick."""
    scenario = named_scenarios()[name]
    coin = next(iter(scenario.levels))
    points = scenario.levels[coin]
    own = msgspec.structs.replace(scenario, like={})
    bars = generate(own, {"X": coin}, {"X": points[0].level * 1000}).marks["X"]
    assert len(bars) == scenario.minutes
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
    assert all(before.close == after.open for before, after in pairwise(bars))
    for point in points:
        if point.minute == int(point.minute) and point.minute < len(bars):
            step = Decimal(1).scaleb((points[0].level * 1000).adjusted() - 5)
            assert abs(bars[int(point.minute)].open - point.level * 1000) <= step / 2


def test_public_levels_of_the_crash_of_march_2020() -> None:
    """From 7,300 to 3,596, both public; scaled to an account at 73,000 the low is 35,960 (+- noise after it)."""
    scenario = named_scenarios()["crash-2020-03-12"]
    points = {int(point.minute): point for point in scenario.levels["BTC"]}
    assert (points[0].public, points[900].public, points[980].public) == (True, False, True)
    assert btc(scenario).marks[SWAP][980].open == 35_960


def test_strength_bends_the_move() -> None:
    """102,000 / 118,000 is 0.8644; at half strength its root, 0.9297."""
    scenario = msgspec.structs.replace(
        named_scenarios()["crash-2025-10-10"],
        like={"BTC": Like(coin="BTC", strength=Positive("0.5"))},
        noise=Decimal(0),
    )
    low = min(bar.low for bar in btc(scenario, "100000").marks[SWAP])
    assert abs(low - Decimal(92_973)) < 1


def test_a_coin_without_levels_is_refused_with_the_way_out() -> None:
    """No silent stand-in: the message says which coins there are and how to choose one."""
    with pytest.raises(MissingDataError, match=r"has no levels of DOGE, it knows BTC: choose one.*--like DOGE=BTC"):
        generate(named_scenarios()["crash-2020-03-12"], {"D": "DOGE"}, {"D": Decimal(1)})
    with pytest.raises(MissingDataError, match="no price to start"):
        generate(named_scenarios()["crash-2020-03-12"], {"B": "BTC"}, {})


def test_assumptions_tell_seed_levels_and_bends() -> None:
    """What is public and what is estimated is said in every output."""
    found = generate(named_scenarios()["alt-collapse-2025-10-10"], {"S": "SOL"}, {"S": Decimal(140)}, seed=3)
    assert "seed 3" in found.assumptions[0]
    assert found.assumptions[1] == "SOL goes through 3 levels of SUI: 2 public, the rest estimated"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("title = 'x'", "a path needs start and levels"),
        ("of = 'nope'", "of: 'nope' is not a known path"),
        ("start = 2026-01-01\nlevels.BTC = [[1, '5', 'p']]", "minutes start at 0 and ascend"),
        ("start = 2026-01-01\nlevels.BTC = [[0, '5', 'p'], [0, '6', 'p']]", "minutes start at 0 and ascend"),
        ("start = 2026-01-01\nlevels.BTC = [[0, '5', 'q']]", r'expected \[minute, "level", "p" or "e"\]'),
        ("start = 2026-01-01\nlevels.BTC = [[0, '5']]", r'expected \[minute, "level", "p" or "e"\]'),
        ("start = 2026-01-01\nlevels.BTC = [[0.1, '5', 'p']]", "not a multiple of a quarter"),
        ("start = 2026-01-01\nlevels.BTC = [[0, '-5', 'p']]", "level must be above zero"),
        ("begin = 2026-01-01", "unknown key"),
    ],
)
def test_a_wrong_path_file_is_one_line(tmp_path: Path, text: str, problem: str) -> None:
    """File, key, problem."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        read_scenario(str(path))
