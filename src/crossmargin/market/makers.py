"""Market makers: a ladder of quotes around the mark that widens, thins and leans, changed no more than it has to be.

The distance from the mark is cut into bands, each a constant factor wider than the one before. Every band is to hold
one order. An order that the mark has carried into another's band, or to the wrong side, moves to a band that is empty;
all others stay. So a calm market costs a few amendments a second, and what is in the engine is all there is to know.
"""

from collections.abc import Iterable
from decimal import Decimal
from math import exp, log, sqrt

from crossmargin.domain import command as c
from crossmargin.domain.account import OrderSide
from crossmargin.domain.ledger import Ticket
from crossmargin.engine.state import State
from crossmargin.market.listing import YEAR_MS, Line
from crossmargin.market.quoter import Quoter, price_of, sides_of

__all__ = ["LEVELS", "Maker"]

LEVELS = 9
GROWS = 1.35  # each level offers so much more than the one before
INVENTORY_LEVELS = 120  # first levels' worth at which a maker only reduces
LEAN = 0.5  # of the touch, at full inventory
CALM_MS = 12_000  # time in which the memory of fast moves fades to a third
STRESS_FROM, STRESS_FULL = 2.0, 8.0  # speed of the mark against its usual one
STRESS_STEPS = 4
THINNED = 0.85  # part of the depth that full stress takes away
STRETCHED = 4.0  # times the usual distance that full stress adds


