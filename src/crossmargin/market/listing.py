"""What a market lists: coins with their habits, instruments with their makers' terms, and the house's money."""

from collections.abc import Container, Iterable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from importlib import resources

from msgspec import Struct
from msgspec.structs import replace

from crossmargin.domain.account import MarginMode, Side
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.documents import convert, parse_toml
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.ledger import PositionKey
from crossmargin.domain.numbers import Amount, Positive
from crossmargin.engine.guards import listable
from crossmargin.engine.state import State
from crossmargin.errors import MissingDataError
from crossmargin.rulebook.load import parse
from crossmargin.rulebook.model import Rulebook

__all__ = [
    "Coin",
    "Line",
    "Listing",
    "OptionTerms",
    "Terms",
    "futures_of",
    "line_of",
    "lines_of",
    "pair_of",
    "read_listing",
    "venue",
]


SPOT = (Kind.SPOT, Kind.MARGIN)
YEAR_MS = 365 * 86_400_000


class Coin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a coin moves in a generated market.

    Attributes:
        price: What it costs at the start, in USDT.
        volatility: Standard deviation of the log price over a year.
        correlation: With the factor that all coins share.
    """

    price: Positive
    volatility: Positive
    correlation: Positive


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the house trades one instrument.

    Attributes:
        touch: Distance of the first quotes from the mark, a fraction of it.
        depth: USD that the first level offers.
        trade_every: Mean seconds between two trades of the house's taker.
        premium: Mean distance of the contract's price over the index, a fraction.
        basis: The same of a dated contract, for each year that it still has.
    """

    touch: Positive
    depth: Positive
    trade_every: Positive
    premium: Amount = Amount(0)
    basis: Amount = Amount(0)


class OptionTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which options are listed on a coin, and how the house trades them.

    Attributes:
        depth: USD of face that the first level offers.
        trade_every: Mean seconds between two trades of the house's taker, in each.
        volatility: That of the underlying, by which they are priced.
        basis: Mean distance of the forward from the index, for each year.
        strike_step: Strikes are multiples of it.
        calls, puts: Strikes by their distance from the index when they are listed, fractions.
    """

    depth: Positive
    trade_every: Positive
    volatility: Positive
    basis: Amount = Amount(0)
    strike_step: Positive
    calls: tuple[Amount, ...]
    puts: tuple[Amount, ...]

    @property
    def quoting(self) -> Terms:
        """The same as terms of any instrument."""
        return Terms(touch=Positive("0.01"), depth=self.depth, trade_every=self.trade_every)


class Listing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file of a market.

    Attributes:
        coins: By name.
        lines: Terms by instrument id, in the order in which they are listed.
        futures: Terms of the contract that ends with a quarter, by pattern of its id.
        options: Which options end with it, by pattern of their ids.
        days_least: How many days a dated contract still has when it is listed.
        deposits: What each house account starts with, by currency.
        insurance: What each insurance fund starts with, by settlement currency.
    """

    coins: dict[str, Coin]
    lines: dict[str, Terms]
    futures: dict[str, Terms]
    options: dict[str, OptionTerms]
    days_least: int
    deposits: dict[str, Positive]
    insurance: dict[str, Positive]

    def recorded(self, coins: Container[str]) -> "Listing":
        """The same for prices that were recorded: of these coins alone, and with no premium of our own making."""
        lines = {name: replace(terms, premium=Amount(0)) for name, terms in self.lines.items() if _coin(name) in coins}
        futures = {name: terms for name, terms in self.futures.items() if _coin(name) in coins}
        options = {name: terms for name, terms in self.options.items() if _coin(name) in coins}
        return replace(self, lines=lines, futures=futures, options=options)


def _coin(name: str) -> str:
    return name.partition("-")[0]


