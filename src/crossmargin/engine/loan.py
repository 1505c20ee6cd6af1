"""Spot-margin: one side of a fill that is bought, or sold, with borrowed money.

A long borrows the quote currency and holds the coins it buys; a short borrows coins and holds what it sells them for.
What is held lies in ``assets/POSITION``; what is owed stands in the position, and with all others' debts in ``loans``.
The purse is the balance, or an isolated position's margin, in the currency that backs the position:

    closing    assets go to the market, what comes back repays interest first, then the loan
    backed by the currency of its assets    only as much is closed as repays the debt, out of the purse where the assets
                                            do not suffice; the assets that are left go to the balance
    backed by the currency of its debt      all assets are closed, and only those; a debt that is left is paid by the
                                            purse, what is over goes to the balance
"""

from decimal import Decimal

import msgspec

from crossmargin.domain.account import MarginMode, Order, Side
from crossmargin.domain.arithmetic import ONE, ZERO, ceil_to, floor_to, quotient, scaled
from crossmargin.domain.command import PlaceOrder
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.ledger import QUANTUM, Held, PositionKey, Ticket
from crossmargin.engine.settle import Effect, Terms, against, fee_of, moved, value_of
from crossmargin.engine.state import State
from crossmargin.margin.fills import average_entry
from crossmargin.margin.spot_margin import close_size

__all__ = [
    "asset_of",
    "closable",
    "closing_room",
    "closing_size",
    "debt_of",
    "lent",
    "on_loan",
    "repay",
    "trade_on_loan",
]

# Members by a name of their own: looked up on its class, one costs ten times as much.
_MARGIN, _CASH = Kind.MARGIN, MarginMode.CASH


def on_loan(instrument: Instrument, holding: Order | PlaceOrder | PositionKey) -> bool:
    """Whether an order or position is on borrowed money."""
    return instrument.kind == _MARGIN and holding.margin_mode != _CASH


def asset_of(instrument: Instrument, side: Side) -> str:
    """Currency of what a position holds."""
    return instrument.base if side == Side.LONG else instrument.quote


def debt_of(instrument: Instrument, side: Side) -> str:
    """Currency of what a position owes."""
    return instrument.quote if side == Side.LONG else instrument.base


def lent(held: Held) -> Decimal:
    """Loan and interest together."""
    return held.liability + held.interest


def _purse(key: PositionKey) -> str:
    return f"margin/{key.cell}" if key.margin_mode == MarginMode.ISOLATED else f"cash/{key.account}"


def _there(state: State, held: Held, asset: str) -> Decimal:
    """Assets, and the purse where it is in the same currency."""
    assets = state.cell(f"assets/{held.key.cell}", asset)
    return assets + (max(ZERO, state.cell(_purse(held.key), asset)) if held.margin_currency == asset else ZERO)


def closing_size(state: State, held: Held, price: Decimal, rate: Decimal) -> Decimal:
    """Coins whose sale (long) or purchase (short) at a price closes all of a position, or as much as can be paid."""
    instrument = state.instrument(held.key.instrument)
    long, asset = held.key.side == Side.LONG, asset_of(instrument, held.key.side)
    there = _there(state, held, asset)
    coins = there if long else floor_to(quotient(there, price), QUANTUM)
    if held.margin_currency != asset:
        return coins
    owed = ceil_to(quotient(lent(held), ONE - max(ZERO, rate)), QUANTUM)
    return min(coins, ceil_to(quotient(owed, price), QUANTUM) if long else owed)


def closable(state: State, held: Held) -> Decimal:
    """Coins that orders to close may be for, at mark: what `margin.spot_margin.close_size` allows.

    Where assets and margin are of one currency the margin may serve as well.
    """
    instrument, position = state.instrument(held.key.instrument), state.position(held)
    asset, mark = asset_of(instrument, held.key.side), state.marks.mark_of(instrument.id)
    pool = state.assessment(held.key.account).pool_of(position)
    table = state.rulebook.tier_table(instrument, held.key.margin_mode)
    size = held.liability if table.unit == "borrowed" else held.contracts
    most = close_size(
        msgspec.structs.replace(position, assets=_there(state, held, asset)),
        margin_is_asset=held.margin_currency == asset,
        mark_price=mark,
        equity=pool.risk.available,
        initial_margin=pool.risk.initial,
        maintenance_rate=table.tiers[table.index_of(size)].maintenance_rate,
    )
    return ceil_to(most if held.key.side == Side.LONG else quotient(most, mark), QUANTUM)


def closing_room(state: State, ticket: Ticket, price: Decimal, rate: Decimal | None) -> Decimal | None:
    """What a fill at a price may close of an order that only reduces; None where nothing bounds it but its size."""
    order = ticket.order
    if not (order.reduce_only and on_loan(state.instrument(order.instrument), order)):
        return None
    held = state.held(ticket.closes)
    return ZERO if held is None else closing_size(state, held, price, rate or ZERO)


