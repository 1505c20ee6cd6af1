"""One call: who asks, what for, and its parameters, read one by one with the venue's own errors."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crossmargin.domain.instrument import Instrument
from crossmargin.domain.numbers import Sign, number, shown
from crossmargin.server.keys import Key
from crossmargin.server.okx.answers import OkxError

if TYPE_CHECKING:
    from crossmargin.server.exchange import Exchange

__all__ = ["CLIENT_ID", "Call", "Parameters", "client_id_problem"]

CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_LIMIT_MAX = 100
_TRUE, _FALSE = ("true", "True"), ("false", "False")
_TIME_DIGITS = 15
_ECHO_MAX = 32
_NAMES_MAX = 20


def client_id_problem(client_id: str) -> bool:
    """Whether an id of the client's is none that the venue takes: 1 to 32 letters and digits."""
    return bool(client_id) and not CLIENT_ID.fullmatch(client_id)


class Parameters:
    """Parameters of a call or of one order of a batch; empty text and null mean absent."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        """Drop what is absent."""
        self.given = {name: value for name, value in given.items() if value is not None and value != ""}

    def __contains__(self, name: str) -> bool:
        """Whether a parameter is there."""
        return name in self.given

    def text(self, name: str, default: str = "") -> str:
        """A parameter as text; a number as it was written."""
        value = self.given.get(name, default)
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str):
            raise OkxError("51000", f"Parameter {name} error")
        return str(value)

    def echo(self, name: str) -> str:
        """A parameter as an answer repeats it; what is no text is left out, for the call may be done by then."""
        value = self.given.get(name)
        return str(value)[:_ECHO_MAX] if isinstance(value, str) else ""

    def required(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.text(name)
        if not value:
            raise OkxError("50014", f"Parameter {name} can not be empty.")
        return value

    def number(self, name: str, sign: Sign = Sign.POSITIVE) -> Decimal | None:
        """A parameter as an exact number, None where it is absent."""
        if name not in self.given:
            return None
        raw = self.given[name]
        try:
            return number(raw if not isinstance(raw, str) else str(raw), sign)
        except ValueError:
            raise OkxError("51000", f"Parameter {name} error: {shown(raw)}") from None

    def needed(self, name: str, sign: Sign = Sign.POSITIVE) -> Decimal:
        """A number that must be there."""
        found = self.number(name, sign)
        if found is None:
            raise OkxError("50014", f"Parameter {name} can not be empty.")
        return found

    def flag(self, name: str) -> bool:
        """A parameter that is true or false; absent is false."""
        value = self.text(name, "false")
        if value not in (*_TRUE, *_FALSE):
            raise OkxError("51000", f"Parameter {name} error")
        return value in _TRUE

    def choice(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """A parameter that is one of some words; without a default it must be there."""
        value = self.required(name) if default is None else self.text(name, default)
        if value not in choices:
            raise OkxError("51000", f"Parameter {name} error")
        return value

    def time(self, name: str) -> int | None:
        """A moment in milliseconds."""
        value = self.text(name)
        if not value:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= _TIME_DIGITS):
            raise OkxError("51000", f"Parameter {name} error")
        return int(value)

    def limit(self, most: int = _LIMIT_MAX, default: int | None = None) -> int:
        """How many rows at most."""
        found = self.time("limit")
        if found == 0:
            raise OkxError("51000", "Parameter limit error")
        return min(most, found or default or most)

    def client_id(self, name: str = "clOrdId") -> str:
        """An id of the client's own."""
        value = self.text(name)
        if client_id_problem(value):
            raise OkxError("51000", f"Parameter {name} error")
        return value


class Call(Parameters):
    """A call with whoever made it.

    Attributes:
        exchange: What is asked.
        key: Who asks; None on public paths.
        batch: The bodies of a call that carries a list.
    """

    def __init__(
        self, exchange: "Exchange", key: Key | None, given: Mapping[str, Any], batch: list[Any] | None = None
    ) -> None:
        """Put a call together."""
        super().__init__(given)
        self.exchange = exchange
        self._key = key
        self.batch = batch

    @property
    def key(self) -> Key:
        """Who asks."""
        assert self._key is not None
        return self._key

    @property
    def account(self) -> str:
        """The engine's account of whoever asks."""
        return self.key.account

    def instrument(self, name: str = "instId") -> Instrument:
        """The instrument that a parameter names."""
        return self.exchange.listed(self.required(name))

    def instruments(self, name: str = "instId", most: int = _NAMES_MAX) -> list[str]:
        """Ids of a list with commas, each once; empty where the parameter is absent."""
        found = list(dict.fromkeys(each for each in self.text(name).split(",") if each))
        if len(found) > most:
            raise OkxError("51000", f"Parameter {name} error: at most {most}")
        return found
