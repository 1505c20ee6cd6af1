"""Rulebook files: what a wrong one is refused with, which date picks what, and the brackets that we ship."""

import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from crossmargin.domain.account import MarginMode
from crossmargin.domain.instrument import Kind, OptionType
from crossmargin.errors import MissingDataError, RulebookError
from crossmargin.rulebook import Rulebook, TierTable, load, venues
from crossmargin.rulebook.load import parse

GOOD = """
venue = "demo"
title = "A venue for tests"
effective_from = 2025-01-01
source = "https://example.com/rules"
retrieved = 2025-01-15

[rules]
account_modes = ["single_currency"]
margin_modes = ["cross", "isolated"]
position_modes = ["one_way"]
tier_scheme = "marginal"

[instruments."BTC-USDT-SWAP"]
kind = "perpetual"
base = "BTC"
quote = "USDT"
settle = "USDT"
family = "BTC-USDT"

[[tiers]]
families = ["BTC-USDT"]
effective_from = 2025-01-01
columns = ["up_to", "maintenance_rate", "deduction", "max_leverage"]
rows = [["1000", "0.01", "0", "50"], ["5000", "0.02", "10", "20"], ["", "0.05", "160", ""]]

[[tiers]]
families = ["BTC-USDT"]
effective_from = 2025-06-01
columns = ["up_to", "maintenance_rate"]
rows = [["2000", "0.01"], ["", "0.03"]]
"""

WRONG = [
    ('venue = "demo"', "", "file", "the key 'venue' is missing"),
    ('venue = "demo"', "venue = demo", "file", "not valid TOML: "),
    ('title = "A', 'titel = "A', "file", "unknown key 'titel': did you mean title?"),
    ("effective_from = 2025-01-01\nsource", "effective_from = 'soon'\nsource", "effective_from", "'soon' is not a day"),
    ('tier_scheme = "marginal"', 'tier_scheme = "steps"', "rules.tier_scheme", "'steps' is not one of whole, marginal"),
    ('tier_scheme = "marginal"', "trigger = 1", "rules.trigger", "expected text, found 1"),
    ('tier_scheme = "marginal"', 'warn_at = "0"', "rules.warn_at", "0 is out of bounds: expected a number above zero"),
    ('tier_scheme = "marginal"', "margin_call = true", "rules", "unknown key 'margin_call'"),
    ('margin_modes = ["cross", "isolated"]', "", "rules", "the key 'margin_modes' is missing"),
    ('"cross", "isolated"', '"crossed"', "rules.margin_modes[0]", "'crossed' is not one of cross, isolated, cash"),
    ('kind = "perpetual"', 'kind = "swap"', 'instruments."BTC-USDT-SWAP".kind', "'swap' is not one of spot, margin"),
    ('base = "BTC"\n', "", 'instruments."BTC-USDT-SWAP"', "base and quote are missing"),
    ('settle = "USDT"\n', "", 'instruments."BTC-USDT-SWAP"', "the key 'settle' is missing"),
    (
        'settle = "USDT"',
        'settle = "USDT"\ntaker_fee = "5 bp"',
        'instruments."BTC-USDT-SWAP".taker_fee',
        "'5 bp' is not a number",
    ),
    ('["1000", "0.01", "0", "50"]', '["1000", "0.01", "0"]', "tiers[0].rows[0]", "4 columns expected"),
    ('["1000", "0.01", "0", "50"]', '["1000", "x", "0", "50"]', "tiers[0].rows[0].maintenance_rate", "'x' is not a"),
    ('["1000", "0.01", "0", "50"]', '["1000", "", "0", "50"]', "tiers[0].rows[0]", "the key 'maintenance_rate' is"),
    ('["5000", "0.02", "10"', '["900", "0.02", "10"', "tiers[0]", "row 1: up_to 900 is not above the tier before it"),
    ('["5000", "0.02", "10"', '["1000", "0.02", "10"', "tiers[0]", "row 1: up_to 1000 is not above the tier before"),
    ('["5000", "0.02", "10"', '["5000", "0.02", "11"', "tiers[0]", "row 1: deduction 11 makes the margin jump: 10.00"),
    ('["5000", "0.02", "10"', '["", "0.02", "10"', "tiers[0]", "row 1: only the last tier may be without up_to"),
    ('["2000", "0.01"], ["", "0.03"]', '["2000", "0.01"], ["", "0.005"]', "tiers[1]", "row 1: maintenance_rate 0.005"),
    ('columns = ["up_to", "maintenance_rate"]', 'columns = ["to", "rate"]', "tiers[1].rows[0]", "unknown key 'to'"),
    ('families = ["BTC-USDT"]', "", "tiers[0]", "the key 'families' is missing"),
    ("", "[[example]]\nsay = 'x'", "example[0]", "the key 'source' is missing"),
]


