"""`crossmargin fleet watch`: statuses of a fleet, mark by mark."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crossmargin.cli import screen
from crossmargin.cli.fleet_folder import named, opened, prices_of
from crossmargin.cli.options import json_option
from crossmargin.errors import InputError

if TYPE_CHECKING:
    from crossmargin.cli.fleet_marks import Moved
    from crossmargin.fleet.watch import Change, Watch

__all__ = ["STATUSES", "counted", "watch_command"]

STATUSES = ("safe", "warning", "liquidation")


@click.command("watch")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--ticks", default="-", show_default=True, metavar="FILE", help="Lines INSTRUMENT,PRICE; - is standard input."
)
@click.option("--marks", "url", metavar="ws://HOST:PORT/ws/v5/public", help="A venue's WebSocket instead of lines.")
@json_option
def watch_command(folder: Path, ticks: str, url: str | None, as_json: bool) -> int:
    """Follow marks and print each account the moment that its status changes.

    A line INSTRUMENT,PRICE moves one mark; several, separated by semicolons, move at once. With --marks they
    come from a venue, the paper exchange for one, until it closes or you press Ctrl-C. With --json each change
    is a line of JSON.

    Example: crossmargin fleet watch desk --ticks ticks.csv
    """
    from crossmargin.cli.fleet import progress
    from crossmargin.fleet.columns import joined
    from crossmargin.fleet.frames import read_part
    from crossmargin.fleet.pack import pack
    from crossmargin.fleet.watch import Watch

    found = opened(folder)
    with named(folder), _source(ticks, url, list(found.marks.mark)) as source:
        read = []
        with progress(len(found.parts), "parts") as told:
            for part in found.files():
                read.append(read_part(part))
                told(len(read))
        columns = joined(read)
        found.check(len(columns))
        watch = Watch(pack(columns, found.rulebook), found.marks)
        known = prices_of(found) | set(watch.fleet.tables.movers)
        if not as_json:
            screen.say(f"{len(watch.fleet.columns):,} accounts of {found.rulebook.venue}: {_pools(watch)}")
        played, strange = [0], set[str]()
        try:
            _follow(watch, _heard(source, known, strange), played, as_json)
        finally:
            if not as_json:
                screen.say(f"{played[0]:,} ticks, {watch.wakes:,} pools looked at, {watch.exactly:,} decided exactly")
                if watch.sweeps:
                    screen.say(f"{watch.sweeps:,} of the ticks were decided by looking at every pool")
                screen.say(f"Now: {_pools(watch)}")
    return screen.STATUS_EXIT[STATUSES[int(watch.state.max(initial=0))]]


def _source(ticks: str, url: str | None, instruments: list[str]) -> "AbstractContextManager[Iterable[Moved]]":
    from crossmargin.cli.fleet_marks import from_lines, from_socket

    if url is None:
        return from_lines(ticks)
    if ticks != "-":
        raise InputError("--marks", url, "marks come from --ticks or from --marks, not from both")
    return from_socket(url, instruments)


def _heard(source: "Iterable[Moved]", known: frozenset[str], strange: set[str]) -> "Iterable[Moved]":
    """What comes, with one warning for each name that is no price of the fleet: it may be misspelt."""
    for moved in source:
        for name in moved.marks:
            if name not in known and name not in strange:
                strange.add(name)
                click.echo(f"crossmargin: line {moved.number}: {name}: no price of the fleet, ignored", err=True)
        yield moved


def _follow(watch: "Watch", source: "Iterable[Moved]", played: list[int], as_json: bool) -> None:
    """Play what comes; `played` counts, also when it is interrupted."""
    for moved in source:
        changes = watch.tick(moved.marks)
        played[0] += 1
        for change in changes:
            _tell(moved, change, as_json)


def _pools(watch: "Watch") -> str:
    return counted({status: int((watch.state == code).sum()) for code, status in enumerate(STATUSES)}) + " pools"


def counted(totals: dict[str, int]) -> str:
    """How many of each status, in words."""
    return ", ".join(f"{count:,} {status}" for status, count in totals.items())


def _tell(moved: "Moved", change: "Change", as_json: bool) -> None:
    if as_json:
        import json

        found = {"line": moved.number, "marks": moved.text, "account": change.account}
        click.echo(json.dumps({**found, "before": change.before, "now": change.now}))
        return
    colour = {"safe": "green", "warning": "yellow", "liquidation": "red"}[change.now]
    now = click.style(change.now, fg=colour)
    click.echo(f"{moved.number:>8}  {moved.text:<28} {change.account:<16} {change.before} -> {now}")
