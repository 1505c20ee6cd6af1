"""A few SVG shapes and axes: enough to draw a chart without a library."""

from collections.abc import Iterable, Sequence
from math import ceil, floor, isfinite, log10
from xml.sax.saxutils import escape, quoteattr

__all__ = ["Axis", "Canvas", "Point", "nice_ticks", "spread", "thin"]

Point = tuple[float, float]

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


class Canvas:
    """Collects shapes; `render` writes the stand-alone file."""

    def __init__(self, width: int, height: int, *, title: str, background: str = "#ffffff") -> None:
        """Start with a background; the title is what screen readers say."""
        self.width, self.height, self.title = width, height, title
        self._shapes: list[str] = []
        self.rect(0, 0, width, height, fill=background)

    def rect(self, x: float, y: float, width: float, height: float, **style: object) -> None:
        """Draw a rectangle."""
        self._add("rect", x=_short(x), y=_short(y), width=_short(width), height=_short(height), **style)

    def line(self, start: Point, end: Point, **style: object) -> None:
        """Draw a straight line."""
        (x1, y1), (x2, y2) = start, end
        self._add("line", x1=_short(x1), y1=_short(y1), x2=_short(x2), y2=_short(y2), **style)

    def path(self, points: Iterable[Point], **style: object) -> None:
        """Draw a line through points."""
        self._add("polyline", points=_pairs(points), fill="none", **style)

    def area(self, points: Iterable[Point], **style: object) -> None:
        """Fill the outline of points."""
        self._add("polygon", points=_pairs(points), **style)

    def circle(self, centre: Point, radius: float, **style: object) -> None:
        """Draw a disc."""
        self._add("circle", cx=_short(centre[0]), cy=_short(centre[1]), r=_short(radius), **style)

    def text(self, x: float, y: float, words: str, *, halo: bool = False, **style: object) -> None:
        """Write words; `anchor` is start, middle or end, a halo keeps them readable on top of lines."""
        style = {"x": _short(x), "y": _short(y), "text_anchor": style.pop("anchor", "start"), **style}
        if halo:
            white = style | {
                "fill": "none",
                "stroke": "#ffffff",
                "stroke_width": 5,
                "stroke_linejoin": "round",
            }
            self._shapes.append(f"<text{_attributes(white)}>{escape(words)}</text>")
        self._shapes.append(f"<text{_attributes(style)}>{escape(words)}</text>")

    def render(self) -> str:
        """The whole file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" font-family={quoteattr(FONT)} role="img">'
        )
        return "\n".join([head, f"<title>{escape(self.title)}</title>", *self._shapes, "</svg>", ""])

    def _add(self, name: str, **style: object) -> None:
        self._shapes.append(f"<{name}{_attributes(style)}/>")


class Axis:
    """Maps values to a stretch of the canvas, linearly or by their logarithm."""

    def __init__(self, values: tuple[float, float], pixels: tuple[float, float], *, log: bool = False) -> None:
        """`values[0]` lies at `pixels[0]`; what lies outside is put on the edge."""
        self.low, self.high = values
        self.start, self.end = pixels
        self.log = log

    def __call__(self, value: float) -> float:
        """Where a value lies."""
        value = min(max(value, self.low), self.high)
        share = self._level(value) - self._level(self.low)
        return self.start + (self.end - self.start) * share / (self._level(self.high) - self._level(self.low))

    def _level(self, value: float) -> float:
        return log10(value) if self.log else value


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers inside a range, about as many as wanted."""
    if high <= low:
        return [low]
    rough = (high - low) / max(count, 1)
    unit = 10.0 ** floor(log10(rough))
    step = min((unit * factor for factor in (1, 2, 2.5, 5, 10)), key=lambda each: abs(each - rough))
    first = ceil(low / step - 1e-9)
    return [round(index * step, 10) for index in range(first, floor(high / step + 1e-9) + 1)]


def thin(values: Sequence[float], buckets: int) -> list[int]:
    """Indexes that keep the look of a line: first, last, and the extremes of each bucket.

    >>> thin([1.0, 5.0, 2.0, 2.0, 0.0, 3.0], 2)
    [0, 1, 4, 5]
    """
    count = len(values)
    if count <= 2 * buckets:
        return list(range(count))
    kept = {0, count - 1}
    for bucket in range(buckets):
        inside = range(bucket * count // buckets, (bucket + 1) * count // buckets)
        kept |= {min(inside, key=values.__getitem__), max(inside, key=values.__getitem__)}
    return sorted(kept)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near the wanted ones, at least a gap apart and inside a range: for labels at line ends.

    >>> spread([10.0, 11.0], 12.0, 0.0, 100.0)
    [4.5, 16.5]
    """
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    placed = [wanted[index] for index in order]
    for _ in range(50):
        for left in range(len(placed) - 1):
            overlap = gap - (placed[left + 1] - placed[left])
            if overlap > 0:
                placed[left] -= overlap / 2
                placed[left + 1] += overlap / 2
        placed = [min(max(each, low), high) for each in placed]
    result = [0.0] * len(wanted)
    for index, position in zip(order, placed, strict=True):
        result[index] = position
    return result


def _pairs(points: Iterable[Point]) -> str:
    return " ".join(f"{_short(x)},{_short(y)}" for x, y in points)


def _short(value: float) -> str:
    assert isfinite(value)
    return f"{value:.1f}".removesuffix(".0")


def _attributes(style: dict[str, object]) -> str:
    return "".join(f" {key.replace('_', '-')}={quoteattr(str(value))}" for key, value in style.items())
