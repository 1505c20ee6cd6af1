"""The rules of the house, each a small function that is itself tried on a good and a bad snippet.

A rule returns what it objects to, so that a failure lists every place at once. It looks at what is
there: a layer that is still to come is held to the rules from its first line on.
"""

import ast
import importlib
import pkgutil
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "crossmargin"
VENUE_FILES = PACKAGE / "rulebook" / "venues"

EXACT_LAYERS = ("domain", "rulebook", "margin", "prices", "liquidation", "matching", "engine")
SOURCED_LAYERS = ("margin", "prices", "models")
TOP_LAYERS = ("cli", "incidents", "server", "monitor", "backtest", "report")
STOPWATCH = PACKAGE / "engine" / "simulate" / "__main__.py"  # looks at a clock to know when to stop, decides nothing
DIVISION_HOME = PACKAGE / "domain" / "arithmetic.py"
LINES_MAX = 500
EXAMPLES_MIN = 3

IMPURE_MODULES = {"time", "random", "secrets", "uuid", "socket"}
CLOCK_READS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
ENVIRONMENT_READS = {("os", "environ"), ("os", "environb"), ("os", "getenv")}
KNOWN_VENUES = {
    *("okx", "binance", "bybit", "bitget", "bitmex", "bitfinex", "deribit", "dydx"),
    *("gate", "htx", "huobi", "hyperliquid", "kraken", "kucoin", "mexc"),
}

TreeRule = Callable[[ast.Module], Iterable[str]]


# ---------------------------------------------------------------- rules over one parsed module


def floats(module: ast.Module) -> Iterator[str]:
    """A float would be compared or added as if it were exact."""
    for node in ast.walk(module):
        match node:
            case ast.Constant(value=float() | complex()):
                yield f"{node.lineno}: float literal {node.value!r}"
            case ast.Call(func=ast.Name(id="float")):
                yield f"{node.lineno}: float()"


def divisions(module: ast.Module) -> Iterator[str]:
    """A bare division rounds without saying how; domain/arithmetic.py has helpers that say it."""
    for node in ast.walk(module):
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"{node.lineno}: division by the bare operator"


def hidden_inputs(module: ast.Module) -> Iterator[str]:
    """A clock, a random source or the environment makes the same commands give other events."""
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                found = [name.name for name in names if name.name.partition(".")[0] in IMPURE_MODULES]
            case ast.ImportFrom(module=str(source), names=names, level=0):
                whole = [source] if source.partition(".")[0] in IMPURE_MODULES else []
                found = whole or [f"{source}.{n.name}" for n in names if (source, n.name) in ENVIRONMENT_READS]
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=attribute):
                found = [f"{owner}.{attribute}"] if (owner, attribute) in CLOCK_READS | ENVIRONMENT_READS else []
            case _:
                found = []
        yield from (f"{getattr(node, 'lineno', 0)}: {name}" for name in found)


# Functions that word an explanation; they state no figure of their own.
WORDS = {"label_of", "rule_of", "formula_of", "pnl_formula", "value_formula", "tier_of", "inputs_of"}


def unsourced(module: ast.Module) -> Iterator[str]:
    """A formula that names no source can't be checked against the venue."""
    for node in module.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        if node.name in WORDS:
            continue
        if "Source:" not in (ast.get_docstring(node) or ""):
            yield f"{node.lineno}: {node.name} has no Source: in its docstring"


def venue_branches(module: ast.Module) -> Iterator[str]:
    """What differs between venues is data, or a function picked by a key of the data."""
    for node in ast.walk(module):
        match node:
            case ast.Compare(left=left, comparators=others):
                compared = [left, *others]
            case ast.MatchValue(value=value):
                compared = [value]
            case ast.Call(func=ast.Attribute(attr="startswith" | "endswith" | "removeprefix"), args=args):
                compared = list(args)
            case _:
                continue
        yield from (f"{node.lineno}: decides by the venue name {name!r}" for name in venue_names(compared))


def venue_names(nodes: Iterable[ast.expr]) -> Iterator[str]:
    """Venue names among literals, and among the members of literal tuples, lists and sets."""
    for node in nodes:
        match node:
            case ast.Constant(value=str(text)) if text.lower() in KNOWN_VENUES:
                yield text
            case ast.Tuple(elts=members) | ast.List(elts=members) | ast.Set(elts=members):
                yield from venue_names(members)


# ---------------------------------------------------------------- rules over text and data


def overlong(text: str) -> list[str]:
    """A module that grew past the limit tells more than one story."""
    lines = len(text.splitlines())
    return [f"{lines} lines, at most {LINES_MAX}"] if lines > LINES_MAX else []


