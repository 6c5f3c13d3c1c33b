"""Whatever somebody may do to a tree, at random, and repair from a pristine copy.

Guarantees: the same seed does the same things to the same tree; nothing outside the tree is
touched; no hard links are made, since those depend on what lies elsewhere. What is there afterwards
is for an oracle to say: an operation that meets what an earlier one left behind may do nothing.
"""

import os
import random
import shutil
import stat
from collections.abc import Callable

from bench.watch.oracle import ARTIFACTS, Tree, evidence, look

_NAMES = (b"planted.py", b".hidden", "grün 한글".encode(), b"not utf-8 \xff", b"two\nlines", b" ")


def damage(generator: random.Random, root: str) -> str:
    """Do one thing to a tree and return what it was."""
    top = os.fsencode(root)
    entries = sorted(_entries(top))
    files = [path for path, mode in entries if stat.S_ISREG(mode)]
    folders = [path for path, mode in entries if stat.S_ISDIR(mode)]
    word, act = generator.choice(_ACTS)
    pool = folders if "folder" in word else files
    if not pool:
        return f"no {word}"
    try:
        act(generator, generator.choice(pool), [top, *folders])
    except OSError as error:
        return f"{word}: {error.strerror}"
    return word


def _entries(top: bytes) -> list[tuple[bytes, int]]:
    found = []
    for folder, folders, names in os.walk(top):
        if folder == top and ARTIFACTS in folders:
            folders.remove(ARTIFACTS)
        for name in [*folders, *names]:
            full = os.path.join(folder, name)
            found.append((full, os.lstat(full).st_mode))
    return found


Act = Callable[[random.Random, bytes, list[bytes]], None]


def _flip(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    del folders
    facts = os.stat(path)
    with open(path, "r+b") as file:
        content = file.read()
        at = generator.randrange(max(1, len(content)))
        file.seek(at)
        file.write(bytes([(content[at : at + 1] or b"\0")[0] ^ 1]))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _append(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    del folders
    with open(path, "ab") as file:
        file.write(generator.randbytes(generator.randint(1, 9000)))


def _truncate(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    del folders
    os.truncate(path, generator.randint(0, max(0, os.path.getsize(path) - 1)))


def _plant(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    del path
    place = os.path.join(generator.choice(folders), generator.choice(_NAMES))
    with open(place, "wb") as file:
        file.write(generator.randbytes(generator.randint(0, 2000)))


def _plant_link(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    os.symlink(path, os.path.join(generator.choice(folders), b"link to nowhere"))


def _plant_fifo(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    del path
    os.mkfifo(os.path.join(generator.choice(folders), b"fifo"))


def _plant_tree(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    del path
    top = os.path.join(generator.choice(folders), b"grown")
    os.makedirs(os.path.join(top, b"deep", b"empty"))
    with open(os.path.join(top, b"deep", b"er"), "wb") as file:
        file.write(b"x" * generator.randint(0, 100))


def _remove(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    del generator, folders
    remove(path)


def _rename(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    os.rename(path, os.path.join(generator.choice(folders), b"moved_" + os.path.basename(path)))


def _swap(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    """Exchange two files of one folder, names, times and sizes as they may be."""
    del folders
    folder = os.path.dirname(path)
    names = sorted(
        name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name))
    )
    other = os.path.join(folder, generator.choice(names))
    between = path + b".swap"
    os.rename(path, between)
    os.rename(other if other != path else between, path)
    if other != path:
        os.rename(between, other)


def _replace(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    """Put something of another type where a file was."""
    os.unlink(path)
    if generator.random() < 0.5:
        os.mkdir(path)
    else:
        os.symlink(generator.choice(folders), path)


def _mode(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    del folders
    before = stat.S_IMODE(os.stat(path).st_mode)
    # The owner's rights stay, so that a watcher without root's can look.
    os.chmod(path, (before ^ (1 << generator.randrange(6))) | 0o700)


def _touch(generator: random.Random, path: bytes, folders: list[bytes]) -> None:
    """Change nothing that counts."""
    del generator, folders
    os.utime(path)


_ACTS: tuple[tuple[str, Act], ...] = (
    ("flip", _flip),
    ("append", _append),
    ("truncate", _truncate),
    ("plant", _plant),
    ("plant a link", _plant_link),
    ("plant a fifo", _plant_fifo),
    ("plant more", _plant_tree),
    ("delete", _remove),
    ("delete a folder", _remove),
    ("rename", _rename),
    ("rename a folder", _rename),
    ("swap", _swap),
    ("replace", _replace),
    ("mode", _mode),
    ("mode of a folder", _mode),
    ("touch", _touch),
)


def tamper(generator: random.Random, root: str) -> str:
    """Flip a byte of an artifact."""
    folder = os.path.join(os.fsencode(root), ARTIFACTS)
    name = generator.choice(sorted(os.listdir(folder)))
    _flip(generator, os.path.join(folder, name), [])
    return f"tamper with {os.fsdecode(name)}"


def repair(
    generator: random.Random, root: str, *, pristine: str, sealed: Tree, share: float
) -> None:
    """Bring back about a share of what differs from the pristine copy; 1 brings back everything."""
    top, copy = os.fsencode(root), os.fsencode(pristine)
    now = look(root)
    wrong = {path for path in sealed.keys() | now.keys() if sealed.get(path) != now.get(path)}
    chosen = {path for path in sorted(wrong) if generator.random() < share}
    # What lies below something that is wrong cannot come back before it.
    chosen |= {above for path in chosen for above in _above(path) if above in wrong}
    for path in sorted(chosen, reverse=True):
        before, after = sealed.get(path), now.get(path)
        if after is not None and (before is None or before.type != after.type):
            remove(os.path.join(top, path))
    for path in sorted(chosen & sealed.keys()):
        _bring(os.path.join(copy, path), os.path.join(top, path))
    if share >= 1:
        artifacts, found = evidence(pristine), evidence(root)
        for path in sorted(name for name in artifacts if artifacts[name] != found.get(name)):
            _bring(os.path.join(copy, path), os.path.join(top, path))


def _above(path: bytes) -> list[bytes]:
    parts = path.split(b"/")
    return [b"/".join(parts[:count]) for count in range(1, len(parts))]


def _bring(source: bytes, place: bytes) -> None:
    facts = os.lstat(source)
    if stat.S_ISDIR(facts.st_mode):
        os.makedirs(place, exist_ok=True)
        os.chmod(place, stat.S_IMODE(facts.st_mode))
    elif stat.S_ISLNK(facts.st_mode):
        remove(place)
        os.symlink(os.readlink(source), place)
    else:
        shutil.copy2(source, place)


def remove(path: bytes) -> None:
    """Remove whatever is there; nothing may be."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        os.unlink(path)
