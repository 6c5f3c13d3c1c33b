"""The tools that others use for the same purpose, each set up as well as it can be.

Guarantees: every peer gets its list, database or signature made from the corpus as it is, and as
many threads or processes as the machine has cores where it can use them; what it does less than
DuRi stands in `does`, next to its time. A peer that cannot take part raises MissingError and is
named in the report.
The caller runs each once over the good tree first: a peer that fails there is not measured.
"""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from bench.contestants import PEER, Contestant, MissingError, command
from bench.corpora import Corpus

B3SUM_VERSION = "1.8.7"

PART_WEIGHT = 8 * 1024
"""Opening a file costs about as much as hashing so many bytes; lists are split by that weight."""

PARTS_PER_CORE = 4


class Peer(Protocol):
    """One tool: its name in the table, and how it is set up for a corpus."""

    @property
    def name(self) -> str:
        """The name in the table."""

    def prepare(self, corpus: Corpus, *, home: str, cores: int) -> Contestant:
        """Make what it needs in `home` and return what is measured."""


def regular_files(root: str) -> Iterator[tuple[bytes, int]]:
    """Yield name below the root, with `./` before it, and size of each regular file."""
    top = os.fsencode(root)
    pending = [b"."]
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(top, folder)) as entries:
            for entry in entries:
                path = os.path.join(folder, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                elif stat.S_ISREG((facts := entry.stat(follow_symlinks=False)).st_mode):
                    yield path, facts.st_size


def split(lines: list[bytes], weights: list[int], *, parts: int) -> list[list[bytes]]:
    """Split the lines, in order, into at most `parts` runs of about the same weight."""
    total, before = sum(weights) or 1, 0
    runs: list[list[bytes]] = [[] for _ in range(parts)]
    for line, weight in zip(lines, weights, strict=True):
        # The middle of a line's weight decides, so that a giant does not push its neighbours along.
        runs[min((2 * before + weight) * parts // (2 * total), parts - 1)].append(line)
        before += weight
    return [run for run in runs if run]


def _installed(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        message = f"{program} is not installed"
        raise MissingError(message)
    return path


def _checksums(corpus: Corpus, *, program: str, home: str, cores: int) -> tuple[str, str]:
    """Write the tool's own list over all regular files, and its parts; return both files' paths.

    The second file names the parts, one a line, for `xargs --arg-file`.
    """
    label = os.path.basename(program)
    files = list(regular_files(corpus.root))
    names, listing = os.path.join(home, "names"), os.path.join(home, f"{label}.list")
    with open(names, "wb") as file:
        file.writelines(name + b"\0" for name, _ in files)
    command(
        [_installed("xargs"), "--null", "--arg-file", names, program],
        cwd=corpus.root,
        where=listing,
    )
    with open(listing, "rb") as file:
        lines = file.readlines()
    parts = os.path.join(home, f"{label}.parts")
    with open(parts, "w", encoding="utf-8") as index:
        weights = [size + PART_WEIGHT for _, size in files]
        for number, run in enumerate(split(lines, weights, parts=cores * PARTS_PER_CORE)):
            path = f"{listing}.{number}"
            with open(path, "wb") as file:
                file.writelines(run)
            index.write(path + "\n")
    return listing, parts


@dataclass(frozen=True, slots=True)
class _Sum:
    """`sha256sum --check` or `b3sum --check`, alone or with the list split between processes."""

    name: str
    parallel: bool

    def program(self, *, home: str) -> str:
        """Return the path of the tool."""
        raise NotImplementedError

    def alone(self) -> tuple[str, ...]:
        """Return what is said to a tool that shares the cores with its twins."""
        return ()

    def prepare(self, corpus: Corpus, *, home: str, cores: int) -> Contestant:
        """Make the list and, for xargs, its parts."""
        program = self.program(home=home)
        listing, parts = _checksums(corpus, program=program, home=home, cores=cores)
        check = (program, "--check", "--quiet")
        argv: tuple[str, ...] = (*check, listing)
        if self.parallel:
            each = ("--max-procs", str(cores), "--max-args", "1", "--delimiter", "\\n")
            argv = (_installed("xargs"), "--arg-file", parts, *each, *check, *self.alone())
        does = "contents of listed files; not new files, types, modes, links, signatures"
        return Contestant(name=self.name, kind=PEER, does=does, argv=argv, cwd=corpus.root)


@dataclass(frozen=True, slots=True)
class Sha256sum(_Sum):
    """GNU coreutils."""

    def program(self, *, home: str) -> str:
        """Return the system's own; it is part of every Debian."""
        del home
        return _installed("sha256sum")


@dataclass(frozen=True, slots=True)
class B3sum(_Sum):
    """BLAKE3's own tool, a pinned version from crates.io; alone it uses all cores in one file."""

    def program(self, *, home: str) -> str:
        """Return the pinned version, installed into the work folder on first use."""
        place = os.path.join(os.path.dirname(home), "b3sum")
        path = os.path.join(place, "bin", "b3sum")
        if not os.path.exists(path):
            install = [_installed("cargo"), "install", "--locked", "--quiet", "--root", place]
            command([*install, "--version", B3SUM_VERSION, "b3sum"], cwd=os.path.dirname(home))
        return path

    def alone(self) -> tuple[str, ...]:
        """Return one thread a process: the processes are the parallelism."""
        return ("--num-threads", "1")


@dataclass(frozen=True, slots=True)
class Aide:
    """AIDE with its own database, comparing about what DuRi compares."""

    name: str = "AIDE"

    def prepare(self, corpus: Corpus, *, home: str, cores: int) -> Contestant:
        """Write the configuration and make the database with `aide --init`."""
        aide = _installed("aide")
        configuration, database = os.path.join(home, "aide.conf"), os.path.join(home, "aide.db")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(
                f"database_in=file:{database}\n"
                f"database_out=file:{database}.new\n"
                "gzip_dbout=no\n"
                f"num_workers={cores}\n"
                "report_url=stdout\n"
                f"root_prefix={corpus.root}\n"
                "/ ftype+p+l+s+sha256\n"
            )
        command([aide, f"--config={configuration}", "--init"], cwd=home, where=f"{database}.log")
        os.replace(f"{database}.new", database)
        return Contestant(
            name=self.name,
            kind=PEER,
            does="contents, new, missing, types, modes, links; no signature",
            argv=(aide, f"--config={configuration}", "--check"),
            cwd=home,
        )


@dataclass(frozen=True, slots=True)
class Hashdeep:
    """hashdeep's audit mode."""

    name: str = "hashdeep"

    def prepare(self, corpus: Corpus, *, home: str, cores: int) -> Contestant:
        """Make the list of known hashes."""
        hashdeep = _installed("hashdeep")
        known = os.path.join(home, "hashdeep.known")
        # `-o f`: regular files only; without it hashdeep follows links out of the tree.
        options = ("-c", "sha256", "-r", "-l", "-o", "f", "-j", str(cores))
        command([hashdeep, *options, "."], cwd=corpus.root, where=known)
        return Contestant(
            name=self.name,
            kind=PEER,
            does="contents, new, missing; not types, modes, links, signatures",
            argv=(hashdeep, *options, "-a", "-k", known, "."),
            cwd=corpus.root,
        )


@dataclass(frozen=True, slots=True)
class ModelSigning:
    """The OpenSSF's model_signing, with a fresh elliptic-curve key."""

    name: str = "model_signing"

    def prepare(self, corpus: Corpus, *, home: str, cores: int) -> Contestant:
        """Make a key pair and sign the corpus."""
        del cores  # It chooses its own number of threads.
        program = os.path.join(os.path.dirname(sys.executable), "model_signing")
        private, public = os.path.join(home, "model.key"), os.path.join(home, "model.pub")
        signature = os.path.join(home, "model.sig")
        openssl = _installed("openssl")
        curve = ("ecparam", "-name", "prime256v1", "-genkey", "-noout")
        command([openssl, *curve, "-out", private], cwd=home)
        command([openssl, "ec", "-in", private, "-pubout", "-out", public], cwd=home)
        options = ["--no-ignore-git-paths", "--signature", signature]
        if corpus.links:
            options.append("--allow_symlinks")
        command([program, "sign", "key", corpus.root, *options, "--private_key", private], cwd=home)
        return Contestant(
            name=self.name,
            kind=PEER,
            does="signature, contents, new, missing; not types, modes, links",
            argv=(program, "verify", "key", corpus.root, *options, "--public_key", public),
            cwd=home,
        )


PEERS: tuple[Peer, ...] = (
    Sha256sum("sha256sum -c", parallel=False),
    Sha256sum("sha256sum -c, xargs -P", parallel=True),
    B3sum("b3sum --check", parallel=False),
    B3sum("b3sum --check, xargs -P", parallel=True),
    Aide(),
    Hashdeep(),
    ModelSigning(),
)
