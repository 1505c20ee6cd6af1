"""Where prices come from: candle files and named crashes, generated markets, replayed history, a live venue."""
