"""Stress with feedback: forced sales move the price, which forces more sales."""

from crossmargin.cascade.feedback import Deepened, deepened

__all__ = ["Deepened", "deepened"]
