"""What one side of a fill does to its money and its position, as transfers and positions that an event carries.

A fill posts its value between the position's cell and ``clearing``; the other side posts the mirror, so that clearing
is empty after each event. Closing moves the profit from the position's cell to the purse: cash, or the margin of an
isolated position that is being liquidated (venues release none of it before the end).
"""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.account import MarginMode, OrderSide, PositionMode, Side
from crossmargin.domain.arithmetic import ZERO, ceil_to, floor_to, quotient, scaled
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.ledger import QUANTUM, Held, PositionKey, Transfer
from crossmargin.engine.state import State
from crossmargin.margin.fills import average_entry
from crossmargin.margin.valuation import value_at

__all__ = [
    "Effect",
    "Terms",
    "against",
    "charged",
    "close",
    "fee_of",
    "moved",
    "receives",
    "trade",
    "value_of",
    "worth_at",
]

# Members by a name of their own: looked up on its class, one costs ten times as much.
_BUY = OrderSide.BUY
_LONG = Side.LONG
_SHORT = Side.SHORT
_ISOLATED = MarginMode.ISOLATED
_CASH = MarginMode.CASH
_HEDGE = PositionMode.HEDGE
_OPTION = Kind.OPTION


class Effect(Struct, frozen=True, gc=False):
    """What one side of a fill brings: transfers, positions, and what an isolated margin could not pay.

    The currency is that of the margin, where it is another than the instrument settles in.
    """

    transfers: tuple[Transfer, ...] = ()
    positions: tuple[Held, ...] = ()
    uncovered: Decimal = ZERO
    fee: Decimal = ZERO
    currency: str = ""

    def __add__(self, other: "Effect") -> "Effect":
        """Both, in order."""
        return Effect(
            self.transfers + other.transfers,
            self.positions + other.positions,
            self.uncovered + other.uncovered,
            self.fee + other.fee,
            self.currency or other.currency,
        )


class Terms(Struct, frozen=True, gc=False, kw_only=True):
    """Under which terms a side trades."""

    account: str
    instrument: Instrument
    side: OrderSide
    margin_mode: MarginMode = MarginMode.CROSS
    position_side: Side | None = None
    leverage: Decimal
    fee_rate: Decimal = ZERO
    margin_currency: str = ""


def receives(instrument: Instrument, side: Side) -> bool:
    """Whether closing a side brings money in: a linear long sells for money, an inverse long buys its coins back."""
    return (side == _LONG) is not instrument.inverse


def value_of(instrument: Instrument, contracts: Decimal, price: Decimal) -> Decimal:
    """Value of a fill in the quantum of the settlement currency; both sides post the same amount."""
    return floor_to(worth_at(instrument, contracts, price), QUANTUM)


def worth_at(instrument: Instrument, contracts: Decimal, price: Decimal) -> Decimal:
    """What a size comes to at a price: of an option the premium, of anything else its value."""
    if instrument.kind == _OPTION:
        return contracts * instrument.unit * price
    return value_at(instrument, contracts, price)


def fee_of(value: Decimal, rate: Decimal) -> Decimal:
    """Fee of a fill: charges round up, rebates towards nothing."""
    return ceil_to(value * rate, QUANTUM) if rate else ZERO


def charged(instrument: Instrument, contracts: Decimal, value: Decimal) -> Decimal:
    """What a fee is a part of: the value of the fill, of an option its face."""
    return contracts * instrument.unit if instrument.kind == _OPTION else value


def moved(debit: str, credit: str, currency: str, amount: Decimal, reason: str) -> tuple[Transfer, ...]:
    """A transfer, turned round where the amount is negative, none where it is zero."""
    if amount > 0:
        return (Transfer(debit, credit, currency, amount, reason),)
    return (Transfer(credit, debit, currency, -amount, reason),) if amount else ()


def trade(
    state: State, terms: Terms, *, contracts: Decimal, price: Decimal, fill: int, value: Decimal | None = None
) -> Effect:
    """One side of a fill: closes what stands against it, opens with the rest.

    Args:
        state: Read only.
        terms: Whose side, and how.
        contracts: Size of the fill.
        price: Price of the fill.
        fill: Number of the fill, kept by a position that it opens.
        value: Value that both sides post, where it was fixed otherwise than by the price.
    """
    value = value_of(terms.instrument, contracts, price) if value is None else value
    if terms.margin_mode == _CASH:
        return _exchange(terms, contracts, value)
    held = against(state, terms)
    closing = min(contracts, held.contracts) if held is not None else ZERO
    effect = None
    if held is not None and closing:
        part = value if closing == contracts else floor_to(scaled(value, closing, contracts), QUANTUM)
        fee = fee_of(charged(terms.instrument, closing, part), terms.fee_rate)
        effect = close(state, held, contracts=closing, value=part, fee=fee)
        contracts, value = contracts - closing, value - part
    if effect is not None and not contracts:
        return effect
    opened = _open(state, terms, contracts=contracts, value=value, price=price, fill=fill)
    return opened if effect is None else effect + opened


def _exchange(terms: Terms, coins: Decimal, value: Decimal) -> Effect:
    """Spot: coins against their value; the fee is in whatever a side receives."""
    instrument, cash = terms.instrument, f"cash/{terms.account}"
    buys = terms.side == _BUY
    fee = fee_of(coins if buys else value, terms.fee_rate)
    out = moved(cash, "clearing", instrument.base, -coins if buys else coins, "fill")
    out += moved(cash, "clearing", instrument.quote, value if buys else -value, "fill")
    out += moved(cash, "fees", instrument.base if buys else instrument.quote, fee, "fee")
    return Effect(out, (), ZERO, fee)


