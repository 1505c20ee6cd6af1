"""YAML without its surprises: numbers stay as written, fractions have to be quoted, no anchors, no duplicates."""

import re
from datetime import date, datetime
from typing import Any

import yaml

from crossmargin.domain.numbers import RawNumber
from crossmargin.errors import InputError

__all__ = ["parse_yaml"]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")


class _Loader(yaml.SafeLoader):
    """SafeLoader that knows its source, for messages."""

    source = ""


def parse_yaml(text: str, source: str) -> Any:  # noqa: ANN401 - any document until it is converted
    """Parse YAML.

    Raises:
        InputError: not YAML, an unquoted fraction or sexagesimal (``1:30`` is 90 in YAML), an anchor, a merge key
            or a duplicate key.
    """
    loader = _Loader(text)
    loader.source = source
    try:
        for token_event in yaml.parse(text):
            if isinstance(token_event, yaml.AliasEvent):
                raise InputError(source, "", f"anchors and aliases are not accepted{_at(token_event.start_mark)}")
        return loader.get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(source, "", f"not valid YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()


def _at(mark: Any) -> str:  # noqa: ANN401 - yaml.Mark is untyped
    return f" (line {mark.line + 1})" if mark is not None else ""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key, str):
            raise InputError(loader.source, "", f"a key has to be text{_at(key_node.start_mark)}")
        if key in table:
            raise InputError(loader.source, key, f"the same key stands twice{_at(key_node.start_mark)}")
        table[key] = loader.construct_object(value_node, deep=True)
    return table


def _integer(loader: _Loader, node: yaml.ScalarNode) -> RawNumber:
    if not _INTEGER.fullmatch(node.value):
        raise InputError(loader.source, "", f"{node.value} reads differently in YAML: quote it{_at(node.start_mark)}")
    return RawNumber(node.value)


def _fraction(loader: _Loader, node: yaml.ScalarNode) -> Any:  # noqa: ANN401 - never returns
    problem = f'{node.value} would become a binary fraction: write "{node.value}" in quotes{_at(node.start_mark)}'
    raise InputError(loader.source, "", problem)


def _moment(loader: _Loader, node: yaml.ScalarNode) -> datetime | date:
    found: datetime | date = loader.construct_yaml_timestamp(node)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _fraction)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _moment)
