"""The trees that are measured, made once from a fixed seed and kept in the work folder.

Guarantees: the same seed gives the same names and bytes on every machine, `usr` excepted, which is
a copy of this machine's /usr; a tree is complete when its stamp exists, and is made anew when the
stamp is of another recipe; nothing is made that would leave the disk nearly full.
It leaves to the caller to say in the report which corpus was left out, and why.
"""

import json
import os
import random
import shutil
import stat
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

RECIPE = 1
"""Grows with any change of what is made, so that old trees are not measured under new names."""

SEED = 20_240_229
SPARE_BYTES = 4 << 30
"""What must stay free on the disk: a full one changes what is measured, and breaks neighbours."""

POOL_BYTES = 16 << 20
FILES_PER_FOLDER = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """A tree on disk and what it holds; `left_out` counts what a copy could not take along."""

    name: str
    root: str
    files: int
    folders: int
    links: int
    size: int
    left_out: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How one corpus is made; `needs` is its estimated room on disk in bytes."""

    name: str
    title: str
    needs: int
    make: Callable[[str], int]


def _pool(*, text: bool) -> bytes:
    """Return seeded bytes to cut contents from; drawing each file's own would take minutes."""
    generator = random.Random(SEED)
    if not text:
        return generator.randbytes(POOL_BYTES)
    words = [
        generator.randbytes(generator.randint(1, 5)).hex().encode()
        + generator.choice(b" (.,:\n= ").to_bytes()
        for _ in range(50_000)
    ]
    return b"".join(generator.choices(words, k=POOL_BYTES // 7))


def _write(path: str, content: bytes | memoryview, *, folder: int | None = None) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=folder)
    try:
        while content:
            content = content[os.write(file, content) :]
    finally:
        os.close(file)


def _fill(root: str, sizes: Iterator[int], *, pool: bytes, suffix: str) -> None:
    """Write one file a size, FILES_PER_FOLDER in a folder, a hundred folders in each above it."""
    generator = random.Random(SEED + 1)
    view = memoryview(pool)
    folder = -1
    try:
        for index, size in enumerate(sizes):
            number, place = divmod(index, FILES_PER_FOLDER)
            if place == 0:
                path = os.path.join(root, f"group_{number // 100:03d}", f"package_{number:05d}")
                os.makedirs(path, mode=0o755)
                if folder >= 0:
                    os.close(folder)
                folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            start = generator.randrange(len(pool) - size + 1)
            _write(f"module_{index:07d}{suffix}", view[start : start + size], folder=folder)
    finally:
        if folder >= 0:
            os.close(folder)


def _source(root: str) -> int:
    # Log-normal, like real source trees: many short files, few long ones, 11 KB on average.
    generator = random.Random(SEED)
    sizes = (min(int(generator.lognormvariate(8.5, 1.3)), 400_000) for _ in range(2_262))
    _fill(root, sizes, pool=_pool(text=True), suffix=".py")
    return 0


def _uniform(count: int, largest: int) -> Callable[[str], int]:
    def make(root: str) -> int:
        generator = random.Random(SEED)
        sizes = (generator.randint(0, largest) for _ in range(count))
        _fill(root, sizes, pool=_pool(text=False), suffix=".bin")
        return 0

    return make


def _large(root: str) -> int:
    pool = _pool(text=False)
    for number in range(4):
        file = os.open(os.path.join(root, f"weights_{number}.bin"), os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            for block in range((1 << 30) // POOL_BYTES):
                turn = (number * 64 + block) * 65_521
                rotated = pool[turn % POOL_BYTES :] + pool[: turn % POOL_BYTES]
                while rotated:
                    rotated = rotated[os.write(file, rotated) :]
        finally:
            os.close(file)
    return 0


def _usr(root: str) -> int:
    """Copy /usr with its links, and return how many links and names a release could not hold.

    Removed are links that are absolute or leave the tree, all but the first of names that differ in
    case or normal form only, and names that are not UTF-8: a seal refuses them by design, and every
    contestant is to see the same tree.
    """
    subprocess.run(
        ["/bin/cp", "--archive", "--one-file-system", "/usr/.", root],
        check=False,  # unreadable files are skipped; the stamp says how much there is
        stderr=subprocess.DEVNULL,
    )
    left_out = 0
    top = os.path.realpath(root)
    for path, folders, files in os.walk(top):
        seen: set[str] = set()
        for name in sorted(folders + files):
            full = os.path.join(path, name)
            kind = os.lstat(full).st_mode
            leaves = stat.S_ISLNK(kind) and _leaves(top, full)
            other = not (stat.S_ISLNK(kind) or stat.S_ISDIR(kind) or stat.S_ISREG(kind))
            # os.walk decodes bytes that are not UTF-8 to lone surrogates.
            other = other or any("\ud800" <= character <= "\udfff" for character in name)
            folded = unicodedata.normalize("NFC", name).casefold()
            twin = folded in seen
            seen.add(folded)
            if not (leaves or other or twin):
                continue
            left_out += 1
            if name in folders and not stat.S_ISLNK(kind):
                shutil.rmtree(full)
                folders.remove(name)
            else:
                os.unlink(full)
    return left_out


def _leaves(top: str, link: str) -> bool:
    target = os.readlink(link)
    if os.path.isabs(target):
        return True
    # By name and by what it resolves to: a chain of links leaves the tree as surely as one does.
    named = os.path.normpath(os.path.join(os.path.dirname(link), target))
    resolved = os.path.realpath(link)
    return not all(path == top or path.startswith(top + os.sep) for path in (named, resolved))


def _usr_needs() -> int:
    size = subprocess.run(
        ["/usr/bin/du", "-sxk", "/usr"], capture_output=True, text=True, check=False
    ).stdout.split()
    return int(size[0]) * 1024 if size else 6 << 30


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(name="source", title="2,262 source-like files", needs=40 << 20, make=_source),
        Recipe(
            name="small",
            title="100,000 files of 0–16 KB",
            needs=1100 << 20,
            make=_uniform(100_000, 16 * 1024),
        ),
        Recipe(name="large", title="4 files of 1 GiB", needs=(4 << 30) + (1 << 20), make=_large),
        Recipe(name="usr", title="a copy of this machine's /usr", needs=0, make=_usr),
        Recipe(
            name="curve-4", title="10⁴ files of 0–1 KB", needs=50 << 20, make=_uniform(10**4, 1024)
        ),
        Recipe(
            name="curve-5", title="10⁵ files of 0–1 KB", needs=480 << 20, make=_uniform(10**5, 1024)
        ),
        Recipe(
            name="curve-6",
            title="10⁶ files of 0–1 KB",
            needs=4800 << 20,
            make=_uniform(10**6, 1024),
        ),
    )
}

CURVE = ("curve-4", "curve-5", "curve-6")


class NoRoomError(Exception):
    """The disk has no room for a corpus; the message says how much is free and needed."""


def prepare(name: str, *, workdir: str) -> Corpus:
    """Return the corpus, made now or earlier.

    Raises:
        NoRoomError: making it would leave less than SPARE_BYTES on the disk.
    """
    recipe = RECIPES[name]
    home = os.path.join(workdir, "corpora", name)
    stamp = os.path.join(home, "stamp.json")
    try:
        with open(stamp, encoding="utf-8") as file:
            found = json.load(file)
        if found.pop("recipe") == RECIPE:
            return Corpus(root=os.path.join(home, "tree"), **found)
    except FileNotFoundError:
        pass
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(workdir, exist_ok=True)
    needs, free = recipe.needs or _usr_needs(), shutil.disk_usage(workdir).free
    if free < needs + SPARE_BYTES:
        message = (
            f"{needs >> 20:,} MiB are needed beside {SPARE_BYTES >> 20:,} spare, "
            f"{free >> 20:,} are free"
        )
        raise NoRoomError(message)
    print(f"making {name}: {recipe.title}", file=sys.stderr, flush=True)
    root = os.path.join(home, "tree")
    os.makedirs(root)
    # A copy of /usr holds setuid programs: nobody else gets in.
    os.chmod(home, 0o700)
    left_out = recipe.make(root)
    corpus = survey(name, root=root, left_out=left_out)
    facts = {key: value for key, value in asdict(corpus).items() if key != "root"}
    with open(stamp, "w", encoding="utf-8") as file:
        json.dump({"recipe": RECIPE, **facts}, file, indent=2)
    # Dirty pages written back in the middle of a measurement would be somebody's bad luck.
    os.sync()
    return corpus


def survey(name: str, *, root: str, left_out: int = 0) -> Corpus:
    """Count what is below `root`, without following links."""
    files = folders = links = size = 0
    pending = [root]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    links += 1
                elif entry.is_dir():
                    folders += 1
                    pending.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    files += 1
                    size += entry.stat(follow_symlinks=False).st_size
    return Corpus(
        name=name,
        root=root,
        files=files,
        folders=folders,
        links=links,
        size=size,
        left_out=left_out,
    )
