"""Frames: which prices an incident shows, and when; the worst price of a step is shown before its last one."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
from msgspec import Struct

from crossmargin.incidents.model import Incident
from crossmargin.market.candles import Bar
from crossmargin.market.paths import generate

__all__ = ["Frame", "frames"]

_FAR = Decimal("0.002")  # an extreme nearer than this to both ends of a step is not shown


class Frame(Struct, frozen=True):
    """Prices by coin at a moment: as they are elsewhere, and in the venue's own book."""

    minute: Decimal
    length: Decimal
    prices: dict[str, Decimal]
    own: dict[str, Decimal]


def frames(incident: Incident, seed: int) -> Iterator[Frame]:
    """All frames of an incident: the opening, then one or two a step."""
    coins = {coin: coin for coin in incident.path.levels}
    bars = generate(msgspec.structs.replace(incident.path, absolute=True), coins, {}, seed=seed).marks
    own: dict[str, tuple[Bar, ...]] = {}
    if incident.own is not None:
        own = generate(incident.own, {coin: coin for coin in incident.own.levels}, {}, seed=seed).marks
    opening = {coin: each[0].open for coin, each in bars.items()}
    yield Frame(Decimal(0), Decimal(0), opening, opening | {coin: each[0].open for coin, each in own.items()})
    before = opening
    for start, end in _steps(incident):
        ends = {coin: _close(each, end) for coin, each in bars.items()}
        worst = {coin: _extreme(each, start, end, before[coin], ends[coin]) for coin, each in bars.items()}
        own_ends = {coin: _close(each, end) for coin, each in own.items()}
        own_worst = {
            coin: _extreme(each, start, end, _close(each, start), _close(each, end)) for coin, each in own.items()
        }
        length = Decimal(end - start)
        if worst != ends or own_worst != own_ends:
            length /= 2
            yield Frame(start + length, length, worst, worst | own_worst)
        yield Frame(Decimal(end), length, ends, ends | own_ends)
        before = ends


def _steps(incident: Incident) -> Iterator[tuple[int, int]]:
    minute = 0
    while minute < incident.path.minutes:
        length = next(step for start, step in reversed(incident.steps) if minute >= start)
        end = min(
            minute + length, incident.path.minutes, *(s for s, _ in incident.steps if s > minute), incident.path.minutes
        )
        yield minute, end
        minute = end


def _close(bars: tuple[Bar, ...], end: int) -> Decimal:
    if end <= 0:
        return bars[0].open
    return bars[min(end, len(bars)) - 1].close


def _extreme(bars: tuple[Bar, ...], start: int, end: int, first: Decimal, last: Decimal) -> Decimal:
    """The price of a step that lies furthest outside its two ends; the last one where none does."""
    inside = bars[start:end]
    if not inside:
        return last
    low, high = min(bar.low for bar in inside), max(bar.high for bar in inside)
    below, above = min(first, last) - low, high - max(first, last)
    if max(below, above) <= _FAR * last:
        return last
    return low if below >= above else high
