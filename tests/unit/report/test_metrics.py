"""The series that dashboards and alerts read: names, values, and how many there are."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.report.samples import EVERY_STATUS, UNKNOWN, verdict

from duri.errors import PublishError, UsageError
from duri.report import textfile
from duri.report.metrics import (
    ScanMetrics,
    exposition,
    failures_in,
    scan_of_result,
    scan_of_verdict,
)
from duri.verdict import Status, Summary, Verdict

FIXED = {
    "duri_integrity_scan_bytes_hashed",
    "duri_integrity_files_total",
    "duri_integrity_files_modified",
    "duri_integrity_files_missing",
    "duri_integrity_files_new",
    "duri_integrity_spike_detected",
    "duri_integrity_last_scan_timestamp_seconds",
    "duri_integrity_consecutive_failures",
    *(f"duri_integrity_status_{status}" for status in Status),
}


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return a registry of the test's own."""
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> ScanMetrics:
    """Return the series, registered."""
    return ScanMetrics(registry)


def lines(registry: CollectorRegistry) -> list[str]:
    """Return the exposition without its comments."""
    text = exposition(registry).decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    """Return one series' value."""
    return registry.get_sample_value(name, labels)


def test_the_series_of_a_scan_are_those_of_the_contract(
    registry: CollectorRegistry, metrics: ScanMetrics
) -> None:
    summary = Summary(
        total_files=2262,
        modified_files=3,
        missing_files=2,
        new_files=1,
        scan_duration_ms=263,
        bytes_hashed=25_000_000,
    )
    metrics.record(scan_of_verdict(verdict(Status.CORRUPTED, summary=summary)))
    assert sorted(lines(registry)) == sorted(
        [
            (
                'duri_integrity_scan_info{deployment_id="shop-1.4.2-17-0123456789ab"'
                ',environment="prod",hash_algorithm="sha256",mode="strict",product="shop"'
                ',status="corrupted",version="1.4.2"} 1.0'
            ),
            'duri_integrity_scan_duration_ms{deployment_id="shop-1.4.2-17-0123456789ab"} 263.0',
            "duri_integrity_status_verified 0.0",
            "duri_integrity_status_policy_changed 0.0",
            "duri_integrity_status_corrupted 1.0",
            "duri_integrity_status_tampered 0.0",
            "duri_integrity_status_unverifiable 0.0",
            'duri_integrity_consecutive_failures{status="unverifiable"} 0.0',
            'duri_integrity_consecutive_failures{status="tampered"} 0.0',
            'duri_integrity_consecutive_failures{status="corrupted"} 1.0',
            'duri_integrity_consecutive_failures{status="policy_changed"} 0.0',
            'duri_integrity_files_total{type="total"} 2262.0',
            "duri_integrity_files_modified 3.0",
            "duri_integrity_files_missing 2.0",
            "duri_integrity_files_new 1.0",
            "duri_integrity_scan_bytes_hashed 2.5e+07",
            "duri_integrity_spike_detected 0.0",
            "duri_integrity_last_scan_timestamp_seconds 1.7953416e+09",
        ]
    )


def test_what_never_depends_on_a_release_is_there_before_the_first_scan(
    registry: CollectorRegistry, metrics: ScanMetrics
) -> None:
    assert {line.split("{")[0].split(" ")[0] for line in lines(registry)} == FIXED
    assert all(line.endswith(" 0.0") for line in lines(registry))
    metrics.record(scan_of_verdict(UNKNOWN))
    metrics.clear()
    assert all(line.endswith(" 0.0") for line in lines(registry))


@pytest.mark.parametrize("status", list(Status))
def test_exactly_one_status_is_one(
    status: Status, registry: CollectorRegistry, metrics: ScanMetrics
) -> None:
    metrics.record(scan_of_verdict(EVERY_STATUS[status]))
    ones = [one for one in Status if value(registry, f"duri_integrity_status_{one}") == 1]
    assert ones == [status]


def test_a_thousand_releases_leave_as_many_series_as_one(
    registry: CollectorRegistry, metrics: ScanMetrics
) -> None:
    counts = set()
    for number in range(1000):
        status = list(Status)[number % 5]
        metrics.record(scan_of_verdict(verdict(status, deployment_id=f"shop-{number}")))
        counts.add(len(lines(registry)))
    assert len(counts) == 1
    assert "shop-998" not in exposition(registry).decode()
    assert "shop-999" in exposition(registry).decode()


def test_a_release_without_a_name_has_the_same_series(
    registry: CollectorRegistry, metrics: ScanMetrics
) -> None:
    metrics.record(scan_of_verdict(verdict(Status.VERIFIED)))
    named = len(lines(registry))
    metrics.record(scan_of_verdict(UNKNOWN))
    assert len(lines(registry)) == named


