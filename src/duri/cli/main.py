"""The command `duri`: its commands by name, read by click.

Guarantees: a command's module is imported only when it is the one that runs, since a boot gate pays
for each import.
"""

from collections.abc import Sequence

import click

from duri.cli.commands import Commands
from duri.cli.ending import INTERRUPTED, guarded

_COMMANDS = {
    "seal": "seal a folder as a signed release",
    "verify": "say whether what is here is what was released",
    "gate": "verify, then become a command; for boot",
    "watch": "keep proving it while it runs",
    "sign": "countersign releases, or permit going back to one",
    "keys": "make keys and lead them through their life",
    "export": "write a release's checksums for other tools",
    "receipts": "check what a watcher recorded",
    "report": "make the auditor's page from receipts",
    "status": "ask a running watcher how the release is",
    "settings": "print each setting and where it came from",
}


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
    if value:
        import duri

        click.echo(f"duri {duri.__version__}")
        ctx.exit()


command = Commands(
    "duri",
    package="duri.cli",
    commands=_COMMANDS,
    summary="Proves that what is running is what was released.",
)
command.params.append(
    click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_version,
        help="Print the version.",
    )
)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; what goes wrong is said on standard error."""
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    try:
        answer = command.main(list(arguments), prog_name="duri", standalone_mode=False)
    except click.Abort:
        return INTERRUPTED
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return answer if isinstance(answer, int) else 0
