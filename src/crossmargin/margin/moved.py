"""Prices after a move."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from crossmargin.domain.arithmetic import ONE, ZERO, exact
from crossmargin.domain.instrument import Kind
from crossmargin.domain.marks import Marks
from crossmargin.rulebook.model import Rulebook

__all__ = ["moved"]


@exact
def moved(marks: Marks, rulebook: Rulebook, moves: Mapping[str, Decimal]) -> Marks:
    """Prices after each coin moved by a fraction: its instruments' marks, its indices and its USD price.

    Option marks stay: they do not follow the underlying in proportion.

    Raises:
        ValueError: a move of -1 or below leaves no price.

    Source: docs/spec.md 2 B6 "price".
    """
    for coin, move in moves.items():
        if move <= -ONE:
            raise ValueError(f"a move of {move} leaves no price of {coin}")
    prices = dict(marks.mark)
    for name, price in marks.mark.items():
        instrument = rulebook.instrument(name)
        if instrument.kind != Kind.OPTION:
            prices[name] = price * (ONE + moves.get(instrument.underlying, ZERO))
    index = {pair: price * (ONE + moves.get(pair.partition("-")[0], ZERO)) for pair, price in marks.index.items()}
    fx = {currency: price * (ONE + moves.get(currency, ZERO)) for currency, price in marks.fx.items()}
    return msgspec.structs.replace(marks, mark=prices, index=index, fx=fx)
