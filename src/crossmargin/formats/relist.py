"""The same book under another venue's listings: unified names, base sizes, the venue's own settlement coin."""

from decimal import Decimal
from typing import Any

from msgspec import Struct

from crossmargin.domain.arithmetic import exact, plain
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.errors import CrossMarginError
from crossmargin.formats.account_file import Book
from crossmargin.rulebook.model import Rulebook

__all__ = ["Relisted", "listing", "relist"]

_DOLLARS = ("USDT", "USDC", "USD")


class Relisted(Struct, frozen=True, kw_only=True):
    """A book as a document for another venue.

    Attributes:
        document: Shape of an account file; None when a listing is missing.
        missing: What the venue's rulebook does not list.
        notes: What was put in place of what.
    """

    document: dict[str, Any] | None
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def listing(rulebook: Rulebook, wanted: Instrument) -> Instrument | None:
    """The venue's instrument of the same coin, product and contract type, in the same dollar if it has that one.

    Dollars are USDT, USDC and USD; an inverse contract is never put in place of a linear one.
    """
    quotes = (wanted.quote, *(each for each in _DOLLARS if wanted.quote in _DOLLARS))
    for quote in quotes:
        settle = wanted.base if wanted.inverse else quote
        try:
            found = rulebook.instrument(f"{wanted.base}/{quote}:{settle}")
        except CrossMarginError:
            continue
        if (found.kind, found.contract_type) == (wanted.kind, wanted.contract_type):
            return found
    return None


@exact
def relist(book: Book, rulebook: Rulebook) -> Relisted:
    """Write a book of perpetuals for another venue.

    Sizes become base sizes (face for inverse contracts), marks follow the instruments; a settlement dollar that the
    venue does not use becomes the one it does, one for one, and is noted. Orders are left out.
    """
    names: dict[str, Instrument] = {}
    missing = []
    for position in book.account.positions:
        wanted = book.rulebook.instrument(position.instrument)
        found = listing(rulebook, wanted) if wanted.kind == Kind.PERPETUAL else None
        if found is None:
            missing.append(wanted.unified or wanted.id)
        else:
            names[wanted.id] = found
    if missing:
        return Relisted(document=None, missing=tuple(dict.fromkeys(missing)))
    swapped = {
        book.rulebook.instrument(name).settle: found.settle
        for name, found in names.items()
        if found.settle != book.rulebook.instrument(name).settle
    }
    notes = [f"{new} in place of {old}, one for one" for old, new in swapped.items()]
    if book.account.orders:
        notes.append("orders are left out")
    document: dict[str, Any] = {
        "venue": rulebook.venue,
        "position_mode": book.account.position_mode.value,
        "balances": _balances(book, swapped),
        "positions": [_position(book, each, names) for each in book.account.positions],
        "marks": {found.id: plain(book.marks.mark_of(name)) for name, found in names.items()},
        "last": {found.id: plain(book.marks.last[name]) for name, found in names.items() if name in book.marks.last},
        "betas": {coin: plain(beta) for coin, beta in book.marks.betas.items()},
        "fx": {coin: plain(price) for coin, price in book.marks.fx.items()},
    }
    if rulebook.rules.pool_scope == "account":
        notes += _dollars(document, names, rulebook)
    return Relisted(document=document, notes=tuple(notes))


def _balances(book: Book, swapped: dict[str, str]) -> dict[str, str]:
    balances: dict[str, Decimal] = {}
    for currency, amount in book.account.balances.items():
        name = swapped.get(currency, currency)
        balances[name] = balances.get(name, Decimal(0)) + amount
    return {currency: plain(amount) for currency, amount in balances.items()}


def _position(book: Book, position: Any, names: dict[str, Instrument]) -> dict[str, Any]:  # noqa: ANN401 - Position
    wanted = book.rulebook.instrument(position.instrument)
    face = position.contracts * wanted.unit
    row: dict[str, Any] = {
        "instrument": names[wanted.id].id,
        "side": position.side.value,
        "margin_mode": position.margin_mode.value,
        "quote_size" if wanted.inverse else "base_size": plain(face),
        "entry_price": plain(position.entry_price),
        "leverage": plain(position.leverage),
    }
    if position.margin is not None:
        row["margin"] = plain(position.margin)
    return row


def _dollars(document: dict[str, Any], names: dict[str, Instrument], rulebook: Rulebook) -> list[str]:
    """In an account pool a settlement dollar without price or rate counts as one dollar, noted."""
    notes = []
    for currency in {found.settle for found in names.values()} | set(document["balances"]):
        if currency not in _DOLLARS:
            continue
        if currency not in document["fx"]:
            document["fx"][currency] = "1"
            notes.append(f"1 {currency} = 1 USD")
        if currency not in rulebook.collateral:
            document.setdefault("collateral", {})[currency] = {"tiers": [{"rate": "1"}]}
            notes.append(f"{currency} counts in full as collateral")
    return notes
