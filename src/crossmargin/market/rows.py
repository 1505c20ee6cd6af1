"""Tables on disk, row by row with line numbers: .csv, .csv.gz, and freqtrade's .feather through polars."""

import csv
import gzip
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from msgspec import Struct

from crossmargin.errors import InputError

__all__ = ["ENDINGS", "Row", "Window", "moment", "rows", "time_of"]

ENDINGS = (".csv", ".csv.gz", ".feather")
_TIME_DIGITS_MAX = 15


class Row(Struct, frozen=True):
    """One row: its place for messages, and its cells as text."""

    path: str
    line: int
    cells: Sequence[str]

    def wrong(self, problem: str) -> InputError:
        """The error that names this row."""
        return InputError(f"{self.path}:{self.line}", "", problem)


class Window(Struct, frozen=True):
    """A stretch of time, UTC milliseconds: from `start` on, before `end`; None is open."""

    start: int | None = None
    end: int | None = None

    def __contains__(self, time_ms: int) -> bool:
        """Whether a moment lies inside."""
        return (self.start is None or time_ms >= self.start) and (self.end is None or time_ms < self.end)

    def __str__(self) -> str:
        """Both ends as people write them."""
        start = "the start" if self.start is None else moment(self.start)
        return f"{start} .. {'the end' if self.end is None else moment(self.end)}"


def moment(time_ms: int) -> str:
    """Write UTC milliseconds as a time: ``2025-10-10 21:00``."""
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M")


def rows(path: str, columns: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
    """Read some columns of a table.

    Args:
        path: File name; its ending says the format.
        columns: Columns that must be there, in the order wanted.
        optional: Columns that are "" where the file has none; they follow in each row.

    Raises:
        InputError: ``file:line: problem``.
    """
    if path.endswith(".feather"):
        return _feather(path, columns, optional)
    if path.endswith((".csv", ".csv.gz")):
        return _csv(path, columns, optional)
    raise InputError(path, "", f"ending not known: expected one of {', '.join(ENDINGS)}")


def time_of(row: Row, text: str, after: int | None) -> int:
    """Read a time in UTC milliseconds that must lie after the row before."""
    if not (text.isascii() and text.isdigit() and len(text) <= _TIME_DIGITS_MAX):
        raise row.wrong(f"ts_ms: {text!r} is not a time in UTC milliseconds")
    time_ms = int(text)
    if after is not None and time_ms <= after:
        raise row.wrong(f"ts_ms: {time_ms} does not come after {after} of the row before")
    return time_ms


def _csv(path: str, columns: Sequence[str], optional: Sequence[str]) -> Iterator[Row]:
    try:
        with _text(path) as file:
            reader = csv.reader(file)
            header = next(reader, None)
            if header is None:
                raise InputError(path, "", "empty file")
            places = _places(f"{path}:1", header, columns, optional)
            for cells in reader:
                row = Row(path, reader.line_num, cells)
                if len(cells) != len(header):
                    raise row.wrong(f"{len(cells)} cells, the header has {len(header)}")
                yield Row(path, reader.line_num, ["" if at is None else cells[at] for at in places])
    except OSError as error:
        raise InputError(path, "", error.strerror or str(error)) from None
    except (UnicodeDecodeError, EOFError, csv.Error) as error:
        raise InputError(path, "", f"not readable as CSV: {error}") from None


def _text(path: str) -> TextIO:
    if path.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return Path(path).open(encoding="utf-8-sig", newline="")


def _feather(path: str, columns: Sequence[str], optional: Sequence[str]) -> Iterator[Row]:
    """Rows of a feather file; floats as the shortest text that names them, dates as milliseconds."""
    if find_spec("polars") is None:
        raise InputError(path, "", 'feather files need the extra "data": pip install "crossmargin[data]"')
    import polars

    try:
        frame = polars.read_ipc(path)
    except OSError as error:
        raise InputError(path, "", error.strerror or str(error)) from None
    except polars.exceptions.PolarsError as error:
        raise InputError(path, "", f"not readable as feather: {error}") from None
    if "ts_ms" not in frame.columns and "date" in frame.columns:
        frame = frame.with_columns(polars.col("date").dt.timestamp("ms").alias("ts_ms"))
    places = _places(path, frame.columns, columns, optional)
    for line, cells in enumerate(frame.iter_rows(), 1):
        yield Row(path, line, ["" if at is None else _written(cells[at]) for at in places])


def _written(cell: Any) -> str:  # noqa: ANN401 - whatever the column holds
    return repr(cell) if isinstance(cell, float) else str(cell)


def _places(where: str, header: Sequence[str], columns: Sequence[str], optional: Sequence[str]) -> list[int | None]:
    """Where each wanted column stands."""
    missing = [column for column in columns if column not in header]
    if missing:
        found = ", ".join(header)[:80]
        raise InputError(where, "", f"no column {', '.join(missing)}: found {found}")
    wanted = [*columns, *optional]
    return [header.index(column) if column in header else None for column in wanted]
