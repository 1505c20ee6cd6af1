"""A rulebook: one venue's rules, instruments and tiers on one day. Frozen; looked up, never changed."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Struct

from crossmargin.domain.account import MarginMode
from crossmargin.domain.instrument import Instrument, OptionType
from crossmargin.errors import MissingDataError
from crossmargin.rulebook.collateral import Collateral
from crossmargin.rulebook.liquidation_rules import LiquidationRules
from crossmargin.rulebook.rules import Rules
from crossmargin.rulebook.tiers import TierTable

__all__ = ["Rulebook", "Template", "TierKey"]

TierKey = tuple[str, str, MarginMode]
"""Kind, family (or instrument id), margin mode."""


_PARTS = {
    "{base}": "[A-Z0-9]+?",
    "{quote}": "[A-Z0-9]+?",
    "{expiry}": "[0-9]{6}",
    "{strike}": "[1-9][0-9]{0,9}",
    "{right}": "[CP]",
}
_RIGHTS = {"C": OptionType.CALL, "P": OptionType.PUT}


class Template(Struct, frozen=True):
    """A pattern of ids that are all listed alike, for example ``{base}-{quote}-SWAP`` or ``BTC-USD-{expiry}``.

    Attributes:
        id: The venue's ids; ``{expiry}`` is a day as in 261225, ``{strike}`` a whole number, ``{right}`` C or P.
        unified: The same in the names that most libraries use.
        fields: What all of them share.
        hour: Hour of the day, UTC, at which those with an ``{expiry}`` end.
    """

    id: str
    unified: str
    fields: dict[str, Any]
    hour: int = 8

    def match(self, name: str) -> Instrument | None:
        """Build the instrument that a venue id or unified name stands for, or None."""
        for pattern in (self.id, self.unified):
            found = _pattern(pattern).fullmatch(name)
            if found:
                return self._build(found.groupdict())
        return None

    def _build(self, parts: dict[str, str]) -> Instrument | None:
        fields: dict[str, Any] = {
            "quote": parts.get("quote", ""),
            **self.fields,
            "id": self.id,
            "unified": self.unified,
        }
        for key, value in fields.items():
            if isinstance(value, str):
                fields[key] = value.format(**{"quote": "", **parts})
        fields.setdefault("base", parts.get("base", ""))
        if "expiry" in parts:
            day = _day(parts["expiry"])
            if day is None:
                return None
            fields["expiry"] = day.replace(hour=self.hour)
        if "strike" in parts:
            fields["strike"] = Decimal(parts["strike"])
        if "right" in parts:
            fields["option_type"] = _RIGHTS[parts["right"]]
        return Instrument(**fields)


def _day(text: str) -> datetime | None:
    """A day written as 261225; None where the calendar has no such day."""
    try:
        return datetime(2000 + int(text[:2]), int(text[2:4]), int(text[4:]), tzinfo=UTC)
    except ValueError:
        return None


def _pattern(template: str) -> re.Pattern[str]:
    """Turn ``{base}-{quote}-SWAP`` into a pattern; a name used twice has to be the same twice."""
    seen: set[str] = set()
    parts = []
    for piece in re.split(r"(\{[a-z]+\})", template):
        name = piece.strip("{}")
        if piece not in _PARTS:
            parts.append(re.escape(piece))
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            parts.append(f"(?P<{name}>{_PARTS[piece]})")
    return re.compile("".join(parts))


class Rulebook(Struct, frozen=True, kw_only=True, dict=True):
    """What a venue does, on one day.

    Attributes:
        venue: Name by which it is loaded, for example ``okx``.
        title: Name for people.
        effective_from: First day of these rules.
        source: Where they were read.
        retrieved: When they were read.
        rules: Keys and named formulas.
        liquidation: Steps, charges and ranking of forced closes.
        instruments: Known instruments, by venue id.
        templates: Patterns of instruments listed alike.
        tiers: Tier tables by kind, family and margin mode; tables of one instrument are keyed by its id.
        collateral: How each currency counts as collateral, in account pools.
        evidence: How sure each rule is: S solid, D documented, O observed, 3 third party, R unconfirmed.
        refusal_codes: The venue's own error codes, by reason.
        venue_fields: The venue's names of our figures: currency, position, account.
        examples: Worked examples, run by a test.
        user_tiers: Which tables come from the user's own folder: family and where it was fetched.
        ccxt: Name of the venue's class in ccxt, where its tiers can be fetched.
        assumptions: What was assumed when the rulebook was put together.
    """

    venue: str
    title: str
    effective_from: date
    source: str
    retrieved: date
    rules: Rules
    liquidation: LiquidationRules = LiquidationRules()
    instruments: dict[str, Instrument] = {}
    templates: tuple[Template, ...] = ()
    tiers: dict[TierKey, TierTable] = {}
    collateral: dict[str, Collateral] = {}
    evidence: dict[str, str] = {}
    refusal_codes: dict[str, str] = {}
    venue_fields: dict[str, dict[str, str]] = {}
    examples: tuple[dict[str, Any], ...] = ()
    assumptions: tuple[str, ...] = ()
    user_tiers: dict[str, str] = {}
    ccxt: str = ""

    @property
    def id(self) -> str:
        """Venue and date: ``okx@2024-10-01``."""
        return f"{self.venue}@{self.effective_from.isoformat()}"

    def instrument(self, name: str) -> Instrument:
        """Find an instrument by venue id or unified name.

        Raises:
            MissingDataError: the rulebook does not know it.
        """
        found = self._by_name.get(name)
        if found is None:
            found = next((built for t in self.templates if (built := t.match(name))), None)
            if found is None:
                raise MissingDataError(
                    f'{self.venue}: instrument "{name}" is not known: define it under [instruments."{name}"] '
                    "(kind, base, quote, settle, contract_value, taker_fee, tiers)"
                )
            self._by_name[name] = found
        return found

    def tier_table(self, instrument: Instrument, margin_mode: MarginMode) -> TierTable:
        """Tiers of an instrument under a margin mode.

        Raises:
            MissingDataError: no sourced table; the message says how to give one.
        """
        table = self.tiers.get((instrument.kind, instrument.id, margin_mode))
        if table is None:
            table = self.tiers.get((instrument.kind, instrument.family, margin_mode))
        if table is None:
            table = self.tiers.get((instrument.kind, "*", margin_mode))
        if table is None:
            raise MissingDataError(
                f'{self.venue}: no maintenance tiers known for "{instrument.id}" ({margin_mode}): give them in the '
                f'account file: [instruments."{instrument.id}"] tiers = [{{ up_to = "1000", unit = "contracts", '
                'maintenance_rate = "0.004", max_leverage = "100" }]'
            )
        return table

    def with_instruments(
        self, instruments: Iterable[Instrument], tiers: Mapping[TierKey, TierTable] | None = None
    ) -> "Rulebook":
        """The same rules with instruments or tiers added or replaced."""
        known = {**self.instruments, **{each.id: each for each in instruments}}
        return msgspec.structs.replace(self, instruments=known, tiers={**self.tiers, **(tiers or {})})

    def with_rules(self, **changes: Any) -> "Rulebook":
        """The same rulebook with some rules changed, for example ``available_balance="with_gains"``."""
        return msgspec.structs.replace(self, rules=msgspec.structs.replace(self.rules, **changes))

    @cached_property
    def _by_name(self) -> dict[str, Instrument]:
        names = dict(self.instruments)
        for each in self.instruments.values():
            if each.unified:
                names.setdefault(each.unified, each)
        return names