class Line(Struct, frozen=True, kw_only=True):
    """One instrument that the market trades, with everything that its makers need to know of it.

    Attributes:
        instrument: What is traded.
        terms: How the house trades it.
        tick: Price step.
        lot: Size step, in contracts.
        least: Smallest order, in contracts.
        coins: Of spot: what a house account holds of the base when it is square.
        option: Of an option: how it is priced.
    """

    instrument: Instrument
    terms: Terms
    tick: Decimal
    lot: Decimal
    least: Decimal
    coins: Decimal = ZERO
    option: OptionTerms | None = None

    @property
    def id(self) -> str:
        """The instrument's id."""
        return self.instrument.id

    @property
    def pair(self) -> str:
        """The index that it follows."""
        return pair_of(self.instrument)

    @property
    def maker(self) -> str:
        """The house's account that quotes it."""
        return f"house.mm.{self.id}"

    @property
    def taker(self) -> str:
        """The house's account that trades it now and then."""
        return f"house.taker.{self.id}"

    @property
    def funded(self) -> bool:
        """Whether it pays funding."""
        return self.instrument.kind == Kind.PERPETUAL

    @property
    def spot(self) -> bool:
        """Whether coins change hands, and no position is opened."""
        return self.instrument.kind in SPOT

    @property
    def margin_mode(self) -> MarginMode:
        """How the house trades it."""
        return MarginMode.CASH if self.spot else MarginMode.CROSS

    def left(self, time: int) -> float:
        """Milliseconds until a dated contract ends; of others, more than matters."""
        expiry = self.instrument.expiry
        return float(YEAR_MS) if expiry is None else max(0.0, expiry.timestamp() * 1000 - time)

    def mean_premium(self, time: int) -> float:
        """What the contract's price usually is over its index, a fraction; a basis shrinks towards the end."""
        years = 0.0 if self.instrument.expiry is None else self.left(time) / YEAR_MS
        return float(self.terms.premium) + float(self.terms.basis) * years

    def contracts(self, usd: float, price: Decimal) -> Decimal:
        """The size that an amount of money buys, in whole lots, at least the smallest order; of options, of face."""
        lots = int(usd / self._one(price) / float(self.lot))
        return max(self.lot * lots, self.least)

    def usd(self, contracts: Decimal, price: Decimal) -> float:
        """What a number of contracts is worth; of options, their face at the strike."""
        return float(contracts) * self._one(price)

    def _one(self, price: Decimal) -> float:
        unit = float(self.instrument.unit)
        if self.instrument.strike is not None:
            return unit * float(self.instrument.strike)
        return unit if self.instrument.inverse else unit * float(price)

    def held(self, view: State, account: str) -> Decimal:
        """What an account holds, in contracts, below zero where it is short; of spot, more or less than when square."""
        if account not in view.owners:
            return ZERO
        if self.spot:
            return view.cash(account, self.instrument.base) - self.coins
        found = ZERO
        for side in Side:
            each = view.held(PositionKey(account, self.id, side, MarginMode.CROSS))
            found += side.sign * each.contracts if each is not None else ZERO
        return found

    def on_tick(self, price: float) -> Decimal:
        """The nearest price that an order may have."""
        return max(round(price / float(self.tick)), 1) * self.tick


def pair_of(instrument: Instrument) -> str:
    """The index pair of an instrument: ``BTC-USDT``."""
    return instrument.pair


def _text(name: str) -> str:
    return (resources.files("crossmargin.market") / name).read_text("utf-8")


@lru_cache(maxsize=1)
def venue() -> Rulebook:
    """The rulebook of every market: the venue's own, and what markets list beyond it."""
    return parse(_text("venue.toml"), "venue.toml")


@lru_cache(maxsize=1)
def read_listing() -> Listing:
    """The listing that ships with the package."""
    return convert(parse_toml(_text("generated.toml"), "generated.toml"), Listing, "generated.toml")


def lines_of(listing: Listing, rulebook: Rulebook) -> tuple[Line, ...]:
    """The instruments of a listing that never end, as far as the engine can trade them, with their terms."""
    found = (line_of(listing, rulebook, name, terms) for name, terms in listing.lines.items())
    return tuple(line for line in found if line is not None)


def futures_of(listing: Listing, rulebook: Rulebook, expiry: datetime, listed: Iterable[str]) -> tuple[Line, ...]:
    """Futures with an expiry, and those that are listed already, with their terms."""
    day = expiry.strftime("%y%m%d")
    names = {pattern.format(expiry=day): terms for pattern, terms in listing.futures.items()}
    for name in listed:
        terms = listing.futures.get(f"{name.rpartition('-')[0]}-{{expiry}}")
        if terms is not None:
            names.setdefault(name, terms)
    found = (line_of(listing, rulebook, name, terms) for name, terms in names.items())
    return tuple(line for line in found if line is not None and line.instrument.kind == Kind.FUTURE)


def line_of(
    listing: Listing, rulebook: Rulebook, name: str, terms: Terms, option: OptionTerms | None = None
) -> Line | None:
    """An instrument with its terms; None where the rulebook does not know it or the engine does not trade it."""
    try:
        instrument = rulebook.instrument(name)
    except MissingDataError:
        return None
    if instrument.tick_size is None or instrument.lot_size is None or listable(rulebook, instrument):
        return None
    tick, lot = Decimal(instrument.tick_size), Decimal(instrument.lot_size)
    return Line(
        instrument=instrument,
        terms=terms,
        tick=tick,
        lot=lot,
        least=Decimal(instrument.min_size or lot),
        coins=Decimal(listing.deposits[instrument.base]) if instrument.kind in SPOT else ZERO,
        option=option,
    )
