"""Answers: the envelope, refusals with the venue's codes, and numbers as plain decimal text."""

from decimal import Decimal
from typing import Any

import msgspec

from crossmargin.domain.arithmetic import plain
from crossmargin.domain.refusal import Refusal, RejectReason

__all__ = ["CODES", "OkxError", "Row", "code_of", "failed", "message_of", "ok", "text"]

Row = dict[str, Any]

_ENCODE = msgspec.json.Encoder().encode

CODES: dict[RejectReason, str] = {
    RejectReason.UNKNOWN_ACCOUNT: "50119",
    RejectReason.UNKNOWN_INSTRUMENT: "51001",
    RejectReason.DUPLICATE_ID: "51016",
    RejectReason.UNKNOWN_ORDER: "51603",
    RejectReason.TRADING_STOPPED: "51030",
    RejectReason.PRICE_NOT_HEALTHY: "50026",
    RejectReason.ORDER_INCOMPLETE: "51000",
    RejectReason.UNKNOWN_POSITION: "51023",
    RejectReason.SIZE_OFF_LOT: "51121",
    RejectReason.SIZE_BELOW_MINIMUM: "51020",
    RejectReason.PRICE_OFF_TICK: "51000",
    RejectReason.PRICE_OUTSIDE_BAND: "51006",
    RejectReason.REDUCE_ONLY_WOULD_OPEN: "51169",
    RejectReason.MODE_NOT_OFFERED: "51010",
    RejectReason.MODE_IN_USE: "59000",
    RejectReason.LEVERAGE_IN_USE: "59101",
    RejectReason.LEVERAGE_ABOVE_TIER: "59102",
    RejectReason.POSITION_CAP: "51004",
    RejectReason.OPEN_INTEREST_CAP: "54000",
    RejectReason.WOULD_TAKE: "51000",
    RejectReason.NOT_FILLABLE: "51000",
    RejectReason.MARGIN_NOT_REMOVABLE: "59301",
    RejectReason.INSUFFICIENT_BALANCE: "51008",
    RejectReason.INSUFFICIENT_MARGIN: "51008",
    RejectReason.WOULD_BE_LIQUIDATED: "51008",
}
"""The venue's code of each refusal, where the call itself has no code of its own for it."""


class OkxError(Exception):
    """A call that ends with a code of the venue.

    Attributes:
        code: For example ``51000``; the number 404 for a path that does not exist.
        message: One line.
        status: Of HTTP.
    """

    def __init__(self, code: str | int, message: str, status: int = 200) -> None:
        """Note code, message and status."""
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def ok(data: list[Row]) -> bytes:
    """A call that went well."""
    return _ENCODE({"code": "0", "msg": "", "data": data})


def failed(error: OkxError) -> bytes:
    """A call that was refused as a whole; an authentication error carries no data."""
    body: Row = {"msg": error.message, "code": error.code}
    return _ENCODE(body if error.status != 200 else {"code": error.code, "msg": error.message, "data": []})  # noqa: PLR2004


def code_of(refusal: Refusal) -> str:
    """The venue's code of a refusal: the rulebook's, else the one of the table."""
    return refusal.code or CODES[refusal.reason]


def message_of(refusal: Refusal) -> str:
    """A refusal in words, with its figures."""
    words = str(refusal).partition(" [")[0]
    return f"{words[0].upper()}{words[1:]}"


def text(value: Decimal | int | str | None) -> str:
    """A value as the venue prints it: plain digits, empty where there is none."""
    if value is None:
        return ""
    return plain(value) if isinstance(value, Decimal) else str(value)
