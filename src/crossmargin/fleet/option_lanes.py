"""Options as entries of the kernels: what an option is worth, and what a short one needs.

An option's mark is a price of its own; the kernels take it as given. An option that settles in its coin has, of face
f = contracts x unit, mark m (in coin) and the factor k of its tier,

    worth         +-f m                                         counted where collateral is shared, else not
    requirement   f m + (c k f) max(1, m) + f fee               short; max(1, m) of a put, 1 of a call
    initial       f m + (k f) max(a, b - out of the money / F)  short; F the forward price

Each term is linear in one price: an entry in a lane of its own, of which WORTH and what is needed apart from it tell
the kernels by a weight what it adds to the worth. Long options need nothing.
"""

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from crossmargin.domain.account import MarginMode
from crossmargin.domain.arithmetic import EXACT, ONE
from crossmargin.domain.instrument import Instrument, Kind, OptionType
from crossmargin.errors import MissingDataError
from crossmargin.fleet.arrays import Bools, Floats, Ints
from crossmargin.fleet.columns import Columns
from crossmargin.fleet.coverage import check_position
from crossmargin.fleet.tables import BASE, FEE, INITIAL, MARK
from crossmargin.margin.legs import closing_fee_rate
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.rules import OptionRates

__all__ = ["Terms", "option_price", "options_in", "terms_of"]


class Terms(NamedTuple):
    """Entries of short options beside their worth: position, mode of the lane, quantity, share in initial margin."""

    position: Ints
    mode: Ints
    quantity: Floats
    rate: Floats


def terms_of(columns: Columns, rulebook: Rulebook, options: Ints) -> Terms:
    """What the short ones among some option positions need."""
    short = options[columns.side[options] < 0]
    found: list[tuple[int, int, float, float]] = []
    for index in short.tolist():
        instrument = rulebook.instrument(columns.instruments[columns.instrument[index]])
        contracts = columns.contracts.decimal(index)
        face = EXACT.multiply(contracts, instrument.unit)
        rates, factor = rulebook.rules.option, _factor(instrument, contracts, rulebook)
        assert rates is not None
        scaled = EXACT.multiply(face, factor)
        fee = EXACT.multiply(face, closing_fee_rate(instrument, rulebook))
        base = EXACT.multiply(scaled, rates.maintenance[instrument.base])
        found += [
            (index, MARK, float(face), 1.0),
            (index, BASE, float(base), 0.0),
            (index, FEE, float(fee), 0.0),
            (index, INITIAL, float(scaled), 1.0),
        ]
    table = np.array(found, np.float64).reshape(len(found), 4)
    return Terms(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2], table[:, 3])


def _factor(instrument: Instrument, contracts: Decimal, rulebook: Rulebook) -> Decimal:
    """The factor of the tier of a short size; 1 where no tiers are given, as `margin.options`."""
    for family in (instrument.id, instrument.family):
        table = rulebook.tiers.get((instrument.kind, family, MarginMode.CROSS))
        if table is not None:
            return table.tiers[table.index_of(contracts)].factor
    return ONE


def option_price(instrument: Instrument, mode: int, value: float, rates: OptionRates | None) -> float:
    """Price of an option's lane; `value` is the option's mark, or the forward price of its lane of initial margin."""
    if mode == FEE:
        return 1.0
    if mode == BASE:
        return max(1.0, value) if instrument.option_type == OptionType.PUT else 1.0
    if mode != INITIAL:
        return value
    if instrument.strike is None or rates is None:
        raise MissingDataError(f'instruments."{instrument.id}": strike and option_type are needed')
    distance = float(instrument.strike) - value
    out_of_the_money = max(0.0, -distance if instrument.option_type == OptionType.PUT else distance)
    return max(float(rates.initial_floor), float(rates.initial_start) - out_of_the_money / value)


def options_in(columns: Columns, rulebook: Rulebook, beyond: Bools) -> Ints:
    """Positions that are options of accounts which the kernels judge.

    Raises:
        UnsupportedError: an option that they don't know; names account and position.
        MissingDataError: a short option whose strike or type was not given.
    """
    kinds = np.array([rulebook.instrument(name).kind == Kind.OPTION for name in columns.instruments] or [False])
    found = np.flatnonzero(kinds[columns.instrument] & ~beyond)
    kind = (columns.instrument[found] * 2 + columns.isolated[found]) * 2 + (columns.side[found] > 0)
    for each in found[np.unique(kind, return_index=True)[1]].tolist():
        account = int(np.searchsorted(columns.start, each, side="right")) - 1
        check_position(columns.position(each), rulebook, str(columns.ids[account]))
    return found
