"""`duri keys retire`: archive a key whose releases are countersigned."""

import click

from duri.cli.keys import keyring_file


@click.command("retire", short_help="Archive a key whose releases are countersigned.")
@keyring_file.key_argument
@keyring_file.keyring_option
@keyring_file.now_option
def command(*, key: str, keyring: str | None, now: int) -> int:
    """Archive KEY: it verifies only releases brought back from the archive.

    KEY is a keyid, its first digits, or a name.
    """
    from duri.evidence.keys import lifecycle
    from duri.evidence.keys.keyring import Keyring, select

    def step(before: Keyring) -> Keyring:
        return lifecycle.retire(before, select(before, key).keyid)

    keyring_file.change(keyring, step, now=now)
    click.echo(f"{key}: archived")
    return 0
