"""Pictures of a stress: a heat map over two moves, bars of named scenarios, and a loss curve over many."""

from collections.abc import Sequence

from crossmargin.backtest.svg import Axis, Canvas, nice_ticks

__all__ = ["heat_map", "loss_bars", "loss_curve"]

WIDTH, HEIGHT = 760, 640
LEFT, TOP, RIGHT, BOTTOM = 90, 70, 730, 560
INK, FAINT, LINE, SECOND = "#1d2733", "#d7dde4", "#b3261e", "#1f6feb"
STEPS = 4
NAMES, NAME_MAX, BAR = 190, 26, 60


def heat_map(moves: Sequence[float], values: Sequence[float], *, coin: str) -> str:
    """Insurance need by the coin's move (down) and that of all others (across); `values` runs across first.

    >>> "<svg" in heat_map([-0.5, 0.5], [1.0, 0.0, 0.0, 2.0], coin="BTC")
    True
    """
    canvas = Canvas(WIDTH, HEIGHT, title=f"Insurance need by moves of {coin} and of all other coins")
    canvas.text(LEFT, 34, f"Insurance need, USD: {coin} against all others", font_size=19, fill=INK)
    most, side = max(values, default=0.0), len(moves)
    wide, high = (RIGHT - LEFT) / side, (BOTTOM - TOP) / side
    for index, value in enumerate(values):
        row, column = divmod(index, side)
        x, y = LEFT + column * wide, TOP + row * high
        share = (value / most) ** 0.5 if most else 0.0
        canvas.rect(x, y, wide - 1, high - 1, fill=_heat(share))
        ink = "#ffffff" if share > 1 / 2 else INK
        canvas.text(x + wide / 2, y + high / 2 + 4, _short(value), font_size=11, fill=ink, anchor="middle")
    for index, move in enumerate(moves):
        words = f"{move:+.0%}"
        canvas.text(LEFT - 8, TOP + (index + 0.5) * high + 4, words, font_size=12, fill=INK, anchor="end")
        canvas.text(LEFT + (index + 0.5) * wide, BOTTOM + 18, words, font_size=12, fill=INK, anchor="middle")
    canvas.text(LEFT - 8, TOP - 12, coin, font_size=13, fill=INK, anchor="end")
    canvas.text((LEFT + RIGHT) / 2, BOTTOM + 42, "all other coins", font_size=13, fill=INK, anchor="middle")
    return canvas.render()


def loss_curve(shortfall: Sequence[float], insurance: Sequence[float], *, drawn: bool) -> str:
    """Shortfall and insurance need, the greatest first: how much is lacking in which share of the scenarios.

    >>> "<polyline" in loss_curve([1.0, 3.0], [0.0, 1.0], drawn=True)
    True
    """
    canvas = Canvas(WIDTH, HEIGHT, title="Shortfall and insurance need over scenarios, the worst first")
    canvas.text(LEFT, 34, "Shortfall and insurance need, USD, the worst scenario first", font_size=19, fill=INK)
    across = Axis((0.0, 1.0), (LEFT, RIGHT))
    top = max([*shortfall, *insurance, 1.0])
    up = Axis((0.0, top), (BOTTOM, TOP))
    for tick in nice_ticks(0.0, top, 6):
        canvas.line((LEFT, up(tick)), (RIGHT, up(tick)), stroke=FAINT)
        canvas.text(LEFT - 8, up(tick) + 4, _short(tick), font_size=12, fill=INK, anchor="end")
    for step in range(STEPS + 1):
        share = step / STEPS
        canvas.text(across(share), BOTTOM + 18, f"{share:.0%}", font_size=12, fill=INK, anchor="middle")
    for row, (values, colour, label) in enumerate(
        ((shortfall, LINE, "shortfall"), (insurance, SECOND, "insurance need"))
    ):
        count = max(len(values) - 1, 1)
        points = [(across(n / count), up(value)) for n, value in enumerate(sorted(values, reverse=True))]
        canvas.path(points, stroke=colour, stroke_width=2)
        canvas.text(RIGHT, TOP + 8 + 18 * row, label, font_size=13, fill=colour, anchor="end", halo=True)
    words = "share of draws" if drawn else "share of scenarios (not a probability)"
    canvas.text((LEFT + RIGHT) / 2, BOTTOM + 42, words, font_size=13, fill=INK, anchor="middle")
    return canvas.render()


def loss_bars(names: Sequence[str], shortfall: Sequence[float], insurance: Sequence[float]) -> str:
    """Shortfall and insurance need of a few scenarios by name, in their order.

    >>> loss_bars(["flash", "slide"], [1.0, 3.0], [0.0, 1.0]).count("<rect")
    5
    """
    canvas = Canvas(WIDTH, TOP + 20 + len(names) * BAR, title="Shortfall and insurance need by scenario")
    canvas.text(20, 34, "Shortfall and insurance need by scenario, USD", font_size=19, fill=INK)
    canvas.text(20, 56, "shortfall", font_size=13, fill=LINE)
    canvas.text(86, 56, "insurance need", font_size=13, fill=SECOND)
    across = Axis((0.0, max([*shortfall, *insurance, 1.0])), (NAMES, RIGHT - 60))
    for index, name in enumerate(names):
        y = TOP + 10 + index * BAR
        canvas.text(NAMES - 8, y + BAR / 2, name[:NAME_MAX], font_size=12, fill=INK, anchor="end")
        for row, (value, colour) in enumerate(((shortfall[index], LINE), (insurance[index], SECOND))):
            top = y + row * BAR * 0.4
            canvas.rect(NAMES, top, max(across(value) - NAMES, 1.0), BAR * 0.36, fill=colour)
            canvas.text(across(value) + 6, top + BAR * 0.27, _short(value), font_size=11, fill=colour)
    return canvas.render()


def _heat(share: float) -> str:
    """From white to dark red."""
    light, dark = (255, 255, 255), (140, 20, 20)
    mixed = (round(a + (b - a) * share) for a, b in zip(light, dark, strict=True))
    return "#" + "".join(f"{each:02x}" for each in mixed)


def _short(value: float) -> str:
    """A number in few letters: 1.2M."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
