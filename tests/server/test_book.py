"""A demo account that starts with the positions of an account file, traded at their entry prices."""

from decimal import Decimal
from pathlib import Path

import pytest

from crossmargin import market, read_account
from crossmargin.errors import InputError
from crossmargin.formats.account_file import Book
from crossmargin.journal import SQLiteStore
from crossmargin.server.book import COUNTERPARTY, DEMO
from crossmargin.server.run import Options, Started, open_exchange
from crossmargin.server.venue import Venue

ROOT = Path(__file__).parents[2]
D = Decimal


def opened(book: Book | None, database: Path | None = None, at: int = 1_790_000_000_000) -> Started:
    """An exchange whose clock stands still."""
    options = Options(demo=True, book=book, database=database)
    return open_exchange(market.open("generated:7"), options, lambda: at)


def closed(venue: Venue) -> None:
    """Give the files back, as the end of a process would."""
    assert isinstance(venue.journal.store, SQLiteStore)
    venue.journal.store.close()
    venue.history.shelf.close()


def test_the_day_trader_s_book_is_the_file_s() -> None:
    """Balance 10,000 to the last digit, sizes in contracts of this venue; at the file's marks equity 9,500.

    Maintenance by OKX's first tiers at mark: 0.5 x 95,000 x 0.4 % = 190, 10 x 3,300 x 0.4 % = 132, and 0.65 % of 14,000
    for SOL, 91.
    """
    venue = opened(read_account(ROOT / "examples" / "day-trader.toml")).exchange.venue
    found = venue.assessment(DEMO)

    assert [
        (each.instrument, str(each.side), each.contracts, each.entry_price) for each in found.account.positions
    ] == [
        ("BTC-USDT-SWAP", "long", D(50), D(90_000)),
        ("ETH-USDT-SWAP", "short", D(100), D(3_000)),
        ("SOL-USDT-SWAP", "long", D(100), D(140)),
    ]
    usdt = found.currencies["USDT"]
    assert (usdt.balance, usdt.equity, usdt.maintenance_margin) == (D(10_000), D(9_500), D(413))
    assert {each.leverage for each in found.account.positions} == {D(10)}


def test_the_other_side_of_the_book_is_an_account_like_any_other() -> None:
    """The counterparty holds the mirror, margined and assessed by the same rules."""
    venue = opened(read_account(ROOT / "examples" / "day-trader.toml")).exchange.venue
    mirror = venue.assessment(COUNTERPARTY)

    assert [(each.instrument, str(each.side), each.contracts) for each in mirror.account.positions] == [
        ("BTC-USDT-SWAP", "short", D(50)),
        ("ETH-USDT-SWAP", "long", D(100)),
        ("SOL-USDT-SWAP", "short", D(100)),
    ]
    venue.journal.engine.check()


def test_a_second_start_pays_and_trades_nothing_twice(tmp_path: Path) -> None:
    """The same file and the same database: balance and positions are what they were."""
    book = read_account(ROOT / "examples" / "day-trader.toml")
    first = opened(book, tmp_path / "venue.db").exchange.venue
    before = first.assessment(DEMO)
    closed(first)
    second = opened(book, tmp_path / "venue.db", at=1_790_000_001_000).exchange.venue
    after = second.assessment(DEMO)
    closed(second)

    assert after.account.balances == before.account.balances
    assert [each.contracts for each in after.account.positions] == [each.contracts for each in before.account.positions]


def test_without_a_book_the_account_is_flat() -> None:
    """10,000 to trade and 5,000 in the wallet."""
    state = opened(None).exchange.venue.state

    assert state.cash(DEMO, "USDT") == 10_000
    assert state.cash(f"{DEMO}.funding", "USDT") == 5_000
    assert not state.owners[DEMO].positions


def test_a_book_that_cannot_be_traded_here_is_refused(tmp_path: Path) -> None:
    """A size that is no whole number of lots, named with position and lot."""
    path = tmp_path / "odd.toml"
    path.write_text(
        'venue = "textbook"\n[balances]\nUSDT = "1000"\n[[positions]]\ninstrument = "BTC-USDT-SWAP"\nside = "long"\n'
        'base_size = "0.00001"\nentry_price = "90000"\nleverage = "10"\n[marks]\n"BTC-USDT-SWAP" = "90000"\n',
        encoding="utf-8",
    )
    with pytest.raises(InputError, match=r"BTC-USDT-SWAP:long:cross: 0\.001 contracts are no multiple of 0\.01"):
        opened(read_account(path))
