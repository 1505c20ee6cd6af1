"""Playing an incident: the crowd opens, the book follows the price, the feed is judged, the engine does the rest."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import groupby

import msgspec

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import OrderSide
from crossmargin.domain.arithmetic import floor_to
from crossmargin.engine.scenario import Story, play_lines
from crossmargin.incidents.crowd import draw, opening
from crossmargin.incidents.feed import Feed
from crossmargin.incidents.frames import Frame, frames
from crossmargin.incidents.model import Incident, share_at
from crossmargin.incidents.report import Report, report
from crossmargin.incidents.tally import TalliedEngine

__all__ = ["Play", "run"]

_LEVELS = (("0.001", "0.1"), ("0.005", "0.3"), ("0.02", "0.6"))  # distance from the mark, share of the depth
_QUOTER = "book"
_DEEP = Decimal(1_000_000_000_000)


def run(
    incident: Incident, *, seed: int = 1, accounts: int | None = None, trusting: bool = False,
    progress: Callable[[Decimal], None] | None = None,
) -> Report:  # fmt: skip
    """Play an incident to its end.

    Args:
        incident: Which.
        seed: Draws the crowd and the noise of the prices.
        accounts: How many accounts, instead of as many as the file says; funds and depth follow.
        trusting: Believe the own book's price always, as the incident's venue did.
        progress: Told the minute of each frame.

    Raises:
        InputError: a line of the file's own cannot be played, or came out otherwise than it expects.
        BreachError: an invariant does not hold.
    """
    play = Play(incident, seed, accounts, trusting=trusting)
    for frame in frames(incident, seed):
        play.show(frame)
        if progress is not None:
            progress(frame.minute)
    play.engine.check()
    return report(incident, play.engine, seed=seed, accounts=play.joined, frozen=play.frozen, kept=play.funds_kept())


class Play:
    """One incident being played."""

    def __init__(self, incident: Incident, seed: int, accounts: int | None, *, trusting: bool) -> None:
        self.incident, self.seed, self.trusting = incident, seed, trusting
        self.scale = Decimal(1) if accounts is None else Decimal(accounts) / incident.accounts
        self.feed = Feed(incident.doubt, incident.faults, trusting=trusting)
        self.story = Story()
        play_lines(self.story, incident.rules, f"{incident.name} rules")
        book = self.story.rulebook
        self.engine = TalliedEngine(book, {book.venue: book})
        self.story.started = self.engine
        self.joined = 0
        self.frozen: dict[str, Decimal] = {}
        self.states: dict[str, str] = {}
        self.waiting = list(_by_minute(incident))
        self.lowest: dict[str, Decimal] = {}
        self.paid_in: dict[str, Decimal] = {}

    def show(self, frame: Frame) -> None:
        """One frame: the books move, marks and states follow, then what people do at that minute."""
        self.story.time = int(frame.minute * 60_000)
        for name in self._instruments():
            self._price(name, frame)
        for name, equity in self.engine.funds().items():
            self.lowest[name] = min(equity, self.lowest.get(name, equity))
        if not frame.minute:
            self._fund()
        while self.waiting and self.waiting[0][0] <= frame.minute:
            for act in self.waiting.pop(0)[1]:
                act(self)
        self.engine.settle()

    def _instruments(self) -> list[str]:
        """Instruments of the coins that the path knows, in the order of the rulebook."""
        coins = self.incident.path.levels
        book = self.story.rulebook
        return [name for name, each in book.instruments.items() if each.base in coins and name in self._named()]

    def _named(self) -> set[str]:
        words = set(self.incident.rules.split())
        return words | {name for crowd in self.incident.crowds for name in crowd.instruments}

    def _price(self, name: str, frame: Frame) -> None:
        coin = self.story.rulebook.instrument(name).base
        said = self.feed.say(coin, frame)
        self.engine.elsewhere[name] = frame.prices[coin]
        if name not in self.engine.state.listings:
            self._submit(c.ListInstrument(instrument=name))
        else:
            self._quote(name, frame)
        if self.states.get(name, "healthy") != said.health.value and said.health.value != "healthy":
            self._submit(c.SetPriceState(instrument=name, state=said.health.value))
        if said.price is not None:
            self._submit(c.SetMark(instrument=name, price=said.price))
        if self.states.get(name, "healthy") != "healthy" and said.health.value == "healthy":
            self._submit(c.SetPriceState(instrument=name, state="healthy"))
        if said.health.value != "healthy":
            self.frozen[name] = self.frozen.get(name, Decimal(0)) + frame.length
        self.states[name] = said.health.value

    def _quote(self, name: str, frame: Frame) -> None:
        """Around the price to come, as deep as the incident says; what lies outside the band is not there."""
        account = f"{_QUOTER}.{name}"
        state, market = self.engine.state, self.incident.market
        instrument = state.instrument(name)
        if account not in state.owners:
            self._submit(c.Deposit(account=account, currency=instrument.settle, amount=_DEEP))
            self._submit(c.SetLeverage(account=account, instrument=name, leverage=Decimal(10)))
        self._submit(c.CancelAll(account=account))
        price = frame.own[instrument.base]
        depth = market.depth * self.scale * share_at(market.depth_at, frame.minute)
        for distance, share in _LEVELS:
            for side in OrderSide:
                level = price * (1 - side.sign * Decimal(distance))
                level = floor_to(level, instrument.tick_size or Decimal(1).scaleb(level.adjusted() - 5))
                one = instrument.unit if instrument.inverse else instrument.unit * level
                size = (
                    floor_to(depth * Decimal(share) / one, instrument.lot_size or Decimal(1)) if level else Decimal(0)
                )
                if size:
                    order = c.PlaceOrder(account=account, instrument=name, side=side, contracts=size, price=level)
                    self._submit(order)

    def _fund(self) -> None:
        for place, amount in self.incident.market.funds.items():
            scope, currency = place.split()
            paid = floor_to(amount * self.scale, Decimal("0.0001"))
            self._submit(c.FundInsurance(scope=scope, currency=currency, amount=paid))
            self.paid_in[f"insurance:{scope}"] = self.engine.money(currency, paid)

    def funds_kept(self) -> tuple[Decimal, Decimal, Decimal]:
        """USD paid into the funds, lost at the worst moment, and there at the end."""
        paid = sum(self.paid_in.values(), Decimal(0))
        worst = sum((paid - self.lowest.get(name, paid) for name, paid in self.paid_in.items()), Decimal(0))
        return paid, max(Decimal(0), worst), sum(self.engine.funds().values(), Decimal(0))

    def join(self, number: int) -> None:
        """A crowd opens."""
        crowd = self.incident.crowds[number]
        count = max(1, round(crowd.accounts * self.scale))
        self.joined += count
        legs = draw(crowd, count, f"{self.seed}:{number}", self.engine.state)
        for command in opening(legs, self.incident.market, number == 0):
            self._submit(command)

    def act(self, lines: str, place: str) -> None:
        """What somebody does, in the scenario language."""
        if self.trusting:  # what people do stays; what a careful venue answers does not
            lines = "\n".join(line for line in lines.splitlines() if not line.startswith("expect"))
        play_lines(self.story, lines, place)

    def _submit(self, command: c.Command) -> None:
        outcome = self.engine.submit(msgspec.structs.replace(command, time=self.story.time))
        if isinstance(command, c.PlaceOrder) and not command.account.startswith(_QUOTER):
            self.engine.sums["orders_refused"] += isinstance(outcome.events[0], e.Refused)


Act = Callable[[Play], None]


def _by_minute(incident: Incident) -> Iterator[tuple[int, list[Act]]]:
    """What happens at which minute: crowds first, then lines, in the order of the file."""
    acts: list[tuple[int, Act]] = [
        (crowd.minute, lambda play, number=number: play.join(number))  # type: ignore[misc]
        for number, crowd in enumerate(incident.crowds)
    ]
    for script in incident.script:
        place = f"{incident.name} minute {script.minute}"
        acts += [(script.minute, lambda play, s=script, p=place: play.act(s.lines, p))] * script.times  # type: ignore[misc]
    acts.sort(key=lambda each: each[0])
    for minute, found in groupby(acts, key=lambda each: each[0]):
        yield minute, [act for _, act in found]