@pytest.mark.parametrize(("right", "wrong", "key", "problem"), WRONG)
def test_a_wrong_file_is_named_with_key_and_problem(right: str, wrong: str, key: str, problem: str) -> None:
    """One change to a good file, one line."""
    text = GOOD.replace(right, wrong, 1) if right else GOOD + wrong
    assert text != GOOD
    with pytest.raises(RulebookError) as caught:
        parse(text, "demo.toml")
    error = caught.value

    assert (error.file, error.key) == ("demo.toml", key)
    assert error.problem.startswith(problem)
    assert str(error).isprintable()


def cross(rulebook: Rulebook, name: str) -> TierTable:
    """Cross tiers of an instrument."""
    return rulebook.tier_table(rulebook.instrument(name), MarginMode.CROSS)


@pytest.mark.parametrize(
    ("on", "bounds"),
    [
        (None, [2000, None]),
        (date(2025, 1, 1), [1000, 5000, None]),
        (date(2025, 5, 31), [1000, 5000, None]),
        (date(2025, 6, 1), [2000, None]),
        (date(2030, 1, 1), [2000, None]),
    ],
)
def test_the_newest_table_that_is_not_later_holds(on: date | None, bounds: list[int | None]) -> None:
    """From its first day on; no day asks for the newest."""
    assert [tier.up_to for tier in cross(parse(GOOD, "demo.toml", on), "BTC-USDT-SWAP").tiers] == bounds


def test_no_table_holds_before_the_first() -> None:
    """An earlier day has no tiers, which is an error and not a guess."""
    with pytest.raises(MissingDataError, match="no maintenance tiers known"):
        cross(parse(GOOD, "demo.toml", date(2024, 12, 31)), "BTC-USDT-SWAP")


def test_the_order_of_tables_in_a_file_means_nothing() -> None:
    """A newer table may stand first."""
    head, first, second = GOOD.split("[[tiers]]")
    swapped = f"{head}[[tiers]]{second}[[tiers]]{first}"

    for on in (None, date(2025, 2, 1), date(2025, 7, 1)):
        assert parse(swapped, "f", on).tiers == parse(GOOD, "f", on).tiers


def test_deductions_are_computed_where_a_marginal_file_gives_none() -> None:
    """2000 x (0.03 - 0.01) = 40."""
    assert [tier.deduction for tier in cross(parse(GOOD, "f"), "BTC-USDT-SWAP").tiers] == [0, 40]


# ---------------------------------------------------------------- the files that ship


@pytest.mark.parametrize(
    ("on", "effective_from", "first_bound", "fourth_bound"),
    [
        (date(2022, 5, 1), date(2022, 4, 16), 50_000, 7_500_000),
        (date(2022, 6, 1), date(2022, 5, 21), 50_000, 10_000_000),
        (date(2023, 12, 31), date(2023, 8, 1), 50_000, 20_000_000),
        (None, date(2026, 9, 1), 300_000, 12_000_000),
    ],
)
def test_binance_brackets_of_a_day(on: date | None, effective_from: date, first_bound: int, fourth_bound: int) -> None:
    """The brackets of BTCUSDT changed in May 2022, and until today."""
    table = cross(load("binance", on), "BTCUSDT")

    assert table.effective_from == effective_from
    assert [table.tiers[0].up_to, table.tiers[3].up_to] == [first_bound, fourth_bound]


def test_days_before_the_first_rules_are_refused() -> None:
    """No rules are made up for a day that we know nothing of; nor brackets before the first that was seen."""
    for venue in venues():
        with pytest.raises(RulebookError, match="1999-12-31 lies before the first rules that we have"):
            load(venue, date(1999, 12, 31))
    with pytest.raises(MissingDataError, match="no maintenance tiers known"):
        cross(load("binance", date(2022, 4, 15)), "BTCUSDT")


def test_an_unknown_venue_is_told_the_known_ones() -> None:
    """In one line, with the one that was probably meant."""
    with pytest.raises(RulebookError) as caught:
        load("OKX")

    assert str(caught.value) == f"OKX: venue: not known: choose one of {', '.join(venues())}; did you mean okx?"
    with pytest.raises(RulebookError, match=r"textbook-entry$"):
        load("elsewhere")


def shipped(venue: str) -> dict[str, Any]:
    """The raw content of a shipped file, fractions exact."""
    text = resources.files("crossmargin.rulebook").joinpath(f"venues/{venue}.toml").read_text("utf-8")
    return tomllib.loads(text, parse_float=Decimal)


BRACKETS = [
    (each["families"][0], each["effective_from"], each) for each in shipped("binance")["tiers"] if "columns" in each
]


