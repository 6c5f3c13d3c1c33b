"""`duri gate`: verify, then become a command. For boot."""

import os
from collections.abc import Mapping, Sequence

from duri.cli import isolation, judgement
from duri.cli.ending import write_error
from duri.cli.table import JUDGING, Option
from duri.errors import UsageError

OPTIONS = (
    *JUDGING,
    Option(
        "gate_environment",
        "--environment-policy",
        "Of variables that bring in code from outside ROOT [DURI_GATE_ENVIRONMENT].",
        choices=("scrub", "refuse", "keep"),
    ),
)
TAKES_PROGRAM = True


def run(values: Mapping[str, object], program: Sequence[str] = ()) -> int:
    """Verify ROOT strictly, write one log line, then replace this process with COMMAND.

    Write `duri gate ROOT -- COMMAND …`. Without a COMMAND it only verifies, as an init container
    does. Unless ROOT is verified, COMMAND never starts and the exit code is the status's.
    """
    from duri import launch
    from duri.report import lines
    from duri.settings import inherited_environment
    from duri.verify import verify

    root, settings = judgement.load({**values, "mode": "strict"})
    verdict = verify(root, settings=settings)
    inherited = isolation.original(inherited_environment())
    start = launch.prepare(inherited, root=root, keep=settings.gate_environment == "keep")
    refused = bool(program and start.foreign and settings.gate_environment == "refuse")
    passed = verdict.exit_code == 0 and not refused
    event = "gate.passed" if passed else "gate.refused"
    write = lines.as_text if settings.log_format == "text" else lines.as_json
    foreign = f"the environment brings in code from outside the root: {', '.join(start.foreign)}"
    reason = foreign if refused else None
    if passed and start.foreign and program:
        did = "passed on" if settings.gate_environment == "keep" else "removed"
        reason = f"{did}, as they name code outside the root: {', '.join(start.foreign)}"
    write_error(
        write(verdict, event=event, reason=reason, code=UsageError.exit_code if refused else 0)
    )
    if verdict.exit_code != 0:
        return verdict.exit_code
    if refused:
        raise UsageError(foreign, todo="Unset these, or choose --environment-policy scrub")
    return _become(program, start.environment) if program else 0


def _become(program: Sequence[str], environment: dict[str, str]) -> int:
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
