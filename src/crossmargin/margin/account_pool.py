"""The account as one pool: all currencies valued in USD, discounted as collateral, against all requirements."""

from decimal import Decimal

from crossmargin.domain.account import MarginMode
from crossmargin.domain.arithmetic import ONE, ZERO, quotient
from crossmargin.domain.marks import Marks
from crossmargin.errors import MissingDataError
from crossmargin.margin.legs import Leg
from crossmargin.margin.pool import Pool, Risk, requirements, status_of
from crossmargin.margin.pools import write_leg
from crossmargin.margin.prices_usd import usd_price
from crossmargin.margin.sheet import EntryKind, Noted, Sheet
from crossmargin.rulebook.collateral import Collateral
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.tiers import Tier

__all__ = ["ACCOUNT_POOL", "account_pool", "collateral_of", "counted_at", "free_in", "price_of"]

ACCOUNT_POOL = "account"

_SHARED = (
    EntryKind.POSITION_MARGIN,
    EntryKind.ORDER_MARGIN,
    EntryKind.NETTING,
    EntryKind.ORDER_FEE,
    EntryKind.OPEN_LOSS,
    EntryKind.ISOLATED_ORDER,
    EntryKind.MAINTENANCE,
    EntryKind.CLOSING_FEE,
    EntryKind.EXPOSURE,
)


def account_pool(
    cross: dict[str, list[Leg]], sheets: dict[str, Sheet], marks: Marks, rulebook: Rulebook
) -> tuple[Pool, Sheet]:
    """The one cross pool of an account, in USD, and the sheet behind it.

        available = sum over currencies of collateral value - fees and losses of open orders
        required  = sum over legs of (maintenance + closing fee) x USD price + maintenance of debts

    Raises:
        MissingDataError: a USD price, collateral slices or loan tiers that are needed were not given.

    Source: docs/spec.md 2 A5; docs/sources.md 2.1 (OKX), 5.2 (Binance), 6.1 (Bybit).
    """
    legs = [leg for each in cross.values() for leg in each]
    charges = requirements(legs, rulebook.rules.requirement_step)
    for leg, charge in zip(legs, charges, strict=True):
        write_leg(sheets[leg.currency], leg, charge)
    lines = any(sheet.entries is not None for sheet in sheets.values())
    whole = Sheet(lines=lines)
    for currency, sheet in sheets.items():
        price = price_of(currency, sheet, marks)
        if price is None:
            continue
        _write_collateral(whole, currency, sheet, price, rulebook)
        _convert(whole, sheet, price)
    risk = Risk(
        available=whole.figure("adjusted_equity"),
        initial=whole.figure("account_initial"),
        maintenance=whole.figure("account_maintenance"),
        fees=whole.figure("liquidation_fee"),
    )
    pool = Pool(
        currency="USD",
        isolated=None,
        legs=tuple(legs),
        requirements=tuple(charges),
        fixed=risk.available,
        risk=risk,
        ratio=risk.ratio,
        status=status_of(risk, rulebook.rules),
    )
    return pool, whole


def price_of(currency: str, sheet: Sheet, marks: Marks) -> Decimal | None:
    """USD price of a currency that the account uses; None where it holds and needs nothing.

    Raises:
        MissingDataError: no chain of prices reaches USD.

    Source: docs/spec.md 1 "total equity in USD".
    """
    price = usd_price(marks, currency)
    if price is None and any(sheet.totals):
        raise MissingDataError(f'fx.{currency}: the account is one pool in USD: add [fx] {currency} = "..."')
    return price


def collateral_of(currency: str, rulebook: Rulebook) -> Collateral:
    """How a currency counts.

    Raises:
        MissingDataError: the rulebook has no sourced slices for it.

    Source: the rulebook's [collateral], or the account file's.
    """
    found = rulebook.collateral.get(currency)
    if found is None or (found.enabled and not found.slices):
        raise MissingDataError(
            f"{rulebook.venue}: no collateral rates known for {currency}: give them in the account file: "
            f'[collateral.{currency}] tiers = [{{ up_to = "10", rate = "0.98" }}, {{ rate = "0.95" }}]'
        )
    return found


