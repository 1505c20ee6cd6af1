"""`crossmargin liq`: liquidation prices of one coin, of the market, of two coins; and what would restore a ratio."""

from decimal import Decimal
from typing import Any

import click

from crossmargin.cli import screen
from crossmargin.cli.assess import back_to_safe
from crossmargin.cli.options import amounts, balances_option, json_option, load_book, one_number, venue_option
from crossmargin.domain.account import MarginMode
from crossmargin.domain.arithmetic import exact, plain, quotient
from crossmargin.domain.numbers import Sign
from crossmargin.errors import CrossMarginError, InputError
from crossmargin.margin import Assessment, assess
from crossmargin.margin.pool import Status

__all__ = ["command"]


@click.command("liq")
@click.argument("file")
@click.option("--beta", "betas", multiple=True, metavar="COIN=BETA", help="Beta of a coin (else [betas] of the file).")
@click.option("--frontier", "pair", metavar="A,B", help="Prices of two coins at which the pool is at its trigger.")
@click.option("--span", default="0.5", show_default=True, help="Frontier: largest move of the first coin, a fraction.")
@click.option("--points", default=11, show_default=True, help="Frontier: how many points.")
@click.option(
    "--restore",
    metavar="RATIO",
    help="Smallest deposit or cut that brings each pool to this ratio (3 = 300 %).",
)
@venue_option
@balances_option
@json_option
def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    file: str, betas: tuple[str, ...], pair: str | None, span: str, points: int, restore: str | None,
    venue: str | None, balances: tuple[str, ...], as_json: bool,
) -> int:  # fmt: skip
    """Where the account in FILE would be liquidated.

    Each leg alone: the mark of its coin at which its pool reaches the trigger, all else fixed. With betas: the common
    market move that does it. With --frontier: the curve for two coins.

    Example: crossmargin liq examples/day-trader.toml --frontier BTC,ETH --restore 30
    """
    from crossmargin.formats.ladder import ladder_report

    book = load_book(file, venue, balances)
    assessment = assess(book.account, book.marks, book.rulebook)
    found = ladder_report(assessment, {**book.marks.betas, **amounts(betas, "--beta")}, book.assumptions)
    if pair:
        found["frontier"] = _frontier(assessment, pair, span, points)
    if restore:
        found["restore"] = _restore(assessment, restore)
    if as_json:
        screen.as_json(found)
    else:
        _print(found, assessment)
    return screen.STATUS_EXIT[assessment.status.value]


@exact
def _frontier(assessment: Assessment, pair: str, span: str, points: int) -> dict[str, Any]:
    from crossmargin.formats.report import jsonable
    from crossmargin.margin.moves import frontier, underlyings

    first, comma, second = (part.strip() for part in pair.partition(","))
    if not (comma and first and second):
        raise InputError("--frontier", pair, "expected two coins, for example BTC,ETH")
    if first == second:
        raise InputError("--frontier", pair, "expected two different coins: the prices of one against the other")
    widest = one_number(span, "--span", Sign.POSITIVE)
    if widest >= 1:
        raise InputError("--span", span, "expected a fraction below 1: a coin cannot fall by more than it is worth")
    if not 2 <= points <= 1001:  # noqa: PLR2004 - a curve needs two ends
        raise InputError("--points", str(points), "expected 2 to 1001 points")
    step = quotient(2 * widest, Decimal(points - 1))
    moves = [index * step - widest for index in range(points)]
    pools = [p for p in assessment.cross.values() if {first, second} <= set(underlyings(p))]
    if not pools:
        raise InputError("--frontier", pair, "no cross pool holds both coins")
    found = frontier(assessment, pools[0].currency, first, second, moves)
    rows = [{name: jsonable(getattr(each, name)) for name in each.__struct_fields__} for each in found]
    return {"pool": pools[0].name, "first": first, "second": second, "points": rows}


