"""A market: prices turned into the commands of a venue that is open, with makers and takers of its own.

Every step is a pure function of what was drawn, of the time and of the engine's state, so that the same calls give the
same commands; what a house account holds and has ordered is read from the engine, never remembered.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import ceil, exp, log

from msgspec import Struct

from crossmargin.domain import command as c
from crossmargin.engine.state import State
from crossmargin.errors import InputError
from crossmargin.market.listing import Line, Listing
from crossmargin.market.makers import Maker
from crossmargin.market.prices import Prices
from crossmargin.market.settlements import FundingClock
from crossmargin.market.taker import TAKER, Taker
from crossmargin.market.tape import PublicTape
from crossmargin.prices.health import Health, HealthRules, Verdict, index_of, mark_verdict
from crossmargin.rulebook.model import Rulebook

__all__ = ["Market", "Move"]

USD_PER_USDT = Decimal(1)
ROOM = 3  # changes of quotes that may wait, an instrument and step
REACH = 0.6  # of the venue's price band: how far from the mark the makers quote
STAGE = 0.35  # of it: the largest move that is made at once, so that quotes are never refused for their distance
STAGE_LEVELS = 3  # quoted at each stage but the last


class Move(Struct, frozen=True):
    """Where prices are about to go: marks by line, indices by pair."""

    marks: dict[str, Decimal]
    indices: dict[str, Decimal]


class Market:
    """Opens a venue and keeps it running.

    Args:
        rulebook: Rules and instruments of the venue.
        listing: What is listed, and the house's money.
        lines: The instruments traded.
        prices: Where prices come from.
        seed: Of the takers.
        rules: When a price is doubted.

    Attributes:
        rulebook: Rules and instruments of the venue: what its engine is made with.
        instruments: Ids listed.
        lines: The same with their terms.
        tape: What the public reads; whoever drives the market shows it every command's events (`PublicTape.observe`).
        period_ms: How often `step` wants to be called.
    """

    period_ms = 1_000

    def __init__(
        self, rulebook: Rulebook, listing: Listing, lines: Sequence[Line], prices: Prices, seed: str,
        rules: HealthRules | None = None,
    ) -> None:  # fmt: skip
        """Nothing is listed yet."""
        self.rulebook = rulebook
        self.lines = {line.id: line for line in lines}
        self.tape = PublicTape({line.id: line.instrument for line in lines}, prices.past)
        self.instruments = tuple(self.lines)
        self._listing, self._prices = listing, prices
        reach = REACH * float(rulebook.liquidation.price_band)
        self._makers = {line.id: Maker(line, prices.volatility(line), reach) for line in lines}
        self._takers = {line.id: Taker(line, seed) for line in lines}
        self._rules = rules or HealthRules()
        self._doubts: dict[str, int | None] = {}
        self._funding: dict[str, FundingClock] = {}

    # ------------------------------------------------------------------ opening

    def opening(self, time: int, view: State | None = None) -> list[c.Command]:
        """List what is not listed, open the house's accounts, quote for the first time, trade once.

        Args:
            time: Of the commands.
            view: The state of a venue that goes on; None of one that is new.
        """
        self._funding = {line.id: FundingClock(line.id, time) for line in self.lines.values() if line.funded}
        view = view or State(self.rulebook, {})
        self._prices.start(time, view)
        for line in self.lines.values():
            self.tape.on_settled(line.id, self._prices.settled(line) if line.funded else ())
        found = [*self._listings(view, time), *self._money(view, time)]
        move, _ = self._judged(view, time)
        for pair, index in {"USDT-USD": USD_PER_USDT, **move.indices}.items():
            found.append(c.SetIndex(pair=pair, price=index, time=time))
        for name, mark in move.marks.items():
            last = None if name in view.marks.last else mark
            found.append(c.SetMark(instrument=name, price=mark, last=last, time=time))
            self._makers[name].forget(mark, time)
            found += self._makers[name].fresh(view, mark, time, around=mark, band=self._band)
        for name, mark in move.marks.items():
            found += self._takers[name].trades(view, mark, time)
        self._note(move, time)
        return found

    def _listings(self, view: State, time: int) -> list[c.Command]:
        return [c.ListInstrument(instrument=name, time=time) for name in self.lines if name not in view.listings]

    def _money(self, view: State, time: int) -> list[c.Command]:
        found: list[c.Command] = []
        for line in self.lines.values():
            fund, settle = view.fund_of(line.instrument), line.instrument.settle
            paid = self._listing.insurance.get(settle)
            if paid is not None and fund not in view.owners:
                scope = fund.partition(":")[2]
                found.append(c.FundInsurance(scope=scope, currency=settle, amount=Decimal(paid), time=time))
        accounts = {line.maker: self._currencies(line) for line in self.lines.values()}
        accounts[TAKER] = {name: None for line in self.lines.values() for name in self._currencies(line)}
        for account, currencies in accounts.items():
            for currency in currencies if account not in view.owners else ():
                amount = Decimal(self._listing.deposits[currency])
                found.append(c.Deposit(account=account, currency=currency, amount=amount, time=time))
        return found

    def _currencies(self, line: Line) -> dict[str, None]:
        """What an account needs to trade an instrument: its margin, or both sides of a pair."""
        both = (line.instrument.base, line.instrument.quote) if line.spot else ()
        return dict.fromkeys((line.instrument.settle, *both))

    # ------------------------------------------------------------------ running

    def step(self, time: int, view: State) -> list[c.Command]:
        """What happened since the last step: quotes first, then prices, trades, and settlements that are due."""
        move, found = self._judged(view, time)
        self._note(move, time)
        found += self._travel(view, move, time)
        for name, mark in move.marks.items():
            found += self._takers[name].trades(view, mark, time)
        for clock in self._funding.values():
            found += clock.settlement(view, time)
        return found

    def _judged(self, view: State, time: int) -> tuple[Move, list[c.Command]]:
        """Where healthy prices go, and what has to be said of the others."""
        indices: dict[str, Decimal] = {}
        for pair, quotes in self._prices.read(time).items():
            verdict = index_of(quotes, now=time, rules=self._rules)
            if verdict.price is not None and verdict.health is Health.HEALTHY:
                indices[pair] = self._of_pair(pair).on_tick(float(verdict.price))
        marks: dict[str, Decimal] = {}
        said: list[c.Command] = []
        for name, line in self.lines.items():
            verdict = self._mark(line, indices.get(line.pair), view, time)
            self._doubts[name] = verdict.doubted_since
            if view.price_states.get(name, "healthy") != verdict.health.value:
                said.append(c.SetPriceState(instrument=name, state=verdict.health.value, time=time))
            if verdict.price is None:
                continue
            price = line.on_tick(float(verdict.price))
            if verdict.health is Health.HEALTHY:
                marks[name] = price
        return Move(marks, indices), said

    def _mark(self, line: Line, index: Decimal | None, view: State, time: int) -> Verdict:
        previous = view.marks.mark.get(line.id)
        made = None if index is None else self._prices.mark(line, index)
        if made is None:
            return Verdict(price=previous, health=Health.FROZEN, reason="no price")
        return mark_verdict(
            made.price, previous=previous, index=index, time=made.time, now=time, rules=self._rules,
            doubted_since=self._doubts.get(line.id),
        )  # fmt: skip

    def _note(self, move: Move, time: int) -> None:
        """Makers see the new marks, funding takes its sample, the tape hears of the rate."""
        for name, mark in move.marks.items():
            self._makers[name].watch(mark, time)
            clock = self._funding.get(name)
            if clock is not None:
                clock.sample(mark, move.indices[self.lines[name].pair], time)
                self.tape.on_funding(name, clock.current(time))

    def move(self, instrument: str, price: Decimal, time: int, view: State) -> list[c.Command]:
        """Index, mark and last price of an instrument become one price at once; its coin's other instruments follow.

        Raises:
            InputError: the instrument is not listed, the price is not on its tick, or prices are not ours to move.
        """
        line = self.lines.get(instrument)
        if line is None:
            raise InputError("instrument", "", f"{instrument[:40]!r} is not listed: {', '.join(self.lines)}")
        if not price.is_finite() or price <= 0 or price % line.tick:
            raise InputError("price", "", f"{price} is no price of {instrument}: a multiple of {line.tick} above zero")
        self._prices.put(line, price, time)
        mates = [each for each in self.lines.values() if each.instrument.base == line.instrument.base]
        indices = {each.pair: self._of_pair(each.pair).on_tick(float(price)) for each in mates}
        indices[line.pair] = price
        marks = {each.id: price if each is line else self._beside(each, indices[each.pair]) for each in mates}
        found: list[c.Command] = []
        for name, mark in marks.items():
            self._doubts[name] = None
            self._makers[name].forget(mark, time)
            if not view.healthy(name):
                found.append(c.SetPriceState(instrument=name, state="healthy", time=time))
        return [*found, *self._travel(view, Move(marks, indices), time, lasts=True)]

    def _beside(self, line: Line, index: Decimal) -> Decimal:
        made = self._prices.mark(line, index)
        return index if made is None else line.on_tick(float(made.price))

    # ------------------------------------------------------------------ how prices travel

    def _travel(self, view: State, move: Move, time: int, *, lasts: bool = False) -> list[c.Command]:
        """Quotes ahead of the marks, so that whoever a mark sets off meets a book; far moves in stages."""
        starts = {name: view.marks.mark.get(name, mark) for name, mark in move.marks.items()}
        far = {name for name, mark in move.marks.items() if _gap(starts[name], mark) > self._stage}
        stages = max((ceil(_gap(starts[name], move.marks[name]) / self._stage) for name in far), default=1)
        found: list[c.Command] = []
        for stage in range(1, stages):
            found += self._leg(view, move, far, (stage - 1) / stages, stage / stages, time)
        for name in far:
            around = self._on_the_way(view, move, name, (stages - 1) / stages)
            found += self._makers[name].fresh(view, move.marks[name], time, around=around, band=self._band)
        for name in [each for each in move.marks if each not in far]:
            found += self._makers[name].requote(view, move.marks[name], time, ROOM)
        return [*found, *self._arrival(view, move, time, lasts=lasts)]

    def _leg(self, view: State, move: Move, far: set[str], start: float, end: float, time: int) -> list[c.Command]:
        """One stage of a far move: a short book at its end, then the marks."""
        found: list[c.Command] = []
        marks = {name: self._on_the_way(view, move, name, end) for name in move.marks if name in far}
        for name, mark in marks.items():
            around = self._on_the_way(view, move, name, start)
            maker = self._makers[name]
            found += maker.fresh(view, mark, time, around=around, band=self._band, levels=STAGE_LEVELS)
        for pair in dict.fromkeys(self.lines[name].pair for name in marks):
            before, index = view.marks.index[pair], move.indices[pair]
            price = self._of_pair(pair).on_tick(_between(before, index, end))
            found.append(c.SetIndex(pair=pair, price=price, time=time))
        return [*found, *(c.SetMark(instrument=name, price=mark, time=time) for name, mark in marks.items())]

    def _arrival(self, view: State, move: Move, time: int, *, lasts: bool) -> list[c.Command]:
        """The prices themselves, as far as they are new."""
        found: list[c.Command] = []
        for pair, index in move.indices.items():
            if index != view.marks.index.get(pair):
                found.append(c.SetIndex(pair=pair, price=index, time=time))
        for name, mark in move.marks.items():
            if lasts or mark != view.marks.mark.get(name):
                found.append(c.SetMark(instrument=name, price=mark, last=mark if lasts else None, time=time))
        return found

    def _on_the_way(self, view: State, move: Move, name: str, share: float) -> Decimal:
        start = view.marks.mark.get(name, move.marks[name])
        return start if not share else self.lines[name].on_tick(_between(start, move.marks[name], share))

    @property
    def _band(self) -> Decimal:
        return Decimal(self.rulebook.liquidation.price_band)

    @property
    def _stage(self) -> float:
        return STAGE * float(self._band)

    def _of_pair(self, pair: str) -> Line:
        return next(line for line in self.lines.values() if line.pair == pair)


def _gap(before: Decimal | None, after: Decimal) -> float:
    return 0.0 if before is None else abs(log(float(after) / float(before)))


def _between(start: Decimal, end: Decimal, share: float) -> float:
    return exp(log(float(start)) + share * log(float(end) / float(start)))
