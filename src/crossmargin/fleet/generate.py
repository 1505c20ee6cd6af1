"""Made-up fleets, seeded: many accounts over a venue's instruments, or over a made-up market of any size.

Popularity falls like a Zipf law, equity is log-normal around 1,500, gross leverage log-normal around a median with a
long tail, sides are 60 % long. No account begins below 105 % of its requirement.
"""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from crossmargin.domain.account import MarginMode
from crossmargin.domain.arithmetic import EXACT
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError
from crossmargin.fleet.arrays import Bools, Floats, Ints, Scaled
from crossmargin.fleet.columns import Columns
from crossmargin.fleet.pack import pack
from crossmargin.fleet.screen import screen
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.tiers import Tier, TierTable, deductions

__all__ = ["generate", "made_up_market", "made_up_marks", "with_tiers"]

CONTRACT_PLACES, PRICE_PLACES, CASH_PLACES = 6, 8, 8
USUAL = {"BTC": 60_000.0, "ETH": 3_000.0}
DIGITS = 5
LEVERAGES = (5, 10, 20, 25, 50)
LONG_SHARE = 0.6


def made_up_marks(rulebook: Rulebook, names: Sequence[str], seed: int = 7) -> Marks:
    """A mark of five digits for each instrument; instruments of one coin share a price."""
    random = np.random.default_rng(seed)
    coins: dict[str, Decimal] = {}
    for name in names:
        coin = rulebook.instrument(name).base
        drawn = USUAL.get(coin) or float(np.exp(random.uniform(np.log(0.01), np.log(500.0))))
        coins.setdefault(coin, Decimal(f"{drawn:.{DIGITS}g}"))
    return Marks(mark={name: EXACT.plus(coins[rulebook.instrument(name).base]) for name in names})


def with_tiers(rulebook: Rulebook) -> list[str]:
    """Swaps of a venue whose tiers its rulebook has; of patterns, the usual coins."""
    listed = [each for each in rulebook.instruments.values() if each.kind == Kind.PERPETUAL]
    if not listed:
        names = [f"{coin}/USDT:USDT" for coin in (*USUAL, "SOL", "XRP", "DOGE")]
        listed = [rulebook.instrument(name) for name in names]
    return [each.id for each in listed if _has_tiers(rulebook, each)]


def _has_tiers(rulebook: Rulebook, instrument: Instrument) -> bool:
    keys = [("perpetual", name, MarginMode.CROSS) for name in (instrument.id, instrument.family, "*")]
    return any(key in rulebook.tiers for key in keys)


def made_up_market(rulebook: Rulebook, count: int, *, brackets: int = 8, seed: int = 7) -> Rulebook:
    """A venue's rules over `count` made-up linear perpetuals with brackets whose maintenance is continuous."""
    random = np.random.default_rng(seed)
    instruments, tables = [], {}
    for index in range(count):
        coin = {0: "BTC", 1: "ETH"}.get(index, f"C{index:03d}")
        name = f"{coin}-USDT-MADE-UP"
        base = Decimal("0.004") if coin in USUAL else Decimal(f"{0.0065 + 0.0085 * random.random():.4f}")
        floor = 300_000 if coin in USUAL else 25_000
        instruments.append(
            Instrument(id=name, kind=Kind.PERPETUAL, base=coin, quote="USDT", settle="USDT", family=name,
                       taker_fee=Decimal("0.0005"))
        )  # fmt: skip
        tables[("perpetual", name, MarginMode.CROSS)] = _brackets(base, floor, brackets)
        tables[("perpetual", name, MarginMode.ISOLATED)] = _brackets(base, floor, brackets)
    return rulebook.with_instruments(instruments, tables)


def _brackets(base: Decimal, floor: int, count: int) -> TierTable:
    floors = [Decimal(0), *(Decimal(floor * 4**step) for step in range(count - 1))]
    rates = [min(base * (100 + 90 * t + 15 * t * t) / 100, Decimal("0.5")) for t in range(count)]
    tiers = tuple(
        Tier(maintenance_rate=rate, up_to=floors[t + 1] if t + 1 < count else None, deduction=off)
        for t, (rate, off) in enumerate(zip(rates, deductions(floors, rates), strict=True))
    )
    return TierTable(tiers=tiers, unit="notional", scheme="marginal")


