"""Microseconds per `assess` of 1, 5 and 20 positions, lines off and on, beside nautilus_trader's margin call.

    python3 dev.py bench assess [--json]

One thread, medians of interleaved rounds. The peer (1.221, not a dependency) computes unrealised PnL and maintenance
margin of the same positions with one flat rate each; it is skipped with a note where it is not installed.
"""

import json
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from statistics import median

from crossmargin.domain.account import Account, Position, Side
from crossmargin.domain.marks import Marks
from crossmargin.margin.assess import assess
from crossmargin.rulebook import load

ROUNDS, CALLS = 15, 200


def books(count: int) -> tuple[Account, Marks]:
    """A USDT account with longs and shorts in different instruments of the Binance rulebook."""
    names = list(load("binance").instruments)[:count]
    positions = tuple(
        Position(
            instrument=name,
            side=Side.LONG if index % 2 else Side.SHORT,
            contracts=Decimal("12.345"),
            entry_price=Decimal("120.12"),
            leverage=Decimal(10),
        )
        for index, name in enumerate(names)
    )
    account = Account(balances={"USDT": Decimal("100000.5")}, positions=positions)
    return account, Marks(mark={name: Decimal("123.45") for name in names})


def ours(count: int, *, lines: bool) -> Callable[[], object]:
    """One call of assess."""
    account, marks = books(count)
    rulebook = load("binance")
    return lambda: assess(account, marks, rulebook, lines=lines)


def peer(count: int) -> Callable[[], object] | None:
    """Unrealised PnL and maintenance margin of as many positions by nautilus_trader, None where it is absent."""
    try:
        from nautilus_trader.common.component import TestClock
        from nautilus_trader.common.factories import OrderFactory
        from nautilus_trader.model.enums import OrderSide
        from nautilus_trader.model.identifiers import PositionId, StrategyId, TraderId
        from nautilus_trader.model.objects import Price, Quantity
        from nautilus_trader.model.position import Position as PeerPosition
        from nautilus_trader.test_kit.providers import TestInstrumentProvider
        from nautilus_trader.test_kit.stubs.events import TestEventStubs
        from nautilus_trader.test_kit.stubs.execution import TestExecStubs
    except ImportError:
        return None
    account = TestExecStubs.margin_account()
    account.set_default_leverage(Decimal(10))
    instrument = TestInstrumentProvider.btcusdt_perp_binance()
    orders = OrderFactory(trader_id=TraderId("T-1"), strategy_id=StrategyId("S-1"), clock=TestClock())
    positions = []
    for index in range(count):
        side = OrderSide.BUY if index % 2 else OrderSide.SELL
        order = orders.market(instrument.id, side, Quantity.from_str("12.345"))
        filled = TestEventStubs.order_filled(
            order,
            instrument=instrument,
            position_id=PositionId(f"P-{index}"),
            strategy_id=StrategyId("S-1"),
            last_px=Price(120, instrument.price_precision),
        )
        positions.append(PeerPosition(instrument=instrument, fill=filled))
    price = Price(123, instrument.price_precision)

    def once() -> object:
        amount = 0.0
        for each in positions:
            amount += each.unrealized_pnl(price).as_double()
            amount -= account.calculate_margin_maint(instrument, each.side, each.quantity, price).as_double()
        return amount

    return once


def microseconds(call: Callable[[], object]) -> float:
    """Mean of one round."""
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - start) / CALLS * 1e6


def main() -> None:
    """Run interleaved rounds and print medians."""
    rows = []
    for count in (1, 5, 20):
        calls = {"": ours(count, lines=False), "_lines": ours(count, lines=True), "_peer": peer(count)}
        if calls["_peer"] is None and "--json" not in sys.argv:
            print("nautilus_trader is not installed: no peer beside these figures", file=sys.stderr)
        times: dict[str, list[float]] = {name: [] for name, call in calls.items() if call is not None}
        for _ in range(ROUNDS):
            for name, taken in times.items():
                call = calls[name]
                assert call is not None
                taken.append(microseconds(call))
        typical = {name: median(taken) for name, taken in times.items()}
        against = typical.get("_peer")
        for name in ("", "_lines"):
            rows.append(
                {
                    "name": f"assess_{count}{name}",
                    "value": round(typical[name], 2),
                    "unit": "us",
                    "against": None if against is None else f"nautilus_trader {round(against, 2)} us",
                    "ratio": None if against is None else round(against / typical[name], 3),
                }
            )
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(f"{row['name']:18} {row['value']:9.2f} {row['unit']}   against {row['against']}   ratio {row['ratio']}")


if __name__ == "__main__":
    main()
