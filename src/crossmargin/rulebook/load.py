"""Rulebook files: find the right date, check every key, build the frozen Rulebook."""

from datetime import date, datetime
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

from msgspec import Struct

from crossmargin.domain.account import AccountMode, MarginMode
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.documents import convert, parse_toml
from crossmargin.domain.instrument import ContractType, Instrument, Kind, OptionType
from crossmargin.domain.numbers import Amount, NonNegative, Positive
from crossmargin.errors import InputError, RulebookError
from crossmargin.rulebook.collateral import Collateral, Slice
from crossmargin.rulebook.liquidation_rules import LiquidationRules
from crossmargin.rulebook.model import Rulebook, Template, TierKey
from crossmargin.rulebook.rules import Rules
from crossmargin.rulebook.tiers import Tier, TierTable, deductions

__all__ = [
    "CollateralEntry",
    "SliceRow",
    "TierRow",
    "collateral",
    "load",
    "parse",
    "parse_tiers",
    "tier_table",
    "venues",
]


class _InstrumentEntry(Struct, forbid_unknown_fields=True, kw_only=True):
    kind: Kind
    base: str = ""
    quote: str = ""
    settle: str
    contract_type: ContractType = ContractType.LINEAR
    contract_value: Positive = Positive(1)
    multiplier: Positive = Positive(1)
    family: str = ""
    unified: str = ""
    expiry: datetime | None = None
    option_type: OptionType | None = None
    strike: Positive | None = None
    taker_fee: Amount | None = None
    maker_fee: Amount | None = None
    tick_size: Positive | None = None
    lot_size: Positive | None = None
    min_size: Positive | None = None


class _TemplateEntry(_InstrumentEntry, kw_only=True):
    id: str


class TierRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """One bracket as a file writes it; `crossmargin.rulebook.tiers.Tier` explains the keys."""

    maintenance_rate: NonNegative
    up_to: Positive | None = None
    max_leverage: Positive | None = None
    initial_rate: NonNegative | None = None
    deduction: NonNegative | None = None
    slope: NonNegative = NonNegative(0)
    open_interest_low: Positive | None = None
    open_interest_high: Positive | None = None
    factor: Positive = Positive(1)


class _TierEntry(Struct, forbid_unknown_fields=True, kw_only=True):
    kind: Kind = Kind.PERPETUAL
    families: tuple[str, ...]
    margin_modes: tuple[MarginMode, ...] = (MarginMode.CROSS, MarginMode.ISOLATED)
    unit: Literal["contracts", "notional", "borrowed", "base"] | None = None
    effective_from: date | None = None
    source: str = ""
    columns: tuple[str, ...] = ("up_to", "maintenance_rate", "max_leverage")
    rows: tuple[tuple[Any, ...], ...]


class SliceRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """One slice of a currency as collateral."""

    rate: NonNegative
    up_to: Positive | None = None


class CollateralEntry(Struct, forbid_unknown_fields=True, kw_only=True):
    """How one currency counts as collateral, and the tiers of a loan in it."""

    enabled: bool = True
    tiers: tuple[SliceRow, ...] = ()
    bid_buffer: NonNegative = NonNegative(0)
    ask_buffer: NonNegative = NonNegative(0)
    loan_tiers: tuple[TierRow, ...] = ()
    source: str = ""


class _Example(Struct, forbid_unknown_fields=True, kw_only=True):
    say: str
    source: str
    expect: dict[str, str]
    book: dict[str, Any]


class _File(Struct, forbid_unknown_fields=True, kw_only=True):
    venue: str
    title: str
    effective_from: date
    source: str
    retrieved: date
    ccxt: str = ""
    rules: Rules
    liquidation: LiquidationRules = LiquidationRules()
    evidence: dict[str, str] = {}
    refusals: dict[str, str] = {}
    venue_fields: dict[str, dict[str, str]] = {}
    collateral: dict[str, CollateralEntry] = {}
    instruments: dict[str, _InstrumentEntry] = {}
    template: tuple[_TemplateEntry, ...] = ()
    tiers: tuple[_TierEntry, ...] = ()
    example: tuple[_Example, ...] = ()


class _TierFile(Struct, forbid_unknown_fields=True, kw_only=True):
    tiers: tuple[_TierEntry, ...]


def venues() -> tuple[str, ...]:
    """Names of the rulebooks that ship with the package, in alphabetical order."""
    return tuple(sorted({_venue_of(name) for name in _files()}))


