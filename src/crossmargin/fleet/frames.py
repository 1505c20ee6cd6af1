"""Fleets as two tables, in memory or as Parquet files: one row a balance, one row a position.

    balances    account, currency, balance
    positions   account, instrument, side (long, short), margin_mode (cross, isolated), contracts, entry_price,
                leverage, margin (isolated only; null: entry value / leverage)

Amounts are Decimal, text or whole numbers; a float is refused, since it is not what the account holds. Any frame that
speaks Arrow (pandas, Polars, PyArrow, DuckDB, Narwhals) is taken. On disk a fleet is a folder: `fleet.json` names
venue, day, account mode and prices; `part-00000.balances.parquet` and `part-00000.positions.parquet` hold some
accounts, wholly.
"""

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
from msgspec import Struct

from crossmargin.domain.account import AccountMode
from crossmargin.domain.arithmetic import plain
from crossmargin.domain.documents import convert
from crossmargin.domain.marks import Marks
from crossmargin.domain.numbers import Positive
from crossmargin.errors import InputError, RulebookError
from crossmargin.fleet.arrays import Amounts, Codes, Decimals, Ints, Scaled
from crossmargin.fleet.columns import Columns
from crossmargin.rulebook import load
from crossmargin.rulebook.model import Rulebook

__all__ = ["Folder", "columns_of_frames", "frames_of", "open_folder", "read_part", "write_folder"]

BALANCES = ("account", "currency", "balance")
POSITIONS = ("account", "instrument", "side", "margin_mode", "contracts", "entry_price", "leverage", "margin")
HEAD = "fleet.json"
DIGITS = 38
NUMERAL = r"^-?[0-9]+(\.[0-9]+)?$"


class _Head(Struct, forbid_unknown_fields=True, kw_only=True):
    venue: str
    on: date | None = None
    account_mode: AccountMode | None = None
    accounts: int
    marks: dict[str, Positive]
    fx: dict[str, Positive] = {}
    forward: dict[str, Positive] = {}


class Folder(Struct, frozen=True, kw_only=True):
    """A fleet on disk: its rules and the day that they are of, its prices, and the names of its parts."""

    path: Path
    rulebook: Rulebook
    on: date | None
    marks: Marks
    accounts: int
    parts: tuple[str, ...]

    def files(self) -> list[str]:
        """Path of each part without its ending: what a worker anywhere is told."""
        return [str(self.path / part) for part in self.parts]

    def check(self, accounts: int) -> None:
        """Refuse tables that hold other accounts than the head says: a part may be missing, or one too many."""
        if accounts != self.accounts:
            problem = f"says {self.accounts:,}, the tables hold {accounts:,}"
            raise InputError(str(self.path / HEAD), "accounts", problem)


def columns_of_frames(balances: object, positions: object, *, source: str = "frame") -> Columns:
    """Columns of two tables of any Arrow kind.

    Raises:
        InputError: a column that is missing, of the wrong kind, or holds what can't be; by name.
    """
    cash, held = _frame(balances, BALANCES, source), _frame(positions, POSITIONS, source)
    ids = pl.concat([cash["account"], held["account"]]).unique(maintain_order=True)
    order = pl.DataFrame({"account": ids, "code": np.arange(len(ids))})
    cash = cash.join(order, on="account", how="left").sort("code", maintain_order=True)
    held = held.join(order, on="account", how="left").sort("code", maintain_order=True)
    currency, currencies = _codes(cash["currency"])
    instrument, instruments = _codes(held["instrument"])
    isolated = _words(held, "margin_mode", {"cross": 0, "isolated": 1}, source).astype(np.bool_)
    columns = Columns(
        ids=ids.to_list(),
        currencies=currencies,
        instruments=instruments,
        balance_start=_starts(cash["code"], len(ids)),
        balance_currency=currency,
        balance=_amounts(cash["balance"], source),
        start=_starts(held["code"], len(ids)),
        instrument=instrument,
        side=_words(held, "side", {"long": 1, "short": -1}, source).astype(np.int8),
        isolated=isolated,
        contracts=_amounts(held["contracts"], source),
        entry_price=_amounts(held["entry_price"], source),
        leverage=_amounts(held["leverage"], source),
        margin=_amounts(held["margin"], source),
        margin_given=held["margin"].is_not_null().to_numpy(),
        hedge=np.zeros(len(ids), np.bool_),
    )
    _bounds(columns, source)
    _once(cash, source)
    return columns


def _once(cash: pl.DataFrame, source: str) -> None:
    """An account has one balance in a currency."""
    for account, currency in (
        cash.filter(cash.select("account", "currency").is_duplicated())
        .head(1)
        .select("account", "currency")
        .iter_rows()
    ):
        raise InputError(source, f'balance, account "{account}"', f"two rows of {currency}")


