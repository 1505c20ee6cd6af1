"""Matching by price and time, and the triggers of waiting orders. Knows neither accounts nor margin."""
