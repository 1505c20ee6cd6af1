"""Names on the wire: numbers of the engine and of the history as the venue's long ids, and words as its words."""

from crossmargin.domain.account import Side
from crossmargin.domain.instrument import Instrument, Kind

__all__ = [
    "algo_id", "algo_number", "bill_id", "funding_account", "inst_type", "number_in", "order_id", "order_number",
    "position_id", "position_side", "trade_id",
]  # fmt: skip

_ORDER = 10**18
_ALGO = 2 * 10**18
_BILL = 3 * 10**18
_POSITION = 4 * 10**18
_ID_DIGITS = 19
_BIGGEST = 10**18
_FUNDING = ".funding"
_TYPES = {
    Kind.SPOT: "SPOT",
    Kind.MARGIN: "SPOT",
    Kind.PERPETUAL: "SWAP",
    Kind.FUTURE: "FUTURES",
    Kind.OPTION: "OPTION",
}


def order_id(number: int) -> str:
    """``ordId`` of an order."""
    return str(_ORDER + number)


def algo_id(number: int) -> str:
    """``algoId`` of a waiting order."""
    return str(_ALGO + number)


def bill_id(number: int) -> str:
    """``billId`` of a bill."""
    return str(_BILL + number)


def position_id(number: int) -> str:
    """``posId`` of a position."""
    return str(_POSITION + number)


def trade_id(number: int) -> str:
    """``tradeId`` of a trade."""
    return str(number)


def number_in(text: str) -> int:
    """The number in an id on the wire; -1 where it is none.

    >>> number_in("1000000000000000012"), number_in("x"), number_in("12")
    (12, -1, 12)
    """
    if not (text.isascii() and text.isdigit()) or len(text) > _ID_DIGITS:
        return -1
    return int(text) % _BIGGEST


def order_number(text: str) -> int:
    """The number of the order that an ``ordId`` names; -1 where it can name none."""
    number = number_in(text)
    return number if number >= 0 and text == order_id(number) else -1


def algo_number(text: str) -> int:
    """The number of the waiting order that an ``algoId`` names; -1 where it can name none."""
    number = number_in(text)
    return number if number >= 0 and text == algo_id(number) else -1


def funding_account(account: str) -> str:
    """The engine's account that is the funding wallet of an account."""
    return account + _FUNDING


def inst_type(instrument: Instrument) -> str:
    """``instType``: SPOT, SWAP, FUTURES or OPTION."""
    return _TYPES[instrument.kind]


def position_side(side: Side, *, hedged: bool) -> str:
    """``posSide``: net in one-way mode."""
    return side.value if hedged else "net"
