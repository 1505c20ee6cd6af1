#!/usr/bin/env python3
"""Every developer task, from a bare Python 3.11 or newer.

python3 dev.py demo [ARGS]              install what the demo needs and run it; --seconds N stops it
python3 dev.py test [PYTEST ARGS]       install everything and run the tests
python3 dev.py check                    formatting, lint, types, layers, spelling, metadata
python3 dev.py bench [NAME ...] [ARGS]  run bench/NAME.py, or all; --json prints one list of rows
python3 dev.py sim --seed N --seconds T run the seeded random venue
python3 dev.py lock [--upgrade]         resolve locks/*.txt again from pyproject.toml

The environment is .venv beside this file, installed from locks/ with every hash checked, and is
built again only when a lock, pyproject.toml or the Python changes. Removing .venv is always safe.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file is what tells the owner of an older Python
    sys.exit("dev.py needs Python 3.11 or newer, and this is %d.%d" % sys.version_info[:2])  # noqa: UP031

import contextlib
import hashlib
import importlib.util
import json
import os
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "crossmargin.stamp"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
UV = "uv==0.13.9"  # only the verb `lock` needs it
LOCK_HEADER = "# Made by `python3 dev.py lock` from pyproject.toml; holds for Python 3.11 and newer.\n"
USAGE = 2

# What each lock is resolved from. Test comes first and the others take its versions, so that one
# .venv serves both tests and demo. Base is what the wheel alone needs: CI runs it with no more.
LOCKS = {
    "test": [
        "--extra=serve",
        "--extra=data",
        "--extra=fleet",
        "--extra=live",
        "--extra=ray",
        "--extra=dask",
        "--group=build",
        "--group=test",
        "--group=lint",
    ],
    "demo": ["--extra=serve", "--group=build", "--constraints=locks/test.txt"],
    "base": ["--constraints=locks/test.txt"],
}


# ---------------------------------------------------------------- the environment


def origin() -> str:
    """What .venv can't outlive: the Python that made it and the place where it stands."""
    return hashlib.sha256(f"{sys.version}\0{VENV}".encode()).hexdigest()


def digest(lock: str) -> str:
    """What decides the content of .venv: a lock, and how pyproject.toml installs crossmargin itself."""
    locked = (ROOT / "locks" / f"{lock}.txt").read_bytes()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    itself = json.dumps([settings["build-system"], settings["project"], settings["tool"]["hatch"]])
    return hashlib.sha256(locked + itself.encode()).hexdigest()


def stamped() -> list[str]:
    """The origin, lock and digest noted when .venv was last finished; empty if it never was."""
    try:
        return STAMP.read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []


def is_sound() -> bool:
    """Whether .venv was once finished, by this Python and at this place; if not it is made anew."""
    return PYTHON.exists() and stamped()[:1] == [origin()]


def is_ready(lock: str) -> bool:
    """Whether .venv holds what this lock says; the environment of the tests serves the demo too."""
    return is_sound() and any(stamped()[1:] == [name, digest(name)] for name in (lock, "test"))


def ensure(lock: str) -> None:
    """Build or refresh .venv from a lock; the stamp is written last, so a broken build is never trusted."""
    if is_ready(lock):
        return
    with one_at_a_time():
        if is_ready(lock):
            return
        started = time.perf_counter()
        if not is_sound():
            make_venv()
        STAMP.unlink(missing_ok=True)
        step(f"install locks/{lock}.txt", [*pip(), "--require-hashes", "-r", f"locks/{lock}.txt"])
        step("install crossmargin, editable", [*pip(), "--no-build-isolation", "--editable", "."])
        STAMP.write_text(f"{origin()} {lock} {digest(lock)}\n", encoding="ascii")
        say(f".venv is ready ({time.perf_counter() - started:.1f} s)")


def make_venv() -> None:
    """Create an empty .venv with pip in it."""
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit("dev.py: this Python has no ensurepip; on Debian and Ubuntu install python3-venv")
    step("create .venv", [sys.executable, "-m", "venv", "--clear", str(VENV)])


def pip() -> list[str]:
    """Start of an install command that takes what it is told and resolves nothing."""
    return [
        str(PYTHON),
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "install",
        "--no-deps",
    ]


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep two runs started together from building the same .venv."""
    with (ROOT / ".venv.lock").open("w") as handle:
        try:
            import fcntl
        except ImportError:  # not a POSIX system: there the second run fails in pip, which is safe
            pass
        else:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


# ---------------------------------------------------------------- running things


def say(line: str) -> None:
    """One line of progress; standard output belongs to the verb's own result."""
    print(f"dev.py: {line}", file=sys.stderr, flush=True)


