"""What is written down when somebody is turned away: which call, which key, and why; never what was secret in it."""

import logging

from crossmargin.domain.numbers import shown

__all__ = ["Denials"]

_LOG = logging.getLogger("crossmargin.server")
_LINES, _SECOND = 10, 1_000


class Denials:
    """Writes a line for each refused login and each action that a key does not allow, at most ten a second."""

    def __init__(self) -> None:
        """Nothing was refused yet."""
        self._since = 0
        self._lines = 0
        self._left_out = 0

    def note(self, code: str, call: str, key: str, now: int) -> None:
        """Write a refusal down, on one line whatever characters are in it.

        Args:
            code: What is answered.
            call: What was asked for.
            key: The name of the key that was shown, which may be anything.
            now: Milliseconds.
        """
        if now - self._since >= _SECOND:
            if self._left_out:
                _LOG.warning("refused: %d more", self._left_out)
            self._since, self._lines, self._left_out = now, 0, 0
        if self._lines >= _LINES:
            self._left_out += 1
            return
        self._lines += 1
        _LOG.warning("refused: %s %s, key %s", code, shown(call), shown(key))
