"""A freqtrade strategy that is always in the market: it shows the way of an order, not a way to earn."""

from datetime import UTC, datetime, timedelta
from typing import Any

from freqtrade.strategy import IStrategy


class AlwaysIn(IStrategy):
    """Buys at market with a stop on the exchange, and leaves after 20 seconds."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    startup_candle_count = 5
    process_only_new_candles = False
    minimal_roi = {"0": 10}
    stoploss = -0.05
    order_types = {"entry": "market", "exit": "market", "stoploss": "market", "stoploss_on_exchange": True}

    def populate_indicators(self, dataframe: Any, metadata: dict[str, Any]) -> Any:
        """None are needed."""
        return dataframe

    def populate_entry_trend(self, dataframe: Any, metadata: dict[str, Any]) -> Any:
        """Each bar says: buy."""
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: Any, metadata: dict[str, Any]) -> Any:
        """No bar says: sell."""
        return dataframe

    def leverage(self, *_: Any, **__: Any) -> float:
        """Three times."""
        return 3.0

    def custom_exit(self, pair: str, trade: Any, current_time: datetime, *_: Any, **__: Any) -> str | None:
        """Leave after 20 seconds."""
        held = datetime.now(UTC) - trade.open_date_utc
        return "held long enough" if held > timedelta(seconds=20) else None
