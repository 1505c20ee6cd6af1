"""crossmargin scenario: play a story, or an incident of the past, and tell what happened."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import click
import msgspec

from crossmargin.domain.arithmetic import plain
from crossmargin.domain.documents import read_text
from crossmargin.domain.ledger import Held
from crossmargin.engine.scenario import Story, play

__all__ = ["command"]


@click.group()
def command() -> None:
    """Stories in plain lines that the engine plays."""


@command.command()
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Every command and its events, one JSON object a line.")
def run(file: str, as_json: bool) -> None:
    """Play FILE; the first line that is not as expected ends it with status 1.

    Example: crossmargin scenario run crash.txt
    """
    story = play(read_text(file), file)
    if as_json:
        for given, outcome in zip(story.commands, story.outcomes, strict=True):
            click.echo(
                msgspec.json.encode(
                    {
                        "sequence": outcome.sequence,
                        "command": given,
                        "events": outcome.events,
                        "state": outcome.state.hex(),
                    }
                )
            )
        return
    for line in told(story):
        click.echo(line)


@command.command()
def incidents() -> None:
    """List the incidents of the past that can be played."""
    from crossmargin.incidents import named_incidents

    for name, each in named_incidents().items():
        click.echo(f"{name:<15} {each.title}")


@command.command()
@click.argument("name")
@click.option("--seed", type=int, default=1, show_default=True, help="Draws the crowd and the noise of the prices.")
@click.option("--accounts", type=click.IntRange(min=1), help="So many accounts; funds and depth follow.")
@click.option("--trusting", is_flag=True, help="Believe the own book's price always, as the incident's venue did.")
@click.option("--json", "as_json", is_flag=True, help="The page as one JSON object.")
def incident(name: str, seed: int, accounts: int | None, trusting: bool, as_json: bool) -> None:
    """Play the incident NAME, or that of a .toml file, through the engine; status 1 when a check of it fails.

    Example: crossmargin scenario incident october-2025 --accounts 200
    """
    from crossmargin.incidents import read_incident, run

    found = read_incident(name)
    with _progress(found.title, found.path.minutes) as shown:
        page = run(found, seed=seed, accounts=accounts, trusting=trusting, progress=shown)
    if as_json:
        click.echo(msgspec.json.encode(page))
    else:
        for line in page.lines():
            click.echo(line)
    if not page.holds:
        raise click.exceptions.Exit(1)


@contextmanager
def _progress(title: str, minutes: int) -> Iterator[Callable[[Decimal], None] | None]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=minutes, label=title[:40], file=sys.stderr) as bar:
        yield lambda minute: bar.update(int(minute) - bar.pos)


def told(story: Story) -> list[str]:
    """What a story came to: events by kind, and what everybody has at the end."""
    kinds: dict[str, int] = {}
    for outcome in story.outcomes:
        for event in outcome.events:
            tag = str(event.__struct_config__.tag)
            kinds[tag] = kinds.get(tag, 0) + 1
    lines = [f"{len(story.outcomes)} commands", ", ".join(f"{count} {tag}" for tag, count in kinds.items())]
    state = story.engine.state
    for owner in state.owners.values():
        money = [f"{plain(state.cash(owner.id, each))} {each}" for each in owner.currencies]
        held = [_position(each) for each in owner.held()]
        lines.append(f"{owner.id}: {', '.join([*money, *held]) or 'nothing'}")
    lines.append(f"state {story.engine.digest().hex()}")
    return lines


def _position(held: Held) -> str:
    size = held.key.side.sign * held.contracts
    return f"{plain(size)} {held.key.instrument} {held.key.margin_mode.value} @ {plain(held.entry_price)}"
