"""crossmargin: an exact, explained cross-margin engine for crypto derivatives.

    from crossmargin import assess, load_rulebook, read_account
    book = read_account("account.toml")
    report = assess(book.account, book.marks, book.rulebook)

Names are loaded when first used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossmargin.domain.account import Account, Order, Position
    from crossmargin.domain.instrument import Instrument
    from crossmargin.domain.marks import Marks
    from crossmargin.formats.changes_file import read_changes
    from crossmargin.formats.read import read_book as read_account
    from crossmargin.formats.report import report
    from crossmargin.margin.assess import Assessment, assess
    from crossmargin.margin.explain import explain
    from crossmargin.margin.liquidation_price import liquidation_prices
    from crossmargin.margin.what_if import what_if
    from crossmargin.rulebook.load import load as load_rulebook
    from crossmargin.rulebook.model import Rulebook

__version__ = "0.1.0"

_HOMES = {
    "Account": ("crossmargin.domain.account", "Account"),
    "Assessment": ("crossmargin.margin.assess", "Assessment"),
    "Instrument": ("crossmargin.domain.instrument", "Instrument"),
    "Marks": ("crossmargin.domain.marks", "Marks"),
    "Order": ("crossmargin.domain.account", "Order"),
    "Position": ("crossmargin.domain.account", "Position"),
    "Rulebook": ("crossmargin.rulebook.model", "Rulebook"),
    "assess": ("crossmargin.margin.assess", "assess"),
    "explain": ("crossmargin.margin.explain", "explain"),
    "liquidation_prices": ("crossmargin.margin.liquidation_price", "liquidation_prices"),
    "load_rulebook": ("crossmargin.rulebook.load", "load"),
    "read_account": ("crossmargin.formats.read", "read_book"),
    "read_changes": ("crossmargin.formats.changes_file", "read_changes"),
    "report": ("crossmargin.formats.report", "report"),
    "what_if": ("crossmargin.margin.what_if", "what_if"),
}
__all__ = [
    "Account",
    "Assessment",
    "Instrument",
    "Marks",
    "Order",
    "Position",
    "Rulebook",
    "__version__",
    "assess",
    "explain",
    "liquidation_prices",
    "load_rulebook",
    "read_account",
    "read_changes",
    "report",
    "what_if",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'crossmargin' has no attribute {name!r}")
    module, attribute = home
    return getattr(import_module(module), attribute)
