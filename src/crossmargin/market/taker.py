"""The house's taker: small trades against the makers, so that the public tape lives where nobody else trades."""

from decimal import Decimal
from random import Random

from crossmargin.domain import command as c
from crossmargin.domain.account import OrderSide, TimeInForce
from crossmargin.engine.state import State
from crossmargin.market.listing import Line

__all__ = ["Taker"]

SLIPS = 0.003  # how far from the mark it still buys and sells
OPTION_SLIPS = 0.5
SHARE = 0.03  # of the first level that it takes, in the middle
FULL = 10.0  # first levels' worth at which it only reduces
URGE = 0.45  # how much a full inventory changes the odds of a buy


class Taker:
    """Trades one instrument now and then.

    Args:
        line: The instrument and its terms.
        seed: Same seed, same trades.
    """

    def __init__(self, line: Line, seed: str) -> None:
        """Trade at the first opportunity."""
        self.line = line
        self._random = Random(f"{seed}:taker:{line.id}")
        self._next = 0

    def trades(self, view: State, mark: Decimal, time: int) -> list[c.Command]:
        """The order that is due, if one is."""
        if time < self._next:
            return []
        every = float(self.line.terms.trade_every) * 1000
        self._next = time + round(every * self._random.uniform(0.5, 1.5))
        terms, line = self.line.terms, self.line
        usd = float(terms.depth) * SHARE * min(8.0, self._random.lognormvariate(0, 1))
        buys = self._random.random() < 0.5 - URGE * self._inventory(view, mark)
        slips = SLIPS if line.option is None else OPTION_SLIPS
        limit = float(mark) * (1 + slips if buys else 1 - slips)
        return [
            c.PlaceOrder(
                account=line.taker,
                instrument=line.id,
                side=OrderSide.BUY if buys else OrderSide.SELL,
                contracts=line.contracts(usd, mark),
                price=line.on_tick(limit),
                time_in_force=TimeInForce.IOC,
                margin_mode=line.margin_mode,
                time=time,
            )
        ]

    def _inventory(self, view: State, mark: Decimal) -> float:
        held = self.line.held(view, self.line.taker)
        share = self.line.usd(held, mark) / (float(self.line.terms.depth) * FULL)
        return min(1.0, max(-1.0, share))
