"""`crossmargin replay`: an account through recorded or generated prices, cross and isolated side by side."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from crossmargin.cli import screen
from crossmargin.cli.options import balances_option, json_option, load_book, venue_option
from crossmargin.errors import InputError

if TYPE_CHECKING:
    from crossmargin.backtest.replay import Replay
    from crossmargin.formats.account_file import Book
    from crossmargin.market.candles import Tape
    from crossmargin.market.funding import Funding
    from crossmargin.market.paths import Like
    from crossmargin.market.rows import Window

__all__ = ["command", "save_picture"]

_LONG = 2000  # bars from which progress is worth a line
_MARK_CHOICES = "--mark last takes the candles for the mark price, --mark [INSTRUMENT=]FILE reads mark candles"
_FUNDING_CHOICES = (
    "--funding none pays none, --funding RATE one rate every 8 h, --funding [INSTRUMENT=]FILE recorded rates"
)


class _Choices(NamedTuple):
    """What the user chose about prices, funding and output."""

    candles: tuple[str, ...]
    mark: tuple[str, ...]
    funding: tuple[str, ...]
    path: str | None
    likes: tuple[str, ...]
    start: str
    first: str | None
    last: str | None
    allow_gaps: bool
    out: str | None
    title: str | None


_PATHS = "crash-2020-03-12, crash-2021-05-19, pump-2025-03-26, crash-2025-10-10, flash-pump, alt-collapse-2025-10-10"
_OPTIONS = (
    click.option(
        "--candles",
        multiple=True,
        metavar="[INSTRUMENT=]PATH",
        help="Candle file (.csv, .csv.gz, freqtrade .feather) or folder of them (repeat).",
    ),
    click.option(
        "--mark",
        multiple=True,
        metavar="last|[INSTRUMENT=]PATH",
        help="Mark price: `last` takes the candles for it, else files as in --candles.",
    ),
    click.option(
        "--funding",
        multiple=True,
        metavar="none|RATE|[INSTRUMENT=]PATH",
        help="Funding: none, one rate every 8 hours, or files.",
    ),
    click.option(
        "--path",
        metavar="NAME[:SEED]|FILE[:SEED]",
        help=f"Generated prices instead of candles: {_PATHS}, or a TOML file of waypoints.",
    ),
    click.option(
        "--like",
        "likes",
        multiple=True,
        metavar="COIN=COIN[:STRENGTH]",
        help="With --path: whose levels a coin follows: SOL=SUI, ETH=BTC:1.2 (repeat).",
    ),
    click.option(
        "--start",
        type=click.Choice(["marks", "entry"]),
        default="marks",
        show_default=True,
        help="With --path: the account's prices from which generated ones start.",
    ),
    click.option("--from", "first", metavar="TIME", help="First bar: 2025-10-08 or 2025-10-08T12:00Z."),
    click.option("--to", "last", metavar="TIME", help="End: a day is walked to its end, a time isn't reached."),
    click.option("--allow-gaps", is_flag=True, help="Walk the common bars where some are missing."),
    click.option("--out", metavar="FILE.svg", help="Draw the picture."),
    click.option("--title", help="Title of the picture."),
)


def _options(function: Callable[..., int]) -> Callable[..., int]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command("replay")
@click.argument("account")
@_options
@venue_option
@balances_option
@json_option
def command(account: str, venue: str | None, balances: tuple[str, ...], as_json: bool, **choices: Any) -> int:
    """Walk ACCOUNT through prices and tell what the venue would have done to it.

    Prices are candles (--candles, with --mark) or a generated path (--path). Nothing is assumed unasked: say
    --mark last and --funding none where you have no better. ACCOUNT is walked as its file has it, and with
    all positions in the other margin mode beside it.

    Example: crossmargin replay examples/day-trader.toml --path crash-2025-10-10 --start entry --funding none
    """
    from crossmargin.backtest.replay import replay
    from crossmargin.cli.fates import document, show

    chosen = _Choices(**choices)
    if chosen.out is not None and not chosen.out.lower().endswith(".svg"):
        raise InputError("--out", chosen.out, "the picture is SVG: the name has to end in .svg")
    book = load_book(account, venue, balances)
    if chosen.path is not None:
        tape, heading = _generated(book, chosen.path, chosen)
    else:
        tape, heading = _recorded(book, chosen), Path(account).stem
    funding = _funding(book, chosen, tape)
    with _progress(len(tape.times)) as advance:
        found = replay(book.account, tape, book.rulebook, funding=funding, base=book.marks, progress=advance)
    if chosen.out is not None:
        save_picture(chosen.out, found, chosen.title or heading)
    if as_json:
        screen.as_json(document(found, book.assumptions, chosen.out))
    else:
        show(found, book.assumptions, chosen.out)
    return screen.STATUS_EXIT[found.status]


def _instruments(book: "Book") -> list[str]:
    """What needs prices: positions and live orders."""
    live = [order.instrument for order in book.account.orders if order.state == "live"]
    return list(dict.fromkeys([position.instrument for position in book.account.positions] + live))


# ---------------------------------------------------------------- prices


def _recorded(book: "Book", chosen: _Choices) -> "Tape":
    from crossmargin.market.candles import tape
    from crossmargin.market.files import candles_from

    window = _window(chosen.first, chosen.last)
    candles, mark, allow_gaps = chosen.candles, chosen.mark, chosen.allow_gaps
    if not candles:
        raise InputError("--candles", "", "no prices given: --candles FILE or FOLDER, or --path NAME")
    if not mark or ("last" in mark and len(mark) > 1):
        raise InputError("--mark", "", f"one choice is needed: {_MARK_CHOICES}")
    wanted = _instruments(book)
    lasts = candles_from(candles, wanted, book.rulebook, window)
    if mark == ("last",):
        notes = ["mark last: the last traded price of the candles stands for the mark price"]
        return tape(lasts, window=window, allow_gaps=allow_gaps, assumptions=notes)
    marks = candles_from(mark, wanted, book.rulebook, window, option="--mark")
    return tape(marks, lasts, window=window, allow_gaps=allow_gaps)


def _generated(book: "Book", path: str, chosen: _Choices) -> tuple["Tape", str]:
    import msgspec

    from crossmargin.market.paths import generate, named_scenarios, read_scenario

    if chosen.candles or chosen.mark or chosen.first or chosen.last:
        raise InputError("--path", path, "generated prices take no --candles, --mark, --from or --to")
    name, _, seed = path.rpartition(":") if path.rpartition(":")[2].isdecimal() else (path, "", "1")
    known = named_scenarios()
    if name not in known and not name.endswith(".toml"):
        raise InputError("--path", name, f"not known: choose one of {', '.join(known)}, or give a .toml file")
    scenario = known[name] if name in known else read_scenario(name)
    scenario = msgspec.structs.replace(scenario, like=scenario.like | dict(map(_like, chosen.likes)))
    instruments = [book.rulebook.instrument(each) for each in _instruments(book)]
    starts = dict(book.marks.mark)
    if chosen.start == "entry":
        starts |= {position.instrument: position.entry_price for position in book.account.positions}
    coins = {each.id: each.underlying for each in instruments}
    ticks = {each.id: each.tick_size for each in instruments}
    return generate(scenario, coins, starts, seed=int(seed), ticks=ticks), scenario.title


def _like(text: str) -> tuple[str, "Like"]:
    from crossmargin.domain.numbers import Positive, Sign, number
    from crossmargin.market.paths import Like

    coin, _, other = text.partition("=")
    other, _, strength = other.partition(":")
    if not coin or not other:
        raise InputError("--like", text, "expected COIN=COIN or COIN=COIN:STRENGTH")
    try:
        return coin, Like(coin=other, strength=Positive(number(strength or "1", Sign.POSITIVE)))
    except ValueError as error:
        raise InputError("--like", text, str(error)) from None


def _funding(book: "Book", chosen: _Choices, tape: "Tape") -> "Funding":
    from crossmargin.domain.numbers import number
    from crossmargin.market.files import funding_from
    from crossmargin.market.funding import NO_FUNDING, constant_funding, recorded_funding

    given = chosen.funding
    if not given:
        raise InputError("--funding", "", f"one choice is needed: {_FUNDING_CHOICES}")
    if given == ("none",):
        return NO_FUNDING
    try:
        rate = number(given[0]) if len(given) == 1 else None
    except ValueError:
        rate = None
    if rate is not None:
        return constant_funding(rate, tape)
    instruments = [book.rulebook.instrument(position.instrument) for position in book.account.positions]
    wanted = list(dict.fromkeys(each.id for each in instruments if each.kind == "perpetual"))
    return recorded_funding(funding_from(given, wanted, book.rulebook), tape, allow_gaps=chosen.allow_gaps)


# ---------------------------------------------------------------- times, picture, progress


def _window(first: str | None, last: str | None) -> "Window":
    from crossmargin.market.rows import Window

    start = None if first is None else _time("--from", first)[0]
    end = None
    if last is not None:
        time, whole_day = _time("--to", last)
        end = time + timedelta(days=1) // timedelta(milliseconds=1) if whole_day else time
    if start is not None and end is not None and end <= start:
        raise InputError("--to", str(last), f"does not come after --from {first}")
    return Window(start, end)


def _time(option: str, text: str) -> tuple[int, bool]:
    """A time in UTC milliseconds, and whether it is a whole day."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(option, text, "not a time: write 2025-10-08 or 2025-10-08T12:00Z") from None
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(zoned.timestamp()) * 1000, len(text) == len("2025-10-08")


def save_picture(out: str, found: "Replay", title: str) -> None:
    """Draw a replay into a file."""
    from crossmargin.backtest.picture import draw

    try:
        Path(out).write_text(draw(found, title), encoding="utf-8")
    except OSError as error:
        raise InputError("--out", out, error.strerror or str(error)) from None


@contextmanager
def _progress(bars: int) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on stderr for long replays, where stderr is a terminal."""
    if bars < _LONG or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("replay", total=bars)
        yield lambda done: progress.update(task, completed=done) if done % 50 == 0 else None
