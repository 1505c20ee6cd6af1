"""replay(account, tape, rulebook): an account through bars, in cross and in isolated mode side by side."""

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec
from msgspec import Struct

from crossmargin.backtest.fate import Fate
from crossmargin.backtest.walker import Walker, Worth
from crossmargin.domain.account import Account, MarginMode, OrderState, Position, PositionMode
from crossmargin.domain.arithmetic import exact, plain
from crossmargin.domain.marks import Marks
from crossmargin.errors import MissingDataError
from crossmargin.margin.legs import position_leg
from crossmargin.margin.modes import in_mode
from crossmargin.margin.pool import Status
from crossmargin.margin.pools import isolated_margin
from crossmargin.margin.valuation import held_in
from crossmargin.market.candles import Tape
from crossmargin.market.funding import Funding
from crossmargin.rulebook.model import Rulebook

__all__ = ["AS_WRITTEN", "Replay", "replay"]

AS_WRITTEN = "as written"
_RULES = (
    "inside a bar every position meets its own worst price (long: low, short: high) at once, then the close",
    "a pool at its trigger is taken over whole, not in parts: positions leave, what was left of it is lost",
    "a loss never exceeds the pool: what is missing beyond it is noted as deficit and falls on the venue",
    "no fees, slippage or interest; nobody adds or withdraws money",
)


class Replay(Struct, frozen=True, kw_only=True):
    """One account through one tape.

    Attributes:
        fates: What became of the book in each mode, by mode.
        mode: The mode of the account as it was given.
        tape: The bars.
        unit: Currency in which whole accounts are told.
        warn_at: Margin ratio at or below which the rules warn.
        assumptions: Everything that stood in for something unknown.
    """

    fates: dict[str, Fate]
    mode: str
    tape: Tape
    unit: str
    warn_at: Decimal
    assumptions: tuple[str, ...]

    @property
    def status(self) -> Status:
        """What became of the book in the mode in which it was given."""
        return self.fates[self.mode].status


@exact
def replay(
    account: Account, tape: Tape, rulebook: Rulebook,
    *, funding: Funding, base: Marks | None = None, progress: Callable[[int], None] | None = None,
) -> Replay:  # fmt: skip
    """Walk an account through a tape.

    Args:
        account: Balances, positions and live orders at the open of the first bar; orders are never filled.
        tape: Mark price bars of every instrument that the account holds or has ordered.
        rulebook: The venue's rules.
        funding: Rates that fall due, `NO_FUNDING` for none.
        base: Other prices (index, fx), taken as unchanging.
        progress: Called with the number of bars done; may raise to stop.

    Returns:
        A fate for each mode. A book of both modes is walked as it is written too.

    Raises:
        MissingDataError: no position, or no bars of an instrument.
    """
    _check(account, tape)
    base = base or Marks()
    worth, notes = _worth(account, rulebook, tape)
    opened = msgspec.structs.replace(base, mark={name: bars[0].open for name, bars in tape.marks.items()})
    mode, books, more = _books(_with_margins(account, opened, rulebook), opened, rulebook)
    walkers = [Walker(name, book, rulebook, base, worth) for name, book in books.items()]
    for index, time_ms in enumerate(tape.times):
        bars = {name: each[index] for name, each in tape.marks.items()}
        lasts = None if tape.lasts is None else {name: each[index] for name, each in tape.lasts.items()}
        for walker in walkers:
            walker.walk(bars, lasts, funding.due.get(time_ms, {}))
        if progress is not None:
            progress(index + 1)
    return Replay(
        fates={walker.mode: walker.fate() for walker in walkers},
        mode=mode,
        tape=tape,
        unit=worth.unit,
        warn_at=rulebook.rules.warn_at,
        assumptions=(
            *tape.assumptions,
            funding.assumption,
            *notes,
            *more,
            *(note for walker in walkers for note in walker.notes),
            *_told(account, rulebook),
            *_RULES,
        ),
    )


def _check(account: Account, tape: Tape) -> None:
    if not account.positions:
        raise MissingDataError("the account has no open position: there is nothing to replay")
    live = [order for order in account.orders if order.state is OrderState.LIVE]
    for name in dict.fromkeys([p.instrument for p in account.positions] + [o.instrument for o in live]):
        if name not in tape.marks:
            raise MissingDataError(f"no candles of {name}: give --candles {name}=FILE")


