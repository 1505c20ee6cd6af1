"""assess(account, marks, rulebook): every margin figure of one account at one moment."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.domain.account import Account, MarginMode, Position
from crossmargin.domain.arithmetic import ZERO, exact, quotient, scaled
from crossmargin.domain.instrument import Kind
from crossmargin.domain.marks import Marks
from crossmargin.errors import UnsupportedError
from crossmargin.margin.account_pool import ACCOUNT_POOL, account_pool, free_in
from crossmargin.margin.holds import Hold, HoldKind, holds_of
from crossmargin.margin.legs import Leg, Requirement, order_leg, position_leg
from crossmargin.margin.pool import Pool, Status
from crossmargin.margin.pools import currency_pool, isolated_pool, write_holds
from crossmargin.margin.sheet import EntryKind, Sheet
from crossmargin.margin.valuation import floating_pnl
from crossmargin.rulebook.model import Rulebook

__all__ = ["Assessment", "CurrencyFigures", "PositionFigures", "assess"]

NOTHING_REQUIRED = "nothing is required: no position and no order needs maintenance margin"


class PositionFigures(Struct, frozen=True, gc=False, kw_only=True):
    """Figures of one position; amounts in the currency of its pool. docs/spec.md 4 lists the keys."""

    id: str
    instrument: str
    side: str
    margin_mode: str
    settle: str
    contracts: Decimal
    notional: Decimal
    entry_price: Decimal
    mark_price: Decimal
    leverage: Decimal
    margin: Decimal | None
    margin_currency: str
    floating_pnl: Decimal
    pnl_ratio: Decimal | None
    initial_margin: Decimal
    maintenance_margin: Decimal
    liquidation_fee: Decimal
    tier: int | None
    margin_ratio: Decimal | None
    status: Status


class CurrencyFigures(Struct, frozen=True, gc=False, kw_only=True):
    """Figures of one currency; `margin_ratio` and `status` are those of its cross pool. Keys: docs/spec.md 4."""

    balance: Decimal
    equity: Decimal
    floating_pnl: Decimal
    isolated_equity: Decimal
    option_value: Decimal
    in_use: Decimal
    free_margin: Decimal
    available_balance: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    liquidation_fee: Decimal
    margin_ratio: Decimal | None
    leverage: Decimal | None
    exposure: Decimal
    exposure_ratio: Decimal | None
    status: Status


class Assessment(Struct, frozen=True, gc=False, kw_only=True):
    """What an account is worth, needs and risks, with everything that led there.

    Attributes:
        account, marks, rulebook: The three arguments.
        currencies: Figures by currency.
        positions: Figures by position, in the account's order.
        holds: What each live order holds.
        cross: Cross pool of each currency, or the one of the account.
        isolated: Pool of each isolated position, by position id.
        sheets: The entries behind each currency's figures (kept only with lines).
        account_sheet: The entries behind the account's figures in USD, where the account is one pool.
        status: The worst pool.
    """

    account: Account
    marks: Marks
    rulebook: Rulebook
    currencies: dict[str, CurrencyFigures]
    positions: tuple[PositionFigures, ...]
    holds: tuple[Hold, ...]
    cross: dict[str, Pool]
    isolated: dict[str, Pool]
    sheets: dict[str, Sheet]
    account_sheet: Sheet | None
    status: Status

    def pool_of(self, position: Position) -> Pool:
        """The pool that backs a position."""
        if position.margin_mode == MarginMode.ISOLATED:
            return self.isolated[position.id]
        instrument = self.rulebook.instrument(position.instrument)
        return self.pool_in(position.margin_currency or instrument.settle)

    def sheet_of(self, pool: Pool) -> Sheet:
        """The entries behind a cross pool: its currency's, or the account's."""
        if self.account_sheet is not None and pool.isolated is None:
            return self.account_sheet
        return self.sheets[pool.currency]

    def pool_in(self, currency: str) -> Pool:
        """The cross pool that a currency belongs to: its own, or the account's."""
        return self.cross[ACCOUNT_POOL if self.rulebook.rules.pool_scope == "account" else currency]


