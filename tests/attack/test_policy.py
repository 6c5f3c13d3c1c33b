"""Rows 16 to 19: what is said at verification tightens what was sealed, and never loosens it."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.attack import releases
from tests.attack.releases import CODE, Release, is_refused, is_verified, make, new_key, ring_of
from tests.conftest import RunDuri

import duri
from duri import settings
from duri.evidence.keys.material import Algorithm
from duri.verdict import Kind, Status

CORRUPTED, CHANGED = Status.CORRUPTED, Status.POLICY_CHANGED


@pytest.fixture
def made(tmp_path: Path) -> Release:
    """Return a release that is verified."""
    return make(tmp_path / "app")


# Row 16.

WIDER: Mapping[str, Mapping[str, Any]] = {
    "flag": {"ignore": ("planted",)},
    "variable": {"excludes": ("planted",)},
    "everything": {"ignore": ("*",)},
    "mutable": {"mutable": ("planted", "main.py")},
    "append_only": {"append_only": ("main.py",)},
}


@pytest.mark.parametrize("wider", WIDER.values(), ids=WIDER.keys())
def test_wider_policy_at_verification_is_policy_changed(
    made: Release, wider: Mapping[str, Any]
) -> None:
    verdict = made.verify(**wider)
    kind = Kind.IGNORE_DIFFERS if "mutable" not in wider and "append_only" not in wider else None
    is_refused(verdict, CHANGED, kind or Kind.MUTABLE_DIFFERS)
    is_verified(made.verify())


@pytest.mark.parametrize("wider", WIDER.values(), ids=WIDER.keys())
def test_wider_policy_at_verification_is_not_obeyed(
    made: Release, wider: Mapping[str, Any]
) -> None:
    (made.root / "planted").write_bytes(b"x")
    (made.root / "main.py").write_bytes(CODE["main.py"] + b"more\n")
    verdict = made.verify(**wider)
    is_refused(verdict, CORRUPTED, Kind.NEW, "planted")
    is_refused(verdict, CORRUPTED, Kind.MODIFIED, "main.py")


def test_ignore_file_that_was_widened_after_the_seal_is_not_obeyed(tmp_path: Path) -> None:
    """It is sealed as any other file is, so a change of it is drift before it is a policy."""
    files = {**CODE, "duriignore.json": b'{"patterns": ["cache/"]}'}
    made = make(tmp_path / "app", files=files)
    (made.root / "cache").mkdir()
    (made.root / "cache" / "x").write_bytes(b"x")
    is_verified(made.verify())
    (made.root / "duriignore.json").write_bytes(b'{"patterns": ["cache/", "*"]}')
    (made.root / "planted").write_bytes(b"x")
    verdict = made.verify()
    is_refused(verdict, CORRUPTED, Kind.NEW, "planted")
    is_refused(verdict, CORRUPTED, Kind.MODIFIED, "duriignore.json")
    assert verdict.policy.mismatch
    assert verdict.policy.stored_hash != verdict.policy.current_hash


def test_ignore_file_of_an_ignored_name_is_policy_changed(tmp_path: Path) -> None:
    """The file itself is not looked at, so only the comparison of policies is left to notice."""
    made = make(tmp_path / "app", ignore=("duriignore.json",))
    (made.root / "duriignore.json").write_bytes(b'{"patterns": ["*"]}')
    is_refused(made.verify(), CHANGED, Kind.IGNORE_DIFFERS)
    (made.root / "planted").write_bytes(b"x")
    is_refused(made.verify(), CORRUPTED, Kind.NEW, "planted")
    (made.root / "planted").unlink()
    (made.root / "duriignore.json").unlink()
    is_verified(made.verify())


def test_looser_spike_threshold_is_not_obeyed_and_a_tighter_one_is(made: Release) -> None:
    is_refused(made.verify(spike_threshold="0.9"), CHANGED, Kind.THRESHOLD_DIFFERS)
    is_verified(made.verify(spike_threshold="0.1"))
    (made.root / "main.py").write_bytes(b"changed")
    assert not made.verify().summary.spike_detected
    assert made.verify(spike_threshold="0.1").summary.spike_detected
    (made.root / "README").write_bytes(b"changed")
    assert made.verify(spike_threshold="1").summary.spike_detected


def test_lenient_mode_at_verification_does_not_loosen_a_strict_seal(made: Release) -> None:
    is_refused(made.verify(mode="lenient"), CHANGED, Kind.MODE_DIFFERS)
    (made.root / "planted").write_bytes(b"x")
    is_refused(made.verify(mode="lenient"), CORRUPTED, Kind.NEW, "planted")


def test_wider_policy_in_the_environment_never_starts_the_command(
    made: Release, run_duri: RunDuri, tmp_path: Path
) -> None:
    ring = releases.keyring_file(tmp_path / "k.json", made.ring)
    ran = tmp_path / "ran"
    gate = ("gate", made.root, "--keyring", ring, "--", "touch", ran)
    run_duri(*gate, env={"DURI_INTEGRITY_EXCLUDES": "*.pyc"}, check=12)
    assert not ran.exists()
    run_duri(*gate, check=0)
    assert ran.exists()


# Row 17.


def test_lenient_mode_in_prod_is_strict(made: Release) -> None:
    (made.root / "planted").write_bytes(b"x")
    for environment in ("prod", "production", "PROD"):
        verdict = made.verify(environment=environment, mode="lenient")
        assert verdict.mode == "strict"
        is_refused(verdict, CORRUPTED, Kind.NEW, "planted")
        assert Kind.CONFIGURATION_IGNORED in {one.kind for one in verdict.findings}


def test_unsigned_release_in_prod_is_refused_and_accepted_leniently_elsewhere(
    made: Release,
) -> None:
    for path in made.folder.glob("*.sig"):
        path.unlink()
    is_verified(made.verify(mode="lenient"))
    verdict = made.verify(mode="lenient", environment="prod")
    is_refused(verdict, Status.TAMPERED, Kind.SIGNATURE_MISSING)
    assert verdict.version is None


def test_new_file_passes_only_where_it_was_sealed_leniently_and_not_in_prod(
    tmp_path: Path,
) -> None:
    made = make(tmp_path / "app", mode="lenient")
    (made.root / "planted").write_bytes(b"x")
    is_verified(made.verify())
    is_refused(made.verify(mode="strict"), CORRUPTED, Kind.NEW, "planted")
    is_refused(made.verify(environment="prod"), CORRUPTED, Kind.NEW, "planted")


def test_key_from_the_environment_is_refused_in_prod(tmp_path: Path, run_duri: RunDuri) -> None:
    secret = "k" * 40
    key = tmp_path / "key"
    key.write_text(secret)
    key.chmod(0o600)
    root = tmp_path / "app"
    root.mkdir()
    (root / "a").write_bytes(b"a")
    run_duri("seal", root, "--version", "1", env={"DURI_HMAC_KEY_FILE": str(key)}, check=0)
    run_duri("verify", root, env={"DURI_HMAC_KEY": secret}, check=0)
    ran = run_duri(
        "verify", root, "--json", env={"DURI_HMAC_KEY": secret, "DURI_ENV": "prod"}, check=13
    )
    assert Kind.KEYRING_UNUSABLE in ran.out
    assert secret not in ran.out + ran.err
    run_duri("verify", root, env={"DURI_HMAC_KEY_FILE": str(key), "DURI_ENV": "prod"}, check=0)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o622])
def test_key_file_that_others_can_reach_is_refused_in_prod(tmp_path: Path, mode: int) -> None:
    made = make(tmp_path / "app", ring_of(new_key(Algorithm.HMAC_SHA256)))
    path = releases.keyring_file(tmp_path / "k.json", made.ring)

    def verified() -> duri.Verdict:
        told = settings.Settings(environment="prod", keyring=os.fspath(path))
        return duri.verify(made.root, settings=told, now=releases.LATER)

    is_verified(verified())
    path.chmod(mode)
    is_refused(verified(), Status.UNVERIFIABLE, Kind.KEYRING_UNUSABLE)


# Row 18.


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda root: (root / "main.py").write_bytes(b"evil"), Kind.MODIFIED),
        (lambda root: (root / "main.py").unlink(), Kind.MISSING),
        (lambda root: (root / "planted").write_bytes(b"x"), Kind.NEW),
        (lambda root: (root / "main.py").chmod(0o777), Kind.MODE),
    ],
)
@pytest.mark.parametrize("wider", WIDER.values(), ids=WIDER.keys())
def test_change_of_files_with_a_change_of_policy_is_corrupted(
    made: Release,
    change: Callable[[Path], object],
    kind: Kind,
    wider: Mapping[str, Any],
) -> None:
    change(made.root)
    verdict = made.verify(**wider)
    is_refused(verdict, CORRUPTED, kind)
    assert CHANGED in {one.status for one in verdict.findings}


def test_older_schema_with_a_changed_file_is_corrupted(made: Release) -> None:
    releases.resign(made, metadata={"schema_version": "1.0"})
    is_refused(made.verify(), CHANGED, Kind.SCHEMA_OLDER)
    (made.root / "main.py").write_bytes(b"evil")
    is_refused(made.verify(), CORRUPTED, Kind.MODIFIED, "main.py")


def test_tampered_evidence_with_a_changed_file_and_policy_is_tampered(made: Release) -> None:
    (made.root / "main.py").write_bytes(b"evil")
    (made.folder / "extra").write_bytes(b"x")
    verdict = made.verify(ignore=("*",))
    is_refused(verdict, Status.TAMPERED, Kind.ARTIFACT_UNEXPECTED, "extra")
    assert {CORRUPTED, CHANGED} <= {one.status for one in verdict.findings}


# Row 19.


@pytest.fixture
def writable(tmp_path: Path) -> Release:
    """Return a release with a mutable folder and an append-only log."""
    files = {**CODE, "data/one": b"1", "log": b"start\n"}
    return make(tmp_path / "app", files=files, mutable=("data/",), append_only=("log",))


def test_mutable_folder_takes_data_and_no_program(writable: Release) -> None:
    planted = writable.root / "data" / "planted"
    planted.write_bytes(b"#!/bin/sh\n")
    (writable.root / "data" / "one").write_bytes(b"other")
    is_verified(writable.verify())
    for mode in (0o755, 0o744, 0o645, 0o654, 0o4755):
        planted.chmod(mode)
        is_refused(writable.verify(), CORRUPTED, Kind.EXECUTABLE, "data/planted")
    planted.chmod(0o644)
    is_verified(writable.verify())


@pytest.mark.parametrize("make_it", [lambda path: path.symlink_to("/etc/passwd"), os.mkfifo])
def test_mutable_folder_takes_no_link_and_no_fifo(
    writable: Release, make_it: Callable[[Path], object]
) -> None:
    planted = writable.root / "data" / "planted"
    make_it(planted)
    assert writable.verify().status is CORRUPTED
    planted.unlink()
    is_verified(writable.verify())


def test_append_only_log_grows_and_is_not_rewritten(writable: Release) -> None:
    log = writable.root / "log"
    log.write_bytes(b"start\nmore\n")
    is_verified(writable.verify())
    for content in (b"stArt\nmore\n", b"start", b"", b"more\nstart\n"):
        log.write_bytes(content)
        is_refused(writable.verify(), CORRUPTED, Kind.MODIFIED, "log")
    log.unlink()
    is_refused(writable.verify(), CORRUPTED, Kind.MISSING, "log")
