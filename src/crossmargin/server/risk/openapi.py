"""The description of the risk API, OpenAPI 3.1, made from the schemas of file, changes and report."""

from functools import cache
from typing import Any

import crossmargin
from crossmargin.formats.report_schema import report_schema
from crossmargin.formats.schema import account_schema, changes_schema
from crossmargin.server.risk.bounds import BODY_MAX, CHANGES_MAX, ENTRIES_MAX, KEYS_MAX, TIERS_MAX

__all__ = ["document"]

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_AMOUNT = {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"}
_MAYBE = {"anyOf": [_AMOUNT, {"type": "null"}]}
_MAYBE_TEXT = {"type": ["string", "null"]}
_PROBLEMS = {
    "400": "The query or the JSON cannot be read.",
    "401": "The signature is missing or wrong, or the key may not read.",
    "413": "The body is larger, or holds more, than is answered here.",
    "422": "The body is JSON but no account, or a figure needs what it lacks; the line names field and value.",
    "429": "The budget of calls is used up.",
}
_SIGNED: list[dict[str, list[str]]] = [{"key": [], "sign": [], "timestamp": [], "passphrase": []}]
_ANYONE: list[dict[str, list[str]]] = [{}]
_HEADERS = {"key": "KEY", "sign": "SIGN", "timestamp": "TIMESTAMP", "passphrase": "PASSPHRASE"}
_WORDS = {
    "assess": "Every margin figure of the account.",
    "ladder": "Where each leg alone, and a common move of the market, would liquidate the account.",
    "explain": "The lines whose sum is one figure.",
}
_QUERIES: dict[str, list[dict[str, Any]]] = {
    "assess": [],
    "ladder": [{
        "name": "betas", "in": "query", "schema": {"type": "string", "maxLength": 500},
        "description": "How each coin moves with the market: BTC:1,ETH:1.3. Those of a posted file are known already.",
    }],
    "explain": [{
        "name": "figure", "in": "query", "required": True, "schema": {"type": "string", "maxLength": 200},
        "description": "OWNER.NAME, for example USDT.margin_ratio or BTC-USDT-SWAP.liquidation_price.",
    }],
}  # fmt: skip


@cache
def document() -> dict[str, Any]:
    """The whole description."""
    components: dict[str, Any] = {}
    for name, schema in (("Account", account_schema()), ("Changes", changes_schema()), ("Report", report_schema())):
        _take(components, name, schema)
    components |= _answers()
    paths: dict[str, Any] = {}
    for name, words in _WORDS.items():
        answer = {"assess": "Report", "ladder": "Ladder", "explain": "Explanation"}[name]
        own = _operation(f"{name}Own", f"{words} Of the caller's own account.", answer, _SIGNED, "401")
        posted = _operation(f"{name}Posted", f"{words} Of a posted account file.", answer, _ANYONE, "413", "422")
        own["responses"]["422"] = _problem("422")
        paths[f"/api/risk/{name}"] = {
            "get": own | {"parameters": _QUERIES[name]},
            "post": posted | {"parameters": _QUERIES[name], "requestBody": _body("Account")},
        }
    asked = "Before, after and difference of a list of changes, to the posted account or else to the caller's own."
    operation = _operation("whatIf", asked, "WhatIf", [*_ANYONE, *_SIGNED], "401", "413", "422")
    paths["/api/risk/what-if"] = {"post": operation | {"requestBody": _body("Asked")}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "crossmargin risk API", "version": crossmargin.__version__, "description": _about()},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                name: {"type": "apiKey", "in": "header", "name": f"OK-ACCESS-{header}"}
                for name, header in _HEADERS.items()
            },
        },
    }


def _about() -> str:
    def told(bound: dict[str, int]) -> str:
        return f"{bound['currency']} ({bound['account']} where the whole account is one pool)"

    return (
        f"A body has at most {BODY_MAX} bytes and {KEYS_MAX} keys in a table. Positions and orders together are at "
        f"most {told(ENTRIES_MAX)}, their instruments' tiers {told(TIERS_MAX)}, for a what-if half of that, and "
        f"its changes {told(CHANGES_MAX)}. Requests for one's own account are signed as those under /api/v5."
    )


def _take(components: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    """A published schema among the components: its definitions beside it, its references pointing there."""
    inner = {key: value for key, value in schema.items() if key not in ("$schema", "$defs", "title")}
    for each, definition in ({name: inner} | schema.get("$defs", {})).items():
        components[each] = _moved(definition)


def _moved(schema: Any) -> Any:  # noqa: ANN401 - any part of a schema
    if isinstance(schema, dict):
        return {
            key: value.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _moved(value)
            for key, value in schema.items()
        }
    return [_moved(each) for each in schema] if isinstance(schema, list) else schema


def _answers() -> dict[str, Any]:
    """Answers that have no published schema of their own."""
    inputs = {"type": "object", "additionalProperties": _TEXT}
    line = {"label": _TEXT, "amount": _AMOUNT, "formula": _TEXT, "inputs": inputs}
    line |= {"tier": {"type": ["integer", "null"]}, "rule": _TEXT, "source": _TEXT}
    leg = {"id": _TEXT, "mark_price": _AMOUNT, "reason": _MAYBE_TEXT, "venue_reason": _MAYBE_TEXT}
    prices = ("liquidation_price", "down", "up", "distance", "bankruptcy_price", "venue_prints")
    leg |= dict.fromkeys(prices, _MAYBE)
    moved = {"type": "object", "additionalProperties": _AMOUNT}
    move = {"pool": _TEXT, "down": _MAYBE, "up": _MAYBE, "prices_down": moved, "prices_up": moved}
    step = {"change": {"type": "object"}, "done": {"type": "boolean"}, "refusal": _MAYBE_TEXT, "code": _MAYBE_TEXT}
    ladder = {"venue": _TEXT, "rulebook": _TEXT, "legs": _list(_table(leg)), "assumptions": _TEXTS}
    asked = {"account": _ref("Account"), "changes": {**_list(_change()), "maxItems": CHANGES_MAX["currency"]}}
    what_if = {"before": _ref("Report"), "after": _ref("Report"), "refusals": _TEXTS}
    what_if["difference"] = {"type": "object", "additionalProperties": moved}
    what_if["steps"] = _list(_table(step | {"notes": _TEXTS}))
    explanation = {"figure": _TEXT, "value": _MAYBE, "unit": _TEXT, "lines": _list(_table(line)), "reason": _MAYBE_TEXT}
    return {
        "Problem": _table({"error": {"type": "string", "pattern": "^.+$"}}),
        "Explanation": _table(explanation),
        "Ladder": _table(ladder, {"market": _list(_table(move))}),
        "Asked": _table({"changes": asked["changes"]}, {"account": asked["account"]}),
        "WhatIf": _table(what_if),
    }


def _change() -> dict[str, Any]:
    found: dict[str, Any] = _moved(changes_schema()["properties"]["changes"]["items"])
    return found


def _table(properties: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties | (optional or {}),
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def _body(name: str) -> dict[str, Any]:
    return {"required": True, "content": _json(name)}


def _problem(status: str) -> dict[str, Any]:
    return {"description": _PROBLEMS[status], "content": _json("Problem")}


def _operation(
    name: str, summary: str, answer: str, security: list[dict[str, list[str]]], *problems: str
) -> dict[str, Any]:
    responses = {"200": {"description": summary, "content": _json(answer)}}
    responses |= {status: _problem(status) for status in ("400", *problems, "429")}
    return {"operationId": name, "summary": summary, "security": security, "responses": responses}