def test_there_are_no_timestamps_no_created_series_and_a_strict_parser_reads_it(
    registry: CollectorRegistry, metrics: ScanMetrics
) -> None:
    metrics.record(scan_of_verdict(verdict(Status.TAMPERED, deployment_id='q"\\\n\udcff')))
    text = exposition(registry).decode()
    assert "_created" not in text
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    assert all(sample.timestamp is None for sample in samples)
    assert len(samples) == len(lines(registry))
    assert all(line.count("}") <= 1 for line in lines(registry))
    assert "# TYPE duri_integrity_files_total gauge" in text
    assert b'duri_integrity_files_total{type="total"} 2262.0' in openmetrics(registry)  # type: ignore[no-untyped-call]


def test_failures_are_counted_in_a_row(registry: CollectorRegistry, metrics: ScanMetrics) -> None:
    def count(status: Status) -> float | None:
        return value(registry, "duri_integrity_consecutive_failures", status=status.value)

    for _ in range(3):
        metrics.record(scan_of_verdict(EVERY_STATUS[Status.POLICY_CHANGED]))
    assert count(Status.POLICY_CHANGED) == 3
    metrics.record(scan_of_verdict(EVERY_STATUS[Status.TAMPERED]))
    assert (count(Status.POLICY_CHANGED), count(Status.TAMPERED)) == (0, 1)
    metrics.record(scan_of_verdict(EVERY_STATUS[Status.VERIFIED]))
    assert (count(Status.POLICY_CHANGED), count(Status.TAMPERED)) == (0, 0)
    assert count(Status.VERIFIED) is None


def resumed(*statuses: Status, before: dict[str, int]) -> float | None:
    """Return the policy_changed count of a new process that goes on from `before`."""
    registry = CollectorRegistry()
    metrics = ScanMetrics(registry)
    for status in statuses:
        metrics.record(scan_of_verdict(EVERY_STATUS[status]))
    metrics.resume(before)
    metrics.resume(before)
    return value(registry, "duri_integrity_consecutive_failures", status="policy_changed")


def test_a_row_goes_on_in_the_next_process_and_no_further_than_it_is_one() -> None:
    changed, verified = Status.POLICY_CHANGED, Status.VERIFIED
    assert resumed(changed, before={"policy_changed": 2}) == 3
    assert resumed(changed, changed, before={"policy_changed": 2}) == 4
    assert resumed(verified, changed, before={"policy_changed": 2}) == 1
    assert resumed(verified, before={"policy_changed": 2}) == 0
    assert resumed(changed, before={"tampered": 2}) == 1


def test_a_watcher_goes_on_from_the_counts_it_was_given_and_only_with_its_first_status() -> None:
    def count(*statuses: Status, checked: bool = False) -> float | None:
        registry = CollectorRegistry()
        metrics = ScanMetrics(registry, before={"policy_changed": 2})
        for status in statuses:
            scan = scan_of_verdict(EVERY_STATUS[status])
            (metrics.record_check if checked else metrics.record)(scan)
        metrics.resume({"policy_changed": 50})
        return value(registry, "duri_integrity_consecutive_failures", status="policy_changed")

    changed, verified = Status.POLICY_CHANGED, Status.VERIFIED
    assert count(changed) == 3
    assert count(changed, changed) == 4
    assert count(changed, checked=True) == 2
    assert count(verified) == 0
    assert count(verified, changed) == 1

    registry = CollectorRegistry()
    cleared = ScanMetrics(registry, before={"policy_changed": 2})
    cleared.clear()
    cleared.record(scan_of_verdict(EVERY_STATUS[changed]))
    assert value(registry, "duri_integrity_consecutive_failures", status="policy_changed") == 1


def test_a_check_between_scans_changes_the_status_and_is_no_scan(
    registry: CollectorRegistry, metrics: ScanMetrics
) -> None:
    def failures(status: Status) -> float | None:
        return value(registry, "duri_integrity_consecutive_failures", status=status.value)

    def shown(*names: str) -> list[float | None]:
        return [value(registry, f"duri_integrity_{name}") for name in names]

    metrics.record(scan_of_verdict(EVERY_STATUS[Status.VERIFIED]))
    ofscan = ("last_scan_timestamp_seconds", "scan_bytes_hashed")
    before = shown(*ofscan)
    summary = Summary(total_files=2262, modified_files=1, scan_duration_ms=2, bytes_hashed=70)
    check = verdict(Status.CORRUPTED, summary=summary, deployment_id="other")
    later = msgspec.structs.replace(check, checked_at="2026-11-22T10:03:00Z")
    for _ in range(5):
        metrics.record_check(scan_of_verdict(later))
    assert shown("status_corrupted", "status_verified", "files_modified") == [1, 0, 1]
    assert failures(Status.CORRUPTED) == 0
    assert shown(*ofscan) == before
    assert (
        value(registry, "duri_integrity_scan_duration_ms", deployment_id="other") == 263
    )  # the time of the last scan, beside the release at hand
    metrics.record(scan_of_verdict(later))
    assert failures(Status.CORRUPTED) == 1
    assert shown(*ofscan) == [1_795_341_780, 70]


def test_a_check_that_saw_another_status_ends_a_row_and_one_that_saw_the_same_does_not(
    registry: CollectorRegistry, metrics: ScanMetrics
) -> None:
    def count() -> float | None:
        return value(registry, "duri_integrity_consecutive_failures", status="policy_changed")

    changed, verified = (
        scan_of_verdict(EVERY_STATUS[status]) for status in (Status.POLICY_CHANGED, Status.VERIFIED)
    )
    metrics.record(changed)
    metrics.record_check(changed)
    metrics.record(changed)
    assert count() == 2
    metrics.record_check(verified)
    assert count() == 0
    metrics.record(changed)
    assert count() == 1


