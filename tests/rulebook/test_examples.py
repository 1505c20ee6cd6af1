"""Every rulebook proves itself: each [[example]] is assessed and its published figures must come out."""

from collections.abc import Iterator
from decimal import Decimal, localcontext
from importlib import resources
from typing import Any

import pytest

from crossmargin.domain.account import AccountMode
from crossmargin.domain.arithmetic import EXACT
from crossmargin.formats.account_file import build_book
from crossmargin.formats.report import report
from crossmargin.margin import assess
from crossmargin.rulebook import Rulebook, load, venues

MODES = [*AccountMode]


def rulebooks() -> Iterator[tuple[str, Rulebook]]:
    """Every rulebook that ships: a venue's own, and that of each further account mode it has a file for."""
    for venue in venues():
        offered = [book for mode in MODES if mode in (book := load(venue, account_mode=mode)).rules.account_modes]
        for book in {book.rules.account_modes: book for book in offered}.values():
            yield (venue if len(offered) == 1 else f"{venue} {book.rules.account_modes[0]}"), book


BOOKS = list(rulebooks())
EXAMPLES = [(name, example) for name, book in BOOKS for example in book.examples]


@pytest.mark.parametrize(("venue", "example"), EXAMPLES, ids=[f"{v}: {e['say']}" for v, e in EXAMPLES])
def test_worked_example(venue: str, example: dict[str, Any]) -> None:
    """A published example comes out: exact, or within the tolerance of the digits that the venue prints."""
    book = build_book(example["book"], f"{venue}.toml example")
    found = report(assess(book.account, book.marks, book.rulebook), book.assumptions)

    for path, wanted in example["expect"].items():
        value: Any = found
        for key in path.split("."):
            value = value[int(key)] if isinstance(value, list) else value[key]
        figure, _, tolerance = wanted.partition(" rel ")
        if tolerance:
            with localcontext(EXACT):
                off = abs(Decimal(value) - Decimal(figure))
                assert off <= abs(Decimal(figure)) * Decimal(tolerance), (path, value)
        else:
            assert str(value) == figure, path


@pytest.mark.parametrize("book", [book for _, book in BOOKS], ids=[name for name, _ in BOOKS])
def test_every_rulebook_has_three_examples(book: Rulebook) -> None:
    """A rulebook without worked examples is a guess."""
    assert len(book.examples) >= 3


def test_every_file_is_tried() -> None:
    """No rulebook is left out: as many are tried as files ship, dated ones of the same rulebook counted once."""
    folder = resources.files("crossmargin.rulebook").joinpath("venues")
    files = {path.name.removesuffix(".toml").partition("@")[0] for path in folder.iterdir()} - {"__pycache__"}

    assert len(BOOKS) == len(files)


@pytest.mark.parametrize("book", [book for _, book in BOOKS], ids=[name for name, _ in BOOKS])
def test_every_rule_that_is_not_a_default_has_evidence(book: Rulebook) -> None:
    """What a venue file sets beyond the basic shape says how sure it is."""
    for key, mark in book.evidence.items():
        assert mark.split(":")[0] in {"S", "D", "O", "3", "R", "absent"}, (key, mark)
