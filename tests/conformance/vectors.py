"""The vectors as cases: what is in scope, how a figure is held against the published one."""

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from crossmargin.domain.account import Side
from crossmargin.domain.arithmetic import ONE

FILES = ("venues.json", "venues_more.json", "engines.json")
ENGINES = "engines.json"
MODEL = "dydx"  # the one engine of the third file whose rules are a venue's
PUBLISHED = 392  # cases in scope when this was written: what a run without the files leaves out

PEERS_OWN = {
    "naut_": "a formula of NautilusTrader's own margin model, not of a venue",
    "hb_": "a formula of Hummingbot's own collateral model, not of a venue",
    "jesse_": "a formula of Jesse's own, not of a venue",
    "liq_jesse_": "a formula of Jesse's own, not of a venue",
}
FUNDING_WINDOW = "which settlements fall between two clock times is a convention of the peer, not of a venue"

JUDGED_WRONG: dict[str, str] = {}
"""Cases whose source contradicts itself, with the arithmetic that shows it; at most 5."""


class Expectation(NamedTuple):
    """One published figure and how near ours has to come."""

    name: str
    value: Decimal
    tolerance: Decimal
    relative: bool

    def met(self, ours: Decimal) -> bool:
        """Whether our figure lies within the vector's own tolerance."""
        allowed = self.tolerance * abs(self.value) if self.relative else self.tolerance
        return abs(ours - self.value) <= allowed


class Case(NamedTuple):
    """One vector."""

    file: str
    id: str
    venue: str
    kind: str
    formula: str
    inputs: dict[str, Any]
    expected: tuple[Expectation, ...]

    def __contains__(self, name: object) -> bool:
        """Whether an input is given."""
        return name in self.inputs

    def number(self, *names: str, default: Decimal | None = None) -> Decimal:
        """The input under the first of these names."""
        for name in names:
            value = self.inputs.get(name)
            if isinstance(value, Decimal):
                return value
        if default is None:
            raise KeyError(f"no input {' or '.join(names)} among {', '.join(self.inputs)}")
        return default

    def numbers(self, name: str) -> list[Decimal]:
        """A list of numbers, or one number as a list."""
        value = self.inputs[name]
        found = list(value) if isinstance(value, list) else [value]
        assert all(isinstance(each, Decimal) for each in found), f"{name}: {value}"
        return found

    @property
    def side(self) -> Side:
        """Direction of the position: as an input says, else as the id says, else long."""
        if "side" in self.inputs:
            return Side(self.inputs["side"])
        if "s" in self.inputs:
            return Side.LONG if self.number("s") > 0 else Side.SHORT
        return Side.SHORT if "short" in self.id.split("-") else Side.LONG


def read_cases(folder: Path) -> list[Case]:
    """Every case in scope in the files of a folder; none where there are no files."""
    return [case for file in FILES for case in read_file(folder / file)]


def read_file(path: Path) -> Iterator[Case]:
    """Cases in scope of one file, in its order."""
    if not path.is_file():
        return
    document = json.loads(path.read_text("utf-8"), parse_float=Decimal, parse_int=Decimal)
    for raw in document["vectors"] if "vectors" in document else document["cases"]:
        if path.name == ENGINES:
            if raw["model"] == MODEL:
                yield engine_case(raw)
        else:
            yield Case(
                file=path.name,
                id=raw["id"],
                venue=raw["venue"],
                kind=raw.get("kind", ""),
                formula=raw.get("formula", ""),
                inputs={name: as_number(value) for name, value in raw["inputs"].items()},
                expected=tuple(expectations(raw)),
            )


def engine_case(raw: dict[str, Any]) -> Case:
    """A case of the file of engines: known by its kind, its inputs in nested tables."""
    return Case(
        file=ENGINES,
        id=raw["id"],
        venue=raw["model"],
        kind=raw["kind"],
        formula=f"{raw['model']} {raw['kind']}",
        inputs={name: deep(raw.get(name, {})) for name in ("instruments", "account", "marks", "params")},
        expected=tuple(outcomes(raw["expected"], raw.get("tol") or {})),
    )


def deep(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Nested tables and lists with their numbers as numbers."""
    if isinstance(value, dict):
        return {name: deep(each) for name, each in value.items()}
    return [deep(each) for each in value] if isinstance(value, list) else as_number(value)


def outcomes(expected: dict[str, Any], tolerance: dict[str, Any], at: str = "") -> Iterator[Expectation]:
    """Outcomes of an engine: exact unless the case says otherwise.

    A word is asked for as the figure ``name=word`` with the value 1, a table of positions by its length and members.
    """
    for name, value in expected.items():
        if isinstance(value, dict):
            if name == "positions":
                yield Expectation(f"{at}positions", Decimal(len(value)), Decimal(0), relative=False)
            yield from outcomes(value, tolerance, f"{at}{name}.")
            continue
        figure = as_number(yes(value) if isinstance(value, bool) else value)
        if not isinstance(figure, Decimal):
            yield Expectation(f"{at}{name}={figure}", ONE, Decimal(0), relative=False)
            continue
        relative = "rel" in tolerance
        allowed = Decimal(tolerance.get("rel", tolerance.get("abs", 0)))
        yield Expectation(f"{at}{name}", figure, allowed, relative=relative)


def expectations(raw: dict[str, Any]) -> Iterator[Expectation]:
    """Published figures: by name in the one file, by place in the other (whose tolerances are absolute)."""
    if "tolerance" not in raw:
        for each in raw["expected"]:
            yield Expectation(
                each["name"], Decimal(each["value"]), Decimal(each["tol"]), relative=each["kind"] == "rel"
            )
        return
    figures = raw["expected"] if isinstance(raw["expected"], list) else [raw["expected"]]
    for place, figure in enumerate(figures):
        yield Expectation(str(place), figure, raw["tolerance"], relative=False)


def as_number(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """A number written as text becomes one; all else stays."""
    if not isinstance(value, str):
        return value
    try:
        return Decimal(value)
    except InvalidOperation:
        return value


def excluded(case: Case) -> str | None:
    """Why a case is none of a venue's rules; None for all others."""
    if case.formula == "funding" and "events" in case:
        return FUNDING_WINDOW
    return next((why for start, why in PEERS_OWN.items() if case.formula.startswith(start)), None)


def yes(answer: object) -> Decimal:
    """1 or 0, as the vectors write yes and no."""
    return ONE if answer else ONE - ONE
