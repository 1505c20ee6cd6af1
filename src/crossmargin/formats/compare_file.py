"""One book under many venues: an account file, with extra tables for single venues under `[venues.NAME]`."""

from typing import Any

from msgspec import Struct

from crossmargin.errors import CrossMarginError, InputError
from crossmargin.formats.account_file import Book, build_book, parse_document
from crossmargin.formats.relist import relist
from crossmargin.rulebook import load, venues

__all__ = ["Candidate", "candidates"]


class Candidate(Struct, frozen=True, kw_only=True):
    """The book under one venue, or why it can't be priced there.

    Attributes:
        venue: Name of the rulebook.
        book: The book, None when it can't be.
        problem: What is missing.
        notes: What was put in place of what.
    """

    venue: str
    book: Book | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()


def candidates(path: str, only: tuple[str, ...] = ()) -> tuple[Candidate, ...]:
    """Read a file and write its book for every venue (or those named).

    `[venues.okx]` holds tables that are merged into the document for that venue alone, for example instruments and
    tiers that our rulebook does not ship.

    Raises:
        InputError: the file itself is wrong, or a venue is not known.
    """
    raw = parse_document(path)
    extras = raw.pop("venues", {}) if isinstance(raw, dict) else {}
    for name in (*extras, *only):
        if name not in venues():
            raise InputError(path, f"venues.{name}", f"not known: choose from {', '.join(venues())}")
    own = build_book(raw, path)
    found = []
    for venue in only or venues():
        if venue == own.rulebook.venue and not extras.get(venue):
            found.append(Candidate(venue=venue, book=own))
        else:
            found.append(_candidate(own, venue, extras.get(venue, {}), f"{path}: venues.{venue}"))
    return tuple(found)


def _candidate(own: Book, venue: str, extra: dict[str, Any], source: str) -> Candidate:
    on = own.account.as_of.date() if own.account.as_of is not None else None
    try:
        rulebook = load(venue, on)
        listed = build_book({"venue": venue, **extra}, source).rulebook if extra else rulebook
        relisted = relist(own, listed)
        if relisted.document is None:
            return Candidate(venue=venue, problem=f"not listed: {', '.join(relisted.missing)}")
        document = _merged(relisted.document, extra)
        return Candidate(venue=venue, book=build_book(document, source), notes=relisted.notes)
    except CrossMarginError as error:
        return Candidate(venue=venue, problem=str(error))


def _merged(document: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    merged = dict(document)
    for key, value in extra.items():
        known = merged.get(key)
        merged[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
    return merged
