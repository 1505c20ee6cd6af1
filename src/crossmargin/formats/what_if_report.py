"""A what-if as JSON: before, after, difference, and what became of each change."""

from typing import Any

from crossmargin.formats.report import jsonable, report
from crossmargin.margin.changes import Change
from crossmargin.margin.what_if import WhatIf, differences

__all__ = ["what_if_report"]


def what_if_report(result: WhatIf, assumptions: tuple[str, ...] = ()) -> dict[str, Any]:
    """What `crossmargin what-if FILE CHANGES --json` prints, limits apart.

    Args:
        result: Of `crossmargin.margin.what_if.what_if`.
        assumptions: Those of the account file.
    """
    names = dict.fromkeys([*result.before.currencies, *result.after.currencies])
    return {
        "before": report(result.before, assumptions),
        "after": report(result.after, assumptions),
        "difference": {
            name: jsonable(differences(result.before.currencies.get(name), result.after.currencies.get(name)))
            for name in names
        },
        "steps": [
            {
                "change": jsonable(_described(step.change)),
                "done": step.refusal is None,
                "refusal": None if step.refusal is None else str(step.refusal),
                "code": None if step.refusal is None else step.refusal.code or None,
                "notes": list(step.notes),
            }
            for step in result.steps
        ],
        "refusals": [str(step.refusal) for step in result.steps if step.refusal is not None],
    }


def _described(change: Change) -> dict[str, Any]:
    fields = {name: getattr(change, name) for name in change.__struct_fields__}
    kind = {"kind": change.__struct_config__.tag}
    return {**kind, **{name: value for name, value in fields.items() if value not in (None, {}, False)}}
