"""`crossmargin modes`: the same book in cross and in isolated mode."""

from typing import Any

import click

from crossmargin.cli import screen
from crossmargin.cli.options import balances_option, json_option, load_book, venue_option

__all__ = ["command"]


@click.command("modes")
@click.argument("file")
@venue_option
@balances_option
@json_option
def command(file: str, venue: str | None, balances: tuple[str, ...], as_json: bool) -> int:
    """The book in FILE held in cross and in isolated mode, side by side.

    Isolated: each position takes entry value / leverage out of the balance and stands alone.

    Example: crossmargin modes examples/day-trader.toml
    """
    from crossmargin.domain.account import MarginMode
    from crossmargin.formats.report import report
    from crossmargin.margin import assess
    from crossmargin.margin.modes import in_mode

    book = load_book(file, venue, balances)
    found: dict[str, Any] = {}
    for mode in (MarginMode.CROSS, MarginMode.ISOLATED):
        account = in_mode(book.account, mode, book.marks, book.rulebook)
        found[mode.value] = report(assess(account, book.marks, book.rulebook), book.assumptions)
        short = [name for name, amount in account.balances.items() if amount < 0]
        for name in short:
            line = f"{name}: the balance does not cover all margins: this book could not be opened in {mode} mode"
            found[mode.value]["warnings"].append(line)
    if as_json:
        screen.as_json(found)
    else:
        _print(found)
    return screen.STATUS_EXIT[_mode_of(book.account.positions, found)["status"]]


def _mode_of(positions: Any, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - a tuple of positions
    """The report of the mode that the file itself uses (mixed books count as cross)."""
    isolated = bool(positions) and all(each.margin_mode == "isolated" for each in positions)
    report: dict[str, Any] = found["isolated" if isolated else "cross"]
    return report


def _liquidation(position: dict[str, Any]) -> str:
    price = screen.human(position["liquidation_price"])
    return f"past: safe at {price}" if position["status"] == "liquidation" and price != "-" else price


def _print(found: dict[str, Any]) -> None:
    cross, isolated = found["cross"], found["isolated"]
    rows = []
    for currency in cross["currencies"]:
        for label, key in (("equity", "equity"), ("free margin", "free_margin"), ("in use", "in_use")):
            sides = (cross["currencies"][currency][key], isolated["currencies"][currency][key])
            rows.append((f"{currency} {label}", *map(screen.human, sides)))
    screen.table(("account", "cross", "isolated"), rows, title="The account")
    rows = []
    for one, other in zip(cross["positions"], isolated["positions"], strict=True):
        name = f"{one['instrument']} {one['side']}"
        rows.append(
            (
                f"{name}: ratio",
                screen.percent(one["margin_ratio"], 1),
                screen.percent(other["margin_ratio"], 1),
            )
        )
        rows.append((f"{name}: liquidation price", *map(_liquidation, (one, other))))
        rows.append((f"{name}: away", screen.percent(one["distance"], 1), screen.percent(other["distance"], 1)))
        rows.append((f"{name}: can lose", "the pool", screen.human(other["margin"])))
        rows.append((f"{name}: status", one["status"], other["status"]))
    screen.table(("position", "cross", "isolated"), rows, title="Each position")
    for mode in ("cross", "isolated"):
        for line in found[mode]["warnings"]:
            screen.say(f"Warning ({mode}): {line}")
