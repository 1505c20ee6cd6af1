"""Whatever stands in a file, reading it ends with a Book or with one line of ours: never with anything else."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crossmargin.domain.documents import parse_json, parse_toml
from crossmargin.errors import CrossMarginError
from crossmargin.formats.account_file import Book, build_book
from crossmargin.formats.ccxt_file import ANSWERS, read_ccxt
from crossmargin.formats.csv_file import COLUMNS, read_positions_csv
from crossmargin.formats.yaml_file import parse_yaml

Parser = Callable[[str, str], object]

HERE = Path(__file__).parent
FULL: dict[str, Any] = {
    "venue": "okx",
    "account_mode": "single_currency",
    "position_mode": "hedge",
    "as_of": "2026-09-01",
    "rules": {"trigger": "<"},
    "balances": {"USDT": "1000", "BTC": "1"},
    "interest": {"USDT": "1"},
    "bot_frozen": {"USDT": "1"},
    "collateral": {"BTC": {"enabled": True, "tiers": [{"up_to": "1"}]}},
    "currencies": {"USDT": {"quantum": "0.01"}},
    "positions": [
        {"instrument": "BTC-USDT-SWAP", "side": "long", "contracts": "1", "entry_price": "5", "leverage": "2"},
        {"instrument": "BTC-USDT", "side": "long", "margin_mode": "cross", "assets": "1", "liability": "5"},
    ],
    "orders": [
        {
            "instrument": "ETH-USDT-SWAP",
            "side": "buy",
            "price": "5",
            "contracts": "1",
            "stop_loss": {"trigger_price": "4"},
            "trailing": {"percent": "0.1"},
        }
    ],
    "marks": {"BTC-USDT-SWAP": "5"},
    "fx": {"USDT": "1"},
    "instruments": {
        "XYZ": {
            "kind": "perpetual",
            "base": "XYZ",
            "quote": "USDT",
            "settle": "USDT",
            "tiers": [{"maintenance_rate": "0.01", "up_to": "10", "unit": "contracts"}],
        }
    },
}

texts = st.text(max_size=8) | st.sampled_from(
    ["okx", "BTC-USDT-SWAP", "BTC/USDT:USDT", "BTC-USDT", "long", "isolated", "1", "-1", "0", "1e-18", "9" * 18]
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.dates()
    | st.datetimes()
    | st.binary(max_size=3)
    | st.decimals()
)
names = st.sampled_from([*COLUMNS, *FULL, "USDT", "tiers", "trigger_price"]) | st.text(max_size=4)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(names, inner, max_size=4)
        | st.dictionaries(st.integers(), inner, max_size=2)
    ),
    max_leaves=8,
)


def places(document: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a document, itself included."""
    yield path
    listed = dict(enumerate(document)) if isinstance(document, list) else document
    for step, inner in listed.items() if isinstance(listed, dict) else ():
        yield from places(inner, (*path, step))


def placed(document: object, path: tuple[Any, ...], value: object) -> object:
    """A copy of the document with another value at a path."""
    if not path:
        return value
    changed = copy.deepcopy(document)
    target: Any = changed
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return changed


def one_line_or_book(read: Callable[..., Book], *arguments: object, **named: object) -> None:
    """A Book, or a CrossMarginError of one printable line that is not endless."""
    line = ""
    try:
        assert isinstance(read(*arguments, **named), Book)
    except CrossMarginError as error:
        line = str(error)

    assert not line or line.isprintable()
    assert len(line) < 1000


@given(st.sampled_from(list(places(FULL))), values)
@example(("positions", 0, "contracts"), float("nan"))
@example(("balances", "USDT"), 10**5000)
@example(("as_of",), "9999-12-31T23:59:59-14:00")
def test_any_value_at_any_place(path: tuple[Any, ...], value: object) -> None:
    """Values of any kind, in place of any other, through the Python door."""
    one_line_or_book(build_book, placed(FULL, path, value), "book")


@given(st.sampled_from(list(places(FULL))), names, values)
def test_any_key_at_any_place(path: tuple[Any, ...], name: str, value: object) -> None:
    """Keys of any name, beside any other."""
    document = copy.deepcopy(FULL)
    target: Any = document
    for step in path:
        target = target[step]
    if isinstance(target, dict):
        target[name] = value

    one_line_or_book(build_book, document, "book")


@given(st.text(max_size=60) | st.from_regex(r'[\[{"0-9a-z:,.=\s\]}-]{0,40}', fullmatch=True))
@pytest.mark.parametrize("parse", [parse_json, parse_toml, parse_yaml])
def test_any_text(parse: Parser, text: str) -> None:
    """Texts of any kind, through each parser and the door behind it."""
    one_line_or_book(lambda: build_book(parse(text, "file"), "file"))


@given(st.integers(0, 400), st.integers(0, 30), st.text(max_size=3))
@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
def test_a_file_with_a_hole(parse: Parser, start: int, length: int, patch: str) -> None:
    """A file that is right but for a few characters, as an editor or a bad disk leaves it."""
    text = json.dumps(FULL)
    torn = text[:start] + patch + text[start + length :]

    one_line_or_book(lambda: build_book(parse(torn, "file"), "file"))


SAVED = {name: json.loads((HERE / f"ccxt_{name}.json").read_text("utf-8")) for name in ("okx", "binance")}
ccxt_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.data(), ccxt_values)
@pytest.mark.parametrize("name", SAVED)
def test_any_value_in_answers_of_ccxt(name: str, data: st.DataObject, value: object) -> None:
    """What ccxt does not understand becomes null, and venues change their answers."""
    path = data.draw(st.sampled_from(list(places(SAVED[name]))))
    changed = placed(SAVED[name], path, value)
    # the text of a piece would be the path of a file
    if isinstance(changed, dict) and not any(isinstance(changed.get(piece), str) for piece in ANSWERS):
        one_line_or_book(read_ccxt, changed)


cells = st.text(max_size=6) | st.sampled_from(["1", "-1", "=1+1", "@x", "+5", "long", "BTCUSDT", '"', "\r", "\n"])


@given(st.lists(st.lists(cells, max_size=4), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cells(tmp_path: Path, rows: list[list[str]]) -> None:
    """Cells of any text below a header that is right."""
    path = tmp_path / "positions.csv"
    header = "instrument,side,contracts,entry_price\n"
    body = "\n".join(",".join(row) for row in rows)
    path.write_text(header + body, encoding="utf-8", errors="ignore", newline="")

    one_line_or_book(read_positions_csv, str(path), venue="binance", balances={"USDT": "1"})
