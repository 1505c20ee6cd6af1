"""Venue rules as dated data: `load(venue, on)` returns a frozen `Rulebook`."""

from crossmargin.rulebook.load import load, venues
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.rules import Rules
from crossmargin.rulebook.tiers import Tier, TierTable

__all__ = ["Rulebook", "Rules", "Tier", "TierTable", "load", "venues"]
