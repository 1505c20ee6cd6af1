"""The simulator: one seed draws a venue, its people, their orders and the weather, and watches that nothing breaks."""

from crossmargin.engine.simulate.run import Report, run_seed

__all__ = ["Report", "run_seed"]
