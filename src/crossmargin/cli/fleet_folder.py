"""A fleet's folder with the book that may lie in it: instruments, tiers and prices that no rulebook knows."""

from pathlib import Path
from typing import TYPE_CHECKING

from crossmargin.errors import InputError

if TYPE_CHECKING:
    from crossmargin.fleet.frames import Folder
    from crossmargin.formats.account_file import Book

__all__ = ["opened"]

BOOK = "book.toml"


def opened(path: Path, marks: tuple[str, ...] = ()) -> "Folder":
    """The folder; its rules are those of `book.toml` where there is one, and its prices that file's and its own.

    Args:
        path: The folder.
        marks: Other marks than the folder's, ``INSTRUMENT=PRICE``.

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
        folder = _with_book(folder, read_book(file), str(file))
    given = amounts(marks, "--mark", Sign.POSITIVE)
    for name in given:
        if name not in folder.marks.mark:
            raise InputError("--mark", name, "the fleet has no such instrument")
    moved = msgspec.structs.replace(folder.marks, mark={**folder.marks.mark, **given})
    return msgspec.structs.replace(folder, marks=moved)


def _with_book(folder: "Folder", book: "Book", source: str) -> "Folder":
    import msgspec

    ours, theirs = folder.rulebook, book.rulebook
    if theirs.venue != ours.venue:
        raise InputError(source, "venue", f'"{theirs.venue}" is not the fleet\'s, "{ours.venue}"')
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
