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
        InputError: a file that is wrong, a book of another venue, mode or day or with an account in it, or a mark of
            nothing.
    """
    import msgspec

    from crossmargin.cli.options import amounts
    from crossmargin.domain.numbers import Sign
    from crossmargin.fleet.frames import open_folder
    from crossmargin.formats.user_folder import user_tier_folder
    from crossmargin.rulebook.updates import updated

    folder, file = open_folder(path), path / BOOK
    if file.exists():
        folder = _with_book(folder, _book(folder, str(file)), str(file))
    else:
        rulebook = updated(folder.rulebook, user_tier_folder(), folder.on)
        folder = msgspec.structs.replace(folder, rulebook=rulebook)
    given = amounts(marks, "--mark", Sign.POSITIVE)
    mark, forward = dict(folder.marks.mark), dict(folder.marks.forward)
    for name, price in given.items():
        kind, key = (forward, name.removeprefix(FORWARD)) if name.startswith(FORWARD) else (mark, name)
        if key not in kind:
            raise InputError("--mark", name, "the fleet has no such price")
        kind[key] = price
    folder = msgspec.structs.replace(folder, marks=msgspec.structs.replace(folder.marks, mark=mark, forward=forward))
    _possible(folder)
    return folder


def _possible(folder: "Folder") -> None:
    """Refuse an option's mark that can't be in its coin, a mark in dollars above all."""
    from crossmargin.domain.instrument import Kind, OptionType

    for name, mark in folder.marks.mark.items():
        try:
            option = folder.rulebook.instrument(name)
        except MissingDataError:  # told where it is held or moved
            continue
        if option.kind != Kind.OPTION or option.settle != option.base or option.strike is None:
            continue
        forward = folder.marks.forward.get(name) or folder.marks.forward.get(option.underlying)
        if option.option_type == OptionType.CALL:
            too_high, than = mark >= 1, "its underlying, 1"
        else:
            too_high = forward is not None and mark * forward >= option.strike
            than = f"its strike of {option.strike} at a forward price of {forward}"
        if too_high:
            problem = f"{mark} {option.base} is no price: the option costs less than {than}; is it in another currency?"
            raise InputError(str(folder.path), f"marks.{name}", problem)


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


def _book(folder: "Folder", source: str) -> "Book":
    """The book, by the venue, mode and day of the fleet."""
    from crossmargin.formats.account_file import build_book, parse_document

    document = parse_document(source)
    wanted = {"venue": folder.rulebook.venue, "account_mode": str(folder.rulebook.rules.account_modes[0])}
    if folder.on is not None:
        wanted["as_of"] = folder.on.isoformat()
    for key, value in wanted.items() if isinstance(document, dict) else ():
        given = str(document.setdefault(key, value))
        if not given.startswith(value):
            raise InputError(source, key, f'"{given}" is not the fleet\'s, "{value}"')
    return build_book(document, source)


def _with_book(folder: "Folder", book: "Book", source: str) -> "Folder":
    import msgspec

    from crossmargin.domain.account import Account

    empty = Account(account_mode=book.account.account_mode, as_of=book.account.as_of)
    for field in msgspec.structs.fields(Account):
        if getattr(book.account, field.name) != getattr(empty, field.name):
            problem = "a fleet's accounts stand in its tables: this file is for what they trade"
            raise InputError(source, field.name, problem)
    own = folder.marks
    prices = msgspec.structs.replace(
        book.marks,
        mark={**book.marks.mark, **own.mark},
        fx={**book.marks.fx, **own.fx},
        forward={**book.marks.forward, **own.forward},
    )
    return msgspec.structs.replace(folder, rulebook=book.rulebook, marks=prices)
