"""`crossmargin venues`: rulebooks, their sources, and how sure each rule is."""

import click

from crossmargin.cli import screen
from crossmargin.cli.options import EVIDENCE, json_option

__all__ = ["command"]


@click.command("venues")
@click.argument("name", required=False)
@click.option("--update", is_flag=True, help="Fetch NAME's tier tables through ccxt into your data folder, dated.")
@json_option
def command(name: str | None, update: bool, as_json: bool) -> int:
    """List the rulebooks, or show one: its rules with their evidence, its instruments and the dates of its tiers.

    Each rule carries a mark that says how sure we are of it: S, D, O, 3 or R, explained below the rules.
    With --update NAME's tier tables are fetched through ccxt (extra `live`) into your data folder, dated; older tables
    stay for older days.

    Example: crossmargin venues okx
    """
    from crossmargin.rulebook import load, venues

    if update:
        from crossmargin.cli.venues_update import update_tiers

        return update_tiers(name, as_json)
    if name is None:
        books = [load(each) for each in venues()]
        rows = [(b.venue, b.title, b.effective_from, len(b.instruments), len(b.templates)) for b in books]
        if as_json:
            names = ("venue", "title", "effective_from", "instruments", "templates")
            screen.as_json({"venues": [dict(zip(names, map(_text, row), strict=True)) for row in rows]})
        else:
            screen.table(("venue", "rules", "since", "instruments", "patterns"), rows, title="Rulebooks")
        return 0
    _one(name, as_json)
    return 0


def _text(value: object) -> object:
    return value if value is None or isinstance(value, (int, str)) else str(value)


def _one(name: str, as_json: bool) -> None:
    import msgspec

    from crossmargin.rulebook import load

    book = load(name)
    rules = msgspec.to_builtins(book.rules, enc_hook=str)
    tiers = [
        {"kind": kind, "family": family, "margin_mode": mode, "tiers": len(table.tiers),
         "since": _text(table.effective_from), "source": table.source}
        for (kind, family, mode), table in book.tiers.items()
    ]  # fmt: skip
    if as_json:
        screen.as_json(
            {
                "venue": book.venue, "title": book.title, "rulebook": book.id, "source": book.source,
                "retrieved": str(book.retrieved), "rules": rules, "evidence": book.evidence,
                "instruments": sorted(book.instruments), "templates": [each.id for each in book.templates],
                "tiers": tiers,
            }
        )  # fmt: skip
        return
    screen.say(f"{book.title}\n{book.id}, read {book.retrieved} from {book.source}")
    rows: list[tuple[object, ...]] = [(key, _shown(value), book.evidence.get(key, "")) for key, value in rules.items()]
    rows += [(key, "", text) for key, text in book.evidence.items() if key not in rules]
    screen.table(("rule", "value", "evidence"), rows, title="Rules")
    screen.say(EVIDENCE)
    rows = [(each["family"], each["kind"], each["margin_mode"], each["tiers"], each["since"] or "-") for each in tiers]
    screen.table(("family", "kind", "mode", "tiers", "since"), rows, title="Tiers")
    known = ", ".join(sorted(book.instruments)) or "none by name"
    patterns = ", ".join(each.id for each in book.templates)
    screen.say(f"\nInstruments: {known}" + (f"; any {patterns}" if patterns else ""))


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(each)}" for key, each in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
