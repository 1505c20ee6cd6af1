"""The journal: every command with its events and the state hash, chained, on disk before anything is acknowledged."""

from crossmargin.journal.journal import Journal
from crossmargin.journal.memory import MemoryStore
from crossmargin.journal.replay import Difference, rebuild, rerun, verify
from crossmargin.journal.sqlite import SQLiteStore

__all__ = ["Difference", "Journal", "MemoryStore", "SQLiteStore", "rebuild", "rerun", "verify"]
