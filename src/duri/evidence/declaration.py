"""What is declared about policy where DuRi runs: settings, and `duriignore.json` in the root.

Guarantees: sealing turns what is declared into the policy; verifying only ever compares with it.
The file is bounded, read without following links, and refused when malformed at sealing.
"""

import os
import stat

import msgspec

from duri import threshold
from duri.errors import MalformedError, UsageError
from duri.evidence import canonical
from duri.limits import MAX_IGNORE_BYTES
from duri.policy import Policy, check_patterns
from duri.settings import Settings

IGNORE_FILE = "duriignore.json"
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """What the place of verification says of the policy; None where it says nothing.

    Attributes:
        ignore: patterns of flags, configuration, `duriignore.json` and DURI_INTEGRITY_EXCLUDES.
        ignore_complete: whether DURI_INTEGRITY_EXCLUDES was set, so that `ignore` is all of them.
    """

    ignore: tuple[str, ...] | None = None
    ignore_complete: bool = False
    mutable: tuple[str, ...] | None = None
    append_only: tuple[str, ...] | None = None
    spike_threshold: str | None = None
    mode: str | None = None
    algorithm: str | None = None


class _IgnoreFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    patterns: tuple[str, ...]


def to_seal(settings: Settings, *, root_fd: int) -> Policy:
    """Return the policy that a seal made here and now has.

    Raises:
        UsageError: `duriignore.json` is malformed, or there are too many patterns.
    """
    try:
        from_file = read_ignore_file(root_fd)
    except MalformedError as error:
        raise UsageError(error.what, where=IGNORE_FILE, got=error.got) from error
    policy = Policy(
        ignore=_unique(settings.ignore, from_file, settings.excludes),
        mutable=settings.mutable or (),
        append_only=settings.append_only or (),
        external_links=settings.external_links or (),
        owners=bool(settings.owners),
        case_twins=bool(settings.case_twins),
        spike_threshold=settings.spike_threshold or threshold.DEFAULT,
    )
    check_patterns(policy)
    return policy


def at_verification(settings: Settings, *, root_fd: int) -> Declared:
    """Return what is declared now, to be compared with what was sealed.

    Raises:
        MalformedError: `duriignore.json` is malformed.
    """
    from_file = read_ignore_file(root_fd)
    sources = (settings.ignore, from_file, settings.excludes)
    return Declared(
        ignore=None if all(source is None for source in sources) else _unique(*sources),
        ignore_complete=settings.excludes is not None,
        mutable=settings.mutable,
        append_only=settings.append_only,
        spike_threshold=settings.spike_threshold,
        mode="strict" if settings.is_production else settings.mode,
        algorithm=settings.algorithm,
    )


def read_ignore_file(root_fd: int) -> tuple[str, ...] | None:
    """Return the patterns of `duriignore.json`, or None where there is no such file.

    Raises:
        MalformedError: it is no regular file, too large, or not of the form {"patterns": [...]}.
    """
    try:
        file = os.open(IGNORE_FILE, _READ, dir_fd=root_fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MalformedError("cannot be read", where=IGNORE_FILE, got=str(error)) from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise MalformedError("not a regular file", where=IGNORE_FILE)
        data = os.read(file, MAX_IGNORE_BYTES + 1)
    except OSError as error:
        raise MalformedError("cannot be read", where=IGNORE_FILE, got=str(error)) from error
    finally:
        os.close(file)
    if len(data) > MAX_IGNORE_BYTES:
        raise MalformedError("too large", where=IGNORE_FILE, got=f"over {MAX_IGNORE_BYTES} bytes")
    return canonical.parse(data, _IgnoreFile, name=IGNORE_FILE).patterns


def _unique(*sources: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the patterns of all sources once each, in order: a later one can undo an earlier."""
    return tuple(dict.fromkeys(pattern for source in sources for pattern in source or ()))
