"""The cash in a saved `fetch_balance`: realised, and without the margin of isolated positions.

ccxt's ``total`` is neither: it is equity (OKX ``eq``) or margin balance (Binance ``marginBalance``), with
unrealised gains and isolated margin in it. So the venue's own cash is taken where ``info`` has it, and only
otherwise worked out from the total.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from crossmargin.domain.arithmetic import ZERO, plain
from crossmargin.domain.documents import key_path
from crossmargin.domain.numbers import number
from crossmargin.errors import InputError
from crossmargin.formats.ccxt_shape import text_in

__all__ = ["Cash", "account_mode_in", "cash_in"]

Path = tuple[str | int, ...]
Cash = tuple[Decimal, str]
"""An amount and the place that it was taken from."""
Settled = Sequence[tuple[str, Decimal | None]]

_CASH: tuple[tuple[Path, str, str], ...] = (
    # rows of currencies, key of the currency, key of cash without isolated margin and unrealised PnL
    (("data", 0, "details"), "ccy", "cashBal"),
    (("assets",), "asset", "crossWalletBalance"),
    ((), "asset", "crossWalletBalance"),
)
_OTHER_WALLETS: tuple[tuple[Path, str], ...] = (
    (("balances",), "free"),
    (("userAssets",), "free"),
    (("assets", 0, "baseAsset"), "free"),
    (("data",), "bal"),
)
_NEVER = "0"  # updateTime of a row that the venue has not filled yet; ccxt leaves it out too
_MULTI_CURRENCY: tuple[Path, ...] = (("multiAssetsMargin",), ("data", 0, "adjEq"))


def cash_in(balance: dict[str, Any], source: str, settled: Mapping[str, Settled]) -> dict[str, Cash]:
    """Realised cash by currency, without isolated margin.

    Args:
        balance: The answer of `fetch_balance`.
        source: File name for messages.
        settled: By currency, what open positions add to ccxt's total beyond cash: unrealised PnL and isolated
            margin, each with its field; None where it is not known.

    Raises:
        InputError: another wallet's answer, or an amount that is missing or no number.
    """
    info = balance.get("info")
    for path, key in _OTHER_WALLETS:
        if any(key in row for row in _rows(info, path)):
            problem = "the answer of another wallet: save fetch_balance({'type': 'swap'})"
            raise InputError(source, "balance", problem)
    found: dict[str, Cash] = {}
    for path, name, key in _CASH:
        for index, row in enumerate(_rows(info, path)):
            currency, (_, text) = row.get(name), text_in(row, key)
            if isinstance(currency, str) and text != "" and row.get("updateTime") != _NEVER:
                place = _written(("balance", "info", *path, index, key))
                found[currency] = (_read(text, source, place), place)
    for currency in _currencies(balance):
        if currency not in found:
            found[currency] = _from_total(balance, currency, source, settled.get(currency, ()))
    return found


def account_mode_in(balance: dict[str, Any]) -> tuple[str, str]:
    """The account mode that the venue's own answer tells, and where; two empty texts if it tells none."""
    for path in _MULTI_CURRENCY:
        value = _at(balance.get("info"), path)
        if value in (True, "true") or (isinstance(value, str) and value not in ("", "false")):
            return "multi_currency", _written(("balance", "info", *path))
    return "", ""


def _from_total(balance: dict[str, Any], currency: str, source: str, settled: Settled) -> Cash:
    field = f"balance{key_path(currency)}.total"
    each = balance.get(currency)
    text = each.get("total") if isinstance(each, dict) else None
    if text is None:
        text = balance["total"].get(currency)
    total = _read(text, source, field)
    rest = ZERO
    for place, amount in settled:
        if amount is None:
            raise InputError(source, place, f"null: {field} cannot be split into cash and PnL without it")
        rest += amount
    return (
        total - rest,
        f"{field} less {plain(rest)} of unrealised PnL and isolated margin" if settled else field,
    )


def _currencies(balance: dict[str, Any]) -> Iterator[str]:
    totals = balance.get("total")
    return iter(totals if isinstance(totals, dict) else ())


def _read(text: object, source: str, field: str) -> Decimal:
    try:
        return number(text)
    except ValueError as error:
        raise InputError(source, field, str(error)) from None


def _at(document: Any, path: Path) -> Any:  # noqa: ANN401 - the venue's answer, of any shape
    """What stands at a path, None where the path ends early."""
    for step in path:
        if isinstance(step, str) and isinstance(document, dict):
            document = document.get(step)
        elif isinstance(step, int) and isinstance(document, list) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def _rows(document: Any, path: Path) -> list[dict[str, Any]]:  # noqa: ANN401 - the venue's answer, of any shape
    found = _at(document, path)
    rows = found if isinstance(found, list) else [found]
    return [row for row in rows if isinstance(row, dict)]


def _written(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
