"""Commands: the one place where files, rules and figures are put together for a person at a terminal."""
