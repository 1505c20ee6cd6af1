"""The risk API answers what the command line prints, for whoever signs or posts a file, and refuses in one line."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from tests.server.exchange_page import PAGE
from tests.server.inside import SWAP, Answer, Inside

from crossmargin.cli.main import app as cli
from crossmargin.formats.account_file import parse_document
from crossmargin.server.keys import NewKey
from crossmargin.server.risk.bounds import BODY_MAX, CHANGES_MAX, ENTRIES_MAX, KEYS_MAX, TIERS_MAX
from crossmargin.server.risk.openapi import document

EXAMPLES = Path(__file__).parents[2] / "examples"
DAY_TRADER = EXAMPLES / "day-trader.toml"
BOOK: dict[str, Any] = {
    "venue": "textbook",
    "balances": {"USDT": "20000"},
    "positions": [
        {"instrument": SWAP, "side": "long", "contracts": "1", "entry_price": "100000", "leverage": "10"},
    ],
    "marks": {SWAP: "95000"},
}


def asked(inside: Inside, path: str, given: object = None, key: NewKey | None = None) -> Answer:
    """GET a path below ``/api/risk/``, or POST JSON to it."""
    if given is None:
        return inside.send("GET", f"/api/risk/{path}", key)
    return inside.send("POST", f"/api/risk/{path}", key, json.dumps(given).encode())


def printed(*arguments: str) -> Any:  # noqa: ANN401 - JSON of any shape
    """What the command line prints with --json."""
    return json.loads(CliRunner().invoke(cli, [*arguments, "--json"], standalone_mode=False).output)


def day_trader() -> dict[str, Any]:
    """The example as a JSON document."""
    found: dict[str, Any] = json.loads(
        json.dumps(parse_document(str(DAY_TRADER)), default=lambda each: each.isoformat())
    )
    return found


# ---------------------------------------------------------------- a posted file


@pytest.mark.parametrize(
    ("path", "arguments"),
    [("assess", ("assess",)), ("ladder", ("liq",)), ("explain?figure=in_use", ("explain", "in_use"))],
)
def test_a_posted_file_is_answered_as_the_command_line_answers(
    inside: Inside, path: str, arguments: tuple[str, ...]
) -> None:
    """Same file, same object, no key."""
    answer = asked(inside, path, day_trader())

    assert answer.status == 200
    assert answer.body == printed(*arguments, str(DAY_TRADER))


def test_a_posted_what_if_is_answered_as_the_command_line_answers(inside: Inside) -> None:
    """BTC falls by 20 % and money comes in; the command line adds its limits."""
    changes = [
        {"kind": "price", "moves": {"BTC": "-0.2"}},
        {"kind": "deposit", "currency": "USDT", "amount": "1000"},
    ]

    found = asked(inside, "what-if", {"account": day_trader(), "changes": changes}).body

    wanted = printed("what-if", str(DAY_TRADER), "--move", "BTC=-0.2", "--deposit", "USDT=1000")
    assert found == {name: value for name, value in wanted.items() if name != "limits"}


def test_figures_of_a_posted_file_are_those_worked_by_hand(inside: Inside) -> None:
    """20,000 less 5,000 of loss support 95,000 x 0.5 %: 15,000 / 475 = 31.57..."""
    found = asked(inside, "assess", BOOK).body

    assert found["currencies"]["USDT"]["equity"] == "15000"
    assert found["currencies"]["USDT"]["maintenance_margin"] == "475"
    assert found["currencies"]["USDT"]["margin_ratio"].startswith("31.5789473684")


def test_a_common_move_takes_betas_from_the_query(inside: Inside) -> None:
    """The loss of 20,000 less what is required at the price p: 20,000 - 100,000 + p = 0.005 p at p = 80,402.01..."""
    (market,) = asked(inside, "ladder?betas=BTC:1", BOOK).body["market"]

    assert Decimal(market["prices_down"][SWAP]).quantize(Decimal("0.01")) == Decimal("80402.01")


def test_the_example_of_the_documentation(inside: Inside) -> None:
    """A tenth of 10 x 0.01 x 90,000 is 900; the page says what is left."""
    section = PAGE.read_text("utf-8").partition("## The risk API")[2].partition("\n## ")[0]
    (example,) = re.findall(r"```text\n(.*?)```", section, re.DOTALL)

    found = asked(inside, "what-if", json.loads(example)).body

    equities = [found[side]["currencies"]["USDT"]["equity"] for side in ("before", "after")]
    assert equities == ["2000", "1100"]
    assert found["difference"]["USDT"]["equity"] == "-900"
    assert "falls by 900 USDT, from 2,000 to 1,100" in section


# ---------------------------------------------------------------- one's own account


def test_the_own_account_is_the_venue_s(fresh: Inside) -> None:
    """Figures of the report are those under which the venue holds the account."""
    key = fresh.account("ann")
    fresh.place(key, ordType="market", sz="10")

    found = asked(fresh, "assess", key=key).body

    (position,) = found["positions"]
    figures = fresh.exchange.venue.assessment("ann").currencies["USDT"]
    assert (position["instrument"], position["contracts"]) == (SWAP, "10")
    assert Decimal(found["currencies"]["USDT"]["equity"]) == figures.equity
    assert asked(fresh, "ladder", key=key).body["legs"][0]["id"] == f"{SWAP}:long:cross"
    explained = asked(fresh, "explain?figure=USDT.in_use", key=key).body
    assert sum(Decimal(line["amount"]) for line in explained["lines"]) == figures.in_use


def test_a_what_if_on_the_own_account_changes_nothing(fresh: Inside) -> None:
    """A deposit that is only imagined stands in the answer and not in the account."""
    key = fresh.account("ann", "10000")
    before = fresh.digest()

    found = asked(fresh, "what-if", {"changes": [{"kind": "deposit", "currency": "USDT", "amount": "5"}]}, key).body

    assert found["difference"]["USDT"]["balance"] == "5"
    assert fresh.digest() == before


def test_an_account_without_money_is_empty(fresh: Inside) -> None:
    """A key whose account has never had any is answered too."""
    key = fresh.exchange.keys.create("bob", now=fresh.clock())

    assert asked(fresh, "assess", key=key).body["currencies"] == {}


def test_nobody_reads_without_a_key_that_may(fresh: Inside) -> None:
    """No signature, a wrong one, one for another path, and a key that may only trade."""
    key = fresh.account("ann")
    trader = fresh.account("tom", scopes=("trade",))
    signed = fresh.signed(key, "GET", "/api/risk/assess")

    assert asked(fresh, "assess").status == 401
    assert asked(fresh, "what-if", {"changes": []}).status == 401
    assert asked(fresh, "assess", key=trader).body == {"error": "this key may not read"}
    assert fresh.raw("GET", "/api/risk/ladder", {"host": "localhost", **signed}).status == 401
    assert fresh.raw("GET", "/api/risk/assess", {"host": "localhost", **signed, "ok-access-sign": "AA=="}).status == 401
    assert fresh.raw("GET", "/api/risk/assess", {"host": "localhost", **signed}).status == 200


def test_calls_are_counted(fresh: Inside) -> None:
    """Beyond its budget an address is told so, with the status that clients know."""
    from crossmargin.server.okx.limits import Budgets
    from crossmargin.server.risk.app import RiskApp

    fresh.app.app = RiskApp(fresh.exchange, Budgets(2))

    statuses = [asked(fresh, "assess", BOOK).status for _ in range(3)]

    assert statuses == [200, 200, 429]


# ---------------------------------------------------------------- refusals

ENTRY = BOOK["positions"][0]
TIER = {"maintenance_rate": "0.01", "max_leverage": "10"}
REFUSED: list[tuple[str, Any, int, str]] = [
    ("assess", {"venue": "nowhere"}, 422, "nowhere"),
    ("assess", BOOK | {"marks": {}}, 422, SWAP),
    ("assess", BOOK | {"positions": [ENTRY | {"side": "up"}]}, 422, "positions[0].side"),
    ("assess", BOOK | {"positions": [ENTRY | {"contracts": "NaN"}]}, 422, "positions[0].contracts"),
    ("assess", [], 422, "a table of keys"),
    ("assess", BOOK | {"positions": [ENTRY] * (ENTRIES_MAX["currency"] + 1)}, 413, "13 positions and orders"),
    ("assess", BOOK | {"balances": {f"C{i}": "1" for i in range(KEYS_MAX + 1)}}, 413, "41 keys"),
    ("assess", BOOK | {"instruments": {"X": {"tiers": [TIER] * (TIERS_MAX["currency"] + 1)}}}, 413, "121 tiers"),
    ("explain?figure=nothing", BOOK, 422, "nothing"),
    ("explain", BOOK, 400, "figure"),
    ("assess?figure=x", BOOK, 400, "none"),
    ("explain?figure=a&figure=b", BOOK, 400, "once"),
    ("ladder?betas=BTC", BOOK, 400, "betas"),
    ("ladder?betas=BTC:x", BOOK, 400, "betas"),
    ("ladder?betas=ETH:1", BOOK, 422, "betas.BTC"),
    ("ladder?betas=%FF", BOOK, 400, "query"),
    (f"ladder?betas={'9' * 3000}", BOOK, 400, "too long"),
    ("what-if", {"account": BOOK}, 422, "changes"),
    ("what-if", {"account": BOOK, "changes": {}}, 422, "changes"),
    ("what-if", {"account": BOOK, "changes": [{"kind": "gift"}]}, 422, "changes[0].kind"),
    ("what-if", {"account": BOOK, "changes": [{}] * (CHANGES_MAX["currency"] + 1)}, 413, "6 changes"),
    ("nothing", BOOK, 404, "assess, ladder"),
]


@pytest.mark.parametrize(("path", "given", "status", "word"), REFUSED)
def test_what_cannot_be_answered_is_refused_in_one_line(
    inside: Inside, path: str, given: object, status: int, word: str
) -> None:
    """Each says what is wrong, and nothing else."""
    answer = asked(inside, path, given)

    assert (answer.status, list(answer.body)) == (status, ["error"])
    assert word in answer.body["error"]
    assert answer.body["error"].isprintable()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"\xff", 400),
        (b'{"venue": "okx", "venue": "okx"}', 400),
        (b"[" * 5000, 400),
        (b" " * (BODY_MAX + 1), 413),
    ],
)
def test_what_is_no_json_is_refused(inside: Inside, body: bytes, status: int) -> None:
    """Half a document, nothing, no text, a key twice, too deep, too large."""
    assert inside.send("POST", "/api/risk/assess", None, body).status == status


def test_an_account_that_is_one_pool_holds_less(inside: Inside) -> None:
    """Four entries, and tiers of the rulebook's own, count where each piece takes three assessments."""
    names = ("BTC-USDT-SWAP", "ETH-USDT-SWAP")
    book = BOOK | {"venue": "okx", "account_mode": "multi_currency", "fx": {"USDT": "1"}}
    book |= {"positions": [ENTRY | {"instrument": name} for name in names], "marks": dict.fromkeys(names, "95000")}
    four = book | {"orders": [{"instrument": SWAP, "side": "buy", "price": "1", "contracts": "1"}] * 2}

    assert asked(inside, "assess", book).status == 200
    assert "4 positions and orders: at most 3" in asked(inside, "assess", four).body["error"]


