"""`duri keys rotate`: add a new key, pending."""

import click

from duri.cli.keys import keyring_file


@click.command("rotate", short_help="Add a new key, pending.")
@keyring_file.keyring_option
@click.option(
    "--algorithm",
    type=click.Choice(["ecdsa-p256-sha256", "ed25519", "hmac-sha256"]),
    help="The active key's own when not given.",
)
@click.option("--name", metavar="NAME", help="For people.")
@keyring_file.now_option
def command(*, keyring: str | None, algorithm: str | None, name: str | None, now: int) -> int:
    """Add a new pending key. Give it to every verifier, then `duri keys activate` it."""
    from duri.evidence.keys import generate, lifecycle
    from duri.evidence.keys.keyring import Keyring
    from duri.evidence.keys.material import Algorithm

    made: list[str] = []

    def step(before: Keyring) -> Keyring:
        active = [key.algorithm for key in before.keys if key.state == "active"]
        kind = Algorithm(algorithm) if algorithm else (active or [generate.DEFAULT_ALGORITHM])[0]
        key = generate.new_key(kind, now=now, name=name)
        made.append(key.keyid)
        return lifecycle.rotate(before, key)

    keyring_file.change(keyring, step, now=now)
    click.echo(f"pending key {made[0]}")
    click.echo(f"Give verifiers the new keyring, then: duri keys activate {made[0][:16]}")
    return 0
