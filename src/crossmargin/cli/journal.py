"""crossmargin journal: look at a journal, prove it whole, rebuild its state, or decide it again under other rules."""

from datetime import date

import click
import msgspec

from crossmargin.domain.event import Event
from crossmargin.engine.nominate import Nominate
from crossmargin.errors import UnsupportedError
from crossmargin.market import listing
from crossmargin.rulebook import load
from crossmargin.rulebook.model import Rulebook

try:
    from crossmargin.journal import SQLiteStore, rebuild, rerun, verify
    from crossmargin.journal.record import fingerprint, header_of
    from crossmargin.journal.replay import records
except ImportError:
    raise UnsupportedError("journal: needs apsw: pip install 'crossmargin[serve]'") from None

__all__ = ["command"]

_FILE = click.argument("file", type=click.Path())
_ON = click.option("--on", metavar="DAY", help="Rules of that day (2025-01-31); the newest otherwise.")
_SHOWN = 20


@click.group()
def command() -> None:
    """Journals of the engine."""


@command.command("verify")
@_FILE
def _verify(file: str) -> None:
    """Check every record of FILE against the one before, and the end.

    Example: crossmargin journal verify venue.db
    """
    store = SQLiteStore(file, read_only=True)
    click.echo(f"{file}: {verify(store)} records, whole")


@command.command()
@_FILE
@click.option("--after", type=click.IntRange(min=0), default=0, help="Start behind this record.")
@click.option("--count", type=click.IntRange(min=1), default=_SHOWN, help=f"How many ({_SHOWN}).")
def show(file: str, after: int, count: int) -> None:
    """Print records of FILE, one JSON object a line.

    Example: crossmargin journal show venue.db --after 100
    """
    for record, _ in records(SQLiteStore(file, read_only=True)):
        if after < record.sequence <= after + count:
            shown = {"sequence": record.sequence, "command": record.command, "events": record.events}
            click.echo(msgspec.json.encode({**shown, "state": record.state.hex()}))


@command.command("rebuild")
@_FILE
@_ON
def _rebuild(file: str, on: str | None) -> None:
    """Rebuild the state of FILE from its events, comparing every hash.

    Example: crossmargin journal rebuild venue.db
    """
    store = SQLiteStore(file, read_only=True)
    engine = rebuild(store, _rules(store, None, on))
    engine.check()
    click.echo(f"{file}: {engine.sequence} records, state {engine.digest().hex()}")


@command.command("rerun")
@_FILE
@click.option("--rulebook", metavar="NAME", help="Other rules: what would that venue have done?")
@_ON
@click.option("--watch", is_flag=True, help="Let the fleet's watch say whom each mark may touch (extra fleet).")
def _rerun(file: str, rulebook: str | None, on: str | None, watch: bool) -> int:
    """Decide every command of FILE again; status 2 when anything came out otherwise.

    Example: crossmargin journal rerun venue.db --rulebook binance
    """
    store = SQLiteStore(file, read_only=True)
    engine, differences = rerun(store, _rules(store, rulebook, on), nominate=_nominations() if watch else None)
    for each in differences[:_SHOWN]:
        was, now = (_kinds(side) for side in (each.recorded.events, each.events))
        click.echo(f"record {each.recorded.sequence}: was {was}; now {now}")
    click.echo(f"{file}: {engine.sequence} commands, {len(differences)} came out otherwise")
    return 2 if differences else 0


def _nominations() -> Nominate:
    try:
        from crossmargin.fleet.nominations import Nominations
    except ImportError:
        raise UnsupportedError("--watch needs NumPy and numba: pip install 'crossmargin[fleet]'") from None
    return Nominations()


def _kinds(events: tuple[Event, ...]) -> str:
    return " ".join(str(event.__struct_config__.tag) for event in events)


def _rules(store: SQLiteStore, name: str | None, on: str | None) -> Rulebook:
    raw = store.header()
    if raw is None:
        raise click.ClickException(f"{store.place}: holds no journal yet")
    day = None
    if on is not None:
        try:
            day = date.fromisoformat(on)
        except ValueError:
            raise click.ClickException(f"--on {on}: write a day as 2025-01-31") from None
    header = header_of(raw, store.place)
    rules = load(name or header.venue, day)
    exchange = listing.venue()
    if name is None and on is None and fingerprint(exchange) == header.rules != fingerprint(rules):
        return exchange  # a paper exchange lists more than its rulebook does
    return rules
