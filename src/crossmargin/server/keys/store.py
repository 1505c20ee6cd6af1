"""Accounts and keys in an SQLite file of their own, readable while a server runs.

A secret is needed in clear to check a signature, so it is kept encrypted (AES-256-GCM, the key's name as associated
data) under a master key that lies in a file of mode 0600 beside the database. A passphrase is kept as a scrypt hash.
"""

import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

import apsw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from crossmargin.errors import InputError, JournalError

__all__ = ["SCOPES", "Key", "KeyStore", "NewKey"]

SCOPES = ("read", "trade", "withdraw")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts(uid INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS keys(key TEXT PRIMARY KEY, uid INTEGER NOT NULL, label TEXT NOT NULL, scopes TEXT NOT NULL,
    secret BLOB NOT NULL, salt BLOB NOT NULL, passphrase BLOB NOT NULL, created INTEGER NOT NULL,
    revoked INTEGER) STRICT;
"""
_FIRST_UID = 44_000_001
_NONCE = 12
_FRESH_SECONDS = 0.25
_OPEN_TO_OTHERS = 0o077


class Key(Struct, frozen=True, kw_only=True):
    """A key that was found, without its secret.

    Attributes:
        uid: Number of the account on the wire.
        account: Its name in the engine.
        scopes: What it may do: ``read``, ``trade``, ``withdraw``.
    """

    key: str
    uid: int
    account: str
    label: str
    scopes: tuple[str, ...]
    created: int
    revoked: int | None = None


class NewKey(Struct, frozen=True, kw_only=True):
    """A key as it is shown once."""

    key: str
    secret: str
    passphrase: str
    account: str
    scopes: tuple[str, ...]


class KeyStore:
    """Makes, finds, checks and revokes keys.

    Args:
        path: The database; its master key lies beside it, with the ending ``.master``.

    Raises:
        InputError: a file is readable by others, or is not ours.
    """

    def __init__(self, path: str | Path) -> None:
        """Open, or make both files."""
        self.path = Path(path)
        self._cipher = AESGCM(_master(Path(f"{path}.master")))
        self.path.touch(0o600)  # before it is opened: what lies beside it gets the same mode
        try:
            self._db = apsw.Connection(str(path))
            self._db.set_busy_timeout(5000)
            self._db.pragma("journal_mode", "WAL")
            self._db.execute(_SCHEMA)
        except apsw.Error as error:
            raise InputError(str(path), "", f"not a key database: {error}") from None
        _private(self.path)
        self._version = -1
        self._look_again = 0.0
        self._known: dict[str, tuple[Key, bytes, bytes, bytes]] = {}
        self._passed: dict[tuple[str, str], None] = {}

    def account(self, name: str) -> int:
        """Number of an account, made if there is none of that name."""
        found = list(self._db.execute("SELECT uid FROM accounts WHERE name = ?", (name,)))
        if found:
            return int(found[0][0])
        with self._db:
            query = "INSERT INTO accounts(uid, name) SELECT coalesce(max(uid) + 1, ?), ? FROM accounts RETURNING uid"
            made = list(self._db.execute(query, (_FIRST_UID, name)))
        return int(made[0][0])

    def accounts(self) -> dict[str, int]:
        """Every account with its number."""
        return dict(self._db.execute("SELECT name, uid FROM accounts ORDER BY uid"))

    def create(
        self, account: str, *, scopes: tuple[str, ...] = SCOPES, label: str = "", passphrase: str = "", now: int
    ) -> NewKey:
        """Make a key; this is the only time that its secret is told."""
        uid = self.account(account)
        key, secret = _uuid(), secrets.token_hex(16).upper()
        passphrase = passphrase or secrets.token_hex(12)  # no character that a shell or an option parser would mind
        salt = secrets.token_bytes(16)
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, secret.encode(), key.encode())
        row = (key, uid, label, " ".join(scopes), sealed, salt, _hashed(passphrase, salt), now, None)
        with self._db:
            self._db.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._forget()
        return NewKey(key=key, secret=secret, passphrase=passphrase, account=account, scopes=scopes)

    def keys(self) -> list[Key]:
        """Every key, revoked ones included, without secrets."""
        query = """SELECT key, uid, name, label, scopes, created, revoked FROM keys JOIN accounts USING (uid)
                   ORDER BY created, key"""
        return [_key(row) for row in self._db.execute(query)]

    def revoke(self, key: str, now: int) -> bool:
        """End a key; whether there was one."""
        with self._db:
            self._db.execute("UPDATE keys SET revoked = ? WHERE key = ? AND revoked IS NULL", (now, key))
            ended = self._db.changes() > 0
        self._forget()
        return ended

    # ------------------------------------------------------------------ checking

    def find(self, key: str) -> tuple[Key, bytes] | None:
        """A key that holds, with its secret; within a quarter of a second of a change by another process.

        Raises:
            JournalError: the file cannot be read; nobody is let in.
        """
        try:
            return self._find(key)
        except apsw.Error as error:
            raise JournalError(str(self.path), f"keys cannot be read: {error}") from None

    def _find(self, key: str) -> tuple[Key, bytes] | None:
        moment = time.monotonic()
        if moment >= self._look_again:
            self._look_again = moment + _FRESH_SECONDS
            version = self._db.pragma("data_version")
            if version != self._version:
                self._version = version
                self._forget()
        found = self._known.get(key)
        if found is None:
            found = self._read(key)
            if found is None:
                return None
            self._known[key] = found
        return found[0], found[1]

    def _forget(self) -> None:
        self._known.clear()
        self._passed.clear()

    def _read(self, key: str) -> tuple[Key, bytes, bytes, bytes] | None:
        query = """SELECT key, uid, name, label, scopes, created, revoked, secret, salt, passphrase
                   FROM keys JOIN accounts USING (uid) WHERE key = ? AND revoked IS NULL"""
        for *row, sealed, salt, passphrase in self._db.execute(query, (key,)):
            try:
                secret = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], key.encode())
            except InvalidTag:
                raise InputError(str(self.path), key, "sealed under another master key") from None
            return _key(tuple(row)), secret, salt, passphrase
        return None

    def knows(self, key: str, passphrase: str) -> bool:
        """Whether a passphrase is that of a key; the slow hash is made once for each that was right."""
        if (key, passphrase) in self._passed:
            return True
        found = self._known.get(key)
        if found is None:
            return False
        right = hmac.compare_digest(_hashed(passphrase, found[2]), found[3])
        if right:
            self._passed[key, passphrase] = None
        return right

    def close(self) -> None:
        """Give the file back."""
        self._db.close()


def _key(row: tuple[object, ...]) -> Key:
    key, uid, name, label, scopes, created, revoked = row
    return Key(
        key=str(key),
        uid=int(str(uid)),
        account=str(name),
        label=str(label),
        scopes=tuple(str(scopes).split()),
        created=int(str(created)),
        revoked=None if revoked is None else int(str(revoked)),
    )


def _uuid() -> str:
    text = secrets.token_hex(16)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _hashed(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=2**14, r=8, p=1)


def _master(path: Path) -> bytes:
    """The master key, made at the first time."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        _private(path)
    except OSError as error:
        raise InputError(str(path), "", error.strerror or str(error)) from None
    else:
        with os.fdopen(handle, "wb") as file:
            file.write(AESGCM.generate_key(bit_length=256))
    key = path.read_bytes()
    if len(key) != 32:  # noqa: PLR2004 - 256 bits
        raise InputError(str(path), "", "not a master key of 32 bytes")
    return key


def _private(path: Path) -> None:
    """Refuse a file that others can read."""
    if os.name != "nt" and path.stat().st_mode & _OPEN_TO_OTHERS:
        raise InputError(str(path), "", "others can read it: chmod 600")
