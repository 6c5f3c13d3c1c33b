"""`duri keys public`: write the part of a keyring that verifiers get."""

import click

from duri.cli import output
from duri.cli.keys import keyring_file
from duri.report.escape import counted


@click.command("public", short_help="Write the part of a keyring that verifiers get.")
@keyring_file.keyring_option
@click.option("--out", metavar="FILE", help="Standard output when not given.")
@click.option("--drop-hmac", is_flag=True, help="Leave out HMAC keys, which have no public part.")
@keyring_file.now_option
def command(*, keyring: str | None, out: str | None, drop_hmac: bool, now: int) -> int:
    """Write a keyring that can verify and not sign."""
    from duri.evidence.keys import generate, store
    from duri.evidence.keys.keyring import write

    part = generate.public_part(keyring_file.load(keyring, now=now).keyring, drop_hmac=drop_hmac)
    if out is None:
        output.raw(write(part.keyring))
    else:
        store.write_file(out, part.keyring, replace=True)
        click.echo(f"{out}: {counted(len(part.keyring.keys), 'public key')}", err=True)
    if part.dropped:
        output.remark([f"left out, HMAC: {', '.join(part.dropped)}"])
    return 0
