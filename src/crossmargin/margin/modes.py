"""The same book in cross and in isolated mode: margin moves between the balance and the positions, nothing else."""

import msgspec

from crossmargin.domain.account import Account, MarginMode, Position
from crossmargin.domain.arithmetic import exact, quotient
from crossmargin.domain.instrument import Kind
from crossmargin.domain.marks import Marks
from crossmargin.errors import UnsupportedError
from crossmargin.margin.legs import position_leg
from crossmargin.margin.pools import isolated_margin
from crossmargin.rulebook.model import Rulebook

__all__ = ["in_mode", "switched"]


@exact
def in_mode(account: Account, mode: MarginMode, marks: Marks, rulebook: Rulebook) -> Account:
    """The whole book in one margin mode.

    Into isolated mode each position takes its opening margin (entry value / leverage) out of the balance; into cross
    mode every isolated margin returns to it. Options stay as they are: their margin is not chosen by mode. The
    balance may come out negative: then the account could not have opened the book that way (`modes` says so).

    Source: docs/spec.md 1, worked example 5; docs/sources.md 1.1 (isolated margin leaves the balance).
    """
    held = {(each.instrument, each.side): each.margin_mode for each in account.positions if each.margin_mode == mode}
    for position in account.positions:
        if position.margin_mode != mode and (position.instrument, position.side) in held:
            raise UnsupportedError(
                f"{position.instrument} is held {position.side} in both modes: they cannot be merged"
            )
        if rulebook.instrument(position.instrument).kind != Kind.OPTION:
            account = switched(account, position, mode, marks, rulebook)
    orders = tuple(msgspec.structs.replace(order, margin_mode=mode) for order in account.orders)
    return msgspec.structs.replace(account, orders=orders)


@exact
def switched(account: Account, position: Position, mode: MarginMode, marks: Marks, rulebook: Rulebook) -> Account:
    """The account with one position moved to a margin mode; its PnL stays where the position is.

    Source: docs/spec.md 2 A7; docs/sources.md 1.2 (margin mode is per position).
    """
    if position.margin_mode is mode:
        return account
    leg = position_leg(position, marks, rulebook)
    taken = quotient(leg.entry_value, position.leverage)
    margin = taken if mode == MarginMode.ISOLATED else None
    change = -taken if margin is not None else isolated_margin(position, leg)
    moved = msgspec.structs.replace(position, margin_mode=mode, margin=margin)
    return msgspec.structs.replace(
        account,
        balances={**account.balances, leg.currency: account.balance(leg.currency) + change},
        positions=tuple(moved if each is position else each for each in account.positions),
    )