@exact
def assess(account: Account, marks: Marks, rulebook: Rulebook, *, lines: bool = False) -> Assessment:
    """Assess an account.

    Args:
        account: Balances, positions, orders.
        marks: Prices.
        rulebook: The venue's rules.
        lines: Keep the labelled entries that `explain` prints; figures are the same either way.

    Returns:
        Figures per currency, position and pool; amounts exact, quotients half-even to 28 digits.

    Raises:
        MissingDataError: a mark, fee, tier or instrument that a figure needs was not given.
        UnsupportedError: the rulebook does not cover the account's mode.
        PrecisionError: a figure would need more than 60 digits.

    Source: docs/spec.md 1 and 4; docs/sources.md section 1 (OKX), 4 (Binance).

    >>> from crossmargin.domain.account import Side
    >>> from crossmargin.rulebook import load
    >>> long_btc = Position(instrument="BTC-USDT-SWAP", side=Side.LONG, contracts=Decimal(1),
    ...                     entry_price=Decimal(100_000), leverage=Decimal(10))
    >>> report = assess(Account(balances={"USDT": Decimal(20_000)}, positions=(long_btc,)),
    ...                 Marks(mark={"BTC-USDT-SWAP": Decimal(95_000)}), load("textbook"))
    >>> report.currencies["USDT"].equity, report.currencies["USDT"].maintenance_margin
    (Decimal('15000'), Decimal('475.000'))
    """
    _check_covered(account, rulebook)
    legs = [position_leg(position, marks, rulebook) for position in account.positions]
    holds = holds_of(account, marks, rulebook)
    sheets = {currency: Sheet(lines=lines) for currency in _currencies(account, legs, holds)}
    for currency, sheet in sheets.items():
        sheet.add(EntryKind.BALANCE, account.balance(currency), currency)
        sheet.add(EntryKind.INTEREST, account.interest.get(currency, ZERO), currency)
        sheet.add(EntryKind.BOTS, account.bot_frozen.get(currency, ZERO), currency)
    cross, isolated = _split(legs, holds, marks, rulebook)
    isolated_pools = {leg.holding.id: isolated_pool(leg, sheets[leg.currency], rulebook) for leg in isolated}
    write_holds(sheets, cross, holds, account)
    account_sheet: Sheet | None = None
    if rulebook.rules.pool_scope == "account":
        whole, account_sheet = account_pool(cross, sheets, marks, rulebook)
        cross_pools = {ACCOUNT_POOL: whole}
    else:
        cross_pools = {
            currency: currency_pool(currency, cross.get(currency, []), sheet, rulebook)
            for currency, sheet in sheets.items()
        }
    pools = [*cross_pools.values(), *isolated_pools.values()]
    return Assessment(
        account=account,
        marks=marks,
        rulebook=rulebook,
        currencies={
            currency: _currency_figures(currency, sheet, cross_pools, marks, rulebook)
            for currency, sheet in sheets.items()
        },
        positions=_all_position_figures(legs, cross_pools, isolated_pools),
        holds=tuple(holds),
        cross=cross_pools,
        isolated=isolated_pools,
        sheets=sheets,
        account_sheet=account_sheet,
        status=max((pool.status for pool in pools), key=lambda status: status.severity, default=Status.SAFE),
    )


def _check_covered(account: Account, rulebook: Rulebook) -> None:
    rules = rulebook.rules
    if account.account_mode not in rules.account_modes:
        offered = ", ".join(rules.account_modes)
        raise UnsupportedError(f'{rulebook.venue}: account_mode "{account.account_mode}" is not covered: {offered}')
    if account.position_mode not in rules.position_modes:
        raise UnsupportedError(f'{rulebook.venue}: position_mode "{account.position_mode}" is not offered')


def _currencies(account: Account, legs: list[Leg], holds: list[Hold]) -> list[str]:
    names = dict.fromkeys(account.balances)
    names.update(dict.fromkeys(account.interest))
    names.update(dict.fromkeys(account.bot_frozen))
    names.update(dict.fromkeys(leg.currency for leg in legs))
    names.update(dict.fromkeys(hold.currency for hold in holds))
    return list(names)


