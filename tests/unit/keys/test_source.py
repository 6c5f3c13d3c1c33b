"""Keyrings from files and the environment: each bad input by name, beside the good one."""

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.keys.examples import NOW, example, hmac_key, in_state

from duri.errors import KeyringError
from duri.evidence.keys.generate import new_keyring, public_part
from duri.evidence.keys.key import Key, State
from duri.evidence.keys.keyring import Algorithm, Loaded, assemble, write
from duri.evidence.keys.material import secret_keyid
from duri.evidence.keys.source import load_environment, load_file
from duri.limits import MAX_KEYRING_BYTES, MAX_SECRET_BYTES

Rights = Callable[[], contextlib.AbstractContextManager[None]]
RAW = b"0123456789abcdef" * 4
WHOLE = write(new_keyring(example(1, Algorithm.ED25519), now=NOW))
PUBLIC = write(public_part(new_keyring(example(1, Algorithm.ED25519), now=NOW)).keyring)


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., str]:
    """Return a writer of a key file with a mode."""

    def write_it(data: bytes, mode: int = 0o400) -> str:
        path = tmp_path / "key"
        path.write_bytes(data)
        path.chmod(mode)
        return str(path)

    return write_it


def load(path: str, *, prod: bool = True) -> Loaded:
    return load_file(path, now=NOW, prod=prod)


def only_key(loaded: Loaded) -> Key:
    (key,) = loaded.keyring.keys
    return key


def refusal(path: str, *, prod: bool = True) -> str:
    """Return the message with which a file is refused."""
    with pytest.raises(KeyringError) as caught:
        load(path, prod=prod)
    assert caught.value.exit_code == 13
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("data", [WHOLE, PUBLIC, b" \n\t" + WHOLE])
def test_a_keyring_is_loaded(put: Callable[..., str], data: bytes) -> None:
    loaded = load(put(data))
    assert loaded.warnings == ()
    assert only_key(loaded).keyid == example(1, Algorithm.ED25519).keyid


@pytest.mark.parametrize(
    ("data", "secret"),
    [
        (RAW, RAW),
        (RAW + b"\n", RAW),
        (RAW + b"\n\n", RAW + b"\n"),
        (RAW + b"\r\n", RAW + b"\r"),
        (b" " + RAW, b" " + RAW),
        (bytes(range(128, 160)), bytes(range(128, 160))),
    ],
)
def test_a_raw_secret_is_its_exact_bytes_minus_one_newline(
    put: Callable[..., str], data: bytes, secret: bytes
) -> None:
    key = only_key(load(put(data)))
    assert key.secret is not None
    assert key.secret.reveal() == secret
    assert (key.state, key.algorithm) == (State.ACTIVE, Algorithm.HMAC_SHA256)
    assert key.keyid == secret_keyid(secret)


@pytest.mark.parametrize(("modified", "created"), [(NOW - 5, NOW - 5), (NOW + 999, NOW), (-5, 0)])
def test_a_raw_secret_is_as_old_as_its_file_and_never_from_the_future(
    put: Callable[..., str], modified: int, created: int
) -> None:
    path = put(RAW)
    os.utime(path, (modified, modified))
    assert only_key(load(path)).created_at == created


def test_a_mounted_secret_is_a_link(put: Callable[..., str], tmp_path: Path) -> None:
    put(WHOLE)
    (tmp_path / "link").symlink_to("key")
    assert load(str(tmp_path / "link")) == load(str(tmp_path / "key"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "missing" in refusal(str(tmp_path / "none"))
    (tmp_path / "file").write_bytes(b"x")
    assert "missing" in refusal(str(tmp_path / "file" / "key"))
    assert "missing" in refusal("")


def test_a_folder_is_named(tmp_path: Path) -> None:
    assert "is a folder" in refusal(str(tmp_path))


def test_a_loop_of_links_and_impossible_paths_are_named(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert "loop" in refusal(str(tmp_path / "loop"))
    assert "NUL" in refusal("a\0b")
    assert "too long" in refusal("a" * 5000)
    assert "missing" in refusal(str(tmp_path / "\x1b[2J"))


def test_an_unreadable_file_is_named(put: Callable[..., str], as_nobody: Rights) -> None:
    path = put(WHOLE, 0o000)
    with as_nobody():
        assert "permission denied" in refusal(path)


def test_a_fifo_a_socket_and_a_device_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "not a regular file" in refusal(str(tmp_path / "fifo"))
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)
        server.bind("socket")
        assert "not a regular file" in refusal("socket")
    assert "not a regular file" in refusal("/dev/zero")


@pytest.mark.parametrize("data", [b"", b"\n", b" \n\t "])
def test_an_empty_file_is_named(put: Callable[..., str], data: bytes) -> None:
    assert "empty" in refusal(put(data))


def test_a_large_file_is_refused(put: Callable[..., str]) -> None:
    assert "too large" in refusal(put(WHOLE + b" " * MAX_KEYRING_BYTES))
    assert "too large" in refusal(put(b"k" * (MAX_SECRET_BYTES + 1)))
    assert only_key(load(put(b"k" * MAX_SECRET_BYTES))).state is State.ACTIVE


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"{", "malformed"),
        (WHOLE + b"x", "malformed"),
        (WHOLE.replace(b"active", b"\xff"), "not UTF-8"),
        (b"\xef\xbb\xbf" + WHOLE, "byte order mark"),
        (WHOLE.decode().encode("utf-16-le"), "UTF-8"),
        (WHOLE.decode().encode("utf-16-be"), "UTF-8"),
        (WHOLE.decode().encode("utf-16"), "UTF-8"),
        (b'{"a":1,"a":1}', "unknown field"),
        ((example(1, Algorithm.ED25519).public_key or "").encode(), "duri keys new"),
        (b"comment\n-----BEGIN PRIVATE KEY-----\n", "duri keys new"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ user@host" * 2, "another kind"),
    ],
)
def test_what_is_neither_a_keyring_nor_a_secret_is_refused(
    put: Callable[..., str], data: bytes, word: str
) -> None:
    for prod in (False, True):
        assert word in refusal(put(data), prod=prod)


