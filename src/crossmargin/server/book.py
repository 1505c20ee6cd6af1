"""A demo account, flat or with the positions of an account file: traded at their entry prices, as anybody would."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from crossmargin.domain import command as c
from crossmargin.domain.account import Account, MarginMode, OrderSide, Position, PositionMode, Side
from crossmargin.domain.arithmetic import ZERO, plain, quotient
from crossmargin.domain.instrument import Kind
from crossmargin.errors import InputError
from crossmargin.formats.account_file import Book
from crossmargin.rulebook.model import Rulebook
from crossmargin.server.okx.names import funding_account
from crossmargin.server.venue import Venue

__all__ = ["COUNTERPARTY", "DEMO", "demo_money", "trade_in"]

DEMO = "demo"
COUNTERPARTY = "house.book"
_TO_TRADE, _TO_TRANSFER = Decimal(10_000), Decimal(5_000)
_DEEP = Decimal(10_000_000)


def demo_money(account: str, now: int, *, flat: bool) -> Iterator[c.Command]:
    """Money of a demo account; each reference counts once, so that a restart pays nothing twice."""
    if flat:
        yield c.Deposit(account=account, currency="USDT", amount=_TO_TRADE, reference=f"{account}.trading", time=now)
    wallet = funding_account(account)
    yield c.Deposit(account=wallet, currency="USDT", amount=_TO_TRANSFER, reference=f"{account}.funding", time=now)


def trade_in(venue: Venue, account: str, given: Book, source: str) -> None:
    """Give an account the balances and positions of a file, before the market opens.

    Each position is an order at its entry price that meets a counterparty of the house; fees are paid and given back
    as a deposit, so that the balance is the file's. Sizes are taken over in coins, since a contract of the file's venue
    may be another than one of this.

    Raises:
        InputError: the file holds what is not traded here.
    """
    now = venue.now()
    rulebook = venue.state.rulebook
    positions = tuple(_as_here(each, given.rulebook, rulebook, source) for each in given.account.positions)
    book = msgspec.structs.replace(given.account, positions=positions)
    venue.run(_opening(account, book, rulebook, now))
    for position in book.positions:
        for command in _trade(account, position, book.position_mode, now):
            refused = venue.run([command])[0].refused
            if refused is not None:
                raise InputError(source, position.id, str(refused.refusal))
    for currency, amount in book.balances.items():
        missing = amount - venue.state.cash(account, currency)
        if missing > 0:
            reference = f"{account}.fees.{currency}"
            venue.run([c.Deposit(account=account, currency=currency, amount=missing, reference=reference, time=now)])


def _as_here(position: Position, theirs: Rulebook, ours: Rulebook, source: str) -> Position:
    """A position of the file in the contracts of this venue."""
    there = theirs.instrument(position.instrument)
    if there.kind not in (Kind.PERPETUAL, Kind.FUTURE):
        raise InputError(source, position.id, "a demo account starts with perpetuals and futures")
    here = ours.instrument(there.unified or there.id)
    ours.tier_table(here, position.margin_mode)
    contracts = quotient(position.contracts * there.unit, here.unit)
    if here.lot_size is not None and contracts % here.lot_size:
        raise InputError(source, position.id, f"{plain(contracts)} contracts are no multiple of {plain(here.lot_size)}")
    return msgspec.structs.replace(position, instrument=here.id, contracts=contracts)


def _opening(account: str, book: Account, rulebook: Rulebook, now: int) -> Iterator[c.Command]:
    """Money of both sides, margin of isolated positions included; listings and marks at the entry prices."""
    extra = dict.fromkeys(book.balances, ZERO)
    for position in book.positions:
        instrument = rulebook.instrument(position.instrument)
        yield c.ListInstrument(instrument=instrument.id, time=now)
        yield c.SetMark(
            instrument=instrument.id, price=Decimal(position.entry_price), last=Decimal(position.entry_price), time=now
        )
        yield c.Deposit(account=COUNTERPARTY, currency=instrument.settle, amount=_DEEP, time=now)
        extra[instrument.settle] = extra.get(instrument.settle, ZERO) + (position.margin or ZERO)
    for currency, more in extra.items():
        amount = book.balances.get(currency, ZERO) + more
        if amount > 0:
            reference = f"{account}.book.{currency}"
            yield c.Deposit(account=account, currency=currency, amount=Decimal(amount), reference=reference, time=now)
    if book.position_mode == PositionMode.HEDGE:
        yield c.SetPositionMode(account=account, position_mode=PositionMode.HEDGE, time=now)


def _trade(account: str, position: Position, mode: PositionMode, now: int) -> Iterator[c.Command]:
    """Leverage, an order that rests, and the counterparty that meets it."""
    yield c.SetLeverage(
        account=account,
        instrument=position.instrument,
        leverage=Decimal(position.leverage),
        margin_mode=position.margin_mode,
        time=now,
    )
    side = OrderSide.BUY if position.side == Side.LONG else OrderSide.SELL
    other = OrderSide.SELL if side == OrderSide.BUY else OrderSide.BUY
    for who, what, own in ((account, side, True), (COUNTERPARTY, other, False)):
        yield c.PlaceOrder(
            account=who,
            instrument=position.instrument,
            side=what,
            contracts=Decimal(position.contracts),
            price=Decimal(position.entry_price),
            margin_mode=position.margin_mode if own else MarginMode.CROSS,
            position_side=position.side if own and mode == PositionMode.HEDGE else None,
            time=now,
        )
