"""The import paths that deployments use, doing what they did."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import RunDuri, clean_environment

from duri.errors import UsageError
from duri.report.metrics import failures_in
from DuRiCore.deployment.deployment_integrity import DeploymentIntegrity, deployment_integrity
from DuRiCore.deployment.integrity_metrics import IntegrityMetrics

ONE_LINER = (
    "from DuRiCore.deployment.deployment_integrity import deployment_integrity as d; "
    "from DuRiCore.deployment.integrity_metrics import integrity_metrics as m; "
    "r=d.verify_integrity(); m.record_integrity_scan(r); "
    'm.export_to_file("METRICS/integrity.prom")'
)
"""As in DESIGN, with another folder."""

SUMMARY_KEYS = {
    "total_files",
    "verified_files",
    "modified_files",
    "missing_files",
    "new_files",
    "scan_duration_ms",
    "bytes_hashed",
    "spike_detected",
}

RESULT_KEYS = {
    "integrity_verified",
    "status",
    "deployment_id",
    "schema_version",
    "hash_algorithm",
    "hash_version",
    "mode",
    "summary",
    "modified_files",
    "missing_files",
    "new_files",
    "ignore_info",
    "signatures",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a small release that nobody sealed yet."""
    made = tmp_path / "app"
    made.mkdir()
    for name in ("main.py", "gone.py", "same.py", "more.py", "last.py"):
        (made / name).write_text(f"# {name}\n")
    return made


@pytest.fixture
def keyring(tmp_path: Path, run_duri: RunDuri) -> Path:
    """Return a keyring that signs."""
    path = tmp_path / "keyring.json"
    run_duri("keys", "new", "--out", path, check=0)
    return path


