"""Where prices come from: candle files, named crashes, and the markets of a paper exchange."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossmargin.market.market import Market

__all__ = ["open"]


def open(text: str) -> "Market":
    """Make the market that a text describes, for example ``generated:7``; see docs/markets.md for the forms.

    Raises:
        InputError: one line that says what would be right.
    """
    from crossmargin.market.text import open_market

    return open_market(text)
