"""The JSON Schemas of the account file and the what-if file, made from the Structs that read them.

``python -m crossmargin.formats.schema`` writes the stored copies again; a test keeps them so.
"""

import inspect
import json
import re
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from crossmargin.domain.account import Account, AttachedStop, Order, Position
from crossmargin.domain.documents import Moment
from crossmargin.domain.instrument import Instrument
from crossmargin.domain.marks import Marks
from crossmargin.domain.numbers import Amount, NonNegative, Positive
from crossmargin.formats.account_shape import (
    AccountFile,
    CollateralEntry,
    CurrencyEntry,
    InstrumentEntry,
    OrderEntry,
    PositionEntry,
    StopEntry,
    TierEntry,
    TrailingEntry,
)
from crossmargin.formats.changes_file import ChangesFile
from crossmargin.rulebook.collateral import Collateral, Slice
from crossmargin.rulebook.load import SliceRow, TierRow
from crossmargin.rulebook.tiers import Tier

__all__ = ["account_schema", "changes_schema", "written"]

FILE = "schema/account-file.schema.json"
CHANGES = "schema/changes.schema.json"

_END = r"$(?!\n)"  # Python's $ would let a line end pass
_DIGITS = r"(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?" + _END


def _number(text: str, pattern: str, **bounds: int) -> dict[str, Any]:
    quoted = {"type": "string", "pattern": pattern, "maxLength": 60}
    return {
        "description": f"{text}, quoted or not; read exactly as written.",
        "anyOf": [quoted, {"type": "number", **bounds}],
    }


_SCALARS: dict[type, dict[str, Any]] = {
    Amount: _number("A number", f"^-?{_DIGITS}"),
    NonNegative: _number("A number, zero or more", f"^{_DIGITS}", minimum=0),
    Positive: _number("A number above zero", f"^(?=[0.]*[1-9]){_DIGITS}", exclusiveMinimum=0),
    Moment: {
        "description": "A day (its first second) or a time; without zone it is UTC.",
        "type": "string",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].+)?" + _END,
    },
}
_ANY = {"type": ["string", "boolean", "number", "array", "object", "null"]}
_PLAIN = {str: "string", bool: "boolean", type(None): "null"}

_SAME_NAMES: dict[type[Struct], tuple[type[Struct], ...]] = {
    # the Structs of the domain explain the keys that they share with the file
    AccountFile: (Account, Marks),
    PositionEntry: (Position,),
    OrderEntry: (Order,),
    InstrumentEntry: (Instrument,),
    StopEntry: (AttachedStop,),
    TierEntry: (Tier,),
    TierRow: (Tier,),
    SliceRow: (Slice,),
    CollateralEntry: (Collateral,),
}
_OWN_NAMES: dict[type[Struct], dict[str, str]] = {
    AccountFile: {
        "venue": "Rule set; `crossmargin venues` lists them.",
        "account_mode": "How collateral is shared; the venue's first mode where absent.",
        "rules": "Rules replaced for this file alone, by key of the rulebook, each of the type that its key has there.",
        "liabilities": "Borrowed amounts per currency (multi-currency mode).",
        "collateral": "Which assets count as collateral, and how much of them (multi-currency mode).",
        "currencies": "Settings per currency.",
        "marks": "Price used for risk, by venue id or unified name.",
        "instruments": "Instruments defined or overridden in part for this file alone, by venue id.",
    },
    PositionEntry: {
        "instrument": "The venue's id, or the unified name, for example BTC/USDT:USDT.",
        "base_size": "Size in base currency, in place of contracts; exactly one size is given.",
        "quote_size": "Size in quote currency at entry, in place of contracts; exactly one size is given.",
        "liability_currency": "Spot-margin only: the currency borrowed (quote if long, base if short).",
    },
    OrderEntry: {
        "instrument": "The venue's id, or the unified name, for example BTC/USDT:USDT.",
        "base_size": "Size in base currency, in place of contracts; exactly one size is given.",
        "quote_size": "Size in quote currency at its price, in place of contracts; only one is given.",
    },
    InstrumentEntry: {
        "contract_value_currency": "Checked if given: base currency if linear, quote currency if inverse.",
        "tiers": "Maintenance tiers in ascending order; they replace the rulebook's.",
    },
    TierEntry: {
        "unit": "What up_to counts; all tiers of one margin mode have the same.",
        "margin_mode": "The margin mode that the tier holds for; both where absent.",
    },
    TrailingEntry: {
        "percent": "Distance as a fraction, 0.05 for 5 %; or give distance.",
        "distance": "Distance in quote currency; or give percent.",
        "on": "What it trails: last price, mark price or account equity.",
    },
    SliceRow: {"up_to": "Upper bound of the slice, units of the currency; left out on an open-ended last slice."},
    CurrencyEntry: {"quantum": "Smallest amount that can move."},
    ChangesFile: {"changes": "In order: a later one sees what the earlier ones left."},
    CollateralEntry: {
        "enabled": "Whether a positive amount counts at all.",
        "tiers": "Slices of the amount and how much of each counts, ascending; they replace the rulebook's.",
        "loan_tiers": "Margin rates of what is owed in the currency, by borrowed amount, ascending.",
    },
}


