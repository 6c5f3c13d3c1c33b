"""`duri keys activate`: make a pending key the active one; the old one retires."""

import click

from duri.cli.keys import keyring_file


@click.command("activate", short_help="Make a pending key the active one; the old one retires.")
@keyring_file.key_argument
@keyring_file.keyring_option
@click.option(
    "--window",
    "window_days",
    type=click.IntRange(0, 3650),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="How long the old key still verifies.",
)
@keyring_file.now_option
def command(*, key: str, keyring: str | None, window_days: int, now: int) -> int:
    """Make KEY the active one. The one before retires: both sign and verify until its window ends.

    KEY is a keyid, its first digits, or a name.
    """
    from duri.evidence.keys import lifecycle
    from duri.evidence.keys.keyring import Keyring, select

    def step(before: Keyring) -> Keyring:
        return lifecycle.activate(
            before, select(before, key).keyid, now=now, window_days=window_days
        )

    keyring_file.change(keyring, step, now=now)
    click.echo(f"{key}: active; countersign kept releases: duri sign --countersign RELEASE…")
    return 0