class Maker(Quoter):
    """Quotes one instrument for one house account.

    Args:
        line: The instrument and its terms.
        volatility: The usual one, of a year.
        reach: Distance of the last level, a fraction of the mark; well inside the venue's price band.
    """

    def __init__(self, line: Line, volatility: float, reach: float) -> None:
        """Start calm."""
        super().__init__(line, INVENTORY_LEVELS)
        self.reach = reach
        self.stress = 0.0
        self._usual = volatility / sqrt(YEAR_MS)
        self._speed = 0.0
        self._seen: tuple[int, float] | None = None

    def watch(self, mark: Decimal, time: int) -> None:
        """Note a new mark: how fast it moves against its usual speed decides how much is offered, and how near."""
        price = float(mark)
        if self._seen is not None and time > self._seen[0]:
            elapsed = time - self._seen[0]
            speed = abs(log(price / self._seen[1])) / (self._usual * sqrt(elapsed))
            kept = exp(-elapsed / CALM_MS)
            self._speed = kept * self._speed + (1 - kept) * speed
            raw = (self._speed - STRESS_FROM) / (STRESS_FULL - STRESS_FROM)
            self.stress = round(min(1.0, max(0.0, raw)) * STRESS_STEPS) / STRESS_STEPS
        self._seen = (time, price)

    def forget(self, mark: Decimal, time: int) -> None:
        """A price that was set, not made: nothing is inferred from its jump."""
        self._seen = (time, float(mark))

    # ------------------------------------------------------------------ what should stand

    def ladder(self, side: OrderSide, mark: Decimal, inventory: float) -> list[tuple[Decimal, Decimal]]:
        """Price and contracts of each level, the best first; `inventory` from -1 (short to the full) to 1."""
        line, towards = self.line, -side.sign
        centre = self._centre(mark, inventory)
        growing = max(0.0, side.sign * inventory)
        share = (1 - THINNED * self.stress) * max(0.0, 1 - growing)
        levels: list[tuple[Decimal, Decimal]] = []
        for level in range(LEVELS):
            price = line.on_tick(centre * (1 + towards * self._distance(level)))
            price = max(price, mark + line.tick) if towards > 0 else min(price, mark - line.tick)
            while levels and (price - levels[-1][0]) * towards <= 0:
                price += towards * line.tick
            if price > 0:
                usd = float(line.terms.depth) * GROWS**level * share
                levels.append((price, line.contracts(usd, mark)))
        return levels

    def _centre(self, mark: Decimal, inventory: float) -> float:
        return float(mark) * (1 - LEAN * inventory * float(self.line.terms.touch))

    @property
    def _touch(self) -> float:
        """Distance of the first level."""
        return float(self.line.terms.touch) * (1 + STRETCHED * self.stress)

    @property
    def _widens(self) -> float:
        """How much further each level lies than the one before, as a logarithm."""
        return log(self.reach / self._touch) / (LEVELS - 1)

    def _distance(self, level: int) -> float:
        return self._touch * exp(self._widens * level)

    def _band(self, distance: float) -> int | None:
        """The level whose band holds a distance; None nearer than half the touch or beyond the last band."""
        if distance < self._touch / 2:
            return None
        level = max(0, round(log(distance / self._touch) / self._widens))
        return level if level < LEVELS else None

    # ------------------------------------------------------------------ what has to change

    def requote(self, view: State, mark: Decimal, time: int, room: int) -> list[c.Command]:
        """Bring the quotes around a mark.

        Args:
            view: The engine's state.
            mark: Where the mark will stand.
            time: Of the commands.
            room: How many changes a side may make that could wait, the nearest first; others are always made.
        """
        inventory = self.inventory(view, mark)
        changes: list[c.Command] = []
        for side in sides_of(view, self.line, mark):
            changes += self._side(view, side, mark, inventory, time, room)
        return changes

    def _side(
        self, view: State, side: OrderSide, mark: Decimal, inventory: float, time: int, room: int
    ) -> list[c.Command]:
        levels = self.ladder(side, mark, inventory)
        standing, spare = self._placed(self.orders(view, side), side, mark, inventory, len(levels))
        empty = [level for level in range(len(levels)) if level not in standing]
        urgent = [each for each in spare if self._wrong(each, side, mark)]
        spare = [*urgent, *(each for each in spare if each not in urgent)]
        resized = [
            self.amending(ticket, price_of(ticket), levels[level][1], time)
            for level, ticket in sorted(standing.items())
            if not levels[level][1] <= 2 * ticket.order.remaining <= 4 * levels[level][1]
        ]
        return self.rearranged(
            side, spare, len(urgent), [levels[level] for level in empty], resized, len(standing), time, room
        )

    def _placed(
        self, orders: Iterable[Ticket], side: OrderSide, mark: Decimal, inventory: float, count: int
    ) -> tuple[dict[int, Ticket], list[Ticket]]:
        """Which order stands in which band, and those that stand in none; of two in a band the nearer to its level."""
        centre, standing = self._centre(mark, inventory), dict[int, Ticket]()
        spare: list[Ticket] = []
        for ticket in orders:
            level = self._band(-side.sign * (float(price_of(ticket)) / centre - 1))
            if level is None or level >= count or self._wrong(ticket, side, mark):
                spare.append(ticket)
                continue
            other = standing.get(level)
            target = self._distance(level) * centre
            if other is not None and _off(other, centre, target) <= _off(ticket, centre, target):
                spare.append(ticket)
                continue
            if other is not None:
                spare.append(other)
            standing[level] = ticket
        return standing, spare

    def _wrong(self, ticket: Ticket, side: OrderSide, mark: Decimal) -> bool:
        """Whether an order stands at the mark or beyond it."""
        return (price_of(ticket) - mark) * side.sign >= 0

    # ------------------------------------------------------------------ commands

    def fresh(
        self, view: State, mark: Decimal, time: int, *, around: Decimal, band: Decimal, levels: int = LEVELS
    ) -> list[c.Command]:
        """Take everything back and quote anew: for jumps. Nothing is quoted further than `band` from `around`."""
        inventory = self.inventory(view, mark)
        found: list[c.Command] = [self.withdrawing(time)]
        for side in OrderSide:
            for level in self.ladder(side, mark, inventory)[:levels]:
                if abs(level[0] - around) <= band * around:
                    found.append(self.placing(side, *level, time))
        return found


def _off(ticket: Ticket, centre: float, target: float) -> float:
    return abs(abs(float(price_of(ticket)) - centre) - target)
