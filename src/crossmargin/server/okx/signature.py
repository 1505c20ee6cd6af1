"""Who is it? HMAC-SHA256 over the raw request, a window of 30 seconds, each signature of a change once.

    sign = base64(HMAC-SHA256(secret, timestamp + METHOD + raw path with query + body))

Source: research of clients; the venue's own description of its REST authentication.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crossmargin.server.keys import Key, KeyStore
from crossmargin.server.okx.answers import OkxError
from crossmargin.server.okx.denials import Denials

__all__ = ["Gate"]

_WINDOW_MS = 30_000
_UNAUTHORISED = 401
_TEXT_MAX = 128


class Gate:
    """Checks who signs a request or logs in.

    Args:
        keys: Where keys are found.
        opened: When this server started: a change that was signed before that may have been made before that.
    """

    def __init__(self, keys: KeyStore, opened: int = 0) -> None:
        """Start with no signature seen."""
        self.keys = keys
        self.opened = opened
        self.denials = Denials()
        self._seen: dict[str, int] = {}

    def caller(self, scope: Mapping[str, Any], body: bytes, now: int) -> Key:
        """The key that signed the request of an ASGI scope; arguments and errors as of `request`."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name.startswith(b"ok-access")}
        target = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        try:
            return self.request(headers, scope["method"], f"{target}?{query}" if query else target, body, now)
        except OkxError as error:
            self.denials.note(str(error.code), f"{scope['method']} {target}", headers.get(b"ok-access-key", ""), now)
            raise

    def allow(self, key: Key, scope: str, call: str, now: int) -> None:
        """Ask whether a key may do something.

        Raises:
            OkxError: it may not (50120).
        """
        if scope not in key.scopes:
            self.denials.note("50120", call, key.key, now)
            raise OkxError("50120", f"This API key doesn't have permission to use this function: {scope}")

    def request(self, headers: Mapping[bytes, str], method: str, target: str, body: bytes, now: int) -> Key:
        """The key that signed an HTTP request.

        Args:
            headers: By lower-case name.
            method: In capitals.
            target: Path and query as they came.
            body: As it came.
            now: Milliseconds.

        Raises:
            OkxError: with the venue's code and HTTP status 401.
        """
        name = _header(headers, b"ok-access-key", "50103")
        passphrase = _header(headers, b"ok-access-passphrase", "50104", 400)
        sign = _header(headers, b"ok-access-sign", "50106")
        stamp = _header(headers, b"ok-access-timestamp", "50107")
        moment = _moment(stamp)
        if abs(now - moment) > _WINDOW_MS or (method != "GET" and moment < self.opened):
            raise OkxError("50102", "Timestamp request expired", _UNAUTHORISED)
        key = self._check(name, passphrase, sign, f"{stamp}{method}{target}".encode() + body)
        if method != "GET":
            self._once(f"{name} {base64.b64decode(sign).hex()}", now)
        return key

    def login(self, name: str, passphrase: str, stamp: str, sign: str, now: int) -> Key:
        """The key that logs in to a WebSocket.

        Raises:
            OkxError: with the venue's code.
        """
        try:
            return self._logged_in(name, passphrase, stamp, sign, now)
        except OkxError as error:
            self.denials.note(str(error.code), "login", name, now)
            raise

    def _logged_in(self, name: str, passphrase: str, stamp: str, sign: str, now: int) -> Key:
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 13) or abs(now - int(stamp) * 1000) > _WINDOW_MS:  # noqa: PLR2004
            raise OkxError("60006", "Timestamp request expired")
        try:
            return self._check(name, passphrase, sign, f"{stamp}GET/users/self/verify".encode())
        except OkxError as error:
            code = {"50111": "60005", "50105": "60024", "50113": "60007"}[str(error.code)]
            raise OkxError(code, error.message) from None

    def _check(self, name: str, passphrase: str, sign: str, message: bytes) -> Key:
        found = self.keys.find(name)
        if found is None:
            raise OkxError("50111", "Invalid OK-ACCESS-KEY", _UNAUTHORISED)
        key, secret = found
        try:
            given = base64.b64decode(sign, validate=True)
        except (binascii.Error, ValueError):
            given = b""
        right = hmac.new(secret, message, hashlib.sha256).digest()
        if not hmac.compare_digest(given, right):
            raise OkxError("50113", "Invalid Sign", _UNAUTHORISED)
        if not self.keys.knows(name, passphrase):
            raise OkxError("50105", "Request header OK-ACCESS-PASSPHRASE incorrect.", _UNAUTHORISED)
        return key

    def _once(self, signature: str, now: int) -> None:
        """Refuse a signature that has been used; those that have left the window are forgotten."""
        if signature in self._seen:
            raise OkxError("50113", "Invalid Sign: this signature was used before", _UNAUTHORISED)
        self._seen[signature] = now
        for old, when in self._seen.items():
            if when >= now - 2 * _WINDOW_MS:
                break
            del self._seen[old]
            break


def _header(headers: Mapping[bytes, str], name: bytes, code: str, status: int = _UNAUTHORISED) -> str:
    value = headers.get(name, "")
    if not value:
        raise OkxError(code, f"Request header {name.decode().upper()} can not be empty.", status)
    if len(value) > _TEXT_MAX or not value.isascii():
        code = "50111" if name.endswith(b"key") else "50113"
        raise OkxError(code, f"Invalid {name.decode().upper()}", _UNAUTHORISED)
    return value


def _moment(stamp: str) -> int:
    """Milliseconds of an ISO 8601 time with a Z."""
    try:
        if not stamp.endswith("Z"):
            raise ValueError(stamp)
        moment = datetime.fromisoformat(stamp).astimezone(UTC)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise OkxError("50112", "Invalid OK-ACCESS-TIMESTAMP", _UNAUTHORISED) from None