def _frame(frame: object, wanted: Sequence[str], source: str) -> pl.DataFrame:
    found = frame if isinstance(frame, pl.DataFrame) else pl.DataFrame(frame)  # type: ignore[arg-type]
    for name in wanted:
        if name not in found.columns:
            raise InputError(source, name, f"no such column: {', '.join(wanted)} expected")
        if name != "margin" and found[name].null_count():
            raise InputError(source, name, f"{found[name].null_count()} rows are empty")
    text = [name for name in wanted if name in ("account", "currency", "instrument", "side", "margin_mode")]
    found = found.select(wanted).with_columns(pl.col(text).cast(pl.String))
    for name in text:
        if (found[name] == "").any():
            raise InputError(source, name, f"{(found[name] == '').sum()} rows are empty")
    return found


def _codes(names: pl.Series) -> tuple[Ints, tuple[str, ...]]:
    """A code for each row, and the names behind the codes in the order of their first row."""
    known = names.unique(maintain_order=True)
    table = pl.DataFrame({"name": known, "code": np.arange(len(known))})
    code = pl.DataFrame({"name": names}).join(table, on="name", how="left", maintain_order="left")["code"]
    return code.to_numpy().astype(np.int64), tuple(known.to_list())


def _words(frame: pl.DataFrame, name: str, known: dict[str, int], source: str) -> Codes:
    found = frame[name].replace_strict(known, default=None, return_dtype=pl.Int8)
    if found.null_count():
        wrong = frame[name].filter(found.is_null())[0]
        raise InputError(source, name, f"{wrong!r} is none of {', '.join(known)}")
    return found.to_numpy()


def _starts(code: pl.Series, accounts: int) -> Ints:
    return np.searchsorted(code.to_numpy(), np.arange(accounts + 1)).astype(np.int64)


def _amounts(column: pl.Series, source: str) -> Amounts:
    """Exact amounts: whole numbers of the last decimal place where they fit, else one Decimal each."""
    if column.dtype.is_integer():
        column = column.cast(pl.Decimal(DIGITS, 0))
    elif column.dtype == pl.String:
        column = _numerals(column, source)
    elif column.dtype == pl.Null:
        column = column.cast(pl.Decimal(DIGITS, 0))
    if not isinstance(column.dtype, pl.Decimal):
        raise InputError(source, column.name, f"{column.dtype} is not exact: Decimal, text or whole numbers are")
    units = column.to_physical().fill_null(0)
    limit = 2**63 - 1
    if len(units) and (units.max() > limit or units.min() < -limit):  # type: ignore[operator]
        return Decimals(column.fill_null(Decimal(0)).to_list())
    return Scaled(units.cast(pl.Int64).to_numpy().copy(), column.dtype.scale)


def _numerals(column: pl.Series, source: str) -> pl.Series:
    wrong = column.filter(~column.str.contains(NUMERAL))
    if len(wrong):
        raise InputError(source, column.name, f"{wrong[0]!r} is not a number")
    places = column.str.extract(r"\.([0-9]+)$").str.len_bytes().max()
    try:
        return column.cast(pl.Decimal(DIGITS, int(str(places or 0))))
    except pl.exceptions.PolarsError:
        raise InputError(source, column.name, f"needs more than {DIGITS} digits") from None


def _bounds(columns: Columns, source: str) -> None:
    """Refuse amounts that no account has."""
    for name, from_zero in (("contracts", True), ("entry_price", False), ("leverage", False), ("margin", True)):
        amounts = getattr(columns, name)
        values = amounts.floats()
        wrong = np.flatnonzero(values < 0.0 if from_zero else values <= 0.0)[:1].tolist()
        for index in wrong:
            problem = f"has to be {'zero or more' if from_zero else 'above zero'}, got {plain(amounts.decimal(index))}"
            raise InputError(source, f"{name}, {_whose(columns, index)}", problem)
    given = np.flatnonzero(columns.margin_given & ~columns.isolated)[:1].tolist()
    for index in given:
        raise InputError(source, f"margin, {_whose(columns, index)}", "a cross position has none: leave it empty")


def _whose(columns: Columns, index: int) -> str:
    """Account and instrument of a position."""
    account = int(np.searchsorted(columns.start, index, side="right")) - 1
    return f'account "{columns.ids[account]}", {columns.instruments[columns.instrument[index]]}'