def trade_on_loan(
    state: State, terms: Terms, *, contracts: Decimal, price: Decimal, fill: int, value: Decimal | None = None
) -> Effect:
    """One side of a fill: closes what stands against it, borrows for the rest."""
    value = value_of(terms.instrument, contracts, price) if value is None else value
    held, effect = against(state, terms), Effect()
    closing = ZERO if held is None else min(contracts, closing_size(state, held, price, terms.fee_rate))
    if held is not None and closing:
        part = value if closing == contracts else floor_to(scaled(value, closing, contracts), QUANTUM)
        effect = repay(state, held, contracts=closing, price=price, value=part, rate=terms.fee_rate)
        contracts, value = contracts - closing, value - part
    if contracts:
        effect += _borrow(state, terms, contracts=contracts, value=value, price=price, fill=fill)
    return effect


def _borrow(state: State, terms: Terms, *, contracts: Decimal, value: Decimal, price: Decimal, fill: int) -> Effect:
    """A loan goes to the market, what it buys to the assets, less the fee; isolated margin leaves the balance."""
    instrument, side = terms.instrument, terms.side.opens
    key = PositionKey(terms.account, instrument.id, side, terms.margin_mode)
    old = state.held(key) or Held(
        key=key,
        contracts=ZERO,
        entry_price=price,
        leverage=terms.leverage,
        opened=fill,
        margin_currency=terms.margin_currency or instrument.settle,
    )
    borrowed, bought = (value, contracts) if side == Side.LONG else (contracts, value)
    fee, asset, owed = fee_of(bought, terms.fee_rate), asset_of(instrument, side), debt_of(instrument, side)
    out = moved("loans", "clearing", owed, borrowed, "borrowed")
    out += moved("clearing", f"assets/{key.cell}", asset, bought, "fill")
    out += moved(f"assets/{key.cell}", "fees", asset, fee, "fee")
    if key.margin_mode == MarginMode.ISOLATED:
        backing = contracts if old.margin_currency == instrument.base else value
        margin = ceil_to(quotient(backing, old.leverage), QUANTUM)
        out += moved(f"cash/{key.account}", f"margin/{key.cell}", old.margin_currency, margin, "margin")
    new = msgspec.structs.replace(
        old,
        contracts=old.contracts + contracts,
        entry_price=average_entry(instrument, (old.weight, old.entry_price), (contracts, price)),
        weight=old.weight + contracts,
        liability=old.liability + borrowed,
    )
    return Effect(out, (new,), ZERO, fee, new.margin_currency)


def repay(
    state: State, held: Held, *, contracts: Decimal, price: Decimal, value: Decimal, rate: Decimal = ZERO,
    charge: Decimal = ZERO, charge_to: str = "fees",
) -> Effect:  # fmt: skip
    """Close a part: the market gets the assets, the loan gets what comes back.

    The fee is in what is received; `charge` is what a liquidation costs, in the currency that backs the position.
    """
    key, instrument = held.key, state.instrument(held.key.instrument)
    given, got = (contracts, value) if key.side == Side.LONG else (value, contracts)
    asset, owed = asset_of(instrument, key.side), debt_of(instrument, key.side)
    cell, cash, fee = f"assets/{key.cell}", f"cash/{key.account}", fee_of(got, rate)
    whole = contracts >= closing_size(state, held, price, rate)
    assets = state.cell(cell, asset)
    repaid = min(got - fee, lent(held))
    out = moved(cell, "clearing", asset, min(given, assets), "fill")
    out += moved(_purse(key), "clearing", asset, max(ZERO, given - assets), "fill")
    out += moved("clearing", "fees", owed, fee, "fee")
    out += moved("clearing", "loans", owed, repaid, "repaid")
    out += moved("clearing", cash, owed, got - fee - repaid, "realised")
    left = _repaid(held, contracts, repaid)
    ends = whole if held.margin_currency != asset else not lent(left)
    if not ends:
        out += moved(_purse(key), charge_to, held.margin_currency, charge, "fee")
        return Effect(out, (left,), ZERO, charge or fee, held.margin_currency)
    margin = state.cell(_purse(key), held.margin_currency) - (max(ZERO, given - assets))
    out += moved(cell, cash, asset, max(ZERO, assets - given), "realised")
    out += moved("cash/" + key.account, "loans", owed, lent(left), "repaid")
    short = ZERO
    if key.margin_mode == MarginMode.ISOLATED:
        out += moved(_purse(key), cash, held.margin_currency, margin, "margin")
        short = max(ZERO, lent(left) - margin)
    out += moved(cash, charge_to, held.margin_currency, charge, "fee")
    gone = msgspec.structs.replace(left, contracts=ZERO, liability=ZERO, interest=ZERO)
    return Effect(out, (gone,), short, charge or fee, held.margin_currency)


def _repaid(held: Held, contracts: Decimal, repaid: Decimal) -> Held:
    """Interest first; the closed size stays in the weight of the average price."""
    interest = max(ZERO, held.interest - repaid)
    return msgspec.structs.replace(
        held,
        contracts=max(held.contracts - contracts, QUANTUM),
        interest=interest,
        liability=held.liability - (repaid - (held.interest - interest)),
    )
