"""`crossmargin explain`: the lines whose sum is a figure."""

import click

from crossmargin.cli import screen
from crossmargin.cli.options import EVIDENCE, balances_option, json_option, load_book, venue_option

__all__ = ["command"]


@click.command("explain")
@click.argument("figure")
@click.argument("file")
@venue_option
@balances_option
@json_option
def command(figure: str, file: str, venue: str | None, balances: tuple[str, ...], as_json: bool) -> int:
    """The labelled lines whose sum is FIGURE of the account in FILE.

    FIGURE is OWNER.NAME: USDT.margin_ratio, BTC-USDT-SWAP.liquidation_price, account.total_equity_usd.
    Without an owner the currency that stands worst is meant, or the only position.

    Example: crossmargin explain in_use examples/day-trader.toml
    """
    from crossmargin.formats.report import explanation_report
    from crossmargin.margin import assess
    from crossmargin.margin.explain import explain

    book = load_book(file, venue, balances)
    found = explain(assess(book.account, book.marks, book.rulebook, lines=True), figure)
    shown = explanation_report(found)
    if as_json:
        screen.as_json(shown)
        return 0
    if found.value is None:
        screen.say(f"{found.figure}: none, {found.reason}")
        return 0
    rows = [
        (
            line.label,
            screen.human(line.amount),
            line.formula,
            ", ".join(f"{name} {screen.human(v) if not isinstance(v, str) else v}" for name, v in line.inputs.items()),
            line.tier or "",
        )
        for line in found.lines
    ]
    rows.append(("= " + found.figure, screen.human(found.value), found.unit, "", ""))
    screen.table(("line", "amount", "formula", "inputs", "tier"), rows, title=f"{found.figure}")
    rules = {line.rule: line.source for line in found.lines if line.rule}
    told = {rule: book.rulebook.evidence.get(rule, "") for rule in rules}
    for rule, source in rules.items():
        screen.say(f"Rule {rule}: {told[rule] or 'see source'} ({source})")
    if any(told.values()):
        screen.say(EVIDENCE)
    return 0
