"""`duri gate`: verify, then become a command. For boot."""

import os
from collections.abc import Callable, Mapping, Sequence

from duri.cli import ending, isolation, judgement
from duri.cli.table import JUDGING, Option
from duri.errors import UsageError
from duri.settings import Settings

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

    def load_and_judge() -> int:
        root, settings = judgement.load({**values, "mode": "strict"})
        # From here on a `duri.toml` has a say in how to log, too.
        tell = _teller(settings.log_format)
        return ending.guarded(lambda: _judge(root, settings, program), tell=tell)

    return ending.guarded(load_and_judge, tell=_teller(judgement.log_format(values)))


def _judge(root: str, settings: Settings, program: Sequence[str]) -> int:
    from duri import launch
    from duri.report import lines
    from duri.settings import inherited_environment
    from duri.verify import verify

    verdict = verify(root, settings=settings)
    policy = settings.gate_environment
    inherited = isolation.original(inherited_environment())
    start = launch.prepare(inherited, root=root, keep=policy == "keep")
    code, reason, file = verdict.exit_code, None, ""
    if program and code == 0:
        try:
            reason = _foreign(start.foreign, policy)
            file = launch.find(program[0], start.environment)
        except UsageError as error:
            code, reason = error.exit_code, str(error)
    event = "gate.refused" if code else "gate.passed"
    write = lines.as_text if settings.log_format == "text" else lines.as_json
    ending.write_error(write(verdict, event=event, reason=reason, code=code))
    return _become(file, program, start.environment) if program and code == 0 else code


def _foreign(names: Sequence[str], policy: str) -> str | None:
    """Return what becomes of variables that name code outside the root.

    Raises:
        UsageError: the policy refuses them.
    """
    if not names:
        return None
    named = ", ".join(names)
    if policy == "refuse":
        raise UsageError(
            f"the environment brings in code from outside the root: {named}",
            todo="Unset these, or choose --environment-policy scrub",
        )
    did = "passed on" if policy == "keep" else "removed"
    return f"{did}, as they name code outside the root: {named}"


def _become(file: str, program: Sequence[str], environment: dict[str, str]) -> int:
    """Replace this process, so that signals and exit code are the command's."""
    import signal

    # Python ignores these two, and what is ignored stays so for the command.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execve(file, list(program), environment)  # noqa: S606 - that is the job
    except OSError as error:
        # The file was there a moment ago; what it is, or needs, only starting it tells.
        got = os.strerror(error.errno or 0)
        raise UsageError("the command cannot be started", where=program[0], got=got) from error


def _teller(log_format: str) -> Callable[[str, int], None]:
    """Return what says, in the form of the log, that no command was started."""
    return _refused if log_format == "json" else ending.for_a_person


def _refused(sentence: str, code: int) -> None:
    import time

    from duri import times
    from duri.report import lines
    from duri.report.escape import printable

    fields = {
        "time": times.write(int(time.time())),
        "level": "critical",
        "event": "gate.refused",
        "status": None,
        "exit_code": code,
        "reason": printable(sentence),
    }
    ending.write_error(lines.json(fields))
