"""`duri keys revoke`: stop trusting a key at once, whatever it signed when."""

import click

from duri.cli.keys import keyring_file


@click.command("revoke", short_help="Stop trusting a key at once, whatever it signed when.")
@keyring_file.key_argument
@keyring_file.keyring_option
@click.option("--reason", required=True, metavar="TEXT", help="Kept in the keyring.")
@keyring_file.now_option
def command(*, key: str, keyring: str | None, reason: str, now: int) -> int:
    """Revoke KEY: everything that only it signed is tampered from now on, whatever its date.

    KEY is a keyid, its first digits, or a name.
    """
    from duri.evidence.keys import lifecycle
    from duri.evidence.keys.keyring import Keyring, select

    def step(before: Keyring) -> Keyring:
        return lifecycle.revoke(before, select(before, key).keyid, now=now, reason=reason)

    keyring_file.change(keyring, step, now=now)
    click.echo(f"{key}: revoked; seal again what only it signed")
    return 0