def leftovers(text: str) -> list[str]:
    """What is left for later is an issue, not a comment."""
    words = re.compile(r"\b(FIX" + r"ME|TO" + r"DO|X" + r"XX)\b")
    return [f"{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1) if words.search(line)]


def unproven_venue(text: str) -> list[str]:
    """A venue's numbers say where they are from, when they were read, and prove our reading of them."""
    data = tomllib.loads(text)
    absent = [f"no {key}" for key in ("source", "retrieved") if not data.get(key)]
    examples = len(data.get("example", []))
    return absent + ([f"{examples} [[example]], at least {EXAMPLES_MIN}"] if examples < EXAMPLES_MIN else [])


def unexplained_commands(command: click.Command, docs: str, path: str = "crossmargin") -> Iterator[str]:
    """A command that neither its help nor the docs mention doesn't exist for the user."""
    if not command.hidden:
        if not (command.help or command.short_help):
            yield f"{path}: no help"
        if not re.search(rf"\b{re.escape(path)}\b", docs):
            yield f"{path}: not named in docs/"
        if isinstance(command, click.Group):
            for name, child in command.commands.items():
                yield from unexplained_commands(child, docs, f"{path} {name}")


def missing_start(readme: str) -> list[str]:
    """The first thing that a reader copies runs the demo and the tests."""
    block = re.search(r"^```console\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    shown = block.group(1) if block else ""
    return [verb for verb in ("python3 dev.py demo", "python3 dev.py test") if verb not in shown]


def missing_exports(module: ModuleType) -> list[str]:
    """What __all__ promises is there."""
    promised = getattr(module, "__all__", ())
    return [f"{module.__name__}.{name}" for name in promised if not hasattr(module, name)]


# ---------------------------------------------------------------- the rules on the repository


def modules(*layers: str) -> list[Path]:
    """Source files of the layers, each a package or a single module; of all, if none is named."""
    found = sorted(PACKAGE.rglob("*.py"))
    return [path for path in found if not layers or layer_of(path) in layers]


def layer_of(path: Path) -> str:
    """The layer that a source file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def objections(paths: Iterable[Path], rule: Callable[[str], Iterable[str]]) -> list[str]:
    """What a rule over text objects to, with the place."""
    return [
        f"{path.relative_to(ROOT)}:{problem}" for path in paths for problem in rule(path.read_text(encoding="utf-8"))
    ]


def parsed(rule: TreeRule) -> Callable[[str], Iterable[str]]:
    """A rule over a syntax tree as a rule over text."""
    return lambda text: rule(ast.parse(text))


def below_the_top() -> list[Path]:
    """Every module that may not know which venue it works for."""
    return [path for path in modules() if layer_of(path) not in (*TOP_LAYERS, "__main__")]


def docs_text() -> str:
    """All pages of docs/."""
    pages = sorted((ROOT / "docs").rglob("*.md"))
    assert pages, "there is no docs/*.md"
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def test_exact_layers_hold_no_float() -> None:
    """Exact decides; floats live in kernels and statistics."""
    assert objections(modules(*EXACT_LAYERS), parsed(floats)) == []


def test_exact_layers_divide_only_by_name() -> None:
    """Every quotient says its rounding."""
    paths = [path for path in modules(*EXACT_LAYERS) if path != DIVISION_HOME]
    assert objections(paths, parsed(divisions)) == []


def test_exact_layers_have_no_hidden_input() -> None:
    """Same commands, same events, in any process."""
    paths = [path for path in modules(*EXACT_LAYERS) if path != STOPWATCH]
    assert objections(paths, parsed(hidden_inputs)) == []


def test_formulas_name_their_source() -> None:
    """Every public function of margin and prices can be checked against a page."""
    assert objections(modules(*SOURCED_LAYERS), parsed(unsourced)) == []


def test_no_layer_decides_by_venue_name() -> None:
    """Venues differ in data."""
    assert objections(below_the_top(), parsed(venue_branches)) == []


def test_no_module_is_overlong() -> None:
    """A ratchet: small modules stay small."""
    assert objections(modules(), overlong) == []


def test_nothing_is_left_for_later() -> None:
    """In code, tests and docs."""
    folders = [ROOT / name for name in ("src", "tests", "bench", "docs", "examples")]
    paths = [path for folder in folders for kind in ("py", "md", "toml") for path in folder.rglob(f"*.{kind}")]
    assert objections([*sorted(paths), ROOT / "dev.py", ROOT / "README.md"], leftovers) == []


def test_every_venue_is_sourced_and_proven() -> None:
    """Source, date of reading, worked examples."""
    assert objections(sorted(VENUE_FILES.rglob("*.toml")), unproven_venue) == []


def test_every_command_is_explained() -> None:
    """Help in the terminal, a line in the docs."""
    if not (PACKAGE / "cli" / "main.py").exists():
        pytest.skip("there is no command line yet")
    main = importlib.import_module("crossmargin.cli.main").app
    assert isinstance(main, click.Command)
    assert list(unexplained_commands(main, docs_text())) == []


def test_readme_starts_with_the_two_commands() -> None:
    """From nothing to a running demo."""
    assert missing_start((ROOT / "README.md").read_text(encoding="utf-8")) == []


def test_every_export_exists() -> None:
    """Of every module that can be imported."""
    if not (PACKAGE / "__init__.py").exists():
        pytest.skip("there is no package yet")
    package = importlib.import_module("crossmargin")
    names = [found.name for found in pkgutil.walk_packages(package.__path__, "crossmargin.")]
    found = [package, *(importlib.import_module(name) for name in names if not name.endswith("__main__"))]
    assert [name for module in found for name in missing_exports(module)] == []


# ---------------------------------------------------------------- the rules on snippets

SNIPPETS: list[tuple[TreeRule, str, str]] = [
    (floats, "x = Decimal('0.1')", "x = 0.1"),
    (floats, "def f(x: float) -> None: ...", "x = float('0.1')"),
    (floats, "x = 1_000", "x = 1e3"),
    (divisions, "half = divide(x, 2, ROUND_DOWN)", "half = x / 2"),
    (divisions, "whole = x // step", "x /= 2"),
    (hidden_inputs, "from datetime import datetime, time", "import time"),
    (hidden_inputs, "at = command.time.ns", "from time import monotonic"),
    (hidden_inputs, "day = date.fromisoformat(text)", "day = date.today()"),
    (hidden_inputs, "day = datetime.fromtimestamp(ns, UTC)", "import datetime\nx = datetime.datetime.now()"),
    (hidden_inputs, "import os.path", "import os\nhome = os.environ['HOME']"),
    (hidden_inputs, "from os import fspath", "from os import getenv"),
    (hidden_inputs, "seed = command.seed", "from random import Random"),
    (
        unsourced,
        'def mmr():\n    """Rate.\n\n    Source:\n        spec 1.\n    """',
        'def mmr():\n    """Rate."""',
    ),
    (unsourced, "def _helper(): ...", "def helper(): ..."),
    (venue_branches, "ok = book.venue == other.venue", "ok = venue == 'okx'"),
    (venue_branches, "ok = scheme in ('whole', 'marginal')", "ok = venue in ('Binance', 'bybit')"),
    (venue_branches, "venue = 'okx'", "match venue:\n    case 'okx' | 'gate': pass"),
    (venue_branches, "ok = name.startswith('BTC')", "ok = name.startswith('okx')"),
]


@pytest.mark.parametrize(("rule", "good", "bad"), SNIPPETS)
def test_rule_tells_good_from_bad(rule: TreeRule, good: str, bad: str) -> None:
    """A rule that objects to nothing, or to everything, protects nothing."""
    assert list(rule(ast.parse(good))) == []
    assert list(rule(ast.parse(bad)))


def test_length_rule() -> None:
    """The limit itself is allowed."""
    assert overlong("x\n" * LINES_MAX) == []
    assert overlong("x\n" * (LINES_MAX + 1))


def test_leftovers_rule() -> None:
    """Whole words only."""
    assert leftovers("the TODOS of others, xxx") == []
    assert leftovers("# TO" + "DO: later")


def test_venue_rule() -> None:
    """Both keys and enough examples, or it says what lacks."""
    head = "source = 'https://example.com'\nretrieved = 2025-01-15\n"
    assert unproven_venue(head + "[[example]]\n" * EXAMPLES_MIN) == []
    assert unproven_venue("retrieved = 2025-01-15\n" + "[[example]]\n" * EXAMPLES_MIN) == ["no source"]
    assert unproven_venue(head + "[[example]]\n") == ["1 [[example]], at least 3"]


def test_command_rule() -> None:
    """Groups are followed down, hidden commands left out."""
    child = click.Command("move", help="Move a price.")
    group = click.Group("crossmargin", help="All.", commands=[child, click.Command("secret", hidden=True)])
    assert list(unexplained_commands(group, "`crossmargin move` does it")) == []
    assert list(unexplained_commands(group, "crossmargin")) == ["crossmargin move: not named in docs/"]
    child.help = None
    assert list(unexplained_commands(group, "crossmargin move")) == ["crossmargin move: no help"]


def test_readme_rule() -> None:
    """Only the first console block counts."""
    both = "$ python3 dev.py demo\n$ python3 dev.py test\n"
    assert missing_start(f"# x\n```console\n{both}```\n") == []
    assert missing_start(f"```console\n$ ls\n```\n```console\n{both}```\n")


def test_export_rule() -> None:
    """A promised name that is not there is told."""
    module = ModuleType("sample")
    assert missing_exports(module) == []
    vars(module)["__all__"] = ["gone"]
    assert missing_exports(module) == ["sample.gone"]
