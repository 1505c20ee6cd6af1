"""Closing a spot-margin position: how much is traded, what is repaid, who bears a deficit."""

from decimal import Decimal

import msgspec
from msgspec import Struct

from crossmargin.domain.account import Account, MarginMode, Position, Side
from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient
from crossmargin.domain.instrument import Instrument
from crossmargin.margin.fills import opening_margin, put

__all__ = ["Repayment", "close_size", "closed_account", "repayment"]


class Repayment(Struct, frozen=True, kw_only=True):
    """What closing a spot-margin position trades and repays.

    Attributes:
        traded: Assets sold (long: base, short: quote).
        received: What that brings in the liability's currency, fee taken off.
        repaid: Liability and interest repaid out of it.
        deficit: Debt left over, in the liability's currency, taken from the account's equity.
        surplus: What is left in the liability's currency after repayment.
        assets_left: Assets not sold; they go to the balance.
    """

    traded: Decimal
    received: Decimal
    repaid: Decimal
    deficit: Decimal
    surplus: Decimal
    assets_left: Decimal


@exact
def close_size(
    position: Position, *, margin_is_asset: bool, mark_price: Decimal, equity: Decimal, initial_margin: Decimal,
    maintenance_rate: Decimal,
) -> Decimal:  # fmt: skip
    """Most of the assets that may be sold to close.

        margin and asset in the same currency (long on base, short on quote):
            long:   (liability + interest) x (1 + r) / mark        short:  (liability + interest) x (1 + r) x mark
            r = 1 / leverage if equity >= initial margin, else the maintenance rate; never more than the assets
        in different currencies: all of the position's assets, and only those

    Source: docs/spec.md 1 "spot-margin closing"; docs/sources.md 1.3.2.

    >>> long = Position(instrument="BTC-USDT", side=Side.LONG, assets=Decimal(2), liability=Decimal(100),
    ...                 leverage=Decimal(10))
    >>> close_size(long, margin_is_asset=True, mark_price=Decimal(100), equity=Decimal(1),
    ...            initial_margin=Decimal(1), maintenance_rate=Decimal("0.03"))
    Decimal('1.1')
    """
    if not margin_is_asset:
        return position.assets
    rate = quotient(ONE, position.leverage) if equity >= initial_margin else maintenance_rate
    owed = position.debt * (ONE + rate)
    needed = quotient(owed, mark_price) if position.side == Side.LONG else owed * mark_price
    return min(position.assets, needed)


@exact
def repayment(position: Position, *, traded: Decimal, price: Decimal, fee_rate: Decimal) -> Repayment:
    """Sell assets at a price and repay the debt.

        received = long: traded x price x (1 - fee)        short: traded / price x (1 - fee)
        deficit  = max(0, debt - received)

    Source: docs/spec.md 1 "spot-margin closing": a deficit is taken from the account's equity.
    """
    gross = traded * price if position.side == Side.LONG else quotient(traded, price)
    received = gross * (ONE - fee_rate)
    repaid = min(received, position.debt)
    return Repayment(
        traded=traded,
        received=received,
        repaid=repaid,
        deficit=position.debt - repaid,
        surplus=received - repaid,
        assets_left=position.assets - traded,
    )


@exact
def closed_account(account: Account, position: Position, instrument: Instrument, result: Repayment) -> Account:
    """The account after a whole close: surplus and unsold assets to the balance, the deficit out of it.

    In the margin's currency a deficit comes straight from the balance. When the debt is in the other currency it leaves
    a negative balance there, which the account has to cover. Isolated margin returns to the balance.

    Source: docs/spec.md 1 "spot-margin closing".
    """
    debt_in, asset_in = instrument.quote, instrument.base
    if position.side == Side.SHORT:
        debt_in, asset_in = instrument.base, instrument.quote
    moved = {debt_in: result.surplus - result.deficit, asset_in: result.assets_left}
    margin_in = position.margin_currency or instrument.settle
    if position.margin_mode == MarginMode.ISOLATED:
        moved[margin_in] += opening_margin(instrument, position)
    return put(account, position, None, **moved)


def partly_closed(position: Position, result: Repayment, contracts: Decimal) -> Position:
    """The position after a partial close; the closed size stays in the average open price.

    Source: docs/spec.md 1 "spot-margin closing"; vector okx-margin-avgpx-keeps-closed.
    """
    interest = max(ZERO, position.interest - result.repaid)
    principal = result.repaid - (position.interest - interest)
    return msgspec.structs.replace(
        position,
        contracts=max(ZERO, position.contracts - contracts),
        assets=result.assets_left,
        interest=interest,
        liability=position.liability - principal,
    )
