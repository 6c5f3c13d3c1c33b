"""`duri gate`: verify, then become a command. For boot."""

import os
import sys

import click

from duri.cli import isolation, options
from duri.errors import UsageError

_PROGRAM = "duri.cli.gate.program"


class _Gate(click.Command):
    """A command line whose part after `--` is another's, and never taken for ROOT."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before `--`; keep the rest as the program."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[_PROGRAM] = tuple(args[end + 1 :])
        return super().parse_args(ctx, args[:end])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show the part after `--` in the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND …]"]


@click.command("gate", cls=_Gate, short_help="Verify, then become a command; for boot.")
@options.judging
@click.option(
    "--environment-policy",
    "gate_environment",
    type=click.Choice(["scrub", "refuse", "keep"]),
    help="Of variables that bring in code from outside ROOT [DURI_GATE_ENVIRONMENT].",
)
@click.pass_context
def command(ctx: click.Context, /, *, config: str | None, **flags: object) -> int:
    """Verify ROOT strictly, write one log line, then replace this process with COMMAND.

    Write `duri gate ROOT -- COMMAND …`. Without a COMMAND it only verifies, as an init container
    does. Unless ROOT is verified, COMMAND never starts and the exit code is the status's.
    """
    from duri import launch
    from duri.report import lines
    from duri.settings import inherited_environment
    from duri.verify import verify

    program: tuple[str, ...] = ctx.meta[_PROGRAM]
    root, settings = options.load({**flags, "mode": "strict"}, config=config, verifying=True)
    verdict = verify(root, settings=settings)
    inherited = isolation.original(inherited_environment())
    start = launch.prepare(inherited, root=root, keep=settings.gate_environment == "keep")
    refused = bool(program and start.foreign and settings.gate_environment == "refuse")
    passed = verdict.exit_code == 0 and not refused
    event = "gate.passed" if passed else "gate.refused"
    write = lines.as_text if settings.log_format == "text" else lines.as_json
    foreign = f"the environment brings in code from outside the root: {', '.join(start.foreign)}"
    reason = foreign if refused else None
    sys.stderr.buffer.write(
        write(verdict, event=event, reason=reason, code=UsageError.exit_code if refused else 0)
    )
    sys.stderr.flush()
    if verdict.exit_code != 0:
        return verdict.exit_code
    if refused:
        raise UsageError(foreign, todo="Unset these, or choose --environment-policy scrub")
    if start.foreign and program:
        did = "passed on" if settings.gate_environment == "keep" else "removed"
        click.echo(
            f"duri: {did}, as they name code outside the root: {', '.join(start.foreign)}", err=True
        )
    return _become(program, start.environment) if program else 0


def _become(program: tuple[str, ...], environment: dict[str, str]) -> int:
    """Replace this process, so that signals and exit code are the command's."""
    import shutil
    import signal

    found = shutil.which(program[0], path=environment.get("PATH"))
    if found is None and "/" not in program[0]:
        # Passed on as it is, the name would start a file of the working folder.
        raise UsageError("there is no such command on PATH", where=program[0])
    # Python ignores these two, and what is ignored stays so for the command.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execve(found or program[0], list(program), environment)  # noqa: S606 - that is the job
    except OSError as error:
        raise UsageError(
            "the command cannot be started", where=program[0], got=os.strerror(error.errno or 0)
        ) from error
