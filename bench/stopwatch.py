"""One process, started, timed and weighed from outside.

Guarantees: wall time, processor time and peak memory are those of the process and the children it
waited for, taken by `duri-stopwatch` (its source says why it is not done from here); the
environment holds nothing that changes what Python or DuRi do; a process that takes too long is
ended, with its children.
It leaves to the caller whether an exit code is good.
"""

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass

PATIENCE_SECONDS = 1200
"""Longer than the slowest peer needs for the largest corpus; nothing hangs the benchmark."""

_KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")


class BenchError(Exception):
    """The benchmark itself cannot go on; the message says what to do."""


class TooSlowError(Exception):
    """A process was ended after PATIENCE_SECONDS."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """How one process ended and what it took; `output` and `errors` are cut to a useful length."""

    wall: float
    cpu: float
    peak_kib: int
    code: int
    output: str
    errors: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """The two programs of `bench/floor`, and a file for the output of what is timed."""

    floor: str
    stopwatch: str
    output: str


def build(*, checkout: str, workdir: str) -> Tools:
    """Build the floor and the stopwatch, in release mode and from their own lock file."""
    cargo = shutil.which("cargo")
    if cargo is None:
        message = "cargo is not on PATH: the floor cannot be built; install Rust"
        raise BenchError(message)
    target = os.path.join(workdir, "floor")
    manifest = os.path.join(checkout, "bench", "floor", "Cargo.toml")
    command = [cargo, "build", "--release", "--locked", "--manifest-path", manifest]
    built = subprocess.run(
        [*command, "--target-dir", target], capture_output=True, text=True, check=False
    )
    if built.returncode:
        message = f"the floor does not build: {built.stderr[-2000:]}"
        raise BenchError(message)
    return Tools(
        floor=os.path.join(target, "release", "duri-floor"),
        stopwatch=os.path.join(target, "release", "duri-stopwatch"),
        output=os.path.join(workdir, "output"),
    )


def environment() -> dict[str, str]:
    """Return what timed processes get: enough to run, nothing that steers them."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8"}


def run(argv: list[str], *, cwd: str, tools: Tools) -> Run:
    """Run `argv` in `cwd` and return what it took.

    Raises:
        BenchError: it could not be started.
        TooSlowError: it took longer than PATIENCE_SECONDS and was ended.
    """
    with subprocess.Popen(
        [tools.stopwatch, tools.output, *argv],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            line, errors = process.communicate(timeout=PATIENCE_SECONDS)
        except BaseException as error:
            # The session is the stopwatch's own, so this reaches it and what it started, only.
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                message = f"took more than {PATIENCE_SECONDS} s"
                raise TooSlowError(message) from error
            raise
    if process.returncode:
        message = f"{argv[0]} could not be started: {errors.strip()[-500:]}"
        raise BenchError(message)
    facts = json.loads(line)
    with open(tools.output, encoding="utf-8", errors="replace") as file:
        output = file.read(1 << 20)
    return Run(
        wall=facts["wall_ns"] / 1e9,
        cpu=facts["user_s"] + facts["system_s"],
        peak_kib=facts["peak_kib"],
        code=facts["code"],
        output=output,
        errors=errors[-2000:],
    )
