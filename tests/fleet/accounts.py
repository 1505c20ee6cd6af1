"""Random accounts, exact and seeded, for the rulebooks that the kernels cover."""

from decimal import Decimal
from random import Random

from crossmargin.domain.account import Account, MarginMode, Position, PositionMode, Side
from crossmargin.domain.marks import Marks
from crossmargin.rulebook import load
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.tiers import Tier, TierTable

D = Decimal
SWAPS = {
    "okx": {"BTC-USDT-SWAP": 95_000, "ETH-USDT-SWAP": 3_300, "BTC-USD-SWAP": 95_100, "ETH-USD-SWAP": 3_305},
    "binance": {"BTCUSDT": 95_000, "ETHUSDT": 3_300, "SOLUSDT": 140},
    "textbook": {"BTC-USDT-SWAP": 95_000, "SOL-USDT-SWAP": 140, "XRP-USDT-SWAP": 2},
}
COINS = {"BTC-USD-SWAP": "BTC", "ETH-USD-SWAP": "ETH"}


def rulebook_of(venue: str) -> Rulebook:
    """The venue's rules; OKX has no inverse tiers of its own, so both kinds that it uses are given here."""
    book = load(venue)
    if venue != "okx":
        return book
    steps = [("1000", "0.004"), ("5000", "0.005"), ("20000", "0.0075"), (None, "0.0125")]
    tiers = tuple(Tier(maintenance_rate=D(rate), up_to=None if up is None else D(up)) for up, rate in steps)
    by_contracts = TierTable(tiers=tiers, unit="contracts")
    by_value = TierTable(
        tiers=(
            Tier(maintenance_rate=D("0.005"), up_to=D(100)),
            Tier(maintenance_rate=D("0.01"), up_to=D(300)),
            Tier(maintenance_rate=D("0.02")),
        ),
        unit="notional",
    )
    modes = (MarginMode.CROSS, MarginMode.ISOLATED)
    tables = {("perpetual", "BTC-USD", mode): by_contracts for mode in modes}
    tables |= {("perpetual", "ETH-USD", mode): by_value for mode in modes}
    return book.with_instruments((), tables)


def marks_of(venue: str, random: Random, spread: float = 0.2) -> Marks:
    """Marks on a round grid around the usual ones."""
    found = {}
    for name, usual in SWAPS[venue].items():
        factor = D(random.randint(-1000, 1000)) / 1000 * D(str(spread)) + 1
        found[name] = (usual * factor).quantize(D("0.01"))
    return Marks(mark=found)


def account_of(venue: str, random: Random, book: Rulebook) -> Account:
    """A random account: up to five positions, now and then isolated ones, sizes over all tiers, balance near need."""
    hedge = random.random() < 0.3
    held = {}
    for _ in range(random.randint(0, 5)):
        position = _position(venue, random, book)
        key = (position.instrument, position.side if hedge else "", position.margin_mode)
        held[key] = position
    positions = tuple(held.values())
    balances = {"USDT": _balance(random, "USDT", positions, book)}
    for coin in {COINS.get(each.instrument, "USDT") for each in positions} - {"USDT"}:
        balances[coin] = _balance(random, coin, positions, book)
    mode = PositionMode.HEDGE if hedge else PositionMode.ONE_WAY
    return Account(balances=balances, positions=positions, position_mode=mode)


def _position(venue: str, random: Random, book: Rulebook) -> Position:
    name, usual = random.choice(list(SWAPS[venue].items()))
    unit = book.instrument(name).unit
    value = D(10) ** random.randint(1, 7) * random.randint(1, 99)
    contracts = value / unit if book.instrument(name).inverse else value / (unit * usual)
    isolated = random.random() < 0.2
    margin = (value / random.randint(5, 50)).quantize(D("0.01")) if isolated and random.random() < 0.5 else None
    if margin is not None and book.instrument(name).inverse:
        margin = (margin / usual).quantize(D("0.00000001"))
    entry = (usual * D(random.randint(800, 1200)) / 1000).quantize(D("0.01"))
    return Position(
        instrument=name,
        side=random.choice(list(Side)),
        margin_mode=MarginMode.ISOLATED if isolated else MarginMode.CROSS,
        contracts=contracts.quantize(D("0.01")),
        entry_price=entry,
        leverage=D(random.choice([1, 3, 5, 10, 20, 50])),
        margin=margin,
    )


def _balance(random: Random, currency: str, positions: tuple[Position, ...], book: Rulebook) -> Decimal:
    total = D(0)
    for each in positions:
        instrument = book.instrument(each.instrument)
        if instrument.settle == currency and each.margin_mode == MarginMode.CROSS:
            face = each.contracts * instrument.unit
            total += face / each.entry_price if instrument.inverse else face * each.entry_price
    return (total * random.randint(0, 400) / 1000 + random.randint(0, 1000)).quantize(D("0.00000001"))
