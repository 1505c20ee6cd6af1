"""The list of security checks names tests that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
HOME = "tests/server/test_security.py"


def functions_of(file: str) -> set[str]:
    """Names of the test functions of a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_check_names_a_test_that_is_there() -> None:
    """Each row has an id of its own and one or more tests; each test is found in its file."""
    rows = re.findall(r"^\| (S\d+) \| .+ \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len({name for name, _ in rows}) > 30
    for name, cell in rows:
        for test in cell.split(", "):
            file, _, function = test.strip("`").rpartition("::")
            assert function in functions_of(file or HOME), (name, test)


def test_every_security_test_is_listed() -> None:
    """No test of the file is left out of the table; the one that tells ids apart belongs to S11."""
    listed = PAGE.read_text(encoding="utf-8")
    missing = {name for name in functions_of(HOME) if name.startswith("test_") and name not in listed}
    assert missing == {"test_ids_on_the_wire_do_not_mix"}
