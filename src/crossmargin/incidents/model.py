"""An incident as its file writes it: rules, a price path, a crowd, faults of the feed, what people did, what must hold.

The files lie in `named/`; docs/incidents.md describes their keys.
"""

from decimal import Decimal
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

from msgspec import Struct

from crossmargin.domain.documents import convert, parse_toml, read_text
from crossmargin.domain.numbers import NonNegative, Positive
from crossmargin.errors import InputError
from crossmargin.market.paths import Scenario, named_scenarios, scenario_of

__all__ = ["Check", "Crowd", "Doubt", "Fault", "Incident", "Market", "Script", "named_incidents", "read_incident"]


class _Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Common part: no unknown keys."""


class Crowd(_Table, frozen=True, kw_only=True):
    """A group of accounts that open at one minute; shares are fractions of the group.

    Attributes:
        name: Start of the accounts' names.
        accounts: How many, at the size that the file was written for.
        instruments: What they trade, one drawn for each account.
        minute: When they open.
        leverage: From, to; drawn evenly in the logarithm. It is what they really have: value over money.
        value: From, to, of a position in USD, likewise.
        long: Share that is long.
        hedged: Share that holds a second instrument the other way round, of the same value.
        coin: Share that holds a coin-margined position beside, on coins of its own.
        coin_instrument: Which one.
    """

    name: str = "c"
    accounts: int
    instruments: tuple[str, ...]
    minute: int = 0
    leverage: tuple[Positive, Positive] = (Positive(1), Positive(50))
    value: tuple[Positive, Positive] = (Positive(1000), Positive(200_000))
    long: NonNegative = NonNegative("0.7")
    hedged: NonNegative = NonNegative("0.2")
    coin: NonNegative = NonNegative(0)
    coin_instrument: str = ""


class Market(_Table, frozen=True, kw_only=True):
    """Who stands on the other side.

    Attributes:
        makers: Accounts that share what the crowd opens, at a low leverage.
        leverage: That leverage.
        depth: USD that rests on each side of each book when it is full.
        depth_at: From a minute on, which share of it is there; straight lines between.
        funds: USD (or coins) in each insurance fund by scope and currency ("USDT USDT"), at the file's own size.
    """

    makers: int = 5
    leverage: Positive = Positive("0.2")
    depth: Positive = Positive(1_000_000)
    depth_at: tuple[tuple[int, NonNegative], ...] = ((0, NonNegative(1)),)
    funds: dict[str, Positive] = {}


class Doubt(_Table, frozen=True, kw_only=True):
    """When a price is doubted, in minutes and fractions; `crossmargin.prices.health` says what each means."""

    age: Positive = Positive(2)
    deviation: Positive = Positive("0.05")
    jump: Positive = Positive("0.1")
    distance: NonNegative = NonNegative("0.02")
    confirm: Positive = Positive(1)
    stuck: Positive = Positive(5)
    resume: NonNegative = NonNegative(0)


class Fault(_Table, frozen=True, kw_only=True):
    """What is wrong with the feed of a coin: a source says nothing, or nothing below a floor."""

    coin: str
    kind: Literal["silent", "floor"]
    sources: tuple[str, ...] = ("a", "b", "c")
    start: int = 0
    end: int = 1_000_000
    value: NonNegative = NonNegative(0)


class Script(_Table, frozen=True, kw_only=True):
    """Lines of the scenario language at a minute, once or many times."""

    minute: int = 0
    lines: str
    times: int = 1


class Check(_Table, frozen=True, kw_only=True):
    """A figure of the report, and the bound that it must keep."""

    says: str
    figure: str
    at_most: str | None = None
    at_least: str | None = None


class _File(_Table, frozen=True, kw_only=True):
    title: str
    teaches: tuple[str, ...]
    not_told: tuple[str, ...] = ()
    path: str | dict[str, Any]
    steps: tuple[tuple[int, int], ...]
    rules: str
    own: dict[str, tuple[tuple[Any, ...], ...]] = {}
    market: Market = Market()
    doubt: Doubt = Doubt()
    faults: tuple[Fault, ...] = ()
    crowds: tuple[Crowd, ...] = ()
    script: tuple[Script, ...] = ()
    checks: tuple[Check, ...] = ()
    attackers: tuple[str, ...] = ()


class Incident(Struct, frozen=True, kw_only=True):
    """An incident, ready to be played.

    Attributes:
        name: How it is asked for.
        title: One line for people.
        teaches: What it taught, a sentence each.
        not_told: What of it the engine cannot express.
        path: Prices as they were elsewhere.
        own: Prices in the venue's own book, where they differed.
        steps: From a minute on, how many minutes a step has.
        rules: Rules, in lines of the scenario language.
        market, doubt, faults, crowds, script, checks: As their classes say.
        attackers: Starts of the names of accounts whose profit is counted together.
    """

    name: str
    title: str
    teaches: tuple[str, ...]
    not_told: tuple[str, ...]
    path: Scenario
    own: Scenario | None
    steps: tuple[tuple[int, int], ...]
    rules: str
    market: Market
    doubt: Doubt
    faults: tuple[Fault, ...]
    crowds: tuple[Crowd, ...]
    script: tuple[Script, ...]
    checks: tuple[Check, ...]
    attackers: tuple[str, ...]

    @property
    def accounts(self) -> int:
        """Size of all crowds as the file was written."""
        return sum(each.accounts for each in self.crowds)


@lru_cache(maxsize=1)
def named_incidents() -> dict[str, Incident]:
    """The incidents that ship with the package, by name, the oldest first."""
    folder = resources.files("crossmargin.incidents") / "named"
    files = sorted(each.name for each in folder.iterdir() if each.name.endswith(".toml"))
    found = [_incident(each.removesuffix(".toml"), (folder / each).read_text("utf-8"), each) for each in files]
    return {each.name: each for each in sorted(found, key=lambda each: each.path.start)}


def read_incident(place: str) -> Incident:
    """A named incident, or one from a file.

    Raises:
        InputError: no such name or file, or the file's key and problem.
    """
    known = named_incidents()
    if place in known:
        return known[place]
    if not place.endswith(".toml"):
        raise InputError("incident", "", f"{place!r} is none of {', '.join(known)}, and no .toml file")
    return _incident(place.rpartition("/")[2].removesuffix(".toml"), read_text(place), place)


def _incident(name: str, text: str, source: str) -> Incident:
    entry = convert(parse_toml(text, source), _File, source)
    if isinstance(entry.path, str):
        known = named_scenarios()
        if entry.path not in known:
            raise InputError(source, "path", f"{entry.path!r} is not a known path: choose one of {', '.join(known)}")
        path = known[entry.path]
    else:
        path = scenario_of(name, {**entry.path, "absolute": True}, source)
    own = None
    if entry.own:
        start = {"start": entry.path["start"]} if isinstance(entry.path, dict) else {"start": "2000-01-01T00:00:00Z"}
        own = scenario_of(name, {**start, "levels": entry.own, "absolute": True}, source)
    if not entry.steps or entry.steps[0][0] != 0 or any(step <= 0 for _, step in entry.steps):
        raise InputError(source, "steps", "the first pair is [0, MINUTES], and every step has at least one minute")
    same = ("title", "teaches", "not_told", "steps", "rules", "market", "doubt", "faults", "crowds", "script", "checks")
    fields: dict[str, Any] = {field: getattr(entry, field) for field in (*same, "attackers")}
    return Incident(name=name, path=path, own=own, **fields)


def share_at(points: tuple[tuple[int, NonNegative], ...], minute: Decimal) -> Decimal:
    """A share at a minute: straight lines between points, level after the last."""
    before = points[0]
    for point in points:
        if point[0] > minute:
            way = Decimal(minute - before[0]) / (point[0] - before[0])
            return before[1] + (point[1] - before[1]) * way
        before = point
    return Decimal(before[1])
