"""Text documents become checked values: TOML and JSON in, one clear line out when something is wrong.

Numbers stay exactly as written until `crossmargin.domain.numbers` reads them; duplicate keys, unknown keys,
``NaN`` and ``Infinity`` are refused.
"""

import json
import re
import tomllib
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import msgspec

from crossmargin.domain.numbers import Amount, NonNegative, Positive, RawNumber, Sign, number
from crossmargin.errors import InputError

__all__ = ["Moment", "convert", "parse_json", "parse_toml", "read_text"]

Shape = TypeVar("Shape")

_SIGNS: dict[type[Amount], Sign] = {Positive: Sign.POSITIVE, NonNegative: Sign.NON_NEGATIVE, Amount: Sign.ANY}
_BYTES_MAX = 64 * 1024 * 1024
_DEPTH_MAX = 64


class Moment(datetime):
    """A day or a time, as a field type; a day is its first second and a time without zone is UTC."""


def read_text(path: str) -> str:
    """Read a UTF-8 text file of at most 64 MiB.

    Raises:
        InputError: it is missing, unreadable, too large or not UTF-8.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(path, "", error.strerror or str(error)) from None
    if len(content) > _BYTES_MAX:
        raise InputError(path, "", "larger than 64 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, "", f"not UTF-8 text (byte {error.start})") from None


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Parse TOML, leaving every fraction as it is written."""
    try:
        return tomllib.loads(text, parse_float=RawNumber)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InputError(source, "", f"not valid TOML: {error}") from None


def parse_json(text: str, source: str) -> Any:  # noqa: ANN401 - JSON is any shape until it is converted
    """Parse JSON, leaving every number as it is written and refusing duplicate keys."""

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise InputError(source, twice, "the same key stands twice")
        return table

    def refuse(constant: str) -> Any:  # noqa: ANN401 - the signature that json asks for
        raise InputError(source, "", f"{constant} is not a number")

    try:
        return json.loads(
            text,
            parse_float=RawNumber,
            parse_int=RawNumber,
            parse_constant=refuse,
            object_pairs_hook=no_duplicates,
        )
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(source, "", f"not valid JSON: {error}") from None


def convert(raw: object, shape: type[Shape], source: str, within: str = "") -> Shape:
    """Check a parsed document against a msgspec Struct.

    Args:
        raw: What the parser returned.
        shape: The Struct to build; its number fields are Amount, NonNegative or Positive.
        source: File name for messages.
        within: Path of raw inside the document, put before the field's path.

    Raises:
        InputError: naming source, field and problem.
    """
    try:
        return msgspec.convert(raw, shape, dec_hook=_read_field, str_keys=True)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        field = (within + path.rstrip("`")).lstrip(".").replace("[...]", "")
        raise InputError(source, field, _in_our_words(problem)) from None


def _read_field(field_type: type, raw: object) -> object:
    if field_type is Moment:
        return _moment(raw)
    for known, sign in _SIGNS.items():
        if field_type is known:
            return known(number(raw, sign))
    raise NotImplementedError(field_type)


def _moment(raw: object) -> Moment:
    if isinstance(raw, str):
        try:
            raw = datetime.fromisoformat(raw)
        except ValueError:
            raise ValueError(f"{raw[:40]!r} is not a time: write 2026-09-01T00:00:00Z") from None
    if isinstance(raw, date) and not isinstance(raw, datetime):
        raw = datetime(raw.year, raw.month, raw.day, tzinfo=UTC)
    if not isinstance(raw, datetime):
        raise ValueError(f"{raw!r} is not a time: write 2026-09-01T00:00:00Z")
    zoned = raw if raw.tzinfo is not None else raw.replace(tzinfo=UTC)
    return Moment.fromisoformat(zoned.isoformat())


def _in_our_words(problem: str) -> str:
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", problem)
    if unknown:
        return f"unknown key {unknown[1]!r}"
    missing = re.fullmatch(r"Object missing required field `(.*)`", problem)
    if missing:
        return f"the key {missing[1]!r} is missing"
    return problem[:1].lower() + problem[1:]
