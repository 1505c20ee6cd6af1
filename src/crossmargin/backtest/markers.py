"""Markers of a replay's picture: a line through all panels for each event, with a short label where there is room."""

import msgspec
from msgspec import Struct

from crossmargin.backtest.fate import Event, EventKind, Fate
from crossmargin.backtest.replay import Replay
from crossmargin.backtest.sheet import LEFT, RIGHT, Sheet, colour_of, leg_name
from crossmargin.backtest.svg import Axis

__all__ = ["HEAD", "LANE", "Label", "draw_markers", "labels_of"]

LANE, LANES = 17, 4  # height of a row of labels, and how many rows there are
HEAD = 32  # from the first row of labels to the panels


class Label(Struct, frozen=True):
    """A marked moment; a label without words is a line alone."""

    time: float
    rank: int
    words: str
    colour: str
    lane: int = -1


_SAID = {
    EventKind.WOULD_LIQUIDATE: "liquidated",
    EventKind.WOULD_CANCEL: "orders cancelled",
    EventKind.WARNING: "warned",
}


def labels_of(replay: Replay) -> list[Label]:
    """Marked moments, each in the lowest lane that has room; liquidations choose first."""
    axis = Axis((float(replay.tape.times[0]), float(replay.tape.end_ms)), (LEFT, RIGHT))
    found = [label for fate in replay.fates.values() for label in _marked(fate, replay)]
    taken: list[list[tuple[float, float]]] = [[] for _ in range(LANES)]
    placed = []
    for label in sorted(found, key=lambda each: (each.rank, each.time)):
        if not label.words:
            placed.append(label)
            continue
        start, end = _extent(axis(label.time), label.words)
        lane = next((n for n, row in enumerate(taken) if all(end < a or start > b for a, b in row)), None)
        if lane is not None:
            taken[lane].append((start, end))
            placed.append(msgspec.structs.replace(label, lane=lane))
    return placed


def _marked(fate: Fate, replay: Replay) -> list[Label]:
    """What is worth a mark: liquidations, cancellations, and the first warning of each pool.

    A warning that a liquidation of the same pool follows soon is a line without words.
    """
    soon = 0.15 * (replay.tape.end_ms - replay.tape.times[0])
    ends = {event.pool: event.time_ms for event in fate.events if event.kind is EventKind.WOULD_LIQUIDATE}
    moments: dict[tuple[int, EventKind], list[Event]] = {}
    warned: set[str] = set()
    for event in fate.events:
        if event.kind not in _SAID or (event.kind is EventKind.WARNING and event.pool in warned):
            continue
        if event.kind is EventKind.WARNING:
            warned.add(event.pool)
        moments.setdefault((event.time_ms, event.kind), []).append(event)
    labels = []
    for (time_ms, kind), events in moments.items():
        brief = kind is EventKind.WARNING and all(ends.get(e.pool, time_ms + soon) < time_ms + soon for e in events)
        words = "" if brief else f"{fate.mode}: {_what(events, kind)} {_SAID[kind]}"
        at = float(time_ms + replay.tape.step_ms)
        labels.append(Label(at, list(_SAID).index(kind), words, colour_of(fate.mode)))
    return labels


def _what(events: list[Event], kind: EventKind) -> str:
    """The legs concerned, or the pool where it has several."""
    if kind is EventKind.WOULD_CANCEL:
        return "open"
    if any(len(event.legs) > 1 for event in events):
        return "whole book"
    return ", ".join(leg_name(leg) for event in events for leg in event.legs)


def _extent(at: float, words: str) -> tuple[float, float]:
    """Where a label begins and ends: to the right of its line, or to the left near the right edge."""
    width = 6.6 * len(words) + 18
    return (at, at + width) if at + width <= RIGHT + 60 else (at - width, at)


def draw_markers(sheet: Sheet, labels: list[Label], top: float, bottom: float) -> None:
    """Lines through all panels: solid where something is liquidated, dotted for warnings."""
    for label in labels:
        at = sheet.x(label.time)
        height = top - HEAD - LANE * label.lane
        style: dict[str, object] = {"stroke_width": 1.4}
        if label.rank:
            style = {"stroke_width": 1, "stroke_dasharray": "2 3"}
        start = height - 10 if label.words else top
        sheet.canvas.line((at, start), (at, bottom), stroke=label.colour, stroke_opacity="0.55", **style)
    for label in (each for each in labels if each.words):
        at = sheet.x(label.time)
        left, _ = _extent(at, label.words)
        anchor, offset = ("start", 5) if left == at else ("end", -5)
        style = {"anchor": anchor, "font_size": 11.5, "font_weight": 400 if label.rank else 600}
        height = top - HEAD - LANE * label.lane
        sheet.canvas.text(at + offset, height, label.words, halo=True, fill=label.colour, **style)
