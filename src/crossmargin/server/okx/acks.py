"""Acknowledgements: a row for each order of a call, and the code of the whole that follows from them."""

from msgspec import Struct

from crossmargin.domain.event import Refused
from crossmargin.engine.engine import Outcome
from crossmargin.errors import CrossMarginError, JournalError
from crossmargin.server.okx.answers import OkxError, Row, code_of, message_of

__all__ = ["Acks", "Failure", "failure_of", "problem"]

_ALL_FAILED, _SOME_FAILED = "1", "2"


class Failure(Struct, frozen=True):
    """Why one order of a call failed."""

    code: str
    message: str


class Acks(Struct, frozen=True):
    """Rows with a code each; the call's own code is 0, 1 (all failed) or 2 (some failed).

    Attributes:
        rows: One for each order, in the order given.
    """

    rows: list[Row]

    @property
    def code(self) -> str:
        """Code of the whole."""
        failed = sum(1 for row in self.rows if row["sCode"] != "0")
        if not failed:
            return "0"
        return _ALL_FAILED if failed == len(self.rows) else _SOME_FAILED

    @property
    def message(self) -> str:
        """What REST says of the whole; a WebSocket answer leaves it out."""
        return {"0": "", _ALL_FAILED: "All operations failed"}.get(self.code, "Bulk operation partially succeeded.")


def problem(error: CrossMarginError | OkxError) -> Failure:
    """A failure before anything was decided."""
    if isinstance(error, OkxError):
        return Failure(str(error.code), error.message)
    if isinstance(error, JournalError):
        raise error
    return Failure("51000", str(error))


def failure_of(outcome: Outcome, codes: dict[str, str]) -> Failure | None:
    """What a refusal of the engine means in this call; None where there was none."""
    refused: Refused | None = outcome.refused
    if refused is None:
        return None
    refusal = refused.refusal
    return Failure(codes.get(refusal.reason.value) or code_of(refusal), message_of(refusal))
