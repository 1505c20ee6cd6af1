"""A freqtrade strategy that is always in the market: it shows the way of an order, not a way to earn."""

from datetime import datetime, timedelta

from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class AlwaysIn(IStrategy):
    """Buys at market with a stop on the exchange, and leaves after 20 seconds."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    startup_candle_count = 5
    process_only_new_candles = False
    minimal_roi = {"0": 10}  # noqa: RUF012 - as freqtrade has it
    stoploss = -0.05
    order_types = {  # noqa: RUF012 - as freqtrade has it
        "entry": "market", "exit": "market", "stoploss": "market", "stoploss_on_exchange": True,
    }  # fmt: skip

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, str]) -> DataFrame:
        """None are needed."""
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, str]) -> DataFrame:
        """Each bar says: buy."""
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, str]) -> DataFrame:
        """No bar says: sell."""
        return dataframe

    def leverage(self, *_: object, **__: object) -> float:
        """Three times."""
        return 3.0

    def custom_exit(self, pair: str, trade: Trade, current_time: datetime, *_: object, **__: object) -> str | None:
        """Leave after 20 seconds."""
        return "held long enough" if current_time - trade.open_date_utc > timedelta(seconds=20) else None
