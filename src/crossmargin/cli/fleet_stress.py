"""`crossmargin fleet stress`: what many scenarios would do to a fleet."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crossmargin.cli import screen
from crossmargin.cli.fleet_folder import opened
from crossmargin.cli.options import json_option
from crossmargin.errors import InputError

if TYPE_CHECKING:
    from crossmargin.fleet.frames import Folder
    from crossmargin.fleet.scenarios import Scenarios
    from crossmargin.fleet.stress import Totals

__all__ = ["stress_command"]

WORST_SHOWN = 10
GRID = [round(-0.5 + 0.1 * step, 1) for step in range(11)]
DAYS_A_YEAR = 365

_OPTIONS = [
    click.option("--grid", metavar="COIN", help="The coin, -50 % to +50 %, against all others; the default: BTC."),
    click.option("--shock", "shocks", multiple=True, metavar="NAME:COIN=MOVE,*=MOVE", help="A shock by coin (repeat)."),
    click.option("--crash", "crashes", multiple=True, metavar="NAME", help="The extremes of a named crash (repeat)."),
    click.option("--market", "moves", multiple=True, type=float, metavar="MOVE", help="A move of the market (repeat)."),
    click.option("--beta", "betas", multiple=True, metavar="COIN=BETA", help="With --market: what a coin follows by."),
    click.option("--draws", type=int, metavar="N", help="Draw N moves of a day from a Student t."),
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
    click.option("--out", metavar="FILE.svg", help="Draw a heat map (--grid) or a loss curve."),
]  # fmt: skip


def _options(function: Any) -> Any:  # noqa: ANN401 - click's decorators take and give anything
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command("stress")
@click.argument("folder", type=click.Path(path_type=Path))
@_options
@json_option
def stress_command(folder: Path, place: str, out: str | None, as_json: bool, **chosen: Any) -> int:
    """Value every account of FOLDER under many scenarios: profit, shortfall, liquidations, insurance need.

    Example: crossmargin fleet stress desk --grid BTC --out heat.svg
    """
    from crossmargin.cli.fleet import progress
    from crossmargin.fleet.jobs import on, stress_folder

    if out is not None and not out.lower().endswith(".svg"):
        raise InputError("--out", out, "the picture is SVG: the name has to end in .svg")
    desk = opened(folder)
    if not 0 < chosen["implied"] < float("inf"):
        raise InputError("--implied", str(chosen["implied"]), "has to be above zero")
    cases, spread = replace(_scenarios(desk, chosen), volatility=chosen["implied"]), on(place)
    if chosen["depths"]:
        cases = _cascaded(desk, cases, chosen["depths"])
    with progress(len(desk.parts), "parts") as told:
        totals = stress_folder(desk, cases, spread, told)
    if out is not None:
        _draw(out, cases, totals, chosen["grid"] or (None if _kinds(chosen) else "BTC"))
    if as_json:
        screen.as_json(_document(desk, cases, totals, out))
    else:
        _show(desk, cases, totals, out)
    return 0


def _kinds(chosen: dict[str, Any]) -> list[str]:
    return [name for name in ("grid", "shocks", "crashes", "moves", "draws") if chosen[name]]


def _scenarios(desk: "Folder", chosen: dict[str, Any]) -> "Scenarios":
    """The one kind of scenarios that was asked for."""
    from crossmargin.fleet import scenarios

    kinds = _kinds(chosen)
    if len(kinds) > 1 and set(kinds) != {"shocks", "crashes"}:
        raise InputError(
            "stress", "", "one kind of scenarios at a time: --grid, --shock and --crash, --market, or --draws"
        )
    book, names = desk.rulebook, list(desk.marks.mark)
    coins = list(dict.fromkeys(book.instrument(name).base for name in names))
    if chosen["shocks"] or chosen["crashes"]:
        shocks = dict(_shock(each) for each in chosen["shocks"]) | dict(_crash(each) for each in chosen["crashes"])
        return scenarios.of_coins(book, names, shocks)
    if chosen["moves"]:
        betas = dict(_pair("--beta", each) for each in chosen["betas"])
        return scenarios.by_betas(book, names, betas, list(chosen["moves"]))
    if chosen["draws"]:
        return _drawn(desk, coins, chosen)
    coin = chosen["grid"] or "BTC"
    if coin not in coins:
        raise InputError("--grid", coin, f"the fleet has {', '.join(coins)}")
    return scenarios.grid(book, names, coin, GRID, GRID)


def _drawn(desk: "Folder", coins: list[str], chosen: dict[str, Any]) -> "Scenarios":
    """Moves of a day."""
    import numpy as np

    from crossmargin.fleet.scenarios import student_t

    variance = chosen["volatility"] ** 2 / DAYS_A_YEAR
    covariance = variance * (chosen["correlation"] + (1 - chosen["correlation"]) * np.eye(len(coins)))
    names = list(desk.marks.mark)
    return student_t(
        desk.rulebook, names, coins, covariance, count=chosen["draws"], degrees=chosen["degrees"], seed=chosen["seed"]
    )


def _cascaded(desk: "Folder", cases: "Scenarios", depths: tuple[str, ...]) -> "Scenarios":
    """The scenarios with the price impact of all liquidations of the fleet in them."""
    from crossmargin.cascade import deepened
    from crossmargin.fleet.columns import joined
    from crossmargin.fleet.frames import read_part
    from crossmargin.fleet.pack import pack

    fleet = pack(joined([read_part(part) for part in desk.files()]), desk.rulebook)
    depth = dict(_pair("--depth", each) for text in depths for each in text.split(","))
    return deepened(fleet, desk.marks, cases, depth).scenarios


def _pair(option: str, text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError:
        raise InputError(option, text, "expected NAME=NUMBER") from None


def _shock(text: str) -> tuple[str, dict[str, float]]:
    name, colon, rest = text.partition(":")
    if not colon:
        raise InputError("--shock", text, "expected NAME:COIN=MOVE, for example flash:BTC=-0.3,*=-0.5")
    return name, dict(_pair("--shock", each) for each in rest.split(","))


def _crash(name: str) -> tuple[str, dict[str, float]]:
    """Each coin's deepest level of a named path, or its highest where it rises more; others move as Bitcoin does."""
    from crossmargin.market.paths import named_scenarios

    known = named_scenarios()
    if name not in known:
        raise InputError("--crash", name, f"choose one of {', '.join(known)}")
    moves = {}
    for coin, points in known[name].levels.items():
        extremes = [float(point.level / points[0].level) - 1 for point in points]
        moves[coin] = max(extremes, key=abs)
    return name, moves | {"*": moves.get("BTC", 0.0)}


