"""The JSON Schema of the report, derived from the Structs whose fields it prints."""

from typing import Any

from crossmargin.margin.assess import CurrencyFigures, PositionFigures
from crossmargin.margin.shares import Share

__all__ = ["report_schema"]

FILE = "schema/report.schema.json"

_AMOUNT = {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"}
_MAYBE = {"anyOf": [_AMOUNT, {"type": "null"}]}
_TEXT = {"type": "string"}
_STATUS = {"enum": ["safe", "warning", "liquidation"]}
_PRICES = (
    "liquidation_price",
    "liquidation_price_down",
    "liquidation_price_up",
    "bankruptcy_price",
    "break_even_price",
    "distance",
)
_WORDS = {"id", "instrument", "side", "margin_mode", "settle", "margin_currency"}
_NULLABLE = {"margin", "pnl_ratio", "margin_ratio", "leverage", "exposure_ratio", *_PRICES, *Share.__struct_fields__}


def report_schema() -> dict[str, Any]:
    """Build the schema: the keys of docs/spec.md 4, amounts as plain decimal text, null where a reason stands."""
    account = {name: _MAYBE for name in ("total_equity_usd", "adjusted_equity", "margin_ratio")}
    account |= {name: _MAYBE for name in ("initial_margin_usd", "maintenance_margin_usd")}
    order: dict[str, Any] = {name: _TEXT for name in ("id", "instrument", "side", "state")}
    order |= {
        "margin": _AMOUNT,
        "fee": _AMOUNT,
        "accepted": {"type": ["boolean", "null"]},
        "reason": {"type": ["string", "null"]},
    }
    position = {**_fields(PositionFigures.__struct_fields__), **_fields(_PRICES), **_fields(Share.__struct_fields__)}
    currency = _fields(CurrencyFigures.__struct_fields__)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "crossmargin report",
        "description": "What `crossmargin assess FILE --json` prints; docs/reference/figures.md explains each figure.",
        **_table(
            {
                "venue": _TEXT,
                "rulebook": _TEXT,
                "status": _STATUS,
                "assumptions": {"type": "array", "items": _TEXT},
                "currencies": {"type": "object", "additionalProperties": _table(currency)},
                "account": _table({**account, "status": _STATUS}),
                "positions": {"type": "array", "items": _table(position)},
                "orders": {"type": "array", "items": _table(order)},
                "venue_fields": {"type": "object"},
                "warnings": {"type": "array", "items": _TEXT},
                "reasons": {"type": "object", "additionalProperties": _TEXT},
            }
        ),
    }


def _fields(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _kind(name) for name in names}


def _kind(name: str) -> dict[str, Any]:
    if name == "status":
        return _STATUS
    if name == "tier":
        return {"type": ["integer", "null"], "minimum": 1}
    if name in _WORDS:
        return _TEXT
    return _MAYBE if name in _NULLABLE else _AMOUNT


def _table(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
