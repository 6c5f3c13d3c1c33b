"""Keyrings from files and the environment.

A file holds a keyring (JSON, so it starts with "{" after white space) or one raw MAC secret: its
exact bytes minus one newline at the end. 64 hex digits or a base64 text are used as they are, as
bytes, not decoded: existing deployments do so. A raw secret that starts with "{" is taken for a
damaged keyring and refused.

Guarantees
- Nothing blocks and nothing is unbounded: a FIFO, a device or a giant is refused after opening,
  before reading. Links are followed, because Kubernetes mounts secrets as links.
- The mode judged is the mode of the file read. In prod a file with secret material that others
  can read, a keyring that others can write, and a short secret are refused; elsewhere each is a
  warning.
- Nothing is printed, and no error or warning holds material.

Leaves to `store` writing, and to `duri.settings` which file and variable are meant.
"""

import errno
import os
import stat

import msgspec

from duri.errors import KeyringError
from duri.evidence.keys.key import Key, State
from duri.evidence.keys.keyring import Keyring, Loaded, assemble, check_lengths, parse
from duri.evidence.keys.material import Algorithm, check_secret, secret_keyid
from duri.evidence.keys.secret import Secret
from duri.limits import MAX_KEYRING_BYTES

_READ_BYTES = 128 * 1024
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe{\x00", b"\xfe\xff\x00{", b"{\x00", b"\x00{")
"""A keyring that an editor saved in another encoding; it must never be taken for a raw secret."""

_PROBLEMS = {
    errno.ENOENT: "the key file is missing",
    errno.ENOTDIR: "the key file is missing: a part of its path is a file",
    errno.EACCES: "the key file is unreadable: permission denied",
    errno.EPERM: "the key file is unreadable: not permitted",
    errno.ELOOP: "the key file is a loop of links",
    errno.ENAMETOOLONG: "the key file's path is too long",
    errno.ENXIO: "the key file is not a regular file",
}


def load_file(path: str, *, now: int, prod: bool) -> Loaded:
    """Return the keyring in a file, or a keyring of the one raw MAC secret in it.

    A raw secret does not say when it was made; the file's modification time stands in.

    Args:
        path: the file.
        now: Unix seconds.
        prod: whether weaknesses are refused rather than warned of.

    Raises:
        KeyringError: the file or what it holds is not usable.
    """
    where = shown_path(path)
    data, status = _read(path, where)
    if _is_json(data, where):
        loaded = parse(data, where=where, prod=prod)
    else:
        created = min(max(0, int(status.st_mtime)), now)
        loaded = _raw(data, where=where, created_at=created, prod=prod)
    warnings = _check_mode(loaded.keyring, status, where=where, prod=prod)
    return msgspec.structs.replace(loaded, warnings=loaded.warnings + warnings)


def load_environment(value: str, *, now: int, prod: bool) -> Loaded:
    """Return a keyring of the raw MAC secret in `DURI_HMAC_KEY`; refused in prod.

    The environment is inherited by every child and shown by /proc and crash reports.
    """
    where = "DURI_HMAC_KEY"
    todo = "Mount the key as a file with mode 0400 and name it in DURI_HMAC_KEY_FILE."
    if prod:
        what = "a key in the environment is refused in prod"
        raise KeyringError(what, where=where, expected="a mounted file", todo=todo)
    loaded = _raw(os.fsencode(value), where=where, created_at=now, prod=prod)
    warning = f"{where}: a key in the environment is readable by every child process. {todo}"
    return msgspec.structs.replace(loaded, warnings=(*loaded.warnings, warning))


def shown_path(path: str) -> str:
    """Return a path with everything escaped that a terminal might obey."""
    return path if path.isprintable() else ascii(path)[1:-1]


def _read(path: str, where: str) -> tuple[bytes, os.stat_result]:
    try:
        # O_NONBLOCK: opening a FIFO returns at once. O_NOCTTY: a terminal stays where it is.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            status = os.fstat(descriptor)
            _check_type(status, where)
            return _read_bounded(descriptor, where), status
        finally:
            os.close(descriptor)
    except OSError as error:
        number = error.errno if error.errno is not None else 0
        what = _PROBLEMS.get(number, f"the key file is unreadable: {os.strerror(number)}")
        todo = "Check the path and the mount, and who may read it."
        raise KeyringError(what, where=where, expected="a readable file", todo=todo) from error
    except ValueError as error:
        what = "the key file's path holds a NUL"
        raise KeyringError(what, where=where, expected="a path") from error


def _check_type(status: os.stat_result, where: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        what = "the key file is a folder"
        todo = "Name the file within it."
        raise KeyringError(what, where=where, expected="a file", got="a folder", todo=todo)
    if not stat.S_ISREG(status.st_mode):
        what = "the key file is not a regular file"
        raise KeyringError(what, where=where, expected="a file", got="a FIFO, socket or device")


def _read_bounded(descriptor: int, where: str) -> bytes:
    data = b""
    while block := os.read(descriptor, _READ_BYTES):
        data += block
        if len(data) > MAX_KEYRING_BYTES:
            what = "the key file is too large"
            expected = f"at most {MAX_KEYRING_BYTES} bytes"
            raise KeyringError(what, where=where, expected=expected, got="more")
    if not data.strip():
        what = "the key file is empty"
        todo = "Make a keyring with `duri keys new`."
        raise KeyringError(what, where=where, expected="a keyring or a key", todo=todo)
    return data


def _is_json(data: bytes, where: str) -> bool:
    text = data.lstrip()
    if text.startswith(_BOMS):
        what = "the keyring is not plain UTF-8"
        todo = "Save it as UTF-8 without a byte order mark."
        raise KeyringError(what, where=where, expected="JSON in UTF-8", todo=todo)
    return text.startswith(b"{")


def _raw(data: bytes, *, where: str, created_at: int, prod: bool) -> Loaded:
    """Return a keyring with one active MAC key."""
    if b"-----BEGIN " in data:
        raise KeyringError(
            "a PEM file is neither a keyring nor an HMAC secret",
            where=where,
            expected="a keyring",
            got="a PEM text",
            todo="Make a keyring with `duri keys new --out keyring.json`, and the one for verifiers"
            " with `duri keys public`.",
        )
    secret = data.removesuffix(b"\n")
    try:
        check_secret(secret)
        key = Key(
            keyid=secret_keyid(secret),
            algorithm=Algorithm.HMAC_SHA256,
            state=State.ACTIVE,
            created_at=created_at,
            secret=Secret(secret),
        )
        keyring = assemble([key])
        return Loaded(keyring=keyring, warnings=check_lengths(keyring, prod=prod))
    except KeyringError as error:
        # The frames of the cause hold the secret.
        raise KeyringError(
            error.what, where=where, expected=error.expected, got=error.got, todo=error.todo
        ) from None


def _check_mode(
    keyring: Keyring, status: os.stat_result, *, where: str, prod: bool
) -> tuple[str, ...]:
    """Judge who else may read secrets or write keys; refuse in prod, warn elsewhere.

    A secret that Kubernetes mounts for a process without root belongs to root, and its group is the
    pod's own (fsGroup): the group is the only way to read it, so that one is accepted.
    """
    errors = []
    mode = status.st_mode
    mounted = status.st_uid == 0 and os.geteuid() != 0
    got = f"{stat.S_IMODE(mode):04o}"
    todo = "Use `chmod 0400`, or defaultMode: 0400 for a Kubernetes secret."
    others = stat.S_IROTH if mounted else stat.S_IRGRP | stat.S_IROTH
    if keyring.holds_secret and mode & others:
        who = "world" if mode & stat.S_IROTH else "group"
        what = f"the key file is {who}-readable and holds a secret"
        errors.append(KeyringError(what, where=where, expected="mode 0400", got=got, todo=todo))
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        who = "world" if mode & stat.S_IWOTH else "group"
        what = f"the key file is {who}-writable: others could add keys"
        errors.append(KeyringError(what, where=where, expected="mode 0400", got=got, todo=todo))
    if errors and prod:
        raise errors[0]
    return tuple(str(error) for error in errors)
