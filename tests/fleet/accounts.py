"""Random accounts, exact and seeded, for the rulebooks that the kernels cover."""

from decimal import Decimal
from random import Random

import msgspec

from crossmargin.domain.account import Account, AccountMode, MarginMode, Position, PositionMode, Side
from crossmargin.domain.instrument import Instrument, Kind, OptionType
from crossmargin.domain.marks import Marks
from crossmargin.rulebook import load
from crossmargin.rulebook.collateral import Collateral, Slice
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.tiers import Tier, TierTable

D = Decimal
SWAPS: dict[str, dict[str, int | Decimal]] = {
    "okx": {"BTC-USDT-SWAP": 95_000, "ETH-USDT-SWAP": 3_300, "BTC-USD-SWAP": 95_100, "ETH-USD-SWAP": 3_305},
    "binance": {"BTCUSDT": 95_000, "ETHUSDT": 3_300, "SOLUSDT": 140},
    "textbook": {"BTC-USDT-SWAP": 95_000, "SOL-USDT-SWAP": 140, "XRP-USDT-SWAP": 2},
}
OPTIONS = {"BTC-C": D("0.05"), "BTC-P": D("0.08"), "BTC-P-DEEP": D("1.05"), "ETH-C": D("0.1")}
"""Usual marks of options, in coin; the deep one is near the point where its maintenance begins to follow its mark."""
STRIKES = {"BTC-C": 100_000, "BTC-P": 90_000, "BTC-P-DEEP": 195_000, "ETH-C": 3_000}
FORWARDS = {"BTC": 95_200, "ETH": 3_310}
SWAPS["okx.multi_currency"] = SWAPS["okx"]
SWAPS["binance.multi_assets"] = {**SWAPS["binance"], "BTCUSDC": 95_050}
SWAPS["okx.options"] = SWAPS["okx.multi_options"] = {**SWAPS["okx"], **OPTIONS}
COINS = {"BTC-USD-SWAP": "BTC", "ETH-USD-SWAP": "ETH"} | {name: name[:3] for name in OPTIONS}
SHARED = {
    "okx.multi_currency": {"USDT": 1, "BTC": 95_000, "ETH": 3_300},
    "binance.multi_assets": {"USDT": 1, "USDC": 1, "BTC": 95_000, "BNB": 600},
}
SHARED["okx.multi_options"] = SHARED["okx.multi_currency"]
"""Currencies that share collateral, and their usual USD prices."""


def rulebook_of(venue: str) -> Rulebook:
    """The venue's rules; OKX has no inverse tiers of its own, so both kinds that it uses are given here."""
    name, shared = venue.partition(".")[0], venue in SHARED
    book = load(name, account_mode=AccountMode.MULTI_CURRENCY if shared else None)
    if shared:
        book = _sharing(book, list(SHARED[venue]))
    if "options" in venue:
        book = book.with_instruments([_option(each) for each in OPTIONS], {_OPTION_TIERS[0]: _OPTION_TIERS[1]})
    if name != "okx":
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


_OPTION_TIERS = (
    ("option", "BTC-USD", MarginMode.CROSS),
    TierTable(
        tiers=(Tier(maintenance_rate=D(0), up_to=D(500)), Tier(maintenance_rate=D(0), factor=D("1.25"))),
        unit="contracts",
    ),
)


def _option(name: str) -> Instrument:
    """An option that settles in its coin."""
    coin = name[:3]
    return Instrument(
        id=name,
        kind=Kind.OPTION,
        base=coin,
        quote="USD",
        settle=coin,
        family=f"{coin}-USD",
        contract_value=D("0.01"),
        option_type=OptionType.CALL if name[4] == "C" else OptionType.PUT,
        strike=D(STRIKES[name]),
        taker_fee=D("0.0003"),
    )


def _sharing(book: Rulebook, currencies: list[str]) -> Rulebook:
    """Haircuts by slices that lie within the accounts' range, buffers, and loan tiers with a jump."""
    slices = (
        Slice(rate=D("0.98"), up_to=D(10)),
        Slice(rate=D("0.95"), up_to=D(20_000)),
        Slice(rate=D("0.9"), up_to=D(10**7)),
    )
    buffered = Collateral(slices=slices, bid_buffer=D("0.01"), ask_buffer=D("0.005"))
    known = {name: buffered for name in currencies}
    known["USDT"] = Collateral(slices=(Slice(rate=D(1), up_to=D(500_000)), Slice(rate=D("0.975"))))
    if "BNB" in known:
        known["BNB"] = Collateral(slices=slices, enabled=False)
    tiers = (
        Tier(maintenance_rate=D("0.03"), initial_rate=D("0.1"), up_to=D(1000)),
        Tier(maintenance_rate=D("0.05"), initial_rate=D("0.2"), up_to=D(50_000)),
        Tier(maintenance_rate=D("0.08"), initial_rate=D("0.3")),
    )
    loans = {("borrow", name, MarginMode.CROSS): TierTable(tiers=tiers, unit="borrowed") for name in currencies}
    usdc = msgspec.structs.replace(
        load("binance").instrument("BTCUSDT"), id="BTCUSDC", unified="", quote="USDC", settle="USDC", family="BTCUSDC"
    )
    swaps = {
        ("perpetual", "BTCUSDC", MarginMode.CROSS): load("binance").tiers["perpetual", "BTCUSDT", MarginMode.CROSS]
    }
    return msgspec.structs.replace(book.with_instruments((usdc,), {**loans, **swaps}), collateral=known)


