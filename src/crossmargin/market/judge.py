"""Which prices are believed: an index from its sources, a mark against its index, and what the engine is told."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from crossmargin.domain import command as c
from crossmargin.engine.state import State
from crossmargin.market.listing import Line
from crossmargin.market.options import forward_of, worth
from crossmargin.market.prices import Prices
from crossmargin.prices.health import Health, HealthRules, Quote, Verdict, index_of, mark_verdict

__all__ = ["Judge", "Move", "price_options"]


class Move(Struct, frozen=True):
    """Where believed prices go: marks by instrument, indices by pair, forward prices by option."""

    marks: dict[str, Decimal]
    indices: dict[str, Decimal]
    forwards: dict[str, Decimal] = {}


class Judge:
    """Judges what a source of prices says.

    Args:
        prices: The source.
        rules: When a price is doubted.
    """

    def __init__(self, prices: Prices, rules: HealthRules) -> None:
        """Doubt nothing yet."""
        self._prices, self._rules = prices, rules
        self._doubts: dict[str, int | None] = {}

    def trust(self, instrument: str) -> None:
        """A price that was set by hand is believed."""
        self._doubts[instrument] = None

    def judge(self, lines: Sequence[Line], view: State, time: int) -> tuple[Move, list[c.Command]]:
        """Where believed prices go, and the states of instruments that have to be told."""
        indices = self._indices({line.pair: line for line in reversed(lines)}, time)
        believed = {pair: price for pair, each in indices.items() if (price := _believed(each)) is not None}
        move, said = Move({}, believed, {}), list[c.Command]()
        for line in lines:
            verdict = self._mark(line, indices.get(line.pair), view, time)
            self._doubts[line.id] = verdict.doubted_since
            if view.price_states.get(line.id, "healthy") != verdict.health.value:
                said.append(c.SetPriceState(instrument=line.id, state=verdict.health.value, time=time))
            price = _believed(verdict)
            if price is not None and line.option is None:
                move.marks[line.id] = line.on_tick(float(price))
        price_options(lines, move, time)
        return move, said

    def _indices(self, pairs: Mapping[str, Line], time: int) -> dict[str, Verdict]:
        found = {}
        for pair, quotes in self._prices.read(time).items():
            line = pairs.get(pair)
            if line is not None:
                verdict = index_of(quotes, now=time, rules=self._rules)
                price = None if verdict.price is None else line.on_tick(float(verdict.price))
                health = Health.STALE if self._all_old(quotes, time) else verdict.health
                found[pair] = Verdict(price=price, health=health, reason=verdict.reason)
        return found

    def _all_old(self, quotes: Sequence[Quote], time: int) -> bool:
        return bool(quotes) and all(time - each.time > self._rules.age_max for each in quotes)

    def _mark(self, line: Line, index: Verdict | None, view: State, time: int) -> Verdict:
        previous = view.marks.mark.get(line.id)
        believed = None if index is None else _believed(index)
        if believed is None:
            health = Health.FROZEN if index is None else index.health
            return Verdict(price=previous, health=health, reason="no index to hold it against")
        if line.option is not None:
            return Verdict(price=previous, health=Health.HEALTHY)
        made = self._prices.mark(line, believed)
        if made is None:
            return Verdict(price=previous, health=Health.FROZEN, reason="no mark")
        return mark_verdict(
            made.price, previous=previous, index=believed, time=made.time, now=time, rules=self._rules,
            doubted_since=self._doubts.get(line.id),
        )  # fmt: skip


def price_options(lines: Iterable[Line], move: Move, time: int) -> None:
    """Forward prices and marks of options, from the indices that were believed."""
    for line in lines:
        index = move.indices.get(line.pair)
        if line.option is not None and index is not None:
            forward = forward_of(line, index, line.option.basis, time)
            move.forwards[line.id] = forward
            move.marks[line.id] = worth(line, forward, line.option.volatility, time)


def _believed(verdict: Verdict) -> Decimal | None:
    return verdict.price if verdict.health is Health.HEALTHY else None
