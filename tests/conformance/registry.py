"""Who answers which case: by id for the one file, by formula for the other."""

from collections.abc import Callable
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from tests.conformance.desk import Desk
from tests.conformance.vectors import Case

Answer = Decimal | tuple[Decimal, ...]
"""A figure; or the same figure by several routes, each of which has to be right."""
Answers = dict[str, Answer]
"""Figures by the vector's own names; a vector without names has places 0, 1, ..., and "*" stands for any name."""
Handler = Callable[[Case, Desk], Any]
"""Gets the case and a desk for account files; gives Answers, or an Answer or a list of them in the vector's order."""

BY_ID: dict[str, Handler] = {}
BY_FORMULA: dict[str, Handler] = {}


def by_id(*patterns: str) -> Callable[[Handler], Handler]:
    """Register the handler of ids; an asterisk stands for any ending."""

    def register(handler: Handler) -> Handler:
        BY_ID.update(dict.fromkeys(patterns, handler))
        return handler

    return register


def by_formula(*names: str) -> Callable[[Handler], Handler]:
    """Register the handler of formula names."""

    def register(handler: Handler) -> Handler:
        BY_FORMULA.update(dict.fromkeys(names, handler))
        return handler

    return register


def handler_of(case: Case) -> Handler | None:
    """The handler of a case, None when nobody answers it."""
    if case.formula:
        return BY_FORMULA.get(case.formula)
    if case.id in BY_ID:
        return BY_ID[case.id]
    return next((found for pattern, found in BY_ID.items() if fnmatchcase(case.id, pattern)), None)


def answers_of(case: Case, desk: Desk) -> Answers:
    """Ask the handler and put its answers under the vector's names."""
    handler = handler_of(case)
    assert handler is not None, f"no handler: {case.file} {case.id} (formula {case.formula or 'none named'})"
    given = handler(case, desk)
    if isinstance(given, dict):
        whole: Answers = given
        return whole
    if isinstance(given, list):
        return {str(place): each for place, each in enumerate(given)}
    return {"*": given}
