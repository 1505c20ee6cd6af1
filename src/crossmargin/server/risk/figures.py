"""The four questions: each takes a book and the parameters of the call, and gives the report that the CLI prints."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from crossmargin.domain.numbers import number
from crossmargin.formats.account_file import Book
from crossmargin.formats.changes_file import build_changes
from crossmargin.formats.ladder import ladder_report
from crossmargin.formats.report import explanation_report, report
from crossmargin.formats.what_if_report import what_if_report
from crossmargin.margin.assess import assess
from crossmargin.margin.explain import explain
from crossmargin.margin.what_if import what_if
from crossmargin.server.risk.bounds import CHANGES_MAX, check_count
from crossmargin.server.risk.refused import RiskError

__all__ = ["QUESTIONS", "Question", "what_if_of"]

Question = Callable[[Book, Mapping[str, str]], dict[str, Any]]


def assess_of(book: Book, _query: Mapping[str, str]) -> dict[str, Any]:
    """Every figure of the account: docs/spec.md 4."""
    return report(assess(book.account, book.marks, book.rulebook), book.assumptions)


def ladder_of(book: Book, query: Mapping[str, str]) -> dict[str, Any]:
    """Where each leg alone, and a common move of the market, would liquidate the account."""
    betas = {**book.marks.betas, **_betas(query.get("betas", ""))}
    return ladder_report(assess(book.account, book.marks, book.rulebook), betas, book.assumptions)


def explain_of(book: Book, query: Mapping[str, str]) -> dict[str, Any]:
    """The lines whose sum is one figure."""
    found = explain(assess(book.account, book.marks, book.rulebook, lines=True), query["figure"])
    return explanation_report(found)


def what_if_of(book: Book, changes: object) -> dict[str, Any]:
    """Before, after and difference of a list of changes."""
    if isinstance(changes, list):
        check_count("changes", len(changes), CHANGES_MAX[book.rulebook.rules.pool_scope])
    asked = build_changes({"changes": changes}, "request", book.rulebook, book)
    return what_if_report(what_if(book.account, book.marks, book.rulebook, asked), book.assumptions)


QUESTIONS: dict[str, Question] = {"assess": assess_of, "ladder": ladder_of, "explain": explain_of}
"""Questions that need nothing but a book and a query."""


def _betas(text: str) -> dict[str, Decimal]:
    """Read ``BTC:1,ETH:1.3``."""
    found: dict[str, Decimal] = {}
    for pair in text.split(",") if text else ():
        coin, colon, beta = pair.partition(":")
        try:
            if not (coin and colon) or coin in found:
                raise ValueError("write each coin once: BTC:1,ETH:1.3")
            found[coin] = number(beta)
        except ValueError as error:
            raise RiskError(HTTPStatus.BAD_REQUEST, f"request: betas: {error}") from None
    return found
