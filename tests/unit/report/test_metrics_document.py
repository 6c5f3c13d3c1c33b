"""docs/metrics.md beside the code: every series, its type and labels, and every alert."""

import re
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.report.samples import EVERY_STATUS

from duri.report.metrics import (
    Build,
    Numbers,
    ScanMetrics,
    WatchMetrics,
    exposition,
    scan_of_verdict,
)
from duri.verdict import Status

DOCS = Path(__file__).parents[3] / "docs"
ENGLISH = (DOCS / "metrics.md").read_text("utf-8")
KOREAN = (DOCS / "ko" / "metrics.md").read_text("utf-8")
NAME = re.compile(r"\bduri_(?:integrity|build)_[a-z_]+")


class Age(msgspec.Struct, frozen=True):
    keyid: str = "ab" * 32
    state: str = "active"
    age_days: int = 0


def exposed() -> dict[str, tuple[str, frozenset[str]]]:
    """Return each family's type and labels."""
    registry = CollectorRegistry()
    ScanMetrics(registry).record(scan_of_verdict(EVERY_STATUS[Status.VERIFIED]))
    build = Build(version="2", python="3", kernel="portable")
    watcher = WatchMetrics(registry, build=build, started_at=0)
    watcher.update(Numbers(keys=(Age(),)))
    families = {}
    for family in text_string_to_metric_families(exposition(registry).decode()):
        labels = {label for sample in family.samples for label in sample.labels}
        suffix = "_total" if family.type == "counter" else ""
        families[f"{family.name}{suffix}"] = (family.type, frozenset(labels - {"le"}))
    return families


def documented(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return what the tables say of each series."""
    rows = re.findall(r"^\| `(duri_\w+)` \| (\w+)[^|]*\| ([^|]*) \|", text, re.MULTILINE)
    return {
        name: (kind, frozenset(re.findall(r"`(\w+)`", re.sub(r"[:(].*", "", labels))))
        for name, kind, labels in rows
    }


@pytest.mark.parametrize("text", [ENGLISH, KOREAN], ids=["english", "korean"])
def test_every_series_is_documented_with_its_type_and_labels_and_none_that_is_not(
    text: str,
) -> None:
    assert documented(text) == exposed()


@pytest.mark.parametrize("text", [ENGLISH, KOREAN], ids=["english", "korean"])
def test_every_alert_of_the_tables_is_there_and_asks_for_series_that_are(text: str) -> None:
    rules = text.partition("```yaml")[2].partition("```")[0]
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    assert alerts == set(re.findall(r"`(Duri[A-Z]\w+)`", text)) | {"DuriAbsent"}
    names = {name.removesuffix("_bucket") for name in NAME.findall(rules)}
    assert names
    assert names <= set(exposed())


def test_both_languages_have_the_same_alerts() -> None:
    def rules(text: str) -> str:
        return text.partition("```yaml")[2].partition("```")[0]

    assert rules(KOREAN) == rules(ENGLISH)
