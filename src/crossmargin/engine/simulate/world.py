"""Drawing a venue: rules, instruments, people, and how each seed's crowd likes to behave."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from crossmargin.domain.account import MarginMode
from crossmargin.domain.command import PlaceOrder
from crossmargin.domain.instrument import ContractType, Instrument, Kind, OptionType
from crossmargin.domain.numbers import NonNegative
from crossmargin.engine.simulate.dice import Dice
from crossmargin.rulebook import load
from crossmargin.rulebook.load import TierRow, tier_table
from crossmargin.rulebook.model import Rulebook

__all__ = ["NAMES", "OPTIONS", "SPOT", "World", "draw", "option_ticks"]

NAMES = tuple(f"a{number}" for number in range(10))
_ROWS = ((40, "0.01", 50), (150, "0.02", 25), (None, "0.05", 10))
SPOT = "AAA-USDT"
OPTIONS = ("AAA-USD-C", "AAA-USD-P")
_STRIKE = Decimal(1000)
_VENUES = ("okx", "binance", "textbook")
KINDS = (
    "limit", "market", "post_only", "ioc", "fok", "reduce_only", "waiting", "cancel", "cancel_all", "amend", "close",
    "close_all", "leverage", "margin_mode", "position_mode", "margin", "deposit", "withdraw", "send", "mark", "crash",
    "doubt", "funding", "timer", "switch", "repeat", "expiry", "hedge", "malformed", "late", "same_price",
    "interest",
)  # fmt: skip
_RARE = {
    *("switch", "expiry", "doubt", "close_all", "cancel_all", "position_mode", "crash", "timer", "send"),
    *("malformed", "late", "same_price"),
}


class World(msgspec.Struct, kw_only=True):
    """What a seed has drawn.

    Attributes:
        rulebook: The venue's rules, with the instruments of this world.
        instruments: Ids traded.
        accounts: Names; the names mean nothing.
        prices: Current price of each base coin, in ticks of 0.01.
        weights: How often each kind of command comes.
        said: The last order that carried a client id, to be said again.
        funds: What is paid into each insurance fund at the start.
    """

    rulebook: Rulebook
    instruments: list[str]
    accounts: list[str]
    prices: dict[str, int]
    weights: dict[str, int]
    funds: Decimal
    said: PlaceOrder | None = None


def draw(dice: Dice, names: Sequence[str] = NAMES) -> World:
    """Draw a world: its own mix of everything, so that rare combinations come up. Names mean nothing."""
    book = load(dice.pick(_VENUES))
    listed = ["AAA-USDT-SWAP", *[each for each in ("BBB-USDT-SWAP", "AAA-USDT-F", "AAA-USD-SWAP") if dice.chance(600)]]
    if dice.chance(600) and MarginMode.CASH in book.rules.margin_modes:
        listed.append(SPOT)
    if dice.chance(800) and book.rules.option is not None:
        listed += OPTIONS
        rates = {**book.rules.option.maintenance, "AAA": NonNegative("0.05")}
        book = book.with_rules(option=msgspec.structs.replace(book.rules.option, maintenance=rates))
    fee = dice.pick(("0", "0.0005", "0.001"))
    rebate = dice.pick(("0", "0.0002", "-0.0001"))
    lends = dice.chance(600)
    book = _with(book, [_instrument(name, fee, rebate, lends=lends) for name in listed])
    book = msgspec.structs.replace(
        book,
        liquidation=msgspec.structs.replace(
            book.liquidation,
            step_rule=dice.pick(("next_lower_tier", "smallest_cut", "whole")),
            price_band=dice.pick((Decimal("0.05"), Decimal("0.2"))),
        ),
    )
    weights = {kind: dice.pick((0, 1, 3) if kind in _RARE else (2, 5, 20)) for kind in KINDS}
    weights["limit"] += 60
    weights["mark"] += 20
    weights["doubt"] = min(weights["doubt"], 5)
    return World(
        rulebook=book,
        instruments=listed,
        accounts=list(names[: dice.between(3, len(NAMES))]),
        prices={"AAA": 100_000, "BBB": 5_000},
        weights=weights,
        funds=dice.pick((Decimal(0), Decimal(5), Decimal(100_000))),
    )


def _instrument(name: str, taker: str, maker: str, *, lends: bool) -> Instrument:
    base, quote = name.split("-")[:2]
    inverse = quote == "USD"
    if name == SPOT:
        return _spot(base, quote, taker, maker, kind=Kind.MARGIN if lends else Kind.SPOT)
    if name in OPTIONS:
        return _option(name, base, quote, taker, maker)
    return Instrument(
        id=name,
        kind=Kind.FUTURE if name.endswith("-F") else Kind.PERPETUAL,
        base=base,
        quote=quote,
        settle=base if inverse else quote,
        contract_type=ContractType.INVERSE if inverse else ContractType.LINEAR,
        contract_value=Decimal(100) if inverse else Decimal("0.1"),
        family=f"{base}-{quote}",
        taker_fee=Decimal(taker),
        maker_fee=Decimal(maker),
        tick_size=Decimal("0.01"),
        lot_size=Decimal(1),
        min_size=Decimal(1),
    )


def _spot(base: str, quote: str, taker: str, maker: str, *, kind: Kind) -> Instrument:
    return Instrument(
        id=SPOT,
        kind=kind,
        base=base,
        quote=quote,
        settle=quote,
        family=SPOT,
        taker_fee=Decimal(taker),
        maker_fee=Decimal(maker),
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.01"),
    )


def _option(name: str, base: str, quote: str, taker: str, maker: str) -> Instrument:
    return Instrument(
        id=name,
        kind=Kind.OPTION,
        base=base,
        quote=quote,
        settle=base,
        contract_value=Decimal("0.1"),
        family=f"{base}-{quote}",
        option_type=OptionType.CALL if name == OPTIONS[0] else OptionType.PUT,
        strike=_STRIKE,
        taker_fee=Decimal(taker),
        maker_fee=Decimal(maker),
        tick_size=Decimal("0.0001"),
        lot_size=Decimal(1),
    )


def option_ticks(name: str, price: int) -> int:
    """Mark of an option in ticks of 0.0001 coins: what exercising it is worth now, and 0.03 for what may come."""
    strike = int(_STRIKE) * 100
    gain = price - strike if name == OPTIONS[0] else strike - price
    return max(0, gain) * 10_000 // price + 300


def _with(book: Rulebook, instruments: list[Instrument]) -> Rulebook:
    tables: dict[Any, Any] = {}
    for each in instruments:
        if each.kind in (Kind.SPOT, Kind.OPTION):
            continue
        marginal = book.rules.tier_scheme == "marginal"
        scale = Decimal(1) if each.inverse else Decimal(100)
        rows = tuple(
            TierRow(
                up_to=None if size is None else size * scale if marginal else Decimal(size),  # type: ignore[arg-type]
                maintenance_rate=Decimal(rate),  # type: ignore[arg-type]
                max_leverage=Decimal(leverage),  # type: ignore[arg-type]
            )
            for size, rate, leverage in _ROWS
        )
        table = tier_table(rows, book.rules, "notional" if marginal else "contracts")
        for mode in (MarginMode.CROSS, MarginMode.ISOLATED):
            tables[each.kind.value, each.id, mode] = table
    return book.with_instruments(instruments, tables)
