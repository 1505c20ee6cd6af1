"""A fleet's folder with the book that may lie in it: instruments, tiers and prices that no rulebook knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crossmargin.errors import InputError, MissingDataError

if TYPE_CHECKING:
    from crossmargin.fleet.frames import Folder
    from crossmargin.formats.account_file import Book

__all__ = ["named", "opened", "prices_of"]

HEAD, BOOK = "fleet.json", "book.toml"
FORWARD = "forward:"


def opened(path: Path, marks: tuple[str, ...] = ()) -> "Folder":
    """The folder; its rules are those of `book.toml` where there is one, and its prices that file's and its own.

    Args:
        path: The folder.
        marks: Other marks than the folder's, ``INSTRUMENT=PRICE``, or forward prices, ``forward:BTC=PRICE``.

    Raises:
        InputError: a file that is wrong, a book of another venue or with an account in it, or a mark of nothing.
    """
    import msgspec

    from crossmargin.cli.options import amounts
    from crossmargin.domain.numbers import Sign
    from crossmargin.fleet.frames import open_folder
    from crossmargin.formats.read import read_book

    folder, file = open_folder(path), path / BOOK
    if file.exists():
        folder = _with_book(folder, read_book(file, venue=folder.rulebook.venue), str(file))
    given = amounts(marks, "--mark", Sign.POSITIVE)
    if not given:
        return folder
    mark, forward = dict(folder.marks.mark), dict(folder.marks.forward)
    for name, price in given.items():
        kind, key = (forward, name.removeprefix(FORWARD)) if name.startswith(FORWARD) else (mark, name)
        if key not in kind:
            raise InputError("--mark", name, "the fleet has no such price")
        kind[key] = price
    return msgspec.structs.replace(folder, marks=msgspec.structs.replace(folder.marks, mark=mark, forward=forward))


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Say in which folder something is missing."""
    try:
        yield
    except MissingDataError as error:
        raise MissingDataError(f"{path}: {error}; here in {HEAD} or {BOOK}") from None


def prices_of(folder: "Folder") -> frozenset[str]:
    """Names under which a tick may move a price of the fleet."""
    marks = folder.marks
    return frozenset([*marks.mark, *marks.fx, *(f"{FORWARD}{name}" for name in marks.forward)])


def _with_book(folder: "Folder", book: "Book", source: str) -> "Folder":
    import msgspec

    ours, theirs = folder.rulebook, book.rulebook
    if theirs.rules.account_modes[0] != ours.rules.account_modes[0]:
        raise InputError(source, "account_mode", f'is not the fleet\'s, "{ours.rules.account_modes[0]}"')
    held = [name for name in ("balances", "positions", "orders") if getattr(book.account, name)]
    if held:
        raise InputError(source, held[0], "a fleet's accounts stand in its tables: this file is for what they trade")
    own = folder.marks
    prices = msgspec.structs.replace(
        book.marks,
        mark={**book.marks.mark, **own.mark},
        fx={**book.marks.fx, **own.fx},
        forward={**book.marks.forward, **own.forward},
    )
    return msgspec.structs.replace(folder, rulebook=theirs, marks=prices)
