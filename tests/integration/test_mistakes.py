"""What a tired person, an old script or a broken machine does around the commands."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from tests.conftest import DURI, RunDuri

import duri
from duri.errors import SealRefusedError, UsageError
from duri.evidence import folder, publish, release
from duri.evidence.keys import generate, lifecycle, store
from duri.evidence.keys.keyring import Keyring, assemble
from duri.settings import Settings
from DuRiCore.deployment.deployment_integrity import DeploymentIntegrity

NOW = int(time.time()) - 60


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    path = tmp_path / "keyring.json"
    made = generate.new_keyring(generate.new_key(now=NOW), now=NOW)
    store.write_file(str(path), made, replace=False)
    return path


@pytest.fixture
def app(tmp_path: Path) -> Path:
    root = tmp_path / "app"
    root.mkdir()
    for name in "abcdef":
        (root / name).write_text(name)
    return root


def test_no_flag_takes_a_verifier_out_of_prod(app: Path, run_duri: RunDuri) -> None:
    run_duri("seal", app, "--version", "1", "--mode", "lenient", check=0)
    lenient = ("--mode", "lenient")
    # The twin: outside prod an unsigned release may be lenient.
    run_duri("verify", app, *lenient, check=0)
    for environment in ("prod", " prod ", "Production"):
        for words in (lenient, (*lenient, "--environment", "dev")):
            ran = run_duri("verify", app, *words, env={"DURI_ENV": environment})
            assert ran.code == 13, (environment, words, ran.out)


def test_more_keys_than_a_verifier_reads_sign_nothing(app: Path) -> None:
    keys = [generate.new_key(now=NOW, name=f"key-{number}") for number in range(17)]
    ring = generate.new_keyring(keys[0], now=NOW)
    for key in keys[1:]:
        ring = lifecycle.rotate(ring, key)
        ring = lifecycle.activate(ring, key.keyid, now=NOW, window_days=30)
    with pytest.raises(UsageError, match="too many keys sign"):
        duri.seal(app, version="1", keyring=ring, now=NOW)
    assert not (app / ".duri").exists()
    fewer: Keyring = assemble(ring.keys[1:])
    duri.seal(app, version="1", keyring=fewer, now=NOW)
    assert duri.verify(app, keyring=fewer, now=NOW).status is duri.Status.VERIFIED


def test_artifact_larger_than_a_verifier_reads_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(folder.LIMITS, release.PROVENANCE, 3)
    with pytest.raises(SealRefusedError, match="larger than a verifier reads"):
        publish.publish(str(tmp_path / "x"), {release.PROVENANCE: b"1234"}, root=str(tmp_path))
    publish.publish(str(tmp_path / "x"), {release.PROVENANCE: b"123"}, root=str(tmp_path))


@pytest.mark.parametrize("artifacts", [".", "..", "/"])
def test_artifacts_folder_never_holds_the_root(
    app: Path, keyring: Path, run_duri: RunDuri, artifacts: str
) -> None:
    words = ("seal", ".", "--version", "1", "--keyring", keyring, "--artifacts", artifacts)
    ran = run_duri(*words, cwd=app, check=2)
    assert "holds" in ran.err
    assert sorted(os.listdir(app)) == list("abcdef")


def test_keyring_behind_a_link_is_changed_itself(
    keyring: Path, tmp_path: Path, run_duri: RunDuri
) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(keyring)
    run_duri("keys", "rotate", "--keyring", link, check=0)
    assert link.is_symlink()
    listed = json.loads(run_duri("keys", "list", "--json", "--keyring", keyring, check=0).out)
    assert [row["state"] for row in listed] == ["active", "pending"]


def test_describing_a_build_keeps_what_was_sealed(
    app: Path, keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("DURI_")]:
        monkeypatch.delenv(name)
    (app / "logs").mkdir()
    declared = Settings(mutable=("/logs/",))
    duri.seal(app, version="1", keyring=keyring, settings=declared)
    before = (app / ".duri" / release.METADATA).read_bytes()
    face = DeploymentIntegrity(app, keyring=keyring)
    described = face.create_provenance({"commit": "abc"})
    assert b'"commit": "abc"' in (app / ".duri" / release.PROVENANCE).read_bytes()
    assert described["subject"]
    assert (app / ".duri" / release.METADATA).read_bytes() == before
    (app / "logs" / "today").write_text("free")
    assert face.verify_integrity()["status"] == "verified"


def test_answer_stands_though_nobody_can_read_it(app: Path, keyring: Path) -> None:
    duri.seal(app, version="1", keyring=keyring)
    (app / "a").write_text("x")
    for words in ((), ("--json",)):
        with open("/dev/full", "wb") as full:
            command = [DURI, "verify", app, "--keyring", keyring, *words]
            assert subprocess.run(command, stdout=full, check=False).returncode == 10


@pytest.mark.parametrize("text", [f"a = {'[' * 100_000}", "a = 1", "\x00", 'root = "a\\u0000"'])
def test_configuration_that_is_none_is_wrong_usage(
    tmp_path: Path, run_duri: RunDuri, text: str
) -> None:
    (tmp_path / "duri.toml").write_text(text)
    ran = run_duri("settings", cwd=tmp_path, check=2)
    assert "duri.toml" in ran.err


def test_configuration_is_read_whole_or_not_at_all(tmp_path: Path, run_duri: RunDuri) -> None:
    """Cut at a line's end it would still be TOML, without what stood behind."""
    for padding, code in ((1 << 20, 2), (1 << 10, 0)):
        (tmp_path / "duri.toml").write_text("#" * padding + '\nproduct = "shop"\n')
        ran = run_duri("settings", cwd=tmp_path, check=code)
        assert ("too large" in ran.err) is (code == 2)
        assert ("shop" in ran.out) is (code == 0)


def test_configuration_that_is_a_fifo_blocks_nothing(tmp_path: Path, run_duri: RunDuri) -> None:
    os.mkfifo(tmp_path / "fifo")
    ran = run_duri("settings", "--config", tmp_path / "fifo", check=2)
    assert "not a regular file" in ran.err


def test_time_that_no_text_can_say_is_wrong_usage(app: Path, run_duri: RunDuri) -> None:
    for seconds, code in (("253402300800", 2), ("0", 0)):
        environment = {"SOURCE_DATE_EPOCH": seconds}
        run_duri("seal", app, "--version", "1", "--mode", "lenient", env=environment, check=code)
