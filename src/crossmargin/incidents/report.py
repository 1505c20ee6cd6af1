"""What an incident came to: one page of figures, and the checks that they had to pass."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.arithmetic import plain
from crossmargin.incidents.model import Check, Incident
from crossmargin.incidents.tally import TalliedEngine

__all__ = ["FIGURES", "Report", "Verdict", "report"]

_THOUSAND = 1000

FIGURES = {
    "liquidations": "liquidations",
    "liquidated_usd": "liquidated, USD",
    "book_usd": "... of it into the book",
    "taken_over_usd": "... taken over by funds",
    "fund_usd": "paid into funds, USD",
    "insurance_used_usd": "lost by funds at the worst moment, USD",
    "shortfall_usd": "needed: negative equity when liquidated, USD",
    "cover_one_usd": "... of the largest account",
    "cover_two_usd": "... of the two largest",
    "adl_usd": "deleveraged, USD",
    "haircut_usd": "... what it cost its victims against the mark",
    "overshoot_usd": "... beyond what was missing",
    "victims": "victims",
    "victims_made_worse": "... deleveragings that left a lower ratio",
    "victims_ruined": "... that left a pool at the trigger",
    "hedges_broken": "... that left more net exposure",
    "deficit_records": "deficits recorded",
    "house_usd": "paid by the house, USD",
    "wrong_liquidations": "liquidations that prices elsewhere did not call for",
    "orders_on_false_prices": "orders that opened at a mark that was not so elsewhere",
    "frozen_minutes": "minutes in which some price was in doubt, the longest instrument",
    "attackers_profit_usd": "profit of the attackers, USD",
    "orders_refused": "orders refused",
}
"""Figures in the order of the page, with what they are called there."""


class Verdict(Struct, frozen=True):
    """A check, the figure that it saw, and whether it holds."""

    says: str
    figure: str
    found: Decimal
    holds: bool


class Report(Struct, frozen=True, kw_only=True):
    """One page.

    Attributes:
        incident, title, seed, accounts: What was played.
        commands, state: How many commands, and the hash that they led to.
        figures: By name, in the order of `FIGURES`.
        checks: What had to hold.
        teaches, not_told: From the file.
    """

    incident: str
    title: str
    seed: int
    accounts: int
    commands: int
    state: str
    figures: dict[str, Decimal]
    checks: tuple[Verdict, ...]
    teaches: tuple[str, ...]
    not_told: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(each.holds for each in self.checks)

    def lines(self) -> list[str]:
        """The page as text."""
        figures = [f"{shown(value):>18}  {FIGURES[name]}" for name, value in self.figures.items()]
        checks = [
            f"{'holds' if each.holds else 'FAILS':>18}  {each.says} ({shown(each.found)})" for each in self.checks
        ]
        lessons = [f"  - {each}" for each in self.teaches]
        left = [f"  - {each}" for each in self.not_told]
        head = [self.title, f"{self.accounts} accounts, seed {self.seed}, {self.commands} commands", ""]
        tail = ["", "what it teaches", *lessons, *(["", "what the engine does not tell", *left] if left else [])]
        return [*head, *figures, "", *checks, *tail]


def report(
    incident: Incident, engine: TalliedEngine, *, seed: int, accounts: int, frozen: Mapping[str, Decimal],
    kept: tuple[Decimal, Decimal, Decimal],
) -> Report:  # fmt: skip
    """Make the page of an incident that was played."""
    figures = {name: Decimal(engine.sums[name]) for name in FIGURES}
    short = sorted(engine.shortfalls.values(), reverse=True)
    figures |= {
        "fund_usd": kept[0],
        "insurance_used_usd": kept[1],
        "shortfall_usd": sum(short, Decimal(0)),
        "cover_one_usd": sum(short[:1], Decimal(0)),
        "cover_two_usd": sum(short[:2], Decimal(0)),
        "victims": Decimal(len(engine.victims)),
        "frozen_minutes": max(frozen.values(), default=Decimal(0)),
        "attackers_profit_usd": _profit(incident, engine),
    }
    if not incident.attackers:
        del figures["attackers_profit_usd"]
    return Report(
        incident=incident.name,
        title=incident.title,
        seed=seed,
        accounts=accounts,
        commands=engine.sequence,
        state=engine.digest().hex(),
        figures=figures,
        checks=tuple(_judged(each, figures[each.figure]) for each in incident.checks),
        teaches=incident.teaches,
        not_told=incident.not_told,
    )


def _judged(check: Check, found: Decimal) -> Verdict:
    high = check.at_most is None or found <= Decimal(check.at_most)
    low = check.at_least is None or found >= Decimal(check.at_least)
    return Verdict(check.says, check.figure, found, high and low)


def _profit(incident: Incident, engine: TalliedEngine) -> Decimal:
    """Equity of the attackers less what they put in and did not take out."""
    profit = Decimal(0)
    for owner in engine.state.owners.values():
        if owner.id.startswith(incident.attackers):
            for currency, figures in engine.state.assessment(owner.id).currencies.items():
                net = figures.equity - engine.put_in.get((owner.id, currency), Decimal(0))
                profit += engine.money(currency, net)
    return profit


def shown(value: Decimal) -> str:
    """Whole numbers with commas; cents below a thousand."""
    if value == value.to_integral_value() or abs(value) >= _THOUSAND:
        return f"{value:,.0f}"
    return plain(round(value, 2))
