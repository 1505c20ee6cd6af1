"""The reference pages name every key, figure, kind of change, rule, verb, option and function, and none too many.

A table is found by the heading above it; its first column holds the names in backquotes.
"""

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from msgspec import Struct

import crossmargin
from crossmargin import errors
from crossmargin.backtest.fate import EventKind
from crossmargin.cli.main import app, main
from crossmargin.domain.refusal import RejectReason
from crossmargin.formats import account_shape as shape
from crossmargin.formats.read import read_book
from crossmargin.formats.report import report
from crossmargin.margin import assess
from crossmargin.margin.changes import Change
from crossmargin.margin.explain import Explanation, Line
from crossmargin.margin.sheet import FIGURES, EntryKind
from crossmargin.rulebook import load, venues
from crossmargin.rulebook import load as rulebook_load
from crossmargin.rulebook.rules import OptionRates, Rules

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
NOT_FOR_CALLERS = {"line_texts"}

Row = list[str]


def rows(page: str, heading: str, first: str = "") -> list[Row]:
    """Cells of the tables below a heading, up to the next heading; `first` picks tables by their first title."""
    text = (REFERENCE / f"{page}.md").read_text(encoding="utf-8")
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"{page}.md has no heading {heading!r}"
    section = re.sub(r"^```.*?^```$", "", found[1], flags=re.DOTALL | re.MULTILINE)
    cells: list[Row] = []
    for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE):
        lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
        if not first or lines[0][0] == first:
            cells += lines[2:]
    return cells


def names(page: str, heading: str, first: str = "") -> list[str]:
    """What the first column of a section's tables names."""
    return [name for row in rows(page, heading, first) for name in re.findall(r"`([^`]+)`", row[0])]


def keys_of(struct: type[Struct]) -> list[str]:
    """Keys of a Struct as a file writes them."""
    return [each.encode_name for each in msgspec.structs.fields(struct)]


def default_of(field: msgspec.structs.FieldInfo) -> str | None:
    """How a page writes a default; None where it tells one in its own words."""
    if field.required:
        return "required"
    if field.default_factory is not msgspec.NODEFAULT or field.default in ((), {}):
        return "empty"
    if field.default is None or field.default == "":
        return None
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default}`"


def assert_keys(page: str, heading: str, struct: type[Struct], column: int) -> None:
    """The table names every key of a Struct with its default."""
    assert sorted(names(page, heading)) == sorted(keys_of(struct)), f"{page}.md, {heading}"
    told = {row[0].strip("`"): row[column] for row in rows(page, heading)}
    for field in msgspec.structs.fields(struct):
        wanted = default_of(field)
        if wanted is not None:
            assert told[field.encode_name].startswith(wanted), f"{page}.md, {heading}, {field.encode_name}"
        else:
            assert told[field.encode_name] not in ("required", ""), f"{page}.md, {heading}, {field.encode_name}"


# ---------------------------------------------------------------- account file

TABLES: dict[str, type[Struct]] = {
    "The whole file": shape.AccountFile,
    "`[[positions]]`": shape.PositionEntry,
    "`[[orders]]`": shape.OrderEntry,
    "`stop_loss` and `take_profit`": shape.StopEntry,
    "`trailing`": shape.TrailingEntry,
    "`[instruments.ID]`": shape.InstrumentEntry,
    "`tiers`": shape.TierEntry,
    "`[currencies.X]`": shape.CurrencyEntry,
    "`[collateral.X]`": shape.CollateralEntry,
}


@pytest.mark.parametrize("heading", TABLES)
def test_account_file_page_has_every_key(heading: str) -> None:
    """With its default."""
    assert_keys("account-file", heading, TABLES[heading], column=2)


def test_account_file_page_has_every_table() -> None:
    """A Struct that is added to the shape needs a section."""
    assert {getattr(shape, name) for name in shape.__all__} == set(TABLES.values())


# ---------------------------------------------------------------- figures


@pytest.fixture(scope="module")
def reported() -> dict[str, Any]:
    """A report with positions and orders, under rules that print venue fields."""
    book = read_book(str(ROOT / "examples" / "btc-pool.toml"))
    return report(assess(book.account, book.marks, book.rulebook), book.assumptions)


