"""Money in, out and across; margin of isolated positions. What may leave is asked of the same rules as a what-if."""

from collections.abc import Iterator
from decimal import Decimal
from hashlib import blake2b

import msgspec

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import MarginMode
from crossmargin.domain.ledger import PositionKey
from crossmargin.domain.numbers import Positive
from crossmargin.domain.refusal import Refusal, RejectReason
from crossmargin.engine import guards
from crossmargin.engine.settle import moved
from crossmargin.engine.state import State
from crossmargin.margin import changes as ask
from crossmargin.margin.admission import refuse
from crossmargin.margin.apply import Situation, apply_change

__all__ = ["change_margin", "deposit", "fund_insurance", "judged", "opened", "send", "withdraw"]

_ENCODE = msgspec.msgpack.Encoder(decimal_format="string").encode


def deposit(state: State, command: c.Deposit) -> Iterator[e.Event]:
    """Money arrives from outside."""
    repeated = _repeated(state, command)
    if repeated is not None:
        yield repeated
        return
    yield from opened(state, command.account)
    yield _moved(state, command, "outside", f"cash/{command.account}", "deposit")


def withdraw(state: State, command: c.Withdraw) -> Iterator[e.Event]:
    """Money leaves: no more than what is free without unrealised gains, and nothing while a price is in doubt."""
    repeated = _repeated(state, command)
    if repeated is not None:
        yield repeated
        return
    refusal = _leaving(state, command.account, command.currency, command.amount)
    if refusal is not None:
        yield e.Refused(account=command.account, refusal=refusal)
        return
    yield _moved(state, command, f"cash/{command.account}", "outside", "withdrawal")


def send(state: State, command: c.Send) -> Iterator[e.Event]:
    """Money moves between two accounts: one event, both legs or neither."""
    unknown = None if command.opens and command.to not in state.owners else guards.known(state, command.to)
    refusal = unknown or _leaving(state, command.account, command.currency, command.amount)
    if refusal is not None:
        yield e.Refused(account=command.account, refusal=refusal)
        return
    yield from opened(state, command.to)
    debit, credit = f"cash/{command.account}", f"cash/{command.to}"
    transfers = moved(debit, credit, command.currency, command.amount, "transfer")
    yield e.MoneyMoved(account=command.account, reason="transfer", transfers=transfers)


def fund_insurance(state: State, command: c.FundInsurance) -> Iterator[e.Event]:
    """Money is paid into an insurance fund."""
    fund = f"insurance:{command.scope}"
    yield from opened(state, fund)
    transfers = moved("outside", f"cash/{fund}", command.currency, command.amount, "deposit")
    yield e.MoneyMoved(account=fund, reason="deposit", transfers=transfers)


def opened(state: State, account: str) -> Iterator[e.Event]:
    """Open an account that does not exist yet."""
    if account not in state.owners:
        yield e.AccountOpened(account=account, number=state.counters["accounts"] + 1)


def change_margin(state: State, command: c.AddMargin | c.RemoveMargin) -> Iterator[e.Event]:
    """Put margin to an isolated position, or take it back."""
    adding = isinstance(command, c.AddMargin)
    kind = ask.AddMargin if adding else ask.RemoveMargin
    change = kind(instrument=command.instrument, side=command.side, amount=Positive(command.amount))
    refusal = guards.known(state, command.account) or guards.tradable(state, command.instrument)
    if refusal is None:
        result = judged(state, command.account, change)
        refusal = result if isinstance(result, Refusal) else None
    if refusal is not None:
        yield e.Refused(account=command.account, refusal=refusal)
        return
    key = PositionKey(command.account, command.instrument, command.side, MarginMode.ISOLATED)
    amount = command.amount if adding else -command.amount
    held = state.held(key)
    assert held is not None
    currency = state.pool_currency(held)
    transfers = moved(f"cash/{command.account}", f"margin/{key.cell}", currency, amount, "margin")
    yield e.MoneyMoved(account=command.account, reason="margin", transfers=transfers)


def judged(state: State, account: str, change: ask.Change) -> Situation | Refusal:
    """What the venue says to a change of one account: the situation afterwards, or its refusal."""
    situation = Situation(account=state.account(account), marks=state.marks, rulebook=state.rulebook)
    result = apply_change(situation, change)
    return result if isinstance(result, Refusal) else result[0]


def _leaving(state: State, account: str, currency: str, amount: Decimal) -> Refusal | None:
    refusal = guards.known(state, account)
    if refusal is not None:
        return refusal
    for held in state.owners[account].positions.values():
        if not state.healthy(held.key.instrument):
            note = f"{held.key.instrument}: nothing leaves until its price can be trusted"
            return refuse(state.rulebook, RejectReason.PRICE_NOT_HEALTHY, note=note)
    result = judged(state, account, ask.Withdrawal(currency=currency, amount=Positive(amount)))
    return result if isinstance(result, Refusal) else None


def _repeated(state: State, command: c.Deposit | c.Withdraw) -> e.Event | None:
    """A reference that was used before: the same movement is answered again, another one is refused."""
    if not command.reference:
        return None
    known = state.references.get(command.reference)
    if known is None:
        return None
    if known == _digest(command):
        return e.Repeated(account=command.account, client_id=command.reference)
    refusal = refuse(state.rulebook, RejectReason.DUPLICATE_ID, note=command.reference)
    return e.Refused(account=command.account, refusal=refusal, client_id=command.reference)


def _digest(command: c.Deposit | c.Withdraw) -> str:
    return blake2b(_ENCODE(msgspec.structs.replace(command, time=0)), digest_size=16).hexdigest()


def _moved(state: State, command: c.Deposit | c.Withdraw, debit: str, credit: str, reason: str) -> e.Event:
    return e.MoneyMoved(
        account=command.account,
        reason=reason,
        reference=f"{command.reference}#{_digest(command)}" if command.reference else "",
        transfers=moved(debit, credit, command.currency, command.amount, reason),
    )
