"""`duri receipts`: check what a watcher recorded."""

from duri.cli.commands import Commands

command = Commands(
    "receipts",
    package="duri.cli.receipts",
    commands={
        "verify": "prove the chain, and say what it covers",
        "list": "list the newest receipts, unproved",
    },
    summary="Check what a watcher recorded.",
)
