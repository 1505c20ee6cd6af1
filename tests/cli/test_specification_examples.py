"""The worked examples of the specification, exact to the last digit, from files through the command line."""

from collections.abc import Callable

from .conftest import Run


def test_example_1_two_positions(crossmargin: Callable[..., Run]) -> None:
    """Example 1: IM 10,000 + 10,000, MM 500 + 250; after -5,000 and +3,000 equity 18,000, no room for new risk."""
    found = crossmargin("assess", "examples/textbook-entry.toml", "--json")

    assert found.status == 0
    usdt = found.json["currencies"]["USDT"]
    assert [each["initial_margin"] for each in found.json["positions"]] == ["10000", "10000"]
    assert [each["maintenance_margin"] for each in found.json["positions"]] == ["500", "250"]
    assert [each["floating_pnl"] for each in found.json["positions"]] == ["-5000", "3000"]
    assert (usdt["equity"], usdt["maintenance_margin"], usdt["free_margin"]) == ("18000", "750", "0")
    assert (usdt["margin_ratio"], found.json["status"]) == ("24", "safe")
    assert found.json["orders"][0]["accepted"] is False


def test_example_2_one_btc_pool(crossmargin: Callable[..., Run]) -> None:
    """Example 2: in use 10 + 20 + 100 + 200 + 200 = 530, free margin 715 - 530 = 185: 200 refused, 40 accepted."""
    found = crossmargin("assess", "examples/btc-pool.toml", "--json")

    btc = found.json["currencies"]["BTC"]
    assert (btc["balance"], btc["floating_pnl"], btc["in_use"], btc["free_margin"]) == ("700", "15", "530", "185")
    assert [each["initial_margin"] for each in found.json["positions"]] == ["10", "100", "100"]
    assert [each["floating_pnl"] for each in found.json["positions"]] == ["5", "10", "0"]
    assert [each["margin"] for each in found.json["orders"]] == ["20", "200", "200", "200", "40"]
    refused, accepted = found.json["orders"][3:]
    assert refused["accepted"] is False
    assert "needs 200 BTC, has 185 BTC" in refused["reason"]
    assert accepted["accepted"] is True


def test_example_3_long_with_the_coin_as_margin(crossmargin: Callable[..., Run]) -> None:
    """Example 3: long 1 BTC at 10x with BTC as margin: liability / (mark x leverage) = 0.1 BTC."""
    found = crossmargin("assess", "examples/spot-margin-long.toml", "--json")

    assert found.json["currencies"]["BTC"]["initial_margin"] == "0.1"


def test_example_5_day_trader(crossmargin: Callable[..., Run]) -> None:
    """Example 5: ETH isolated liquidates at 3,283.58..., cross at BTC 95,000 and ETH 3,300 nothing is closed.

    Isolated: margin 3,000 at 10x on 10 ETH short: (3,000 x 10 + 3,000) / (10 x 1.005) = 33,000 / 10.05.
    Cross: 10,000 + 2,500 - 3,000 = 9,500; maintenance 0.5 % of 47,500 + 33,000 + 14,000 = 472.5; ratio 20.1.
    """
    found = crossmargin("modes", "examples/day-trader.toml", "--json").json

    cross, isolated = found["cross"], found["isolated"]
    usdt = cross["currencies"]["USDT"]
    assert (usdt["equity"], usdt["maintenance_margin"]) == ("9500", "472.5")
    assert usdt["margin_ratio"] == "20.10582010582010582010582011"
    assert {each["status"] for each in cross["positions"]} == {"safe"}
    eth = isolated["positions"][1]
    assert eth["liquidation_price"] == "3283.582089552238805970149254"
    assert (eth["margin"], eth["status"]) == ("3000", "liquidation")
    assert sum(int(each["margin"]) for each in isolated["positions"]) == 8900


def test_a_short_mirrors_a_long_in_the_frontier(crossmargin: Callable[..., Run]) -> None:
    """Every BTC price of the frontier lowers the ETH price that is needed when BTC falls."""
    found = crossmargin("liq", "examples/day-trader.toml", "--frontier", "BTC,ETH", "--points", "3", "--json").json

    points = found["frontier"]["points"]
    assert [point["move"] for point in points] == ["-0.5", "0", "0.5"]
    assert points[1]["up"] == found["legs"][1]["liquidation_price"]
