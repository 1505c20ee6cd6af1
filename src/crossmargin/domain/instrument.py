"""What is traded: spot, margin pairs, perpetuals, expiry futures and options, linear or inverse."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from crossmargin.domain.arithmetic import ONE

__all__ = ["ContractType", "Instrument", "Kind", "OptionType"]


class Kind(StrEnum):
    """Product of an instrument."""

    SPOT = "spot"
    MARGIN = "margin"
    PERPETUAL = "perpetual"
    FUTURE = "future"
    OPTION = "option"


class ContractType(StrEnum):
    """Linear contracts pay in the quote currency, inverse ones in the base currency."""

    LINEAR = "linear"
    INVERSE = "inverse"


class OptionType(StrEnum):
    """Right to buy (call) or to sell (put)."""

    CALL = "call"
    PUT = "put"


class Instrument(Struct, frozen=True, kw_only=True):
    """One listed instrument and the rates that apply to it.

    Attributes:
        id: The venue's own id, for example ``BTC-USDT-SWAP`` or ``BTCUSDT``.
        kind: Product.
        base: Currency whose price moves, for example ``BTC``.
        quote: Currency the price is written in.
        settle: Currency of margin, profit and fees; for a margin pair, the quote currency unless a position says.
        contract_type: Linear or inverse; spot and margin pairs are linear.
        contract_value: Size of one contract: in base units if linear or option, in quote units if inverse.
        multiplier: Factor on contract_value (1 on most instruments).
        family: Group that shares tiers, for example ``BTC-USDT``.
        unified: The name most libraries use, for example ``BTC/USDT:USDT``.
        expiry: Delivery or expiry time of futures and options.
        option_type: Call or put.
        strike: Strike price, quote currency per unit of base.
        taker_fee: Fee rate of a taker, fraction of notional, positive = charged; None when unknown.
        maker_fee: Fee rate of a maker; negative = rebate.
        tick_size: Price step, None when unknown.
        lot_size: Size step, in contracts, None when unknown.
        min_size: Smallest order, in contracts.
    """

    id: str
    kind: Kind
    base: str
    quote: str
    settle: str
    contract_type: ContractType = ContractType.LINEAR
    contract_value: Decimal = ONE
    multiplier: Decimal = ONE
    family: str = ""
    unified: str = ""
    expiry: datetime | None = None
    option_type: OptionType | None = None
    strike: Decimal | None = None
    taker_fee: Decimal | None = None
    maker_fee: Decimal | None = None
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    min_size: Decimal | None = None

    @property
    def inverse(self) -> bool:
        """Whether profit is paid in the base currency."""
        return self.contract_type == ContractType.INVERSE

    @property
    def unit(self) -> Decimal:
        """Face of one contract: contract_value x multiplier."""
        return self.contract_value * self.multiplier

    @property
    def pair(self) -> str:
        """Name of its index price: ``BTC-USDT``."""
        return f"{self.base}-{self.quote}"

    @property
    def underlying(self) -> str:
        """What moves the price: the base currency."""
        return self.base