def counted_at(currency: str, amount: Decimal, price: Decimal, rulebook: Rulebook) -> tuple[Decimal, Decimal]:
    """How much of an amount counts, and its USD price: slices and bid buffer above zero, ask buffer below.

    Source: docs/sources.md 2.1 (OKX), 5.2 (Binance), 6.1 (Bybit).
    """
    if amount > 0:
        curve = collateral_of(currency, rulebook)
        return curve.counted(amount), price * (ONE - curve.bid_buffer)
    known = rulebook.collateral.get(currency)
    return amount, price * (ONE + (known.ask_buffer if known else ZERO))


def free_in(currency: str, pool: Pool, marks: Marks) -> Decimal:
    """Free margin of the account, as an amount of a currency: max(0, available - initial) / USD price.

    Source: docs/sources.md 2.2 (admission against the account's free margin).
    """
    price = usd_price(marks, currency)
    spare = max(ZERO, pool.risk.available - pool.risk.initial)
    return quotient(spare, price) if price is not None else ZERO


def _write_collateral(whole: Sheet, currency: str, sheet: Sheet, price: Decimal, rulebook: Rulebook) -> None:
    """Value of one currency's balance (and PnL) as collateral, and the margin of what it owes."""
    cash = sheet.figure("balance") - sheet.figure("interest")
    moving = sheet.figure("floating_pnl") + sheet.figure("option_value")
    discounted = rulebook.rules.collateral_pnl == "discounted"
    amount = cash + moving if discounted else cash
    if amount:
        counted, rate = counted_at(currency, amount, price, rulebook)
        more = {"counted": counted} if amount > 0 else {}
        whole.add(EntryKind.COLLATERAL, counted * rate, _note(whole, currency, amount, rate, **more))
    if not discounted:
        whole.add(EntryKind.COLLATERAL, moving * price, _note(whole, f"{currency} PnL", moving, price))
    debt = max(ZERO, -(cash + moving - sheet.figure("spot_holds")))
    if debt and rulebook.rules.borrowing == "margined":
        row = _loan_tier(currency, debt, rulebook)
        initial, maintenance = row.initial_rate or ZERO, row.maintenance_rate
        note = _note(whole, currency, debt, price, initial_rate=initial, maintenance_rate=maintenance)
        whole.add(EntryKind.BORROW_INITIAL, debt * price * initial, note)
        whole.add(EntryKind.BORROW_MAINTENANCE, debt * price * maintenance, note)


def _loan_tier(currency: str, debt: Decimal, rulebook: Rulebook) -> Tier:
    table = rulebook.tiers.get(("borrow", currency, MarginMode.CROSS))
    if table is None:
        raise MissingDataError(
            f"{rulebook.venue}: {currency} is owed, and no loan tiers are known for it: give them in the account "
            f'file: [collateral.{currency}] loan_tiers = [{{ initial_rate = "0.2", maintenance_rate = "0.04" }}]'
        )
    return table.tiers[table.index_of(debt)]


def _note(whole: Sheet, name: str, amount: Decimal, price: Decimal, **more: Decimal) -> object:
    """The numbers behind an amount, where lines are kept."""
    if whole.entries is None:
        return None
    inputs: dict[str, Decimal | str] = {"amount": amount, "USD price": price}
    return Noted(name, inputs | {key.replace("_", " "): each for key, each in more.items()})


def _convert(whole: Sheet, sheet: Sheet, price: Decimal) -> None:
    """Entries of a currency's sheet that the account shares, in USD."""
    if sheet.entries is None:
        for kind in _SHARED:
            whole.add(kind, sheet.totals[kind] * price)
        return
    for entry in sheet.entries:
        if entry.kind in _SHARED:
            whole.add(entry.kind, entry.amount * price, entry.of)
