"""Runs freqtrade with cross margin on OKX, a pair of modes that it leaves out of its list for this venue.

Example: python cross.py trade --config config.json --strategy AlwaysIn --strategy-path .
"""

import sys

from freqtrade.enums import MarginMode, TradingMode
from freqtrade.exchange import Okx
from freqtrade.main import main

Okx._supported_trading_mode_margin_pairs.append((TradingMode.FUTURES, MarginMode.CROSS))
sys.exit(main(sys.argv[1:]))
