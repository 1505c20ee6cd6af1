"""What a venue reported of its positions: unified ccxt JSON, or the venue's own answer."""

from decimal import Decimal
from typing import Any

from crossmargin.domain.arithmetic import ONE, exact, quotient
from crossmargin.domain.documents import parse_json, read_text
from crossmargin.domain.numbers import number
from crossmargin.errors import CrossMarginError, InputError
from crossmargin.margin.reconcile import Reported
from crossmargin.rulebook.model import Rulebook

__all__ = ["read_reported"]

_UNIFIED = {
    # ccxt's name: ours
    "contracts": "contracts",
    "entryPrice": "entry_price",
    "markPrice": "mark_price",
    "notional": "notional",
    "leverage": "leverage",
    "unrealizedPnl": "floating_pnl",
    "initialMargin": "initial_margin",
    "maintenanceMargin": "maintenance_margin",
    "liquidationPrice": "liquidation_price",
}
_NAMES = ("symbol", "instId", "coin", "instrument_name", "market")
_ABSOLUTE = ("contracts", "notional")


def read_reported(path: str, rulebook: Rulebook) -> tuple[Reported, ...]:
    """Read what the venue said.

    Args:
        path: JSON: a list of positions (ccxt's, or the venue's own), or an object that holds one under `positions`,
            `data` or `result.list`.
        rulebook: Its `venue_fields` say what the venue calls our figures.

    Raises:
        InputError: file, field and problem in one line.
    """
    document = parse_json(read_text(path), path)
    rows = _rows(document)
    if rows is None:
        raise InputError(path, "", "no list of positions found: expected one at the top, or under positions or data")
    found = [_reported(row, f"positions[{index}]", path, rulebook) for index, row in enumerate(rows)]
    return tuple(each for each in found if each is not None)


def _rows(document: Any) -> list[Any] | None:  # noqa: ANN401 - any JSON
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for key in ("positions", "data"):
            if isinstance(document.get(key), list):
                return list(document[key])
        result = document.get("result")
        if isinstance(result, dict) and isinstance(result.get("list"), list):
            return list(result["list"])
    return None


@exact
def _reported(row: Any, where: str, path: str, rulebook: Rulebook) -> Reported | None:  # noqa: ANN401 - any JSON
    name = _name(row, where, path, rulebook)
    names = _UNIFIED if "/" in name else _own_names(rulebook)
    figures: dict[str, Decimal] = {}
    for theirs, ours in names.items():
        value = row.get(theirs)
        if value in (None, ""):
            continue
        try:
            amount = number(value)
        except ValueError as error:
            raise InputError(path, f"{where}.{theirs}", str(error)) from None
        inverted = ours.startswith("inverse:") and amount
        figures[ours.rpartition(":")[2]] = quotient(ONE, amount) if inverted else amount
    side = _side(row, figures, where, path)
    for each in _ABSOLUTE:
        if each in figures:
            figures[each] = abs(figures[each])
    return Reported(instrument=name, side=side, figures=figures) if figures.get("contracts", ONE) else None


def _name(row: Any, where: str, path: str, rulebook: Rulebook) -> str:  # noqa: ANN401 - any JSON
    """The instrument that a row speaks of, known to the rulebook."""
    if not isinstance(row, dict):
        raise InputError(path, where, "a position has to be an object")
    name = next((row[key] for key in _NAMES if row.get(key)), None)
    if not isinstance(name, str):
        raise InputError(path, where, f"names no instrument ({', '.join(_NAMES)})")
    try:
        rulebook.instrument(name)
    except CrossMarginError as error:
        raise InputError(path, where, str(error)) from None
    return name


def _own_names(rulebook: Rulebook) -> dict[str, str]:
    """The venue's field names and our figures behind them; its printed liquidation price is the one compared."""
    names = dict(rulebook.venue_fields.get("position", {}))
    return {
        theirs: "liquidation_price" if ours == "venue_liquidation_price" else ours
        for theirs, ours in names.items()
        if ours != "pnl_ratio"
    }


def _side(row: dict[str, Any], figures: dict[str, Decimal], where: str, path: str) -> str:
    for key in ("side", "posSide", "positionSide", "direction"):
        text = str(row.get(key) or "").lower()
        if text in ("long", "short"):
            return text
        if text in ("buy", "sell"):
            return "long" if text == "buy" else "short"
    if figures.get("contracts"):
        return "long" if figures["contracts"] > 0 else "short"
    raise InputError(path, where, "says neither long nor short")
