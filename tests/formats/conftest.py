"""What the tests of the input door share: a plain account, and files to read it from."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLAIN: dict[str, Any] = {
    "venue": "textbook",
    "balances": {"USDT": "10000"},
    "positions": [
        {
            "instrument": "BTC-USDT-SWAP",
            "side": "long",
            "contracts": "0.5",
            "entry_price": "90000",
            "leverage": "10",
        }
    ],
    "orders": [{"instrument": "ETH-USDT-SWAP", "side": "buy", "contracts": "2", "price": "2900", "leverage": "5"}],
    "marks": {"BTC-USDT-SWAP": "95000", "ETH-USDT-SWAP": "3000"},
}

Save = Callable[[str, str], str]


@pytest.fixture
def plain() -> dict[str, Any]:
    """An account that is right; a test breaks what it wants."""
    return copy.deepcopy(PLAIN)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write a text file and return its path."""

    def write(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return str(path)

    return write