_OF_CHANGES = {
    "instrument": "The venue's id, or the unified name, for example BTC/USDT:USDT.",
    "side": "Side of the order, or of the position that is meant.",
    "contracts": "Size in contracts; all of a position where absent.",
    "price": "Price of the order or execution; where absent, the mark.",
    "type": "Kind of order.",
    "margin_mode": "Pool of the position.",
    "leverage": "Leverage of what is opened, or the new one; the instrument's own where absent.",
    "position_side": "Hedge mode: the side that is opened or closed.",
    "reduce_only": "It never opens.",
    "margin_currency": "Spot-margin: the currency that backs it.",
    "fee": "Amount charged, settlement currency; taker rate x value where absent.",
    "currency": "Currency of the amount.",
    "amount": "How much money moves.",
    "direction": "Into the trading account, or out of it.",
    "position_mode": "New mode.",
    "marks": "New mark by instrument.",
    "moves": "Move by coin, a fraction above -1: -0.2 is a fall of 20 %.",
    "rates": "Rate by instrument; the account file's funding_rate where absent.",
    "hourly_rate": "Rate of one hour.",
    "hours": "How many hours.",
    "trigger_price": "Mark at which it fires.",
    "slippage": "Part of the trigger price that is lost: 0.002 is 0.2 %.",
}


def account_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the account file, as it reads in JSON."""
    return _whole(AccountFile, "crossmargin account file")


def changes_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the what-if file, as it reads in JSON."""
    return _whole(ChangesFile, "crossmargin what-if file")


def written(file: str = FILE) -> str:
    """A stored copy's text."""
    return resources.files("crossmargin.formats").joinpath(file).read_text("utf-8")


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2) + "\n"


def _whole(shape: type[Struct], title: str) -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    _of(shape, definitions)
    schema = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": schema, "title": title, **definitions.pop(shape.__name__), "$defs": definitions}


def _of(shape: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - any type
    """Schema of one type; Structs and numbers are put among the definitions and referred to."""
    arguments = get_args(shape)
    if shape is Any:
        return dict(_ANY)
    if shape in _PLAIN:
        return {"type": _PLAIN[shape]}
    if get_origin(shape) is Literal:
        return {"enum": list(arguments)}
    if get_origin(shape) is dict:
        return {"type": "object", "additionalProperties": _of(arguments[1], definitions)}
    if get_origin(shape) is tuple:
        return {"type": "array", "items": _of(arguments[0], definitions)}
    if arguments:
        return {"anyOf": [_of(each, definitions) for each in arguments]}
    return _named(shape, definitions)


def _named(shape: type, definitions: dict[str, Any]) -> dict[str, Any]:
    if issubclass(shape, Enum):
        return {"enum": [each.value for each in shape]}
    if shape.__name__ not in definitions:
        definitions[shape.__name__] = _SCALARS.get(shape)
        if issubclass(shape, Struct):
            definitions[shape.__name__] = _struct(shape, definitions)
    return {"$ref": f"#/$defs/{shape.__name__}"}


def _struct(shape: type[Struct], definitions: dict[str, Any]) -> dict[str, Any]:
    fields = msgspec.structs.fields(shape)
    texts = _descriptions(shape)
    properties = {
        each.encode_name: {"description": texts[each.name], **_default(each), **_of(each.type, definitions)}
        for each in fields
    }
    summary = (inspect.getdoc(shape) or "").partition("\n")[0].replace("`", "")
    found: dict[str, Any] = {"description": summary, "type": "object", "properties": properties}
    required = [each.encode_name for each in fields if each.required]
    config = shape.__struct_config__
    if config.tag_field is not None:
        told = {"description": "What kind of change it is.", "const": config.tag}
        found["properties"] = {config.tag_field: told, **properties}
        required.insert(0, config.tag_field)
    if required:
        found["required"] = required
    return found | {"additionalProperties": False}


def _default(field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    if field.default in (msgspec.NODEFAULT, None, ""):
        return {}
    value = field.default
    if isinstance(value, Amount):
        return {"default": str(value)}
    return {"default": [] if value == () else msgspec.to_builtins(value)}


def _descriptions(shape: type[Struct]) -> dict[str, str]:
    texts: dict[str, str] = dict(_OF_CHANGES) if shape.__struct_config__.tag_field else {}
    for explained in _SAME_NAMES.get(shape, ()):
        texts |= _attributes(inspect.getdoc(explained) or "")
    return texts | _OWN_NAMES.get(shape, {})


def _attributes(doc: str) -> dict[str, str]:
    """What the Attributes section of a docstring says of each name."""
    section = doc.partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()).replace("`", "") for name, text in found}


if __name__ == "__main__":
    for file, schema in ((FILE, account_schema()), (CHANGES, changes_schema())):
        Path(__file__).with_name("schema").joinpath(Path(file).name).write_text(_text(schema), "utf-8")
