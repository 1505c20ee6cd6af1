"""Commands: the one place where files, rules and figures are put together for a person at a terminal."""

FILE = "crossmargin.file"  # key of click's meta: the account file of the verb that runs
