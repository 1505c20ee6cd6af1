"""Which instrument a ccxt symbol stands for, and what has to be added to the rulebook for it."""

import re
from decimal import Decimal
from typing import Any

from crossmargin.domain.arithmetic import plain
from crossmargin.domain.documents import key_path
from crossmargin.domain.instrument import Instrument
from crossmargin.domain.numbers import shown
from crossmargin.errors import InputError, MissingDataError, RulebookError
from crossmargin.formats.ccxt_shape import Saved, text_in
from crossmargin.rulebook.load import load

__all__ = ["Listing"]

_CONTRACT = re.compile(r"([^/:\s]+)/([^/:\s]+):([^/:\-\s]+)(?:-([0-9]{2})([0-9]{2})([0-9]{2}))?")


class Listing:
    """Names by symbol, and the ``instruments`` of the account that is being put together."""

    def __init__(self, saved: Saved, source: str) -> None:
        """Load the rulebook that the answers name."""
        if saved.venue is None:
            raise InputError(source, "venue", "not given: the answers do not say which rules hold")
        try:
            self.rulebook = load(saved.venue, None if saved.as_of is None else saved.as_of.date())
        except RulebookError as error:
            raise InputError(source, error.key, f"{shown(saved.venue)}: {error.problem}") from None
        self.source = source
        self.instruments = dict(saved.instruments)
        self.notes: list[str] = []
        self.settles: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._sizes: dict[str, Decimal] = {}

    def known(self, symbol: str) -> Instrument | None:
        """The rulebook's own instrument, if it has one."""
        try:
            return self.rulebook.instrument(symbol)
        except MissingDataError:
            return None

    def name(self, symbol: str) -> str:
        """What an order calls its instrument; the account file's door refuses it where nothing defines it."""
        known = self.known(symbol)
        return self._names.get(symbol) or (symbol if known is None else known.id)

    def place(self, symbol: str, contract_size: Decimal | None, info: dict[str, Any] | None, where: str) -> str:
        """Name of a position's instrument, defined or overridden under ``instruments`` where needed.

        Raises:
            InputError: a symbol that is no linear or inverse contract, or contract sizes that contradict.
        """
        found = _CONTRACT.fullmatch(symbol)
        if found is None:
            problem = f"{shown(symbol)} is no perpetual or future: describe it in an account file"
            raise InputError(self.source, f"{where}.symbol", problem)
        self.settles[symbol] = found[3]
        if contract_size is not None:
            before = self._sizes.setdefault(symbol, contract_size)
            if before != contract_size:
                problem = f"{plain(contract_size)} contradicts {plain(before)} of the same instrument"
                raise InputError(self.source, f"{where}.contractSize", problem)
        if symbol not in self._names:
            self._names[symbol] = self._add(symbol, found, contract_size, info, where)
        return self._names[symbol]

    def _add(
        self,
        symbol: str,
        found: re.Match[str],
        contract_size: Decimal | None,
        info: dict[str, Any] | None,
        where: str,
    ) -> str:
        known = self.known(symbol)
        if known is not None:
            if contract_size is not None and contract_size != known.unit:
                self._override(symbol, known, contract_size)
            return known.id
        name = self._new_name(symbol, info)
        given = self.instruments.get(name, {})
        self.instruments[name] = self._defined(symbol, found, contract_size, where) | given
        self.notes.append(f"instruments{key_path(name)}: defined from {symbol} and its contract size")
        return name

    def _override(self, symbol: str, known: Instrument, contract_size: Decimal) -> None:
        key = symbol if symbol in self.instruments else known.id
        size = str(contract_size)
        self.instruments[key] = {"contract_value": size, "multiplier": "1"} | self.instruments.get(key, {})
        field = f"instruments{key_path(known.id)}.contract_value"
        self.notes.append(f"{field} = {plain(contract_size)}: contractSize; the rulebook has {plain(known.unit)}")

    def _new_name(self, symbol: str, info: dict[str, Any] | None) -> str:
        """The venue's own id where it is free, else the symbol."""
        _, own = text_in(info, "instId", "symbol")
        if symbol in self.instruments or not isinstance(own, str) or not own or self.known(own) is not None:
            return symbol
        return own

    def _defined(self, symbol: str, found: re.Match[str], contract_size: Decimal | None, where: str) -> dict[str, Any]:
        base, quote, settle, year, month, day = found.groups()
        if settle not in (base, quote):
            problem = f"{shown(symbol)} settles in neither of its currencies"
            raise InputError(self.source, f"{where}.symbol", problem)
        if contract_size is None:
            problem = f"null, and {self.rulebook.venue} does not know {shown(symbol)}"
            raise InputError(self.source, f"{where}.contractSize", problem)
        entry: dict[str, Any] = {"kind": "perpetual", "base": base, "quote": quote, "settle": settle}
        entry |= {"contract_type": "linear" if settle == quote else "inverse", "unified": symbol}
        entry["contract_value"] = str(contract_size)
        if year:
            entry |= {"kind": "future", "expiry": f"20{year}-{month}-{day}"}
        return entry
