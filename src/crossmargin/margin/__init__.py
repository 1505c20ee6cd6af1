"""Equity, margins, ratio, liquidation price, what-if, explain: pure functions of account, marks and rulebook."""

from crossmargin.margin.assess import Assessment, assess

__all__ = ["Assessment", "assess"]
