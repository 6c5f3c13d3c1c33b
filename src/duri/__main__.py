"""`python -m duri` is the command `duri`."""

from duri.cli.entry import main

main()
