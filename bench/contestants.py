"""Who takes part: the product, the floor and `python -c pass`; the peers have a file of their own.

Guarantees: a contestant is an argument list and a folder to run it in, so what is measured is what
a person would type. Everything a contestant keeps (lists, databases, keys, artifacts) lies beside
the corpus, never in it.
"""

import json
import os
import subprocess
from dataclasses import dataclass

from bench.corpora import Corpus
from bench.stopwatch import Tools, environment

PRODUCT, FLOOR, REFERENCE, PEER = "product", "floor", "reference", "peer"

VERIFY, VERIFY_JSON, SEAL = "duri verify", "duri verify --json", "duri seal"
FLOOR_NAME, PASS = "floor", "python -c pass"


class MissingError(Exception):
    """A contestant cannot take part; the message is the reason that the report prints."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contestant:
    """What to run, and what it does in a few words for the table."""

    name: str
    kind: str
    does: str
    argv: tuple[str, ...]
    cwd: str
    threads: int = 0


def command(argv: list[str], *, cwd: str, where: str | None = None) -> str:
    """Run a step of preparation, its output into the file `where` or returned.

    Raises:
        MissingError: it is not installed or fails, with its last line.
    """
    try:
        with open(where or os.devnull, "wb") as file:
            done = subprocess.run(
                argv,
                cwd=cwd,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=file if where else subprocess.PIPE,
                stderr=subprocess.PIPE,
                check=False,
            )
    except FileNotFoundError:
        message = f"{os.path.basename(argv[0])} is not installed"
        raise MissingError(message) from None
    if done.returncode:
        said = (done.stderr or done.stdout or b"").decode(errors="replace").strip().splitlines()
        message = f"preparing ends with code {done.returncode}: {said[-1] if said else 'no word'}"
        raise MissingError(message.replace(cwd, "ROOT"))
    return (done.stdout or b"").decode(errors="replace")


def floor(corpus: Corpus, *, tools: Tools, threads: int, name: str = FLOOR_NAME) -> Contestant:
    """Return the floor with so many threads."""
    return Contestant(
        name=name,
        kind=FLOOR,
        does="walks, opens, reads, hashes; compares nothing",
        argv=(tools.floor, corpus.root, "--threads", str(threads)),
        cwd=corpus.root,
        threads=threads,
    )


def reference(python: str, *, cwd: str) -> Contestant:
    """Return the empty Python program, run by the interpreter that runs DuRi."""
    return Contestant(
        name=PASS, kind=REFERENCE, does="starts Python", argv=(python, "-c", "pass"), cwd=cwd
    )


def duri(corpus: Corpus, *, executable: str, home: str) -> list[Contestant]:
    """Make a keyring and a sealed release of the corpus, and return verify, verify --json and seal.

    The seal that is measured writes to a folder of its own, so that it never disturbs a verify.
    """
    if not os.path.exists(executable):
        message = "duri is not built: make build"
        raise MissingError(message)
    keyring, artifacts = os.path.join(home, "keyring.json"), os.path.join(home, "artifacts")
    if not os.path.exists(keyring):
        command([executable, "keys", "new", "--out", keyring], cwd=home)
    options = ("--keyring", keyring, "--artifacts")
    seal = (executable, "seal", corpus.root, "--version", "1", *options)
    # Sealed anew each time: artifacts of an older DuRi would measure the wrong thing.
    command([*seal, artifacts], cwd=home)
    verify = (executable, "verify", corpus.root, *options, artifacts)
    entire = "signatures, contents, new, missing, types, modes, links, capabilities"
    rows = (
        (VERIFY, entire, verify),
        (VERIFY_JSON, entire, (*verify, "--json")),
        (SEAL, "hashes, records, signs", (*seal, artifacts + ".measured")),
    )
    return [
        Contestant(name=name, kind=PRODUCT, does=does, argv=argv, cwd=home)
        for name, does, argv in rows
    ]


def inner_seconds(contestant: Contestant, output: str) -> float | None:
    """Return what the program says its own time was, None where it says nothing."""
    if contestant.kind == FLOOR:
        elapsed: int = json.loads(output)["elapsed_ns"]
        return elapsed / 1e9
    if contestant.name == VERIFY_JSON:
        duration: int = json.loads(output)["summary"]["scan_duration_ms"]
        return duration / 1e3
    return None