def test_figures_page_has_every_figure_of_the_report(reported: dict[str, Any]) -> None:
    """In the order in which the report prints them."""
    assert names("figures", "The report") == list(reported)
    assert names("figures", "`currencies`") == list(reported["currencies"]["BTC"])
    assert names("figures", "`account`") == list(reported["account"])
    assert names("figures", "`positions`") == list(reported["positions"][0])
    assert names("figures", "`orders`") == list(reported["orders"][0])


def test_figures_page_says_when_a_figure_is_null(reported: dict[str, Any]) -> None:
    """What is null in this report is not said to be never null."""
    sections = {
        "`currencies`": reported["currencies"]["BTC"],
        "`account`": reported["account"],
        "`positions`": reported["positions"][0],
        "`orders`": reported["orders"][0],
    }
    for heading, figures in sections.items():
        never = {row[0].strip("`") for row in rows("figures", heading) if row[3] == "never"}
        assert not [name for name, value in figures.items() if value is None and name in never]


def test_figures_page_has_every_name_that_rulebooks_map() -> None:
    """Figures of the report, and the sums that only venues name."""
    known = {*names("figures", "`venue_fields`", "Name in the map")}
    for heading in ("`currencies`", "`positions`", "`account`"):
        known.update(names("figures", heading))
    used = {
        rule.rpartition(":")[2]
        for venue in venues()
        for table in load(venue).venue_fields.values()
        for rule in table.values()
    }
    assert used <= known


def test_figures_page_prints_the_sheet() -> None:
    """The table of figures and kinds is that of the code."""
    told = {
        row[0].strip("`"): tuple(tuple(re.findall(r"`(\w+)`", cell)) for cell in row[1:])
        for row in rows("figures", "The sheet", "Figure")
    }
    assert told == {
        name: tuple(tuple(kind.name.lower() for kind in kinds) for kinds in both) for name, both in FIGURES.items()
    }
    assert names("figures", "The sheet", "Kind") == [kind.name.lower() for kind in EntryKind]


def test_figures_page_has_every_key_of_an_explanation() -> None:
    """And of its lines."""
    assert sorted(names("figures", "`explain`", "Key")) == sorted(keys_of(Explanation))
    assert names("figures", "`explain`", "Key of a line") == keys_of(Line)


# ---------------------------------------------------------------- changes, refusals


@pytest.mark.parametrize("change", Change.__args__, ids=lambda each: each.__struct_config__.tag)
def test_changes_page_has_every_kind_and_key(change: type[Struct]) -> None:
    """With its default."""
    assert_keys("changes", f"`{change.__struct_config__.tag}`", change, column=2)


def test_changes_page_has_every_reason_and_code() -> None:
    """In the order of precedence, with the codes of the rulebooks."""
    assert names("changes", "Refusals") == [reason.value for reason in RejectReason]
    told = {row[0].strip("`"): row[2:] for row in rows("changes", "Refusals")}
    for column, venue in enumerate(("okx", "binance")):
        codes = load(venue).refusal_codes
        assert {name: cells[column] for name, cells in told.items() if cells[column]} == codes, venue


# ---------------------------------------------------------------- rulebook


def test_rulebook_page_has_every_rule() -> None:
    """With its default."""
    assert_keys("rulebook", "Keys of `[rules]`", Rules, column=2)
    assert_keys("rulebook", "`[rules.option]`", OptionRates, column=2)


def test_rulebook_page_has_every_choice() -> None:
    """Of the rules that are words."""
    told = {row[0].strip("`"): re.findall(r"`([^`]+)`", row[1]) for row in rows("rulebook", "Keys of `[rules]`")}
    for field in msgspec.structs.fields(Rules):
        choices = list(getattr(field.type, "__args__", ()))
        if choices and all(isinstance(each, str) for each in choices):
            assert told[field.name] == choices


