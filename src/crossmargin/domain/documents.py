"""Text documents become checked values: TOML and JSON in, one clear line out when something is wrong.

Numbers stay exactly as written until `crossmargin.domain.numbers` reads them; duplicate keys, unknown keys,
``NaN`` and ``Infinity`` are refused.
"""

import json
import re
import tomllib
from datetime import UTC, date, datetime
from difflib import get_close_matches
from enum import Enum
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from crossmargin.domain.numbers import Amount, NonNegative, Positive, RawNumber, Sign, number, shown
from crossmargin.errors import InputError

__all__ = ["Moment", "convert", "key_path", "one_line", "parse_json", "parse_toml", "read_text"]

Shape = TypeVar("Shape")

_SIGNS: dict[type[Amount], Sign] = {Positive: Sign.POSITIVE, NonNegative: Sign.NON_NEGATIVE, Amount: Sign.ANY}
_BYTES_MAX = 64 * 1024 * 1024
_KEY_MAX = 60
_PLACE = re.compile(r"(.*) - at `(?:key` in `)?(\$[^`]*)`", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]|\[(\.\.\.)\]")
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_WORDS = {
    "str": "text",
    "bool": "true or false",
    "int": "a whole number",
    "object": "a table of keys",
    "array": "a list",
    "null": "nothing",
}


class Moment(datetime):
    """A day or a time, as a field type; a day is its first second and a time without zone is UTC."""

    def plain(self) -> datetime:
        """The same moment as an ordinary datetime, which any encoder writes."""
        return datetime.fromisoformat(self.isoformat())


def read_text(path: str) -> str:
    """Read a UTF-8 text file of at most 64 MiB.

    Raises:
        InputError: it is missing, unreadable, too large or not UTF-8.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        raise InputError(one_line(path), "", getattr(error, "strerror", None) or str(error)) from None
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
        raise InputError(source, "", one_line(f"not valid TOML: {error}")) from None


def parse_json(text: str, source: str) -> Any:  # noqa: ANN401 - JSON is any shape until it is converted
    """Parse JSON, leaving every number as it is written and refusing duplicate keys."""

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for key, value in pairs:
            if key in table:
                raise InputError(source, one_line(key), "the same key stands twice")
            table[key] = value
        return table

    try:
        document = json.loads(
            text,
            parse_float=RawNumber,
            parse_int=RawNumber,
            parse_constant=RawNumber,  # NaN and Infinity: refused, by name, wherever a number is due
            object_pairs_hook=no_duplicates,
        )
        if _HALF_PAIR.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InputError(source, "", "not valid JSON: half of a surrogate pair is no character") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(source, "", f"not valid JSON: {error}") from None
    return document


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
        found = _PLACE.fullmatch(str(error))
        problem, path = (found[1], found[2]) if found else (str(error), "$")
        field, value, expected = _follow(path, raw, shape)
        problem = _in_our_words(problem, value, expected)
        raise InputError(source, f"{within}{field}".lstrip("."), problem) from None


def one_line(text: str) -> str:
    r"""Write what does not print (line ends, terminal codes, half characters) as escapes.

    >>> one_line("a\nb")
    'a\\nb'
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def key_path(key: object) -> str:
    """Write a key as a step of a path: ``.USDT``, or in quotes where it holds more than letters and digits.

    >>> key_path("USDT"), key_path("BTC-USDT-SWAP")
    ('.USDT', '."BTC-USDT-SWAP"')
    """
    text = one_line(str(key))
    text = text if len(text) <= _KEY_MAX else f"{text[:_KEY_MAX]}..."
    return f".{text}" if text.replace("_", "a").isalnum() else f'."{text}"'


