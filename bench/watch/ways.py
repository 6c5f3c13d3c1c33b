"""The usual ways in which a release is replaced: symlink switch, rsync, pip, renames.

Guarantees: every way ends with a tree that equals the successor; nothing but the replacement itself
happens under the watcher's eyes. A successor that comes with artifacts was sealed where it was
built; one that comes without was not sealed at all.
"""

import ctypes
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)


class Seal(Protocol):
    """Seals a root as a version."""

    def __call__(self, root: str, version: str) -> None:
        """Seal it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The root to watch, and what replaces it."""

    root: str
    replace: Callable[[], None]


class Prepare(Protocol):
    """Makes both releases from a source tree."""

    def __call__(self, source: str, *, home: str, seal: Seal, sealed: bool) -> Stage:
        """Make them and return the stage."""
        ...


@dataclass(frozen=True, slots=True)
class Way:
    """A name and how it is prepared."""

    name: str
    prepare: Prepare


def _two(source: str, *, home: str, seal: Seal, sealed: bool) -> tuple[str, str]:
    """Return the roots of a sealed release and of its successor, sealed or not."""
    old, new = os.path.join(home, "release-1"), os.path.join(home, "release-2")
    subprocess.run(["cp", "--archive", source, old], check=True)
    subprocess.run(["cp", "--archive", source, new], check=True)
    changed(new)
    _seal_both(old, new, seal=seal, sealed=sealed)
    return old, new


def _seal_both(old: str, new: str, *, seal: Seal, sealed: bool) -> None:
    """Seal a release, and its successor if it is to be, a second later.

    In one second both would have the same sequence, and rsync would take artifacts of one size for
    the same: it compares whole seconds.
    """
    seal(old, "1")
    if sealed:
        time.sleep(1.1)
        seal(new, "2")


def changed(root: str) -> None:
    """Make a successor: every tenth file differs, every hundredth is gone or has a neighbour."""
    files = sorted(
        os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names
    )
    for number, path in enumerate(files):
        if number % 100 == 1:
            os.unlink(path)
        elif number % 100 == 2:
            with open(f"{path}_new", "wb") as file:
                file.write(b"new in version 2\n")
        elif number % 10 == 0:
            with open(path, "ab") as file:
                file.write(b"changed in version 2\n")


def _symlink(source: str, *, home: str, seal: Seal, sealed: bool) -> Stage:
    old, new = _two(source, home=home, seal=seal, sealed=sealed)
    current, following = os.path.join(home, "current"), os.path.join(home, "current.new")
    os.symlink(os.path.basename(old), current)
    os.symlink(os.path.basename(new), following)
    return Stage(current, lambda: os.replace(following, current))


def _moves(source: str, *, home: str, seal: Seal, sealed: bool) -> Stage:
    old, new = _two(source, home=home, seal=seal, sealed=sealed)
    aside = os.path.join(home, "release-0")
    script = 'mv -T "$1" "$3" && mv -T "$2" "$1"'
    command = ["sh", "-c", script, "sh", old, new, aside]
    return Stage(old, lambda: _run(command))


def _exchange(source: str, *, home: str, seal: Seal, sealed: bool) -> Stage:
    old, new = _two(source, home=home, seal=seal, sealed=sealed)

    def replace() -> None:
        one, other = os.fsencode(old), os.fsencode(new)
        if _libc.renameat2(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return Stage(old, replace)


def _rsync(source: str, *, home: str, seal: Seal, sealed: bool) -> Stage:
    old, new = _two(source, home=home, seal=seal, sealed=sealed)
    keep = [] if sealed else ["--exclude=/.duri"]
    command = ["rsync", "--archive", "--delete", *keep, f"{new}/", f"{old}/"]
    return Stage(old, lambda: _run(command))


def _pip(source: str, *, home: str, seal: Seal, sealed: bool) -> Stage:
    """Install a wheel of the successor over the release; its artifacts are copied first."""
    old, new = os.path.join(home, "release-1"), os.path.join(home, "release-2")
    first, second = (wheel(source, home=home, version=version) for version in ("1", "2"))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    install += ["--no-compile", "--disable-pip-version-check", "--no-cache-dir"]
    install += ["--no-warn-script-location", "--root-user-action=ignore", "--upgrade"]

    def put(one: str, root: str) -> None:
        _run([*install, "--target", root, one])

    put(first, old)
    # The successor is what pip leaves: what it installs over a copy of the release before.
    subprocess.run(["cp", "--archive", old, new], check=True)
    put(second, new)
    _seal_both(old, new, seal=seal, sealed=sealed)

    def replace() -> None:
        if sealed:
            _run(["cp", "--archive", f"{new}/.duri/.", f"{old}/.duri/"])
        put(second, old)

    return Stage(old, replace)


def wheel(source: str, *, home: str, version: str) -> str:
    """Write a wheel of a tree, by hand; version 2 holds the successor."""
    tree = os.path.join(home, f"wheel-{version}")
    subprocess.run(["cp", "--archive", source, tree], check=True)
    if version == "2":
        changed(tree)
    path = os.path.join(home, f"bench_app-{version}-py3-none-any.whl")
    facts = f"bench_app-{version}.dist-info"
    names = [f"{facts}/METADATA", f"{facts}/WHEEL", f"{facts}/RECORD"]
    tag = "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for folder, _, below in os.walk(tree):
            for name in sorted(below):
                full = os.path.join(folder, name)
                names.append(f"bench_app/{os.path.relpath(full, tree)}")
                file.write(full, names[-1])
        file.writestr(names[0], f"Metadata-Version: 2.1\nName: bench-app\nVersion: {version}\n")
        file.writestr(names[1], tag)
        file.writestr(names[2], "".join(f"{name},,\n" for name in names))
    return path


def _run(command: list[str]) -> None:
    """Run a command whose words are kept for the error.

    Raises:
        CalledProcessError: it failed.
    """
    try:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        error.add_note(said)
        raise


WAYS = (
    Way("symlink switch", _symlink),
    Way("mv, mv", _moves),
    Way("renameat2, exchange", _exchange),
    Way("rsync -a --delete", _rsync),
    Way("pip install --target", _pip),
)
