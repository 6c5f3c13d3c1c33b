"""What a verifier has seen: the highest sequence of each product, and the latest time.

Guarantees: the floor never falls, and a clock that stands before a time already seen is noticed, so
that setting it back revives no expired key or permission. The file is replaced atomically under a
lock, so two verifiers lose nothing of each other.

Leaves to others: where the file lies. It protects only where somebody who can change the tree
cannot change it too; without one, `minimum_sequence` is the floor.
"""

import contextlib
import os
from collections.abc import Iterator

import msgspec

from duri import atomic
from duri.errors import MalformedError, UnverifiableError
from duri.evidence import canonical
from duri.limits import CLOCK_SKEW_SECONDS, MAX_WITNESS_BYTES
from duri.times import MAX_TIME

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Witness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state of one verifier.

    Attributes:
        floors: "product/environment" -> highest sequence that was verified.
        last_seen: unix seconds, the latest time of any verification.
    """

    schema_version: str = "1.0"
    floors: dict[str, int] = {}
    last_seen: int = 0


def read(path: str) -> Witness:
    """Read the state; a file that is not there yet is an empty one.

    Raises:
        UnverifiableError: it is there and cannot be used; guessing would forget the floor.
    """
    try:
        file = os.open(path, _READ)
    except FileNotFoundError:
        return Witness()
    except OSError as error:
        raise _unusable(path, str(error)) from error
    try:
        data = os.read(file, MAX_WITNESS_BYTES + 1)
    except OSError as error:
        raise _unusable(path, str(error)) from error
    finally:
        os.close(file)
    try:
        witness = canonical.decode(data, Witness, name=path)
    except MalformedError as error:
        raise _unusable(path, error.got or error.what) from error
    if len(data) > MAX_WITNESS_BYTES or witness.schema_version != "1.0":
        raise _unusable(path, f"schema_version {witness.schema_version}, {len(data)} bytes")
    if not 0 <= witness.last_seen <= MAX_TIME:
        raise _unusable(path, f"last_seen {witness.last_seen}")
    return witness


def clock_behind(witness: Witness, now: int) -> bool:
    """Return whether the clock stands before a time that was seen already."""
    return now + CLOCK_SKEW_SECONDS < witness.last_seen


def advance(
    witness: Witness, *, product: str, environment: str, sequence: int, now: int
) -> Witness:
    """Return the state after a release was verified."""
    key = f"{product}/{environment}"
    return Witness(
        floors={**witness.floors, key: max(sequence, witness.floors.get(key, 0))},
        last_seen=max(now, witness.last_seen),
    )


def record(path: str, *, product: str, environment: str, sequence: int, now: int) -> None:
    """Advance the state on disk: read again under a lock, then replaced by rename.

    Raises:
        UnverifiableError: it cannot be written; a floor that is not kept is no floor.
    """
    try:
        with _locked(path + ".lock"):
            before = read(path)
            after = advance(
                before, product=product, environment=environment, sequence=sequence, now=now
            )
            if after != before:
                atomic.replace(path, canonical.encode(after), mode=0o600)
    except OSError as error:
        raise _unusable(path, str(error)) from error


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    import fcntl

    file = os.open(path, _CREATE, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _unusable(path: str, got: str) -> UnverifiableError:
    return UnverifiableError(
        "the verifier's state cannot be used",
        where=path,
        got=got,
        todo="Restore it, or remove it knowingly: the floor then starts again at the next release",
    )
