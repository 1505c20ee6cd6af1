"""Models of what markets would pay, in floats: they quote and they shock, and decide no margin."""
