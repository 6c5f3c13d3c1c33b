"""`duri keys new`: make a keyring with one active key."""

import click

from duri.cli.keys import keyring_file


@click.command("new", short_help="Make a keyring with one active key.")
@click.option("--out", required=True, metavar="FILE", help="Must not exist yet.")
@click.option(
    "--algorithm",
    type=click.Choice(["ecdsa-p256-sha256", "ed25519", "hmac-sha256"]),
    default="ecdsa-p256-sha256",
    show_default=True,
    help="Whoever can check an hmac-sha256 can also forge one.",
)
@click.option("--name", metavar="NAME", help="For people; the keyid follows from the key.")
@keyring_file.now_option
def command(*, out: str, algorithm: str, name: str | None, now: int) -> int:
    """Make a keyring with one new, active key, readable by you alone."""
    from duri.evidence.keys import generate, store
    from duri.evidence.keys.material import Algorithm

    key = generate.new_key(Algorithm(algorithm), now=now, name=name)
    keyring = generate.new_keyring(key, now=now)
    store.write_file(out, keyring, replace=False)
    click.echo(f"{out}: active {algorithm} key {key.keyid}")
    if algorithm == "hmac-sha256":
        click.echo("Whoever verifies needs this same secret, and could sign with it.")
    else:
        click.echo(f"Seal with it; give verifiers: duri keys public --keyring {out} --out FILE")
    return 0
