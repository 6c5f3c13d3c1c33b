"""`duri keys`: make keys and lead them through their life."""

from duri.cli.commands import Commands

command = Commands(
    "keys",
    package="duri.cli.keys",
    commands={
        "new": "make a keyring with one active key",
        "public": "write the part of a keyring that verifiers get",
        "list": "list the keys, their states and their age",
        "rotate": "add a new key, pending",
        "activate": "make a pending key the active one; the old one retires",
        "retire": "archive a key whose releases are countersigned",
        "revoke": "stop trusting a key at once, whatever it signed when",
        "remove": "take a key out of the keyring",
    },
    summary="Make keys and lead them through their life.",
)