def generate(
    rulebook: Rulebook,
    marks: Marks,
    *,
    accounts: int,
    positions: int = 5,
    leverage: float = 3.0,
    isolated: float = 0.0,
    seed: int = 11,
    first: int = 0,
) -> Columns:
    """Make accounts.

    Args:
        rulebook: Their venue.
        marks: Prices now; instruments are those with a mark.
        accounts: How many.
        positions: Positions of each.
        leverage: Median gross leverage.
        isolated: Share of positions with margin of their own.
        seed: The same seed, the same fleet.
        first: Number of the first account.
    """
    if accounts < 1 or positions < 1:
        raise InputError("generate", "", f"{accounts} accounts with {positions} positions are nothing to generate")
    random = np.random.default_rng(seed)
    names = tuple(marks.mark)
    instrument, settle = _choose(random, rulebook, names, accounts, positions)
    coin = _usd_of(rulebook, names, marks)
    equity = np.exp(random.normal(np.log(1500.0), 1.8, accounts)).clip(20.0, 5e6)
    gross = equity * np.exp(random.normal(np.log(leverage), 1.0, accounts)).clip(0.0, 100.0)
    value = (gross[:, None] * random.dirichlet(np.ones(positions), accounts)).ravel()
    side = np.where(random.random(len(value)) < LONG_SHARE, 1, -1).astype(np.int8)
    mark, unit, inverse = _facts(rulebook, names, marks)
    contracts = np.where(inverse[instrument], value, value / mark[instrument]) / unit[instrument]
    entry = mark[instrument] * np.exp(random.normal(0.0, 0.02, len(value)))
    alone = (random.random(len(value)) < isolated) & ~_repeated(instrument.reshape(accounts, positions))
    size = Scaled(np.maximum(np.rint(contracts * 10**CONTRACT_PLACES), 1).astype(np.int64), CONTRACT_PLACES)
    columns = Columns(
        ids=[f"a{number:07d}" for number in range(first, first + accounts)],
        currencies=tuple(dict.fromkeys(rulebook.instrument(name).settle for name in names)),
        instruments=names,
        balance_start=np.arange(accounts + 1),
        balance_currency=settle,
        balance=_scaled(equity / coin[settle], CASH_PLACES),
        start=np.arange(0, accounts * positions + 1, positions),
        instrument=instrument,
        side=side,
        isolated=alone,
        contracts=size,
        entry_price=_scaled(entry, PRICE_PLACES),
        leverage=Scaled(random.choice(np.array(LEVERAGES), len(value)).astype(np.int64), 0),
        margin=Scaled(np.zeros(len(value), np.int64), 0),
        margin_given=np.zeros(len(value), np.bool_),
        hedge=np.zeros(accounts, np.bool_),
    )
    return _above_requirement(columns, rulebook, marks)


def _choose(
    random: np.random.Generator, rulebook: Rulebook, names: Sequence[str], accounts: int, positions: int
) -> tuple[Ints, Ints]:
    """Instrument of each position and settlement currency of each account: one currency an account."""
    settles = [rulebook.instrument(name).settle for name in names]
    currencies = list(dict.fromkeys(settles))
    popularity = 1.0 / (np.arange(len(names)) + 1.0) ** 0.9
    weight = np.array([popularity[[s == each for s in settles]].sum() for each in currencies])
    settle = random.choice(len(currencies), accounts, p=weight / weight.sum()).astype(np.int64)
    instrument = np.empty((accounts, positions), np.int64)
    for code, currency in enumerate(currencies):
        mine = np.flatnonzero(settle == code)
        offered = np.flatnonzero([each == currency for each in settles])
        share = popularity[offered] / popularity[offered].sum()
        instrument[mine] = random.choice(offered, (len(mine), positions), p=share)
    return instrument.ravel(), settle


def _repeated(instrument: Ints) -> Bools:
    """Positions whose instrument an earlier one of the account has: an account has one isolated position of a kind."""
    found = np.zeros(instrument.shape, np.bool_)
    for later in range(1, instrument.shape[1]):
        found[:, later] = (instrument[:, :later] == instrument[:, later : later + 1]).any(axis=1)
    return found.ravel()


def _facts(rulebook: Rulebook, names: Sequence[str], marks: Marks) -> tuple[Floats, Floats, Bools]:
    found = [rulebook.instrument(name) for name in names]
    mark = np.array([float(marks.mark[name]) for name in names])
    return mark, np.array([float(each.unit) for each in found]), np.array([each.inverse for each in found], np.bool_)


def _usd_of(rulebook: Rulebook, names: Sequence[str], marks: Marks) -> Floats:
    """Price of each settlement currency: 1, or the mark of the inverse contract that settles in it."""
    price: dict[str, float] = {}
    for name in names:
        instrument = rulebook.instrument(name)
        price.setdefault(instrument.settle, float(marks.mark[name]) if instrument.inverse else 1.0)
    return np.array(list(price.values()))


def _scaled(amounts: Floats, places: int) -> Scaled:
    return Scaled(np.rint(amounts * 10**places).astype(np.int64), places)


def _above_requirement(columns: Columns, rulebook: Rulebook, marks: Marks) -> Columns:
    """Take the floating PnL out of the balance, so that equity is as drawn, and lift who would begin in liquidation."""
    from dataclasses import replace

    fleet = pack(columns, rulebook)
    found = screen(fleet, marks)
    cross = fleet.currency >= 0
    pools = np.flatnonzero(cross & (fleet.currency == columns.balance_currency[fleet.owner]))
    drawn = columns.balance.floats()[fleet.owner[pools]]
    wanted = np.maximum(drawn, 1.05 * found.required[pools])
    balance = columns.balance.floats()
    balance[fleet.owner[pools]] += wanted - found.equity[pools]
    return replace(columns, balance=_scaled(balance, CASH_PLACES))