def test_a_check_before_the_first_scan_dates_none(
    registry: CollectorRegistry, metrics: ScanMetrics
) -> None:
    metrics.record_check(scan_of_verdict(EVERY_STATUS[Status.TAMPERED]))
    assert value(registry, "duri_integrity_last_scan_timestamp_seconds") == 0
    assert value(registry, "duri_integrity_status_tampered") == 1


def test_counts_are_read_back_and_nonsense_is_nothing(
    registry: CollectorRegistry, metrics: ScanMetrics
) -> None:
    metrics.record(scan_of_verdict(EVERY_STATUS[Status.TAMPERED]))
    assert failures_in(exposition(registry).decode())["tampered"] == 1
    bad = 'duri_integrity_consecutive_failures{status="tampered"}'
    for text in ("", "{{{", f"{bad} NaN\n", f"{bad} -1\n", f"{bad} +Inf\n", f"{bad} 1e300\n"):
        assert failures_in(text) == {}


def test_one_registry_takes_one_set_of_series(registry: CollectorRegistry) -> None:
    ScanMetrics(registry)
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        ScanMetrics(registry)


def test_a_result_dict_gives_the_series_of_its_verdict() -> None:
    judged = verdict(Status.CORRUPTED)
    result: dict[str, object] = {
        "status": "corrupted",
        "deployment_id": judged.deployment_id,
        "mode": "strict",
        "hash_algorithm": "sha256",
        "summary": {"total_files": 2262, "verified_files": 2262, "scan_duration_ms": 263}
        | {"bytes_hashed": 25 * 10**6, "spike_detected": False},
        "modified_files": [],
    }
    scan = scan_of_result(
        result, scanned_at=1_795_341_600, product="shop", environment="prod", version="1.4.2"
    )
    assert scan == scan_of_verdict(judged)


@pytest.mark.parametrize(
    "result", [{}, {"status": "fine"}, {"status": None}, {"status": "verified", "summary": 3}]
)
def test_what_is_no_result_is_refused(result: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="no result of verify_integrity"):
        scan_of_result(result, scanned_at=0)
    assert scan_of_result({"status": "verified"}, scanned_at=0).status is Status.VERIFIED


def test_a_file_is_replaced_whole_and_readable_by_all(tmp_path: Path) -> None:
    path = tmp_path / "integrity.prom"
    path.write_text("old")
    path.chmod(0o600)
    before = os.umask(0o077)
    try:
        textfile.publish(str(path), b"new\n")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["integrity.prom"]
    assert textfile.read(str(path)) == "new\n"


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    link = tmp_path / "integrity.prom"
    link.symlink_to(victim)
    textfile.publish(str(link), b"new\n")
    assert victim.read_text() == "mine"
    assert not link.is_symlink()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing/integrity.prom", "the metrics could not be written"),
        ("folder", "something else than a file stands where the metrics go"),
    ],
)
def test_a_failed_export_is_an_error_that_says_where_and_leaves_nothing(
    name: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "folder" / "x").mkdir(parents=True)
    with pytest.raises(PublishError, match=said) as caught:
        textfile.publish(str(tmp_path / name), b"new\n")
    assert caught.value.where == str(tmp_path / name)
    assert os.listdir(tmp_path) == ["folder"]
    assert textfile.read(str(tmp_path / name)) == ""


def test_a_full_disk_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "integrity.prom"
    path.write_text("old")
    code = (
        "import resource, signal, sys\n"
        "from duri.report import textfile\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "textfile.publish(sys.argv[1], b'x' * 8192)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, check=False, text=True
    )
    assert done.returncode == 1
    assert "PublishError" in done.stderr
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["integrity.prom"]


def test_a_reader_never_sees_half_a_file_while_writers_are_killed(tmp_path: Path) -> None:
    path = tmp_path / "integrity.prom"
    path.write_bytes(b"a" * 300_000)
    code = (
        "import sys\n"
        "from duri.report import textfile\n"
        "print(flush=True)\n"
        "while True:\n"
        "    for letter in b'ab':\n"
        "        textfile.publish(sys.argv[1], bytes([letter]) * 300_000)\n"
    )
    seen = set()
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            for _ in range(50):
                data = path.read_bytes()
                assert len(data) == 300_000
                assert len(set(data)) == 1
                seen.add(data[:1])
            writer.send_signal(signal.SIGKILL)
        data = path.read_bytes()
        assert len(data) == 300_000
        assert len(set(data)) == 1
    assert [name for name in os.listdir(tmp_path) if name.endswith(".prom")] == ["integrity.prom"]


def test_a_verdict_is_left_as_it_was(metrics: ScanMetrics) -> None:
    judged: Verdict = verdict(Status.VERIFIED)
    metrics.record(scan_of_verdict(judged))
    assert judged == verdict(Status.VERIFIED)
