"""The picture: well-formed, complete, and small."""

from decimal import Decimal
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.backtest.picture import draw
from crossmargin.backtest.replay import Replay, replay
from crossmargin.backtest.svg import nice_ticks, spread, thin
from crossmargin.cli.demo_fates import CHAPTERS, day_trader, play
from crossmargin.domain.account import Account, Position, Side
from crossmargin.market.candles import Bar, Tape
from crossmargin.market.funding import NO_FUNDING
from crossmargin.rulebook import load

SVG = "{http://www.w3.org/2000/svg}"


def walked(prices: list[int]) -> Replay:
    """A long of 1 BTC through flat hourly bars."""
    bars = tuple(Bar(n * 3_600_000, *[Decimal(price)] * 4) for n, price in enumerate(prices))
    tape = Tape(times=tuple(bar.time_ms for bar in bars), step_ms=3_600_000, marks={"BTC-USDT-SWAP": bars})
    book = Account(
        balances={"USDT": Decimal(20_000)},
        positions=(
            Position(
                instrument="BTC-USDT-SWAP",
                side=Side.LONG,
                contracts=Decimal(1),
                entry_price=Decimal(prices[0]),
                leverage=Decimal(10),
            ),
        ),
    )
    return replay(book, tape, load("textbook"), funding=NO_FUNDING)


def test_a_picture_is_xml_that_says_what_happened() -> None:
    """Title, both modes, the liquidation, the thresholds and units stand in it as text; under 150 KB."""
    text = draw(play(day_trader(), CHAPTERS[1].path), "A title with <signs> & more")
    root = ET.fromstring(text)
    words = [element.text or "" for element in root.iter(f"{SVG}text")]
    assert root.tag == f"{SVG}svg"
    assert words[0] == "A title with <signs> & more"
    for expected in ("cross: whole book liquidated", "warning", "liquidation", "Equity, USDT", "cross 0"):
        assert expected in words
    assert len(text.encode()) < 150_000


@pytest.mark.parametrize("prices", [[100_000], [100_000] * 3, [100_000, 10_000, 10_000], [100_000, 99_000] * 3000])
def test_odd_series_are_drawn_too(prices: list[int]) -> None:
    """One bar, a flat line, a book that is gone at once, and 6,000 bars (thinned)."""
    text = draw(walked(prices), "odd")
    ET.fromstring(text)
    assert len(text.encode()) < 150_000


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(1, 40))
def test_thinning_keeps_both_ends_and_the_extremes(values: list[float], buckets: int) -> None:
    """A crash of one bar never disappears from the picture."""
    kept = [values[index] for index in thin(values, buckets)]
    assert (kept[0], kept[-1], min(kept), max(kept)) == (values[0], values[-1], min(values), max(values))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_labels_are_moved_apart(wanted: list[float]) -> None:
    """Six labels of 12 pixels fit into 100 and never lie on one another."""
    placed = sorted(spread(wanted, 12, 0, 100))
    assert all(later - earlier > 11 for earlier, later in pairwise(placed))


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(3, 8))
def test_ticks_lie_inside_and_are_few(low: float, span: float, count: int) -> None:
    """Between two and some more than were asked for."""
    ticks = nice_ticks(low, low + span, count)
    slack = 1e-6 * (abs(low) + span)
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)
    assert 1 <= len(ticks) <= 2 * count + 1
