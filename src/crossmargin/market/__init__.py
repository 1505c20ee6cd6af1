"""Where prices come from: candle files, named crashes, and the markets of a paper exchange."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossmargin.market.market import Market

__all__ = ["open"]


def open(text: str, speed: float = 1) -> "Market":
    """Make the market that a text describes, for example ``generated:7``; docs/markets.md has all forms.

    Args:
        text: What ``--market`` says.
        speed: How many times faster than they were recorded prices are played.

    Raises:
        InputError, MissingDataError: one line that says what would be right.
    """
    from crossmargin.market.text import open_market

    return open_market(text, speed)
