"""A process interrupted at each of its system calls, for real, by strace's injection.

Guarantees: `publishing` lists the system calls of one traced run from the first that touches what
`since` names, each as strace counts it (a name and its ordinal in the main thread), so that another
run of the same command can be killed or failed at exactly that call.

Source: strace(1), "Tampering"; strace counts each thread's calls of one name from 1.
"""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.conftest import DURI, Ran

_LINE = re.compile(rb"(\d+) +(\w+)\(")
_CHANGING = (
    "mkdir,openat,open,write,pwrite64,fchmod,chmod,fsync,fdatasync,flock,link,linkat,rename,"
    "renameat,renameat2,unlink,unlinkat,rmdir,ftruncate"
)
"""The calls that change a file system or can refuse to; reading and closing change nothing."""


class Call(NamedTuple):
    """One system call of the main thread: its name and which one of that name it is."""

    name: str
    ordinal: int


class Process(NamedTuple):
    """A `duri` command that can be run many times, with what it needs around it."""

    strace: str
    home: Path
    args: tuple[str | Path, ...]
    env: Mapping[str, str] = {}

    def traced(self, *, since: bytes) -> list[Call]:
        """Run it whole; return its calls from the first that has `since` in its line."""
        log = self.home / "strace.log"
        ran = self._run("-o", log, "-s", "4096")
        assert ran.code == 0, ran.err
        return _calls(log.read_bytes().splitlines(), since)

    def killed_at(self, call: Call) -> Ran:
        """Run it until it enters a call, and kill it there."""
        rule = f"inject={call.name}:signal=KILL:when={call.ordinal}"
        ran = self._run("-o", os.devnull, "-e", rule)
        assert ran.code in {-9, 137}, f"it was not killed at {call}: {ran.code} {ran.err}"
        return ran

    def failed_at(self, call: Call, error: str) -> Ran:
        """Run it with one call failing by an errno such as ENOSPC."""
        return self.failing((call.name, error, str(call.ordinal)))

    def failing(self, *rules: tuple[str, str, str]) -> Ran:
        """Run it with calls failing; a rule is a name, an errno, and which ones ("1+": all)."""
        options = [
            part
            for name, error, when in rules
            for part in ("-e", f"inject={name}:error={error}:when={when}")
        ]
        return self._run("-o", os.devnull, *options)

    def command(self, *options: str | Path) -> list[str]:
        """Return the command line under strace."""
        filtered = ("-f", "-qq", "-e", f"trace={_CHANGING}", "-e", "signal=none")
        return [os.fspath(part) for part in (self.strace, *filtered, *options, DURI, *self.args)]

    def environment(self) -> dict[str, str]:
        """Return the process's environment: no byte code is written, so each run is alike."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.fspath(self.home),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.env,
        }

    def _run(self, *options: str | Path) -> Ran:
        command = self.command(*options)
        done = subprocess.run(
            command, capture_output=True, check=False, env=self.environment(), timeout=60
        )
        return Ran(tuple(command), done.returncode, done.stdout, done.stderr)


def _calls(lines: list[bytes], since: bytes) -> list[Call]:
    """Return the main thread's calls, counted from its first one."""
    counts: Counter[str] = Counter()
    main = None
    found = []
    reached = False
    for line in lines:
        matched = _LINE.match(line)
        if matched is None:
            continue
        thread, name = matched[1], matched[2].decode()
        main = main or thread
        if thread != main:
            continue
        counts[name] += 1
        reached = reached or since in line
        if reached:
            found.append(Call(name, counts[name]))
    return found


def until_last(calls: list[Call], name: str) -> list[Call]:
    """Return the calls up to the last of a name: what follows a sync writes to the terminal."""
    last = max(index for index, call in enumerate(calls) if call.name == name)
    return calls[: last + 1]
