"""Where in the user's own file a finding belongs, when the account was put together from another shape."""

import re
from collections.abc import Mapping

from msgspec.structs import replace

from crossmargin.errors import InputError
from crossmargin.formats.account_file import Book, build_book

__all__ = ["build_from"]

_ENTRY = re.compile(r"(?:positions|orders)\[[0-9]+\]")


def build_from(raw: Mapping[str, object], source: str, names: Mapping[str, str], notes: tuple[str, ...]) -> Book:
    """Build the book through the account file's door, and speak of entries by the names of the original.

    Args:
        raw: A document of the account file's shape.
        source: The user's file.
        names: For ``positions[0]`` of raw, what the user calls it: ``positions[7]`` or ``line 8``.
        notes: Assumptions made while raw was put together.

    Raises:
        InputError: as `build_book`.
    """
    try:
        book = build_book(raw, source)
    except InputError as error:
        raise InputError(source, _renamed(error.field, names), _renamed(error.problem, names)) from None
    return replace(book, assumptions=(*notes, *(_renamed(each, names) for each in book.assumptions)))


def _renamed(text: str, names: Mapping[str, str]) -> str:
    return _ENTRY.sub(lambda found: names.get(found[0], found[0]), text)
