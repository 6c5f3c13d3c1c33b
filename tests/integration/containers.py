"""Containers as the kernel makes them: processes with a mount namespace and a root of their own.

Guarantees: every process ends with the `Pod` that started it. A machine that allows no mount
namespace misses a component.
"""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.conftest import clean_environment, require

# Enters a container and then does as it is told: nothing of its own is needed inside.
PROGRAM = """
import ctypes, json, os, sys

def call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")

BIND, REC, PRIVATE, DETACH = 0x1000, 0x4000, 0x40000, 2

def mount(root, volumes):
    call("mount", None, b"/", None, REC | PRIVATE, None)
    if root:
        call("mount", root, root, None, BIND | REC, None)
    for inside, outside in volumes.items():
        at = root + b"/" + inside.encode()
        os.makedirs(at, exist_ok=True)
        if outside is None:
            call("mount", b"tmpfs", at, b"tmpfs", 0, None)
        else:
            call("mount", outside.encode(), at, None, BIND, None)

def enter(root, volumes, proc):
    mount(root, volumes)
    os.makedirs(root + b"/proc", exist_ok=True)
    if proc == "none":
        pass
    elif proc is None:
        call("mount", b"/proc", root + b"/proc", None, BIND | REC, None)
    else:
        call("mount", b"proc", root + b"/proc", b"proc", 0, proc.encode())
    os.chdir(root)
    call("pivot_root", b".", b".")
    call("umount2", b".", DETACH)
    os.chdir("/")

def answer(asked):
    from duri.errors import UnverifiableError
    from duri.watch.target import Target, open_target, reopened
    try:
        with open_target(
            Target(**asked["target"]), in_kubernetes=asked["in_kubernetes"], own_pid=os.getpid()
        ) as opened:
            return {
                "path": opened.path,
                "names": sorted(os.listdir(opened.fd)),
                "pid": opened.pid,
                "description": opened.description,
                "is_current": reopened(opened, Target(**asked["target"])) is not None,
            }
    except UnverifiableError as error:
        return {"error": str(error)}

libc = ctypes.CDLL(None, use_errno=True)
told = json.loads(sys.argv[1])
if told["name"]:
    with open("/proc/self/comm", "w") as file:
        file.write(told["name"])
if told["asks"]:
    answer({"target": {"root": "/"}, "in_kubernetes": False})  # imports all that it needs
if told["way"] == "pivot":
    enter(os.fsencode(told["root"]), told["volumes"], told["proc"])
elif told["way"] == "private":
    mount(b"", told["volumes"])
elif told["way"] == "chroot":
    os.chroot(told["root"])
    os.chdir("/")
if told["user"] is not None:
    os.setgroups([])
    os.setresgid(told["user"], told["user"], told["user"])
    os.setresuid(told["user"], told["user"], told["user"])
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: as if it had been started so
print("up", flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
"""


class Container:
    """A running process, most often with a root of its own; `pid` is its number out here."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"

    def ask(self, *, in_kubernetes: bool = False, **target: object) -> dict[str, Any]:
        """Have a watcher in there open a target, and return what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"target": target, "in_kubernetes": in_kubernetes}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        answered: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answered

    def end(self) -> None:
        """End it and wait until nothing of it is left."""
        self._process.kill()
        self._process.communicate()


class Pod:
    """Starts containers that see each other's processes; names are this pod's own."""

    _numbers = itertools.count()

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Container] = []
        self._suffix = f"-{os.getpid()}-{next(self._numbers)}"

    def name(self, name: str) -> str:
        """Return a process's name that nobody else on this machine has; at most 15 bytes."""
        full = f"{name}{self._suffix}"
        assert len(full) <= 15
        return full

    def start(
        self,
        name: str = "",
        *,
        way: str = "pivot",
        files: Mapping[str, str] | None = None,
        links: Mapping[str, str] | None = None,
        root: Path | None = None,
        volumes: Mapping[str, str | None] | None = None,
        asks: bool = False,
        proc: str | None = None,
        user: int | None = None,
    ) -> Container:
        """Start a container.

        Args:
            name: of its process; the interpreter's when empty.
            way: `pivot` for a mount namespace and a root of its own, `private` for our root with
                volumes that nobody else sees, `chroot`, or `none`.
            files: text by path inside.
            links: what each symbolic link inside says.
            root: the container's root out here; a folder `container-N` of its own when None.
            volumes: what is mounted inside by path: a folder out here, or None for a tmpfs.
            asks: whether it is a watcher.
            proc: mount options of a `/proc` of its own; ours when None, nothing for `none`.
            user: whom it runs as in the end.
        """
        unshare = [require("unshare"), *([] if os.geteuid() == 0 else ["--map-root-user"])]
        probe = subprocess.run([*unshare, "--mount", "true"], capture_output=True, check=False)
        require("mount namespaces", present=probe.returncode == 0)
        if way in {"pivot", "private"}:
            unshare.append("--mount")
        root = root or self.folder / f"container-{len(self.started)}"
        for path, text in (files or {}).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        for path, target in (links or {}).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(target)
        root.mkdir(exist_ok=True)
        told = {
            "name": name,
            "way": way,
            "root": str(root),
            "volumes": dict(volumes or {}),
            "asks": asks,
            "proc": proc,
            "user": user,
        }
        process = subprocess.Popen(
            [*unshare, sys.executable, "-c", PROGRAM, json.dumps(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment("/nonexistent"),
        )
        container = Container(process)
        self.started.append(container)
        return container

    def end(self) -> None:
        """End all that was started."""
        for one in self.started:
            one.end()
