"""`crossmargin fleet`: many accounts at once. Each verb loads NumPy, numba and Polars only when it runs."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from crossmargin.cli import screen
from crossmargin.cli.fleet_folder import named, opened
from crossmargin.cli.fleet_stress import stress_command
from crossmargin.cli.fleet_watch import STATUSES, counted, watch_command
from crossmargin.cli.options import json_option
from crossmargin.errors import InputError, UnsupportedError

__all__ = ["command"]

SHOWN, LARGE = 20, 100.0


@click.group("fleet")
def command() -> None:
    """Many accounts at once: who is warned or liquidated, tick by tick, and what a shock would do.

    A fleet is a folder of Parquet files, docs/fleet.md. Needs the extra: pip install 'crossmargin[fleet]'

    Example: crossmargin fleet generate desk --accounts 10000
    """
    missing = [name for name in ("numpy", "numba", "polars") if find_spec(name) is None]
    if missing:
        raise UnsupportedError(f"fleet needs {', '.join(missing)}: pip install 'crossmargin[fleet]'")


command.add_command(stress_command)
command.add_command(watch_command)


@command.command("generate")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--venue", default="binance", show_default=True, help="Whose rules and instruments.")
@click.option("--accounts", default=10_000, show_default=True, type=click.IntRange(min=1), help="How many accounts.")
@click.option("--positions", default=5, show_default=True, type=click.IntRange(1, 100), help="Positions of each.")
@click.option(
    "--leverage", default=3.0, show_default=True, type=click.FloatRange(0.01, 1000), help="Median gross leverage."
)
@click.option(
    "--isolated",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of isolated positions.",
)
@click.option("--parts", default=1, show_default=True, help="Files to write the accounts into.")
@click.option("--seed", default=1, show_default=True, help="The same seed, the same fleet.")
@json_option
def generate_command(
    folder: Path, venue: str, accounts: int, parts: int, seed: int, as_json: bool, **sizes: Any
) -> int:
    """Make up a fleet in FOLDER: accounts, marks, all seeded.

    Example: crossmargin fleet generate desk --venue okx --accounts 100000 --parts 4
    """
    from crossmargin.fleet import frames
    from crossmargin.fleet.coverage import check_covered
    from crossmargin.fleet.generate import generate, made_up_marks, with_tiers
    from crossmargin.rulebook import load

    if not 1 <= parts <= accounts:
        raise InputError("--parts", str(parts), f"has to lie from 1 to the {accounts} accounts")
    if folder.exists() and any(folder.iterdir()):
        raise InputError("FOLDER", str(folder), "is not empty: a fleet is written into a new folder")
    book = load(venue)
    check_covered(book)
    names = with_tiers(book)
    if not names:
        raise UnsupportedError(f"{venue}: no tiers to make a fleet of: bring tables and a book.toml of your own")
    marks = made_up_marks(book, names, seed)
    folder.mkdir(parents=True, exist_ok=True)
    with progress(parts, "accounts") as told:
        for index in range(parts):
            first, last = index * accounts // parts, (index + 1) * accounts // parts
            made = generate(book, marks, accounts=last - first, seed=seed + index, first=first, **sizes)
            frames.write_part(folder, index, made)
            told(index + 1)
    frames.write_head(folder, book, marks, accounts=accounts)
    if as_json:
        screen.as_json({"folder": str(folder), "venue": venue, "accounts": accounts, "parts": parts})
    else:
        screen.say(f"{accounts:,} accounts of {venue} in {folder}, {parts} part{'s' if parts > 1 else ''}")
    return 0


@command.command("screen")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--mark", "marks", multiple=True, metavar="INSTRUMENT=PRICE", help="Another mark than the folder's (repeat)."
)
@json_option
def screen_command(folder: Path, marks: tuple[str, ...], as_json: bool) -> int:
    """Judge every account of FOLDER at its marks, exactly. Exit status: that of the worst account.

    Example: crossmargin fleet screen desk --mark BTCUSDT=55000
    """
    import numpy as np

    from crossmargin.fleet.pack import pack
    from crossmargin.fleet.screen import screen as screened

    desk = opened(folder, marks)
    counts, exactly = np.zeros(3, np.int64), 0
    listed: list[tuple[str, str, float, float]] = []
    with named(folder), progress(len(desk.parts), "parts") as told:
        for index, part in enumerate(desk.files()):
            found = screened(pack(_read(part), desk.rulebook), desk.marks)
            status = found.accounts()
            counts += np.bincount(status, minlength=3)
            exactly += len(found.exactly)
            hit = np.flatnonzero(found.status == len(STATUSES) - 1)
            listed += [_pool_row(found, int(pool)) for pool in hit[: SHOWN - len(listed)].tolist()]
            told(index + 1)
    desk.check(int(counts.sum()))
    worst = max((code for code in range(3) if counts[code]), default=0)
    totals = dict(zip(STATUSES, counts.tolist(), strict=True))
    if as_json:
        rows = [dict(zip(("account", "pool", "equity", "required"), row, strict=True)) for row in listed]
        screen.as_json({"venue": desk.rulebook.venue, "accounts": totals, "exactly": exactly, "liquidation": rows})
        return screen.STATUS_EXIT[STATUSES[worst]]
    screen.say(f"{int(counts.sum()):,} accounts of {desk.rulebook.venue}: {counted(totals)}")
    screen.say(f"{exactly:,} pools were too near a threshold for floats and were decided exactly")
    if listed:
        shown = [(name, pool, _amount(equity), _amount(need)) for name, pool, equity, need in listed]
        screen.table(("account", "pool", "equity", "required"), shown, title=f"In liquidation, the first {len(shown)}")
    return screen.STATUS_EXIT[STATUSES[worst]]


def _amount(value: float) -> str:
    """Two decimals of a large amount, six digits of a small one: coins are worth more than dollars."""
    return f"{value:,.2f}" if abs(value) >= LARGE else f"{value:.6g}"


def _pool_row(found: Any, pool: int) -> tuple[str, str, float, float]:  # noqa: ANN401 - a Screen, whose module loads late
    from crossmargin.fleet.pool_figures import pool_name

    fleet = found.fleet
    account = str(fleet.columns.ids[int(fleet.owner[pool])])
    return account, pool_name(fleet, pool), float(found.equity[pool]), float(found.required[pool])


@command.command("compare")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--sample", default=1000, show_default=True, type=click.IntRange(min=1), help="Pools to assess exactly.")
@click.option("--seed", default=1, show_default=True, help="Which pools are drawn.")
@json_option
def compare_command(folder: Path, sample: int, seed: int, as_json: bool) -> int:
    """Hold the fast kernel against the exact assessment on pools drawn from FOLDER.

    Statuses have to be the same and every figure has to lie within the certified error. Exit status 1 if not.

    Example: crossmargin fleet compare desk --sample 500
    """
    from crossmargin.fleet.audit import audit

    desk = opened(folder)
    with named(folder), progress(len(desk.parts), "parts") as told:
        found = audit(desk, desk.marks, sample=sample, seed=seed, told=told)
    if as_json:
        screen.as_json(found._asdict())
    else:
        screen.say(f"{found.pools:,} pools: {found.differing} statuses differ from the exact assessment")
        screen.say(f"The largest error is {found.share:.1%} of what is certified")
        screen.say(f"{found.undecided:,} pools were left to the exact function")
    return 1 if found.differing or found.share > 1 else 0


def _read(part: str) -> Any:  # noqa: ANN401 - Columns, whose module loads late
    from crossmargin.fleet.frames import read_part

    return read_part(part)


@contextmanager
def progress(total: int, label: str) -> Iterator[Callable[[int], None]]:
    """A bar on standard error where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
        yield lambda done: bar.update(done - bar.pos)
