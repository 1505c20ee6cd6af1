"""What-if: apply a list of changes to an account and compare before with after. A refused change changes nothing."""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.account import Account
from crossmargin.domain.arithmetic import exact
from crossmargin.domain.marks import Marks
from crossmargin.domain.refusal import Refusal
from crossmargin.margin.apply import Situation, apply_change
from crossmargin.margin.assess import Assessment, CurrencyFigures, assess
from crossmargin.margin.changes import Change
from crossmargin.rulebook.model import Rulebook

__all__ = ["Step", "WhatIf", "differences", "what_if"]


class Step(Struct, frozen=True, kw_only=True):
    """One change and what became of it.

    Attributes:
        change: As asked.
        refusal: Why it was refused, None when it was done.
        notes: What happened on the way, for example a liquidation before a stop.
    """

    change: Change
    refusal: Refusal | None = None
    notes: tuple[str, ...] = ()


class WhatIf(Struct, frozen=True, kw_only=True):
    """Before, after, and each step between."""

    before: Assessment
    after: Assessment
    steps: tuple[Step, ...]


@exact
def what_if(account: Account, marks: Marks, rulebook: Rulebook, changes: Iterable[Change]) -> WhatIf:
    """Apply changes one after another and assess the account before and after.

    Args:
        account: Where to start.
        marks: Prices at the start.
        rulebook: The venue's rules; they decide what is refused.
        changes: In order; a later one sees what the earlier ones left.

    Raises:
        MissingDataError: a change needs a price, fee or rate that is not known.

    Source: docs/spec.md 2 B6.
    """
    situation = Situation(account=account, marks=marks, rulebook=rulebook)
    steps = []
    for change in changes:
        outcome = apply_change(situation, change)
        if isinstance(outcome, Refusal):
            steps.append(Step(change=change, refusal=outcome))
        else:
            situation, notes = outcome
            steps.append(Step(change=change, notes=notes))
    return WhatIf(
        before=assess(account, marks, rulebook),
        after=assess(situation.account, situation.marks, rulebook),
        steps=tuple(steps),
    )


@exact
def differences(before: CurrencyFigures | None, after: CurrencyFigures | None) -> dict[str, Decimal]:
    """After minus before, figure by figure, where both exist; a currency that was not there counts as zero.

    Source: docs/spec.md 4 "what-if prints before, after, difference".
    """
    found = {}
    some = before if before is not None else after
    assert some is not None
    for name in some.__struct_fields__:
        was, is_now = (None if side is None else getattr(side, name) for side in (before, after))
        if before is None and isinstance(is_now, Decimal):
            was = is_now - is_now
        if after is None and isinstance(was, Decimal):
            is_now = was - was
        if isinstance(was, Decimal) and isinstance(is_now, Decimal):
            found[name] = is_now - was
    return found
