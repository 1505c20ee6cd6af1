"""Budgets: how many calls a key may make in two seconds. Cancels have their own, so that a way out stays."""

from collections import deque

from crossmargin.server.okx.answers import OkxError

__all__ = ["Budgets"]

_WINDOW_MS = 2_000
_TOO_MANY = 429
_CALLERS_MAX = 10_000


class Budgets:
    """Counts the calls of the last two seconds, by caller and by kind of call.

    Args:
        calls: How many of each kind; 0 counts nothing.
    """

    def __init__(self, calls: int) -> None:
        """Start with full budgets."""
        self.calls = calls
        self._made: dict[tuple[str, str], deque[int]] = {}

    def spend(self, caller: str, kind: str, now: int, count: int = 1) -> None:
        """Take from a budget.

        Args:
            caller: A key, or the address of whoever shows none.
            kind: ``read``, ``order`` or ``cancel``.
            now: Milliseconds.
            count: Orders of a batch count one by one.

        Raises:
            OkxError: the budget is used up (50011, HTTP 429).
        """
        if not self.calls:
            return
        made = self._made.get((caller, kind))
        if made is None:
            if len(self._made) >= _CALLERS_MAX:
                self._forget(now)
            made = self._made[caller, kind] = deque()
        while made and made[0] <= now - _WINDOW_MS:
            made.popleft()
        if len(made) + count > self.calls:
            raise OkxError("50011", "Too Many Requests", _TOO_MANY)
        made.extend([now] * count)

    def _forget(self, now: int) -> None:
        """Drop callers who have been quiet."""
        self._made = {who: made for who, made in self._made.items() if made and made[-1] > now - _WINDOW_MS}
