"""The what-if file: TOML, YAML or JSON with a list of ``[[changes]]``."""

from msgspec import Struct

from crossmargin.domain.documents import convert
from crossmargin.errors import CrossMarginError, InputError
from crossmargin.formats.account_file import parse_document
from crossmargin.margin.changes import Change, Fill, NewOrder, PriceMove
from crossmargin.rulebook.model import Rulebook

__all__ = ["ChangesFile", "build_changes", "read_changes"]


class ChangesFile(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    changes: tuple[Change, ...]


def read_changes(path: str, rulebook: Rulebook) -> tuple[Change, ...]:
    """Read a what-if file.

    Raises:
        InputError: file, field and problem in one line.
    """
    return build_changes(parse_document(path), path, rulebook)


def build_changes(raw: object, source: str, rulebook: Rulebook) -> tuple[Change, ...]:
    """Check a parsed document; instruments have to be known to the rulebook."""
    changes = convert(raw, ChangesFile, source).changes
    for index, change in enumerate(changes):
        names = [change.instrument] if hasattr(change, "instrument") else []
        if isinstance(change, PriceMove):
            names = list(change.marks)
        for name in names:
            try:
                rulebook.instrument(name)
            except CrossMarginError as error:
                raise InputError(source, f"changes[{index}].instrument", str(error)) from None
        if isinstance(change, (Fill, NewOrder)) and change.margin_mode not in rulebook.rules.margin_modes:
            problem = f"{rulebook.venue} does not offer {change.margin_mode}"
            raise InputError(source, f"changes[{index}].margin_mode", problem)
        if isinstance(change, PriceMove) and not change.marks and not change.moves:
            raise InputError(source, f"changes[{index}]", "a price change needs marks or moves")
    return changes
