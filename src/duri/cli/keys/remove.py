"""`duri keys remove`: take a key out of the keyring."""

import click

from duri.cli.keys import keyring_file


@click.command("remove", short_help="Take a key out of the keyring.")
@keyring_file.key_argument
@keyring_file.keyring_option
@keyring_file.now_option
def command(*, key: str, keyring: str | None, now: int) -> int:
    """Take KEY out of the keyring; only one that nothing current depends on.

    KEY is a keyid, its first digits, or a name.
    """
    from duri.evidence.keys import lifecycle
    from duri.evidence.keys.keyring import Keyring, select

    def step(before: Keyring) -> Keyring:
        return lifecycle.remove(before, select(before, key).keyid, now=now)

    keyring_file.change(keyring, step, now=now)
    click.echo(f"{key}: removed")
    return 0