def _split(
    legs: list[Leg], holds: list[Hold], marks: Marks, rulebook: Rulebook
) -> tuple[dict[str, list[Leg]], list[Leg]]:
    """Sort legs into cross pools and isolated positions; opening orders join their cross pool."""
    cross: dict[str, list[Leg]] = {}
    isolated = []
    for leg in legs:
        if leg.holding.margin_mode == MarginMode.ISOLATED:
            isolated.append(leg)
        else:
            cross.setdefault(leg.currency, []).append(leg)
    for hold in holds:
        if hold.kind == HoldKind.CROSS and hold.contracts:
            extra = order_leg(hold.order, hold.contracts, marks, rulebook)
            if extra is not None:
                cross.setdefault(extra.currency, []).append(extra)
    return cross, isolated


def _currency_figures(
    currency: str, sheet: Sheet, pools: dict[str, Pool], marks: Marks, rulebook: Rulebook
) -> CurrencyFigures:
    balance, floating = sheet.figure("balance"), sheet.figure("floating_pnl")
    whole = pools.get(ACCOUNT_POOL)
    if whole is None:
        pool = pools[currency]
        free = max(ZERO, sheet.figure("uncommitted"))
        available, ratio = free, pool.ratio
        if rulebook.rules.available_balance == "without_gains" and floating > 0:
            available = max(ZERO, sheet.figure("uncommitted_cash"))
    else:
        pool, ratio = whole, None
        free = free_in(currency, whole, marks)
        available = max(ZERO, min(free, balance - sheet.figure("holds")))
    equity, exposure = sheet.figure("equity"), sheet.figure("exposure")
    worth, cross_exposure = balance + floating, sheet.figure("cross_exposure")
    return CurrencyFigures(
        balance=balance,
        equity=equity,
        floating_pnl=floating,
        isolated_equity=sheet.figure("isolated_equity"),
        option_value=sheet.figure("option_value"),
        in_use=sheet.figure("in_use"),
        free_margin=free,
        available_balance=available,
        initial_margin=sheet.figure("initial_margin"),
        maintenance_margin=sheet.figure("maintenance_margin"),
        liquidation_fee=sheet.figure("liquidation_fee"),
        margin_ratio=ratio,
        leverage=quotient(cross_exposure, worth) if worth > 0 else None,
        exposure=exposure,
        exposure_ratio=quotient(equity, exposure) if exposure else None,
        status=pool.status,
    )


def _all_position_figures(
    legs: list[Leg], cross: dict[str, Pool], isolated: dict[str, Pool]
) -> tuple[PositionFigures, ...]:
    """Figures of every position, in the account's order."""
    charges = {
        id(leg): (pool, charge)
        for pool in [*cross.values(), *isolated.values()]
        for leg, charge in zip(pool.legs, pool.requirements, strict=True)
    }
    return tuple(_position_figures(leg, *charges[id(leg)]) for leg in legs)


def _position_figures(leg: Leg, pool: Pool, charge: Requirement) -> PositionFigures:
    position = leg.holding
    assert isinstance(position, Position)
    isolated = pool.isolated is not None
    pnl = leg.pnl
    if leg.instrument.kind == Kind.OPTION:  # its worth is in the pool as option value: the PnL is told, not added
        pnl = floating_pnl(
            leg.instrument, position.side, leg.contracts, entry_price=position.entry_price, mark_price=leg.mark
        )
    return PositionFigures(
        id=position.id,
        instrument=leg.instrument.id,
        side=position.side,
        margin_mode=position.margin_mode,
        settle=leg.instrument.settle,
        contracts=position.contracts,
        notional=leg.value,
        entry_price=position.entry_price,
        mark_price=leg.mark,
        leverage=position.leverage,
        margin=pool.fixed if isolated else None,
        margin_currency=leg.currency,
        floating_pnl=pnl,
        pnl_ratio=scaled(pnl, position.leverage, leg.entry_value) if leg.entry_value else None,
        initial_margin=leg.initial,
        maintenance_margin=charge.maintenance,
        liquidation_fee=charge.fee,
        tier=None if charge.tier is None else charge.tier + 1,
        margin_ratio=pool.ratio,
        status=pool.status,
    )
