"""One exchange for all tests of a module, each with accounts of its own."""

from collections.abc import Iterator

import pytest
from tests.server.inside import Inside
from tests.server.outside import Outside, served


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    """An exchange behind a socket."""
    with served() as found:
        yield found


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    """An exchange in this process."""
    found = Inside()
    yield found
    found.close()


@pytest.fixture
def fresh() -> Iterator[Inside]:
    """One that a test has to itself."""
    found = Inside()
    yield found
    found.close()
