"""YAML without its surprises: numbers stay as written, fractions need quotes; no anchors, tags, duplicates."""

import re
from datetime import date, datetime
from typing import Any

import yaml

from crossmargin.domain.documents import key_path, one_line
from crossmargin.domain.numbers import RawNumber, shown
from crossmargin.errors import InputError

__all__ = ["parse_yaml"]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_DEPTH_MAX = 64
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, ten times faster, where it is there


class _UnreadableError(Exception):
    """What a value is refused for; the containers around it add the path to it."""

    def __init__(self, problem: str, node: yaml.Node) -> None:
        super().__init__(problem)
        self.problem = f"{problem}{_at(node.start_mark)}"
        self.path = ""


def parse_yaml(text: str, source: str) -> Any:  # noqa: ANN401 - any document until it is converted
    """Parse YAML.

    Raises:
        InputError: not YAML, an unquoted fraction or sexagesimal (``1:30`` is 90 in YAML), an anchor, a tag,
            or a duplicate key.
    """
    loader = None
    try:
        _check_structure(text, source)
        loader = _Loader(text)
        return loader.get_single_data()
    except _UnreadableError as refused:
        raise InputError(source, refused.path.lstrip("."), refused.problem) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        problem = " ".join(one_line(str(error).replace("\n", " ")).split())
        raise InputError(source, "", f"not valid YAML: {problem}") from None
    finally:
        if loader is not None:
            loader.dispose()


def _check_structure(text: str, source: str) -> None:
    """Refuse aliases (few bytes can stand for gigabytes), tags, and nesting that no account needs."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise InputError(source, "", f"anchors and aliases are not accepted{_at(event.start_mark)}")
        if getattr(event, "tag", None) is not None:
            raise InputError(source, "", f"tags such as !!float are not accepted{_at(event.start_mark)}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEPTH_MAX:
            raise InputError(source, "", f"nested more than {_DEPTH_MAX} deep")


def _at(mark: Any) -> str:  # noqa: ANN401 - the marks of the C and of the Python parser are two types
    return f" (line {mark.line + 1})"


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:  # noqa: ANN401 - C or Python loader
    table: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key, str):
            raise _UnreadableError("a key has to be text", key_node)
        if key in table:
            refused = _UnreadableError("the same key stands twice", key_node)
            refused.path = key_path(key)
            raise refused
        table[key] = _within(loader, value_node, key_path(key))
    return table


def _sequence(loader: Any, node: yaml.SequenceNode) -> list[Any]:  # noqa: ANN401 - C or Python loader
    return [_within(loader, each, f"[{index}]") for index, each in enumerate(node.value)]


def _within(loader: Any, node: yaml.Node, step: str) -> Any:  # noqa: ANN401 - any loader, any value
    try:
        return loader.construct_object(node, deep=True)
    except _UnreadableError as refused:
        refused.path = step + refused.path
        raise


def _integer(_: Any, node: yaml.ScalarNode) -> RawNumber:  # noqa: ANN401 - C or Python loader
    if not _INTEGER.fullmatch(node.value):
        raise _UnreadableError(f"{shown(node.value)} reads differently in YAML: write it in quotes", node)
    return RawNumber(node.value)


def _fraction(_: Any, node: yaml.ScalarNode) -> Any:  # noqa: ANN401 - never returns
    value = shown(node.value)
    raise _UnreadableError(f"{value} would become a binary fraction: write it in quotes", node)


def _moment(loader: Any, node: yaml.ScalarNode) -> datetime | date:  # noqa: ANN401 - C or Python loader
    try:
        found: datetime | date = loader.construct_yaml_timestamp(node)
    except ValueError:
        raise _UnreadableError(f"{shown(node.value)} is not a time: write 2026-09-01T00:00:00Z", node) from None
    return found


_Loader: Any = type("_Loader", (_LOADER,), {})
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:seq", _sequence)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _fraction)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _moment)
