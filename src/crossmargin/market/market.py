"""A market: prices turned into the commands of a venue that is open, with makers and takers of its own.

Every step is a pure function of what was drawn, of the time and of the engine's state, so that the same calls give the
same commands; what a house account holds and has ordered is read from the engine, never remembered.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from crossmargin.domain import command as c
from crossmargin.domain.instrument import Kind
from crossmargin.engine.state import State
from crossmargin.errors import InputError
from crossmargin.market.expiries import ExpiryClock, ended, next_quarter
from crossmargin.market.grid import GridMaker
from crossmargin.market.judge import Judge, Move, price_options
from crossmargin.market.listing import Line, Listing, futures_of, lines_of
from crossmargin.market.makers import Maker
from crossmargin.market.options import options_of
from crossmargin.market.passage import Passage
from crossmargin.market.prices import Prices
from crossmargin.market.settlements import FundingClock
from crossmargin.market.taker import Taker
from crossmargin.market.tape import PublicTape
from crossmargin.prices.health import HealthRules
from crossmargin.rulebook.model import Rulebook

__all__ = ["Market"]

USD_PER_USDT = Decimal(1)
MOVE_MAX = 10  # how many times higher or lower a price may be moved at once
REACH = 0.6  # of the venue's price band: how far from the mark the makers quote


class Market:
    """Opens a venue and keeps it running.

    Args:
        rulebook: Rules and instruments of the venue.
        listing: What is listed, and the house's money.
        prices: Where prices come from.
        seed: Of the takers.
        rules: When a price is doubted.

    Attributes:
        rulebook: Rules and instruments of the venue: what its engine is made with.
        lines: What is traded now, by id: known from the opening on.
        tape: What the public reads; whoever drives the market shows it every command's events (`PublicTape.observe`).
        period_ms: How often `step` wants to be called.
    """

    period_ms = 1_000

    def __init__(
        self, rulebook: Rulebook, listing: Listing, prices: Prices, seed: str, rules: HealthRules | None = None
    ) -> None:
        """Nothing is listed yet."""
        self.rulebook = rulebook
        self.lines: dict[str, Line] = {}
        self.tape = PublicTape(prices.past)
        self._listing, self._prices, self._seed = listing, prices, seed
        self._judge = Judge(prices, rules or HealthRules())
        self._makers: dict[str, Maker | GridMaker] = {}
        self._takers: dict[str, Taker] = {}
        self._funding: dict[str, FundingClock] = {}
        self._expiries: dict[str, ExpiryClock] = {}
        self._time = 0

    @property
    def instruments(self) -> tuple[str, ...]:
        """Ids of what is traded now."""
        return tuple(self.lines)

    def close(self) -> None:
        """Let go of whatever the source of prices has opened."""
        self._prices.close()

    # ------------------------------------------------------------------ opening

    def opening(self, time: int, view: State | None = None) -> list[c.Command]:
        """List what is not listed, open the house's accounts, quote for the first time, trade once.

        Args:
            time: Of the commands.
            view: The state of a venue that goes on; None of one that is new.
        """
        view, self._time = view or State(self.rulebook, {}), time
        lines = (*lines_of(self._listing, self.rulebook), *self._futures(view, time))
        self._prices.start(time, view, lines)
        move, _ = self._judge.judge(_alive(lines, time), view, time)
        options = self._options(move.indices, view, time)
        price_options(_alive(options, time), move, time)
        lines = (*lines, *options)
        for line in lines:
            self._add(line, time)
        found = [*self._listed(lines, view, time), c.SetIndex(pair="USDT-USD", price=USD_PER_USDT, time=time)]
        return [*found, *self._quoted(move, view, time)]

    def _futures(self, view: State, time: int) -> tuple[Line, ...]:
        """The futures of the quarter that should be traded, and older ones that are still to be settled."""
        expiry = next_quarter(time, self._listing.days_least)
        return futures_of(self._listing, self.rulebook, expiry, _open(view, Kind.FUTURE))

    def _options(self, indices: dict[str, Decimal], view: State, time: int) -> tuple[Line, ...]:
        """The same of options, around the present indices."""
        expiry = next_quarter(time, self._listing.days_least)
        return options_of(self._listing, self.rulebook, expiry, indices, _open(view, Kind.OPTION))

    def _add(self, line: Line, time: int) -> None:
        self.lines[line.id] = line
        self.tape.add(line.instrument)
        self._makers[line.id] = self._maker(line)
        self._takers[line.id] = Taker(line, self._seed)
        if line.funded:
            self._funding[line.id] = FundingClock(line.id, time)
            self.tape.on_settled(line.id, self._prices.settled(line))
        if line.instrument.expiry is not None:
            self._expiries[line.id] = ExpiryClock(line)

    def _maker(self, line: Line) -> Maker | GridMaker:
        if line.option is not None:
            return GridMaker(line)
        return Maker(line, self._prices.volatility(line), REACH * float(self.rulebook.liquidation.price_band))

    def _listed(self, lines: Sequence[Line], view: State, time: int) -> list[c.Command]:
        """Listings, funds and accounts that are not there yet."""
        found: list[c.Command] = [
            c.ListInstrument(instrument=line.id, time=time) for line in lines if line.id not in view.listings
        ]
        funds: dict[str, c.Command] = {}
        accounts: dict[str, tuple[str, ...]] = {}
        for line in lines:
            fund, settle = view.fund_of(line.instrument), line.instrument.settle
            paid = self._listing.insurance.get(settle)
            if paid is not None:
                scope = fund.partition(":")[2]
                funds[fund] = c.FundInsurance(scope=scope, currency=settle, amount=Decimal(paid), time=time)
            accounts[line.maker] = accounts[line.taker] = _currencies(line)
        found += [command for fund, command in funds.items() if fund not in view.owners]
        for account, currencies in accounts.items():
            for currency in currencies if account not in view.owners else ():
                amount = Decimal(self._listing.deposits[currency])
                found.append(c.Deposit(account=account, currency=currency, amount=amount, time=time))
        return found

    def _quoted(self, move: Move, view: State, time: int) -> list[c.Command]:
        """First prices, first quotes, and a trade in each instrument."""
        found: list[c.Command] = [
            c.SetIndex(pair=pair, price=index, time=time)
            for pair, index in move.indices.items()
            if view.marks.index.get(pair) != index
        ]
        for name, mark in move.marks.items():
            last = None if name in view.marks.last else mark
            forward = move.forwards.get(name)
            found.append(c.SetMark(instrument=name, price=mark, last=last, forward=forward, time=time))
            self._makers[name].forget(mark, time)
            found += self._makers[name].fresh(view, mark, time, around=mark, band=self._band)
        for name, mark in move.marks.items():
            found += self._takers[name].trades(view, mark, time)
        self._note(move, time)
        return found

    # ------------------------------------------------------------------ running

    def step(self, time: int, view: State) -> list[c.Command]:
        """What happened since the last step: quotes first, then prices, trades, and settlements that are due.

        A time before that of the last call counts as that: prices never go back.
        """
        time = self._time = max(time, self._time)
        move, found = self._judge.judge(_alive(self.lines.values(), time), view, time)
        self._note(move, time)
        found += Passage(view, self._makers, move, self._band, time).commands()
        for name, mark in move.marks.items():
            found += self._takers[name].trades(view, mark, time)
        for funding in self._funding.values():
            found += funding.settlement(view, time)
        for expiry in self._expiries.values():
            found += expiry.settlement(view, time)
        return [*found, *self._followed(view, time)]

    def _note(self, move: Move, time: int) -> None:
        """Makers see the new marks, funding and expiry take their samples, the tape hears of the rate."""
        for name, mark in move.marks.items():
            self._makers[name].watch(mark, time)
            index = move.indices[self.lines[name].pair]
            if name in self._funding:
                self._funding[name].sample(mark, index, time)
                self.tape.on_funding(name, self._funding[name].current(time))
            if name in self._expiries:
                self._expiries[name].sample(index, time)

    def _followed(self, view: State, time: int) -> list[c.Command]:
        """A dated contract that is settled makes room for the next one."""
        settled = [name for name in self._expiries if name in view.stopped and ended(self.lines[name], time)]
        if not settled:
            return []
        for name in settled:
            for kept in (self.lines, self._makers, self._takers, self._expiries):
                del kept[name]
        move = Move({}, dict(view.marks.index), {})
        fresh = [*self._futures(view, time), *self._options(move.indices, view, time)]
        fresh = [line for line in fresh if line.id not in self.lines]
        for line in fresh:
            if line.option is None:
                self._prices.add(line)
                move.marks[line.id] = self._beside(line, move.indices[line.pair])
            self._add(line, time)
        price_options(fresh, move, time)
        return [*self._listed(fresh, view, time), *self._quoted(move, view, time)]

    # ------------------------------------------------------------------ moved by hand

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
        mark = view.marks.mark.get(instrument, price)
        if not mark < MOVE_MAX * price < MOVE_MAX * MOVE_MAX * mark:
            raise InputError("price", "", f"{price} is more than {MOVE_MAX} times away from {mark}: move in steps")
        if line.option is not None:
            raise InputError("instrument", "", f"{instrument} follows its underlying: move {line.pair}-SWAP")
        time = self._time = max(time, self._time)
        self._prices.put(line, price, time)
        mates = [each for each in self._of_coin(line.instrument.base) if each.option is None]
        indices = {each.pair: each.on_tick(float(price)) for each in reversed(mates)}
        indices[line.pair] = price
        marks = {each.id: price if each is line else self._beside(each, indices[each.pair]) for each in mates}
        found: list[c.Command] = []
        for name, mark in marks.items():
            self._judge.trust(name)
            self._makers[name].forget(mark, time)
            if not view.healthy(name):
                found.append(c.SetPriceState(instrument=name, state="healthy", time=time))
        move = Move(marks, indices, {})
        price_options(self._of_coin(line.instrument.base), move, time)
        passage = Passage(view, self._makers, move, self._band, time)
        return [*found, *passage.commands(lasts=True)]

    def _of_coin(self, coin: str) -> list[Line]:
        return [line for line in self.lines.values() if line.instrument.base == coin]

    def _beside(self, line: Line, index: Decimal) -> Decimal:
        """Where a contract stands beside its index."""
        made = self._prices.mark(line, index)
        return index if made is None else line.on_tick(float(made.price))

    @property
    def _band(self) -> Decimal:
        return Decimal(self.rulebook.liquidation.price_band)


def _alive(lines: Iterable[Line], time: int) -> list[Line]:
    """Those that have not ended."""
    return [line for line in lines if not ended(line, time)]


def _open(view: State, kind: Kind) -> list[str]:
    """Listed contracts of a kind that have not ended."""
    return [
        name for name, (instrument, _) in view.listings.items() if instrument.kind == kind and name not in view.stopped
    ]


def _currencies(line: Line) -> tuple[str, ...]:
    """What an account needs to trade an instrument: its margin, or both sides of a pair."""
    return (line.instrument.base, line.instrument.quote) if line.spot else (line.instrument.settle,)
