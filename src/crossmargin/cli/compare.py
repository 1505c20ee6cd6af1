"""`crossmargin compare`: one book under all venues, side by side."""

from typing import Any

import click

from crossmargin.cli import screen
from crossmargin.cli.options import json_option

__all__ = ["command"]


@click.command("compare")
@click.argument("file")
@click.option("--only", multiple=True, metavar="VENUE", help="Compare these venues alone (repeat).")
@json_option
def command(file: str, only: tuple[str, ...], as_json: bool) -> int:
    """The book in FILE under the rules of every venue that lists it.

    FILE is an account file with unified names (BTC/USDT:USDT) or ids of its own venue. A venue that has no such
    listing, or whose tiers we have no source for, says so; [venues.NAME] tables of the file can give them.

    Example: crossmargin compare examples/compare/day-trader.toml
    """
    from crossmargin.formats.compare_file import candidates

    found = [_row(each) for each in candidates(file, only)]
    if as_json:
        screen.as_json({"venues": found})
    else:
        _print(found)
    return 0


def _row(candidate: Any) -> dict[str, Any]:  # noqa: ANN401 - Candidate, imported lazily
    from crossmargin.errors import CrossMarginError
    from crossmargin.formats.report import report
    from crossmargin.margin import assess

    row: dict[str, Any] = {"venue": candidate.venue, "problem": candidate.problem or None}
    if candidate.book is None:
        return row
    book = candidate.book
    try:
        found = report(assess(book.account, book.marks, book.rulebook), (*candidate.notes, *book.assumptions))
    except CrossMarginError as error:
        return {**row, "problem": str(error)}
    whole = _worst(found)
    return {
        **row,
        "rulebook": found["rulebook"],
        "status": found["status"],
        **whole,
        "venue_ratio": _venue_ratio(found, book.rulebook),
        "positions": [
            {key: each[key] for key in ("instrument", "side", "margin_mode", "liquidation_price", "distance")}
            for each in found["positions"]
        ],
        "assumptions": found["assumptions"],
    }


def _worst(found: dict[str, Any]) -> dict[str, Any]:
    """Margins and ratio of the account's pool, or of the currency that stands worst."""
    account = found["account"]
    if account["margin_ratio"] is not None:
        margins = {name: account[f"{name}_usd"] for name in ("initial_margin", "maintenance_margin")}
        return {**margins, "margin_ratio": account["margin_ratio"], "unit": "USD"}
    from decimal import Decimal

    rated = {name: each for name, each in found["currencies"].items() if each["margin_ratio"] is not None}
    if not rated:
        return {"initial_margin": None, "maintenance_margin": None, "margin_ratio": None, "unit": ""}
    name = min(rated, key=lambda each: Decimal(rated[each]["margin_ratio"]))
    return {key: rated[name][key] for key in ("initial_margin", "maintenance_margin", "margin_ratio")} | {"unit": name}


def _venue_ratio(found: dict[str, Any], rulebook: Any) -> dict[str, str]:  # noqa: ANN401 - Rulebook
    """The venue's own ratio by its own name and in its own direction; empty where it has none."""
    for scope in ("account", "currency"):
        for name, rule in rulebook.venue_fields.get(scope, {}).items():
            if rule.rpartition(":")[2] != "margin_ratio":
                continue
            fields = found["venue_fields"]["account"] if scope == "account" else {}
            for each in found["venue_fields"]["currencies"].values() if scope == "currency" else ():
                fields = each if each[name] else fields
            if fields.get(name):
                return {name: fields[name]}
    return {}


def _print(found: list[dict[str, Any]]) -> None:
    priced = [each for each in found if each["problem"] is None]
    rows = []
    for each in priced:
        ratio = next(iter(each["venue_ratio"].items()), None)
        nearest = min((p["distance"] for p in each["positions"] if p["distance"]), key=float, default=None)
        rows.append(
            (
                each["venue"],
                screen.human(each["initial_margin"]),
                screen.human(each["maintenance_margin"]),
                each["unit"],
                screen.percent(each["margin_ratio"], 1),
                f"{ratio[0]} {screen.human(ratio[1], 4)}" if ratio else "-",
                screen.percent(nearest, 1),
                each["status"],
            )
        )
    columns = ("venue", "IM", "MM", "unit", "ratio", "the venue's own", "nearest leg", "status")
    screen.table(columns, rows, title="One book, every venue")
    legs: dict[str, list[str]] = {}
    for each in priced:
        for index, position in enumerate(each["positions"]):
            price = screen.human(position["liquidation_price"])
            away = screen.percent(position["distance"], 1)
            legs.setdefault(f"leg {index + 1} {position['side']}", []).append(f"{price} ({away})")
    screen.table(
        ("liquidated at (away)", *(each["venue"] for each in priced)),
        [(name, *cells) for name, cells in legs.items()],
        title="Liquidation price of each leg alone",
    )
    for each in found:
        if each["problem"] is not None:
            screen.say(f"{each['venue']}: {each['problem']}")
        for line in each.get("assumptions", ()):
            screen.say(f"Assumed ({each['venue']}): {line}")
