"""The sheet of a replay's picture: the canvas, the time axis that all panels share, names and colours."""

from collections.abc import Callable, Sequence

from crossmargin.backtest.replay import Replay
from crossmargin.backtest.svg import Axis, Canvas, Point, spread, thin

__all__ = ["INK", "LEFT", "RIGHT", "SOFT", "Sheet", "coin_name", "colour_of", "count_text", "leg_name"]

WIDTH = 1120
LEFT, RIGHT = 74, 976  # of the panels
INK, SOFT, GRID = "#1f2933", "#66727f", "#e4e7eb"
MODES = {"cross": "#0072b2", "isolated": "#d55e00", "as written": "#00795a"}  # safe for the colour-blind
BUCKETS = 320


class Sheet:
    """The canvas and the time axis that all panels share."""

    def __init__(self, replay: Replay, title: str, height: int) -> None:
        tape = replay.tape
        self.replay = replay
        self.canvas = Canvas(WIDTH, height, title=title)
        self.times = [tape.times[0], *(time + tape.step_ms for time in tape.times)]
        self.x = Axis((float(self.times[0]), float(self.times[-1])), (LEFT, RIGHT))
        self.top, self.bottom = 0.0, 0.0

    def points(self, values: Sequence[float], y: Axis) -> list[Point]:
        """Points of one value per bar, or one more for the start; thinned."""
        times = self.times[-len(values) :]
        return [(self.x(float(times[index])), y(values[index])) for index in thin(values, BUCKETS)]

    def band(self, lows: Sequence[float], highs: Sequence[float], y: Axis, colour: str) -> None:
        """Shade what lies between two values of each bar; a thin line keeps single deep lows in sight."""
        upper, lower = self.points(highs, y), self.points(lows, y)
        self.canvas.area([*upper, *reversed(lower)], fill=colour, fill_opacity="0.2")
        self.canvas.path(lower, stroke=colour, stroke_width=0.8, stroke_opacity="0.6")

    def panel(self, top: float, height: float, name: str) -> None:
        """Open a panel."""
        self.top, self.bottom = top, top + height
        self.canvas.rect(LEFT, top, RIGHT - LEFT, height, fill="none", stroke=GRID)
        self.canvas.text(LEFT, top - 9, name, halo=True, font_size=13, font_weight=600, fill=INK)

    def ticks(self, y: Axis, values: Sequence[float], write: Callable[[float], str]) -> None:
        """Grid lines with their labels."""
        for value in values:
            at = y(value)
            self.canvas.line((LEFT, at), (RIGHT, at), stroke=GRID)
            self.canvas.text(LEFT - 8, at + 4, write(value), anchor="end", font_size=11.5, fill=SOFT)

    def end_labels(self, labels: Sequence[tuple[str, float, str]]) -> None:
        """Names at the right end of lines, moved apart where they would overlap."""
        heights = spread([at for _, at, _ in labels], 15, self.top + 4, self.bottom - 2)
        for (words, _, colour), at in zip(labels, heights, strict=True):
            self.canvas.text(RIGHT + 8, at + 4, words, font_size=12, font_weight=600, fill=colour)


def colour_of(mode: str) -> str:
    """The colour of a mode's lines and words."""
    return MODES.get(mode, SOFT)


def leg_name(position_id: str) -> str:
    """``BTC-USDT-SWAP:long:isolated`` as people say it: ``BTC long``."""
    instrument, side, _ = position_id.rsplit(":", 2)
    return f"{coin_name(instrument)} {side}"


def coin_name(instrument: str) -> str:
    """The short name of an instrument: what stands before the separator or before the quote currency."""
    head = instrument.partition("-")[0]
    for quote in ("USDT", "USDC", "USD"):
        head = head.removesuffix(quote) or head
    return head


def count_text(value: float) -> str:
    """An amount: thousands apart, digits where it is small."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.4g}"  # noqa: PLR2004 - digits
