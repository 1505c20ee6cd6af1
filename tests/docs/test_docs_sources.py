"""Every section that a `Source:` line names is on the page that it names."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECTION = r"(?:section )?([0-9](?:\.[0-9])*)"
CITED = {
    "sources": re.compile(rf"(?:docs/sources\.md|research/venues\.md) {SECTION}((?:, [0-9](?:\.[0-9])*)*)"),
    "spec": re.compile(rf"(?:docs/spec\.md|SPEC) {SECTION}()"),
}


def cited(page: str) -> Iterator[str]:
    """Sections of a page that code and rulebooks name."""
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix in (".py", ".toml"):
            for first, more in CITED[page].findall(path.read_text(encoding="utf-8")):
                yield first
                yield from re.findall(r"[0-9](?:\.[0-9])*", more)


@pytest.mark.parametrize("page", CITED)
def test_cited_sections_exist(page: str) -> None:
    """By the number of their heading."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    sections = {number.rstrip(".") for number in re.findall(r"^#+ ([0-9.]+) ", text, re.MULTILINE)}

    found = set(cited(page))

    assert found
    assert found <= sections


def test_every_rule_carries_a_mark() -> None:
    """Each list item of a venue's rules says how sure we are: S, D, O, 3 or R."""
    text = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    rules = re.findall(r"^(?:-|[0-9]\.) .*(?:\n  +.*)*", text[text.index("## 1.") : text.index("## 12.")], re.MULTILINE)

    unmarked = [rule for rule in rules if not re.search(r"\b[SDOR]\b(?:[ .,;)]|$)|\(3\)", rule)]

    assert len(rules) > 80
    assert unmarked == []
