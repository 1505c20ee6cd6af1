"""Accounts and API keys: who may read, trade and transfer. Secrets are encrypted at rest and shown once."""

from crossmargin.server.keys.store import Key, KeyStore, NewKey

__all__ = ["Key", "KeyStore", "NewKey"]