def _told(account: Account, rulebook: Rulebook) -> Iterable[str]:
    """The rules and tiers that judge, by date, and what happens to orders."""
    yield f"rules {rulebook.id}"
    for position in account.positions:
        instrument = rulebook.instrument(position.instrument)
        table = rulebook.tier_table(instrument, position.margin_mode)
        if table.effective_from is not None:
            yield f"maintenance tiers of {instrument.id} as of {table.effective_from}"
    if any(order.state is OrderState.LIVE for order in account.orders):
        cancelled = ", and are cancelled before liquidation" if rulebook.rules.cancels_orders_first else ""
        yield f"live orders are never filled{cancelled}"


# ---------------------------------------------------------------- the books


def _books(account: Account, opened: Marks, rulebook: Rulebook) -> tuple[str, dict[str, Account], list[str]]:
    """The book as it was given and in each mode, the name of the given one, and notes."""
    given = {position.margin_mode for position in account.positions}
    mode = AS_WRITTEN if len(given) > 1 else next(iter(given)).value
    books: dict[str, Account] = {}
    notes = []
    if mode not in (MarginMode.CROSS, MarginMode.ISOLATED):
        books[AS_WRITTEN], mode = account, AS_WRITTEN
    for each in (MarginMode.CROSS, MarginMode.ISOLATED):
        if mode == each:
            books[each.value] = account
        elif (clash := _clash(account)) or each not in rulebook.rules.margin_modes:
            notes.append(f"{each} left out: {clash or f'{rulebook.venue} does not offer it'}")
        else:
            books[each.value] = in_mode(account, each, opened, rulebook)
    notes += [note for name, book in books.items() for note in _overdrawn(name, book)]
    return mode, books, notes


def _clash(account: Account) -> str:
    """Why the whole book can't be put into one mode: two positions would become one."""
    seen: set[tuple[str, str]] = set()
    for position in account.positions:
        side = position.side.value if account.position_mode is PositionMode.HEDGE else ""
        if (position.instrument, side) in seen:
            return f"{position.instrument} is held in both modes"
        seen.add((position.instrument, side))
    return ""


def _with_margins(book: Account, opened: Marks, rulebook: Rulebook) -> Account:
    """Write down the margin of isolated positions that have the default one: funding will change it."""

    def written(position: Position) -> Position:
        if position.margin_mode is not MarginMode.ISOLATED or position.margin is not None:
            return position
        margin = isolated_margin(position, position_leg(position, opened, rulebook))
        return msgspec.structs.replace(position, margin=margin)

    return msgspec.structs.replace(book, positions=tuple(written(position) for position in book.positions))


def _overdrawn(mode: str, book: Account) -> Iterable[str]:
    for currency, balance in book.balances.items():
        if balance < 0:
            over = f"{plain(-balance)} {currency}"
            yield f"{mode}: its margins exceed the balance by {over}: the book could not be opened so"


# ---------------------------------------------------------------- the unit of whole accounts


def _worth(account: Account, rulebook: Rulebook, tape: Tape) -> tuple[Worth, list[str]]:
    """Choose the currency in which most of the account can be told."""
    instruments = [rulebook.instrument(position.instrument) for position in account.positions]
    pools = [held_in(each, position) for each, position in zip(instruments, account.positions, strict=True)]
    cash = [currency for currency, amount in account.balances.items() if amount]
    currencies = list(dict.fromkeys([*pools, *cash]))
    units = dict.fromkeys([*currencies, *(each.quote for each in instruments)])
    choices = [Worth(unit, _prices(unit, currencies, rulebook, tape)) for unit in units]
    worth = max(choices, key=lambda choice: len(choice.prices) + (choice.unit in currencies))
    left_out = [each for each in currencies if each != worth.unit and each not in worth.prices]
    notes = [f"{each} has no price in {worth.unit} here: whole-account figures leave it out" for each in left_out]
    told = [f"{each} is valued at {name} in {worth.unit}" for each, name in worth.prices.items()]
    return worth, told + notes


def _prices(unit: str, currencies: list[str], rulebook: Rulebook, tape: Tape) -> dict[str, str]:
    """The instrument on the tape that prices each currency in a unit."""
    prices: dict[str, str] = {}
    for name in tape.marks:
        instrument = rulebook.instrument(name)
        if instrument.quote == unit and instrument.base in currencies and instrument.base != unit:
            prices.setdefault(instrument.base, name)
    return prices
