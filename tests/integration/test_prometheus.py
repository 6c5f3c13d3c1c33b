"""The series, as a real Prometheus and a real node exporter read them."""

import contextlib
import http.client
import http.server
import json
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import Component, RunDuri, Tree
from tests.integration.shop import sealed
from tests.integration.watching import watching

from duri.report import textfile
from duri.report.metrics import Build, Numbers, ScanMetrics, WatchMetrics, exposition
from duri.report.metrics.scan import Scan
from duri.verdict import Status, Summary
from duri.watch.snapshot import KeyAge

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PATIENCE = 60.0
"""Seconds until a server must have started or read something, on a busy machine."""

SUMMARY = Summary(
    total_files=2262,
    verified_files=2256,
    modified_files=3,
    missing_files=2,
    new_files=1,
    scan_duration_ms=263,
    bytes_hashed=25_000_000,
)


class Watched:
    """The metrics of a watcher that has seen something of everything."""

    def __init__(self) -> None:
        """Record a first scan."""
        self.registry = CollectorRegistry()
        self.scans = ScanMetrics(self.registry)
        self.watcher = WatchMetrics(
            self.registry,
            build=Build(version="2.0.0", python="3.11.2", kernel="sha-ni-x2"),
            started_at=time.time(),
        )
        key = KeyAge(
            keyid="ab" * 32,
            name=None,
            algorithm="ed25519",
            state="active",
            age_days=91,
            due=True,
        )
        self.watcher.update(
            Numbers(interval=300, source="inotify", event_watches=5, keys=(key,), events=17)
        )
        self.scan(Status.VERIFIED)

    def scan(self, status: Status, *, release: int = 17) -> None:
        """Record one scan of a release."""
        self.scans.record(
            Scan(
                status=status,
                scanned_at=time.time(),
                summary=SUMMARY,
                deployment_id=f"shop-{release}",
                product="shop",
                environment="prod",
                version='1.4 "é\\',
                mode="strict",
                hash_algorithm="sha256",
            )
        )
        self.watcher.observe_scan("full", 0.263)
        self.watcher.observe_detection(0.04)

    def metrics(self, openmetrics: bool = False) -> bytes:  # noqa: FBT001, FBT002 - as asked for
        """Return either format."""
        return exposition(self.registry, openmetrics=openmetrics)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def get(port: int, path: str) -> bytes:
    """Return the body of an answer, which must be 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == http.HTTPStatus.OK, body
        return body


def eventually(holds: Callable[[], bool], *, what: str) -> None:
    """Wait until it holds; a server that is not there yet does not hold."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if holds():
                return
        time.sleep(0.05)
    pytest.fail(f"not within {PATIENCE:.0f} s: {what}")


@contextlib.contextmanager
def running(*command: str, log: Path) -> Iterator[None]:
    """Run a server of the test's own, and end it."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as one:
        try:
            yield
        except BaseException:
            print(log.read_text("utf-8", "replace")[-4000:])  # noqa: T201 - why a test failed
            raise
        finally:
            one.terminate()
            try:
                one.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                one.kill()


@contextlib.contextmanager
def serving(metrics: Callable[[bool], bytes], asked: set[str]) -> Iterator[int]:
    """Serve what `metrics` gives: /text as text, /metrics as Accept prefers; yield the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = "openmetrics" in self.headers.get("Accept", "")
            openmetrics = wanted and self.path != "/text"
            asked.add(f"{self.path} {openmetrics}")
            body = metrics(openmetrics)
            self.send_response(http.HTTPStatus.OK)
            self.send_header("Content-Type", OPENMETRICS if openmetrics else TEXT)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            del format, args

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class Prometheus(msgspec.Struct, frozen=True):
    """A running Prometheus."""

    port: int

    def ask(self, path: str) -> object:
        """Return the data of an answer of the HTTP API."""
        answer = json.loads(get(self.port, f"/api/v1/{path}"))
        assert answer["status"] == "success"
        return answer["data"]

    def query(self, promql: str) -> dict[str, float]:
        """Return the value of each job that an instant query gives; one series a job."""
        data = self.ask(f"query?query={urllib.parse.quote(promql)}")
        assert isinstance(data, dict)
        values = {one["metric"]["job"]: float(one["value"][1]) for one in data["result"]}
        assert len(values) == len(data["result"]), data
        return values