def frames_of(columns: Columns) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The two tables of exact columns.

    Raises:
        InputError: an account with live orders or spot margin, which the tables can't hold.
    """
    if columns.beyond is not None and columns.beyond.any():
        account = columns.ids[int(np.flatnonzero(columns.beyond)[0])]
        raise InputError("columns", f'account "{account}"', "holds live orders or spot margin, which no table has")
    ids = pl.Series("account", columns.ids, pl.String)
    owner = np.repeat(np.arange(len(columns)), np.diff(columns.balance_start))
    holder = np.repeat(np.arange(len(columns)), np.diff(columns.start))
    names = pl.Series("instrument", columns.instruments, pl.String)
    cash = pl.DataFrame({
        "account": ids.gather(owner),
        "currency": pl.Series(columns.currencies, dtype=pl.String).gather(columns.balance_currency),
        "balance": _series(columns.balance),
    })  # fmt: skip
    held = pl.DataFrame({
        "account": ids.gather(holder),
        "instrument": names.gather(columns.instrument),
        "side": pl.Series(["long", "short"]).gather((columns.side < 0).astype(np.int64)),
        "margin_mode": pl.Series(["cross", "isolated"]).gather(columns.isolated.astype(np.int64)),
        "contracts": _series(columns.contracts),
        "entry_price": _series(columns.entry_price),
        "leverage": _series(columns.leverage),
        "margin": _series(columns.margin),
        "given": columns.margin_given,
    })  # fmt: skip
    return cash, held.with_columns(margin=pl.when("given").then("margin")).drop("given")


def _series(amounts: Amounts) -> pl.Series:
    if isinstance(amounts, Scaled):
        unit = pl.lit(Decimal(1).scaleb(-amounts.places))
        return pl.select(pl.lit(pl.Series(amounts.units)).cast(pl.Decimal(DIGITS, 0)) * unit).to_series()
    values = [amounts.decimal(index) for index in range(len(amounts))]
    places = max((-int(str(value.as_tuple().exponent)) for value in values), default=0)
    return pl.Series(values, dtype=pl.Decimal(DIGITS, max(places, 0)))


def write_folder(
    path: Path, parts: Sequence[Columns], rulebook: Rulebook, marks: Marks, on: date | None = None
) -> None:
    """Write a fleet, one pair of Parquet files a part; `fleet.json` comes last: a half-written folder is no fleet."""
    path.mkdir(parents=True, exist_ok=True)
    for index, part in enumerate(parts):
        write_part(path, index, part)
    write_head(path, rulebook, marks, accounts=sum(map(len, parts)), on=on)


def write_part(path: Path, index: int, columns: Columns) -> None:
    """Write some accounts."""
    for name, frame in zip(("balances", "positions"), frames_of(columns), strict=True):
        frame.write_parquet(path / f"part-{index:05d}.{name}.parquet", compression="zstd")


def write_head(path: Path, rulebook: Rulebook, marks: Marks, *, accounts: int, on: date | None = None) -> None:
    """Write what all parts share."""
    head = {
        "venue": rulebook.venue,
        "on": None if on is None else on.isoformat(),
        "account_mode": rulebook.rules.account_modes[0],
        "accounts": accounts,
        "marks": {name: plain(mark) for name, mark in marks.mark.items()},
        "fx": {name: plain(price) for name, price in marks.fx.items()},
        "forward": {name: plain(price) for name, price in marks.forward.items()},
    }
    (path / HEAD).write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")


def open_folder(path: Path) -> Folder:
    """Read a fleet's head.

    Raises:
        InputError: no fleet there, or a head that is wrong.
    """
    file = path / HEAD
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text)
    except OSError:
        raise InputError(
            str(path), "", f"no fleet here: {HEAD} is missing; `crossmargin fleet generate` makes one"
        ) from None
    except ValueError as error:
        raise InputError(str(file), "", f"not JSON: {error}") from None
    head = convert(document, _Head, str(file))
    parts = sorted(each.name.removesuffix(".positions.parquet") for each in path.glob("part-*.positions.parquet"))
    if not parts:
        raise InputError(str(path), "", "has no part-*.positions.parquet")
    try:
        rulebook = load(head.venue, head.on, head.account_mode)
    except RulebookError as error:
        raise InputError(str(file), error.key, f'"{head.venue}": {error.problem}') from None
    return Folder(
        path=path,
        rulebook=rulebook,
        on=head.on,
        marks=Marks(mark=dict(head.marks), fx=dict(head.fx), forward=dict(head.forward)),
        accounts=head.accounts,
        parts=tuple(parts),
    )


def read_part(part: str) -> Columns:
    """Columns of one part, named by its path without ending.

    Raises:
        InputError: a file that is missing or wrong, by file and column.
    """
    frames = []
    for kind in ("balances", "positions"):
        try:
            frames.append(pl.read_parquet(f"{part}.{kind}.parquet"))
        except FileNotFoundError:
            raise InputError(f"{part}.{kind}.parquet", "", "can't be read: no such file") from None
        except (OSError, pl.exceptions.PolarsError) as error:
            raise InputError(f"{part}.{kind}.parquet", "", f"can't be read: {str(error).splitlines()[0]}") from None
    return columns_of_frames(frames[0], frames[1], source=part)
