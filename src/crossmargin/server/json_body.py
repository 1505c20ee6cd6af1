"""A body of JSON: its numbers as they were written; duplicate keys and depth beyond all use are refused."""

import re
from typing import Any

from crossmargin.domain.documents import parse_json
from crossmargin.errors import InputError

__all__ = ["read_json"]

_DEPTH_MAX = 8
_BRACKETS = re.compile(r"[\[\]{}]")


def read_json(body: bytes | str) -> Any:  # noqa: ANN401 - JSON is any shape until it is read
    """Parse a body.

    Raises:
        InputError: it is no JSON, holds a key twice, or is nested too deeply.
    """
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
    except UnicodeDecodeError as error:
        raise InputError("request", "", f"not UTF-8 text (byte {error.start})") from None
    if _depth(text) > _DEPTH_MAX:
        raise InputError("request", "", f"nested too deeply: at most {_DEPTH_MAX} levels")
    return parse_json(text, "request")


def _depth(text: str) -> int:
    """How deep brackets are nested, those inside of texts included: an upper bound is enough."""
    deepest = level = 0
    for each in _BRACKETS.finditer(text):
        level += 1 if each[0] in "{[" else -1
        deepest = max(deepest, level)
    return deepest
