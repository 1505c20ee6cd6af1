"""What is closed, in which order, who pays, who is deleveraged. Pure functions; the engine carries them out."""

from crossmargin.liquidation.plan import plan

__all__ = ["plan"]
