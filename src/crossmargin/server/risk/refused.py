"""Why a call of the risk API ends without an answer."""

from http import HTTPStatus

__all__ = ["RiskError"]


class RiskError(Exception):
    """One line, the status of HTTP that goes with it, and which methods a path takes where that was wrong."""

    def __init__(self, status: HTTPStatus, message: str, allow: tuple[str, ...] = ()) -> None:
        """Note all three."""
        super().__init__(message)
        self.status, self.message, self.allow = status, message, allow
