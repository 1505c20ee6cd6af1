"""Every rulebook proves itself: each [[example]] is assessed and its published figures must come out."""

from decimal import Decimal, localcontext
from typing import Any

import pytest

from crossmargin.domain.arithmetic import EXACT
from crossmargin.formats.account_file import build_book
from crossmargin.formats.report import report
from crossmargin.margin import assess
from crossmargin.rulebook import load, venues

EXAMPLES = [(venue, example) for venue in venues() for example in load(venue).examples]


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


@pytest.mark.parametrize("venue", venues())
def test_every_rulebook_has_three_examples(venue: str) -> None:
    """A rulebook without worked examples is a guess."""
    assert len(load(venue).examples) >= 3


@pytest.mark.parametrize("venue", venues())
def test_every_rule_that_is_not_a_default_has_evidence(venue: str) -> None:
    """What a venue file sets beyond the basic shape says how sure it is."""
    book = load(venue)
    for key, mark in book.evidence.items():
        assert mark.split(":")[0] in {"S", "D", "O", "3", "R", "absent"}, (key, mark)