def marks_of(venue: str, random: Random, spread: float = 0.2) -> Marks:
    """Marks on a round grid around the usual ones."""
    found = {}
    for name, usual in SWAPS[venue].items():
        factor = D(random.randint(-1000, 1000)) / 1000 * D(str(spread)) + 1
        found[name] = (usual * factor).quantize(D("0.0001") if name in OPTIONS else D("0.01"))
    fx = {name: _near(D(usual), random, spread) for name, usual in SHARED.get(venue, {}).items()}
    forward = {name: _near(D(usual), random, spread) for name, usual in FORWARDS.items()} if "options" in venue else {}
    return Marks(mark=found, fx=fx, forward=forward)


def _near(usual: Decimal, random: Random, spread: float) -> Decimal:
    """A price by a few per cent away, on a grid."""
    return (usual * (1 + D(random.randint(-100, 100)) / 1000 * D(str(spread)))).quantize(D("0.0001"))


def account_of(venue: str, random: Random, book: Rulebook) -> Account:
    """A random account: up to five positions, now and then isolated ones, sizes over all tiers, balance near need."""
    hedge = random.random() < 0.3
    held = {}
    for _ in range(random.randint(0, 5)):
        position = _position(venue, random, book)
        key = (position.instrument, position.side if hedge else "", position.margin_mode)
        held[key] = position
    positions = tuple(held.values())
    mode = PositionMode.HEDGE if hedge else PositionMode.ONE_WAY
    if venue in SHARED:
        return Account(
            account_mode=AccountMode.MULTI_CURRENCY,
            balances=_balances(venue, random, positions, book),
            positions=positions,
            position_mode=mode,
        )
    balances = {"USDT": _balance(random, "USDT", positions, book)}
    for coin in {COINS.get(each.instrument, "USDT") for each in positions} - {"USDT"}:
        balances[coin] = _balance(random, coin, positions, book)
    return Account(balances=balances, positions=positions, position_mode=mode)


def _balances(venue: str, random: Random, positions: tuple[Position, ...], book: Rulebook) -> dict[str, Decimal]:
    """What positions of any currency may need, spread over some currencies; now and then a debt in one of them."""
    prices = SHARED[venue]
    gross = D(0)
    for each in positions:
        instrument = book.instrument(each.instrument)
        face = each.contracts * instrument.unit
        gross += face if instrument.inverse else face * each.entry_price
    chosen = random.sample(list(prices), random.randint(1, len(prices)))
    found = {}
    for name in chosen:
        share = (gross * random.randint(0, 300) / 1000 + random.randint(0, 1000)) / len(chosen)
        sign = -1 if len(chosen) > 1 and random.random() < 0.2 else 1
        found[name] = (sign * share / prices[name]).quantize(D("0.00000001"))
    return found


def _position(venue: str, random: Random, book: Rulebook) -> Position:
    name, usual = random.choice(list(SWAPS[venue].items()))
    if name in OPTIONS:
        size = D(10) ** random.randint(0, 3) * random.randint(1, 99) / 10
        return Position(instrument=name, side=random.choice(list(Side)), contracts=size, entry_price=D(str(usual)))
    unit = book.instrument(name).unit
    value = D(10) ** random.randint(1, 7) * random.randint(1, 99)
    contracts = value / unit if book.instrument(name).inverse else value / (unit * usual)
    isolated = random.random() < 0.2 and MarginMode.ISOLATED in book.rules.margin_modes
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


def ties(times: int, entry: Decimal) -> tuple[list[Account], dict[str, Decimal], Rulebook]:
    """300 accounts whose equity is exactly so many times their requirement of 0.5 %, their marks and their rules.

    Longs carry shorts of the same value. Entries at a thousandth of the marks leave little cash: what rounds is the sum
    of values; at a thousand times the marks what rounds is the cash.
    """
    random, book = Random(times), load("textbook")
    mark = {f"C{n}-USDT-SWAP": D(random.randint(50_000, 500_000)) / 10 for n in range(20)}
    accounts = []
    for _ in range(300):
        held, equity, profit = [], D(0), D(0)
        names = random.sample(list(mark), 6)
        for name, other in zip(names[:3], names[3:], strict=True):
            size = D(random.randint(1, 500_000)) / 1000
            against = (size * mark[name] / mark[other]).quantize(D("0.001")) + D("0.001")
            for which, side, contracts in ((name, Side.LONG, size), (other, Side.SHORT, against)):
                price = mark[which] * entry
                held.append(Position(instrument=which, side=side, contracts=contracts, entry_price=price))
                profit += side.sign * contracts * (mark[which] - price)
                equity += times * contracts * mark[which] * D("0.005")
        accounts.append(Account(balances={"USDT": equity - profit}, positions=tuple(held)))
    return accounts, mark, book
