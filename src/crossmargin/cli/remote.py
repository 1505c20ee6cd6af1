"""Asking a running exchange for something, by its admin token."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from crossmargin.errors import InputError

__all__ = ["ask"]

_SECONDS = 10


def ask(url: str, token: str, path: str, given: dict[str, Any]) -> dict[str, Any]:
    """Post to an admin path and return the answer.

    Raises:
        InputError: the address is none, nobody answers there, or the answer is no.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise InputError("--url", url, "an address such as http://127.0.0.1:8080 is expected")
    request = Request(
        f"{url.rstrip('/')}/api/admin/{path}",
        json.dumps(given).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urlopen(request, timeout=_SECONDS) as answer:
            found = json.load(answer)
    except HTTPError as error:
        raise InputError("--url", url, _reason(error)) from None
    except (URLError, OSError, ValueError) as error:
        raise InputError("--url", url, f"no exchange answers there: {getattr(error, 'reason', error)}") from None
    return dict(found)


def _reason(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError):
        return f"status {error.code}"
