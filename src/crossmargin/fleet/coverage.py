"""Which rulebooks the kernels cover: each rule that moves a ratio has to be one that they know."""

import msgspec

from crossmargin.domain.account import MarginMode, Position, Side
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.errors import MissingDataError, UnsupportedError
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.rules import Rules

__all__ = ["check_covered", "check_position"]

# Rules about orders, transfers and displayed prices: they don't touch the ratio of an account without live orders, and
# an account with live orders is assessed exactly.
_APART = {
    *("account_modes", "margin_modes", "position_modes", "tier_unit", "tier_bound", "tier_group", "trigger"),
    *("isolated_tier_group", "tier_includes_orders", "order_price", "order_fee", "order_maintenance", "open_loss"),
    *("ratio_deducts_holds", "available_balance", "admission", "margin_mode_switch", "warn_at", "orders_hold"),
    *("cancels_orders_first", "default_leverage", "isolated_removal", "withdrawal", "venue_liquidation"),
    *("break_even", "break_even_fee_floor", "option", "unservable_orders", "told_first"),
}
_KNOWN = {
    "pool_scope": {"currency", "account"},
    "collateral_pnl": {"discounted", "in_full"},
    "borrowing": {"free", "margined"},
    "position_value_at": {"mark"},
    "tier_scheme": {"whole", "marginal"},
    "closing_fee": {"none", "taker_at_mark"},
}


def check_covered(rulebook: Rulebook) -> None:
    """Refuse a rulebook with a rule that the kernels don't have.

    Raises:
        UnsupportedError: names the rule.
    """
    for field in msgspec.structs.fields(Rules):
        if field.name in _APART:
            continue
        value = getattr(rulebook.rules, field.name)
        known = _KNOWN.get(field.name, {field.default})
        if value not in known:
            raise UnsupportedError(f'{rulebook.venue}: {field.name} "{value}" is not covered by the fleet kernels')
    if (rulebook.rules.collateral_pnl, rulebook.rules.borrowing) == ("in_full", "margined"):
        raise UnsupportedError(f'{rulebook.venue}: borrowing "margined" with PnL in full is not covered by the fleet')
    if rulebook.rules.warn_at < 1:
        raise UnsupportedError(f"{rulebook.venue}: warn_at {rulebook.rules.warn_at} lies below the trigger")


def check_position(position: Position, rulebook: Rulebook, account: str) -> None:
    """Refuse a position that the kernels don't have.

    Raises:
        UnsupportedError: names account and position.
        MissingDataError: a short option whose strike or type was not given.
    """
    instrument = rulebook.instrument(position.instrument)
    if not _is_known(position, instrument, rulebook):
        raise UnsupportedError(f'account "{account}": {position.id} is not covered by the fleet: assess it by itself')
    short_option = instrument.kind == Kind.OPTION and position.side == Side.SHORT
    if short_option and (instrument.strike is None or instrument.option_type is None):
        raise MissingDataError(f'instruments."{instrument.id}": strike and option_type are needed')


def _is_known(position: Position, instrument: Instrument, rulebook: Rulebook) -> bool:
    """Whether the kernels know what a position needs: all but some options."""
    if instrument.kind != Kind.OPTION:
        return True
    if position.margin_mode == MarginMode.ISOLATED:
        return False
    if position.side == Side.LONG:
        return True
    rates = rulebook.rules.option
    if rates is None or instrument.base not in rates.maintenance or instrument.settle != instrument.base:
        return False
    plain = rates.maintenance_of == "underlying" and rates.premium == "mark"
    return plain and not rates.underlying_fee and not rates.initial_covers_maintenance
