"""`python -m duri` is the command `duri`."""

from duri.cli.main import main

main()
