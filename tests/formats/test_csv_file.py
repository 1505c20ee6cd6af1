"""Positions from spreadsheets: what a cell may be, and how a wrong one is named."""

from decimal import Decimal
from pathlib import Path

import pytest

from crossmargin.domain.account import PositionMode, Side
from crossmargin.errors import InputError
from crossmargin.formats.account_file import Book, build_book
from crossmargin.formats.csv_file import read_positions_csv

HEADER = "instrument,side,contracts,entry_price,leverage,mark_price"
GOOD = "BTC-USDT-SWAP,long,0.5,90000,10,95000"
CASH = {"USDT": Decimal(10000)}


def read(tmp_path: Path, text: str, position_mode: PositionMode = PositionMode.ONE_WAY) -> Book:
    """The Book of a CSV text."""
    path = tmp_path / "p.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return read_positions_csv(str(path), venue="textbook", balances=CASH, position_mode=position_mode)


def refused(tmp_path: Path, text: str) -> str:
    """The line that the text is refused with, without the folder."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix(f"{tmp_path}/")


def test_a_row_is_a_position(tmp_path: Path) -> None:
    """The Book is that of the account file with the same keys."""
    entry = {"instrument": "BTC-USDT-SWAP", "side": "long", "contracts": "0.5", "entry_price": "90000"}
    document = {
        "venue": "textbook",
        "balances": {"USDT": "10000"},
        "positions": [entry | {"leverage": "10"}],
        "marks": {"BTC-USDT-SWAP": "95000"},
    }

    assert read(tmp_path, f"{HEADER}\n{GOOD}\n") == build_book(document, "book")


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{HEADER}\r\n{GOOD}\r\n",
        f"{HEADER}\n\n{GOOD}",
        f"{HEADER}\n{GOOD}\n,,,,,\n",
        '"instrument","side","contracts","entry_price","leverage","mark_price"\n'
        '"BTC-USDT-SWAP","long","0.5","90000","10","95000"\n',
        "side,mark_price,leverage,entry_price,contracts,instrument\nlong,95000,10,90000,0.5,BTC-USDT-SWAP\n",
        f"{HEADER},margin\n{GOOD},\n",
    ],
)
def test_ways_to_write_the_same(tmp_path: Path, text: str) -> None:
    """Byte order mark, CRLF, quotes, empty rows, another order of columns, empty cells."""
    assert read(tmp_path, text) == read(tmp_path, f"{HEADER}\n{GOOD}\n")


def test_rows_of_one_instrument_share_a_mark(tmp_path: Path) -> None:
    """Two legs may repeat the mark, in other digits too, or leave it to the other."""
    short = "BTC-USDT-SWAP,short,0.25,91000,10,"
    for mark in ("95000", "95000.0", ""):
        book = read(tmp_path, f"{HEADER}\n{GOOD}\n{short}{mark}\n", PositionMode.HEDGE)
        assert [each.side for each in book.account.positions] == [Side.LONG, Side.SHORT]
        assert book.marks.mark == {"BTC-USDT-SWAP": Decimal(95000)}


CELLS = [
    ("ETH-USDT-SWAP,lng,1,1,1,1", "p.csv:3: side: 'lng' is not one of long, short"),
    ("ETH-USDT-SWAP,short,=1+1,1,1,1", "p.csv:3: contracts: '=1+1' is not a number: write plain digits"),
    ("ETH-USDT-SWAP,short,+5,1,1,1", "p.csv:3: contracts: '+5' is not a number"),
    ("ETH-USDT-SWAP,short,-5,1,1,1", "p.csv:3: contracts: -5 is out of bounds: expected a number, zero or more"),
    ("ETH-USDT-SWAP,short,@SUM(A1),1,1,1", "p.csv:3: contracts: '@SUM(A1)' is not a number"),
    ('ETH-USDT-SWAP,short,"1,000",1,1,1', "p.csv:3: contracts: '1,000' is not a number"),
    ("ETH-USDT-SWAP,short, 1,1,1,1", "p.csv:3: contracts: ' 1' is not a number"),
    ('ETH-USDT-SWAP,short,"1\n",1,1,1', "p.csv:3: contracts: '1\\n' is not a number"),
    ("ETH-USDT-SWAP,short,,1,1,1", "p.csv:3: give exactly one of contracts, base_size, quote_size"),
    ("ETH-USDT-SWAP,short,1,,1,1", "p.csv:3: the key 'entry_price' is missing"),
    ("ETH-USDT-SWAP,short,1,1,0,1", "p.csv:3: leverage: 0 is out of bounds"),
    ("ETH-USDT-SWAP,short,1,1,1,zero", "p.csv:3: mark_price: 'zero' is not a number"),
    ("ETH-USDT-SWAP,short,1,1,1,0", "p.csv:3: mark_price: 0 is out of bounds"),
    ("BTC-USDT-SWAP,short,1,1,1,94999", "p.csv:3: mark_price: 94999 contradicts 95000 given for BTC-USDT-SWAP"),
    ("=cmd|' /C calc'!A0,short,1,1,1,1", "p.csv:3: instrument: textbook: instrument \"=cmd|' /C calc'!A0\" is not"),
    (",short,1,1,1,1", "p.csv:3: the key 'instrument' is missing"),
    ("ETH-USDT-SWAP,short,1,1,1", "p.csv:3: 5 cells where the header has 6"),
    ("ETH-USDT-SWAP,short,1,1,1,1,1", "p.csv:3: 7 cells where the header has 6"),
    ('ETH-USDT-SWAP,short,"1,1,1,1', "p.csv:3: not valid CSV: unexpected end of data"),
    ('ETH-USDT-SWAP,short,"1"1,1,1,1', "p.csv:3: not valid CSV: "),
    (GOOD, "p.csv: positions: BTC-USDT-SWAP:long:cross and BTC-USDT-SWAP:long:cross contradict each other"),
]


@pytest.mark.parametrize(("row", "line"), CELLS)
def test_wrong_cells_are_named_by_line_and_column(tmp_path: Path, row: str, line: str) -> None:
    """As editors write places, so that a click leads there."""
    assert refused(tmp_path, f"{HEADER}\n{GOOD}\n{row}\n").startswith(line)


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    """Empty lines and cells of several lines count as the editor counts them."""
    text = f'{HEADER}\n\n"BTC-USDT-\nSWAP",long,1,1,1,1\nX,long,1,1,1,1\n'

    assert refused(tmp_path, text).startswith('p.csv:3: instrument: textbook: instrument "BTC-USDT-\\nSWAP"')


HEADERS = [
    ("", "p.csv: empty: the first row names the columns, some of instrument, side, "),
    ("\n\n", "p.csv: empty: "),
    ("instrument,side,size", "p.csv:1: unknown column 'size': expected some of instrument, side, margin_mode"),
    ("instrument,Side", "p.csv:1: unknown column 'Side': "),
    ("instrument,side,side", "p.csv:1: side: the same column stands twice"),
    ("instrument,side,", "p.csv:1: unknown column '': "),
    ("instrument;side;contracts", "p.csv:1: the cells have to be separated by commas"),
    ("instrument\tside", "p.csv:1: the cells have to be separated by commas"),
    ("\n=1+1,side", "p.csv:2: unknown column '=1+1'"),
]


@pytest.mark.parametrize(("text", "line"), HEADERS)
def test_wrong_headers(tmp_path: Path, text: str, line: str) -> None:
    """Columns are those of the account file's positions, and mark_price."""
    assert refused(tmp_path, text).startswith(line)


