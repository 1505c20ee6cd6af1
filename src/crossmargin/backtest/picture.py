"""The picture of a replay: prices, equity, margin ratio and distance to liquidation over one time axis."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from crossmargin.backtest.fate import Fate, Reading
from crossmargin.backtest.markers import HEAD, LANE, draw_markers, labels_of
from crossmargin.backtest.replay import Replay
from crossmargin.backtest.sheet import (
    BUCKETS,
    INK,
    LEFT,
    RIGHT,
    SOFT,
    Sheet,
    coin_name,
    colour_of,
    count_text,
    leg_name,
)
from crossmargin.backtest.svg import Axis, Point, nice_ticks, thin

__all__ = ["draw"]

WARN_ZONE, DEATH_ZONE = "#fbe7b2", "#f8cdbd"
COINS = ("#332288", "#44aa99", "#aa4499", "#999933", "#882255", "#6699cc", "#661100", "#117733")
MINUTE = 60_000


def draw(replay: Replay, title: str) -> str:
    """Draw a replay as a stand-alone SVG file.

    Args:
        replay: What is drawn.
        title: One line above it.

    Returns:
        The text of the file.
    """
    labels = labels_of(replay)
    lanes = 1 + max((label.lane for label in labels), default=-1)
    head = 66 + 19 * len(replay.fates)
    top = head + LANE * lanes + HEAD
    heights = (150, 170, 150, 110)
    height = top + sum(heights) + 3 * 40 + 62
    sheet = Sheet(replay, title, height)
    _head(sheet, title)
    first, last = float(top), float(top + sum(heights) + 3 * 40)
    draw_markers(sheet, labels, first, last)
    panels = (_prices, _equity, _ratio, _distance)
    for panel, tall in zip(panels, heights, strict=True):
        panel(sheet, float(top), float(tall))
        top += tall + 40
    _time_axis(sheet, last)
    _foot(sheet, height)
    return sheet.canvas.render()


# ---------------------------------------------------------------- words around the panels


def _head(sheet: Sheet, title: str) -> None:
    sheet.canvas.text(LEFT, 40, title, font_size=21, font_weight=700, fill=INK)
    for index, fate in enumerate(sheet.replay.fates.values()):
        at = 66 + 19 * index
        colour = colour_of(fate.mode)
        sheet.canvas.line((LEFT, at - 4), (LEFT + 22, at - 4), stroke=colour, stroke_width=3)
        sheet.canvas.text(LEFT + 30, at, fate.mode, font_size=13, font_weight=700, fill=colour)
        sheet.canvas.text(LEFT + 112, at, _story(fate, sheet.replay.unit), font_size=13, fill=INK)


def _story(fate: Fate, unit: str) -> str:
    """One line: from, to, lowest ratio, what was liquidated."""
    words = f"{_money(fate.start_equity)} → {_money(fate.end_equity)} {unit}"
    if fate.lowest_ratio is not None:
        ratio = _ratio_text(float(fate.lowest_ratio)) if fate.lowest_ratio > 0 else "below 0"
        words += f" · lowest ratio {ratio}"
    if not fate.liquidated:
        return f"{words} · nothing liquidated"
    lost = " and ".join(f"{_money(amount)} {currency}" for currency, amount in fate.lost.items())
    return f"{words} · liquidated {', '.join(leg_name(each) for each in fate.liquidated)}: lost {lost}"


def _foot(sheet: Sheet, height: int) -> None:
    start, end = (datetime.fromtimestamp(each / 1000, UTC) for each in (sheet.times[0], sheet.times[-1]))
    span = f"{start.day} {start:%B %Y %H:%M} to {end.day} {end:%B %Y %H:%M} UTC"
    bars = f"{len(sheet.replay.tape.times):,} bars of {_step_text(sheet.replay.tape.step_ms)}"
    sheet.canvas.text(LEFT, height - 14, f"{span}, {bars}", font_size=11.5, fill=SOFT)
    legend = "shade: worst inside each bar · dotted: warned"
    sheet.canvas.text(RIGHT, height - 14, legend, anchor="end", font_size=11.5, fill=SOFT)


def _time_axis(sheet: Sheet, bottom: float) -> None:
    start, end = sheet.times[0], sheet.times[-1]
    steps = [minutes * MINUTE for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)]
    steps += [days * 1440 * MINUTE for days in (1, 2, 5, 10, 30, 60, 120, 365)]
    step = next((each for each in steps if (end - start) / each <= 10), steps[-1])  # noqa: PLR2004 - labels fit
    day_before = ""
    for time in range(-(-start // step) * step, end + 1, step):
        at = sheet.x(float(time))
        moment = datetime.fromtimestamp(time / 1000, UTC)
        sheet.canvas.line((at, bottom), (at, bottom + 5), stroke=SOFT)
        day = f"{moment.day} {moment:%b}" if step < 30 * 1440 * MINUTE else f"{moment:%b %Y}"
        whole_days = step >= 1440 * MINUTE
        words = day if whole_days else f"{moment:%H:%M}"
        sheet.canvas.text(at, bottom + 19, words, anchor="middle", font_size=11.5, fill=SOFT)
        if not whole_days and day != day_before:
            sheet.canvas.text(at, bottom + 33, day, anchor="middle", font_size=11.5, font_weight=600, fill=SOFT)
        day_before = day


# ---------------------------------------------------------------- panels


def _prices(sheet: Sheet, top: float, height: float) -> None:
    sheet.panel(top, height, "Prices, start = 100")
    lines = {}
    for name, bars in sheet.replay.tape.marks.items():
        start = float(bars[0].open)
        lines[name] = [[100 * float(getattr(bar, key)) / start for bar in bars] for key in ("close", "low", "high")]
    low = min(min(lows) for _, lows, _ in lines.values())
    high = max(max(highs) for _, _, highs in lines.values())
    y = _vertical(sheet, low, high)
    sheet.ticks(y, nice_ticks(low, high, 5), _index_text)
    labels = []
    for colour, (name, (closes, lows, highs)) in zip(_cycle(len(lines)), lines.items(), strict=True):
        sheet.band(lows, highs, y, colour)
        sheet.canvas.path(sheet.points([100.0, *closes], y), stroke=colour, stroke_width=1.5)
        labels.append((f"{coin_name(name)} {closes[-1]:.1f}", y(closes[-1]), colour))
    sheet.end_labels(labels)


def _equity(sheet: Sheet, top: float, height: float) -> None:
    sheet.panel(top, height, f"Equity, {sheet.replay.unit}")
    fates = list(sheet.replay.fates.values())
    low = min(0.0, *(float(reading.equity_low) for fate in fates for reading in fate.readings))
    high = max(float(reading.equity) for fate in fates for reading in fate.readings)
    high = max(high, *(float(fate.start_equity) for fate in fates))
    y = _vertical(sheet, low, high * 1.04 if high > 0 else 1.0)
    sheet.ticks(y, nice_ticks(low, high, 5), count_text)
    labels = []
    for fate in fates:
        colour = colour_of(fate.mode)
        closes = [float(fate.start_equity), *(float(reading.equity) for reading in fate.readings)]
        lows = [float(reading.equity_low) for reading in fate.readings]
        sheet.band(lows, closes[1:], y, colour)
        sheet.canvas.path(sheet.points(closes, y), stroke=colour, stroke_width=2, stroke_linejoin="round")
        labels.append((f"{fate.mode} {_money(fate.end_equity)}", y(closes[-1]), colour))
    sheet.end_labels(labels)


def _ratio(sheet: Sheet, top: float, height: float) -> None:
    sheet.panel(top, height, "Margin ratio, log scale (worst pool)")
    warn = float(sheet.replay.warn_at)
    found = [float(r.ratio) for fate in sheet.replay.fates.values() for r in fate.readings if r.ratio is not None]
    low, high = 0.5, max(2 * warn, 1.15 * min(max(found, default=warn), 1000.0))
    y = Axis((low, high), (sheet.bottom, sheet.top), log=True)
    sheet.canvas.rect(LEFT, y(warn), RIGHT - LEFT, y(1.0) - y(warn), fill=WARN_ZONE, fill_opacity="0.6")
    sheet.canvas.rect(LEFT, y(1.0), RIGHT - LEFT, sheet.bottom - y(1.0), fill=DEATH_ZONE, fill_opacity="0.6")
    sheet.ticks(y, [each for each in (2, 5, 10, 20, 50, 100, 200, 500, 1000) if each < high], _ratio_text)
    labels = ((warn, "warning", "#9a6b00"), (1.0, "liquidation", "#a83200"))
    for value, words, colour in labels:
        sheet.canvas.line((LEFT, y(value)), (RIGHT, y(value)), stroke=colour, stroke_dasharray="5 3")
        sheet.canvas.text(LEFT - 8, y(value) + 4, _ratio_text(value), anchor="end", font_size=11.5, fill=colour)
        sheet.canvas.text(RIGHT + 8, y(value) + 4, words, font_size=12, fill=colour)
    _curves(sheet, y, lambda reading: reading.ratio)


def _distance(sheet: Sheet, top: float, height: float) -> None:
    sheet.panel(top, height, "Distance to the nearest liquidation price, % of the mark")
    found = [
        100 * float(r.distance) for fate in sheet.replay.fates.values() for r in fate.readings if r.distance is not None
    ]
    high = min(max(found, default=10.0) * 1.05, 100.0) or 1.0
    y = _vertical(sheet, 0.0, high)
    sheet.ticks(y, nice_ticks(0.0, high, 4), lambda value: f"{value:g} %")
    _curves(sheet, y, lambda reading: None if reading.distance is None else 100 * reading.distance)


def _curves(sheet: Sheet, y: Axis, figure: Callable[[Reading], Decimal | None]) -> None:
    """One line a fate, broken where there is no figure, ending in a dot where the last position was lost."""
    for fate in sheet.replay.fates.values():
        colour = colour_of(fate.mode)
        run: list[Point] = []
        runs = [run]
        for time, reading in zip(sheet.times[1:], fate.readings, strict=True):
            value = figure(reading)
            if value is not None:
                run.append((sheet.x(float(time)), y(float(value))))
            elif run:
                run = []
                runs.append(run)
        for each in runs:
            kept = [each[index] for index in thin([at for _, at in each], BUCKETS)]
            if kept:
                sheet.canvas.path(kept, stroke=colour, stroke_width=2, stroke_linejoin="round")
        ended = next((each for each in reversed(runs) if each), None)
        if ended and fate.readings[-1].ratio is None:
            sheet.canvas.circle(ended[-1], 4, fill=colour, stroke="#ffffff", stroke_width=1.2)


# ---------------------------------------------------------------- small things


def _vertical(sheet: Sheet, low: float, high: float) -> Axis:
    room = 0.05 * (high - low) or 1.0
    return Axis((low - room if low else low, high + room), (sheet.bottom, sheet.top))


def _cycle(count: int) -> list[str]:
    return [COINS[index % len(COINS)] for index in range(count)]


def _money(amount: Decimal) -> str:
    return count_text(float(amount))


def _ratio_text(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"  # noqa: PLR2004 - digits


def _index_text(value: float) -> str:
    return f"{value:g}"


def _step_text(step_ms: int) -> str:
    minutes = step_ms // MINUTE
    return f"{minutes} min" if minutes < 60 else f"{minutes / 60:g} h"  # noqa: PLR2004 - minutes an hour
