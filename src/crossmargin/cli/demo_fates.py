"""`crossmargin demo fates`: two fates of one book, cross and isolated, through two crashes."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from crossmargin.cli import screen
from crossmargin.domain.arithmetic import total
from crossmargin.errors import InputError

if TYPE_CHECKING:
    from crossmargin.backtest.fate import Fate
    from crossmargin.backtest.replay import Replay
    from crossmargin.formats.account_file import Book

__all__ = ["BOOK", "CHAPTERS", "command", "day_trader", "play"]

SEED = 1
BOOK = {
    "venue": "textbook",
    "balances": {"USDT": "10000"},
    "positions": [
        {
            "instrument": "BTC-USDT-SWAP",
            "side": "long",
            "base_size": "0.5",
            "entry_price": "90000",
            "leverage": "10",
        },
        {
            "instrument": "ETH-USDT-SWAP",
            "side": "short",
            "base_size": "10",
            "entry_price": "3000",
            "leverage": "10",
        },
        {
            "instrument": "SOL-USDT-SWAP",
            "side": "long",
            "base_size": "100",
            "entry_price": "140",
            "leverage": "10",
        },
    ],
    "marks": {"BTC-USDT-SWAP": "90000", "ETH-USDT-SWAP": "3000", "SOL-USDT-SWAP": "140"},
}


class Chapter(NamedTuple):
    """One path, why it is told, and the name of its picture."""

    path: str
    story: str
    picture: str


CHAPTERS = (
    Chapter(
        "crash-2025-10-10",
        "Everything falls at once, for half an hour. The short ETH leg earns while the long legs lose.",
        "cross-carries-the-book.svg",
    ),
    Chapter(
        "alt-collapse-2025-10-10",
        "The same evening, but SOL falls as SUI did, and BTC and ETH move about half as far.",
        "cross-loses-everything.svg",
    ),
)


class _OutOfTimeError(Exception):
    """The demo was told to stop by now."""


@click.command("fates")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after this long.")
@click.option("--out", default="crossmargin-demo", show_default=True, metavar="FOLDER", help="Where pictures go.")
def command(seconds: float | None, out: str) -> int:
    """Walk a day trader's book through two crashes, in cross and in isolated mode.

    10,000 USDT; long 0.5 BTC at 90,000, short 10 ETH at 3,000, long 100 SOL at 140, all at 10x.

    Example: crossmargin demo fates --out pictures
    """
    end = None if seconds is None else time.monotonic() + seconds
    folder = _folder(out)
    book = day_trader()
    screen.say("A day trader holds 10,000 USDT and, at 10x: long 0.5 BTC at 90,000, short 10 ETH at 3,000,")
    screen.say("long 100 SOL at 140. In cross mode the three legs share all 10,000; in isolated mode each")
    screen.say("has its own margin (4,500 + 3,000 + 1,400) and 1,100 stay aside.")
    try:
        for number, chapter in enumerate(CHAPTERS, 1):
            _tell(number, chapter, play(book, chapter.path, _clock(end)), folder)
    except _OutOfTimeError:
        screen.say()
        screen.say(f"Stopped after {seconds:g} s, as asked.")
        return 0
    screen.say()
    screen.say("Neither mode is safer. Cross lets the legs help each other, down to the last coin in the pool;")
    screen.say("isolated gives up a leg early and caps what it can cost.")
    return 0


def day_trader() -> "Book":
    """The book of the demo."""
    from crossmargin.formats.account_file import build_book

    return build_book(BOOK, "demo")


def play(book: "Book", path: str, progress: Callable[[int], None] | None = None, *, seed: int = SEED) -> "Replay":
    """Walk the book through a named path, from its entry prices, without funding."""
    from crossmargin.backtest.replay import replay
    from crossmargin.market.funding import NO_FUNDING
    from crossmargin.market.paths import generate, named_scenarios

    instruments = [book.rulebook.instrument(position.instrument) for position in book.account.positions]
    coins = {each.id: each.underlying for each in instruments}
    tape = generate(named_scenarios()[path], coins, book.marks.mark, seed=seed)
    return replay(book.account, tape, book.rulebook, funding=NO_FUNDING, base=book.marks, progress=progress)


def _clock(end: float | None) -> Callable[[int], None]:
    def check(bars: int) -> None:
        if end is not None and time.monotonic() > end:
            raise _OutOfTimeError

    return check


def _folder(out: str) -> Path:
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--out", out, error.strerror or str(error)) from None
    return folder


def _tell(number: int, chapter: Chapter, found: "Replay", folder: Path) -> None:
    from crossmargin.cli.fates import show_outcome
    from crossmargin.cli.replay import save_picture
    from crossmargin.market.paths import named_scenarios

    title = named_scenarios()[chapter.path].title
    screen.heading(f"{number}. {title}")
    screen.say(chapter.story)
    show_outcome(found, from_file=False)
    screen.say()
    for fate in found.fates.values():
        screen.say(_plainly(fate, found.unit))
    picture = folder / chapter.picture
    save_picture(str(picture), found, title)
    screen.say(f"Picture: {picture}")


def _plainly(fate: "Fate", unit: str) -> str:
    """What happened, in one sentence."""
    left = f"{screen.human(fate.end_equity, 2)} of {screen.human(fate.start_equity, 2)} {unit} are left."
    mode = fate.mode.capitalize()
    if not fate.liquidated:
        return f"{mode}: every leg survives. {left}"
    lost = f"{screen.human(total(fate.lost.values()), 2)} {unit}"
    if not fate.final.positions:
        return f"{mode}: the whole book is liquidated and {lost} are lost. {left}"
    gone = " and ".join(_leg(each) for each in fate.liquidated)
    kept = " and ".join(_leg(each.id) for each in fate.final.positions)
    return f"{mode}: {gone} liquidated, {lost} of margin lost; {kept} survive{'' if ' and ' in kept else 's'}. {left}"


def _leg(position_id: str) -> str:
    """``SOL-USDT-SWAP:long:isolated`` as people say it."""
    instrument, side, _ = position_id.rsplit(":", 2)
    return f"{side} {instrument.partition('-')[0]}"
