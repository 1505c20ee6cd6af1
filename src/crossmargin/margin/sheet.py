"""The sheet: every figure of a pool is a signed sum of entries, and this page says which.

`assess` writes one entry for each amount (a position's maintenance, an order's fee, the balance) under its kind.
A figure adds up kinds by the table `FIGURES`; `explain` prints the entries of those same kinds. There is no second
place where a figure is computed, so the explanation cannot drift from the number.
"""

from decimal import Decimal
from enum import IntEnum

from msgspec import Struct

from crossmargin.domain.arithmetic import ZERO

__all__ = ["FIGURES", "Entry", "EntryKind", "Noted", "Sheet"]


class EntryKind(IntEnum):
    """What an amount is."""

    BALANCE = 0
    PNL = 1
    ISOLATED_MARGIN = 2
    ISOLATED_PNL = 3
    OPTION_VALUE = 4
    POSITION_MARGIN = 5
    ORDER_MARGIN = 6
    NETTING = 7
    ORDER_FEE = 8
    OPEN_LOSS = 9
    ISOLATED_ORDER = 10
    SPOT_HOLD = 11
    OPTION_HOLD = 12
    INTEREST = 13
    BOTS = 14
    MAINTENANCE = 15
    CLOSING_FEE = 16
    EXPOSURE = 17
    ISOLATED_EXPOSURE = 18
    COLLATERAL = 19
    BORROW_INITIAL = 20
    BORROW_MAINTENANCE = 21


_K = EntryKind
_HOLDS = (_K.ORDER_FEE, _K.ISOLATED_ORDER, _K.SPOT_HOLD, _K.OPTION_HOLD)
_IN_USE = (_K.POSITION_MARGIN, _K.ORDER_MARGIN, _K.NETTING, _K.OPEN_LOSS, *_HOLDS, _K.INTEREST, _K.BOTS)

FIGURES: dict[str, tuple[tuple[EntryKind, ...], tuple[EntryKind, ...]]] = {
    # figure: (kinds that are added, kinds that are subtracted)
    "balance": ((_K.BALANCE,), ()),
    "floating_pnl": ((_K.PNL,), ()),
    "isolated_equity": ((_K.ISOLATED_MARGIN, _K.ISOLATED_PNL), ()),
    "option_value": ((_K.OPTION_VALUE,), ()),
    "equity": ((_K.BALANCE, _K.PNL, _K.ISOLATED_MARGIN, _K.ISOLATED_PNL, _K.OPTION_VALUE), ()),
    "in_use": (_IN_USE, ()),
    "initial_margin": ((_K.POSITION_MARGIN, _K.ORDER_MARGIN, _K.NETTING), ()),
    "order_margin": ((_K.ORDER_MARGIN, _K.NETTING), ()),
    "maintenance_margin": ((_K.MAINTENANCE,), ()),
    "liquidation_fee": ((_K.CLOSING_FEE,), ()),
    "exposure": ((_K.EXPOSURE, _K.ISOLATED_EXPOSURE), ()),
    "cross_exposure": ((_K.EXPOSURE,), ()),
    # steps towards free margin, available balance and the ratio
    "uncommitted": ((_K.BALANCE, _K.PNL), _IN_USE),
    "uncommitted_cash": ((_K.BALANCE,), _IN_USE),
    "supports": ((_K.BALANCE, _K.PNL), ()),
    "supports_after_holds": ((_K.BALANCE, _K.PNL), _HOLDS),
    "requires": ((_K.MAINTENANCE, _K.CLOSING_FEE, _K.BORROW_MAINTENANCE), ()),
    "holds": (_HOLDS, ()),
    "borrowed": ((_K.BORROW_MAINTENANCE,), ()),
    "spot_holds": ((_K.SPOT_HOLD,), ()),
    "interest": ((_K.INTEREST,), ()),
    # the account as one pool, in USD
    "adjusted_equity": ((_K.COLLATERAL,), (_K.ORDER_FEE, _K.OPEN_LOSS)),
    "account_initial": ((_K.POSITION_MARGIN, _K.ORDER_MARGIN, _K.NETTING, _K.ISOLATED_ORDER, _K.BORROW_INITIAL), ()),
    "account_maintenance": ((_K.MAINTENANCE, _K.BORROW_MAINTENANCE), ()),
}


_INDEXED = {name: (tuple(map(int, plus)), tuple(map(int, minus))) for name, (plus, minus) in FIGURES.items()}


class Noted(Struct, frozen=True):
    """Whose an amount is, and the numbers that made it; for amounts that no leg and no hold stands behind."""

    name: str
    inputs: dict[str, Decimal | str]


class Entry(Struct, frozen=True):
    """One amount of one kind and what it belongs to (a leg, a hold, a name, a note, or None)."""

    kind: EntryKind
    amount: Decimal
    of: object = None


class Sheet:
    """Running totals by kind; the entries themselves are kept only when lines are wanted."""

    __slots__ = ("entries", "totals")

    def __init__(self, *, lines: bool) -> None:
        """Start an empty sheet; with `lines` every entry is kept."""
        self.totals: list[Decimal] = [ZERO] * len(EntryKind)
        self.entries: list[Entry] | None = [] if lines else None

    def add(self, kind: EntryKind, amount: Decimal, of: object = None) -> None:
        """Write one entry; a zero changes nothing and is not kept."""
        if amount:
            self.totals[kind] += amount
            if self.entries is not None:
                self.entries.append(Entry(kind, amount, of))

    def figure(self, name: str) -> Decimal:
        """Sum of the kinds that `FIGURES` lists under a name."""
        added, subtracted = _INDEXED[name]
        totals = self.totals
        amount = ZERO
        for kind in added:
            total = totals[kind]
            if total:
                amount += total
        for kind in subtracted:
            total = totals[kind]
            if total:
                amount -= total
        return amount

    def entries_of(self, name: str) -> list[Entry]:
        """Entries whose signed sum is the figure; empty when lines are off."""
        added, subtracted = FIGURES[name]
        kept = self.entries or []
        plus = [entry for entry in kept if entry.kind in added]
        return plus + [Entry(entry.kind, -entry.amount, entry.of) for entry in kept if entry.kind in subtracted]