JOBS = ("text", "openmetrics", "node")


@contextlib.contextmanager
def node_exporter(component: Component, folder: Path, log: Path) -> Iterator[int]:
    """Run a node exporter that reads a folder of textfiles; yield its port."""
    port = free_port()
    with running(
        component("prometheus-node-exporter"),
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={folder}",
        "--web.disable-exporter-metrics",
        f"--web.listen-address=127.0.0.1:{port}",
        log=log,
    ):
        eventually(lambda: bool(get(port, "/metrics")), what="node exporter answers")
        yield port


@contextlib.contextmanager
def prometheus(component: Component, folder: Path, targets: dict[str, str]) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes {job: host:port/path} twice a second."""
    folder.mkdir()
    jobs = []
    for name, target in targets.items():
        address, _, path = target.partition("/")
        where = {"static_configs": [{"targets": [address]}], "metrics_path": f"/{path}"}
        jobs.append({"job_name": name, **where})
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
        "scrape_configs": jobs,
    }
    # JSON is YAML.
    (folder / "prometheus.yml").write_text(json.dumps(config))
    subprocess.run(
        [component("promtool"), "check", "config", folder / "prometheus.yml"],
        check=True,
        capture_output=True,
    )
    port = free_port()
    with running(
        component("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
        log=folder / "log",
    ):
        server = Prometheus(port)
        eventually(lambda: bool(get(port, "/-/ready")), what="Prometheus is ready")
        up = dict.fromkeys(targets, 1.0)
        eventually(lambda: server.query("up") == up, what="every target is up")
        yield server


def test_a_real_prometheus_reads_every_kind_of_series_alike_in_every_format(
    component: Component, tmp_path: Path
) -> None:
    for name in ("prometheus", "promtool", "prometheus-node-exporter"):
        component(name)
    watched, asked = Watched(), set[str]()
    files = tmp_path / "textfiles"
    files.mkdir()
    textfile.publish(str(files / "integrity.prom"), watched.metrics())
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(serving(watched.metrics, asked))
        node = stack.enter_context(node_exporter(component, files, tmp_path / "node.log"))
        server = stack.enter_context(
            prometheus(
                component,
                tmp_path / "prometheus",
                {
                    "text": f"127.0.0.1:{web}/text",
                    "openmetrics": f"127.0.0.1:{web}/metrics",
                    "node": f"127.0.0.1:{node}/metrics",
                },
            )
        )

        def everywhere(promql: str, value: float) -> None:
            expected = pytest.approx(dict.fromkeys(JOBS, value))
            eventually(lambda: server.query(promql) == expected, what=f"{promql} is {value}")

        everywhere("duri_integrity_status_verified", 1)
        everywhere("max_over_time(duri_integrity_status_tampered[24h])", 0)
        watched.scan(Status.TAMPERED, release=18)
        textfile.publish(str(files / "integrity.prom"), watched.metrics())
        everywhere("duri_integrity_status_tampered", 1)
        everywhere("duri_integrity_status_verified", 0)

        everywhere("max_over_time(duri_integrity_status_tampered[24h])", 1)
        everywhere("duri_integrity_scan_duration_ms", 263)
        everywhere("duri_integrity_scan_bytes_hashed", 25_000_000)
        everywhere('duri_integrity_files_total{type="total"}', 2262)
        everywhere('duri_integrity_scan_info{deployment_id="shop-18",status="tampered"}', 1)
        everywhere('duri_integrity_scan_info{version="1.4 \\"é\\\\"}', 1)
        # The release before is gone at once, not after the five minutes of a stale series.
        assert server.query('duri_integrity_scan_info{deployment_id="shop-17"}') == {}

        everywhere('duri_integrity_consecutive_failures{status="tampered"}', 1)
        everywhere('duri_integrity_events_source{source="inotify"}', 1)
        everywhere('duri_integrity_key_age_days{keyid="abababababababab"}', 91)
        everywhere("duri_integrity_events_total", 17)
        everywhere('duri_integrity_scans_total{kind="full"}', 2)
        everywhere("histogram_quantile(0.5, duri_integrity_detection_seconds_bucket)", 0.0375)
        everywhere("count by (job) ({__name__=~'duri_.*_created'}) or up * 0", 0)

        series = float(len([line for line in watched.metrics().splitlines() if line[:1] != b"#"]))
        read = server.query("scrape_samples_scraped")
        assert read["text"] == read["openmetrics"] == series
        assert read["node"] > series
        assert asked == {"/text False", "/metrics True"}
        everywhere("up", 1)

        metadata = server.ask("metadata?metric=duri_integrity_files_total")
        assert isinstance(metadata, dict)
        assert {one["type"] for one in metadata["duri_integrity_files_total"]} == {"gauge"}


def test_a_real_prometheus_answers_the_dashboards_queries_about_a_real_watcher(
    component: Component, tree: Tree, run_duri: RunDuri, tmp_path: Path
) -> None:
    for name in ("prometheus", "promtool", "prometheus-node-exporter"):
        component(name)
    shop = sealed(tree, run_duri)
    bytes_sealed = sum(path.stat().st_size for path in files_of(shop.root))
    home, files, asked = tmp_path / "home", tmp_path / "textfiles", set[str]()
    home.mkdir()
    files.mkdir()
    # One scan only, so that what it cost stays what is shown; events tell of the rest.
    options = ("--keyring", shop.keyring, "--interval", "3600", "--stat-passes", "0")
    export = ("--textfile", files / "integrity.prom")
    with contextlib.ExitStack() as stack:
        watcher = stack.enter_context(watching(shop.root, *options, *export, home=home))
        address = watcher.address.removeprefix("http://").rstrip("/")

        def forwarded(openmetrics: bool) -> bytes:  # noqa: FBT001 - as asked for
            assert not openmetrics
            status, body, headers = watcher.get("/metrics", headers={"Accept": "text/plain"})
            assert (status, headers["content-type"]) == (http.HTTPStatus.OK, TEXT)
            return body.encode()

        web = stack.enter_context(serving(forwarded, asked))
        node = stack.enter_context(node_exporter(component, files, tmp_path / "node.log"))
        server = stack.enter_context(
            prometheus(
                component,
                tmp_path / "prometheus",
                {
                    "text": f"127.0.0.1:{web}/text",
                    "openmetrics": f"{address}/metrics",
                    "node": f"127.0.0.1:{node}/metrics",
                },
            )
        )

        def everywhere(promql: str, value: float) -> None:
            expected = dict.fromkeys(JOBS, value)
            eventually(lambda: server.query(promql) == expected, what=f"{promql} is {value}")

        everywhere("duri_integrity_status_verified", 1)
        everywhere("duri_integrity_files_modified", 0)
        took = watcher.metrics()

        (shop.root / "shop.py").write_text("print('closed')\n")
        (shop.root / "lib" / "prices.py").unlink()
        (shop.root / "planted.py").touch()
        everywhere("duri_integrity_status_corrupted", 1)
        everywhere("duri_integrity_files_modified", 1)
        everywhere("duri_integrity_files_missing", 1)
        everywhere("duri_integrity_files_new", 1)
        everywhere('duri_integrity_files_total{type="total"}', 3)
        everywhere("duri_integrity_scan_bytes_hashed", bytes_sealed)
        everywhere(
            "duri_integrity_scan_duration_ms",
            next(value for name, value in took.items() if "_scan_duration_ms" in name),
        )
        everywhere('duri_integrity_consecutive_failures{status="corrupted"}', 0)
        assert min(server.query("duri_integrity_detection_seconds_count").values()) >= 1

        (shop.artifacts / "checksums.sig").write_bytes(b"{}\n")
        everywhere("duri_integrity_status_tampered", 1)
        everywhere("max_over_time(duri_integrity_status_verified[24h])", 1)
        everywhere("max_over_time(duri_integrity_status_tampered[24h])", 1)
        everywhere("max_over_time(duri_integrity_status_policy_changed[24h])", 0)

        # What Prometheus asks for is what it is given.
        accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
        assert watcher.get("/metrics", headers={"Accept": accept})[2]["content-type"] == OPENMETRICS
        series = float(len(watcher.metrics()))
        read = server.query("scrape_samples_scraped")
        assert read["text"] == read["openmetrics"] == series
        everywhere("up", 1)
        assert watcher.end() == 0
        assert errors(get(node, "/metrics")) == 0


def files_of(root: Path) -> list[Path]:
    """Return the regular files of a release."""
    return [
        path
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and ".duri" not in path.parts
    ]


def test_a_node_exporter_reads_a_textfile_that_is_replaced_a_thousand_times(
    component: Component, tmp_path: Path
) -> None:
    watched = Watched()
    path = tmp_path / "textfiles" / "integrity.prom"
    path.parent.mkdir()
    textfile.publish(str(path), watched.metrics())

    def replace() -> None:
        for number in range(1000):
            watched.scan(list(Status)[number % 5], release=number)
            textfile.publish(str(path), watched.metrics())

    with node_exporter(component, path.parent, tmp_path / "node.log") as port:
        expected = names(watched.metrics())
        assert len(expected) > 100
        writer = threading.Thread(target=replace)
        writer.start()
        scrapes = 0
        while writer.is_alive():
            body = get(port, "/metrics")
            assert errors(body) == 0
            assert names(body) == expected
            scrapes += 1
        writer.join()
        assert scrapes > 10
        assert b'duri_integrity_scan_info{deployment_id="shop-999"' in get(port, "/metrics")
        assert b"shop-998" not in get(port, "/metrics")


@pytest.mark.parametrize("broken", ["half", "timestamp"])
def test_a_node_exporter_says_so_where_a_textfile_is_not_as_ours(
    component: Component, tmp_path: Path, broken: str
) -> None:
    folder = tmp_path / "textfiles"
    folder.mkdir()
    content = Watched().metrics()
    (folder / "integrity.prom").write_bytes(
        content[: content.index(b'status="verified",') + 5]
        if broken == "half"
        else content + b"other 1 1795341600000\n"
    )
    with node_exporter(component, folder, tmp_path / "node.log") as port:
        assert errors(get(port, "/metrics")) == 1


def errors(body: bytes) -> float:
    """Return what a node exporter says of its textfiles."""
    families = {one.name: one for one in text_string_to_metric_families(body.decode())}
    return families["node_textfile_scrape_error"].samples[0].value


def names(body: bytes) -> set[tuple[str, tuple[str, ...]]]:
    """Return the name and the labels of each of our series, without what a release is called."""
    return {
        (
            sample.name,
            tuple(
                f"{label}={float(value) if label == 'le' else value}"
                for label, value in sorted(sample.labels.items())
                if "deployment_id" not in sample.labels
            ),
        )
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.name.startswith("duri_")
    }


def test_promtool_complains_of_nothing_but_the_names_that_are_promised(
    component: Component,
) -> None:
    def complaints(text: bytes) -> set[str]:
        ran = subprocess.run(
            [component("promtool"), "check", "metrics"],
            input=text,
            capture_output=True,
            check=False,
        )
        return set(ran.stderr.decode().splitlines())

    assert complaints(Watched().metrics()) == {
        # The users' dashboards hold these two, one with its type.
        'duri_integrity_files_total non-counter metrics should not have "_total" suffix',
        "duri_integrity_scan_duration_ms metric names should not contain abbreviated units",
        # A key's age is told in days, as its rotation period is set.
        'duri_integrity_key_age_days use base unit "seconds" instead of "days"',
        'duri_integrity_key_rotation_period_days use base unit "seconds" instead of "days"',
    }
    assert any("error while linting" in one for one in complaints(b"{{{\n"))
