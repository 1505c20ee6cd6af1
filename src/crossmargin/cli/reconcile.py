"""`crossmargin reconcile`: our figures beside those that the venue reported."""

from typing import Any

import click

from crossmargin.cli import screen
from crossmargin.cli.options import balances_option, json_option, load_book, venue_option

__all__ = ["command"]


@click.command("reconcile")
@click.argument("file")
@click.option("--reported", required=True, metavar="FILE", help="What the venue said: ccxt positions, or its own JSON.")
@venue_option
@balances_option
@json_option
def command(file: str, reported: str, venue: str | None, balances: tuple[str, ...], as_json: bool) -> int:
    """Our figures of the account in FILE beside what the venue reported, with the likely cause of each difference.

    Exit status: 0 when everything agrees or is explained by another mark, 2 when something differs, 1 bad input.

    Example: crossmargin reconcile account.toml --reported positions.json
    """
    from crossmargin.formats.report import jsonable
    from crossmargin.formats.reported_file import read_reported
    from crossmargin.margin.reconcile import reconcile

    book = load_book(file, venue, balances)
    said = read_reported(reported, book.rulebook)
    found = [
        {name: jsonable(getattr(each, name)) for name in each.__struct_fields__}
        for each in reconcile(book.account, book.marks, book.rulebook, said)
    ]
    if as_json:
        screen.as_json({"rulebook": book.rulebook.id, "figures": found, "assumptions": list(book.assumptions)})
    else:
        _print(found)
    differs = [each for each in found if each["cause"] != "agrees" and not each["cause"].startswith("other mark")]
    return 2 if differs else 0


def _print(found: list[dict[str, Any]]) -> None:
    if not found:
        screen.say("The file and the report have no position in common.")
        return
    rows = [
        (
            each["position"],
            each["figure"],
            *(screen.human(each[key]) for key in ("ours", "reported", "difference")),
            each["cause"],
        )
        for each in found
    ]
    screen.table(("position", "figure", "ours", "reported", "difference", "cause"), rows, title="Ours and theirs")
