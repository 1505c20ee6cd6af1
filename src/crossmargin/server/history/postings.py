"""What the transfers of one event did to the balance of one account: the parts that a bill tells apart."""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.ledger import Transfer

__all__ = ["Posting", "postings"]

_TRADING = ("fill", "realised", "fee", "spot", "premium")


class Posting(Struct):
    """Changes of one balance by one event, by purpose.

    Attributes:
        account, currency: Whose balance, in what.
        fee: Fees: negative is paid.
        pnl: Profit realised.
        other: What trading moved beside fee and profit: the price of coins or options.
        parts: What was moved for other purposes, by reason.
        counterpart: The other account of a transfer.
    """

    account: str
    currency: str
    fee: Decimal = ZERO
    pnl: Decimal = ZERO
    other: Decimal = ZERO
    parts: dict[str, Decimal] = {}
    counterpart: str = ""

    @property
    def traded(self) -> Decimal:
        """Fee, profit and price together."""
        return self.fee + self.pnl + self.other

    def take(self, amount: Decimal, reason: str) -> None:
        """Add one transfer; out of the balance is negative."""
        if reason == "fee":
            self.fee += amount
        elif reason == "realised":
            self.pnl += amount
        elif reason in _TRADING:
            self.other += amount
        else:
            self.parts = {**self.parts, reason: self.parts.get(reason, ZERO) + amount}


def postings(transfers: Iterable[Transfer]) -> dict[tuple[str, str], Posting]:
    """Sort transfers by the balances that they changed: account and currency."""
    found: dict[tuple[str, str], Posting] = {}
    for each in transfers:
        source, target = _account(each.debit), _account(each.credit)
        for account, amount, other in ((source, -each.amount, target), (target, each.amount, source)):
            if account:
                posting = found.get((account, each.currency))
                if posting is None:
                    posting = found[account, each.currency] = Posting(account, each.currency)
                posting.take(amount, each.reason)
                if other:
                    posting.counterpart = other
    return found


def _account(cell: str) -> str:
    kind, _, rest = cell.partition("/")
    return rest if kind == "cash" else ""
