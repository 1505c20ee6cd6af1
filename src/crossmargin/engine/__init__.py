"""The engine: submit, decide, apply. One writer, one door, no clock; the same commands give the same events."""

from crossmargin.engine.engine import Engine, Outcome

__all__ = ["Engine", "Outcome"]
