"""`crossmargin fleet stress`: what many scenarios would do to a fleet."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crossmargin.cli import screen
from crossmargin.cli.fleet_folder import named, opened
from crossmargin.cli.fleet_scenarios import GRID, kinds, pairs, scenarios_of
from crossmargin.cli.options import json_option
from crossmargin.errors import InputError

if TYPE_CHECKING:
    from crossmargin.cascade import Deepened
    from crossmargin.fleet.frames import Folder
    from crossmargin.fleet.scenarios import Scenarios
    from crossmargin.fleet.stress import Totals

__all__ = ["stress_command"]

WORST_SHOWN, TOP_SHOWN = 10, 5
BARS_MAX = 20

_OPTIONS = [
    click.option("--grid", metavar="COIN", help="The coin, -50 % to +50 %, against all others; the default: BTC."),
    click.option("--shock", "shocks", multiple=True, metavar="NAME:COIN=MOVE,*=MOVE", help="A shock by coin (repeat)."),
    click.option("--crash", "crashes", multiple=True, metavar="NAME", help="The extremes of a named crash (repeat)."),
    click.option("--market", "moves", multiple=True, type=float, metavar="MOVE", help="A move of the market (repeat)."),
    click.option("--beta", "betas", multiple=True, metavar="COIN=BETA", help="With --market: what a coin follows by."),
    click.option("--draws", type=click.IntRange(min=1), metavar="N", help="Draw N moves of a day from a Student t."),
    click.option("--volatility", default=0.8, show_default=True, help="With --draws: volatility a year of every coin."),
    click.option("--correlation", default=0.6, show_default=True, help="With --draws: between any two coins."),
    click.option("--degrees", default=4.0, show_default=True, help="With --draws: degrees of freedom, above 2."),
    click.option("--seed", default=1, show_default=True, help="With --draws: the same seed, the same draws."),
    click.option("--implied", default=1.0, show_default=True, metavar="FACTOR",
                 help="What the implied volatility of options is multiplied by."),
    click.option("--depth", "depths", multiple=True, metavar="COIN=USD,*=USD",
                 help="Cascade: forced sales of so much move a coin by 1 % (repeat)."),
    click.option("--on", "place", default="here", show_default=True, metavar="PLACE",
                 help="here, pool[:N], ray[://HOST:PORT] or dask[://HOST:PORT]."),
    click.option("--out", metavar="FILE.svg", help="Draw a heat map (--grid), bars, or a loss curve."),
    click.option("--pools", type=click.Path(path_type=Path), metavar="FOLDER",
                 help="Write the figures of every pool, a Parquet file for each part."),
]  # fmt: skip


def _options(function: Any) -> Any:  # noqa: ANN401 - click's decorators take and give anything
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command("stress")
@click.argument("folder", type=click.Path(path_type=Path))
@_options
@json_option
def stress_command(folder: Path, place: str, out: str | None, pools: Path | None, as_json: bool, **chosen: Any) -> int:
    """Value every account of FOLDER under many scenarios: profit, shortfall, liquidations, insurance need.

    Example: crossmargin fleet stress desk --grid BTC --out heat.svg
    """
    from crossmargin.cli.fleet import progress
    from crossmargin.fleet.jobs import on, stress_folder

    if out is not None and not out.lower().endswith(".svg"):
        raise InputError("--out", out, "the picture is SVG: the name has to end in .svg")
    desk = opened(folder)
    cases, spread, rounds = scenarios_of(desk, chosen), on(place), None
    if pools is not None:
        pools = _made(pools)
    with named(folder), progress(len(desk.parts), "parts") as told:
        if chosen["depths"]:
            deep = _cascaded(desk, cases, chosen["depths"])
            cases, rounds = deep.scenarios, deep.rounds.tolist()
        totals = stress_folder(desk, cases, spread, told, pools)
    if out is not None:
        _draw(out, cases, totals, chosen["grid"] or (None if kinds(chosen) else "BTC"))
    if as_json:
        screen.as_json(_document(desk, cases, totals, rounds, out))
    else:
        _show(desk, cases, totals, rounds, out)
    return 0


def _made(pools: Path) -> Path:
    """The folder for figures of pools, absolute: a worker may stand elsewhere."""
    try:
        pools.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--pools", str(pools), f"can't be made: {error.strerror}") from None
    return pools.resolve()


def _cascaded(desk: "Folder", cases: "Scenarios", depths: tuple[str, ...]) -> "Deepened":
    """The scenarios with the price impact of all liquidations of the fleet in them."""
    from crossmargin.cascade import deepened
    from crossmargin.fleet.columns import joined
    from crossmargin.fleet.frames import read_part
    from crossmargin.fleet.pack import pack

    fleet = pack(joined([read_part(part) for part in desk.files()]), desk.rulebook)
    coins = [desk.rulebook.instrument(name).base for name in desk.marks.mark]
    return deepened(fleet, desk.marks, cases, pairs("--depth", depths, list(dict.fromkeys(coins))))


def _draw(out: str, cases: "Scenarios", totals: "Totals", coin: str | None) -> None:
    from crossmargin.cli.fleet_pictures import heat_map, loss_bars, loss_curve

    if coin:
        picture = heat_map(GRID, totals.insurance.tolist(), coin=coin)
    elif len(cases) <= BARS_MAX and not cases.probability:
        picture = loss_bars(cases.names, totals.shortfall.tolist(), totals.insurance.tolist())
    else:
        picture = loss_curve(totals.shortfall.tolist(), totals.insurance.tolist(), drawn=cases.probability)
    try:
        Path(out).write_text(picture, encoding="utf-8")
    except OSError as error:
        raise InputError("--out", out, f"can't be written: {error.strerror}") from None


def _rows(cases: "Scenarios", totals: "Totals") -> list[tuple[str, float, int, float, float]]:
    return [
        (name, float(totals.pnl[s]), int(totals.liquidated[s]), float(totals.shortfall[s]), float(totals.insurance[s]))
        for s, name in enumerate(cases.names)
    ]


def _document(
    desk: "Folder", cases: "Scenarios", totals: "Totals", rounds: list[int] | None, out: str | None
) -> dict[str, Any]:
    names = ("scenario", "pnl", "liquidated", "shortfall", "insurance")
    return {
        "venue": desk.rulebook.venue,
        "accounts": totals.accounts,
        "cascade_rounds": rounds,
        "pools": totals.pools,
        "left_out": totals.left_out,
        "scenarios": [dict(zip(names, row, strict=True)) for row in _rows(cases, totals)],
        "concentration": totals.concentration,
        "effective_number": totals.effective_number,
        "top": [{"account": name, "shortfall": lost} for name, lost in totals.top],
        "picture": out,
    }


def _show(desk: "Folder", cases: "Scenarios", totals: "Totals", rounds: list[int] | None, out: str | None) -> None:
    screen.say(f"{totals.accounts:,} accounts of {desk.rulebook.venue}, {len(cases):,} scenarios; USD, by floats")
    if rounds is not None:
        moved = sum(each > 0 for each in rounds)
        screen.say(f"Cascade: forced sales moved prices in {moved:,} scenarios, up to {max(rounds)} times in one")
    rows = sorted(_rows(cases, totals), key=lambda row: (-row[4], -row[3]))[:WORST_SHOWN]
    shown = [(name, f"{pnl:,.0f}", f"{hit:,}", f"{short:,.0f}", f"{need:,.0f}") for name, pnl, hit, short, need in rows]
    title = "Scenarios" if len(cases) <= WORST_SHOWN else f"The worst {WORST_SHOWN}, by insurance need"
    screen.table(("scenario", "profit", "pools liquidated", "shortfall", "insurance need"), shown, title=title)
    if totals.lost:
        lacking = [(name, f"{lost:,.0f}") for name, lost in totals.top[:TOP_SHOWN] if lost]
        screen.table(("account", "shortfall"), lacking, title="Who lacks most, summed over the scenarios")
        screen.say(f"\nThe greatest account bears {totals.concentration:.1%} of all shortfall; it is spread as over")
        screen.say(f"{totals.effective_number:,.0f} equal ones.")
    if totals.left_out:
        screen.say(f"Left out: {totals.left_out:,} pools that only the exact assessment can value.")
    if out is not None:
        screen.say(f"\nPicture: {out}")
    sys.stdout.flush()