@pytest.fixture(autouse=True)
def working_folder(root: Path, keyring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in the release, with the settings of a deployment."""
    for name in [name for name in os.environ if name.startswith("DURI_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(root)
    monkeypatch.setenv("DURI_KEYRING", str(keyring))
    monkeypatch.setenv("DURI_ENV", "prod")


def verified() -> Any:  # noqa: ANN401 - what existing callers get: a dict of anything
    """Return the result for the working folder."""
    return deployment_integrity.verify_integrity()


def test_a_sealed_release_is_verified() -> None:
    metadata = deployment_integrity.create_deployment_metadata("1.4.2")
    assert metadata["version"] == "1.4.2"
    assert metadata["schema_version"] == "2.0"
    result = verified()
    assert set(result) == RESULT_KEYS
    assert set(result["summary"]) == SUMMARY_KEYS
    assert set(result["ignore_info"]) == {"current_hash", "stored_hash", "mismatch"}
    assert result["status"] == "verified"
    assert result["integrity_verified"] is True
    assert result["deployment_id"] == metadata["deployment_id"]
    assert result["mode"] == "strict"
    assert result["summary"]["total_files"] == result["summary"]["verified_files"] == 5
    assert result["signatures"] == {
        "checksums_hmac_ok": True,
        "metadata_hmac_ok": True,
        "enabled": True,
    }
    assert result["modified_files"] == result["missing_files"] == result["new_files"] == []
    assert json.loads(json.dumps(result)) == result


def test_each_deviation_is_in_its_list(root: Path) -> None:
    deployment_integrity.create_deployment_metadata("1.4.2")
    (root / "main.py").write_text("changed\n")
    (root / "gone.py").unlink()
    (root / "same.py").chmod(0o600)
    (root / "new\udcff.py").write_text("planted\n")
    result = verified()
    assert result["status"] == "corrupted"
    assert result["integrity_verified"] is False
    assert result["modified_files"] == ["main.py", "same.py"]
    assert result["missing_files"] == ["gone.py"]
    assert result["new_files"] == ["new\udcff.py"]
    summary = result["summary"]
    assert (summary["modified_files"], summary["missing_files"], summary["new_files"]) == (2, 1, 1)
    assert summary["spike_detected"] is True


def test_a_signature_that_is_gone_or_wrong_is_not_good(root: Path) -> None:
    deployment_integrity.create_deployment_metadata("1.4.2")
    path = root / ".duri" / "checksums.sig"
    envelope = json.loads(path.read_bytes())
    path.unlink()
    missing = verified()
    assert missing["status"] == "tampered"
    assert missing["signatures"]["checksums_hmac_ok"] is False
    assert missing["signatures"]["metadata_hmac_ok"] is True
    signature = envelope["signatures"][0]
    signature["sig"] = ("A" if signature["sig"][20] != "A" else "B").join(
        (signature["sig"][:20], signature["sig"][21:])
    )
    path.write_text(json.dumps(envelope, indent=2, sort_keys=True) + "\n")
    result = verified()
    assert result["status"] == "tampered"
    assert result["signatures"]["enabled"] is True
    assert result["signatures"]["checksums_hmac_ok"] is False
    assert result["signatures"]["metadata_hmac_ok"] is True


def test_signing_off_is_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DURI_KEYRING")
    monkeypatch.setenv("DURI_ENV", "dev")
    monkeypatch.setenv("DURI_INTEGRITY_MODE", "lenient")
    deployment_integrity.create_deployment_metadata("1.4.2")
    (root / "extra.txt").write_text("allowed here\n")
    result = verified()
    assert result["status"] == "verified"
    assert result["new_files"] == ["extra.txt"]
    assert result["signatures"] == {
        "checksums_hmac_ok": None,
        "metadata_hmac_ok": None,
        "enabled": False,
    }


def test_no_release_is_unverifiable_and_no_signature_is_good() -> None:
    result = verified()
    assert set(result) == RESULT_KEYS
    assert result["status"] == "unverifiable"
    assert result["deployment_id"] is None
    assert result["signatures"]["checksums_hmac_ok"] is False


def test_environment_and_working_folder_are_read_at_each_call(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment_integrity.create_deployment_metadata("1.4.2")
    monkeypatch.chdir(tmp_path)
    assert verified()["status"] == "unverifiable"
    monkeypatch.setenv("DURI_INTEGRITY_ROOT", str(root))
    assert verified()["status"] == "verified"
    monkeypatch.setenv("DURI_INTEGRITY_ROOT", str(tmp_path))
    assert DeploymentIntegrity(root).verify_integrity()["status"] == "verified"
    monkeypatch.delenv("DURI_KEYRING")
    assert DeploymentIntegrity(root).verify_integrity()["status"] == "unverifiable"


def test_a_configuration_inside_the_root_is_not_believed_and_one_outside_is(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "duri.toml").write_text('keyring = "../keyring.json"\n')
    deployment_integrity.create_deployment_metadata("1.4.2")
    assert verified()["status"] == "verified"
    monkeypatch.delenv("DURI_KEYRING")
    assert verified()["status"] == "unverifiable"
    (tmp_path / "duri.toml").write_text('keyring = "keyring.json"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DURI_INTEGRITY_ROOT", str(root))
    assert verified()["status"] == "verified"


def test_importing_does_nothing(tmp_path: Path) -> None:
    code = (
        "import DuRiCore.deployment.deployment_integrity, os\n"
        "import DuRiCore.deployment.integrity_metrics\n"
        "print(os.listdir('.'))"
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = clean_environment(tmp_path) | {"DURI_INTEGRITY_MODE": "nonsense"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=empty, env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"[]\n", b"")


def one_liner(root: Path, metrics: Path, settings: Mapping[str, str]) -> str:
    """Run what deployments run, and return the file that it writes."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_LINER.replace("METRICS", str(metrics))],
        cwd=root,
        env=clean_environment(metrics) | dict(settings),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert os.listdir(metrics) == ["integrity.prom"]
    return (metrics / "integrity.prom").read_text()


def test_the_one_liner_of_deployments_works_and_counts_over_its_processes(
    root: Path, keyring: Path, tmp_path: Path
) -> None:
    deployment_integrity.create_deployment_metadata("1.4.2")
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    settings = {"DURI_KEYRING": str(keyring), "DURI_ENV": "prod"}
    text = one_liner(root, metrics, settings)
    assert "duri_integrity_status_verified 1.0\n" in text
    assert 'duri_integrity_files_total{type="total"} 5.0\n' in text
    assert 'environment="prod"' in text
    assert 'version="1.4.2"' in text
    (root / "main.py").write_text("changed\n")
    for count in (1, 2, 3):
        assert failures_in(one_liner(root, metrics, settings))["corrupted"] == count


def test_the_series_are_those_of_the_scan_until_they_are_cleared() -> None:
    deployment_integrity.create_deployment_metadata("1.4.2")
    metrics = IntegrityMetrics(clock=lambda: 1000.0)
    metrics.record_integrity_scan(verified())
    text = metrics.get_prometheus_metrics()
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["duri_integrity_status_verified"] == 1
    assert samples["duri_integrity_last_scan_timestamp_seconds"] > 1_700_000_000
    metrics.record_integrity_scan(dict(verified()))
    assert "duri_integrity_last_scan_timestamp_seconds 1000.0" in metrics.get_prometheus_metrics()
    metrics.clear_metrics()
    assert "duri_integrity_status_verified 0.0" in metrics.get_prometheus_metrics()
    with pytest.raises(UsageError, match="no result"):
        metrics.record_integrity_scan({"status": "fine"})


def test_a_provenance_describes_the_build_and_stays_the_same_release() -> None:
    metadata = deployment_integrity.create_deployment_metadata("1.4.2")
    provenance: Any = deployment_integrity.create_provenance({"commit": "0" * 40, "run": 7})
    parameters = provenance["predicate"]["buildDefinition"]["externalParameters"]
    assert parameters["commit"] == "0" * 40
    assert parameters["run"] == 7
    result = verified()
    assert result["status"] == "verified"
    assert result["deployment_id"] == metadata["deployment_id"]
    assert deployment_integrity.verify_provenance() == {
        "provenance_verified": True,
        "status": "verified",
        "deployment_id": metadata["deployment_id"],
        "mismatch": False,
        "problems": [],
    }


def test_a_changed_release_gets_no_provenance_and_stays_changed(root: Path) -> None:
    with pytest.raises(UsageError, match="only a verified release"):
        deployment_integrity.create_provenance({})
    deployment_integrity.create_deployment_metadata("1.4.2")
    (root / "main.py").write_text("changed\n")
    with pytest.raises(UsageError, match="only a verified release"):
        deployment_integrity.create_provenance({})
    assert verified()["status"] == "corrupted"
    assert deployment_integrity.verify_provenance()["provenance_verified"] is True


def test_a_build_that_is_no_json_is_refused_and_nothing_changes() -> None:
    deployment_integrity.create_deployment_metadata("1.4.2")
    with pytest.raises(UsageError, match="JSON values"):
        deployment_integrity.create_provenance({"when": object()})
    assert verified()["status"] == "verified"


def test_a_forged_provenance_is_not_verified(root: Path) -> None:
    deployment_integrity.create_deployment_metadata("1.4.2")
    path = root / ".duri" / "provenance.json"
    path.write_bytes(path.read_bytes().replace(b"1.4.2", b"1.4.3"))
    checked: Any = deployment_integrity.verify_provenance()
    assert checked["provenance_verified"] is False
    assert checked["status"] == "tampered"
    assert "provenance.json" in checked["problems"][0]


def test_information_is_the_authentic_releases_or_none(root: Path) -> None:
    assert deployment_integrity.get_deployment_info()["version"] is None
    deployment_integrity.create_deployment_metadata("1.4.2")
    info = deployment_integrity.get_deployment_info()
    assert info["version"] == "1.4.2"
    assert info["environment"] == "prod"
    assert info["artifacts"] == str(root / ".duri")
    metadata = root / ".duri" / "deployment_metadata.json"
    metadata.write_bytes(metadata.read_bytes().replace(b"1.4.2", b"6.6.6"))
    forged = deployment_integrity.get_deployment_info()
    assert forged["version"] is None
    assert forged["status"] == "tampered"