def test_duplicate_keyids_are_named(put: Callable[..., str]) -> None:
    start, end = WHOLE.index(b"    {"), WHOLE.index(b"  ]")
    twice = WHOLE[:end].rstrip() + b",\n" + WHOLE[start:end] + WHOLE[end:]
    assert "same keyid" in refusal(put(twice))


@pytest.mark.parametrize(("size", "short"), [(31, True), (32, False)])
def test_a_short_secret_is_refused_in_prod_and_warned_of_elsewhere(
    put: Callable[..., str], *, size: int, short: bool
) -> None:
    path = put(b"k" * size)
    assert len(load(path, prod=False).warnings) == short
    if short:
        assert "too short" in refusal(path)
    else:
        assert load(path).warnings == ()


SECRETS = {"raw": RAW, "keyring": WHOLE, "mac keyring": write(assemble([hmac_key(RAW)]))}


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700, 0o440, 0o404, 0o640, 0o644, 0o622])
@pytest.mark.parametrize("kind", [*SECRETS, "public"])
def test_a_mode_that_lets_others_in_is_refused_in_prod_and_warned_of_elsewhere(
    put: Callable[..., str], kind: str, mode: int
) -> None:
    path = put(SECRETS.get(kind, PUBLIC), mode)
    open_ = bool(mode & 0o022) or (kind != "public" and bool(mode & 0o044))
    warnings = load(path, prod=False).warnings
    if not open_:
        assert load(path).warnings == warnings == ()
        return
    message = refusal(path)
    assert "defaultMode: 0400" in message
    assert "chmod 0400" in message
    assert f"{mode:04o}" in message
    assert message in warnings


def test_both_weaknesses_are_warned_of(put: Callable[..., str]) -> None:
    assert len(load(put(b"short", 0o666), prod=False).warnings) == 3


def test_a_key_in_the_environment_is_refused_in_prod_and_warned_of_elsewhere() -> None:
    with pytest.raises(KeyringError, match="prod"):
        load_environment(RAW.decode(), now=NOW, prod=True)
    loaded = load_environment(RAW.decode(), now=NOW, prod=False)
    assert "DURI_HMAC_KEY_FILE" in loaded.warnings[-1]
    assert only_key(loaded).keyid == secret_keyid(RAW)
    assert only_key(loaded).created_at == NOW


def test_the_same_secret_is_the_same_key_from_a_file_and_the_environment(
    put: Callable[..., str],
) -> None:
    for value in (RAW + b"\n", RAW + b"\xff\xfe"):
        from_file = only_key(load(put(value)))
        from_environment = only_key(load_environment(os.fsdecode(value), now=NOW, prod=False))
        assert from_file.keyid == from_environment.keyid


@pytest.mark.parametrize("value", ["", "\n", "-----BEGIN PUBLIC KEY-----"])
def test_no_key_in_the_environment_is_refused(value: str) -> None:
    with pytest.raises(KeyringError, match="DURI_HMAC_KEY"):
        load_environment(value, now=NOW, prod=False)


def test_a_keyring_of_any_state_is_loaded_for_others_to_judge(put: Callable[..., str]) -> None:
    for state in State:
        data = write(assemble([in_state(example(1), state)]))
        assert only_key(load(put(data))).state is state