def test_a_header_alone_is_an_empty_account(tmp_path: Path) -> None:
    """The cash is there, positions are not."""
    book = read(tmp_path, HEADER)

    assert (book.account.positions, book.account.balances) == ((), CASH)


def test_assumptions_speak_of_lines(tmp_path: Path) -> None:
    """What was assumed of a row is said with its line."""
    book = read(tmp_path, f"{HEADER}\n\n{GOOD}\nETH-USDT-SWAP,long,0,1,1,1\nSOL-USDT-SWAP,long,1,1,,1\n")

    assert sorted(book.assumptions) == [
        "line 4: size 0, left out",
        "line 5.leverage = 1: none given, the rulebook's default",
    ]


@pytest.mark.parametrize(
    ("balances", "line"),
    [({"USDT": "NaN"}, "balances.USDT: 'NaN' is not"), ({"U T": "1"}, "balances: 'U T' is not a currency code")],
)
def test_balances_pass_the_same_door(tmp_path: Path, balances: dict[str, str], line: str) -> None:
    """What is given beside the file is checked like what stands in it."""
    path = tmp_path / "p.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_positions_csv(str(path), venue="textbook", balances=balances)

    assert str(caught.value).startswith(f"{path}: {line}")


def test_ten_thousand_rows(tmp_path: Path) -> None:
    """A big book is read, and a wrong last row is named."""
    rows = [f"C{index}-USDT-SWAP,long,1,100,10,100" for index in range(10_000)]
    assert len(read(tmp_path, "\n".join([HEADER, *rows])).account.positions) == 10_000

    rows.append("X-USDT-SWAP,long,x,100,10,100")
    assert refused(tmp_path, "\n".join([HEADER, *rows])).startswith("p.csv:10002: contracts: 'x'")


def test_rules_of_a_day(tmp_path: Path) -> None:
    """The day is given beside the file."""
    path = tmp_path / "p.csv"
    path.write_text(HEADER, encoding="utf-8")
    book = read_positions_csv(str(path), venue="binance", balances=CASH, as_of="2022-06-01")

    assert book.account.as_of is not None
    assert book.account.as_of.date().isoformat() == "2022-06-01"
