"""Tier tables that a user fetched: dated files in a folder of their own, beside the ones that ship.

A shipped table goes stale when a venue changes its brackets. `crossmargin venues --update NAME` writes a file
``NAME@DATE.toml`` with [[tiers]] here; a rulebook then takes, for each family, the newest table that is not later
than the day asked about. Nothing is overwritten: old tables stay for old days.
"""

from datetime import date
from pathlib import Path

import msgspec

from crossmargin.domain.documents import read_text
from crossmargin.rulebook.load import parse_tiers
from crossmargin.rulebook.model import Rulebook, TierKey
from crossmargin.rulebook.tiers import TierTable

__all__ = ["updated"]


def updated(rulebook: Rulebook, folder: Path, on: date | None = None) -> Rulebook:
    """A rulebook with the user's own tables where they are newer; `user_tiers` says which.

    Args:
        rulebook: As it ships.
        folder: Where the user's files lie; it need not exist.
        on: The day asked about; None takes the newest.

    Raises:
        RulebookError: a file there is wrong.
    """
    if not folder.is_dir():
        return rulebook
    newer: dict[TierKey, TierTable] = {}
    for path in sorted(folder.glob(f"{rulebook.venue}@*.toml")):
        for key, table in parse_tiers(read_text(str(path)), path.name, rulebook.rules, on).items():
            known = newer.get(key) or rulebook.tiers.get(key)
            if known is None or (known.effective_from or date.min) <= (table.effective_from or date.min):
                newer[key] = table
    notes = {
        family: f"tiers of {family}: fetched {table.effective_from} ({table.source})"
        for (_, family, _), table in newer.items()
    }
    tiers = {**rulebook.tiers, **newer}
    return msgspec.structs.replace(rulebook, tiers=tiers, user_tiers=notes) if newer else rulebook
