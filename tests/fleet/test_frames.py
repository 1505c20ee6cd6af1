"""Fleets as tables: what goes out comes back exactly, and bad columns are refused by name."""

from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest

from crossmargin.errors import InputError
from crossmargin.fleet.columns import columns_of
from crossmargin.fleet.frames import columns_of_frames, frames_of, open_folder, read_part, write_folder
from crossmargin.fleet.generate import generate, made_up_marks
from crossmargin.fleet.pack import pack
from crossmargin.fleet.screen import screen

from .accounts import SWAPS, account_of, rulebook_of

D = Decimal


@pytest.mark.parametrize("venue", list(SWAPS))
def test_accounts_come_back_exactly(venue: str) -> None:
    """Domain accounts to tables and back: the same balances and positions, digit by digit."""
    random, book = Random(1), rulebook_of(venue)
    accounts = [each for each in (account_of(venue, random, book) for _ in range(100)) if each.positions]
    columns = columns_of(accounts, book)

    again = columns_of_frames(*frames_of(columns))

    for index, account in enumerate(accounts):
        assert again.account(index).balances == account.balances
        assert again.account(index).positions == account.positions


def test_a_folder_screens_as_the_fleet_that_was_written(tmp_path: Path) -> None:
    """Generated, written in two parts, opened: the same statuses, the same marks."""
    book = rulebook_of("binance")
    marks = made_up_marks(book, list(book.instruments))
    parts = [generate(book, marks, accounts=500, seed=n, first=500 * n, isolated=0.1) for n in (0, 1)]

    write_folder(tmp_path, parts, book, marks)
    folder = open_folder(tmp_path)

    assert folder.marks.mark == marks.mark
    assert (folder.accounts, len(folder.parts)) == (1000, 2)
    for part, file in zip(parts, folder.files(), strict=True):
        wanted = screen(pack(part, book), marks)
        found = screen(pack(read_part(file), folder.rulebook), folder.marks)
        assert np.array_equal(found.accounts(), wanted.accounts())


def test_the_same_seed_gives_the_same_fleet() -> None:
    """And no account begins in liquidation."""
    book = rulebook_of("okx")
    marks = made_up_marks(book, list(SWAPS["okx"]))
    one, other = (generate(book, marks, accounts=300, seed=5) for _ in range(2))

    assert [one.account(n) for n in range(300)] == [other.account(n) for n in range(300)]
    assert screen(pack(one, book), marks).status.max() <= 1


def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    """One account with one position, amounts as text."""
    balances = pl.DataFrame({"account": ["a"], "currency": ["USDT"], "balance": ["1000.50"]})
    positions = pl.DataFrame(
        {
            "account": ["a"], "instrument": ["BTCUSDT"], "side": ["long"], "margin_mode": ["cross"],
            "contracts": ["0.01"], "entry_price": ["95000"], "leverage": [10], "margin": [None],
        }
    )  # fmt: skip
    return balances, positions


def test_text_and_whole_numbers_are_amounts() -> None:
    """Text keeps its digits."""
    account = columns_of_frames(*tables()).account(0)

    assert account.balances == {"USDT": D("1000.50")}
    assert account.positions[0].entry_price == D(95_000)
    assert account.positions[0].leverage == D(10)


def test_numbers_too_long_for_a_machine_word_stay_exact() -> None:
    """30 digits come back as they were."""
    balances, positions = tables()
    balances = balances.with_columns(balance=pl.lit("123456789012.123456789012345678"))

    assert columns_of_frames(balances, positions).account(0).balances["USDT"] == D("123456789012.123456789012345678")


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("side", "up", "'up' is none of long, short"),
        ("margin_mode", "cash", "'cash' is none of cross, isolated"),
        ("contracts", "1e3", "'1e3' is not a number"),
        ("contracts", 0.5, "Float64 is not exact"),
        ("contracts", "-1", 'account "a", BTCUSDT: has to be zero or more, got -1'),
        ("entry_price", "0", 'account "a", BTCUSDT: has to be above zero, got 0'),
        ("leverage", 0, "above zero, got 0"),
        ("margin", "5", 'account "a", BTCUSDT: a cross position has none'),
        ("instrument", None, "rows are empty"),
        ("account", "", "1 rows are empty"),
        ("entry_price", "9" * 40, "more than 38 digits"),
    ],
)
def test_a_bad_column_is_refused_by_name(column: str, value: object, says: str) -> None:
    """The message names the column and what was wrong."""
    balances, positions = tables()
    positions = positions.with_columns(pl.Series(column, [value], strict=False))

    with pytest.raises(InputError, match=f"{column}.*{says}"):
        columns_of_frames(balances, positions)


def test_two_balances_in_one_currency_are_refused() -> None:
    """By account and currency."""
    balances, positions = tables()

    with pytest.raises(InputError, match=r'balance, account "a": two rows of USDT'):
        columns_of_frames(pl.concat([balances, balances]), positions)


def test_a_missing_column_is_refused_by_name() -> None:
    """With the columns that are expected."""
    balances, positions = tables()

    with pytest.raises(InputError, match="leverage: no such column"):
        columns_of_frames(balances, positions.drop("leverage"))


def test_a_folder_without_head_or_with_a_broken_part_is_refused(tmp_path: Path) -> None:
    """No fleet, a wrong head, a file that is no Parquet: one line each."""
    with pytest.raises(InputError, match=r"fleet\.json is missing"):
        open_folder(tmp_path)
    (tmp_path / "fleet.json").write_text('{"venue": "okx", "accounts": 1, "marks": {"X": "-1"}}')
    with pytest.raises(InputError, match="marks"):
        open_folder(tmp_path)
    (tmp_path / "fleet.json").write_text('{"venue": "moon", "accounts": 1, "marks": {}}')
    (tmp_path / "part-00000.positions.parquet").write_text("nothing")
    with pytest.raises(InputError, match=r'fleet\.json: venue: "moon"'):
        open_folder(tmp_path)
    (tmp_path / "part-00000.balances.parquet").write_text("nothing")
    with pytest.raises(InputError, match="can't be read"):
        read_part(str(tmp_path / "part-00000"))
