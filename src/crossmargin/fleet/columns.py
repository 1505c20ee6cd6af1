"""Accounts as columns: the one form in which a fleet is generated, stored, read and packed.

One row an account. Balances and positions are lists, flattened: the entries of account `a` are those from `start[a]`
to `start[a + 1]`. Every amount is exact (see `arrays.Scaled` and `arrays.Decimals`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from crossmargin.domain.account import Account, AccountMode, MarginMode, OrderState, Position, PositionMode, Side
from crossmargin.domain.instrument import Kind
from crossmargin.errors import InputError, UnsupportedError
from crossmargin.fleet.arrays import Amounts, Bools, Codes, Decimals, Ints, joined_amounts
from crossmargin.fleet.coverage import check_position
from crossmargin.rulebook.model import Rulebook

__all__ = ["SWAPS", "Columns", "columns_of", "joined"]

SWAPS = (Kind.PERPETUAL, Kind.FUTURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A fleet, exactly.

    Attributes:
        ids: Name of each account.
        currencies: Names behind `balance_currency`.
        instruments: Names behind `instrument`, the venue's ids.
        balance_start: First balance of each account, and the end of the last.
        balance_currency: Currency of each balance.
        balance: Realised cash; the margin of isolated positions is not in it.
        start: First position of each account, and the end of the last.
        instrument: Instrument of each position.
        side: +1 long, -1 short.
        isolated: Whether the position has its own margin.
        contracts: Size, zero or more.
        entry_price: Average open price.
        leverage: Chosen leverage.
        margin: Margin of an isolated position.
        margin_given: Whether `margin` says so; else it is entry value / leverage.
        hedge: Whether the account keeps long and short side by side.
        account_mode: Mode of all accounts; `pack` sets that of the rulebook where there are no originals.
        originals: The accounts themselves, where the columns were made of them.
        beyond: Accounts that hold more than the columns say (live orders, spot margin): they are always assessed
            exactly, at each move of an instrument of theirs.
    """

    ids: Sequence[str]
    currencies: tuple[str, ...]
    instruments: tuple[str, ...]
    balance_start: Ints
    balance_currency: Ints
    balance: Amounts
    start: Ints
    instrument: Ints
    side: Codes
    isolated: Bools
    contracts: Amounts
    entry_price: Amounts
    leverage: Amounts
    margin: Amounts
    margin_given: Bools
    hedge: Bools
    account_mode: AccountMode = AccountMode.SINGLE_CURRENCY
    originals: Sequence[Account] | None = None
    beyond: Bools | None = None

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.ids)

    def account(self, index: int) -> Account:
        """One account as `margin.assess` takes it."""
        if self.originals is not None:
            return self.originals[index]
        held = range(self.balance_start[index], self.balance_start[index + 1])
        return Account(
            balances={self.currencies[self.balance_currency[k]]: self.balance.decimal(k) for k in held},
            positions=tuple(self.position(k) for k in range(self.start[index], self.start[index + 1])),
            position_mode=PositionMode.HEDGE if self.hedge[index] else PositionMode.ONE_WAY,
            account_mode=self.account_mode,
        )

    def position(self, index: int) -> Position:
        """One position, counted through all accounts."""
        isolated = bool(self.isolated[index])
        return Position(
            instrument=self.instruments[self.instrument[index]],
            side=Side.LONG if self.side[index] > 0 else Side.SHORT,
            margin_mode=MarginMode.ISOLATED if isolated else MarginMode.CROSS,
            contracts=self.contracts.decimal(index),
            entry_price=self.entry_price.decimal(index),
            leverage=self.leverage.decimal(index),
            margin=self.margin.decimal(index) if isolated and self.margin_given[index] else None,
        )


def _check(columns: Columns) -> None:
    """Refuse columns that contradict each other, by name."""
    accounts, positions, balances = len(columns.ids), len(columns.instrument), len(columns.balance_currency)
    lengths = {
        "balance_start": accounts + 1, "start": accounts + 1, "hedge": accounts, "balance": balances,
        "side": positions, "isolated": positions, "contracts": positions, "entry_price": positions,
        "leverage": positions, "margin": positions, "margin_given": positions,
    }  # fmt: skip
    for name, wanted in lengths.items():
        found = len(getattr(columns, name))
        if found != wanted:
            raise InputError("columns", name, f"{found} rows, {wanted} expected")
    for name, ends in (("balance_start", balances), ("start", positions)):
        starts = getattr(columns, name)
        if starts[0] != 0 or starts[-1] != ends or np.any(np.diff(starts) < 0):
            raise InputError("columns", name, f"has to rise from 0 to {ends}")
    for name, count in (("balance_currency", len(columns.currencies)), ("instrument", len(columns.instruments))):
        codes = getattr(columns, name)
        if len(codes) and not 0 <= codes.min() <= codes.max() < count:
            raise InputError("columns", name, f"codes have to lie from 0 to {count - 1}")
    if not np.all(np.abs(columns.side) == 1):
        raise InputError("columns", "side", "has to be 1 (long) or -1 (short)")


