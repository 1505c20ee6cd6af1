"""A market in front of a real engine, driven as a server would drive it, but by a counter instead of a clock."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from crossmargin import market
from crossmargin.domain.account import OrderSide
from crossmargin.domain.command import Command
from crossmargin.domain.event import Event
from crossmargin.engine import Engine
from crossmargin.errors import InputError, MissingDataError
from crossmargin.market.market import Market

START = 1_790_000_000_000 // 28_800_000 * 28_800_000 + 3_600_123
"""An hour after a funding settlement."""


class Venue:
    """An engine, its market, and what has happened."""

    def __init__(self, text: str, start: int = START, engine: Engine | None = None, speed: float = 1) -> None:
        """Open the market of a text, over an engine that goes on, or over a new one."""
        self.begin(market.open(text, speed), start, engine)

    def begin(self, opened: Market, start: int, engine: Engine | None) -> None:
        """Open a market."""
        self.market = opened
        self.engine = engine or Engine(self.market.rulebook)
        self.now = start
        self.sent: list[Command] = []
        self.events: list[Event] = []
        self.refused: Counter[str] = Counter()
        self.submit(self.market.opening(start, engine.state if engine is not None else None))

    def submit(self, commands: Iterable[Command]) -> list[Event]:
        """Put commands in; what comes of them goes to the tape."""
        found: list[Event] = []
        for command in commands:
            outcome = self.engine.submit(command)
            self.market.tape.observe(outcome.sequence, outcome.events, self.now)
            self.sent.append(command)
            found += outcome.events
            if outcome.refused is not None:
                self.refused[f"{type(command).__name__}: {outcome.refused.refusal.reason.value}"] += 1
        self.events += found
        return found

    def run(self, seconds: int) -> None:
        """Let time pass, a step a second."""
        for _ in range(seconds):
            self.step()

    def step(self, milliseconds: int = 1_000) -> list[Command]:
        """One step."""
        self.now += milliseconds
        commands = self.market.step(self.now, self.engine.state)
        self.submit(commands)
        return commands

    def move(self, instrument: str, price: Decimal) -> None:
        """Set a price."""
        self.submit(self.market.move(instrument, price, self.now, self.engine.state))

    def mark(self, instrument: str) -> Decimal:
        """Mark price."""
        return self.engine.state.marks.mark[instrument]

    def touch(self, instrument: str) -> tuple[Decimal, Decimal]:
        """Best bid and ask."""
        book = self.engine.state.books[instrument]
        bid, ask = book.best(OrderSide.BUY), book.best(OrderSide.SELL)
        assert bid is not None
        assert ask is not None
        return bid, ask

    def depth(self, instrument: str, side: OrderSide, within: str) -> Decimal:
        """What one side offers within a distance of the mark, in quote currency."""
        line, mark, reach = self.market.lines[instrument], self.mark(instrument), Decimal(within)
        found = Decimal(0)
        for price, contracts in self.engine.state.books[instrument].depth(side):
            if abs(price - mark) <= reach * mark:
                face = contracts * line.instrument.unit
                found += face if line.instrument.inverse else face * price
        return found


def problem(text: str) -> str:
    """What is said of a market that cannot be made."""
    try:
        market.open(text)
    except (InputError, MissingDataError) as error:
        return str(error)
    return ""
