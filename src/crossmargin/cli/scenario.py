"""crossmargin scenario: play a story and tell what happened."""

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
