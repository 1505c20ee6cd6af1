"""compare, reconcile and venues --update: venues side by side, theirs beside ours, and fresh tiers."""

import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from crossmargin.rulebook import load, venues

from .conftest import Run

BOOK = "examples/compare/day-trader.toml"


def test_one_book_under_every_venue(crossmargin: Callable[..., Run]) -> None:
    """Every venue is priced or says what it does not list; ratios stand in our direction and the venue's own."""
    found = {each["venue"]: each for each in crossmargin("compare", BOOK, "--json").json["venues"]}

    assert set(found) == set(venues())
    assert found["binance-coinm"]["problem"].startswith("not listed: BTC/USDT:USDT")
    priced = {name: each for name, each in found.items() if each["problem"] is None}
    assert set(priced) == set(venues()) - {"binance-coinm"}
    for name, each in priced.items():
        assert float(each["margin_ratio"]) > 1, name
        assert len(each["positions"]) == 3, name
        assert all(leg["liquidation_price"] for leg in each["positions"]), name
    ratio = found["binance"]["venue_ratio"]["marginRatio"]
    assert float(ratio) == pytest.approx(1 / float(found["binance"]["margin_ratio"]))
    assert found["okx"]["venue_ratio"]["mgnRatio"] == found["okx"]["margin_ratio"]


def test_margins_differ_by_rule_not_by_book(crossmargin: Callable[..., Run]) -> None:
    """Position value 94,500 at 10x: 9,450; at entry 89,000: 8,900; two venues' maintenance by hand."""
    found = {each["venue"]: each for each in crossmargin("compare", BOOK, "--json").json["venues"]}

    assert found["textbook"]["initial_margin"] == "9450"
    assert found["textbook-entry"]["initial_margin"] == "8900"
    assert found["okx"]["maintenance_margin"] == "413"
    # BTC and ETH 5 % x 0.6, SOL 10 % x 0.5: 1,425 + 990 + 700 = 3,115
    assert found["dydx"]["maintenance_margin"] == "3115"
    # 47,500 x 1.25 % + 33,000 x 2 % + 14,000 x 2.5 % = 593.75 + 660 + 350
    assert found["hyperliquid"]["maintenance_margin"] == "1603.75"


def test_a_dollar_put_in_place_of_another_is_said(crossmargin: Callable[..., Run]) -> None:
    """Venues that settle in USDC take the book one for one, and say so."""
    found = crossmargin("compare", BOOK, "--only", "dydx", "--json").json["venues"]

    assert found[0]["assumptions"] == ["USDC in place of USDT, one for one"]


def test_reported_figures_agree(crossmargin: Callable[..., Run]) -> None:
    """A recorded OKX answer: every figure agrees but the ratio, read at another moment."""
    found = crossmargin(
        "reconcile", "examples/reconcile-okx.toml", "--reported", "examples/reconcile-okx.json", "--json"
    )

    causes = {each["figure"]: each["cause"] for each in found.json["figures"]}
    assert causes.pop("margin_ratio") != "agrees"
    assert set(causes.values()) == {"agrees"}
    assert found.status == 2


@pytest.mark.parametrize(
    ("changed", "figure", "cause"),
    [
        ({"markPx": "2400", "upl": "979.928410000000002"}, "floating_pnl", "other mark"),
        ({"mmr": "166.27810375"}, "maintenance_margin", "tier"),
        ({"mmr": "149.650293375"}, "maintenance_margin", "fee"),
        ({"avgPx": "2470"}, "entry_price", "other entry price"),
    ],
)
def test_a_difference_has_a_likely_cause(
    crossmargin: Callable[..., Run], tmp_path: Path, changed: dict[str, str], figure: str, cause: str
) -> None:
    """Another mark, another tier, a fee counted in, another entry.

    At 2,400 the short of 13.789 ETH from 2,471.066 has gained 979.93; 0.5 % of 33,255.62075 is 166.278, 0.4 % and the
    fee of 0.05 % are 149.650.
    """
    answer = json.loads(Path("examples/reconcile-okx.json").read_text("utf-8"))
    answer["data"][0].update(changed)
    reported = tmp_path / "reported.json"
    reported.write_text(json.dumps(answer), "utf-8")

    found = crossmargin("reconcile", "examples/reconcile-okx.toml", "--reported", str(reported), "--json").json

    assert cause in {each["figure"]: each["cause"] for each in found["figures"]}[figure]


