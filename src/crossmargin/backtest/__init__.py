"""An account through recorded or generated prices: replay, fates, picture."""

from crossmargin.backtest.replay import Replay, replay

__all__ = ["Replay", "replay"]