def test_methods_that_a_path_does_not_take_are_named(inside: Inside) -> None:
    """405 with the header that says which it takes."""
    answer = inside.send("GET", "/api/risk/what-if")

    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert inside.send("DELETE", "/api/risk/assess").headers["allow"] == "GET, POST"


# ---------------------------------------------------------------- the description


def test_the_description_is_openapi_3_1(inside: Inside) -> None:
    """Its references all lead somewhere, its schemas are valid, and it names exactly what is answered."""
    found = asked(inside, "openapi.json").body

    assert found == document()
    assert found["openapi"] == "3.1.0"
    schemas = found["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for reference in references(found):
        assert reference.removeprefix("#/components/schemas/") in schemas, reference
    assert {path.removeprefix("/api/risk/") for path in found["paths"]} == {"assess", "ladder", "explain", "what-if"}
    for path, methods in found["paths"].items():
        for method in ("get", "post"):
            refused = inside.send(method.upper(), path, None, b"{}").status
            assert (refused == 405) == (method not in methods)


def references(schema: object) -> list[str]:
    """Every ``$ref`` of a document."""
    if isinstance(schema, dict):
        inner = [each for value in schema.values() for each in references(value)]
        return [schema["$ref"], *inner] if "$ref" in schema else inner
    return [each for value in schema for each in references(value)] if isinstance(schema, list) else []


def test_answers_hold_what_the_description_says(inside: Inside) -> None:
    """Each of the four, of the example, against its schema."""
    found = document()
    changes = [{"kind": "deposit", "currency": "USDT", "amount": "1"}]
    for path, given in (
        ("assess", BOOK), ("ladder?betas=BTC:1", BOOK), ("explain?figure=in_use", BOOK),
        ("what-if", {"account": BOOK, "changes": changes}),
    ):  # fmt: skip
        operation = found["paths"][f"/api/risk/{path.partition('?')[0]}"]["post"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        whole = schema | {"components": found["components"]}

        jsonschema.Draft202012Validator(whole).validate(asked(inside, path, given).body)