def _restore(assessment: Assessment, restore: str) -> list[dict[str, Any]]:
    from crossmargin.margin.limits import smallest_cut, smallest_deposit

    ratio = one_number(restore, "--restore", Sign.POSITIVE)
    rows: list[dict[str, Any]] = []
    for pool in (*assessment.cross.values(), *assessment.isolated.values()):
        if not pool.risk.required:
            continue
        amount = smallest_deposit(assessment, pool, ratio)
        what = "deposit" if pool.isolated is None else "margin to add"
        rows.append({"pool": pool.name, "how": what, "amount": plain(amount), "unit": pool.currency, "reason": None})
        for position in assessment.account.positions:
            if position.margin_mode == MarginMode.CASH or assessment.pool_of(position) is not pool:
                continue
            row: dict[str, Any] = {"pool": pool.name, "how": f"cut {position.id}", "unit": "contracts"}
            try:
                contracts = smallest_cut(assessment, position, ratio).contracts
                reason = None if contracts is not None else "closing all of it is not enough"
                row |= {"amount": None if contracts is None else plain(contracts), "reason": reason}
            except CrossMarginError as error:
                row |= {"amount": None, "reason": str(error)}
            rows.append(row)
    return rows


def _print(found: dict[str, Any], assessment: Assessment) -> None:
    _print_legs(found["legs"], assessment)
    if "market" in found:
        _print_market(found["market"], assessment)
    if "frontier" in found:
        _print_frontier(found["frontier"])
    if "restore" in found:
        ways = [
            (r["pool"], r["how"], screen.human(r["amount"], 8), r["unit"], r["reason"] or "") for r in found["restore"]
        ]
        screen.table(("pool", "how", "amount", "unit", ""), ways, title="Smallest way back")
    for line in found["assumptions"]:
        screen.say(f"Assumed: {line}")


def _print_legs(legs: list[dict[str, Any]], assessment: Assessment) -> None:
    past = {each.id for each in assessment.positions if each.status == Status.LIQUIDATION}
    rows = []
    for each in legs:
        ours = ("liquidation_price", "distance", "down", "up")
        price, away, down, up = (None if each["id"] in past else each[key] for key in ours)
        rows.append(
            (
                each["id"],
                screen.human(each["mark_price"]),
                screen.human(price),
                screen.percent(away, 1),
                screen.human(down),
                screen.human(up),
                screen.human(each["bankruptcy_price"]),
                screen.human(each["venue_prints"]),
                each["reason"] or ("at or past its trigger" if each["id"] in past else ""),
            )
        )
    columns = ("leg alone", "mark", "liq. price", "away", "down", "up", "bankruptcy", "venue prints", "")
    screen.table(columns, rows, title="Each coin alone, all else fixed", less=("venue prints", "bankruptcy"))
    for each in legs:
        if each["id"] in past:
            screen.say(back_to_safe(each["id"], each["liquidation_price"], each["distance"]))


def _print_market(moves: list[dict[str, Any]], assessment: Assessment) -> None:
    """Falls and rises are told without sign; of a pool that is past its trigger, how it would be back."""
    pools = {pool.name: pool for pool in (*assessment.cross.values(), *assessment.isolated.values())}
    past = {name for name, pool in pools.items() if pool.status is Status.LIQUIDATION}
    sizes = {
        each["pool"]: [screen.percent(each[key].lstrip("-") if each[key] else None) for key in ("down", "up")]
        for each in moves
    }
    rows = [(name, *(("-", "-") if name in past else size)) for name, size in sizes.items()]
    screen.table(("pool", "liquidated at a fall of", "at a rise of"), rows, title="The market, by betas")
    for name, size in sizes.items():
        if name in past:
            ways = [f"{word} of {far}" for word, far in zip(("fall", "rise"), size, strict=True) if far != "-"]
            back = f"back to safe at a {' or a '.join(ways)}" if ways else "no move of the market brings it back"
            screen.say(f"{name} is at or past its trigger: {back}")


def _print_frontier(curve: dict[str, Any]) -> None:
    rows = [
        (
            screen.percent(point["move"], 1),
            *(screen.human(point[key]) for key in ("price", "down", "up")),
            "safe" if point["safe"] else "liquidation",
        )
        for point in curve["points"]
    ]
    first, second = curve["first"], curve["second"]
    columns = (f"{first} moves", first, f"{second} below", f"{second} above", f"with {second} at mark")
    screen.table(columns, rows, title=f"Frontier of {curve['pool']}: at its trigger where {second} stands at")