def test_a_report_without_positions_is_one_line(crossmargin: Callable[..., Run], tmp_path: Path) -> None:
    """An answer of another shape is refused."""
    reported = tmp_path / "reported.json"
    reported.write_text('{"code": "0"}', "utf-8")

    found = crossmargin("reconcile", "examples/reconcile-okx.toml", "--reported", str(reported))

    assert (found.status, found.out) == (1, "")
    assert "no list of positions" in found.err


class _OfflineError(Exception):
    """Stands in for ccxt.NetworkError."""


@pytest.fixture
def stub_ccxt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[object], Path]:
    """A stand-in for ccxt that answers one table, or raises; returns the folder where tiers go."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    def install(answer: object) -> Path:
        class Exchange:
            """Offers tiers market by market."""

            has = {"fetchMarketLeverageTiers": True}  # noqa: RUF012 - as ccxt has it

            def fetch_market_leverage_tiers(self, symbol: str) -> object:
                """Answer for one symbol."""
                if isinstance(answer, Exception):
                    raise answer
                return answer if symbol == "BTC/USDT:USDT" else [{"maintenanceMarginRate": 0.01, "maxNotional": 1e18}]

        module = ModuleType("ccxt")
        module.okx = Exchange  # type: ignore[attr-defined]
        module.NetworkError = _OfflineError  # type: ignore[attr-defined]
        module.AuthenticationError = PermissionError  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "ccxt", module)
        return tmp_path / "crossmargin" / "tiers"

    return install


def test_fetched_tiers_are_used_and_said(
    crossmargin: Callable[..., Run], stub_ccxt: Callable[[object], Path], tmp_path: Path
) -> None:
    """A fetched table of 0.7 % replaces the shipped one from its day on: 1 BTC at 100,000 needs 700, before it 400."""
    folder = stub_ccxt([{"maintenanceMarginRate": 0.007, "maxNotional": 1000.0, "maxLeverage": 100}])
    made = crossmargin("venues", "okx", "--update", "--json")
    book = tmp_path / "book.toml"

    def maintenance(as_of: str) -> tuple[str, list[str]]:
        book.write_text(
            f'venue = "okx"\n{as_of}balances = {{ USDT = "20000" }}\nmarks = {{ BTC-USDT-SWAP = "100000" }}\n'
            'positions = [{ instrument = "BTC-USDT-SWAP", side = "long", contracts = "100", entry_price = "100000" }]\n'
        )
        found = crossmargin("assess", str(book), "--json").json
        return found["currencies"]["USDT"]["maintenance_margin"], found["assumptions"]

    assert made.status == 0
    assert made.json["tables"] == 4
    written = next(folder.glob("okx@*.toml"))
    assert tomllib.loads(written.read_text("utf-8"))["tiers"][0]["source"] == "ccxt okx"
    assert maintenance("")[0] == "700"
    assert any("fetched" in line for line in maintenance("")[1])
    assert maintenance("as_of = 2025-01-01\n")[0] == "400"
    assert load("okx").instruments["BTC-USDT-SWAP"].family == "BTC-USDT"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (_OfflineError("no route"), "cannot be reached"),
        ([{"maintenanceMarginRate": None, "maxNotional": 1}], "missing"),
        ([{"maintenanceMarginRate": -1, "maxNotional": 1}], "above zero"),
        ([], "empty table"),
    ],
)
def test_a_failed_update_is_one_line_and_writes_nothing(
    crossmargin: Callable[..., Run],
    stub_ccxt: Callable[[object], Path],
    answer: object,
    says: str,
) -> None:
    """Offline, or an answer that is no table: exit status 1, one line, no file."""
    folder = stub_ccxt(answer)

    found = crossmargin("venues", "okx", "--update")

    assert (found.status, found.out, found.err.count("\n")) == (1, "", 1)
    assert says in found.err
    assert not folder.exists()


def test_without_ccxt_the_extra_is_named(crossmargin: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """The base install has no ccxt."""
    monkeypatch.setitem(sys.modules, "ccxt", None)

    found = crossmargin("venues", "okx", "--update")

    assert found.status == 1
    assert "crossmargin[live]" in found.err
