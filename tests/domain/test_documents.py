"""Documents become Structs, or one line that leads to the place: shapes that no account file has yet, too."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from crossmargin.domain.documents import Moment, convert, key_path, one_line, parse_json, parse_toml
from crossmargin.domain.numbers import Amount, Positive, RawNumber
from crossmargin.errors import InputError


class Colour(StrEnum):
    """Two choices."""

    RED = "red"
    BLUE = "blue"


class Leaf(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A renamed key inside containers."""

    mark_price: Positive
    colour: Colour | None = None
    mode: Literal["a", "b"] = "a"


class Oak(Struct, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="oak"):
    """One of two kinds, told apart by a key."""

    height: Positive
    colour: Colour = Colour.RED
    acorns: dict[str, Positive] = {}


class Elm(Struct, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="elm"):
    """The other kind."""

    girth: Amount | None = None


class Tree(Struct, forbid_unknown_fields=True, kw_only=True):
    """Containers inside each other."""

    leaves: dict[str, list[Leaf]] = {}
    boughs: dict[str, dict[str, Amount]] = {}
    rows: tuple[tuple[Amount, ...], ...] = ()
    when: Moment | None = None
    ready: bool = False
    wood: tuple[Oak | Elm, ...] = ()
    seed: Oak | Elm | None = None


CASES: list[tuple[dict[str, Any], str]] = [
    ({"leaves": {"x": [{"markPrice": "1"}, {"markPrice": "0"}]}}, "leaves.x[1].markPrice: 0 is out of bounds"),
    ({"leaves": {"x": [], "a b": [{"mark_price": "1"}]}}, "leaves.\"a b\"[0]: unknown key 'mark_price': did you mean"),
    ({"leaves": {"x": [{}]}}, "leaves.x[0]: the key 'markPrice' is missing"),
    (
        {"leaves": {"x": [{"markPrice": "1", "colour": "green"}]}},
        "leaves.x[0].colour: 'green' is not one of red, blue",
    ),
    ({"leaves": {"x": [{"markPrice": "1", "mode": "c"}]}}, "leaves.x[0].mode: 'c' is not one of a, b"),
    ({"leaves": {"x": {"markPrice": "1"}}}, "leaves.x: expected a list, found {'markPrice': '1'}"),
    ({"boughs": {"a": {"b": "1"}, "c": {"d": "1", "e": "x"}}}, "boughs.c.e: 'x' is not a number"),
    ({"boughs": {"a": []}}, "boughs.a: expected a table of keys, found []"),
    ({"rows": [["1"], ["1", "--1"]]}, "rows[1][1]: '--1' is not a number"),
    ({"when": "noon"}, "when: 'noon' is not a time"),
    ({"when": 5}, "when: 5 is not a time"),
    ({"ready": "yes"}, "ready: expected true or false, found 'yes'"),
    ({"wood": [{"kind": "oak", "height": "-1"}]}, "wood[0].height: -1 is out of bounds"),
    (
        {"wood": [{"kind": "oak", "height": "1", "heights": "1"}]},
        "wood[0]: unknown key 'heights': did you mean height?",
    ),
    ({"wood": [{"kind": "oak", "height": "1", "colour": "gren"}]}, "wood[0].colour: 'gren' is not one of red, blue"),
    ({"wood": [{"kind": "oak", "height": "1", "acorns": {"a b": "0"}}]}, 'wood[0].acorns."a b": 0 is out of bounds'),
    ({"wood": [{"kind": "elm"}, {"kind": "oak"}]}, "wood[1]: the key 'height' is missing"),
    ({"wood": [{"kind": "elms"}]}, "wood[0].kind: 'elms' is not one of oak, elm: did you mean elm?"),
    ({"wood": [{"kind": 5}]}, "wood[0].kind: expected text, found 5"),
    ({"wood": [{"girth": "1"}]}, "wood[0]: the key 'kind' is missing"),
    ({"wood": ["oak"]}, "wood[0]: expected a table of keys, found 'oak'"),
    ({"seed": {"kind": "elm", "girth": "x"}}, "seed.girth: 'x' is not a number"),
    ({"seed": 1}, "seed: expected a table of keys, found 1"),
    ({"leaves": {5: []}}, "leaves: expected text, found {5: []}"),
    ({"x - at `$.leaves`": 1}, "unknown key 'x - at `$.leaves`'"),
    ({"leaves": {"a - at `$.rows`": "z - at `$.b`"}}, 'leaves."a - at `$.rows`": expected a list, found'),
]


@pytest.mark.parametrize(("document", "line"), CASES)
def test_the_path_leads_to_the_value(document: dict[str, Any], line: str) -> None:
    """Through lists, tables and renamed keys, whatever the keys are called."""
    with pytest.raises(InputError) as caught:
        convert(document, Tree, "file")

    assert str(caught.value).startswith(f"file: {line}")


def test_a_part_of_a_document_keeps_its_place() -> None:
    """What stands around the part is put before the path."""
    with pytest.raises(InputError, match=r"^file: rows\[3\]\.ready: expected true or false"):
        convert({"ready": 1}, Tree, "file", "rows[3]")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (date(2026, 9, 1), datetime(2026, 9, 1, tzinfo=UTC)),
        (datetime(2026, 9, 1, 5), datetime(2026, 9, 1, 5, tzinfo=UTC)),  # noqa: DTZ001 - without zone on purpose
        ("2026-09-01T05:00:00+05:00", datetime(2026, 9, 1, tzinfo=UTC)),
        (RawNumber("2026-09-01"), datetime(2026, 9, 1, tzinfo=UTC)),
    ],
)
def test_moments_are_in_utc(raw: object, expected: datetime) -> None:
    """A day is its first second; a time without zone is UTC; any other zone is turned into it."""
    found = convert({"when": raw}, Tree, "file").when

    assert found is not None
    assert (found, found.tzinfo, type(found.plain())) == (expected, UTC, datetime)


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    """Whatever is shown to a person neither breaks the line nor acts on the terminal; plain text is untouched."""
    shown = one_line(text)

    assert shown.isprintable()
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert (shown == text) == text.isprintable()


@given(st.text(min_size=1))
def test_keys_are_quoted_where_needed(key: str) -> None:
    """A key of letters, digits and _ stands bare; any other, in quotes; a long one is cut."""
    path = key_path(key)

    assert path.isprintable()
    assert len(path) < 80
    assert path.startswith('."') == (not one_line(key).replace("_", "a").isalnum())


@given(st.decimals(allow_nan=False, allow_infinity=False).map(str))
def test_numbers_pass_the_parsers_as_written(text: str) -> None:
    """JSON and TOML keep a number's own digits until it is read."""
    parsed = parse_json(f'{{"x": {text}}}', "file")
    assert parsed == {"x": text}
    if "." in text and "E" not in text:
        assert parse_toml(f"x = {text}", "file") == {"x": text}


def test_a_duplicate_key_is_named() -> None:
    """JSON parsers keep the last of two; an account has one figure of each."""
    with pytest.raises(InputError, match=r"^file: b: the same key stands twice$"):
        parse_json('{"a": {"b": 1, "c": 2, "b": 3}}', "file")
