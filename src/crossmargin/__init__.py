"""crossmargin: an exact, explained cross-margin engine for crypto derivatives.

    from crossmargin import assess, load_rulebook, read_account
    book = read_account("account.toml")
    report = assess(book.account, book.marks, book.rulebook)

Names are loaded when first used, so that importing the package costs next to nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "Account": "crossmargin.domain.account",
    "Assessment": "crossmargin.margin.assess",
    "Instrument": "crossmargin.domain.instrument",
    "Marks": "crossmargin.domain.marks",
    "Order": "crossmargin.domain.account",
    "Position": "crossmargin.domain.account",
    "Rulebook": "crossmargin.rulebook.model",
    "assess": "crossmargin.margin.assess",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'crossmargin' has no attribute {name!r}")
    return getattr(import_module(home), name)
