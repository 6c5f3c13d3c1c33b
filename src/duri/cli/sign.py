"""`duri sign`: countersign releases, or permit going back to one."""

import re
import time

import click

from duri.cli import judgement, options, output
from duri.errors import KeyringError, UsageError

_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])\Z")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}


@click.command("sign", short_help="Countersign releases, or permit going back to one.")
@click.argument("releases", nargs=-1, required=True, metavar="RELEASE…")
@click.option(
    "--countersign", "action", flag_value="countersign", help="Add the keys that sign now."
)
@click.option(
    "--authorize-rollback", "action", flag_value="authorize", help="Permit it below the floor."
)
@click.option("--reason", metavar="TEXT", help="Why one goes back.")
@click.option("--who", metavar="NAME", help="Who decided it.")
@click.option("--for", "span", metavar="SPAN", help="How long it holds: 30m, 24h, 7d.")
@click.option("--out", metavar="FILE", help="Where the permission goes.")
@options.keyring
@options.artifacts
@options.config
def command(
    *,
    releases: tuple[str, ...],
    action: str | None,
    reason: str | None,
    who: str | None,
    span: str | None,
    out: str | None,
    config: str | None,
    **flags: object,
) -> int:
    """Sign something about RELEASE, the root of a release or its artifacts folder.

    --countersign adds the signatures of the keys that sign now, once the release's evidence has
    been found authentic, so that the key it was sealed with can retire.

    --authorize-rollback writes a permission for a release below the floor; verifiers take it with
    --authorization. It names one release and expires.
    """
    from duri.evidence import anchor, signing
    from duri.evidence.countersignature import authorize_rollback, countersign

    if action is None:
        raise UsageError("nothing to do", expected="--countersign or --authorize-rollback")
    now = int(time.time())
    _, settings = judgement.load_believing({**flags, "config": config})
    loaded = anchor.load(None, settings=settings, now=now)
    if loaded is None:
        raise KeyringError("no keyring was named", expected="--keyring or DURI_KEYRING")
    signers = signing.choose(
        loaded.keyring,
        now=now,
        dual_verify=settings.dual_verify,
        period_days=settings.rotation_period_days,
    )
    output.remark(loaded.warnings + signers.notes)
    if action == "authorize":
        if len(releases) != 1 or not (reason and who and span and out):
            raise UsageError(
                "a permission is about one release", expected="RELEASE --reason --who --for --out"
            )
        name = authorize_rollback(
            releases[0],
            out,
            keyring=loaded.keyring,
            signers=signers,
            reason=reason,
            who=who,
            now=now,
            seconds=_seconds(span),
            artifacts=settings.artifacts,
        )
        click.echo(f"{out}: {name} may run below the floor for {span}")
        return 0
    for path in releases:
        done = countersign(
            path, keyring=loaded.keyring, signers=signers, now=now, artifacts=settings.artifacts
        )
        added = ", ".join(keyid[:16] for keyid in done.keyids) or "nothing to add"
        click.echo(f"{done.deployment_id}: {added}")
    return 0


def _seconds(span: str) -> int:
    match = _SPAN.match(span)
    if match is None:
        raise UsageError("not a span of time", expected="such as 30m, 24h or 7d", got=repr(span))
    return int(match[1]) * _SECONDS[match[2]]