def columns_of(accounts: Sequence[Account], rulebook: Rulebook, ids: Sequence[str] = ()) -> Columns:
    """Columns of domain accounts.

    Raises:
        UnsupportedError: an account holds options, or is in a mode that shares collateral between currencies.
    """
    names = list(ids) or [str(index) for index in range(len(accounts))]
    currencies: dict[str, int] = {}
    instruments: dict[str, int] = {}
    beyond = np.array([_is_beyond(account, rulebook, name) for account, name in zip(accounts, names, strict=True)])
    held = [(name, amount) for account in accounts for name, amount in account.balances.items()]
    rows = [_rows(account, bool(more)) for account, more in zip(accounts, beyond, strict=True)]
    positions = [position for row in rows for position in row]
    codes = [_code(instruments, rulebook.instrument(each.instrument).id) for each in positions]
    return Columns(
        ids=names,
        balance_start=_starts(len(account.balances) for account in accounts),
        balance_currency=np.array([_code(currencies, name) for name, _ in held], np.int64),
        balance=Decimals([amount for _, amount in held]),
        start=_starts(len(row) for row in rows),
        instrument=np.array(codes, np.int64),
        side=np.array([each.side.sign for each in positions], np.int8),
        isolated=np.array([each.margin_mode == MarginMode.ISOLATED for each in positions], np.bool_),
        contracts=Decimals([each.contracts for each in positions]),
        entry_price=Decimals([each.entry_price for each in positions]),
        leverage=Decimals([each.leverage for each in positions]),
        margin=Decimals([each.margin or Decimal(0) for each in positions]),
        margin_given=np.array([each.margin is not None for each in positions], np.bool_),
        hedge=np.array([each.position_mode == PositionMode.HEDGE for each in accounts], np.bool_),
        account_mode=accounts[0].account_mode if accounts else AccountMode.SINGLE_CURRENCY,
        currencies=tuple(currencies),
        instruments=tuple(instruments),
        originals=accounts,
        beyond=beyond.astype(np.bool_),
    )


def _is_beyond(account: Account, rulebook: Rulebook, name: str) -> bool:
    if account.account_mode not in rulebook.rules.account_modes or account.account_mode == AccountMode.PORTFOLIO:
        raise UnsupportedError(f'account "{name}": account_mode "{account.account_mode}" is not covered by the fleet')
    for each in account.orders:
        if rulebook.instrument(each.instrument).kind == Kind.OPTION:
            raise UnsupportedError(f'account "{name}": orders for options are not covered by the fleet')
    for position in account.positions:
        check_position(position, rulebook, name)
    if rulebook.rules.pool_scope == "account" and any(account.interest.values()):
        return True
    live = any(order.state == OrderState.LIVE for order in account.orders)
    kinds = (*SWAPS, Kind.OPTION)
    return live or any(rulebook.instrument(each.instrument).kind not in kinds for each in account.positions)


def _rows(account: Account, beyond: bool) -> list[Position]:
    """The positions; where the columns can't say all, an empty one for each instrument whose price matters."""
    if not beyond:
        return list(account.positions)
    return [Position(instrument=name, side=Side.LONG, entry_price=Decimal(1)) for name in _instruments(account)]


def _instruments(account: Account) -> list[str]:
    return [each.instrument for each in account.positions] + [each.instrument for each in account.orders]


def _starts(lengths: Iterable[int]) -> Ints:
    return np.cumsum([0, *lengths], dtype=np.int64)


def _code(known: dict[str, int], name: str) -> int:
    return known.setdefault(name, len(known))


def joined(parts: Sequence[Columns]) -> Columns:
    """Parts of one fleet as one; an account stands wholly in one part.

    Raises:
        InputError: an account stands in two parts.
    """
    if len(parts) == 1:
        return parts[0]
    ids = [str(name) for part in parts for name in part.ids]
    if len(set(ids)) != len(ids):
        raise InputError("columns", "ids", "an account stands in two parts")
    currency, currencies = _recoded([each.currencies for each in parts], [each.balance_currency for each in parts])
    instrument, instruments = _recoded([each.instruments for each in parts], [each.instrument for each in parts])
    return Columns(
        ids=ids,
        currencies=currencies,
        instruments=instruments,
        balance_start=_starts(length for each in parts for length in np.diff(each.balance_start).tolist()),
        balance_currency=currency,
        balance=joined_amounts([each.balance for each in parts]),
        start=_starts(length for each in parts for length in np.diff(each.start).tolist()),
        instrument=instrument,
        side=np.concatenate([each.side for each in parts]),
        isolated=np.concatenate([each.isolated for each in parts]),
        contracts=joined_amounts([each.contracts for each in parts]),
        entry_price=joined_amounts([each.entry_price for each in parts]),
        leverage=joined_amounts([each.leverage for each in parts]),
        margin=joined_amounts([each.margin for each in parts]),
        margin_given=np.concatenate([each.margin_given for each in parts]),
        hedge=np.concatenate([each.hedge for each in parts]),
        account_mode=parts[0].account_mode,
    )


def _recoded(names: Sequence[tuple[str, ...]], codes: Sequence[Ints]) -> tuple[Ints, tuple[str, ...]]:
    """Codes of several parts under one list of names."""
    known: dict[str, int] = {}
    tables = [np.array([_code(known, name) for name in each] or [0], np.int64) for each in names]
    return np.concatenate([table[each] for table, each in zip(tables, codes, strict=True)]), tuple(known)