@lru_cache(maxsize=64)
def load(venue: str, on: date | None = None, account_mode: AccountMode | None = None) -> Rulebook:
    """Load the rules of a venue as they were on a day.

    Args:
        venue: A name from `venues()`.
        on: The day; None takes the newest rules and tiers.
        account_mode: Mode of the account, where the venue has several rulebooks; None takes its first.

    Raises:
        RulebookError: no such venue, no rules for that day, or a file that is wrong (file, key, problem).

    >>> load("textbook").rules.trigger
    '<='
    """
    names = sorted(name for name in _files() if _venue_of(name) == venue)
    if not names:
        near = get_close_matches(venue.lower(), venues(), 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise RulebookError(venue, "venue", f"not known: choose one of {', '.join(venues())}{meant}")
    books = [_built(_shipped(name), f"{name}.toml", on) for name in names]
    offered = [book for book in books if account_mode is None or account_mode in book.rules.account_modes]
    books = offered or books
    current = [book for book in books if on is None or book.effective_from <= on]
    if not current:
        first = min(book.effective_from for book in books)
        raise RulebookError(venue, "as_of", f"{on} lies before the first rules that we have ({first})")
    if account_mode is None:
        current = [book for book in current if book.rules.account_modes == current[0].rules.account_modes]
    return max(current, key=lambda book: book.effective_from)


def _venue_of(name: str) -> str:
    """Venue of a file name: ``okx.multi_currency@2024-10-01`` is a book of okx."""
    return name.partition("@")[0].partition(".")[0]


def _text(name: str) -> str:
    text: str = _files()[name].read_text("utf-8")
    return text


def parse(text: str, file: str, on: date | None = None) -> Rulebook:
    """Check the text of one rulebook file and build the Rulebook.

    Args:
        text: TOML.
        file: Name for messages.
        on: Day that picks among dated tier tables; None takes the newest.

    Raises:
        RulebookError: file, key, problem.
    """
    return _built(_checked(text, file), file, on)


@lru_cache(maxsize=64)
def _shipped(name: str) -> _File:
    """A file of the package, read once whatever days are asked about."""
    return _checked(_text(name), f"{name}.toml")


def _checked(text: str, file: str) -> _File:
    try:
        return convert(_extended(parse_toml(text, file), file), _File, file)
    except InputError as error:
        raise RulebookError(file, error.field or "file", error.problem) from None


def _built(entry: _File, file: str, on: date | None) -> Rulebook:
    """The rulebook of a checked file as of a day."""
    return Rulebook(
        venue=entry.venue,
        title=entry.title,
        effective_from=entry.effective_from,
        source=entry.source,
        retrieved=entry.retrieved,
        ccxt=entry.ccxt,
        rules=entry.rules,
        liquidation=entry.liquidation,
        instruments={id: _instrument(file, id, each) for id, each in entry.instruments.items()},
        templates=tuple(_template(each) for each in entry.template),
        tiers={**_current_tiers(file, entry.tiers, entry.rules, on), **_loan_tiers(file, entry)},
        collateral={currency: _collateral(file, currency, each) for currency, each in entry.collateral.items()},
        evidence=entry.evidence,
        refusal_codes=entry.refusals,
        venue_fields=entry.venue_fields,
        examples=tuple(
            {"say": each.say, "source": each.source, "expect": each.expect, "book": each.book} for each in entry.example
        ),
    )


def parse_tiers(text: str, file: str, rules: Rules, on: date | None = None) -> dict[TierKey, TierTable]:
    """Read a file that holds only [[tiers]], as `crossmargin venues --update` writes it.

    Raises:
        RulebookError: file, key, problem.
    """
    try:
        entry = convert(parse_toml(text, file), _TierFile, file)
    except InputError as error:
        raise RulebookError(file, error.field or "file", error.problem) from None
    return _current_tiers(file, entry.tiers, rules, on)


def _extended(raw: dict[str, Any], file: str) -> dict[str, Any]:
    """A file may extend another: tables are merged key by key, lists are appended, examples are its own."""
    base_name = raw.pop("extends", None)
    if base_name is None:
        return raw
    if base_name not in _files():
        raise InputError(file, "extends", f"no rulebook file {base_name!r}")
    merged = parse_toml(_text(base_name), f"{base_name}.toml")
    merged.pop("example", None)
    for key, value in raw.items():
        known = merged.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            merged[key] = {**known, **value}
        elif isinstance(known, list) and isinstance(value, list):
            merged[key] = [*known, *value]
        else:
            merged[key] = value
    return merged


def tier_table(
    rows: tuple[TierRow, ...],
    rules: Rules,
    unit: str | None = None,
    *,
    effective_from: date | None = None,
    source: str = "",
) -> TierTable:
    """Build a table from rows in ascending order; missing deductions of marginal tiers are computed.

    A first row with a deduction of its own is taken as the one bracket that matters ("rate and cum", as venues
    print them); every further row has to continue it without a jump.

    Raises:
        ValueError: bounds that do not ascend, rates that fall, or a deduction that makes the margin jump.
    """
    marginal = rules.tier_scheme == "marginal" or any(row.deduction is not None for row in rows)
    floors = [ZERO, *(row.up_to or ZERO for row in rows[:-1])]
    first = rows[0].deduction or ZERO
    computed = [first + each for each in deductions(floors, [row.maintenance_rate for row in rows])]
    for index, row in enumerate(rows):
        if row.up_to is None and index + 1 < len(rows):
            raise ValueError(f"row {index}: only the last tier may be without up_to")
        if index and row.up_to is not None and row.up_to <= floors[index]:
            raise ValueError(f"row {index}: up_to {row.up_to} is not above the tier before it")
        if index and row.maintenance_rate < rows[index - 1].maintenance_rate:
            raise ValueError(f"row {index}: maintenance_rate {row.maintenance_rate} is below the tier before it")
        if row.deduction is not None and row.deduction != computed[index]:
            expected = computed[index]
            raise ValueError(f"row {index}: deduction {row.deduction} makes the margin jump: {expected} expected")
    tiers = tuple(
        Tier(
            maintenance_rate=row.maintenance_rate,
            up_to=row.up_to,
            max_leverage=row.max_leverage,
            initial_rate=row.initial_rate,
            deduction=computed[index] if marginal else ZERO,
            slope=row.slope,
            open_interest_low=row.open_interest_low,
            open_interest_high=row.open_interest_high,
            factor=row.factor,
        )
        for index, row in enumerate(rows)
    )
    return TierTable(
        tiers=tiers,
        unit=unit or rules.tier_unit,
        scheme="marginal" if marginal else rules.tier_scheme,
        inclusive=rules.tier_bound == "inclusive",
        effective_from=effective_from,
        source=source,
    )


def collateral(entry: CollateralEntry) -> Collateral:
    """Build a collateral curve from its entry.

    Raises:
        ValueError: slices that do not ascend, or a rate above 1.
    """
    last = ZERO
    for index, row in enumerate(entry.tiers):
        if row.rate > 1:
            raise ValueError(f"tiers[{index}].rate: {row.rate} is above 1")
        if row.up_to is None and index + 1 < len(entry.tiers):
            raise ValueError(f"tiers[{index}]: only the last slice may be without up_to")
        if row.up_to is not None and row.up_to <= last:
            raise ValueError(f"tiers[{index}].up_to: {row.up_to} is not above the slice before it")
        last = row.up_to if row.up_to is not None else last
    return Collateral(
        slices=tuple(Slice(rate=row.rate, up_to=row.up_to) for row in entry.tiers),
        enabled=entry.enabled,
        bid_buffer=entry.bid_buffer,
        ask_buffer=entry.ask_buffer,
        source=entry.source,
    )


@lru_cache(maxsize=1)
def _files() -> dict[str, Any]:
    folder = resources.files("crossmargin.rulebook").joinpath("venues")
    return {path.name.removesuffix(".toml"): path for path in folder.iterdir() if path.name.endswith(".toml")}


def _instrument(file: str, id: str, entry: _InstrumentEntry) -> Instrument:
    if not entry.base or not entry.quote:
        raise RulebookError(file, f'instruments."{id}"', "base and quote are missing")
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    return Instrument(**{"id": id, **fields})


def _template(entry: _TemplateEntry) -> Template:
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    for name in ("id", "unified"):
        fields.pop(name)
    for name in ("base", "quote"):
        if not fields[name]:
            fields.pop(name)
    return Template(id=entry.id, unified=entry.unified, fields=fields)


def _current_tiers(
    file: str, entries: tuple[_TierEntry, ...], rules: Rules, on: date | None
) -> dict[TierKey, TierTable]:
    """Keep, for each family and margin mode, the newest table that is not later than the day."""
    found: dict[TierKey, TierTable] = {}
    for index, entry in enumerate(entries):
        if on is not None and entry.effective_from is not None and entry.effective_from > on:
            continue
        table = _table(file, index, entry, rules)
        for family in entry.families:
            for mode in entry.margin_modes:
                key = (entry.kind, family, mode)
                if key not in found or _starts(found[key]) <= _starts(table):
                    found[key] = table
    return found


def _collateral(file: str, currency: str, entry: CollateralEntry) -> Collateral:
    try:
        return collateral(entry)
    except ValueError as error:
        raise RulebookError(file, f"collateral.{currency}", str(error)) from None


def _loan_tiers(file: str, content: _File) -> dict[TierKey, TierTable]:
    found: dict[TierKey, TierTable] = {}
    for currency, entry in content.collateral.items():
        if entry.loan_tiers:
            try:
                table = tier_table(entry.loan_tiers, content.rules, "borrowed", source=entry.source)
            except ValueError as error:
                raise RulebookError(file, f"collateral.{currency}.loan_tiers", str(error)) from None
            found[("borrow", currency, MarginMode.CROSS)] = table
    return found


def _starts(table: TierTable) -> date:
    return table.effective_from or date.min


def _table(file: str, index: int, entry: _TierEntry, rules: Rules) -> TierTable:
    where = f"tiers[{index}]"
    rows = []
    for number, values in enumerate(entry.rows):
        if len(values) != len(entry.columns):
            raise RulebookError(file, f"{where}.rows[{number}]", f"{len(entry.columns)} columns expected")
        named = {key: value for key, value in zip(entry.columns, values, strict=True) if value != ""}
        try:
            rows.append(convert(named, TierRow, file, f"{where}.rows[{number}]"))
        except InputError as error:
            raise RulebookError(file, error.field, error.problem) from None
    try:
        return tier_table(
            tuple(rows),
            rules,
            entry.unit,
            effective_from=entry.effective_from,
            source=entry.source,
        )
    except ValueError as error:
        raise RulebookError(file, where, str(error)) from None
