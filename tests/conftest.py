"""What every test can rely on: no float slips into exact code, and where outside files are."""

import decimal
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
PROFILES = {"dev": 100, "ci": 500, "nightly": 20_000}

for name, examples in PROFILES.items():
    settings.register_profile(name, max_examples=examples, deadline=None, derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run name the folder of conformance vectors, which stay outside the repository."""
    parser.addoption(
        "--vectors",
        metavar="DIR",
        default=str(ROOT.joinpath("..", "shared", "vectors")),
        help="folder of the conformance vectors (default: ../shared/vectors beside the repository)",
    )


def pytest_configure() -> None:
    """Trap floats in the main thread, doctests included, and in every thread started later."""
    decimal.DefaultContext.traps[decimal.FloatOperation] = True
    decimal.getcontext().traps[decimal.FloatOperation] = True


@pytest.fixture(autouse=True)
def no_float_enters_a_decimal() -> Iterator[None]:
    """Make mixing a float with a Decimal an error, and undo whatever the test does to the context."""
    with decimal.localcontext() as context:
        context.traps[decimal.FloatOperation] = True
        yield


@pytest.fixture(scope="session")
def vectors_dir(pytestconfig: pytest.Config) -> Path:
    """The folder given by --vectors; it may be absent, and the conformance test says so."""
    return Path(str(pytestconfig.getoption("--vectors"))).resolve()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of recorded market data beside the repository."""
    folder = ROOT.joinpath("..", "shared", "data").resolve()
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the repository: recorded market data is not part of it")
    return folder