def close(
    state: State,
    held: Held,
    *,
    contracts: Decimal,
    value: Decimal,
    fee: Decimal = ZERO,
    fee_to: str = "fees",
    forced: bool = False,
) -> Effect:
    """Close a part of a position at a value.

        profit  = what the position's cell holds after the fill, less the share that stays
        purse   = cash; when forced on an isolated position, its margin

    An isolated position pays with its margin and no more: what is missing is `uncovered`, and then no fee is taken.
    An option has no cell: its premium went through the purse when it was opened, and does so again.
    """
    key, instrument = held.key, state.instrument(held.key.instrument)
    if instrument.kind == _OPTION:
        return _close_option(held, instrument, contracts=contracts, value=value, fee=fee, fee_to=fee_to)
    currency, cell = instrument.settle, f"position/{key.cell}"
    gets = receives(instrument, key.side)
    out = _flow(key, currency, value, pays=not gets)
    balance = state.cell(cell, currency)
    left = held.contracts - contracts
    stays = floor_to(scaled(balance, left, held.contracts), QUANTUM) if left else ZERO
    profit = balance + (value if gets else -value) - stays
    if key.margin_mode == _ISOLATED:
        return _close_isolated(state, held, out, left=left, profit=profit, fee=fee, fee_to=fee_to, forced=forced)
    purse = f"cash/{key.account}"
    out += moved(cell, purse, currency, profit, "realised")
    out += moved(purse, fee_to, currency, fee, "fee")
    return Effect(out, (_resized(held, left),), ZERO, fee)


def _close_option(
    held: Held, instrument: Instrument, *, contracts: Decimal, value: Decimal, fee: Decimal, fee_to: str
) -> Effect:
    cash, currency = f"cash/{held.key.account}", instrument.settle
    out = moved("clearing", cash, currency, value if held.key.side == _LONG else -value, "premium")
    out += moved(cash, fee_to, currency, fee, "fee")
    return Effect(out, (_resized(held, held.contracts - contracts),), ZERO, fee)


def _close_isolated(
    state: State,
    held: Held,
    out: tuple[Transfer, ...],
    *,
    left: Decimal,
    profit: Decimal,
    fee: Decimal,
    fee_to: str,
    forced: bool,
) -> Effect:
    """Release margin in proportion (all of it at the end), draw on the rest for a loss, never on the balance."""
    key, currency = held.key, state.instrument(held.key.instrument).settle
    margin_cell, cash = f"margin/{key.cell}", f"cash/{key.account}"
    margin = state.cell(margin_cell, currency)
    stays = floor_to(scaled(margin, left, held.contracts), QUANTUM) if left else ZERO
    if forced and left:
        stays = margin
    fee = max(ZERO, min(fee, margin + profit)) if fee > 0 else fee
    released = margin - stays
    short = max(ZERO, -(released + profit - fee))
    drawn = min(stays, short)
    uncovered = short - drawn
    out += moved(f"position/{key.cell}", cash, currency, profit, "realised")
    out += moved(margin_cell, cash, currency, released + drawn, "margin")
    out += moved(cash, fee_to, currency, fee, "fee")
    if forced and left:  # what a step leaves over goes back to the margin, not to the balance
        out += moved(cash, margin_cell, currency, max(ZERO, drawn + profit - fee), "margin")
    return Effect(out, (_resized(held, left),), uncovered, fee)


def _open(state: State, terms: Terms, *, contracts: Decimal, value: Decimal, price: Decimal, fill: int) -> Effect:
    """Open or enlarge; an isolated position takes value / leverage out of the balance."""
    instrument, currency = terms.instrument, terms.instrument.settle
    key = PositionKey(terms.account, instrument.id, terms.side.opens, terms.margin_mode)
    old = state.held(key)
    leverage = terms.leverage if old is None else old.leverage
    entry = price
    if old is not None:
        entry = average_entry(instrument, (old.contracts, old.entry_price), (contracts, price))
    new = Held(
        key=key,
        contracts=contracts + (old.contracts if old is not None else ZERO),
        entry_price=entry,
        leverage=leverage,
        opened=fill if old is None else old.opened,
    )
    fee, cash = fee_of(charged(instrument, contracts, value), terms.fee_rate), f"cash/{terms.account}"
    if instrument.kind == _OPTION:
        out = moved(cash, "clearing", currency, value if key.side == _LONG else -value, "premium")
    else:
        out = _flow(key, currency, value, pays=receives(instrument, key.side))
    if terms.margin_mode == _ISOLATED:
        out += moved(cash, f"margin/{key.cell}", currency, ceil_to(quotient(value, leverage), QUANTUM), "margin")
    out += moved(cash, "fees", currency, fee, "fee")
    return Effect(out, (new,), ZERO, fee)


def _flow(key: PositionKey, currency: str, value: Decimal, *, pays: bool) -> tuple[Transfer, ...]:
    cell = f"position/{key.cell}"
    return moved(cell, "clearing", currency, value if pays else -value, "fill")


def _resized(held: Held, contracts: Decimal) -> Held:
    return Held(
        key=held.key,
        contracts=contracts,
        entry_price=held.entry_price,
        leverage=held.leverage,
        opened=held.opened,
    )


def against(state: State, terms: Terms) -> Held | None:
    """The position that a side of a fill closes first, if any."""
    closes = _SHORT if terms.side == _BUY else _LONG
    hedged = state.owners[terms.account].position_mode == _HEDGE
    if hedged and terms.position_side is not closes:
        return None
    return state.held(PositionKey(terms.account, terms.instrument.id, closes, terms.margin_mode))
