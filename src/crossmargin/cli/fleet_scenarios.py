"""What `crossmargin fleet stress` is asked to assume: one kind of scenarios, from its options."""

from math import isfinite
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from crossmargin.errors import InputError

if TYPE_CHECKING:
    from crossmargin.fleet.frames import Folder
    from crossmargin.fleet.scenarios import Scenarios

__all__ = ["GRID", "kinds", "pairs", "scenarios_of"]

GRID = [round(-0.5 + 0.1 * step, 1) for step in range(11)]
DAYS_A_YEAR = 365
FALL_MAX = -0.99


def kinds(chosen: dict[str, Any]) -> list[str]:
    """Kinds of scenarios that were asked for."""
    return [name for name in ("grid", "shocks", "crashes", "moves", "draws") if chosen[name]]


def scenarios_of(desk: "Folder", chosen: dict[str, Any]) -> "Scenarios":
    """The one kind of scenarios that was asked for.

    Raises:
        InputError: several kinds, an option without its kind, a coin that the fleet has not, or a move that can't be.
    """
    from dataclasses import replace

    found = kinds(chosen)
    if len(found) > 1 and set(found) != {"shocks", "crashes"}:
        raise InputError(
            "stress", "", "one kind of scenarios at a time: --grid, --shock and --crash, --market, or --draws"
        )
    _belong(chosen)
    if not 0 < chosen["implied"] < float("inf"):
        raise InputError("--implied", str(chosen["implied"]), "has to be above zero")
    return replace(_of_kind(desk, chosen), implied_factor=chosen["implied"])


def _belong(chosen: dict[str, Any]) -> None:
    """Refuse an option of a kind that was not asked for: it would do nothing."""
    if chosen["betas"] and not chosen["moves"]:
        raise InputError("--beta", chosen["betas"][0], "belongs to --market")
    context = click.get_current_context()
    for name in ("volatility", "correlation", "degrees", "seed"):
        if not chosen["draws"] and context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise InputError(f"--{name}", str(chosen[name]), "belongs to --draws")


def _of_kind(desk: "Folder", chosen: dict[str, Any]) -> "Scenarios":
    from crossmargin.fleet import scenarios

    book, names = desk.rulebook, list(desk.marks.mark)
    coins = list(dict.fromkeys(book.instrument(name).base for name in names))
    if chosen["shocks"] or chosen["crashes"]:
        shocks: dict[str, dict[str, float]] = {}
        for name, moves in [*(_shock(each, coins) for each in chosen["shocks"]), *map(_crash, chosen["crashes"])]:
            if name in shocks:
                raise InputError("--shock", name, "given twice")
            shocks[name] = moves
        return scenarios.of_coins(book, names, shocks)
    if chosen["moves"]:
        for move in chosen["moves"]:
            _move("--market", str(move), move)
        return scenarios.by_betas(book, names, pairs("--beta", chosen["betas"], coins), list(chosen["moves"]))
    if chosen["draws"]:
        return _drawn(desk, coins, chosen)
    coin = chosen["grid"] or "BTC"
    _known("--grid", coin, coins)
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


def pairs(option: str, texts: tuple[str, ...] | list[str], coins: list[str]) -> dict[str, float]:
    """``COIN=NUMBER`` pairs, several in one text with commas between them.

    Raises:
        InputError: no such pair, or a coin that the fleet has not.
    """
    found: dict[str, float] = {}
    for pair in (each for text in texts for each in text.split(",")):
        name, _, number = (part.strip() for part in pair.partition("="))
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not isfinite(value):
            raise InputError(option, pair, "expected NAME=NUMBER")
        if name in found:
            raise InputError(option, name, "given twice")
        _known(option, name, [*coins, "*"])
        found[name] = value
    return found


def _known(option: str, coin: str, coins: list[str]) -> None:
    if coin not in coins:
        raise InputError(option, coin, f"the fleet has {', '.join(each for each in coins if each != '*')}")


def _move(option: str, text: str, move: float) -> None:
    if not isfinite(move) or move < FALL_MAX:
        raise InputError(option, text, f"a price may fall by 99 % at most: {FALL_MAX} or more expected")


def _shock(text: str, coins: list[str]) -> tuple[str, dict[str, float]]:
    name, colon, rest = text.partition(":")
    if not colon:
        raise InputError("--shock", text, "expected NAME:COIN=MOVE, for example flash:BTC=-0.3,*=-0.5")
    moves = pairs("--shock", [rest], coins)
    for move in moves.values():
        _move("--shock", text, move)
    return name, moves


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
