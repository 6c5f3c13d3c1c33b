"""The alerts that docs/metrics.md gives, as the real promtool evaluates them."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.conftest import Component

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"

HOURS = 180
"""Minutes that are played: three hours."""

HEALTHY = {
    **{f"duri_integrity_status_{status}": f"0x{HOURS}" for status in ("tampered", "corrupted")},
    "duri_integrity_status_policy_changed": f"0x{HOURS}",
    "duri_integrity_status_unverifiable": f"0x{HOURS}",
    "duri_integrity_status_verified": f"1x{HOURS}",
    'duri_integrity_consecutive_failures{status="policy_changed"}': f"0x{HOURS}",
    "duri_integrity_start_timestamp_seconds": f"0x{HOURS}",
    "duri_integrity_interval_seconds": f"300x{HOURS}",
    # Time itself begins at zero here, so what happens each minute grows as it does.
    "duri_integrity_last_scan_timestamp_seconds": f"0+60x{HOURS}",
    "duri_integrity_last_receipt_timestamp_seconds": f"0+60x{HOURS}",
    "duri_integrity_receipts_total": f"0+1x{HOURS}",
    "duri_integrity_receipts_waiting": f"0x{HOURS}",
    'duri_integrity_events_source{source="none"}': f"0x{HOURS}",
    'duri_integrity_events_source{source="inotify"}': f"1x{HOURS}",
    "duri_integrity_event_watches_refused_total": f"0x{HOURS}",
    "duri_integrity_events_lost_total": f"0x{HOURS}",
    "duri_integrity_state_changes_total": f"0x{HOURS}",
    "duri_integrity_update_in_progress": f"0x{HOURS}",
    "duri_integrity_key_rotation_due": f"0x{HOURS}",
    "duri_integrity_textfile_errors_total": f"0x{HOURS}",
    "duri_integrity_http_listening": f"1x{HOURS}",
    "duri_integrity_clock_jumps_total": f"0x{HOURS}",
    "duri_integrity_loop_errors_total": f"0x{HOURS}",
    # 99 of 100 detections take under 0.1 s.
    'duri_integrity_detection_seconds_bucket{le="0.1"}': f"0+100x{HOURS}",
    'duri_integrity_detection_seconds_bucket{le="1.0"}': f"0+100x{HOURS}",
    'duri_integrity_detection_seconds_bucket{le="60.0"}': f"0+100x{HOURS}",
    'duri_integrity_detection_seconds_bucket{le="+Inf"}': f"0+100x{HOURS}",
}


def rules() -> str:
    """Return the rules of the document."""
    return DOCUMENT.read_text("utf-8").partition("```yaml\n")[2].partition("```")[0]


def check(
    component: Component, folder: Path, series: dict[str, str], *, at: str, firing: set[str]
) -> str:
    """Return what promtool says where other alerts fire than these; nothing where it agrees."""
    (folder / "rules.yml").write_text(rules())
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(firing)]
    expression = 'count by (alertname) (ALERTS{alertstate="firing"})'
    question = {"expr": expression, "eval_time": at, "exp_samples": expected}
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [question],
    }
    # JSON is YAML.
    content = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
    (folder / "test.yml").write_text(json.dumps(content))
    ran = subprocess.run(
        [component("promtool"), "test", "rules", folder / "test.yml"],
        capture_output=True,
        check=False,
    )
    return "" if ran.returncode == 0 else (ran.stdout + ran.stderr).decode()


def test_nothing_fires_while_all_is_well(component: Component, tmp_path: Path) -> None:
    assert check(component, tmp_path, HEALTHY, at="2h", firing=set()) == ""
    assert "DuriTampered" in check(component, tmp_path, HEALTHY, at="2h", firing={"DuriTampered"})


def test_promtool_takes_the_rules(component: Component, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules())
    subprocess.run(
        [component("promtool"), "check", "rules", tmp_path / "rules.yml"],
        check=True,
        capture_output=True,
    )


FAILURES = 'duri_integrity_consecutive_failures{status="policy_changed"}'
BUCKET = "duri_integrity_detection_seconds_bucket"


@pytest.mark.parametrize(
    ("changed", "at", "firing"),
    [
        ({"duri_integrity_status_tampered": "0x59 1x120"}, "60m", {"DuriTampered"}),
        ({"duri_integrity_status_tampered": "0x59 1x120"}, "59m", set()),
        ({"duri_integrity_status_corrupted": "1x180"}, "1m", {"DuriCorrupted"}),
        ({"duri_integrity_status_unverifiable": "1x180"}, "1m", {"DuriUnverifiable"}),
        (
            {"duri_integrity_status_policy_changed": "1x180", FAILURES: "1x4 2x4 3x100"},
            "9m",
            {"DuriPolicyChanged"},
        ),
        (
            # Three scans in ten minutes, as five minutes apart are.
            {"duri_integrity_status_policy_changed": "1x180", FAILURES: "1x4 2x4 3x100"},
            "10m",
            {"DuriPolicyChanged", "DuriPolicyStaysChanged"},
        ),
        ({"duri_integrity_status_verified": "1x60"}, "70m", set()),
        ({"duri_integrity_status_verified": "1x60"}, "71m", {"DuriAbsent"}),
        (
            {"duri_integrity_last_scan_timestamp_seconds": "0+60x60 3600x120"},
            "75m",
            set(),
        ),
        (
            {"duri_integrity_last_scan_timestamp_seconds": "0+60x60 3600x120"},
            "76m",
            {"DuriScanOverdue"},
        ),
        (
            # Not one scan since the start.
            {"duri_integrity_last_scan_timestamp_seconds": "0x180"},
            "16m",
            {"DuriScanOverdue"},
        ),
        (
            {"duri_integrity_last_receipt_timestamp_seconds": "0+60x60 3600x120"},
            "85m",
            {"DuriReceiptMissing"},
        ),
        ({"duri_integrity_receipts_waiting": "1x180"}, "6m", {"DuriReceiptMissing"}),
        (
            # Nobody keeps receipts here.
            {
                "duri_integrity_receipts_total": "0x180",
                "duri_integrity_last_receipt_timestamp_seconds": "0x180",
            },
            "2h",
            set(),
        ),
        ({"duri_integrity_loop_errors_total": "0x60 1x120"}, "65m", {"DuriWatcherFails"}),
        (
            {
                'duri_integrity_events_source{source="none"}': "1x180",
                'duri_integrity_events_source{source="inotify"}': "0x180",
            },
            "20m",
            {"DuriEventsOff"},
        ),
        (
            {"duri_integrity_event_watches_refused_total": "0x60 7x120"},
            "80m",
            {"DuriEventsOff"},
        ),
        ({"duri_integrity_events_lost_total": "0x60 9x120"}, "65m", {"DuriEventsLost"}),
        ({"duri_integrity_events_lost_total": "0x60 1x120"}, "65m", set()),
        (
            {f'{BUCKET}{{le="0.1"}}': "0+90x180", f'{BUCKET}{{le="1.0"}}': "0+95x180"},
            "2h",
            {"DuriDetectionSlow"},
        ),
        ({"duri_integrity_state_changes_total": "0x60 0+1x120"}, "80m", {"DuriFlapping"}),
        ({"duri_integrity_update_in_progress": "1x180"}, "14m", set()),
        ({"duri_integrity_update_in_progress": "1x180"}, "15m", {"DuriUpdateStuck"}),
        ({"duri_integrity_key_rotation_due": "1x180"}, "1m", {"DuriKeyRotationDue"}),
        ({"duri_integrity_textfile_errors_total": "0+1x180"}, "30m", {"DuriOutputFails"}),
        ({"duri_integrity_http_listening": "0x180"}, "6m", {"DuriOutputFails"}),
        ({"duri_integrity_clock_jumps_total": "0x60 1x120"}, "65m", {"DuriClockJumped"}),
    ],
)
def test_an_alert_fires_for_what_it_is_about_and_no_other_does(
    component: Component, tmp_path: Path, changed: dict[str, str], at: str, firing: set[str]
) -> None:
    assert changed.keys() <= HEALTHY.keys()
    assert check(component, tmp_path, HEALTHY | changed, at=at, firing=firing) == ""
