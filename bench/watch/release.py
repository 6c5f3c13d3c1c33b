"""A release that may be changed: a copy of a corpus, sealed, with its keyring beside it.

Guarantees: the corpus itself is never touched; the artifacts lie in the copy, where a watcher looks
for them without being told.
"""

import os
import shutil
from dataclasses import dataclass

from bench import corpora
from bench.contestants import command


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A sealed tree; `files` and `folders` are paths relative to the root, sorted."""

    root: str
    keyring: str
    files: tuple[str, ...]
    folders: tuple[str, ...]


def copied(name: str, *, workdir: str, to: str) -> str:
    """Copy a corpus to a folder, made anew, and return the folder.

    Raises:
        corpora.NoRoomError: the disk has no room for the corpus or its copy.
    """
    corpus = corpora.prepare(name, workdir=workdir)
    shutil.rmtree(to, ignore_errors=True)
    needs, free = corpora.RECIPES[name].needs, shutil.disk_usage(workdir).free
    if free < needs + corpora.SPARE_BYTES:
        raise corpora.NoRoomError(f"{needs >> 20:,} MiB for a copy, {free >> 20:,} are free")
    os.makedirs(os.path.dirname(to), exist_ok=True)
    command(["cp", "--archive", corpus.root, to], cwd=workdir)
    return to


def keyring(*, duri: str, home: str) -> str:
    """Return a keyring in a folder, made at the first call."""
    path = os.path.join(home, "keyring.json")
    if not os.path.exists(path):
        os.makedirs(home, mode=0o700, exist_ok=True)
        command([duri, "keys", "new", "--out", path], cwd=home)
    return path


def seal(root: str, *, duri: str, keys: str, version: str) -> None:
    """Seal a tree, its artifacts in it."""
    options = ("--version", version, "--product", "bench", "--keyring", keys)
    command([duri, "seal", root, *options], cwd=os.path.dirname(keys))


def sealed(root: str, *, duri: str, home: str) -> Release:
    """Seal a tree as version 1 and return it with its names."""
    keys = keyring(duri=duri, home=home)
    files, folders = [], []
    for folder, below, names in os.walk(root):
        here = os.path.relpath(folder, root)
        below.sort()
        folders += [os.path.normpath(os.path.join(here, name)) for name in below]
        files += [os.path.normpath(os.path.join(here, name)) for name in names]
    seal(root, duri=duri, keys=keys, version="1")
    return Release(
        root=root, keyring=keys, files=tuple(sorted(files)), folders=tuple(sorted(folders))
    )
