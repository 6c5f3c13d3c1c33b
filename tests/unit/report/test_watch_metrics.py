"""The watcher's own series: their values, how many there are, and both formats."""

import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.report.samples import EVERY_STATUS, verdict

from duri.report.metrics import (
    Build,
    Numbers,
    ScanMetrics,
    WatchMetrics,
    exposition,
    histogram,
    scan_of_verdict,
)
from duri.verdict import Status

BUILD = Build(version="2.0.0", python="3.11.2", kernel="sha-ni-x2")


class Age(msgspec.Struct, frozen=True):
    keyid: str
    state: str = "active"
    age_days: int = 0


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return a registry of the test's own."""
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> WatchMetrics:
    """Return the series, registered."""
    return WatchMetrics(registry, build=BUILD, started_at=1_795_341_600)


def names(registry: CollectorRegistry) -> set[str]:
    """Return each series' name and labels."""
    text = exposition(registry).decode()
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    """Return one series' value."""
    return registry.get_sample_value(f"duri_integrity_{name}", labels)


COUNTERS = (
    "events",
    "events_lost",
    "event_watches_refused",
    "receipts",
    "receipt_errors",
    "textfile_errors",
    "clock_jumps",
    "root_changes",
    "state_changes",
    "loop_errors",
)
GAUGES = {
    "interval": "interval_seconds",
    "next_scan_at": "next_scan_timestamp_seconds",
    "scanning": "scan_running",
    "event_watches": "event_watches",
    "rotation_period_days": "key_rotation_period_days",
    "rotation_due": "key_rotation_due",
    "last_receipt_at": "last_receipt_timestamp_seconds",
    "receipt_sequence": "receipt_sequence",
    "receipts_waiting": "receipts_waiting",
    "http_listening": "http_listening",
    "updating": "update_in_progress",
    "ready": "ready",
}


def test_every_number_has_its_series_and_every_series_is_there_before_the_first_scan(
    registry: CollectorRegistry, metrics: WatchMetrics
) -> None:
    fields = set(Numbers.__struct_fields__) - {"source", "keys"}
    assert fields == {*COUNTERS, *GAUGES}
    before = names(registry)
    metrics.update(
        Numbers(
            interval=300,
            next_scan_at=1_795_341_900.5,
            scanning=True,
            source="fanotify",
            event_watches=5000,
            rotation_period_days=90,
            rotation_due=True,
            last_receipt_at=1_795_341_601,
            receipt_sequence=40,
            receipts_waiting=2,
            http_listening=True,
            updating=True,
            ready=True,
            **{name: number for number, name in enumerate(COUNTERS, start=11)},  # type: ignore[arg-type]
        )
    )
    assert names(registry) == before
    for number, name in enumerate(COUNTERS, start=11):
        assert value(registry, f"{name}_total") == number
    for field, name in GAUGES.items():
        assert value(registry, name) == float(getattr(metrics.numbers, field)) > 0
    assert value(registry, "start_timestamp_seconds") == 1_795_341_600
    assert (
        registry.get_sample_value(
            "duri_build_info", {"version": "2.0.0", "python": "3.11.2", "kernel": "sha-ni-x2"}
        )
        == 1
    )


@pytest.mark.parametrize("source", ["fanotify", "inotify", "none"])
def test_exactly_one_source_of_events_is_one(
    source: str, registry: CollectorRegistry, metrics: WatchMetrics
) -> None:
    metrics.update(msgspec.convert({"source": source}, Numbers))
    seen = {one: value(registry, "events_source", source=one) for one in SOURCES}
    assert seen == {one: float(one == source) for one in SOURCES}


SOURCES = ("fanotify", "inotify", "none")


def test_a_pass_is_counted_in_its_kind_and_in_every_bucket_from_its_length_on(
    registry: CollectorRegistry, metrics: WatchMetrics
) -> None:
    for seconds in (0.001, 0.3, 700):
        metrics.observe_scan("full", seconds)
    metrics.observe_scan("stat", 0.1)
    assert value(registry, "scans_total", kind="full") == 3
    assert value(registry, "scans_total", kind="stat") == 1
    assert value(registry, "scans_total", kind="partial") == 0
    buckets = {
        bound: value(registry, "scan_seconds_bucket", kind="full", le=bound)
        for bound in ("0.001", "0.25", "0.5", "600.0", "+Inf")
    }
    assert buckets == {"0.001": 1, "0.25": 1, "0.5": 2, "600.0": 2, "+Inf": 3}
    assert value(registry, "scan_seconds_count", kind="full") == 3
    assert value(registry, "scan_seconds_sum", kind="full") == pytest.approx(700.301)


def test_a_detection_is_counted(registry: CollectorRegistry, metrics: WatchMetrics) -> None:
    metrics.observe_detection(0.04)
    assert value(registry, "detection_seconds_bucket", le="0.025") == 0
    assert value(registry, "detection_seconds_bucket", le="0.05") == 1
    assert value(registry, "detection_seconds_count") == 1
    assert value(registry, "detection_seconds_sum") == 0.04