def step(name: str, command: Sequence[str]) -> None:
    """Run one step of the set-up quietly; if it fails, show all that it said and stop."""
    say(name)
    environment = {**os.environ, "PIP_USER": "0", "PYTHONNOUSERSITE": "1"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        sys.exit(f"dev.py: failed: {name}")


def become(command: Sequence[str | Path]) -> NoReturn:
    """End as this command: its signals, its exit status."""
    words = [str(word) for word in command]
    sys.stdout.flush()
    if os.name != "nt":
        os.execv(words[0], words)
    sys.exit(subprocess.run(words, check=False).returncode)


# ---------------------------------------------------------------- the verbs


def demo(args: list[str]) -> NoReturn:
    """Install the demo's lock only and run it."""
    ensure("demo")
    become([PYTHON, "-m", "crossmargin", "demo", *args])


def test(args: list[str]) -> NoReturn:
    """Run the tests on every core, unless the arguments say otherwise."""
    ensure("test")
    os.chdir(ROOT)
    chosen = any(arg.startswith(("-n", "--numprocesses", "--pdb", "--collect-only")) for arg in args)
    workers = [] if chosen else ["-n", str(os.cpu_count() or 2), "--dist=worksteal"]
    become([PYTHON, "-m", "pytest", *workers, *args])


def check(args: list[str]) -> int:
    """Run every static check to the end, one line each, and fail if any failed."""
    if args:
        return usage("check takes no arguments")
    ensure("test")
    folders = [name for name in ("src", "tests", "bench", "dev.py") if (ROOT / name).exists()]
    checks: list[tuple[str, list[str]]] = [
        ("ruff format", ["ruff", "format", "--check", "."]),
        ("ruff check", ["ruff", "check", "."]),
        ("mypy", ["mypy", *folders]),
        ("lint-imports", ["lint-imports"]),
        ("codespell", ["codespell"]),
        ("validate-pyproject", ["validate-pyproject", "pyproject.toml"]),
    ]
    failed = [name for name, command in checks if not passes(name, command)]
    say(f"check: {len(checks) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def passes(name: str, command: list[str]) -> bool:
    """Run one tool of the environment, print its line, and its output only if it failed."""
    started = time.perf_counter()
    done = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    verdict = "failed" if done.returncode else "ok"
    print(f"{name:<20} {verdict:<6} {time.perf_counter() - started:6.1f} s", flush=True)
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0


def bench(args: list[str]) -> int:
    """Run the named benches, or all; with --json their rows become one list."""
    known = sorted(path.stem for path in (ROOT / "bench").glob("[!_]*.py"))
    names = [arg for arg in args if arg in known] or known
    options = [arg for arg in args if arg not in known]
    if options and not options[0].startswith("-"):
        return usage(f"no bench named {options[0]!r}; there are: {', '.join(known) or 'none yet'}")
    if not known:
        return usage("there are no benches yet")
    ensure("test")
    rows: list[object] = []
    for name in names:
        command = [str(PYTHON), str(ROOT / "bench" / f"{name}.py"), *options]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE if "--json" in options else None, check=False)
        if done.returncode:
            say(f"bench {name} failed with status {done.returncode}")
            return 1
        if "--json" in options:
            rows += json.loads(done.stdout)
    if "--json" in options:
        print(json.dumps(rows, indent=1))
    return 0


def sim(args: list[str]) -> int:
    """Run the seeded simulator, once the engine that it drives is there."""
    if not any((ROOT / "src" / "crossmargin" / "engine").glob("simulate*")):
        print("sim: the simulator arrives with the engine; there is nothing to simulate yet", file=sys.stderr)
        return USAGE
    ensure("test")
    become([PYTHON, "-m", "crossmargin.journal.simulate", *args])


def lock(args: list[str]) -> int:
    """Resolve the locks again; without --upgrade, versions move only where they must."""
    if not is_sound():
        make_venv()
    step(f"install {UV}", [*pip(), UV])
    for name, sources in LOCKS.items():
        target = ROOT / "locks" / f"{name}.txt"
        target.parent.mkdir(exist_ok=True)
        form = ["--universal", "--python-version=3.11", "--generate-hashes"]
        plain = ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]
        step(
            f"resolve locks/{name}.txt",
            [
                str(BIN / "uv"), "pip", "compile", "pyproject.toml", *sources, *form, *plain, *args,
                "--output-file", str(target),
            ],
        )  # fmt: skip
        target.write_text(LOCK_HEADER + target.read_text(encoding="utf-8"), encoding="utf-8")
    return 0


VERBS: dict[str, Callable[[list[str]], int]] = {
    "demo": demo,
    "test": test,
    "check": check,
    "bench": bench,
    "sim": sim,
    "lock": lock,
}


def usage(problem: str) -> int:
    """Say what was wrong with the command line."""
    print(f"dev.py: {problem}; see python3 dev.py --help", file=sys.stderr)
    return USAGE


def main(args: list[str]) -> int:
    """Run one verb and return its exit status."""
    if not args or args[0] in {"-h", "--help", "help"}:
        print(__doc__)
        return 0 if args else USAGE
    verb = VERBS.get(args[0])
    if verb is None:
        return usage(f"no verb {args[0]!r}")
    try:
        return verb(args[1:])
    except KeyboardInterrupt:
        say("interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