def _draw(out: str, cases: "Scenarios", totals: "Totals", coin: str | None) -> None:
    from crossmargin.cli.fleet_pictures import heat_map, loss_curve

    if coin:
        picture = heat_map(GRID, totals.insurance.tolist(), coin=coin)
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


def _document(desk: "Folder", cases: "Scenarios", totals: "Totals", out: str | None) -> dict[str, Any]:
    names = ("scenario", "pnl", "liquidated", "shortfall", "insurance")
    return {
        "venue": desk.rulebook.venue,
        "accounts": desk.accounts,
        "pools": totals.pools,
        "left_out": totals.left_out,
        "scenarios": [dict(zip(names, row, strict=True)) for row in _rows(cases, totals)],
        "concentration": totals.concentration,
        "effective_number": totals.effective_number,
        "top": [{"account": name, "shortfall": lost} for name, lost in totals.top],
        "picture": out,
    }


def _show(desk: "Folder", cases: "Scenarios", totals: "Totals", out: str | None) -> None:
    screen.say(f"{desk.accounts:,} accounts of {desk.rulebook.venue}, {len(cases):,} scenarios; USD, by floats")
    rows = sorted(_rows(cases, totals), key=lambda row: (-row[4], -row[3]))[:WORST_SHOWN]
    shown = [(name, f"{pnl:,.0f}", f"{hit:,}", f"{short:,.0f}", f"{need:,.0f}") for name, pnl, hit, short, need in rows]
    title = "Scenarios" if len(cases) <= WORST_SHOWN else f"The worst {WORST_SHOWN}, by insurance need"
    screen.table(("scenario", "profit", "pools liquidated", "shortfall", "insurance need"), shown, title=title)
    if totals.lost:
        screen.say(f"\nThe greatest account bears {totals.concentration:.1%} of all shortfall; it is spread as over")
        screen.say(f"{totals.effective_number:,.0f} equal ones.")
    if totals.left_out:
        screen.say(f"Left out: {totals.left_out:,} pools that only the exact assessment can value.")
    if out is not None:
        screen.say(f"\nPicture: {out}")
    sys.stdout.flush()
