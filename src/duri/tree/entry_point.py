"""What an entry point loads from outside the root, before its own first line.

A verified root says nothing of the interpreter that runs it or of the libraries that are mapped
into it. This lists them, so that whoever seals can seal them too or knows that they are not
covered.

Guarantees: nothing of the tree is run. Libraries are those that the system's own dynamic loader
names when asked to list them.

Leaves to others: what a program loads later by itself (`dlopen`, `import`, `require`), beyond the
standard library folder of a Python interpreter.
"""

import os
import re

from duri.errors import UsageError

_HEAD_BYTES = 4096
_SECONDS = 10
_ELF = b"\x7fELF"
_LOADERS = (
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
)
_LISTED = re.compile(r"(/\S+) \(0x[0-9a-f]+\)")
_PYTHON = re.compile(r"python3\.(\d+)\Z")
_MAX_INTERPRETERS = 4  # what Linux follows, BINPRM_MAX_RECURSION


def outside(root: str, entry_point: str) -> tuple[str, ...]:
    """Return the files and folders outside the root that starting the entry point loads.

    Args:
        root: the root that is sealed.
        entry_point: the program, relative to the root or absolute.

    Raises:
        UsageError: there is no such program.
    """
    path = os.path.join(root, entry_point)
    if not os.path.isfile(path):
        raise UsageError("there is no such entry point", where=path)
    loaded = [path]
    for _ in range(_MAX_INTERPRETERS):
        head = _head(path)
        if head.startswith(_ELF):
            loaded += _libraries(path)
        interpreter = _interpreter(head)
        if interpreter is None:
            break
        loaded.append(interpreter)
        path = interpreter
    loaded += _standard_library(path)
    inside = os.path.realpath(root).rstrip("/") + "/"
    real = (os.path.realpath(one) for one in loaded)
    return tuple(dict.fromkeys(one for one in real if not one.startswith(inside)))


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise UsageError("the entry point cannot be read", where=path, got=str(error)) from error


def _interpreter(head: bytes) -> str | None:
    """Return the program of a `#!` line; `env NAME` is looked up as env does."""
    if not head.startswith(b"#!"):
        return None
    import shutil

    words = os.fsdecode(head[2:].split(b"\n", 1)[0]).split()
    if not words:
        return None
    if os.path.basename(words[0]) == "env":
        names = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        return shutil.which(names[0]) if names else None
    return words[0] if os.path.isfile(words[0]) else None


def _libraries(path: str) -> list[str]:
    """Ask the system's dynamic loader, never the one that the file names."""
    import subprocess  # three milliseconds that only `--entry-point` pays

    loader = next((one for one in _LOADERS if os.path.exists(one)), None)
    if loader is None:
        return []
    listed = subprocess.run(  # noqa: S603 - the loader lists, it does not run the file
        [loader, "--list", path],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
        env={},
        stdin=subprocess.DEVNULL,
    )
    return _LISTED.findall(listed.stdout)


def _standard_library(interpreter: str) -> list[str]:
    """Return the standard library of a Python interpreter, which lies beside its prefix."""
    real = os.path.realpath(interpreter)
    match = _PYTHON.match(os.path.basename(real))
    if match is None:
        return []
    folder = os.path.join(os.path.dirname(os.path.dirname(real)), "lib", f"python3.{match[1]}")
    return [folder] if os.path.isdir(folder) else []
