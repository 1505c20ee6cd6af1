"""Where a scenario moves an option: along Black's formula with the forward of its underlying.

Its implied spread, volatility x sqrt(time), is read off the mark and the forward of now and stays, or is multiplied by
a factor. What no spread explains, a mark below what exercise would bring, stays as it is.
"""

import numpy as np

from crossmargin.domain.instrument import Instrument, OptionType
from crossmargin.errors import InputError, MissingDataError
from crossmargin.fleet.arrays import Floats
from crossmargin.models.black76 import implied_spread, option_value

__all__ = ["moved_marks"]


def moved_marks(instrument: Instrument, mark: float, forward: float, factor: Floats, volatility: float) -> Floats:
    """Mark of an option where its forward has moved by each factor.

    Args:
        instrument: The option.
        mark: Now, in its settlement currency.
        forward: Forward price of its underlying now.
        factor: Forward after / forward before.
        volatility: What the implied volatility is multiplied by.

    Raises:
        MissingDataError: the option has no strike.
        InputError: a mark that no volatility explains, since it is too high.
    """
    if instrument.strike is None or instrument.option_type is None:
        raise MissingDataError(f'instruments."{instrument.id}": strike and option_type are needed')
    call, strike = instrument.option_type == OptionType.CALL, float(instrument.strike)
    in_coin = instrument.settle == instrument.base
    price = mark if in_coin else mark / forward
    try:
        spread = implied_spread(strike / forward, price, call=call)
    except InputError as error:
        raise InputError("marks", instrument.id, error.problem) from None
    unexplained = price - option_value(strike / forward, spread, call=call)
    after = forward * factor
    found = np.array([option_value(strike / each, spread * volatility, call=call) for each in after.tolist()])
    found = np.maximum(found + unexplained, 0.0)
    return found if in_coin else found * after