def test_rulebook_page_has_every_table() -> None:
    """Of a rulebook file, its tiers and its examples."""
    module = importlib.import_module("crossmargin.rulebook.load")
    assert sorted(names("rulebook", "The rest of the file", "Table or key")) == sorted(keys_of(module._File))
    assert names("rulebook", "`[[tiers]]`") == keys_of(module._TierEntry)
    assert sorted(names("rulebook", "`[[example]]`")) == sorted(keys_of(module._Example))


# ---------------------------------------------------------------- command line


def verbs() -> Iterator[tuple[str, click.Command]]:
    """Every verb and its command."""
    context = click.Context(app, info_name="crossmargin")
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        assert command is not None
        yield name, command


@pytest.mark.parametrize(("verb", "command"), [*verbs()], ids=lambda each: str(each) if isinstance(each, str) else "")
def test_cli_page_has_every_verb_and_option(verb: str, command: click.Command) -> None:
    """Each option of a verb in its section, and none that it does not have."""
    options = {opt for each in command.params if isinstance(each, click.Option) for opt in each.opts if len(opt) > 2}
    assert set(names("cli", f"`crossmargin {verb}`", "Option")) == options - {"--help"}


def test_cli_page_has_every_event_of_a_replay() -> None:
    """By the name that JSON uses."""
    assert names("cli", "`crossmargin replay`", "Event") == [kind.value for kind in EventKind]


def test_cli_page_tells_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    """As the program's own docstring does."""
    assert [row[0] for row in rows("cli", "Exit status")] == ["0", "1", "2", "3", "130"]
    with pytest.raises(SystemExit) as end:
        main(["assess", str(ROOT / "examples" / "day-trader.toml"), "--json"])
    assert end.value.code == 0
    assert json.loads(capsys.readouterr().out)["status"] == "safe"


# ---------------------------------------------------------------- Python


def functions(layer: str) -> set[str]:
    """Public functions of a layer, but for its modules that no caller needs."""
    package = importlib.import_module(f"crossmargin.{layer}")
    found = set()
    for each in pkgutil.walk_packages(package.__path__, f"crossmargin.{layer}."):
        module = importlib.import_module(each.name)
        if each.name.rpartition(".")[2] in NOT_FOR_CALLERS:
            continue
        for name in getattr(module, "__all__", ()):
            plain = inspect.unwrap(getattr(module, name)) if callable(getattr(module, name)) else None
            if inspect.isroutine(plain) or hasattr(plain, "cache_info"):
                found.add(name)
    return found


@pytest.mark.parametrize("layer", ["rulebook", "margin", "prices", "models"])
def test_python_page_has_every_function(layer: str) -> None:
    """Of the layers that hold the rules and the figures."""
    assert set(names("python", f"`crossmargin.{layer}`")) == functions(layer)


@pytest.mark.parametrize("layer", ["formats", "market", "backtest"])
def test_python_page_names_what_is_there(layer: str) -> None:
    """Of the layers around them, only doors are listed."""
    assert set(names("python", f"`crossmargin.{layer}`")) <= functions(layer)


def test_python_page_has_the_front_door_and_the_errors() -> None:
    """Every name that the package promises, and every exception."""
    assert set(names("python", "The front door")) == {*crossmargin.__all__} - {"__version__"}
    raised = {name for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, Exception)}
    assert set(names("python", "`crossmargin.errors`")) == raised


def test_front_door_loads_the_venues() -> None:
    """The name of the front door is that of the rulebook's own."""
    assert crossmargin.load_rulebook is rulebook_load


# ---------------------------------------------------------------- links


def anchor(heading: str) -> str:
    """The anchor of a heading, as code hosts write it."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def links() -> Iterator[tuple[Path, str]]:
    """Every link of the pages to another page or picture of the repository."""
    for page in [*ROOT.glob("*.md"), *sorted(DOCS.rglob("*.md"))]:
        text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not target.startswith(("http://", "https://")):
                yield page, target


def test_links_lead_somewhere() -> None:
    """To a file that is there, and a heading in it."""
    broken = []
    for page, target in links():
        path, _, wanted = target.partition("#")
        file = page if not path else (page.parent / path).resolve()
        headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE) if file.is_file() else []
        if not file.exists() or (wanted and wanted not in map(anchor, headings)):
            broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []
