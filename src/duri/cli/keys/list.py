"""`duri keys list`: list the keys, their states and their age."""

import click

from duri import times
from duri.cli import output
from duri.cli.keys import keyring_file
from duri.evidence.keys.key import Key

_STATES = ("active", "pending", "retiring", "archived", "revoked")


def _rank(key: Key) -> tuple[int, int, str]:
    """Put what signs first, then the older before the newer."""
    return _STATES.index(key.state), key.created_at, key.keyid


@click.command("list", short_help="List the keys, their states and their age.")
@keyring_file.keyring_option
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
@keyring_file.now_option
def command(*, keyring: str | None, as_json: bool, now: int) -> int:
    """List the keys: id, algorithm, state, age in days, what they can do here."""
    from duri import settings
    from duri.evidence.keys import lifecycle

    where = settings.load()
    loaded = keyring_file.load(keyring, now=now)
    rows = [
        {
            "keyid": key.keyid,
            "name": key.name,
            "algorithm": str(key.algorithm),
            "state": str(key.state),
            "age_days": lifecycle.age_days(key, now),
            "created_at": times.write(key.created_at),
            "verify_until": None if key.verify_until is None else times.write(key.verify_until),
            "can_sign": key.holds_secret,
            "overdue": key.state == "active"
            and lifecycle.overdue(key, now, where.rotation_period_days),
        }
        for key in sorted(loaded.keyring.keys, key=_rank)
    ]
    if as_json:
        import msgspec

        output.raw(msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")
        return 0
    for row in rows:
        until = f" until {row['verify_until']}" if row["verify_until"] else ""
        notes = [str(row["name"])] if row["name"] else []
        notes += ["signs" if row["can_sign"] else "verifies only"]
        notes += ["due for rotation"] if row["overdue"] else []
        click.echo(
            f"{str(row['keyid'])[:16]}  {row['algorithm']:<17}  {row['state']}{until}  "
            f"{row['age_days']} days  {', '.join(notes)}"
        )
    output.remark(loaded.warnings)
    return 0
