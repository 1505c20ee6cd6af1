"""The set-up: locks that pin and hash everything, and a dev.py that needs nothing installed."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
DEV = ROOT / "dev.py"
LOCKS = sorted((ROOT / "locks").glob("*.txt"))


def entries(lock: Path) -> Iterator[tuple[Requirement, list[str]]]:
    """Every requirement of a lock with its hashes."""
    joined = re.sub(r"\\\n\s*", "", lock.read_text(encoding="utf-8"))
    for line in joined.splitlines():
        if line and not line.startswith("#"):
            text, *hashes = re.split(r"\s*--hash=", line)
            yield Requirement(text), hashes


def pins(lock: Path) -> dict[str, set[str]]:
    """Locked versions by name; a name may have several, one for each range of Pythons."""
    found: dict[str, set[str]] = {}
    for requirement, _ in entries(lock):
        found.setdefault(canonicalize_name(requirement.name), set()).add(str(requirement.specifier).removeprefix("=="))
    return found


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """dev.py as a module whose root is a small copy in a temporary folder."""
    spec = importlib.util.spec_from_file_location("dev", DEV)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "locks").mkdir()
    for name in ("pyproject.toml", "locks/demo.txt", "locks/test.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    venv = tmp_path / ".venv"
    venv.mkdir()
    (venv / "python").touch()
    for name, value in {
        "ROOT": tmp_path, "VENV": venv, "STAMP": venv / "stamp", "PYTHON": venv / "python",
    }.items():  # fmt: skip
        monkeypatch.setattr(module, name, value)
    return module


def finish(dev: ModuleType, lock: str) -> None:
    """Note that .venv was finished from this lock, as ensure() does last."""
    dev.STAMP.write_text(f"{dev.origin()} {lock} {dev.digest(lock)}\n")


def test_there_are_three_locks() -> None:
    """For the wheel alone, for the demo, for everything."""
    assert [lock.name for lock in LOCKS] == ["base.txt", "demo.txt", "test.txt"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_and_hashed(lock: Path) -> None:
    """A lock says exactly which files may be installed."""
    for requirement, hashes in entries(lock):
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert hashes, f"{requirement} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", found) for found in hashes)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_lock_holds_an_address(lock: Path) -> None:
    """Where packages come from is the business of whoever installs them."""
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text
    assert "/" not in text.replace(dev_header(), "")


def dev_header() -> str:
    """The one comment that a lock carries."""
    return "# Made by `python3 dev.py lock` from pyproject.toml; holds for Python 3.11 and newer.\n"


@pytest.mark.parametrize(("part", "whole"), [("base", "demo"), ("demo", "test")])
def test_each_lock_is_part_of_the_next(part: str, whole: str) -> None:
    """One environment serves demo and tests, so the locks agree on every version."""
    smaller, larger = (pins(ROOT / "locks" / f"{name}.txt") for name in (part, whole))
    assert {name: larger.get(name) for name in smaller} == smaller


def test_locks_satisfy_the_declared_dependencies() -> None:
    """A dependency that was added without `dev.py lock` is found here."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = settings["dependency-groups"]
    extras = settings["project"]["optional-dependencies"]
    base = settings["project"]["dependencies"]
    demo = [*base, *extras["serve"], *groups["build"]]
    everything = [*demo, *extras["data"], *extras["fleet"], *groups["test"], *groups["lint"]]
    declared = {"base": base, "demo": demo, "test": everything}
    for lock, requirements in declared.items():
        locked = pins(ROOT / "locks" / f"{lock}.txt")
        for requirement in map(Requirement, requirements):
            versions = locked.get(canonicalize_name(requirement.name), set())
            assert versions, f"{requirement} is not in locks/{lock}.txt"
            assert all(version in requirement.specifier for version in versions), requirement


def test_dev_imports_only_the_standard_library() -> None:
    """dev.py runs before anything is installed."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(DEV.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).partition(".")[0])
    assert imported <= sys.stdlib_module_names


def test_dev_help_works_without_site_packages() -> None:
    """Its help names every verb, on a Python with nothing installed."""
    done = subprocess.run([sys.executable, "-I", "-S", str(DEV), "--help"], capture_output=True, text=True, check=True)
    for verb in ("demo", "test", "check", "bench", "sim", "lock"):
        assert f"dev.py {verb}" in done.stdout


def test_dev_refuses_an_unknown_verb(dev: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped verb exits with 2 and one line."""
    assert dev.main(["tset"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_environment_without_a_stamp_is_not_trusted(dev: ModuleType) -> None:
    """A set-up that was broken off starts over."""
    assert not dev.is_sound()
    assert not dev.is_ready("demo")


def test_the_test_environment_serves_the_demo_but_not_the_reverse(dev: ModuleType) -> None:
    """After `test`, `demo` installs nothing; after `demo`, `test` adds the rest."""
    finish(dev, "test")
    assert dev.is_ready("demo")
    finish(dev, "demo")
    assert dev.is_ready("demo")
    assert not dev.is_ready("test")


@pytest.mark.parametrize("edit", [("locks/demo.txt", "\n# edited"), ("pyproject.toml", "\n[project.urls]\na = 'b'")])
def test_a_changed_lock_or_project_is_installed_again(dev: ModuleType, edit: tuple[str, str]) -> None:
    """The stamp remembers what was installed; what was built stays and is brought up to date."""
    finish(dev, "demo")
    name, addition = edit
    path = dev.ROOT / name
    path.write_text(path.read_text(encoding="utf-8") + addition, encoding="utf-8")
    assert not dev.is_ready("demo")
    assert dev.is_sound()


def test_settings_of_the_tools_change_no_environment(dev: ModuleType) -> None:
    """Editing a lint rule costs no installation."""
    finish(dev, "demo")
    path = dev.ROOT / "pyproject.toml"
    path.write_text(path.read_text(encoding="utf-8") + "\n[tool.other]\nx = 1\n", encoding="utf-8")
    assert dev.is_ready("demo")


def test_another_python_or_place_makes_the_environment_anew(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A moved checkout or an upgraded Python can't reuse .venv."""
    finish(dev, "demo")
    monkeypatch.setattr(dev, "VENV", tmp_path / "moved" / ".venv")
    assert not dev.is_sound()


def test_sim_says_when_there_is_nothing_to_simulate(dev: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Before the engine exists, `sim` says so in one line and exits with 2."""
    assert dev.main(["sim", "--seed", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_benches_print_one_list(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json, the rows of several benches become one document."""
    monkeypatch.setattr(dev, "ensure", lambda lock: None)
    monkeypatch.setattr(dev, "PYTHON", Path(sys.executable))
    (dev.ROOT / "bench").mkdir()
    for name in ("assess", "engine"):
        row = f'import sys; assert "--json" in sys.argv; print(\'[{{"name": "{name}"}}]\')'
        (dev.ROOT / "bench" / f"{name}.py").write_text(row, encoding="utf-8")
    assert dev.main(["bench", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"name": "assess"}, {"name": "engine"}]
    assert dev.main(["bench", "engine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"name": "engine"}]


def test_bench_names_what_there_is(dev: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown bench is refused with the known ones."""
    (dev.ROOT / "bench").mkdir()
    (dev.ROOT / "bench" / "assess.py").touch()
    (dev.ROOT / "bench" / "_shared.py").touch()
    assert dev.main(["bench", "nothing"]) == 2
    assert "there are: assess;" in capsys.readouterr().err