@pytest.mark.parametrize(("family", "day", "entry"), BRACKETS, ids=[f"{name}@{day}" for name, day, _ in BRACKETS])
def test_every_bracket_continues_the_one_before(family: str, day: date, entry: dict[str, Any]) -> None:
    """The printed cum is cum + floor x (rate - rate before): at each bound both brackets ask the same margin."""
    rows = [dict(zip(entry["columns"], row, strict=True)) for row in entry["rows"]]
    assert Decimal(rows[0]["deduction"]) == 0, (family, day)
    for before, row in pairwise(rows):
        floor, rate, cum = (Decimal(before["up_to"]), Decimal(row["maintenance_rate"]), Decimal(row["deduction"]))
        assert cum == Decimal(before["deduction"]) + floor * (rate - Decimal(before["maintenance_rate"]))
        assert floor * rate - cum == floor * Decimal(before["maintenance_rate"]) - Decimal(before["deduction"])
        assert Decimal(row["max_leverage"]) < Decimal(before["max_leverage"])


def read_json(path: Path) -> dict[str, Any]:
    """Recorded brackets, numbers exact."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"), parse_float=Decimal)["symbols"]
    return found


def recorded(data_dir: Path) -> Iterator[tuple[str, date | None, list[list[Decimal]]]]:
    """Symbol, day on which the brackets were seen (None: the newest), rows of the recorded files."""
    for symbol, rows in read_json(data_dir / "tiers_binance.json").items():
        yield symbol, None, rows
    for symbol, tables in read_json(data_dir / "tiers_binance_history.json").items():
        for table in tables:
            first = str(table["first_seen"])
            yield symbol, date.fromisoformat(first) if len(first) == len("2022-04-16") else None, table["tiers"]


def test_shipped_brackets_are_the_recorded_ones(data_dir: Path) -> None:
    """Every symbol and day of the recorded files, bound by bound."""
    compared = 0
    for symbol, day, rows in recorded(data_dir):
        table = cross(load("binance", day), symbol)
        assert len(table.tiers) == len(rows), (symbol, day)
        for tier, (_, cap, rate, cum, leverage) in zip(table.tiers, rows, strict=True):
            assert [tier.maintenance_rate, tier.deduction, tier.max_leverage] == [rate, cum, leverage]
            assert tier.up_to == cap or (tier.up_to is None and cap > 10**18), (symbol, day)
        assert (table.unit, table.scheme, table.inclusive) == ("notional", "marginal", False)
        compared += 1

    assert compared == 37 + 42


@pytest.mark.parametrize("venue", venues())
def test_shipped_files_name_their_sources(venue: str) -> None:
    """Each rulebook, and each of its dated tables, says where it was read."""
    rulebook = load(venue)

    assert rulebook.id == f"{venue}@{rulebook.effective_from}"
    assert rulebook.source.startswith("https://")
    assert rulebook.retrieved >= rulebook.effective_from
    assert all(table.source for table in rulebook.tiers.values())


@pytest.mark.parametrize("venue", venues())
def test_instruments_are_found_by_both_names(venue: str) -> None:
    """The venue's id and the unified name lead to one instrument, whose currencies fit its style."""
    rulebook = load(venue)
    for instrument in rulebook.instruments.values():
        assert rulebook.instrument(instrument.unified or instrument.id) is instrument
        if instrument.kind is Kind.PERPETUAL:
            assert instrument.settle == (instrument.base if instrument.inverse else instrument.quote)
            assert instrument.unified == f"{instrument.base}/{instrument.quote}:{instrument.settle}"


DATED = (
    GOOD
    + """
[[template]]
id = "BTC-USD-{expiry}"
unified = "BTC/USD:BTC-{expiry}"
kind = "future"
contract_type = "inverse"
base = "BTC"
quote = "USD"
settle = "BTC"
contract_value = "100"

[[template]]
id = "{base}-USD-{expiry}-{strike}-{right}"
unified = "{base}/USD:{base}-{expiry}-{strike}-{right}"
kind = "option"
quote = "USD"
settle = "{base}"
"""
)


def test_a_pattern_may_hold_a_day_a_strike_and_a_right() -> None:
    """The day ends at 08:00 UTC; an id whose day the calendar does not have is nobody's."""
    book = parse(DATED, "dated.toml")
    future = book.instrument("BTC-USD-261225")
    assert (future.kind, future.base, future.settle) == (Kind.FUTURE, "BTC", "BTC")
    assert future.contract_value == 100
    assert future.expiry == datetime(2026, 12, 25, 8, tzinfo=UTC)
    assert book.instrument("BTC/USD:BTC-261225").id == "BTC-USD-261225"
    put = book.instrument("ETH-USD-270326-3500-P")
    assert (put.kind, put.base, put.settle) == (Kind.OPTION, "ETH", "ETH")
    assert put.strike == 3500
    assert put.option_type == OptionType.PUT
    assert put.expiry == datetime(2027, 3, 26, 8, tzinfo=UTC)
    for name in ("BTC-USD-261325", "BTC-USD-26122", "ETH-USD-270326-0-P", "ETH-USD-270326-3500-X"):
        with pytest.raises(MissingDataError, match=name):
            book.instrument(name)
