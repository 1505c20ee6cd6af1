"""How prices get from where the engine has them to where they go: quotes ahead of marks, and far moves in stages.

Whoever a mark sets off (a stop, a liquidation) meets the book as it stands at that command; so the makers are there
first. The venue lets nobody quote further than its band from the mark, which is why a far move has to be cut.
"""

from collections.abc import Mapping
from decimal import Decimal
from math import ceil, exp, log

from crossmargin.domain import command as c
from crossmargin.engine.state import State
from crossmargin.market.grid import GridMaker
from crossmargin.market.judge import Move
from crossmargin.market.makers import Maker

__all__ = ["Passage"]

ROOM = 1  # changes of quotes that may wait, a side and step
NEAR = 0.35  # of the band: the largest move that is made at once, so that quotes are never refused for their distance
STAGE = 0.85  # of it: the longest stage of a far one
STAGES = 12  # of a far move, where they are not longer or shorter than that
FORWARD_DRIFT = Decimal("0.001")
STAGE_LEVELS = 3  # quoted at each stage but the last


class Passage:
    """One way of several prices.

    Args:
        view: The engine's state.
        makers: By instrument; all that move, and others.
        move: Where prices go.
        band: Largest distance from the mark at which the venue lets anyone trade, a fraction.
        time: Of the commands.
    """

    def __init__(
        self, view: State, makers: Mapping[str, Maker | GridMaker], move: Move, band: Decimal, time: int
    ) -> None:
        """Look at the distance."""
        self._view, self._makers, self._move, self._band, self._time = view, makers, move, band, time
        near = NEAR * float(band)
        bound = {name: mark for name, mark in move.marks.items() if name not in move.forwards}  # options have no band
        gaps = {name: _gap(view.marks.mark.get(name), mark) for name, mark in bound.items()}
        self._far = [name for name, gap in gaps.items() if gap > near]
        longest = max((gaps[name] for name in self._far), default=0.0)
        self._stages = max(1, ceil(longest / min(STAGE * float(band), max(near, longest / STAGES))))

    def commands(self, *, lasts: bool = False) -> list[c.Command]:
        """All stages, then the arrival.

        Args:
            lasts: Whether last prices go with the marks.
        """
        found: list[c.Command] = []
        for stage in range(1, self._stages):
            found += self._leg((stage - 1) / self._stages, stage / self._stages, lasts=lasts)
        for name in self._far:
            around = self._between_marks(name, (self._stages - 1) / self._stages)
            found += self._makers[name].fresh(
                self._view, self._move.marks[name], self._time, around=around, band=self._band
            )
        for name, mark in self._move.marks.items():
            if name not in self._far:
                found += self._makers[name].requote(self._view, mark, self._time, ROOM)
        return [*found, *self._arrival(lasts=lasts)]

    def _leg(self, start: float, end: float, *, lasts: bool) -> list[c.Command]:
        """One stage of the far ones: a short book at its end, then indices and marks."""
        found: list[c.Command] = []
        marks = {name: self._between_marks(name, end) for name in self._far}
        for name, mark in marks.items():
            around = self._between_marks(name, start)
            maker = self._makers[name]
            found += maker.fresh(self._view, mark, self._time, around=around, band=self._band, levels=STAGE_LEVELS)
        pairs = {self._makers[name].line.pair: self._makers[name].line for name in marks}
        for pair, line in pairs.items():
            price = line.on_tick(_between(self._view.marks.index[pair], self._move.indices[pair], end))
            found.append(c.SetIndex(pair=pair, price=price, time=self._time))
        for name, mark in marks.items():
            found.append(c.SetMark(instrument=name, price=mark, last=mark if lasts else None, time=self._time))
        return found

    def _arrival(self, *, lasts: bool) -> list[c.Command]:
        """The prices themselves, as far as they are new."""
        marks, found = self._view.marks, list[c.Command]()
        for pair, index in self._move.indices.items():
            if index != marks.index.get(pair):
                found.append(c.SetIndex(pair=pair, price=index, time=self._time))
        for name, mark in self._move.marks.items():
            forward = self._move.forwards.get(name)
            if lasts or mark != marks.mark.get(name) or _drifted(marks.forward.get(name), forward):
                last = mark if lasts and forward is None else None
                found.append(c.SetMark(instrument=name, price=mark, last=last, forward=forward, time=self._time))
        return found

    def _between_marks(self, name: str, share: float) -> Decimal:
        start = self._view.marks.mark[name]
        return start if not share else self._makers[name].line.on_tick(_between(start, self._move.marks[name], share))


def _gap(before: Decimal | None, after: Decimal) -> float:
    return 0.0 if before is None else abs(log(float(after) / float(before)))


def _drifted(before: Decimal | None, after: Decimal | None) -> bool:
    """Whether a forward price has moved so far that an option's margin has."""
    return after is not None and (before is None or abs(after - before) > FORWARD_DRIFT * before)


def _between(start: Decimal, end: Decimal, share: float) -> float:
    return exp(log(float(start)) + share * log(float(end) / float(start)))
