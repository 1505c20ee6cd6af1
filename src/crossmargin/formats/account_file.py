"""The account file: TOML, YAML or JSON of one shape becomes an account, its marks and its rulebook.

Its keys are in `account_shape`, docs/reference/account-file.md explains them.
"""

from typing import Any

from crossmargin.domain.documents import (
    convert,
    parse_json,
    parse_toml,
    read_text,
)
from crossmargin.errors import InputError
from crossmargin.formats.account_shape import AccountFile
from crossmargin.formats.book_builder import Book, BookBuilder

__all__ = ["Book", "build_book", "parse_document", "read_account"]


def read_account(path: str) -> Book:
    """Read an account file.

    Args:
        path: TOML, YAML or JSON, told apart by the ending (.toml, .yaml or .yml, .json).

    Raises:
        InputError: file, field and problem in one line.
    """
    return build_book(parse_document(path), path)


def parse_document(path: str) -> Any:  # noqa: ANN401 - any document until it is converted
    """Parse a TOML, YAML or JSON file by its ending."""
    text = read_text(path)
    ending = path.rpartition(".")[2].lower()
    if ending == "toml":
        return parse_toml(text, path)
    if ending == "json":
        return parse_json(text, path)
    if ending in ("yaml", "yml"):
        from crossmargin.formats.yaml_file import parse_yaml

        return parse_yaml(text, path)
    raise InputError(path, "", "ending not known: expected .toml, .yaml, .yml or .json")


def build_book(raw: object, source: str) -> Book:
    """Check a parsed document and build the book that it describes."""
    entry = convert(raw, AccountFile, source)
    return BookBuilder(entry, source).book()