def _follow(path: str, value: Any, shape: Any) -> tuple[str, Any, Any]:  # noqa: ANN401 - any document, any type
    """Walk msgspec's path to the value that it refused; where the path hides a key (``[...]``), find the key.

    Returns:
        The path in full, the value there, and the type that was expected.
    """
    field = ""
    for name, index, _ in _STEP.findall(path):
        shape = _chosen(shape, value)
        if name:
            shape = _type_of(shape, name)
            field, value = f"{field}.{name}", value[name]
        elif index:
            shape = get_args(shape)[0]
            field, value = f"{field}[{index}]", value[int(index)]
        else:
            shape = get_args(shape)[1]
            key = next(key for key, each in value.items() if not _fits(each, shape))
            field, value = field + key_path(key), value[key]
    return field, value, _chosen(shape, value)


def _type_of(shape: Any, name: str) -> Any:  # noqa: ANN401 - any type
    """Type of a Struct's field; of the field that tells several Structs apart, the words that it may hold."""
    kinds = get_args(shape) or (shape,)
    if len(kinds) > 1 or kinds[0].__struct_config__.tag_field == name:
        literal: Any = Literal
        return literal[tuple(each.__struct_config__.tag for each in kinds)]
    return next(each.type for each in msgspec.structs.fields(shape) if each.encode_name == name)


def _chosen(shape: Any, value: Any) -> Any:  # noqa: ANN401 - any type, any document
    """The X of an optional X; of several Structs the one that the value's tag names, if it names one."""
    if get_origin(shape) not in (Union, UnionType):
        return shape
    others = [each for each in get_args(shape) if each is not type(None)]
    if len(others) == 1:
        return others[0]
    for each in others:
        config = getattr(each, "__struct_config__", None)
        if config is not None and isinstance(value, dict) and value.get(config.tag_field) == config.tag:
            return each
    return shape


def _fits(value: object, shape: Any) -> bool:  # noqa: ANN401 - any type
    try:
        msgspec.convert(value, shape, dec_hook=_read_field, str_keys=True)
    except msgspec.ValidationError:
        return False
    return True


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
            raise ValueError(f"{shown(raw)} is not a time: write 2026-09-01T00:00:00Z") from None
    if isinstance(raw, date) and not isinstance(raw, datetime):
        raw = datetime(raw.year, raw.month, raw.day, tzinfo=UTC)
    if not isinstance(raw, datetime):
        raise ValueError(f"{shown(raw)} is not a time: write 2026-09-01T00:00:00Z")
    zoned = raw if raw.tzinfo is not None else raw.replace(tzinfo=UTC)
    try:
        return Moment.fromisoformat(zoned.astimezone(UTC).isoformat())
    except OverflowError:
        raise ValueError(f"{shown(str(raw))} lies outside the calendar") from None


def _in_our_words(problem: str, value: Any, shape: Any) -> str:  # noqa: ANN401 - any document, any type
    """Say what msgspec found in the words of someone who writes an account file."""
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", problem, re.DOTALL)
    if unknown:
        near = get_close_matches(unknown[1], [each.encode_name for each in msgspec.structs.fields(shape)], 1)
        return f"unknown key {shown(unknown[1])}" + (f": did you mean {near[0]}?" if near else "")
    missing = re.fullmatch(r"Object missing required field `(.*)`", problem)
    if missing:
        return f"the key {missing[1]!r} is missing"
    if problem.startswith(("Invalid enum value", "Invalid value")):
        choices = _choices(shape)
        near = get_close_matches(value, choices, 1) if isinstance(value, str) else []
        return f"{shown(value)} is not one of {', '.join(choices)}" + (f": did you mean {near[0]}?" if near else "")
    if problem.startswith("Invalid RFC3339"):
        return f"{shown(value)} is not a day or time: write 2026-09-01 or 2026-09-01T00:00:00Z"
    expected = re.fullmatch(r"Expected `([^`]*)`, got `[^`]*`", problem)
    if expected:
        words = [_WORDS.get(each, each) for each in expected[1].split(" | ") if each != "null"]
        return f"expected {' or '.join(words)}, found {shown(value)}"
    return problem


def _choices(shape: Any) -> list[str]:  # noqa: ANN401 - any type
    """Values of an Enum or Literal."""
    if isinstance(shape, type) and issubclass(shape, Enum):
        return [str(each.value) for each in shape]
    return [str(each) for each in get_args(shape)]
