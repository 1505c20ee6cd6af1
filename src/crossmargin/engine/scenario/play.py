"""Playing a text: one line, one verb."""

from crossmargin.engine.scenario.story import Story
from crossmargin.engine.scenario.verbs import VERBS
from crossmargin.errors import CrossMarginError, InputError

__all__ = ["play", "play_lines"]


def play(text: str, name: str = "scenario") -> Story:
    """Play a whole story and check every invariant at its end.

    Raises:
        InputError: a line cannot be read, or what it expects is not so; file, line and the reason.
    """
    story = Story()
    play_lines(story, text, name)
    if story.started is not None:
        story.engine.check()
    return story


def play_lines(story: Story, text: str, name: str) -> None:
    """Play some more lines of a story.

    Raises:
        InputError: a line cannot be read, or what it expects is not so; file, line and the reason.
    """
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if words:
            _run(story, f"{name}:{number}", line.strip(), words)


def _run(story: Story, place: str, line: str, words: list[str]) -> None:
    verb = VERBS.get(words[0])
    if verb is None:
        raise InputError(place, line, f"no verb {words[0]!r}: {', '.join(VERBS)}")
    if words[0] != "expect":
        story.last = []
    try:
        verb(story, words[1:])
    except (ValueError, KeyError) as error:
        raise InputError(place, line, str(error)) from None
    except IndexError:
        raise InputError(place, line, f"too few words: {verb.__doc__}") from None
    except CrossMarginError as error:
        raise InputError(place, line, str(error)) from None
