"""freqtrade, live and unmodified, trades on the exchange: isolated as it is, cross through a launcher of three lines.

It is no part of the locked requirements. Where it is installed in a virtual environment of its own, name that:
``CROSSMARGIN_FREQTRADE=/path/of/venv``.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import ccxt
import pytest
from tests.server.outside import Outside, served

from crossmargin.server.keys import NewKey

EXAMPLE = Path(__file__).parents[2] / "examples" / "freqtrade"
SECONDS = 100
MODES = ("isolated", "cross")


@pytest.fixture
def programs() -> Path:
    """Where the programs of the virtual environment are."""
    folder = Path(os.environ.get("CROSSMARGIN_FREQTRADE", "nowhere")) / "bin"
    if not (folder / "freqtrade").exists():
        pytest.skip("no freqtrade: name a virtual environment that has it in CROSSMARGIN_FREQTRADE")
    return folder


def configured(mode: str, exchange: Outside, key: NewKey) -> dict[str, Any]:
    """The example's configuration with a mode, an address and a key."""
    config: dict[str, Any] = json.loads((EXAMPLE / "config.json").read_text(encoding="utf-8"))
    config["margin_mode"] = mode
    config["exchange"] |= {"key": key.key, "secret": key.secret, "password": key.passphrase}
    addresses = {"rest": exchange.url, "ws": f"ws{exchange.url.removeprefix('http')}/ws/v5"}
    config["exchange"]["ccxt_config"]["urls"]["api"] = addresses
    return config


def traded(config: Path, programs: Path, mode: str) -> str:
    """Let it trade for a while; what it wrote."""
    start = [programs / "freqtrade"] if mode == "isolated" else [programs / "python", EXAMPLE / "cross.py"]
    command = [*start, "trade", "--config", config, "--strategy", "AlwaysIn", "--strategy-path", EXAMPLE]
    command += ["--userdir", config.parent, "--db-url", f"sqlite:///{config.parent}/trades.sqlite"]
    bounded = ["timeout", "-s", "INT", "-k", "15", str(SECONDS), *map(str, command)]
    found = subprocess.run(bounded, capture_output=True, text=True, check=False, timeout=SECONDS + 60)
    return found.stdout + found.stderr


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("mode", MODES)
def test_it_enters_with_a_stop_and_leaves(mode: str, programs: Path, tmp_path: Path) -> None:
    """At least one purchase at 3x, a stop-loss that waits on the exchange, its cancellation, and the sale."""
    with served(driven=True) as exchange:
        key = exchange.account("5000")
        config = tmp_path / "config.json"
        config.write_text(json.dumps(configured(mode, exchange, key)), encoding="utf-8")
        log = traded(config, programs, mode)
        client = ccxt.okx(
            {
                "apiKey": key.key,
                "secret": key.secret,
                "password": key.passphrase,
                "urls": {"api": {"rest": exchange.url}},
            }
        )
        orders = client.privateGetTradeOrdersHistory({"instType": "SWAP", "state": "filled"})["data"]
        stops = client.privateGetTradeOrdersAlgoHistory({"ordType": "conditional", "state": "canceled"})["data"]
        closed = client.privateGetAccountPositionsHistory({})["data"]
    assert "Traceback" not in log, log[-4_000:]
    assert [row["side"] for row in orders[::-1]][:2] == ["buy", "sell"], log[-4_000:]
    assert {row["tdMode"] for row in orders} == {mode}
    assert stops[-1]["tdMode"] == mode
    assert float(stops[-1]["slTriggerPx"]) < float(orders[-1]["avgPx"])
    assert int(orders[-1]["cTime"]) <= int(stops[-1]["cTime"]) <= int(orders[-2]["cTime"])
    assert (closed[-1]["mgnMode"], closed[-1]["lever"], closed[-1]["direction"]) == (mode, "3", "long")
