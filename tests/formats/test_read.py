"""One door for every file: which reader it picks, and what may be given beside the file."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from crossmargin.errors import InputError
from crossmargin.formats.account_file import build_book, read_account
from crossmargin.formats.ccxt_file import read_ccxt
from crossmargin.formats.read import read_book

HERE = Path(__file__).parent
EXAMPLE = str(HERE.parents[1] / "examples" / "day-trader.toml")
CSV = "instrument,side,contracts,entry_price,leverage\nBTC-USDT-SWAP,long,1,100,10\n"


def test_account_files_of_each_ending(tmp_path: Path) -> None:
    """TOML, YAML and JSON account files are read as such."""
    document = {"venue": "textbook", "balances": {"USDT": "1"}}
    for ending, text in (("json", json.dumps(document)), ("yaml", "venue: textbook\nbalances: {USDT: 1}\n")):
        path = tmp_path / f"a.{ending}"
        path.write_text(text, encoding="utf-8")
        assert read_book(str(path)) == build_book(document, "a")

    assert read_book(EXAMPLE) == read_account(EXAMPLE)


def test_answers_of_ccxt(tmp_path: Path) -> None:
    """A JSON file with a balance, or a folder of answers, is ccxt's."""
    whole = HERE / "ccxt_okx.json"
    for piece, answer in json.loads(whole.read_text("utf-8")).items():
        (tmp_path / f"{piece}.json").write_text(json.dumps(answer), encoding="utf-8")

    assert read_book(str(whole)) == read_ccxt(str(whole))
    assert read_book(str(tmp_path), venue="okx") == read_book(str(whole))


def test_spreadsheets_need_venue_and_balances(tmp_path: Path) -> None:
    """They hold positions only."""
    path = tmp_path / "P.CSV"
    path.write_text(CSV, encoding="utf-8")
    book = read_book(str(path), venue="textbook", balances={"USDT": Decimal("1.5")})
    assert (book.account.balances, len(book.account.positions)) == ({"USDT": Decimal("1.5")}, 1)

    with pytest.raises(InputError, match=r"P\.CSV: venue: a \.csv file holds positions only"):
        read_book(str(path), balances={})
    with pytest.raises(InputError, match=r"P\.CSV: balances: a \.csv file holds positions only"):
        read_book(str(path), venue="textbook")


def test_a_venue_beside_the_file_fills_a_gap_or_agrees(tmp_path: Path) -> None:
    """It never replaces the file's own."""
    path = tmp_path / "a.toml"
    path.write_text("balances = { USDT = '1' }", encoding="utf-8")

    assert read_book(str(path), venue="okx").rulebook.venue == "okx"
    assert read_book(EXAMPLE, venue="textbook") == read_book(EXAMPLE)
    with pytest.raises(InputError, match=r"venue: 'textbook' contradicts 'okx' given beside the file"):
        read_book(EXAMPLE, venue="okx")
    with pytest.raises(InputError, match=r"venue: 'okx' contradicts 'binance' given beside the file"):
        read_book(str(HERE / "ccxt_okx.json"), venue="binance")


@pytest.mark.parametrize("path", [EXAMPLE, str(HERE / "ccxt_okx.json")])
def test_balances_beside_a_file_that_has_its_own(path: str) -> None:
    """Two sources of one figure are a contradiction."""
    with pytest.raises(InputError, match="balances: stand in the file itself"):
        read_book(path, balances={"USDT": "1"})


def test_a_path_inside_a_file_is_no_file_to_read(tmp_path: Path) -> None:
    """A saved answer that holds a path where positions belong is wrong, and nothing else is opened."""
    secret = tmp_path / "secret.json"
    secret.write_text("[]", encoding="utf-8")
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"venue": "okx", "balance": {}, "positions": str(secret)}), encoding="utf-8")

    with pytest.raises(InputError, match=r"a\.json: positions: expected a list, found "):
        read_book(str(path))


@pytest.mark.parametrize("name", ["a.xlsx", "a", "absent.json", "absent.csv"])
def test_what_no_reader_takes(tmp_path: Path, name: str) -> None:
    """One line names the file."""
    (tmp_path / "a.xlsx").write_text("x", encoding="utf-8")
    (tmp_path / "a").write_text("x", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_book(str(tmp_path / name), venue="okx", balances={} if name.endswith("csv") else None)

    assert str(caught.value).startswith(f"{tmp_path / name}: ")
