"""The published JSON Schema: made from the Structs, true of every example, as strict as the door."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from crossmargin.errors import InputError
from crossmargin.formats.account_file import build_book, parse_document
from crossmargin.formats.changes_file import build_changes
from crossmargin.formats.schema import CHANGES, account_schema, changes_schema, written
from crossmargin.rulebook import load, venues

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))
WORKED = [(venue, index) for venue in venues() for index in range(len(load(venue).examples))]
STORED = json.loads(written())
VALIDATOR = jsonschema.Draft202012Validator(STORED)


def as_json(document: object) -> object:
    """The document as it reads in JSON: times are texts."""
    return json.loads(json.dumps(document, default=lambda value: value.isoformat()))


def test_the_stored_schema_is_the_generated_one() -> None:
    """If this fails: python -m crossmargin.formats.schema."""
    jsonschema.Draft202012Validator.check_schema(STORED)

    assert account_schema() == STORED
    assert written() == json.dumps(STORED, indent=2) + "\n"


def test_the_stored_schema_of_changes_is_the_generated_one() -> None:
    """If this fails: python -m crossmargin.formats.schema."""
    stored = json.loads(written(CHANGES))
    jsonschema.Draft202012Validator.check_schema(stored)

    assert changes_schema() == stored


@pytest.mark.parametrize("stored", [STORED, json.loads(written(CHANGES))], ids=["account", "changes"])
def test_every_key_is_explained(stored: dict[str, Any]) -> None:
    """A key without a sentence is no contract."""
    tables = [stored, *(each for each in stored["$defs"].values() if "properties" in each)]
    for table in tables:
        assert table["additionalProperties"] is False
        for key, each in table["properties"].items():
            assert re.fullmatch(r"[A-Z].*\.", each["description"]), key


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_shipped_examples_are_valid(path: Path) -> None:
    """Every examples/*.toml that describes an account."""
    document = parse_document(str(path))
    if "venue" not in document:
        pytest.skip(f"{path.name} is no account file")

    VALIDATOR.validate(as_json(document))


@pytest.mark.parametrize(("venue", "index"), WORKED)
def test_worked_examples_of_the_rulebooks_are_valid(venue: str, index: int) -> None:
    """Every [[example]] book."""
    VALIDATOR.validate(as_json(load(venue).examples[index]["book"]))


ENTRY = {"instrument": "BTC-USDT-SWAP", "side": "long", "contracts": "1", "entry_price": "1", "leverage": 1}
WRONG: list[dict[str, Any]] = [
    {},
    {"venue": 5},
    {"venue": "okx", "balancez": {}},
    {"venue": "okx", "account_mode": "cross"},
    {"venue": "okx", "balances": {"USDT": "NaN"}},
    {"venue": "okx", "balances": {"USDT": "1_000"}},
    {"venue": "okx", "balances": {"USDT": "1\n"}},
    {"venue": "okx", "balances": {"USDT": True}},
    {"venue": "okx", "balances": {"USDT": None}},
    {"venue": "okx", "balances": {"USDT": "1" * 61}},
    {"venue": "okx", "marks": {"BTC-USDT-SWAP": "0"}},
    {"venue": "okx", "marks": {"BTC-USDT-SWAP": "0.00e5"}},
    {"venue": "okx", "marks": {"BTC-USDT-SWAP": 0}},
    {"venue": "okx", "marks": {"BTC-USDT-SWAP": "-1"}},
    {"venue": "okx", "interest": {"USDT": "-1"}},
    {"venue": "okx", "as_of": "soon"},
    {"venue": "okx", "positions": [ENTRY | {"side": "lng"}]},
    {"venue": "okx", "positions": [ENTRY | {"entry_prise": "1"}]},
    {"venue": "okx", "positions": [{"side": "long"}]},
    {"venue": "okx", "positions": {"0": ENTRY}},
    {"venue": "okx", "orders": [{"instrument": "BTC-USDT-SWAP", "side": "buy", "reduce_only": "no"}]},
    {"venue": "okx", "orders": [{"instrument": "BTC-USDT-SWAP", "side": "buy", "trailing": {"on": "index"}}]},
    {"venue": "okx", "instruments": {"X": {"tiers": [{"maintenance_rate": "x"}]}}},
    {"venue": "okx", "currencies": {"USDT": {}}},
]


@pytest.mark.parametrize("document", WRONG)
def test_schema_and_door_refuse_the_same(document: dict[str, Any]) -> None:
    """What the schema calls wrong is wrong at the door too: unknown keys, kinds, signs, notations."""
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(InputError):
        build_book(document, "book")


@pytest.mark.parametrize("text", ["1", "-1", "0.5", "1e3", "1E-18", "0.10000000000000000001", "12345678.90"])
def test_schema_and_door_accept_the_same(text: str) -> None:
    """Numbers that the door takes, quoted; days, times and nulls."""
    document = {"venue": "okx", "balances": {"USDT": text}, "as_of": date(2026, 9, 1).isoformat()}
    VALIDATOR.validate(document)
    build_book(document, "book")
    VALIDATOR.validate(document | {"as_of": None, "positions": [ENTRY | {"leverage": None}]})


CHANGE = {"kind": "close", "instrument": "BTC-USDT-SWAP", "side": "long"}


@pytest.mark.parametrize(
    ("change", "right"),
    [
        (CHANGE, True),
        (CHANGE | {"price": None}, True),
        (CHANGE | {"side": "buy"}, False),
        (CHANGE | {"contracts": "0"}, False),
        (CHANGE | {"kind": "gift"}, False),
        (CHANGE | {"colour": "red"}, False),
        ({"kind": "close", "side": "long"}, False),
        ({"instrument": "BTC-USDT-SWAP", "side": "long"}, False),
        ({"kind": "position_mode", "position_mode": "hedge"}, True),
        (
            {"kind": "stop", "instrument": "BTC-USDT-SWAP", "side": "long", "trigger_price": "1", "slippage": "-1"},
            False,
        ),
    ],
)
def test_schema_and_door_agree_on_changes(change: dict[str, Any], right: bool) -> None:
    """A change that the schema calls right is read, and one that it calls wrong is refused."""
    assert jsonschema.Draft202012Validator(changes_schema()).is_valid({"changes": [change]}) is right
    if right:
        build_changes({"changes": [change]}, "changes", load("okx"))
    else:
        with pytest.raises(InputError):
            build_changes({"changes": [change]}, "changes", load("okx"))
