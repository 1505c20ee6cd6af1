"""The what-if file: TOML, YAML or JSON with a list of ``[[changes]]``."""

from collections.abc import Iterator
from contextlib import suppress

from msgspec import Struct

from crossmargin.domain.account import MarginMode, OrderType, PositionMode
from crossmargin.domain.arithmetic import ONE, plain
from crossmargin.domain.documents import convert, key_path
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.numbers import shown
from crossmargin.errors import CrossMarginError, InputError
from crossmargin.formats.account_file import Book, parse_document
from crossmargin.margin.changes import Change, Fill, Funding, Interest, NewOrder, PriceMove, SetPositionMode, Stop
from crossmargin.rulebook.model import Rulebook

__all__ = ["ChangesFile", "build_changes", "check_currency", "read_changes"]

_COINS = (Kind.SPOT, Kind.MARGIN)


class ChangesFile(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    changes: tuple[Change, ...]


def read_changes(path: str, rulebook: Rulebook, book: Book | None = None) -> tuple[Change, ...]:
    """Read a what-if file.

    Args:
        path: TOML, YAML or JSON.
        rulebook: Rules that have to know the instruments.
        book: The account that the changes are meant for; with it, coins and position sides are checked too.

    Raises:
        InputError: file, field and problem in one line.
    """
    return build_changes(parse_document(path), path, rulebook, book)


def build_changes(raw: object, source: str, rulebook: Rulebook, book: Book | None = None) -> tuple[Change, ...]:
    """Check a parsed document as `read_changes` does."""
    changes = convert(raw, ChangesFile, source).changes
    checks = _Checks(source, rulebook, book)
    for index, change in enumerate(changes):
        checks.check(f"changes[{index}]", change)
    return changes


def check_currency(currency: str, source: str, field: str) -> None:
    """Refuse what is no currency code."""
    if not currency or not currency.isascii() or not currency.isalnum():
        raise InputError(source, field, f"{shown(currency)} is not a currency code")


def _coins(book: Book) -> Iterator[str]:
    """Coins that a mark of the account follows; a mark of an instrument that nobody knows follows none."""
    for name in book.marks.mark:
        with suppress(CrossMarginError):
            yield book.rulebook.instrument(name).underlying


class _Checks:
    """What the keys of each change say together, and beside the account, followed through the list."""

    def __init__(self, source: str, rulebook: Rulebook, book: Book | None) -> None:
        self.source = source
        self.rulebook = rulebook
        self.position_mode = None if book is None else book.account.position_mode
        self.coins = None if book is None else set(_coins(book))

    def check(self, where: str, change: Change) -> None:
        """Raise an InputError that names the field, if something is wrong."""
        if hasattr(change, "instrument"):
            self._instrument(where, change, self._known(f"{where}.instrument", change.instrument))
        if hasattr(change, "currency"):
            check_currency(change.currency, self.source, f"{where}.currency")
        if isinstance(change, SetPositionMode):
            self.position_mode = change.position_mode
        if isinstance(change, PriceMove):
            self._prices(where, change)
        if isinstance(change, Funding):
            self._rates(where, change)
        if isinstance(change, Stop) and change.slippage >= 1:
            raise self._wrong(f"{where}.slippage", f"{plain(change.slippage)} leaves no price: expected below 1")

    def _rates(self, where: str, change: Funding) -> None:
        for name in change.rates:
            field = f"{where}.rates{key_path(name)}"
            if self._known(field, name).kind is not Kind.PERPETUAL:
                raise self._wrong(field, "only perpetuals pay funding")

    def _wrong(self, field: str, problem: str) -> InputError:
        return InputError(self.source, field, problem)

    def _known(self, field: str, name: str) -> Instrument:
        try:
            return self.rulebook.instrument(name)
        except CrossMarginError as error:
            raise self._wrong(field, str(error)) from None

    def _instrument(self, where: str, change: Change, instrument: Instrument) -> None:
        mode = getattr(change, "margin_mode", None)
        if mode is not None and mode not in self.rulebook.rules.margin_modes:
            raise self._wrong(f"{where}.margin_mode", f"{self.rulebook.venue} does not offer {mode}")
        trade = isinstance(change, (Fill, NewOrder))
        if mode is MarginMode.CASH and not trade:
            raise self._wrong(
                f"{where}.margin_mode", "a position is cross or isolated; coins held in cash are a balance"
            )
        if mode is MarginMode.CASH and instrument.kind not in _COINS:
            raise self._wrong(f"{where}.margin_mode", f"only coins are traded in cash, {instrument.id} is a contract")
        if isinstance(change, Interest) and instrument.kind not in _COINS:
            raise self._wrong(f"{where}.instrument", f"only spot-margin pays interest, {instrument.id} borrows nothing")
        if isinstance(change, (Fill, NewOrder)):
            self._trade(where, change, instrument)

    def _trade(self, where: str, change: Fill | NewOrder, instrument: Instrument) -> None:
        if isinstance(change, NewOrder):
            if change.type in (OrderType.LIMIT, OrderType.POST_ONLY) and change.price is None:
                raise self._wrong(where, f"a {change.type} order needs a price")
            if change.type is OrderType.MARKET and change.price is not None:
                raise self._wrong(f"{where}.price", "a market order has no price")
        if change.position_side is not None and self.position_mode is PositionMode.ONE_WAY:
            raise self._wrong(f"{where}.position_side", 'only with position_mode = "hedge"')
        if change.margin_currency not in (None, instrument.base, instrument.quote):
            field = f"{where}.margin_currency"
            raise self._wrong(
                field, f"expected {instrument.base} or {instrument.quote}, found {change.margin_currency}"
            )

    def _prices(self, where: str, change: PriceMove) -> None:
        if not change.marks and not change.moves:
            raise self._wrong(where, "a price change needs marks or moves")
        for name in change.marks:
            underlying = self._known(f"{where}.marks{key_path(name)}", name).underlying
            if self.coins is not None:
                self.coins.add(underlying)
        for coin, move in change.moves.items():
            field = f"{where}.moves{key_path(coin)}"
            if move <= -ONE:
                raise self._wrong(field, f"a move of {plain(move)} leaves no price of {coin}: expected above -1")
            if self.coins is not None and coin not in self.coins:
                known = ", ".join(sorted(self.coins)) or "none"
                raise self._wrong(field, f"no instrument with a mark moves with it: choose from {known}")
