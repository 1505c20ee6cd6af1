"""``python -m crossmargin`` is the command line."""

from crossmargin.cli.main import main

main()
