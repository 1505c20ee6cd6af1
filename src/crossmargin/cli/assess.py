"""`crossmargin assess`: every margin figure of an account."""

from typing import Any

import click

from crossmargin.cli import screen
from crossmargin.cli.options import balances_option, json_option, load_book, venue_option

__all__ = ["back_to_safe", "command", "print_report"]


@click.command("assess")
@click.argument("file")
@venue_option
@balances_option
@json_option
def command(file: str, venue: str | None, balances: tuple[str, ...], as_json: bool) -> int:
    """Every margin figure of the account in FILE, exact.

    FILE is an account file (TOML, YAML, JSON), saved ccxt JSON, or a CSV of positions.
    Exit status: 0 safe, 2 warning, 3 liquidation, 1 bad input.

    Example: crossmargin assess examples/day-trader.toml
    """
    from crossmargin.formats.report import report
    from crossmargin.margin import assess

    book = load_book(file, venue, balances)
    found = report(assess(book.account, book.marks, book.rulebook), book.assumptions)
    if as_json:
        screen.as_json(found)
    else:
        print_report(found)
    return screen.STATUS_EXIT[found["status"]]


def print_report(found: dict[str, Any]) -> None:
    """Print a report as tables."""
    screen.say(f"{found['venue']} ({found['rulebook']}): {found['status']}")
    _currencies(found)
    _positions(found)
    if found["orders"]:
        rows = [
            (
                each["id"],
                each["instrument"],
                each["side"],
                screen.human(each["margin"]),
                screen.human(each["fee"]),
                {None: each["state"], True: "admitted", False: "refused"}[each["accepted"]],
                screen.sentence(each["reason"] or ""),
            )
            for each in found["orders"]
        ]
        screen.table(("order", "instrument", "side", "margin", "fee", "answer", "reason"), rows, title="Orders")
    if found["account"]["adjusted_equity"] is not None:
        _account(found["account"])
    elif found["account"]["total_equity_usd"] is not None:
        screen.say(f"\nTotal equity: {screen.human(found['account']['total_equity_usd'], 2)} USD")
    for kind, lines in (("Warning", found["warnings"]), ("Assumed", found["assumptions"])):
        for line in lines:
            screen.say(f"{kind}: {line}")


_FIGURES = (
    ("equity", "equity"),
    ("balance", "balance"),
    ("floating PnL", "floating_pnl"),
    ("isolated equity", "isolated_equity"),
    ("in use", "in_use"),
    ("free margin", "free_margin"),
    ("available balance", "available_balance"),
    ("initial margin", "initial_margin"),
    ("maintenance margin", "maintenance_margin"),
    ("liquidation fee", "liquidation_fee"),
    ("leverage", "leverage"),
)


def _currencies(found: dict[str, Any]) -> None:
    currencies = found["currencies"]
    if not currencies:
        screen.say("The account holds nothing.")
        return
    rows = [(label, *(screen.human(each[key]) for each in currencies.values())) for label, key in _FIGURES]
    rows.append(("margin ratio", *(screen.percent(each["margin_ratio"]) for each in currencies.values())))
    rows.append(("status", *(each["status"] for each in currencies.values())))
    screen.table(("", *currencies), rows, title="Currencies")


def _account(account: dict[str, Any]) -> None:
    """The account as one pool."""
    keys = ("total_equity_usd", "adjusted_equity", "initial_margin_usd", "maintenance_margin_usd")
    rows = [(key.removesuffix("_usd").replace("_", " "), screen.human(account[key])) for key in keys]
    rows.append(("margin ratio", screen.percent(account["margin_ratio"])))
    screen.table(("", "USD"), [*rows, ("status", account["status"])], title="The account as one pool")


def _positions(found: dict[str, Any]) -> None:
    if not found["positions"]:
        return
    rows = [
        (
            each["instrument"],
            each["side"],
            each["margin_mode"],
            screen.human(each["contracts"]),
            screen.human(each["entry_price"]),
            screen.human(each["mark_price"]),
            screen.human(each["floating_pnl"]),
            screen.human(each["initial_margin"]),
            screen.human(each["maintenance_margin"]),
            screen.percent(each["margin_ratio"], 1),
            screen.human(None if _past(each) else each["liquidation_price"]),
            screen.percent(None if _past(each) else each["distance"], 1),
        )
        for each in found["positions"]
    ]
    columns = (
        "position", "side", "mode", "size", "entry", "mark", "PnL", "IM", "MM", "ratio", "liq. price", "away",
    )  # fmt: skip
    screen.table(columns, rows, title="Positions", less=("IM", "entry", "ratio"))
    for each in found["positions"]:
        if _past(each):
            screen.say(back_to_safe(each["id"], each["liquidation_price"], each["distance"]))


def _past(position: dict[str, Any]) -> bool:
    """Whether the pool behind a position stands at its trigger or past it."""
    return bool(position["status"] == "liquidation")


def back_to_safe(name: str, price: str | None, distance: str | None) -> str:
    """What the liquidation price means where the trigger has been reached: the way back."""
    if price is None:
        return f"{name} is at or past its trigger: no price of its coin alone brings the pool back"
    return (
        f"{name} is at or past its trigger: back to safe at {screen.human(price)}, {screen.percent(distance, 1)} away"
    )
