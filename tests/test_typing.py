"""The front door as a type checker sees it: names that load on first use keep their types."""

import subprocess
import sys
from pathlib import Path

import crossmargin

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """\
import crossmargin
from crossmargin import assess, load_rulebook, read_account, report

book = read_account("account.toml")
found: crossmargin.Assessment = assess(book.account, book.marks, load_rulebook("okx"))
wrong: int = report(found)
"""


def test_a_checker_knows_every_public_name(tmp_path: Path) -> None:
    """`mypy --strict` passes every line of a script but the one that is wrong, and finds all promised names."""
    script = tmp_path / "script.py"
    names = [name for name in crossmargin.__all__ if name != "__version__"]
    script.write_text(SCRIPT + "".join(f"crossmargin.{name}\n" for name in names), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(script)]

    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    complaints = [line for line in done.stdout.splitlines() if "error" in line and not line.startswith("Found")]
    assert len(complaints) == 1, done.stdout + done.stderr
    assert "script.py:6" in complaints[0]
    assert 'dict[str, Any]", variable has type "int"' in complaints[0]
