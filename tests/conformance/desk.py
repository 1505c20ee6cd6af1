"""The desk: writes an account file, reads it back and assesses it. It counts the files, so that a run can say so."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from crossmargin.domain.account import Position
from crossmargin.domain.arithmetic import quotient
from crossmargin.formats.account_file import Book, read_account
from crossmargin.formats.report import report
from crossmargin.margin import Assessment, assess
from crossmargin.margin.assess import CurrencyFigures, PositionFigures
from crossmargin.margin.changes import Change
from crossmargin.margin.liquidation_price import liquidation_price
from crossmargin.margin.pool import Risk
from crossmargin.margin.position_prices import bankruptcy_price, break_even_price, printed_liquidation_price
from crossmargin.margin.usd import AccountFigures, account_figures
from crossmargin.margin.what_if import WhatIf, what_if

PLACES_MAX = 28


class Desk:
    """Where account files lie during one case."""

    def __init__(self, folder: Path) -> None:
        """Start without a file."""
        self.folder = folder
        self.files = 0

    def read(self, document: dict[str, Any]) -> Book:
        """Write a document as a file and read it as the command line would."""
        self.files += 1
        path = self.folder / f"account-{self.files}.json"
        path.write_text(json.dumps(written(document)), "utf-8")
        return read_account(str(path))

    def assess(self, document: dict[str, Any]) -> "View":
        """Assess the account of a file."""
        book = self.read(document)
        return View(assess(book.account, book.marks, book.rulebook))

    def what_if(self, document: dict[str, Any], *changes: Change) -> WhatIf:
        """Apply changes to the account of a file; none of them may be refused."""
        book = self.read(document)
        outcome = what_if(book.account, book.marks, book.rulebook, changes)
        refusals = [str(step.refusal) for step in outcome.steps if step.refusal is not None]
        assert not refusals, f"refused: {refusals}"
        return outcome


class View:
    """Figures of an assessed account, by the shortest way."""

    def __init__(self, assessment: Assessment) -> None:
        """Keep the assessment."""
        self.assessment = assessment

    @property
    def only(self) -> CurrencyFigures:
        """Figures of the first position's currency, or of the only currency."""
        name = self.assessment.positions[0].margin_currency if self.assessment.positions else ""
        return self.assessment.currencies[name or next(iter(self.assessment.currencies))]

    @property
    def first(self) -> PositionFigures:
        """Figures of the first position."""
        return self.assessment.positions[0]

    @property
    def account(self) -> AccountFigures:
        """Figures of the account."""
        return account_figures(self.assessment)

    @property
    def risk(self) -> Risk:
        """The verdict on the only cross pool."""
        return next(iter(self.assessment.cross.values())).risk

    @property
    def fields(self) -> dict[str, Any]:
        """The report's venue fields of the first position's currency: the venue's names."""
        found: dict[str, Any] = report(self.assessment)["venue_fields"]["currencies"][self.first.margin_currency]
        return found

    def position(self, index: int = 0) -> Position:
        """A position."""
        return self.assessment.account.positions[index]

    def printed(self, index: int = 0) -> Decimal:
        """The venue's own estimate of the liquidation price."""
        return there(printed_liquidation_price(self.assessment, self.position(index)).value)

    def liquidation(self, index: int = 0) -> Decimal:
        """Our exact liquidation price."""
        return there(liquidation_price(self.assessment, self.position(index)).price)

    def distance(self, index: int = 0) -> Decimal:
        """Distance to our liquidation price as a fraction of the mark."""
        return there(liquidation_price(self.assessment, self.position(index)).distance)

    def break_even(self, index: int = 0) -> Decimal:
        """Break-even price."""
        return there(break_even_price(self.assessment, self.position(index)).value)

    def bankruptcy(self, index: int = 0) -> Decimal:
        """Bankruptcy price."""
        return there(bankruptcy_price(self.assessment, self.position(index)).value)


def there(figure: Decimal | None) -> Decimal:
    """A figure that has to exist."""
    assert figure is not None, "the figure does not exist"
    return figure


def written(value: Any) -> Any:  # noqa: ANN401 - any document
    """A document with its numbers as text, at most 28 digits after the point, as a file may hold them."""
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        too_long = isinstance(exponent, int) and -exponent > PLACES_MAX
        return format(value, f".{PLACES_MAX}f" if too_long else "f")
    if isinstance(value, dict):
        return {key: written(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [written(each) for each in value]
    return str(value) if isinstance(value, str) else value


def contract(base: str, quote: str, *, inverse: bool = False, **more: Any) -> dict[str, Any]:
    """An [instruments] table of a perpetual (or of what `kind` says)."""
    return {
        "kind": "perpetual",
        "contract_type": "inverse" if inverse else "linear",
        "base": base,
        "quote": quote,
        "settle": base if inverse else quote,
        **more,
    }


def one_value(*, name: str, value: Decimal, pnl: Decimal, **more: Any) -> dict[str, Any]:
    """A long of one contract of one coin that is worth `value` and shows `pnl`: entry = value - pnl."""
    return {"instrument": name, "side": "long", "contracts": "1", "entry_price": value - pnl, **more}


def other_position(document: dict[str, Any], *, name: str, pnl: Decimal, maintenance: Decimal) -> None:
    """Add a long in another coin that shows a PnL and requires a maintenance margin, both as given.

    Its value is chosen so that its maintenance rate is 1 % (or any, where nothing is required).
    """
    value = maintenance * 100 if maintenance else abs(pnl) * 2
    if not value:
        return
    rate = Decimal("0.01") if maintenance else Decimal(0)
    if value <= pnl:
        value = pnl * 2
        rate = quotient(maintenance, value)
    document["positions"].append(one_value(name=name, value=value, pnl=pnl, leverage="1"))
    document["marks"][name] = value
    document["instruments"][name] = contract("OTHER", "USDT", taker_fee="0", tiers=[{"maintenance_rate": rate}])