@given(st.lists(st.floats(-10, 1e6)))
def test_a_histogram_agrees_with_counting_one_by_one(seconds: list[float]) -> None:
    kept = histogram.empty((0.1, 1, 10))
    for one in seconds:
        kept = histogram.observed(kept, one)
    long = [max(0.0, one) for one in seconds]
    expected = [float(sum(one <= bound for one in long)) for bound in (0.1, 1, 10, float("inf"))]
    assert [many for _, many in histogram.buckets(kept)] == expected
    assert histogram.count(kept) == len(seconds)
    assert kept.total == pytest.approx(sum(long))


def test_the_series_are_those_of_the_keyring_at_hand(
    registry: CollectorRegistry, metrics: WatchMetrics
) -> None:
    metrics.update(Numbers(keys=(Age("ab" * 32, age_days=91), Age("cd" * 32, "retiring", 400))))
    assert value(registry, "key_age_days", keyid="ab" * 8, state="active") == 91
    assert value(registry, "key_age_days", keyid="cd" * 8, state="retiring") == 400
    metrics.update(Numbers(keys=(Age("ef" * 32),)))
    assert [name for name in names(registry) if "key_age_days" in name] == [
        f'duri_integrity_key_age_days{{keyid="{"ef" * 8}",state="active"}}'
    ]


def test_two_keys_that_begin_alike_are_two_series(
    registry: CollectorRegistry, metrics: WatchMetrics
) -> None:
    one, other = "ab" * 31 + "01", "ab" * 31 + "02"
    metrics.update(Numbers(keys=(Age(one, age_days=1), Age(other, age_days=2))))
    assert value(registry, "key_age_days", keyid=one, state="active") == 1
    assert value(registry, "key_age_days", keyid=other, state="active") == 2


def test_a_thousand_releases_statuses_and_keys_leave_as_many_series_as_one(
    registry: CollectorRegistry, metrics: WatchMetrics
) -> None:
    scans = ScanMetrics(registry)
    counts = set()
    for number in range(1000):
        status = list(Status)[number % 5]
        scan = scan_of_verdict(verdict(status, deployment_id=f"shop-{number}"))
        (scans.record if number % 3 else scans.record_check)(scan)
        metrics.observe_scan(("full", "stat", "partial")[number % 3], number / 10)
        metrics.observe_detection(number / 100)
        metrics.update(
            Numbers(
                source=SOURCES[number % 3],  # type: ignore[arg-type]
                events=number,
                keys=(Age(f"{number:064x}"[::-1]), Age(f"{number + 1:064x}"[::-1], "retiring")),
                ready=status is Status.VERIFIED,
            )
        )
        counts.add(len(names(registry)))
    assert len(counts) == 1
    assert f"{999:064x}"[::-1][:16] in exposition(registry).decode()
    assert f"{998:064x}"[::-1][:16] not in exposition(registry).decode()


def filled(registry: CollectorRegistry, metrics: WatchMetrics) -> None:
    """Give every family a series."""
    ScanMetrics(registry).record(scan_of_verdict(EVERY_STATUS[Status.CORRUPTED]))
    metrics.observe_scan("full", 0.3)
    metrics.observe_detection(0.02)
    metrics.update(Numbers(keys=(Age("ab" * 32, age_days=9),), events=10**15))


def test_both_formats_hold_the_same_series_and_strict_parsers_read_them(
    registry: CollectorRegistry, metrics: WatchMetrics
) -> None:
    filled(registry, metrics)
    text, openmetrics = (exposition(registry, openmetrics=om).decode() for om in (False, True))

    def samples(families: object) -> dict[object, float]:
        return {
            (one.name, tuple(sorted(one.labels.items()))): one.value
            for family in families  # type: ignore[attr-defined]
            for one in family.samples
        }

    plain = samples(text_string_to_metric_families(text))
    assert plain == samples(openmetrics_families(openmetrics))  # type: ignore[no-untyped-call]
    assert len(plain) == len(names(registry))
    assert openmetrics.endswith("# EOF\n")
    for line in [*text.splitlines(), *openmetrics.splitlines()]:
        assert "_created" not in line
        # Name, labels and value: a third part would be a timestamp.
        assert line.startswith("#") or len(line.rpartition("}")[2].split()) <= 2


def test_openmetrics_keeps_the_type_that_dashboards_know(
    registry: CollectorRegistry, metrics: WatchMetrics
) -> None:
    filled(registry, metrics)
    text = exposition(registry, openmetrics=True).decode()
    assert "# TYPE duri_integrity_files_total gauge" in text
    assert "# TYPE duri_integrity_events counter" in text
    assert "# TYPE duri_build info" in text


def test_threads_that_count_at_once_lose_nothing_and_readers_see_whole_states(
    registry: CollectorRegistry, metrics: WatchMetrics
) -> None:
    together = threading.Barrier(4)

    def count() -> None:
        together.wait()
        for _ in range(5000):
            metrics.observe_scan("partial", 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        families = {family.name: family for family in metrics.collect()}
        samples = families["duri_integrity_scan_seconds"].samples
        partial = {one.name: one.value for one in samples if one.labels["kind"] == "partial"}
        assert (
            partial["duri_integrity_scan_seconds_sum"]
            == (partial["duri_integrity_scan_seconds_count"])
        )
    for thread in threads:
        thread.join()
    assert value(registry, "scans_total", kind="partial") == 20_000


def test_one_registry_takes_one_watcher(registry: CollectorRegistry, metrics: WatchMetrics) -> None:
    assert metrics.numbers == Numbers()
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        WatchMetrics(registry, build=BUILD, started_at=0)
