"""An account through recorded or generated prices: candles, funding, named crashes, replay, picture."""

from crossmargin.backtest.replay import Replay, replay

__all__ = ["Replay", "replay"]
