"""`crossmargin what-if`: before, after and difference of a list of changes; the largest order and withdrawal."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click
import msgspec

from crossmargin.cli import screen
from crossmargin.cli.options import amounts, balances_option, json_option, load_book, venue_option
from crossmargin.domain.account import Account, Order, OrderSide
from crossmargin.domain.arithmetic import ONE, plain
from crossmargin.domain.numbers import Positive, Sign, number
from crossmargin.errors import InputError
from crossmargin.formats.account_file import Book
from crossmargin.formats.changes_file import check_currency
from crossmargin.margin.admission import cross_leverage
from crossmargin.margin.changes import Change, Deposit, PriceMove, Withdrawal

__all__ = ["command"]


@click.command("what-if")
@click.argument("file")
@click.argument("changes", required=False)
@click.option("--move", "moves", multiple=True, metavar="COIN=FRACTION", help="A coin moves: BTC=-0.2 is -20 %.")
@click.option("--mark", "marks", multiple=True, metavar="INSTRUMENT=PRICE", help="A mark becomes a price.")
@click.option("--deposit", "deposits", multiple=True, metavar="CUR=AMOUNT", help="Money in.")
@click.option("--withdraw", "withdrawals", multiple=True, metavar="CUR=AMOUNT", help="Money out.")
@click.option("--largest", multiple=True, metavar="INSTRUMENT:SIDE:PRICE[:LEVERAGE]", help="Largest order admitted.")
@venue_option
@balances_option
@json_option
def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    file: str, changes: str | None, moves: tuple[str, ...], marks: tuple[str, ...], deposits: tuple[str, ...],
    withdrawals: tuple[str, ...], largest: tuple[str, ...], venue: str | None, balances: tuple[str, ...],
    as_json: bool,
) -> int:  # fmt: skip
    """What CHANGES (a file with [[changes]]) or the options would do to the account in FILE.

    A change that the venue would refuse changes nothing and says why. The file's changes come first, then prices,
    deposits and withdrawals in this order.

    Example: crossmargin what-if examples/day-trader.toml --move BTC=-0.2 --deposit USDT=1000
    """
    from crossmargin.formats.changes_file import read_changes
    from crossmargin.formats.what_if_report import what_if_report
    from crossmargin.margin.what_if import what_if

    book = load_book(file, venue, balances)
    asked: list[Change] = list(read_changes(changes, book.rulebook, book)) if changes else []
    asked += _quick(moves, marks, deposits, withdrawals, book)
    if not asked and not largest:
        raise InputError("what-if", "", "nothing to change: give a file of [[changes]] or an option like --move")
    result = what_if(book.account, book.marks, book.rulebook, asked)
    found = what_if_report(result, book.assumptions)
    after = result.after
    found["limits"] = _limits(after, largest, book)
    if as_json:
        screen.as_json(found)
    else:
        _print(found, result.steps)
    return screen.STATUS_EXIT[after.status.value]


def _quick(
    moves: tuple[str, ...],
    marks: tuple[str, ...],
    deposits: tuple[str, ...],
    withdrawals: tuple[str, ...],
    book: Book,
) -> list[Change]:
    found: list[Change] = []
    moved = amounts(moves, "--move")
    known = {book.rulebook.instrument(name).underlying for name in book.marks.mark}
    for coin in moved:
        if coin not in known:
            raise InputError("--move", coin, f"no instrument with a mark moves with it: {', '.join(sorted(known))}")
    for option, names in (("--deposit", deposits), ("--withdraw", withdrawals)):
        for currency in amounts(names, option, Sign.POSITIVE):
            check_currency(currency, option, currency)
    prices = {
        book.rulebook.instrument(name).id: price for name, price in amounts(marks, "--mark", Sign.POSITIVE).items()
    }
    if moved or prices:
        found.append(PriceMove(moves=moved, marks=prices))  # type: ignore[arg-type]
    for currency, amount in amounts(deposits, "--deposit", Sign.POSITIVE).items():
        found.append(Deposit(currency=currency, amount=Positive(amount)))
    for currency, amount in amounts(withdrawals, "--withdraw", Sign.POSITIVE).items():
        found.append(Withdrawal(currency=currency, amount=Positive(amount)))
    return found


def _kind_of(change: Change) -> str:
    return str(change.__struct_config__.tag).replace("_", " ")


def _in_words(change: Change) -> str:
    """What was asked for, as a person would say it; keys that stand at their default are left out."""
    said = []
    for field in msgspec.structs.fields(change):
        value = getattr(change, field.name)
        if value in (field.default, {}):
            continue
        name = field.name.replace("_", " ")
        if isinstance(value, dict):
            shown = screen.percent if field.name in _FRACTIONS else screen.human
            said.append(f"{name} {', '.join(f'{key} {shown(each)}' for key, each in value.items())}")
        elif field.name in _BARE:
            said.append(str(value))
        elif value is True:
            said.append(name)
        else:
            said.append(f"{name} {screen.human(value) if isinstance(value, Decimal) else str(value).replace('_', ' ')}")
    return ", ".join(said)


_FRACTIONS = {"moves", "rates"}
_BARE = {"instrument", "side", "currency", "direction"}


def _limits(assessment: Any, largest: tuple[str, ...], book: Book) -> dict[str, Any]:  # noqa: ANN401 - lazily imported
    from crossmargin.margin.limits import largest_order
    from crossmargin.margin.withdrawal import largest_withdrawal

    orders = []
    for text in largest:
        order = _parse_order(text, assessment.account, book)
        size = largest_order(assessment.account, order, assessment.marks, assessment.rulebook)
        orders.append({"order": text, "contracts": plain(size)})
    return {
        "largest_withdrawal": {name: plain(largest_withdrawal(assessment, name)) for name in assessment.currencies},
        "largest_order": orders,
    }


def _parse_order(text: str, account: Account, book: Book) -> Order:
    # The instrument may hold colons itself (BTC/USDT:USDT), so the text is read from its end.
    parts = text.split(":")
    side_at = next((i for i, part in enumerate(parts) if part in ("buy", "sell")), 0)
    rest = parts[side_at + 1 :]
    if not side_at or len(rest) not in (1, 2):
        raise InputError(
            "--largest",
            text,
            "expected INSTRUMENT:SIDE:PRICE[:LEVERAGE], for example BTC-USDT-SWAP:buy:95000:10",
        )
    instrument = book.rulebook.instrument(":".join(parts[:side_at]))
    try:
        numbers = [number(part, Sign.POSITIVE) for part in rest]
    except ValueError as error:
        raise InputError("--largest", text, str(error)) from None
    side = OrderSide(parts[side_at])
    held = cross_leverage(account, instrument.id, side.opens)
    leverage = held or Decimal(book.rulebook.rules.default_leverage)
    if len(numbers) == 2:  # noqa: PLR2004 - price and leverage
        leverage = numbers[1]
    if held is not None and leverage != held:
        problem = f"{instrument.id} has one cross leverage, {plain(held)}x: leave it out, or change it first"
        raise InputError("--largest", text, problem)
    return Order(
        instrument=instrument.id,
        side=side,
        contracts=ONE,
        price=numbers[0],
        leverage=leverage,
    )


def _print(found: dict[str, Any], steps: Sequence[Any]) -> None:
    rows: list[tuple[str, ...]] = []
    for step in steps:
        why = "; ".join(step.notes) if step.refusal is None else str(step.refusal)
        answer = "done" if step.refusal is None else "refused"
        rows.append((_kind_of(step.change), _in_words(step.change), answer, screen.sentence(why)))
    if rows:
        screen.table(("change", "", "answer", "why"), rows, title="Changes")
    for currency, difference in found["difference"].items():
        before, after = (found[side]["currencies"].get(currency, {}) for side in ("before", "after"))
        rows = []
        for name in (
            "equity",
            "balance",
            "floating_pnl",
            "in_use",
            "free_margin",
            "initial_margin",
            "maintenance_margin",
        ):
            rows.append(
                (
                    name.replace("_", " ").replace("pnl", "PnL"),
                    *(screen.human(each.get(name)) for each in (before, after, difference)),
                )
            )
        ratios = (before.get("margin_ratio"), after.get("margin_ratio"), difference.get("margin_ratio"))
        rows.append(("margin ratio", *(screen.percent(each) for each in ratios)))
        rows.append(("status", before.get("status", "-"), after.get("status", "-"), ""))
        screen.table((currency, "before", "after", "difference"), rows, title=currency)
    rows = [
        (f"withdrawal {name}", screen.human(amount, 8))
        for name, amount in found["limits"]["largest_withdrawal"].items()
    ]
    rows += [
        (f"order {each['order']}", f"{screen.human(each['contracts'], 8)} contracts")
        for each in found["limits"]["largest_order"]
    ]
    screen.table(("largest", "amount"), rows, title="Limits afterwards")
