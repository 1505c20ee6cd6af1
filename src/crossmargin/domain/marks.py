"""Prices at one moment: the market's side of an assessment, apart from the account."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.errors import MissingDataError

__all__ = ["Marks"]


class Marks(Struct, frozen=True, kw_only=True):
    """Prices by instrument id, indices by pair, and what else the market says.

    Attributes:
        mark: Price used for risk, by instrument id.
        index: Index price by pair, for example ``BTC-USD``.
        fx: Price of one unit of a currency in USD.
        last: Last traded price, by instrument id.
        forward: Forward price of an option's underlying, by option id or by underlying.
        funding_rate: Rate of the next funding, by instrument id.
        open_interest: Open interest in notional, settlement currency, by instrument id.
        volatility: Volatility a year as a fraction, by underlying.
        betas: Sensitivity to the common factor, by underlying.
    """

    mark: dict[str, Decimal] = {}
    index: dict[str, Decimal] = {}
    fx: dict[str, Decimal] = {}
    last: dict[str, Decimal] = {}
    forward: dict[str, Decimal] = {}
    funding_rate: dict[str, Decimal] = {}
    open_interest: dict[str, Decimal] = {}
    volatility: dict[str, Decimal] = {}
    betas: dict[str, Decimal] = {}

    def mark_of(self, instrument_id: str) -> Decimal:
        """Mark price of an instrument.

        Raises:
            MissingDataError: there is none; a missing price is never zero.
        """
        price = self.mark.get(instrument_id)
        if price is None:
            raise MissingDataError(f'marks."{instrument_id}": no mark price given: add it under [marks]')
        return price

    def last_of(self, instrument_id: str) -> Decimal:
        """Last traded price of an instrument.

        Raises:
            MissingDataError: there is none.
        """
        price = self.last.get(instrument_id)
        if price is None:
            raise MissingDataError(
                f'last."{instrument_id}": this rule values sell orders by the last price: add it under [last]'
            )
        return price
